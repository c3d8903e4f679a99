#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/compositing/vera-matte.h"
#include "engine/vera-engine-error.h"

/* Window half-width of the guided filter, at model size, and its regularisation (squared display-coded units). */
#define VERA_MATTE_GUIDE_RADIUS 2
#define VERA_MATTE_GUIDE_EPS 2e-4

/* Below this, the model's matte is background (above 1 - it, foreground) when the whole neighbourhood is. */
#define VERA_MATTE_PLATEAU 0.02f

/* Model-size planes: guide r g b, then the fit (a_r a_g a_b b), the confidence, and the plateau flags. */
enum {
    VERA_MATTE_FIT_AR,
    VERA_MATTE_FIT_AG,
    VERA_MATTE_FIT_AB,
    VERA_MATTE_FIT_B,
    VERA_MATTE_FIT_CONFIDENCE,
    VERA_MATTE_FIT_MATTE,
    VERA_MATTE_N_FIT,
};

typedef struct {
    double mean[4];
    double moment[4][4];
} VeraMatteWindow;

/* Means and second moments of (r, g, b, matte) in the window around (x, y). */
static void
vera_matte_window_gather(
    VeraMatteWindow *window, const VeraImage *matte, const float *guide, int x, int y)
{
    int n = 0, r = VERA_MATTE_GUIDE_RADIUS;

    memset(window, 0, sizeof *window);
    for (int yy = MAX(y - r, 0); yy <= MIN(y + r, matte->height - 1); yy++) {
        for (int xx = MAX(x - r, 0); xx <= MIN(x + r, matte->width - 1); xx++, n++) {
            gsize i = (gsize)yy * matte->width + xx;
            double v[4] = { guide[3 * i], guide[3 * i + 1], guide[3 * i + 2], matte->values[i] };
            for (int a = 0; a < 4; a++) {
                window->mean[a] += v[a];
                for (int b = 0; b <= a; b++)
                    window->moment[a][b] += v[a] * v[b];
            }
        }
    }
    for (int a = 0; a < 4; a++)
        window->mean[a] /= n;
    for (int a = 0; a < 4; a++) {
        for (int b = 0; b <= a; b++) {
            window->moment[a][b] = window->moment[a][b] / n - window->mean[a] * window->mean[b];
            window->moment[b][a] = window->moment[a][b];
        }
    }
}

/* Solves (covariance + eps) a = covariance with the matte, by Cramer's rule. */
static void
vera_matte_window_solve(const VeraMatteWindow *window, double a[3])
{
    double m[3][3], det;

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            m[i][j] = window->moment[i][j] + (i == j ? VERA_MATTE_GUIDE_EPS : 0);
    det = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
          m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
          m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    for (int k = 0; k < 3; k++) {
        double c[3][3];
        memcpy(c, m, sizeof c);
        for (int i = 0; i < 3; i++)
            c[i][k] = window->moment[i][3];
        a[k] = (c[0][0] * (c[1][1] * c[2][2] - c[1][2] * c[2][1]) -
                c[0][1] * (c[1][0] * c[2][2] - c[1][2] * c[2][0]) +
                c[0][2] * (c[1][0] * c[2][1] - c[1][1] * c[2][0])) /
               det;
    }
}

