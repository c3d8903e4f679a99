#pragma once

#include <gtk/gtk.h>

#include "engine/queue/vera-queue.h"

G_BEGIN_DECLS

#define VERA_TYPE_QUEUE_ROW (vera_queue_row_get_type())

/** VeraQueueRow: one job of the queue: how far it is, what can be done with it, and more about it once the row is activated. */
G_DECLARE_FINAL_TYPE(VeraQueueRow, vera_queue_row, VERA, QUEUE_ROW, GtkListBoxRow)

GtkWidget *vera_queue_row_new(VeraQueue *queue, VeraJob *job);
VeraJob *vera_queue_row_get_job(VeraQueueRow *self);

/** vera_queue_row_toggle_details: shows frames and folder of the job, or hides them. */
void vera_queue_row_toggle_details(VeraQueueRow *self);

/** vera_queue_row_describe: Returns: (transfer full): how a job is getting on, in words */
char *vera_queue_row_describe(VeraJob *job);

G_END_DECLS
