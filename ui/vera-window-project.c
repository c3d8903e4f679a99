#include "config.h"

#include <glib/gi18n.h>

#include "engine/vera-engine-error.h"
#include "ui/vera-window-private.h"

#define VERA_WINDOW_SUFFIX ".vera"

void
vera_window_choose(VeraWindow *self, const char *title, GtkFileChooserAction action, GCallback callback)
{
    g_clear_object(&self->chooser);
    self->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(self), action, NULL, NULL);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
    g_signal_connect_object(self->chooser, "response", callback, self, 0);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

/* Unsaved changes ------------------------------------------------------------------------------------------------------- */

typedef struct _VeraWindowPending {
    VeraWindow *window;
    VeraWindowThen then;
    gpointer data;
    GDestroyNotify free_data;
} VeraWindowPending;

static void
vera_window_pending_free(VeraWindowPending *self)
{
    if (self->free_data != NULL)
        self->free_data(self->data);
    g_object_unref(self->window);
    g_free(self);
}

static void
vera_window_saved_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraWindowPending *pending = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = NULL;

    if (!vera_project_save_finish(VERA_PROJECT(object), result, &error)) {
        vera_window_show_message(pending->window, error->message);
    } else {
        uri = g_filename_to_uri(vera_project_get_path(VERA_PROJECT(object)), NULL, NULL);
        gtk_recent_manager_add_item(gtk_recent_manager_get_default(), uri);
        if (pending->then != NULL)
            pending->then(pending->window, pending->data);
    }
    vera_window_pending_free(pending);
}

static VeraWindowPending *
vera_window_pending_new(VeraWindow *self, VeraWindowThen then, gpointer data, GDestroyNotify free_data)
{
    VeraWindowPending *pending = g_new0(VeraWindowPending, 1);

    pending->window = g_object_ref(self);
    pending->then = then;
    pending->data = data;
    pending->free_data = free_data;
    return pending;
}

static void
vera_window_save_to(VeraWindow *self, const char *path, VeraWindowPending *pending)
{
    vera_project_save_async(vera_editor_get_project(self->editor), path, VERA_PROJECT_SAVE_FLAGS_NONE, vera_window_saved_cb, pending);
}

static void vera_window_save_as_then(VeraWindow *self, VeraWindowPending *pending);

static void
vera_window_confirm_response_cb(AdwMessageDialog *dialog, const char *response, VeraWindowPending *pending)
{
    VeraWindow *self = pending->window;

    if (g_str_equal(response, "save")) {
        if (vera_project_get_path(vera_editor_get_project(self->editor)) != NULL)
            vera_window_save_to(self, NULL, pending);
        else
            vera_window_save_as_then(self, pending);
        return;
    }
    if (g_str_equal(response, "discard"))
        pending->then(self, pending->data);
    vera_window_pending_free(pending);
}

void
vera_window_confirm(VeraWindow *self, VeraWindowThen then, gpointer data, GDestroyNotify free_data)
{
    VeraWindowPending *pending = vera_window_pending_new(self, then, data, free_data);
    GtkWidget *dialog;

    if (!vera_project_get_is_modified(vera_editor_get_project(self->editor))) {
        then(self, data);
        vera_window_pending_free(pending);
        return;
    }
    dialog = adw_message_dialog_new(GTK_WINDOW(self), _("Save Changes?"),
                                    _("The project has changes that are not in its file. Takes are safe either way."));
    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), "discard", _("_Discard"), "save", _("_Save"), NULL);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "discard", ADW_RESPONSE_DESTRUCTIVE);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "save", ADW_RESPONSE_SUGGESTED);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "save");
    adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    g_signal_connect(dialog, "response", G_CALLBACK(vera_window_confirm_response_cb), pending);
    gtk_window_present(GTK_WINDOW(dialog));
}

/* Saving ----------------------------------------------------------------------------------------------------------------- */

static void
vera_window_said_saved(VeraWindow *self, gpointer data)
{
    vera_window_show_message(self, _("Saved"));
}

