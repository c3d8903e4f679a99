#pragma once

#include "engine/diffusion/vera-frame-spill.h"
#include "engine/diffusion/vera-memory-plan.h"
#include "engine/diffusion/vera-pipeline.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"

G_BEGIN_DECLS

struct _VeraPipeline {
    VeraPipelineRequest request;
    /* Owned */
    VeraRuntime *runtime;
    VeraModel *model;
    VeraVae *vae;
    VeraTransformer
        *transformer; /* NULL while a GPU decodes: see vera_pipeline_load_transformer() */
    VeraTransformer
        *other; /* (nullable): the same on the runtime's partner, for the negative prompt */
    VeraMemoryPlan memory, other_memory;
    VeraTextContext *text, *negative; /* of @transformer; @negative of @other if there is one */
    VeraSampler *samplers[VERA_N_BRANCHES];
    float *latents[VERA_N_BRANCHES]; /* [z, latents, h, w] */
    float *source, *mask;
    VeraFrameSpill
        *plates; /* (nullable): the source's frames, [3, H, W], where mattes are snapped to them */
    VeraFrameSpill *regions; /* (nullable): and the mask's, [H, W] */
    gint64 shape[4];
    int step;
    VeraPipelinePreview preview;
};

/** vera_pipeline_load_transformer: puts the transformer's weights where its operators read them,
 * unless they are there. */
gboolean vera_pipeline_load_transformer(VeraPipeline *self, GError **error);

/** vera_pipeline_unload_transformer: and gives its memory back. */
void vera_pipeline_unload_transformer(VeraPipeline *self);

/** vera_pipeline_report: tells the caller how far @phase is. */
void vera_pipeline_report(VeraPipeline *self, const char *phase, double fraction);

/** vera_pipeline_show: shows frame @index as @velocity at the present latents foresees it; nothing
 * else changes. */
void vera_pipeline_show(VeraPipeline *self,
                        int index,
                        float *const velocity[VERA_N_BRANCHES],
                        GCancellable *cancellable);

/**
 * vera_pipeline_snap: snaps the mattes of a background change to the source by the model's snapper
 * (vera-snapper.h).
 * @layers: five planes a frame: colour, matte, and room for the snapped matte
 * @is_snapped: (out): %FALSE where the matte covers less than half of the frames (what is added has
 * no edge in the source), all of them, or where the snapper does not find what is kept; the last
 * plane is undefined then
 */
gboolean vera_pipeline_snap(VeraPipeline *self,
                            VeraFrameSpill *layers,
                            gboolean *is_snapped,
                            GCancellable *cancellable,
                            GError **error);

G_END_DECLS
