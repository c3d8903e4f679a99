#include "config.h"

#include <glib/gi18n.h>

#include "engine/project/vera-take-files.h"
#include "engine/vera-engine-error.h"
#include "ui/vera-window-private.h"

/* Files of takes that were deleted: what nothing needs any more may go, after a question. */

typedef struct {
    VeraWindow *window; /* (owned) */
    VeraTakeFiles *files;
    GPtrArray *found; /* VeraRemovedTake */
    VeraTakeRemoveFlags flags;
    guint64 n_bytes;
    GtkWidget *versions; /* a check button, or NULL */
} VeraWindowTakes;

static void
vera_window_takes_free(VeraWindowTakes *self)
{
    g_object_unref(self->window);
    g_clear_pointer(&self->files, vera_take_files_free);
    g_clear_pointer(&self->found, g_ptr_array_unref);
    g_free(self);
}

/* Projects that were open lately may show takes of this one: it may have been saved under their
 * name. */
static void
vera_window_takes_add_recent(VeraTakeFiles *files)
{
    GList *items = gtk_recent_manager_get_items(gtk_recent_manager_get_default());

    for (GList *link = items; link != NULL; link = link->next) {
        g_autofree char *path =
            g_filename_from_uri(gtk_recent_info_get_uri(link->data), NULL, NULL);
        if (path != NULL && g_str_has_suffix(path, ".vera"))
            vera_take_files_add_project(files, path);
    }
    g_list_free_full(items, (GDestroyNotify)gtk_recent_info_unref);
}

static VeraTakeFiles *
vera_window_takes_ask(VeraWindow *self)
{
    VeraTakeFiles *files = vera_take_files_new(vera_editor_get_project(self->editor));
    g_autoptr(GPtrArray) busy = vera_queue_list_take_dirs(self->queue);
    GList *windows = gtk_application_get_windows(gtk_window_get_application(GTK_WINDOW(self)));

    for (GList *link = windows; link != NULL; link = link->next)
        if (VERA_IS_WINDOW(link->data) && link->data != self)
            vera_take_files_add_open(files,
                                     vera_editor_get_project(VERA_WINDOW(link->data)->editor));
    for (guint i = 0; i < busy->len; i++)
        vera_take_files_add_busy(files, busy->pdata[i]);
    vera_window_takes_add_recent(files);
    return files;
}

static void
vera_window_takes_remove_thread(GTask *task,
                                gpointer source,
                                gpointer data,
                                GCancellable *cancellable)
{
    VeraWindowTakes *takes = data;
    GError *error = NULL;

    if (vera_take_files_remove(takes->files, takes->found, takes->flags, &takes->n_bytes,
                               cancellable, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void vera_window_takes_remove(VeraWindowTakes *takes, VeraTakeRemoveFlags flags);

static void
vera_window_takes_no_trash_cb(AdwMessageDialog *dialog,
                              const char *response,
                              VeraWindowTakes *takes)
{
    if (g_str_equal(response, "delete"))
        vera_window_takes_remove(takes, takes->flags | VERA_TAKE_REMOVE_FLAGS_FOR_GOOD);
    else
        vera_window_takes_free(takes);
}

static void
vera_window_takes_offer_deletion(VeraWindowTakes *takes)
{
    GtkWidget *dialog =
        adw_message_dialog_new(GTK_WINDOW(takes->window), _("Delete for Good?"),
                               _("This disk has no trash. Deleted files cannot be brought back."));

    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), "delete",
                                     _("_Delete for Good"), NULL);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "delete",
                                               ADW_RESPONSE_DESTRUCTIVE);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    g_signal_connect(dialog, "response", G_CALLBACK(vera_window_takes_no_trash_cb), takes);
    gtk_window_present(GTK_WINDOW(dialog));
}