void
vera_window_end_saving(VeraWindow *self)
{
    g_clear_pointer(&self->saving_as, vera_window_pending_free);
}

/* Without a name nothing is saved, and what was to follow does not. */
static void
vera_window_save_as_cb(GtkNativeDialog *dialog, int response, VeraWindow *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
    g_autofree char *path = file ? g_file_get_path(file) : NULL;
    g_autofree char *full = NULL;

    if (path == NULL) {
        vera_window_end_saving(self);
        return;
    }
    full = g_str_has_suffix(path, VERA_WINDOW_SUFFIX) ? g_strdup(path) : g_strconcat(path, VERA_WINDOW_SUFFIX, NULL);
    vera_window_save_to(self, full, g_steal_pointer(&self->saving_as));
}

static void
vera_window_save_as_then(VeraWindow *self, VeraWindowPending *pending)
{
    const char *title = vera_project_get_title(vera_editor_get_project(self->editor));
    g_autofree char *name = g_strconcat(title ? title : _("Untitled"), VERA_WINDOW_SUFFIX, NULL);

    vera_window_end_saving(self);
    self->saving_as = pending;
    vera_window_choose(self, _("Save Project As"), GTK_FILE_CHOOSER_ACTION_SAVE, G_CALLBACK(vera_window_save_as_cb));
    gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(self->chooser), name);
}

void
vera_window_save_as(VeraWindow *self)
{
    vera_window_save_as_then(self,
                             vera_window_pending_new(self, vera_window_said_saved, NULL, NULL));
}

void
vera_window_save(VeraWindow *self)
{
    if (vera_project_get_path(vera_editor_get_project(self->editor)) == NULL)
        vera_window_save_as(self);
    else
        vera_window_save_to(self, NULL, vera_window_pending_new(self, vera_window_said_saved, NULL, NULL));
}

/* Opening ---------------------------------------------------------------------------------------------------------------- */

/* What is wrong with a file stays to be read until it has been. */
static void
vera_window_refuse(VeraWindow *self, const char *text)
{
    GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(self), _("The Project Cannot Be Opened"), text);

    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "close", _("_Close"), NULL);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "close");
    gtk_window_present(GTK_WINDOW(dialog));
}

static void
vera_window_open_project(VeraWindow *self, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraProject) project = vera_project_load(data, &error);
    g_autofree char *uri = g_filename_to_uri(data, NULL, NULL);

    if (project == NULL) {
        vera_window_refuse(self, error->message);
        return;
    }
    vera_editor_set_project(self->editor, project);
    if (uri != NULL)
        gtk_recent_manager_add_item(gtk_recent_manager_get_default(), uri);
    if (vera_project_get_lock_owner(project) != NULL) {
        g_autofree char *text = g_strdup_printf(_("Open in %s too: save under another name"), vera_project_get_lock_owner(project));
        vera_window_show_message(self, text);
    }
}

void
vera_window_open(VeraWindow *self, GFile *file)
{
    g_autofree char *path = g_file_get_path(file);

    if (path == NULL)
        vera_window_show_message(self, _("Only files on this computer can be opened"));
    else if (g_str_has_suffix(path, VERA_WINDOW_SUFFIX))
        vera_window_confirm(self, vera_window_open_project, g_steal_pointer(&path), g_free);
    else
        vera_editor_add_clip(self->editor, path);
}

static void
vera_window_open_cb(GtkNativeDialog *dialog, int response, VeraWindow *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;

    if (file != NULL)
        vera_window_open(self, file);
}

void
vera_window_choose_open(VeraWindow *self)
{
    vera_window_choose(self, _("Open a Clip or Project"), GTK_FILE_CHOOSER_ACTION_OPEN, G_CALLBACK(vera_window_open_cb));
}

static void
vera_window_start_new(VeraWindow *self, gpointer data)
{
    g_autoptr(VeraProject) project = vera_project_new();

    vera_editor_set_project(self->editor, project);
}

