#include "config.h"

#include "engine/compositing/vera-edge-clean.h"

#include <math.h>

#include "engine/vera-engine-error.h"

/* Up to it the source is known to be kept, and from 1 - it on to be replaced. */
#define VERA_EDGE_KNOWN 0.02f

/* Half-width, and standard deviation, of the window in which colours are averaged: in model pixels. */
#define VERA_EDGE_RADIUS 3
#define VERA_EDGE_SIGMA 1.5

/* How much more the two colours have to differ than they vary, and what differs too little in any case (squared). */
#define VERA_EDGE_VARIANCE_WEIGHT 4.0f
#define VERA_EDGE_DIFFERENCE 1e-3f

/* The part of the window that has to be known for full trust; less gives less, so that nothing begins at a line. */
#define VERA_EDGE_KNOWN_PART 0.02f

/* Sums over a cell of the grid, which has one for each model pixel: of the kept source, then of the replaced one. */
enum {
    VERA_EDGE_R,
    VERA_EDGE_G,
    VERA_EDGE_B,
    VERA_EDGE_SQUARES,
    VERA_EDGE_COUNT,
    VERA_EDGE_N_SUMS,
    VERA_EDGE_N_CHANNELS = 2 * VERA_EDGE_N_SUMS,
};

/* Colours around a pixel, and how far they may be trusted to tell the two sides apart, 0..1. */
typedef struct {
    float kept[3];
    float replaced[3];
    float trust;
} VeraEdgeColors;

static gboolean
vera_edge_is_soft(float alpha)
{
    return alpha > 0.0f && alpha < 1.0f;
}

static void
vera_edge_add(float *cell, const float *color)
{
    float squares = color[0] * color[0] + color[1] * color[1] + color[2] * color[2];

    if (!isfinite(squares))
        return;
    for (int c = 0; c < 3; c++)
        cell[VERA_EDGE_R + c] += color[c];
    cell[VERA_EDGE_SQUARES] += squares;
    cell[VERA_EDGE_COUNT] += 1.0f;
}

/* Sums up one row of cells. */
static void
vera_edge_sum_row(const VeraImage *plate, const VeraImage *matte, const VeraImage *grid, int row)
{
    int from = (int)((gint64)row * plate->height / grid->height);
    int to = (int)((gint64)(row + 1) * plate->height / grid->height);
    float *cells = grid->values + (gsize)row * (gsize)grid->width * VERA_EDGE_N_CHANNELS;

    for (int y = from; y < to; y++) {
        for (int x = 0; x < plate->width; x++) {
            gsize i = (gsize)y * (gsize)plate->width + (gsize)x;
            float *cell = cells + (gint64)x * grid->width / plate->width * VERA_EDGE_N_CHANNELS;
            if (matte->values[i] <= VERA_EDGE_KNOWN)
                vera_edge_add(cell, plate->values + 3 * i);
            else if (matte->values[i] >= 1 - VERA_EDGE_KNOWN)
                vera_edge_add(cell + VERA_EDGE_N_SUMS, plate->values + 3 * i);
        }
    }
}

/* The weights of cells from -VERA_EDGE_RADIUS to VERA_EDGE_RADIUS. Returns: their sum */
static float
vera_edge_fill_weights(float weights[2 * VERA_EDGE_RADIUS + 1])
{
    float sum = 0;

    for (int k = -VERA_EDGE_RADIUS; k <= VERA_EDGE_RADIUS; k++) {
        weights[k + VERA_EDGE_RADIUS] = (float)exp(-k * k / (2 * VERA_EDGE_SIGMA * VERA_EDGE_SIGMA));
        sum += weights[k + VERA_EDGE_RADIUS];
    }
    return sum;
}

