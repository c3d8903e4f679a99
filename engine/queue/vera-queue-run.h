#pragma once

#include "engine/queue/vera-job-private.h"
#include "engine/queue/vera-queue.h"

G_BEGIN_DECLS

/** VeraQueueRun: one job on its thread. Main thread only. */
typedef struct _VeraQueueRun VeraQueueRun;

/** VeraQueueRunDoneFunc: on the main context; @error %NULL means done. */
typedef void (*VeraQueueRunDoneFunc)(VeraJob *job, const GError *error, gpointer user_data);

/** vera_queue_run_start: begins the job, whose cancellable stops it. Progress goes to the job by itself. */
VeraQueueRun *vera_queue_run_start(VeraJob *job, VeraQueueRunDoneFunc done, VeraQueuePreviewFunc preview, gpointer user_data);

VeraJob *vera_queue_run_get_job(VeraQueueRun *self);
void vera_queue_run_set_preview_frame(VeraQueueRun *self, gint64 frame);

/** vera_queue_run_wait: blocks until the thread has ended; the done function is called before this returns. */
void vera_queue_run_wait(VeraQueueRun *self);

/** vera_queue_run_free: from the done function, or after it. */
void vera_queue_run_free(VeraQueueRun *self);

G_END_DECLS
