#include "config.h"

#include "ui/vera-queue-panel.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-tips.h"

struct _VeraQueuePanel {
    GtkWidget parent_instance;

    GtkStack *stack;
    GtkListBox *list;
    VeraQueue *queue; /* (owned) */
};

G_DEFINE_FINAL_TYPE(VeraQueuePanel, vera_queue_panel, GTK_TYPE_WIDGET)

static char *
vera_queue_panel_describe_time(double seconds)
{
    int minutes = (int)ceil(seconds / 60);

    if (seconds < 90)
        return g_strdup_printf(g_dngettext(NULL, "about %d second left", "about %d seconds left", (gulong)ceil(seconds)),
                               (int)MAX(ceil(seconds), 1));
    if (minutes < 90)
        return g_strdup_printf(g_dngettext(NULL, "about %d minute left", "about %d minutes left", (gulong)minutes), minutes);
    return g_strdup_printf(_("about %d h %02d min left"), minutes / 60, minutes % 60);
}

static char *
vera_queue_panel_describe_running(VeraJob *job)
{
    const char *phase = vera_job_get_phase(job);
    g_autofree char *left = vera_job_get_eta_seconds(job) >= 0 ? vera_queue_panel_describe_time(vera_job_get_eta_seconds(job)) : NULL;
    g_autofree char *what = NULL;

    if (g_str_equal(phase, "sample"))
        what = g_strdup_printf(_("Step %d of %d"), MIN(vera_job_get_step(job) + 1, vera_job_get_n_steps(job)), vera_job_get_n_steps(job));
    else if (g_str_equal(phase, "encode"))
        what = g_strdup(_("Reading the clip"));
    else if (g_str_equal(phase, "decode"))
        what = g_strdup(_("Drawing the layer"));
    else if (g_str_equal(phase, "export"))
        what = g_strdup_printf(_("Frame %d of %d"), vera_job_get_step(job), vera_job_get_n_steps(job));
    else
        what = g_strdup(_("Loading"));
    return left ? g_strdup_printf("%s, %s", what, left) : g_steal_pointer(&what);
}

static char *
vera_queue_panel_describe_proof(VeraJob *job)
{
    gint64 n_changed, n_frames;
    g_autofree char *changed = NULL;

    if (!vera_job_is_export(job))
        return g_strdup(_("Done"));
    vera_job_get_proof(job, &n_changed, &n_frames);
    changed = g_strdup_printf("%" G_GINT64_FORMAT, n_changed);
    return g_strdup_printf(g_dngettext(NULL, "%s pixels changed outside the matte in %d frame",
                                       "%s pixels changed outside the matte in %d frames", (gulong)n_frames),
                           changed, (int)n_frames);
}

char *
vera_queue_panel_describe(VeraJob *job)
{
    switch (vera_job_get_state(job)) {
    case VERA_JOB_STATE_QUEUED:
        return g_strdup(_("Waiting"));
    case VERA_JOB_STATE_RUNNING:
        return vera_queue_panel_describe_running(job);
    case VERA_JOB_STATE_PAUSED:
        return g_strdup(_("Paused"));
    case VERA_JOB_STATE_DONE:
        return vera_queue_panel_describe_proof(job);
    case VERA_JOB_STATE_FAILED:
        return g_strdup(vera_job_get_message(job) ? vera_job_get_message(job) : _("Failed"));
    case VERA_JOB_STATE_CANCELLED:
        break;
    }
    return g_strdup(_("Cancelled"));
}

/* One row ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    VeraQueuePanel *panel; /* borrowed */
    VeraJob *job;          /* (owned) */
    GtkLabel *status;
    GtkProgressBar *bar;
    GtkWidget *pause, *cancel, *retry, *remove, *folder;
} VeraQueueRow;

static void
vera_queue_row_free(VeraQueueRow *self)
{
    g_signal_handlers_disconnect_by_data(self->job, self);
    g_object_unref(self->job);
    g_free(self);
}

static void
vera_queue_row_update_cb(VeraQueueRow *self)
{
    VeraJobState state = vera_job_get_state(self->job);
    gboolean is_over = vera_job_state_is_over(state), is_paused = state == VERA_JOB_STATE_PAUSED;
    g_autofree char *text = vera_queue_panel_describe(self->job);

    gtk_label_set_text(self->status, text);
    gtk_widget_set_visible(GTK_WIDGET(self->bar), !is_over);
    gtk_progress_bar_set_fraction(self->bar, vera_job_get_fraction(self->job));
    gtk_widget_set_visible(self->pause, !is_over);
    gtk_button_set_icon_name(GTK_BUTTON(self->pause), is_paused ? "media-playback-start-symbolic" : "media-playback-pause-symbolic");
    vera_tips_set(self->pause, is_paused ? _("Go on") : _("Pause: finished steps are kept"));
    gtk_widget_set_visible(self->cancel, !is_over);
    gtk_widget_set_visible(self->retry, state == VERA_JOB_STATE_FAILED || state == VERA_JOB_STATE_CANCELLED);
    gtk_widget_set_visible(self->remove, is_over);
    gtk_widget_set_visible(self->folder, state == VERA_JOB_STATE_DONE && vera_job_is_export(self->job));
    if (state == VERA_JOB_STATE_FAILED)
        gtk_widget_add_css_class(GTK_WIDGET(self->status), "error");
    else
        gtk_widget_remove_css_class(GTK_WIDGET(self->status), "error");
}

static void
vera_queue_row_pause_cb(VeraQueueRow *self)
{
    if (vera_job_get_state(self->job) == VERA_JOB_STATE_PAUSED)
        vera_queue_resume(self->panel->queue, self->job);
    else
        vera_queue_pause(self->panel->queue, self->job);
}

