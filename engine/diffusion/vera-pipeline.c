#include "config.h"

#include "engine/diffusion/vera-pipeline.h"

#include <string.h>

#include "engine/diffusion/vera-noise.h"
#include "engine/diffusion/vera-pipeline-private.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/diffusion/vera-weights.h"
#include "engine/vera-engine-error.h"

/* Above this velocities leave the range of single precision before they mean anything. */
#define VERA_PIPELINE_MAX_GUIDANCE 1000.0

void
vera_pipeline_report(VeraPipeline *self, const char *phase, double fraction)
{
    if (self->request.progress != NULL)
        self->request.progress(phase, fraction, self->request.progress_data);
}

/* Padding is masked and thrown away, so only the real tokens are run (wan21-spec.md section 4.5).
 */
static int
vera_pipeline_count_tokens(const gint64 *mask, int n)
{
    int n_real = 0;

    while (n_real < n && (mask == NULL || mask[n_real] != 0))
        n_real++;
    return n_real;
}

/* The partner of the runtime, if it has work: the other side of guidance. */
static VeraRuntime *
vera_pipeline_get_partner(VeraPipeline *self)
{
    return self->request.guidance > 1 ? vera_runtime_get_partner(self->runtime) : NULL;
}

/* @hidden: n rows of the text encoder */
static float *
vera_pipeline_run_text_encoder(VeraPipeline *self,
                               VeraRuntime *runtime,
                               const gint64 *ids,
                               int n,
                               GCancellable *cancellable,
                               GError **error)
{
    const VeraTextEncoderConfig *config = vera_model_get_text_encoder_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_text_encoder_weights(self->model, error) : NULL;
    g_autoptr(VeraTextEncoder) encoder =
        weights ? vera_text_encoder_new(runtime, config, weights, error) : NULL;
    g_autofree float *hidden =
        encoder ? vera_runtime_new_floats((gsize)n * (gsize)config->d_model, error) : NULL;

    if (hidden == NULL || !vera_text_encoder_run(encoder, ids, NULL, n, hidden, cancellable, error))
        return NULL;
    return g_steal_pointer(&hidden);
}

static VeraTextContext *
vera_pipeline_encode_text(VeraPipeline *self,
                          gboolean is_negative,
                          GCancellable *cancellable,
                          GError **error)
{
    const VeraPipelineRequest *r = &self->request;
    const gint64 *ids = is_negative ? r->negative_ids : r->ids,
                 *mask = is_negative ? r->negative_mask : r->id_mask;
    int n = is_negative ? r->n_negative_ids : r->n_ids,
        n_real = vera_pipeline_count_tokens(mask, n);
    gboolean is_other = is_negative && self->other != NULL;
    g_autofree float *hidden = NULL;

    for (int i = n_real; i < n; i++)
        if (mask[i] != 0) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "Token %d of a text counts although one before it is padding; put padding "
                        "at the end.",
                        i);
            return NULL;
        }
    hidden = vera_pipeline_run_text_encoder(
        self, is_other ? vera_runtime_get_partner(self->runtime) : self->runtime, ids, n_real,
        cancellable, error);
    if (hidden == NULL)
        return NULL;
    return vera_transformer_prepare_text(is_other ? self->other : self->transformer, hidden, n_real,
                                         cancellable, error);
}

/* Codes the whole range as a stream, and keeps @n_planes of its frames in @kept unless that is
 * NULL; frames past the end repeat the last one. */
