#include "config.h"

#include "engine/compositing/vera-resample.h"

#include <math.h>
#include <string.h>

/* The taps of one axis: for every target position the first source sample and @n_taps weights. */
typedef struct {
    int n_taps;
    int *first;
    float *weights;
} VeraResampleAxis;

static double
vera_resample_kernel(VeraResampleFilter filter, double x)
{
    x = fabs(x);
    if (filter == VERA_RESAMPLE_FILTER_BILINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2)
        return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

static void
vera_resample_axis_clear(VeraResampleAxis *self)
{
    g_free(self->first);
    g_free(self->weights);
}

static gboolean
vera_resample_axis_init(VeraResampleAxis *self, VeraResampleFilter filter, int from, int to)
{
    double scale = (double)from / to;
    double stretch = MAX(scale, 1.0);
    double support = (filter == VERA_RESAMPLE_FILTER_BILINEAR ? 1.0 : 2.0) * stretch;

    self->n_taps = (int)ceil(support * 2) + 1;
    self->first = g_try_new(int, to);
    self->weights = g_try_new(float, (gsize)to *self->n_taps);
    if (self->first == NULL || self->weights == NULL)
        return FALSE;

    for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale - 0.5;
        float *row = self->weights + (gsize)i * self->n_taps;
        double sum = 0;
        self->first[i] = (int)floor(centre - support) + 1;
        for (int t = 0; t < self->n_taps; t++)
            sum += vera_resample_kernel(filter, (self->first[i] + t - centre) / stretch);
        for (int t = 0; t < self->n_taps; t++) {
            double w = vera_resample_kernel(filter, (self->first[i] + t - centre) / stretch);
            row[t] = (float)(w / sum);
        }
    }
    return TRUE;
}

static void
vera_resample_row(const VeraResampleAxis *axis, const VeraImage *source, int y, float *out, int width)
{
    int channels = source->n_channels;
    const float *in = source->values + (gsize)y * source->width * channels;

    for (int x = 0; x < width; x++) {
        const float *w = axis->weights + (gsize)x * axis->n_taps;
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int t = 0; t < axis->n_taps; t++) {
                int sx = CLAMP(axis->first[x] + t, 0, source->width - 1);
                sum += w[t] * in[(gsize)sx * channels + c];
            }
            out[(gsize)x * channels + c] = sum;
        }
    }
}

static void
vera_resample_column(const VeraResampleAxis *axis, const float *in, int height, gsize row, int y, float *out)
{
    const float *w = axis->weights + (gsize)y * axis->n_taps;

    memset(out, 0, row * sizeof *out);
    for (int t = 0; t < axis->n_taps; t++) {
        const float *line = in + row * CLAMP(axis->first[y] + t, 0, height - 1);
        if (w[t] == 0)
            continue;
        for (gsize i = 0; i < row; i++)
            out[i] += w[t] * line[i];
    }
}

gboolean
vera_image_resample(const VeraImage *source, VeraResampleFilter filter, const VeraImage *target)
{
    VeraResampleAxis h = { 0 }, v = { 0 };
    gsize row = (gsize)target->width * source->n_channels;
    g_autofree float *wide = NULL;
    gboolean ok;

    g_return_val_if_fail(source->n_channels == target->n_channels, FALSE);
    if (source->width == target->width && source->height == target->height) {
        memcpy(target->values, source->values, row * target->height * sizeof(float));
        return TRUE;
    }
    wide = g_try_new(float, row *source->height);
    ok = vera_resample_axis_init(&h, filter, source->width, target->width) &&
         vera_resample_axis_init(&v, filter, source->height, target->height) && wide != NULL;
    if (ok) {
#pragma omp parallel for schedule(static)
        for (int y = 0; y < source->height; y++)
            vera_resample_row(&h, source, y, wide + row * y, target->width);
#pragma omp parallel for schedule(static)
        for (int y = 0; y < target->height; y++)
            vera_resample_column(&v, wide, source->height, row, y, target->values + row * y);
    }
    vera_resample_axis_clear(&h);
    vera_resample_axis_clear(&v);
    return ok;
}
