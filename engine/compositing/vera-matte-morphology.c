#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/compositing/vera-matte-private.h"

/* Maximum over the disc of integer @radius around (x, y); @spans holds the half-width of each row of the disc. */
static float
vera_matte_disc_max(const VeraImage *matte, const float *in, const int *spans, int radius, const int at[2])
{
    float best = 0;

    for (int dy = -radius; dy <= radius; dy++) {
        int y = at[1] + dy;
        if (y < 0 || y >= matte->height)
            continue;
        const float *row = in + (gsize)y * matte->width;
        int span = spans[dy + radius];
        int end = MIN(at[0] + span, matte->width - 1);
        for (int x = MAX(at[0] - span, 0); x <= end; x++)
            best = MAX(best, row[x]);
    }
    return best;
}

static gboolean
vera_matte_dilate(const VeraImage *matte, int radius, float weight)
{
    gsize n = (gsize)matte->width * matte->height;
    g_autofree float *in = g_try_new(float, n);
    g_autofree int *spans = g_try_new(int, 2 * radius + 1);

    if (in == NULL || spans == NULL)
        return FALSE;
    memcpy(in, matte->values, n * sizeof(float));
    for (int dy = -radius; dy <= radius; dy++)
        spans[dy + radius] = (int)sqrt((double)radius * radius - (double)dy * dy);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < matte->height; y++) {
        for (int x = 0; x < matte->width; x++) {
            float *out = matte->values + (gsize)y * matte->width + x;
            float grown = vera_matte_disc_max(matte, in, spans, radius, (const int[2]){ x, y });
            *out = *out * (1 - weight) + grown * weight;
        }
    }
    return TRUE;
}

static void
vera_matte_complement(const VeraImage *matte)
{
    gsize n = (gsize)matte->width * matte->height;

    for (gsize i = 0; i < n; i++)
        matte->values[i] = 1.0f - matte->values[i];
}

gboolean
vera_matte_grow(const VeraImage *matte, float radius)
{
    float size = fabsf(radius);
    int whole = (int)size;
    float rest = size - (float)whole;
    gboolean ok;

    if (radius == 0)
        return TRUE;
    if (radius < 0)
        vera_matte_complement(matte);
    ok = (whole == 0 || vera_matte_dilate(matte, whole, 1.0f)) &&
         (rest == 0 || vera_matte_dilate(matte, 1, rest));
    if (radius < 0)
        vera_matte_complement(matte);
    return ok;
}

/* One blurred line of @n values, @step apart; @taps has 2 * radius + 1 weights. */
static void
vera_matte_blur_line(float *line, gsize step, int n, const float *taps, int radius, float *scratch)
{
    for (int i = 0; i < n; i++)
        scratch[i] = line[i * step];
    for (int i = 0; i < n; i++) {
        float sum = 0;
        for (int t = -radius; t <= radius; t++)
            sum += taps[t + radius] * scratch[CLAMP(i + t, 0, n - 1)];
        line[i * step] = sum;
    }
}

gboolean
vera_matte_feather(const VeraImage *matte, float sigma)
{
    int radius = (int)ceilf(sigma * 3);
    gsize longest = MAX(matte->width, matte->height);
    g_autofree float *taps = NULL;
    g_autofree float *scratch = NULL;
    double sum = 0;

    if (sigma <= 0)
        return TRUE;
    taps = g_try_new(float, 2 * radius + 1);
    scratch = g_try_new(float, longest);
    if (taps == NULL || scratch == NULL)
        return FALSE;
    for (int t = -radius; t <= radius; t++)
        sum += exp(-0.5 * t * t / ((double)sigma * sigma));
    for (int t = -radius; t <= radius; t++)
        taps[t + radius] = (float)(exp(-0.5 * t * t / ((double)sigma * sigma)) / sum);
    for (int y = 0; y < matte->height; y++)
        vera_matte_blur_line(matte->values + (gsize)y * matte->width, 1, matte->width, taps, radius,
                             scratch);
    for (int x = 0; x < matte->width; x++)
        vera_matte_blur_line(matte->values + x, matte->width, matte->height, taps, radius, scratch);
    return TRUE;
}

/* Collects the 4-connected component of @start into @stack and marks it seen. Returns its size. */
static gsize
vera_matte_flood(const VeraImage *matte, gsize start, guint8 *seen, gsize *stack)
{
    gsize width = matte->width, n = width * matte->height;
    gboolean is_island = matte->values[start] >= 0.5f;
    gsize head = 0, tail = 0;

    seen[start] = 1;
    stack[tail++] = start;
    while (head < tail) {
        gsize i = stack[head++];
        gsize neighbours[4] = { i % width == 0 ? n : i - 1, (i + 1) % width == 0 ? n : i + 1,
                                i < width ? n : i - width, i + width };
        for (int k = 0; k < 4; k++) {
            gsize j = neighbours[k];
            if (j >= n || seen[j] || (matte->values[j] >= 0.5f) != is_island)
                continue;
            seen[j] = 1;
            stack[tail++] = j;
        }
    }
    return tail;
}

gboolean
vera_matte_despeckle(const VeraImage *matte, int n_pixels)
{
    gsize n = (gsize)matte->width * matte->height;
    g_autofree guint8 *seen = NULL;
    g_autofree gsize *stack = NULL;

    if (n_pixels <= 0)
        return TRUE;
    seen = g_try_malloc0(n);
    stack = g_try_new(gsize, n);
    if (seen == NULL || stack == NULL)
        return FALSE;
    for (gsize i = 0; i < n; i++) {
        if (seen[i])
            continue;
        float replacement = matte->values[i] >= 0.5f ? 0.0f : 1.0f;
        gsize size = vera_matte_flood(matte, i, seen, stack);
        for (gsize k = 0; size < (gsize)n_pixels && size < n && k < size; k++)
            matte->values[stack[k]] = replacement;
    }
    return TRUE;
}
