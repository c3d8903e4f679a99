#pragma once

#include <glib.h>

#include "engine/compositing/vera-resample.h"

G_BEGIN_DECLS

/**
 * VeraMatteRefinement:
 * @black: values up to it become 0, 0..1
 * @white: values from it become 1, 0..1, above @black
 * @grow_px: pixels to grow (positive) or shrink (negative) by, at plate size, -64..64
 * @feather_px: standard deviation of the softening, at plate size, 0..64
 * @despeckle_px: islands and holes of fewer pixels than this are removed, 0 for none
 * @is_inverted: 1 - matte, applied first
 * @is_snapped: of a take whose mattes were also snapped to the picture, those are used; says nothing of other takes
 * @is_edge_clean: of such a take, the old background is taken out of the soft edge of what is kept,
 *   vera_edge_clean(); not where the matte is inverted; says nothing of other takes
 * @floor: after everything, values below it become exactly 0, and above 1 - floor exactly 1; 0..0.5;
 *   what 16-bit files cannot tell from 0 becomes 0 in any case
 *
 * How a matte is refined before it is used. Applied in this order: clean edges, invert, black and white point,
 * despeckle, grow or shrink, feather, floor.
 */
typedef struct {
    float black;
    float white;
    float grow_px;
    float feather_px;
    int despeckle_px;
    gboolean is_inverted;
    gboolean is_snapped;
    gboolean is_edge_clean;
    float floor;
} VeraMatteRefinement;

/** The refinement of a new take: snapped and its edge clean if it can be, and a floor that makes near-zero exactly zero. */
#define VERA_MATTE_REFINEMENT_INIT                                                                 \
    {                                                                                              \
        .black = 0.0f, .white = 1.0f, .is_snapped = TRUE, .is_edge_clean = TRUE,             \
        .floor = 0.02f                                                                             \
    }

/**
 * vera_matte_refinement_is_valid:
 * @self: a refinement
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_USAGE names the value that is out of range.
 * Returns: %TRUE if every value is in its range
 */
gboolean vera_matte_refinement_is_valid(const VeraMatteRefinement *self, GError **error);

/**
 * vera_matte_refine:
 * @refinement: a valid refinement
 * @matte: (inout): one channel, 0..1
 * @error: return location for a #GError
 *
 * Refines in place; non-finite values become 0 first. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe.
 * Returns: %TRUE on success
 */
gboolean vera_matte_refine(const VeraMatteRefinement *refinement, const VeraImage *matte, GError **error);

/**
 * vera_matte_upscale:
 * @matte: one channel at model size, 0..1
 * @plate: three channels at plate size, display-coded: the guide
 * @target: (inout): one channel at plate size
 * @error: return location for a #GError
 *
 * Enlarges a matte so that its edges follow the plate's edges where both agree: a colour guided filter
 * (He, Sun, Tang 2013) evaluated at model size and applied at plate size, mixed with plain bicubic by how
 * well the plate explains the matte there. Where the matte is 0 (or 1) in the whole neighbourhood, the
 * result is exactly 0 (or 1). The plate itself is never changed.
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 * Returns: %TRUE on success
 */
gboolean vera_matte_upscale(const VeraImage *matte,
                            const VeraImage *plate,
                            const VeraImage *target,
                            GError **error);

G_END_DECLS
