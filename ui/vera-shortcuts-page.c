#include "config.h"

#include "ui/vera-shortcuts-page.h"

#include <glib/gi18n.h>

#include "ui/vera-settings.h"
#include "ui/vera-shortcuts.h"

struct _VeraShortcutsPage {
    AdwPreferencesPage parent_instance;

    GPtrArray *rows; /* (owned) of AdwActionRow (borrowed), in the order of the list */
};

G_DEFINE_FINAL_TYPE(VeraShortcutsPage, vera_shortcuts_page, ADW_TYPE_PREFERENCES_PAGE)

/* What a row needs to know; belongs to it. */
typedef struct {
    const VeraShortcut *shortcut;
    GtkWidget *keys, *reset;
} VeraShortcutsRow;

static VeraShortcutsRow *
vera_shortcuts_row_get(gpointer row)
{
    return g_object_get_data(G_OBJECT(row), "vera-shortcut");
}

static void
vera_shortcuts_page_show(AdwActionRow *row)
{
    VeraShortcutsRow *self = vera_shortcuts_row_get(row);
    g_auto(GStrv) keys = vera_shortcuts_dup_keys(self->shortcut);
    g_autofree char *joined = g_strjoinv(" ", keys), *label = vera_shortcuts_dup_label(self->shortcut);

    gtk_shortcut_label_set_accelerator(GTK_SHORTCUT_LABEL(self->keys), joined);
    gtk_widget_set_visible(self->reset, vera_shortcuts_is_changed(self->shortcut));
    gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, label ? label : _("No keys"), -1);
}

static void
vera_shortcuts_page_changed_cb(VeraShortcutsPage *self)
{
    g_ptr_array_foreach(self->rows, (GFunc)(void (*)(void))vera_shortcuts_page_show, NULL);
}

/* Asking before keys change hands ---------------------------------------------------------------------------------------- */

typedef struct {
    const VeraShortcut *shortcut;
    char **keys; /* NULL: those it comes with */
} VeraShortcutsChange;

static void
vera_shortcuts_change_free(gpointer data, GClosure *closure)
{
    VeraShortcutsChange *self = data;

    g_strfreev(self->keys);
    g_free(self);
}

static void
vera_shortcuts_change_response_cb(AdwMessageDialog *dialog, const char *response, VeraShortcutsChange *self)
{
    if (g_str_equal(response, "replace"))
        vera_shortcuts_set_keys(self->shortcut, (const char *const *)self->keys);
}

static void
vera_shortcuts_page_ask(GtkWindow *parent, VeraShortcutsChange *change, const VeraShortcut *other, const char *const *wanted)
{
    g_autofree char *label = NULL, *text = NULL;
    const char *shown = wanted[0];
    guint keyval = 0;
    GdkModifierType modifiers = 0;
    GtkWidget *dialog;

    for (gsize i = 0; wanted[i] != NULL; i++)
        if (vera_shortcuts_find_conflict(change->shortcut, (const char *const[]){ wanted[i], NULL }) == other)
            shown = wanted[i];
    gtk_accelerator_parse(shown, &keyval, &modifiers);
    label = gtk_accelerator_get_label(keyval, modifiers);
    text = g_strdup_printf(_("%s belongs to “%s”. It would have no use there any more."), label, _(other->title));
    dialog = adw_message_dialog_new(parent, _("Take the Keys?"), text);
    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), "replace", _("_Take Them"), NULL);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "replace", ADW_RESPONSE_SUGGESTED);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    g_signal_connect_data(dialog, "response", G_CALLBACK(vera_shortcuts_change_response_cb), change, vera_shortcuts_change_free, 0);
    gtk_window_present(GTK_WINDOW(dialog));
}

