#include "config.h"

#include "ui/vera-queue-row.h"

#include <glib/gi18n.h>
#include <math.h>

struct _VeraQueueRow {
    GtkListBoxRow parent_instance;

    GtkLabel *title, *status, *details;
    GtkProgressBar *bar;
    GtkWidget *folder_button, *retry_button, *pause_button, *cancel_button, *remove_button;

    /* Owned */
    VeraQueue *queue;
    VeraJob *job;
    gboolean is_pausing; /* a running job was asked to pause, and not to be cancelled */
};

G_DEFINE_FINAL_TYPE(VeraQueueRow, vera_queue_row, GTK_TYPE_LIST_BOX_ROW)

VeraJob *
vera_queue_row_get_job(VeraQueueRow *self)
{
    return self->job;
}

/* In words ------------------------------------------------------------------------------------------------------------- */

static char *
vera_queue_row_describe_time(double seconds)
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
vera_queue_row_describe_running(VeraJob *job)
{
    const char *phase = vera_job_get_phase(job);
    g_autofree char *left = vera_job_get_eta_seconds(job) >= 0 ? vera_queue_row_describe_time(vera_job_get_eta_seconds(job)) : NULL;
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
vera_queue_row_describe_proof(VeraJob *job)
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
vera_queue_row_describe(VeraJob *job)
{
    switch (vera_job_get_state(job)) {
    case VERA_JOB_STATE_QUEUED:
        return g_strdup(_("Waiting"));
    case VERA_JOB_STATE_RUNNING:
        return vera_queue_row_describe_running(job);
    case VERA_JOB_STATE_PAUSED:
        if (vera_job_get_step(job) > 0 && !vera_job_is_export(job))
            return g_strdup_printf(_("Paused after step %d of %d"), vera_job_get_step(job), vera_job_get_n_steps(job));
        return g_strdup(_("Paused"));
    case VERA_JOB_STATE_DONE:
        return vera_queue_row_describe_proof(job);
    case VERA_JOB_STATE_FAILED:
        return g_strdup(vera_job_get_message(job) ? vera_job_get_message(job) : _("Failed"));
    case VERA_JOB_STATE_CANCELLED:
        break;
    }
    return g_strdup(_("Cancelled"));
}

static char *
vera_queue_row_describe_stopping(VeraQueueRow *self)
{
    g_autofree char *now = vera_queue_row_describe(self->job);

    return g_strdup_printf("%s\n%s", now, self->is_pausing ? _("Pauses when this step is saved") : _("Stopping"));
}

static char *
vera_queue_row_make_details(VeraJob *job)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 first, last;

    vera_job_get_range(job, &first, &last);
    g_string_append_printf(text, _("Frames %d to %d"), (int)first + 1, (int)last + 1);
    g_string_append_printf(text, "\n%s", vera_job_get_output(job));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* The widgets ---------------------------------------------------------------------------------------------------------- */

static void
vera_queue_row_show_buttons(VeraQueueRow *self, VeraJobState state)
{
    gboolean is_over = vera_job_state_is_over(state), is_paused = state == VERA_JOB_STATE_PAUSED;
    gboolean is_stopping = vera_job_is_stopping(self->job);
    const char *pause = is_paused     ? _("Go on")
                        : is_stopping ? _("Stop now: the step in work is lost")
                                      : _("Pause: finished steps are kept");

    gtk_widget_set_visible(self->pause_button, !is_over);
    gtk_button_set_icon_name(GTK_BUTTON(self->pause_button), is_paused     ? "media-playback-start-symbolic"
                                                             : is_stopping ? "media-playback-stop-symbolic"
                                                                           : "media-playback-pause-symbolic");
    gtk_widget_set_tooltip_text(self->pause_button, pause);
    gtk_accessible_update_property(GTK_ACCESSIBLE(self->pause_button), GTK_ACCESSIBLE_PROPERTY_LABEL, pause, -1);
    gtk_widget_set_sensitive(self->pause_button, !is_stopping || self->is_pausing);
    gtk_widget_set_visible(self->cancel_button, !is_over);
    gtk_widget_set_sensitive(self->cancel_button, !is_stopping || self->is_pausing);
    gtk_widget_set_visible(self->retry_button, state == VERA_JOB_STATE_FAILED || state == VERA_JOB_STATE_CANCELLED);
    gtk_widget_set_visible(self->remove_button, is_over);
    gtk_widget_set_visible(self->folder_button, state == VERA_JOB_STATE_DONE && vera_job_is_export(self->job));
}

static void
vera_queue_row_update_cb(VeraQueueRow *self)
{
    VeraJobState state = vera_job_get_state(self->job);
    g_autofree char *text = NULL, *details = vera_queue_row_make_details(self->job);

    if (state != VERA_JOB_STATE_RUNNING)
        self->is_pausing = FALSE;
    text = vera_job_is_stopping(self->job) ? vera_queue_row_describe_stopping(self) : vera_queue_row_describe(self->job);
    gtk_label_set_text(self->status, text);
    gtk_label_set_text(self->details, details);
    gtk_widget_set_visible(GTK_WIDGET(self->bar), !vera_job_state_is_over(state));
    gtk_progress_bar_set_fraction(self->bar, vera_job_get_fraction(self->job));
    vera_queue_row_show_buttons(self, state);
    if (state == VERA_JOB_STATE_FAILED)
        gtk_widget_add_css_class(GTK_WIDGET(self->status), "error");
    else
        gtk_widget_remove_css_class(GTK_WIDGET(self->status), "error");
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, vera_job_get_title(self->job),
                                   GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

static void
vera_queue_row_pause_cb(VeraQueueRow *self)
{
    if (vera_job_get_state(self->job) == VERA_JOB_STATE_PAUSED) {
        vera_queue_resume(self->queue, self->job);
        return;
    }
    self->is_pausing = vera_job_get_state(self->job) == VERA_JOB_STATE_RUNNING;
    vera_queue_pause(self->queue, self->job);
    vera_queue_row_update_cb(self);
}

static void
vera_queue_row_cancel_cb(VeraQueueRow *self)
{
    self->is_pausing = FALSE;
    vera_queue_cancel(self->queue, self->job);
    vera_queue_row_update_cb(self);
}

static void
vera_queue_row_retry_cb(VeraQueueRow *self)
{
    vera_queue_retry(self->queue, self->job);
}

static void
vera_queue_row_remove_cb(VeraQueueRow *self)
{
    vera_queue_remove(self->queue, self->job);
}

static void
vera_queue_row_folder_cb(VeraQueueRow *self)
{
    g_autofree char *uri = g_filename_to_uri(vera_job_get_output(self->job), NULL, NULL);

    if (uri != NULL)
        gtk_show_uri(GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(self))), uri, GDK_CURRENT_TIME);
}

