#include "config.h"

#include "engine/queue/vera-edit-forecast.h"

#include "engine/queue/vera-job-rates.h"
#include "engine/vera-disk.h"
#include "engine/vera-engine-error.h"
#include "kernels/vera-k-device.h"

VeraJobWork
vera_edit_job_get_work(VeraEditJob *self)
{
    const VeraPipelineEstimate *estimate = vera_edit_job_get_estimate(self);

    return (VeraJobWork){
        .encode = estimate->gflop_encode * (vera_edit_job_get_record(self)->region_path != NULL ? 2 : 1),
        .step = estimate->gflop_per_step,
        .decode = estimate->gflop_decode,
    };
}

char *
vera_edit_job_dup_rate_key(VeraEditJob *self)
{
    const VeraTakeRecord *record = vera_edit_job_get_record(self);

    return vera_job_rates_make_key(record->model_name, record->device, record->compute);
}

static gboolean
vera_edit_forecast_ask_cpu(VeraEditForecast *self, VeraEditJob *job, const char *device, GError **error)
{
    char message[256] = "";
    VeraKDevice *opened = NULL;
    VeraKDeviceInfo info;

    if (vera_k_device_open(device, &opened, message, sizeof message) != VERA_K_OK) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE, "The device ‘%s’ cannot be used: %s", device, message);
        return FALSE;
    }
    vera_k_device_get_info(opened, &info);
    g_strlcpy(self->device_name, info.name, sizeof self->device_name);
    self->free_bytes = info.free_bytes;
    self->memory_bytes = vera_edit_job_get_estimate(job)->memory_bytes;
    self->fits = self->free_bytes == 0 || self->memory_bytes <= self->free_bytes;
    vera_k_device_close(&opened);
    return TRUE;
}

/* That a take is too large for a card is an answer, and no failure. */
static gboolean
vera_edit_forecast_ask_gpu(VeraEditForecast *self, VeraEditJob *job, GError **error)
{
    g_autoptr(GError) reason = NULL;

    self->fits = vera_edit_job_plan_memory(job, &self->plan, self->device_name, &reason);
    if (!self->fits && (self->plan.peak_bytes == 0 || !g_error_matches(reason, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY))) {
        g_propagate_error(error, g_steal_pointer(&reason));
        return FALSE;
    }
    self->has_plan = TRUE;
    self->free_bytes = self->plan.free_bytes;
    self->memory_bytes = self->plan.peak_bytes;
    return TRUE;
}

VeraEditForecast *
vera_edit_forecast_new(const VeraEditRequest *request, const char *dir, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraEditJob) job = vera_edit_job_new(request, cancellable, error);
    g_autoptr(VeraEditForecast) self = job ? g_new0(VeraEditForecast, 1) : NULL;
    const VeraTakeRecord *record;

    if (self == NULL || !(g_str_has_prefix(request->device, "cuda") ? vera_edit_forecast_ask_gpu(self, job, error)
                                                                     : vera_edit_forecast_ask_cpu(self, job, request->device, error)))
        return NULL;
    record = vera_edit_job_get_record(job);
    self->n_frames = (int)record->frames->len;
    self->n_windows = vera_edit_job_get_plan(job)->n_windows;
    self->n_steps = record->n_steps;
    self->width = record->width;
    self->height = record->height;
    /* Layer, matte and composite: seven floats a pixel. */
    self->disk_bytes = (guint64)record->frames->len * (guint64)record->width * (guint64)record->height * 7 * sizeof(float);
    self->free_disk_bytes = vera_disk_get_free_bytes(dir);
    self->is_model_trained = record->is_model_trained;
    self->rate_key = vera_edit_job_dup_rate_key(job);
    self->work = vera_edit_job_get_work(job);
    return g_steal_pointer(&self);
}

void
vera_edit_forecast_free(VeraEditForecast *self)
{
    if (self == NULL)
        return;
    g_free(self->rate_key);
    g_free(self);
}
