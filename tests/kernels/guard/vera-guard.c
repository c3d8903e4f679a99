#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>
#include <sys/mman.h>

#include "kernels/vera-k-private.h"
#include "tests/kernels/op-tensors.h"

/*
 * A device whose memory is not host memory, for tests on machines without a GPU. It is a module like vera-cuda.so and is loaded in its
 * place (VERA_CUDA_MODULE). Its buffers cannot be read or written, but for those that an operator or a copy has been given and while it
 * runs: whoever else touches device memory dies by a signal. Operators run on the CPU, and only on tensors that lie wholly in buffers.
 * What is copied to the host arrives when the stream is synchronised, not before. New buffers are full of NaN. Memory that two streams
 * use without that one has waited for the other is refused.
 *
 * VERA_GUARD_WITHOUT=N leaves operator N out; VERA_GUARD_LOST_AFTER=N: after N operators the device answers no more;
 * VERA_GUARD_FREE_BYTES=N: memory that it has; VERA_GUARD_WITHOUT_BF16=1: activations stay F32.
 */

#define GUARD_ALIGN 256
#define GUARD_MAX_STREAMS 8
#define GUARD_TOTAL_BYTES ((uint64_t)4 << 30)

/* Every piece of work has a number in its stream. A clock has, for each stream, the number of the last one that is known to be done. */
typedef struct {
    uint64_t done[GUARD_MAX_STREAMS];
} GuardClock;

typedef struct {
    int id;
    GuardClock clock;
} GuardStream;

typedef struct GuardBlock {
    struct GuardBlock *next;
    GuardClock used; /* the last work of each stream that has touched it */
    char *mapped;
    size_t mapped_size;
    char *data;
    size_t size;
} GuardBlock;

/* A copy to the host that has not arrived. */
typedef struct GuardArrival {
    struct GuardArrival *next;
    void *stream;
    void *dst;
    size_t size;
    char bytes[];
} GuardArrival;

typedef struct {
    const VeraKHost *host_calls;
    pthread_mutex_t lock;
    VeraKDevice *inner; /* the CPU that does the work, and a context there */
    VeraKCtx *work;
    GuardBlock *blocks;
    GuardArrival *arrivals;
    bool has_stream[GUARD_MAX_STREAMS];
    uint64_t n_work[GUARD_MAX_STREAMS];
    GuardClock host; /* what the host has waited for */
    uint64_t total, used;
    long n_left; /* operators until the device is lost; negative: never */
    char why[160];
} Guard;

/* Scratch memory of the CPU's operators takes part in the injection of faults. */
static const VeraKHost *guard_host;
static VeraKStatus (*guard_allocate_cpu)(VeraKDevice *device, size_t size, void **data);

static VeraKStatus
guard_allocate_scratch(VeraKDevice *device, size_t size, void **data)
{
    return guard_host->fault_is_due() ? VERA_K_ERR_OUT_OF_MEMORY : guard_allocate_cpu(device, size, data);
}

static VeraKStatus
guard_refuse(Guard *self, VeraKStatus status, const char *why, const char *what)
{
    snprintf(self->why, sizeof self->why, "%s %s", what, why);
    return status;
}

static void
guard_advance(GuardClock *clock, const GuardClock *other)
{
    for (int i = 0; i < GUARD_MAX_STREAMS; i++)
        if (other->done[i] > clock->done[i])
            clock->done[i] = other->done[i];
}

/* A new piece of work of @stream. */
static void
guard_work(Guard *self, GuardStream *stream)
{
    guard_advance(&stream->clock, &self->host);
    stream->clock.done[stream->id] = ++self->n_work[stream->id];
}

/* Whether @stream may touch @block (NULL is allowed) after all that it has waited for. */
static bool
guard_touch(GuardStream *stream, GuardBlock *block)
{
    for (int i = 0; block != NULL && i < GUARD_MAX_STREAMS; i++)
        if (block->used.done[i] > stream->clock.done[i])
            return false;
    if (block != NULL)
        block->used.done[stream->id] = stream->clock.done[stream->id];
    return true;
}

