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

/**
 * VeraResampler: an image that is resampled where it is asked for: pixels of vera_image_resample(),
 * bit by bit, without memory for all of them.
 *
 * Thread-safety: any number of threads may ask one.
 */
typedef struct _VeraResampler VeraResampler;

/** vera_resampler_new: @width, @height of the result; needs @source no longer. Threaded over rows.
 * Returns: (transfer full) (nullable): a resampler; %NULL without memory */
VeraResampler *
vera_resampler_new(const VeraImage *source, VeraResampleFilter filter, int width, int height);

void vera_resampler_free(VeraResampler *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraResampler, vera_resampler_free)

/** vera_resampler_get_pixel: @values: (out caller-allocates): the channels of pixel (@x, @y) */
void vera_resampler_get_pixel(const VeraResampler *self, int x, int y, float *values);

G_END_DECLS
