#include "config.h"

#include "ui/vera-editor.h"

#include <stdio.h>
#include <string.h>

#include "tests/ui/take-fixture.h"

/* The editor without a window. Times are made up, and each wait is for a state. */

#define N_FRAMES 24
#define RATE 24

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    char *message;
    gint64 now_us;
} Fixture;

static void
message_cb(VeraEditor *editor, const char *text, Fixture *f)
{
    g_free(f->message);
    f->message = g_strdup(text);
}

static char *
make_clip(const char *name)
{
    g_autofree char *command = g_strdup_printf("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=%d:duration=1 -c:v ffv1 %s", RATE, name);
    char *path = fixture_get_path(name);

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_true(fixture_run(command));
    return path;
}

static void
settle(Fixture *f)
{
    while (vera_editor_is_loading(f->editor))
        g_main_context_iteration(NULL, TRUE);
}

static void
add_clip(Fixture *f, const char *name)
{
    g_autofree char *path = make_clip(name);

    vera_editor_add_clip(f->editor, path);
    settle(f);
}

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    f->now_us = 1000000;
    g_signal_connect(f->editor, "message", G_CALLBACK(message_cb), f);
    if (data != NULL)
        add_clip(f, data);
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
    g_free(f->message);
}

static void
assert_shows(Fixture *f, const char *name)
{
    g_autofree char *path = fixture_get_path(name);

    g_assert_cmpstr(vera_editor_get_clip_path(f->editor), ==, path);
    g_assert_nonnull(vera_editor_get_clip_info(f->editor));
    g_assert_null(vera_editor_get_clip_error(f->editor));
    g_assert_cmpint(vera_editor_get_n_frames(f->editor), ==, N_FRAMES);
}

/* A screen frame of @ms milliseconds passes. */
static gint64
tick(Fixture *f, gint64 ms)
{
    f->now_us += ms * 1000;
    vera_editor_tick(f->editor, f->now_us);
    return vera_editor_get_frame(f->editor);
}

static void
test_add_clip(Fixture *f, gconstpointer data)
{
    g_autofree char *id = NULL;

    g_assert_cmpint(vera_editor_get_n_frames(f->editor), ==, 0);
    add_clip(f, "a.mkv");
    assert_shows(f, "a.mkv");
    g_assert_cmpuint(vera_editor_get_state(f->editor)->clips->len, ==, 1);
    id = g_strdup(vera_editor_get_clip_id(f->editor));
    add_clip(f, "b.mkv");
    assert_shows(f, "b.mkv");
    /* The same file again is shown, not added. */
    add_clip(f, "a.mkv");
    assert_shows(f, "a.mkv");
    g_assert_cmpstr(vera_editor_get_clip_id(f->editor), ==, id);
    g_assert_cmpuint(vera_editor_get_state(f->editor)->clips->len, ==, 2);
    g_assert_null(f->message);
}

/* A clip of the project that is gone is said to be, stays in the project and can be found again. */
static void
test_missing_clip(Fixture *f, gconstpointer data)
{
    g_autofree char *lost = fixture_get_path("lost.mkv"), *found = make_clip("a.mkv");
    g_autoptr(VeraProject) project = vera_project_new();
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));

    g_ptr_array_add(state->clips, vera_project_clip_new(lost, NULL));
    vera_project_commit(project, state, "Add Clip", NULL);
    vera_editor_set_project(f->editor, project);
    settle(f);
    g_assert_null(vera_editor_get_clip_info(f->editor));
    g_assert_nonnull(strstr(vera_editor_get_clip_error(f->editor), "lost.mkv"));
    g_assert_cmpstr(vera_editor_get_clip_path(f->editor), ==, lost);
    vera_editor_relink(f->editor, found);
    settle(f);
    assert_shows(f, "a.mkv");
    vera_project_undo(project);
    settle(f);
    g_assert_nonnull(vera_editor_get_clip_error(f->editor));
    vera_project_redo(project);
    settle(f);
    assert_shows(f, "a.mkv");
}

/* What cannot be opened leaves everything as it was: the clip, not the first one, and the playhead. */
static void
test_failing_clip(Fixture *f, gconstpointer data)
{
    g_autofree char *text = fixture_get_path("text.mkv");

    g_assert_true(g_file_set_contents(text, "not a movie", -1, NULL));
    add_clip(f, "b.mkv");
    vera_editor_set_frame(f->editor, 7);
    vera_editor_add_clip(f->editor, text);
    settle(f);
    g_assert_nonnull(strstr(f->message, "text.mkv"));
    assert_shows(f, "b.mkv");
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 7);
    g_assert_cmpuint(vera_editor_get_state(f->editor)->clips->len, ==, 2);
    g_assert_cmpstr(vera_project_get_undo_name(vera_editor_get_project(f->editor)), ==, "Add Clip");
}

