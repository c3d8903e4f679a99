#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VERA_TYPE_SHORTCUTS_PAGE (vera_shortcuts_page_get_type())

/** VeraShortcutsPage: the page of the preferences on which commands get their keys. */
G_DECLARE_FINAL_TYPE(VeraShortcutsPage, vera_shortcuts_page, VERA, SHORTCUTS_PAGE, AdwPreferencesPage)

/** vera_shortcuts_page_new: Returns: (transfer floating): a page, for where vera_settings_get() is not %NULL */
GtkWidget *vera_shortcuts_page_new(void);

G_END_DECLS
