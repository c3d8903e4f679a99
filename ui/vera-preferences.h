#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VERA_TYPE_PREFERENCES (vera_preferences_get_type())

/** VeraPreferences: the window of the preferences; every change is kept at once. */
G_DECLARE_FINAL_TYPE(VeraPreferences, vera_preferences, VERA, PREFERENCES, AdwPreferencesWindow)

/**
 * vera_preferences_new:
 * @parent: (nullable): the window it belongs to
 *
 * Only to be called where vera_settings_get() is not %NULL.
 * Returns: (transfer none): a window, to be presented
 */
GtkWidget *vera_preferences_new(GtkWindow *parent);

G_END_DECLS