static gboolean
vera_pipeline_encode_video(VeraPipeline *self,
                           VeraPipelineFrameFunc read,
                           VeraFrameSpill *kept,
                           gsize n_planes,
                           float *latents,
                           double share[2],
                           GCancellable *cancellable,
                           GError **error)
{
    const VeraFramePlan *plan = self->request.plan;
    gint64 pixels = (gint64)self->request.width * self->request.height,
           plane = self->shape[2] * self->shape[3];
    int step = plan->temporal_factor;
    g_autoptr(VeraVaeStream) stream =
        vera_vae_encoder_new(self->vae, self->request.width, self->request.height, error);
    g_autofree float *frame = NULL, *chunk = NULL, *coded = NULL;

    if (stream == NULL || !(frame = vera_runtime_new_floats((gsize)(3 * pixels), error)) ||
        !(chunk = vera_runtime_new_floats((gsize)(3 * step * pixels), error)) ||
        !(coded = vera_runtime_new_floats((gsize)(self->shape[0] * plane), error)))
        return FALSE;
    for (int l = 0; l < plan->n_latents; l++) {
        int first = l == 0 ? 0 : 1 + (l - 1) * step, n = l == 0 ? 1 : step;
        for (int i = 0; i < n; i++) {
            if (first + i < plan->n_frames &&
                (!read(first + i, frame, self->request.frame_data, error) ||
                 (kept != NULL && !vera_frame_spill_write(kept, first + i, 0, frame,
                                                          n_planes * (gsize)pixels, error))))
                return FALSE;
            for (int c = 0; c < 3; c++)
                memcpy(chunk + (c * n + i) * pixels, frame + c * pixels,
                       (gsize)pixels * sizeof(float));
        }
        if (!vera_vae_encoder_push(stream, chunk, n, coded, cancellable, error))
            return FALSE;
        for (gint64 c = 0; c < self->shape[0]; c++)
            memcpy(latents + (c * self->shape[1] + l) * plane, coded + c * plane,
                   (gsize)plane * sizeof(float));
        vera_pipeline_report(self, "encode",
                             share[0] + (share[1] - share[0]) * (l + 1) / plan->n_latents);
    }
    return TRUE;
}

static gboolean
vera_pipeline_prepare_latents(VeraPipeline *self, GError **error)
{
    gsize n = (gsize)(self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3]);

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        self->samplers[b] = vera_sampler_new(self->request.solver, self->request.n_steps,
                                             self->request.shift, n, error);
        if (self->samplers[b] == NULL)
            return FALSE;
        self->latents[b] = vera_runtime_new_floats(n, error);
        if (self->latents[b] == NULL)
            return FALSE;
        if (self->request.noise[b] != NULL)
            memcpy(self->latents[b], self->request.noise[b], n * sizeof(float));
        else
            vera_noise_fill(self->request.seed, (guint32)b, 0, self->latents[b], n);
    }
    self->source = vera_runtime_new_floats(n, error);
    if (self->source == NULL)
        return FALSE;
    if (self->request.read_mask == NULL)
        return TRUE;
    self->mask = vera_runtime_new_floats(n, error);
    return self->mask != NULL;
}

static gboolean
vera_pipeline_check_request(VeraPipeline *self, const VeraVaeConfig *vae, int align, GError **error)
{
    const VeraPipelineRequest *r = &self->request;

    if (r->width < align || r->height < align || r->width % align != 0 || r->height % align != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The model works on sizes that are multiples of %d; %dx%d is not.", align,
                    r->width, r->height);
        return FALSE;
    }
    if (r->plan->temporal_factor != vae->temporal_factor) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
            "The frame plan codes %d frames in one, the model %d; make the plan for this model.",
            r->plan->temporal_factor, vae->temporal_factor);
        return FALSE;
    }
    if (!(r->guidance >= 0 && r->guidance <= VERA_PIPELINE_MAX_GUIDANCE)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "A guidance of %g cannot be used; take a value from 0 to %g.", r->guidance,
                    VERA_PIPELINE_MAX_GUIDANCE);
        return FALSE;
    }
    return TRUE;
}

gboolean
vera_pipeline_load_transformer(VeraPipeline *self, GError **error)
{
    VeraRuntime *partner = vera_pipeline_get_partner(self);

    if (self->transformer == NULL)
        self->transformer =
            vera_transformer_new(self->runtime, self->model, self->memory.memory, error);
    if (self->transformer != NULL && partner != NULL && self->other == NULL) {
        self->other = vera_transformer_new(partner, self->model, self->other_memory.memory, error);
        return self->other != NULL;
    }
    return self->transformer != NULL;
}

void
vera_pipeline_unload_transformer(VeraPipeline *self)
{
    g_clear_pointer(&self->transformer, vera_transformer_free);
    g_clear_pointer(&self->other, vera_transformer_free);
}

