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

/* Smallest and largest model value whose bicubic footprint can reach plate pixel (x, y). */
static void
vera_matte_get_extent(const VeraImage *matte, const VeraImage *target, int x, int y, float extent[2])
{
    int cx = (int)floor((x + 0.5) * matte->width / target->width - 0.5);
    int cy = (int)floor((y + 0.5) * matte->height / target->height - 0.5);

    extent[0] = 1;
    extent[1] = 0;
    for (int yy = MAX(cy - 1, 0); yy <= MIN(cy + 2, matte->height - 1); yy++) {
        for (int xx = MAX(cx - 1, 0); xx <= MIN(cx + 2, matte->width - 1); xx++) {
            float v = matte->values[(gsize)yy * matte->width + xx];
            extent[0] = MIN(extent[0], v);
            extent[1] = MAX(extent[1], v);
        }
    }
}

static float
vera_matte_blend(const float *fit, const float *plate, float plain)
{
    float guided = fit[VERA_MATTE_FIT_AR] * plate[0] + fit[VERA_MATTE_FIT_AG] * plate[1] +
                   fit[VERA_MATTE_FIT_AB] * plate[2] + fit[VERA_MATTE_FIT_B];
    float trust = CLAMP((fit[VERA_MATTE_FIT_CONFIDENCE] - 0.5f) * 2.5f, 0.0f, 1.0f);

    return CLAMP(CLAMP(guided, 0.0f, 1.0f) * trust + plain * (1 - trust), 0.0f, 1.0f);
}

static void
vera_matte_fill_row(const VeraImage *matte, const VeraImage *plate, const float *fits, const VeraImage *target, int y)
{
    for (int x = 0; x < target->width; x++) {
        gsize i = (gsize)y * target->width + x;
        float extent[2];

        vera_matte_get_extent(matte, target, x, y, extent);
        if (extent[1] <= VERA_MATTE_PLATEAU)
            target->values[i] = 0.0f;
        else if (extent[0] >= 1 - VERA_MATTE_PLATEAU)
            target->values[i] = 1.0f;
        else
            target->values[i] = vera_matte_blend(fits + i * VERA_MATTE_N_FIT, plate->values + 3 * i,
                                                 CLAMP(target->values[i], 0.0f, 1.0f));
    }
}

gboolean
vera_matte_upscale(const VeraImage *matte,
                   const VeraImage *plate,
                   const VeraImage *target,
                   GError **error)
{
    gsize n_small = (gsize)matte->width * matte->height;
    gsize n_big = (gsize)target->width * target->height;
    g_autofree float *guide = g_try_new(float, n_small * 3);
    g_autofree float *fits = g_try_new(float, n_small *VERA_MATTE_N_FIT);
    g_autofree float *wide = g_try_new(float, n_big *VERA_MATTE_N_FIT);
    VeraImage small_guide = { matte->width, matte->height, 3, guide };
    VeraImage small_fits = { matte->width, matte->height, VERA_MATTE_N_FIT, fits };
    VeraImage wide_fits = { target->width, target->height, VERA_MATTE_N_FIT, wide };

    g_return_val_if_fail(plate->width == target->width && plate->height == target->height, FALSE);
    if (guide == NULL || fits == NULL || wide == NULL ||
        !vera_image_resample(plate, VERA_RESAMPLE_FILTER_BILINEAR, &small_guide))
        goto no_memory;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < matte->height; y++)
        for (int x = 0; x < matte->width; x++)
            vera_matte_fit_pixel(matte, guide, x, y,
                                 fits + ((gsize)y * matte->width + x) * VERA_MATTE_N_FIT);
    if (!vera_image_resample(&small_fits, VERA_RESAMPLE_FILTER_BILINEAR, &wide_fits) ||
        !vera_image_resample(matte, VERA_RESAMPLE_FILTER_BICUBIC, target))
        goto no_memory;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < target->height; y++)
        vera_matte_fill_row(matte, plate, wide, target, y);
    return TRUE;

no_memory:
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                "Too little memory to enlarge a matte to %d by %d pixels.", target->width,
                target->height);
    return FALSE;
}
