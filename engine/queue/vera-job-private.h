#pragma once

#include "engine/queue/vera-edit-job.h"
#include "engine/queue/vera-export-job.h"
#include "engine/queue/vera-job.h"

G_BEGIN_DECLS

/**
 * VeraJobSpec: what a job was asked for; never changed after the job is made, so that its thread may read it.
 * @request: of a take; strings owned
 * @clip_path: of an export
 * @take_dir: of an export, nullable; of a take, its folder-to-be
 */
typedef struct {
    gboolean is_export;
    char *id, *title, *edit_id;
    char *clip_path, *take_dir;
    VeraEditRequest request;
    VeraMatteRefinement refinement;
    VeraExportSettings settings;
    GArray *frames;
} VeraJobSpec;

void vera_job_spec_free(VeraJobSpec *self);

/** vera_job_spec_save: into group @group of @file. vera_job_spec_load: Returns: (transfer full) (nullable): what was saved there */
void vera_job_spec_save(const VeraJobSpec *self, GKeyFile *file, const char *group);
VeraJobSpec *vera_job_spec_load(GKeyFile *file, const char *group);

struct _VeraJob {
    GObject parent_instance;

    VeraJobSpec *spec;
    VeraJobState state;
    VeraJobState stop_as; /* what a running job becomes when its cancellable has stopped it */
    GCancellable *cancellable;
    char *phase, *message, *plan_json;
    double fraction, eta_seconds;
    int step, n_steps;
    gint64 sample_start_us; /* when this run's sampling began, and at which step */
    int sample_start_step;
    gboolean was_started; /* by this program or the one before it */
    gint64 n_changed, n_exported;
};

VeraJob *vera_job_new(VeraJobSpec *spec);
void vera_job_set_state(VeraJob *self, VeraJobState state, const char *message);
/** vera_job_set_progress: @fraction is that of @phase. */
void vera_job_set_progress(VeraJob *self, const char *phase, double fraction, int step, int n_steps);
void vera_job_set_plan(VeraJob *self, const char *plan_json);

G_END_DECLS
