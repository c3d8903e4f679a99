#include "config.h"

#include "engine/compositing/vera-matte-evidence.h"

#include <math.h>

#include "engine/vera-engine-error.h"

/* What follows is also in training/vera_training/snapper.py, by which the snapper was trained:
 * change both or none. */

/* Colours are counted in so many steps a channel. */
#define VERA_EVIDENCE_BINS 24
#define VERA_EVIDENCE_N_BINS (VERA_EVIDENCE_BINS * VERA_EVIDENCE_BINS * VERA_EVIDENCE_BINS)

/* Share of the width within which the colours around are counted, along each axis. */
#define VERA_EVIDENCE_AROUND 0.3

/* A colour that was seen less often, in a million pixels, says nothing. */
#define VERA_EVIDENCE_RARE 0.11

struct _VeraMatteEvidence {
    int width, height;
    double n_seen;           /* pixels */
    double *inside, *around; /* counts, [bins, bins, bins] */
    guint8 *near, *across;   /* planes */
};

VeraMatteEvidence *
vera_matte_evidence_new(int width, int height, GError **error)
{
    g_autoptr(VeraMatteEvidence) self = g_new0(VeraMatteEvidence, 1);
    gsize n = (gsize)width * (gsize)height;

    self->width = width;
    self->height = height;
    if ((self->inside = g_try_new0(double, VERA_EVIDENCE_N_BINS)) &&
        (self->around = g_try_new0(double, VERA_EVIDENCE_N_BINS)) &&
        (self->near = g_try_new0(guint8, n)) && (self->across = g_try_new0(guint8, n)))
        return g_steal_pointer(&self);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                "Too little memory to snap a matte of %d by %d pixels.", width, height);
    return NULL;
}

void
vera_matte_evidence_free(VeraMatteEvidence *self)
{
    if (self == NULL)
        return;
    g_free(self->inside);
    g_free(self->around);
    g_free(self->near);
    g_free(self->across);
    g_free(self);
}

/* Along a line of @n values @stride apart: where one within @reach is set. */
static void
vera_evidence_spread_line(const guint8 *from, guint8 *to, int n, gsize stride, int reach)
{
    int set = 0;

    for (int i = 0; i < MIN(reach, n); i++)
        set += from[(gsize)i * stride];
    for (int i = 0; i < n; i++) {
        if (i + reach < n)
            set += from[(gsize)(i + reach) * stride];
        if (i - reach > 0)
            set -= from[(gsize)(i - reach - 1) * stride];
        to[(gsize)i * stride] = set > 0;
    }
}

static void
vera_matte_evidence_find_near(VeraMatteEvidence *self, const float *maybe)
{
    int w = self->width, h = self->height, reach = (int)lround(VERA_EVIDENCE_AROUND * w);

    for (gsize i = 0; i < (gsize)w * (gsize)h; i++)
        self->near[i] = maybe[i] > 0.25f;
    for (int y = 0; y < h; y++)
        vera_evidence_spread_line(self->near + (gsize)y * (gsize)w,
                                  self->across + (gsize)y * (gsize)w, w, 1, reach);
    for (int x = 0; x < w; x++)
        vera_evidence_spread_line(self->across + x, self->near + x, h, (gsize)w, reach);
}

/* The eight cells around a colour, and the share that each has of it. */
static void
vera_matte_evidence_locate(
    const VeraMatteEvidence *self, const float *rgb, gsize i, gsize cells[8], float shares[8])
{
    gsize n = (gsize)self->width * (gsize)self->height;
    int at[3];
    float part[3];

    for (gsize c = 0; c < 3; c++) {
        float place = CLAMP(rgb[c * n + i] * 0.5f + 0.5f, 0.0f, 1.0f) * (VERA_EVIDENCE_BINS - 1);
        at[c] = MIN((int)place, VERA_EVIDENCE_BINS - 2);
        part[c] = place - (float)at[c];
    }
    for (int k = 0; k < 8; k++) {
        int r = k & 1, g = k >> 1 & 1, b = k >> 2;
        cells[k] = (gsize)(((at[0] + r) * VERA_EVIDENCE_BINS + at[1] + g) * VERA_EVIDENCE_BINS +
                           at[2] + b);
        shares[k] =
            (r ? part[0] : 1 - part[0]) * (g ? part[1] : 1 - part[1]) * (b ? part[2] : 1 - part[2]);
    }
}

void
vera_matte_evidence_count(VeraMatteEvidence *self, const float *rgb, const float *maybe)
{
    gsize n = (gsize)self->width * (gsize)self->height;

    vera_matte_evidence_find_near(self, maybe);
    for (gsize i = 0; i < n; i++) {
        float in = maybe[i] * maybe[i], out = self->near[i] ? (1 - maybe[i]) * (1 - maybe[i]) : 0;
        gsize cells[8];
        float shares[8];
        vera_matte_evidence_locate(self, rgb, i, cells, shares);
        for (int k = 0; k < 8; k++) {
            self->inside[cells[k]] += (double)(in * shares[k]);
            self->around[cells[k]] += (double)(out * shares[k]);
        }
    }
    self->n_seen += (double)n;
}

/* Each count takes in a quarter of both neighbours, along each axis. */
static void
vera_evidence_run_together(double *counts)
{
    for (gsize stride = 1; stride < VERA_EVIDENCE_N_BINS; stride *= VERA_EVIDENCE_BINS)
        for (gsize i = 0; i < VERA_EVIDENCE_N_BINS; i++) {
            double line[VERA_EVIDENCE_BINS];
            if (i / stride % VERA_EVIDENCE_BINS != 0)
                continue;
            for (gsize k = 0; k < VERA_EVIDENCE_BINS; k++)
                line[k] = counts[i + k * stride];
            for (gsize k = 0; k < VERA_EVIDENCE_BINS; k++)
                counts[i + k * stride] = 0.25 * line[k > 0 ? k - 1 : 0] + 0.5 * line[k] +
                                         0.25 * line[MIN(k + 1, VERA_EVIDENCE_BINS - 1)];
        }
}

void
vera_matte_evidence_close(VeraMatteEvidence *self)
{
    vera_evidence_run_together(self->inside);
    vera_evidence_run_together(self->around);
}

void
vera_matte_evidence_weigh(const VeraMatteEvidence *self, const float *rgb, float *evidence)
{
    gsize n = (gsize)self->width * (gsize)self->height;

    for (gsize i = 0; i < n; i++) {
        double in = VERA_EVIDENCE_RARE * self->n_seen / 1e6, out = in;
        gsize cells[8];
        float shares[8];
        vera_matte_evidence_locate(self, rgb, i, cells, shares);
        for (int k = 0; k < 8; k++) {
            in += (double)shares[k] * self->inside[cells[k]];
            out += (double)shares[k] * self->around[cells[k]];
        }
        evidence[i] = (float)(in / (in + out));
    }
}
