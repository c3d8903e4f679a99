#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-window-private.h"

/* The bar about the clip's file, and what it offers: another file, or the one that is there now.
 * What stands in nobody's way can be sent away. */

void
vera_window_update_media_bar(VeraWindow *self)
{
    const char *trouble = vera_editor_get_media_trouble(self->editor);
    const char *text = trouble ? trouble : vera_editor_get_media_notice(self->editor);

    gtk_revealer_set_reveal_child(self->media_bar, text != NULL);
    vera_window_update_introduction(self);
    if (text == NULL)
        return; /* what it says stays while it slides away */
    gtk_label_set_text(self->media_label, text);
    gtk_widget_set_visible(self->reload_button, vera_editor_is_media_replaced(self->editor));
    gtk_widget_set_visible(self->dismiss_button, trouble == NULL);
}

typedef struct {
    VeraWindow *window; /* (owned) */
    char *path;
    char *clip_id; /* the answer is about this one */
    gboolean is_reload;
} VeraWindowRelink;

static void
vera_window_relink_free(VeraWindowRelink *self)
{
    g_object_unref(self->window);
    g_free(self->path);
    g_free(self->clip_id);
    g_free(self);
}

static void
vera_window_relink_apply(VeraWindowRelink *relink)
{
    VeraEditor *editor = relink->window->editor;

    if (vera_window_is_closed(relink->window) || g_strcmp0(relink->clip_id, vera_editor_get_clip_id(editor)) != 0)
        return; /* it may show another clip by now */
    if (relink->is_reload)
        vera_editor_reload(editor);
    else
        vera_editor_relink(editor, relink->path);
}

static void
vera_window_relink_response_cb(AdwMessageDialog *dialog, const char *response, VeraWindowRelink *relink)
{
    if (g_str_equal(response, "use"))
        vera_window_relink_apply(relink);
    vera_window_relink_free(relink);
}

static void
vera_window_ask_relink(VeraWindowRelink *relink, const char *why)
{
    GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(relink->window), _("This Clip Is Another One"), why);

    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), "use", _("_Use It Anyway"), NULL);
    adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "use", ADW_RESPONSE_DESTRUCTIVE);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
    g_signal_connect(dialog, "response", G_CALLBACK(vera_window_relink_response_cb), relink);
    gtk_window_present(GTK_WINDOW(dialog));
}

static void
vera_window_relink_checked_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraWindowRelink *relink = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *why = vera_editor_check_relink_finish(VERA_EDITOR(object), result, &error);

    if (why != NULL && !vera_window_is_closed(relink->window)) {
        vera_window_ask_relink(relink, why);
        return;
    }
    if (error != NULL)
        vera_window_show_message(relink->window, error->message);
    else
        vera_window_relink_apply(relink);
    vera_window_relink_free(relink);
}

static void
vera_window_check_relink(VeraWindow *self, const char *path, gboolean is_reload)
{
    VeraWindowRelink *relink = g_new0(VeraWindowRelink, 1);

    relink->window = g_object_ref(self);
    relink->path = g_strdup(path);
    relink->clip_id = g_strdup(vera_editor_get_clip_id(self->editor));
    relink->is_reload = is_reload;
    vera_editor_check_relink_async(self->editor, path, vera_window_relink_checked_cb, relink);
}

void
vera_window_relink_to(VeraWindow *self, const char *path)
{
    vera_window_check_relink(self, path, FALSE);
}

void
vera_window_reload(VeraWindow *self)
{
    if (vera_editor_get_clip_path(self->editor) != NULL)
        vera_window_check_relink(self, vera_editor_get_clip_path(self->editor), TRUE);
}

static void
vera_window_relink_cb(GtkNativeDialog *dialog, int response, VeraWindow *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
    g_autofree char *path = file ? g_file_get_path(file) : NULL;

    if (path != NULL)
        vera_window_relink_to(self, path);
}

void
vera_window_choose_relink(VeraWindow *self)
{
    vera_window_choose(self, _("Find the Clip"), GTK_FILE_CHOOSER_ACTION_OPEN, G_CALLBACK(vera_window_relink_cb));
}