void
vera_queue_row_toggle_details(VeraQueueRow *self)
{
    gtk_widget_set_visible(GTK_WIDGET(self->details), !gtk_widget_get_visible(GTK_WIDGET(self->details)));
}

static void
vera_queue_row_dispose(GObject *object)
{
    VeraQueueRow *self = VERA_QUEUE_ROW(object);

    g_clear_object(&self->job);
    g_clear_object(&self->queue);
    G_OBJECT_CLASS(vera_queue_row_parent_class)->dispose(object);
}

static void
vera_queue_row_class_init(VeraQueueRowClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_queue_row_dispose;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-queue-row.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, title);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, status);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, details);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, bar);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, folder_button);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, retry_button);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, pause_button);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, cancel_button);
    gtk_widget_class_bind_template_child(widget_class, VeraQueueRow, remove_button);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_row_folder_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_row_retry_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_row_pause_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_row_cancel_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_row_remove_cb);
}

static void
vera_queue_row_init(VeraQueueRow *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *
vera_queue_row_new(VeraQueue *queue, VeraJob *job)
{
    VeraQueueRow *self = g_object_new(VERA_TYPE_QUEUE_ROW, NULL);

    self->queue = g_object_ref(queue);
    self->job = g_object_ref(job);
    gtk_label_set_text(self->title, vera_job_get_title(job));
    gtk_widget_set_tooltip_text(GTK_WIDGET(self->title), vera_job_get_title(job));
    g_signal_connect_object(job, "notify", G_CALLBACK(vera_queue_row_update_cb), self, G_CONNECT_SWAPPED);
    vera_queue_row_update_cb(self);
    return GTK_WIDGET(self);
}
