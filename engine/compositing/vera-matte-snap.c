#include "config.h"

#include "engine/compositing/vera-matte-snap.h"

#include <math.h>
#include <string.h>

#include "engine/vera-engine-error.h"

/* Colours are counted in so many steps a channel. */
#define VERA_SNAP_BINS 24
#define VERA_SNAP_N_BINS (VERA_SNAP_BINS * VERA_SNAP_BINS * VERA_SNAP_BINS)

/* Shares of the width: how far an edge may move, and how far around the colours of the background are looked for. */
#define VERA_SNAP_REACH 0.05
#define VERA_SNAP_AROUND 0.16

/* What a count around weighs against one inside: the model's area holds some background, and less of it than lies around. */
#define VERA_SNAP_AROUND_WEIGHT 0.5f
/* A colour that was seen less often, in a million pixels, says nothing. */
#define VERA_SNAP_RARE 0.11f
/* How sure the place alone makes of being kept: at the rim of the reach, and in the middle. */
#define VERA_SNAP_PLACE_LEAST 0.3f
#define VERA_SNAP_PLACE_MOST 0.8f

/* The random walk: pull of the colours, contrast that stops it, steps of the conjugate gradients. */
#define VERA_SNAP_PULL 0.15
#define VERA_SNAP_CONTRAST 1.5
#define VERA_SNAP_LEAK 1e-3
#define VERA_SNAP_STEPS 25
/* How much steeper the found edge is made. */
#define VERA_SNAP_STEEP 3.0f

struct _VeraMatteSnap {
    int width, height;
    double n_seen; /* pixels */
    gboolean is_smooth;
    float *inside, *around;   /* counts, [bins, bins, bins] */
    float *soft, *ring, *sum; /* planes */
    float *prior;
    /* The linear system */
    float *right, *down; /* weights to the next pixel */
    double *diagonal, *x, *residual, *direction, *product;
};

VeraMatteSnap *
vera_matte_snap_new(int width, int height, GError **error)
{
    g_autoptr(VeraMatteSnap) self = g_new0(VeraMatteSnap, 1);
    gsize n = (gsize)width * (gsize)height;
    float **planes[] = { &self->soft, &self->ring, &self->sum, &self->prior, &self->right, &self->down };
    double **vectors[] = { &self->diagonal, &self->x, &self->residual, &self->direction, &self->product };
    gboolean ok = (self->inside = g_try_new0(float, VERA_SNAP_N_BINS)) && (self->around = g_try_new0(float, VERA_SNAP_N_BINS));

    self->width = width;
    self->height = height;
    for (gsize i = 0; ok && i < G_N_ELEMENTS(planes); i++)
        ok = (*planes[i] = g_try_new0(float, n)) != NULL;
    for (gsize i = 0; ok && i < G_N_ELEMENTS(vectors); i++)
        ok = (*vectors[i] = g_try_new0(double, n)) != NULL;
    if (ok)
        return g_steal_pointer(&self);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to snap a matte of %d by %d pixels.", width, height);
    return NULL;
}

void
vera_matte_snap_free(VeraMatteSnap *self)
{
    if (self == NULL)
        return;
    g_free(self->inside);
    g_free(self->around);
    g_free(self->soft);
    g_free(self->ring);
    g_free(self->sum);
    g_free(self->prior);
    g_free(self->right);
    g_free(self->down);
    g_free(self->diagonal);
    g_free(self->x);
    g_free(self->residual);
    g_free(self->direction);
    g_free(self->product);
    g_free(self);
}

void
vera_matte_snap_begin(VeraMatteSnap *self)
{
    memset(self->inside, 0, VERA_SNAP_N_BINS * sizeof(float));
    memset(self->around, 0, VERA_SNAP_N_BINS * sizeof(float));
    self->n_seen = 0;
    self->is_smooth = FALSE;
}

/* Mean of the values within @r along a line of @n values @stride apart; the ends are repeated. */
static void
vera_snap_blur_line(const float *from, float *to, int n, gsize stride, int r)
{
    double sum = 0;

    for (int i = -r; i <= r; i++)
        sum += from[(gsize)CLAMP(i, 0, n - 1) * stride];
    for (int i = 0; i < n; i++) {
        to[(gsize)i * stride] = (float)(sum / (2 * r + 1));
        sum += from[(gsize)MIN(i + r + 1, n - 1) * stride] - from[(gsize)MAX(i - r, 0) * stride];
    }
}

/* A box blur along both axes, twice: nearly a tent. */
static void
vera_matte_snap_blur(VeraMatteSnap *self, float *plane, double share)
{
    int w = self->width, h = self->height, r = MAX((int)lround(share * w), 1);

    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < h; y++)
            vera_snap_blur_line(plane + (gsize)y * (gsize)w, self->sum + (gsize)y * (gsize)w, w, 1, r);
        for (int x = 0; x < w; x++)
            vera_snap_blur_line(self->sum + x, plane + x, h, (gsize)w, r);
    }
}

