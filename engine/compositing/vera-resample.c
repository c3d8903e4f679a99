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

struct _VeraResampler {
    int n_channels;
    int source_height;
    gsize row; /* values of a row of the result */
    VeraResampleAxis h, v;
    float *wide; /* the source, as wide as the result: [source_height, row] */
};

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

VeraResampler *
vera_resampler_new(const VeraImage *source, VeraResampleFilter filter, int width, int height)
{
    g_autoptr(VeraResampler) self = g_new0(VeraResampler, 1);

    self->n_channels = source->n_channels;
    self->source_height = source->height;
    self->row = (gsize)width * (gsize)source->n_channels;
    self->wide = g_try_new(float, self->row *(gsize)source->height);
    if (self->wide == NULL || !vera_resample_axis_init(&self->h, filter, source->width, width) ||
        !vera_resample_axis_init(&self->v, filter, source->height, height))
        return NULL;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < source->height; y++)
        vera_resample_row(&self->h, source, y, self->wide + self->row * (gsize)y, width);
    return g_steal_pointer(&self);
}

void
vera_resampler_free(VeraResampler *self)
{
    vera_resample_axis_clear(&self->h);
    vera_resample_axis_clear(&self->v);
    g_free(self->wide);
    g_free(self);
}

void
vera_resampler_get_pixel(const VeraResampler *self, int x, int y, float *values)
{
    const float *w = self->v.weights + (gsize)y * (gsize)self->v.n_taps;
    const float *column = self->wide + (gsize)x * (gsize)self->n_channels;

    memset(values, 0, (gsize)self->n_channels * sizeof *values);
    for (int t = 0; t < self->v.n_taps; t++) {
        int line = CLAMP(self->v.first[y] + t, 0, self->source_height - 1);
        for (int c = 0; w[t] != 0 && c < self->n_channels; c++)
            values[c] += w[t] * column[self->row * (gsize)line + (gsize)c];
    }
}

gboolean
vera_image_resample(const VeraImage *source, VeraResampleFilter filter, const VeraImage *target)
{
    gsize row = (gsize)target->width * (gsize)source->n_channels;
    g_autoptr(VeraResampler) self = NULL;

    g_return_val_if_fail(source->n_channels == target->n_channels, FALSE);
    if (source->width == target->width && source->height == target->height) {
        memcpy(target->values, source->values, row * (gsize)target->height * sizeof(float));
        return TRUE;
    }
    self = vera_resampler_new(source, filter, target->width, target->height);
    if (self == NULL)
        return FALSE;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < target->height; y++)
        vera_resample_column(&self->v, self->wide, source->height, row, y,
                             target->values + row * (gsize)y);
    return TRUE;
}
