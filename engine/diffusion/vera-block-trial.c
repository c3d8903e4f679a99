#include "config.h"

#include "engine/diffusion/vera-block-trial.h"

#include "engine/diffusion/vera-noise.h"
#include "engine/diffusion/vera-transformer-private.h"

struct _VeraBlockTrial {
    /* Owned */
    VeraRuntime *runtime;
    VeraTransformer *transformer;
    VeraTextContext *context;
    VeraTensor *text;   /* [n_keys, d] */
    VeraTensor *tokens; /* [N, d] */
    VeraModulation modulation;
};

static VeraTensor *
vera_block_trial_make_noise(VeraRuntime *runtime, guint32 stream, gint64 rows, gint64 columns, GError **error)
{
    g_autofree float *values = vera_runtime_new_floats((gsize)(rows * columns), error);

    if (values == NULL)
        return NULL;
    vera_noise_fill(1, stream, 0, values, (gsize)(rows * columns));
    return vera_tensor_new_from_host(runtime, 2, (gint64[]){ rows, columns }, values, error);
}

static gboolean
vera_block_trial_prepare(VeraBlockTrial *self, const gint64 latents[3], GError **error)
{
    VeraTransformer *t = self->transformer;
    gint64 shape[4] = { t->config.in_channels, latents[0], latents[1], latents[2] };
    g_autofree float *text = vera_runtime_new_floats((gsize)VERA_TEXT_LENGTH * (gsize)t->config.text_dim, error);

    if (text == NULL)
        return FALSE;
    vera_noise_fill(1, 0, 0, text, (gsize)VERA_TEXT_LENGTH * (gsize)t->config.text_dim);
    self->context = vera_transformer_prepare_text(t, text, VERA_TEXT_LENGTH, NULL, error);
    if (self->context == NULL || !vera_arena_prepare(t, shape, error))
        return FALSE;
    self->text = vera_block_trial_make_noise(self->runtime, 1, VERA_TEXT_LENGTH, t->config.dim, error);
    self->tokens = self->text ? vera_block_trial_make_noise(self->runtime, 2, t->arena.n_tokens, t->config.dim, error) : NULL;
    return self->tokens != NULL && vera_modulation_init(&self->modulation, t, 0, 500, error);
}

VeraBlockTrial *
vera_block_trial_new(VeraRuntime *runtime, VeraModel *model, const gint64 latents[3], GError **error)
{
    g_autoptr(VeraBlockTrial) self = g_new0(VeraBlockTrial, 1);

    self->runtime = vera_runtime_ref(runtime);
    self->transformer = vera_transformer_new_single(runtime, model, VERA_BRANCH_EDIT, error);
    if (self->transformer == NULL || !vera_block_trial_prepare(self, latents, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
vera_block_trial_free(VeraBlockTrial *self)
{
    if (self == NULL)
        return;
    vera_modulation_clear(&self->modulation);
    g_clear_pointer(&self->tokens, vera_tensor_unref);
    g_clear_pointer(&self->text, vera_tensor_unref);
    g_clear_pointer(&self->context, vera_text_context_free);
    g_clear_pointer(&self->transformer, vera_transformer_free);
    g_clear_pointer(&self->runtime, vera_runtime_unref);
    g_free(self);
}

gint64
vera_block_trial_get_n_tokens(VeraBlockTrial *self)
{
    return self->transformer->arena.n_tokens;
}

gboolean
vera_block_trial_run(VeraBlockTrial *self, GError **error)
{
    VeraKCopy reset = { .src = self->tokens->k, .dst = self->transformer->arena.residual->k };

    g_clear_pointer(&self->context->keys[0], vera_tensor_unref);
    g_clear_pointer(&self->context->values[0], vera_tensor_unref);
    return vera_runtime_check(self->runtime, vera_k_copy(vera_runtime_get_ctx(self->runtime), &reset), "copy", error) &&
           vera_text_context_fill_layer(self->transformer, self->context, 0, 0, self->text, error) &&
           vera_transformer_run_block(self->transformer, 0, &self->modulation, self->context, error);
}
