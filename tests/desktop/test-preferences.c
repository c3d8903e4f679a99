#include "config.h"

#include "ui/vera-preferences.h"

#include <glib/gstdio.h>
#include <string.h>

#include "tests/ui/app-fixture.h"
#include "ui/vera-editor.h"
#include "ui/vera-settings.h"
#include "ui/vera-window.h"

static AppFixture program;

static gpointer
get_child(GtkWidget *widget, GType type, const char *name)
{
    GObject *child = gtk_widget_get_template_child(widget, type, name);

    g_assert_nonnull(child);
    return child;
}

static void
reset(void)
{
    static const char *const keys[] = { VERA_SETTING_WINDOW_WIDTH, VERA_SETTING_WINDOW_HEIGHT, VERA_SETTING_IS_MAXIMISED,
                                        VERA_SETTING_THEME,        VERA_SETTING_FRAME_CACHE,   VERA_SETTING_LAYER_CACHE,
                                        VERA_SETTING_IS_LOOPING,   VERA_SETTING_EXPORT_FOLDER, VERA_SETTING_MODEL_FOLDER };

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        g_settings_reset(vera_settings_get(), keys[i]);
}

static void
test_rows(void)
{
    GtkWidget *window = vera_preferences_new(NULL);
    AdwComboRow *theme = get_child(window, VERA_TYPE_PREFERENCES, "theme_row");
    AdwComboRow *processor = get_child(window, VERA_TYPE_PREFERENCES, "processor_row");
    GtkSpinButton *frame = get_child(window, VERA_TYPE_PREFERENCES, "frame_spin");
    GtkSpinButton *layer = get_child(window, VERA_TYPE_PREFERENCES, "layer_spin");

    g_assert_cmpint((int)adw_combo_row_get_selected(theme), ==, VERA_THEME_DARK);
    adw_combo_row_set_selected(theme, VERA_THEME_LIGHT);
    g_assert_cmpint(vera_settings_get_enum(VERA_SETTING_THEME, -1), ==, VERA_THEME_LIGHT);
    vera_settings_set_enum(VERA_SETTING_THEME, VERA_THEME_SYSTEM);
    g_assert_cmpint((int)adw_combo_row_get_selected(theme), ==, VERA_THEME_SYSTEM);
    g_assert_cmpint((int)adw_combo_row_get_selected(processor), ==, VERA_PROCESSOR_CPU);
    adw_combo_row_set_selected(processor, VERA_PROCESSOR_GPU);
    g_assert_cmpint(vera_settings_get_enum(VERA_SETTING_PROCESSOR, VERA_PROCESSOR_CPU), ==, VERA_PROCESSOR_GPU);
    vera_settings_set_enum(VERA_SETTING_PROCESSOR, VERA_PROCESSOR_CPU);
    g_assert_cmpint((int)adw_combo_row_get_selected(processor), ==, VERA_PROCESSOR_CPU);
    g_assert_cmpint(gtk_spin_button_get_value_as_int(frame), ==, 768);
    g_assert_cmpint(gtk_spin_button_get_value_as_int(layer), ==, 512);
    gtk_spin_button_set_value(frame, 128);
    gtk_spin_button_set_value(layer, 192);
    g_assert_cmpint(vera_settings_get_int(VERA_SETTING_FRAME_CACHE, -1), ==, 128);
    g_assert_cmpint(vera_settings_get_int(VERA_SETTING_LAYER_CACHE, -1), ==, 192);
    gtk_window_destroy(GTK_WINDOW(window));
    reset();
}

static void
test_folders(void)
{
    g_autofree char *folder = g_dir_make_tmp("vera-exports-XXXXXX", NULL);
    GtkWidget *window = vera_preferences_new(NULL);
    AdwActionRow *row = get_child(window, VERA_TYPE_PREFERENCES, "export_row");
    GtkWidget *undo = get_child(window, VERA_TYPE_PREFERENCES, "export_reset");

    g_assert_cmpstr(adw_action_row_get_subtitle(row), ==, "The folder of the clip");
    g_assert_false(gtk_widget_get_visible(undo));
    vera_settings_set_folder(VERA_SETTING_EXPORT_FOLDER, folder);
    g_assert_cmpstr(adw_action_row_get_subtitle(row), ==, folder);
    g_assert_true(gtk_widget_get_visible(undo));
    /* Gone in between: said, and not lost. */
    g_rmdir(folder);
    gtk_window_destroy(GTK_WINDOW(window));
    window = vera_preferences_new(NULL);
    row = get_child(window, VERA_TYPE_PREFERENCES, "export_row");
    undo = get_child(window, VERA_TYPE_PREFERENCES, "export_reset");
    g_assert_true(g_str_has_prefix(adw_action_row_get_subtitle(row), folder));
    g_assert_nonnull(strstr(adw_action_row_get_subtitle(row), "is gone"));
    g_signal_emit_by_name(undo, "clicked");
    g_assert_cmpstr(adw_action_row_get_subtitle(row), ==, "The folder of the clip");
    gtk_window_destroy(GTK_WINDOW(window));
    reset();
}

/* An edit that names no model takes the preferred one from the moment on that it is chosen. */
static void
test_model(void)
{
    g_autofree char *folder = g_dir_make_tmp("vera-model-XXXXXX", NULL);
    g_autoptr(VeraEditor) editor = vera_editor_new(program.queue, "/bundled");

    g_assert_cmpstr(vera_editor_get_default_model(editor), ==, "/bundled");
    vera_settings_set_folder(VERA_SETTING_MODEL_FOLDER, folder);
    g_assert_cmpstr(vera_editor_get_default_model(editor), ==, folder);
    g_settings_reset(vera_settings_get(), VERA_SETTING_MODEL_FOLDER);
    g_assert_cmpstr(vera_editor_get_default_model(editor), ==, "/bundled");
    g_rmdir(folder);
}

/* What a window is when it is closed the next one is when it opens. */
static void
test_window(void)
{
    VeraWindow *window = vera_window_new(program.app, program.queue, "/bundled");
    int width, height;
    gboolean is_looping;

    gtk_window_get_default_size(GTK_WINDOW(window), &width, &height);
    g_assert_cmpint(width, ==, 1360);
    gtk_window_set_default_size(GTK_WINDOW(window), 1000, 700);
    g_action_group_change_action_state(G_ACTION_GROUP(window), "loop", g_variant_new_boolean(TRUE));
    /* A window that was never realized cannot be asked to close. */
    gtk_widget_realize(GTK_WIDGET(window));
    gtk_window_close(GTK_WINDOW(window));
    window = vera_window_new(program.app, program.queue, "/bundled");
    gtk_window_get_default_size(GTK_WINDOW(window), &width, &height);
    g_object_get(vera_window_get_editor(window), "is-looping", &is_looping, NULL);
    g_assert_cmpint(width, ==, 1000);
    g_assert_cmpint(height, ==, 700);
    g_assert_true(is_looping);
    gtk_window_destroy(GTK_WINDOW(window));
    reset();
}

int
main(int argc, char **argv)
{
    int status;

    app_fixture_start(&program, &argc, &argv);
    g_test_add_func("/preferences/rows", test_rows);
    g_test_add_func("/preferences/folders", test_folders);
    g_test_add_func("/preferences/model", test_model);
    g_test_add_func("/preferences/window", test_window);
    status = g_test_run();
    app_fixture_end(&program);
    return status;
}
