#include "tests/kernels/cuda-host/vera-cuda-host-private.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sys/mman.h>

extern "C" {
#include "kernels/vera-k.h"
}

#define STACK_SIZE (256 * 1024)
#define SHARED_MAX (228 * 1024)
#define SHARED_BASE 1024 /* so that address 0 is never right */
#define SHARED_DEFAULT (48 * 1024)
#define FENCE 4096
#define FENCE_BYTE 0xa5
#define PAGE 4096

/* Linker's marks of the section that __shared__ variables of plain functions are in; absent if there is none. */
extern "C" unsigned char __start_vera_shared[] __attribute__((weak));
extern "C" unsigned char __stop_vera_shared[] __attribute__((weak));

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

struct VeraCudaHostBarrier {
    unsigned n_arrived, generation;
};

static struct {
    std::vector<VeraCudaHostFiber> fibers;
    std::vector<unsigned char *> stacks;
    VeraCudaHostFiber *self;
    VeraCudaHostBarrier barriers[16];
    unsigned char *shared;
    uint32_t shared_size;
    jmp_buf scheduler;
    VeraCudaHostOrder order;
    uint64_t random;
    char message[256];
    cudaError_t last_error;
    std::map<const void *, int> allowed;
    void (*run)(void *call);
    void *call;
} host;

void
vera_cuda_host_set_order(VeraCudaHostOrder order)
{
    host.order = order;
    host.random = 1;
}

const char *
vera_cuda_host_message(void)
{
    return host.message;
}

unsigned
vera_cuda_host_lane(void)
{
    return host.self->index % 32;
}

VeraCudaHostFiber *
vera_cuda_host_fiber(void)
{
    return host.self;
}

/* Fibers. */

static void
vera_cuda_host_give_way(void)
{
    if (_setjmp(host.self->at) == 0)
        _longjmp(host.scheduler, 1);
}

static void
vera_cuda_host_main(void)
{
    host.run(host.call);
    host.self->is_done = true;
    _longjmp(host.scheduler, 1);
}

static void
vera_cuda_host_resume(VeraCudaHostFiber *fiber)
{
    host.self = fiber;
    threadIdx = fiber->thread_idx;
    if (_setjmp(host.scheduler) != 0)
        return;
    if (fiber->is_started)
        _longjmp(fiber->at, 1);
    fiber->is_started = true;
    setcontext(&fiber->start);
}

