#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-frame-plan.h"
#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"
#include "engine/diffusion/vera-sampler.h"

G_BEGIN_DECLS

/**
 * VeraPipelineFrameFunc:
 * @index: frame of the range, from 0
 * @rgb: (out caller-allocates): planar [3, height, width] in [-1, 1]
 *
 * Delivers a frame of the source, or of the mask as grey, at model size. Called in order, on the
 * calling thread. Returns: %TRUE on success
 */
typedef gboolean (*VeraPipelineFrameFunc)(int index,
                                          float *rgb,
                                          gpointer user_data,
                                          GError **error);

/**
 * VeraPipelineOutputFunc:
 * @index: frame of the range, from 0
 * @edit: planar [3, height, width], 0..1, straight colour
 * @alpha: [height, width], 0..1
 * @snapped: (nullable): @alpha with its edge moved to that of the source, where that was asked for
 * and can be
 * @composite: planar [3, height, width], 0..1
 */
typedef gboolean (*VeraPipelineOutputFunc)(int index,
                                           const float *edit,
                                           const float *alpha,
                                           const float *snapped,
                                           const float *composite,
                                           gpointer user_data,
                                           GError **error);

/** VeraPipelineProgressFunc: @fraction 0..1 of the whole sampling or coding; @phase "encode",
 * "sample" or "decode". */
typedef void (*VeraPipelineProgressFunc)(const char *phase, double fraction, gpointer user_data);

/**
 * VeraPipelineRequest:
 * @ids: token ids of the instruction, end mark included, @n_ids of them
 * @id_mask: (nullable): 1 for ids that count, which come first
 * @negative_ids: token ids of the negative prompt
 * @noise: (nullable): per branch, [z, latents, h, w]; otherwise drawn from @seed (stream = branch)
 * @guidance: 0..1000; up to 1 the negative prompt is neither read nor run
 * @width: a multiple of the VAE's factor times the patch
 * @height: likewise
 * @plan: frames and windows; borrowed until the pipeline is freed
 * @read_source: the clip
 * @read_mask: (nullable): the region
 * @snaps_matte: the mattes of a background change are also snapped to the source; for models that
 * have a snapper
 * @scratch_folder: (nullable): where decoded frames wait for the rest, the system's temporary
 *   folder if %NULL; borrowed until the pipeline is freed
 */
typedef struct {
    const gint64 *ids;
    const gint64 *id_mask;
    int n_ids;
    const gint64 *negative_ids;
    const gint64 *negative_mask;
    int n_negative_ids;
    const float *noise[VERA_N_BRANCHES];
    guint64 seed;
    int n_steps;
    double guidance;
    double shift;
    VeraSolver solver;
    int width;
    int height;
    const VeraFramePlan *plan;
    VeraPipelineFrameFunc read_source;
    VeraPipelineFrameFunc read_mask;
    gpointer frame_data;
    VeraPipelineProgressFunc progress;
    gpointer progress_data;
    gboolean snaps_matte;
    const char *scratch_folder;
} VeraPipelineRequest;

/**
 * VeraPipeline: one take in the making: text, coded source and mask, latents and solver state.
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraPipeline VeraPipeline;

/**
 * vera_pipeline_new:
 * @request: copied, but for the plan
 *
 * Encodes text, source and mask and draws the noise. Everything that can be wrong with the request
 * or the model is found here. Errors: those of the parts; %VERA_ENGINE_ERROR_USAGE for a size, a
 * plan or a guidance that does not fit the model. Returns: (transfer full): a pipeline before its
 * first step, or %NULL
 */
VeraPipeline *vera_pipeline_new(VeraRuntime *runtime,
                                VeraModel *model,
                                const VeraPipelineRequest *request,
                                GCancellable *cancellable,
                                GError **error);
void vera_pipeline_free(VeraPipeline *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraPipeline, vera_pipeline_free)

/**
 * VeraPipelinePreview:
 * @want: asked after each step; Returns: the frame of the range that is to be shown, or -1
 * @show: @edit planar [3, height, width] and @alpha [height, width], 0..1, borrowed; on the calling
 * thread
 * @user_data: for both
 */
typedef struct {
    int (*want)(gpointer user_data);
    void (*show)(int index, const float *edit, const float *alpha, gpointer user_data);
    gpointer user_data;
} VeraPipelinePreview;

/**
 * vera_pipeline_set_preview: looks at what is being made: one frame, decoded from the estimate of
 * the clean latents that each step gives anyway, with one latent frame before it as context. Never
 * changes the result; a failure only skips the preview.
 */
void vera_pipeline_set_preview(VeraPipeline *self, const VeraPipelinePreview *preview);

int vera_pipeline_get_n_steps(VeraPipeline *self);

/** vera_pipeline_get_step: Returns: steps that are done */
int vera_pipeline_get_step(VeraPipeline *self);

/** vera_pipeline_step: one sampling step over all windows; on any error nothing has changed, and
 * the step can be taken again. */
gboolean vera_pipeline_step(VeraPipeline *self, GCancellable *cancellable, GError **error);

/**
 * vera_pipeline_save: writes latents and solver state between two steps, atomically.
 * @fingerprint: tells this request and model from others
 */
gboolean
vera_pipeline_save(VeraPipeline *self, const char *path, const char *fingerprint, GError **error);

/**
 * vera_pipeline_load: goes on where vera_pipeline_save() left; refuses another @fingerprint and a
 * damaged file
 * (%VERA_ENGINE_ERROR_BAD_INPUT), and nothing has changed then.
 */
gboolean
vera_pipeline_load(VeraPipeline *self, const char *path, const char *fingerprint, GError **error);

/**
 * vera_pipeline_decode: decodes one branch after the other, each all through, so that only one
 * decoder's caches are in memory; @output gets all frames in order, padding dropped, while the last
 * branch is decoded. Errors: those of the parts and of @output; %VERA_ENGINE_ERROR_DISK_FULL where
 * frames cannot wait.
 */
gboolean vera_pipeline_decode(VeraPipeline *self,
                              VeraPipelineOutputFunc output,
                              gpointer user_data,
                              GCancellable *cancellable,
                              GError **error);

/** vera_pipeline_get_align: Returns: what width and height must be multiples of, 0 on error */
int vera_pipeline_get_align(VeraModel *model, GError **error);

/**
 * VeraPipelineEstimate: what a run will take.
 * @gflop_per_step: 10^9 operations of one step over all windows
 * @gflop_encode: of coding the source once; a mask takes as much again
 * @gflop_decode: of decoding all branches
 * @memory_bytes: at the highest
 */
typedef struct {
    double gflop_per_step;
    double gflop_encode;
    double gflop_decode;
    guint64 memory_bytes;
} VeraPipelineEstimate;

/** vera_pipeline_estimate: needs no weights, only configurations. */
gboolean vera_pipeline_estimate(VeraModel *model,
                                int width,
                                int height,
                                const VeraFramePlan *plan,
                                gboolean has_guidance,
                                VeraPipelineEstimate *estimate,
                                GError **error);

G_END_DECLS