/* @keys: NULL for those that @shortcut comes with. */
static void
vera_shortcuts_page_change(GtkWindow *parent, const VeraShortcut *shortcut, const char *const *keys)
{
    g_auto(GStrv) wanted = keys ? g_strdupv((char **)keys) : vera_shortcuts_dup_default_keys(shortcut);
    const VeraShortcut *other = vera_shortcuts_find_conflict(shortcut, (const char *const *)wanted);
    VeraShortcutsChange *change;

    if (other == NULL) {
        vera_shortcuts_set_keys(shortcut, keys);
        return;
    }
    change = g_new0(VeraShortcutsChange, 1);
    change->shortcut = shortcut;
    change->keys = g_strdupv((char **)keys);
    vera_shortcuts_page_ask(parent, change, other, (const char *const *)wanted);
}

/* Pressing new keys ------------------------------------------------------------------------------------------------------ */

static gboolean
vera_shortcuts_catch_cb(GtkEventControllerKey *controller, guint keyval, guint code, GdkModifierType state, AdwMessageDialog *dialog)
{
    const VeraShortcut *shortcut = g_object_get_data(G_OBJECT(dialog), "vera-shortcut");
    GtkWindow *parent = gtk_window_get_transient_for(GTK_WINDOW(dialog));
    GdkModifierType modifiers = state & gtk_accelerator_get_default_mod_mask();
    GdkEvent *event = gtk_event_controller_get_current_event(GTK_EVENT_CONTROLLER(controller));
    g_autofree char *key = NULL;

    if (keyval == GDK_KEY_Escape || gdk_key_event_is_modifier(event))
        return GDK_EVENT_PROPAGATE;
    /* A sign that only Shift gives, such as a plus, is that sign. */
    if (gdk_keyval_to_lower(keyval) == gdk_keyval_to_upper(keyval) && (gdk_key_event_get_consumed_modifiers(event) & GDK_SHIFT_MASK))
        modifiers &= ~(GdkModifierType)GDK_SHIFT_MASK;
    keyval = gdk_keyval_to_lower(keyval);
    if (keyval == GDK_KEY_BackSpace && modifiers == 0) {
        vera_shortcuts_page_change(parent, shortcut, (const char *const[]){ NULL });
    } else if (!vera_shortcuts_can_use(keyval, modifiers)) {
        adw_message_dialog_set_body(dialog, _("These keys are needed elsewhere: Tab and Escape move about, digits choose takes. Press others."));
        return GDK_EVENT_STOP;
    } else {
        key = gtk_accelerator_name(keyval, modifiers);
        vera_shortcuts_page_change(parent, shortcut, (const char *const[]){ key, NULL });
    }
    adw_message_dialog_response(dialog, "cancel");
    return GDK_EVENT_STOP;
}

static void
vera_shortcuts_page_row_cb(AdwActionRow *row)
{
    const VeraShortcut *shortcut = vera_shortcuts_row_get(row)->shortcut;
    g_autofree char *title = g_strdup_printf(_("Keys for “%s”"), _(shortcut->title));
    GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(row))), title,
                                               _("Press the new keys. Backspace leaves it without any, Escape keeps those it has."));
    GtkEventController *keys = gtk_event_controller_key_new();

    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), NULL);
    adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    g_object_set_data(G_OBJECT(dialog), "vera-shortcut", (gpointer)shortcut);
    gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
    g_signal_connect(keys, "key-pressed", G_CALLBACK(vera_shortcuts_catch_cb), dialog);
    gtk_widget_add_controller(dialog, keys);
    gtk_window_present(GTK_WINDOW(dialog));
}

static void
vera_shortcuts_page_reset_cb(GtkWidget *button, AdwActionRow *row)
{
    vera_shortcuts_page_change(GTK_WINDOW(gtk_widget_get_root(button)), vera_shortcuts_row_get(row)->shortcut, NULL);
}

/* Rows ------------------------------------------------------------------------------------------------------------------- */