/* A plan for each device that takes part; operators keep no more than it says. */
static gboolean
vera_pipeline_plan_memory(VeraPipeline *self, GError **error)
{
    const VeraPipelineRequest *r = &self->request;
    VeraMemoryNeed need = {
        r->width,
        r->height,
        r->plan,
        r->guidance > 1,
        vera_pipeline_count_tokens(r->id_mask, r->n_ids),
        r->guidance > 1 ? vera_pipeline_count_tokens(r->negative_mask, r->n_negative_ids) : 0};
    VeraRuntime *runtimes[2] = {self->runtime, vera_pipeline_get_partner(self)};
    VeraMemoryPlan *plans[2] = {&self->memory, &self->other_memory};

    for (int i = 0; i < 2 && runtimes[i] != NULL; i++) {
        if (!vera_memory_plan_init(plans[i], runtimes[i], self->model, &need, error))
            return FALSE;
        if (!vera_k_device_is_host(vera_runtime_get_device(runtimes[i])))
            vera_k_ctx_set_packed_max(vera_runtime_get_ctx(runtimes[i]),
                                      (gsize)plans[i]->packed_bytes);
    }
    return TRUE;
}

static gboolean
vera_pipeline_load_parts(VeraPipeline *self, GError **error)
{
    const VeraVaeConfig *config = vera_model_get_vae_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_vae_weights(self->model, error) : NULL;
    int align = weights ? vera_pipeline_get_align(self->model, error) : 0;

    if (align == 0 || !vera_pipeline_check_request(self, config, align, error) ||
        (self->request.snaps_matte && vera_model_get_snapper_weights(self->model, error) == NULL))
        return FALSE;
    self->shape[0] = config->z_dim;
    self->shape[1] = self->request.plan->n_latents;
    self->shape[2] = self->request.height / config->spatial_factor;
    self->shape[3] = self->request.width / config->spatial_factor;
    if (!vera_pipeline_plan_memory(self, error))
        return FALSE;
    self->vae = vera_vae_new(self->runtime, config, weights, error);
    return self->vae != NULL;
}

static gboolean
vera_pipeline_encode_texts(VeraPipeline *self, GCancellable *cancellable, GError **error)
{
    if (!vera_pipeline_load_transformer(self, error))
        return FALSE;
    self->text = vera_pipeline_encode_text(self, FALSE, cancellable, error);
    if (self->text == NULL || self->request.guidance <= 1)
        return self->text != NULL;
    self->negative = vera_pipeline_encode_text(self, TRUE, cancellable, error);
    return self->negative != NULL;
}

static gboolean
vera_pipeline_encode_videos(VeraPipeline *self, GCancellable *cancellable, GError **error)
{
    const VeraPipelineRequest *r = &self->request;
    gboolean has_mask = r->read_mask != NULL;

    if (r->snaps_matte) {
        gsize pixels = (gsize)r->width * (gsize)r->height;
        self->plates =
            vera_frame_spill_new(r->scratch_folder, 3 * pixels, r->plan->n_frames, error);
        self->regions = self->plates && has_mask ? vera_frame_spill_new(r->scratch_folder, pixels,
                                                                        r->plan->n_frames, error)
                                                 : NULL;
        if (self->plates == NULL || (has_mask && self->regions == NULL))
            return FALSE;
    }
    return vera_pipeline_encode_video(self, r->read_source, self->plates, 3, self->source,
                                      (double[]){0, has_mask ? 0.5 : 1}, cancellable, error) &&
           (!has_mask ||
            vera_pipeline_encode_video(self, r->read_mask, self->regions, 1, self->mask,
                                       (double[]){0.5, 1}, cancellable, error));
}

VeraPipeline *
vera_pipeline_new(VeraRuntime *runtime,
                  VeraModel *model,
                  const VeraPipelineRequest *request,
                  GCancellable *cancellable,
                  GError **error)
{
    g_autoptr(VeraPipeline) self = g_new0(VeraPipeline, 1);
    gboolean is_host = vera_k_device_is_host(vera_runtime_get_device(runtime));

    self->request = *request;
    self->runtime = vera_runtime_ref(runtime);
    self->model = vera_model_ref(model);
    if (!vera_pipeline_load_parts(self, error) || !vera_pipeline_prepare_latents(self, error))
        return NULL;
    /* A GPU codes pictures before the transformer comes to its memory; the plan has looked at all
     * weights. */
    if ((is_host && !vera_pipeline_encode_texts(self, cancellable, error)) ||
        !vera_pipeline_encode_videos(self, cancellable, error) ||
        (!is_host && !vera_pipeline_encode_texts(self, cancellable, error)))
        return NULL;
    return g_steal_pointer(&self);
}

