#include "config.h"

#include "ui/vera-jog.h"

#include "tests/engine/media-fixture.h"

#define STOP 45
#define BACK 44
#define ON 46

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    VeraJog jog;
} Fixture;

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *path = fixture_get_path("clip.mkv");

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24:duration=2 -c:v ffv1 clip.mkv"));
    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    vera_editor_add_clip(f->editor, path);
    while (vera_editor_is_loading(f->editor))
        g_main_context_iteration(NULL, TRUE);
    vera_editor_set_frame(f->editor, 20);
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
}

static void
assert_at(Fixture *f, gint64 frame, double speed)
{
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, frame);
    g_assert_cmpfloat(vera_editor_get_speed(f->editor), ==, speed);
}

/* Without K, J and L are left to what they do alone. */
static void
test_alone(Fixture *f, gconstpointer data)
{
    g_assert_false(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_FORWARD, ON));
    g_assert_false(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_STOP, STOP));
    vera_jog_release(&f->jog, f->editor, STOP);
    g_assert_false(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_BACK, BACK));
    assert_at(f, 20, 0);
    /* What plays because of them goes on when they are let go. */
    vera_editor_play(f->editor, -1);
    vera_jog_release(&f->jog, f->editor, BACK);
    assert_at(f, 20, -1);
}

static void
test_taps(Fixture *f, gconstpointer data)
{
    g_assert_false(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_STOP, STOP));
    for (int i = 1; i <= 3; i++) {
        g_assert_true(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_FORWARD, ON));
        vera_jog_release(&f->jog, f->editor, ON);
        assert_at(f, 20 + i, 0);
    }
    g_assert_true(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_BACK, BACK));
    assert_at(f, 22, 0);
}

/* A key that repeats is held: slow play until either of the two is let go. */
static void
test_holds(Fixture *f, gconstpointer data)
{
    for (guint last = 0; last < 2; last++) {
        vera_editor_set_frame(f->editor, 20);
        vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_STOP, STOP);
        vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_BACK, BACK);
        assert_at(f, 19, 0);
        for (int i = 0; i < 5; i++)
            g_assert_true(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_BACK, BACK));
        assert_at(f, 19, -0.25);
        /* A quarter of 24 frames a second. */
        vera_editor_tick(f->editor, 1000000);
        vera_editor_tick(f->editor, 2000000);
        assert_at(f, 13, -0.25);
        vera_jog_release(&f->jog, f->editor, last ? STOP : BACK);
        assert_at(f, 13, 0);
        vera_jog_release(&f->jog, f->editor, last ? BACK : STOP);
        g_assert_false(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_FORWARD, ON));
    }
}

/* A window that loses the keys is not told that they went up. */
static void
test_reset(Fixture *f, gconstpointer data)
{
    vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_STOP, STOP);
    vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_FORWARD, ON);
    vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_FORWARD, ON);
    assert_at(f, 21, 0.25);
    vera_jog_reset(&f->jog, f->editor);
    assert_at(f, 21, 0);
    g_assert_false(vera_jog_press(&f->jog, f->editor, VERA_JOG_KEY_FORWARD, ON));
}

#define ADD(name, func) g_test_add("/ui/jog/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    ADD("alone", test_alone);
    ADD("taps", test_taps);
    ADD("holds", test_holds);
    ADD("reset", test_reset);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
