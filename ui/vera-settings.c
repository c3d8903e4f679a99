#include "config.h"

#include "ui/vera-settings.h"

#define VERA_SETTINGS_ID "io.github.vera_editor.Vera"

static GSettingsSchema *
vera_settings_look_in(const char *folder)
{
    g_autoptr(GSettingsSchemaSource) source = g_settings_schema_source_new_from_directory(folder, NULL, TRUE, NULL);

    return source ? g_settings_schema_source_lookup(source, VERA_SETTINGS_ID, FALSE) : NULL;
}

/* Beside a built program: build/app/vera and build/data. An installed one has no such neighbour. */
static GSettingsSchema *
vera_settings_find_built(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : NULL, *parent = folder ? g_path_get_dirname(folder) : NULL;
    g_autofree char *data = parent ? g_build_filename(parent, "data", NULL) : NULL;

    return data ? vera_settings_look_in(data) : NULL;
}

static GSettings *
vera_settings_open(void)
{
    GSettingsSchemaSource *usual = g_settings_schema_source_get_default();
    g_autoptr(GSettingsSchema) schema = vera_settings_find_built();

    if (schema == NULL && usual != NULL)
        schema = g_settings_schema_source_lookup(usual, VERA_SETTINGS_ID, TRUE);
    if (schema == NULL)
        schema = vera_settings_look_in(VERA_SCHEMA_DIR);
    if (schema != NULL)
        return g_settings_new_full(schema, NULL, NULL);
    g_printerr("vera: the settings schema " VERA_SETTINGS_ID " is not installed in ‘%s’: preferences will not be remembered. "
               "Install Vera again.\n",
               VERA_SCHEMA_DIR);
    return NULL;
}

GSettings *
vera_settings_get(void)
{
    static GSettings *settings = NULL;
    static gboolean is_open = FALSE;

    if (!is_open)
        settings = vera_settings_open();
    is_open = TRUE;
    return settings;
}

int
vera_settings_get_int(const char *key, int otherwise)
{
    return vera_settings_get() ? g_settings_get_int(vera_settings_get(), key) : otherwise;
}

gboolean
vera_settings_get_boolean(const char *key, gboolean otherwise)
{
    return vera_settings_get() ? g_settings_get_boolean(vera_settings_get(), key) : otherwise;
}

int
vera_settings_get_enum(const char *key, int otherwise)
{
    return vera_settings_get() ? g_settings_get_enum(vera_settings_get(), key) : otherwise;
}

char *
vera_settings_dup_folder(const char *key)
{
    g_autofree char *path = vera_settings_get() ? g_settings_get_string(vera_settings_get(), key) : NULL;

    return path && *path && g_file_test(path, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&path) : NULL;
}

char **
vera_settings_dup_list(const char *key)
{
    return vera_settings_get() ? g_settings_get_strv(vera_settings_get(), key) : g_new0(char *, 1);
}

void
vera_settings_push(const char *key, const char *text, guint max)
{
    g_auto(GStrv) old = vera_settings_dup_list(key), list = NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    guint n = 1;

    g_strv_builder_add(builder, text);
    for (gsize i = 0; old[i] != NULL && n < max; i++) {
        if (g_str_equal(old[i], text))
            continue;
        g_strv_builder_add(builder, old[i]);
        n++;
    }
    list = g_strv_builder_end(builder);
    if (vera_settings_get() != NULL)
        g_settings_set_strv(vera_settings_get(), key, (const char *const *)list);
}

void
vera_settings_set_int(const char *key, int value)
{
    if (vera_settings_get() != NULL)
        g_settings_set_int(vera_settings_get(), key, value);
}

void
vera_settings_set_boolean(const char *key, gboolean value)
{
    if (vera_settings_get() != NULL)
        g_settings_set_boolean(vera_settings_get(), key, value);
}

void
vera_settings_set_enum(const char *key, int value)
{
    if (vera_settings_get() != NULL)
        g_settings_set_enum(vera_settings_get(), key, value);
}

void
vera_settings_set_folder(const char *key, const char *path)
{
    if (vera_settings_get() != NULL)
        g_settings_set_string(vera_settings_get(), key, path ? path : "");
}
