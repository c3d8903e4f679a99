#include "config.h"

#include "ui/vera-layers-panel.h"

#include <stdio.h>
#include <string.h>

#include "tests/ui/missing-clip-fixture.h"
#include "tests/ui/take-fixture.h"
#include "ui/vera-layer-row.h"
#include "ui/vera-take-row.h"

/* The panel in a window: two edits, the upper one with three takes, of which the last one is damaged. */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    VeraProject *project;
    GtkWidget *window, *panel;
    char *edits[2], *takes[3];
} Fixture;

static void
fixture_add_edit(Fixture *f, VeraProjectState *state, const char *clip_id, int i, int n_takes)
{
    VeraEdit *edit = vera_edit_new(clip_id, 0, 8);

    for (int t = 0; t < n_takes; t++) {
        g_autofree char *name = g_strdup_printf("take-%d", t), *dir = fixture_get_path(name);
        VeraProjectTake *take = vera_project_take_new(dir, name);
        if (t < 2 && !g_file_test(dir, G_FILE_TEST_EXISTS))
            fixture_write_take_with(dir, 2, 0.5f, t == 1);
        f->takes[t] = g_strdup(take->id);
        g_ptr_array_add(edit->takes, take);
    }
    edit->chosen_take = n_takes > 0 ? g_strdup(f->takes[0]) : NULL;
    f->edits[i] = g_strdup(edit->id);
    g_ptr_array_add(state->edits, edit);
}

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    const char *clip_id;
    VeraProjectState *state;

    state = missing_clip_begin(&f->queue, &f->editor, &f->project, &clip_id);
    fixture_add_edit(f, state, clip_id, 0, 0);
    fixture_add_edit(f, state, clip_id, 1, 3);
    missing_clip_end(f->editor, f->project, state);
    f->panel = g_object_new(VERA_TYPE_LAYERS_PANEL, NULL);
    vera_layers_panel_set_editor(VERA_LAYERS_PANEL(f->panel), f->editor);
    f->window = gtk_window_new();
    gtk_window_set_child(GTK_WINDOW(f->window), f->panel);
    gtk_window_present(GTK_WINDOW(f->window));
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    gtk_window_destroy(GTK_WINDOW(f->window));
    missing_clip_clear(f->queue, f->editor, f->project);
    for (int i = 0; i < 5; i++)
        g_free(i < 2 ? f->edits[i] : f->takes[i - 2]);
}

static GtkWidget *
find_first(GtkWidget *root, GType type)
{
    GtkWidget *found = g_type_is_a(G_OBJECT_TYPE(root), type) ? root : NULL;

    for (GtkWidget *child = gtk_widget_get_first_child(root); child != NULL && found == NULL; child = gtk_widget_get_next_sibling(child))
        found = find_first(child, type);
    return found;
}

static GtkListBoxRow *
get_row(Fixture *f, GType type, int index)
{
    GtkWidget *first = find_first(f->panel, type);

    return first ? gtk_list_box_get_row_at_index(GTK_LIST_BOX(gtk_widget_get_parent(first)), index) : NULL;
}

#define LAYER(f, i) VERA_LAYER_ROW(get_row(f, VERA_TYPE_LAYER_ROW, i))
#define TAKE(f, i) VERA_TAKE_ROW(get_row(f, VERA_TYPE_TAKE_ROW, i))
#define CHILD(row, TYPE, name) G_OBJECT(gtk_widget_get_template_child(GTK_WIDGET(row), TYPE, name))

static const char *
get_facts(Fixture *f, int index)
{
    return gtk_label_get_text(GTK_LABEL(CHILD(TAKE(f, index), VERA_TYPE_TAKE_ROW, "facts_label")));
}

/* The stack, topmost first; selecting a row selects the edit, with its takes. */
static void
test_select(Fixture *f, gconstpointer data)
{
    GtkListBoxRow *lower = GTK_LIST_BOX_ROW(LAYER(f, 1));

    g_assert_cmpstr(vera_layer_row_get_id(LAYER(f, 0)), ==, f->edits[1]);
    g_assert_cmpstr(vera_layer_row_get_id(LAYER(f, 1)), ==, f->edits[0]);
    g_assert_true(gtk_list_box_row_is_selected(GTK_LIST_BOX_ROW(LAYER(f, 0))));
    g_assert_nonnull(TAKE(f, 2));
    gtk_list_box_select_row(GTK_LIST_BOX(gtk_widget_get_parent(GTK_WIDGET(lower))), lower);
    g_assert_cmpstr(vera_editor_get_selected(f->editor)->id, ==, f->edits[0]);
    g_assert_null(get_row(f, VERA_TYPE_TAKE_ROW, 0));
    /* The row is the same one, so that a keyboard does not lose its place. */
    g_assert_true(lower == GTK_LIST_BOX_ROW(LAYER(f, 1)));
    g_assert_true(gtk_list_box_row_is_selected(lower));
}

