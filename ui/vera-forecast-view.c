#include "config.h"

#include "ui/vera-forecast-view.h"

#include <glib/gi18n.h>

#include "engine/queue/vera-edit-forecast.h"
#include "engine/queue/vera-job-rates.h"
#include "ui/vera-duration.h"
#include "ui/vera-settings.h"

struct _VeraForecastView {
    GtkWidget parent_instance;

    GtkLabel *label, *warning;
    GtkWidget *warning_box;

    /* Owned */
    VeraEditor *editor;
    VeraEditForecast *forecast; /* (nullable): of @asked */
    char *failure;              /* (nullable): why there is none */
    char *asked;                /* what the running or the last question was */
    GCancellable *cancellable;  /* (nullable): of the running question */
    int n_takes;
};

G_DEFINE_FINAL_TYPE(VeraForecastView, vera_forecast_view, GTK_TYPE_WIDGET)

/* What is asked of the engine, off this thread. */
typedef struct {
    GWeakRef view; /* whose window may be closed meanwhile */
    VeraEditRequest request;
    char *clip_path, *model_dir, *region_path, *take_dir;
    gboolean has_drawn_region;
    char *text; /* says whether two questions are the same */
} VeraForecastQuestion;

static void
vera_forecast_question_free(VeraForecastQuestion *self)
{
    char *texts[] = { self->clip_path, self->model_dir, self->region_path, self->take_dir, self->text };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_weak_ref_clear(&self->view);
    g_array_unref(self->request.frames);
    g_free(self);
}

static VeraForecastQuestion *
vera_forecast_question_new(VeraForecastView *view, const VeraEdit *edit)
{
    VeraForecastQuestion *self = g_new0(VeraForecastQuestion, 1);
    VeraEditor *editor = view->editor;
    gboolean is_gpu = vera_settings_get_enum(VERA_SETTING_PROCESSOR, VERA_PROCESSOR_CPU) == VERA_PROCESSOR_GPU;
    gint64 last = MIN(edit->last, vera_editor_get_n_frames(editor) - 1);

    g_weak_ref_init(&self->view, view);
    self->clip_path = g_strdup(vera_editor_get_clip_path(editor));
    self->model_dir = g_strdup(edit->model_dir ? edit->model_dir : vera_editor_get_default_model(editor));
    self->has_drawn_region = edit->region != NULL && edit->region->shapes->len > 0;
    self->region_path = self->has_drawn_region ? NULL : g_strdup(edit->region_path);
    self->take_dir = vera_editor_dup_take_folder(editor);
    self->request = (VeraEditRequest){ .clip_path = self->clip_path, .instruction = "-", .region_path = self->region_path,
                                       .model_dir = self->model_dir, .device = is_gpu ? "cuda" : "cpu",
                                       .compute = is_gpu ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32,
                                       .guidance = edit->guidance, .n_steps = edit->n_steps, .width = edit->width,
                                       .height = edit->height, .frames = g_array_new(FALSE, FALSE, sizeof(gint64)) };
    for (gint64 i = edit->first; i <= last; i++)
        g_array_append_val(self->request.frames, i);
    self->text = g_strdup_printf("%s\n%s\n%s\n%s\n%d %d %d %g %d %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, self->clip_path, self->model_dir,
                                 self->region_path ? self->region_path : "", self->take_dir, is_gpu, self->has_drawn_region, edit->n_steps,
                                 edit->guidance, edit->width, edit->height, edit->first, last);
    return self;
}

/* What is said -------------------------------------------------------------------------------------------------------- */

static char *
vera_forecast_view_describe_time(VeraForecastView *self)
{
    VeraJobRates *rates = vera_queue_get_rates(vera_editor_get_queue(self->editor));
    double seconds = vera_job_rates_foresee(rates, self->forecast->rate_key, &self->forecast->work, self->forecast->n_steps);
    g_autofree char *time = seconds >= 0 ? vera_duration_format(seconds * self->n_takes) : NULL;

    if (time == NULL)
        return g_strdup(_("Time is known once this model has made a take here"));
    return self->n_takes == 1 ? g_strdup_printf(_("About %s"), time)
                              : g_strdup_printf(g_dngettext(NULL, "About %s for %d take", "About %s for %d takes", (gulong)self->n_takes),
                                                time, self->n_takes);
}

