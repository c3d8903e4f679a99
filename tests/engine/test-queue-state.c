#include "config.h"

#include "tests/engine/queue-reference.h"

/* What of a queue outlives the program: its list, jobs that a crash stopped, its end. */

/* The other process of test_crash(): begins two takes and dies in the first. */
static int
run_crashing(char **arguments)
{
    g_autofree char *state = NULL;
    VeraQueue *queue;
    const char *suffix = arguments[1];

    folder = arguments[0];
    state = g_build_filename(folder, "crash-queue", NULL);
    gate_set(".state", 1);
    queue = vera_queue_new(state);
    queue_add(queue, folder, arguments[4]);
    queue_add(queue, folder, "crash-waiting");
    gate_wait();
    if (!vera_queue_flush(queue))
        return 1;
    gate_set(suffix, 0);
    gate.kill_before = atoi(arguments[2]);
    gate.kill_after = atoi(arguments[3]);
    gate_open();
    for (;;)
        g_main_context_iteration(NULL, TRUE);
}

/* Where the process dies, and which steps are then still to be made. */
typedef struct {
    const char *name, *suffix, *before, *after;
    int n_missing;
} Crash;

static const char *program;

static void
test_crash(gconstpointer data)
{
    const Crash *crash = data;
    const char *argv[] = {program,       "--crash",    folder,      crash->suffix,
                          crash->before, crash->after, crash->name, NULL};
    g_autofree char *state = g_build_filename(folder, "crash-queue", NULL);
    g_autoptr(VeraQueue) queue = NULL;
    g_autoptr(VeraJob) job = NULL, waiting = NULL;
    int status;

    g_unlink(state);
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL,
                               &status, NULL));
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    gate_set(".state", 0);
    queue = vera_queue_new(state);
    g_assert_null(vera_queue_get_notice(queue));
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(queue)), ==, 2);
    job = g_list_model_get_item(G_LIST_MODEL(queue), 0);
    waiting = g_list_model_get_item(G_LIST_MODEL(queue), 1);
    g_assert_cmpint(vera_job_get_state(job), ==, VERA_JOB_STATE_PAUSED);
    g_assert_cmpint(vera_job_get_state(waiting), ==, VERA_JOB_STATE_PAUSED);
    g_assert_cmpstr(vera_job_get_title(job), ==, crash->name);
    vera_queue_resume(queue, job);
    queue_wait(job, VERA_JOB_STATE_DONE);
    g_assert_cmpint(gate_get_n_passed(), ==, crash->n_missing);
    assert_is_reference(crash->name);
    vera_queue_cancel(queue, waiting);
}

static const Crash crashes[] = {
    {"crash-before-state", ".state", "1", "0", 2},
    {"crash-after-state", ".state", "0", "1", 1},
    {"crash-before-take", "crash-before-take", "1", "0", 0},
    {"crash-after-take", "crash-after-take", "0", "1", 0},
};

static void
notify_cb(GObject *object, GParamSpec *pspec, int *n)
{
    ++*n;
}

static const char *const round_trip_marks[] = {
    "18446744073709551615",
    "blur\\nand more",
    "2.6",
    "\"negative\"",
    "\"task\" : \"background\"",
    "\"region\"",
    "0.9",
    "-2.5",
    "3.25",
    "0.0299",
    "1001",
    "\"padding\" : 6",
    "näme",
    "/takes/lower",
    "/takes/upper",
    "0.625",
};