static void
vera_window_takes_removed_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraWindowTakes *takes = data;
    g_autofree char *size = g_format_size(takes->n_bytes), *text = NULL;
    g_autoptr(GError) error = NULL;

    if (vera_window_is_closed(takes->window)) {
        vera_window_takes_free(takes);
        return;
    }
    if (g_task_propagate_boolean(G_TASK(result), &error)) {
        text = g_strdup_printf(takes->flags & VERA_TAKE_REMOVE_FLAGS_FOR_GOOD
                                   ? _("%s deleted")
                                   : _("%s moved to the trash"),
                               size);
    } else if (g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED)) {
        vera_window_takes_offer_deletion(takes);
        return;
    }
    vera_window_show_message(takes->window, error ? error->message : text);
    vera_window_takes_free(takes);
}

/* What needs the files is asked anew: the project may have changed since they were found. */
static void
vera_window_takes_remove(VeraWindowTakes *takes, VeraTakeRemoveFlags flags)
{
    g_autoptr(GTask) task = g_task_new(takes->window, NULL, vera_window_takes_removed_cb, takes);

    vera_take_files_free(takes->files);
    takes->files = vera_window_takes_ask(takes->window);
    takes->flags = flags;
    g_task_set_task_data(task, takes, NULL);
    g_task_run_in_thread(task, vera_window_takes_remove_thread);
}

static guint
vera_window_takes_count(VeraWindowTakes *takes, VeraTakeHolder holder, guint64 *n_bytes)
{
    guint n = 0;

    *n_bytes = 0;
    for (guint i = 0; i < takes->found->len; i++) {
        const VeraRemovedTake *take = takes->found->pdata[i];
        if (take->holder != holder)
            continue;
        *n_bytes += take->n_bytes;
        n++;
    }
    return n;
}

/* One sentence for each reason that keeps files. */
static void
vera_window_takes_explain(VeraWindowTakes *takes, GString *text)
{
    gboolean is_told[VERA_TAKE_HOLDER_VERSION + 1] = {FALSE};

    for (guint i = 0; i < takes->found->len; i++) {
        const VeraRemovedTake *take = takes->found->pdata[i];
        guint64 n_bytes;
        guint n = vera_window_takes_count(takes, take->holder, &n_bytes);
        g_autofree char *name =
            take->holder_path ? g_filename_display_basename(take->holder_path) : NULL;
        if (is_told[take->holder] || take->holder == VERA_TAKE_HOLDER_NONE ||
            take->holder == VERA_TAKE_HOLDER_VERSION)
            continue;
        is_told[take->holder] = TRUE;
        g_string_append(text, text->len ? "\n\n" : "");
        if (take->holder == VERA_TAKE_HOLDER_UNDO)
            g_string_append_printf(
                text,
                g_dngettext(
                    NULL, "%u take stays: Undo can bring it back until the project is closed.",
                    "%u takes stay: Undo can bring them back until the project is closed.", n),
                n);
        else if (take->holder == VERA_TAKE_HOLDER_JOB)
            g_string_append_printf(text,
                                   g_dngettext(NULL, "%u take stays: a job in the queue needs it.",
                                               "%u takes stay: jobs in the queue need them.", n),
                                   n);
        else if (take->holder == VERA_TAKE_HOLDER_PROJECT)
            g_string_append_printf(
                text,
                g_dngettext(NULL, "%u take stays: “%s” needs it, or cannot be read.",
                            "%u takes stay: “%s” needs them, or cannot be read.", n),
                n, name);
        else if (take->holder == VERA_TAKE_HOLDER_UNSAVED)
            g_string_append_printf(
                text,
                g_dngettext(NULL, "%u take stays: unsaved work that can be recovered needs it.",
                            "%u takes stay: unsaved work that can be recovered needs them.", n),
                n);
        else
            g_string_append_printf(
                text,
                g_dngettext(NULL, "%u take stays: there are other files in its folder.",
                            "%u takes stay: there are other files in their folders.", n),
                n);
    }
}

static void
vera_window_takes_response_cb(AdwMessageDialog *dialog,
                              const char *response,
                              VeraWindowTakes *takes)
{
    gboolean has_versions =
        takes->versions != NULL && gtk_check_button_get_active(GTK_CHECK_BUTTON(takes->versions));

    if (g_str_equal(response, "trash"))
        vera_window_takes_remove(takes, has_versions ? VERA_TAKE_REMOVE_FLAGS_VERSIONS
                                                     : VERA_TAKE_REMOVE_FLAGS_NONE);
    else
        vera_window_takes_free(takes);
}

