#pragma once

#include <gtk/gtk.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_LAYER_ROW (vera_layer_row_get_type())

/** VeraLayerRow: one edit of the stack in a list: its words, its take, solo and visibility. */
G_DECLARE_FINAL_TYPE(VeraLayerRow, vera_layer_row, VERA, LAYER_ROW, GtkListBoxRow)

/** vera_layer_row_new: Returns: (transfer floating): a row for the edit @edit_id */
GtkWidget *vera_layer_row_new(VeraEditor *editor, const char *edit_id);

const char *vera_layer_row_get_id(VeraLayerRow *self);

/** vera_layer_row_update: takes over what the project says of the edit now. */
void vera_layer_row_update(VeraLayerRow *self);

G_END_DECLS
