#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * VeraPlacement:
 *
 * Weights where the operators of a runtime read them. A CPU reads the mapped file itself and nothing is copied; for a GPU they lie in
 * one buffer of device memory.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraPlacement VeraPlacement;

/**
 * vera_placement_new:
 * @runtime: whose operators are to read them
 * @tensors: (inout) (array length=n): weights in host memory, contiguous; their addresses become those on the device. Entries without
 *   data stay as they are.
 * @n: number of @tensors
 * @error: return location for a #GError
 *
 * On failure no tensor has changed. Errors: %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY, %VERA_ENGINE_ERROR_DEVICE_LOST,
 * %VERA_ENGINE_ERROR_CANCELLED.
 * Returns: (transfer full): what keeps them there, or %NULL
 */
VeraPlacement *vera_placement_new(VeraRuntime *runtime, VeraKTensor *tensors, gsize n, GError **error);

/** vera_placement_get_bytes: Returns: device memory that a placement of the @n @tensors takes */
gsize vera_placement_get_bytes(const VeraKTensor *tensors, gsize n);

/** vera_placement_free: the tensors must no longer be used. */
void vera_placement_free(VeraPlacement *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraPlacement, vera_placement_free)

G_END_DECLS
