#include "config.h"

#include "ui/vera-preferences.h"

#include <glib/gi18n.h>

#include "engine/media/vera-proxy-store.h"
#include "ui/vera-settings.h"
#include "ui/vera-shortcuts-page.h"
#include "ui/vera-tips.h"

struct _VeraPreferences {
    AdwPreferencesWindow parent_instance;

    AdwComboRow *theme_row, *processor_row;
    GtkSpinButton *frame_spin, *layer_spin;
    AdwActionRow *export_row, *model_row;
    GtkWidget *export_reset, *model_reset;
    GtkWidget *proxy_switch, *proxy_clear;
    GtkSpinButton *proxy_spin;
    AdwActionRow *proxy_row;
    GCancellable *measuring; /* (owned): of the folder of proxies */

    GtkFileChooserNative *chooser; /* (owned) */
    const char *choosing;          /* the key that @chooser is for */
};

G_DEFINE_FINAL_TYPE(VeraPreferences, vera_preferences, ADW_TYPE_PREFERENCES_WINDOW)

static void
vera_preferences_show_folder(const char *key, AdwActionRow *row, GtkWidget *reset, const char *otherwise)
{
    g_autofree char *path = g_settings_get_string(vera_settings_get(), key);
    g_autofree char *shown = g_filename_display_name(path), *escaped = g_markup_escape_text(shown, -1);
    g_autofree char *gone = NULL;

    if (*path != '\0' && !g_file_test(path, G_FILE_TEST_IS_DIR))
        gone = g_strdup_printf(_("%s is gone; until it is back: %s"), escaped, otherwise);
    adw_action_row_set_subtitle(row, *path == '\0' ? otherwise : gone ? gone : escaped);
    gtk_widget_set_visible(reset, *path != '\0');
}

static void
vera_preferences_folders_cb(VeraPreferences *self)
{
    vera_preferences_show_folder(VERA_SETTING_EXPORT_FOLDER, self->export_row, self->export_reset, _("The folder of the clip"));
    vera_preferences_show_folder(VERA_SETTING_MODEL_FOLDER, self->model_row, self->model_reset, _("The one that comes with Vera"));
}

/* A folder without an index would only be refused later, when a take is to be made. */
static gboolean
vera_preferences_is_model(const char *path)
{
    g_autofree char *index = g_build_filename(path, "model_index.json", NULL);

    return g_file_test(index, G_FILE_TEST_EXISTS);
}

static void
vera_preferences_chosen_cb(GtkNativeDialog *dialog, int response, VeraPreferences *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
    g_autofree char *path = file ? g_file_get_path(file) : NULL;

    if (path == NULL)
        return;
    if (g_str_equal(self->choosing, VERA_SETTING_MODEL_FOLDER) && !vera_preferences_is_model(path))
        adw_preferences_window_add_toast(ADW_PREFERENCES_WINDOW(self),
                                         adw_toast_new(_("This folder holds no model: it has no model_index.json")));
    else
        vera_settings_set_folder(self->choosing, path);
}

static void
vera_preferences_choose(VeraPreferences *self, const char *key, const char *title)
{
    g_autofree char *now = vera_settings_dup_folder(key);
    g_autoptr(GFile) start = now ? g_file_new_for_path(now) : NULL;

    g_clear_object(&self->chooser);
    self->choosing = key;
    self->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(self), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
    if (start != NULL)
        gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(self->chooser), start, NULL);
    g_signal_connect_object(self->chooser, "response", G_CALLBACK(vera_preferences_chosen_cb), self, 0);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

static void
vera_preferences_export_cb(VeraPreferences *self)
{
    vera_preferences_choose(self, VERA_SETTING_EXPORT_FOLDER, _("Choose the Folder of Exports"));
}

static void
vera_preferences_model_cb(VeraPreferences *self)
{
    vera_preferences_choose(self, VERA_SETTING_MODEL_FOLDER, _("Choose the Folder of a Model"));
}

static void
vera_preferences_export_reset_cb(VeraPreferences *self)
{
    g_settings_reset(vera_settings_get(), VERA_SETTING_EXPORT_FOLDER);
}

static void
vera_preferences_model_reset_cb(VeraPreferences *self)
{
    g_settings_reset(vera_settings_get(), VERA_SETTING_MODEL_FOLDER);
}

/* Clears the folder of proxies first if the task's data says so. */
static void
vera_preferences_measure_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    g_autofree char *folder = vera_proxy_folder_dup_default();
    GError *error = NULL;

    if (GPOINTER_TO_INT(data) && !vera_proxy_folder_clear(folder, &error))
        g_task_return_error(task, error);
    else
        g_task_return_int(task, (gssize)vera_proxy_folder_measure(folder));
}

static void
vera_preferences_measured_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gssize bytes = g_task_propagate_int(G_TASK(result), &error);
    g_autofree char *size = g_format_size_full((guint64)MAX(bytes, 0), G_FORMAT_SIZE_IEC_UNITS);
    VeraPreferences *self;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    self = VERA_PREFERENCES(object);
    if (error != NULL)
        adw_preferences_window_add_toast(ADW_PREFERENCES_WINDOW(self), adw_toast_new(error->message));
    adw_action_row_set_subtitle(self->proxy_row, error ? _("Some could not be deleted") : size);
    gtk_widget_set_sensitive(self->proxy_clear, bytes != 0);
}

