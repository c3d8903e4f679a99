#include "config.h"

#include "ui/vera-editor.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/engine/media-fixture.h"

/* Projects with a clip, a mask and a take are opened, looked at and closed many times: no descriptor, thread or frame stays. With
 * `-m slow`, a thousand times. */

enum { N_WARM = 4, N_CYCLES = 25, N_SLOW_CYCLES = 1000, MAX_GROWTH_MIB = 24 };

static int
count_entries(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    int n = 0;

    while (dir != NULL && g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

/* Threads and descriptors end a moment after they were let go: of FFmpeg, of GLib's pool. Never waits for long where they do. */
static int
settle_count(const char *folder, int at_most)
{
    int n = count_entries(folder);

    for (int i = 0; i < 300 && n > at_most; i++) {
        while (g_main_context_iteration(NULL, FALSE)) {
        }
        g_usleep(10000);
        n = count_entries(folder);
    }
    return n;
}

static int
get_resident_mib(void)
{
    g_autofree char *text = NULL;
    guint64 pages;

    g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
    pages = g_ascii_strtoull(strchr(text, ' '), NULL, 10);
    return (int)(pages * (guint64)getpagesize() >> 20);
}

static VeraProject *
make_project(void)
{
    VeraProject *project = vera_project_new();
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));
    g_autofree char *clip = fixture_get_path("clip.mkv"), *mask = fixture_get_path("mask.mkv");
    VeraEdit *edit;

    g_ptr_array_add(state->clips, vera_project_clip_new(clip, NULL));
    edit = vera_edit_new(((VeraProjectClip *)state->clips->pdata[0])->id, 0, 23);
    edit->region_path = g_strdup(mask);
    g_ptr_array_add(state->edits, edit);
    vera_project_commit(project, state, "Setup", NULL);
    return project;
}

static void
count_gone_cb(gpointer data, GObject *where)
{
    --*(int *)data;
}

/* Opens, scrubs until a picture and the mask are there, plays a little, and closes in the middle of decoding. */
static void
run_cycle(VeraEditor *editor, int *n_alive)
{
    g_autoptr(VeraProject) project = make_project(), empty = vera_project_new();
    g_autoptr(VeraFrame) plate = NULL;
    gboolean is_exact = FALSE, has_mask = FALSE;

    g_object_weak_ref(G_OBJECT(project), count_gone_cb, n_alive);
    ++*n_alive;
    vera_editor_set_project(editor, project);
    while (vera_editor_is_loading(editor))
        g_main_context_iteration(NULL, TRUE);
    g_object_weak_ref(G_OBJECT(vera_editor_get_cache(editor)), count_gone_cb, n_alive);
    ++*n_alive;
    vera_editor_set_frame(editor, 13);
    while (!is_exact || !has_mask) {
        g_autoptr(VeraFrame) mask = vera_editor_dup_mask(editor);
        has_mask = has_mask || mask != NULL;
        g_clear_pointer(&plate, vera_frame_unref);
        plate = vera_editor_dup_plate(editor, &is_exact);
        if (!is_exact || !has_mask)
            g_main_context_iteration(NULL, TRUE);
    }
    vera_editor_play(editor, 1);
    vera_editor_tick(editor, 1000000);
    vera_editor_tick(editor, 1100000);
    vera_editor_set_project(editor, empty);
    g_assert_null(vera_editor_get_cache(editor));
    g_assert_null(vera_editor_dup_mask(editor)); /* as the canvas asks when it is drawn anew: lets the mask go */
}

static void
test_cycles(void)
{
    VeraQueue *queue = vera_queue_new(NULL);
    VeraEditor *editor = vera_editor_new(queue, "/model");
    int n_alive = 0, n_cycles = g_test_slow() ? N_SLOW_CYCLES : N_CYCLES, n_descriptors, n_threads, mib;

    for (int i = 0; i < N_WARM; i++)
        run_cycle(editor, &n_alive);
    n_descriptors = settle_count("/proc/self/fd", 0);
    n_threads = settle_count("/proc/self/task", 0);
    mib = get_resident_mib();
    for (int i = 0; i < n_cycles; i++)
        run_cycle(editor, &n_alive);
    g_test_message("%d cycles: resident memory grew from %d to %d MiB", n_cycles, mib, get_resident_mib());
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep what was freed */
    g_assert_cmpint(get_resident_mib() - mib, <, MAX_GROWTH_MIB);
#endif
    g_assert_cmpint(settle_count("/proc/self/fd", n_descriptors), <=, n_descriptors);
    g_assert_cmpint(settle_count("/proc/self/task", n_threads), <=, n_threads);
    g_object_run_dispose(G_OBJECT(editor));
    g_object_unref(editor);
    while (n_alive > 0)
        g_main_context_iteration(NULL, FALSE);
    vera_queue_shutdown(queue);
    g_object_unref(queue);
}

int
main(int argc, char **argv)
{
    g_autofree char *state_home = fixture_get_path("state");
    int status;

    g_setenv("XDG_STATE_HOME", state_home, TRUE);
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg() || !g_file_test("/proc/self/fd", G_FILE_TEST_IS_DIR)) {
        puts("1..0 # SKIP there is no ffmpeg, or no /proc");
        return 0;
    }
    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24:duration=1 -c:v ffv1 clip.mkv && cp clip.mkv mask.mkv"));
    g_test_add_func("/ui/editor-leaks/cycles", test_cycles);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
