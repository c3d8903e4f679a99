#include "config.h"

#include "kernels/cuda/device-cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/linear.h"

/* Pinned memory that a mapped file goes through: while one part is on its way, the next is read. */
#define VERA_K_CUDA_STAGE_BYTES ((size_t)16 << 20)

/* Below this the driver keeps a copy itself and returns at once. */
#define VERA_K_CUDA_SMALL_BYTES ((size_t)64 << 10)

#define VERA_K_CUDA_MAX_DEVICES 64

/* Open devices of this process, so that the last one that goes can bring a lost GPU back. */
static int vera_k_cuda_n_open[VERA_K_CUDA_MAX_DEVICES];

VeraKCuda *
vera_k_cuda_get(VeraKCtx *ctx)
{
    VeraKCuda *self = ctx->device->backend;

    cudaSetDevice(self->index);
    return self;
}

cudaStream_t
vera_k_cuda_get_stream(VeraKCtx *ctx)
{
    return ctx->stream->handle;
}

VeraKStatus
vera_k_cuda_note(VeraKCuda *self, cudaError_t error, const char *what)
{
    VeraKStatus status = VERA_K_ERR_INTERNAL;

    if (error == cudaSuccess)
        return VERA_K_OK;
    cudaGetLastError();
    if (error == cudaErrorMemoryAllocation) {
        status = VERA_K_ERR_OUT_OF_MEMORY;
    } else if (cudaDeviceSynchronize() != cudaSuccess) { /* what is left after the error was taken away stays for ever */
        self->is_lost = true;
        status = VERA_K_ERR_DEVICE_LOST;
    }
    pthread_mutex_lock(&self->lock);
    snprintf(self->why, sizeof self->why, "%s: %s", what, cudaGetErrorString(error));
    pthread_mutex_unlock(&self->lock);
    return status;
}

static const char *
vera_k_cuda_describe(VeraKDevice *device)
{
    return ((VeraKCuda *)device->backend)->why;
}

/* @self waits for @other, both of this device; the processor does not. */
static cudaError_t
vera_k_cuda_order(cudaStream_t self, cudaStream_t other)
{
    cudaEvent_t event;
    cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);

    if (error != cudaSuccess)
        return error;
    error = cudaEventRecord(event, other);
    if (error == cudaSuccess)
        error = cudaStreamWaitEvent(self, event, 0);
    cudaEventDestroy(event);
    return error;
}

/* Memory is given and taken in the order of the main stream; other streams are brought into step with it. */
static cudaError_t
vera_k_cuda_order_memory(VeraKCuda *self, bool is_release)
{
    cudaError_t error = cudaSuccess;

    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < self->n_streams && error == cudaSuccess; i++)
        if (self->streams[i] != self->main)
            error = is_release ? vera_k_cuda_order(self->main, self->streams[i]) : vera_k_cuda_order(self->streams[i], self->main);
    pthread_mutex_unlock(&self->lock);
    return error;
}

static VeraKStatus
vera_k_cuda_allocate(VeraKDevice *device, size_t size, void **data)
{
    VeraKCuda *self = device->backend;
    cudaError_t error;

    if (self->is_lost)
        return VERA_K_ERR_DEVICE_LOST;
    cudaSetDevice(self->index);
    size = size > 0 ? size : 1;
    if (self->pool == NULL)
        return vera_k_cuda_note(self, cudaMalloc(data, size), "memory");
    error = cudaMallocFromPoolAsync(data, size, self->pool, self->main);
    if (error == cudaSuccess)
        error = vera_k_cuda_order_memory(self, false);
    return vera_k_cuda_note(self, error, "memory");
}

static void
vera_k_cuda_release(VeraKDevice *device, void *data)
{
    VeraKCuda *self = device->backend;

    cudaSetDevice(self->index);
    if (self->pool == NULL) {
        cudaFree(data);
        return;
    }
    vera_k_cuda_order_memory(self, true);
    cudaFreeAsync(data, self->main);
}

