#pragma once

#include "kernels/vera-k.h"

/* Devices, their memory, their streams, and the context in which operators run. */

typedef struct VeraKDevice VeraKDevice; /* one processor: "cpu" or "cuda:0" */
typedef struct VeraKBuffer VeraKBuffer; /* device memory, owned */
typedef struct VeraKStream VeraKStream; /* an ordered queue of work on a device */
typedef struct VeraKCtx VeraKCtx;       /* what an operator call needs: device, stream, scratch, message */

/** VeraKDeviceInfo: facts for planning and for people. */
typedef struct {
    char name[128];          /* "AMD EPYC, 2 threads" or "NVIDIA H200" */
    char variant[32];        /* fast path in use: "ref", "avx2", "avx512", "avx512-bf16", "avx512-amx", "cuda-sm90a" */
    bool has_fast_bf16;      /* bf16 products run at full rate */
    uint64_t total_bytes;
    uint64_t free_bytes;
    uint64_t used_bytes;      /* in buffers of this device, now */
    uint64_t peak_used_bytes; /* most since it was opened or vera_k_device_reset_peak() */
} VeraKDeviceInfo;

/**
 * vera_k_device_open:
 * @spec: "cpu", "cuda" or "cuda:N"
 * @device: (out): the device
 * @message: (nullable) (out caller-allocates): sentence on failure
 * @message_size: bytes of @message
 *
 * The environment variable VERA_KERNELS=ref forces the plain versions on a CPU; VERA_KERNELS=avx512-bf16 does without AMX. CUDA lives in a module, vera-cuda.so, that is loaded
 * only here, and only when asked for: from the file in the environment variable VERA_CUDA_MODULE; else from the program's folder, or
 * from where it is built or installed to.
 * Returns: VERA_K_OK, VERA_K_ERR_NO_DEVICE (no such device, driver or module), VERA_K_ERR_INVALID (spec)
 */
VeraKStatus
vera_k_device_open(const char *spec, VeraKDevice **device, char *message, size_t message_size);

/**
 * vera_k_device_open_dry:
 * @like: a device, which must stay open as long
 * @device: (out): one like it on paper
 *
 * Runs the same program to see what memory it takes: gives out addresses that cannot be read, never runs out, copies nothing; operators
 * check their arguments and take what scratch memory they would on @like, and compute nothing. Not a host device, whatever @like is.
 * Returns: VERA_K_OK or VERA_K_ERR_OUT_OF_MEMORY
 */
VeraKStatus vera_k_device_open_dry(VeraKDevice *like, VeraKDevice **device);

/** vera_k_device_close: closes and nulls; every buffer, stream and context of it must be gone. */
void vera_k_device_close(VeraKDevice **device);

/** vera_k_device_get_info: fills @info; free_bytes, used_bytes and peak_used_bytes are read now. */
void vera_k_device_get_info(VeraKDevice *device, VeraKDeviceInfo *info);

/** vera_k_device_reset_peak: peak_used_bytes starts again from what is in use now. */
void vera_k_device_reset_peak(VeraKDevice *device);

/** vera_k_device_is_host: Returns: whether host pointers are device pointers (the CPU) */
bool vera_k_device_is_host(const VeraKDevice *device);

/**
 * vera_k_buffer_new:
 * @device: where
 * @size: bytes, may be 0
 * @buffer: (out): the buffer, 64-byte aligned (256 on a GPU), contents undefined
 *
 * Every allocation may fail; see vera_k_fault_set_countdown().
 * Returns: VERA_K_OK or VERA_K_ERR_OUT_OF_MEMORY
 */
VeraKStatus vera_k_buffer_new(VeraKDevice *device, size_t size, VeraKBuffer **buffer);

/** vera_k_buffer_free: frees and nulls. */
void vera_k_buffer_free(VeraKBuffer **buffer);

/** vera_k_buffer_get_data: Returns: the device address */
void *vera_k_buffer_get_data(const VeraKBuffer *buffer);

