#include "config.h"

#include "engine/queue/vera-queue-forecast.h"
#include "tests/engine/queue-reference.h"

static GThread *main_thread;

/* Each state a job takes, and each end, in order, as "title:state". */
static void
note_state_cb(VeraJob *job, GParamSpec *pspec, GString *log)
{
    g_autoptr(GEnumClass) states = g_type_class_ref(VERA_TYPE_JOB_STATE);

    g_assert_true(g_thread_self() == main_thread);
    g_string_append_printf(log, "%s:%s ", vera_job_get_title(job),
                           g_enum_get_value(states, (int)vera_job_get_state(job))->value_nick);
}

static void
note_finished_cb(VeraQueue *queue, VeraJob *job, GString *log)
{
    g_string_append_printf(log, "%s:end ", vera_job_get_title(job));
}

static VeraJob *
add_noted(VeraQueue *queue, const char *name, GString *log)
{
    VeraJob *job = queue_add(queue, folder, name);

    g_signal_connect(job, "notify::state", G_CALLBACK(note_state_cb), log);
    return job;
}

static void
test_order(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    VeraJob *first, *second;

    g_signal_connect(queue, "job-finished", G_CALLBACK(note_finished_cb), log);
    gate_set(".state", 1);
    first = add_noted(queue, "order-1", log);
    second = add_noted(queue, "order-2", log);
    gate_wait();
    g_assert_cmpint(vera_job_get_state(first), ==, VERA_JOB_STATE_RUNNING);
    g_assert_cmpint(vera_job_get_state(second), ==, VERA_JOB_STATE_QUEUED);
    g_assert_cmpuint(vera_queue_get_n_active(queue), ==, 2);
    gate_open();
    queue_wait(second, VERA_JOB_STATE_DONE);
    g_assert_cmpstr(log->str, ==,
                    "order-1:done order-1:end order-2:running order-2:done order-2:end ");
    g_assert_cmpfloat(vera_job_get_fraction(second), ==, 1);
    g_assert_cmpint(vera_job_get_step(second), ==, QUEUE_N_STEPS);
    g_assert_cmpint(vera_job_get_n_steps(second), ==, QUEUE_N_STEPS);
    g_assert_nonnull(strstr(vera_job_get_plan_json(second), "windows"));
    g_assert_cmpstr(vera_job_get_kind(second), ==, "edit");
    g_assert_cmpstr(vera_job_get_edit_id(second), ==, "edit-1");
    assert_is_reference("order-1");
    assert_is_reference("order-2");
    vera_queue_clear_finished(queue);
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(queue)), ==, 0);
}

static void
test_failing(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autofree char *take = g_build_filename(folder, "failing", NULL);
    g_autofree char *lost = g_build_filename(folder, "lost.mkv", NULL);
    VeraEditRequest request;
    VeraJob *bad, *good;

    gate_set(NULL, 0);
    queue_make_request(&request, folder);
    request.clip_path = lost;
    bad = vera_queue_add_edit(queue, &request, "bad", NULL, take);
    good = queue_add(queue, folder, "after-failing");
    queue_wait(good, VERA_JOB_STATE_DONE);
    g_assert_cmpint(vera_job_get_state(bad), ==, VERA_JOB_STATE_FAILED);
    g_assert_nonnull(strstr(vera_job_get_message(bad), "lost.mkv"));
    g_assert_null(vera_job_get_message(good));
    assert_is_reference("after-failing");
    /* Once the clip is there, trying again does it. */
    g_assert_true(fixture_run("cp clip.mkv lost.mkv"));
    vera_queue_retry(queue, bad);
    queue_wait(bad, VERA_JOB_STATE_DONE);
    assert_is_reference("failing");
}

/* The step in work is finished and kept: in all no step is made twice. */
static void
test_pause(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    VeraJob *job;

    gate_set(".state", 1);
    job = add_noted(queue, "pause", log);
    gate_wait();
    vera_queue_pause(queue, job);
    g_assert_true(vera_job_is_stopping(job));
    g_assert_cmpint(vera_job_get_state(job), ==, VERA_JOB_STATE_RUNNING);
    gate_open();
    queue_wait(job, VERA_JOB_STATE_PAUSED);
    g_assert_false(vera_job_is_stopping(job));
    g_assert_cmpint(gate_get_n_passed(), ==, 1);
    g_assert_cmpint(vera_job_get_step(job), ==, 1);
    g_assert_true(queue_has_file(folder, "pause.state"));
    g_assert_cmpuint(vera_queue_get_n_active(queue), ==, 0);
    vera_queue_resume(queue, job);
    queue_wait(job, VERA_JOB_STATE_DONE);
    g_assert_cmpint(gate_get_n_passed(), ==, QUEUE_N_STEPS);
    assert_is_reference("pause");
}

