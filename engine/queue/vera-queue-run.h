#pragma once

#include "engine/queue/vera-job-private.h"

G_BEGIN_DECLS

/** VeraQueueRun: one job on its thread. Main thread only. */
typedef struct _VeraQueueRun VeraQueueRun;

/** vera_queue_run_get_rate: of a take, once it has ended: what its time is compared with (nullable), what its work was, how long a unit
 * took. */
const char *vera_queue_run_get_rate(VeraQueueRun *self, VeraJobWork *work, VeraJobWork *seconds);

/** VeraQueueRunDoneFunc: on the main context; @error %NULL means done. */
typedef void (*VeraQueueRunDoneFunc)(VeraJob *job, const GError *error, gpointer user_data);

/** vera_queue_run_start: begins the job, whose cancellable stops it. Progress goes to the job by itself. */
VeraQueueRun *vera_queue_run_start(VeraJob *job, VeraQueueRunDoneFunc done, VeraQueuePreviewFunc preview, gpointer user_data);

VeraJob *vera_queue_run_get_job(VeraQueueRun *self);

/** vera_queue_run_set_preview_frame: the source frame that is to be shown, or -1. */
void vera_queue_run_set_preview_frame(VeraQueueRun *self, gint64 frame);

/** vera_queue_run_stop_gently: cancels the job when the step in work is finished and saved; at once
 * where there is no step. */
void vera_queue_run_stop_gently(VeraQueueRun *self);

/** vera_queue_run_take_back_stop: Returns: whether a gentle stop could still be taken back */
gboolean vera_queue_run_take_back_stop(VeraQueueRun *self);

/**
 * vera_queue_run_wait: blocks until the thread has ended, until @end_us (monotonic) at most; the
 * done function is then called before this returns. Returns: whether it ended in time
 */
gboolean vera_queue_run_wait(VeraQueueRun *self, gint64 end_us);

/** vera_queue_run_free: from the done function, or after it. */
void vera_queue_run_free(VeraQueueRun *self);

/** vera_queue_run_abandon: frees a run that did not end in time; its thread ends by itself and
 * reports to nobody. */
void vera_queue_run_abandon(VeraQueueRun *self);

G_END_DECLS
