#include "config.h"

#include "engine/diffusion/vera-runtime.h"

#include "engine/vera-engine-error.h"

struct _VeraRuntime {
    gatomicrefcount ref_count;
    /* Owned */
    VeraKDevice *device;
    VeraKCtx *ctx;
    GCancellable *cancellable;
    VeraRuntime *like;    /* (nullable): whose device this one's imitates */
    VeraRuntime *partner; /* (nullable) */
    VeraKCompute compute;
    VeraKDType activation;
};

/* What text encoder, transformer and VAE are made of. */
static const struct {
    VeraKOpId id;
    const char *name;
} vera_runtime_needs[] = {
    { VERA_K_OP_LINEAR, "linear" },     { VERA_K_OP_LAYER_NORM, "layer_norm" }, { VERA_K_OP_RMS_NORM, "rms_norm" },
    { VERA_K_OP_ATTENTION, "attention" }, { VERA_K_OP_GATE_ADD, "gate_add" },   { VERA_K_OP_ACTIVATE, "activate" },
    { VERA_K_OP_COPY, "copy" },         { VERA_K_OP_EMBED, "embed" },           { VERA_K_OP_CONV3D, "conv3d" },
    { VERA_K_OP_CHANNEL_NORM, "channel_norm" },
};

static gboolean
vera_runtime_check_operators(VeraRuntime *self, const char *device, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_runtime_needs); i++) {
        if (vera_k_device_supports(self->device, vera_runtime_needs[i].id))
            continue;
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE,
                    "The device %s cannot run the model: it has no operator %s. Use the device cpu.", device,
                    vera_runtime_needs[i].name);
        return FALSE;
    }
    return TRUE;
}

static VeraKDType
vera_runtime_choose_activation(VeraRuntime *self)
{
    VeraKDeviceInfo info;

    vera_k_device_get_info(self->device, &info);
    return self->compute == VERA_K_COMPUTE_BF16 && info.has_fast_bf16 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32;
}

static VeraRuntime *
vera_runtime_new_alone(const char *device, VeraKCompute compute, int n_threads, GError **error)
{
    g_autoptr(VeraRuntime) self = g_new0(VeraRuntime, 1);
    char message[1280];
    VeraKStatus status;

    g_atomic_ref_count_init(&self->ref_count);
    self->compute = compute;
    status = vera_k_device_open(device, &self->device, message, sizeof message);
    if (status == VERA_K_ERR_INVALID || status == VERA_K_ERR_NO_DEVICE) {
        g_set_error(error, VERA_ENGINE_ERROR,
                    status == VERA_K_ERR_INVALID ? VERA_ENGINE_ERROR_USAGE : VERA_ENGINE_ERROR_NO_DEVICE, "%s",
                    message);
        return NULL;
    }
    if (status == VERA_K_OK)
        status = vera_k_ctx_new(self->device, n_threads, &self->ctx);
    if (status != VERA_K_OK) {
        gboolean is_gpu = self->device != NULL && !vera_k_device_is_host(self->device);
        g_set_error(error, VERA_ENGINE_ERROR, is_gpu ? VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY : VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory to open the device %s.", device);
        return NULL;
    }
    self->activation = vera_runtime_choose_activation(self);
    return vera_runtime_check_operators(self, device, error) ? g_steal_pointer(&self) : NULL;
}

VeraRuntime *
vera_runtime_new(const char *device, VeraKCompute compute, int n_threads, GError **error)
{
    g_auto(GStrv) names = g_strsplit(device, ",", -1);
    guint n = g_strv_length(names);
    g_autoptr(VeraRuntime) self = NULL;

    if (n <= 1)
        return vera_runtime_new_alone(device, compute, n_threads, error);
    if (n > 2 || !g_str_has_prefix(names[0], "cuda") || !g_str_has_prefix(names[1], "cuda") || g_str_equal(names[0], names[1])) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "‘%s’ is not a device, nor two GPUs; two are written like cuda:0,cuda:1.", device);
        return NULL;
    }
    self = vera_runtime_new_alone(names[0], compute, n_threads, error);
    if (self == NULL || (self->partner = vera_runtime_new_alone(names[1], compute, n_threads, error)) == NULL)
        return NULL;
    return g_steal_pointer(&self);
}