/* Pinned memory for stage @i and the event of its last copy; false where there is none to be had. */
static bool
vera_k_cuda_prepare_stage(VeraKCuda *self, int i)
{
    if (self->stage[i].data != NULL)
        return true;
    if (cudaMallocHost(&self->stage[i].data, VERA_K_CUDA_STAGE_BYTES) == cudaSuccess &&
        cudaEventCreateWithFlags(&self->stage[i].is_free, cudaEventDisableTiming) == cudaSuccess)
        return true;
    cudaGetLastError();
    cudaFreeHost(self->stage[i].data);
    self->stage[i].data = NULL;
    return false;
}

static cudaError_t
vera_k_cuda_copy_part(VeraKCuda *self, cudaStream_t stream, char *dst, const char *src, size_t size)
{
    int i = self->next_stage;
    cudaError_t error;

    if (!vera_k_cuda_prepare_stage(self, i))
        return cudaMemcpyAsync(dst, src, size, cudaMemcpyHostToDevice, stream);
    self->next_stage = (i + 1) % VERA_K_CUDA_N_STAGES;
    error = cudaEventSynchronize(self->stage[i].is_free);
    if (error != cudaSuccess)
        return error;
    memcpy(self->stage[i].data, src, size);
    error = cudaMemcpyAsync(dst, self->stage[i].data, size, cudaMemcpyHostToDevice, stream);
    return error == cudaSuccess ? cudaEventRecord(self->stage[i].is_free, stream) : error;
}

static cudaError_t
vera_k_cuda_copy_staged(VeraKCuda *self, cudaStream_t stream, char *dst, const char *src, size_t size)
{
    cudaError_t error = cudaSuccess;

    pthread_mutex_lock(&self->lock);
    for (size_t at = 0; at < size && error == cudaSuccess; at += VERA_K_CUDA_STAGE_BYTES)
        error = vera_k_cuda_copy_part(self, stream, dst + at, src + at,
                                      size - at < VERA_K_CUDA_STAGE_BYTES ? size - at : VERA_K_CUDA_STAGE_BYTES);
    pthread_mutex_unlock(&self->lock);
    return error;
}

static enum cudaMemoryType
vera_k_cuda_get_memory(const void *data)
{
    struct cudaPointerAttributes facts;

    if (cudaPointerGetAttributes(&facts, data) != cudaSuccess) {
        cudaGetLastError();
        return cudaMemoryTypeUnregistered;
    }
    return facts.type;
}

static VeraKStatus
vera_k_cuda_copy(VeraKDevice *device, void *stream, void *dst, const void *src, size_t size)
{
    VeraKCuda *self = device->backend;
    cudaError_t error;

    if (self->is_lost)
        return VERA_K_ERR_DEVICE_LOST;
    if (size == 0)
        return VERA_K_OK;
    cudaSetDevice(self->index);
    if (size > VERA_K_CUDA_SMALL_BYTES && vera_k_cuda_get_memory(src) == cudaMemoryTypeUnregistered &&
        vera_k_cuda_get_memory(dst) == cudaMemoryTypeDevice)
        error = vera_k_cuda_copy_staged(self, stream, dst, src, size);
    else
        error = cudaMemcpyAsync(dst, src, size, cudaMemcpyDefault, stream);
    return vera_k_cuda_note(self, error, "copy");
}

static VeraKStatus
vera_k_cuda_synchronize(VeraKDevice *device, void *stream)
{
    VeraKCuda *self = device->backend;

    if (self->is_lost)
        return VERA_K_ERR_DEVICE_LOST;
    cudaSetDevice(self->index);
    return vera_k_cuda_note(self, cudaStreamSynchronize(stream), "the GPU's work");
}

static bool
vera_k_cuda_is_streaming(const VeraKCuda *self, cudaStream_t stream)
{
    for (int i = 0; i < self->n_streams; i++)
        if (self->streams[i] == stream)
            return true;
    return false;
}