static VeraKStatus
guard_allocate(VeraKDevice *device, size_t size, void **data)
{
    Guard *self = device->backend;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded = (size + GUARD_ALIGN - 1) / GUARD_ALIGN * GUARD_ALIGN;
    GuardBlock *block = malloc(sizeof *block);

    pthread_mutex_lock(&self->lock);
    if (block == NULL || size > self->total || self->used + size > self->total || self->n_left == 0) {
        pthread_mutex_unlock(&self->lock);
        free(block);
        return self->n_left == 0 ? VERA_K_ERR_DEVICE_LOST : VERA_K_ERR_OUT_OF_MEMORY;
    }
    block->used = (GuardClock){ 0 };
    block->size = size;
    block->mapped_size = (rounded + page - 1) / page * page + page;
    block->mapped = mmap(NULL, block->mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block->mapped == MAP_FAILED)
        abort();
    /* Up against the last page, which stays closed. */
    block->data = block->mapped + block->mapped_size - page - rounded;
    memset(block->data, 0xff, rounded);
    mprotect(block->mapped, block->mapped_size, PROT_NONE);
    block->next = self->blocks;
    self->blocks = block;
    self->used += size;
    *data = block->data;
    pthread_mutex_unlock(&self->lock);
    return VERA_K_OK;
}

static void
guard_release(VeraKDevice *device, void *data)
{
    Guard *self = device->backend;

    pthread_mutex_lock(&self->lock);
    for (GuardBlock **at = &self->blocks; *at != NULL; at = &(*at)->next) {
        GuardBlock *block = *at;
        if (block->data != data)
            continue;
        *at = block->next;
        self->used -= block->size;
        munmap(block->mapped, block->mapped_size);
        free(block);
        pthread_mutex_unlock(&self->lock);
        return;
    }
    abort(); /* freed twice, or never allocated */
}

/* The block that holds [from, to); *is_outside: no block holds any part of it. */
static GuardBlock *
guard_find(Guard *self, const char *from, const char *to, bool *is_outside)
{
    *is_outside = true;
    for (GuardBlock *block = self->blocks; block != NULL; block = block->next) {
        if (from >= block->data && to <= block->data + block->size && from < to) {
            *is_outside = false;
            return block;
        }
        if (from < block->mapped + block->mapped_size && to > block->mapped)
            *is_outside = false;
    }
    return NULL;
}