void
vera_window_new_project(VeraWindow *self)
{
    vera_window_confirm(self, vera_window_start_new, NULL, NULL);
}

static void
vera_window_recent_cb(AdwActionRow *row, VeraWindow *self)
{
    g_autoptr(GFile) file = g_file_new_for_uri(g_object_get_data(G_OBJECT(row), "vera-uri"));

    vera_window_open(self, file);
}

void
vera_window_fill_recent(VeraWindow *self)
{
    GList *items = gtk_recent_manager_get_items(gtk_recent_manager_get_default());
    GtkWidget *child;
    int n = 0;

    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self->recent_list))) != NULL)
        gtk_list_box_remove(self->recent_list, child);
    for (GList *link = items; link != NULL && n < 5; link = link->next) {
        const char *uri = gtk_recent_info_get_uri(link->data);
        GtkWidget *row;
        if (!g_str_has_suffix(uri, VERA_WINDOW_SUFFIX) || !gtk_recent_info_exists(link->data))
            continue;
        row = adw_action_row_new();
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), gtk_recent_info_get_display_name(link->data));
        gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), TRUE);
        g_object_set_data_full(G_OBJECT(row), "vera-uri", g_strdup(uri), g_free);
        g_signal_connect_object(row, "activated", G_CALLBACK(vera_window_recent_cb), self, 0);
        gtk_list_box_append(self->recent_list, row);
        n++;
    }
    gtk_widget_set_visible(GTK_WIDGET(self->recent_list), n > 0);
    g_list_free_full(items, (GDestroyNotify)gtk_recent_info_unref);
}

/* Recovery --------------------------------------------------------------------------------------------------------------- */

static void
vera_window_recovery_response_cb(AdwMessageDialog *dialog, const char *response, VeraWindow *self)
{
    VeraProjectRecoverable *newest = g_ptr_array_index(self->recoverable, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraProject) project = NULL;

    if (g_str_equal(response, "recover")) {
        project = vera_project_recover(newest, &error);
        if (project != NULL)
            vera_editor_set_project(self->editor, project);
    } else if (g_str_equal(response, "discard")) {
        vera_project_discard_recoverable(newest, &error);
    }
    if (error != NULL)
        vera_window_show_message(self, error->message);
}

static void
vera_window_found_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraWindow *self = VERA_WINDOW(object);
    VeraProjectRecoverable *newest;
    g_autofree char *name = NULL, *text = NULL;
    GtkWidget *dialog;

    g_clear_pointer(&self->recoverable, g_ptr_array_unref);
    self->recoverable = g_task_propagate_pointer(G_TASK(result), NULL);
    if (self->recoverable == NULL || self->recoverable->len == 0 || self->editor == NULL)
        return;
    newest = g_ptr_array_index(self->recoverable, 0);
    name = newest->project_path ? g_path_get_basename(newest->project_path) : g_strdup(_("Untitled Project"));
    text = g_strdup_printf(g_dngettext(NULL, "Vera ended unexpectedly. %u change of “%s” was not saved.",
                                       "Vera ended unexpectedly. %u changes of “%s” were not saved.", newest->n_changes),
                           newest->n_changes, name);
    dialog = adw_message_dialog_new(GTK_WINDOW(self), _("Recover Your Work?"), text);
    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "later", _("_Later"), "discard", _("_Discard"), "recover", _("_Recover"), NULL);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "discard", ADW_RESPONSE_DESTRUCTIVE);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "recover", ADW_RESPONSE_SUGGESTED);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "recover");
    adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "later");
    g_signal_connect_object(dialog, "response", G_CALLBACK(vera_window_recovery_response_cb), self, 0);
    gtk_window_present(GTK_WINDOW(dialog));
}

static void
vera_window_find_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    g_task_return_pointer(task, vera_project_find_recoverable(), (GDestroyNotify)g_ptr_array_unref);
}

void
vera_window_offer_recovery(VeraWindow *self)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, vera_window_found_cb, NULL);

    g_task_run_in_thread(task, vera_window_find_thread);
}
