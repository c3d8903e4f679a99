#include "config.h"

#include "engine/diffusion/vera-memory-plan.h"

#include <string.h>

#include "engine/diffusion/vera-transformer-private.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"

/* Left free for what the driver and other programs take meanwhile. */
#define VERA_MEMORY_PLAN_SHARE 0.95

/* Keys of a long instruction, or of Wan's own negative prompt. */
#define VERA_MEMORY_PLAN_KEYS 129

/* Workspace of products, and operands of a chunk that are brought to another type. */
#define VERA_MEMORY_PLAN_SCRATCH ((guint64)64 << 20)

/* Bytes of the weights of a module: all, and the largest of its layers, whose names begin with a prefix and a number. */
typedef struct {
    guint64 all, beside, layer;
} VeraModuleBytes;

static VeraModuleBytes
vera_memory_plan_measure(VeraWeights *weights, const char *prefix, int n_layers)
{
    g_autoptr(GPtrArray) names = vera_weights_list_names(weights);
    g_autofree guint64 *layers = g_new0(guint64, n_layers);
    VeraModuleBytes bytes = { 0 };

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        gboolean is_of_layer = prefix != NULL && g_str_has_prefix(name, prefix);
        VeraKTensor tensor = { 0 };
        guint64 size;
        vera_weights_get(weights, name, &tensor);
        size = vera_placement_get_bytes(&tensor, 1);
        bytes.all += size;
        if (is_of_layer)
            layers[MIN(g_ascii_strtoull(name + strlen(prefix), NULL, 10), (guint64)n_layers - 1)] += size;
        else
            bytes.beside += size;
    }
    for (int i = 0; i < n_layers; i++)
        bytes.layer = MAX(bytes.layer, layers[i]);
    return bytes;
}

static gboolean
vera_memory_plan_weigh(VeraMemoryPlan *self, VeraModel *model, int n_layers, guint64 *vae_bytes, GError **error)
{
    VeraWeights *layers = vera_model_get_layers_weights(model, error);
    VeraWeights *vae = layers ? vera_model_get_vae_weights(model, error) : NULL;
    guint64 block = 0;

    if (vae == NULL)
        return FALSE;
    *vae_bytes = vera_memory_plan_measure(vae, NULL, 1).all;
    self->weight_bytes = *vae_bytes + vera_memory_plan_measure(layers, NULL, 1).all;
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        VeraWeights *weights = vera_model_get_branch_weights(model, b, error);
        VeraModuleBytes bytes;
        if (weights == NULL)
            return FALSE;
        bytes = vera_memory_plan_measure(weights, "blocks.", n_layers);
        self->weight_bytes += self->memory == VERA_TRANSFORMER_STREAMED ? bytes.beside : bytes.all;
        block += bytes.layer;
    }
    if (self->memory == VERA_TRANSFORMER_STREAMED)
        self->weight_bytes += 2 * block;
    return TRUE;
}

/* One layer of the text encoder, what it works with for a long text, and the scores' biases twice. */
static gboolean
vera_memory_plan_weigh_text(VeraModel *model, guint64 *bytes, GError **error)
{
    const VeraTextEncoderConfig *c = vera_model_get_text_encoder_config(model, error);
    VeraWeights *weights = c ? vera_model_get_text_encoder_weights(model, error) : NULL;
    guint64 n = VERA_MEMORY_PLAN_KEYS;

    if (weights == NULL)
        return FALSE;
    *bytes = vera_memory_plan_measure(weights, "encoder.block.", c->n_layers).layer +
             n * (guint64)(3 * c->d_model + 4 * c->n_heads * c->d_kv + 2 * c->d_ff) * sizeof(float) +
             2 * n * n * (guint64)c->n_heads * sizeof(float);
    return TRUE;
}

static gboolean
vera_memory_plan_fill(VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, GError **error)
{
    const VeraBranchConfig *c = vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error);
    const VeraVaeConfig *v = c ? vera_model_get_vae_config(model, error) : NULL;
    gint64 w, h, shape[4];
    guint64 vae_bytes, encoder, text, arena, decode;

    if (v == NULL || !vera_memory_plan_weigh(self, model, c->n_layers, &vae_bytes, error) ||
        !vera_memory_plan_weigh_text(model, &encoder, error))
        return FALSE;
    w = need->width / v->spatial_factor;
    h = need->height / v->spatial_factor;
    shape[0] = v->z_dim;
    shape[1] = need->plan->windows[0].n_latents;
    shape[2] = h;
    shape[3] = w;
    arena = vera_arena_estimate_bytes(runtime, c, VERA_N_BRANCHES, shape);
    text = (guint64)(need->has_guidance ? 2 : 1) * 2 * VERA_N_BRANCHES * (guint64)c->n_layers * VERA_MEMORY_PLAN_KEYS * (guint64)c->dim * sizeof(float);
    decode = vera_vae_estimate_bytes(v, TRUE, w, h);
    encoder = MAX(encoder, vera_vae_estimate_bytes(v, FALSE, need->width, need->height));
    self->encode_bytes = self->weight_bytes + text + encoder + VERA_MEMORY_PLAN_SCRATCH;
    self->sample_bytes = self->weight_bytes + text + arena + VERA_MEMORY_PLAN_SCRATCH;
    self->decode_bytes = vae_bytes + text + decode + VERA_MEMORY_PLAN_SCRATCH;
    self->peak_bytes = MAX(self->encode_bytes, MAX(self->sample_bytes, self->decode_bytes));
    return TRUE;
}

gboolean
vera_memory_plan_init(
    VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, GError **error)
{
    VeraKDevice *device = vera_runtime_get_device(runtime);
    VeraKDeviceInfo info;

    vera_k_device_get_info(device, &info);
    *self = (VeraMemoryPlan){ .memory = VERA_TRANSFORMER_RESIDENT, .free_bytes = info.free_bytes };
    if (vera_k_device_is_host(device))
        return TRUE;
    for (int i = 0; i < 2; i++) {
        self->memory = i == 0 ? VERA_TRANSFORMER_RESIDENT : VERA_TRANSFORMER_STREAMED;
        if (!vera_memory_plan_fill(self, runtime, model, need, error))
            return FALSE;
        if ((double)self->peak_bytes <= VERA_MEMORY_PLAN_SHARE * (double)info.free_bytes)
            return TRUE;
    }
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY,
                "The take needs %.2f GiB on the device, which has %.2f GiB free. Use fewer frames, a smaller size, or the device cpu.",
                (double)self->peak_bytes / (1 << 30), (double)info.free_bytes / (1 << 30));
    return FALSE;
}
