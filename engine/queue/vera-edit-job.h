#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-memory-plan.h"
#include "engine/diffusion/vera-pipeline.h"
#include "engine/media/vera-clip.h"
#include "engine/project/vera-take.h"

G_BEGIN_DECLS

/**
 * VeraEditRequest:
 * @clip_path: the source
 * @instruction: what is asked for
 * @task: (nullable): noted in the record
 * @negative_prompt: (nullable): %NULL takes the model's own
 * @region_path: (nullable): a still, a movie or a sequence; white = edit here
 * @frames: (element-type gint64): source frame numbers, from 0, increasing
 * @model_dir: the model
 * @device: as vera_runtime_new() takes it
 * @compute: precision of products
 * @seed: the seed
 * @n_steps: 0 takes the model's own
 * @guidance: negative takes the model's own
 * @width: 0 takes a size of about the model's own area in the plate's shape
 * @height: likewise
 *
 * What one take is asked for.
 */
typedef struct {
    const char *clip_path;
    const char *instruction;
    const char *task;
    const char *negative_prompt;
    const char *region_path;
    GArray *frames;
    const char *model_dir;
    const char *device;
    VeraKCompute compute;
    guint64 seed;
    int n_steps;
    double guidance;
    int width;
    int height;
} VeraEditRequest;

/**
 * VeraEditProgressFunc: @phase is "encode", "sample", "decode"; @fraction of that phase; steps done
 * and in all. When a step has become a saved state, it is called once more with "sample".
 */
typedef void (*VeraEditProgressFunc)(const char *phase, double fraction, int step, int n_steps, gpointer user_data);

/**
 * VeraEditJob: one take in the making.
 *
 * Thread-safety: one thread at a time; blocking calls, for a worker thread.
 */
typedef struct _VeraEditJob VeraEditJob;

/**
 * vera_edit_job_new: opens clip, region and model and settles what was left open. Cheap: no weights are read.
 * Errors: every one that the request can cause before work starts.
 */
VeraEditJob *vera_edit_job_new(const VeraEditRequest *request, GCancellable *cancellable, GError **error);
void vera_edit_job_free(VeraEditJob *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraEditJob, vera_edit_job_free)

/** vera_edit_job_get_record: Returns: (transfer none): what the take's record will say */
const VeraTakeRecord *vera_edit_job_get_record(VeraEditJob *self);
const VeraFramePlan *vera_edit_job_get_plan(VeraEditJob *self);
const VeraPipelineEstimate *vera_edit_job_get_estimate(VeraEditJob *self);

/**
 * vera_edit_job_plan_memory: opens the job's device and asks how the take would use its memory now.
 * @device_name: (out caller-allocates): at least 128 bytes: what the device calls itself
 *
 * Errors: %VERA_ENGINE_ERROR_NO_DEVICE, those of vera_memory_plan_init().
 */
gboolean vera_edit_job_plan_memory(VeraEditJob *self, VeraMemoryPlan *plan, char device_name[128], GError **error);

const VeraModelInfo *vera_edit_job_get_model_info(VeraEditJob *self);
VeraClip *vera_edit_job_get_clip(VeraEditJob *self);

/**
 * VeraEditPreview:
 * @want: on the thread that runs, after each step; Returns: the source frame that is to be shown, or -1
 * @show: @rgb width*height*3 interleaved and @matte width*height, 0..1, at model size, borrowed; on the thread that runs
 * @user_data: for both
 */
typedef struct {
    gint64 (*want)(gpointer user_data);
    void (*show)(gint64 frame, int width, int height, const float *rgb, const float *matte, gpointer user_data);
    gpointer user_data;
} VeraEditPreview;

/** vera_edit_job_set_preview: shows what is being made without changing it; call before vera_edit_job_run(). */
void vera_edit_job_set_preview(VeraEditJob *self, const VeraEditPreview *preview);

/**
 * vera_edit_job_run:
 * @take_dir: the take's folder-to-be; the state between two steps is kept in TAKE_DIR.state
 * @is_resume: go on from a state that an earlier, stopped run left
 *
 * Makes the take. When it is stopped, the state of the last finished step is on disk; a run with
 * @is_resume then gives the same bytes as an unbroken one. With @is_resume a take that an earlier
 * run finished is found and left as it is; anything else at
 * @take_dir is refused before work starts. Errors: %VERA_ENGINE_ERROR_CANCELLED and those of all
 * parts.
 *
 * Returns: %TRUE when the take is on disk
 */
gboolean vera_edit_job_run(VeraEditJob *self,
                           const char *take_dir,
                           gboolean is_resume,
                           VeraEditProgressFunc progress,
                           gpointer user_data,
                           GCancellable *cancellable,
                           GError **error);

/**
 * vera_edit_job_is_state_refused: Returns: whether the last run failed because TAKE_DIR.state is
 * damaged or belongs to another source, model or edit; once it is removed the take can be made from
 * the start
 */
gboolean vera_edit_job_is_state_refused(VeraEditJob *self);

G_END_DECLS
