#include "config.h"

#include "engine/diffusion/vera-transformer.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-transformer-private.h"
#include "engine/vera-engine-error.h"

G_STATIC_ASSERT(sizeof(VeraLayersWeights) == 6 * sizeof(VeraKTensor));

static VeraTransformer *
vera_transformer_new_empty(VeraRuntime *runtime, VeraModel *model)
{
    VeraTransformer *self = g_new0(VeraTransformer, 1);

    self->runtime = vera_runtime_ref(runtime);
    self->model = vera_model_ref(model);
    return self;
}

static gboolean
vera_transformer_add_branch(VeraTransformer *self, VeraBranchId branch, GError **error)
{
    const VeraBranchConfig *config = vera_model_get_branch_config(self->model, branch, error);
    VeraWeights *weights = config ? vera_model_get_branch_weights(self->model, branch, error) : NULL;

    if (weights == NULL)
        return FALSE;
    if (self->n_branches > 0 && (config->dim != self->config.dim || config->n_layers != self->config.n_layers ||
                                 config->n_heads != self->config.n_heads || config->ffn_dim != self->config.ffn_dim ||
                                 config->text_dim != self->config.text_dim || config->patch_h != self->config.patch_h ||
                                 config->patch_w != self->config.patch_w || config->in_channels != self->config.in_channels)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The branch %s of the model ‘%s’ differs in shape from the others.", vera_branch_get_name(branch),
                    vera_model_get_dir(self->model));
        return FALSE;
    }
    self->config = *config;
    return vera_branch_init(&self->branches[self->n_branches++], self->runtime, config, weights, self->stream, error);
}

VeraTransformer *
vera_transformer_new(VeraRuntime *runtime, VeraModel *model, VeraTransformerMemory memory, GError **error)
{
    g_autoptr(VeraTransformer) self = vera_transformer_new_empty(runtime, model);
    const VeraBranchConfig *config = vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error);
    VeraWeights *layers;

    if (config == NULL)
        return NULL;
    if (memory == VERA_TRANSFORMER_STREAMED && (self->stream = vera_weight_stream_new(runtime, config->n_layers, error)) == NULL)
        return NULL;
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        if (!vera_transformer_add_branch(self, b, error))
            return NULL;
    layers = vera_model_get_layers_weights(model, error);
    if (layers == NULL)
        return NULL;
    self->layers.source_patch = vera_branch_get_linear(layers, "source_patch");
    self->layers.mask_patch = vera_branch_get_linear(layers, "mask_patch");
    vera_weights_get(layers, "alpha_embedding", &self->layers.alpha_embedding);
    vera_weights_get(layers, "composite_embedding", &self->layers.composite_embedding);
    self->layers_placement = vera_placement_new(runtime, &self->layers.source_patch.weight, sizeof self->layers / sizeof(VeraKTensor), error);
    if (self->layers_placement == NULL || (self->stream != NULL && !vera_weight_stream_allocate(self->stream, error)))
        return NULL;
    return g_steal_pointer(&self);
}

VeraTransformer *
vera_transformer_new_single(VeraRuntime *runtime, VeraModel *model, VeraBranchId branch, GError **error)
{
    g_autoptr(VeraTransformer) self = vera_transformer_new_empty(runtime, model);

    return vera_transformer_add_branch(self, branch, error) ? g_steal_pointer(&self) : NULL;
}

void
vera_transformer_free(VeraTransformer *self)
{
    if (self == NULL)
        return;
    vera_arena_clear(&self->arena);
    for (int b = 0; b < self->n_branches; b++)
        vera_branch_clear(&self->branches[b]);
    g_clear_pointer(&self->layers_placement, vera_placement_free);
    g_clear_pointer(&self->stream, vera_weight_stream_free);
    g_clear_pointer(&self->model, vera_model_unref);
    g_clear_pointer(&self->runtime, vera_runtime_unref);
    g_free(self);
}

