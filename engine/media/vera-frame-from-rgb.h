#pragma once

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraFramePixels:
 * @width: columns
 * @height: rows
 * @rgb: width*height*3 display-coded floats, nominally 0..1
 * @alpha: (nullable): width*height floats, 0..1; %NULL is opaque
 *
 * A picture in floating point.
 */
typedef struct {
    int width;
    int height;
    const float *rgb;
    const float *alpha;
} VeraFramePixels;

/**
 * vera_frame_new_from_rgb:
 * @format: integer samples: RGB, or YUV 4:4:4 or 4:2:0 with chroma on the left; with or without
 * alpha
 * @color: matrix and range of the samples
 * @width: columns of the frame, at least those of @pixels; the edge is repeated
 * @height: rows of the frame, likewise
 * @pixels: the picture
 * @error: return location for a #GError
 *
 * The inverse of vera_frame_to_rgb(), rounded to the nearest code. Chroma of 4:2:0 is filtered
 * (1 2 1) across and (1 1) down. Limited range is kept clear of the codes that are reserved for
 * synchronisation. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe.
 * Returns: (transfer full): a frame, or %NULL
 */
VeraFrame *vera_frame_new_from_rgb(const VeraFrameFormat *format,
                                   const VeraColorDescription *color,
                                   int width,
                                   int height,
                                   const VeraFramePixels *pixels,
                                   GError **error);

G_END_DECLS
