#include "config.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "kernels/vera-k-private.h"

struct VeraKBuffer {
    VeraKDevice *device;
    void *data;
    size_t size;
};

static atomic_llong vera_k_fault_countdown = -1;

void
vera_k_fault_set_countdown(int64_t n)
{
    atomic_store(&vera_k_fault_countdown, n);
}

int64_t
vera_k_fault_get_countdown(void)
{
    return atomic_load(&vera_k_fault_countdown);
}

bool
vera_k_fault_is_due(void)
{
    long long left = atomic_load(&vera_k_fault_countdown);

    if (left < 0)
        return false;
    return atomic_fetch_sub(&vera_k_fault_countdown, 1) == 0;
}

VeraKStatus
vera_k_device_open(const char *spec, VeraKDevice **device, char *message, size_t message_size)
{
    char *end;
    long index = 0;

    if (message != NULL && message_size > 0)
        message[0] = '\0';
    if (strcmp(spec, "cpu") == 0)
        return vera_k_device_open_cpu(device, message, message_size);
    if (strncmp(spec, "cuda", 4) == 0 && (spec[4] == '\0' || spec[4] == ':')) {
        if (spec[4] == ':')
            index = strtol(spec + 5, &end, 10);
        if (spec[4] == '\0' || (end != spec + 5 && *end == '\0' && index >= 0 && index < 1024))
            return vera_k_device_open_cuda((int)index, device, message, message_size);
    }
    if (message != NULL)
        snprintf(message, message_size, "‘%s’ is not a device; write cpu, cuda or cuda:N.", spec);
    return VERA_K_ERR_INVALID;
}

void
vera_k_device_close(VeraKDevice **device)
{
    if (*device != NULL)
        (*device)->close(*device);
    *device = NULL;
}

void
vera_k_device_get_info(VeraKDevice *device, VeraKDeviceInfo *info)
{
    *info = device->info;
    info->free_bytes = device->get_free_bytes(device);
    info->used_bytes = __atomic_load_n(&device->used_bytes, __ATOMIC_RELAXED);
    info->peak_used_bytes = __atomic_load_n(&device->peak_used_bytes, __ATOMIC_RELAXED);
}

