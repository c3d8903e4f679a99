#include "config.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "engine/project/vera-take-private.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

#define VERA_TAKE_VERSION 1

/* The members of take.json that are plain strings or paths, with their place in the record. */
static const struct {
    const char *name;
    gsize offset;
    gboolean is_path;
} vera_take_strings[] = {
    { "instruction", G_STRUCT_OFFSET(VeraTakeRecord, instruction) },
    { "task", G_STRUCT_OFFSET(VeraTakeRecord, task) },
    { "negative_prompt", G_STRUCT_OFFSET(VeraTakeRecord, negative_prompt) },
    { "clip", G_STRUCT_OFFSET(VeraTakeRecord, clip_path), TRUE },
    { "clip_hash", G_STRUCT_OFFSET(VeraTakeRecord, clip_hash) },
    { "region", G_STRUCT_OFFSET(VeraTakeRecord, region_path), TRUE },
    { "region_hash", G_STRUCT_OFFSET(VeraTakeRecord, region_hash) },
    { "solver", G_STRUCT_OFFSET(VeraTakeRecord, solver) },
    { "device", G_STRUCT_OFFSET(VeraTakeRecord, device) },
    { "compute", G_STRUCT_OFFSET(VeraTakeRecord, compute) },
    { "model", G_STRUCT_OFFSET(VeraTakeRecord, model_name) },
    { "model_hash", G_STRUCT_OFFSET(VeraTakeRecord, model_hash) },
    { "build", G_STRUCT_OFFSET(VeraTakeRecord, build) },
    { "started", G_STRUCT_OFFSET(VeraTakeRecord, started) },
    { "finished", G_STRUCT_OFFSET(VeraTakeRecord, finished) },
};

VeraTakeRecord *
vera_take_record_new(void)
{
    VeraTakeRecord *self = g_new0(VeraTakeRecord, 1);

    self->frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    self->coverage = g_array_new(FALSE, FALSE, sizeof(double));
    return self;
}

void
vera_take_record_free(VeraTakeRecord *self)
{
    if (self == NULL)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(vera_take_strings); i++)
        g_free(G_STRUCT_MEMBER(char *, self, vera_take_strings[i].offset));
    g_free(self->plan_json);
    g_array_unref(self->frames);
    g_array_unref(self->coverage);
    g_free(self);
}

static void
vera_take_record_add_plan(const VeraTakeRecord *self, JsonObject *object)
{
    g_autoptr(JsonNode) plan = self->plan_json ? json_from_string(self->plan_json, NULL) : NULL;

    if (plan != NULL)
        json_object_set_member(object, "plan", g_steal_pointer(&plan));
}

static void
vera_take_record_add_coverage(const VeraTakeRecord *self, JsonObject *object)
{
    JsonArray *coverage = json_array_new();

    for (guint i = 0; i < self->coverage->len; i++)
        json_array_add_double_element(coverage, g_array_index(self->coverage, double, i));
    json_object_set_array_member(object, "coverage", coverage);
}

char *
vera_take_record_to_json(const VeraTakeRecord *self)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, self->seed);
    JsonObject *object = json_object_new();
    JsonArray *frames = json_array_new();

    json_node_take_object(root, object);
    json_object_set_int_member(object, "vera_take", VERA_TAKE_VERSION);
    for (gsize i = 0; i < G_N_ELEMENTS(vera_take_strings); i++) {
        const char *value = G_STRUCT_MEMBER(char *, self, vera_take_strings[i].offset);
        g_autofree char *path =
            value != NULL && vera_take_strings[i].is_path ? vera_json_path_to_text(value) : NULL;
        if (path != NULL)
            value = path;
        if (value != NULL)
            json_object_set_string_member(object, vera_take_strings[i].name, value);
        else
            json_object_set_null_member(object, vera_take_strings[i].name);
    }
    for (guint i = 0; i < self->frames->len; i++)
        json_array_add_int_element(frames, g_array_index(self->frames, gint64, i));
    json_object_set_array_member(object, "frames", frames);
    json_object_set_int_member(object, "width", self->width);
    json_object_set_int_member(object, "height", self->height);
    /* A string: JSON numbers do not hold every 64-bit seed. */
    json_object_set_string_member(object, "seed", seed);
    json_object_set_int_member(object, "steps", self->n_steps);
    json_object_set_double_member(object, "guidance", self->guidance);
    json_object_set_double_member(object, "shift", self->shift);
    json_object_set_boolean_member(object, "model_trained", self->is_model_trained);
    json_object_set_boolean_member(object, "snapped", self->has_snapped);
    /* The layer's colour is what the model saw: display-referred, standard dynamic range. */
    json_object_set_string_member(object, "color", "display-referred SDR");
    vera_take_record_add_plan(self, object);
    vera_take_record_add_coverage(self, object);
    return json_to_string(root, TRUE);
}

