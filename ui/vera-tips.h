#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/** vera_tips_set: gives a button its tooltip without keys, which are added, and its accessible name where it has no text. */
void vera_tips_set(GtkWidget *widget, const char *text);

/**
 * vera_tips_update:
 *
 * Adds the keys that commands have now to the tooltips of the buttons in @widget, and names, for assistive technology, what shows no
 * text of its own: by its tooltip, or by the row that it stands in. To be called again when keys change.
 */
void vera_tips_update(GtkWidget *widget);

/** vera_tips_name_windows: names every window of the program, also those to come, by its title for assistive technology, which newer GTK
 * leaves to the program. Once, after gtk_init(). */
void vera_tips_name_windows(void);

G_END_DECLS