void
vera_k_device_reset_peak(VeraKDevice *device)
{
    __atomic_store_n(&device->peak_used_bytes,
                     __atomic_load_n(&device->used_bytes, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

static void
vera_k_device_count(VeraKDevice *device, size_t size)
{
    uint64_t used = __atomic_add_fetch(&device->used_bytes, size, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&device->peak_used_bytes, __ATOMIC_RELAXED);

    while (used > peak && !__atomic_compare_exchange_n(&device->peak_used_bytes, &peak, used, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

bool
vera_k_device_is_host(const VeraKDevice *device)
{
    return device->is_host;
}

bool
vera_k_device_supports(const VeraKDevice *device, VeraKOpId op)
{
    return device->ops[op].run != NULL;
}

const char *
vera_k_device_get_op_variant(const VeraKDevice *device, VeraKOpId op)
{
    return device->ops[op].variant;
}

VeraKStatus
vera_k_buffer_new(VeraKDevice *device, size_t size, VeraKBuffer **buffer)
{
    VeraKBuffer *self = malloc(sizeof *self);
    VeraKStatus status = VERA_K_ERR_OUT_OF_MEMORY;

    *buffer = NULL;
    if (self == NULL)
        return status;
    *self = (VeraKBuffer){ .device = device, .size = size };
    if (device->is_dry || !vera_k_fault_is_due())
        status = device->allocate(device, size, &self->data);
    if (status != VERA_K_OK) {
        free(self);
        return status;
    }
    vera_k_device_count(device, size);
    *buffer = self;
    return VERA_K_OK;
}

void
vera_k_buffer_free(VeraKBuffer **buffer)
{
    if (*buffer == NULL)
        return;
    (*buffer)->device->release((*buffer)->device, (*buffer)->data);
    __atomic_sub_fetch(&(*buffer)->device->used_bytes, (*buffer)->size, __ATOMIC_RELAXED);
    free(*buffer);
    *buffer = NULL;
}

void *
vera_k_buffer_get_data(const VeraKBuffer *buffer)
{
    return buffer->data;
}

size_t
vera_k_buffer_get_size(const VeraKBuffer *buffer)
{
    return buffer->size;
}

VeraKStatus
vera_k_stream_new(VeraKDevice *device, VeraKStream **stream)
{
    VeraKStream *self = malloc(sizeof *self);
    VeraKStatus status = VERA_K_OK;

    *stream = NULL;
    if (self == NULL)
        return VERA_K_ERR_OUT_OF_MEMORY;
    *self = (VeraKStream){ .device = device };
    if (device->new_stream != NULL)
        status = device->new_stream(device, &self->handle);
    if (status != VERA_K_OK)
        free(self);
    else
        *stream = self;
    return status;
}

void
vera_k_stream_free(VeraKStream **stream)
{
    if (*stream != NULL && (*stream)->device->free_stream != NULL)
        (*stream)->device->free_stream((*stream)->device, (*stream)->handle);
    free(*stream);
    *stream = NULL;
}

/* Operators leave their sentence in the context; so does what goes wrong between them. */
static VeraKStatus
vera_k_stream_note(VeraKStream *stream, VeraKStatus status)
{
    const char *why = status != VERA_K_OK && stream->device->describe != NULL ? stream->device->describe(stream->device) : NULL;

    if (status != VERA_K_OK && stream->ctx != NULL)
        vera_k_fail(stream->ctx, status, "%s", why != NULL ? why : "the device did not do its work");
    return status;
}

VeraKStatus
vera_k_stream_synchronize(VeraKStream *stream)
{
    return vera_k_stream_note(stream, stream->device->synchronize(stream->device, stream->handle));
}

VeraKStatus
vera_k_stream_wait(VeraKStream *self, VeraKStream *other)
{
    if (self->device->wait_stream == NULL)
        return VERA_K_OK;
    return vera_k_stream_note(self, self->device->wait_stream(self->device, self->handle, other->handle));
}

VeraKStatus
vera_k_copy_async(VeraKStream *stream, void *dst, const void *src, size_t size)
{
    return vera_k_stream_note(stream, stream->device->copy(stream->device, stream->handle, dst, src, size));
}

VeraKStatus
vera_k_ctx_new(VeraKDevice *device, int n_threads, VeraKCtx **ctx)
{
    VeraKCtx *self = calloc(1, sizeof *self);
    VeraKStatus status;

    *ctx = NULL;
    if (self == NULL)
        return VERA_K_ERR_OUT_OF_MEMORY;
    self->device = device;
    self->packed_max = VERA_K_PACKED_MAX_BYTES;
    self->n_threads = n_threads > 0 ? n_threads : omp_get_max_threads();
    status = vera_k_stream_new(device, &self->stream);
    if (status != VERA_K_OK) {
        free(self);
        return status;
    }
    self->stream->ctx = self;
    *ctx = self;
    return VERA_K_OK;
}

void
vera_k_ctx_free(VeraKCtx **ctx)
{
    if (*ctx == NULL)
        return;
    vera_k_packed_clear(*ctx);
    vera_k_buffer_free(&(*ctx)->scratch);
    vera_k_stream_free(&(*ctx)->stream);
    free(*ctx);
    *ctx = NULL;
}

VeraKDevice *
vera_k_ctx_get_device(VeraKCtx *ctx)
{
    return ctx->device;
}

VeraKStream *
vera_k_ctx_get_stream(VeraKCtx *ctx)
{
    return ctx->stream;
}

int
vera_k_ctx_get_n_threads(const VeraKCtx *ctx)
{
    return ctx->n_threads;
}

void
vera_k_ctx_set_stop(VeraKCtx *ctx, VeraKStopFunc should_stop, void *data)
{
    ctx->should_stop = should_stop;
    ctx->stop_data = data;
}

bool
vera_k_must_stop(const VeraKCtx *ctx)
{
    return ctx->should_stop != NULL && ctx->should_stop(ctx->stop_data);
}

VeraKStatus
vera_k_end(VeraKCtx *ctx)
{
    return vera_k_must_stop(ctx) ? vera_k_fail(ctx, VERA_K_ERR_STOPPED, "it was stopped") : VERA_K_OK;
}

const char *
vera_k_ctx_message(const VeraKCtx *ctx)
{
    return ctx->message;
}

VeraKStatus
vera_k_fail(VeraKCtx *ctx, VeraKStatus status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(ctx->message, sizeof ctx->message, format, arguments);
    va_end(arguments);
    return status;
}

VeraKStatus
vera_k_scratch(VeraKCtx *ctx, size_t size, void **data)
{
    VeraKStatus status;

    if (ctx->scratch == NULL || ctx->scratch->size < size) {
        vera_k_buffer_free(&ctx->scratch);
        status = vera_k_buffer_new(ctx->device, size, &ctx->scratch);
        if (status != VERA_K_OK)
            return vera_k_fail(ctx, status, "%zu bytes of scratch memory could not be had", size);
    }
    *data = ctx->scratch->data;
    return VERA_K_OK;
}
