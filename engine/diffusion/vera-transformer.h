#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/** VERA_TEXT_LENGTH: text slots of Wan2.1; shorter texts are padded with zero rows, longer ones refused */
#define VERA_TEXT_LENGTH 512

/** vera_branch_get_specs: Returns: (transfer container) (element-type VeraWeightSpec): every tensor of one branch */
GPtrArray *vera_branch_get_specs(const VeraBranchConfig *config);

/** vera_layers_get_specs: Returns: (transfer container) (element-type VeraWeightSpec): every tensor of layers.safetensors */
GPtrArray *vera_layers_get_specs(const VeraBranchConfig *config);

/**
 * VeraTransformer: one to three Wan branches joined in self-attention (model-format). With one branch it is the stock Wan DiT.
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraTransformer VeraTransformer;

/** VeraTransformerMemory: where the weights of a device that is not the CPU are. */
typedef enum {
    VERA_TRANSFORMER_RESIDENT, /* all in its memory */
    VERA_TRANSFORMER_STREAMED, /* of two blocks at a time: slower by what copies take longer than products, and the same result */
} VeraTransformerMemory;

/** vera_transformer_new: the three branches of @model. */
VeraTransformer *vera_transformer_new(VeraRuntime *runtime, VeraModel *model, VeraTransformerMemory memory, GError **error);

/** vera_transformer_new_single: one branch alone, no joint attention, no conditioning; resident. */
VeraTransformer *
vera_transformer_new_single(VeraRuntime *runtime, VeraModel *model, VeraBranchId branch, GError **error);
void vera_transformer_free(VeraTransformer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTransformer, vera_transformer_free)

/**
 * VeraTextContext: a prompt after the text MLPs, with every layer's cross-attention k and v, computed once and reused over all steps.
 */
typedef struct _VeraTextContext VeraTextContext;

/**
 * vera_transformer_prepare_text:
 * @text: host memory [n_rows, text_dim], the real rows only
 * @n_rows: 1..512 (0 is allowed: all padding)
 */
VeraTextContext *vera_transformer_prepare_text(
    VeraTransformer *self, const float *text, int n_rows, GCancellable *cancellable, GError **error);
void vera_text_context_free(VeraTextContext *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTextContext, vera_text_context_free)

/**
 * VeraTransformerInput:
 * @latents: per branch, host memory [z, f, h, w]; a single-branch transformer uses entry 0
 * @source: (nullable): latents of the source; needed with three branches
 * @mask: (nullable): latents of the mask
 * @shape: z, f, h, w; h and w multiples of the patch size
 * @timestep: 0..1000, as given to the sinusoid
 * @text: prepared text
 */
typedef struct {
    const float *latents[VERA_N_BRANCHES];
    const float *source;
    const float *mask;
    gint64 shape[4];
    float timestep;
    VeraTextContext *text;
} VeraTransformerInput;

/**
 * vera_transformer_forward:
 * @velocities: (out caller-allocates): per branch, host memory [z, f, h, w]
 * @cancellable: (nullable): checked before every block
 *
 * Errors: %VERA_ENGINE_ERROR_CANCELLED, %VERA_ENGINE_ERROR_OUT_OF_MEMORY, %VERA_ENGINE_ERROR_FAILED (non-finite output: says so).
 */
gboolean vera_transformer_forward(VeraTransformer *self,
                                  const VeraTransformerInput *input,
                                  float *velocities[VERA_N_BRANCHES],
                                  GCancellable *cancellable,
                                  GError **error);

G_END_DECLS