/* What is kept of a job comes back whole; what is written again is the same. */
static void
test_state_round_trip(void)
{
    g_autofree char *path = g_build_filename(folder, "round", "queue", NULL), *first = NULL,
                    *second = NULL;
    /* Names of files need not be text, which JSON is. */
    g_autofree char *clip = g_build_filename(folder, "clip\xff.mkv", NULL);
    g_autofree char *out = g_build_filename(folder, "round-out\xfe", NULL);
    const gint64 numbers[] = {0, 1, 2, 10, 20, 30, 31, 1000000};
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    VeraEditRequest request;
    VeraQueueLayer layers[] = {
        {"/takes/lower", VERA_MATTE_REFINEMENT_INIT, 1},
        {"/takes/upper", {0.1f, 0.9f, -2.5f, 3.25f, 12, TRUE, FALSE, FALSE, 0.03f}, 0.625}};
    VeraQueueExport order = {.clip_path = clip,
                             .layers = layers,
                             .n_layers = 2,
                             .frames = frames,
                             .settings = {.preset = VERA_EXPORT_PRESET_PNG,
                                          .output_dir = out,
                                          .name = "näme \"1\"",
                                          .start_number = 1001,
                                          .padding = 6,
                                          .compression = VERA_EXR_COMPRESSION_PIZ,
                                          .is_float32 = TRUE,
                                          .is_straight = TRUE,
                                          .has_matte_layer = TRUE,
                                          .has_chromaticities = TRUE,
                                          .is_linear_over = TRUE,
                                          .is_silent = TRUE,
                                          .can_overwrite = TRUE,
                                          .record_json = "{\"a\": 1}",
                                          .look = "look"}};
    gint64 start, end;

    g_array_append_vals(frames, numbers, G_N_ELEMENTS(numbers));
    queue_make_request(&request, folder);
    request.seed = G_MAXUINT64;
    request.negative_prompt = "blur\nand more";
    request.task = "background";
    request.region_path = clip;
    request.guidance = 2.6000000000000001;
    for (int i = 0; i < 2; i++) {
        g_autoptr(VeraQueue) queue = vera_queue_new(path);
        g_assert_null(vera_queue_get_notice(queue));
        if (i == 0) {
            vera_queue_add_edit(queue, &request, "take", NULL, out);
            vera_queue_add_export(queue, &order, "export\xff");
            vera_queue_pause_all(queue);
        }
        g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(queue)), ==, 2);
        g_autoptr(VeraJob) take = g_list_model_get_item(G_LIST_MODEL(queue), 0);
        g_autoptr(VeraJob) export = g_list_model_get_item(G_LIST_MODEL(queue), 1);
        g_assert_null(vera_job_get_edit_id(take));
        g_assert_cmpstr(vera_job_get_output(take), ==, out);
        g_assert_cmpstr(vera_job_get_output(export), ==, out);
        vera_job_get_range(export, &start, &end);
        g_assert_cmpint(start, ==, 0);
        g_assert_cmpint(end, ==, 1000000);
        g_assert_true(vera_queue_shutdown(queue));
        g_assert_true(g_file_get_contents(path, i ? &second : &first, NULL, NULL));
    }
    g_assert_cmpstr(first, ==, second);
    for (gsize i = 0; i < G_N_ELEMENTS(round_trip_marks); i++)
        if (strstr(first, round_trip_marks[i]) == NULL)
            g_error("‘%s’ is not in %s", round_trip_marks[i], first);
}

