#include "config.h"

#include "engine/project/vera-project-json.h"

#include <float.h>
#include <math.h>

#include "engine/vera-engine-error.h"

void
vera_project_reader_init(VeraProjectReader *self,
                         JsonObject *object,
                         const char *kind,
                         GError **error)
{
    self->object = object;
    self->kind = kind;
    self->number = 0;
    self->parent = NULL;
    self->known = g_ptr_array_new();
    self->error = error;
}

gboolean
vera_project_reader_has_failed(const VeraProjectReader *self)
{
    return *self->error != NULL;
}

void
vera_project_reader_fail(const VeraProjectReader *self, const char *member, const char *what)
{
    g_autoptr(GString) where = g_string_new(NULL);

    if (vera_project_reader_has_failed(self))
        return;
    for (const VeraProjectReader *r = self; r->parent != NULL; r = r->parent) {
        g_autofree char *part = r->number ? g_strdup_printf("%s %u, ", r->kind, r->number)
                                          : g_strdup_printf("%s, ", r->kind);
        g_string_prepend(where, part);
    }
    g_set_error(self->error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "%s‘%s’ %s",
                where->str, member, what);
}

/* The member, remembered as known; NULL when it is missing or null. */
static JsonNode *
vera_project_reader_take(VeraProjectReader *self, const char *member)
{
    JsonNode *node;

    if (vera_project_reader_has_failed(self))
        return NULL;
    g_ptr_array_add(self->known, (gpointer)member);
    node = json_object_get_member(self->object, member);
    return node != NULL && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

static gboolean
vera_project_reader_is(const JsonNode *node, GType type)
{
    return JSON_NODE_HOLDS_VALUE((JsonNode *)node) &&
           json_node_get_value_type((JsonNode *)node) == type;
}

void
vera_project_reader_get_string(VeraProjectReader *self, const char *member, char **target)
{
    JsonNode *node = vera_project_reader_take(self, member);

    if (node == NULL)
        return;
    if (!vera_project_reader_is(node, G_TYPE_STRING)) {
        vera_project_reader_fail(self, member, "is not a text");
        return;
    }
    g_free(*target);
    *target = g_strdup(json_node_get_string(node));
}

void
vera_project_reader_get_boolean(VeraProjectReader *self, const char *member, gboolean *target)
{
    JsonNode *node = vera_project_reader_take(self, member);

    if (node == NULL)
        return;
    if (vera_project_reader_is(node, G_TYPE_BOOLEAN))
        *target = json_node_get_boolean(node);
    else
        vera_project_reader_fail(self, member, "is neither true nor false");
}

void
vera_project_reader_get_int64(VeraProjectReader *self, const char *member, gint64 *target)
{
    JsonNode *node = vera_project_reader_take(self, member);

    if (node == NULL)
        return;
    if (vera_project_reader_is(node, G_TYPE_INT64))
        *target = json_node_get_int(node);
    else
        vera_project_reader_fail(self, member, "is not a whole number");
}

void
vera_project_reader_get_int(VeraProjectReader *self, const char *member, int *target)
{
    gint64 value = *target;

    vera_project_reader_get_int64(self, member, &value);
    if (value < G_MININT || value > G_MAXINT)
        vera_project_reader_fail(self, member, "is too large");
    else
        *target = (int)value;
}

/* JSON numbers end at 2^63 here; what is above is written as a text. */
void
vera_project_reader_get_uint64(VeraProjectReader *self, const char *member, guint64 *target)
{
    JsonNode *node = vera_project_reader_take(self, member);

    if (node == NULL)
        return;
    if (vera_project_reader_is(node, G_TYPE_INT64) && json_node_get_int(node) >= 0)
        *target = (guint64)json_node_get_int(node);
    else if (!vera_project_reader_is(node, G_TYPE_STRING) ||
             !g_ascii_string_to_unsigned(json_node_get_string(node), 10, 0, G_MAXUINT64, target,
                                         NULL))
        vera_project_reader_fail(self, member, "is not a whole number from 0");
}

void
vera_project_reader_get_double(VeraProjectReader *self, const char *member, double *target)
{
    JsonNode *node = vera_project_reader_take(self, member);

    if (node == NULL)
        return;
    if (!vera_project_reader_is(node, G_TYPE_DOUBLE) && !vera_project_reader_is(node, G_TYPE_INT64))
        vera_project_reader_fail(self, member, "is not a number");
    else if (!isfinite(json_node_get_double(node))) /* JSON cannot be written with it */
        vera_project_reader_fail(self, member, "is too large");
    else
        *target = json_node_get_double(node);
}

void
vera_project_reader_get_float(VeraProjectReader *self, const char *member, float *target)
{
    double value = *target;

    vera_project_reader_get_double(self, member, &value);
    if (fabs(value) > FLT_MAX)
        vera_project_reader_fail(self, member, "is too large");
    else
        *target = (float)value;
}

static void
vera_project_reader_descend(VeraProjectReader *self,
                            JsonNode *node,
                            const char *member,
                            VeraProjectReader *child,
                            VeraProjectReadFunc read,
                            gpointer target)
{
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        vera_project_reader_fail(self, member, "is not an object");
        return;
    }
    child->object = json_node_get_object(node);
    child->parent = self;
    child->known = g_ptr_array_new();
    child->error = self->error;
    read(child, target);
    g_clear_pointer(&child->known, g_ptr_array_unref);
}

