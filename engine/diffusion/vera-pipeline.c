#include "config.h"

#include "engine/diffusion/vera-pipeline.h"

#include <string.h>

#include "engine/diffusion/vera-noise.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/diffusion/vera-weights.h"
#include "engine/vera-engine-error.h"

/* Above this velocities leave the range of single precision before they mean anything. */
#define VERA_PIPELINE_MAX_GUIDANCE 1000.0

struct _VeraPipeline {
    VeraPipelineRequest request;
    /* Owned */
    VeraRuntime *runtime;
    VeraModel *model;
    VeraVae *vae;
    VeraTransformer *transformer;
    VeraTextContext *text, *negative;
    VeraSampler *samplers[VERA_N_BRANCHES];
    float *latents[VERA_N_BRANCHES]; /* [z, latents, h, w] */
    float *source, *mask;
    gint64 shape[4];
    int step;
    VeraPipelinePreview preview;
};

int
vera_pipeline_get_align(VeraModel *model, GError **error)
{
    const VeraVaeConfig *vae = vera_model_get_vae_config(model, error);
    const VeraBranchConfig *branch = vae ? vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error) : NULL;

    return branch ? vae->spatial_factor * MAX(branch->patch_h, branch->patch_w) : 0;
}

static void
vera_pipeline_report(VeraPipeline *self, const char *phase, double fraction)
{
    if (self->request.progress != NULL)
        self->request.progress(phase, fraction, self->request.progress_data);
}

static VeraTextContext *
vera_pipeline_encode_text(
    VeraPipeline *self, const gint64 *ids, const gint64 *mask, int n, GCancellable *cancellable, GError **error)
{
    const VeraTextEncoderConfig *config = vera_model_get_text_encoder_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_text_encoder_weights(self->model, error) : NULL;
    g_autoptr(VeraTextEncoder) encoder = weights ? vera_text_encoder_new(self->runtime, config, weights, error) : NULL;
    g_autofree float *hidden = NULL;
    int n_real = 0;

    if (encoder == NULL)
        return NULL;
    /* Padding is masked and thrown away, so only the real tokens are run (wan21-spec.md section 4.5). */
    while (n_real < n && (mask == NULL || mask[n_real] != 0))
        n_real++;
    for (int i = n_real; i < n; i++)
        if (mask[i] != 0) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "Token %d of a text counts although one before it is padding; put padding "
                        "at the end.",
                        i);
            return NULL;
        }
    hidden = vera_runtime_new_floats((gsize)n_real * (gsize)config->d_model, error);
    if (hidden == NULL ||
        !vera_text_encoder_run(encoder, ids, NULL, n_real, hidden, cancellable, error))
        return NULL;
    return vera_transformer_prepare_text(self->transformer, hidden, n_real, cancellable, error);
}

/* Codes the whole range as a stream; frames past the end repeat the last one. */
static gboolean
vera_pipeline_encode_video(VeraPipeline *self, VeraPipelineFrameFunc read, float *latents, double share[2], GCancellable *cancellable, GError **error)
{
    const VeraFramePlan *plan = self->request.plan;
    gint64 pixels = (gint64)self->request.width * self->request.height, plane = self->shape[2] * self->shape[3];
    int step = plan->temporal_factor;
    g_autoptr(VeraVaeStream) stream = vera_vae_encoder_new(self->vae, self->request.width, self->request.height, error);
    g_autofree float *frame = NULL, *chunk = NULL, *coded = NULL;

    if (stream == NULL || !(frame = vera_runtime_new_floats((gsize)(3 * pixels), error)) ||
        !(chunk = vera_runtime_new_floats((gsize)(3 * step * pixels), error)) ||
        !(coded = vera_runtime_new_floats((gsize)(self->shape[0] * plane), error)))
        return FALSE;
    for (int l = 0; l < plan->n_latents; l++) {
        int first = l == 0 ? 0 : 1 + (l - 1) * step, n = l == 0 ? 1 : step;
        for (int i = 0; i < n; i++) {
            if (first + i < plan->n_frames && !read(first + i, frame, self->request.frame_data, error))
                return FALSE;
            for (int c = 0; c < 3; c++)
                memcpy(chunk + (c * n + i) * pixels, frame + c * pixels, (gsize)pixels * sizeof(float));
        }
        if (!vera_vae_encoder_push(stream, chunk, n, coded, cancellable, error))
            return FALSE;
        for (gint64 c = 0; c < self->shape[0]; c++)
            memcpy(latents + (c * self->shape[1] + l) * plane, coded + c * plane, (gsize)plane * sizeof(float));
        vera_pipeline_report(self, "encode", share[0] + (share[1] - share[0]) * (l + 1) / plan->n_latents);
    }
    return TRUE;
}

