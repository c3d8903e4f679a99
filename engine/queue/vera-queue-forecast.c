#include "config.h"

#include "engine/queue/vera-queue-forecast.h"

#include "engine/queue/vera-edit-forecast.h"
#include "engine/queue/vera-job-private.h"

/* What a waiting job will be; all zero where that cannot be told. */
typedef struct {
    char *rate_key;
    VeraJobWork work;
    int n_steps;
} VeraQueueProspect;

struct _VeraQueueForecast {
    GObject parent_instance;

    /* Owned */
    VeraQueue *queue;
    GHashTable *prospects; /* VeraJob -> VeraQueueProspect, of waiting jobs */
    GCancellable *asking;  /* (nullable): of the one question that is open */
};

G_DEFINE_FINAL_TYPE(VeraQueueForecast, vera_queue_forecast, G_TYPE_OBJECT)

enum { SIGNAL_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void vera_queue_forecast_look_cb(VeraQueueForecast *self);

static void
vera_queue_prospect_free(gpointer data)
{
    VeraQueueProspect *self = data;

    g_free(self->rate_key);
    g_free(self);
}

static void
vera_queue_prospect_look_at_take(VeraQueueProspect *self,
                                 const VeraJobSpec *spec,
                                 GCancellable *cancellable)
{
    g_autoptr(VeraEditJob) edit = vera_edit_job_new(&spec->request, cancellable, NULL);

    if (edit == NULL)
        return;
    self->rate_key = vera_edit_job_dup_rate_key(edit);
    self->work = vera_edit_job_get_work(edit);
    self->n_steps = vera_edit_job_get_record(edit)->n_steps;
}

static void
vera_queue_prospect_look_at_export(VeraQueueProspect *self,
                                   const VeraJobSpec *spec,
                                   GCancellable *cancellable)
{
    g_autoptr(VeraClip) clip = vera_clip_open(spec->clip_path, cancellable, NULL);

    if (clip == NULL)
        return;
    self->rate_key = vera_export_job_make_rate_key(&spec->settings);
    self->work = vera_export_job_estimate(vera_clip_get_info(clip), (int)spec->layers->len);
    self->n_steps = (int)spec->frames->len;
}

/* What cannot be opened will fail when its turn comes, and says why then. */
static void
vera_queue_forecast_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const VeraJob *job = data;
    VeraQueueProspect *prospect = g_new0(VeraQueueProspect, 1);

    if (job->spec->is_export)
        vera_queue_prospect_look_at_export(prospect, job->spec, cancellable);
    else
        vera_queue_prospect_look_at_take(prospect, job->spec, cancellable);
    g_task_return_pointer(task, prospect, vera_queue_prospect_free);
}

static void
vera_queue_forecast_answer_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraQueueForecast *self = VERA_QUEUE_FORECAST(object);
    VeraJob *job = g_task_get_task_data(G_TASK(result));
    VeraQueueProspect *prospect = g_task_propagate_pointer(G_TASK(result), NULL);

    if (prospect == NULL || self->queue == NULL) {
        g_clear_pointer(&prospect, vera_queue_prospect_free);
        return;
    }
    g_clear_object(&self->asking);
    g_hash_table_replace(self->prospects, g_object_ref(job), prospect);
    vera_queue_forecast_look_cb(self);
}

static void
vera_queue_forecast_ask(VeraQueueForecast *self, VeraJob *job)
{
    g_autoptr(GTask) task = NULL;

    self->asking = g_cancellable_new();
    task = g_task_new(self, self->asking, vera_queue_forecast_answer_cb, NULL);
    g_task_set_task_data(task, g_object_ref(job), g_object_unref);
    g_task_run_in_thread(task, vera_queue_forecast_thread);
}

static gboolean
vera_queue_forecast_has_left(gpointer job, gpointer prospect, gpointer data)
{
    return vera_job_get_state(job) != VERA_JOB_STATE_QUEUED;
}

static void
vera_queue_forecast_look_cb(VeraQueueForecast *self)
{
    GListModel *jobs = G_LIST_MODEL(self->queue);

    g_hash_table_foreach_remove(self->prospects, vera_queue_forecast_has_left, NULL);
    for (guint i = 0; self->asking == NULL && i < g_list_model_get_n_items(jobs); i++) {
        g_autoptr(VeraJob) job = g_list_model_get_item(jobs, i);
        if (vera_job_get_state(job) == VERA_JOB_STATE_QUEUED &&
            !g_hash_table_contains(self->prospects, job))
            vera_queue_forecast_ask(self, job);
    }
    g_signal_emit(self, signals[SIGNAL_CHANGED], 0);
}

double
vera_queue_forecast_get(VeraQueueForecast *self, guint *n_known)
{
    VeraJobRates *rates = vera_queue_get_rates(self->queue);
    GHashTableIter iter;
    gpointer job, value;
    double sums[2] = {0}; /* of takes, of exports */

    *n_known = 0;
    g_hash_table_iter_init(&iter, self->prospects);
    while (g_hash_table_iter_next(&iter, &job, &value)) {
        const VeraQueueProspect *p = value;
        /* What was paused goes on from its last finished step or frame. */
        int n_steps = MAX(p->n_steps - vera_job_get_step(job), 0);
        double seconds = p->rate_key && vera_job_get_state(job) == VERA_JOB_STATE_QUEUED
                             ? vera_job_rates_foresee(rates, p->rate_key, &p->work, n_steps)
                             : -1;
        *n_known += seconds >= 0;
        sums[vera_job_is_export(job)] += MAX(seconds, 0);
    }
    return *n_known > 0 ? MAX(sums[0], sums[1]) : -1;
}

static void
vera_queue_forecast_dispose(GObject *object)
{
    VeraQueueForecast *self = VERA_QUEUE_FORECAST(object);

    if (self->asking != NULL)
        g_cancellable_cancel(self->asking);
    g_clear_object(&self->asking);
    g_clear_pointer(&self->prospects, g_hash_table_unref);
    g_clear_object(&self->queue);
    G_OBJECT_CLASS(vera_queue_forecast_parent_class)->dispose(object);
}

static void
vera_queue_forecast_class_init(VeraQueueForecastClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = vera_queue_forecast_dispose;
    signals[SIGNAL_CHANGED] = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST,
                                           0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vera_queue_forecast_init(VeraQueueForecast *self)
{
    self->prospects = g_hash_table_new_full(NULL, NULL, g_object_unref, vera_queue_prospect_free);
}

VeraQueueForecast *
vera_queue_forecast_new(VeraQueue *queue)
{
    VeraQueueForecast *self = g_object_new(VERA_TYPE_QUEUE_FORECAST, NULL);

    self->queue = g_object_ref(queue);
    g_signal_connect_object(queue, "changed", G_CALLBACK(vera_queue_forecast_look_cb), self,
                            G_CONNECT_SWAPPED);
    vera_queue_forecast_look_cb(self);
    return self;
}
