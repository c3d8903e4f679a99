#pragma once

#include <adwaita.h>

#include "engine/queue/vera-queue.h"

G_BEGIN_DECLS

#define VERA_TYPE_QUEUE_PANEL (vera_queue_panel_get_type())

/** VeraQueuePanel: the jobs with their progress, and what can be done with them. */
G_DECLARE_FINAL_TYPE(VeraQueuePanel, vera_queue_panel, VERA, QUEUE_PANEL, GtkWidget)

void vera_queue_panel_set_queue(VeraQueuePanel *self, VeraQueue *queue);

G_END_DECLS