static void
vera_window_takes_toggled_cb(GtkCheckButton *button, AdwMessageDialog *dialog)
{
    adw_message_dialog_set_response_enabled(dialog, "trash", gtk_check_button_get_active(button));
}

/* Older versions of the project are kept as they were made, unless that is given up for the room.
 */
static void
vera_window_takes_add_versions(
    VeraWindowTakes *takes, AdwMessageDialog *dialog, guint n, guint64 n_bytes, gboolean is_all)
{
    g_autofree char *size = g_format_size(n_bytes);
    g_autofree char *label = g_strdup_printf(
        g_dngettext(NULL, "Also %u take that only older versions of the project show (%s)",
                    "Also %u takes that only older versions of the project show (%s)", n),
        n, size);

    takes->versions = gtk_check_button_new_with_label(label);
    adw_message_dialog_set_extra_child(dialog, takes->versions);
    if (is_all)
        g_signal_connect(takes->versions, "toggled", G_CALLBACK(vera_window_takes_toggled_cb), dialog);
}

static void
vera_window_takes_found_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraWindowTakes *takes = data;
    guint64 n_bytes, n_version_bytes;
    guint n, n_versions;
    g_autofree char *size = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    AdwMessageDialog *dialog;

    takes->found = g_task_propagate_pointer(G_TASK(result), NULL);
    if (vera_window_is_closed(takes->window)) {
        vera_window_takes_free(takes);
        return;
    }
    n = vera_window_takes_count(takes, VERA_TAKE_HOLDER_NONE, &n_bytes);
    n_versions = vera_window_takes_count(takes, VERA_TAKE_HOLDER_VERSION, &n_version_bytes);
    size = g_format_size(n_bytes);
    if (n > 0)
        g_string_append_printf(
            text,
            g_dngettext(NULL, "The files of %u deleted take, %s, go to the trash.",
                        "The files of %u deleted takes, %s, go to the trash.", n),
            n, size);
    vera_window_takes_explain(takes, text);
    if (takes->found->len == 0)
        g_string_append(text, _("No files of deleted takes are left on the disk."));
    dialog = ADW_MESSAGE_DIALOG(
        adw_message_dialog_new(GTK_WINDOW(takes->window), _("Files of Deleted Takes"), text->str));
    adw_message_dialog_add_responses(dialog, "cancel",
                                     n + n_versions > 0 ? _("_Cancel") : _("_Close"), NULL);
    if (n + n_versions > 0) {
        adw_message_dialog_add_responses(dialog, "trash", _("Move to _Trash"), NULL);
        adw_message_dialog_set_response_appearance(dialog, "trash", ADW_RESPONSE_DESTRUCTIVE);
        adw_message_dialog_set_response_enabled(dialog, "trash", n > 0);
    }
    if (n_versions > 0)
        vera_window_takes_add_versions(takes, dialog, n_versions, n_version_bytes, n == 0);
    adw_message_dialog_set_close_response(dialog, "cancel");
    g_signal_connect(dialog, "response", G_CALLBACK(vera_window_takes_response_cb), takes);
    gtk_window_present(GTK_WINDOW(dialog));
}

static void
vera_window_takes_find_thread(GTask *task,
                              gpointer source,
                              gpointer data,
                              GCancellable *cancellable)
{
    g_task_return_pointer(task, vera_take_files_find(((VeraWindowTakes *)data)->files),
                          (GDestroyNotify)g_ptr_array_unref);
}

void
vera_window_clean_takes(VeraWindow *self)
{
    VeraWindowTakes *takes;
    g_autoptr(GTask) task = NULL;

    if (vera_project_get_lock_owner(vera_editor_get_project(self->editor)) != NULL) {
        vera_window_show_message(self,
                                 _("Another program has this project open and may need its takes"));
        return;
    }
    takes = g_new0(VeraWindowTakes, 1);
    takes->window = g_object_ref(self);
    takes->files = vera_window_takes_ask(self);
    task = g_task_new(self, NULL, vera_window_takes_found_cb, takes);
    g_task_set_task_data(task, takes, NULL);
    g_task_run_in_thread(task, vera_window_takes_find_thread);
}
