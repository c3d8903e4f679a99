#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-rope.h"
#include "engine/diffusion/vera-transformer-private.h"

/* Rows of the feed-forward layer's hidden activations that are held at once; a GPU is busy with no fewer. */
#define VERA_FFN_CHUNK 1024
#define VERA_FFN_CHUNK_GPU 8192

static VeraKTensor
vera_block_rows(VeraTensor *tensor, gint64 first, gint64 n)
{
    return vera_k_tensor_slice(&tensor->k, 0, first, n);
}

/* Branch @b's part of a joined [B * N, d] tensor. */
static VeraKTensor
vera_block_part(VeraTransformer *self, VeraTensor *joined, int b)
{
    return vera_block_rows(joined, b * self->arena.n_tokens, self->arena.n_tokens);
}

static VeraKTensor
vera_block_row_vector(VeraTensor *table, int row)
{
    VeraKTensor view = vera_k_tensor_slice(&table->k, 0, row, 1);

    return vera_k_tensor(VERA_K_DTYPE_F32, view.data, 1, (const int64_t[]){ view.shape[1] });
}

static VeraKTensor
vera_block_heads(VeraKTensor rows, int n_heads)
{
    gint64 d = rows.shape[1];
    VeraKTensor heads = vera_k_tensor(rows.dtype, rows.data, 3, (const int64_t[]){ rows.shape[0], n_heads, d / n_heads });

    heads.stride[0] = rows.stride[0];
    return heads;
}

static gboolean
vera_block_modulate(VeraTransformer *self, int b, VeraTensor *m, int shift, GError **error)
{
    VeraKLayerNorm op = { .x = vera_block_part(self, self->arena.residual, b),
                          .scale = vera_block_row_vector(m, shift + 1),
                          .shift = vera_block_row_vector(m, shift),
                          .y = self->arena.normed->k,
                          .eps = self->config.eps };

    return vera_runtime_check(self->runtime, vera_k_layer_norm(vera_runtime_get_ctx(self->runtime), &op),
                              "normalisation", error);
}

/* y = norm(x W + b), with the rotation of positions if @has_rope */
static gboolean
vera_block_project(VeraTransformer *self, const VeraLinearWeights *weights, VeraKTensor norm, gboolean has_rope, VeraKTensor y, GError **error)
{
    VeraArena *arena = &self->arena;
    VeraKRmsNorm op = { .x = arena->raw->k, .weight = norm, .y = y, .n_heads = self->config.n_heads, .eps = self->config.eps };

    if (has_rope) {
        op.cos = arena->cosines->k;
        op.sin = arena->sines->k;
    }
    return vera_transformer_linear(self, weights, arena->normed->k, arena->raw->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_rms_norm(vera_runtime_get_ctx(self->runtime), &op),
                              "normalisation of queries and keys", error);
}

/* residual += raw, times a gate if there is @m */
static gboolean
vera_block_gate(VeraTransformer *self, int b, VeraTensor *m, int gate, GError **error)
{
    VeraKGateAdd op = { .x = vera_block_part(self, self->arena.residual, b), .y = self->arena.raw->k };

    if (m != NULL)
        op.gate = vera_block_row_vector(m, gate);
    return vera_runtime_check(self->runtime, vera_k_gate_add(vera_runtime_get_ctx(self->runtime), &op), "residual",
                              error);
}

static gboolean
vera_block_attend(VeraTransformer *self, VeraKAttention op, GError **error)
{
    op.scale = 1.0f / sqrtf((float)self->config.head_dim);
    op.compute = vera_runtime_get_compute(self->runtime);
    return vera_runtime_check(self->runtime, vera_k_attention(vera_runtime_get_ctx(self->runtime), &op), "attention",
                              error);
}

