#pragma once

#include <gio/gio.h>

#include "engine/queue/vera-edit-job.h"
#include "engine/queue/vera-export-job.h"

G_BEGIN_DECLS

/** VeraCliJob: what `vera edit`, `vera export` and `vera run-project` have in common. */
typedef struct {
    VeraEditRequest request;
    VeraExportPreset preset;
    const char *output_dir;
    gboolean is_resume;
    gboolean is_json;
    gboolean is_dry_run;
    gboolean is_float32;
} VeraCliJob;

/** vera_cli_job_run_edit: makes the take in OUTPUT/take and exports it. Returns: the exit code */
int vera_cli_job_run_edit(const VeraCliJob *job);

/** vera_cli_job_export: exports a take (or, without one, @frames of @clip). Returns: the exit code */
int vera_cli_job_export(const VeraCliJob *job, VeraClip *clip, VeraTake *take, GArray *frames);

G_END_DECLS