/* A pause that has not happened yet is taken back, and the job never stops. */
static void
test_pause_taken_back(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    VeraJob *job;

    gate_set(".state", 1);
    job = add_noted(queue, "taken-back", log);
    gate_wait();
    vera_queue_pause(queue, job);
    vera_queue_resume(queue, job);
    g_assert_false(vera_job_is_stopping(job));
    gate_open();
    queue_wait(job, VERA_JOB_STATE_DONE);
    g_assert_cmpstr(log->str, ==, "taken-back:done ");
    assert_is_reference("taken-back");
}

/* Asked twice it stops at once; a resume that comes meanwhile queues it again. */
static void
test_pause_at_once(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    VeraJob *job;

    gate_set(".state", 2);
    job = add_noted(queue, "at-once", log);
    gate_wait();
    vera_queue_pause(queue, job);
    vera_queue_pause(queue, job);
    vera_queue_resume(queue, job);
    gate_open();
    queue_wait(job, VERA_JOB_STATE_DONE);
    g_assert_cmpstr(log->str, ==, "at-once:queued at-once:running at-once:done ");
    g_assert_cmpint(gate_get_n_passed(), ==, QUEUE_N_STEPS);
    assert_is_reference("at-once");
}

static void
test_all(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    VeraJob *first, *second;

    gate_set(".state", 1);
    first = queue_add(queue, folder, "all-1");
    second = queue_add(queue, folder, "all-2");
    gate_wait();
    vera_queue_pause_all(queue);
    gate_open();
    queue_wait(first, VERA_JOB_STATE_PAUSED);
    g_assert_cmpint(vera_job_get_state(second), ==, VERA_JOB_STATE_PAUSED);
    vera_queue_resume_all(queue);
    queue_wait(second, VERA_JOB_STATE_DONE);
    assert_is_reference("all-1");
    assert_is_reference("all-2");
}

static void
test_cancel(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    VeraJob *job, *waiting;

    g_signal_connect(queue, "job-finished", G_CALLBACK(note_finished_cb), log);
    gate_set(".state", 1);
    job = add_noted(queue, "cancel", log);
    waiting = add_noted(queue, "waiting", log);
    gate_wait();
    vera_queue_cancel(queue, waiting);
    g_assert_cmpint(vera_job_get_state(waiting), ==, VERA_JOB_STATE_CANCELLED);
    vera_queue_cancel(queue, job);
    gate_open();
    queue_wait(job, VERA_JOB_STATE_CANCELLED);
    g_assert_cmpstr(log->str, ==, "waiting:cancelled waiting:end cancel:cancelled cancel:end ");
    /* No further step was made, and nothing is left. */
    g_assert_cmpint(gate_get_n_passed(), ==, 1);
    g_assert_false(queue_has_file(folder, "cancel"));
    g_assert_false(queue_has_file(folder, "cancel.part"));
    g_assert_false(queue_has_file(folder, "cancel.state"));
    g_assert_null(vera_job_get_message(job));
    g_assert_cmpfloat(vera_job_get_fraction(job), ==, 0);
    vera_queue_retry(queue, job);
    queue_wait(job, VERA_JOB_STATE_DONE);
    assert_is_reference("cancel");
}

static void
test_reorder(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    static const int order[] = {0, 2, 1};
    VeraJob *jobs[3];

    g_signal_connect(queue, "job-finished", G_CALLBACK(note_finished_cb), log);
    gate_set(".state", 1);
    for (int i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("reorder-%d", i);
        jobs[i] = queue_add(queue, folder, name);
    }
    gate_wait();
    vera_queue_move(queue, jobs[2], 1);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(VeraJob) job = g_list_model_get_item(G_LIST_MODEL(queue), i);
        g_assert_true(job == jobs[order[i]]);
    }
    gate_open();
    queue_wait(jobs[1], VERA_JOB_STATE_DONE);
    g_assert_cmpstr(log->str, ==, "reorder-0:end reorder-2:end reorder-1:end ");
}

