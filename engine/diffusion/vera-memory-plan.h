#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-frame-plan.h"
#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"
#include "engine/diffusion/vera-transformer.h"

G_BEGIN_DECLS

/**
 * VeraMemoryPlan: how a take uses the memory of a device, decided before any work.
 * @memory: whether the transformer's weights stay, or come block by block
 * @packed_bytes: of weights that operators keep in an order or a type of their own: the limit of vera_k_ctx_set_packed_max()
 * @has_preview: whether there is room to decode a frame between two steps
 * @weight_bytes: of the transformer and the VAE, as @memory has them
 * @text_bytes: of the prompts, coded
 * @encode_bytes: in all while text, source and mask are coded
 * @sample_bytes: in all while steps are taken
 * @preview_bytes: in all while a frame is decoded between two steps
 * @decode_bytes: in all while the frames of the take are decoded
 * @peak_bytes: the largest of these, the preview counted if @has_preview
 * @free_bytes: what the device has free
 */
typedef struct {
    VeraTransformerMemory memory;
    guint64 packed_bytes;
    gboolean has_preview;
    guint64 weight_bytes;
    guint64 text_bytes;
    guint64 encode_bytes;
    guint64 sample_bytes;
    guint64 preview_bytes;
    guint64 decode_bytes;
    guint64 peak_bytes;
    guint64 free_bytes;
} VeraMemoryPlan;

/**
 * VeraMemoryNeed: what is asked of the model.
 * @n_tokens: of the instruction; 0 if nobody knows yet, for a long one
 * @n_negative_tokens: of the negative prompt, if @has_guidance; likewise
 */
typedef struct {
    int width;
    int height;
    const VeraFramePlan *plan;
    gboolean has_guidance;
    int n_tokens;
    int n_negative_tokens;
} VeraMemoryNeed;

/**
 * vera_memory_plan_init:
 * @self: (out caller-allocates): the plan; when nothing fits, that of the least that was tried
 * @runtime: on the device that is to do it
 * @model: whose weights it looks at (not into)
 * @need: frames, size
 * @error: return location for a #GError
 *
 * Runs a take on paper (vera_runtime_new_dry()): the same code allocates the same memory in the same order. Of what fits it takes the
 * fastest: resident weights before streamed ones, and with each reordered weights kept before none. On a CPU weights are mapped
 * files, take no memory of the device, and everything fits. Takes up to a second for a large model.
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY (also streamed it is too much: says how much is needed and there),
 * %VERA_ENGINE_ERROR_BAD_WEIGHTS.
 */
gboolean vera_memory_plan_init(
    VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, GError **error);

G_END_DECLS
