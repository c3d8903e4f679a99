#include "config.h"

#include "ui/vera-export-dialog.h"

#include <stdio.h>
#include <string.h>

#include "tests/engine/media-fixture.h"

/* The dialog over a clip of 24 frames without a layer: the null edit, into a folder beside the clip. */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    GtkWidget *window;
    gpointer dialog; /* a GtkWidget, NULL once it is closed */
    char *folder;
} Fixture;

#define CHILD(f, name) GTK_WIDGET(gtk_widget_get_template_child((f)->dialog, VERA_TYPE_EXPORT_DIALOG, name))

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *clip = fixture_get_path("clip.mkv");

    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    vera_editor_add_clip(f->editor, clip);
    while (vera_editor_is_loading(f->editor))
        g_main_context_iteration(NULL, TRUE);
    f->window = gtk_window_new();
    f->dialog = vera_export_dialog_new(GTK_WINDOW(f->window), f->editor);
    g_object_add_weak_pointer(G_OBJECT(f->dialog), &f->dialog);
    gtk_window_present(GTK_WINDOW(f->dialog));
    f->folder = fixture_get_path("clip-export-1");
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    if (f->dialog != NULL)
        gtk_window_destroy(GTK_WINDOW(f->dialog));
    gtk_window_destroy(GTK_WINDOW(f->window));
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
    g_free(f->folder);
}

static void
choose(Fixture *f, const char *row, guint index)
{
    adw_combo_row_set_selected(ADW_COMBO_ROW(CHILD(f, row)), index);
}

static const char *
get_text(Fixture *f, const char *name)
{
    return gtk_label_get_text(GTK_LABEL(CHILD(f, name)));
}

/* The names that will be written follow range, number and format. */
static void
test_example(Fixture *f, gconstpointer data)
{
    g_assert_nonnull(strstr(get_text(f, "example"), "clip.1001.exr … clip.1024.exr\n24 frames"));
    g_assert_false(gtk_widget_get_visible(CHILD(f, "first_row")));
    choose(f, "range_row", 3);
    g_assert_true(gtk_widget_get_visible(CHILD(f, "first_row")));
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "first_spin")), 5);
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "last_spin")), 7);
    g_assert_nonnull(strstr(get_text(f, "example"), "clip.1005.exr … clip.1007.exr\n3 frames"));
    /* The other way round it is one frame, and beyond the clip there is none. */
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "last_spin")), 2);
    g_assert_nonnull(strstr(get_text(f, "example"), "1 frame"));
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "last_spin")), 1000);
    g_assert_nonnull(strstr(get_text(f, "example"), "20 frames"));
    choose(f, "preset_row", 3);
    g_assert_nonnull(strstr(get_text(f, "example"), "comp.mkv\n20 frames"));
    g_assert_false(gtk_widget_get_visible(CHILD(f, "start_row")));
}

static void
wait_until_visible(Fixture *f, const char *name, gboolean is_visible)
{
    while (gtk_widget_get_visible(CHILD(f, name)) != is_visible)
        g_main_context_iteration(NULL, TRUE);
}

/* Files are not replaced unless that is asked for; other files in the folder do not matter. */
static void
test_replace(Fixture *f, gconstpointer data)
{
    g_autofree char *other = g_build_filename(f->folder, "notes.txt", NULL), *frame = g_build_filename(f->folder, "clip.1006.exr", NULL);

    g_mkdir_with_parents(f->folder, 0777);
    g_assert_true(g_file_set_contents(other, "x", 1, NULL));
    g_assert_true(g_file_set_contents(frame, "x", 1, NULL));
    choose(f, "range_row", 3);
    wait_until_visible(f, "replace_row", TRUE);
    g_assert_nonnull(strstr(get_text(f, "warning"), "1 file of these names"));
    g_assert_false(gtk_widget_get_sensitive(CHILD(f, "export_button")));
    gtk_switch_set_active(GTK_SWITCH(CHILD(f, "replace_switch")), TRUE);
    g_assert_false(gtk_widget_get_visible(CHILD(f, "warning_box")));
    g_assert_true(gtk_widget_get_sensitive(CHILD(f, "export_button")));
    gtk_switch_set_active(GTK_SWITCH(CHILD(f, "replace_switch")), FALSE);
    g_assert_false(gtk_widget_get_sensitive(CHILD(f, "export_button")));
    /* Frames that are left out replace nothing. */
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "first_spin")), 10);
    wait_until_visible(f, "replace_row", FALSE);
    g_assert_true(gtk_widget_get_sensitive(CHILD(f, "export_button")));
    g_assert_true(fixture_run("rm -r clip-export-1"));
}

/* What was chosen is what the queue is asked for. */
static void
test_export(Fixture *f, gconstpointer data)
{
    g_autoptr(VeraJob) job = NULL;
    gint64 first, last, n_changed, n_frames;

    gtk_switch_set_active(GTK_SWITCH(CHILD(f, "linear_switch")), TRUE);
    g_assert_true(vera_editor_get_state(f->editor)->is_linear_over);
    vera_project_undo(vera_editor_get_project(f->editor));
    g_assert_false(vera_editor_get_state(f->editor)->is_linear_over);
    choose(f, "range_row", 3);
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "first_spin")), 3);
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(CHILD(f, "last_spin")), 4);
    g_signal_emit_by_name(CHILD(f, "export_button"), "clicked");
    job = g_list_model_get_item(G_LIST_MODEL(f->queue), 0);
    g_assert_nonnull(job);
    vera_job_get_range(job, &first, &last);
    g_assert_cmpint(first, ==, 2);
    g_assert_cmpint(last, ==, 3);
    while (!vera_job_state_is_over(vera_job_get_state(job)))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(vera_job_get_message(job), ==, NULL);
    vera_job_get_proof(job, &n_changed, &n_frames);
    g_assert_cmpint(n_changed, ==, 0);
    g_assert_cmpint(n_frames, ==, 2);
    g_assert_true(fixture_run("test -f clip-export-1/clip.1003.exr -a -f clip-export-1/clip.1004.exr && rm -r clip-export-1"));
}

#define ADD(name, func) g_test_add("/ui/export-dialog/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!gtk_init_check() || !fixture_has_ffmpeg()) {
        puts("1..0 # SKIP there is no display, or no ffmpeg");
        return 0;
    }
    adw_init();
    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24:duration=1 -c:v ffv1 clip.mkv"));
    ADD("example", test_example);
    ADD("replace", test_replace);
    ADD("export", test_export);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
