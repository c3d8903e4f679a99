#include "config.h"

#include "engine/diffusion/vera-placement.h"

#include "engine/vera-engine-error.h"

/* What vector loads of every GPU can do with. */
#define VERA_PLACEMENT_ALIGN 256

struct _VeraPlacement {
    /* Owned */
    VeraRuntime *runtime;
    VeraKBuffer *buffer; /* NULL on a CPU */
};

static gsize
vera_placement_get_size(const VeraKTensor *tensor)
{
    return tensor->data != NULL ? (gsize)vera_k_tensor_n_elements(tensor) * vera_k_dtype_size(tensor->dtype) : 0;
}

static gsize
vera_placement_round(gsize size)
{
    return (size + VERA_PLACEMENT_ALIGN - 1) / VERA_PLACEMENT_ALIGN * VERA_PLACEMENT_ALIGN;
}

gsize
vera_placement_get_bytes(const VeraKTensor *tensors, gsize n)
{
    gsize total = 0;

    for (gsize i = 0; i < n; i++)
        total += vera_placement_round(vera_placement_get_size(&tensors[i]));
    return total;
}

static gboolean
vera_placement_copy(VeraPlacement *self, const VeraKTensor *tensors, gsize n, GError **error)
{
    VeraKStream *stream = vera_k_ctx_get_stream(vera_runtime_get_ctx(self->runtime));
    char *at = vera_k_buffer_get_data(self->buffer);

    for (gsize i = 0; i < n; i++) {
        gsize size = vera_placement_get_size(&tensors[i]);
        VeraKStatus status = size > 0 ? vera_k_copy_async(stream, at, tensors[i].data, size) : VERA_K_OK;
        if (!vera_runtime_check(self->runtime, status, "copy of weights to the device", error))
            return FALSE;
        at += vera_placement_round(size);
    }
    return TRUE;
}

VeraPlacement *
vera_placement_new(VeraRuntime *runtime, VeraKTensor *tensors, gsize n, GError **error)
{
    g_autoptr(VeraPlacement) self = g_new0(VeraPlacement, 1);
    char *at;

    self->runtime = vera_runtime_ref(runtime);
    if (vera_k_device_is_host(vera_runtime_get_device(runtime)))
        return g_steal_pointer(&self);
    self->buffer = vera_runtime_new_buffer(runtime, vera_placement_get_bytes(tensors, n), error);
    if (self->buffer == NULL || !vera_placement_copy(self, tensors, n, error))
        return NULL;
    at = vera_k_buffer_get_data(self->buffer);
    for (gsize i = 0; i < n; i++) {
        gsize size = vera_placement_get_size(&tensors[i]);
        if (size > 0)
            tensors[i].data = at;
        at += vera_placement_round(size);
    }
    return g_steal_pointer(&self);
}

void
vera_placement_free(VeraPlacement *self)
{
    if (self == NULL)
        return;
    vera_k_buffer_free(&self->buffer);
    vera_runtime_unref(self->runtime);
    g_free(self);
}
