#include "config.h"

#include "tests/ui/editor-fixture.h"

static void
assert_shows(Fixture *f, const char *name)
{
    g_autofree char *path = fixture_get_path(name);

    g_assert_cmpstr(vera_editor_get_clip_path(f->editor), ==, path);
    g_assert_nonnull(vera_editor_get_clip_info(f->editor));
    g_assert_null(vera_editor_get_clip_error(f->editor));
    g_assert_cmpint(vera_editor_get_n_frames(f->editor), ==, N_FRAMES);
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
    ADD_EDITOR_TEST("editor/add-clip", NULL, test_add_clip);
    ADD_EDITOR_TEST("editor/missing-clip", NULL, test_missing_clip);
    ADD_EDITOR_TEST("editor/failing-clip", "a.mkv", test_failing_clip);
    ADD_EDITOR_TEST("editor/failing-first-clip", NULL, test_failing_first_clip);
    ADD_EDITOR_TEST("editor/change-while-opening", "a.mkv", test_change_while_opening);
    ADD_EDITOR_TEST("editor/undo-removes-clip", "a.mkv", test_undo_removes_clip);
    ADD_EDITOR_TEST("editor/undo-removes-edit", "a.mkv", test_undo_removes_edit);
    ADD_EDITOR_TEST("editor/edit-needs-clip", NULL, test_edit_needs_clip);
    ADD_EDITOR_TEST("editor/range", "a.mkv", test_range);
    ADD_EDITOR_TEST("editor/keyframes", "a.mkv", test_keyframes);
    ADD_EDITOR_TEST("editor/mask", "a.mkv", test_mask);
    ADD_EDITOR_TEST("editor/layers", "a.mkv", test_layers);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
