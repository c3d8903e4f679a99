#include "config.h"

#include "engine/queue/vera-queue.h"

#include <string.h>

#include <glib/gstdio.h>

#include "engine/project/vera-project-lock.h"
#include "engine/queue/vera-job-private.h"
#include "engine/queue/vera-queue-run.h"
#include "engine/queue/vera-queue-state.h"
#include "engine/queue/vera-queue-store.h"
#include "engine/vera-engine-error.h"

/* What leaving the program may take: promised to be about a second. */
#define VERA_QUEUE_WAIT_US G_USEC_PER_SEC

struct _VeraQueue {
    GObject parent_instance;

    /* Owned */
    GPtrArray *jobs;
    GPtrArray *runs; /* (element-type VeraQueueRun): the jobs that run, at most one a device */
    VeraQueueStore *store; /* (nullable) */
    VeraJobRates *rates;
    VeraProjectLock *lock; /* (nullable): the right to run and to write the list */
    char *notice;
    gboolean is_shut;

    gint64 preview_frame;
    VeraQueuePreviewFunc preview;
    gpointer preview_data;
};

static void vera_queue_list_model_init(GListModelInterface *iface);
static void vera_queue_pump(VeraQueue *self);

G_DEFINE_FINAL_TYPE_WITH_CODE(VeraQueue, vera_queue, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, vera_queue_list_model_init))

enum { PROP_0, PROP_NOTICE, N_PROPS };
static GParamSpec *props[N_PROPS];

enum { SIGNAL_JOB_FINISHED, SIGNAL_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

static GType
vera_queue_get_item_type(GListModel *model)
{
    return VERA_TYPE_JOB;
}

static guint
vera_queue_get_n_items(GListModel *model)
{
    return VERA_QUEUE(model)->jobs->len;
}

static gpointer
vera_queue_get_item(GListModel *model, guint position)
{
    VeraQueue *self = VERA_QUEUE(model);

    return position < self->jobs->len ? g_object_ref(g_ptr_array_index(self->jobs, position)) : NULL;
}

static void
vera_queue_list_model_init(GListModelInterface *iface)
{
    iface->get_item_type = vera_queue_get_item_type;
    iface->get_n_items = vera_queue_get_n_items;
    iface->get_item = vera_queue_get_item;
}

static void
vera_queue_set_notice(VeraQueue *self, const char *notice)
{
    g_free(self->notice);
    self->notice = g_strdup(notice);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_NOTICE]);
}

static void
vera_queue_store_failed_cb(const char *message, gpointer user_data)
{
    vera_queue_set_notice(user_data, message);
}

static void
vera_queue_save(VeraQueue *self)
{
    if (self->store != NULL)
        vera_queue_store_write(self->store, vera_queue_state_to_text(self->jobs));
}

/* Two programs that ran the same list would make every take twice, into the same folders. Where no
 * lock file can be made the list cannot be written either: the store says so. */
static gboolean
vera_queue_lock(VeraQueue *self, const char *path, char **notice)
{
    g_autofree char *folder = g_path_get_dirname(path), *owner = NULL;
    g_autoptr(GError) error = NULL;

    g_mkdir_with_parents(folder, 0700);
    self->lock = vera_project_lock_acquire(path, VERA_PROJECT_LOCK_FLAGS_NONE, &owner, &error);
    if (!g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_LOCKED))
        return TRUE;
    *notice = g_strdup_printf("Vera in %s has the list of jobs: jobs added here are not kept.", owner);
    return FALSE;
}

static void
vera_queue_load(VeraQueue *self, const char *path)
{
    g_autofree char *notice = NULL;

    if (vera_queue_lock(self, path, &notice) &&
        vera_queue_state_load(path, self->jobs, &notice))
        self->store = vera_queue_store_new(path, vera_queue_store_failed_cb, self);
    if (notice != NULL)
        vera_queue_set_notice(self, notice);
}

static void
vera_queue_set_state(VeraQueue *self, VeraJob *job, VeraJobState state, const char *message)
{
    vera_job_set_state(job, state, message);
    /* Before it is noted: a crash in between finishes the job once more, and the other way round a
     * take would be forgotten. */
    if (vera_job_state_is_over(state))
        g_signal_emit(self, signals[SIGNAL_JOB_FINISHED], 0, job);
    vera_queue_save(self);
    g_signal_emit(self, signals[SIGNAL_CHANGED], 0);
}

/* A take that was given up leaves nothing behind, and one that is begun again nothing to go on
 * from. */
static void
vera_queue_forget_steps(VeraJob *job)
{
    g_autofree char *state =
        job->spec->is_export ? NULL : g_strconcat(job->spec->take_dir, ".state", NULL);

    if (state != NULL)
        g_unlink(state);
    job->is_state_refused = FALSE;
    vera_job_clear_progress(job);
}

