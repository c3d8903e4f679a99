#pragma once

#include <gtk/gtk.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_TIMELINE (vera_timeline_get_type())

/** VeraTimeline: ruler, clip, range, edits, windows of the running job, playhead. Drawn by snapshot; scrubbing never lays out. */
G_DECLARE_FINAL_TYPE(VeraTimeline, vera_timeline, VERA, TIMELINE, GtkWidget)

void vera_timeline_set_editor(VeraTimeline *self, VeraEditor *editor);
/** vera_timeline_zoom: by @factor around the playhead; 0 shows the whole clip. */
void vera_timeline_zoom(VeraTimeline *self, double factor);

G_END_DECLS