static char *
vera_forecast_view_describe_memory(const VeraEditForecast *f)
{
    g_autofree char *memory = g_format_size(f->memory_bytes), *have = g_format_size(f->free_bytes);

    if (!f->has_plan)
        return g_strdup_printf(_("%s of memory"), memory);
    if (!f->fits)
        return g_strdup_printf(_("Too large for %s"), f->device_name);
    /* Translators: memory that is taken, memory that is free, name of the GPU */
    return g_strdup_printf(f->plan.memory == VERA_TRANSFORMER_RESIDENT ? _("%s of %s on %s, with the whole model there")
                                                                       : _("%s of %s on %s, with the model brought block by block"),
                           memory, have, f->device_name);
}

static char *
vera_forecast_view_describe(VeraForecastView *self)
{
    const VeraEditForecast *f = self->forecast;
    g_autofree char *frames = g_strdup_printf(g_dngettext(NULL, "%d frame", "%d frames", (gulong)f->n_frames), f->n_frames);
    g_autofree char *windows = g_strdup_printf(g_dngettext(NULL, "%d window", "%d windows", (gulong)f->n_windows), f->n_windows);
    g_autofree char *time = vera_forecast_view_describe_time(self), *memory_text = vera_forecast_view_describe_memory(f);

    return g_strdup_printf("%s · %d × %d · %s\n%s · %s%s%s", frames, f->width, f->height, windows, time, memory_text,
                           f->is_model_trained ? "" : "\n",
                           f->is_model_trained ? "" : _("This model is still learning: expect rough results"));
}

static char *
vera_forecast_view_find_problem(VeraForecastView *self)
{
    const VeraEditForecast *f = self->forecast;
    guint64 disk = f->disk_bytes * (guint64)self->n_takes;
    g_autofree char *need = g_format_size(f->memory_bytes), *have = g_format_size(f->free_bytes);
    g_autofree char *disk_need = g_format_size(disk), *disk_have = g_format_size(f->free_disk_bytes);

    if (!f->fits && f->has_plan)
        return g_strdup_printf(_("Does not fit: needs at least %s on %s, and %s are free there. Take a smaller width or fewer frames, or "
                                 "let the processor make takes, in the preferences."),
                               need, f->device_name, have);
    if (!f->fits)
        return g_strdup_printf(_("Does not fit: needs about %s of memory, and %s are free. Take a smaller width or fewer frames, or close "
                                 "other programs."),
                               need, have);
    if (disk > f->free_disk_bytes)
        return g_strdup_printf(_("Does not fit: needs %s on the disk, and %s are free."), disk_need, disk_have);
    return NULL;
}

static void
vera_forecast_view_show(VeraForecastView *self)
{
    g_autofree char *text = self->forecast ? vera_forecast_view_describe(self) : NULL;
    g_autofree char *problem = self->forecast ? vera_forecast_view_find_problem(self) : g_strdup(self->failure);

    gtk_label_set_text(self->label, text ? text : "");
    gtk_widget_set_visible(GTK_WIDGET(self->label), text != NULL);
    gtk_label_set_text(self->warning, problem ? problem : "");
    gtk_widget_set_visible(self->warning_box, problem != NULL);
}

/* Asking --------------------------------------------------------------------------------------------------------------- */

static void
vera_forecast_view_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraForecastQuestion *question = data;
    GError *error = NULL;
    VeraEditForecast *forecast = vera_edit_forecast_new(&question->request, question->take_dir, cancellable, &error);

    if (forecast == NULL) {
        g_task_return_error(task, error);
        return;
    }
    /* It will be rendered to a mask, which is coded like the clip. */
    if (question->has_drawn_region)
        forecast->work.encode *= 2;
    g_task_return_pointer(task, forecast, (GDestroyNotify)vera_edit_forecast_free);
}

