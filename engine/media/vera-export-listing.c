#include "config.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/media/vera-export-manifest.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

static void
vera_export_listing_clear_file_cb(gpointer file)
{
    g_free(((VeraExportFile *)file)->path);
}

void
vera_export_listing_free(VeraExportListing *self)
{
    g_array_unref(self->files);
    g_array_unref(self->frames);
    g_free(self->preset);
    g_free(self);
}

/* Frames count from 1 in the file. Returns: from 0; -1 where there is none */
static gint64
vera_export_listing_get_frame(JsonObject *object, const char *name)
{
    gint64 number = vera_json_get_int(object, name, 0);

    return number > 0 ? number - 1 : -1;
}

static void
vera_export_listing_add_file(VeraExportListing *self, JsonObject *object)
{
    const char *path = vera_json_get_string(object, "path", NULL);
    VeraExportFile file = {NULL, -1};

    /* A manifest is a file like any other: what it names must lie in its folder. */
    if (path == NULL || g_path_is_absolute(path) || strstr(path, "..") != NULL)
        return;
    file.path = g_strdup(path);
    file.source_frame = vera_export_listing_get_frame(object, "source_frame");
    g_array_append_val(self->files, file);
}

static void
vera_export_listing_add_cb(JsonArray *array, guint index, JsonNode *node, gpointer user_data)
{
    VeraExportListing *self = user_data;
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    gint64 frame;

    if (object == NULL)
        return;
    if (json_object_has_member(object, "path")) {
        vera_export_listing_add_file(self, object);
        return;
    }
    frame = vera_export_listing_get_frame(object, "frame");
    g_array_append_val(self->frames, frame);
}

static gboolean
vera_export_listing_fill(VeraExportListing *self, JsonObject *root)
{
    const char *const names[] = {"files", "finished"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        JsonNode *node = json_object_get_member(root, names[i]);
        if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node))
            return FALSE;
        json_array_foreach_element(json_node_get_array(node), vera_export_listing_add_cb, self);
    }
    self->preset = g_strdup(vera_json_get_string(root, "preset", ""));
    return self->preset != NULL && self->files->len > 0;
}

VeraExportListing *
vera_export_listing_read(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "manifest.json", NULL);
    g_autoptr(JsonParser) parser = vera_json_parse_file(path, NULL);
    g_autoptr(VeraExportListing) self = g_new0(VeraExportListing, 1);

    self->files = g_array_new(FALSE, FALSE, sizeof(VeraExportFile));
    g_array_set_clear_func(self->files, vera_export_listing_clear_file_cb);
    self->frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    if (parser != NULL &&
        vera_export_listing_fill(self, json_node_get_object(json_parser_get_root(parser))))
        return g_steal_pointer(&self);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                g_file_test(dir, G_FILE_TEST_IS_DIR)
                    ? "‘%s’ is not a finished export: it has no readable manifest.json; finish it "
                      "with --resume."
                    : "There is no folder ‘%s’; name the folder of an export.",
                dir);
    return NULL;
}
