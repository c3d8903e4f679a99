#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraResampleFilter:
 * @VERA_RESAMPLE_FILTER_BILINEAR: triangle, never overshoots
 * @VERA_RESAMPLE_FILTER_BICUBIC: Catmull-Rom, sharp; overshoot is the caller's to clamp
 */
typedef enum {
    VERA_RESAMPLE_FILTER_BILINEAR,
    VERA_RESAMPLE_FILTER_BICUBIC,
} VeraResampleFilter;

/**
 * VeraImage:
 * @width: pixels
 * @height: pixels
 * @n_channels: interleaved channels
 * @values: width * height * n_channels floats, rows without gaps; borrowed
 */
typedef struct {
    int width;
    int height;
    int n_channels;
    float *values;
} VeraImage;

/**
 * vera_image_resample:
 * @source: an image
 * @filter: reconstruction filter; widened for minification, so that nothing aliases
 * @target: (inout): size and channels say what is wanted, values are filled; channels as in @source
 *
 * Separable resampling with pixel centres at half integers and clamped borders. Equal sizes copy the bits.
 * Threaded over rows; the result does not depend on the number of threads.
 *
 * Returns: %FALSE if scratch memory could not be had (@target undefined)
 */
gboolean
vera_image_resample(const VeraImage *source, VeraResampleFilter filter, const VeraImage *target);

G_END_DECLS