static void
vera_forecast_view_answer_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraForecastQuestion *question = g_task_get_task_data(G_TASK(result));
    g_autoptr(VeraForecastView) self = g_weak_ref_get(&question->view);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraEditForecast) forecast = g_task_propagate_pointer(G_TASK(result), &error);

    /* A later question may have taken its place. */
    if (self == NULL || self->editor == NULL || g_task_get_cancellable(G_TASK(result)) != self->cancellable)
        return;
    g_clear_object(&self->cancellable);
    g_clear_pointer(&self->forecast, vera_edit_forecast_free);
    g_free(self->failure);
    self->forecast = g_steal_pointer(&forecast);
    self->failure = error ? g_strdup(error->message) : NULL;
    vera_forecast_view_show(self);
}

/* Typing changes the project with every letter: only what matters here is asked anew. */
static void
vera_forecast_view_ask_cb(VeraForecastView *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    VeraForecastQuestion *question;
    g_autoptr(GTask) task = NULL;

    if (edit == NULL || vera_editor_get_clip_info(self->editor) == NULL)
        return;
    question = vera_forecast_question_new(self, edit);
    if (g_strcmp0(question->text, self->asked) == 0) {
        vera_forecast_question_free(question);
        return;
    }
    g_free(self->asked);
    self->asked = g_strdup(question->text);
    if (self->cancellable != NULL)
        g_cancellable_cancel(self->cancellable);
    g_clear_object(&self->cancellable);
    self->cancellable = g_cancellable_new();
    task = g_task_new(NULL, self->cancellable, vera_forecast_view_answer_cb, NULL);
    g_task_set_task_data(task, question, (GDestroyNotify)vera_forecast_question_free);
    g_task_run_in_thread(task, vera_forecast_view_thread);
}

/* A job has shown how fast it goes, and its memory is free again. */
static void
vera_forecast_view_job_cb(VeraForecastView *self)
{
    g_clear_pointer(&self->asked, g_free);
    vera_forecast_view_ask_cb(self);
}

void
vera_forecast_view_set_editor(VeraForecastView *self, VeraEditor *editor)
{
    g_set_object(&self->editor, editor);
    g_signal_connect_object(editor, "project-changed", G_CALLBACK(vera_forecast_view_ask_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::selected-edit", G_CALLBACK(vera_forecast_view_ask_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "clip-changed", G_CALLBACK(vera_forecast_view_ask_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(vera_editor_get_queue(editor), "job-finished", G_CALLBACK(vera_forecast_view_job_cb), self, G_CONNECT_SWAPPED);
    if (vera_settings_get() != NULL)
        g_signal_connect_object(vera_settings_get(), "changed::" VERA_SETTING_PROCESSOR, G_CALLBACK(vera_forecast_view_ask_cb), self,
                                G_CONNECT_SWAPPED);
    vera_forecast_view_ask_cb(self);
}

void
vera_forecast_view_set_count(VeraForecastView *self, int n_takes)
{
    self->n_takes = n_takes;
    vera_forecast_view_show(self);
}

static void
vera_forecast_view_dispose(GObject *object)
{
    VeraForecastView *self = VERA_FORECAST_VIEW(object);
    GtkWidget *child;

    if (self->cancellable != NULL)
        g_cancellable_cancel(self->cancellable);
    g_clear_object(&self->cancellable);
    g_clear_object(&self->editor);
    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self))) != NULL)
        gtk_widget_unparent(child);
    G_OBJECT_CLASS(vera_forecast_view_parent_class)->dispose(object);
}

static void
vera_forecast_view_finalize(GObject *object)
{
    VeraForecastView *self = VERA_FORECAST_VIEW(object);

    g_clear_pointer(&self->forecast, vera_edit_forecast_free);
    g_free(self->failure);
    g_free(self->asked);
    G_OBJECT_CLASS(vera_forecast_view_parent_class)->finalize(object);
}

static void
vera_forecast_view_class_init(VeraForecastViewClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_forecast_view_dispose;
    G_OBJECT_CLASS(klass)->finalize = vera_forecast_view_finalize;
    gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BOX_LAYOUT);
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-forecast-view.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraForecastView, label);
    gtk_widget_class_bind_template_child(widget_class, VeraForecastView, warning);
    gtk_widget_class_bind_template_child(widget_class, VeraForecastView, warning_box);
}

static void
vera_forecast_view_init(VeraForecastView *self)
{
    self->n_takes = 1;
    gtk_widget_init_template(GTK_WIDGET(self));
}