void
vera_pipeline_free(VeraPipeline *self)
{
    if (self == NULL)
        return;
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_clear_pointer(&self->samplers[b], vera_sampler_free);
        g_free(self->latents[b]);
    }
    g_free(self->source);
    g_clear_pointer(&self->plates, vera_frame_spill_free);
    g_clear_pointer(&self->regions, vera_frame_spill_free);
    g_free(self->mask);
    g_clear_pointer(&self->text, vera_text_context_free);
    g_clear_pointer(&self->negative, vera_text_context_free);
    vera_pipeline_unload_transformer(self);
    g_clear_pointer(&self->vae, vera_vae_free);
    g_clear_pointer(&self->model, vera_model_unref);
    g_clear_pointer(&self->runtime, vera_runtime_unref);
    g_free(self);
}

int
vera_pipeline_get_n_steps(VeraPipeline *self)
{
    return self->request.n_steps;
}

int
vera_pipeline_get_step(VeraPipeline *self)
{
    return self->step;
}

/* Latent frames [first, first + n) of a whole [z, L, plane]. */
static void
vera_pipeline_cut(VeraPipeline *self,
                  const float *whole,
                  const VeraFrameWindow *window,
                  float *part)
{
    gint64 plane = self->shape[2] * self->shape[3];

    for (gint64 c = 0; c < self->shape[0]; c++)
        memcpy(part + c * window->n_latents * plane,
               whole + (c * self->shape[1] + window->first_latent) * plane,
               (gsize)(window->n_latents * plane) * sizeof(float));
}

static void
vera_pipeline_add(VeraPipeline *self,
                  const float *part,
                  const VeraFrameWindow *window,
                  float *whole)
{
    gint64 plane = self->shape[2] * self->shape[3];

    for (gint64 c = 0; c < self->shape[0]; c++)
        for (int l = 0; l < window->n_latents; l++) {
            const float *from = part + (c * window->n_latents + l) * plane;
            float *to = whole + (c * self->shape[1] + window->first_latent + l) * plane;
            for (gint64 i = 0; i < plane; i++)
                to[i] += window->weights[l] * from[i];
        }
}

/* What a step works with: the parts of one window, and the sums over all. */
typedef struct {
    float *sums[VERA_N_BRANCHES];
    float *latents[VERA_N_BRANCHES];
    float *velocity[VERA_N_BRANCHES];
    float *plain[VERA_N_BRANCHES];
    float *source, *mask;
} VeraPipelineWindow;

static void
vera_pipeline_window_clear(VeraPipelineWindow *w)
{
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_free(w->sums[b]);
        g_free(w->latents[b]);
        g_free(w->velocity[b]);
        g_free(w->plain[b]);
    }
    g_free(w->source);
    g_free(w->mask);
}

static gboolean
vera_pipeline_window_init(VeraPipeline *self, VeraPipelineWindow *w, GError **error)
{
    gsize frame = (gsize)(self->shape[0] * self->shape[2] * self->shape[3]),
          all = frame * (gsize)self->shape[1];
    gsize n =
        frame * (gsize)self->request.plan->windows[0].n_latents; /* all windows are of one length */

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        if (!(w->sums[b] = vera_runtime_new_floats(all, error)) ||
            !(w->latents[b] = vera_runtime_new_floats(n, error)) ||
            !(w->velocity[b] = vera_runtime_new_floats(n, error)) ||
            (self->negative != NULL && !(w->plain[b] = vera_runtime_new_floats(n, error))))
            return FALSE;
        memset(w->sums[b], 0, all * sizeof(float));
    }
    return (w->source = vera_runtime_new_floats(n, error)) != NULL &&
           (self->mask == NULL || (w->mask = vera_runtime_new_floats(n, error)) != NULL);
}

/* One side of guidance. */
typedef struct {
    VeraTransformer *transformer;
    VeraTransformerInput input;
    float **velocity;
    GCancellable *cancellable;
    GError *error;
    gboolean is_well;
} VeraPipelineSide;

