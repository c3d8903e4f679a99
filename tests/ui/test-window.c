#include "config.h"

#include <string.h>

#include "tests/ui/window-fixture.h"
#include "ui/vera-canvas-private.h"

/* What the window does with a project: closing, saving, undo by name, the files of deleted takes.
 */

static GtkWidget *
find_label_button(GtkWidget *widget, const char *label)
{
    if (GTK_IS_BUTTON(widget) && g_strcmp0(gtk_button_get_label(GTK_BUTTON(widget)), label) == 0)
        return widget;
    for (GtkWidget *child = gtk_widget_get_first_child(widget); child != NULL; child = gtk_widget_get_next_sibling(child)) {
        GtkWidget *found = find_label_button(child, label);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* A whole path is typed, as the dialog's own folder is settled by and by. */
static void
choose_name(Fixture *f, const char *name)
{
    GtkWidget *dialog = fixture_wait_for_window(GTK_TYPE_FILE_CHOOSER_DIALOG);
    g_autofree char *path = name ? fixture_get_path(name) : NULL;

    if (path != NULL)
        gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(dialog), path);
    fixture_settle();
    gtk_dialog_response(GTK_DIALOG(dialog), path ? GTK_RESPONSE_ACCEPT : GTK_RESPONSE_CANCEL);
}

/* Save, when the window of an untitled project is closed: asks for a name, saves, closes. */
static void
test_close_saves(Fixture *f, gconstpointer data)
{
    g_autofree char *path = fixture_get_path("closed.vera"), *question = NULL;
    g_autoptr(VeraProjectState) state = NULL;

    fixture_add_marker(f, "Add Marker");
    gtk_window_close(GTK_WINDOW(f->window));
    question = fixture_answer("save");
    choose_name(f, "closed");
    while (f->window != NULL && gtk_widget_get_visible(GTK_WIDGET(f->window)))
        g_main_context_iteration(NULL, TRUE);
    state = vera_project_state_load(path, NULL);
    if (state == NULL)
        g_error("%s: %s", path, g_file_test(path, G_FILE_TEST_EXISTS) ? "damaged" : "missing");
    g_assert_cmpuint(state->markers->len, ==, 1);
}

/* Without a name the window stays, with its changes; closing asks again. So does a name that cannot
 * be written. */
static void
test_close_cancelled(Fixture *f, gconstpointer data)
{
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    fixture_add_marker(f, "Add Marker");
    gtk_window_close(GTK_WINDOW(f->window));
    first = fixture_answer("save");
    choose_name(f, NULL);
    fixture_settle();
    g_assert_nonnull(f->window);
    g_assert_true(gtk_widget_get_visible(GTK_WIDGET(f->window)));
    g_assert_true(vera_project_get_is_modified(fixture_get_project(f)));
    gtk_window_close(GTK_WINDOW(f->window));
    second = fixture_answer("cancel");
    fixture_settle();
    g_assert_true(gtk_widget_get_visible(GTK_WIDGET(f->window)));
    /* What was to follow is forgotten: an ordinary save does not close the window. */
    vera_window_save_as(f->window);
    choose_name(f, "kept");
    while (vera_project_get_is_modified(fixture_get_project(f)))
        g_main_context_iteration(NULL, TRUE);
    fixture_settle();
    g_assert_nonnull(f->window);
    g_assert_true(gtk_widget_get_visible(GTK_WIDGET(f->window)));
}

static char *
get_menu_label(GMenu *menu, int i)
{
    char *label = NULL;

    g_menu_model_get_item_attribute(G_MENU_MODEL(menu), i, G_MENU_ATTRIBUTE_LABEL, "s", &label);
    return label;
}

static void
assert_label(GMenu *menu, int i, const char *text)
{
    g_autofree char *label = get_menu_label(menu, i);

    g_assert_cmpstr(label, ==, text);
}

/* Menu and tooltip name what would be undone; the history leads to any step. */
static void
test_history(Fixture *f, gconstpointer data)
{
    VeraWindow *w = f->window;
    g_autoptr(GVariant) state = NULL;

    assert_label(w->undo_menu, 0, "_Undo");
    g_assert_cmpint(g_menu_model_get_n_items(G_MENU_MODEL(w->undo_menu)), ==, 2);
    fixture_add_marker(f, "Add Marker");
    fixture_add_marker(f, "Rename Take");
    fixture_add_marker(f, "Delete Take");
    assert_label(w->undo_menu, 0, "_Undo Delete Take");
    g_assert_true(
        g_str_has_prefix(gtk_widget_get_tooltip_text(w->undo_button), "Undo Delete Take"));
    assert_label(w->history_menu, 0, "As Opened");
    assert_label(w->history_menu, 3, "Delete Take");
    g_action_group_activate_action(G_ACTION_GROUP(w), "history", g_variant_new_int32(1));
    g_assert_cmpuint(vera_project_get_state(fixture_get_project(f))->markers->len, ==, 1);
    assert_label(w->undo_menu, 0, "_Undo Add Marker");
    assert_label(w->undo_menu, 1, "_Redo Rename Take");
    g_assert_true(
        g_str_has_prefix(gtk_widget_get_tooltip_text(w->redo_button), "Redo Rename Take"));
    state = g_action_group_get_action_state(G_ACTION_GROUP(w), "history");
    g_assert_cmpint(g_variant_get_int32(state), ==, 1);
    g_action_group_activate_action(G_ACTION_GROUP(w), "history", g_variant_new_int32(3));
    g_assert_cmpuint(vera_project_get_state(fixture_get_project(f))->markers->len, ==, 3);
    assert_label(w->undo_menu, 1, "_Redo");
    /* A long history shows what is near. */
    for (int i = 0; i < 40; i++)
        fixture_add_marker(f, "Add Marker");
    g_assert_cmpint(g_menu_model_get_n_items(G_MENU_MODEL(w->history_menu)), ==, 13);
}

/* What lies between two fingers stays there while they spread and move. */
static void
test_pinch(Fixture *f, gconstpointer data)
{
    VeraCanvas *canvas = f->window->canvas;
    double x, y;

    canvas->plate_width = 640;
    canvas->plate_height = 480;
    vera_canvas_zoom_to(canvas, 1);
    canvas->x = 20;
    canvas->y = -30;
    vera_canvas_pinch_begin(canvas, 100, 50);
    vera_canvas_pinch_update(canvas, 2.5, 130, 70);
    vera_canvas_to_plate(canvas, 130, 70, &x, &y);
    g_assert_cmpfloat_with_epsilon(x, 80, 1e-9);
    g_assert_cmpfloat_with_epsilon(y, 80, 1e-9);
    g_assert_cmpfloat_with_epsilon(canvas->zoom, 2.5, 1e-9);
    /* Also where it can grow no further. */
    vera_canvas_pinch_update(canvas, 1000, 10, 15);
    vera_canvas_to_plate(canvas, 10, 15, &x, &y);
    g_assert_cmpfloat_with_epsilon(x, 80, 1e-9);
    g_assert_cmpfloat_with_epsilon(y, 80, 1e-9);
    g_assert_cmpfloat_with_epsilon(canvas->zoom, 64, 1e-9);
}

static void
write_take(const char *dir)
{
    g_autofree char *record = g_build_filename(dir, "take.json", NULL);

    g_mkdir_with_parents(dir, 0777);
    g_assert_true(g_file_set_contents(record, "{}", -1, NULL));
}

/* The project on disk has lost a take that only its older version shows. */
static void
open_with_deleted_take(Fixture *f, const char *dir, const char *path)
{
    g_autoptr(VeraProject) project = vera_project_new();
    VeraProjectState *state = vera_editor_begin_change(f->window->editor);
    g_autoptr(VeraProject) opened = NULL;
    VeraEdit *edit;

    g_ptr_array_add(state->clips, vera_project_clip_new("/clip.mkv", NULL));
    edit = vera_edit_new(((VeraProjectClip *)state->clips->pdata[0])->id, 0, 1);
    g_ptr_array_add(edit->takes, vera_project_take_new(dir, "Take 1"));
    g_ptr_array_add(state->edits, edit);
    vera_project_commit(project, state, "Add Take", NULL);
    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    state = vera_project_state_copy(vera_project_get_state(project));
    vera_project_state_remove_edit(state, state->edits->pdata[0]);
    vera_project_commit(project, state, "Delete Edit", NULL);
    g_assert_true(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    g_clear_object(&project);
    opened = vera_project_load(path, NULL);
    vera_editor_set_project(f->window->editor, opened);
}

/* Deleted takes: what undo needs stays and is said to; the rest goes when that is answered, or
 * stays. */
static void
test_clean_takes(Fixture *f, gconstpointer data)
{
    g_autofree char *dir = fixture_get_path("p-takes/take-1"), *path = fixture_get_path("p.vera"),
                    *older = fixture_get_path("p.vera~1");
    g_autofree char *held = NULL, *offered = NULL, *again = NULL, *none = NULL;

    write_take(dir);
    open_with_deleted_take(f, dir, path);
    g_unlink(older);
    {
        VeraProjectState *state = vera_editor_begin_change(f->window->editor);
        VeraProjectTake *take = g_ptr_array_steal_index(state->removed_takes, 0);
        VeraEdit *edit = vera_edit_new(((VeraProjectClip *)state->clips->pdata[0])->id, 0, 1);
        g_ptr_array_add(edit->takes, take);
        g_ptr_array_add(state->edits, edit);
        vera_editor_commit(f->window->editor, state, "Add Take", NULL);
    }
    vera_project_undo(fixture_get_project(f));
    vera_window_clean_takes(f->window);
    held = fixture_answer("cancel");
    g_assert_nonnull(strstr(held, "1 take stays: Undo"));
    {
        g_autoptr(VeraProject) opened = NULL;
        g_autoptr(VeraProject) empty = vera_project_new();
        vera_editor_set_project(f->window->editor, empty);
        opened = vera_project_load(path, NULL);
        vera_editor_set_project(f->window->editor, opened);
    }
    vera_window_clean_takes(f->window);
    offered = fixture_answer("cancel");
    g_assert_nonnull(strstr(offered, "The files of 1 deleted take, 2 bytes, go to the trash"));
    fixture_settle();
    g_assert_true(g_file_test(dir, G_FILE_TEST_IS_DIR));
    vera_window_clean_takes(f->window);
    again = fixture_answer("trash");
    while (g_file_test(dir, G_FILE_TEST_EXISTS)) {
        GListModel *windows = gtk_window_get_toplevels();
        for (guint i = 0; i < g_list_model_get_n_items(windows); i++) {
            g_autoptr(GtkWidget) window = g_list_model_get_item(windows, i);
            /* A disk without a trash. */
            if (!ADW_IS_MESSAGE_DIALOG(window) || !gtk_widget_get_mapped(window))
                continue;
            adw_message_dialog_response(ADW_MESSAGE_DIALOG(window), "delete");
            gtk_window_destroy(GTK_WINDOW(window));
            break;
        }
        g_main_context_iteration(NULL, TRUE);
    }
    vera_window_clean_takes(f->window);
    none = fixture_answer("cancel");
    g_assert_nonnull(strstr(none, "No files of deleted takes"));
}

/* What was found when the window is no more is told to nobody, and asks nobody. */
static void
test_clean_takes_closed(Fixture *f, gconstpointer data)
{
    g_autofree char *dir = fixture_get_path("q-takes/take-1"), *path = fixture_get_path("q.vera");

    write_take(dir);
    open_with_deleted_take(f, dir, path);
    vera_window_clean_takes(f->window);
    gtk_window_destroy(GTK_WINDOW(f->window));
    for (int i = 0; i < 50; i++) {
        g_autoptr(GListModel) windows = g_object_ref(gtk_window_get_toplevels());
        fixture_settle();
        for (guint j = 0; j < g_list_model_get_n_items(windows); j++) {
            g_autoptr(GtkWidget) window = g_list_model_get_item(windows, j);
            g_assert_false(ADW_IS_MESSAGE_DIALOG(window));
        }
        g_usleep(10000);
    }
    g_assert_true(g_file_test(dir, G_FILE_TEST_IS_DIR));
}

/* A sequence with a gap is told in full: what a toast cannot show is a click away. */
static void
test_gap(Fixture *f, gconstpointer data)
{
    g_autofree char *path = fixture_get_path("gap"), *text = NULL;
    GtkWidget *button = NULL;

    g_assert_true(fixture_run("mkdir gap && : > gap/p.1.png && : > gap/p.3.png && : > gap/p.6.png"));
    vera_editor_add_clip(f->window->editor, path);
    while (button == NULL) {
        g_main_context_iteration(NULL, TRUE);
        button = find_label_button(GTK_WIDGET(f->window->toasts), "_Read");
    }
    g_signal_emit_by_name(button, "clicked");
    text = fixture_answer("close");
    g_assert_nonnull(strstr(text, "lacks 3 pictures, number 2, 4–5; add them"));
}

static GtkWidget *
find_label(GtkWidget *root, const char *text)
{
    GtkWidget *found =
        GTK_IS_LABEL(root) && strstr(gtk_label_get_text(GTK_LABEL(root)), text) ? root : NULL;

    for (GtkWidget *child = gtk_widget_get_first_child(root); child != NULL && found == NULL;
         child = gtk_widget_get_next_sibling(child))
        found = find_label(child, text);
    return found;
}

/* What is said lies over the picture, where it hides nothing that is worked with; without a picture
 * it lies over the page, and what is said while a clip is opened waits for it. */
static void
test_message(Fixture *f, gconstpointer data)
{
    GtkWidget *window = GTK_WIDGET(f->window), *label;
    graphene_rect_t said, picture;
    g_autofree char *path = fixture_get_path("long.mkv");

    if (!fixture_has_ffmpeg())
        return;
    vera_window_show_message(f->window, "Said without a clip");
    g_assert_nonnull(find_label(GTK_WIDGET(f->window->toasts), "Said without a clip"));
    fixture_open_movie(NULL, "long.mkv", 12);
    vera_editor_add_clip(f->window->editor, path);
    g_assert_true(vera_editor_is_loading(f->window->editor));
    vera_window_show_message(f->window, "Said on the way");
    g_assert_null(find_label(window, "Said on the way"));
    while (vera_editor_is_loading(f->window->editor))
        g_main_context_iteration(NULL, TRUE);
    label = find_label(GTK_WIDGET(f->window->canvas_toasts), "Said on the way");
    g_assert_nonnull(label);
    while (gtk_widget_get_height(label) == 0 ||
           gtk_widget_get_height(GTK_WIDGET(f->window->canvas)) == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(gtk_widget_compute_bounds(label, window, &said));
    g_assert_true(gtk_widget_compute_bounds(GTK_WIDGET(f->window->canvas), window, &picture));
    g_assert_true(graphene_rect_contains_rect(&picture, &said));
}

/* With a clip and an edit the window fits into 900 by 600 pixels, borders of the desktop included. */
static void
test_small(Fixture *f, gconstpointer data)
{
    int width, height;

    if (!fixture_has_ffmpeg())
        return;
    fixture_open_movie(f, "long.mkv", 12);
    vera_editor_add_edit(f->window->editor);
    fixture_settle();
    gtk_widget_measure(GTK_WIDGET(f->window), GTK_ORIENTATION_HORIZONTAL, -1, &width, NULL, NULL, NULL);
    gtk_widget_measure(GTK_WIDGET(f->window), GTK_ORIENTATION_VERTICAL, -1, &height, NULL, NULL, NULL);
    g_assert_cmpint(width, <=, 890);
    g_assert_cmpint(height, <=, 590);
}

#define ADD(name, func) \
    g_test_add("/ui/window/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    app_fixture_start(&program, &argc, &argv);
    ADD("close-saves", test_close_saves);
    ADD("close-cancelled", test_close_cancelled);
    ADD("history", test_history);
    ADD("pinch", test_pinch);
    ADD("clean-takes", test_clean_takes);
    ADD("clean-takes-closed", test_clean_takes_closed);
    ADD("gap", test_gap);
    ADD("message", test_message);
    ADD("small", test_small);
    status = g_test_run();
    app_fixture_end(&program);
    fixture_remove_folder();
    return status;
}
