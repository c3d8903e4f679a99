#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

/*
 * The part of CUDA C that our kernels use, for a host compiler, so that their arithmetic and their indexing are tested on any machine.
 *
 * A kernel's source is included in a C++ test that is compiled with VERA_CUDA_HOST and with include/ in its path; launches go through
 * cudaLaunchKernelEx(). Blocks run one after another, the threads of a block as fibers. A fiber gives way only at a barrier, at a warp
 * collective or while it waits for an asynchronous copy; a warp runs as far ahead of the others as it can. Which one goes first is
 * chosen by vera_cuda_host_set_order(), so that a missing barrier shows as a different result. Time is no part of this: what a processor does late happens here as late as is allowed.
 *
 * What fails a launch: threads that wait for one another for ever (a barrier that a thread has missed, a collective that a part of a
 * warp has not reached), an address outside of dynamic shared memory or misaligned in a wrapper of ptx.cuh, a write past the end of
 * shared memory, more shared memory than was asked for by cudaFuncSetAttribute(). What shows as NaN: shared memory that nobody has
 * written, a copy that nobody has waited for. What traps, built with -fsanitize=alignment,bounds: misaligned vector access, an index
 * outside of an array of fixed size. What traps always: global memory of vera_cuda_host_alloc() read or written past its end.
 *
 * Dynamic shared memory comes from vera_k_dynamic_shared() of ptx.cuh; `extern __shared__` has no meaning here.
 */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
#define __shared__ static __attribute__((section("vera_shared")))

/* Types. */

template <typename T> struct alignas(2 * sizeof(T)) VeraCudaHost2 {
    T x, y;
};
template <typename T> struct alignas(4 * sizeof(T)) VeraCudaHost4 {
    T x, y, z, w;
};
typedef VeraCudaHost2<float> float2;
typedef VeraCudaHost4<float> float4;
typedef VeraCudaHost2<int> int2;
typedef VeraCudaHost4<int> int4;
typedef VeraCudaHost2<unsigned> uint2;
typedef VeraCudaHost4<unsigned> uint4;
typedef VeraCudaHost4<unsigned short> ushort4;

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1)
        : x(x_), y(y_), z(z_)
    {
    }
};

static inline float2
make_float2(float x, float y)
{
    return float2{x, y};
}

static inline float4
make_float4(float x, float y, float z, float w)
{
    return float4{x, y, z, w};
}

static inline uint2
make_uint2(unsigned x, unsigned y)
{
    return uint2{x, y};
}

static inline uint4
make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return uint4{x, y, z, w};
}

/* 16-bit floats: conversions only; our kernels calculate in F32. */

struct __nv_bfloat16 {
    uint16_t bits;
};
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
struct __half {
    uint16_t bits;
};

__nv_bfloat16 __float2bfloat16(float value);
__half __float2half(float value);
float __half2float(__half value);

static inline __nv_bfloat16
__float2bfloat16_rn(float value)
{
    return __float2bfloat16(value);
}

static inline __nv_bfloat162
__floats2bfloat162_rn(float x, float y)
{
    return __nv_bfloat162{__float2bfloat16(x), __float2bfloat16(y)};
}

static inline __half
__float2half_rn(float value)
{
    return __float2half(value);
}

static inline float
__bfloat162float(__nv_bfloat16 value)
{
    uint32_t bits = (uint32_t)value.bits << 16;
    float result;

    memcpy(&result, &bits, 4);
    return result;
}

static inline float
__uint_as_float(unsigned bits)
{
    float result;

    memcpy(&result, &bits, 4);
    return result;
}

static inline unsigned
__float_as_uint(float value)
{
    unsigned result;

    memcpy(&result, &value, 4);
    return result;
}

static inline float
rsqrtf(float x)
{
    return 1 / sqrtf(x);
}

static inline float
__fmul_rn(float x, float y)
{
    return x * y;
}

static inline float
__fadd_rn(float x, float y)
{
    return x + y;
}

#define __expf expf /* glibc has a function of that name that it does not export */

static inline float
__fdividef(float x, float y)
{
    return x / y;
}

template <typename T>
static inline T
__ldg(const T *address)
{
    return *address;
}

template <typename T>
static inline T
min(T a, T b)
{
    return b < a ? b : a;
}

template <typename T>
static inline T
max(T a, T b)
{
    return a < b ? b : a;
}

/* Where a thread is: of the fiber that runs now. */

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
#define warpSize 32

/** vera_cuda_host_lane: Returns: 0..31 */
unsigned vera_cuda_host_lane(void);

/* Barriers and collectives. */

/**
 * VeraCudaHostCollect: what the threads of a collective do together, once all have come.
 * @arguments: one for each lane; NULL for a lane outside of the mask or of the block
 */
typedef void (*VeraCudaHostCollect)(void **arguments);

/** vera_cuda_host_collective: one thread's part; @width 32 (a warp) or 128 (a warpgroup); @mask has a bit for each lane (width 32). */
void vera_cuda_host_collective(unsigned width, unsigned mask, VeraCudaHostCollect collect, void *argument);

/** vera_cuda_host_barrier: bar.sync or, without waiting, bar.arrive of barrier @id for @n_threads threads */
void vera_cuda_host_barrier(int id, unsigned n_threads, bool is_waiting);

/** vera_cuda_host_wait: gives way until @is_ready (state) */
void vera_cuda_host_wait(bool (*is_ready)(const void *state), const void *state);

/** vera_cuda_host_fail: ends the launch with a sentence; does not return. Only inside of a kernel. */
[[noreturn]] void vera_cuda_host_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void
__syncthreads(void)
{
    vera_cuda_host_barrier(0, blockDim.x * blockDim.y * blockDim.z, true);
}