static void
vera_queue_row_cancel_cb(VeraQueueRow *self)
{
    vera_queue_cancel(self->panel->queue, self->job);
}

static void
vera_queue_row_retry_cb(VeraQueueRow *self)
{
    vera_queue_retry(self->panel->queue, self->job);
}

static void
vera_queue_row_remove_cb(VeraQueueRow *self)
{
    vera_queue_remove(self->panel->queue, self->job);
}

static void
vera_queue_row_folder_cb(VeraQueueRow *self)
{
    g_autofree char *uri = g_filename_to_uri(vera_job_get_output(self->job), NULL, NULL);

    if (uri != NULL)
        gtk_show_uri(GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(self->panel))), uri, GDK_CURRENT_TIME);
}

static GtkWidget *
vera_queue_row_add_button(VeraQueueRow *self, GtkWidget *box, const char *icon, const char *tooltip, GCallback callback)
{
    GtkWidget *button = gtk_button_new_from_icon_name(icon);

    vera_tips_set(button, tooltip);
    gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
    gtk_widget_add_css_class(button, "flat");
    g_signal_connect_swapped(button, "clicked", callback, self);
    gtk_box_append(GTK_BOX(box), button);
    return button;
}

static GtkWidget *
vera_queue_row_make_text(VeraQueueRow *self)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 4), *title = gtk_label_new(vera_job_get_title(self->job));
    GtkWidget *status = gtk_label_new(NULL), *bar = gtk_progress_bar_new();

    gtk_label_set_xalign(GTK_LABEL(title), 0);
    gtk_label_set_ellipsize(GTK_LABEL(title), PANGO_ELLIPSIZE_END);
    gtk_label_set_xalign(GTK_LABEL(status), 0);
    gtk_label_set_wrap(GTK_LABEL(status), TRUE);
    gtk_label_set_wrap_mode(GTK_LABEL(status), PANGO_WRAP_WORD_CHAR);
    gtk_widget_add_css_class(status, "caption");
    gtk_widget_set_hexpand(box, TRUE);
    gtk_box_append(GTK_BOX(box), title);
    gtk_box_append(GTK_BOX(box), status);
    gtk_box_append(GTK_BOX(box), bar);
    self->status = GTK_LABEL(status);
    self->bar = GTK_PROGRESS_BAR(bar);
    return box;
}

static GtkWidget *
vera_queue_panel_make_row_cb(gpointer item, gpointer data)
{
    VeraQueueRow *self = g_new0(VeraQueueRow, 1);
    GtkWidget *row = gtk_list_box_row_new(), *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

    self->panel = data;
    self->job = g_object_ref(item);
    gtk_widget_set_margin_start(box, 12);
    gtk_widget_set_margin_end(box, 6);
    gtk_widget_set_margin_top(box, 9);
    gtk_widget_set_margin_bottom(box, 9);
    gtk_box_append(GTK_BOX(box), vera_queue_row_make_text(self));
    self->folder = vera_queue_row_add_button(self, box, "folder-open-symbolic", _("Open the folder"), G_CALLBACK(vera_queue_row_folder_cb));
    self->retry = vera_queue_row_add_button(self, box, "view-refresh-symbolic", _("Try again"), G_CALLBACK(vera_queue_row_retry_cb));
    self->pause = vera_queue_row_add_button(self, box, "media-playback-pause-symbolic", "", G_CALLBACK(vera_queue_row_pause_cb));
    self->cancel = vera_queue_row_add_button(self, box, "process-stop-symbolic", _("Cancel"), G_CALLBACK(vera_queue_row_cancel_cb));
    self->remove = vera_queue_row_add_button(self, box, "window-close-symbolic", _("Take off the list"), G_CALLBACK(vera_queue_row_remove_cb));
    gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), box);
    gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
    g_object_set_data_full(G_OBJECT(row), "vera-row", self, (GDestroyNotify)vera_queue_row_free);
    g_signal_connect_swapped(self->job, "notify", G_CALLBACK(vera_queue_row_update_cb), self);
    vera_queue_row_update_cb(self);
    return row;
}

static void
vera_queue_panel_count_cb(VeraQueuePanel *self)
{
    gtk_stack_set_visible_child_name(self->stack, g_list_model_get_n_items(G_LIST_MODEL(self->queue)) ? "list" : "empty");
}

static void
vera_queue_panel_clear_cb(VeraQueuePanel *self)
{
    vera_queue_clear_finished(self->queue);
}

void
vera_queue_panel_set_queue(VeraQueuePanel *self, VeraQueue *queue)
{
    g_set_object(&self->queue, queue);
    gtk_list_box_bind_model(self->list, G_LIST_MODEL(queue), vera_queue_panel_make_row_cb, self, NULL);
    g_signal_connect_object(queue, "items-changed", G_CALLBACK(vera_queue_panel_count_cb), self, G_CONNECT_SWAPPED);
    vera_queue_panel_count_cb(self);
}

static void
vera_queue_panel_dispose(GObject *object)
{
    VeraQueuePanel *self = VERA_QUEUE_PANEL(object);
    GtkWidget *child;

    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self))) != NULL)
        gtk_widget_unparent(child);
    g_clear_object(&self->queue);
    G_OBJECT_CLASS(vera_queue_panel_parent_class)->dispose(object);
}

static void
vera_queue_panel_class_init(VeraQueuePanelClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_queue_panel_dispose;
    gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BIN_LAYOUT);
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-queue-panel.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraQueuePanel, stack);
    gtk_widget_class_bind_template_child(widget_class, VeraQueuePanel, list);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_panel_clear_cb);
}

static void
vera_queue_panel_init(VeraQueuePanel *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
}
