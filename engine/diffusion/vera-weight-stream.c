#include "config.h"

#include "engine/diffusion/vera-weight-stream.h"

#include "engine/diffusion/vera-placement.h"

#define VERA_WEIGHT_STREAM_SLOTS 2

typedef struct {
    const void *host;
    gsize size;
    gsize offset; /* in the slot */
    VeraKTensor *tensor;
} VeraWeightStreamPart;

struct _VeraWeightStream {
    /* Owned */
    VeraRuntime *runtime;
    VeraKStream *copies;
    VeraKBuffer *slots[VERA_WEIGHT_STREAM_SLOTS];
    GArray **parts; /* [n_layers] (element-type VeraWeightStreamPart) */
    gsize *sizes;   /* [n_layers] */
    int n_layers;
    int loaded[VERA_WEIGHT_STREAM_SLOTS]; /* layer that is in the slot, or on its way there; -1 for none */
};

VeraWeightStream *
vera_weight_stream_new(VeraRuntime *runtime, int n_layers, GError **error)
{
    g_autoptr(VeraWeightStream) self = g_new0(VeraWeightStream, 1);

    self->runtime = vera_runtime_ref(runtime);
    self->n_layers = n_layers;
    self->sizes = g_new0(gsize, n_layers);
    self->parts = g_new0(GArray *, n_layers);
    for (int i = 0; i < n_layers; i++)
        self->parts[i] = g_array_new(FALSE, FALSE, sizeof(VeraWeightStreamPart));
    for (int i = 0; i < VERA_WEIGHT_STREAM_SLOTS; i++)
        self->loaded[i] = -1;
    if (!vera_k_device_is_host(vera_runtime_get_device(runtime)) &&
        !vera_runtime_check(runtime, vera_k_stream_new(vera_runtime_get_device(runtime), &self->copies), "second stream of the device", error))
        return NULL;
    return g_steal_pointer(&self);
}

void
vera_weight_stream_free(VeraWeightStream *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < self->n_layers; i++)
        g_array_unref(self->parts[i]);
    for (int i = 0; i < VERA_WEIGHT_STREAM_SLOTS; i++)
        vera_k_buffer_free(&self->slots[i]);
    vera_k_stream_free(&self->copies);
    g_free(self->parts);
    g_free(self->sizes);
    vera_runtime_unref(self->runtime);
    g_free(self);
}

void
vera_weight_stream_add(VeraWeightStream *self, int layer, VeraKTensor *tensors, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        VeraWeightStreamPart part = { tensors[i].data, vera_placement_get_bytes(&tensors[i], 1), self->sizes[layer], &tensors[i] };
        if (part.host == NULL)
            continue;
        self->sizes[layer] += part.size;
        g_array_append_val(self->parts[layer], part);
    }
}

gboolean
vera_weight_stream_allocate(VeraWeightStream *self, GError **error)
{
    gsize largest = 0;

    if (self->copies == NULL)
        return TRUE;
    for (int i = 0; i < self->n_layers; i++)
        largest = MAX(largest, self->sizes[i]);
    for (int i = 0; i < VERA_WEIGHT_STREAM_SLOTS; i++)
        if ((self->slots[i] = vera_runtime_new_buffer(self->runtime, largest, error)) == NULL)
            return FALSE;
    for (int layer = 0; layer < self->n_layers; layer++) {
        char *slot = vera_k_buffer_get_data(self->slots[layer % VERA_WEIGHT_STREAM_SLOTS]);
        for (guint i = 0; i < self->parts[layer]->len; i++) {
            VeraWeightStreamPart *part = &g_array_index(self->parts[layer], VeraWeightStreamPart, i);
            part->tensor->data = slot + part->offset;
            part->tensor->constant_id = 0; /* other weights come to the same place */
        }
    }
    return TRUE;
}

static gboolean
vera_weight_stream_copy(VeraWeightStream *self, int layer, GError **error)
{
    int slot = layer % VERA_WEIGHT_STREAM_SLOTS;
    char *to = vera_k_buffer_get_data(self->slots[slot]);

    self->loaded[slot] = -1;
    for (guint i = 0; i < self->parts[layer]->len; i++) {
        const VeraWeightStreamPart *part = &g_array_index(self->parts[layer], VeraWeightStreamPart, i);
        gsize size = (gsize)vera_k_tensor_n_elements(part->tensor) * vera_k_dtype_size(part->tensor->dtype);
        if (!vera_runtime_check(self->runtime, vera_k_copy_async(self->copies, to + part->offset, part->host, size),
                                "copy of weights to the device", error))
            return FALSE;
    }
    self->loaded[slot] = layer;
    return TRUE;
}

/*
 * What the copies wait for is fixed before the operators of @layer are called: the next layer takes the place of the one before @layer,
 * and need not wait for @layer itself.
 */
gboolean
vera_weight_stream_begin(VeraWeightStream *self, int layer, GError **error)
{
    VeraKStream *work = vera_k_ctx_get_stream(vera_runtime_get_ctx(self->runtime));

    if (self->copies == NULL)
        return TRUE;
    if (self->loaded[layer % VERA_WEIGHT_STREAM_SLOTS] != layer &&
        (!vera_runtime_check(self->runtime, vera_k_stream_wait(self->copies, work), "copy of weights to the device", error) ||
         !vera_weight_stream_copy(self, layer, error)))
        return FALSE;
    return vera_runtime_check(self->runtime, vera_k_stream_wait(work, self->copies), "copy of weights to the device", error) &&
           vera_runtime_check(self->runtime, vera_k_stream_wait(self->copies, work), "copy of weights to the device", error);
}

gboolean
vera_weight_stream_end(VeraWeightStream *self, int layer, GError **error)
{
    int next = (layer + 1) % self->n_layers;

    if (self->copies == NULL || next % VERA_WEIGHT_STREAM_SLOTS == layer % VERA_WEIGHT_STREAM_SLOTS ||
        self->loaded[next % VERA_WEIGHT_STREAM_SLOTS] == next)
        return TRUE;
    return vera_weight_stream_copy(self, next, error);
}