static VeraQueueRun *
vera_queue_find_run(VeraQueue *self, VeraJob *job)
{
    for (guint i = 0; i < self->runs->len; i++)
        if (vera_queue_run_get_job(self->runs->pdata[i]) == job)
            return self->runs->pdata[i];
    return NULL;
}

static void
vera_queue_note_rate(VeraQueue *self, VeraQueueRun *run)
{
    VeraJobWork work, seconds;
    const char *key = vera_queue_run_get_rate(run, &work, &seconds);

    if (key != NULL)
        vera_job_rates_note(self->rates, key, &work, &seconds);
}

static void
vera_queue_run_done_cb(VeraJob *job, const GError *error, gpointer user_data)
{
    g_autoptr(VeraQueue) self = g_object_ref(VERA_QUEUE(user_data));
    VeraQueueRun *run = vera_queue_find_run(self, job);
    VeraJobState state = error == NULL ? VERA_JOB_STATE_DONE : VERA_JOB_STATE_FAILED;

    if (error != NULL && g_cancellable_is_cancelled(job->cancellable))
        state = job->stop_as;
    g_ptr_array_remove(self->runs, run);
    vera_queue_note_rate(self, run);
    g_clear_object(&job->cancellable);
    if (state == VERA_JOB_STATE_CANCELLED)
        vera_queue_forget_steps(job);
    vera_queue_set_state(self, job, state, state == VERA_JOB_STATE_FAILED ? error->message : NULL);
    vera_queue_run_free(run);
    vera_queue_pump(self);
}

static void
vera_queue_run_preview_cb(VeraJob *job,
                          gint64 frame,
                          int width,
                          int height,
                          const float *rgb,
                          const float *matte,
                          gpointer user_data)
{
    VeraQueue *self = user_data;

    if (self->preview != NULL)
        self->preview(job, frame, width, height, rgb, matte, self->preview_data);
}

/* Jobs with the same answer wait for one another. */
static const char *
vera_queue_get_device(VeraJob *job)
{
    const char *device = job->spec->request.device;

    if (job->spec->is_export)
        return "export";
    return strcmp(device, "cuda") == 0 ? "cuda:0" : device;
}

static gboolean
vera_queue_is_busy(VeraQueue *self, const char *device)
{
    for (guint i = 0; i < self->runs->len; i++)
        if (strcmp(vera_queue_get_device(vera_queue_run_get_job(self->runs->pdata[i])), device) ==
            0)
            return TRUE;
    return FALSE;
}

static void
vera_queue_begin(VeraQueue *self, VeraJob *job)
{
    VeraQueueRun *run;

    job->cancellable = g_cancellable_new();
    run = vera_queue_run_start(job, vera_queue_run_done_cb, vera_queue_run_preview_cb, self);
    g_ptr_array_add(self->runs, run);
    vera_queue_run_set_preview_frame(run, self->preview ? self->preview_frame : -1);
    vera_queue_set_state(self, job, VERA_JOB_STATE_RUNNING, NULL);
}

/* Begins what can begin; signals may change the list, so it is looked at anew after each job. */
static void
vera_queue_pump(VeraQueue *self)
{
    for (guint i = 0; !self->is_shut && i < self->jobs->len; i++) {
        VeraJob *job = g_ptr_array_index(self->jobs, i);
        if (job->state != VERA_JOB_STATE_QUEUED ||
            vera_queue_is_busy(self, vera_queue_get_device(job)))
            continue;
        vera_queue_begin(self, job);
        i = (guint)-1;
    }
}

static VeraJob *
vera_queue_add(VeraQueue *self, VeraJobSpec *spec)
{
    VeraJob *job = vera_job_new(spec);

    g_ptr_array_add(self->jobs, job);
    g_list_model_items_changed(G_LIST_MODEL(self), self->jobs->len - 1, 0, 1);
    vera_queue_save(self);
    g_signal_emit(self, signals[SIGNAL_CHANGED], 0);
    vera_queue_pump(self);
    return job;
}

VeraJob *
vera_queue_add_edit(VeraQueue *self,
                    const VeraEditRequest *request,
                    const char *title,
                    const char *edit_id,
                    const char *take_dir)
{
    g_return_val_if_fail(VERA_IS_QUEUE(self), NULL);

    return vera_queue_add(self, vera_job_spec_new_edit(request, title, edit_id, take_dir));
}

VeraJob *
vera_queue_add_export(VeraQueue *self, const VeraQueueExport *order, const char *title)
{
    g_return_val_if_fail(VERA_IS_QUEUE(self), NULL);

    return vera_queue_add(self, vera_job_spec_new_export(order, title));
}

static void
vera_queue_stop(VeraJob *job, VeraJobState as)
{
    job->stop_as = as;
    vera_job_set_stopping(job, TRUE);
    g_cancellable_cancel(job->cancellable);
}

