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
 * @weight_bytes: of the transformer and the VAE, as @memory has them
 * @encode_bytes: in all while source and mask are coded
 * @sample_bytes: in all while steps are taken
 * @decode_bytes: in all while frames are decoded
 * @peak_bytes: the largest of the three
 * @free_bytes: what the device has free
 */
typedef struct {
    VeraTransformerMemory memory;
    guint64 weight_bytes;
    guint64 encode_bytes;
    guint64 sample_bytes;
    guint64 decode_bytes;
    guint64 peak_bytes;
    guint64 free_bytes;
} VeraMemoryPlan;

/** VeraMemoryNeed: what is asked of the model. */
typedef struct {
    int width;
    int height;
    const VeraFramePlan *plan;
    gboolean has_guidance;
} VeraMemoryNeed;

/**
 * vera_memory_plan_init:
 * @self: (out caller-allocates): the plan
 * @runtime: on the device that is to do it
 * @model: whose weights it looks at (not into)
 * @need: frames, size
 * @error: return location for a #GError
 *
 * Chooses resident weights if they fit beside the rest into what is free, else streamed ones. On a CPU weights are mapped files, take no
 * memory of the device, and everything fits.
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY (also streamed it is too much: says how much is needed and there),
 * %VERA_ENGINE_ERROR_BAD_WEIGHTS.
 */
gboolean vera_memory_plan_init(
    VeraMemoryPlan *self, VeraRuntime *runtime, VeraModel *model, const VeraMemoryNeed *need, GError **error);

G_END_DECLS