VeraRuntime *
vera_runtime_new_dry(VeraRuntime *like, GError **error)
{
    g_autoptr(VeraRuntime) self = g_new0(VeraRuntime, 1);

    g_atomic_ref_count_init(&self->ref_count);
    self->like = vera_runtime_ref(like);
    self->compute = like->compute;
    self->activation = like->activation;
    if (vera_k_device_open_dry(like->device, &self->device) == VERA_K_OK &&
        vera_k_ctx_new(self->device, vera_k_ctx_get_n_threads(like->ctx), &self->ctx) == VERA_K_OK)
        return g_steal_pointer(&self);
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to plan what a device will do.");
    return NULL;
}

VeraRuntime *
vera_runtime_ref(VeraRuntime *self)
{
    g_atomic_ref_count_inc(&self->ref_count);
    return self;
}

void
vera_runtime_unref(VeraRuntime *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->ref_count))
        return;
    vera_k_ctx_free(&self->ctx);
    vera_k_device_close(&self->device);
    g_clear_object(&self->cancellable);
    vera_runtime_unref(self->like);
    vera_runtime_unref(self->partner);
    g_free(self);
}

VeraRuntime *
vera_runtime_get_partner(VeraRuntime *self)
{
    return self->partner;
}

VeraKCtx *
vera_runtime_get_ctx(VeraRuntime *self)
{
    return self->ctx;
}

VeraKDevice *
vera_runtime_get_device(VeraRuntime *self)
{
    return self->device;
}

VeraKCompute
vera_runtime_get_compute(VeraRuntime *self)
{
    return self->compute;
}

VeraKDType
vera_runtime_get_activation(VeraRuntime *self)
{
    return self->activation;
}

static VeraEngineError
vera_runtime_get_code(VeraRuntime *self, VeraKStatus status)
{
    switch (status) {
    case VERA_K_ERR_OUT_OF_MEMORY:
        return vera_k_device_is_host(self->device) ? VERA_ENGINE_ERROR_OUT_OF_MEMORY
                                                   : VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY;
    case VERA_K_ERR_DEVICE_LOST:
        return VERA_ENGINE_ERROR_DEVICE_LOST;
    case VERA_K_ERR_NO_DEVICE:
        return VERA_ENGINE_ERROR_NO_DEVICE;
    case VERA_K_ERR_UNSUPPORTED:
        return VERA_ENGINE_ERROR_UNSUPPORTED;
    case VERA_K_OK:
    case VERA_K_ERR_INVALID:
    case VERA_K_ERR_INTERNAL:
    case VERA_K_ERR_STOPPED:
        break;
    }
    return VERA_ENGINE_ERROR_FAILED;
}

gboolean
vera_runtime_check(VeraRuntime *self, VeraKStatus status, const char *what, GError **error)
{
    const char *why;

    if (status == VERA_K_OK)
        return !vera_engine_error_set_cancelled(self->cancellable, error);
    if (status == VERA_K_ERR_STOPPED && vera_engine_error_set_cancelled(self->cancellable, error))
        return FALSE;
    /* A stream beside the context's own leaves no sentence there. */
    why = vera_k_ctx_message(self->ctx);
    g_set_error(error, VERA_ENGINE_ERROR, vera_runtime_get_code(self, status), "The %s failed: %s.%s", what,
                why[0] != '\0' ? why : "the device did not do its work",
                status == VERA_K_ERR_OUT_OF_MEMORY ? " Use fewer frames, a smaller size or a smaller model." : "");
    return FALSE;
}

static bool
vera_runtime_must_stop_cb(void *data)
{
    return g_cancellable_is_cancelled(data);
}

void
vera_runtime_set_cancellable(VeraRuntime *self, GCancellable *cancellable)
{
    vera_k_ctx_set_stop(self->ctx, cancellable ? vera_runtime_must_stop_cb : NULL, cancellable);
    g_set_object(&self->cancellable, cancellable);
    if (self->partner != NULL)
        vera_runtime_set_cancellable(self->partner, cancellable);
}

