#include "config.h"

#include "ui/vera-edit-panel.h"

#include <string.h>

#include "tests/engine/media-fixture.h"
#include "tests/ui/app-fixture.h"
#include "tests/ui/missing-clip-fixture.h"
#include "ui/vera-settings.h"

/* The panel over a project with one edit, whose clip is missing. */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    VeraProject *project;
    GtkWidget *window, *panel;
} Fixture;

#define CHILD(f, name) gtk_widget_get_template_child(GTK_WIDGET((f)->panel), VERA_TYPE_EDIT_PANEL, name)

static void
fixture_set_up(Fixture *f, gconstpointer task)
{
    const char *clip_id;
    VeraProjectState *state;
    VeraEdit *edit;

    state = missing_clip_begin(&f->queue, &f->editor, &f->project, &clip_id);
    edit = vera_edit_new(clip_id, 0, 8);
    edit->task = g_strdup(task);
    g_ptr_array_add(state->edits, edit);
    missing_clip_end(f->editor, f->project, state);
    f->panel = g_object_new(VERA_TYPE_EDIT_PANEL, NULL);
    vera_edit_panel_set_editor(VERA_EDIT_PANEL(f->panel), f->editor);
    f->window = gtk_window_new();
    gtk_window_set_child(GTK_WINDOW(f->window), f->panel);
    gtk_window_present(GTK_WINDOW(f->window));
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    gtk_window_destroy(GTK_WINDOW(f->window));
    missing_clip_clear(f->queue, f->editor, f->project);
}

static const char *
get_region_hint(Fixture *f)
{
    return adw_action_row_get_subtitle(ADW_ACTION_ROW(CHILD(f, "region_row")));
}

/* How many sections or examples the menu offers at its first level. */
static int
count_examples(Fixture *f)
{
    return g_menu_model_get_n_items(gtk_menu_button_get_menu_model(GTK_MENU_BUTTON(CHILD(f, "examples_button"))));
}

static const char *
get_task(Fixture *f)
{
    return vera_editor_get_selected(f->editor)->task;
}

/* The task is a change of the edit; it chooses the examples and says what to draw. */
static void
test_task(Fixture *f, gconstpointer data)
{
    AdwComboRow *row = ADW_COMBO_ROW(CHILD(f, "task_row"));

    g_assert_cmpstr(get_task(f), ==, NULL);
    g_assert_cmpint(count_examples(f), ==, 2);
    g_assert_nonnull(strstr(get_region_hint(f), "to say where"));
    adw_combo_row_set_selected(row, 2);
    g_assert_cmpstr(get_task(f), ==, "background");
    g_assert_cmpstr(vera_project_get_undo_name(f->project), ==, "Change Task");
    g_assert_nonnull(strstr(get_region_hint(f), "over what changes, or over what stays and invert"));
    g_assert_cmpint(count_examples(f), ==, 2);
    adw_combo_row_set_selected(row, 1);
    g_assert_cmpstr(get_task(f), ==, "add");
    g_assert_cmpint(count_examples(f), ==, 3);
    g_assert_nonnull(strstr(get_region_hint(f), "where it goes"));
    vera_project_undo(f->project);
    vera_project_undo(f->project);
    g_assert_cmpstr(get_task(f), ==, NULL);
    g_assert_cmpuint(adw_combo_row_get_selected(row), ==, 0);
}

/* What a newer program knows is shown as automatic, and stays. */
static void
test_unknown_task(Fixture *f, gconstpointer data)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(f->editor, &edit);

    g_assert_cmpuint(adw_combo_row_get_selected(ADW_COMBO_ROW(CHILD(f, "task_row"))), ==, 0);
    edit->n_steps = 3;
    vera_editor_commit(f->editor, state, "Change Settings", NULL);
    g_assert_cmpstr(get_task(f), ==, "remove");
}

/* The lock of the seed is remembered. */
static void
test_lock(Fixture *f, gconstpointer data)
{
    GtkWidget *later;

    g_assert_false(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(CHILD(f, "lock_button"))));
    gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(CHILD(f, "lock_button")), TRUE);
    g_assert_true(vera_settings_get_boolean(VERA_SETTING_IS_SEED_LOCKED, FALSE));
    later = g_object_ref_sink(g_object_new(VERA_TYPE_EDIT_PANEL, NULL));
    g_assert_true(gtk_toggle_button_get_active(
        GTK_TOGGLE_BUTTON(gtk_widget_get_template_child(later, VERA_TYPE_EDIT_PANEL, "lock_button"))));
    g_object_unref(later);
    vera_settings_set_boolean(VERA_SETTING_IS_SEED_LOCKED, FALSE);
}

#define ADD(name, task, func) g_test_add("/ui/edit-panel/" name, Fixture, task, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    AppFixture program;
    int status;

    app_fixture_start(&program, &argc, &argv);
    ADD("task", NULL, test_task);
    ADD("unknown-task", "remove", test_unknown_task);
    ADD("lock", NULL, test_lock);
    status = g_test_run();
    app_fixture_end(&program);
    fixture_remove_folder();
    return status;
}