static void
test_failing_first_clip(Fixture *f, gconstpointer data)
{
    g_autofree char *lost = fixture_get_path("lost.mkv");

    vera_editor_add_clip(f->editor, lost);
    settle(f);
    g_assert_nonnull(strstr(f->message, "lost.mkv"));
    g_assert_null(vera_editor_get_clip_info(f->editor));
    g_assert_null(vera_editor_get_clip_id(f->editor));
    g_assert_false(vera_project_get_can_undo(vera_editor_get_project(f->editor)));
}

/* A change while a new clip is being opened (a take that ends) does not lose it. */
static void
test_change_while_opening(Fixture *f, gconstpointer data)
{
    g_autofree char *path = make_clip("b.mkv");

    vera_editor_add_clip(f->editor, path);
    vera_editor_set_range(f->editor, 2, 5);
    settle(f);
    assert_shows(f, "b.mkv");
    g_assert_cmpuint(vera_editor_get_state(f->editor)->clips->len, ==, 2);
}

static void
test_undo_removes_clip(Fixture *f, gconstpointer data)
{
    VeraProject *project = vera_editor_get_project(f->editor);

    add_clip(f, "b.mkv");
    vera_project_undo(project);
    settle(f);
    assert_shows(f, "a.mkv");
    vera_project_undo(project);
    settle(f);
    g_assert_null(vera_editor_get_clip_info(f->editor));
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 0);
    g_assert_null(vera_editor_get_clip_error(f->editor));
    vera_project_redo(project);
    settle(f);
    assert_shows(f, "a.mkv");
}

static void
test_undo_removes_edit(Fixture *f, gconstpointer data)
{
    VeraProject *project = vera_editor_get_project(f->editor);
    g_autofree char *first = NULL, *second = NULL;
    int n = 0;

    vera_editor_add_edit(f->editor);
    first = g_strdup(vera_editor_get_selected(f->editor)->id);
    vera_editor_add_edit(f->editor);
    second = g_strdup(vera_editor_get_selected(f->editor)->id);
    g_assert_cmpstr(first, !=, second);
    g_signal_connect_swapped(f->editor, "notify::selected-edit", G_CALLBACK(g_atomic_int_inc), &n);
    vera_project_undo(project);
    g_assert_cmpstr(vera_editor_get_selected(f->editor)->id, ==, first);
    g_assert_cmpint(n, >, 0);
    vera_project_undo(project);
    g_assert_null(vera_editor_get_selected(f->editor));
    vera_project_redo(project);
    g_assert_cmpstr(vera_editor_get_selected(f->editor)->id, ==, first);
}

static void
test_edit_needs_clip(Fixture *f, gconstpointer data)
{
    vera_editor_add_edit(f->editor);
    g_assert_nonnull(f->message);
    g_assert_null(vera_editor_get_selected(f->editor));
    g_clear_pointer(&f->message, g_free);
    vera_editor_start_take(f->editor);
    g_assert_nonnull(f->message);
    add_clip(f, "a.mkv");
    vera_editor_add_edit(f->editor);
    g_clear_pointer(&f->message, g_free);
    vera_editor_start_take(f->editor);
    g_assert_nonnull(f->message);
    g_assert_cmpuint(g_list_model_get_n_items(G_LIST_MODEL(f->queue)), ==, 0);
}

