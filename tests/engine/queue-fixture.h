#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "engine/queue/vera-queue.h"
#include "tests/engine/media-fixture.h"

#define QUEUE_N_STEPS 3
#define QUEUE_N_FRAMES 5

/**
 * Renames are where work becomes lasting: a step's state, a take, a frame. The gate counts those
 * whose target ends in suffix, and can hold a worker in one of them, or kill the process there, so
 * that tests stop a job at a known point and not at a time.
 */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    const char *suffix;
    int n_passed;
    int hold_at;     /* holds the worker after rename number so many, 0 for never */
    int kill_before; /* kills the process instead of that rename */
    int kill_after;  /* kills the process after that rename */
    gboolean is_held;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

/* In the place of the C library's. */
int
rename(const char *from, const char *to)
{
    int result;

    pthread_mutex_lock(&gate.lock);
    if (gate.suffix == NULL || !g_str_has_suffix(to, gate.suffix)) {
        pthread_mutex_unlock(&gate.lock);
        return renameat(AT_FDCWD, from, AT_FDCWD, to);
    }
    gate.n_passed++;
    if (gate.n_passed == gate.kill_before)
        raise(SIGKILL);
    result = renameat(AT_FDCWD, from, AT_FDCWD, to);
    if (gate.n_passed == gate.kill_after)
        raise(SIGKILL);
    gate.is_held = gate.n_passed == gate.hold_at;
    g_main_context_wakeup(NULL);
    while (gate.is_held)
        pthread_cond_wait(&gate.opened, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    return result;
}

static inline void
gate_set(const char *suffix, int hold_at)
{
    pthread_mutex_lock(&gate.lock);
    gate.suffix = suffix;
    gate.n_passed = 0;
    gate.hold_at = hold_at;
    pthread_mutex_unlock(&gate.lock);
}

static inline int
gate_get_n_passed(void)
{
    pthread_mutex_lock(&gate.lock);
    int n = gate.n_passed;
    pthread_mutex_unlock(&gate.lock);
    return n;
}

/* Until a worker is held. */
static inline void
gate_wait(void)
{
    for (;;) {
        pthread_mutex_lock(&gate.lock);
        gboolean is_held = gate.is_held;
        pthread_mutex_unlock(&gate.lock);
        if (is_held)
            return;
        g_main_context_iteration(NULL, TRUE);
    }
}

static inline void
gate_open(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.hold_at = 0;
    gate.is_held = FALSE;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
}

static inline void
queue_wait(VeraJob *job, VeraJobState state)
{
    while (vera_job_get_state(job) != state) {
        if (vera_job_state_is_over(vera_job_get_state(job)))
            g_error("%s ended in state %d: %s", vera_job_get_title(job),
                    (int)vera_job_get_state(job), vera_job_get_message(job));
        g_main_context_iteration(NULL, TRUE);
    }
}

static inline char *
queue_get_model(void)
{
    return g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "data", "models", "vera-small", NULL);
}

/** What both processes ask for; the size follows the model, whichever that is. */
static inline void
queue_make_request(VeraEditRequest *request, const char *folder)
{
    static GArray *frames;
    static char *clip, *model;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) opened = NULL;
    int align;

    if (frames == NULL) {
        frames = g_array_new(FALSE, FALSE, sizeof(gint64));
        for (gint64 i = 0; i < QUEUE_N_FRAMES; i++)
            g_array_append_vals(frames, &(gint64){2 + i}, 1);
        clip = g_build_filename(folder, "clip.mkv", NULL);
        model = queue_get_model();
    }
    opened = vera_model_open(model, &error);
    g_assert_no_error(error);
    align = vera_pipeline_get_align(opened, &error);
    g_assert_no_error(error);
    *request = (VeraEditRequest){.clip_path = clip,
                                 .instruction = "a red ball in the grass",
                                 .frames = frames,
                                 .model_dir = model,
                                 .device = "cpu",
                                 .seed = 7,
                                 .n_steps = QUEUE_N_STEPS,
                                 .guidance = 2,
                                 .width = 4 * align,
                                 .height = 2 * align};
}

static inline VeraJob *
queue_add(VeraQueue *queue, const char *folder, const char *name)
{
    g_autofree char *take = g_build_filename(folder, name, NULL);
    VeraEditRequest request;

    queue_make_request(&request, folder);
    return vera_queue_add_edit(queue, &request, name, "edit-1", take);
}

static inline int
queue_compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/** SHA-256 over the files of a folder in the order of their names. */
static inline char *
queue_hash_folder(const char *folder)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, queue_compare_names);
    g_assert_cmpuint(names->len, >=, QUEUE_N_FRAMES);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL), *bytes = NULL;
        gsize n;
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            continue;
        g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
        g_checksum_update(sum, names->pdata[i], -1);
        g_checksum_update(sum, (const guchar *)bytes, (gssize)n);
    }
    return g_strdup(g_checksum_get_string(sum));
}

static inline gboolean
queue_has_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}
