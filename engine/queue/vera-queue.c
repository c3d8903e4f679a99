#include "config.h"

#include "engine/queue/vera-queue.h"

#include <glib/gstdio.h>

#include "engine/queue/vera-job-private.h"
#include "engine/queue/vera-queue-run.h"
#include "engine/vera-engine-error.h"

struct _VeraQueue {
    GObject parent_instance;

    /* Owned */
    GPtrArray *jobs;
    char *state_path;
    VeraQueueRun *run; /* the job that runs */
    gboolean is_shut;

    gint64 preview_frame;
    VeraQueuePreviewFunc preview;
    gpointer preview_data;
};

static void vera_queue_list_model_init(GListModelInterface *iface);
static void vera_queue_pump(VeraQueue *self);

G_DEFINE_FINAL_TYPE_WITH_CODE(VeraQueue, vera_queue, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, vera_queue_list_model_init))

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

/* On disk: what is not over, in order. A queue that cannot be written goes on; the jobs' own states are safe. */
static void
vera_queue_save(VeraQueue *self)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *text = NULL, *folder = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;

    if (self->state_path == NULL)
        return;
    for (guint i = 0; i < self->jobs->len; i++) {
        VeraJob *job = g_ptr_array_index(self->jobs, i);
        g_autofree char *group = g_strdup_printf("job %u", i);
        if (!vera_job_state_is_over(job->state))
            vera_job_spec_save(job->spec, file, group);
    }
    text = g_key_file_to_data(file, &length, NULL);
    folder = g_path_get_dirname(self->state_path);
    g_mkdir_with_parents(folder, 0700);
    if (!g_file_set_contents_full(self->state_path, text, (gssize)length, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                  0600, &error))
        g_warning("The queue cannot be kept in ‘%s’: %s", self->state_path, error->message);
}

static void
vera_queue_load(VeraQueue *self)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) groups = NULL;

    if (self->state_path == NULL || !g_file_test(self->state_path, G_FILE_TEST_EXISTS))
        return;
    if (!g_key_file_load_from_file(file, self->state_path, G_KEY_FILE_NONE, NULL)) {
        g_autofree char *aside = g_strconcat(self->state_path, ".damaged", NULL);
        g_rename(self->state_path, aside);
        return;
    }
    groups = g_key_file_get_groups(file, NULL);
    for (int i = 0; groups[i] != NULL; i++) {
        VeraJobSpec *spec = vera_job_spec_load(file, groups[i]);
        VeraJob *job = spec ? vera_job_new(spec) : NULL;
        if (job == NULL)
            continue;
        job->state = VERA_JOB_STATE_PAUSED;
        job->was_started = TRUE;
        g_ptr_array_add(self->jobs, job);
    }
}

static void
vera_queue_set_state(VeraQueue *self, VeraJob *job, VeraJobState state, const char *message)
{
    vera_job_set_state(job, state, message);
    vera_queue_save(self);
    g_signal_emit(self, signals[SIGNAL_CHANGED], 0);
}

/* A take that was given up leaves nothing behind. */
static void
vera_queue_clean(VeraJob *job)
{
    g_autofree char *state = g_strconcat(job->spec->take_dir ? job->spec->take_dir : "", ".state", NULL);

    if (!job->spec->is_export)
        g_unlink(state);
}

static void
vera_queue_run_done_cb(VeraJob *job, const GError *error, gpointer user_data)
{
    g_autoptr(VeraQueue) self = g_object_ref(VERA_QUEUE(user_data));
    VeraJobState state = error == NULL ? VERA_JOB_STATE_DONE : VERA_JOB_STATE_FAILED;

    if (error != NULL && g_cancellable_is_cancelled(job->cancellable))
        state = job->stop_as;
    g_clear_pointer(&self->run, vera_queue_run_free);
    g_clear_object(&job->cancellable);
    if (state == VERA_JOB_STATE_CANCELLED)
        vera_queue_clean(job);
    vera_queue_set_state(self, job, state, state == VERA_JOB_STATE_FAILED ? error->message : NULL);
    if (vera_job_state_is_over(state))
        g_signal_emit(self, signals[SIGNAL_JOB_FINISHED], 0, job);
    vera_queue_pump(self);
}

static void
vera_queue_run_preview_cb(
    VeraJob *job, gint64 frame, int width, int height, const float *rgb, const float *matte, gpointer user_data)
{
    VeraQueue *self = user_data;

    if (self->preview != NULL)
        self->preview(job, frame, width, height, rgb, matte, self->preview_data);
}

