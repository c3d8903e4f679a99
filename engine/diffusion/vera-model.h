#pragma once

#include <glib.h>

#include "engine/diffusion/vera-weights.h"

G_BEGIN_DECLS

/** VeraBranchConfig: a WanTransformer3DModel's config.json. */
typedef struct {
    int patch_t, patch_h, patch_w;
    int n_heads;
    int head_dim;
    int dim; /* n_heads * head_dim */
    int in_channels;
    int out_channels;
    int text_dim;
    int freq_dim;
    int ffn_dim;
    int n_layers;
    float eps;
    gboolean has_cross_attn_norm; /* must be TRUE for Wan2.1 */
    int rope_max_len;             /* 1024 */
} VeraBranchConfig;

#define VERA_VAE_MAX_LEVELS 8

/** VeraVaeConfig: an AutoencoderKLWan's config.json. */
typedef struct {
    int base_dim;
    int decoder_base_dim; /* base_dim if absent */
    int z_dim;
    int n_levels;
    int dim_mult[VERA_VAE_MAX_LEVELS];
    int n_res_blocks;
    gboolean temporal_downsample[VERA_VAE_MAX_LEVELS]; /* n_levels - 1 entries */
    float latents_mean[64];
    float latents_std[64];
    int spatial_factor;  /* 2^(n_levels-1) */
    int temporal_factor; /* 2^(number of temporal downsamplings) */
} VeraVaeConfig;

/** VeraTextEncoderConfig: a UMT5EncoderModel's config.json. */
typedef struct {
    int vocab_size;
    int d_model;
    int d_kv;
    int n_heads;
    int d_ff;
    int n_layers;
    int n_buckets;    /* relative_attention_num_buckets */
    int max_distance; /* relative_attention_max_distance */
    float eps;
} VeraTextEncoderConfig;

#define VERA_SNAPPER_MAX_LEVELS 8

/** VeraSnapperConfig: snapper/config.json. */
typedef struct {
    int n_levels;
    int channels[VERA_SNAPPER_MAX_LEVELS]; /* at whole size, half of it, and so on */
    int n_middle;                          /* residual blocks at the smallest size */
    int frame_step; /* frames between the one in question and those that are seen with it */
    int n_rounds;   /* what was found takes the place of what the model keeps in the next */
} VeraSnapperConfig;

/** VeraSchedulerConfig: scheduler/scheduler_config.json. */
typedef struct {
    int n_train_timesteps;
    double shift;
} VeraSchedulerConfig;

/**
 * VeraModelInfo: model_index.json.
 */
typedef struct {
    char *name;
    gboolean is_trained;
    int native_width;
    int native_height;
    int native_frames;
    double native_fps;
    int default_steps;
    double default_guidance;
    double default_shift;
    char *default_negative_prompt;
} VeraModelInfo;

/** VERA_MODEL_BRANCHES: the branches, in their fixed order */
typedef enum {
    VERA_BRANCH_EDIT,
    VERA_BRANCH_ALPHA,
    VERA_BRANCH_COMPOSITE,
    VERA_N_BRANCHES,
} VeraBranchId;

/** vera_branch_get_name: Returns: (transfer none): "edit", "alpha" or "composite" */
const char *vera_branch_get_name(VeraBranchId branch);

/**
 * VeraModel:
 *
 * A checkpoint directory (model-format). Opening reads model_index.json only; parts are opened when
 * asked for, so that one module can be run on its own. Reference counted.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraModel VeraModel;

/** vera_model_open: Errors: %VERA_ENGINE_ERROR_BAD_WEIGHTS. Returns: (transfer full): a model, or
 * %NULL */
VeraModel *vera_model_open(const char *dir, GError **error);
VeraModel *vera_model_ref(VeraModel *self);
void vera_model_unref(VeraModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraModel, vera_model_unref)

const VeraModelInfo *vera_model_get_info(VeraModel *self);
const char *vera_model_get_dir(VeraModel *self);

/*
 * Configurations: read on demand, validated (positive, divisible, sane limits), cached. Weights:
 * opened on demand, checked against the configuration with vera_weights_check(), cached. (transfer
 * none); %NULL and %VERA_ENGINE_ERROR_BAD_WEIGHTS on failure.
 */
const VeraBranchConfig *
vera_model_get_branch_config(VeraModel *self, VeraBranchId branch, GError **error);
const VeraVaeConfig *vera_model_get_vae_config(VeraModel *self, GError **error);
const VeraTextEncoderConfig *vera_model_get_text_encoder_config(VeraModel *self, GError **error);
const VeraSchedulerConfig *vera_model_get_scheduler_config(VeraModel *self, GError **error);
const VeraSnapperConfig *vera_model_get_snapper_config(VeraModel *self, GError **error);
VeraWeights *vera_model_get_branch_weights(VeraModel *self, VeraBranchId branch, GError **error);
VeraWeights *vera_model_get_layers_weights(VeraModel *self, GError **error);
VeraWeights *vera_model_get_vae_weights(VeraModel *self, GError **error);
VeraWeights *vera_model_get_text_encoder_weights(VeraModel *self, GError **error);
VeraWeights *vera_model_get_snapper_weights(VeraModel *self, GError **error);

/** vera_model_has_snapper: Returns: whether there is a folder snapper: mattes of background changes
 * are also snapped to the source */
gboolean vera_model_has_snapper(VeraModel *self);

/** vera_model_dup_tokenizer_path: Returns: (transfer full): path of tokenizer/spiece.model */
char *vera_model_dup_tokenizer_path(VeraModel *self);

/**
 * vera_model_check: opens and checks every part: branches agree with each other, with the VAE's
 * channels and the text encoder's width; every tensor, shape, type, finite values; the tokenizer
 * loads.
 */
gboolean vera_model_check(VeraModel *self, GError **error);

/** vera_model_check_parts: the same but for the values, which are not read: soon done, however big
 * the model */
gboolean vera_model_check_parts(VeraModel *self, GError **error);

/** vera_model_hash: Returns: (transfer full): SHA-256 (hex) over the weights and configurations,
 * for the record of a take */
char *vera_model_hash(VeraModel *self, GCancellable *cancellable, GError **error);

G_END_DECLS