static gboolean
vera_pipeline_prepare_latents(VeraPipeline *self, GError **error)
{
    gsize n = (gsize)(self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3]);

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        self->samplers[b] =
            vera_sampler_new(self->request.solver, self->request.n_steps, self->request.shift, n, error);
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

static gboolean
vera_pipeline_load_parts(VeraPipeline *self, GError **error)
{
    const VeraVaeConfig *config = vera_model_get_vae_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_vae_weights(self->model, error) : NULL;
    int align = weights ? vera_pipeline_get_align(self->model, error) : 0;

    if (align == 0 || !vera_pipeline_check_request(self, config, align, error))
        return FALSE;
    self->shape[0] = config->z_dim;
    self->shape[1] = self->request.plan->n_latents;
    self->shape[2] = self->request.height / config->spatial_factor;
    self->shape[3] = self->request.width / config->spatial_factor;
    self->vae = vera_vae_new(self->runtime, config, weights, error);
    self->transformer = self->vae ? vera_transformer_new(self->runtime, self->model, error) : NULL;
    return self->transformer != NULL;
}

VeraPipeline *
vera_pipeline_new(VeraRuntime *runtime, VeraModel *model, const VeraPipelineRequest *request, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraPipeline) self = g_new0(VeraPipeline, 1);
    gboolean has_mask = request->read_mask != NULL;

    self->request = *request;
    self->runtime = vera_runtime_ref(runtime);
    self->model = vera_model_ref(model);
    if (!vera_pipeline_load_parts(self, error) || !vera_pipeline_prepare_latents(self, error))
        return NULL;
    self->text = vera_pipeline_encode_text(self, request->ids, request->id_mask, request->n_ids, cancellable, error);
    if (self->text == NULL)
        return NULL;
    if (request->guidance > 1) {
        self->negative = vera_pipeline_encode_text(self, request->negative_ids, request->negative_mask, request->n_negative_ids,
                                                   cancellable, error);
        if (self->negative == NULL)
            return NULL;
    }
    if (!vera_pipeline_encode_video(self, request->read_source, self->source, (double[]){ 0, has_mask ? 0.5 : 1 }, cancellable, error) ||
        (has_mask && !vera_pipeline_encode_video(self, request->read_mask, self->mask, (double[]){ 0.5, 1 }, cancellable, error)))
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
    g_free(self->mask);
    g_clear_pointer(&self->text, vera_text_context_free);
    g_clear_pointer(&self->negative, vera_text_context_free);
    g_clear_pointer(&self->transformer, vera_transformer_free);
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
vera_pipeline_cut(VeraPipeline *self, const float *whole, const VeraFrameWindow *window, float *part)
{
    gint64 plane = self->shape[2] * self->shape[3];

    for (gint64 c = 0; c < self->shape[0]; c++)
        memcpy(part + c * window->n_latents * plane, whole + (c * self->shape[1] + window->first_latent) * plane,
               (gsize)(window->n_latents * plane) * sizeof(float));
}

static void
vera_pipeline_add(VeraPipeline *self, const float *part, const VeraFrameWindow *window, float *whole)
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

static gboolean
vera_pipeline_run_window(VeraPipeline *self, const VeraFrameWindow *window, VeraPipelineWindow *w, GCancellable *cancellable, GError **error)
{
    gsize n = (gsize)(self->shape[0] * window->n_latents * self->shape[2] * self->shape[3]);
    VeraTransformerInput input = { .source = w->source, .shape = { self->shape[0], window->n_latents, self->shape[2], self->shape[3] },
                                   .timestep = vera_sampler_get_timestep(self->samplers[0], self->step), .text = self->text };
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
    if (!vera_transformer_forward(self->transformer, &input, w->velocity, cancellable, error))
        return FALSE;
    if (self->negative == NULL)
        return TRUE;
    input.text = self->negative;
    if (!vera_transformer_forward(self->transformer, &input, w->plain, cancellable, error))
        return FALSE;
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        for (gsize i = 0; i < n; i++)
            w->velocity[b][i] = w->plain[b][i] + g * (w->velocity[b][i] - w->plain[b][i]);
    return TRUE;
}

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

/* Shows frame @index as @velocity at the present latents foresees it. */
static void
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

