#include "config.h"

#include "engine/queue/vera-queue-run.h"

/* Reports and previews come at most this often, so that a fast job does not flood the main loop. */
#define VERA_QUEUE_REPORT_US 50000
#define VERA_QUEUE_PREVIEW_US 1500000

typedef struct {
    gint64 frame;
    int width, height;
    float *rgb, *matte;
} VeraQueuePicture;

struct _VeraQueueRun {
    gatomicrefcount ref_count;
    VeraJob *job;
    VeraQueueRunDoneFunc done;
    VeraQueuePreviewFunc preview;
    gpointer user_data;
    GThread *thread;
    gboolean is_over; /* main thread: the done function was called */

    GMutex lock;
    /* Under the lock */
    gint64 preview_frame;
    VeraQueuePicture *picture;
    char *plan_json;
    char phase[16];
    double fraction;
    int step, n_steps;
    gboolean is_report_pending;

    /* Of the thread until it has ended */
    gint64 last_preview_us;
    GError *error;
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
    g_atomic_ref_count_inc(&self->ref_count);
    return self;
}

void
vera_queue_run_free(VeraQueueRun *self)
{
    if (!g_atomic_ref_count_dec(&self->ref_count))
        return;
    g_clear_pointer(&self->thread, g_thread_unref);
    g_clear_pointer(&self->picture, vera_queue_picture_free);
    g_clear_error(&self->error);
    g_clear_object(&self->job);
    g_free(self->plan_json);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static gboolean
vera_queue_run_report_cb(gpointer data)
{
    VeraQueueRun *self = data;
    g_autofree char *plan = NULL;
    VeraQueuePicture *picture;
    char phase[16];
    double fraction;
    int step, n_steps;

    g_mutex_lock(&self->lock);
    self->is_report_pending = FALSE;
    g_strlcpy(phase, self->phase, sizeof phase);
    fraction = self->fraction;
    step = self->step;
    n_steps = self->n_steps;
    picture = g_steal_pointer(&self->picture);
    plan = g_steal_pointer(&self->plan_json);
    g_mutex_unlock(&self->lock);
    if (!self->is_over) {
        if (plan != NULL)
            vera_job_set_plan(self->job, plan);
        vera_job_set_progress(self->job, phase, fraction, step, n_steps);
        if (picture != NULL)
            self->preview(self->job, picture->frame, picture->width, picture->height, picture->rgb, picture->matte, self->user_data);
    }
    g_clear_pointer(&picture, vera_queue_picture_free);
    return G_SOURCE_REMOVE;
}

/* Called with the lock held. */
static void
vera_queue_run_report(VeraQueueRun *self)
{
    if (self->is_report_pending)
        return;
    self->is_report_pending = TRUE;
    g_timeout_add_full(G_PRIORITY_DEFAULT, VERA_QUEUE_REPORT_US / 1000, vera_queue_run_report_cb, vera_queue_run_ref(self),
                       (GDestroyNotify)vera_queue_run_free);
}

static void
vera_queue_run_progress_cb(const char *phase, double fraction, int step, int n_steps, gpointer user_data)
{
    VeraQueueRun *self = user_data;

    g_mutex_lock(&self->lock);
    g_strlcpy(self->phase, phase, sizeof self->phase);
    self->fraction = fraction;
    self->step = step;
    self->n_steps = n_steps;
    vera_queue_run_report(self);
    g_mutex_unlock(&self->lock);
}

static void
vera_queue_run_export_progress_cb(gint64 done, gint64 n_frames, gpointer user_data)
{
    vera_queue_run_progress_cb("export", (double)done / (double)MAX(n_frames, 1), (int)done, (int)n_frames, user_data);
}

static gint64
vera_queue_run_want_cb(gpointer user_data)
{
    VeraQueueRun *self = user_data;
    gint64 frame, now = g_get_monotonic_time();

    if (now - self->last_preview_us < VERA_QUEUE_PREVIEW_US)
        return -1;
    g_mutex_lock(&self->lock);
    frame = self->preview_frame;
    g_mutex_unlock(&self->lock);
    return frame;
}

static void
vera_queue_run_show_cb(gint64 frame, int width, int height, const float *rgb, const float *matte, gpointer user_data)
{
    VeraQueueRun *self = user_data;
    VeraQueuePicture *picture = g_new0(VeraQueuePicture, 1);
    gsize n = (gsize)width * (gsize)height;

    picture->frame = frame;
    picture->width = width;
    picture->height = height;
    picture->rgb = g_memdup2(rgb, n * 3 * sizeof(float));
    picture->matte = g_memdup2(matte, n * sizeof(float));
    self->last_preview_us = g_get_monotonic_time();
    g_mutex_lock(&self->lock);
    g_clear_pointer(&self->picture, vera_queue_picture_free);
    self->picture = picture;
    vera_queue_run_report(self);
    g_mutex_unlock(&self->lock);
}

static void
vera_queue_run_edit(VeraQueueRun *self)
{
    const VeraJobSpec *spec = self->job->spec;
    GCancellable *cancellable = self->job->cancellable;
    VeraEditJob *edit;

    vera_queue_run_progress_cb("load", 0, 0, MAX(spec->request.n_steps, 0), self);
    edit = vera_edit_job_new(&spec->request, cancellable, &self->error);
    if (edit == NULL)
        return;
    g_mutex_lock(&self->lock);
    self->plan_json = g_strdup(vera_edit_job_get_record(edit)->plan_json);
    g_mutex_unlock(&self->lock);
    vera_edit_job_set_preview(edit, &(VeraEditPreview){ vera_queue_run_want_cb, vera_queue_run_show_cb, self });
    vera_edit_job_run(edit, spec->take_dir, TRUE, vera_queue_run_progress_cb, self, cancellable, &self->error);
    vera_edit_job_free(edit);
}

static void
vera_queue_run_export(VeraQueueRun *self)
{
    const VeraJobSpec *spec = self->job->spec;
    GCancellable *cancellable = self->job->cancellable;
    g_autoptr(VeraClip) clip = vera_clip_open(spec->clip_path, cancellable, &self->error);
    g_autoptr(VeraTake) take = clip && spec->take_dir ? vera_take_open(spec->take_dir, cancellable, &self->error) : NULL;
    VeraExportJob job = { .clip = clip, .take = take, .frames = spec->frames, .refinement = spec->refinement, .settings = spec->settings };

    if (clip == NULL || (spec->take_dir && take == NULL))
        return;
    job.settings.is_resume = self->job->was_started;
    if (vera_export_job_run(&job, &self->n_changed, vera_queue_run_export_progress_cb, self, cancellable, &self->error))
        self->n_exported = take ? vera_take_get_record(take)->frames->len : spec->frames->len;
}

static void
vera_queue_run_finish(VeraQueueRun *self)
{
    if (self->is_over)
        return;
    self->is_over = TRUE;
    if (self->thread != NULL)
        g_thread_join(g_steal_pointer(&self->thread));
    self->job->was_started = TRUE;
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
        vera_queue_run_export(self);
    else
        vera_queue_run_edit(self);
    g_idle_add_full(G_PRIORITY_DEFAULT, vera_queue_run_done_cb, self, (GDestroyNotify)vera_queue_run_free);
    return NULL;
}

VeraQueueRun *
vera_queue_run_start(VeraJob *job, VeraQueueRunDoneFunc done, VeraQueuePreviewFunc preview, gpointer user_data)
{
    VeraQueueRun *self = g_new0(VeraQueueRun, 1);

    g_atomic_ref_count_init(&self->ref_count);
    g_mutex_init(&self->lock);
    self->job = g_object_ref(job);
    self->done = done;
    self->preview = preview;
    self->user_data = user_data;
    self->preview_frame = -1;
    self->thread = g_thread_new(job->spec->is_export ? "export" : "take", vera_queue_run_thread, vera_queue_run_ref(self));
    return self;
}

VeraJob *
vera_queue_run_get_job(VeraQueueRun *self)
{
    return self->job;
}

void
vera_queue_run_set_preview_frame(VeraQueueRun *self, gint64 frame)
{
    g_mutex_lock(&self->lock);
    self->preview_frame = frame;
    g_mutex_unlock(&self->lock);
}

void
vera_queue_run_wait(VeraQueueRun *self)
{
    vera_queue_run_ref(self);
    if (self->thread != NULL)
        g_thread_join(g_steal_pointer(&self->thread));
    vera_queue_run_finish(self);
    vera_queue_run_free(self);
}