static inline void
__syncwarp(unsigned mask = 0xffffffffu)
{
    vera_cuda_host_collective(32, mask, [](void **) {}, nullptr);
}

static inline void
__threadfence_block(void)
{
}

/* The four shuffles differ in the lane they read: @source; widths below 32 are not offered. */
struct VeraCudaHostShuffle {
    unsigned source;
    uint64_t value, result;
};
void vera_cuda_host_shuffle(void **arguments);

template <typename T>
static inline T
vera_cuda_host_shuffle_from(unsigned mask, T value, unsigned source)
{
    VeraCudaHostShuffle shuffle = {source, 0, 0};

    static_assert(sizeof value <= sizeof shuffle.value, "a shuffle moves at most 8 bytes");
    memcpy(&shuffle.value, &value, sizeof value);
    vera_cuda_host_collective(32, mask, vera_cuda_host_shuffle, &shuffle);
    memcpy(&value, &shuffle.result, sizeof value);
    return value;
}

template <typename T>
static inline T
__shfl_sync(unsigned mask, T value, int source)
{
    return vera_cuda_host_shuffle_from(mask, value, (unsigned)source & 31);
}

template <typename T>
static inline T
__shfl_xor_sync(unsigned mask, T value, int bits)
{
    return vera_cuda_host_shuffle_from(mask, value, vera_cuda_host_lane() ^ (unsigned)bits);
}

template <typename T>
static inline T
__shfl_down_sync(unsigned mask, T value, unsigned delta)
{
    unsigned lane = vera_cuda_host_lane();
    return vera_cuda_host_shuffle_from(mask, value, lane + delta < 32 ? lane + delta : lane);
}

template <typename T>
static inline T
__shfl_up_sync(unsigned mask, T value, unsigned delta)
{
    unsigned lane = vera_cuda_host_lane();
    return vera_cuda_host_shuffle_from(mask, value, lane >= delta ? lane - delta : lane);
}

struct VeraCudaHostVote {
    bool is_set;
    unsigned result;
};
void vera_cuda_host_vote(void **arguments);

static inline unsigned
__ballot_sync(unsigned mask, int predicate)
{
    VeraCudaHostVote vote = {predicate != 0, 0};

    vera_cuda_host_collective(32, mask, vera_cuda_host_vote, &vote);
    return vote.result;
}

static inline int
__any_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, predicate) != 0;
}

static inline int
__all_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, !predicate) == 0;
}

/* Fibers do not interrupt one another. */
template <typename T, typename U>
static inline T
atomicAdd(T *address, U value)
{
    T old = *address;
    *address = old + (T)value;
    return old;
}

template <typename T, typename U>
static inline T
atomicMax(T *address, U value)
{
    T old = *address;
    *address = old < (T)value ? (T)value : old;
    return old;
}

template <typename T, typename U>
static inline T
atomicOr(T *address, U value)
{
    T old = *address;
    *address = old | (T)value;
    return old;
}

template <typename T, typename U>
static inline T
atomicExch(T *address, U value)
{
    T old = *address;
    *address = (T)value;
    return old;
}

/* The runtime's side. */

typedef void *cudaStream_t;
typedef enum {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorLaunchFailure = 719,
} cudaError_t;
typedef enum { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 } cudaFuncAttribute;

struct cudaLaunchAttribute;
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
};

/** VeraCudaHostOrder: which thread of a block goes first. */
enum VeraCudaHostOrder {
    VERA_CUDA_HOST_FORWARD,
    VERA_CUDA_HOST_BACKWARD,
    VERA_CUDA_HOST_SHUFFLED, /* ever other permutations of warps and lanes, the same in every run */
};
void vera_cuda_host_set_order(VeraCudaHostOrder order);

/** vera_cuda_host_message: Returns: why the last launch failed, "" if it did not */
const char *vera_cuda_host_message(void);

/** vera_cuda_host_alloc: global memory that ends at a page which may not be touched (give or take 15 bytes, which are NaN), all NaN */
void *vera_cuda_host_alloc(size_t size);
void vera_cuda_host_free(void *data, size_t size);

cudaError_t vera_cuda_host_run(const cudaLaunchConfig_t *config, const void *kernel, void (*run)(void *call), void *call);
cudaError_t vera_cuda_host_allow_shared(const void *kernel, int bytes);

static inline const char *
cudaGetErrorString(cudaError_t error)
{
    return error == cudaSuccess ? "no error" : vera_cuda_host_message();
}

cudaError_t cudaGetLastError(void);
cudaError_t cudaPeekAtLastError(void);

template <typename Kernel>
static inline cudaError_t
cudaFuncSetAttribute(Kernel *kernel, cudaFuncAttribute, int value)
{
    return vera_cuda_host_allow_shared((const void *)kernel, value);
}

struct cudaFuncAttributes {
    int numRegs;
};

/** vera_cuda_host_set_registers_of_kernels: what cudaFuncGetAttributes() says of every kernel; 255 to begin with */
void vera_cuda_host_set_registers_of_kernels(int n);
cudaError_t vera_cuda_host_get_attributes(cudaFuncAttributes *attributes);

template <typename Kernel>
static inline cudaError_t
cudaFuncGetAttributes(cudaFuncAttributes *attributes, Kernel *)
{
    return vera_cuda_host_get_attributes(attributes);
}

template <typename... Parameters, typename... Arguments>
static inline cudaError_t
cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...), Arguments... arguments)
{
    auto call = [&] { kernel(Parameters(arguments)...); };
    return vera_cuda_host_run(config, (const void *)kernel, [](void *c) { (*(decltype(call) *)c)(); }, &call);
}

static inline cudaError_t
cudaMemsetAsync(void *data, int value, size_t size, cudaStream_t)
{
    memset(data, value, size);
    return cudaSuccess;
}
