#include "config.h"

#include "ui/vera-tips.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#include "ui/vera-shortcuts.h"

#define VERA_TIPS_TEXT "vera-tip"

static const VeraShortcut *
vera_tips_find_shortcut(GtkWidget *widget)
{
    const char *name = GTK_IS_ACTIONABLE(widget) ? gtk_actionable_get_action_name(GTK_ACTIONABLE(widget)) : NULL;
    g_autofree char *detailed = name ? g_action_print_detailed_name(name, gtk_actionable_get_action_target_value(GTK_ACTIONABLE(widget))) : NULL;

    return detailed ? vera_shortcuts_find(detailed) : NULL;
}

static void
vera_tips_name(GtkWidget *widget, const char *name)
{
    gtk_accessible_update_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

static void
vera_tips_show(GtkWidget *widget)
{
    const char *tip = g_object_get_data(G_OBJECT(widget), VERA_TIPS_TEXT);
    const VeraShortcut *shortcut = vera_tips_find_shortcut(widget);
    g_autofree char *keys = shortcut ? vera_shortcuts_dup_label(shortcut) : NULL;
    g_autofree char *full = keys ? g_strdup_printf("%s (%s)", tip, keys) : NULL;

    gtk_widget_set_tooltip_text(widget, full ? full : tip);
    if (!GTK_IS_BUTTON(widget) || gtk_button_get_label(GTK_BUTTON(widget)) == NULL)
        vera_tips_name(widget, tip);
    if (keys != NULL)
        gtk_accessible_update_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_KEY_SHORTCUTS, keys, -1);
    else
        gtk_accessible_reset_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_KEY_SHORTCUTS);
}

void
vera_tips_set(GtkWidget *widget, const char *text)
{
    g_object_set_data_full(G_OBJECT(widget), VERA_TIPS_TEXT, g_strdup(text), g_free);
    vera_tips_show(widget);
}

/* A number stands in a row that says what it is of. */
static void
vera_tips_name_number(GtkWidget *widget)
{
    GtkWidget *row = gtk_widget_get_ancestor(widget, ADW_TYPE_PREFERENCES_ROW);
    const char *tip = gtk_widget_get_tooltip_text(widget);

    if (row != NULL)
        vera_tips_name(widget, adw_preferences_row_get_title(ADW_PREFERENCES_ROW(row)));
    else if (tip != NULL)
        vera_tips_name(widget, tip);
}

/* The sound's button holds the one that is pressed. */
static void
vera_tips_name_volume(GtkWidget *widget)
{
    GtkWidget *inner = gtk_widget_get_first_child(widget);

    vera_tips_name(widget, _("Volume"));
    if (inner != NULL)
        vera_tips_name(inner, _("Volume"));
}

/* libadwaita gives the cross of a toast neither a name nor a tooltip. */
static gboolean
vera_tips_is_cross(GtkWidget *widget)
{
    GtkWidget *parent = gtk_widget_get_parent(widget);

    return GTK_IS_BUTTON(widget) && gtk_button_get_label(GTK_BUTTON(widget)) == NULL && parent != NULL &&
           g_str_equal(G_OBJECT_TYPE_NAME(parent), "AdwToastWidget");
}

void
vera_tips_update(GtkWidget *widget)
{
    const char *tip = gtk_widget_get_tooltip_text(widget);

    if (g_object_get_data(G_OBJECT(widget), VERA_TIPS_TEXT) != NULL)
        vera_tips_show(widget);
    else if ((GTK_IS_BUTTON(widget) || GTK_IS_MENU_BUTTON(widget)) && tip != NULL)
        vera_tips_set(widget, tip);
    else if (GTK_IS_MENU_BUTTON(widget) && gtk_menu_button_get_label(GTK_MENU_BUTTON(widget)) != NULL)
        vera_tips_name(widget, gtk_menu_button_get_label(GTK_MENU_BUTTON(widget)));
    else if (vera_tips_is_cross(widget))
        vera_tips_name(widget, _("Close"));
    else if (GTK_IS_SPIN_BUTTON(widget))
        vera_tips_name_number(widget);
    else if (GTK_IS_SCALE_BUTTON(widget))
        vera_tips_name_volume(widget);
    for (GtkWidget *child = gtk_widget_get_first_child(widget); child != NULL; child = gtk_widget_get_next_sibling(child))
        vera_tips_update(child);
}

static void
vera_tips_title_cb(GtkWindow *window)
{
    const char *title = gtk_window_get_title(window);

    if (title != NULL)
        vera_tips_name(GTK_WIDGET(window), title);
}

static void
vera_tips_windows_cb(GListModel *windows, guint position, guint n_removed, guint n_added)
{
    for (guint i = position; i < position + n_added; i++) {
        g_autoptr(GtkWindow) window = g_list_model_get_item(windows, i);
        g_signal_connect(window, "notify::title", G_CALLBACK(vera_tips_title_cb), NULL);
        vera_tips_title_cb(window);
    }
}

void
vera_tips_name_windows(void)
{
    GListModel *windows = gtk_window_get_toplevels();

    g_signal_connect(windows, "items-changed", G_CALLBACK(vera_tips_windows_cb), NULL);
    vera_tips_windows_cb(windows, 0, 0, g_list_model_get_n_items(windows));
}