static VeraKStatus
vera_k_cuda_new_stream(VeraKDevice *device, void **stream)
{
    VeraKCuda *self = device->backend;
    cudaStream_t made = self->main;
    cudaError_t error = cudaSuccess;

    if (self->is_lost)
        return VERA_K_ERR_DEVICE_LOST;
    cudaSetDevice(self->index);
    pthread_mutex_lock(&self->lock);
    if (self->n_streams == VERA_K_CUDA_MAX_STREAMS)
        error = cudaErrorMemoryAllocation;
    else if (vera_k_cuda_is_streaming(self, self->main))
        error = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    if (error == cudaSuccess)
        self->streams[self->n_streams++] = made;
    pthread_mutex_unlock(&self->lock);
    *stream = made;
    return vera_k_cuda_note(self, error, "stream");
}

static void
vera_k_cuda_free_stream(VeraKDevice *device, void *stream)
{
    VeraKCuda *self = device->backend;

    cudaSetDevice(self->index);
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < self->n_streams; i++)
        if (self->streams[i] == stream) {
            self->streams[i] = self->streams[--self->n_streams];
            break;
        }
    pthread_mutex_unlock(&self->lock);
    cudaStreamSynchronize(stream);
    if (stream != self->main)
        cudaStreamDestroy(stream);
}

static VeraKStatus
vera_k_cuda_wait_stream(VeraKDevice *device, void *stream, void *other)
{
    VeraKCuda *self = device->backend;

    if (self->is_lost)
        return VERA_K_ERR_DEVICE_LOST;
    cudaSetDevice(self->index);
    return vera_k_cuda_note(self, vera_k_cuda_order(stream, other), "streams");
}

/* What the driver has, and what the pool holds without need. */
static uint64_t
vera_k_cuda_get_free_bytes(VeraKDevice *device)
{
    VeraKCuda *self = device->backend;
    size_t n_free = 0, total = 0;
    uint64_t reserved = 0, used = 0;

    cudaSetDevice(self->index);
    if (self->is_lost || cudaMemGetInfo(&n_free, &total) != cudaSuccess)
        return 0;
    if (self->pool != NULL && cudaMemPoolGetAttribute(self->pool, cudaMemPoolAttrReservedMemCurrent, &reserved) == cudaSuccess &&
        cudaMemPoolGetAttribute(self->pool, cudaMemPoolAttrUsedMemCurrent, &used) == cudaSuccess && reserved > used)
        return n_free + (reserved - used);
    return n_free;
}