gboolean
vera_pipeline_step(VeraPipeline *self, GCancellable *cancellable, GError **error)
{
    const VeraFramePlan *plan = self->request.plan;
    VeraPipelineWindow w = {0};
    gboolean ok = vera_pipeline_window_init(self, &w, error);

    for (int i = 0; ok && i < plan->n_windows; i++) {
        ok = vera_pipeline_run_window(self, &plan->windows[i], &w, cancellable, error);
        for (int b = 0; ok && b < VERA_N_BRANCHES; b++)
            vera_pipeline_add(self, w.velocity[b], &plan->windows[i], w.sums[b]);
        if (ok)
            vera_pipeline_report(self, "sample", (self->step + (i + 1.0) / plan->n_windows) / self->request.n_steps);
    }
    if (ok && self->preview.want != NULL) {
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

gboolean
vera_pipeline_save(VeraPipeline *self, const char *path, const char *fingerprint, GError **error)
{
    gint64 step = self->step, n_mark = (gint64)strlen(fingerprint);
    GBytes *states[VERA_N_BRANCHES] = {NULL};
    char names[2 * VERA_N_BRANCHES][32];
    VeraNamedTensor tensors[2 * VERA_N_BRANCHES + 2];
    int n = 0;
    gboolean ok = TRUE;

    for (int b = 0; ok && b < VERA_N_BRANCHES; b++) {
        gsize size;
        gpointer data;
        states[b] = vera_sampler_save(self->samplers[b], error);
        ok = states[b] != NULL;
        if (!ok)
            break;
        data = (gpointer)g_bytes_get_data(states[b], &size);
        g_snprintf(names[2 * b], sizeof names[0], "%s.latents", vera_branch_get_name(b));
        g_snprintf(names[2 * b + 1], sizeof names[0], "%s.solver", vera_branch_get_name(b));
        tensors[n++] = (VeraNamedTensor){ names[2 * b], vera_k_tensor(VERA_K_DTYPE_F32, self->latents[b], 4, (const int64_t *)self->shape) };
        tensors[n++] = (VeraNamedTensor){ names[2 * b + 1], vera_k_tensor(VERA_K_DTYPE_U8, data, 1, (const int64_t[]){ (int64_t)size }) };
    }
    tensors[n++] = (VeraNamedTensor){ "step", vera_k_tensor(VERA_K_DTYPE_I64, &step, 1, (const int64_t[]){ 1 }) };
    tensors[n++] = (VeraNamedTensor){ "fingerprint", vera_k_tensor(VERA_K_DTYPE_U8, (void *)fingerprint, 1, (const int64_t *)&n_mark) };
    ok = ok && vera_safetensors_write(path, tensors, n, error);
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        g_clear_pointer(&states[b], g_bytes_unref);
    return ok;
}

/* The saved tensor @name, if it is of this type and count; any count for -1. */
static gboolean
vera_pipeline_find(
    VeraWeights *saved, const char *name, VeraKDType dtype, gint64 count, VeraKTensor *tensor)
{
    return vera_weights_get(saved, name, tensor) && tensor->dtype == dtype &&
           (count < 0 || vera_k_tensor_n_elements(tensor) == count);
}

/* Nothing is changed before all of it is known to be sound: @states and @latents point into @saved.
 */
static gboolean
vera_pipeline_check_saved(VeraPipeline *self,
                          VeraWeights *saved,
                          gint64 step,
                          GBytes *states[VERA_N_BRANCHES],
                          const float *latents[VERA_N_BRANCHES],
                          GError **error)
{
    gint64 n = self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3];

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_autofree char *latents_name = g_strdup_printf("%s.latents", vera_branch_get_name(b));
        g_autofree char *solver_name = g_strdup_printf("%s.solver", vera_branch_get_name(b));
        VeraKTensor values, state;
        int due;
        if (!vera_pipeline_find(saved, latents_name, VERA_K_DTYPE_F32, n, &values) ||
            !vera_pipeline_find(saved, solver_name, VERA_K_DTYPE_U8, -1, &state)) {
            g_set_error_literal(
                error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The saved state of the take is damaged; remove it and start the edit again.");
            return FALSE;
        }
        states[b] = g_bytes_new_static(state.data, (gsize)vera_k_tensor_n_elements(&state));
        if (!vera_sampler_check_state(self->samplers[b], states[b], &due, error))
            return FALSE;
        if (due != step) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "The saved state of the take is damaged: its parts are of steps %d and "
                        "%" G_GINT64_FORMAT "; remove it and start the edit again.",
                        due, step);
            return FALSE;
        }
        latents[b] = values.data;
    }
    return TRUE;
}