/* The eight cells around a colour, and the share that each has of it. */
static void
vera_matte_snap_locate(const VeraMatteSnap *self, const float *rgb, gsize i, gsize cells[8], float shares[8])
{
    gsize n = (gsize)self->width * (gsize)self->height;
    int at[3];
    float part[3];

    for (gsize c = 0; c < 3; c++) {
        float place = CLAMP(rgb[c * n + i] * 0.5f + 0.5f, 0.0f, 1.0f) * (VERA_SNAP_BINS - 1);
        at[c] = MIN((int)place, VERA_SNAP_BINS - 2);
        part[c] = place - (float)at[c];
    }
    for (int k = 0; k < 8; k++) {
        int r = k & 1, g = k >> 1 & 1, b = k >> 2;
        cells[k] = (gsize)(((at[0] + r) * VERA_SNAP_BINS + at[1] + g) * VERA_SNAP_BINS + at[2] + b);
        shares[k] = (r ? part[0] : 1 - part[0]) * (g ? part[1] : 1 - part[1]) * (b ? part[2] : 1 - part[2]);
    }
}

void
vera_matte_snap_learn(VeraMatteSnap *self, const float *rgb, const float *drawn, const float *kept)
{
    gsize n = (gsize)self->width * (gsize)self->height;

    for (gsize i = 0; i < n; i++) {
        self->soft[i] = drawn[i];
        self->ring[i] = drawn[i] > 0.5f;
    }
    vera_matte_snap_blur(self, self->soft, VERA_SNAP_REACH);
    vera_matte_snap_blur(self, self->ring, VERA_SNAP_AROUND);
    for (gsize i = 0; i < n; i++) {
        float in = kept[i] * kept[i] * MIN(1.5f * self->soft[i], 1.0f);
        float out = self->ring[i] > 1e-4f ? (1 - kept[i]) * (1 - kept[i]) * MAX(1 - 1.2f * self->soft[i], 0.0f) : 0;
        gsize cells[8];
        float shares[8];
        vera_matte_snap_locate(self, rgb, i, cells, shares);
        for (int k = 0; k < 8; k++) {
            self->inside[cells[k]] += in * shares[k];
            self->around[cells[k]] += out * shares[k];
        }
    }
    self->n_seen += (double)n;
}

/* Counts of neighbouring colours run together a little, along each axis. */
static void
vera_snap_smooth(float *counts)
{
    for (gsize stride = 1; stride < VERA_SNAP_N_BINS; stride *= VERA_SNAP_BINS)
        for (gsize i = 0; i < VERA_SNAP_N_BINS; i++) {
            float before, line[VERA_SNAP_BINS];
            if (i / stride % VERA_SNAP_BINS != 0)
                continue;
            for (gsize k = 0; k < VERA_SNAP_BINS; k++)
                line[k] = counts[i + k * stride];
            before = line[0];
            for (gsize k = 0; k < VERA_SNAP_BINS; k++) {
                counts[i + k * stride] = 0.25f * before + 0.5f * line[k] + 0.25f * line[MIN(k + 1, VERA_SNAP_BINS - 1)];
                before = line[k];
            }
        }
}

/* How likely each pixel is kept, by its colour and its place. */
static void
vera_matte_snap_judge(VeraMatteSnap *self, const float *rgb, const float *drawn)
{
    gsize n = (gsize)self->width * (gsize)self->height;
    float rare = VERA_SNAP_RARE * (float)(self->n_seen / 1e6);

    memcpy(self->soft, drawn, n * sizeof(float));
    vera_matte_snap_blur(self, self->soft, VERA_SNAP_REACH);
    for (gsize i = 0; i < n; i++) {
        float in = rare, out = rare, place, color;
        gsize cells[8];
        float shares[8];
        vera_matte_snap_locate(self, rgb, i, cells, shares);
        for (int k = 0; k < 8; k++) {
            in += shares[k] * self->inside[cells[k]];
            out += VERA_SNAP_AROUND_WEIGHT * shares[k] * self->around[cells[k]];
        }
        color = in / (in + out);
        place = CLAMP((self->soft[i] - 0.02f) * 2.2f, 0.0f, 1.0f);
        place = self->soft[i] < 0.02f ? 0 : VERA_SNAP_PLACE_LEAST + (VERA_SNAP_PLACE_MOST - VERA_SNAP_PLACE_LEAST) * place;
        self->prior[i] = color * place / (color * place + (1 - color) * (1 - place));
    }
}