gboolean
vera_project_reader_get_object(VeraProjectReader *self,
                               const char *member,
                               const char *kind,
                               VeraProjectReadFunc read,
                               gpointer target)
{
    JsonNode *node = vera_project_reader_take(self, member);
    VeraProjectReader child = {.kind = kind};

    if (node == NULL)
        return FALSE;
    vera_project_reader_descend(self, node, member, &child, read, target);
    return TRUE;
}

void
vera_project_reader_get_objects(VeraProjectReader *self,
                                const char *member,
                                const char *kind,
                                VeraProjectReadFunc read,
                                gpointer target)
{
    JsonNode *node = vera_project_reader_take(self, member);
    JsonArray *array;

    if (node == NULL)
        return;
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        vera_project_reader_fail(self, member, "is not a list");
        return;
    }
    array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array) && !vera_project_reader_has_failed(self);
         i++) {
        VeraProjectReader child = {.kind = kind, .number = i + 1};
        vera_project_reader_descend(self, json_array_get_element(array, i), member, &child, read,
                                    target);
    }
}

void
vera_project_reader_end(VeraProjectReader *self, char **extra)
{
    g_autoptr(JsonObject) rest = NULL;
    JsonObjectIter iter;
    const char *member;
    JsonNode *node;

    if (vera_project_reader_has_failed(self))
        return;
    json_object_iter_init(&iter, self->object);
    while (json_object_iter_next(&iter, &member, &node)) {
        if (g_ptr_array_find_with_equal_func(self->known, member, g_str_equal, NULL))
            continue;
        if (rest == NULL)
            rest = json_object_new();
        json_object_set_member(rest, member, json_node_copy(node));
    }
    *extra = rest ? vera_project_json_to_text(rest, FALSE) : NULL;
}

void
vera_project_json_set_string(JsonObject *object, const char *member, const char *value)
{
    if (value != NULL)
        json_object_set_string_member(object, member, value);
}

const char *
vera_project_json_format_float(char *buffer, float value)
{
    for (int digits = 6; digits < 10; digits++) {
        char format[8];
        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(buffer, G_ASCII_DTOSTR_BUF_SIZE, format, (double)value);
        if ((float)g_ascii_strtod(buffer, NULL) == value)
            break;
    }
    return buffer;
}

void
vera_project_json_set_float(JsonObject *object, const char *member, float value)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];

    json_object_set_double_member(
        object, member, g_ascii_strtod(vera_project_json_format_float(buffer, value), NULL));
}

static void
vera_project_json_merge(JsonObject *object, JsonObject *extra)
{
    JsonObjectIter iter;
    const char *member;
    JsonNode *value;

    json_object_iter_init(&iter, extra);
    while (json_object_iter_next(&iter, &member, &value)) {
        JsonNode *ours = json_object_get_member(object, member);
        if (ours == NULL)
            json_object_set_member(object, member, json_node_copy(value));
        else if (JSON_NODE_HOLDS_OBJECT(ours) && JSON_NODE_HOLDS_OBJECT(value))
            vera_project_json_merge(json_node_get_object(ours), json_node_get_object(value));
    }
}

void
vera_project_json_add_extra(JsonObject *object, const char *extra)
{
    g_autoptr(JsonNode) node = extra ? json_from_string(extra, NULL) : NULL;

    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
        vera_project_json_merge(object, json_node_get_object(node));
}

char *
vera_project_json_to_text(JsonObject *object, gboolean is_pretty)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);

    json_node_set_object(root, object);
    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, is_pretty);
    json_generator_set_indent(generator, 2);
    return json_generator_to_data(generator, NULL);
}
