#include "config.h"

#include "ui/vera-shortcuts-window.h"

#include <glib/gi18n.h>

#include "ui/vera-shortcuts.h"

static void
vera_shortcuts_window_add_row(GString *text, const char *title, const char *keys)
{
    g_autofree char *row = g_markup_printf_escaped("<child><object class='GtkShortcutsShortcut'><property name='title'>%s</property>"
                                                   "<property name='accelerator'>%s</property></object></child>",
                                                   title, keys);

    g_string_append(text, row);
}

static void
vera_shortcuts_window_add_group(GString *text, VeraShortcutGroup group)
{
    g_autofree char *head = g_markup_printf_escaped("<child><object class='GtkShortcutsGroup'><property name='title'>%s</property>",
                                                    vera_shortcuts_get_group_title(group));
    gsize n;
    const VeraShortcut *shortcuts = vera_shortcuts_list(&n);

    g_string_append(text, head);
    for (gsize i = 0; i < n; i++) {
        g_auto(GStrv) keys = vera_shortcuts_dup_keys(&shortcuts[i]);
        g_autofree char *joined = g_strjoinv(" ", keys);
        if (shortcuts[i].group == group && *joined != '\0')
            vera_shortcuts_window_add_row(text, _(shortcuts[i].title), joined);
    }
    if (group == VERA_SHORTCUT_GROUP_EDITS)
        vera_shortcuts_window_add_row(text, _("Show take 1 to 10"), "1...0");
    if (group == VERA_SHORTCUT_GROUP_VIEW)
        vera_shortcuts_window_add_row(text, _("Compare with take 1 to 10"), "&lt;Alt&gt;1...0");
    if (group == VERA_SHORTCUT_GROUP_REGION)
        vera_shortcuts_window_add_row(text, _("Give up the shape"), "Escape");
    g_string_append(text, "</object></child>");
}

/* GTK takes sections of this window from a description alone. */
GtkWidget *
vera_shortcuts_window_new(GtkWindow *parent)
{
    g_autoptr(GString) text = g_string_new("<interface><object class='GtkShortcutsWindow' id='window'><property name='modal'>1</property>"
                                           "<child><object class='GtkShortcutsSection'><property name='section-name'>shortcuts</property>"
                                           "<property name='max-height'>14</property>");
    g_autoptr(GtkBuilder) builder = NULL;
    GtkWidget *window;

    for (int group = 0; group < VERA_SHORTCUT_GROUP_COUNT; group++)
        vera_shortcuts_window_add_group(text, (VeraShortcutGroup)group);
    g_string_append(text, "</object></child></object></interface>");
    builder = gtk_builder_new_from_string(text->str, (gssize)text->len);
    window = GTK_WIDGET(gtk_builder_get_object(builder, "window"));
    gtk_window_set_transient_for(GTK_WINDOW(window), parent);
    return window;
}
