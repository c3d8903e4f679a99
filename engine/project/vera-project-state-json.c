#include "config.h"

#include <string.h>

#include "engine/project/vera-project-json.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

/* What the read callbacks fill, and where relative paths start. */
typedef struct {
    VeraProjectState *state;
    GPtrArray *takes; /* where a take that is read goes */
    const char *base_dir;
} VeraProjectReading;

/* How many components @a and @b begin with in common; both are absolute, "" is the root's. */
static guint
vera_project_count_common(char **a, char **b)
{
    guint n = 0;

    while (a[n] != NULL && b[n] != NULL && strcmp(a[n], b[n]) == 0)
        n++;
    return n;
}

/* Relative to @base_dir unless the two share nothing but the root; a URI where the name is not
 * UTF-8, which JSON must be. */
static char *
vera_project_path_to_file(const char *path, const char *base_dir)
{
    g_autofree char *canonical = g_canonicalize_filename(path, "/");
    g_auto(GStrv) parts = g_strsplit(canonical, "/", -1);
    g_auto(GStrv) base = base_dir ? g_strsplit(base_dir, "/", -1) : NULL;
    g_autoptr(GString) relative = g_string_new(NULL);
    guint n = base ? vera_project_count_common(parts, base) : 0;

    if (!g_utf8_validate(canonical, -1, NULL))
        return vera_json_path_to_text(canonical);
    if (n < 2 || parts[n] == NULL)
        return g_steal_pointer(&canonical);
    for (guint i = n; base[i] != NULL; i++)
        g_string_append(relative, "../");
    for (guint i = n; parts[i] != NULL; i++)
        g_string_append_printf(relative, "%s%s", i > n ? "/" : "", parts[i]);
    /* A name that looks like a URI would not come back as the file that it is. */
    return g_str_has_prefix(relative->str, "file:") ? g_steal_pointer(&canonical)
                                                    : g_strdup(relative->str);
}

static void
vera_project_set_path(JsonObject *object,
                      const char *member,
                      const char *path,
                      const char *base_dir)
{
    g_autofree char *stored = path ? vera_project_path_to_file(path, base_dir) : NULL;

    vera_project_json_set_string(object, member, stored);
}

static void
vera_project_read_path(VeraProjectReader *reader,
                       const char *member,
                       const char *base_dir,
                       char **target)
{
    g_autofree char *stored = NULL;

    vera_project_reader_get_string(reader, member, &stored);
    if (stored == NULL || *stored == '\0')
        return;
    g_free(*target);
    if (g_str_has_prefix(stored, "file://"))
        *target = g_filename_from_uri(stored, NULL, NULL);
    else
        *target = g_canonicalize_filename(stored, base_dir);
    if (*target == NULL)
        vera_project_reader_fail(reader, member, "is not a path");
}

static JsonObject *
vera_project_clip_to_json(const VeraProjectClip *self, const char *base_dir)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "id", self->id);
    vera_project_set_path(object, "path", self->path, base_dir);
    vera_project_json_set_string(object, "name", self->name);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static void
vera_project_clip_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraProjectReading *reading = target;
    VeraProjectClip *self = g_new0(VeraProjectClip, 1);

    g_ptr_array_add(reading->state->clips, self);
    vera_project_reader_get_string(reader, "id", &self->id);
    vera_project_read_path(reader, "path", reading->base_dir, &self->path);
    vera_project_reader_get_string(reader, "name", &self->name);
    if (self->name == NULL && self->path != NULL)
        self->name = g_filename_display_basename(self->path);
    vera_project_reader_end(reader, &self->extra);
}

static JsonObject *
vera_project_take_to_json(const VeraProjectTake *self, const char *base_dir)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "id", self->id);
    vera_project_set_path(object, "dir", self->dir, base_dir);
    vera_project_json_set_string(object, "name", self->name);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static void
