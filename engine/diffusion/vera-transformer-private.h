#pragma once

#include "engine/diffusion/vera-placement.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-weight-stream.h"

G_BEGIN_DECLS

/** VeraLinearWeights: a product's weight and bias, in the mapped files or where a VeraPlacement has put them. */
typedef struct {
    VeraKTensor weight;
    VeraKTensor bias;
} VeraLinearWeights;

/** VeraAttentionWeights: one attention of a block. */
typedef struct {
    VeraLinearWeights q, k, v, o;
    VeraKTensor norm_q, norm_k;
} VeraAttentionWeights;

/** VeraBlockWeights: one block of one branch. */
typedef struct {
    VeraKTensor table; /* [6, d] */
    VeraAttentionWeights self, cross;
    VeraKTensor norm_weight, norm_bias;
    VeraLinearWeights up, down;
} VeraBlockWeights;

/** VeraStemWeights: what a branch has beside its blocks. */
typedef struct {
    VeraLinearWeights patch, text_1, text_2, time_1, time_2, time_proj, head;
    VeraKTensor head_table; /* [2, d] */
} VeraStemWeights;

/** VeraBranch: one branch's weights. */
typedef struct {
    VeraWeights *weights;
    VeraStemWeights stem;
    VeraBlockWeights *blocks;
    GPtrArray *placements; /* (element-type VeraPlacement) */
} VeraBranch;

/**
 * vera_branch_init: looks every tensor up and puts it where @runtime reads it; the weights have been checked against
 * vera_branch_get_specs(). After a failure vera_branch_clear() is due too.
 * @stream: (nullable): brings the blocks, which then are not placed
 */
gboolean vera_branch_init(VeraBranch *self,
                          VeraRuntime *runtime,
                          const VeraBranchConfig *config,
                          VeraWeights *weights,
                          VeraWeightStream *stream,
                          GError **error);
void vera_branch_clear(VeraBranch *self);

/** vera_branch_get_linear: the pair PREFIX.weight, PREFIX.bias, the weight seen as a matrix */
VeraLinearWeights vera_branch_get_linear(VeraWeights *weights, const char *prefix);

/** VeraLayersWeights: what joins the branches: layers.safetensors. */
typedef struct {
    VeraLinearWeights source_patch, mask_patch;
    VeraKTensor alpha_embedding, composite_embedding;
} VeraLayersWeights;

/**
 * VeraArena: activations of a forward, allocated once for a shape and reused. The residual is F32, and so is what norms read and what is
 * added to it; what only feeds products is of vera_runtime_get_activation() (wan21-spec.md section 1.6).
 */
typedef struct {
    gint64 shape[4]; /* z, f, h, w of the latents that it was made for */
    gint64 n_tokens; /* of one branch */
    VeraTensor *cosines, *sines;
    VeraTensor *residual;      /* F32 [B * N, d] */
    VeraTensor *raw;           /* F32 [N, d]: a product before its norm, or before it is added */
    VeraTensor *patches;       /* F32 [N, max(in, out) channels * patch] */
    VeraTensor *normed;        /* [N, d] */
    VeraTensor *q, *k, *v, *o; /* [B * N, d]: joined */
    VeraTensor *hidden;        /* [chunk, ffn]: a chunk of the feed-forward layer */
} VeraArena;

struct _VeraTransformer {
    /* Owned */
    VeraRuntime *runtime;
    VeraModel *model;
    int n_branches;
    VeraBranch branches[VERA_N_BRANCHES];
    VeraLayersWeights layers;
    VeraPlacement *layers_placement;
    VeraWeightStream *stream; /* (nullable): of the blocks */
    VeraArena arena;
    VeraBranchConfig config;
};

struct _VeraTextContext {
    /* Owned; per branch and layer: k and v of the real rows and, last, the padding row */
    int n_keys;
    VeraTensor *key_bias; /* [n_keys] */
    VeraTensor *raw;      /* [n_keys, d]: keys before their norm */
    int n_branches;
    int n_layers;
    VeraTensor **keys;   /* [branch * n_layers + layer] -> [n_keys, d] */
    VeraTensor **values;
};

/** vera_arena_estimate_bytes: Returns: device memory that an arena for latents of @shape takes */
guint64
vera_arena_estimate_bytes(VeraRuntime *runtime, const VeraBranchConfig *config, int n_branches, const gint64 shape[4]);

/** vera_arena_prepare: makes the arena fit @shape. */
gboolean vera_arena_prepare(VeraTransformer *self, const gint64 shape[4], GError **error);
void vera_arena_clear(VeraArena *self);

/** vera_transformer_linear: y = act(x W + b), checked */
gboolean vera_transformer_linear(VeraTransformer *self,
                                 const VeraLinearWeights *weights,
                                 VeraKTensor x,
                                 VeraKTensor y,
                                 VeraKActivation activation,
                                 GError **error);

/**
 * VeraModulation: per step and branch: e of the head [d], and M = E [6 d] before each block's table is added.
 */
typedef struct {
    VeraTensor *e;  /* [1, d] */
    VeraTensor *e6; /* [6, d] */
    VeraTensor *m;  /* [6, d]: the current block's sum */
} VeraModulation;

/** vera_modulation_init: of branch @b at @timestep; vera_modulation_clear() frees what it holds, also after a failure. */
gboolean vera_modulation_init(VeraModulation *self, VeraTransformer *t, int b, float timestep, GError **error);
void vera_modulation_clear(VeraModulation *self);

/**
 * vera_text_context_fill_layer:
 * @text: [n_keys, d], the text after its MLP
 *
 * Makes k and v of the cross-attention of one layer of branch @b; what was there must be freed before.
 */
gboolean vera_text_context_fill_layer(VeraTransformer *self,
                                      VeraTextContext *context,
                                      int b,
                                      int layer,
                                      VeraTensor *text,
                                      GError **error);

/** vera_transformer_run_block: block @layer of all branches; @modulation has one entry a branch. */
gboolean vera_transformer_run_block(
    VeraTransformer *self, int layer, VeraModulation *modulation, VeraTextContext *text, GError **error);

G_END_DECLS