/* The precision of a product: what is one-dimensional, time and head stay in F32 (wan21-spec.md section 1.6). */
static gboolean
vera_transformer_product(VeraTransformer *self, const VeraKLinear *op, GError **error)
{
    return vera_runtime_check(self->runtime, vera_k_linear(vera_runtime_get_ctx(self->runtime), op), "product", error);
}

static gboolean
vera_transformer_begin_layer(VeraTransformer *self, int layer, GError **error)
{
    return self->stream == NULL || vera_weight_stream_begin(self->stream, layer, error);
}

static gboolean
vera_transformer_end_layer(VeraTransformer *self, int layer, GError **error)
{
    return self->stream == NULL || vera_weight_stream_end(self->stream, layer, error);
}

gboolean
vera_transformer_linear(VeraTransformer *self,
                        const VeraLinearWeights *weights,
                        VeraKTensor x,
                        VeraKTensor y,
                        VeraKActivation activation,
                        GError **error)
{
    VeraKLinear op = { .x = x, .weight = weights->weight, .bias = weights->bias, .y = y, .activation = activation,
                       .compute = vera_runtime_get_compute(self->runtime) };

    return vera_transformer_product(self, &op, error);
}

static gboolean
vera_transformer_linear_f32(VeraTransformer *self,
                            const VeraLinearWeights *weights,
                            VeraKTensor x,
                            VeraKTensor y,
                            VeraKActivation activation,
                            GError **error)
{
    VeraKLinear op = { .x = x, .weight = weights->weight, .bias = weights->bias, .y = y, .activation = activation,
                       .compute = VERA_K_COMPUTE_F32 };

    return vera_transformer_product(self, &op, error);
}

void
vera_text_context_free(VeraTextContext *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < self->n_branches * self->n_layers; i++) {
        g_clear_pointer(&self->keys[i], vera_tensor_unref);
        g_clear_pointer(&self->values[i], vera_tensor_unref);
    }
    g_clear_pointer(&self->key_bias, vera_tensor_unref);
    g_clear_pointer(&self->raw, vera_tensor_unref);
    g_free(self->keys);
    g_free(self->values);
    g_free(self);
}

/*
 * All padded text rows are one constant row, so one key stands for them, with ln(their number) added to its score: the same
 * attention as over 512 keys (wan21-spec.md section 1.4).
 */
static VeraTextContext *
vera_text_context_new(VeraTransformer *self, int n_rows, GError **error)
{
    g_autoptr(VeraTextContext) context = g_new0(VeraTextContext, 1);
    gint64 n_keys = n_rows < VERA_TEXT_LENGTH ? n_rows + 1 : n_rows;
    g_autofree float *bias = g_new0(float, n_keys);

    context->n_keys = (int)n_keys;
    context->n_branches = self->n_branches;
    context->n_layers = self->config.n_layers;
    context->keys = g_new0(VeraTensor *, context->n_branches * context->n_layers);
    context->values = g_new0(VeraTensor *, context->n_branches * context->n_layers);
    if (n_rows < VERA_TEXT_LENGTH)
        bias[n_rows] = (float)log(VERA_TEXT_LENGTH - n_rows);
    context->key_bias = vera_tensor_new_from_host(self->runtime, 1, &n_keys, bias, error);
    context->raw = context->key_bias ? vera_tensor_new(self->runtime, 2, (gint64[]){ n_keys, self->config.dim }, error) : NULL;
    return context->raw ? g_steal_pointer(&context) : NULL;
}

