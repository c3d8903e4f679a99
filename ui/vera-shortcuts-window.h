#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * vera_shortcuts_window_new:
 * @parent: the window whose commands they are
 *
 * Returns: (transfer none): a window that lists every command and the keys it has now, to be presented
 */
GtkWidget *vera_shortcuts_window_new(GtkWindow *parent);

G_END_DECLS
