#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/** VeraRowMovedFunc: @row is to be at @index in its list */
typedef void (*VeraRowMovedFunc)(GtkListBoxRow *row, int index, gpointer user_data);

/**
 * vera_row_move_enable:
 * @row: a row that is about to be put into a #GtkListBox
 * @moved: called while the row is still in its old place
 * @user_data: for @moved; must live as long as the row
 *
 * Lets the user move the row within its list: by dragging it onto another row, and with Alt+Up and Alt+Down.
 */
void vera_row_move_enable(GtkListBoxRow *row, VeraRowMovedFunc moved, gpointer user_data);

G_END_DECLS