static void
vera_queue_pump(VeraQueue *self)
{
    for (guint i = 0; self->run == NULL && !self->is_shut && i < self->jobs->len; i++) {
        VeraJob *job = g_ptr_array_index(self->jobs, i);
        if (job->state != VERA_JOB_STATE_QUEUED)
            continue;
        job->cancellable = g_cancellable_new();
        vera_queue_set_state(self, job, VERA_JOB_STATE_RUNNING, NULL);
        self->run = vera_queue_run_start(job, vera_queue_run_done_cb, vera_queue_run_preview_cb, self);
        vera_queue_run_set_preview_frame(self->run, self->preview_frame);
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
vera_queue_add_edit(VeraQueue *self, const VeraEditRequest *request, const char *title, const char *edit_id, const char *take_dir)
{
    VeraJobSpec *spec = g_new0(VeraJobSpec, 1);

    g_return_val_if_fail(VERA_IS_QUEUE(self), NULL);
    spec->id = g_uuid_string_random();
    spec->title = g_strdup(title);
    spec->edit_id = g_strdup(edit_id);
    spec->take_dir = g_strdup(take_dir);
    spec->frames = g_array_copy(request->frames);
    spec->request = *request;
    spec->request.frames = spec->frames;
    spec->request.clip_path = g_strdup(request->clip_path);
    spec->request.instruction = g_strdup(request->instruction);
    spec->request.negative_prompt = g_strdup(request->negative_prompt);
    spec->request.region_path = g_strdup(request->region_path);
    spec->request.model_dir = g_strdup(request->model_dir);
    spec->request.device = g_strdup(request->device);
    return vera_queue_add(self, spec);
}

VeraJob *
vera_queue_add_export(VeraQueue *self, const VeraQueueExport *order, const char *title)
{
    VeraJobSpec *spec = g_new0(VeraJobSpec, 1);

    g_return_val_if_fail(VERA_IS_QUEUE(self), NULL);
    spec->is_export = TRUE;
    spec->id = g_uuid_string_random();
    spec->title = g_strdup(title);
    spec->clip_path = g_strdup(order->clip_path);
    spec->take_dir = g_strdup(order->take_dir);
    spec->frames = g_array_copy(order->frames);
    spec->refinement = order->refinement;
    spec->settings = order->settings;
    spec->settings.output_dir = g_strdup(order->settings.output_dir);
    spec->settings.name = g_strdup(order->settings.name);
    spec->settings.record_json = g_strdup(order->settings.record_json);
    spec->settings.look = g_strdup(order->settings.look);
    return vera_queue_add(self, spec);
}

static void
vera_queue_stop(VeraJob *job, VeraJobState as)
{
    job->stop_as = as;
    g_cancellable_cancel(job->cancellable);
}

void
vera_queue_pause(VeraQueue *self, VeraJob *job)
{
    if (job->state == VERA_JOB_STATE_RUNNING)
        vera_queue_stop(job, VERA_JOB_STATE_PAUSED);
    else if (job->state == VERA_JOB_STATE_QUEUED)
        vera_queue_set_state(self, job, VERA_JOB_STATE_PAUSED, NULL);
}

void
vera_queue_resume(VeraQueue *self, VeraJob *job)
{
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
        vera_queue_clean(job);
        vera_queue_set_state(self, job, VERA_JOB_STATE_CANCELLED, NULL);
        g_signal_emit(self, signals[SIGNAL_JOB_FINISHED], 0, job);
    }
}

void
vera_queue_retry(VeraQueue *self, VeraJob *job)
{
    if (job->state != VERA_JOB_STATE_FAILED && job->state != VERA_JOB_STATE_CANCELLED)
        return;
    vera_queue_set_state(self, job, VERA_JOB_STATE_QUEUED, NULL);
    vera_queue_pump(self);
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

void
vera_queue_set_preview(VeraQueue *self, gint64 frame, VeraQueuePreviewFunc func, gpointer user_data)
{
    self->preview_frame = frame;
    self->preview = func;
    self->preview_data = user_data;
    if (self->run != NULL)
        vera_queue_run_set_preview_frame(self->run, func ? frame : -1);
}

void
vera_queue_shutdown(VeraQueue *self)
{
    self->is_shut = TRUE;
    self->preview = NULL;
    if (self->run == NULL)
        return;
    vera_queue_stop(vera_queue_run_get_job(self->run), VERA_JOB_STATE_PAUSED);
    vera_queue_run_wait(self->run);
}

static void
vera_queue_dispose(GObject *object)
{
    VeraQueue *self = VERA_QUEUE(object);

    vera_queue_shutdown(self);
    g_clear_pointer(&self->run, vera_queue_run_free);
    g_clear_pointer(&self->jobs, g_ptr_array_unref);
    g_clear_pointer(&self->state_path, g_free);
    G_OBJECT_CLASS(vera_queue_parent_class)->dispose(object);
}

static void
vera_queue_class_init(VeraQueueClass *klass)
{
    GType type = G_TYPE_FROM_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_queue_dispose;
    signals[SIGNAL_JOB_FINISHED] =
        g_signal_new("job-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, VERA_TYPE_JOB);
    signals[SIGNAL_CHANGED] = g_signal_new("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vera_queue_init(VeraQueue *self)
{
    self->jobs = g_ptr_array_new_with_free_func(g_object_unref);
    self->preview_frame = -1;
}

VeraQueue *
vera_queue_new(const char *state_path)
{
    VeraQueue *self = g_object_new(VERA_TYPE_QUEUE, NULL);

    self->state_path = g_strdup(state_path);
    vera_queue_load(self);
    return self;
}
