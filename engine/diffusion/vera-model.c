#include "config.h"

#include "engine/diffusion/vera-model.h"

#include "engine/diffusion/vera-model-config.h"
#include "engine/diffusion/vera-snapper.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-tokenizer.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"

struct _VeraModel {
    gatomicrefcount ref_count;
    /* Owned */
    char *dir;
    VeraModelInfo info;
    VeraBranchConfig *branch_config[VERA_N_BRANCHES];
    VeraVaeConfig *vae_config;
    VeraTextEncoderConfig *text_encoder_config;
    VeraSchedulerConfig *scheduler_config;
    VeraSnapperConfig *snapper_config;
    VeraWeights *branch_weights[VERA_N_BRANCHES];
    VeraWeights *layers_weights;
    VeraWeights *vae_weights;
    VeraWeights *text_encoder_weights;
    VeraWeights *snapper_weights;
};

const char *
vera_branch_get_name(VeraBranchId branch)
{
    static const char *const names[VERA_N_BRANCHES] = {"edit", "alpha", "composite"};

    return names[branch];
}

VeraModel *
vera_model_open(const char *dir, GError **error)
{
    g_autoptr(VeraModel) self = g_new0(VeraModel, 1);
    g_autofree char *index = g_build_filename(dir, "model_index.json", NULL);

    g_atomic_ref_count_init(&self->ref_count);
    self->dir = g_strdup(dir);
    if (!g_file_test(index, G_FILE_TEST_EXISTS)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "‘%s’ is not a model: it has no model_index.json.", dir);
        return NULL;
    }
    return vera_model_info_load(index, &self->info, error) ? g_steal_pointer(&self) : NULL;
}

VeraModel *
vera_model_ref(VeraModel *self)
{
    g_atomic_ref_count_inc(&self->ref_count);
    return self;
}

void
vera_model_unref(VeraModel *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->ref_count))
        return;
    for (int i = 0; i < VERA_N_BRANCHES; i++) {
        g_free(self->branch_config[i]);
        g_clear_pointer(&self->branch_weights[i], vera_weights_unref);
    }
    g_clear_pointer(&self->layers_weights, vera_weights_unref);
    g_clear_pointer(&self->vae_weights, vera_weights_unref);
    g_clear_pointer(&self->text_encoder_weights, vera_weights_unref);
    g_clear_pointer(&self->snapper_weights, vera_weights_unref);
    g_free(self->vae_config);
    g_free(self->text_encoder_config);
    g_free(self->scheduler_config);
    g_free(self->snapper_config);
    g_free(self->info.name);
    g_free(self->info.default_negative_prompt);
    g_free(self->dir);
    g_free(self);
}

const VeraModelInfo *
vera_model_get_info(VeraModel *self)
{
    return &self->info;
}

const char *
vera_model_get_dir(VeraModel *self)
{
    return self->dir;
}

/* Reads @part/config.json once into a block of @size bytes. */
static gconstpointer
vera_model_load_config(VeraModel *self,
                       const char *file,
                       gboolean (*load)(const char *path, void *config, GError **error),
                       gsize size,
                       gpointer *slot,
                       GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, file, NULL);
    g_autofree gpointer config = NULL;

    if (*slot != NULL)
        return *slot;
    config = g_malloc0(size);
    if (!load(path, config, error))
        return NULL;
    *slot = g_steal_pointer(&config);
    return *slot;
}

#define LOAD_CONFIG(self, file, load, slot, error)                                         \
    vera_model_load_config(self, file, (gboolean(*)(const char *, void *, GError **))load, \
                           sizeof **(slot), (gpointer *)(slot), error)

const VeraBranchConfig *
vera_model_get_branch_config(VeraModel *self, VeraBranchId branch, GError **error)
{
    g_autofree char *file =
        g_strdup_printf("branches/%s/config.json", vera_branch_get_name(branch));

    return LOAD_CONFIG(self, file, vera_branch_config_load, &self->branch_config[branch], error);
}

const VeraVaeConfig *
vera_model_get_vae_config(VeraModel *self, GError **error)
{
    return LOAD_CONFIG(self, "vae/config.json", vera_vae_config_load, &self->vae_config, error);
}

const VeraTextEncoderConfig *
vera_model_get_text_encoder_config(VeraModel *self, GError **error)
{
    return LOAD_CONFIG(self, "text_encoder/config.json", vera_text_encoder_config_load,
                       &self->text_encoder_config, error);
}

const VeraSchedulerConfig *
vera_model_get_scheduler_config(VeraModel *self, GError **error)
{
    return LOAD_CONFIG(self, "scheduler/scheduler_config.json", vera_scheduler_config_load,
                       &self->scheduler_config, error);
}

const VeraSnapperConfig *
vera_model_get_snapper_config(VeraModel *self, GError **error)
{
    return LOAD_CONFIG(self, "snapper/config.json", vera_snapper_config_load, &self->snapper_config,
                       error);
}

