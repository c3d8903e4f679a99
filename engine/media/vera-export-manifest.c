#include "config.h"

#include "engine/media/vera-export-manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

#define VERA_EXPORT_MANIFEST_NAME "manifest.json"
#define VERA_EXPORT_JOURNAL_NAME "manifest.json.part"

struct _VeraExportManifest {
    /* Owned */
    char *dir;
    char *preset;
    char *identity;
    GPtrArray *files;       /* JsonObject: path, sha256, source_frame */
    GPtrArray *frames;      /* JsonObject: frame, changed */
    GHashTable *kept;       /* frame number to JsonObject of @frames of an earlier export */
    GHashTable *kept_files; /* frame number, 0 for movies, to GPtrArray of JsonObject of @files */
    gboolean has_checked_movies;
    gboolean has_movies;
    int fd;
};

void
vera_export_manifest_free(VeraExportManifest *self)
{
    if (self == NULL)
        return;
    if (self->fd >= 0)
        close(self->fd);
    g_ptr_array_unref(self->files);
    g_ptr_array_unref(self->frames);
    g_hash_table_unref(self->kept_files);
    g_hash_table_unref(self->kept);
    g_free(self->dir);
    g_free(self->preset);
    g_free(self->identity);
    g_free(self);
}

static gboolean
vera_export_manifest_fail(const char *verb, const char *path, int saved_errno, GError **error)
{
    g_autofree char *what = g_strdup_printf("%s ‘%s’", verb, path);

    vera_engine_error_set_errno(error, saved_errno, what);
    return FALSE;
}

/* Returns: (transfer full) (nullable): the object that @text is */
static JsonObject *
vera_export_manifest_parse(const char *text, gssize length)
{
    g_autoptr(JsonParser) parser =
        vera_json_parse(text, length < 0 ? strlen(text) : (gsize)length);

    return parser != NULL ? json_object_ref(json_node_get_object(json_parser_get_root(parser)))
                          : NULL;
}

static JsonObject *
vera_export_manifest_load(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL), *text = NULL;
    gsize length;

    return g_file_get_contents(path, &text, &length, NULL)
               ? vera_export_manifest_parse(text, (gssize)length)
               : NULL;
}

static const char *
vera_export_manifest_get_string(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

static gint64
vera_export_manifest_get_int(JsonObject *object, const char *name, gint64 otherwise)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_INT64
               ? json_node_get_int(node)
               : otherwise;
}

static GPtrArray *
vera_export_manifest_list_objects(JsonObject *object, const char *name)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    JsonNode *node = json_object_get_member(object, name);
    JsonArray *array =
        node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
        JsonNode *item = json_array_get_element(array, i);
        if (JSON_NODE_HOLDS_OBJECT(item))
            g_ptr_array_add(list, json_object_ref(json_node_get_object(item)));
    }
    return list;
}

static gboolean
vera_export_manifest_is_whole_file(JsonObject *object)
{
    const char *path = vera_export_manifest_get_string(object, "path");

    return path != NULL && !g_path_is_absolute(path) && strstr(path, "..") == NULL &&
           vera_export_manifest_get_string(object, "sha256") != NULL;
}

static void
vera_export_manifest_keep_file(VeraExportManifest *self, JsonObject *object)
{
    gint64 frame = vera_export_manifest_get_int(object, "source_frame", 0);
    GPtrArray *files = g_hash_table_lookup(self->kept_files, &frame);

    if (files == NULL) {
        files = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
        g_hash_table_insert(self->kept_files, g_memdup2(&frame, sizeof frame), files);
    }
    /* A file that was written twice counts as it was written last. */
    for (guint i = 0; i < files->len; i++)
        if (g_strcmp0(vera_export_manifest_get_string(files->pdata[i], "path"),
                      vera_export_manifest_get_string(object, "path")) == 0)
            g_ptr_array_remove_index(files, i--);
    g_ptr_array_add(files, json_object_ref(object));
}