static gboolean
vera_take_record_read_numbers(VeraTakeRecord *self, JsonObject *object)
{
    JsonNode *frames = json_object_get_member(object, "frames");
    const char *seed = vera_json_get_string(object, "seed", "");

    self->width = (int)vera_json_get_int(object, "width", 0);
    self->height = (int)vera_json_get_int(object, "height", 0);
    self->n_steps = (int)vera_json_get_int(object, "steps", 0);
    self->guidance = vera_json_get_double(object, "guidance", 0);
    self->shift = vera_json_get_double(object, "shift", 0);
    self->is_model_trained = vera_json_get_boolean(object, "model_trained", FALSE);
    self->has_snapped = vera_json_get_boolean(object, "snapped", FALSE);
    if (frames == NULL || !JSON_NODE_HOLDS_ARRAY(frames) || self->width < 1 || self->height < 1 ||
        self->width > 65536 || self->height > 65536 || !isfinite(self->guidance) ||
        !isfinite(self->shift) ||
        !g_ascii_string_to_unsigned(seed, 10, 0, G_MAXUINT64, &self->seed, NULL))
        return FALSE;
    for (guint i = 0; i < json_array_get_length(json_node_get_array(frames)); i++) {
        JsonNode *node = json_array_get_element(json_node_get_array(frames), i);
        gint64 frame = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : -1;
        if (frame < 0)
            return FALSE;
        g_array_append_val(self->frames, frame);
    }
    return self->frames->len > 0;
}

/* Only a number for every frame is of use. */
static void
vera_take_record_read_coverage(VeraTakeRecord *self, JsonObject *object)
{
    JsonNode *node = json_object_get_member(object, "coverage");
    JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);
        GType type = json_node_get_value_type(element);
        double value = type == G_TYPE_DOUBLE || type == G_TYPE_INT64 ? json_node_get_double(element) : -1;
        if (value >= 0 && value <= 1)
            g_array_append_val(self->coverage, value);
    }
    if (self->coverage->len != self->frames->len)
        g_array_set_size(self->coverage, 0);
}

VeraTakeRecord *
vera_take_record_load(const char *path, GError **error)
{
    g_autoptr(VeraTakeRecord) self = vera_take_record_new();
    g_autoptr(GError) local = NULL;
    g_autoptr(JsonParser) parser = vera_json_parse_file(path, &local);
    JsonObject *object;

    if (parser == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The take's record ‘%s’ cannot be read: %s.", path, local->message);
        return NULL;
    }
    object = json_node_get_object(json_parser_get_root(parser));
    if (!json_object_has_member(object, "vera_take") ||
        vera_json_get_int(object, "vera_take", 0) > VERA_TAKE_VERSION ||
        !vera_take_record_read_numbers(self, object)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ is not the record of a take, is damaged, or was written by a newer version.",
                    path);
        return NULL;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(vera_take_strings); i++) {
        JsonNode *node = json_object_get_member(object, vera_take_strings[i].name);
        const char *text = node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
        if (text != NULL)
            G_STRUCT_MEMBER(char *, self, vera_take_strings[i].offset) =
                vera_take_strings[i].is_path ? vera_json_path_from_text(text) : g_strdup(text);
    }
    vera_take_record_read_coverage(self, object);
    if (json_object_has_member(object, "plan"))
        self->plan_json = json_to_string(json_object_get_member(object, "plan"), FALSE);
    return g_steal_pointer(&self);
}

gboolean
vera_take_record_is_same_request(const VeraTakeRecord *self, const VeraTakeRecord *other)
{
    static const char *const ignored[] = { "clip", "region", "build", "started", "finished", NULL };

    for (gsize i = 0; i < G_N_ELEMENTS(vera_take_strings); i++) {
        const char *a = G_STRUCT_MEMBER(char *, self, vera_take_strings[i].offset);
        const char *b = G_STRUCT_MEMBER(char *, other, vera_take_strings[i].offset);
        if (!g_strv_contains(ignored, vera_take_strings[i].name) && g_strcmp0(a, b) != 0)
            return FALSE;
    }
    return self->width == other->width && self->height == other->height &&
           self->seed == other->seed && self->n_steps == other->n_steps &&
           self->guidance == other->guidance && self->shift == other->shift &&
           self->frames->len == other->frames->len &&
           memcmp(self->frames->data, other->frames->data, self->frames->len * sizeof(gint64)) == 0;
}