static void
vera_k_cuda_free(VeraKCuda *self)
{
    if (self->main != NULL)
        cudaStreamSynchronize(self->main);
    vera_k_algorithms_free(self->algorithms);
    for (int i = 0; i < VERA_K_CUDA_N_STAGES; i++) {
        if (self->stage[i].is_free != NULL)
            cudaEventDestroy(self->stage[i].is_free);
        cudaFreeHost(self->stage[i].data);
    }
    if (self->blas != NULL)
        cublasLtDestroy(self->blas);
    if (self->pool != NULL)
        cudaMemPoolDestroy(self->pool);
    if (self->main != NULL)
        cudaStreamDestroy(self->main);
    /* A kernel that failed takes the whole process off the GPU until all of its memory there is given up. */
    if (__atomic_sub_fetch(&vera_k_cuda_n_open[self->index], 1, __ATOMIC_ACQ_REL) == 0 && self->is_lost)
        cudaDeviceReset();
    cudaGetLastError();
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static void
vera_k_cuda_close(VeraKDevice *device)
{
    cudaSetDevice(((VeraKCuda *)device->backend)->index);
    vera_k_cuda_free(device->backend);
    free(device);
}

/* A pool of our own that keeps what it has: what is freed serves the next tensor without asking the driver. */
static cudaError_t
vera_k_cuda_make_pool(VeraKCuda *self)
{
    struct cudaMemPoolProps wanted = { 0 };
    uint64_t all = UINT64_MAX;
    int is_offered = 0;
    cudaError_t error = cudaDeviceGetAttribute(&is_offered, cudaDevAttrMemoryPoolsSupported, self->index);

    if (error != cudaSuccess || !is_offered)
        return error;
    wanted.allocType = cudaMemAllocationTypePinned;
    wanted.location.type = cudaMemLocationTypeDevice;
    wanted.location.id = self->index;
    error = cudaMemPoolCreate(&self->pool, &wanted);
    return error == cudaSuccess ? cudaMemPoolSetAttribute(self->pool, cudaMemPoolAttrReleaseThreshold, &all) : error;
}

static VeraKDevice *
vera_k_cuda_make_device(VeraKCuda *self, const struct cudaDeviceProp *facts)
{
    VeraKDevice *device = calloc(1, sizeof *device);

    if (device == NULL)
        return NULL;
    device->backend = self;
    device->allocate = vera_k_cuda_allocate;
    device->release = vera_k_cuda_release;
    device->copy = vera_k_cuda_copy;
    device->synchronize = vera_k_cuda_synchronize;
    device->new_stream = vera_k_cuda_new_stream;
    device->free_stream = vera_k_cuda_free_stream;
    device->wait_stream = vera_k_cuda_wait_stream;
    device->measure = vera_k_cuda_measure;
    device->describe = vera_k_cuda_describe;
    device->get_free_bytes = vera_k_cuda_get_free_bytes;
    device->close = vera_k_cuda_close;
    device->info.total_bytes = facts->totalGlobalMem;
    device->info.has_fast_bf16 = true;
    snprintf(device->info.name, sizeof device->info.name, "%.*s", (int)sizeof device->info.name - 1, facts->name);
    snprintf(device->info.variant, sizeof device->info.variant, "cuda-sm%d", self->sm);
    vera_k_ops_init_cuda(device->ops);
    return device;
}

VeraKStatus
vera_k_cuda_open_device(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size)
{
    VeraKCuda *self = calloc(1, sizeof *self);
    const char *wgmma = getenv("VERA_CUDA_WGMMA");
    struct cudaDeviceProp facts;
    cudaError_t error;

    if (self == NULL || index >= VERA_K_CUDA_MAX_DEVICES) {
        free(self);
        return VERA_K_ERR_OUT_OF_MEMORY;
    }
    self->host = host;
    self->index = index;
    self->avoids_wgmma = wgmma != NULL && strcmp(wgmma, "0") == 0;
    pthread_mutex_init(&self->lock, NULL);
    __atomic_add_fetch(&vera_k_cuda_n_open[index], 1, __ATOMIC_ACQ_REL);
    error = cudaSetDevice(index);
    if (error == cudaSuccess)
        error = cudaGetDeviceProperties(&facts, index);
    if (error == cudaSuccess) {
        self->sm = facts.major * 10 + facts.minor;
        error = vera_k_cuda_find_code();
    }
    if (error == cudaSuccess)
        error = cudaStreamCreateWithFlags(&self->main, cudaStreamNonBlocking);
    if (error == cudaSuccess)
        error = vera_k_cuda_make_pool(self);
    if (error == cudaSuccess && cublasLtCreate(&self->blas) != CUBLAS_STATUS_SUCCESS)
        error = cudaErrorInitializationError;
    *device = error == cudaSuccess ? vera_k_cuda_make_device(self, &facts) : NULL;
    if (*device != NULL)
        return VERA_K_OK;
    snprintf(message, message_size,
             error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction
                 ? "No NVIDIA GPU can be used: this build has no code for cuda:%d (%s). Use the device cpu."
                 : "No NVIDIA GPU can be used: cuda:%d cannot be opened (%s). Use the device cpu.",
             index, cudaGetErrorString(error));
    vera_k_cuda_free(self);
    return error == cudaErrorMemoryAllocation || error == cudaSuccess ? VERA_K_ERR_OUT_OF_MEMORY : VERA_K_ERR_NO_DEVICE;
}