static void
vera_export_manifest_keep(VeraExportManifest *self, JsonObject *object)
{
    gint64 frame = vera_export_manifest_get_int(object, "frame", -1);

    if (vera_export_manifest_is_whole_file(object))
        vera_export_manifest_keep_file(self, object);
    else if (frame >= 0)
        g_hash_table_insert(self->kept, g_memdup2(&frame, sizeof frame), json_object_ref(object));
}

/* Takes over a journal. Lines that a crash cut off are nothing. */
static void
vera_export_manifest_keep_journal(VeraExportManifest *self)
{
    g_autofree char *path = g_build_filename(self->dir, VERA_EXPORT_JOURNAL_NAME, NULL),
                    *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    for (int i = 1; lines[0] != NULL && lines[i] != NULL; i++) {
        g_autoptr(JsonObject) object = vera_export_manifest_parse(lines[i], -1);
        if (object != NULL)
            vera_export_manifest_keep(self, object);
    }
}

static void
vera_export_manifest_keep_final(VeraExportManifest *self, JsonObject *manifest)
{
    g_autoptr(GPtrArray) files = vera_export_manifest_list_objects(manifest, "files");
    g_autoptr(GPtrArray) frames = vera_export_manifest_list_objects(manifest, "finished");

    for (guint i = 0; i < files->len; i++)
        vera_export_manifest_keep(self, files->pdata[i]);
    for (guint i = 0; i < frames->len; i++)
        vera_export_manifest_keep(self, frames->pdata[i]);
}

/* The first line of a journal has the identity. */
static char *
vera_export_manifest_read_journal_identity(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, VERA_EXPORT_JOURNAL_NAME, NULL), *text = NULL;
    g_autoptr(JsonObject) head = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    head = vera_export_manifest_parse(text, (gssize)strcspn(text, "\n"));
    return head != NULL ? g_strdup(vera_export_manifest_get_string(head, "identity")) : NULL;
}

gboolean
vera_export_manifest_check(const char *dir,
                           const char *identity,
                           const VeraExportManifestMode *mode,
                           GError **error)
{
    g_autofree char *final = g_build_filename(dir, VERA_EXPORT_MANIFEST_NAME, NULL);
    g_autofree char *journal = g_build_filename(dir, VERA_EXPORT_JOURNAL_NAME, NULL);
    g_autofree char *noted = vera_export_manifest_read_journal_identity(dir);
    g_autoptr(JsonObject) manifest = vera_export_manifest_load(dir, VERA_EXPORT_MANIFEST_NAME);
    gboolean has_export =
        g_file_test(final, G_FILE_TEST_EXISTS) || g_file_test(journal, G_FILE_TEST_EXISTS);

    if (noted == NULL && manifest != NULL)
        noted = g_strdup(vera_export_manifest_get_string(manifest, "identity"));
    if (mode->can_overwrite || (!has_export && !mode->has_targets) ||
        (mode->is_resume && (identity == NULL || g_strcmp0(noted, identity) == 0)))
        return TRUE;
    if (mode->is_resume && has_export)
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
            "The folder ‘%s’ holds an export made with other settings or from another clip; "
            "name another folder, or replace it with --overwrite.",
            dir);
    else
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
            "The folder ‘%s’ already holds %s; name another folder, go on with --resume, or "
            "replace it with --overwrite.",
            dir, has_export ? "an export" : "files of this name");
    return FALSE;
}

static gboolean
vera_export_manifest_append(VeraExportManifest *self, JsonObject *object, GError **error)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autofree char *json = json_to_string(node, FALSE), *line = g_strconcat(json, "\n", NULL);
    gsize length = strlen(line);
    gssize n = write(self->fd, line, length);

    if (n == (gssize)length)
        return TRUE;
    g_autofree char *path = g_build_filename(self->dir, VERA_EXPORT_JOURNAL_NAME, NULL);
    return vera_export_manifest_fail("write", path, n < 0 ? errno : ENOSPC, error);
}