static void
guard_open(GuardBlock *block, bool is_open)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (block != NULL && mprotect(block->mapped, block->mapped_size - page, is_open ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
        abort();
}

static VeraKStatus
guard_copy_locked(Guard *self, void *stream, void *dst, const void *src, size_t size)
{
    bool is_dst_host, is_src_host;
    GuardBlock *to = guard_find(self, dst, (char *)dst + size, &is_dst_host);
    GuardBlock *from = guard_find(self, src, (const char *)src + size, &is_src_host);
    GuardArrival *arrival, **last = &self->arrivals;

    if (self->n_left == 0)
        return guard_refuse(self, VERA_K_ERR_DEVICE_LOST, "is lost", "the guarded device");
    if ((to == NULL && !is_dst_host) || (from == NULL && !is_src_host))
        return guard_refuse(self, VERA_K_ERR_INVALID, "reaches over the end of a buffer", "a copy");
    guard_work(self, stream);
    if (!guard_touch(stream, to) || !guard_touch(stream, from))
        return guard_refuse(self, VERA_K_ERR_INVALID, "uses memory of a stream that it has not waited for", "a copy");
    guard_open(to, true);
    guard_open(from, true);
    if (to != NULL || from == NULL) {
        memmove(dst, src, size);
    } else {
        arrival = malloc(sizeof *arrival + size);
        if (arrival == NULL)
            abort();
        *arrival = (GuardArrival){ .stream = stream, .dst = dst, .size = size };
        memcpy(arrival->bytes, src, size);
        memset(dst, 0xff, size);
        while (*last != NULL)
            last = &(*last)->next;
        *last = arrival;
    }
    guard_open(to, false);
    guard_open(from, false);
    return VERA_K_OK;
}

static VeraKStatus
guard_copy(VeraKDevice *device, void *stream, void *dst, const void *src, size_t size)
{
    Guard *self = device->backend;
    VeraKStatus status = VERA_K_OK;

    pthread_mutex_lock(&self->lock);
    if (size > 0)
        status = guard_copy_locked(self, stream, dst, src, size);
    pthread_mutex_unlock(&self->lock);
    return status;
}

static VeraKStatus
guard_synchronize(VeraKDevice *device, void *stream)
{
    Guard *self = device->backend;
    VeraKStatus status = VERA_K_OK;

    pthread_mutex_lock(&self->lock);
    for (GuardArrival **at = &self->arrivals; *at != NULL;) {
        GuardArrival *arrival = *at;
        if (arrival->stream != stream) {
            at = &arrival->next;
            continue;
        }
        memcpy(arrival->dst, arrival->bytes, arrival->size);
        *at = arrival->next;
        free(arrival);
    }
    guard_advance(&self->host, &((GuardStream *)stream)->clock);
    if (self->n_left == 0)
        status = guard_refuse(self, VERA_K_ERR_DEVICE_LOST, "is lost", "the guarded device");
    pthread_mutex_unlock(&self->lock);
    return status;
}

static VeraKStatus
guard_new_stream(VeraKDevice *device, void **stream)
{
    Guard *self = device->backend;
    GuardStream *made = calloc(1, sizeof *made);

    *stream = made;
    pthread_mutex_lock(&self->lock);
    while (made != NULL && made->id < GUARD_MAX_STREAMS && self->has_stream[made->id])
        made->id++;
    if (made == NULL || made->id == GUARD_MAX_STREAMS)
        abort();
    self->has_stream[made->id] = true;
    pthread_mutex_unlock(&self->lock);
    return VERA_K_OK;
}

static void
guard_free_stream(VeraKDevice *device, void *stream)
{
    Guard *self = device->backend;
    GuardStream *gone = stream;

    pthread_mutex_lock(&self->lock);
    guard_advance(&self->host, &gone->clock);
    self->has_stream[gone->id] = false;
    pthread_mutex_unlock(&self->lock);
    free(gone);
}

static VeraKStatus
guard_wait_stream(VeraKDevice *device, void *stream, void *other)
{
    Guard *self = device->backend;

    pthread_mutex_lock(&self->lock);
    guard_advance(&((GuardStream *)stream)->clock, &((GuardStream *)other)->clock);
    pthread_mutex_unlock(&self->lock);
    return VERA_K_OK;
}

static const char *
guard_describe(VeraKDevice *device)
{
    return ((Guard *)device->backend)->why;
}

static uint64_t
guard_get_free_bytes(VeraKDevice *device)
{
    Guard *self = device->backend;

    return self->total - self->used;
}

static void
guard_close(VeraKDevice *device)
{
    Guard *self = device->backend;

    if (self->blocks != NULL)
        abort(); /* something of the device outlives it */
    vera_k_ctx_free(&self->work);
    vera_k_device_close(&self->inner);
    pthread_mutex_destroy(&self->lock);
    free(self);
    free(device);
}

static VeraKStatus
guard_run_locked(Guard *self, VeraKOpId id, VeraKCtx *ctx, const void *op)
{
    OpTensors tensors = op_tensors_list(id, (void *)op);
    GuardBlock *block[OP_TENSORS_MAX];
    VeraKStatus status;

    if (self->n_left == 0)
        return self->host_calls->fail(ctx, VERA_K_ERR_DEVICE_LOST, "the guarded device is lost");
    self->n_left -= self->n_left > 0;
    for (int i = 0; i < tensors.n; i++) {
        bool is_outside;
        char *from, *to;
        op_tensors_get_span(tensors.tensor[i], &from, &to);
        block[i] = guard_find(self, from, to, &is_outside);
        if (block[i] == NULL)
            return self->host_calls->fail(ctx, VERA_K_ERR_INVALID, "operator %d: %s is not in device memory", (int)id, tensors.name[i]);
    }
    guard_work(self, ctx->stream->handle);
    for (int i = 0; i < tensors.n; i++)
        if (!guard_touch(ctx->stream->handle, block[i]))
            return self->host_calls->fail(ctx, VERA_K_ERR_INVALID, "operator %d: %s is used by a stream that nobody has waited for", (int)id,
                                          tensors.name[i]);
    for (int i = 0; i < tensors.n; i++)
        guard_open(block[i], true);
    self->work->n_threads = ctx->n_threads;
    status = op_tensors_call(id, self->work, op);
    for (int i = 0; i < tensors.n; i++)
        guard_open(block[i], false);
    return status == VERA_K_OK ? status : self->host_calls->fail(ctx, status, "%s", vera_k_ctx_message(self->work));
}

/*
 * As on a GPU: products need a workspace, so that the first of a context allocates, and convolutions keep their weights in an order of
 * their own. Nothing is in there, but it counts.
 */
static VeraKStatus
guard_measure(VeraKCtx *ctx, VeraKOpId id, const void *op)
{
    Guard *self = ctx->device->backend;
    const VeraKTensor *weight = id == VERA_K_OP_CONV3D ? &((const VeraKConv3d *)op)->weight : NULL;
    size_t size = weight != NULL ? (size_t)vera_k_tensor_n_elements(weight) * 2 : 0;
    bool is_new;
    void *data;
    VeraKStatus status = self->host_calls->scratch(ctx, GUARD_ALIGN, &data);

    if (status == VERA_K_OK && size > 0 && self->host_calls->packed(ctx, weight, size, &is_new) == NULL)
        status = self->host_calls->scratch(ctx, GUARD_ALIGN + size, &data);
    return status;
}

static VeraKStatus
guard_run(VeraKOpId id, VeraKCtx *ctx, const void *op)
{
    Guard *self = ctx->device->backend;
    VeraKStatus status = guard_measure(ctx, id, op);

    if (status != VERA_K_OK)
        return status;
    pthread_mutex_lock(&self->lock);
    status = guard_run_locked(self, id, ctx, op);
    pthread_mutex_unlock(&self->lock);
    return status;
}

#define OP(name, ID)                                                                               \
    static VeraKStatus guard_##name(VeraKCtx *ctx, const void *op)                                 \
    {                                                                                              \
        return guard_run(ID, ctx, op);                                                             \
    }

OP(linear, VERA_K_OP_LINEAR)
OP(layer_norm, VERA_K_OP_LAYER_NORM)
OP(rms_norm, VERA_K_OP_RMS_NORM)
OP(attention, VERA_K_OP_ATTENTION)
OP(gate_add, VERA_K_OP_GATE_ADD)
OP(activate, VERA_K_OP_ACTIVATE)
OP(combine, VERA_K_OP_COMBINE)
OP(copy_op, VERA_K_OP_COPY)
OP(embed, VERA_K_OP_EMBED)
OP(conv3d, VERA_K_OP_CONV3D)
OP(channel_norm, VERA_K_OP_CHANNEL_NORM)
OP(is_finite, VERA_K_OP_IS_FINITE)

static const VeraKOpFunc guard_ops[VERA_K_N_OPS] = {
    [VERA_K_OP_LINEAR] = guard_linear,       [VERA_K_OP_LAYER_NORM] = guard_layer_norm,
    [VERA_K_OP_RMS_NORM] = guard_rms_norm,   [VERA_K_OP_ATTENTION] = guard_attention,
    [VERA_K_OP_GATE_ADD] = guard_gate_add,   [VERA_K_OP_ACTIVATE] = guard_activate,
    [VERA_K_OP_COMBINE] = guard_combine,     [VERA_K_OP_COPY] = guard_copy_op,
    [VERA_K_OP_EMBED] = guard_embed,         [VERA_K_OP_CONV3D] = guard_conv3d,
    [VERA_K_OP_CHANNEL_NORM] = guard_channel_norm, [VERA_K_OP_IS_FINITE] = guard_is_finite,
};

static long
guard_get_number(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static Guard *
guard_new(const VeraKHost *host)
{
    Guard *self = calloc(1, sizeof *self);

    self->host_calls = guard_host = host;
    self->n_left = guard_get_number("VERA_GUARD_LOST_AFTER", -1);
    self->total = (uint64_t)guard_get_number("VERA_GUARD_FREE_BYTES", (long)GUARD_TOTAL_BYTES);
    pthread_mutex_init(&self->lock, NULL);
    if (vera_k_device_open_cpu(&self->inner, NULL, 0) != VERA_K_OK || vera_k_ctx_new(self->inner, 0, &self->work) != VERA_K_OK)
        abort();
    guard_allocate_cpu = self->inner->allocate;
    self->inner->allocate = guard_allocate_scratch;
    return self;
}

VeraKStatus vera_k_module_open(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size);

VeraKStatus
vera_k_module_open(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size)
{
    long missing = guard_get_number("VERA_GUARD_WITHOUT", -1);
    VeraKDevice *self;

    *device = NULL;
    if (index > 1) {
        snprintf(message, message_size, "No NVIDIA GPU can be used: there are 2 guarded devices, cuda:0 and cuda:1.");
        return VERA_K_ERR_NO_DEVICE;
    }
    self = calloc(1, sizeof *self);
    *self = (VeraKDevice){ .backend = guard_new(host), .allocate = guard_allocate, .release = guard_release, .copy = guard_copy,
                           .synchronize = guard_synchronize, .new_stream = guard_new_stream, .free_stream = guard_free_stream,
                           .wait_stream = guard_wait_stream, .measure = guard_measure, .describe = guard_describe, .get_free_bytes = guard_get_free_bytes,
                           .close = guard_close };
    self->info.total_bytes = ((Guard *)self->backend)->total;
    self->info.has_fast_bf16 = guard_get_number("VERA_GUARD_WITHOUT_BF16", 0) == 0;
    snprintf(self->info.name, sizeof self->info.name, "Guarded device %d", index);
    snprintf(self->info.variant, sizeof self->info.variant, "guard");
    for (int id = 0; id < VERA_K_N_OPS; id++)
        if (id != missing)
            self->ops[id] = (VeraKOpEntry){ guard_ops[id], "guard" };
    *device = self;
    return VERA_K_OK;
}
