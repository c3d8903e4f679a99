#include "config.h"

#include "engine/diffusion/vera-pipeline.h"

#include <string.h>

#include "engine/diffusion/vera-frame-spill.h"
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

/* What decoding works with: one latent frame of one branch, its frames in planar [3, n, H, W] from -1 to 1, and a frame of the take. */
typedef struct {
    VeraVaeStream *stream;
    VeraFrameSpill *waiting; /* of every frame edit [3, H, W], alpha [H, W] and the same snapped */
    gboolean is_snapped;
    float *latent, *frames;
    float *layers, *composite;
} VeraPipelineDecoder;

static void
vera_pipeline_decoder_clear(VeraPipelineDecoder *d)
{
    g_clear_pointer(&d->stream, vera_vae_stream_free);
    g_clear_pointer(&d->waiting, vera_frame_spill_free);
    g_free(d->latent);
    g_free(d->frames);
    g_free(d->layers);
    g_free(d->composite);
}

static gboolean
vera_pipeline_decoder_init(VeraPipeline *self, VeraPipelineDecoder *d, GError **error)
{
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;
    gsize plane = (gsize)(self->shape[0] * self->shape[2] * self->shape[3]);

    return (d->latent = vera_runtime_new_floats(plane, error)) &&
           (d->frames = vera_runtime_new_floats(3 * pixels * (gsize)self->request.plan->temporal_factor, error)) &&
           (d->layers = vera_runtime_new_floats(5 * pixels, error)) &&
           (d->composite = vera_runtime_new_floats(3 * pixels, error)) &&
           (d->waiting = vera_frame_spill_new(self->request.scratch_folder, 5 * pixels, self->request.plan->n_frames, error));
}

/* Frame @at of the @n that were decoded last. */
static void
vera_pipeline_decoder_get_colour(const VeraPipelineDecoder *d, gsize pixels, int n, int at, float *rgb)
{
    for (gsize i = 0; i < pixels; i++)
        for (gsize c = 0; c < 3; c++)
            rgb[c * pixels + i] = d->frames[(c * (gsize)n + (gsize)at) * pixels + i] * 0.5f + 0.5f;
}

static void
vera_pipeline_decoder_get_alpha(const VeraPipelineDecoder *d, gsize pixels, int n, int at, float *alpha)
{
    for (gsize i = 0; i < pixels; i++) {
        float sum = 0;
        for (gsize c = 0; c < 3; c++)
            sum += d->frames[(c * (gsize)n + (gsize)at) * pixels + i];
        alpha[i] = CLAMP(sum / 3 * 0.5f + 0.5f, 0.0f, 1.0f);
    }
}

/* Where a frame goes when it is decoded: edit and alpha wait for the composite, which comes last. */
typedef struct {
    VeraPipelineOutputFunc output;
    gpointer user_data;
    int branch;
    int n; /* frames that were decoded together */
} VeraPipelineSink;

static gboolean
vera_pipeline_finish_frame(VeraPipeline *self, VeraPipelineDecoder *d, const VeraPipelineSink *sink, int index, int at, GError **error)
{
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;

    switch (sink->branch) {
    case VERA_BRANCH_EDIT:
        vera_pipeline_decoder_get_colour(d, pixels, sink->n, at, d->layers);
        return vera_frame_spill_write(d->waiting, index, 0, d->layers, 3 * pixels, error);
    case VERA_BRANCH_ALPHA:
        vera_pipeline_decoder_get_alpha(d, pixels, sink->n, at, d->layers);
        return vera_frame_spill_write(d->waiting, index, 3 * pixels, d->layers, pixels, error);
    default:
        vera_pipeline_decoder_get_colour(d, pixels, sink->n, at, d->composite);
        return vera_frame_spill_read(d->waiting, index, d->layers, error) &&
               sink->output(index, d->layers, d->layers + 3 * pixels, d->is_snapped ? d->layers + 4 * pixels : NULL, d->composite, sink->user_data, error);
    }
}

static gboolean
vera_pipeline_decode_branch(VeraPipeline *self, VeraPipelineDecoder *d, VeraPipelineSink *sink, GCancellable *cancellable, GError **error)
{
    const VeraFramePlan *plan = self->request.plan;
    gint64 plane = self->shape[2] * self->shape[3];
    const float *latents = self->latents[sink->branch];

    g_clear_pointer(&d->stream, vera_vae_stream_free);
    d->stream = vera_vae_decoder_new(self->vae, (int)self->shape[3], (int)self->shape[2], error);
    if (d->stream == NULL)
        return FALSE;
    for (int l = 0, index = 0; l < plan->n_latents; l++) {
        for (gint64 c = 0; c < self->shape[0]; c++)
            memcpy(d->latent + c * plane, latents + (c * self->shape[1] + l) * plane, (gsize)plane * sizeof(float));
        if (!vera_vae_decoder_push(d->stream, d->latent, d->frames, cancellable, error))
            return FALSE;
        sink->n = l == 0 ? 1 : plan->temporal_factor;
        for (int i = 0; i < sink->n && index < plan->n_frames; i++, index++)
            if (!vera_pipeline_finish_frame(self, d, sink, index, i, error))
                return FALSE;
        vera_pipeline_report(self, "decode", (sink->branch + (l + 1.0) / plan->n_latents) / VERA_N_BRANCHES);
    }
    return TRUE;
}

gboolean
vera_pipeline_decode(VeraPipeline *self, VeraPipelineOutputFunc output, gpointer user_data, GCancellable *cancellable, GError **error)
{
    VeraPipelineDecoder decoder = { 0 };
    VeraPipelineSink sink = { .output = output, .user_data = user_data };
    gboolean ok;

    /* A GPU has better use for the memory of a transformer that has done its work. */
    if (!vera_k_device_is_host(vera_runtime_get_device(self->runtime)))
        vera_pipeline_unload_transformer(self);
    ok = vera_pipeline_decoder_init(self, &decoder, error);

    for (sink.branch = VERA_BRANCH_EDIT; ok && sink.branch <= VERA_BRANCH_COMPOSITE; sink.branch++) {
        ok = vera_pipeline_decode_branch(self, &decoder, &sink, cancellable, error);
        if (ok && sink.branch == VERA_BRANCH_ALPHA && self->plates != NULL)
            ok = vera_pipeline_snap(self, decoder.waiting, &decoder.is_snapped, cancellable, error);
    }
    vera_pipeline_decoder_clear(&decoder);
    return ok;
}