/* What a saved state is worth, is found out when it is read; one that is refused does not stand in
 * the way for ever. */
static void
test_refused_state(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autofree char *state = g_build_filename(folder, "refused.state", NULL);
    VeraJob *job;

    gate_set(NULL, 0);
    g_assert_true(g_file_set_contents(state, "no state", -1, NULL));
    job = queue_add(queue, folder, "refused");
    queue_wait(job, VERA_JOB_STATE_FAILED);
    g_assert_nonnull(strstr(vera_job_get_message(job), "state"));
    vera_queue_retry(queue, job);
    queue_wait(job, VERA_JOB_STATE_DONE);
    assert_is_reference("refused");
    /* A folder that is something else is refused before any work is done, and left as it is. */
    g_assert_true(fixture_run("mkdir occupied && touch occupied/mine"));
    gate_set(".state", 0);
    job = queue_add(queue, folder, "occupied");
    queue_wait(job, VERA_JOB_STATE_FAILED);
    g_assert_nonnull(strstr(vera_job_get_message(job), "occupied"));
    g_assert_cmpint(gate_get_n_passed(), ==, 0);
    g_assert_true(queue_has_file(folder, "occupied/mine"));
}

typedef struct {
    VeraJob *job;
    int n_shown;
    gint64 frame;
    int width, height;
    float least, most;
} Preview;

static void
show_preview_cb(VeraJob *job,
                gint64 frame,
                int width,
                int height,
                const float *rgb,
                const float *matte,
                gpointer user_data)
{
    Preview *self = user_data;

    *self = (Preview){job, self->n_shown + 1, frame, width, height, 1, 0};
    for (int i = 0; i < width * height; i++) {
        g_assert_true(matte[i] >= 0 && matte[i] <= 1);
        for (int c = 0; c < 3; c++) {
            g_assert_true(rgb[3 * i + c] >= 0 && rgb[3 * i + c] <= 1);
            self->least = MIN(self->least, rgb[3 * i + c]);
            self->most = MAX(self->most, rgb[3 * i + c]);
        }
    }
}

/* The reference was made without one. */
static void
test_preview(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    Preview preview = {0};
    VeraEditRequest request;
    VeraJob *job;

    gate_set(NULL, 0);
    queue_make_request(&request, folder);
    vera_queue_set_preview(queue, 5, show_preview_cb, &preview);
    job = queue_add(queue, folder, "preview");
    queue_wait(job, VERA_JOB_STATE_DONE);
    g_assert_cmpint(preview.n_shown, >, 0);
    g_assert_true(preview.job == job);
    g_assert_cmpint(preview.frame, ==, 5);
    g_assert_cmpint(preview.width, ==, request.width);
    g_assert_cmpint(preview.height, ==, request.height);
    g_assert_cmpfloat(preview.most, >, preview.least);
    assert_is_reference("preview");
    /* A frame outside of the range is shown by nobody. */
    preview.n_shown = 0;
    vera_queue_set_preview(queue, 1, show_preview_cb, &preview);
    job = queue_add(queue, folder, "no-preview");
    queue_wait(job, VERA_JOB_STATE_DONE);
    g_assert_cmpint(preview.n_shown, ==, 0);
}

static VeraJob *
add_export(VeraQueue *queue, const char *name)
{
    g_autofree char *clip = g_build_filename(folder, "clip.mkv", NULL);
    g_autofree char *take = g_build_filename(folder, "reference", NULL);
    g_autofree char *out = g_build_filename(folder, name, NULL);
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    VeraQueueLayer layer = {take, VERA_MATTE_REFINEMENT_INIT, 1};
    VeraQueueExport order = {.clip_path = clip,
                             .layers = &layer,
                             .n_layers = 1,
                             .frames = frames,
                             .settings = VERA_EXPORT_SETTINGS_INIT};

    for (gint64 i = 0; i < QUEUE_N_FRAMES; i++)
        g_array_append_vals(frames, &(gint64){2 + i}, 1);
    order.settings.output_dir = out;
    order.settings.name = "shot";
    return vera_queue_add_export(queue, &order, name);
}