gboolean
vera_text_context_fill_layer(VeraTransformer *self, VeraTextContext *context, int b, int layer, VeraTensor *text, GError **error)
{
    const VeraAttentionWeights *w = &self->branches[b].blocks[layer].cross;
    int at = b * context->n_layers + layer;
    gint64 shape[2] = { context->n_keys, self->config.dim };
    VeraKDType operand = vera_runtime_get_activation(self->runtime);
    VeraKRmsNorm norm = { .x = context->raw->k, .weight = w->norm_k, .eps = self->config.eps };

    context->keys[at] = vera_tensor_new_as(self->runtime, operand, 2, shape, error);
    context->values[at] = context->keys[at] ? vera_tensor_new_as(self->runtime, operand, 2, shape, error) : NULL;
    if (context->values[at] == NULL)
        return FALSE;
    norm.y = context->keys[at]->k;
    return vera_transformer_linear(self, &w->k, text->k, context->raw->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_transformer_linear(self, &w->v, text->k, context->values[at]->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_rms_norm(vera_runtime_get_ctx(self->runtime), &norm),
                              "normalisation of keys", error);
}

/* @rows through the text MLP of branch @b */
static VeraTensor *
vera_transformer_project_text(VeraTransformer *self, int b, VeraTensor *rows, GError **error)
{
    gint64 shape[2] = { rows->k.shape[0], self->config.dim };
    VeraKDType operand = vera_runtime_get_activation(self->runtime);
    g_autoptr(VeraTensor) hidden = vera_tensor_new_as(self->runtime, operand, 2, shape, error);
    g_autoptr(VeraTensor) projected = hidden ? vera_tensor_new_as(self->runtime, operand, 2, shape, error) : NULL;

    if (projected == NULL ||
        !vera_transformer_linear(self, &self->branches[b].stem.text_1, rows->k, hidden->k, VERA_K_ACTIVATION_GELU_TANH, error) ||
        !vera_transformer_linear(self, &self->branches[b].stem.text_2, hidden->k, projected->k, VERA_K_ACTIVATION_NONE, error))
        return NULL;
    return g_steal_pointer(&projected);
}

/* Keys and values of all layers; every layer of all branches at once, as they are brought. */
static gboolean
vera_text_context_fill(VeraTransformer *self, VeraTextContext *context, VeraTensor **projected, GCancellable *cancellable, GError **error)
{
    for (int layer = 0; layer < self->config.n_layers; layer++) {
        if (vera_engine_error_set_cancelled(cancellable, error) || !vera_transformer_begin_layer(self, layer, error))
            return FALSE;
        for (int b = 0; b < self->n_branches; b++)
            if (!vera_text_context_fill_layer(self, context, b, layer, projected[b], error))
                return FALSE;
        if (!vera_transformer_end_layer(self, layer, error))
            return FALSE;
    }
    return TRUE;
}

VeraTextContext *
vera_transformer_prepare_text(
    VeraTransformer *self, const float *text, int n_rows, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraTextContext) context = NULL;
    g_autoptr(VeraTensor) rows = NULL;
    VeraTensor *projected[VERA_N_BRANCHES] = { NULL };
    g_autofree float *padded = NULL;
    gint64 dim = self->config.text_dim;
    gboolean ok;

    if (n_rows < 0 || n_rows > VERA_TEXT_LENGTH) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE, "A text of %d rows does not fit the %d of the model.",
                    n_rows, VERA_TEXT_LENGTH);
        return NULL;
    }
    context = vera_text_context_new(self, n_rows, error);
    padded = context ? vera_runtime_new_floats((gsize)(context->n_keys * dim), error) : NULL;
    if (padded == NULL)
        return NULL;
    memset(padded, 0, (gsize)(context->n_keys * dim) * sizeof(float));
    if (n_rows > 0)
        memcpy(padded, text, (gsize)(n_rows * dim) * sizeof(float));
    rows = vera_tensor_new_from_host(self->runtime, 2, (gint64[]){ context->n_keys, dim }, padded, error);
    ok = rows != NULL;
    for (int b = 0; ok && b < self->n_branches; b++)
        ok = (projected[b] = vera_transformer_project_text(self, b, rows, error)) != NULL;
    ok = ok && vera_text_context_fill(self, context, projected, cancellable, error);
    for (int b = 0; b < self->n_branches; b++)
        g_clear_pointer(&projected[b], vera_tensor_unref);
    return ok ? g_steal_pointer(&context) : NULL;
}

void
vera_modulation_clear(VeraModulation *self)
{
    g_clear_pointer(&self->e, vera_tensor_unref);
    g_clear_pointer(&self->e6, vera_tensor_unref);
    g_clear_pointer(&self->m, vera_tensor_unref);
}

