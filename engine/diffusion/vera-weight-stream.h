#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * VeraWeightStream:
 *
 * Weights of layers that are run one after the other, over and over, in device memory for two layers: while one is computed, the next is
 * copied. On a CPU nothing is copied and nothing happens.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraWeightStream VeraWeightStream;

/** vera_weight_stream_new: @n_layers layers, still empty. Returns: (transfer full): a stream, or %NULL */
VeraWeightStream *vera_weight_stream_new(VeraRuntime *runtime, int n_layers, GError **error);

/**
 * vera_weight_stream_add:
 * @tensors: (array length=n): weights in host memory, contiguous, that belong to @layer; they are borrowed and stay where they are until
 *   vera_weight_stream_allocate(), which gives them the addresses at which they can be read between begin and end
 */
void vera_weight_stream_add(VeraWeightStream *self, int layer, VeraKTensor *tensors, gsize n);

/** vera_weight_stream_allocate: memory for two layers. Errors: %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY. */
gboolean vera_weight_stream_allocate(VeraWeightStream *self, GError **error);

/** vera_weight_stream_begin: operators that are called from now on read the weights of @layer. */
gboolean vera_weight_stream_begin(VeraWeightStream *self, int layer, GError **error);

/** vera_weight_stream_end: no more operators read @layer; brings the layer after it, the first after the last. */
gboolean vera_weight_stream_end(VeraWeightStream *self, int layer, GError **error);

void vera_weight_stream_free(VeraWeightStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraWeightStream, vera_weight_stream_free)

G_END_DECLS
