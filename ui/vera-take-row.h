#pragma once

#include <gtk/gtk.h>

#include "ui/vera-editor.h"
#include "ui/vera-take-loader.h"

G_BEGIN_DECLS

#define VERA_TYPE_TAKE_ROW (vera_take_row_get_type())

/** VeraTakeRow: one take of the selected edit in a list: its picture, its name, what can be done with it. */
G_DECLARE_FINAL_TYPE(VeraTakeRow, vera_take_row, VERA, TAKE_ROW, GtkListBoxRow)

/** vera_take_row_new: Returns: (transfer floating): a row for the take @take_id of the selected edit, at @index in it */
GtkWidget *vera_take_row_new(VeraEditor *editor, VeraTakeLoader *loader, const char *take_id, guint index);

const char *vera_take_row_get_id(VeraTakeRow *self);

/** vera_take_row_update: takes over what the project says of the take now. */
void vera_take_row_update(VeraTakeRow *self);

/** vera_take_row_start_renaming: lets the name be typed; Return or leaving takes it over, Escape does not. */
void vera_take_row_start_renaming(VeraTakeRow *self);

G_END_DECLS