void
vera_cuda_host_fail(const char *format, ...)
{
    char text[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(host.message, sizeof host.message, "block %u,%u,%u thread %u,%u,%u: %s", blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
             threadIdx.y, threadIdx.z, text);
    _longjmp(host.scheduler, 1);
}

/* Shared memory. */

unsigned char *
vera_cuda_host_shared(uint32_t address, uint32_t size, uint32_t alignment, const char *what)
{
    if (address < SHARED_BASE || (uint64_t)address + size > SHARED_BASE + (uint64_t)host.shared_size)
        vera_cuda_host_fail("%s: %u bytes at %lld lie outside of %u bytes of shared memory", what, size,
                            (long long)address - SHARED_BASE, host.shared_size);
    if (address % alignment != 0)
        vera_cuda_host_fail("%s: shared address %u is no multiple of %u", what, address, alignment);
    return host.shared + (address - SHARED_BASE);
}

unsigned char *
vera_k_dynamic_shared(void)
{
    return host.shared;
}

uint32_t
vera_k_shared_address(const void *shared)
{
    ptrdiff_t offset = (const unsigned char *)shared - host.shared;

    if (offset < 0 || offset > SHARED_MAX)
        vera_cuda_host_fail("a pointer that is not to dynamic shared memory was taken for one");
    return (uint32_t)offset + SHARED_BASE;
}

static void
vera_cuda_host_poison_shared(void)
{
    if (host.shared == NULL)
        host.shared = (unsigned char *)aligned_alloc(1024, SHARED_MAX + FENCE);
    memset(host.shared, 0xff, SHARED_MAX);
    memset(host.shared + host.shared_size, FENCE_BYTE, FENCE);
    if (__start_vera_shared != NULL)
        memset(__start_vera_shared, 0xff, (size_t)(__stop_vera_shared - __start_vera_shared));
}

static bool
vera_cuda_host_is_fence_whole(void)
{
    for (int i = 0; i < FENCE; i++)
        if (host.shared[host.shared_size + (uint32_t)i] != FENCE_BYTE)
            return false;
    return true;
}

/* Waiting. */

void
vera_cuda_host_wait(bool (*is_ready)(const void *state), const void *state)
{
    if (is_ready(state))
        return;
    host.self->is_ready = is_ready;
    host.self->ready_state = state;
    vera_cuda_host_give_way();
}

struct VeraCudaHostBarrierWait {
    const VeraCudaHostBarrier *barrier;
    unsigned generation;
};

static bool
vera_cuda_host_is_barrier_passed(const void *state)
{
    const VeraCudaHostBarrierWait *wait = (const VeraCudaHostBarrierWait *)state;
    return wait->barrier->generation != wait->generation;
}

void
vera_cuda_host_barrier(int id, unsigned n_threads, bool is_waiting)
{
    VeraCudaHostBarrier *barrier = &host.barriers[id];
    VeraCudaHostBarrierWait wait = {barrier, barrier->generation};

    if (id < 0 || id > 15)
        vera_cuda_host_fail("there is no barrier %d", id);
    if (++barrier->n_arrived == n_threads) {
        barrier->n_arrived = 0;
        barrier->generation++;
    }
    if (is_waiting)
        vera_cuda_host_wait(vera_cuda_host_is_barrier_passed, &wait);
}

static void
vera_cuda_host_finish_collective(VeraCudaHostFiber *group, unsigned width, unsigned mask)
{
    VeraCudaHostCollect collect = host.self->collect;
    void *arguments[128] = {NULL};
    unsigned n = (unsigned)(&host.fibers[0] + host.fibers.size() - group);

    for (unsigned i = 0; i < width; i++) {
        if (width == 32 && !(mask >> i & 1))
            continue;
        if (i >= n) /* the last warp of a block may be a part of one */
            continue;
        if (group[i].collect != collect || group[i].collect_width != width || group[i].collect_mask != mask)
            return;
        arguments[i] = group[i].collect_argument;
    }
    collect(arguments);
    for (unsigned i = 0; i < width && i < n; i++)
        if (width != 32 || mask >> i & 1)
            group[i].collect = NULL;
}

void
vera_cuda_host_collective(unsigned width, unsigned mask, VeraCudaHostCollect collect, void *argument)
{
    VeraCudaHostFiber *self = host.self;

    if (width == 32 && !(mask >> vera_cuda_host_lane() & 1))
        vera_cuda_host_fail("lane %u is not in the mask %#x of its own collective", vera_cuda_host_lane(), mask);
    self->collect = collect;
    self->collect_width = width;
    self->collect_mask = mask;
    self->collect_argument = argument;
    vera_cuda_host_finish_collective(self - self->index % width, width, mask);
    if (self->collect != NULL)
        vera_cuda_host_give_way();
}

void
vera_cuda_host_shuffle(void **arguments)
{
    VeraCudaHostShuffle **shuffles = (VeraCudaHostShuffle **)arguments;

    for (int i = 0; i < 32; i++)
        if (shuffles[i] != NULL) {
            if (shuffles[shuffles[i]->source] == NULL)
                vera_cuda_host_fail("a shuffle reads lane %u, which takes no part", shuffles[i]->source);
            shuffles[i]->result = shuffles[shuffles[i]->source]->value;
        }
}

void
vera_cuda_host_vote(void **arguments)
{
    unsigned result = 0;

    for (unsigned i = 0; i < 32; i++)
        if (arguments[i] != NULL && ((VeraCudaHostVote *)arguments[i])->is_set)
            result |= 1u << i;
    for (int i = 0; i < 32; i++)
        if (arguments[i] != NULL)
            ((VeraCudaHostVote *)arguments[i])->result = result;
}

/* Blocks. */

static unsigned
vera_cuda_host_random(unsigned n)
{
    host.random = host.random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(host.random >> 33) % n;
}

unsigned
vera_cuda_host_choose(unsigned n)
{
    return host.order == VERA_CUDA_HOST_FORWARD ? 0 : host.order == VERA_CUDA_HOST_BACKWARD ? n - 1 : vera_cuda_host_random(n);
}

static void
vera_cuda_host_make_fibers(unsigned n)
{
    host.fibers.clear();
    host.fibers.resize(n);
    while (host.stacks.size() < n)
        host.stacks.push_back((unsigned char *)malloc(STACK_SIZE));
    for (unsigned i = 0; i < n; i++) {
        VeraCudaHostFiber *fiber = &host.fibers[i];
        fiber->index = i;
        fiber->thread_idx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        getcontext(&fiber->start);
        fiber->start.uc_stack.ss_sp = host.stacks[i];
        fiber->start.uc_stack.ss_size = STACK_SIZE;
        makecontext(&fiber->start, vera_cuda_host_main, 0);
    }
}

/* A permutation of 0 .. n - 1. */
static std::vector<unsigned>
vera_cuda_host_choose_order(unsigned n)
{
    std::vector<unsigned> order(n);

    for (unsigned i = 0; i < n; i++)
        order[i] = host.order == VERA_CUDA_HOST_BACKWARD ? n - 1 - i : i;
    if (host.order == VERA_CUDA_HOST_SHUFFLED)
        for (unsigned i = n - 1; i > 0; i--)
            std::swap(order[i], order[vera_cuda_host_random(i + 1)]);
    return order;
}

static bool
vera_cuda_host_can_run(VeraCudaHostFiber *fiber)
{
    if (fiber->is_done || fiber->collect != NULL)
        return false;
    if (fiber->is_ready != NULL && !fiber->is_ready(fiber->ready_state))
        return false;
    fiber->is_ready = NULL;
    return true;
}

static void
vera_cuda_host_describe_deadlock(void)
{
    unsigned n_done = 0, n_collective = 0, n_waiting = 0;

    for (const VeraCudaHostFiber &fiber : host.fibers) {
        n_done += fiber.is_done;
        n_collective += fiber.collect != NULL;
        n_waiting += fiber.is_ready != NULL;
    }
    snprintf(host.message, sizeof host.message,
             "block %u,%u,%u stands still: %u threads have ended, %u wait in a collective, %u at a barrier", blockIdx.x, blockIdx.y,
             blockIdx.z, n_done, n_collective, n_waiting);
}

/* Runs a warp until none of its threads can go on: as far ahead of the others as barriers allow. Returns: whether any thread ran */
static bool
vera_cuda_host_run_warp(unsigned warp, unsigned *n_done)
{
    unsigned first = warp * 32, n = std::min(32u, (unsigned)host.fibers.size() - first);
    std::vector<unsigned> order = vera_cuda_host_choose_order(n);
    bool has_run = false, has_moved = true;

    while (has_moved) {
        has_moved = false;
        for (unsigned i : order) {
            VeraCudaHostFiber *fiber = &host.fibers[first + i];
            if (!vera_cuda_host_can_run(fiber))
                continue;
            has_run = has_moved = true;
            vera_cuda_host_resume(fiber);
            *n_done += fiber->is_done;
            if (host.message[0] != '\0')
                return true;
        }
    }
    return has_run;
}

static void
vera_cuda_host_run_block(void)
{
    unsigned n = blockDim.x * blockDim.y * blockDim.z, n_done = 0;

    vera_cuda_host_make_fibers(n);
    vera_cuda_host_poison_shared();
    vera_cuda_host_begin_block();
    memset(host.barriers, 0, sizeof host.barriers);
    while (n_done < n) {
        bool has_moved = false;
        for (unsigned warp : vera_cuda_host_choose_order((n + 31) / 32)) {
            has_moved |= vera_cuda_host_run_warp(warp, &n_done);
            if (host.message[0] != '\0')
                return;
        }
        if (!has_moved && !vera_cuda_host_land()) {
            vera_cuda_host_describe_deadlock();
            return;
        }
    }
    if (!vera_cuda_host_is_fence_whole())
        snprintf(host.message, sizeof host.message, "a block wrote past the end of its shared memory");
    else if (vera_cuda_host_end_block() != NULL)
        snprintf(host.message, sizeof host.message, "%s", vera_cuda_host_end_block());
}

static const char *
vera_cuda_host_check_launch(const cudaLaunchConfig_t *config, int allowed)
{
    const dim3 &g = config->gridDim, &b = config->blockDim;

    if ((int64_t)g.x * g.y * g.z == 0 || g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535)
        return "the grid is empty or too large";
    if (b.x * b.y * b.z == 0 || b.x * b.y * b.z > 1024)
        return "a block is empty or has over 1024 threads";
    return config->dynamicSmemBytes > (size_t)allowed ? "more shared memory than the kernel was allowed" : NULL;
}

cudaError_t
vera_cuda_host_run(const cudaLaunchConfig_t *config, const void *kernel, void (*run)(void *call), void *call)
{
    int allowed = host.allowed.count(kernel) ? host.allowed[kernel] : SHARED_DEFAULT;
    const char *problem = vera_cuda_host_check_launch(config, allowed);

    snprintf(host.message, sizeof host.message, "%s", problem != NULL ? problem : "");
    host.run = run;
    host.call = call;
    host.shared_size = (uint32_t)config->dynamicSmemBytes;
    gridDim = config->gridDim;
    blockDim = config->blockDim;
    for (unsigned z = 0; z < gridDim.z && host.message[0] == '\0'; z++)
        for (unsigned y = 0; y < gridDim.y && host.message[0] == '\0'; y++)
            for (unsigned x = 0; x < gridDim.x && host.message[0] == '\0'; x++) {
                blockIdx = {x, y, z};
                vera_cuda_host_run_block();
            }
    if (host.message[0] != '\0')
        host.last_error = problem != NULL ? cudaErrorInvalidValue : cudaErrorLaunchFailure;
    return host.message[0] != '\0' ? host.last_error : cudaSuccess;
}

cudaError_t
vera_cuda_host_allow_shared(const void *kernel, int bytes)
{
    if (bytes > SHARED_MAX - 1024)
        return host.last_error = cudaErrorInvalidValue;
    host.allowed[kernel] = bytes;
    return cudaSuccess;
}

static int registers_of_kernels = 255;

void
vera_cuda_host_set_registers_of_kernels(int n)
{
    registers_of_kernels = n;
}

cudaError_t
vera_cuda_host_get_attributes(cudaFuncAttributes *attributes)
{
    attributes->numRegs = registers_of_kernels;
    return cudaSuccess;
}

cudaError_t
cudaPeekAtLastError(void)
{
    return host.last_error;
}

cudaError_t
cudaGetLastError(void)
{
    cudaError_t error = host.last_error;

    host.last_error = cudaSuccess;
    return error;
}

/* Global memory and conversions. */

static size_t
vera_cuda_host_n_pages(size_t size)
{
    return (size + PAGE - 1) / PAGE;
}

void *
vera_cuda_host_alloc(size_t size)
{
    size_t n = vera_cuda_host_n_pages(size) * PAGE;
    unsigned char *memory = (unsigned char *)mmap(NULL, n + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory + n, PAGE, PROT_NONE) != 0)
        abort();
    memset(memory, 0xff, n);
    return memory + n - (size + 15) / 16 * 16;
}

void
vera_cuda_host_free(void *data, size_t size)
{
    if (data != NULL)
        munmap((void *)((uintptr_t)data / PAGE * PAGE), (vera_cuda_host_n_pages(size) + 1) * PAGE);
}

__nv_bfloat16
__float2bfloat16(float value)
{
    return __nv_bfloat16{vera_k_f32_to_bf16(value)};
}

__half
__float2half(float value)
{
    return __half{vera_k_f32_to_f16(value)};
}

float
__half2float(__half value)
{
    return vera_k_f16_to_f32(value.bits);
}