/* Each branch writes its q, k, v straight into its part of the joined tensors; then one attention runs over all of them. */
static gboolean
vera_block_self_attention(VeraTransformer *self, int layer, VeraModulation *modulation, GError **error)
{
    VeraArena *arena = &self->arena;
    int heads = self->config.n_heads;
    VeraKAttention op = { .q = vera_block_heads(arena->q->k, heads), .k = vera_block_heads(arena->k->k, heads),
                          .v = vera_block_heads(arena->v->k, heads), .o = vera_block_heads(arena->o->k, heads) };

    for (int b = 0; b < self->n_branches; b++) {
        const VeraAttentionWeights *w = &self->branches[b].blocks[layer].self;
        if (!vera_block_modulate(self, b, modulation[b].m, 0, error) ||
            !vera_block_project(self, &w->q, w->norm_q, TRUE, vera_block_part(self, arena->q, b), error) ||
            !vera_block_project(self, &w->k, w->norm_k, TRUE, vera_block_part(self, arena->k, b), error) ||
            !vera_transformer_linear(self, &w->v, arena->normed->k, vera_block_part(self, arena->v, b), VERA_K_ACTIVATION_NONE, error))
            return FALSE;
    }
    if (!vera_block_attend(self, op, error))
        return FALSE;
    for (int b = 0; b < self->n_branches; b++)
        if (!vera_transformer_linear(self, &self->branches[b].blocks[layer].self.o, vera_block_part(self, arena->o, b),
                                     arena->raw->k, VERA_K_ACTIVATION_NONE, error) ||
            !vera_block_gate(self, b, modulation[b].m, 2, error))
            return FALSE;
    return TRUE;
}

