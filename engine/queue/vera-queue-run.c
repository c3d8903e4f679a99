#include "config.h"

#include "engine/queue/vera-queue-run.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "engine/queue/vera-edit-forecast.h"

/* Reports come at most this often, so that a fast job does not flood the main loop. */
#define VERA_QUEUE_REPORT_MS 50

/* Previews come at most this often, and take at most this share of the time. */
#define VERA_QUEUE_PREVIEW_US (2 * G_USEC_PER_SEC)
#define VERA_QUEUE_PREVIEW_SHARE 10

typedef struct {
    gint64 frame;
    int width, height;
    float *rgb, *matte;
} VeraQueuePicture;

struct _VeraQueueRun {
    atomic_int ref_count;
    VeraJob *job;
    VeraQueueRunDoneFunc done;
    VeraQueuePreviewFunc preview;
    gpointer user_data;
    GThread *thread;
    gboolean is_over; /* main thread: nothing more is reported */

    /* Under the lock; pthreads and C atomics, which ThreadSanitizer knows, unlike GLib's */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    gboolean has_ended;
    gint64 preview_frame;
    VeraQueuePicture *picture;
    char *plan_json;
    VeraJobClock clock;
    gboolean is_report_pending;
    gboolean is_stopping; /* after the step in work */

    /* The thread's own until it has ended */
    gint64 preview_asked_us, preview_due_us;
    GError *error;
    char *rate_key;
    gboolean is_state_refused;
    gint64 n_changed, n_exported;
};

static void
vera_queue_picture_free(VeraQueuePicture *self)
{
    g_free(self->rgb);
    g_free(self->matte);
    g_free(self);
}

static VeraQueueRun *
vera_queue_run_ref(VeraQueueRun *self)
{
    atomic_fetch_add(&self->ref_count, 1);
    return self;
}

void
vera_queue_run_free(VeraQueueRun *self)
{
    if (atomic_fetch_sub(&self->ref_count, 1) > 1)
        return;
    g_clear_pointer(&self->thread, g_thread_unref);
    g_clear_pointer(&self->picture, vera_queue_picture_free);
    g_clear_error(&self->error);
    g_clear_object(&self->job);
    g_free(self->plan_json);
    g_free(self->rate_key);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->ended);
    g_free(self);
}

static void
vera_queue_run_deliver(VeraQueueRun *self)
{
    g_autofree char *plan = NULL;
    VeraQueuePicture *picture;
    VeraJobClock clock;

    pthread_mutex_lock(&self->lock);
    clock = self->clock;
    picture = g_steal_pointer(&self->picture);
    plan = g_steal_pointer(&self->plan_json);
    pthread_mutex_unlock(&self->lock);
    if (!self->is_over) {
        if (plan != NULL)
            vera_job_set_plan(self->job, plan);
        vera_job_set_progress(self->job, &clock);
        if (picture != NULL)
            self->preview(self->job, picture->frame, picture->width, picture->height, picture->rgb,
                          picture->matte, self->user_data);
    }
    g_clear_pointer(&picture, vera_queue_picture_free);
}

static gboolean
vera_queue_run_report_cb(gpointer data)
{
    VeraQueueRun *self = data;

    pthread_mutex_lock(&self->lock);
    self->is_report_pending = FALSE;
    pthread_mutex_unlock(&self->lock);
    vera_queue_run_deliver(self);
    return G_SOURCE_REMOVE;
}

/* Called with the lock held. */
static void
vera_queue_run_report(VeraQueueRun *self)
{
    if (self->is_report_pending)
        return;
    self->is_report_pending = TRUE;
    g_timeout_add_full(G_PRIORITY_DEFAULT, VERA_QUEUE_REPORT_MS, vera_queue_run_report_cb,
                       vera_queue_run_ref(self), (GDestroyNotify)vera_queue_run_free);
}

static void
vera_queue_run_progress_cb(
    const char *phase, double fraction, int step, int n_steps, gpointer user_data)
{
    VeraQueueRun *self = user_data;
    gboolean is_step_end;

    pthread_mutex_lock(&self->lock);
    is_step_end = strcmp(self->clock.phase, "sample") == 0 && step > self->clock.step;
    vera_job_clock_tick(&self->clock, phase, fraction, step, n_steps, g_get_monotonic_time());
    if (self->is_stopping && is_step_end)
        g_cancellable_cancel(self->job->cancellable);
    vera_queue_run_report(self);
    pthread_mutex_unlock(&self->lock);
}

static void
vera_queue_run_export_progress_cb(gint64 done, gint64 n_frames, gpointer user_data)
{
    vera_queue_run_progress_cb("export", (double)done / (double)MAX(n_frames, 1), (int)done,
                               (int)n_frames, user_data);
}

