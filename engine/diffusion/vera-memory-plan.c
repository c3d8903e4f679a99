#include "config.h"

#include "engine/diffusion/vera-memory-plan.h"

#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"

/* Left free for what the driver and other programs take meanwhile. */
#define VERA_MEMORY_PLAN_SHARE 0.95

/* Tokens of a long instruction, or of Wan's own negative prompt. */
#define VERA_MEMORY_PLAN_TOKENS 128

/* Pushes after which a stream takes no more than before: its first frame, the chunk that fills its caches, and one with full ones. */
#define VERA_MEMORY_PLAN_PUSHES 3

/* A take on paper: the parts of a pipeline, and nothing in them. */
typedef struct {
    const VeraMemoryNeed *need;
    const VeraVaeConfig *config;
    VeraModel *model;
    gint64 shape[4]; /* z, latents of a window, h, w */
    /* Owned */
    VeraRuntime *runtime;
    VeraVae *vae;
    VeraTransformer *transformer;
    VeraTextContext *texts[2];
} VeraPaperTake;

static void
vera_paper_take_clear(VeraPaperTake *self)
{
    for (int i = 0; i < 2; i++)
        g_clear_pointer(&self->texts[i], vera_text_context_free);
    g_clear_pointer(&self->transformer, vera_transformer_free);
    g_clear_pointer(&self->vae, vera_vae_free);
    g_clear_pointer(&self->runtime, vera_runtime_unref);
}

static guint64
vera_paper_take_get_used(VeraPaperTake *self, gboolean is_peak)
{
    VeraKDeviceInfo info;

    vera_k_device_get_info(vera_runtime_get_device(self->runtime), &info);
    return is_peak ? info.peak_used_bytes : info.used_bytes;
}

static gboolean
vera_paper_take_load_vae(VeraPaperTake *self, VeraRuntime *like, guint64 packed_max, GError **error)
{
    VeraWeights *weights = vera_model_get_vae_weights(self->model, error);

    self->runtime = weights ? vera_runtime_new_dry(like, error) : NULL;
    if (self->runtime == NULL)
        return FALSE;
    vera_k_ctx_set_packed_max(vera_runtime_get_ctx(self->runtime), (gsize)packed_max);
    self->vae = vera_vae_new(self->runtime, self->config, weights, error);
    return self->vae != NULL;
}

static gboolean
vera_paper_take_code_text(VeraPaperTake *self, int i, GError **error)
{
    const VeraTextEncoderConfig *config = vera_model_get_text_encoder_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_text_encoder_weights(self->model, error) : NULL;
    g_autoptr(VeraTextEncoder) encoder = weights ? vera_text_encoder_new(self->runtime, config, weights, error) : NULL;
    int asked = i == 0 ? self->need->n_tokens : self->need->n_negative_tokens, n = asked > 0 ? asked : VERA_MEMORY_PLAN_TOKENS;
    g_autofree gint64 *ids = g_new0(gint64, n);
    g_autofree float *hidden = encoder ? g_new0(float, (gsize)n * (gsize)config->d_model) : NULL;

    if (encoder == NULL || !vera_text_encoder_run(encoder, ids, NULL, n, hidden, NULL, error))
        return FALSE;
    self->texts[i] = vera_transformer_prepare_text(self->transformer, hidden, n, NULL, error);
    return self->texts[i] != NULL;
}

static gboolean
vera_paper_take_encode(VeraPaperTake *self, GError **error)
{
    gsize pixels = (gsize)self->need->width * (gsize)self->need->height;
    g_autofree float *frames = g_new0(float, 3 * (gsize)self->config->temporal_factor * pixels);
    g_autofree float *latents = g_new0(float, (gsize)(self->shape[0] * self->shape[2] * self->shape[3]));
    g_autoptr(VeraVaeStream) stream = vera_vae_encoder_new(self->vae, self->need->width, self->need->height, error);
    int n = MIN(self->need->plan->n_latents, VERA_MEMORY_PLAN_PUSHES);

    for (int i = 0; stream != NULL && i < n; i++)
        if (!vera_vae_encoder_push(stream, frames, i == 0 ? 1 : self->config->temporal_factor, latents, NULL, error))
            return FALSE;
    return stream != NULL;
}

static gboolean
vera_paper_take_decode(VeraPaperTake *self, int n, GError **error)
{
    gsize pixels = (gsize)self->need->width * (gsize)self->need->height;
    g_autofree float *frames = g_new0(float, 3 * (gsize)self->config->temporal_factor * pixels);
    g_autofree float *latent = g_new0(float, (gsize)(self->shape[0] * self->shape[2] * self->shape[3]));
    g_autoptr(VeraVaeStream) stream = vera_vae_decoder_new(self->vae, (int)self->shape[3], (int)self->shape[2], error);

    for (int i = 0; stream != NULL && i < MIN(n, self->need->plan->n_latents); i++)
        if (!vera_vae_decoder_push(stream, latent, frames, NULL, error))
            return FALSE;
    return stream != NULL;
}

static gboolean
vera_paper_take_sample(VeraPaperTake *self, GError **error)
{
    gsize n = (gsize)(self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3]);
    g_autofree float *latents = g_new0(float, n), *velocity = g_new0(float, n);
    VeraTransformerInput input = { .latents = { latents, latents, latents }, .source = latents, .mask = latents,
                                   .shape = { self->shape[0], self->shape[1], self->shape[2], self->shape[3] },
                                   .timestep = 500, .text = self->texts[0] };
    float *velocities[VERA_N_BRANCHES] = { velocity, velocity, velocity };

    return vera_transformer_forward(self->transformer, &input, velocities, NULL, error);
}

