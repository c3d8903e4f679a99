#include "config.h"

#include <signal.h>
#include <string.h>

#include "engine/queue/vera-queue.h"
#include "tests/engine/media-fixture.h"

/* The queue with the bundled model on short ranges. Nothing here depends on time: each test waits for a state. */

#define N_STEPS 3

static char *model_dir;

static VeraEditRequest
make_request(const char *clip, GArray *frames)
{
    gint64 frame = 0;

    g_array_set_size(frames, 0);
    for (; frame < 5; frame++)
        g_array_append_val(frames, frame);
    return (VeraEditRequest){ .clip_path = clip, .instruction = "Add a small red ball on the left.", .frames = frames,
                              .model_dir = model_dir, .device = "cpu", .compute = VERA_K_COMPUTE_F32, .seed = 3, .n_steps = N_STEPS,
                              .guidance = 1 };
}

static char *
make_clip(void)
{
    char *path = fixture_get_path("queue.mkv");

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_true(fixture_run("ffmpeg -v error -y -f lavfi -i testsrc2=size=96x64:rate=24:duration=0.25 -c:v ffv1 queue.mkv"));
    return path;
}

static VeraJob *
add_take(VeraQueue *queue, const char *clip, const char *name)
{
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *dir = fixture_get_path(name);
    VeraEditRequest request = make_request(clip, frames);

    return vera_queue_add_edit(queue, &request, name, "edit", dir);
}

static void
wait_for(VeraJob *job, VeraJobState state)
{
    while (vera_job_get_state(job) != state) {
        if (vera_job_state_is_over(vera_job_get_state(job)))
            g_error("%s ended in state %d: %s", vera_job_get_title(job), (int)vera_job_get_state(job), vera_job_get_message(job));
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
wait_for_step(VeraJob *job, int step)
{
    while (vera_job_get_step(job) < step) {
        g_assert_cmpint(vera_job_get_state(job), ==, VERA_JOB_STATE_RUNNING);
        g_main_context_iteration(NULL, TRUE);
    }
}

/* The frames of a take as bytes; its record holds times and differs. */
static void
assert_same_take(const char *a, const char *b)
{
    for (int i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("frames/%06d.safetensors", i + 1), *first = NULL, *second = NULL;
        g_autofree char *path_a = g_build_filename(fixture_get_folder(), a, name, NULL);
        g_autofree char *path_b = g_build_filename(fixture_get_folder(), b, name, NULL);
        gsize n_first, n_second;
        g_assert_true(g_file_get_contents(path_a, &first, &n_first, NULL));
        g_assert_true(g_file_get_contents(path_b, &second, &n_second, NULL));
        g_assert_cmpmem(first, n_first, second, n_second);
    }
}

static void
make_plain_take(const char *clip)
{
    g_autoptr(VeraQueue) queue = NULL;
    g_autofree char *dir = fixture_get_path("plain");

    if (g_file_test(dir, G_FILE_TEST_EXISTS))
        return;
    queue = vera_queue_new(NULL);
    wait_for(add_take(queue, clip, "plain"), VERA_JOB_STATE_DONE);
}

static void
count_cb(VeraQueue *queue, VeraJob *job, int *n)
{
    ++*n;
}

/* A job whose clip is missing fails with a sentence and leaves those before and after it alone. */
static void
test_order(void)
{
    g_autofree char *clip = make_clip(), *nothing = fixture_get_path("nothing.mkv");
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    int n_finished = 0;
    VeraJob *first, *second, *third;

    g_signal_connect(queue, "job-finished", G_CALLBACK(count_cb), &n_finished);
    first = add_take(queue, clip, "first");
    second = add_take(queue, nothing, "second");
    third = add_take(queue, clip, "third");
    g_assert_cmpint(vera_job_get_state(first), ==, VERA_JOB_STATE_RUNNING);
    g_assert_cmpint(vera_job_get_state(third), ==, VERA_JOB_STATE_QUEUED);
    g_assert_cmpuint(vera_queue_get_n_active(queue), ==, 3);
    wait_for(third, VERA_JOB_STATE_DONE);
    g_assert_cmpint(vera_job_get_state(first), ==, VERA_JOB_STATE_DONE);
    g_assert_cmpint(vera_job_get_state(second), ==, VERA_JOB_STATE_FAILED);
    g_assert_nonnull(strstr(vera_job_get_message(second), "nothing.mkv"));
    g_assert_cmpint(n_finished, ==, 3);
    g_assert_cmpfloat(vera_job_get_fraction(first), ==, 1);
    assert_same_take("first", "third");
    vera_queue_clear_finished(queue);
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(queue)), ==, 0);
}

static void
test_pause(void)
{
    g_autofree char *clip = make_clip(), *dir = fixture_get_path("paused");
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    VeraJob *job;

    make_plain_take(clip);
    job = add_take(queue, clip, "paused");
    wait_for_step(job, 1);
    vera_queue_pause(queue, job);
    wait_for(job, VERA_JOB_STATE_PAUSED);
    g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
    vera_queue_resume(queue, job);
    wait_for(job, VERA_JOB_STATE_DONE);
    assert_same_take("plain", "paused");
}