static void
test_range(Fixture *f, gconstpointer data)
{
    gint64 first, last;

    g_assert_false(vera_editor_get_range(f->editor, &first, &last));
    g_assert_cmpint(first, ==, 0);
    g_assert_cmpint(last, ==, N_FRAMES - 1);
    vera_editor_set_range(f->editor, 5, 9);
    g_assert_true(vera_editor_get_range(f->editor, &first, &last));
    g_assert_cmpint(first, ==, 5);
    g_assert_cmpint(last, ==, 9);
    vera_editor_add_edit(f->editor);
    g_assert_cmpint(vera_editor_get_selected(f->editor)->first, ==, 5);
    g_assert_cmpint(vera_editor_get_selected(f->editor)->last, ==, 9);
    vera_editor_set_range(f->editor, 9, 3);
    vera_editor_get_range(f->editor, &first, &last);
    g_assert_cmpint(first, ==, 9);
    g_assert_cmpint(last, ==, 9);
    vera_editor_set_range(f->editor, 10, 4000);
    vera_editor_get_range(f->editor, &first, &last);
    g_assert_cmpint(last, ==, N_FRAMES - 1);
    vera_editor_set_range(f->editor, -1, -1);
    g_assert_false(vera_editor_get_range(f->editor, &first, &last));
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

/* The layers over a plate: visible ones and the selected one, in order, and solo hides the rest. */
static void
test_layers(Fixture *f, gconstpointer data)
{
    g_autofree char *dir = fixture_get_path("layers-take");
    g_autoptr(VeraFrame) plate = NULL;
    VeraProjectState *state;
    VeraEdit *edit;
    gboolean is_exact = FALSE;

    fixture_write_take(dir, 3, 0.5f);
    vera_editor_add_edit(f->editor);
    state = vera_editor_begin_edit_change(f->editor, &edit);
    g_ptr_array_add(edit->takes, vera_project_take_new(dir, "Take 1"));
    edit->chosen_take = g_strdup(((VeraProjectTake *)g_ptr_array_index(edit->takes, 0))->id);
    edit->opacity = 0.5;
    vera_editor_commit(f->editor, state, "Add Take", NULL);
    vera_editor_add_edit(f->editor);
    while (!is_exact) {
        g_clear_pointer(&plate, vera_frame_unref);
        plate = vera_editor_dup_plate(f->editor, &is_exact);
        if (!is_exact)
            g_main_context_iteration(NULL, TRUE);
    }
    for (gboolean has_frame = FALSE; !has_frame;) {
        g_autoptr(GArray) layers = vera_editor_dup_layers(f->editor, plate);
        g_assert_cmpuint(layers->len, ==, 2);
        g_assert_cmpfloat(g_array_index(layers, VeraEditorLayer, 0).opacity, ==, 0.5f);
        g_assert_false(g_array_index(layers, VeraEditorLayer, 0).is_selected);
        g_assert_true(g_array_index(layers, VeraEditorLayer, 1).is_selected);
        has_frame = g_array_index(layers, VeraEditorLayer, 0).frame != NULL;
        if (!has_frame)
            g_main_context_iteration(NULL, TRUE);
    }
    state = vera_editor_begin_edit_change(f->editor, &edit);
    edit->is_solo = TRUE;
    vera_editor_commit(f->editor, state, "Solo", NULL);
    {
        g_autoptr(GArray) layers = vera_editor_dup_layers(f->editor, plate);
        g_assert_cmpuint(layers->len, ==, 1);
        g_assert_true(g_array_index(layers, VeraEditorLayer, 0).is_selected);
    }
}

static void
draw_box(Fixture *f, gint64 frame, float x)
{
    const VeraRegionPoint points[] = { { x, 0, 1 }, { x + 10, 10, 1 } };
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(f->editor, &edit);
    VeraRegion *region = edit->region ? vera_region_copy(edit->region) : vera_region_new();

    if (region->shapes->len == 0)
        g_ptr_array_add(region->shapes, vera_region_shape_new(VERA_REGION_SHAPE_KIND_RECTANGLE));
    vera_region_shape_set_points(region->shapes->pdata[0], frame, points, 2);
    g_clear_pointer(&edit->region, vera_region_unref);
    edit->region = region;
    vera_editor_commit(f->editor, state, "Draw", NULL);
}

static void
assert_box(Fixture *f, gint64 frame, float x, guint n_keys)
{
    const VeraRegion *region = vera_editor_get_selected(f->editor)->region;
    g_autoptr(GArray) points = vera_region_shape_get_points(region->shapes->pdata[0], frame);
    g_autoptr(GArray) frames = vera_region_list_keys(region);

    g_assert_cmpfloat(g_array_index(points, VeraRegionPoint, 0).x, ==, x);
    g_assert_cmpuint(frames->len, ==, n_keys);
}

/* Keyframes by keyboard: set, walk, move, nudge, delete; each is one step of undo. */
static void
test_keyframes(Fixture *f, gconstpointer data)
{
    VeraProject *project = vera_editor_get_project(f->editor);

    vera_editor_add_edit(f->editor);
    vera_editor_add_key(f->editor);
    g_assert_nonnull(strstr(f->message, "Draw a region first"));
    draw_box(f, 4, 0);
    draw_box(f, 14, 20);
    vera_editor_set_frame(f->editor, 9);
    vera_editor_add_key(f->editor);
    assert_box(f, 9, 10, 3);
    vera_editor_go_key(f->editor, 1);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 14);
    vera_editor_go_key(f->editor, 1);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 14);
    vera_editor_go_key(f->editor, -1);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 9);
    vera_editor_shift_key(f->editor, 1);
    g_assert_cmpint(vera_editor_get_frame(f->editor), ==, 10);
    assert_box(f, 10, 10, 3);
    vera_editor_nudge_region(f->editor, 1, 0);
    vera_editor_nudge_region(f->editor, 10, 0);
    assert_box(f, 10, 21, 3);
    vera_project_undo(project);
    assert_box(f, 10, 10, 3);
    vera_project_undo(project);
    assert_box(f, 9, 10, 3);
    vera_project_redo(project);
    assert_box(f, 10, 10, 3);
    vera_editor_remove_key(f->editor);
    assert_box(f, 9, 10, 2);
    g_clear_pointer(&f->message, g_free);
    vera_editor_remove_key(f->editor);
    g_assert_nonnull(strstr(f->message, "no keyframe"));
    vera_editor_set_frame(f->editor, 4);
    vera_editor_remove_key(f->editor);
    vera_editor_set_frame(f->editor, 14);
    vera_editor_remove_key(f->editor);
    g_assert_nonnull(strstr(f->message, "only keyframe"));
    assert_box(f, 0, 20, 1);
    g_assert_cmpint(vera_editor_move_key(f->editor, 14, 1000, NULL), ==, N_FRAMES - 1);
}

