#pragma once

#include <glib.h>

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraComposite:
 * @width: plate width
 * @height: plate height
 * @source_rgb: width*height*3 floats as stored, vera_frame_to_rgb() of the source
 * @layer_rgb: the edit layer, straight colour, the same size and coding
 * @matte: width*height, 0..1
 * @opacity: of the layer, 0..1; the effective matte is matte * opacity
 * @is_linear: composite in linear light instead of as displayed, which is on values as stored, or coded by sRGB where they are
 *   stored in linear light
 * @transfer: the source's transfer function
 *
 * One `over` of an edit layer on the source: edit * alpha + source * (1 - alpha).
 */
typedef struct {
    int width;
    int height;
    const float *source_rgb;
    const float *layer_rgb;
    const float *matte;
    float opacity;
    gboolean is_linear;
    VeraColorTransfer transfer;
} VeraComposite;

/**
 * vera_composite_over:
 * @self: what to composite
 * @out_rgb: (out caller-allocates): width*height*3 floats as in the source; may be @source_rgb
 *
 * Where the effective matte is 0 the source is copied, bit for bit, never computed; the same holds for the layer where
 * it is 1. Does not depend on the number of threads.
 *
 * Thread-safety: safe.
 */
void vera_composite_over(const VeraComposite *self, float *out_rgb);

/**
 * vera_composite_to_frame:
 * @source: the decoded source frame
 * @self: the composite; source_rgb must be vera_frame_to_rgb() of @source
 * @composite_rgb: the result of vera_composite_over()
 * @error: return location for a #GError
 *
 * The composite in the source's own sample format, for lossless video: samples whose matte is 0 are copied. A subsampled chroma
 * sample is copied when the matte is 0 at every pixel that it covers.
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe.
 * Returns: (transfer full): a new frame, or %NULL
 */
VeraFrame *vera_composite_to_frame(VeraFrame *source,
                                   const VeraComposite *self,
                                   const float *composite_rgb,
                                   GError **error);

G_END_DECLS
