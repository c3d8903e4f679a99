#include "config.h"

#include "ui/vera-editor.h"

#include <stdio.h>

#include "tests/engine/media-fixture.h"

/* The file of the clip that is open is deleted, replaced, moved away and back; another one takes its place. */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
} Fixture;

static void
make_movie(const char *name, const char *size, int n_frames)
{
    g_autofree char *command =
        g_strdup_printf("ffmpeg -y -f lavfi -i testsrc2=size=%s:rate=24 -frames:v %d -c:v ffv1 new.mkv && mv new.mkv %s", size, n_frames, name);

    g_assert_true(fixture_run(command));
}

static void
settle(Fixture *f)
{
    while (vera_editor_is_loading(f->editor))
        g_main_context_iteration(NULL, TRUE);
}

static void
fixture_set_up(Fixture *f, gconstpointer name)
{
    g_autofree char *path = fixture_get_path(name);

    if (g_str_equal(name, "a.mkv"))
        make_movie("a.mkv", "64x48", 24);
    else
        g_assert_true(fixture_run("mkdir s; ffmpeg -y -f lavfi -i testsrc2=size=32x24:rate=24 -frames:v 6 s/p.%04d.png"));
    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    vera_editor_add_clip(f->editor, path);
    settle(f);
    g_assert_nonnull(vera_editor_get_clip_info(f->editor));
    vera_editor_add_edit(f->editor);
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
    fixture_run("rm -rf -- *");
}

/* Waits until the trouble says @part; NULL: until there is none. */
static void
wait_for(Fixture *f, const char *part)
{
    for (;;) {
        const char *trouble = vera_editor_get_media_trouble(f->editor);
        if (part ? trouble != NULL && strstr(trouble, part) != NULL : trouble == NULL)
            return;
        g_main_context_iteration(NULL, TRUE);
    }
}

/* Gone is said, and what is shown stays; the same file back at its place is no trouble. */
static void
test_deleted(Fixture *f, gconstpointer data)
{
    g_assert_null(vera_editor_get_media_trouble(f->editor));
    g_assert_true(fixture_run("mv a.mkv b.mkv"));
    wait_for(f, "“a.mkv” is no longer there");
    g_assert_false(vera_editor_is_media_replaced(f->editor));
    g_assert_cmpint(vera_editor_get_n_frames(f->editor), ==, 24);
    g_assert_nonnull(vera_editor_get_selected(f->editor));
    g_assert_true(fixture_run("mv b.mkv a.mkv"));
    wait_for(f, NULL);
}

/* Another content is offered, with what does not fit; loading it ends the trouble and leaves playhead and edits. */
static void
test_replaced(Fixture *f, gconstpointer data)
{
    vera_editor_set_frame(f->editor, 7);
    make_movie("a.mkv", "64x48", 24);
    wait_for(f, "was replaced on the disk");
    g_assert_true(vera_editor_is_media_replaced(f->editor));
    make_movie("a.mkv", "32x24", 24);
    wait_for(f, "32 × 24 pixels, the clip had 64 × 48");
    make_movie("a.mkv", "64x48", 12);
    wait_for(f, "has 12 frames, and the edits reach to frame 24");
    make_movie("a.mkv", "64x48", 30);
    wait_for(f, "has 30 frames, the clip had 24");
    vera_editor_reload(f->editor);
    settle(f);
    wait_for(f, NULL);
    g_assert_cmpint(vera_editor_get_n_frames(f->editor), ==, 30);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 7);
    g_assert_cmpuint(vera_editor_get_state(f->editor)->edits->len, ==, 1);
}

/* One picture of a sequence is named; other files of the folder do not matter. */
static void
test_sequence(Fixture *f, gconstpointer data)
{
    g_assert_true(fixture_run("mv s/p.0003.png keep.png"));
    wait_for(f, "3");
    g_assert_false(vera_editor_is_media_replaced(f->editor));
    g_assert_true(fixture_run("mv keep.png s/p.0003.png"));
    wait_for(f, NULL);
    g_assert_true(fixture_run("touch s/notes.txt && mv s/p.0005.png keep.png"));
    wait_for(f, "5");
    g_assert_true(fixture_run("mv keep.png s/p.0005.png"));
    wait_for(f, NULL);
}

/* The exact picture at the playhead, as a hash of its samples. */
static char *
hash_plate(Fixture *f)
{
    for (;;) {
        gboolean is_exact = FALSE;
        g_autoptr(VeraFrame) plate = vera_editor_dup_plate(f->editor, &is_exact);
        if (plate != NULL && is_exact)
            return vera_frame_hash(plate);
        g_main_context_iteration(NULL, TRUE);
    }
}

/* Pictures that are written over in place are named; loading them drops what was decoded of the old
 * ones, and ends the trouble. */