static void
set_mask(Fixture *f, const char *name)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(f->editor, &edit);

    g_free(edit->region_path);
    edit->region_path = name ? fixture_get_path(name) : NULL;
    vera_editor_commit(f->editor, state, "Mask", NULL);
}

/* Frame @index of the mask comes at the playhead, and nothing else stays. */
static void
assert_mask(Fixture *f, gint64 index)
{
    for (;;) {
        g_autoptr(VeraFrame) mask = vera_editor_dup_mask(f->editor);
        if (mask != NULL && mask->index == index)
            return;
        g_main_context_iteration(NULL, TRUE);
    }
}

/* An imported mask follows the playhead as a job takes it; it may be replaced, removed, drawn over, or missing. */
static void
test_mask(Fixture *f, gconstpointer data)
{
    g_autofree char *whole = make_clip("mask.mkv");

    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i color=white:size=32x24:rate=24 -frames:v 5 -c:v ffv1 five.mkv"));
    vera_editor_set_range(f->editor, 10, 14);
    vera_editor_add_edit(f->editor);
    g_assert_null(vera_editor_dup_mask(f->editor));
    set_mask(f, "mask.mkv");
    vera_editor_set_frame(f->editor, 7);
    assert_mask(f, 7);
    vera_editor_set_frame(f->editor, 20);
    assert_mask(f, 20);
    set_mask(f, "five.mkv");
    vera_editor_set_frame(f->editor, 12);
    assert_mask(f, 2);
    vera_editor_set_frame(f->editor, 15);
    g_assert_null(vera_editor_dup_mask(f->editor));
    vera_editor_set_frame(f->editor, 14);
    assert_mask(f, 4);
    draw_box(f, 14, 0);
    g_assert_null(vera_editor_dup_mask(f->editor));
    vera_project_undo(vera_editor_get_project(f->editor));
    assert_mask(f, 4);
    set_mask(f, NULL);
    g_assert_null(vera_editor_dup_mask(f->editor));
    set_mask(f, "none.mkv");
    g_clear_pointer(&f->message, g_free);
    while (f->message == NULL) {
        g_assert_null(vera_editor_dup_mask(f->editor));
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_nonnull(strstr(f->message, "none.mkv"));
}

#define ADD(name, clip, func) g_test_add("/ui/editor/" name, Fixture, clip, fixture_set_up, func, fixture_tear_down)

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
    ADD("add-clip", NULL, test_add_clip);
    ADD("missing-clip", NULL, test_missing_clip);
    ADD("failing-clip", "a.mkv", test_failing_clip);
    ADD("failing-first-clip", NULL, test_failing_first_clip);
    ADD("change-while-opening", "a.mkv", test_change_while_opening);
    ADD("undo-removes-clip", "a.mkv", test_undo_removes_clip);
    ADD("undo-removes-edit", "a.mkv", test_undo_removes_edit);
    ADD("edit-needs-clip", NULL, test_edit_needs_clip);
    ADD("range", "a.mkv", test_range);
    ADD("set-frame", "a.mkv", test_set_frame);
    ADD("forward", "a.mkv", test_forward);
    ADD("backward", "a.mkv", test_backward);
    ADD("uneven", NULL, test_uneven);
    ADD("loop", "a.mkv", test_loop);
    ADD("never-leaves-range", "a.mkv", test_never_leaves_range);
    ADD("plays-nothing-without-clip", NULL, test_plays_nothing_without_clip);
    ADD("keyframes", "a.mkv", test_keyframes);
    ADD("mask", "a.mkv", test_mask);
    ADD("layers", "a.mkv", test_layers);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