/* A new journal, which still knows what the old one, or the finished manifest, knew. */
static gboolean
vera_export_manifest_begin(VeraExportManifest *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, VERA_EXPORT_JOURNAL_NAME, NULL);
    g_autofree char *final = g_build_filename(self->dir, VERA_EXPORT_MANIFEST_NAME, NULL);
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    g_autoptr(JsonObject) head = json_object_new();
    GHashTableIter iter;
    gpointer value;

    self->fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (self->fd < 0)
        return vera_export_manifest_fail("write", fresh, errno, error);
    json_object_set_int_member(head, "vera_export", 1);
    json_object_set_string_member(head, "preset", self->preset);
    json_object_set_string_member(head, "identity", self->identity);
    if (!vera_export_manifest_append(self, head, error))
        return FALSE;
    g_hash_table_iter_init(&iter, self->kept_files);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        for (guint i = 0; i < ((GPtrArray *)value)->len; i++)
            if (!vera_export_manifest_append(self, ((GPtrArray *)value)->pdata[i], error))
                return FALSE;
    g_hash_table_iter_init(&iter, self->kept);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (!vera_export_manifest_append(self, value, error))
            return FALSE;
    if (fsync(self->fd) != 0 || g_rename(fresh, path) != 0 ||
        (g_unlink(final) != 0 && errno != ENOENT))
        return vera_export_manifest_fail("write", path, errno, error);
    return TRUE;
}

VeraExportManifest *
vera_export_manifest_new(const char *dir,
                         const char *preset,
                         const char *identity,
                         const VeraExportManifestMode *mode,
                         GError **error)
{
    g_autoptr(VeraExportManifest) self = NULL;
    g_autofree char *noted = vera_export_manifest_read_journal_identity(dir);
    g_autoptr(JsonObject) manifest = vera_export_manifest_load(dir, VERA_EXPORT_MANIFEST_NAME);

    if (!vera_export_manifest_check(dir, identity, mode, error))
        return NULL;
    self = g_new0(VeraExportManifest, 1);
    self->dir = g_strdup(dir);
    self->preset = g_strdup(preset);
    self->identity = g_strdup(identity);
    self->fd = -1;
    self->files = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    self->frames = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    self->kept_files = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                             (GDestroyNotify)g_ptr_array_unref);
    self->kept = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                       (GDestroyNotify)json_object_unref);
    if (mode->is_resume && g_strcmp0(noted, identity) == 0)
        vera_export_manifest_keep_journal(self);
    else if (mode->is_resume && manifest != NULL &&
             g_strcmp0(vera_export_manifest_get_string(manifest, "identity"), identity) == 0)
        vera_export_manifest_keep_final(self, manifest);
    return vera_export_manifest_begin(self, error) ? g_steal_pointer(&self) : NULL;
}

/* SHA-256 of a file, synced first. Returns: (transfer full) (nullable): %NULL with errno set */
static char *
vera_export_manifest_hash(const char *path, gboolean is_synced)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree guint8 *bytes = g_malloc(1 << 16);
    int fd = open(path, O_RDONLY | O_CLOEXEC), saved_errno;
    gssize n = -1;

    if (fd < 0)
        return NULL;
    if (!is_synced || fsync(fd) == 0)
        while ((n = read(fd, bytes, 1 << 16)) > 0)
            g_checksum_update(sum, bytes, n);
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return n == 0 ? g_strdup(g_checksum_get_string(sum)) : NULL;
}

gboolean
vera_export_manifest_place(VeraExportManifest *self, const char *name, gint64 frame, GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, name, NULL);
    g_autofree char *part = g_strconcat(path, ".part", NULL);
    g_autofree char *hash = vera_export_manifest_hash(part, TRUE);
    g_autoptr(JsonObject) object = json_object_new();

    if (hash == NULL || g_rename(part, path) != 0) {
        vera_export_manifest_fail("finish", path, errno, error);
        g_unlink(part);
        return FALSE;
    }
    json_object_set_string_member(object, "path", name);
    json_object_set_string_member(object, "sha256", hash);
    if (frame > 0)
        json_object_set_int_member(object, "source_frame", frame);
    g_ptr_array_add(self->files, json_object_ref(object));
    return vera_export_manifest_append(self, object, error);
}