static void
test_stack(Fixture *f, gconstpointer data)
{
    VeraLayerRow *row = LAYER(f, 1);
    const VeraProjectState *state;

    gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(CHILD(row, VERA_TYPE_LAYER_ROW, "visible_button")), FALSE);
    gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(CHILD(row, VERA_TYPE_LAYER_ROW, "solo_button")), TRUE);
    state = vera_editor_get_state(f->editor);
    g_assert_false(vera_project_state_find_edit(state, f->edits[0])->is_visible);
    g_assert_true(vera_project_state_find_edit(state, f->edits[0])->is_solo);
    g_assert_true(vera_project_state_find_edit(state, f->edits[1])->is_visible);
    vera_editor_move_edit(f->editor, f->edits[0], 1);
    g_assert_cmpstr(vera_layer_row_get_id(LAYER(f, 0)), ==, f->edits[0]);
    vera_editor_move_edit(f->editor, f->edits[0], 2);
    g_assert_cmpstr(vera_project_get_undo_name(f->project), ==, "Reorder Layers");
    vera_project_undo(f->project);
    g_assert_cmpstr(vera_layer_row_get_id(LAYER(f, 0)), ==, f->edits[1]);
    vera_project_undo(f->project);
    g_assert_false(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(CHILD(LAYER(f, 1), VERA_TYPE_LAYER_ROW, "solo_button"))));
    vera_project_undo(f->project);
    g_assert_true(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(CHILD(LAYER(f, 1), VERA_TYPE_LAYER_ROW, "visible_button"))));
}

/* Pictures and facts arrive in the background; what cannot be read says so, and why. */
static void
test_pictures(Fixture *f, gconstpointer data)
{
    while (gtk_picture_get_paintable(GTK_PICTURE(CHILD(TAKE(f, 0), VERA_TYPE_TAKE_ROW, "picture"))) == NULL ||
           !gtk_widget_get_visible(GTK_WIDGET(CHILD(TAKE(f, 2), VERA_TYPE_TAKE_ROW, "warning"))))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(get_facts(f, 0), ==, "Seed 0 · 1 step · 100 %");
    g_assert_cmpstr(get_facts(f, 2), ==, "Cannot be read");
    g_assert_nonnull(strstr(gtk_widget_get_tooltip_text(GTK_WIDGET(CHILD(TAKE(f, 2), VERA_TYPE_TAKE_ROW, "facts_label"))), "take.json"));
    g_assert_null(gtk_picture_get_paintable(GTK_PICTURE(CHILD(TAKE(f, 2), VERA_TYPE_TAKE_ROW, "picture"))));
    gtk_widget_activate_action(GTK_WIDGET(TAKE(f, 0)), "take.use-settings", NULL);
    g_assert_cmpstr(vera_editor_get_selected(f->editor)->instruction, ==, "Add a lamp");
    g_assert_cmpint(vera_editor_get_selected(f->editor)->n_steps, ==, 1);
    g_assert_cmpint(vera_editor_get_selected(f->editor)->width, ==, 8);
}

static void
assert_badge(Fixture *f, int index, const char *text)
{
    GtkWidget *badge = GTK_WIDGET(CHILD(TAKE(f, index), VERA_TYPE_TAKE_ROW, "badge"));

    g_assert_cmpint(gtk_widget_get_visible(badge), ==, text != NULL);
    if (text != NULL)
        g_assert_cmpstr(gtk_label_get_text(GTK_LABEL(badge)), ==, text);
}