static GtkWidget *
vera_shortcuts_page_make_row(VeraShortcutsPage *self, const VeraShortcut *shortcut)
{
    GtkWidget *row = adw_action_row_new();
    VeraShortcutsRow *data = g_new0(VeraShortcutsRow, 1);
    g_autofree char *escaped = g_markup_escape_text(_(shortcut->title), -1);

    data->shortcut = shortcut;
    data->keys = gtk_shortcut_label_new("");
    gtk_shortcut_label_set_disabled_text(GTK_SHORTCUT_LABEL(data->keys), _("None"));
    gtk_widget_set_valign(data->keys, GTK_ALIGN_CENTER);
    data->reset = gtk_button_new_from_icon_name("edit-undo-symbolic");
    gtk_widget_set_valign(data->reset, GTK_ALIGN_CENTER);
    gtk_widget_add_css_class(data->reset, "flat");
    gtk_widget_set_tooltip_text(data->reset, _("Give it the keys again that it comes with"));
    gtk_accessible_update_property(GTK_ACCESSIBLE(data->reset), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Reset"), -1);
    g_signal_connect_object(data->reset, "clicked", G_CALLBACK(vera_shortcuts_page_reset_cb), row, 0);
    adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), escaped);
    adw_action_row_add_suffix(ADW_ACTION_ROW(row), data->reset);
    adw_action_row_add_suffix(ADW_ACTION_ROW(row), data->keys);
    gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), TRUE);
    g_signal_connect(row, "activated", G_CALLBACK(vera_shortcuts_page_row_cb), NULL);
    g_object_set_data_full(G_OBJECT(row), "vera-shortcut", data, g_free);
    g_ptr_array_add(self->rows, row);
    return row;
}

static GtkWidget *
vera_shortcuts_page_make_reset_all(void)
{
    GtkWidget *button = gtk_button_new_with_mnemonic(_("Reset _All"));

    gtk_widget_set_tooltip_text(button, _("Give every command the keys that it comes with"));
    gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
    g_signal_connect(button, "clicked", G_CALLBACK(vera_shortcuts_reset), NULL);
    return button;
}

static void
vera_shortcuts_page_add_group(VeraShortcutsPage *self, VeraShortcutGroup kind)
{
    AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP(adw_preferences_group_new());
    gsize n;
    const VeraShortcut *shortcuts = vera_shortcuts_list(&n);

    adw_preferences_group_set_title(group, vera_shortcuts_get_group_title(kind));
    if (kind == 0)
        adw_preferences_group_set_header_suffix(group, vera_shortcuts_page_make_reset_all());
    for (gsize i = 0; i < n; i++)
        if (shortcuts[i].group == kind)
            adw_preferences_group_add(group, vera_shortcuts_page_make_row(self, &shortcuts[i]));
    adw_preferences_page_add(ADW_PREFERENCES_PAGE(self), group);
}

static void
vera_shortcuts_page_finalize(GObject *object)
{
    g_ptr_array_unref(VERA_SHORTCUTS_PAGE(object)->rows);
    G_OBJECT_CLASS(vera_shortcuts_page_parent_class)->finalize(object);
}

static void
vera_shortcuts_page_class_init(VeraShortcutsPageClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = vera_shortcuts_page_finalize;
}

static void
vera_shortcuts_page_init(VeraShortcutsPage *self)
{
    self->rows = g_ptr_array_new();
    adw_preferences_page_set_title(ADW_PREFERENCES_PAGE(self), _("Shortcuts"));
    adw_preferences_page_set_icon_name(ADW_PREFERENCES_PAGE(self), "input-keyboard-symbolic");
    for (int kind = 0; kind < VERA_SHORTCUT_GROUP_COUNT; kind++)
        vera_shortcuts_page_add_group(self, (VeraShortcutGroup)kind);
    vera_shortcuts_page_changed_cb(self);
    g_signal_connect_object(vera_settings_get(), "changed::" VERA_SETTING_SHORTCUTS, G_CALLBACK(vera_shortcuts_page_changed_cb), self,
                            G_CONNECT_SWAPPED);
}

GtkWidget *
vera_shortcuts_page_new(void)
{
    return g_object_new(VERA_TYPE_SHORTCUTS_PAGE, NULL);
}