/* wan21-spec.md section 1.3, steps 2 to 4. */
gboolean
vera_modulation_init(VeraModulation *self, VeraTransformer *t, int b, float timestep, GError **error)
{
    VeraBranch *branch = &t->branches[b];
    gint64 d = t->config.dim, half = t->config.freq_dim / 2;
    g_autofree float *waves = g_new(float, 2 * half);
    g_autoptr(VeraTensor) s = NULL, hidden = NULL;
    VeraKTensor flat;
    VeraKActivate silu = { .activation = VERA_K_ACTIVATION_SILU };

    for (gint64 k = 0; k < half; k++) {
        double angle = (double)timestep * pow(10000.0, -(double)k / (double)half);
        waves[k] = (float)cos(angle);
        waves[half + k] = (float)sin(angle);
    }
    s = vera_tensor_new_from_host(t->runtime, 2, (gint64[]){ 1, 2 * half }, waves, error);
    hidden = s ? vera_tensor_new(t->runtime, 2, (gint64[]){ 1, d }, error) : NULL;
    self->e = hidden ? vera_tensor_new(t->runtime, 2, (gint64[]){ 1, d }, error) : NULL;
    self->e6 = self->e ? vera_tensor_new(t->runtime, 2, (gint64[]){ 6, d }, error) : NULL;
    self->m = self->e6 ? vera_tensor_new(t->runtime, 2, (gint64[]){ 6, d }, error) : NULL;
    if (self->m == NULL)
        return FALSE;
    flat = vera_k_tensor(VERA_K_DTYPE_F32, self->e6->k.data, 2, (const int64_t[]){ 1, 6 * d });
    silu.x = self->e->k;
    silu.y = hidden->k;
    return vera_transformer_linear_f32(t, &branch->stem.time_1, s->k, hidden->k, VERA_K_ACTIVATION_SILU, error) &&
           vera_transformer_linear_f32(t, &branch->stem.time_2, hidden->k, self->e->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(t->runtime, vera_k_activate(vera_runtime_get_ctx(t->runtime), &silu), "activation", error) &&
           vera_transformer_linear_f32(t, &branch->stem.time_proj, hidden->k, flat, VERA_K_ACTIVATION_NONE, error);
}

/* [z, f, h, w] in host memory -> [N, z * ph * pw], channel slowest. */
static gboolean
vera_transformer_patchify(VeraTransformer *self, const float *latents, const gint64 shape[4], VeraKTensor *patches, GError **error)
{
    gint64 ph = self->config.patch_h, pw = self->config.patch_w, z = shape[0], f = shape[1], h = shape[2], w = shape[3];
    g_autoptr(VeraTensor) x = vera_tensor_new_from_host(self->runtime, 4, shape, latents, error);
    int64_t dims[6] = { f, h / ph, w / pw, z, ph, pw };
    VeraKCopy op;

    if (x == NULL)
        return FALSE;
    *patches = vera_k_tensor(VERA_K_DTYPE_F32, self->arena.patches->k.data, 2,
                             (const int64_t[]){ self->arena.n_tokens, z * ph * pw });
    op.dst = vera_k_tensor(VERA_K_DTYPE_F32, patches->data, 6, dims);
    op.src = op.dst;
    op.src.data = x->k.data;
    memcpy(op.src.stride, (const int64_t[6]){ h * w, ph * w, pw, f * h * w, w, 1 }, sizeof op.src.stride);
    return vera_runtime_check(self->runtime, vera_k_copy(vera_runtime_get_ctx(self->runtime), &op), "patching", error);
}

/* residual += embedding row, or += patches of @latents */
static gboolean
vera_transformer_add_condition(VeraTransformer *self,
                               VeraKTensor residual,
                               const VeraLinearWeights *weights,
                               const float *latents,
                               const gint64 shape[4],
                               GError **error)
{
    VeraKTensor patches;
    VeraKGateAdd add = { .x = residual, .y = self->arena.raw->k };

    return vera_transformer_patchify(self, latents, shape, &patches, error) &&
           vera_transformer_linear_f32(self, weights, patches, self->arena.raw->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_gate_add(vera_runtime_get_ctx(self->runtime), &add), "conditioning",
                              error);
}

static gboolean
vera_transformer_add_embedding(VeraTransformer *self, VeraKTensor residual, const VeraKTensor *embedding, GError **error)
{
    VeraKCtx *ctx = vera_runtime_get_ctx(self->runtime);
    VeraKCopy copy = { .src = *embedding, .dst = self->arena.raw->k };
    VeraKGateAdd add = { .x = residual, .y = self->arena.raw->k };

    copy.src.n_dims = 2;
    copy.src.shape[1] = embedding->shape[0];
    copy.src.shape[0] = self->arena.n_tokens;
    copy.src.stride[0] = 0;
    copy.src.stride[1] = 1;
    return vera_runtime_check(self->runtime, vera_k_copy(ctx, &copy), "conditioning", error) &&
           vera_runtime_check(self->runtime, vera_k_gate_add(ctx, &add), "conditioning", error);
}

static gboolean
vera_transformer_embed(VeraTransformer *self, const VeraTransformerInput *input, int b, GError **error)
{
    VeraKTensor residual = vera_k_tensor_slice(&self->arena.residual->k, 0, b * self->arena.n_tokens, self->arena.n_tokens);
    VeraKTensor patches;

    if (!vera_transformer_patchify(self, input->latents[b], input->shape, &patches, error) ||
        !vera_transformer_linear_f32(self, &self->branches[b].stem.patch, patches, residual, VERA_K_ACTIVATION_NONE, error))
        return FALSE;
    if (self->n_branches == 1 || b == VERA_BRANCH_EDIT)
        return TRUE;
    if (b == VERA_BRANCH_ALPHA)
        return vera_transformer_add_embedding(self, residual, &self->layers.alpha_embedding, error) &&
               (input->mask == NULL || vera_transformer_add_condition(self, residual, &self->layers.mask_patch, input->mask,
                                                                      input->shape, error));
    return vera_transformer_add_embedding(self, residual, &self->layers.composite_embedding, error) &&
           vera_transformer_add_condition(self, residual, &self->layers.source_patch, input->source, input->shape, error);
}

/* wan21-spec.md section 1.3, steps 7 and 8. */
static gboolean
vera_transformer_head(VeraTransformer *self, int b, VeraModulation *modulation, const gint64 shape[4], float *velocity, GError **error)
{
    VeraKCtx *ctx = vera_runtime_get_ctx(self->runtime);
    gint64 d = self->config.dim, n = self->arena.n_tokens, ph = self->config.patch_h, pw = self->config.patch_w;
    gint64 z = self->config.out_channels, f = shape[1], h = shape[2], w = shape[3];
    VeraKTensor m = vera_k_tensor_slice(&modulation->m->k, 0, 0, 2);
    VeraKCopy copy = { .src = self->branches[b].stem.head_table, .dst = m };
    VeraKLayerNorm norm = { .x = vera_k_tensor_slice(&self->arena.residual->k, 0, b * n, n),
                            .shift = vera_k_tensor(VERA_K_DTYPE_F32, m.data, 1, (const int64_t[]){ d }),
                            .scale = vera_k_tensor(VERA_K_DTYPE_F32, (float *)m.data + d, 1, (const int64_t[]){ d }),
                            .y = self->arena.raw->k, .eps = self->config.eps };
    VeraKTensor out = vera_k_tensor(VERA_K_DTYPE_F32, self->arena.patches->k.data, 2, (const int64_t[]){ n, ph * pw * z });
    g_autoptr(VeraTensor) video = vera_tensor_new(self->runtime, 4, (gint64[]){ z, f, h, w }, error);
    VeraKCopy place;

    if (video == NULL)
        return FALSE;
    place.src = vera_k_tensor(VERA_K_DTYPE_F32, out.data, 6, (const int64_t[]){ f, h / ph, w / pw, ph, pw, z });
    place.dst = place.src;
    place.dst.data = video->k.data;
    memcpy(place.dst.stride, (const int64_t[6]){ h * w, ph * w, pw, w, 1, f * h * w }, sizeof place.dst.stride);
    if (!vera_runtime_check(self->runtime, vera_k_copy(ctx, &copy), "modulation", error))
        return FALSE;
    for (int row = 0; row < 2; row++) {
        VeraKGateAdd one = { .x = vera_k_tensor_slice(&m, 0, row, 1), .y = vera_k_tensor_slice(&modulation->e->k, 0, 0, 1) };
        if (!vera_runtime_check(self->runtime, vera_k_gate_add(ctx, &one), "modulation", error))
            return FALSE;
    }
    return vera_runtime_check(self->runtime, vera_k_layer_norm(ctx, &norm), "normalisation", error) &&
           vera_transformer_linear_f32(self, &self->branches[b].stem.head, self->arena.raw->k, out, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_copy(ctx, &place), "unpatching", error) &&
           vera_tensor_to_host(video, self->runtime, velocity, error);
}

static gboolean
vera_transformer_check_input(VeraTransformer *self, const VeraTransformerInput *input, GError **error)
{
    const gint64 *s = input->shape;

    if (s[0] == self->config.in_channels && s[1] >= 1 && s[2] >= self->config.patch_h && s[3] >= self->config.patch_w &&
        s[2] % self->config.patch_h == 0 && s[3] % self->config.patch_w == 0 && s[1] <= self->config.rope_max_len &&
        s[2] / self->config.patch_h <= self->config.rope_max_len && s[3] / self->config.patch_w <= self->config.rope_max_len)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                "Latents of %" G_GINT64_FORMAT " channels and %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
                " do not fit the model, which takes %d channels in patches of %d x %d.",
                s[0], s[1], s[2], s[3], self->config.in_channels, self->config.patch_h, self->config.patch_w);
    return FALSE;
}