gboolean
vera_model_has_snapper(VeraModel *self)
{
    g_autofree char *path = g_build_filename(self->dir, "snapper", NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static VeraWeights *
vera_model_load_weights(VeraModel *self,
                        const char *part,
                        VeraWeightsKind kind,
                        GPtrArray *specs,
                        VeraWeights **slot,
                        GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, part, NULL);
    g_autoptr(VeraWeights) weights = NULL;
    g_autoptr(GPtrArray) owned = specs;

    g_ptr_array_set_free_func(owned, (GDestroyNotify)vera_weight_spec_free);
    weights = vera_weights_open(path, kind, error);
    if (weights == NULL || !vera_weights_check(weights, owned, error))
        return NULL;
    *slot = g_steal_pointer(&weights);
    return *slot;
}

VeraWeights *
vera_model_get_branch_weights(VeraModel *self, VeraBranchId branch, GError **error)
{
    const VeraBranchConfig *config = vera_model_get_branch_config(self, branch, error);
    g_autofree char *part = g_strdup_printf("branches/%s", vera_branch_get_name(branch));

    if (config == NULL || self->branch_weights[branch] != NULL)
        return config ? self->branch_weights[branch] : NULL;
    return vera_model_load_weights(self, part, VERA_WEIGHTS_KIND_BRANCH,
                                   vera_branch_get_specs(config), &self->branch_weights[branch],
                                   error);
}

VeraWeights *
vera_model_get_layers_weights(VeraModel *self, GError **error)
{
    const VeraBranchConfig *config = vera_model_get_branch_config(self, VERA_BRANCH_EDIT, error);

    if (config == NULL || self->layers_weights != NULL)
        return config ? self->layers_weights : NULL;
    return vera_model_load_weights(self, "layers.safetensors", VERA_WEIGHTS_KIND_PLAIN,
                                   vera_layers_get_specs(config), &self->layers_weights, error);
}

VeraWeights *
vera_model_get_vae_weights(VeraModel *self, GError **error)
{
    const VeraVaeConfig *config = vera_model_get_vae_config(self, error);

    if (config == NULL || self->vae_weights != NULL)
        return config ? self->vae_weights : NULL;
    return vera_model_load_weights(self, "vae", VERA_WEIGHTS_KIND_VAE, vera_vae_get_specs(config),
                                   &self->vae_weights, error);
}

VeraWeights *
vera_model_get_text_encoder_weights(VeraModel *self, GError **error)
{
    const VeraTextEncoderConfig *config = vera_model_get_text_encoder_config(self, error);

    if (config == NULL || self->text_encoder_weights != NULL)
        return config ? self->text_encoder_weights : NULL;
    return vera_model_load_weights(self, "text_encoder", VERA_WEIGHTS_KIND_TEXT_ENCODER,
                                   vera_text_encoder_get_specs(config), &self->text_encoder_weights,
                                   error);
}

VeraWeights *
vera_model_get_snapper_weights(VeraModel *self, GError **error)
{
    const VeraSnapperConfig *config = vera_model_get_snapper_config(self, error);

    if (config == NULL || self->snapper_weights != NULL)
        return config ? self->snapper_weights : NULL;
    return vera_model_load_weights(self, "snapper", VERA_WEIGHTS_KIND_PLAIN,
                                   vera_snapper_get_specs(config), &self->snapper_weights, error);
}

char *
vera_model_dup_tokenizer_path(VeraModel *self)
{
    return g_build_filename(self->dir, "tokenizer", "spiece.model", NULL);
}

static gboolean
vera_model_check_agreement(VeraModel *self, GError **error)
{
    const VeraBranchConfig *edit = self->branch_config[VERA_BRANCH_EDIT];

    for (int i = 0; i < VERA_N_BRANCHES; i++) {
        const VeraBranchConfig *other = self->branch_config[i];
        if (other->dim != edit->dim || other->n_heads != edit->n_heads ||
            other->n_layers != edit->n_layers || other->patch_h != edit->patch_h ||
            other->patch_w != edit->patch_w || other->text_dim != edit->text_dim ||
            other->in_channels != edit->in_channels || other->out_channels != edit->out_channels ||
            other->head_dim != edit->head_dim) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                        "The branch %s of the model ‘%s’ differs in shape from the branch edit; "
                        "the three must be alike.",
                        vera_branch_get_name(i), self->dir);
            return FALSE;
        }
    }
    if (edit->in_channels != self->vae_config->z_dim ||
        edit->out_channels != self->vae_config->z_dim ||
        edit->text_dim != self->text_encoder_config->d_model) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The parts of the model ‘%s’ do not fit each other: its branches take %d "
                    "latent channels and text of "
                    "width %d, its VAE gives %d and its text encoder %d.",
                    self->dir, edit->in_channels, edit->text_dim, self->vae_config->z_dim,
                    self->text_encoder_config->d_model);
        return FALSE;
    }
    if (self->snapper_config != NULL && (self->vae_config->spatial_factor * edit->patch_h %
                                                 (1 << (self->snapper_config->n_levels - 1)) !=
                                             0 ||
                                         self->vae_config->spatial_factor * edit->patch_w %
                                                 (1 << (self->snapper_config->n_levels - 1)) !=
                                             0)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The snapper of the model ‘%s’ halves its pictures %d times, more often than "
                    "the sizes of the model allow.",
                    self->dir, self->snapper_config->n_levels - 1);
        return FALSE;
    }
    return TRUE;
}

