#pragma once

#include "engine/diffusion/vera-memory-plan.h"
#include "engine/queue/vera-edit-job.h"
#include "engine/queue/vera-job-clock.h"

G_BEGIN_DECLS

/**
 * VeraEditForecast:
 * @n_frames: frames of the take
 * @n_windows: windows that they go through the model in
 * @n_steps: sampling steps
 * @width: of the layers, in pixels
 * @height: of the layers, in pixels
 * @device_name: what the device calls itself
 * @has_plan: whether the device has memory of its own, and so a @plan
 * @plan: what of that memory the take uses for what
 * @fits: whether the take can be made there; if not, @plan is that of the least that can be done
 * @memory_bytes: that the job takes on its device at the highest
 * @free_bytes: that the device has free now; 0 where it does not say
 * @disk_bytes: that the take will be on the disk
 * @free_disk_bytes: that the disk has free; %G_MAXUINT64 where it does not say
 * @is_model_trained: whether the model has learned to make layers
 * @rate_key: for vera_job_rates_foresee()
 * @work: likewise
 *
 * What a take will need, before it is begun.
 */
typedef struct {
    int n_frames;
    int n_windows;
    int n_steps;
    int width;
    int height;
    char device_name[128];
    gboolean has_plan;
    VeraMemoryPlan plan;
    gboolean fits;
    guint64 memory_bytes;
    guint64 free_bytes;
    guint64 disk_bytes;
    guint64 free_disk_bytes;
    gboolean is_model_trained;
    char *rate_key;
    VeraJobWork work;
} VeraEditForecast;

/**
 * vera_edit_forecast_new:
 * @request: what is asked for
 * @dir: folder that the take's folder will be in, or that will be made for it
 *
 * Opens clip, model and device, reads no weights. Errors: those of vera_edit_job_new(), %VERA_ENGINE_ERROR_NO_DEVICE.
 *
 * Thread-safety: safe; for a worker thread.
 * Returns: (transfer full): the forecast, or %NULL
 */
VeraEditForecast *
vera_edit_forecast_new(const VeraEditRequest *request, const char *dir, GCancellable *cancellable, GError **error);
void vera_edit_forecast_free(VeraEditForecast *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraEditForecast, vera_edit_forecast_free)

/** vera_edit_job_get_work: Returns: what the job's time is foretold by */
VeraJobWork vera_edit_job_get_work(VeraEditJob *self);

/** vera_edit_job_dup_rate_key: Returns: (transfer full): what its time is compared with, for #VeraJobRates */
char *vera_edit_job_dup_rate_key(VeraEditJob *self);

G_END_DECLS