static gint64
vera_queue_run_want_cb(gpointer user_data)
{
    VeraQueueRun *self = user_data;
    gint64 frame = -1;

    self->preview_asked_us = g_get_monotonic_time();
    if (self->preview_asked_us < self->preview_due_us)
        return -1;
    pthread_mutex_lock(&self->lock);
    if (!self->is_stopping)
        frame = self->preview_frame;
    pthread_mutex_unlock(&self->lock);
    return frame;
}

static void
vera_queue_run_show_cb(
    gint64 frame, int width, int height, const float *rgb, const float *matte, gpointer user_data)
{
    VeraQueueRun *self = user_data;
    VeraQueuePicture *picture = g_new0(VeraQueuePicture, 1);
    gsize n = (gsize)width * (gsize)height;
    gint64 now = g_get_monotonic_time();

    self->preview_due_us =
        now + MAX(VERA_QUEUE_PREVIEW_US, (now - self->preview_asked_us) * VERA_QUEUE_PREVIEW_SHARE);
    *picture =
        (VeraQueuePicture){frame, width, height, g_try_new(float, n * 3), g_try_new(float, n)};
    if (picture->rgb == NULL || picture->matte == NULL) {
        vera_queue_picture_free(picture);
        return;
    }
    memcpy(picture->rgb, rgb, n * 3 * sizeof *rgb);
    memcpy(picture->matte, matte, n * sizeof *matte);
    pthread_mutex_lock(&self->lock);
    g_clear_pointer(&self->picture, vera_queue_picture_free);
    self->picture = picture;
    vera_queue_run_report(self);
    pthread_mutex_unlock(&self->lock);
}

static void
vera_queue_run_start_clock(
    VeraQueueRun *self, const VeraJobWork *work, const char *plan_json, int n_resumed, int n_steps)
{
    pthread_mutex_lock(&self->lock);
    vera_job_clock_start(&self->clock, work, n_resumed);
    self->plan_json = g_strdup(plan_json);
    pthread_mutex_unlock(&self->lock);
    vera_queue_run_progress_cb("load", 0, n_resumed, n_steps, self);
}

static void
vera_queue_run_edit(VeraQueueRun *self)
{
    const VeraJobSpec *spec = self->job->spec;
    GCancellable *cancellable = self->job->cancellable;
    int n_resumed = self->clock.n_resumed;
    VeraEditJob *edit = vera_edit_job_new(&spec->request, cancellable, &self->error);
    const VeraTakeRecord *record;
    VeraJobWork work;

    if (edit == NULL)
        return;
    record = vera_edit_job_get_record(edit);
    work = vera_edit_job_get_work(edit);
    self->rate_key = vera_edit_job_dup_rate_key(edit);
    vera_queue_run_start_clock(self, &work, record->plan_json, n_resumed, record->n_steps);
    vera_edit_job_set_preview(
        edit, &(VeraEditPreview){vera_queue_run_want_cb, vera_queue_run_show_cb, self});
    vera_edit_job_run(edit, spec->take_dir, TRUE, vera_queue_run_progress_cb, self, cancellable,
                      &self->error);
    self->is_state_refused = vera_edit_job_is_state_refused(edit);
    vera_edit_job_free(edit);
}

/* Opens the takes of the stack; @takes keeps them. Returns: (transfer full) (nullable): the layers
 */
static GArray *
vera_queue_run_open_layers(VeraQueueRun *self, GPtrArray *takes)
{
    const GArray *wanted = self->job->spec->layers;
    g_autoptr(GArray) layers = g_array_new(FALSE, FALSE, sizeof(VeraExportLayer));

    for (guint i = 0; i < wanted->len; i++) {
        const VeraQueueLayer *layer = &g_array_index(wanted, VeraQueueLayer, i);
        VeraTake *take = vera_take_open(layer->take_dir, self->job->cancellable, &self->error);
        VeraExportLayer opened = {take, layer->refinement, (float)layer->opacity};
        if (take == NULL)
            return NULL;
        g_ptr_array_add(takes, take);
        g_array_append_val(layers, opened);
    }
    return g_steal_pointer(&layers);
}

static void
vera_queue_run_export(VeraQueueRun *self, gboolean is_resume)
{
    const VeraJobSpec *spec = self->job->spec;
    GCancellable *cancellable = self->job->cancellable;
    g_autoptr(VeraClip) clip = vera_clip_open(spec->clip_path, cancellable, &self->error);
    g_autoptr(GPtrArray) takes = g_ptr_array_new_with_free_func((GDestroyNotify)vera_take_free);
    g_autoptr(GArray) layers = clip ? vera_queue_run_open_layers(self, takes) : NULL;
    VeraExportJob job = {.clip = clip, .frames = spec->frames, .settings = spec->settings};

    if (layers == NULL)
        return;
    job.layers = (const VeraExportLayer *)(const void *)layers->data;
    job.n_layers = (int)layers->len;
    job.settings.is_resume = spec->settings.is_resume || is_resume;
    /* Frames that are kept from an earlier run say nothing of how fast they are made. */
    if (!job.settings.is_resume) {
        VeraJobWork work = vera_export_job_estimate(vera_clip_get_info(clip), job.n_layers);
        self->rate_key = vera_export_job_make_rate_key(&job.settings);
        vera_queue_run_start_clock(self, &work, NULL, 0, (int)spec->frames->len);
    }
    if (vera_export_job_run(&job, &self->n_changed, vera_queue_run_export_progress_cb, self,
                            cancellable, &self->error))
        self->n_exported = spec->frames->len;
}