static void
test_compare(Fixture *f, gconstpointer data)
{
    VeraTakeRow *row = TAKE(f, 1);
    GtkToggleButton *button = GTK_TOGGLE_BUTTON(CHILD(row, VERA_TYPE_TAKE_ROW, "compare_button"));

    assert_badge(f, 0, "✓");
    assert_badge(f, 1, NULL);
    gtk_toggle_button_set_active(button, TRUE);
    g_assert_cmpstr(vera_editor_get_compared(f->editor)->id, ==, f->takes[1]);
    assert_badge(f, 0, "A");
    assert_badge(f, 1, "B");
    vera_editor_choose_take(f->editor, f->takes[1]);
    assert_badge(f, 0, "B");
    assert_badge(f, 1, "A");
    g_assert_true(row == TAKE(f, 1));
    vera_editor_compare_take(f->editor, NULL);
    assert_badge(f, 0, NULL);
    assert_badge(f, 1, "✓");
}

static void
test_rename(Fixture *f, gconstpointer data)
{
    VeraTakeRow *row = TAKE(f, 0);
    GtkEditable *entry = GTK_EDITABLE(CHILD(row, VERA_TYPE_TAKE_ROW, "name_entry"));

    gtk_widget_activate_action(GTK_WIDGET(row), "take.rename", NULL);
    g_assert_cmpstr(gtk_editable_get_text(entry), ==, "take-0");
    gtk_editable_set_text(entry, "The good one");
    /* A change of the project meanwhile does not take away what is being typed. */
    vera_editor_set_solo(f->editor, f->edits[0], TRUE);
    g_assert_true(row == TAKE(f, 0));
    g_assert_cmpstr(gtk_editable_get_text(entry), ==, "The good one");
    g_signal_emit_by_name(entry, "activate");
    g_assert_cmpstr(vera_edit_find_take(vera_editor_get_selected(f->editor), f->takes[0])->name, ==, "The good one");
    g_assert_cmpstr(gtk_label_get_text(GTK_LABEL(CHILD(row, VERA_TYPE_TAKE_ROW, "name_label"))), ==, "The good one");
    gtk_widget_activate_action(GTK_WIDGET(row), "take.delete", NULL);
    g_assert_cmpstr(vera_take_row_get_id(TAKE(f, 0)), ==, f->takes[1]);
    g_assert_null(get_row(f, VERA_TYPE_TAKE_ROW, 2));
    vera_project_undo(f->project);
    g_assert_cmpstr(vera_take_row_get_id(TAKE(f, 0)), ==, f->takes[0]);
}

/* Only a take that has a snapped matte too has anything to choose. */
static void
test_snap(Fixture *f, gconstpointer data)
{
    GtkWidget *row = GTK_WIDGET(CHILD(f->panel, VERA_TYPE_LAYERS_PANEL, "snap_row"));
    GtkWidget *clean_row = GTK_WIDGET(CHILD(f->panel, VERA_TYPE_LAYERS_PANEL, "clean_row"));
    GtkSwitch *clean = GTK_SWITCH(CHILD(f->panel, VERA_TYPE_LAYERS_PANEL, "clean_switch"));

    while (g_str_equal(get_facts(f, 0), "Loading") || g_str_equal(get_facts(f, 1), "Loading"))
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(gtk_widget_get_visible(row));
    g_assert_false(gtk_widget_get_visible(clean_row));
    vera_editor_choose_take(f->editor, f->takes[1]);
    g_assert_true(gtk_widget_get_visible(row));
    g_assert_true(gtk_widget_get_visible(clean_row));
    g_assert_true(vera_editor_get_selected(f->editor)->refinement.is_edge_clean);
    gtk_switch_set_active(clean, FALSE);
    g_assert_false(vera_editor_get_selected(f->editor)->refinement.is_edge_clean);
    g_assert_true(vera_editor_get_selected(f->editor)->refinement.is_snapped);
    vera_project_undo(f->project);
    g_assert_true(gtk_switch_get_active(clean));
    vera_editor_choose_take(f->editor, f->takes[2]);
    g_assert_false(gtk_widget_get_visible(row));
    vera_editor_choose_take(f->editor, f->takes[1]);
    vera_editor_select(f->editor, f->edits[0]);
    g_assert_false(gtk_widget_get_visible(row));
}

#define ADD(name, func) g_test_add("/ui/layers-panel/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!gtk_init_check()) {
        puts("1..0 # SKIP there is no display");
        return 0;
    }
    adw_init();
    ADD("select", test_select);
    ADD("snap", test_snap);
    ADD("stack", test_stack);
    ADD("pictures", test_pictures);
    ADD("compare", test_compare);
    ADD("rename", test_rename);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
