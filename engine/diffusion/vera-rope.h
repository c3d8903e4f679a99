#pragma once

#include <glib.h>

#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * vera_rope_new:
 * @runtime: where
 * @head_dim: width of a head, even
 * @grid: tokens in time, height, width
 * @cosines: (out) (transfer full): F32 [t * h * w, head_dim / 2]
 * @sines: (out) (transfer full): the same
 * @error: return location for a #GError
 *
 * The tables of the rotary embedding (wan21-spec.md section 1.5): height and width take 2 * (head_dim / 6) channels each, time the
 * rest; angles in double. Errors: as vera_tensor_new().
 * Returns: %TRUE on success
 */
gboolean vera_rope_new(VeraRuntime *runtime,
                       int head_dim,
                       const gint64 grid[3],
                       VeraTensor **cosines,
                       VeraTensor **sines,
                       GError **error);

G_END_DECLS