vera_project_take_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraProjectReading *reading = target;
    VeraProjectTake *self = g_new0(VeraProjectTake, 1);

    g_ptr_array_add(reading->takes, self);
    vera_project_reader_get_string(reader, "id", &self->id);
    vera_project_read_path(reader, "dir", reading->base_dir, &self->dir);
    vera_project_reader_get_string(reader, "name", &self->name);
    vera_project_reader_end(reader, &self->extra);
}

/* The members of a refinement that are floats, with their place. */
static const struct {
    const char *name;
    gsize offset;
} vera_project_refinement_floats[] = {
    {"black", G_STRUCT_OFFSET(VeraMatteRefinement, black)},
    {"white", G_STRUCT_OFFSET(VeraMatteRefinement, white)},
    {"grow_px", G_STRUCT_OFFSET(VeraMatteRefinement, grow_px)},
    {"feather_px", G_STRUCT_OFFSET(VeraMatteRefinement, feather_px)},
    {"floor", G_STRUCT_OFFSET(VeraMatteRefinement, floor)},
};

static JsonObject *
vera_project_refinement_to_json(const VeraMatteRefinement *self)
{
    JsonObject *object = json_object_new();

    for (gsize i = 0; i < G_N_ELEMENTS(vera_project_refinement_floats); i++)
        vera_project_json_set_float(
            object, vera_project_refinement_floats[i].name,
            G_STRUCT_MEMBER(float, self, vera_project_refinement_floats[i].offset));
    json_object_set_int_member(object, "despeckle_px", self->despeckle_px);
    json_object_set_boolean_member(object, "is_inverted", self->is_inverted);
    json_object_set_boolean_member(object, "is_snapped", self->is_snapped);
    json_object_set_boolean_member(object, "is_edge_clean", self->is_edge_clean);
    return object;
}

/* What a newer program stored inside the refinement, which is a plain struct, is kept with the
 * edit's own extra members. */
typedef struct {
    VeraMatteRefinement *refinement;
    char *extra;
} VeraProjectRefinementReading;

static void
vera_project_refinement_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraProjectRefinementReading *reading = target;
    VeraMatteRefinement *self = reading->refinement;

    for (gsize i = 0; i < G_N_ELEMENTS(vera_project_refinement_floats); i++)
        vera_project_reader_get_float(
            reader, vera_project_refinement_floats[i].name,
            G_STRUCT_MEMBER_P(self, vera_project_refinement_floats[i].offset));
    vera_project_reader_get_int(reader, "despeckle_px", &self->despeckle_px);
    vera_project_reader_get_boolean(reader, "is_inverted", &self->is_inverted);
    vera_project_reader_get_boolean(reader, "is_snapped", &self->is_snapped);
    vera_project_reader_get_boolean(reader, "is_edge_clean", &self->is_edge_clean);
    vera_project_reader_end(reader, &reading->extra);
}

static void
vera_edit_keep_refinement_extra(VeraEdit *self, const char *extra)
{
    g_autoptr(JsonObject) object = json_object_new(), inner = json_object_new();

    if (extra == NULL)
        return;
    vera_project_json_add_extra(inner, extra);
    json_object_set_object_member(object, "refinement", json_object_ref(inner));
    vera_project_json_add_extra(object, self->extra);
    g_free(self->extra);
    self->extra = vera_project_json_to_text(object, FALSE);
}

static void
vera_edit_settings_to_json(const VeraEdit *self, JsonObject *object, const char *base_dir)
{
    g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, self->seed);

    vera_project_set_path(object, "model", self->model_dir, base_dir);
    if (self->seed <= G_MAXINT64)
        json_object_set_int_member(object, "seed", (gint64)self->seed);
    else
        json_object_set_string_member(object, "seed", seed);
    if (self->n_steps > 0)
        json_object_set_int_member(object, "steps", self->n_steps);
    if (self->guidance >= 0)
        json_object_set_double_member(object, "guidance", self->guidance);
    if (self->width > 0)
        json_object_set_int_member(object, "width", self->width);
    if (self->height > 0)
        json_object_set_int_member(object, "height", self->height);
}