static void
vera_preferences_measure(VeraPreferences *self, gboolean is_cleared)
{
    g_autoptr(GTask) task = g_task_new(self, self->measuring, vera_preferences_measured_cb, NULL);

    gtk_widget_set_sensitive(self->proxy_clear, FALSE);
    g_task_set_task_data(task, GINT_TO_POINTER(is_cleared), NULL);
    g_task_run_in_thread(task, vera_preferences_measure_thread);
}

static void
vera_preferences_clear_cb(VeraPreferences *self)
{
    vera_preferences_measure(self, TRUE);
}

static void
vera_preferences_theme_cb(VeraPreferences *self)
{
    vera_settings_set_enum(VERA_SETTING_THEME, (int)adw_combo_row_get_selected(self->theme_row));
}

static void
vera_preferences_theme_changed_cb(VeraPreferences *self)
{
    adw_combo_row_set_selected(self->theme_row, (guint)vera_settings_get_enum(VERA_SETTING_THEME, VERA_THEME_DARK));
}

static void
vera_preferences_processor_cb(VeraPreferences *self)
{
    vera_settings_set_enum(VERA_SETTING_PROCESSOR, (int)adw_combo_row_get_selected(self->processor_row));
}

static void
vera_preferences_processor_changed_cb(VeraPreferences *self)
{
    adw_combo_row_set_selected(self->processor_row, (guint)vera_settings_get_enum(VERA_SETTING_PROCESSOR, VERA_PROCESSOR_CPU));
}

static void
vera_preferences_bind(VeraPreferences *self)
{
    GSettings *settings = vera_settings_get();

    g_settings_bind(settings, VERA_SETTING_FRAME_CACHE, self->frame_spin, "value", G_SETTINGS_BIND_DEFAULT);
    g_settings_bind(settings, VERA_SETTING_LAYER_CACHE, self->layer_spin, "value", G_SETTINGS_BIND_DEFAULT);
    g_settings_bind(settings, VERA_SETTING_HAS_PROXIES, self->proxy_switch, "active", G_SETTINGS_BIND_DEFAULT);
    g_settings_bind(settings, VERA_SETTING_PROXY_LIMIT, self->proxy_spin, "value", G_SETTINGS_BIND_DEFAULT);
    vera_preferences_measure(self, FALSE);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_THEME, G_CALLBACK(vera_preferences_theme_changed_cb), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_EXPORT_FOLDER, G_CALLBACK(vera_preferences_folders_cb), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_MODEL_FOLDER, G_CALLBACK(vera_preferences_folders_cb), self,
                            G_CONNECT_SWAPPED);
    g_signal_connect_object(settings, "changed::" VERA_SETTING_PROCESSOR, G_CALLBACK(vera_preferences_processor_changed_cb), self,
                            G_CONNECT_SWAPPED);
    vera_preferences_theme_changed_cb(self);
    vera_preferences_processor_changed_cb(self);
    vera_preferences_folders_cb(self);
    g_signal_connect_object(self->theme_row, "notify::selected", G_CALLBACK(vera_preferences_theme_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->processor_row, "notify::selected", G_CALLBACK(vera_preferences_processor_cb), self, G_CONNECT_SWAPPED);
}

static void
vera_preferences_dispose(GObject *object)
{
    VeraPreferences *self = VERA_PREFERENCES(object);

    g_cancellable_cancel(self->measuring);
    g_clear_object(&self->measuring);
    g_clear_object(&self->chooser);
    G_OBJECT_CLASS(vera_preferences_parent_class)->dispose(object);
}

static void
vera_preferences_class_init(VeraPreferencesClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_preferences_dispose;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-preferences.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, theme_row);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, processor_row);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, frame_spin);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, layer_spin);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, export_row);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, model_row);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, export_reset);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, model_reset);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, proxy_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, proxy_spin);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, proxy_row);
    gtk_widget_class_bind_template_child(widget_class, VeraPreferences, proxy_clear);
    gtk_widget_class_bind_template_callback(widget_class, vera_preferences_clear_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_preferences_export_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_preferences_model_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_preferences_export_reset_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_preferences_model_reset_cb);
}

static void
vera_preferences_init(VeraPreferences *self)
{
    self->measuring = g_cancellable_new();
    gtk_widget_init_template(GTK_WIDGET(self));
    adw_preferences_window_add(ADW_PREFERENCES_WINDOW(self), ADW_PREFERENCES_PAGE(vera_shortcuts_page_new()));
}

GtkWidget *
vera_preferences_new(GtkWindow *parent)
{
    VeraPreferences *self = g_object_new(VERA_TYPE_PREFERENCES, "transient-for", parent, NULL);

    vera_preferences_bind(self);
    vera_tips_update(GTK_WIDGET(self));
    return GTK_WIDGET(self);
}
