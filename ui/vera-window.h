#pragma once

#include <adwaita.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_WINDOW (vera_window_get_type())

/** VeraWindow: one project. */
G_DECLARE_FINAL_TYPE(VeraWindow, vera_window, VERA, WINDOW, AdwApplicationWindow)

/**
 * vera_window_new:
 * @queue: (transfer none): the application's queue
 * @default_model: folder of the bundled model
 */
VeraWindow *vera_window_new(GtkApplication *application, VeraQueue *queue, const char *default_model);

/** vera_window_open: a project (by its suffix) or a clip; unsaved changes are asked about first. */
void vera_window_open(VeraWindow *self, GFile *file);

/** vera_window_offer_recovery: if a program ended without closing its project, offers to bring the work back. */
void vera_window_offer_recovery(VeraWindow *self);

/** vera_window_show_message: a sentence that goes away by itself. */
void vera_window_show_message(VeraWindow *self, const char *text);

VeraEditor *vera_window_get_editor(VeraWindow *self);

G_END_DECLS