float *
vera_runtime_new_floats(gsize n, GError **error)
{
    float *values = vera_k_fault_is_due() ? NULL : g_try_new(float, MAX(n, 1));

    if (values == NULL)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "%.1f MiB more memory could not be had. Use fewer frames, a smaller size or a "
                    "smaller model.",
                    (double)n * sizeof(float) / (1 << 20));
    return values;
}

VeraKBuffer *
vera_runtime_new_buffer(VeraRuntime *self, gsize size, GError **error)
{
    VeraKBuffer *buffer;
    VeraKStatus status = vera_k_buffer_new(self->device, size, &buffer);

    if (status == VERA_K_ERR_OUT_OF_MEMORY)
        g_set_error(error, VERA_ENGINE_ERROR, vera_runtime_get_code(self, status),
                    "%.1f MiB more memory could not be had. Use fewer frames, a smaller size or a smaller model.",
                    (double)size / (1 << 20));
    else if (status != VERA_K_OK)
        g_set_error_literal(error, VERA_ENGINE_ERROR, vera_runtime_get_code(self, status),
                            "The device stopped answering; start the job again.");
    return buffer;
}

VeraTensor *
vera_tensor_new(VeraRuntime *runtime, int n_dims, const gint64 *shape, GError **error)
{
    return vera_tensor_new_as(runtime, VERA_K_DTYPE_F32, n_dims, shape, error);
}

VeraTensor *
vera_tensor_new_as(VeraRuntime *runtime, VeraKDType dtype, int n_dims, const gint64 *shape, GError **error)
{
    VeraKTensor view = vera_k_tensor(dtype, NULL, n_dims, (const int64_t *)shape);
    VeraKBuffer *buffer = vera_runtime_new_buffer(runtime, (gsize)vera_k_tensor_n_elements(&view) * vera_k_dtype_size(dtype), error);
    VeraTensor *self;

    if (buffer == NULL)
        return NULL;
    self = g_new0(VeraTensor, 1);
    g_atomic_ref_count_init(&self->ref_count);
    self->buffer = buffer;
    view.data = vera_k_buffer_get_data(self->buffer);
    self->k = view;
    return self;
}

VeraTensor *
vera_tensor_new_view(VeraTensor *base, const VeraKTensor *k)
{
    VeraTensor *self = g_new0(VeraTensor, 1);

    g_atomic_ref_count_init(&self->ref_count);
    self->k = *k;
    self->base = vera_tensor_ref(base);
    return self;
}

VeraTensor *
vera_tensor_new_from_host(VeraRuntime *runtime, int n_dims, const gint64 *shape, const float *values, GError **error)
{
    g_autoptr(VeraTensor) self = vera_tensor_new(runtime, n_dims, shape, error);
    VeraKStream *stream = vera_k_ctx_get_stream(runtime->ctx);
    VeraKStatus status;

    if (self == NULL)
        return NULL;
    status = vera_k_copy_async(stream, self->k.data, values,
                               (gsize)vera_k_tensor_n_elements(&self->k) * sizeof(float));
    if (status == VERA_K_OK)
        status = vera_k_stream_synchronize(stream);
    if (!vera_runtime_check(runtime, status, "copy to the device", error))
        return NULL;
    return g_steal_pointer(&self);
}

gboolean
vera_tensor_to_host(VeraTensor *self, VeraRuntime *runtime, float *values, GError **error)
{
    VeraKStream *stream = vera_k_ctx_get_stream(runtime->ctx);
    VeraKStatus status;

    g_return_val_if_fail(vera_k_tensor_is_contiguous(&self->k) && self->k.dtype == VERA_K_DTYPE_F32, FALSE);
    status = vera_k_copy_async(stream, values, self->k.data,
                               (gsize)vera_k_tensor_n_elements(&self->k) * sizeof(float));
    if (status == VERA_K_OK)
        status = vera_k_stream_synchronize(stream);
    return vera_runtime_check(runtime, status, "copy from the device", error);
}

VeraTensor *
vera_tensor_ref(VeraTensor *self)
{
    g_atomic_ref_count_inc(&self->ref_count);
    return self;
}

void
vera_tensor_unref(VeraTensor *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->ref_count))
        return;
    vera_k_buffer_free(&self->buffer);
    g_clear_pointer((VeraTensor **)&self->base, vera_tensor_unref);
    g_free(self);
}