gboolean
vera_model_check(VeraModel *self, GError **error)
{
    if (!vera_model_check_parts(self, error))
        return FALSE;
    for (int i = 0; i < VERA_N_BRANCHES; i++)
        if (!vera_weights_check_finite(self->branch_weights[i], error))
            return FALSE;
    return vera_weights_check_finite(self->layers_weights, error) &&
           vera_weights_check_finite(self->vae_weights, error) &&
           vera_weights_check_finite(self->text_encoder_weights, error) &&
           (self->snapper_weights == NULL ||
            vera_weights_check_finite(self->snapper_weights, error));
}

gboolean
vera_model_check_parts(VeraModel *self, GError **error)
{
    g_autofree char *spiece = vera_model_dup_tokenizer_path(self);
    g_autoptr(VeraTokenizer) tokenizer = NULL;

    for (int i = 0; i < VERA_N_BRANCHES; i++)
        if (vera_model_get_branch_weights(self, i, error) == NULL)
            return FALSE;
    if (vera_model_get_layers_weights(self, error) == NULL ||
        vera_model_get_vae_weights(self, error) == NULL ||
        vera_model_get_text_encoder_weights(self, error) == NULL ||
        vera_model_get_scheduler_config(self, error) == NULL)
        return FALSE;
    if (vera_model_has_snapper(self) && vera_model_get_snapper_weights(self, error) == NULL)
        return FALSE;
    tokenizer = vera_tokenizer_new(spiece, error);
    if (tokenizer != NULL &&
        vera_tokenizer_get_n_pieces(tokenizer) > self->text_encoder_config->vocab_size) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
            "The tokenizer ‘%s’ has %d pieces, more than the %d that the text encoder knows.",
            spiece, vera_tokenizer_get_n_pieces(tokenizer), self->text_encoder_config->vocab_size);
        return FALSE;
    }
    return tokenizer != NULL && vera_model_check_agreement(self, error);
}

static gboolean
vera_model_hash_file(VeraModel *self, const char *file, GChecksum *sum, GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, file, NULL);
    g_autofree char *bytes = NULL;
    gsize n_bytes;

    if (!g_file_get_contents(path, &bytes, &n_bytes, NULL)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The file ‘%s’ cannot be read.", path);
        return FALSE;
    }
    g_checksum_update(sum, (const guchar *)bytes, (gssize)n_bytes);
    return TRUE;
}

static gboolean
vera_model_hash_weights(VeraWeights *weights,
                        GChecksum *sum,
                        GCancellable *cancellable,
                        GError **error)
{
    g_autofree char *hash = weights ? vera_weights_hash(weights, cancellable, error) : NULL;

    if (hash != NULL)
        g_checksum_update(sum, (const guchar *)hash, -1);
    return hash != NULL;
}

char *
vera_model_hash(VeraModel *self, GCancellable *cancellable, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    static const char *const files[] = {
        "branches/edit/config.json", "branches/alpha/config.json", "branches/composite/config.json",
        "vae/config.json",           "text_encoder/config.json",   "tokenizer/spiece.model"};

    for (int i = 0; i < VERA_N_BRANCHES; i++)
        if (!vera_model_hash_weights(vera_model_get_branch_weights(self, i, error), sum,
                                     cancellable, error))
            return NULL;
    if (!vera_model_hash_weights(vera_model_get_layers_weights(self, error), sum, cancellable,
                                 error) ||
        !vera_model_hash_weights(vera_model_get_vae_weights(self, error), sum, cancellable,
                                 error) ||
        !vera_model_hash_weights(vera_model_get_text_encoder_weights(self, error), sum, cancellable,
                                 error))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        if (!vera_model_hash_file(self, files[i], sum, error))
            return NULL;
    /* Models without a snapper keep the hash that older takes name. */
    if (vera_model_has_snapper(self) &&
        (!vera_model_hash_weights(vera_model_get_snapper_weights(self, error), sum, cancellable,
                                  error) ||
         !vera_model_hash_file(self, "snapper/config.json", sum, error)))
        return NULL;
    return g_strdup(g_checksum_get_string(sum));
}
