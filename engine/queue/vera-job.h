#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VeraJobState:
 * @VERA_JOB_STATE_QUEUED: waits for its turn
 * @VERA_JOB_STATE_RUNNING: being done
 * @VERA_JOB_STATE_PAUSED: stopped by the user or by a crash; goes on from its last finished step
 * @VERA_JOB_STATE_DONE: its output is on disk
 * @VERA_JOB_STATE_FAILED: its message says why; may be tried again
 * @VERA_JOB_STATE_CANCELLED: given up by the user
 */
typedef enum {
    VERA_JOB_STATE_QUEUED,
    VERA_JOB_STATE_RUNNING,
    VERA_JOB_STATE_PAUSED,
    VERA_JOB_STATE_DONE,
    VERA_JOB_STATE_FAILED,
    VERA_JOB_STATE_CANCELLED,
} VeraJobState;

#define VERA_TYPE_JOB_STATE (vera_job_state_get_type())
GType vera_job_state_get_type(void);

/** vera_job_state_is_over: Returns: whether nothing more will happen by itself */
gboolean vera_job_state_is_over(VeraJobState state);

#define VERA_TYPE_JOB (vera_job_get_type())

/**
 * VeraJob: one take or one export being made.
 *
 * Properties, read-only and notified on the main context: "id", "title", "edit-id" (string,
 * nullable), "kind" (string: "edit", "export"), "state" (VeraJobState), "is-stopping" (boolean),
 * "phase" (string: "", "load", "encode", "sample", "decode", "export"), "fraction" (double, 0..1 of
 * the whole job, phases weighed by their work), "step", "n-steps" (int: finished sampling steps, or
 * frames of an export), "eta-seconds" (double, as measured in this run, -1 while unknown),
 * "message" (string, nullable: why it failed), "output" (string: folder of the take or the export),
 * "plan-json" (string, nullable: the frame plan).
 *
 * Thread-safety: main thread only.
 */
G_DECLARE_FINAL_TYPE(VeraJob, vera_job, VERA, JOB, GObject)

const char *vera_job_get_id(VeraJob *self);
const char *vera_job_get_title(VeraJob *self);
/** vera_job_get_edit_id: Returns: (nullable): the edit that asked for it; %NULL for an export */
const char *vera_job_get_edit_id(VeraJob *self);
gboolean vera_job_is_export(VeraJob *self);
/** vera_job_get_kind: Returns: "edit" or "export" */
const char *vera_job_get_kind(VeraJob *self);
/** vera_job_is_stopping: Returns: whether a running job was asked to stop and is about to */
gboolean vera_job_is_stopping(VeraJob *self);
VeraJobState vera_job_get_state(VeraJob *self);
const char *vera_job_get_phase(VeraJob *self);
double vera_job_get_fraction(VeraJob *self);
int vera_job_get_step(VeraJob *self);
int vera_job_get_n_steps(VeraJob *self);
double vera_job_get_eta_seconds(VeraJob *self);
const char *vera_job_get_message(VeraJob *self);
/** vera_job_get_output: Returns: the take's or the export's folder */
const char *vera_job_get_output(VeraJob *self);
/** vera_job_get_plan_json: Returns: (nullable): the frame plan, once the job has begun */
const char *vera_job_get_plan_json(VeraJob *self);
/** vera_job_get_proof: of an export that is done: pixels outside the matte that changed (0), in how many frames. */
void vera_job_get_proof(VeraJob *self, gint64 *n_changed, gint64 *n_frames);
/** vera_job_get_range: source frames that the job covers, inclusive. */
void vera_job_get_range(VeraJob *self, gint64 *first, gint64 *last);

G_END_DECLS
