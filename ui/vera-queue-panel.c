#include "config.h"

#include "ui/vera-queue-panel.h"

#include <glib/gi18n.h>

#include "engine/queue/vera-queue-forecast.h"
#include "ui/vera-duration.h"
#include "ui/vera-queue-row.h"
#include "ui/vera-row-move.h"

struct _VeraQueuePanel {
    GtkWidget parent_instance;

    GtkStack *stack;
    GtkListBox *list;
    GtkLabel *summary;
    GtkWidget *pause_all_button, *resume_all_button, *clear_button;
    VeraQueue *queue; /* (owned) */
    VeraQueueForecast *forecast; /* (owned) */
};

G_DEFINE_FINAL_TYPE(VeraQueuePanel, vera_queue_panel, GTK_TYPE_WIDGET)

static void
vera_queue_panel_moved_cb(GtkListBoxRow *row, int index, gpointer data)
{
    g_autoptr(VeraJob) job = g_object_ref(vera_queue_row_get_job(VERA_QUEUE_ROW(row)));

    vera_queue_move(VERA_QUEUE_PANEL(data)->queue, job, (guint)index);
}

static GtkWidget *
vera_queue_panel_make_row_cb(gpointer item, gpointer data)
{
    VeraQueuePanel *self = data;
    GtkWidget *row = vera_queue_row_new(self->queue, item);

    vera_row_move_enable(GTK_LIST_BOX_ROW(row), vera_queue_panel_moved_cb, self);
    return row;
}

/* How many jobs there are in each state. */
static void
vera_queue_panel_count(VeraQueuePanel *self, guint counts[VERA_JOB_STATE_CANCELLED + 1])
{
    for (guint i = 0; i < g_list_model_get_n_items(G_LIST_MODEL(self->queue)); i++) {
        g_autoptr(VeraJob) job = g_list_model_get_item(G_LIST_MODEL(self->queue), i);
        counts[vera_job_get_state(job)]++;
    }
}

/* What waits, and how long it will take as far as that can be told. */
static char *
vera_queue_panel_describe_waiting(VeraQueuePanel *self, guint n_waiting)
{
    guint n_known;
    double seconds = vera_queue_forecast_get(self->forecast, &n_known);
    g_autofree char *time = vera_duration_format(seconds);

    if (n_known == 0)
        return g_strdup_printf(g_dngettext(NULL, "%u job waits, time not known yet",
                                           "%u jobs wait, time not known yet", n_waiting),
                               n_waiting);
    if (n_known < n_waiting)
        /* Translators: a time, the jobs that it is of, all jobs that wait */
        return g_strdup_printf(_("About %s for %u of %u waiting jobs"), time, n_known, n_waiting);
    return g_strdup_printf(
        g_dngettext(NULL, "About %s for %u waiting job", "About %s for %u waiting jobs", n_waiting),
        time, n_waiting);
}

static void
vera_queue_panel_changed_cb(VeraQueuePanel *self)
{
    guint counts[VERA_JOB_STATE_CANCELLED + 1] = { 0 }, n_active = vera_queue_get_n_active(self->queue), n_waiting, n_over;
    g_autofree char *waiting = NULL, *paused = NULL;
    gboolean has_paused;

    vera_queue_panel_count(self, counts);
    n_waiting = counts[VERA_JOB_STATE_QUEUED];
    n_over = counts[VERA_JOB_STATE_DONE] + counts[VERA_JOB_STATE_FAILED] + counts[VERA_JOB_STATE_CANCELLED];
    has_paused = counts[VERA_JOB_STATE_PAUSED] > 0;
    waiting = n_waiting ? vera_queue_panel_describe_waiting(self, n_waiting) : NULL;
    paused = has_paused ? g_strdup_printf(g_dngettext(NULL, "%u job is paused", "%u jobs are paused", counts[VERA_JOB_STATE_PAUSED]),
                                          counts[VERA_JOB_STATE_PAUSED])
                        : NULL;
    gtk_stack_set_visible_child_name(self->stack, g_list_model_get_n_items(G_LIST_MODEL(self->queue)) ? "list" : "empty");
    gtk_label_set_text(self->summary, waiting ? waiting : paused ? paused : "");
    gtk_widget_set_visible(GTK_WIDGET(self->summary), waiting || paused);
    gtk_widget_set_visible(self->pause_all_button, n_active > 0);
    gtk_widget_set_visible(self->resume_all_button, has_paused);
    gtk_widget_set_visible(self->clear_button, n_over > 0);
}

static void
vera_queue_panel_row_cb(VeraQueuePanel *self, GtkListBoxRow *row)
{
    vera_queue_row_toggle_details(VERA_QUEUE_ROW(row));
}

static void
vera_queue_panel_pause_all_cb(VeraQueuePanel *self)
{
    vera_queue_pause_all(self->queue);
}

static void
vera_queue_panel_resume_all_cb(VeraQueuePanel *self)
{
    vera_queue_resume_all(self->queue);
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
    g_clear_object(&self->forecast);
    self->forecast = vera_queue_forecast_new(queue);
    gtk_list_box_bind_model(self->list, G_LIST_MODEL(queue), vera_queue_panel_make_row_cb, self, NULL);
    g_signal_connect_object(queue, "items-changed", G_CALLBACK(vera_queue_panel_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(queue, "changed", G_CALLBACK(vera_queue_panel_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->forecast, "changed", G_CALLBACK(vera_queue_panel_changed_cb),
                            self, G_CONNECT_SWAPPED);
    vera_queue_panel_changed_cb(self);
}

static void
vera_queue_panel_dispose(GObject *object)
{
    VeraQueuePanel *self = VERA_QUEUE_PANEL(object);
    GtkWidget *child;

    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self))) != NULL)
        gtk_widget_unparent(child);
    /* A question that is under way keeps it: it asks no other one. */
    if (self->forecast != NULL)
        g_object_run_dispose(G_OBJECT(self->forecast));
    g_clear_object(&self->forecast);
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
    gtk_widget_class_bind_template_child(widget_class, VeraQueuePanel, summary);
    gtk_widget_class_bind_template_child(widget_class, VeraQueuePanel, pause_all_button);
    gtk_widget_class_bind_template_child(widget_class, VeraQueuePanel, resume_all_button);
    gtk_widget_class_bind_template_child(widget_class, VeraQueuePanel, clear_button);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_panel_row_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_panel_pause_all_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_panel_resume_all_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_queue_panel_clear_cb);
}

static void
vera_queue_panel_init(VeraQueuePanel *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
}