static gboolean
vera_transformer_check_finite(const float *values, gsize n, GError **error)
{
    float worst = 0;

    for (gsize i = 0; i < n; i++)
        worst += values[i] * 0.0f;
    if (worst == 0.0f)
        return TRUE;
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED,
                        "The model gave values that are not numbers; its weights may be damaged, or too large for this "
                        "precision.");
    return FALSE;
}

static gboolean
vera_transformer_run(VeraTransformer *self,
                     const VeraTransformerInput *input,
                     VeraModulation *modulation,
                     float **velocities,
                     GCancellable *cancellable,
                     GError **error)
{
    gsize n = (gsize)(self->config.out_channels * input->shape[1] * input->shape[2] * input->shape[3]);

    for (int b = 0; b < self->n_branches; b++)
        if (!vera_modulation_init(&modulation[b], self, b, input->timestep, error) ||
            !vera_transformer_embed(self, input, b, error))
            return FALSE;
    for (int layer = 0; layer < self->config.n_layers; layer++)
        if (vera_engine_error_set_cancelled(cancellable, error) || !vera_transformer_begin_layer(self, layer, error) ||
            !vera_transformer_run_block(self, layer, modulation, input->text, error) || !vera_transformer_end_layer(self, layer, error))
            return FALSE;
    for (int b = 0; b < self->n_branches; b++)
        if (!vera_transformer_head(self, b, &modulation[b], input->shape, velocities[b], error) ||
            !vera_transformer_check_finite(velocities[b], n, error))
            return FALSE;
    return TRUE;
}

gboolean
vera_transformer_forward(VeraTransformer *self,
                         const VeraTransformerInput *input,
                         float *velocities[VERA_N_BRANCHES],
                         GCancellable *cancellable,
                         GError **error)
{
    VeraModulation modulation[VERA_N_BRANCHES] = { 0 };
    gboolean ok = vera_transformer_check_input(self, input, error) && vera_arena_prepare(self, input->shape, error) &&
                  vera_transformer_run(self, input, modulation, velocities, cancellable, error);

    for (int b = 0; b < self->n_branches; b++)
        vera_modulation_clear(&modulation[b]);
    return ok;
}