static float
vera_matte_snap_get_contrast(const VeraMatteSnap *self, const float *rgb, gsize i, gsize j)
{
    gsize n = (gsize)self->width * (gsize)self->height;
    float sum = 0;

    for (gsize c = 0; c < 3; c++)
        sum += (rgb[c * n + i] - rgb[c * n + j]) * (rgb[c * n + i] - rgb[c * n + j]);
    return sum;
}

/* Weights between neighbours: much where the picture is even, next to nothing across its edges. */
static void
vera_matte_snap_weigh(VeraMatteSnap *self, const float *rgb)
{
    gsize w = (gsize)self->width, h = (gsize)self->height;
    double sum_right = 0, sum_down = 0, mean;

    for (gsize y = 0; y < h; y++)
        for (gsize x = 0; x < w; x++) {
            gsize i = y * w + x;
            self->right[i] = x + 1 < w ? vera_matte_snap_get_contrast(self, rgb, i, i + 1) : 0;
            self->down[i] = y + 1 < h ? vera_matte_snap_get_contrast(self, rgb, i, i + w) : 0;
            sum_right += self->right[i];
            sum_down += self->down[i];
        }
    mean = MAX((sum_right / (double)MAX(h * (w - 1), 1) + sum_down / (double)MAX(w * (h - 1), 1)) / 2, 1e-12);
    for (gsize i = 0; i < w * h; i++)
        self->diagonal[i] = VERA_SNAP_PULL;
    for (gsize y = 0; y < h; y++)
        for (gsize x = 0; x < w; x++) {
            gsize i = y * w + x;
            self->right[i] = x + 1 < w ? (float)(exp(-VERA_SNAP_CONTRAST * self->right[i] / mean) + VERA_SNAP_LEAK) : 0;
            self->down[i] = y + 1 < h ? (float)(exp(-VERA_SNAP_CONTRAST * self->down[i] / mean) + VERA_SNAP_LEAK) : 0;
            self->diagonal[i] += self->right[i] + self->down[i];
            if (x + 1 < w)
                self->diagonal[i + 1] += self->right[i];
            if (y + 1 < h)
                self->diagonal[i + w] += self->down[i];
        }
}

static void
vera_matte_snap_multiply(const VeraMatteSnap *self, const double *v, double *out)
{
    gsize w = (gsize)self->width, n = w * (gsize)self->height;

    for (gsize i = 0; i < n; i++) {
        double sum = self->diagonal[i] * v[i];
        if (i % w > 0)
            sum -= self->right[i - 1] * v[i - 1];
        if (i % w + 1 < w)
            sum -= self->right[i] * v[i + 1];
        if (i >= w)
            sum -= self->down[i - w] * v[i - w];
        if (i + w < n)
            sum -= self->down[i] * v[i + w];
        out[i] = sum;
    }
}

/* Conjugate gradients with the diagonal as preconditioner, from the prior. */
static void
vera_matte_snap_solve(VeraMatteSnap *self)
{
    gsize n = (gsize)self->width * (gsize)self->height;
    double rz = 0;

    for (gsize i = 0; i < n; i++)
        self->x[i] = self->prior[i];
    vera_matte_snap_multiply(self, self->x, self->product);
    for (gsize i = 0; i < n; i++) {
        self->residual[i] = VERA_SNAP_PULL * self->prior[i] - self->product[i];
        self->direction[i] = self->residual[i] / self->diagonal[i];
        rz += self->residual[i] * self->direction[i];
    }
    for (int step = 0; step < VERA_SNAP_STEPS && rz > 1e-7; step++) {
        double curve = 0, next = 0, length;
        vera_matte_snap_multiply(self, self->direction, self->product);
        for (gsize i = 0; i < n; i++)
            curve += self->direction[i] * self->product[i];
        length = rz / curve;
        for (gsize i = 0; i < n; i++) {
            self->x[i] += length * self->direction[i];
            self->residual[i] -= length * self->product[i];
            next += self->residual[i] * self->residual[i] / self->diagonal[i];
        }
        for (gsize i = 0; i < n; i++)
            self->direction[i] = self->residual[i] / self->diagonal[i] + next / rz * self->direction[i];
        rz = next;
    }
}

void
vera_matte_snap_find(VeraMatteSnap *self, const float *rgb, const float *drawn, float *kept)
{
    gsize n = (gsize)self->width * (gsize)self->height;

    if (!self->is_smooth) {
        vera_snap_smooth(self->inside);
        vera_snap_smooth(self->around);
        self->is_smooth = TRUE;
    }
    vera_matte_snap_judge(self, rgb, drawn);
    vera_matte_snap_weigh(self, rgb);
    vera_matte_snap_solve(self);
    for (gsize i = 0; i < n; i++)
        kept[i] = CLAMP(((float)self->x[i] - 0.5f) * VERA_SNAP_STEEP + 0.5f, 0.0f, 1.0f);
}
