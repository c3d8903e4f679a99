#pragma once

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * VeraBlockTrial: the first block of a model's edit branch, run alone on random tokens, for measurements.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraBlockTrial VeraBlockTrial;

/**
 * vera_block_trial_new:
 * @runtime: device and precision
 * @model: the model
 * @latents: frames, height and width of the latents, whose patches are the tokens
 * @error: return location for a #GError
 *
 * The text has all rows that the model takes, none of them padding.
 *
 * Returns: (transfer full): a trial, or %NULL
 */
VeraBlockTrial *vera_block_trial_new(VeraRuntime *runtime, VeraModel *model, const gint64 latents[3], GError **error);
void vera_block_trial_free(VeraBlockTrial *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraBlockTrial, vera_block_trial_free)

/** vera_block_trial_get_n_tokens: Returns: tokens that go through the block */
gint64 vera_block_trial_get_n_tokens(VeraBlockTrial *self);

/**
 * vera_block_trial_run:
 *
 * Self-attention, cross-attention with keys and values made anew from the text (an edit makes them once for all steps), and
 * feed-forward layer; always on the same tokens.
 */
gboolean vera_block_trial_run(VeraBlockTrial *self, GError **error);

G_END_DECLS