/* The local linear model of the matte in the plate's colours, and how much of the matte's variance it explains. */
static void
vera_matte_fit_pixel(const VeraImage *matte, const float *guide, int x, int y, float *fit)
{
    VeraMatteWindow window;
    double a[3], explained = 0, variance;

    vera_matte_window_gather(&window, matte, guide, x, y);
    vera_matte_window_solve(&window, a);
    variance = window.moment[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            explained += a[i] * a[j] * window.moment[i][j];
    for (int i = 0; i < 3; i++)
        fit[VERA_MATTE_FIT_AR + i] = (float)a[i];
    fit[VERA_MATTE_FIT_B] = (float)(window.mean[3] - a[0] * window.mean[0] - a[1] * window.mean[1] -
                                    a[2] * window.mean[2]);
    fit[VERA_MATTE_FIT_CONFIDENCE] = variance > 1e-6 ? (float)CLAMP(explained / variance, 0, 1) : 0;
    fit[VERA_MATTE_FIT_MATTE] = matte->values[(gsize)y * matte->width + x];
}

/* Smallest and largest value around the gaps between model pixels, which is as far as the bicubic
 * footprint of a plate pixel reaches. */
typedef struct {
    int width;           /* gaps in a row, with those at both sides */
    float (*extents)[2]; /* from the gap left of and above the first pixel on */
    int *columns;        /* the gap of each column of the plate */
} VeraMatteGaps;

static void
vera_matte_gaps_clear(VeraMatteGaps *self)
{
    g_free(self->extents);
    g_free(self->columns);
}

/* The gap, from 0 on, in which plate pixel @at of @to lies. */
static int
vera_matte_find_gap(int at, int from, int to)
{
    return (int)floor((at + 0.5) * from / to - 0.5) + 1;
}

static void
vera_matte_gaps_measure(const VeraImage *matte, int x, int y, float extent[2])
{
    extent[0] = 1;
    extent[1] = 0;
    for (int yy = MAX(y - 2, 0); yy <= MIN(y + 1, matte->height - 1); yy++) {
        for (int xx = MAX(x - 2, 0); xx <= MIN(x + 1, matte->width - 1); xx++) {
            float v = matte->values[(gsize)yy * matte->width + xx];
            extent[0] = MIN(extent[0], v);
            extent[1] = MAX(extent[1], v);
        }
    }
}

static gboolean
vera_matte_gaps_init(VeraMatteGaps *self, const VeraImage *matte, const VeraImage *target)
{
    self->width = matte->width + 1;
    self->extents =
        g_try_malloc_n((gsize)self->width * (gsize)(matte->height + 1), sizeof *self->extents);
    self->columns = g_try_new(int, target->width);
    if (self->extents == NULL || self->columns == NULL)
        return FALSE;
    for (int y = 0; y <= matte->height; y++)
        for (int x = 0; x <= matte->width; x++)
            vera_matte_gaps_measure(matte, x, y,
                                    self->extents[(gsize)y * (gsize)self->width + (gsize)x]);
    for (int x = 0; x < target->width; x++)
        self->columns[x] = vera_matte_find_gap(x, matte->width, target->width);
    return TRUE;
}

static float
vera_matte_blend(const float *fit, const float *plate, float plain)
{
    float guided = fit[VERA_MATTE_FIT_AR] * plate[0] + fit[VERA_MATTE_FIT_AG] * plate[1] +
                   fit[VERA_MATTE_FIT_AB] * plate[2] + fit[VERA_MATTE_FIT_B];
    float trust = CLAMP((fit[VERA_MATTE_FIT_CONFIDENCE] - 0.5f) * 2.5f, 0.0f, 1.0f);

    return CLAMP(CLAMP(guided, 0.0f, 1.0f) * trust + plain * (1 - trust), 0.0f, 1.0f);
}

/* Most of a matte is plateau; the fit is looked up only where it is not. */
static void
vera_matte_fill_row(const VeraMatteGaps *gaps,
                    const float (*extents)[2],
                    const VeraResampler *fits,
                    const VeraImage *plate,
                    const VeraImage *target,
                    int y)
{
    float fit[VERA_MATTE_N_FIT];

    for (int x = 0; x < target->width; x++) {
        gsize i = (gsize)y * (gsize)target->width + (gsize)x;
        const float *extent = extents[gaps->columns[x]];

        if (extent[1] <= VERA_MATTE_PLATEAU) {
            target->values[i] = 0.0f;
        } else if (extent[0] >= 1 - VERA_MATTE_PLATEAU) {
            target->values[i] = 1.0f;
        } else {
            vera_resampler_get_pixel(fits, x, y, fit);
            target->values[i] =
                vera_matte_blend(fit, plate->values + 3 * i, CLAMP(target->values[i], 0.0f, 1.0f));
        }
    }
}

/* Fills @target, which holds the matte enlarged as it is. */
static gboolean
vera_matte_fill(const VeraImage *matte,
                const VeraImage *plate,
                const VeraImage *fits,
                const VeraImage *target)
{
    VeraMatteGaps gaps = {0};
    g_autoptr(VeraResampler) wide =
        vera_resampler_new(fits, VERA_RESAMPLE_FILTER_BILINEAR, target->width, target->height);
    gboolean ok = wide != NULL && vera_matte_gaps_init(&gaps, matte, target);

    if (ok) {
#pragma omp parallel for schedule(static)
        for (int y = 0; y < target->height; y++) {
            int gap = vera_matte_find_gap(y, matte->height, target->height);
            vera_matte_fill_row(&gaps, (const float(*)[2])gaps.extents + gap * gaps.width, wide,
                                plate, target, y);
        }
    }
    vera_matte_gaps_clear(&gaps);
    return ok;
}

gboolean
vera_matte_upscale(const VeraImage *matte,
                   const VeraImage *plate,
                   const VeraImage *target,
                   GError **error)
{
    gsize n_small = (gsize)matte->width * (gsize)matte->height;
    g_autofree float *guide = g_try_new(float, n_small * 3);
    g_autofree float *fits = g_try_new(float, n_small *VERA_MATTE_N_FIT);
    VeraImage small_guide = { matte->width, matte->height, 3, guide };
    VeraImage small_fits = {matte->width, matte->height, VERA_MATTE_N_FIT, fits};

    g_return_val_if_fail(plate->width == target->width && plate->height == target->height, FALSE);
    if (guide == NULL || fits == NULL ||
        !vera_image_resample(plate, VERA_RESAMPLE_FILTER_BILINEAR, &small_guide))
        goto no_memory;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < matte->height; y++)
        for (int x = 0; x < matte->width; x++)
            vera_matte_fit_pixel(matte, guide, x, y,
                                 fits + ((gsize)y * matte->width + x) * VERA_MATTE_N_FIT);
    if (!vera_image_resample(matte, VERA_RESAMPLE_FILTER_BICUBIC, target) ||
        !vera_matte_fill(matte, plate, &small_fits, target))
        goto no_memory;
    return TRUE;

no_memory:
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                "Too little memory to enlarge a matte to %d by %d pixels.", target->width,
                target->height);
    return FALSE;
}
