#include "config.h"

#include <glib/gstdio.h>

#include "engine/media/vera-export.h"
#include "ui/vera-settings.h"

static void
test_defaults(void)
{
    if (g_test_subprocess()) {
        g_assert_cmpint(vera_settings_get_enum(VERA_SETTING_THEME, -1), ==, VERA_THEME_DARK);
        g_assert_cmpint(vera_settings_get_int(VERA_SETTING_FRAME_CACHE, -1), ==, 768);
        g_assert_cmpint(vera_settings_get_int(VERA_SETTING_LAYER_CACHE, -1), ==, 512);
        g_assert_false(vera_settings_get_boolean(VERA_SETTING_IS_LOOPING, TRUE));
        g_assert_false(vera_settings_get_boolean(VERA_SETTING_IS_MAXIMISED, TRUE));
        g_assert_null(vera_settings_dup_folder(VERA_SETTING_EXPORT_FOLDER));
        g_assert_null(vera_settings_dup_folder(VERA_SETTING_LAST_EXPORT_FOLDER));
        g_assert_null(vera_settings_dup_folder(VERA_SETTING_MODEL_FOLDER));
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

/* What one process sets the next one finds. */
static void
test_remembered(void)
{
    g_autofree char *folder = g_dir_make_tmp("vera-settings-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "glib-2.0", "settings", "keyfile", NULL);
    g_autofree char *text = NULL;

    g_setenv("GSETTINGS_BACKEND", "keyfile", TRUE);
    g_setenv("XDG_CONFIG_HOME", folder, TRUE);
    g_test_trap_subprocess("/settings/remembered/subprocess/set", 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_test_trap_subprocess("/settings/remembered/subprocess/read", 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
    g_setenv("GSETTINGS_BACKEND", "memory", TRUE);
}

static void
test_set(void)
{
    vera_settings_set_int(VERA_SETTING_WINDOW_WIDTH, 1000);
    vera_settings_set_boolean(VERA_SETTING_IS_LOOPING, TRUE);
    vera_settings_set_enum(VERA_SETTING_EXPORT_PRESET, VERA_EXPORT_PRESET_PRORES);
    vera_settings_set_folder(VERA_SETTING_EXPORT_FOLDER, g_getenv("XDG_CONFIG_HOME"));
    vera_settings_set_folder(VERA_SETTING_MODEL_FOLDER, "/nowhere at all");
    g_settings_sync();
}

static void
test_read(void)
{
    g_autofree char *folder = NULL;

    folder = vera_settings_dup_folder(VERA_SETTING_EXPORT_FOLDER);
    g_assert_cmpint(vera_settings_get_int(VERA_SETTING_WINDOW_WIDTH, -1), ==, 1000);
    g_assert_true(vera_settings_get_boolean(VERA_SETTING_IS_LOOPING, FALSE));
    g_assert_cmpint(vera_settings_get_enum(VERA_SETTING_EXPORT_PRESET, -1), ==, VERA_EXPORT_PRESET_PRORES);
    g_assert_cmpstr(folder, ==, g_getenv("XDG_CONFIG_HOME"));
    /* A folder that is gone is as good as none. */
    g_assert_null(vera_settings_dup_folder(VERA_SETTING_MODEL_FOLDER));
}

/* The dialog's rows, the command line's names and the schema's names are one list. */
static void
test_presets(void)
{
    g_autoptr(GSettingsSchema) schema = NULL;
    g_autoptr(GSettingsSchemaKey) key = NULL;
    g_autoptr(GVariant) range = NULL, nicks = NULL;
    const char *kind;

    g_assert_nonnull(vera_settings_get());
    g_object_get(vera_settings_get(), "settings-schema", &schema, NULL);
    key = g_settings_schema_get_key(schema, VERA_SETTING_EXPORT_PRESET);
    range = g_settings_schema_key_get_range(key);
    g_variant_get(range, "(&sv)", &kind, &nicks);
    g_assert_cmpint(g_variant_n_children(nicks), ==, VERA_EXPORT_PRESET_H264 + 1);
    for (gsize i = 0; i < g_variant_n_children(nicks); i++) {
        g_autoptr(GVariant) nick = g_variant_get_child_value(nicks, i);
        VeraExportPreset preset;
        g_assert_true(vera_export_preset_from_name(g_variant_get_string(nick, NULL), &preset));
        g_settings_set_value(vera_settings_get(), VERA_SETTING_EXPORT_PRESET, nick);
        g_assert_cmpint(vera_settings_get_enum(VERA_SETTING_EXPORT_PRESET, -1), ==, (int)preset);
    }
}

static void
test_without_schema(void)
{
    if (g_test_subprocess()) {
        g_assert_null(vera_settings_get());
        g_assert_cmpint(vera_settings_get_int(VERA_SETTING_FRAME_CACHE, 5), ==, 5);
        g_assert_true(vera_settings_get_boolean(VERA_SETTING_IS_LOOPING, TRUE));
        g_assert_cmpint(vera_settings_get_enum(VERA_SETTING_THEME, 2), ==, 2);
        g_assert_null(vera_settings_dup_folder(VERA_SETTING_MODEL_FOLDER));
        vera_settings_set_int(VERA_SETTING_FRAME_CACHE, 100);
        vera_settings_set_folder(VERA_SETTING_MODEL_FOLDER, NULL);
        return;
    }
    if (g_file_test(VERA_SCHEMA_DIR "/io.github.vera_editor.Vera.gschema.xml", G_FILE_TEST_EXISTS)) {
        g_test_skip("Vera is installed on this computer, so its schema cannot be missing");
        return;
    }
    g_unsetenv("GSETTINGS_SCHEMA_DIR");
    g_setenv("XDG_DATA_DIRS", "/nonexistent", TRUE);
    g_setenv("XDG_DATA_HOME", "/nonexistent", TRUE);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*settings schema*is not installed*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* Never the settings of the person who runs this. */
    if (!g_test_subprocess())
        g_setenv("GSETTINGS_BACKEND", "memory", TRUE);
    g_test_add_func("/settings/defaults", test_defaults);
    g_test_add_func("/settings/remembered", test_remembered);
    g_test_add_func("/settings/remembered/subprocess/set", test_set);
    g_test_add_func("/settings/remembered/subprocess/read", test_read);
    g_test_add_func("/settings/presets", test_presets);
    /* Last: what it unsets the others need. */
    g_test_add_func("/settings/without-schema", test_without_schema);
    return g_test_run();
}