/* An export does not wait for a take, and one that was paused writes no frame twice. */
static void
test_export(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autofree char *whole = g_build_filename(folder, "whole", NULL);
    g_autofree char *parts = g_build_filename(folder, "parts", NULL);
    g_autofree char *whole_hash = NULL, *parts_hash = NULL;
    gint64 n_changed, n_frames, first, last;
    VeraJob *take, *export;

    gate_set(".state", 1);
    take = queue_add(queue, folder, "beside-export");
    gate_wait();
    export = add_export(queue, "whole");
    queue_wait(export, VERA_JOB_STATE_DONE);
    g_assert_cmpint(vera_job_get_state(take), ==, VERA_JOB_STATE_RUNNING);
    gate_open();
    queue_wait(take, VERA_JOB_STATE_DONE);
    vera_job_get_proof(export, &n_changed, &n_frames);
    g_assert_cmpint(n_changed, ==, 0);
    g_assert_cmpint(n_frames, ==, QUEUE_N_FRAMES);
    vera_job_get_range(export, &first, &last);
    g_assert_cmpint(first, ==, 2);
    g_assert_cmpint(last, ==, 6);
    g_assert_cmpstr(vera_job_get_output(export), ==, whole);
    g_assert_cmpstr(vera_job_get_kind(export), ==, "export");

    gate_set(".exr", 2);
    export = add_export(queue, "parts");
    gate_wait();
    vera_queue_pause(queue, export);
    gate_open();
    queue_wait(export, VERA_JOB_STATE_PAUSED);
    /* The frame that was being made while the gate held the one before it may still be written. */
    g_assert_cmpint(gate_get_n_passed(), >=, 2);
    g_assert_cmpint(gate_get_n_passed(), <=, 3);
    vera_queue_resume(queue, export);
    queue_wait(export, VERA_JOB_STATE_DONE);
    g_assert_cmpint(gate_get_n_passed(), ==, QUEUE_N_FRAMES);
    whole_hash = queue_hash_folder(whole);
    parts_hash = queue_hash_folder(parts);
    g_assert_cmpstr(whole_hash, ==, parts_hash);
}

/* How long exports that wait will take is told once one like them has run here; one that keeps
 * frames from before is no measure. */
static void
test_export_forecast(void)
{
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    g_autoptr(VeraQueueForecast) forecast = vera_queue_forecast_new(queue);
    VeraJob *first, *last;
    guint n_known = 9;
    double seconds;

#ifdef __SANITIZE_THREAD__
    g_test_skip("tasks go to their threads over locks of GLib's, which ThreadSanitizer cannot see");
    return;
#endif
    gate_set(".exr", 2);
    first = add_export(queue, "rate-first");
    add_export(queue, "rate-next");
    last = add_export(queue, "rate-last");
    gate_wait();
    g_assert_cmpfloat(vera_queue_forecast_get(forecast, &n_known), ==, -1);
    g_assert_cmpuint(n_known, ==, 0);
    gate_open();
    queue_wait(first, VERA_JOB_STATE_DONE);
    gate_set(".exr", 1);
    gate_wait();
    g_assert_cmpint(vera_job_get_state(last), ==, VERA_JOB_STATE_QUEUED);
    while ((seconds = vera_queue_forecast_get(forecast, &n_known)) < 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(n_known, ==, 1);
    g_assert_cmpfloat(seconds, >, 0);
    g_assert_cmpfloat(seconds, <, 600);
    gate_open();
    queue_wait(last, VERA_JOB_STATE_DONE);
}

int
main(int argc, char **argv)
{
    int result;

    g_test_init(&argc, &argv, NULL);
    main_thread = g_thread_self();
    if (!make_reference())
        return 77;
    g_test_add_func("/queue/order", test_order);
    g_test_add_func("/queue/failing", test_failing);
    g_test_add_func("/queue/pause", test_pause);
    g_test_add_func("/queue/pause-taken-back", test_pause_taken_back);
    g_test_add_func("/queue/pause-at-once", test_pause_at_once);
    g_test_add_func("/queue/all", test_all);
    g_test_add_func("/queue/cancel", test_cancel);
    g_test_add_func("/queue/reorder", test_reorder);
    g_test_add_func("/queue/refused-state", test_refused_state);
    g_test_add_func("/queue/preview", test_preview);
    g_test_add_func("/queue/export", test_export);
    g_test_add_func("/queue/export-forecast", test_export_forecast);
    result = g_test_run();
    fixture_remove_folder();
    g_free(reference);
    return result;
}