/* A Gaussian along one axis: cell (x, y) of @to is that of @from, weighted with its neighbours @step cells apart. */
static void
vera_edge_blur(const VeraImage *from, const VeraImage *to, gboolean is_vertical)
{
    int n = is_vertical ? from->height : from->width;
    gsize step = (is_vertical ? (gsize)from->width : 1) * VERA_EDGE_N_CHANNELS;
    float weights[2 * VERA_EDGE_RADIUS + 1];

    vera_edge_fill_weights(weights);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < from->height; y++) {
        for (int x = 0; x < from->width; x++) {
            gsize i = ((gsize)y * (gsize)from->width + (gsize)x) * VERA_EDGE_N_CHANNELS;
            int at = is_vertical ? y : x;
            float sums[VERA_EDGE_N_CHANNELS] = {0};
            for (int k = MAX(-VERA_EDGE_RADIUS, -at); k <= MIN(VERA_EDGE_RADIUS, n - 1 - at); k++) {
                const float *cell = from->values + i + (gssize)step * k;
                float weight = weights[k + VERA_EDGE_RADIUS];
                for (int c = 0; c < VERA_EDGE_N_CHANNELS; c++)
                    sums[c] += weight * cell[c];
            }
            for (int c = 0; c < VERA_EDGE_N_CHANNELS; c++)
                to->values[i + (gsize)c] = sums[c];
        }
    }
}

/* The mean colour of one side from its @sums; its variance, or -1 if nothing of it is known. */
static float
vera_edge_get_mean(const float *sums, float mean[3])
{
    float count = sums[VERA_EDGE_COUNT], variance;

    if (!(count > 0))
        return -1.0f;
    variance = sums[VERA_EDGE_SQUARES] / count;
    for (int c = 0; c < 3; c++) {
        mean[c] = sums[VERA_EDGE_R + c] / count;
        variance -= mean[c] * mean[c];
    }
    return MAX(variance, 0.0f);
}

/* What is done: the grid enlarged to the plate, and what it needs to know of its cells. */
typedef struct {
    const VeraImage *plate;
    const VeraImage *matte;
    const VeraImage *rgb;
    const VeraResampler *colors;
    float n_enough;    /* pixels of the window that give full trust */
    float *solved;     /* the matte as each soft pixel's own colour has it, -1 elsewhere */
    int radius;        /* over which that is averaged, so that texture does not become dust */
} VeraEdgeCleaner;

static gboolean
vera_edge_get_colors(const VeraEdgeCleaner *self, int x, int y, VeraEdgeColors *colors)
{
    float sums[VERA_EDGE_N_CHANNELS], kept_variance, replaced_variance, difference = 0;

    vera_resampler_get_pixel(self->colors, x, y, sums);
    kept_variance = vera_edge_get_mean(sums, colors->kept);
    replaced_variance = vera_edge_get_mean(sums + VERA_EDGE_N_SUMS, colors->replaced);
    if (kept_variance < 0 || replaced_variance < 0)
        return FALSE;
    for (int c = 0; c < 3; c++) {
        float d = colors->replaced[c] - colors->kept[c];
        difference += d * d;
    }
    colors->trust = difference / (difference + VERA_EDGE_DIFFERENCE +
                                  VERA_EDGE_VARIANCE_WEIGHT * (kept_variance + replaced_variance));
    colors->trust *= MIN(sums[VERA_EDGE_COUNT] / self->n_enough, 1.0f) *
                     MIN(sums[VERA_EDGE_N_SUMS + VERA_EDGE_COUNT] / self->n_enough, 1.0f);
    return isfinite(colors->trust);
}

static void
vera_edge_solve_row(const VeraEdgeCleaner *self, int y)
{
    for (int x = 0; x < self->plate->width; x++) {
        gsize i = (gsize)y * (gsize)self->plate->width + (gsize)x;
        const float *source = self->plate->values + 3 * i;
        VeraEdgeColors colors;
        float along = 0, length = 1e-6f;

        self->solved[i] = -1.0f;
        if (!vera_edge_is_soft(self->matte->values[i]) || !vera_edge_get_colors(self, x, y, &colors))
            continue;
        for (int c = 0; c < 3; c++) {
            float d = colors.replaced[c] - colors.kept[c];
            along += (source[c] - colors.kept[c]) * d;
            length += d * d;
        }
        if (isfinite(along))
            self->solved[i] = CLAMP(along / length, 0.0f, 1.0f);
    }
}

