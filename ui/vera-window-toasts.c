#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-tips.h"
#include "ui/vera-window-private.h"

/* Sentences that go away by themselves. */

/* Characters that a toast shows in a small window. */
#define VERA_WINDOW_TOAST_LENGTH 70

/* Over the picture, where nothing is to be pressed; over the page where there is none. */
static void
vera_window_show_toast(VeraWindow *self, AdwToast *toast)
{
    gboolean has_canvas = g_strcmp0(gtk_stack_get_visible_child_name(self->stack), "editor") == 0;
    AdwToastOverlay *toasts = has_canvas ? self->canvas_toasts : self->toasts;

    adw_toast_overlay_add_toast(toasts, toast);
    vera_tips_update(GTK_WIDGET(toasts));
}

/* While a clip is opened it is not known yet which of both will be there. */
static void
vera_window_add_toast(VeraWindow *self, AdwToast *toast)
{
    if (g_strcmp0(gtk_stack_get_visible_child_name(self->stack), "loading") != 0) {
        vera_window_show_toast(self, toast);
        return;
    }
    if (self->waiting_toasts == NULL)
        self->waiting_toasts = g_ptr_array_new_with_free_func(g_object_unref);
    g_ptr_array_add(self->waiting_toasts, toast);
}

void
vera_window_settle_toasts(VeraWindow *self)
{
    g_autoptr(GPtrArray) waiting = NULL;

    if (self->waiting_toasts == NULL ||
        g_strcmp0(gtk_stack_get_visible_child_name(self->stack), "loading") == 0)
        return;
    waiting = g_steal_pointer(&self->waiting_toasts);
    for (guint i = 0; i < waiting->len; i++)
        vera_window_show_toast(self, g_object_ref(waiting->pdata[i]));
}

/* What does not fit into one line of a toast is read in a dialog. */
static void
vera_window_show_whole_cb(AdwToast *toast, VeraWindow *self)
{
    GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(self), NULL,
                                               g_object_get_data(G_OBJECT(toast), "vera-text"));

    adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "close", _("_Close"), NULL);
    adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "close");
    gtk_window_present(GTK_WINDOW(dialog));
}

void
vera_window_show_message(VeraWindow *self, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);
    AdwToast *toast = adw_toast_new(escaped);

    adw_toast_set_timeout(toast, 6);
    if (g_utf8_strlen(text, -1) > VERA_WINDOW_TOAST_LENGTH) {
        adw_toast_set_button_label(toast, _("_Read"));
        adw_toast_set_timeout(toast, 20);
        g_object_set_data_full(G_OBJECT(toast), "vera-text", g_strdup(text), g_free);
        g_signal_connect_object(toast, "button-clicked", G_CALLBACK(vera_window_show_whole_cb),
                                self, 0);
    }
    vera_window_add_toast(self, toast);
}