/* The peak of a part of the take, or 0 with @error set. */
#define VERA_PAPER_PEAK(call)                                                                                          \
    (vera_k_device_reset_peak(vera_runtime_get_device(take->runtime)), (call) ? vera_paper_take_get_used(take, TRUE) : 0)

static gboolean
vera_paper_take_code_texts(VeraPaperTake *self, GError **error)
{
    return vera_paper_take_code_text(self, 0, error) && (!self->need->has_guidance || vera_paper_take_code_text(self, 1, error));
}

/* The order is that of vera-pipeline.c. */
static gboolean
vera_memory_plan_measure(VeraMemoryPlan *self, VeraPaperTake *take, GError **error)
{
    guint64 text_peak, before, loaded, vae_bytes = vera_paper_take_get_used(take, FALSE);

    self->encode_bytes = VERA_PAPER_PEAK(vera_paper_take_encode(take, error));
    if (self->encode_bytes == 0)
        return FALSE;
    before = vera_paper_take_get_used(take, FALSE);
    take->transformer = vera_transformer_new(take->runtime, take->model, self->memory, error);
    if (take->transformer == NULL)
        return FALSE;
    loaded = vera_paper_take_get_used(take, FALSE);
    self->weight_bytes = vae_bytes + loaded - before;
    text_peak = VERA_PAPER_PEAK(vera_paper_take_code_texts(take, error));
    if (text_peak == 0)
        return FALSE;
    self->text_bytes = vera_paper_take_get_used(take, FALSE) - loaded;
    self->encode_bytes = MAX(self->encode_bytes, text_peak);
    self->sample_bytes = VERA_PAPER_PEAK(vera_paper_take_sample(take, error));
    if (self->sample_bytes == 0)
        return FALSE;
    self->preview_bytes = VERA_PAPER_PEAK(vera_paper_take_decode(take, 2, error));
    if (self->preview_bytes == 0)
        return FALSE;
    g_clear_pointer(&take->transformer, vera_transformer_free);
    self->decode_bytes = VERA_PAPER_PEAK(vera_paper_take_decode(take, VERA_MEMORY_PLAN_PUSHES, error));
    self->packed_bytes = vera_k_ctx_get_packed_bytes(vera_runtime_get_ctx(take->runtime));
    return self->decode_bytes != 0;
}

static gboolean
vera_memory_plan_try(VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, guint64 packed_max, GError **error)
{
    const VeraVaeConfig *config = vera_model_get_vae_config(model, error);
    VeraPaperTake take = { .need = need, .config = config, .model = model };
    guint64 usable = (guint64)(VERA_MEMORY_PLAN_SHARE * (double)self->free_bytes);
    gboolean ok;

    if (config == NULL)
        return FALSE;
    take.shape[0] = config->z_dim;
    take.shape[1] = need->plan->windows[0].n_latents;
    take.shape[2] = need->height / config->spatial_factor;
    take.shape[3] = need->width / config->spatial_factor;
    ok = vera_paper_take_load_vae(&take, runtime, packed_max, error) && vera_memory_plan_measure(self, &take, error);
    vera_paper_take_clear(&take);
    self->peak_bytes = MAX(self->encode_bytes, MAX(self->sample_bytes, self->decode_bytes));
    self->has_preview = self->preview_bytes <= MAX(usable, self->peak_bytes);
    if (self->has_preview)
        self->peak_bytes = MAX(self->peak_bytes, self->preview_bytes);
    return ok;
}

static gboolean
vera_memory_plan_choose(VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, GError **error)
{
    static const struct {
        VeraTransformerMemory memory;
        guint64 packed_max;
    } ways[] = { { VERA_TRANSFORMER_RESIDENT, G_MAXSIZE },
                 { VERA_TRANSFORMER_RESIDENT, 0 },
                 { VERA_TRANSFORMER_STREAMED, G_MAXSIZE },
                 { VERA_TRANSFORMER_STREAMED, 0 } };

    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        self->memory = ways[i].memory;
        if (!vera_memory_plan_try(self, runtime, model, need, ways[i].packed_max, error))
            return FALSE;
        if ((double)self->peak_bytes <= VERA_MEMORY_PLAN_SHARE * (double)self->free_bytes)
            return TRUE;
    }
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY,
                "The take needs %.2f GiB on the device, which has %.2f GiB free. Use fewer frames, a smaller size, or the device cpu.",
                (double)self->peak_bytes / (1 << 30), (double)self->free_bytes / (1 << 30));
    return FALSE;
}

gboolean
vera_memory_plan_init(
    VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, GError **error)
{
    VeraKDevice *device = vera_runtime_get_device(runtime);
    gint64 countdown = vera_k_fault_get_countdown();
    VeraKDeviceInfo info;
    gboolean ok;

    vera_k_device_get_info(device, &info);
    *self = (VeraMemoryPlan){ .memory = VERA_TRANSFORMER_RESIDENT, .free_bytes = info.free_bytes, .has_preview = TRUE };
    if (vera_k_device_is_host(device))
        return TRUE;
    /* Tests count the allocations of the take, not those on paper. */
    vera_k_fault_set_countdown(-1);
    ok = vera_memory_plan_choose(self, runtime, model, need, error);
    vera_k_fault_set_countdown(countdown);
    return ok;
}