gboolean
vera_pipeline_load(VeraPipeline *self, const char *path, const char *fingerprint, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VeraWeights) saved = vera_weights_open(path, VERA_WEIGHTS_KIND_PLAIN, &cause);
    gsize n = (gsize)(self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3]);
    GBytes *states[VERA_N_BRANCHES] = {NULL};
    const float *latents[VERA_N_BRANCHES];
    VeraKTensor step, mark;
    gboolean ok;

    if (saved == NULL) {
        /* The same kind of file as weights, but not the model's fault. */
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The saved state of the take cannot be used; remove it and start the edit again. %s",
                    cause->message);
        return FALSE;
    }
    if (!vera_pipeline_find(saved, "step", VERA_K_DTYPE_I64, 1, &step) ||
        !vera_pipeline_find(saved, "fingerprint", VERA_K_DTYPE_U8, (gint64)strlen(fingerprint),
                            &mark) ||
        memcmp(mark.data, fingerprint, strlen(fingerprint)) != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The saved state ‘%s’ belongs to another edit; remove it, or ask for the same edit again.", path);
        return FALSE;
    }
    ok = vera_pipeline_check_saved(self, saved, *(const gint64 *)step.data, states, latents, error);
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        ok = ok && vera_sampler_load(self->samplers[b], states[b], error);
        if (ok)
            memcpy(self->latents[b], latents[b], n * sizeof(float));
        g_clear_pointer(&states[b], g_bytes_unref);
    }
    if (ok)
        self->step = (int)*(const gint64 *)step.data;
    return ok;
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

/* Tokens for which the estimate makes room: a long instruction, or Wan's own negative prompt. */
#define VERA_PIPELINE_TYPICAL_TOKENS 128

static double
vera_pipeline_estimate_bytes(const VeraBranchConfig *c,
                             const VeraVaeConfig *v,
                             gint64 width,
                             gint64 height,
                             const VeraFramePlan *plan,
                             int n_texts)
{
    gint64 w = width / v->spatial_factor, h = height / v->spatial_factor;
    double window = (double)plan->windows[0].n_latents * (double)(w * h),
           tokens = window / (c->patch_h * c->patch_w);
    double weights = 3.0 * c->n_layers * (8.0 * c->dim * c->dim + 2.0 * c->dim * c->ffn_dim) * 2;
    double texts =
        n_texts * 2.0 * VERA_N_BRANCHES * c->n_layers * VERA_PIPELINE_TYPICAL_TOKENS * c->dim;
    /* Latents, noise, the solvers' history, source, mask and sums, all of the whole range. */
    double latents = 24.0 * v->z_dim * plan->n_latents * (double)(w * h);
    /* Joined residual, q, k, v and o; three buffers of one branch; positions; host copies of one
     * window. */
    double step = (5.0 * VERA_N_BRANCHES + 3) * tokens * c->dim + tokens * c->head_dim +
                  12.0 * v->z_dim * window;
    double encode = (double)vera_vae_estimate_bytes(v, FALSE, width, height, 1);
    double decode = (double)vera_vae_estimate_bytes(v, TRUE, w, h, VERA_N_BRANCHES);
    /* Decoding begins while the buffers of the last step are there. */
    return weights + (texts + latents + step) * sizeof(float) + MAX(encode, decode);
}

gboolean
vera_pipeline_estimate(VeraModel *model,
                       int width,
                       int height,
                       const VeraFramePlan *plan,
                       gboolean has_guidance,
                       VeraPipelineEstimate *estimate,
                       GError **error)
{
    const VeraBranchConfig *c = vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error);
    const VeraVaeConfig *v = c ? vera_model_get_vae_config(model, error) : NULL;
    double l, d, f, linear, attention;

    if (v == NULL)
        return FALSE;
    /* wan21-spec.md sections 8.1 and 8.2. */
    l = (double)plan->windows[0].n_latents * (height / v->spatial_factor / c->patch_h) *
        (width / v->spatial_factor / c->patch_w);
    d = c->dim;
    f = c->ffn_dim;
    linear = 3.0 * c->n_layers * (12 * l * d * d + 4 * l * d * f);
    attention = 9.0 * c->n_layers * 4 * l * l * d;
    estimate->gflop_per_step = (linear + attention) * plan->n_windows * (has_guidance ? 2 : 1) * 1e-9;
    estimate->memory_bytes =
        (guint64)vera_pipeline_estimate_bytes(c, v, width, height, plan, has_guidance ? 2 : 1);
    return TRUE;
}
