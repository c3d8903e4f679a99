#pragma once

#include <gio/gio.h>

#include "engine/queue/vera-edit-job.h"
#include "engine/queue/vera-export-job.h"

G_BEGIN_DECLS

/**
 * VeraCliJob:
 * @request: what is asked of the model
 * @settings: what is written; without a name the clip's own is taken
 * @refinement: of the matte of a take that is made or exported
 * @is_json: tell progress as JSON lines
 * @is_dry_run: print the plan and stop
 *
 * What `vera edit`, `vera export` and `vera run-project` have in common. Strings are borrowed.
 */
typedef struct {
    VeraEditRequest request;
    VeraExportSettings settings;
    VeraMatteRefinement refinement;
    gboolean is_json;
    gboolean is_dry_run;
} VeraCliJob;

/** vera_cli_job_run_edit: makes the take in OUTPUT/take and exports it. Returns: the exit code */
int vera_cli_job_run_edit(const VeraCliJob *job);

/**
 * vera_cli_job_export:
 * @job: settings
 * @clip: the source
 * @layers: (element-type VeraExportLayer): the stack, bottom first; may be empty
 * @frames: (nullable): source frames; %NULL takes those of the only layer
 *
 * Returns: the exit code
 */
int
vera_cli_job_export(const VeraCliJob *job, VeraClip *clip, const GArray *layers, GArray *frames);

G_END_DECLS