static gpointer
vera_pipeline_side_thread(gpointer data)
{
    VeraPipelineSide *self = data;

    self->is_well = vera_transformer_forward(self->transformer, &self->input, self->velocity,
                                             self->cancellable, &self->error);
    return NULL;
}

/* Both sides, one after the other, or at once where each has a device. The first failure counts. */
static gboolean
vera_pipeline_run_sides(VeraPipelineSide sides[2], gboolean has_both, GError **error)
{
    GThread *thread = has_both && sides[0].transformer != sides[1].transformer
                          ? g_thread_new("guidance", vera_pipeline_side_thread, &sides[1])
                          : NULL;

    vera_pipeline_side_thread(&sides[0]);
    if (thread != NULL)
        g_thread_join(thread);
    else if (has_both && sides[0].is_well)
        vera_pipeline_side_thread(&sides[1]);
    for (int i = 0; i <= has_both; i++)
        if (!sides[i].is_well) {
            if (i == 0)
                g_clear_error(&sides[1].error);
            g_propagate_error(error, sides[i].error);
            return FALSE;
        }
    return TRUE;
}

static gboolean
vera_pipeline_run_window(VeraPipeline *self,
                         const VeraFrameWindow *window,
                         VeraPipelineWindow *w,
                         GCancellable *cancellable,
                         GError **error)
{
    gsize n = (gsize)(self->shape[0] * window->n_latents * self->shape[2] * self->shape[3]);
    VeraTransformerInput input = {
        .source = w->source,
        .shape = {self->shape[0], window->n_latents, self->shape[2], self->shape[3]},
        .timestep = vera_sampler_get_timestep(self->samplers[0], self->step),
        .text = self->text};
    float g = (float)self->request.guidance;

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        vera_pipeline_cut(self, self->latents[b], window, w->latents[b]);
        input.latents[b] = w->latents[b];
    }
    vera_pipeline_cut(self, self->source, window, w->source);
    if (self->mask != NULL) {
        vera_pipeline_cut(self, self->mask, window, w->mask);
        input.mask = w->mask;
    }
    VeraPipelineSide sides[2] = {{.transformer = self->transformer,
                                  .input = input,
                                  .velocity = w->velocity,
                                  .cancellable = cancellable},
                                 {.transformer = self->other ? self->other : self->transformer,
                                  .input = input,
                                  .velocity = w->plain,
                                  .cancellable = cancellable}};
    sides[1].input.text = self->negative;
    if (!vera_pipeline_run_sides(sides, self->negative != NULL, error))
        return FALSE;
    if (self->negative == NULL)
        return TRUE;
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        for (gsize i = 0; i < n; i++)
            w->velocity[b][i] = w->plain[b][i] + g * (w->velocity[b][i] - w->plain[b][i]);
    return TRUE;
}

gboolean
vera_pipeline_step(VeraPipeline *self, GCancellable *cancellable, GError **error)
{
    const VeraFramePlan *plan = self->request.plan;
    VeraPipelineWindow w = {0};
    gboolean ok =
        vera_pipeline_load_transformer(self, error) && vera_pipeline_window_init(self, &w, error);

    for (int i = 0; ok && i < plan->n_windows; i++) {
        ok = vera_pipeline_run_window(self, &plan->windows[i], &w, cancellable, error);
        for (int b = 0; ok && b < VERA_N_BRANCHES; b++)
            vera_pipeline_add(self, w.velocity[b], &plan->windows[i], w.sums[b]);
        if (ok)
            vera_pipeline_report(
                self, "sample", (self->step + (i + 1.0) / plan->n_windows) / self->request.n_steps);
    }
    if (ok && self->preview.want != NULL && self->memory.has_preview) {
        int index = self->preview.want(self->preview.user_data);
        if (index >= 0 && index < plan->n_frames)
            vera_pipeline_show(self, index, w.sums, cancellable);
    }
    for (int b = 0; ok && b < VERA_N_BRANCHES; b++)
        ok = vera_sampler_step(self->samplers[b], self->step, w.sums[b], self->latents[b], error);
    if (ok)
        self->step++;
    vera_pipeline_window_clear(&w);
    return ok;
}
