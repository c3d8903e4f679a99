#pragma once

#include "engine/project/vera-project-json.h"
#include "engine/queue/vera-edit-job.h"
#include "engine/queue/vera-export-job.h"
#include "engine/queue/vera-job-clock.h"
#include "engine/queue/vera-job.h"
#include "engine/queue/vera-queue.h"

G_BEGIN_DECLS

/**
 * VeraJobSpec: what a job was asked for; never changed after the job is made, so that its thread
 * may read it.
 * @request: of a take; strings owned
 * @clip_path: of an export
 * @layers: (element-type VeraQueueLayer): of an export; strings owned
 * @take_dir: of a take, its folder-to-be
 */
typedef struct {
    gboolean is_export;
    char *id, *title, *edit_id;
    char *clip_path, *take_dir;
    VeraEditRequest request;
    GArray *layers;
    VeraExportSettings settings;
    GArray *frames;
} VeraJobSpec;

/** vera_job_spec_new_edit: Returns: (transfer full): a deep copy. vera_job_spec_new_export:
 * likewise */
VeraJobSpec *vera_job_spec_new_edit(const VeraEditRequest *request,
                                    const char *title,
                                    const char *edit_id,
                                    const char *take_dir);
VeraJobSpec *vera_job_spec_new_export(const VeraQueueExport *order, const char *title);
void vera_job_spec_free(VeraJobSpec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraJobSpec, vera_job_spec_free)

/** vera_job_spec_to_json: adds what makes the job to @object. */
void vera_job_spec_to_json(const VeraJobSpec *self, JsonObject *object);

/** vera_job_spec_read_json: Returns: (transfer full): what vera_job_spec_to_json() wrote, or %NULL
 * with the reader's error set */
VeraJobSpec *vera_job_spec_read_json(VeraProjectReader *reader);

struct _VeraJob {
    GObject parent_instance;

    VeraJobSpec *spec;
    VeraJobState state;
    VeraJobState stop_as; /* what a running job becomes when its cancellable has stopped it */
    GCancellable *cancellable;
    char *phase, *message, *plan_json;
    double fraction, eta_seconds;
    int step, n_steps;
    gboolean is_stopping;
    gboolean is_state_refused; /* the take's saved steps are of no use */
    gboolean was_started;      /* by this program or the one before it */
    gint64 n_changed, n_exported;
};

VeraJob *vera_job_new(VeraJobSpec *spec);
void vera_job_set_state(VeraJob *self, VeraJobState state, const char *message);
/** vera_job_set_progress: takes over fraction, steps and time. */
void vera_job_set_progress(VeraJob *self, const VeraJobClock *clock);
/** vera_job_clear_progress: nothing of it is done. */
void vera_job_clear_progress(VeraJob *self);
void vera_job_set_stopping(VeraJob *self, gboolean is_stopping);
void vera_job_set_plan(VeraJob *self, const char *plan_json);

G_END_DECLS