gboolean
vera_export_manifest_end_frame(VeraExportManifest *self,
                               gint64 frame,
                               gint64 n_changed,
                               GError **error)
{
    g_autoptr(JsonObject) object = json_object_new();

    json_object_set_int_member(object, "frame", frame);
    json_object_set_int_member(object, "changed", n_changed);
    g_ptr_array_add(self->frames, json_object_ref(object));
    return vera_export_manifest_append(self, object, error);
}

static gboolean
vera_export_manifest_is_on_disk(const VeraExportManifest *self, JsonObject *file)
{
    g_autofree char *path =
        g_build_filename(self->dir, vera_export_manifest_get_string(file, "path"), NULL);
    g_autofree char *hash = vera_export_manifest_hash(path, FALSE);

    return g_strcmp0(hash, vera_export_manifest_get_string(file, "sha256")) == 0;
}

/* Takes over the files of @frame, 0 for movies, if all of them are on disk as noted. */
static gboolean
vera_export_manifest_take_files(VeraExportManifest *self, gint64 frame)
{
    GPtrArray *files = g_hash_table_lookup(self->kept_files, &frame);

    for (guint i = 0; files != NULL && i < files->len; i++)
        if (!vera_export_manifest_is_on_disk(self, files->pdata[i]))
            return FALSE;
    for (guint i = 0; files != NULL && i < files->len; i++)
        g_ptr_array_add(self->files, json_object_ref(files->pdata[i]));
    return files != NULL;
}

gboolean
vera_export_manifest_has_frame(VeraExportManifest *self, gint64 frame, gint64 *n_changed)
{
    JsonObject *kept = g_hash_table_lookup(self->kept, &frame);

    if (kept == NULL)
        return FALSE;
    if (!self->has_checked_movies)
        self->has_movies = vera_export_manifest_take_files(self, 0);
    self->has_checked_movies = TRUE;
    if (!self->has_movies && !vera_export_manifest_take_files(self, frame))
        return FALSE;
    g_ptr_array_add(self->frames, json_object_ref(kept));
    *n_changed = vera_export_manifest_get_int(kept, "changed", 0);
    return TRUE;
}

static void
vera_export_manifest_add_list(JsonBuilder *builder, const char *name, GPtrArray *objects)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_array(builder);
    for (guint i = 0; i < objects->len; i++)
        json_builder_add_value(builder,
                               json_node_init_object(json_node_alloc(), objects->pdata[i]));
    json_builder_end_array(builder);
}

static char *
vera_export_manifest_to_json(const VeraExportManifest *self)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "vera_export");
    json_builder_add_int_value(builder, 1);
    json_builder_set_member_name(builder, "preset");
    json_builder_add_string_value(builder, self->preset);
    json_builder_set_member_name(builder, "build");
    json_builder_add_string_value(builder, "vera " VERA_VERSION);
    json_builder_set_member_name(builder, "identity");
    json_builder_add_string_value(builder, self->identity);
    json_builder_set_member_name(builder, "frames");
    json_builder_add_int_value(builder, self->frames->len);
    vera_export_manifest_add_list(builder, "files", self->files);
    vera_export_manifest_add_list(builder, "finished", self->frames);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    return json_to_string(root, TRUE);
}

gboolean
vera_export_manifest_finish(VeraExportManifest *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, VERA_EXPORT_MANIFEST_NAME, NULL);
    g_autofree char *journal = g_build_filename(self->dir, VERA_EXPORT_JOURNAL_NAME, NULL);
    g_autofree char *json = vera_export_manifest_to_json(self),
                    *text = g_strconcat(json, "\n", NULL);
    g_autoptr(GError) local = NULL;

    if (!g_file_set_contents_full(path, text, -1,
                                  G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                  0666, &local))
        return vera_export_manifest_fail(
            "write", path, g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? ENOSPC : EIO,
            error);
    g_unlink(journal);
    return TRUE;
}
