#include "config.h"

#include <string.h>

#include "engine/project/vera-project-json.h"

/* In the order of VeraRegionShapeKind. */
static const char *const vera_region_kinds[] = {"stroke", "rectangle", "ellipse", "lasso",
                                                "polygon"};

/* Points are one text, "x,y x,y,pressure …" as in SVG: an array of numbers would take ten times the
 * memory and time. */
static char *
vera_region_format_points(const GArray *points)
{
    GString *text = g_string_sized_new(16 * (gsize)points->len);
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];

    for (guint i = 0; i < points->len; i++) {
        const VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, i);
        if (i > 0)
            g_string_append_c(text, ' ');
        g_string_append(text, vera_project_json_format_float(buffer, p->x));
        g_string_append_c(text, ',');
        g_string_append(text, vera_project_json_format_float(buffer, p->y));
        if (p->pressure != 1) {
            g_string_append_c(text, ',');
            g_string_append(text, vera_project_json_format_float(buffer, p->pressure));
        }
    }
    return g_string_free(text, FALSE);
}

static gboolean
vera_region_parse_number(const char **text, float *value)
{
    char *end;

    if (strchr("-.0123456789", **text) == NULL || **text == '\0')
        return FALSE;
    *value = (float)g_ascii_strtod(*text, &end);
    if (end == *text)
        return FALSE;
    *text = end;
    return TRUE;
}

static gboolean
vera_region_parse_point(const char **text, VeraRegionPoint *point)
{
    point->pressure = 1;
    if (!vera_region_parse_number(text, &point->x) || *(*text)++ != ',' ||
        !vera_region_parse_number(text, &point->y))
        return FALSE;
    if (**text != ',')
        return TRUE;
    (*text)++;
    return vera_region_parse_number(text, &point->pressure);
}

static gboolean
vera_region_parse_points(const char *text, GArray *points)
{
    while (*text != '\0') {
        VeraRegionPoint point;
        if (!vera_region_parse_point(&text, &point) || (*text != '\0' && *text++ != ' '))
            return FALSE;
        g_array_append_val(points, point);
    }
    return TRUE;
}

static JsonObject *
vera_region_keyframe_to_json(const VeraRegionKeyframe *self)
{
    JsonObject *object = json_object_new();
    g_autofree char *points = vera_region_format_points(self->points);

    json_object_set_int_member(object, "frame", self->frame);
    json_object_set_string_member(object, "points", points);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static JsonObject *
vera_region_shape_to_json(const VeraRegionShape *self)
{
    JsonObject *object = json_object_new();
    JsonArray *keyframes = json_array_new();

    json_object_set_string_member(object, "kind", vera_region_kinds[self->kind]);
    json_object_set_boolean_member(object, "is_subtracted", self->is_subtracted);
    vera_project_json_set_float(object, "radius", self->radius);
    for (guint i = 0; i < self->keyframes->len; i++)
        json_array_add_object_element(keyframes,
                                      vera_region_keyframe_to_json(self->keyframes->pdata[i]));
    json_object_set_array_member(object, "keyframes", keyframes);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

JsonObject *
vera_region_to_json(const VeraRegion *self)
{
    JsonObject *object = json_object_new();
    JsonArray *shapes = json_array_new();

    json_object_set_boolean_member(object, "is_inverted", self->is_inverted);
    vera_project_json_set_float(object, "feather", self->feather);
    for (guint i = 0; i < self->shapes->len; i++)
        json_array_add_object_element(shapes, vera_region_shape_to_json(self->shapes->pdata[i]));
    json_object_set_array_member(object, "shapes", shapes);
    vera_project_json_add_extra(object, self->extra);
    return object;
}

static void
vera_region_keyframe_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraRegionShape *shape = target;
    VeraRegionKeyframe *self = vera_region_keyframe_new(0);
    g_autofree char *points = NULL;

    g_ptr_array_add(shape->keyframes, self);
    vera_project_reader_get_int64(reader, "frame", &self->frame);
    vera_project_reader_get_string(reader, "points", &points);
    if (points != NULL && !vera_region_parse_points(points, self->points))
        vera_project_reader_fail(reader, "points", "is not a list of points");
    vera_project_reader_end(reader, &self->extra);
}

static void
vera_region_shape_read_cb(VeraProjectReader *reader, gpointer target)
{
    VeraRegion *region = target;
    VeraRegionShape *self = vera_region_shape_new(VERA_REGION_SHAPE_KIND_STROKE);
    g_autofree char *kind = g_strdup("");
    gsize at = 0;

    g_ptr_array_add(region->shapes, self);
    vera_project_reader_get_string(reader, "kind", &kind);
    while (at < G_N_ELEMENTS(vera_region_kinds) && strcmp(kind, vera_region_kinds[at]) != 0)
        at++;
    if (at == G_N_ELEMENTS(vera_region_kinds))
        vera_project_reader_fail(reader, "kind", "is not a kind of shape");
    else
        self->kind = (VeraRegionShapeKind)at;
    vera_project_reader_get_boolean(reader, "is_subtracted", &self->is_subtracted);
    vera_project_reader_get_float(reader, "radius", &self->radius);
    vera_project_reader_get_objects(reader, "keyframes", "keyframe", vera_region_keyframe_read_cb,
                                    self);
    vera_project_reader_end(reader, &self->extra);
}

void
vera_region_read_json_cb(VeraProjectReader *reader, gpointer target)
{
    VeraRegion **place = target;
    VeraRegion *self = vera_region_new();

    vera_region_unref(*place);
    *place = self;
    vera_project_reader_get_boolean(reader, "is_inverted", &self->is_inverted);
    vera_project_reader_get_float(reader, "feather", &self->feather);
    vera_project_reader_get_objects(reader, "shapes", "shape", vera_region_shape_read_cb, self);
    vera_project_reader_end(reader, &self->extra);
}
