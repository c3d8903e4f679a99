#include "config.h"

#include "engine/diffusion/vera-pipeline.h"

#include <string.h>

#include "engine/diffusion/vera-pipeline-private.h"
#include "engine/vera-engine-error.h"

void
vera_pipeline_set_preview(VeraPipeline *self, const VeraPipelinePreview *preview)
{
    self->preview = *preview;
}

/* The frames of latent frame @latent of @estimate, as [3, n, H, W]; the frame before it fills the causal caches. */
static float *
vera_pipeline_decode_one(VeraPipeline *self, const float *estimate, int latent, GCancellable *cancellable)
{
    g_autoptr(VeraVaeStream) stream = vera_vae_decoder_new(self->vae, (int)self->shape[3], (int)self->shape[2], NULL);
    gint64 plane = self->shape[2] * self->shape[3];
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;
    g_autofree float *part = vera_runtime_new_floats((gsize)(self->shape[0] * plane), NULL);
    g_autofree float *frames =
        vera_runtime_new_floats(3 * pixels * (gsize)self->request.plan->temporal_factor, NULL);

    if (part == NULL || frames == NULL)
        return NULL;
    for (int l = MAX(latent - 1, 0); stream != NULL && l <= latent; l++) {
        for (gint64 c = 0; c < self->shape[0]; c++)
            memcpy(part + c * plane, estimate + (c * self->shape[1] + l) * plane, (gsize)plane * sizeof(float));
        if (!vera_vae_decoder_push(stream, part, frames, cancellable, NULL))
            return NULL;
    }
    return stream ? g_steal_pointer(&frames) : NULL;
}

void
vera_pipeline_show(VeraPipeline *self, int index, float *const velocity[VERA_N_BRANCHES], GCancellable *cancellable)
{
    int factor = self->request.plan->temporal_factor, latent = index == 0 ? 0 : (index - 1) / factor + 1;
    int n = latent == 0 ? 1 : factor, at = latent == 0 ? 0 : (index - 1) % factor;
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;
    gsize size = (gsize)(self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3]);
    g_autofree float *estimate = vera_runtime_new_floats(size, NULL);
    g_autofree float *edit = NULL, *alpha = NULL;
    static const int branches[2] = { VERA_BRANCH_EDIT, VERA_BRANCH_ALPHA };
    float **decoded[2] = { &edit, &alpha };

    for (int i = 0; i < 2; i++) {
        if (estimate == NULL)
            return;
        vera_sampler_estimate(self->samplers[branches[i]], self->step, self->latents[branches[i]], velocity[branches[i]], estimate);
        *decoded[i] = vera_pipeline_decode_one(self, estimate, latent, cancellable);
        if (*decoded[i] == NULL)
            return;
    }
    for (gsize p = 0; p < pixels; p++) {
        float sum = 0;
        for (gsize c = 0; c < 3; c++) {
            gsize from = (c * (gsize)n + (gsize)at) * pixels + p;
            sum += alpha[from];
            /* In place: [3, n] frames shrink to [3, 1], and each value is read before its place is written. */
            edit[c * pixels + p] = CLAMP(edit[from] * 0.5f + 0.5f, 0.0f, 1.0f);
        }
        alpha[p] = CLAMP(sum / 3 * 0.5f + 0.5f, 0.0f, 1.0f);
    }
    self->preview.show(index, edit, alpha, self->preview.user_data);
}

/* One latent frame of each branch, decoded: frames in planar [3, n, H, W] from -1 to 1. */
typedef struct {
    VeraVaeStream *streams[VERA_N_BRANCHES];
    float *frames[VERA_N_BRANCHES];
    float *latent;
    float *edit, *alpha, *composite;
} VeraPipelineDecoder;

static void
vera_pipeline_decoder_clear(VeraPipelineDecoder *d)
{
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_clear_pointer(&d->streams[b], vera_vae_stream_free);
        g_free(d->frames[b]);
    }
    g_free(d->latent);
    g_free(d->edit);
    g_free(d->alpha);
    g_free(d->composite);
}

static gboolean
vera_pipeline_decoder_init(VeraPipeline *self, VeraPipelineDecoder *d, GError **error)
{
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;
    int step = self->request.plan->temporal_factor;

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        d->streams[b] = vera_vae_decoder_new(self->vae, (int)self->shape[3], (int)self->shape[2], error);
        if (d->streams[b] == NULL)
            return FALSE;
        d->frames[b] = vera_runtime_new_floats(3 * pixels * (gsize)step, error);
        if (d->frames[b] == NULL)
            return FALSE;
    }
    return (d->latent = vera_runtime_new_floats(
                (gsize)(self->shape[0] * self->shape[2] * self->shape[3]), error)) &&
           (d->edit = vera_runtime_new_floats(3 * pixels, error)) &&
           (d->alpha = vera_runtime_new_floats(pixels, error)) &&
           (d->composite = vera_runtime_new_floats(3 * pixels, error));
}

static void
vera_pipeline_finish_frame(VeraPipelineDecoder *d, gsize pixels, int n, int at)
{
    for (gsize i = 0; i < pixels; i++) {
        float sum = 0;
        for (int c = 0; c < 3; c++) {
            gsize from = ((gsize)c * (gsize)n + (gsize)at) * pixels + i;
            d->edit[(gsize)c * pixels + i] = d->frames[VERA_BRANCH_EDIT][from] * 0.5f + 0.5f;
            d->composite[(gsize)c * pixels + i] = d->frames[VERA_BRANCH_COMPOSITE][from] * 0.5f + 0.5f;
            sum += d->frames[VERA_BRANCH_ALPHA][from];
        }
        d->alpha[i] = CLAMP(sum / 3 * 0.5f + 0.5f, 0.0f, 1.0f);
    }
}

static gboolean
vera_pipeline_decode_all(
    VeraPipeline *self, VeraPipelineDecoder *d, VeraPipelineOutputFunc output, gpointer user_data, GCancellable *cancellable, GError **error)
{
    const VeraFramePlan *plan = self->request.plan;
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;
    gint64 plane = self->shape[2] * self->shape[3];

    for (int l = 0, index = 0; l < plan->n_latents; l++) {
        int n = l == 0 ? 1 : plan->temporal_factor;
        for (int b = 0; b < VERA_N_BRANCHES; b++) {
            for (gint64 c = 0; c < self->shape[0]; c++)
                memcpy(d->latent + c * plane, self->latents[b] + (c * self->shape[1] + l) * plane, (gsize)plane * sizeof(float));
            if (!vera_vae_decoder_push(d->streams[b], d->latent, d->frames[b], cancellable, error))
                return FALSE;
        }
        for (int i = 0; i < n && index < plan->n_frames; i++, index++) {
            vera_pipeline_finish_frame(d, pixels, n, i);
            if (!output(index, d->edit, d->alpha, d->composite, user_data, error))
                return FALSE;
        }
        vera_pipeline_report(self, "decode", (l + 1.0) / plan->n_latents);
    }
    return TRUE;
}

gboolean
vera_pipeline_decode(VeraPipeline *self, VeraPipelineOutputFunc output, gpointer user_data, GCancellable *cancellable, GError **error)
{
    VeraPipelineDecoder decoder = { 0 };
    gboolean ok = vera_pipeline_decoder_init(self, &decoder, error) &&
                  vera_pipeline_decode_all(self, &decoder, output, user_data, cancellable, error);

    vera_pipeline_decoder_clear(&decoder);
    return ok;
}
