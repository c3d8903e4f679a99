#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-window-private.h"

/* How many steps the menu lists on either side of where the project is now. */
#define VERA_WINDOW_HISTORY_REACH 12

void
vera_window_add_history(VeraWindow *self)
{
    self->undo_menu = g_menu_new();
    self->history_menu = g_menu_new();
    /* After opening and before saving, where other programs have it too. */
    g_menu_insert_section(self->main_menu, 1, NULL, G_MENU_MODEL(self->undo_menu));
}

static void
vera_window_append_step(VeraWindow *self, VeraProject *project, guint position)
{
    const char *name = vera_project_get_step_name(project, position);
    g_autoptr(GMenuItem) item = g_menu_item_new(name ? name : _("As Opened"), NULL);

    g_menu_item_set_action_and_target(item, "win.history", "i", (int)position);
    g_menu_append_item(self->history_menu, item);
}

void
vera_window_update_history(VeraWindow *self)
{
    VeraProject *project = vera_editor_get_project(self->editor);
    GAction *action = g_action_map_lookup_action(G_ACTION_MAP(self), "history");
    const char *undo = vera_project_get_undo_name(project),
               *redo = vera_project_get_redo_name(project);
    g_autofree char *undo_label =
        undo ? g_strdup_printf(_("_Undo %s"), undo) : g_strdup(_("_Undo"));
    g_autofree char *redo_label =
        redo ? g_strdup_printf(_("_Redo %s"), redo) : g_strdup(_("_Redo"));
    guint now = vera_project_get_position(project), n = vera_project_get_n_steps(project);
    guint first = now > VERA_WINDOW_HISTORY_REACH ? now - VERA_WINDOW_HISTORY_REACH : 0;

    g_menu_remove_all(self->undo_menu);
    g_menu_append(self->undo_menu, undo_label, "win.undo");
    g_menu_append(self->undo_menu, redo_label, "win.redo");
    g_menu_remove_all(self->history_menu);
    for (guint i = first; i < MIN(n, now + VERA_WINDOW_HISTORY_REACH + 1); i++)
        vera_window_append_step(self, project, i);
    if (n > 1)
        g_menu_append_submenu(self->undo_menu, _("_History"), G_MENU_MODEL(self->history_menu));
    g_simple_action_set_state(G_SIMPLE_ACTION(action), g_variant_new_int32((int)now));
}