static void
test_overwritten(Fixture *f, gconstpointer data)
{
    g_autofree char *before = NULL, *meanwhile = NULL, *after = NULL, *wanted = NULL;

    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc=size=32x24:rate=24 -frames:v 1 "
                              "new.png && cp s/p.0005.png keep.png"));
    vera_editor_set_frame(f->editor, 2);
    before = hash_plate(f);
    g_assert_true(fixture_run("cat new.png > s/p.0003.png"));
    wait_for(f, "“p.0003.png” was overwritten on the disk");
    g_assert_true(vera_editor_is_media_replaced(f->editor));
    meanwhile = hash_plate(f);
    g_assert_cmpstr(meanwhile, ==, before);
    g_assert_true(fixture_run("cat new.png > s/p.0005.png"));
    wait_for(f, "2 pictures were overwritten on the disk, “p.0003.png” to “p.0005.png”");
    /* Something amiss with all of it goes before, and what was overwritten is not forgotten over
     * it. */
    g_assert_true(fixture_run("mv s/p.0002.png two.png"));
    wait_for(f, "no picture number");
    g_assert_false(vera_editor_is_media_replaced(f->editor));
    g_assert_true(fixture_run("mv two.png s/p.0002.png"));
    wait_for(f, "2 pictures were overwritten");
    vera_editor_reload(f->editor);
    settle(f);
    wait_for(f, NULL);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 2);
    after = hash_plate(f);
    g_assert_cmpstr(after, !=, before);
    {
        g_autoptr(VeraClip) clip = fixture_open("s");
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, 2, NULL, NULL);
        wanted = vera_frame_hash(frame);
    }
    g_assert_cmpstr(after, ==, wanted);
}

/* Rendering that goes on and on is told before it is over. */
static void
test_rendering(Fixture *f, gconstpointer data)
{
    g_autofree char *done = fixture_get_path("done");

    g_assert_true(fixture_run("{ for i in 1 2 3 4 5 6 7 8 9 10; do for k in 1 2 3 4 5 6; do cat "
                              "s/p.0001.png > new; cat new > s/p.000$k.png; "
                              "sleep 0.2; done; done; : > done; } & :"));
    wait_for(f, "were overwritten on the disk");
    g_assert_false(g_file_test(done, G_FILE_TEST_EXISTS));
    while (!g_file_test(done, G_FILE_TEST_EXISTS))
        g_main_context_iteration(NULL, FALSE);
    wait_for(f, "6 pictures were overwritten on the disk, “p.0001.png” to “p.0006.png”");
}

static void
checked_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    GAsyncResult **keep = data;

    *keep = g_object_ref(result);
}

static char *
check(Fixture *f, const char *name, GError **error)
{
    g_autofree char *path = fixture_get_path(name);
    g_autoptr(GAsyncResult) result = NULL;

    vera_editor_check_relink_async(f->editor, path, checked_cb, &result);
    while (result == NULL)
        g_main_context_iteration(NULL, TRUE);
    return vera_editor_check_relink_finish(f->editor, result, error);
}

/* What takes the clip's place is held against it before anything changes. */
static void
test_check_relink(Fixture *f, gconstpointer data)
{
    g_autofree char *same = NULL, *small = NULL, *brief = NULL, *none = NULL, *path = fixture_get_path("same.mkv");
    g_autoptr(GError) error = NULL;

    make_movie("same.mkv", "64x48", 24);
    make_movie("small.mkv", "62x48", 24);
    make_movie("short.mkv", "64x48", 23);
    same = check(f, "same.mkv", &error);
    g_assert_no_error(error);
    g_assert_null(same);
    small = check(f, "small.mkv", &error);
    g_assert_nonnull(strstr(small, "62 × 48"));
    brief = check(f, "short.mkv", &error);
    g_assert_nonnull(strstr(brief, "has 23 frames, and the edits reach to frame 24"));
    none = check(f, "none.mkv", &error);
    g_assert_null(none);
    g_assert_nonnull(error);
    g_assert_cmpstr(vera_project_get_undo_name(vera_editor_get_project(f->editor)), ==, "Add Edit");
    g_assert_true(fixture_run("rm a.mkv"));
    wait_for(f, "no longer there");
    vera_editor_relink(f->editor, path);
    settle(f);
    wait_for(f, NULL);
    g_assert_cmpstr(vera_editor_get_clip_path(f->editor), ==, path);
    g_assert_nonnull(vera_editor_get_selected(f->editor));
}

#define ADD(name, clip, func) g_test_add("/ui/editor-media/" name, Fixture, clip, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_autofree char *state_home = fixture_get_path("state");
    int status;

    g_setenv("XDG_STATE_HOME", state_home, TRUE);
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    ADD("deleted", "a.mkv", test_deleted);
    ADD("replaced", "a.mkv", test_replaced);
    ADD("sequence", "s", test_sequence);
    ADD("overwritten", "s", test_overwritten);
    ADD("rendering", "s", test_rendering);
    ADD("check-relink", "a.mkv", test_check_relink);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