static void
vera_queue_run_finish(VeraQueueRun *self)
{
    if (self->is_over)
        return;
    vera_queue_run_deliver(self);
    self->is_over = TRUE;
    g_thread_join(g_steal_pointer(&self->thread));
    self->job->was_started = TRUE;
    self->job->is_state_refused = self->is_state_refused;
    self->job->n_changed = self->n_changed;
    self->job->n_exported = self->n_exported;
    self->done(self->job, self->error, self->user_data);
}

static gboolean
vera_queue_run_done_cb(gpointer data)
{
    vera_queue_run_finish(data);
    return G_SOURCE_REMOVE;
}

static gpointer
vera_queue_run_thread(gpointer data)
{
    VeraQueueRun *self = data;

    if (self->job->spec->is_export)
        vera_queue_run_export(self, self->job->was_started);
    else
        vera_queue_run_edit(self);
        /* A paused job gives its memory back to the system, not only to this process. */
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    pthread_mutex_lock(&self->lock);
    self->has_ended = TRUE;
    pthread_cond_broadcast(&self->ended);
    pthread_mutex_unlock(&self->lock);
    g_idle_add_full(G_PRIORITY_DEFAULT, vera_queue_run_done_cb, self,
                    (GDestroyNotify)vera_queue_run_free);
    return NULL;
}

VeraQueueRun *
vera_queue_run_start(VeraJob *job,
                     VeraQueueRunDoneFunc done,
                     VeraQueuePreviewFunc preview,
                     gpointer user_data)
{
    VeraQueueRun *self = g_new0(VeraQueueRun, 1);
    pthread_condattr_t attributes;

    atomic_init(&self->ref_count, 1);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    self->job = g_object_ref(job);
    self->done = done;
    self->preview = preview;
    self->user_data = user_data;
    self->preview_frame = -1;
    vera_job_clock_start(&self->clock, &(VeraJobWork){0}, job->spec->is_export ? 0 : job->step);
    self->clock.fraction = job->fraction;
    vera_job_clock_tick(&self->clock, "load", 0, job->step, job->n_steps, g_get_monotonic_time());
    vera_job_set_progress(job, &self->clock);
    self->thread = g_thread_new(job->spec->is_export ? "export" : "take", vera_queue_run_thread,
                                vera_queue_run_ref(self));
    return self;
}

const char *
vera_queue_run_get_rate(VeraQueueRun *self, VeraJobWork *work, VeraJobWork *seconds)
{
    *work = self->clock.work;
    *seconds = vera_job_clock_get_seconds(&self->clock);
    return self->rate_key;
}

VeraJob *
vera_queue_run_get_job(VeraQueueRun *self)
{
    return self->job;
}

void
vera_queue_run_set_preview_frame(VeraQueueRun *self, gint64 frame)
{
    pthread_mutex_lock(&self->lock);
    self->preview_frame = frame;
    pthread_mutex_unlock(&self->lock);
}

void
vera_queue_run_stop_gently(VeraQueueRun *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->is_stopping || strcmp(self->clock.phase, "sample") != 0)
        g_cancellable_cancel(self->job->cancellable);
    self->is_stopping = TRUE;
    pthread_mutex_unlock(&self->lock);
}

gboolean
vera_queue_run_take_back_stop(VeraQueueRun *self)
{
    gboolean ok;

    pthread_mutex_lock(&self->lock);
    ok = !g_cancellable_is_cancelled(self->job->cancellable);
    self->is_stopping = FALSE;
    pthread_mutex_unlock(&self->lock);
    return ok;
}

gboolean
vera_queue_run_wait(VeraQueueRun *self, gint64 end_us)
{
    struct timespec end = {end_us / G_USEC_PER_SEC, end_us % G_USEC_PER_SEC * 1000};
    gboolean is_late = FALSE;

    pthread_mutex_lock(&self->lock);
    while (!self->has_ended && !is_late)
        is_late = pthread_cond_timedwait(&self->ended, &self->lock, &end) == ETIMEDOUT;
    is_late = !self->has_ended;
    pthread_mutex_unlock(&self->lock);
    if (is_late)
        return FALSE;
    vera_queue_run_ref(self);
    vera_queue_run_finish(self);
    vera_queue_run_free(self);
    return TRUE;
}

void
vera_queue_run_abandon(VeraQueueRun *self)
{
    self->is_over = TRUE;
    vera_queue_run_free(self);
}