static float
vera_edge_get_solved(const VeraEdgeCleaner *self, int x, int y)
{
    int width = self->plate->width, height = self->plate->height, r = self->radius, n = 0;
    float sum = 0;

    for (int yy = MAX(y - r, 0); yy <= MIN(y + r, height - 1); yy++) {
        for (int xx = MAX(x - r, 0); xx <= MIN(x + r, width - 1); xx++) {
            float solved = self->solved[(gsize)yy * (gsize)width + (gsize)xx];
            sum += MAX(solved, 0.0f);
            n += solved >= 0;
        }
    }
    return sum / (float)MAX(n, 1);
}

/* Near the ends of the edge the model is believed rather than one pixel: less of a hint is needed to take away what is left of
 * the background than to keep more of the source, where texture would stay as dust. */
static float
vera_edge_get_alpha(float alpha, float solved, float trust)
{
    float weight = solved > alpha ? MIN(6 * alpha, 1.0f) : MIN(2 * (1 - alpha), 1.0f);

    return alpha + trust * weight * (solved - alpha);
}

static void
vera_edge_clean_row(const VeraEdgeCleaner *self, int y)
{
    for (int x = 0; x < self->plate->width; x++) {
        gsize i = (gsize)y * (gsize)self->plate->width + (gsize)x;
        float *alpha = self->matte->values + i, *color = self->rgb->values + 3 * i;
        VeraEdgeColors colors;

        if (self->solved[i] < 0 || !vera_edge_get_colors(self, x, y, &colors))
            continue;
        *alpha = vera_edge_get_alpha(*alpha, vera_edge_get_solved(self, x, y), colors.trust);
        for (int c = 0; c < 3; c++)
            color[c] = CLAMP(color[c] + colors.trust * (1 - *alpha) *
                                            (colors.kept[c] - colors.replaced[c]),
                             0.0f, 1.0f);
    }
}

/* Means of both sides' colours around each model pixel, as sums. */
static VeraResampler *
vera_edge_measure(const VeraImage *plate, const VeraImage *matte, int width, int height)
{
    gsize n = (gsize)width * (gsize)height * VERA_EDGE_N_CHANNELS;
    g_autofree float *sums = g_try_new0(float, n), *blurred = g_try_new(float, n);
    VeraImage grid = {width, height, VERA_EDGE_N_CHANNELS, sums};
    VeraImage half = {width, height, VERA_EDGE_N_CHANNELS, blurred};

    if (sums == NULL || blurred == NULL)
        return NULL;
#pragma omp parallel for schedule(static)
    for (int row = 0; row < height; row++)
        vera_edge_sum_row(plate, matte, &grid, row);
    vera_edge_blur(&grid, &half, FALSE);
    vera_edge_blur(&half, &grid, TRUE);
    return vera_resampler_new(&grid, VERA_RESAMPLE_FILTER_BILINEAR, plate->width, plate->height);
}

gboolean
vera_edge_clean(const VeraImage *plate,
                int model_width,
                int model_height,
                const VeraImage *matte,
                const VeraImage *rgb,
                GError **error)
{
    g_autoptr(VeraResampler) colors = vera_edge_measure(plate, matte, model_width, model_height);
    g_autofree float *solved = g_try_new(float, (gsize)plate->width * (gsize)plate->height);
    float area = (float)plate->width * (float)plate->height / ((float)model_width * (float)model_height);
    float weights[2 * VERA_EDGE_RADIUS + 1], window = vera_edge_fill_weights(weights);
    VeraEdgeCleaner cleaner = {.plate = plate,
                               .matte = matte,
                               .rgb = rgb,
                               .colors = colors,
                               .solved = solved,
                               .radius = plate->width / model_width / 4};

    cleaner.n_enough = VERA_EDGE_KNOWN_PART * area * window * window;
    if (colors == NULL || solved == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory to clean the edges of a matte of %d by %d pixels.",
                    plate->width, plate->height);
        return FALSE;
    }
#pragma omp parallel for schedule(static)
    for (int y = 0; y < plate->height; y++)
        vera_edge_solve_row(&cleaner, y);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < plate->height; y++)
        vera_edge_clean_row(&cleaner, y);
    return TRUE;
}