/* Damage costs the jobs it hits, says so, and loses nothing: the file is put aside. */
static void
test_state_damaged(void)
{
    g_autofree char *nested = g_strnfill(300000, '[');
    const char *const texts[] = {"[job 0\nnonsense", "", "[]", "{\"vera_queue\": 1}",
                                 "{\"vera_queue\": 2, \"jobs\": []}", nested};
    g_autofree char *path = g_build_filename(folder, "damaged-queue", NULL), *good = NULL,
                    *cut = NULL;
    g_autofree char *aside = g_strconcat(path, ".unread-7", NULL), *text = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(VeraQueue) queue = NULL;
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        queue = vera_queue_new(path);
        g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(queue)), ==, 0);
        g_assert_nonnull(strstr(vera_queue_get_notice(queue), ".unread"));
        vera_queue_shutdown(queue);
    }
    g_autoptr(VeraQueue) writer = vera_queue_new(path);
    gate_set(NULL, 0);
    vera_queue_pause(writer, queue_add(writer, folder, "good-1"));
    vera_queue_pause(writer, queue_add(writer, folder, "bad"));
    vera_queue_pause(writer, queue_add(writer, folder, "good-2"));
    vera_queue_shutdown(writer);
    g_assert_true(g_file_get_contents(path, &good, NULL, NULL));
    cut = g_strdup(good);
    memcpy(strstr(strstr(cut, "\"bad\""), "\"count\""), "\"c0unt\"", 7);
    g_assert_true(g_file_set_contents(path, cut, -1, NULL));
    g_autoptr(VeraQueue) reader = vera_queue_new(path);
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(reader)), ==, 2);
    g_assert_nonnull(strstr(vera_queue_get_notice(reader), "job 2"));
    g_assert_true(g_file_get_contents(aside, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, cut);
}

/* A failed job is there after a restart with its reason; where nothing can be written, somebody
 * hears of it. */
static void
test_state_failed(void)
{
    g_autofree char *path = g_build_filename(folder, "failed-queue", NULL), *message = NULL;
    g_autofree char *take = g_build_filename(folder, "never", NULL);
    g_autofree char *nowhere = g_build_filename(folder, "clip.mkv", "queue", NULL);
    VeraEditRequest request;
    int n = 0;

    gate_set(NULL, 0);
    queue_make_request(&request, folder);
    request.clip_path = "/nowhere/clip.mkv";
    for (int i = 0; i < 2; i++) {
        g_autoptr(VeraQueue) queue = vera_queue_new(path);
        VeraJob *job = i == 0 ? vera_queue_add_edit(queue, &request, "failing", NULL, take) : NULL;
        if (i == 0)
            queue_wait(job, VERA_JOB_STATE_FAILED);
        g_autoptr(VeraJob) kept = g_list_model_get_item(G_LIST_MODEL(queue), 0);
        g_assert_cmpint(vera_job_get_state(kept), ==, VERA_JOB_STATE_FAILED);
        g_assert_nonnull(strstr(vera_job_get_message(kept), "/nowhere/clip.mkv"));
        g_assert_true(vera_queue_shutdown(queue));
    }
    g_autoptr(VeraQueue) queue = vera_queue_new(nowhere);
    g_signal_connect(queue, "notify::notice", G_CALLBACK(notify_cb), &n);
    queue_wait(queue_add(queue, folder, "unkept"), VERA_JOB_STATE_DONE);
    while (n == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(n, ==, 1);
    g_assert_nonnull(strstr(vera_queue_get_notice(queue), nowhere));
    assert_is_reference("unkept");
}

static void
test_shutdown(void)
{
    g_autofree char *path = g_build_filename(folder, "shutdown-queue", NULL);
    g_autoptr(VeraQueue) queue = vera_queue_new(path), again = NULL;
    g_autoptr(VeraJob) kept = NULL;
    VeraJob *job, *waiting;

    gate_set(".state", 2);
    job = queue_add(queue, folder, "shutdown");
    waiting = queue_add(queue, folder, "not-begun");
    gate_wait();
    vera_queue_pause(queue, job);
    gate_open();
    g_assert_true(vera_queue_shutdown(queue));
    g_assert_cmpint(vera_job_get_state(job), ==, VERA_JOB_STATE_PAUSED);
    g_assert_cmpint(vera_job_get_state(waiting), ==, VERA_JOB_STATE_QUEUED);
    again = vera_queue_new(path);
    kept = g_list_model_get_item(G_LIST_MODEL(again), 0);
    g_assert_cmpint(vera_job_get_state(kept), ==, VERA_JOB_STATE_PAUSED);
    g_assert_cmpint(vera_job_get_step(kept), ==, 2);
    vera_queue_resume(again, kept);
    queue_wait(kept, VERA_JOB_STATE_DONE);
    g_assert_cmpint(gate_get_n_passed(), ==, QUEUE_N_STEPS);
    assert_is_reference("shutdown");
}

/* Two programs never run the same list: the second neither takes its jobs nor writes it. The lock is
 * one of open files, so that a second queue of this process stands for another program. */
static void
test_state_shared(void)
{
    g_autofree char *path = g_build_filename(folder, "shared", "queue", NULL);
    g_autofree char *before = NULL, *after = NULL, *pid = g_strdup_printf("process %d on ", getpid());
    g_autofree char *take = g_build_filename(folder, "shared-first", NULL);
    g_autoptr(VeraQueue) first = vera_queue_new(path), second = NULL, third = NULL;
    VeraEditRequest request;

    gate_set(NULL, 0);
    g_assert_null(vera_queue_get_notice(first));
    queue_make_request(&request, folder);
    request.clip_path = "/nowhere/clip.mkv";
    queue_wait(vera_queue_add_edit(first, &request, "failing", NULL, take), VERA_JOB_STATE_FAILED);
    g_assert_true(vera_queue_flush(first));
    g_assert_true(g_file_get_contents(path, &before, NULL, NULL));
    second = vera_queue_new(path);
    g_assert_nonnull(vera_queue_get_notice(second));
    g_assert_nonnull(strstr(vera_queue_get_notice(second), pid));
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(second)), ==, 0);
    queue_wait(queue_add(second, folder, "shared-second"), VERA_JOB_STATE_DONE);
    assert_is_reference("shared-second");
    g_assert_true(vera_queue_shutdown(second));
    g_assert_true(g_file_get_contents(path, &after, NULL, NULL));
    g_assert_cmpstr(before, ==, after);
    g_assert_true(vera_queue_shutdown(first));
    third = vera_queue_new(path);
    g_assert_null(vera_queue_get_notice(third));
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(third)), ==, 1);
}