static void
test_cancel(void)
{
    g_autofree char *clip = make_clip(), *dir = fixture_get_path("cancelled"), *state = g_strconcat(dir, ".state", NULL);
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    VeraJob *running = add_take(queue, clip, "cancelled"), *waiting = add_take(queue, clip, "waiting");

    vera_queue_cancel(queue, waiting);
    g_assert_cmpint(vera_job_get_state(waiting), ==, VERA_JOB_STATE_CANCELLED);
    wait_for_step(running, 1);
    vera_queue_cancel(queue, running);
    wait_for(running, VERA_JOB_STATE_CANCELLED);
    g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(state, G_FILE_TEST_EXISTS));
    vera_queue_retry(queue, running);
    wait_for(running, VERA_JOB_STATE_DONE);
    g_assert_true(g_file_test(dir, G_FILE_TEST_IS_DIR));
}

static void
test_reorder(void)
{
    g_autofree char *clip = make_clip();
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    VeraJob *first = add_take(queue, clip, "order-1"), *second = add_take(queue, clip, "order-2"), *third = add_take(queue, clip, "order-3");
    g_autoptr(VeraJob) at = NULL;

    vera_queue_move(queue, third, 1);
    at = g_list_model_get_item(G_LIST_MODEL(queue), 1);
    g_assert_true(at == third);
    wait_for(third, VERA_JOB_STATE_DONE);
    g_assert_cmpint(vera_job_get_state(first), ==, VERA_JOB_STATE_DONE);
    g_assert_false(vera_job_state_is_over(vera_job_get_state(second)));
    vera_queue_cancel(queue, second);
    wait_for(second, VERA_JOB_STATE_CANCELLED);
}

static void
preview_cb(VeraJob *job, gint64 frame, int width, int height, const float *rgb, const float *matte, gpointer data)
{
    int *n = data;

    g_assert_cmpint(frame, ==, 2);
    for (int i = 0; i < width * height; i++)
        g_assert_true(matte[i] >= 0 && matte[i] <= 1 && rgb[3 * i] >= 0 && rgb[3 * i] <= 1);
    ++*n;
}

/* Looking does not change what is made. */
static void
test_preview(void)
{
    g_autofree char *clip = make_clip();
    g_autoptr(VeraQueue) queue = vera_queue_new(NULL);
    int n = 0;

    make_plain_take(clip);
    vera_queue_set_preview(queue, 2, preview_cb, &n);
    wait_for(add_take(queue, clip, "seen"), VERA_JOB_STATE_DONE);
    g_assert_cmpint(n, >, 0);
    assert_same_take("plain", "seen");
}

/* In a child: a queue that is killed between two steps. */
static void
test_crash(void)
{
    g_autofree char *clip = make_clip(), *state = fixture_get_path("queue.state");

    if (g_test_subprocess()) {
        g_autofree char *shared = g_strdup(g_getenv("VERA_TEST_FOLDER"));
        g_autofree char *path = g_build_filename(shared, "queue.mkv", NULL), *dir = g_build_filename(shared, "crashed", NULL);
        g_autofree char *own = g_build_filename(shared, "queue.state", NULL);
        g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
        VeraEditRequest request = make_request(path, frames);
        VeraQueue *queue = vera_queue_new(own);
        wait_for_step(vera_queue_add_edit(queue, &request, "crashed", "edit", dir), 1);
        raise(SIGKILL);
    }
    g_setenv("VERA_TEST_FOLDER", fixture_get_folder(), TRUE);
    g_test_trap_subprocess("/queue/crash", 0, 0);
    g_assert_false(g_test_trap_has_passed());
    g_assert_true(g_file_test(state, G_FILE_TEST_EXISTS));
    make_plain_take(clip);
    {
        g_autoptr(VeraQueue) queue = vera_queue_new(state);
        g_autoptr(VeraJob) job = g_list_model_get_item(G_LIST_MODEL(queue), 0);
        g_assert_nonnull(job);
        g_assert_cmpint(vera_job_get_state(job), ==, VERA_JOB_STATE_PAUSED);
        g_assert_cmpstr(vera_job_get_title(job), ==, "crashed");
        g_assert_cmpstr(vera_job_get_edit_id(job), ==, "edit");
        vera_queue_resume(queue, job);
        wait_for(job, VERA_JOB_STATE_DONE);
    }
    assert_same_take("plain", "crashed");
}

/* A state file that is no state file is put aside, not trusted and not lost. */
static void
test_damaged_state(void)
{
    g_autofree char *path = fixture_get_path("damaged.state"), *aside = g_strconcat(path, ".damaged", NULL), *text = NULL;
    g_autoptr(VeraQueue) queue = NULL;

    g_assert_true(g_file_set_contents(path, "[job 0\nnonsense", -1, NULL));
    queue = vera_queue_new(path);
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(queue)), ==, 0);
    g_assert_true(g_file_get_contents(aside, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "[job 0\nnonsense");
}

int
main(int argc, char **argv)
{
    int result;

    g_test_init(&argc, &argv, NULL);
    model_dir = g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "data", "models", "vera-small", NULL);
    if (fixture_has_ffmpeg()) {
        g_test_add_func("/queue/order", test_order);
        g_test_add_func("/queue/pause", test_pause);
        g_test_add_func("/queue/cancel", test_cancel);
        g_test_add_func("/queue/reorder", test_reorder);
        g_test_add_func("/queue/preview", test_preview);
        g_test_add_func("/queue/crash", test_crash);
        g_test_add_func("/queue/damaged-state", test_damaged_state);
    }
    result = g_test_run();
    fixture_remove_folder();
    g_free(model_dir);
    return result;
}