static gboolean
vera_block_cross_attention(VeraTransformer *self, int layer, int b, VeraTextContext *text, GError **error)
{
    VeraArena *arena = &self->arena;
    const VeraBlockWeights *w = &self->branches[b].blocks[layer];
    int heads = self->config.n_heads, at = b * text->n_layers + layer;
    VeraKTensor q = vera_block_part(self, arena->q, b), o = vera_block_part(self, arena->o, b);
    VeraKLayerNorm norm = { .x = vera_block_part(self, arena->residual, b), .weight = w->norm_weight,
                            .bias = w->norm_bias, .y = arena->normed->k, .eps = self->config.eps };
    VeraKAttention op = { .q = vera_block_heads(q, heads), .k = vera_block_heads(text->keys[at]->k, heads),
                          .v = vera_block_heads(text->values[at]->k, heads), .o = vera_block_heads(o, heads),
                          .key_bias = text->key_bias->k };

    return vera_runtime_check(self->runtime, vera_k_layer_norm(vera_runtime_get_ctx(self->runtime), &norm),
                              "normalisation", error) &&
           vera_block_project(self, &w->cross.q, w->cross.norm_q, FALSE, q, error) && vera_block_attend(self, op, error) &&
           vera_transformer_linear(self, &w->cross.o, o, arena->raw->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_block_gate(self, b, NULL, 0, error);
}

static gboolean
vera_block_feed_forward(VeraTransformer *self, int layer, int b, VeraTensor *m, GError **error)
{
    VeraArena *arena = &self->arena;
    const VeraBlockWeights *w = &self->branches[b].blocks[layer];

    if (!vera_block_modulate(self, b, m, 3, error))
        return FALSE;
    for (gint64 from = 0; from < arena->n_tokens; from += arena->hidden->k.shape[0]) {
        gint64 n = MIN(arena->hidden->k.shape[0], arena->n_tokens - from);
        if (!vera_transformer_linear(self, &w->up, vera_block_rows(arena->normed, from, n),
                                     vera_block_rows(arena->hidden, 0, n), VERA_K_ACTIVATION_GELU_TANH, error) ||
            !vera_transformer_linear(self, &w->down, vera_block_rows(arena->hidden, 0, n),
                                     vera_block_rows(arena->raw, from, n), VERA_K_ACTIVATION_NONE, error))
            return FALSE;
    }
    return vera_block_gate(self, b, m, 5, error);
}

/* M = table + E */
static gboolean
vera_block_sum_modulation(VeraTransformer *self, int layer, int b, VeraModulation *modulation, GError **error)
{
    VeraKCtx *ctx = vera_runtime_get_ctx(self->runtime);
    VeraKCopy copy = { .src = self->branches[b].blocks[layer].table, .dst = modulation->m->k };
    VeraKGateAdd add = { .x = modulation->m->k, .y = modulation->e6->k };

    return vera_runtime_check(self->runtime, vera_k_copy(ctx, &copy), "modulation", error) &&
           vera_runtime_check(self->runtime, vera_k_gate_add(ctx, &add), "modulation", error);
}

gboolean
vera_transformer_run_block(
    VeraTransformer *self, int layer, VeraModulation *modulation, VeraTextContext *text, GError **error)
{
    for (int b = 0; b < self->n_branches; b++)
        if (!vera_block_sum_modulation(self, layer, b, &modulation[b], error))
            return FALSE;
    if (!vera_block_self_attention(self, layer, modulation, error))
        return FALSE;
    for (int b = 0; b < self->n_branches; b++)
        if (!vera_block_cross_attention(self, layer, b, text, error) ||
            !vera_block_feed_forward(self, layer, b, modulation[b].m, error))
            return FALSE;
    return TRUE;
}

void
vera_arena_clear(VeraArena *self)
{
    VeraTensor **all[] = { &self->cosines, &self->sines, &self->residual, &self->raw, &self->patches, &self->normed,
                           &self->q,       &self->k,     &self->v,        &self->o,   &self->hidden };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_clear_pointer(all[i], vera_tensor_unref);
    self->n_tokens = 0;
}

typedef struct {
    gsize slot; /* offset in VeraArena */
    VeraKDType dtype;
    gint64 shape[2];
} VeraArenaPart;

#define VERA_ARENA_PARTS 9

/* What an arena for @shape holds beside the positions. Returns: tokens of one branch */
static gint64
vera_arena_list(VeraRuntime *runtime, const VeraBranchConfig *c, int n_branches, const gint64 shape[4], VeraArenaPart parts[VERA_ARENA_PARTS])
{
    gint64 chunk = vera_k_device_is_host(vera_runtime_get_device(runtime)) ? VERA_FFN_CHUNK : VERA_FFN_CHUNK_GPU;
    gint64 n = shape[1] * (shape[2] / c->patch_h) * (shape[3] / c->patch_w), joined = n * n_branches;
    gint64 patch = (gint64)MAX(c->in_channels, c->out_channels) * c->patch_h * c->patch_w;
    VeraKDType operand = vera_runtime_get_activation(runtime);
    const VeraArenaPart all[VERA_ARENA_PARTS] = {
        { G_STRUCT_OFFSET(VeraArena, residual), VERA_K_DTYPE_F32, { joined, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, raw), VERA_K_DTYPE_F32, { n, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, patches), VERA_K_DTYPE_F32, { n, patch } },
        { G_STRUCT_OFFSET(VeraArena, normed), operand, { n, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, q), operand, { joined, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, k), operand, { joined, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, v), operand, { joined, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, o), operand, { joined, c->dim } },
        { G_STRUCT_OFFSET(VeraArena, hidden), operand, { MIN(n, chunk), c->ffn_dim } },
    };

    memcpy(parts, all, sizeof all);
    return n;
}

guint64
vera_arena_estimate_bytes(VeraRuntime *runtime, const VeraBranchConfig *config, int n_branches, const gint64 shape[4])
{
    VeraArenaPart parts[VERA_ARENA_PARTS];
    gint64 n = vera_arena_list(runtime, config, n_branches, shape, parts);
    guint64 bytes = (guint64)n * (guint64)config->head_dim * sizeof(float);

    for (gsize i = 0; i < VERA_ARENA_PARTS; i++)
        bytes += (guint64)(parts[i].shape[0] * parts[i].shape[1]) * vera_k_dtype_size(parts[i].dtype);
    return bytes;
}

gboolean
vera_arena_prepare(VeraTransformer *self, const gint64 shape[4], GError **error)
{
    VeraArena *arena = &self->arena;
    const VeraBranchConfig *c = &self->config;
    gint64 grid[3] = { shape[1], shape[2] / c->patch_h, shape[3] / c->patch_w };
    VeraArenaPart parts[VERA_ARENA_PARTS];
    gint64 n = vera_arena_list(self->runtime, c, self->n_branches, shape, parts);

    if (arena->n_tokens > 0 && memcmp(arena->shape, shape, sizeof arena->shape) == 0)
        return TRUE;
    vera_arena_clear(arena);
    if (!vera_rope_new(self->runtime, c->head_dim, grid, &arena->cosines, &arena->sines, error))
        return FALSE;
    for (gsize i = 0; i < VERA_ARENA_PARTS; i++) {
        VeraTensor **slot = &G_STRUCT_MEMBER(VeraTensor *, arena, parts[i].slot);
        *slot = vera_tensor_new_as(self->runtime, parts[i].dtype, 2, parts[i].shape, error);
        if (*slot == NULL) {
            vera_arena_clear(arena);
            return FALSE;
        }
    }
    memcpy(arena->shape, shape, sizeof arena->shape);
    arena->n_tokens = n;
    return TRUE;
}