static void
gone_cb(gpointer data, GObject *object)
{
    *(gboolean *)data = TRUE;
}

/* A thread that does not stop is left behind, and what it does later harms nobody. */
static void
test_shutdown_late(void)
{
    VeraQueue *queue = vera_queue_new(NULL);
    gboolean is_gone = FALSE;
    VeraJob *job;

    gate_set(".state", 1);
    job = queue_add(queue, folder, "late");
    g_object_weak_ref(G_OBJECT(job), gone_cb, &is_gone);
    gate_wait();
    g_assert_false(vera_queue_shutdown(queue));
    g_object_unref(queue);
    g_assert_false(is_gone);
    gate_open();
    while (!is_gone)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(gate_get_n_passed(), ==, 1);
    g_assert_true(queue_has_file(folder, "late.state"));
    g_assert_false(queue_has_file(folder, "late"));
}

int
main(int argc, char **argv)
{
    int result;

    if (argc == 7 && strcmp(argv[1], "--crash") == 0)
        return run_crashing(argv + 2);
    g_test_init(&argc, &argv, NULL);
    program = argv[0];
    if (!make_reference())
        return 77;
    g_test_add_func("/queue/state/round-trip", test_state_round_trip);
    g_test_add_func("/queue/state/damaged", test_state_damaged);
    g_test_add_func("/queue/state/failed", test_state_failed);
    g_test_add_func("/queue/state/shared", test_state_shared);
    g_test_add_func("/queue/shutdown/in-time", test_shutdown);
    g_test_add_func("/queue/shutdown/late", test_shutdown_late);
    for (gsize i = 0; i < G_N_ELEMENTS(crashes); i++) {
        g_autofree char *path = g_strconcat("/queue/", crashes[i].name, NULL);
        g_test_add_data_func(path, &crashes[i], test_crash);
    }
    result = g_test_run();
    fixture_remove_folder();
    g_free(reference);
    return result;
}