void
vera_queue_pause(VeraQueue *self, VeraJob *job)
{
    VeraQueueRun *run = vera_queue_find_run(self, job);

    if (job->state == VERA_JOB_STATE_QUEUED) {
        vera_queue_set_state(self, job, VERA_JOB_STATE_PAUSED, NULL);
    } else if (run != NULL && !(job->is_stopping && job->stop_as == VERA_JOB_STATE_CANCELLED)) {
        job->stop_as = VERA_JOB_STATE_PAUSED;
        vera_queue_run_stop_gently(run);
        vera_job_set_stopping(job, TRUE);
    }
}

void
vera_queue_resume(VeraQueue *self, VeraJob *job)
{
    VeraQueueRun *run = vera_queue_find_run(self, job);

    if (run != NULL && job->is_stopping && job->stop_as == VERA_JOB_STATE_PAUSED) {
        if (vera_queue_run_take_back_stop(run))
            vera_job_set_stopping(job, FALSE);
        else
            job->stop_as = VERA_JOB_STATE_QUEUED;
    }
    if (job->state != VERA_JOB_STATE_PAUSED)
        return;
    vera_queue_set_state(self, job, VERA_JOB_STATE_QUEUED, NULL);
    vera_queue_pump(self);
}

void
vera_queue_cancel(VeraQueue *self, VeraJob *job)
{
    if (job->state == VERA_JOB_STATE_RUNNING) {
        vera_queue_stop(job, VERA_JOB_STATE_CANCELLED);
    } else if (!vera_job_state_is_over(job->state)) {
        vera_queue_forget_steps(job);
        vera_queue_set_state(self, job, VERA_JOB_STATE_CANCELLED, NULL);
    }
}

void
vera_queue_retry(VeraQueue *self, VeraJob *job)
{
    if (job->state != VERA_JOB_STATE_FAILED && job->state != VERA_JOB_STATE_CANCELLED)
        return;
    if (job->is_state_refused)
        vera_queue_forget_steps(job);
    vera_queue_set_state(self, job, VERA_JOB_STATE_QUEUED, NULL);
    vera_queue_pump(self);
}

/* Signals may change the list while all jobs are gone through. */
static GPtrArray *
vera_queue_copy_jobs(VeraQueue *self)
{
    GPtrArray *jobs = g_ptr_array_new_with_free_func(g_object_unref);

    for (guint i = 0; i < self->jobs->len; i++)
        g_ptr_array_add(jobs, g_object_ref(self->jobs->pdata[i]));
    return jobs;
}

void
vera_queue_pause_all(VeraQueue *self)
{
    g_autoptr(GPtrArray) jobs = vera_queue_copy_jobs(self);

    /* Waiting ones first, so that none begins in the place of one that stops. */
    for (guint i = 0; i < jobs->len; i++)
        if (vera_queue_find_run(self, jobs->pdata[i]) == NULL)
            vera_queue_pause(self, jobs->pdata[i]);
    for (guint i = 0; i < jobs->len; i++)
        if (vera_queue_find_run(self, jobs->pdata[i]) != NULL)
            vera_queue_pause(self, jobs->pdata[i]);
}

void
vera_queue_resume_all(VeraQueue *self)
{
    g_autoptr(GPtrArray) jobs = vera_queue_copy_jobs(self);

    for (guint i = 0; i < jobs->len; i++)
        vera_queue_resume(self, jobs->pdata[i]);
}

void
vera_queue_remove(VeraQueue *self, VeraJob *job)
{
    guint position;

    if (!vera_job_state_is_over(job->state) || !g_ptr_array_find(self->jobs, job, &position))
        return;
    g_ptr_array_remove_index(self->jobs, position);
    g_list_model_items_changed(G_LIST_MODEL(self), position, 1, 0);
    vera_queue_save(self);
    g_signal_emit(self, signals[SIGNAL_CHANGED], 0);
}

void
vera_queue_clear_finished(VeraQueue *self)
{
    for (guint i = self->jobs->len; i-- > 0;) {
        VeraJob *job = g_ptr_array_index(self->jobs, i);
        if (vera_job_state_is_over(job->state))
            vera_queue_remove(self, job);
    }
}

void
vera_queue_move(VeraQueue *self, VeraJob *job, guint position)
{
    guint from;

    if (!g_ptr_array_find(self->jobs, job, &from) || from == MIN(position, self->jobs->len - 1))
        return;
    position = MIN(position, self->jobs->len - 1);
    g_object_ref(job);
    g_ptr_array_remove_index(self->jobs, from);
    g_list_model_items_changed(G_LIST_MODEL(self), from, 1, 0);
    g_ptr_array_insert(self->jobs, (gint)position, job);
    g_list_model_items_changed(G_LIST_MODEL(self), position, 0, 1);
    vera_queue_save(self);
}