static JsonObject *
vera_edit_to_json(const VeraEdit *self, const char *base_dir)
{
    JsonObject *object = json_object_new();
    JsonArray *takes = json_array_new();

    json_object_set_string_member(object, "id", self->id);
    json_object_set_string_member(object, "clip", self->clip_id);
    json_object_set_string_member(object, "instruction", self->instruction);
    vera_project_json_set_string(object, "task", self->task);
    vera_project_json_set_string(object, "negative", self->negative);
    if (self->region != NULL)
        json_object_set_object_member(object, "region", vera_region_to_json(self->region));
    vera_project_set_path(object, "region_path", self->region_path, base_dir);
    json_object_set_int_member(object, "first", self->first);
    json_object_set_int_member(object, "last", self->last);
    vera_edit_settings_to_json(self, object, base_dir);
    for (guint i = 0; i < self->takes->len; i++)
        json_array_add_object_element(takes,
                                      vera_project_take_to_json(self->takes->pdata[i], base_dir));
    json_object_set_array_member(object, "takes", takes);
    vera_project_json_set_string(object, "chosen_take", self->chosen_take);
    json_object_set_boolean_member(object, "is_visible", self->is_visible);
    json_object_set_boolean_member(object, "is_solo", self->is_solo);
    json_object_set_double_member(object, "opacity", self->opacity);
    json_object_set_object_member(object, "refinement",
                                  vera_project_refinement_to_json(&self->refinement));
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static void
vera_edit_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraProjectReading *reading = target;
    VeraEdit *self = vera_edit_new(NULL, 0, -1);
    VeraProjectRefinementReading refinement = {&self->refinement, NULL};

    g_clear_pointer(&self->id, g_free);
    g_ptr_array_add(reading->state->edits, self);
    reading->takes = self->takes;
    vera_project_reader_get_string(reader, "id", &self->id);
    vera_project_reader_get_string(reader, "clip", &self->clip_id);
    vera_project_reader_get_string(reader, "instruction", &self->instruction);
    vera_project_reader_get_string(reader, "task", &self->task);
    vera_project_reader_get_string(reader, "negative", &self->negative);
    vera_project_reader_get_object(reader, "region", "the region", vera_region_read_json_cb,
                                   &self->region);
    vera_project_read_path(reader, "region_path", reading->base_dir, &self->region_path);
    vera_project_reader_get_int64(reader, "first", &self->first);
    vera_project_reader_get_int64(reader, "last", &self->last);
    vera_project_read_path(reader, "model", reading->base_dir, &self->model_dir);
    vera_project_reader_get_uint64(reader, "seed", &self->seed);
    vera_project_reader_get_int(reader, "steps", &self->n_steps);
    vera_project_reader_get_double(reader, "guidance", &self->guidance);
    vera_project_reader_get_int(reader, "width", &self->width);
    vera_project_reader_get_int(reader, "height", &self->height);
    vera_project_reader_get_objects(reader, "takes", "take", vera_project_take_read_cb, reading);
    vera_project_reader_get_string(reader, "chosen_take", &self->chosen_take);
    vera_project_reader_get_boolean(reader, "is_visible", &self->is_visible);
    vera_project_reader_get_boolean(reader, "is_solo", &self->is_solo);
    vera_project_reader_get_double(reader, "opacity", &self->opacity);
    vera_project_reader_get_object(reader, "refinement", "the refinement",
                                   vera_project_refinement_read_cb, &refinement);
    vera_project_reader_end(reader, &self->extra);
    vera_edit_keep_refinement_extra(self, refinement.extra);
    g_free(refinement.extra);
}

static JsonObject *
vera_project_marker_to_json(const VeraProjectMarker *self)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "frame", self->frame);
    vera_project_json_set_string(object, "name", self->name);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static void
vera_project_marker_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraProjectReading *reading = target;
    VeraProjectMarker *self;

    vera_project_state_add_marker(reading->state, -1, NULL);
    self = &g_array_index(reading->state->markers, VeraProjectMarker,
                          reading->state->markers->len - 1);
    vera_project_reader_get_int64(reader, "frame", &self->frame);
    vera_project_reader_get_string(reader, "name", &self->name);
    vera_project_reader_end(reader, &self->extra);
}