/** vera_k_buffer_get_size: Returns: bytes */
size_t vera_k_buffer_get_size(const VeraKBuffer *buffer);

/** vera_k_fault_set_countdown: makes the @n-th allocation from now fail once (0 = the next); -1
 * switches it off. Tests only. */
void vera_k_fault_set_countdown(int64_t n);

/** vera_k_fault_get_countdown: Returns: allocations left before the one that fails; negative when none will. Tests only. */
int64_t vera_k_fault_get_countdown(void);

/**
 * vera_k_fault_is_due: counts one allocation that is not a buffer (host arrays of the layers
 * above), so that it can be made to fail too. Returns: whether it must fail; false unless a test
 * has set a countdown
 */
bool vera_k_fault_is_due(void);

/** vera_k_stream_new: Returns: VERA_K_OK and a stream (on the CPU work is done at once) */
VeraKStatus vera_k_stream_new(VeraKDevice *device, VeraKStream **stream);
void vera_k_stream_free(VeraKStream **stream);

/** vera_k_stream_synchronize: waits for all work of the stream. Returns: the first error of that work */
VeraKStatus vera_k_stream_synchronize(VeraKStream *stream);

/**
 * vera_k_stream_wait: what is put into @self from now on starts only when all that is in @other now is done; nobody waits here.
 * Both are of one device.
 */
VeraKStatus vera_k_stream_wait(VeraKStream *self, VeraKStream *other);

/** vera_k_copy_async: copies @size bytes between any of host and device memory, ordered in @stream; overlapping is undefined.
 * Host memory that is read may change again on return; host memory that is written is complete after vera_k_stream_synchronize(). */
VeraKStatus vera_k_copy_async(VeraKStream *stream, void *dst, const void *src, size_t size);

/**
 * vera_k_ctx_new:
 * @device: the device
 * @n_threads: CPU threads for operators, 0 for all cores; ignored by GPUs
 * @ctx: (out): a context with a stream of its own
 *
 * Thread-safety: one thread at a time per context.
 */
VeraKStatus vera_k_ctx_new(VeraKDevice *device, int n_threads, VeraKCtx **ctx);
void vera_k_ctx_free(VeraKCtx **ctx);

/** vera_k_ctx_get_device: Returns: (borrowed): its device */
VeraKDevice *vera_k_ctx_get_device(VeraKCtx *ctx);

/** vera_k_ctx_get_stream: Returns: (borrowed): its stream */
VeraKStream *vera_k_ctx_get_stream(VeraKCtx *ctx);

/** vera_k_ctx_get_n_threads: Returns: threads used by operators */
int vera_k_ctx_get_n_threads(const VeraKCtx *ctx);

/**
 * vera_k_ctx_set_packed_max: reordered weights that @ctx keeps at most from now on, in bytes; what it has stays. Otherwise 256 MiB.
 * Without a place an operator reorders a weight each time.
 */
void vera_k_ctx_set_packed_max(VeraKCtx *ctx, size_t bytes);

/** vera_k_ctx_get_packed_bytes: Returns: bytes of reordered weights that @ctx keeps */
size_t vera_k_ctx_get_packed_bytes(const VeraKCtx *ctx);

/** VeraKStopFunc: Returns: whether what runs is to end. Called from threads of the operator, also at once. */
typedef bool (*VeraKStopFunc)(void *data);

/**
 * vera_k_ctx_set_stop: products, convolutions and attention on the CPU ask @should_stop (NULL: nobody) before each piece of their
 * work, and end with VERA_K_ERR_STOPPED. Once it has said yes it must not say no again while an operator runs.
 */
void vera_k_ctx_set_stop(VeraKCtx *ctx, VeraKStopFunc should_stop, void *data);

/** vera_k_ctx_message: Returns: the sentence of the last failed call, "" if none */
const char *vera_k_ctx_message(const VeraKCtx *ctx);