guint
vera_queue_get_n_active(VeraQueue *self)
{
    guint n = 0;

    for (guint i = 0; i < self->jobs->len; i++) {
        VeraJobState state = ((VeraJob *)g_ptr_array_index(self->jobs, i))->state;
        n += state == VERA_JOB_STATE_QUEUED || state == VERA_JOB_STATE_RUNNING;
    }
    return n;
}

GPtrArray *
vera_queue_list_take_dirs(VeraQueue *self)
{
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < self->jobs->len; i++) {
        const VeraJob *job = g_ptr_array_index(self->jobs, i);
        if (job->state == VERA_JOB_STATE_DONE)
            continue;
        if (job->spec->take_dir != NULL)
            g_ptr_array_add(dirs, g_strdup(job->spec->take_dir));
        for (guint k = 0; job->spec->layers != NULL && k < job->spec->layers->len; k++)
            g_ptr_array_add(dirs,
                            g_strdup(g_array_index(job->spec->layers, VeraQueueLayer, k).take_dir));
    }
    return dirs;
}

void
vera_queue_set_preview(VeraQueue *self, gint64 frame, VeraQueuePreviewFunc func, gpointer user_data)
{
    self->preview_frame = frame;
    self->preview = func;
    self->preview_data = user_data;
    for (guint i = 0; i < self->runs->len; i++)
        vera_queue_run_set_preview_frame(self->runs->pdata[i], func ? frame : -1);
}

VeraJobRates *
vera_queue_get_rates(VeraQueue *self)
{
    return self->rates;
}

const char *
vera_queue_get_notice(VeraQueue *self)
{
    return self->notice;
}

gboolean
vera_queue_flush(VeraQueue *self)
{
    return self->store == NULL ||
           vera_queue_store_flush(self->store, g_get_monotonic_time() + VERA_QUEUE_WAIT_US);
}

gboolean
vera_queue_shutdown(VeraQueue *self)
{
    gint64 end_us = g_get_monotonic_time() + VERA_QUEUE_WAIT_US;
    gboolean ok = TRUE;

    self->is_shut = TRUE;
    self->preview = NULL;
    for (guint i = 0; i < self->runs->len; i++)
        vera_queue_stop(vera_queue_run_get_job(self->runs->pdata[i]), VERA_JOB_STATE_PAUSED);
    while (self->runs->len > 0) {
        VeraQueueRun *run = self->runs->pdata[0];
        if (vera_queue_run_wait(run, end_us))
            continue;
        ok = FALSE;
        g_ptr_array_remove_index(self->runs, 0);
        vera_queue_run_abandon(run);
    }
    if (self->store != NULL) {
        vera_queue_save(self);
        ok = vera_queue_store_flush(self->store, end_us) && ok;
        g_clear_pointer(&self->store, vera_queue_store_close);
    }
    /* A thread that still writes keeps the list from the next program until this one has ended. */
    if (ok)
        g_clear_pointer(&self->lock, vera_project_lock_release);
    return ok;
}

static void
vera_queue_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    if (id == PROP_NOTICE)
        g_value_set_string(value, VERA_QUEUE(object)->notice);
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void
vera_queue_dispose(GObject *object)
{
    VeraQueue *self = VERA_QUEUE(object);

    if (self->jobs != NULL)
        vera_queue_shutdown(self);
    g_clear_pointer(&self->rates, vera_job_rates_close);
    g_clear_pointer(&self->runs, g_ptr_array_unref);
    g_clear_pointer(&self->jobs, g_ptr_array_unref);
    g_clear_pointer(&self->notice, g_free);
    G_OBJECT_CLASS(vera_queue_parent_class)->dispose(object);
}

static void
vera_queue_class_init(VeraQueueClass *klass)
{
    GType type = G_TYPE_FROM_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_queue_dispose;
    G_OBJECT_CLASS(klass)->get_property = vera_queue_get_property;
    props[PROP_NOTICE] =
        g_param_spec_string("notice", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_properties(G_OBJECT_CLASS(klass), N_PROPS, props);
    signals[SIGNAL_JOB_FINISHED] =
        g_signal_new("job-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, VERA_TYPE_JOB);
    signals[SIGNAL_CHANGED] = g_signal_new("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vera_queue_init(VeraQueue *self)
{
    self->jobs = g_ptr_array_new_with_free_func(g_object_unref);
    self->runs = g_ptr_array_new();
    self->preview_frame = -1;
}

VeraQueue *
vera_queue_new(const char *state_path)
{
    VeraQueue *self = g_object_new(VERA_TYPE_QUEUE, NULL);

    g_autofree char *rates_path = state_path ? g_strconcat(state_path, "-rates", NULL) : NULL;

    self->rates = vera_job_rates_new(rates_path);
    if (state_path != NULL)
        vera_queue_load(self, state_path);
    return self;
}