static void
vera_project_removed_to_json(const VeraProjectState *self, JsonObject *object, const char *base_dir)
{
    JsonArray *removed;

    if (self->removed_takes->len == 0)
        return;
    removed = json_array_new();
    for (guint i = 0; i < self->removed_takes->len; i++)
        json_array_add_object_element(
            removed, vera_project_take_to_json(self->removed_takes->pdata[i], base_dir));
    json_object_set_array_member(object, "removed_takes", removed);
}

JsonObject *
vera_project_state_to_json(const VeraProjectState *self, const char *base_dir)
{
    JsonObject *object = json_object_new();
    JsonArray *clips = json_array_new(), *edits = json_array_new(), *markers = json_array_new();

    json_object_set_int_member(object, "vera_project", VERA_PROJECT_FORMAT);
    for (guint i = 0; i < self->clips->len; i++)
        json_array_add_object_element(clips,
                                      vera_project_clip_to_json(self->clips->pdata[i], base_dir));
    json_object_set_array_member(object, "clips", clips);
    for (guint i = 0; i < self->edits->len; i++)
        json_array_add_object_element(edits, vera_edit_to_json(self->edits->pdata[i], base_dir));
    json_object_set_array_member(object, "edits", edits);
    vera_project_removed_to_json(self, object, base_dir);
    for (guint i = 0; i < self->markers->len; i++)
        json_array_add_object_element(markers, vera_project_marker_to_json(&g_array_index(
                                                   self->markers, VeraProjectMarker, i)));
    json_object_set_array_member(object, "markers", markers);
    if (self->in_frame >= 0)
        json_object_set_int_member(object, "in_frame", self->in_frame);
    if (self->out_frame >= 0)
        json_object_set_int_member(object, "out_frame", self->out_frame);
    json_object_set_boolean_member(object, "is_linear_over", self->is_linear_over);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static void
vera_project_state_read(VeraProjectReader *reader, VeraProjectReading *reading)
{
    VeraProjectState *state = reading->state;
    gint64 format = 0;

    vera_project_reader_get_int64(reader, "vera_project", &format);
    if (format > VERA_PROJECT_FORMAT && !vera_project_reader_has_failed(reader)) {
        g_set_error(reader->error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "it has format %" G_GINT64_FORMAT " and this program reads up to %d", format,
                    VERA_PROJECT_FORMAT);
        return;
    }
    if (format < 1)
        vera_project_reader_fail(reader, "vera_project", "is missing or not a format number");
    vera_project_reader_get_objects(reader, "clips", "clip", vera_project_clip_read_cb, reading);
    vera_project_reader_get_objects(reader, "edits", "edit", vera_edit_read_cb, reading);
    reading->takes = state->removed_takes;
    vera_project_reader_get_objects(reader, "removed_takes", "removed take",
                                    vera_project_take_read_cb, reading);
    vera_project_reader_get_objects(reader, "markers", "marker", vera_project_marker_read_cb,
                                    reading);
    vera_project_reader_get_int64(reader, "in_frame", &state->in_frame);
    vera_project_reader_get_int64(reader, "out_frame", &state->out_frame);
    vera_project_reader_get_boolean(reader, "is_linear_over", &state->is_linear_over);
    vera_project_reader_end(reader, &state->extra);
}

VeraProjectState *
vera_project_state_from_json(JsonObject *object, const char *base_dir, GError **error)
{
    g_autoptr(VeraProjectState) state = vera_project_state_new();
    VeraProjectReading reading = {.state = state, .base_dir = base_dir};
    g_autoptr(GError) local = NULL;
    VeraProjectReader reader;

    vera_project_reader_init(&reader, object, "project", &local);
    vera_project_state_read(&reader, &reading);
    g_ptr_array_unref(reader.known);
    if (local != NULL || !vera_project_state_check(state, &local)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    return g_steal_pointer(&state);
}
