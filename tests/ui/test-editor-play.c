#include "config.h"

#include "tests/ui/editor-fixture.h"

/* Playback: times are made up. */

/* A screen frame of @ms milliseconds passes. */
static gint64
tick(Fixture *f, gint64 ms)
{
    f->now_us += ms * 1000;
    vera_editor_tick(f->editor, f->now_us);
    return vera_editor_get_frame(f->editor);
}

static void
test_set_frame(Fixture *f, gconstpointer data)
{
    vera_editor_set_frame(f->editor, 1000);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, N_FRAMES - 1);
    vera_editor_set_frame(f->editor, -5);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 0);
    vera_editor_play(f->editor, 1);
    vera_editor_set_frame(f->editor, 3);
    g_assert_cmpfloat(vera_editor_get_speed(f->editor), ==, 0);
}

static void
test_forward(Fixture *f, gconstpointer data)
{
    vera_editor_play(f->editor, 1);
    g_assert_cmpint(tick(f, 16), ==, 0);
    g_assert_cmpint(tick(f, 41), ==, 0);
    g_assert_cmpint(tick(f, 1), ==, 1);
    /* A screen that lags skips frames and keeps time. */
    g_assert_cmpint(tick(f, 458), ==, 12);
    vera_editor_play(f->editor, 2);
    tick(f, 0);
    g_assert_cmpint(tick(f, 125), ==, 18);
    g_assert_cmpint(tick(f, 1000), ==, N_FRAMES - 1);
    g_assert_cmpfloat(vera_editor_get_speed(f->editor), ==, 0);
    /* From the end, play begins anew. */
    vera_editor_play(f->editor, 1);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 0);
}

static void
test_backward(Fixture *f, gconstpointer data)
{
    vera_editor_set_frame(f->editor, 12);
    vera_editor_play(f->editor, -1);
    g_assert_cmpint(tick(f, 16), ==, 12);
    g_assert_cmpint(tick(f, 41), ==, 12);
    g_assert_cmpint(tick(f, 1), ==, 11);
    g_assert_cmpint(tick(f, 208), ==, 6);
    g_assert_cmpint(tick(f, 1000), ==, 0);
    g_assert_cmpfloat(vera_editor_get_speed(f->editor), ==, 0);
    vera_editor_play(f->editor, -1);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, N_FRAMES - 1);
}

/* Each frame of an uneven clip comes at its own time: two in the first half second, then twenty-four a second. */
static void
test_uneven(Fixture *f, gconstpointer data)
{
    g_autofree char *path = fixture_get_path("uneven.mkv");

    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24:duration=2 -vf "
                              "\"select='gte(n,12)+not(mod(n,6))'\" -vsync vfr -c:v ffv1 uneven.mkv"));
    vera_editor_add_clip(f->editor, path);
    settle(f);
    g_assert_true(vera_editor_get_clip_info(f->editor)->is_variable_rate);
    vera_editor_play(f->editor, 1);
    g_assert_cmpint(tick(f, 16), ==, 0);
    g_assert_cmpint(tick(f, 240), ==, 0);
    g_assert_cmpint(tick(f, 12), ==, 1);
    g_assert_cmpint(tick(f, 240), ==, 1);
    g_assert_cmpint(tick(f, 10), ==, 2);
    g_assert_cmpint(tick(f, 250), ==, 8);
    vera_editor_play(f->editor, -1);
    tick(f, 0);
    g_assert_cmpint(tick(f, 252), ==, 2);
    g_assert_cmpint(tick(f, 252), ==, 1);
}

static void
test_loop(Fixture *f, gconstpointer data)
{
    g_object_set(f->editor, "is-looping", TRUE, NULL);
    vera_editor_set_range(f->editor, 4, 7);
    vera_editor_set_frame(f->editor, 4);
    vera_editor_play(f->editor, 1);
    tick(f, 0);
    for (int i = 1; i < 4; i++)
        g_assert_cmpint(tick(f, 42), ==, 4 + i);
    g_assert_cmpint(tick(f, 42), ==, 4);
    vera_editor_play(f->editor, -1);
    tick(f, 0);
    g_assert_cmpint(tick(f, 42), ==, 7);
    g_assert_cmpfloat(vera_editor_get_speed(f->editor), ==, -1);
}

/* Whatever is pressed, while it plays the playhead stays within the range. */
static void
test_never_leaves_range(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(5);
    gint64 first, last;
    int n_played = 0;

    for (int i = 0; i < 3000; i++) {
        switch (g_rand_int_range(rand, 0, 12)) {
        case 0:
            vera_editor_set_range(f->editor, g_rand_int_range(rand, -1, N_FRAMES), g_rand_int_range(rand, -1, N_FRAMES));
            continue;
        case 1:
            vera_editor_set_frame(f->editor, g_rand_int_range(rand, 0, N_FRAMES));
            break;
        case 2:
        case 3:
            vera_editor_play(f->editor, (double[]){ 1, -1, 2, -4, 0.25, 16 }[g_rand_int_range(rand, 0, 6)]);
            break;
        case 4:
            g_object_set(f->editor, "is-looping", g_rand_boolean(rand), NULL);
            break;
        default:
            if (vera_editor_get_speed(f->editor) == 0)
                continue;
            tick(f, g_rand_int_range(rand, 0, 60));
            vera_editor_get_range(f->editor, &first, &last);
            g_assert_cmpint(vera_editor_get_frame(f->editor), >=, first);
            g_assert_cmpint(vera_editor_get_frame(f->editor), <=, last);
            n_played++;
        }
    }
    g_assert_cmpint(n_played, >, 300);
    g_rand_free(rand);
}

static void
test_plays_nothing_without_clip(Fixture *f, gconstpointer data)
{
    vera_editor_play(f->editor, 1);
    g_assert_cmpfloat(vera_editor_get_speed(f->editor), ==, 0);
    g_assert_cmpint(tick(f, 1000), ==, 0);
}

int
main(int argc, char **argv)
{
    g_autofree char *state_home = fixture_get_path("state");
    int status;

    g_setenv("XDG_STATE_HOME", state_home, TRUE);
    g_setenv("XDG_DATA_HOME", state_home, TRUE);
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    ADD_EDITOR_TEST("editor-play/set-frame", "a.mkv", test_set_frame);
    ADD_EDITOR_TEST("editor-play/forward", "a.mkv", test_forward);
    ADD_EDITOR_TEST("editor-play/backward", "a.mkv", test_backward);
    ADD_EDITOR_TEST("editor-play/uneven", NULL, test_uneven);
    ADD_EDITOR_TEST("editor-play/loop", "a.mkv", test_loop);
    ADD_EDITOR_TEST("editor-play/never-leaves-range", "a.mkv", test_never_leaves_range);
    ADD_EDITOR_TEST("editor-play/plays-nothing-without-clip", NULL, test_plays_nothing_without_clip);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
