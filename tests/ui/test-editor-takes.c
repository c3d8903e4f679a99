#include "config.h"

#include "ui/vera-editor.h"

#include "tests/engine/media-fixture.h"
#include "tests/ui/missing-clip-fixture.h"

/* Takes of the selected edit: choose, compare, rename, delete. The clip is not needed for it and does not exist. */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    VeraProject *project;
    char *ids[3];
    int n_compared;
} Fixture;

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    const char *clip_id;
    VeraProjectState *state;
    VeraEdit *edit;

    state = missing_clip_begin(&f->queue, &f->editor, &f->project, &clip_id);
    edit = vera_edit_new(clip_id, 0, 8);
    for (int i = 0; i < 3; i++) {
        VeraProjectTake *take = vera_project_take_new("/no-take", "Take");
        f->ids[i] = g_strdup(take->id);
        g_ptr_array_add(edit->takes, take);
    }
    edit->chosen_take = g_strdup(f->ids[1]);
    g_ptr_array_add(state->edits, edit);
    missing_clip_end(f->editor, f->project, state);
    g_signal_connect_swapped(f->editor, "notify::compared-take", G_CALLBACK(g_atomic_int_inc), &f->n_compared);
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    missing_clip_clear(f->queue, f->editor, f->project);
    for (int i = 0; i < 3; i++)
        g_free(f->ids[i]);
}

static const char *
get_chosen(Fixture *f)
{
    return vera_editor_get_selected(f->editor)->chosen_take;
}

static void
assert_compared(Fixture *f, const char *id)
{
    const VeraProjectTake *take = vera_editor_get_compared(f->editor);
    g_autofree char *property = NULL;

    g_object_get(f->editor, "compared-take", &property, NULL);
    g_assert_cmpstr(take ? take->id : NULL, ==, id);
    g_assert_cmpstr(property, ==, id);
}

static void
test_choose(Fixture *f, gconstpointer data)
{
    vera_editor_choose_take(f->editor, f->ids[2]);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[2]);
    vera_editor_choose_take(f->editor, "of-another-edit");
    g_assert_cmpstr(get_chosen(f), ==, f->ids[2]);
    /* The same again is no step of undo. */
    vera_editor_choose_take(f->editor, f->ids[2]);
    g_assert_cmpstr(vera_project_get_undo_name(f->project), ==, "Choose Take");
    vera_project_undo(f->project);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[1]);
}

static void
test_rename(Fixture *f, gconstpointer data)
{
    const VeraEdit *edit;

    vera_editor_rename_take(f->editor, f->ids[0], "  Softer edge ");
    edit = vera_editor_get_selected(f->editor);
    g_assert_cmpstr(vera_edit_find_take(edit, f->ids[0])->name, ==, "Softer edge");
    vera_editor_rename_take(f->editor, f->ids[0], "   ");
    vera_editor_rename_take(f->editor, f->ids[0], "Softer edge");
    vera_project_undo(f->project);
    edit = vera_editor_get_selected(f->editor);
    g_assert_cmpstr(vera_edit_find_take(edit, f->ids[0])->name, ==, "Take");
}

/* What was shown is replaced by its neighbour; undo brings take and choice back. */
static void
test_delete(Fixture *f, gconstpointer data)
{
    vera_editor_delete_take(f->editor, f->ids[1]);
    g_assert_cmpuint(vera_editor_get_selected(f->editor)->takes->len, ==, 2);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[2]);
    vera_editor_delete_take(f->editor, f->ids[2]);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[0]);
    vera_editor_delete_take(f->editor, f->ids[0]);
    g_assert_cmpstr(get_chosen(f), ==, NULL);
    for (int i = 0; i < 3; i++)
        vera_project_undo(f->project);
    g_assert_cmpuint(vera_editor_get_selected(f->editor)->takes->len, ==, 3);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[1]);
    /* One that is not shown changes nothing of what is. */
    vera_editor_delete_take(f->editor, f->ids[2]);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[1]);
}

static void
test_compare(Fixture *f, gconstpointer data)
{
    assert_compared(f, NULL);
    vera_editor_compare_take(f->editor, f->ids[0]);
    assert_compared(f, f->ids[0]);
    g_assert_cmpint(f->n_compared, >, 0);
    g_assert_cmpstr(vera_project_get_undo_name(f->project), ==, "Setup");
    /* Choosing B swaps the two. */
    vera_editor_choose_take(f->editor, f->ids[0]);
    g_assert_cmpstr(get_chosen(f), ==, f->ids[0]);
    assert_compared(f, f->ids[1]);
    /* No take is compared with itself, nor is one that is gone; both may come back. */
    vera_editor_compare_take(f->editor, f->ids[0]);
    assert_compared(f, NULL);
    vera_editor_compare_take(f->editor, f->ids[2]);
    vera_editor_delete_take(f->editor, f->ids[2]);
    assert_compared(f, NULL);
    vera_project_undo(f->project);
    assert_compared(f, f->ids[2]);
    vera_editor_compare_take(f->editor, NULL);
    assert_compared(f, NULL);
}

#define ADD(name, func) g_test_add("/ui/editor-takes/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_autofree char *state_home = fixture_get_path("state");
    int status;

    g_setenv("XDG_STATE_HOME", state_home, TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD("choose", test_choose);
    ADD("rename", test_rename);
    ADD("delete", test_delete);
    ADD("compare", test_compare);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
