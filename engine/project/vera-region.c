#include "config.h"

#include "engine/project/vera-region.h"

#include <math.h>
#include <string.h>

#include "engine/vera-engine-error.h"

#define VERA_REGION_MAX_FEATHER_PX 64.0f
#define VERA_REGION_MAX_COORDINATE 1e6f

VeraRegionKeyframe *
vera_region_keyframe_new(gint64 frame)
{
    VeraRegionKeyframe *self = g_new0(VeraRegionKeyframe, 1);

    self->frame = frame;
    self->points = g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));
    return self;
}

void
vera_region_keyframe_free(VeraRegionKeyframe *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->points);
    g_free(self->extra);
    g_free(self);
}

VeraRegionShape *
vera_region_shape_new(VeraRegionShapeKind kind)
{
    VeraRegionShape *self = g_new0(VeraRegionShape, 1);

    self->kind = kind;
    self->radius = 20;
    self->keyframes = g_ptr_array_new_with_free_func((GDestroyNotify)vera_region_keyframe_free);
    return self;
}

void
vera_region_shape_free(VeraRegionShape *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->keyframes);
    g_free(self->extra);
    g_free(self);
}

/* Index of the last keyframe at or before @frame; -1 if all are later. */
static int
vera_region_shape_find(const VeraRegionShape *self, gint64 frame)
{
    int found = -1;

    for (guint i = 0; i < self->keyframes->len; i++) {
        const VeraRegionKeyframe *keyframe = self->keyframes->pdata[i];
        if (keyframe->frame <= frame)
            found = (int)i;
    }
    return found;
}

static VeraRegionKeyframe *
vera_region_shape_get_keyframe(const VeraRegionShape *self, int index)
{
    return self->keyframes->pdata[index];
}

void
vera_region_shape_set_points(VeraRegionShape *self,
                             gint64 frame,
                             const VeraRegionPoint *points,
                             guint n_points)
{
    int at = vera_region_shape_find(self, frame);
    VeraRegionKeyframe *keyframe = at >= 0 ? vera_region_shape_get_keyframe(self, at) : NULL;
    g_autoptr(GArray) copy = g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));

    /* The caller may hand in the points of the very keyframe that is replaced. */
    g_array_append_vals(copy, points, n_points);
    if (keyframe == NULL || keyframe->frame != frame) {
        keyframe = vera_region_keyframe_new(frame);
        g_ptr_array_insert(self->keyframes, at + 1, keyframe);
    }
    g_array_unref(keyframe->points);
    keyframe->points = g_steal_pointer(&copy);
}

gboolean
vera_region_shape_remove_keyframe(VeraRegionShape *self, gint64 frame)
{
    int at = vera_region_shape_find(self, frame);

    if (at < 0 || vera_region_shape_get_keyframe(self, at)->frame != frame ||
        self->keyframes->len == 1)
        return FALSE;
    g_ptr_array_remove_index(self->keyframes, (guint)at);
    return TRUE;
}

static gboolean
vera_region_shape_moves_after(const VeraRegionShape *self, int at)
{
    if (self->kind == VERA_REGION_SHAPE_KIND_STROKE || at < 0 ||
        at + 1 >= (int)self->keyframes->len)
        return FALSE;
    return vera_region_shape_get_keyframe(self, at)->points->len ==
           vera_region_shape_get_keyframe(self, at + 1)->points->len;
}

GArray *
vera_region_shape_get_points(const VeraRegionShape *self, gint64 frame)
{
    int at = MAX(vera_region_shape_find(self, frame), 0);
    const VeraRegionKeyframe *a, *b;
    GArray *points;
    double t;

    if (self->keyframes->len == 0)
        return g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));
    a = vera_region_shape_get_keyframe(self, at);
    points = g_array_copy(a->points);
    if (frame <= a->frame || !vera_region_shape_moves_after(self, at))
        return points;
    b = vera_region_shape_get_keyframe(self, at + 1);
    t = (double)(frame - a->frame) / (double)(b->frame - a->frame);
    for (guint i = 0; i < points->len; i++) {
        VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, i);
        const VeraRegionPoint *q = &g_array_index(b->points, VeraRegionPoint, i);
        p->x = (float)(p->x + t * (q->x - p->x));
        p->y = (float)(p->y + t * (q->y - p->y));
    }
    return points;
}

VeraRegion *
vera_region_new(void)
{
    VeraRegion *self = g_new0(VeraRegion, 1);

    self->ref_count = 1;
    self->shapes = g_ptr_array_new_with_free_func((GDestroyNotify)vera_region_shape_free);
    return self;
}

VeraRegion *
vera_region_ref(const VeraRegion *self)
{
    VeraRegion *mutable_self = (VeraRegion *)self;

    g_atomic_int_inc(&mutable_self->ref_count);
    return mutable_self;
}

void
vera_region_unref(VeraRegion *self)
{
    if (self == NULL || !g_atomic_int_dec_and_test(&self->ref_count))
        return;
    g_ptr_array_unref(self->shapes);
    g_free(self->extra);
    g_free(self);
}

static gpointer
vera_region_keyframe_copy_cb(gconstpointer data, gpointer unused)
{
    const VeraRegionKeyframe *self = data;
    VeraRegionKeyframe *copy = g_new0(VeraRegionKeyframe, 1);

    copy->frame = self->frame;
    copy->points = g_array_copy(self->points);
    copy->extra = g_strdup(self->extra);
    return copy;
}

static gpointer
vera_region_shape_copy_cb(gconstpointer data, gpointer unused)
{
    const VeraRegionShape *self = data;
    VeraRegionShape *copy = g_new0(VeraRegionShape, 1);

    copy->kind = self->kind;
    copy->is_subtracted = self->is_subtracted;
    copy->radius = self->radius;
    copy->keyframes = g_ptr_array_copy(self->keyframes, vera_region_keyframe_copy_cb, NULL);
    copy->extra = g_strdup(self->extra);
    return copy;
}

VeraRegion *
vera_region_copy(const VeraRegion *self)
{
    VeraRegion *copy = g_new0(VeraRegion, 1);

    copy->ref_count = 1;
    copy->shapes = g_ptr_array_copy(self->shapes, vera_region_shape_copy_cb, NULL);
    copy->is_inverted = self->is_inverted;
    copy->feather = self->feather;
    copy->extra = g_strdup(self->extra);
    return copy;
}

static gboolean
vera_region_points_equal(const GArray *a, const GArray *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->data, b->data, a->len * sizeof(VeraRegionPoint)) == 0);
}

static gboolean
vera_region_shape_equal(const VeraRegionShape *a, const VeraRegionShape *b)
{
    if (a->kind != b->kind || a->is_subtracted != b->is_subtracted || a->radius != b->radius ||
        g_strcmp0(a->extra, b->extra) != 0 || a->keyframes->len != b->keyframes->len)
        return FALSE;
    for (guint i = 0; i < a->keyframes->len; i++) {
        const VeraRegionKeyframe *p = a->keyframes->pdata[i], *q = b->keyframes->pdata[i];
        if (p->frame != q->frame || !vera_region_points_equal(p->points, q->points) ||
            g_strcmp0(p->extra, q->extra) != 0)
            return FALSE;
    }
    return TRUE;
}

gboolean
vera_region_equal(const VeraRegion *a, const VeraRegion *b)
{
    if (a == b || a == NULL || b == NULL)
        return a == b;
    if (a->is_inverted != b->is_inverted || a->feather != b->feather ||
        g_strcmp0(a->extra, b->extra) != 0 || a->shapes->len != b->shapes->len)
        return FALSE;
    for (guint i = 0; i < a->shapes->len; i++)
        if (!vera_region_shape_equal(a->shapes->pdata[i], b->shapes->pdata[i]))
            return FALSE;
    return TRUE;
}

static gboolean
vera_region_shape_is_animated(const VeraRegionShape *self, gint64 first, gint64 last)
{
    int from = MAX(vera_region_shape_find(self, first), 0);
    int to = MAX(vera_region_shape_find(self, last), 0);

    /* A moving shape that @last lies in the middle of has its next keyframe after @last. */
    if (vera_region_shape_moves_after(self, to) &&
        vera_region_shape_get_keyframe(self, to)->frame < last)
        to++;
    for (int i = from; i < to; i++)
        if (!vera_region_points_equal(vera_region_shape_get_keyframe(self, i)->points,
                                      vera_region_shape_get_keyframe(self, i + 1)->points))
            return TRUE;
    return FALSE;
}

gboolean
vera_region_is_animated(const VeraRegion *self, gint64 first, gint64 last)
{
    for (guint i = 0; first < last && i < self->shapes->len; i++)
        if (vera_region_shape_is_animated(self->shapes->pdata[i], first, last))
            return TRUE;
    return FALSE;
}

/* What is wrong with the keyframes, or NULL. */
static const char *
vera_region_check_keyframes(const VeraRegionShape *self)
{
    gboolean is_box = self->kind == VERA_REGION_SHAPE_KIND_RECTANGLE ||
                      self->kind == VERA_REGION_SHAPE_KIND_ELLIPSE;
    gint64 before = -1;

    for (guint i = 0; i < self->keyframes->len; i++) {
        const VeraRegionKeyframe *keyframe = self->keyframes->pdata[i];
        if (keyframe->frame <= before)
            return "keyframes that are not in order";
        if (is_box && keyframe->points->len != 0 && keyframe->points->len != 2)
            return "a number of corners that makes no sense";
        before = keyframe->frame;
        for (guint j = 0; j < keyframe->points->len; j++) {
            VeraRegionPoint p = g_array_index(keyframe->points, VeraRegionPoint, j);
            if (!(fabsf(p.x) <= VERA_REGION_MAX_COORDINATE) ||
                !(fabsf(p.y) <= VERA_REGION_MAX_COORDINATE) ||
                !(p.pressure >= 0 && p.pressure <= 1))
                return "a point that makes no sense";
        }
    }
    return self->keyframes->len == 0 ? "no keyframe" : NULL;
}

static const char *
vera_region_check_shape(const VeraRegionShape *self)
{
    if (self->kind > VERA_REGION_SHAPE_KIND_POLYGON)
        return "an unknown kind";
    if (!(self->radius > 0 && self->radius <= VERA_REGION_MAX_COORDINATE))
        return "a radius that makes no sense";
    return vera_region_check_keyframes(self);
}

gboolean
vera_region_check(const VeraRegion *self, GError **error)
{
    if (!(self->feather >= 0 && self->feather <= VERA_REGION_MAX_FEATHER_PX)) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                            "the region's feather must lie between 0 and 64");
        return FALSE;
    }
    for (guint i = 0; i < self->shapes->len; i++) {
        const char *wrong = vera_region_check_shape(self->shapes->pdata[i]);
        if (wrong != NULL) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "shape %u of the region has %s", i + 1, wrong);
            return FALSE;
        }
    }
    return TRUE;
}

static void
vera_region_hash_shape(GChecksum *sum, const VeraRegionShape *self)
{
    g_autofree char *head =
        g_strdup_printf("shape %d %d %a %u\n", self->kind, self->is_subtracted != 0, self->radius,
                        self->keyframes->len);

    g_checksum_update(sum, (const guchar *)head, -1);
    for (guint i = 0; i < self->keyframes->len; i++) {
        const VeraRegionKeyframe *keyframe = self->keyframes->pdata[i];
        g_autofree char *line = g_strdup_printf("keyframe %" G_GINT64_FORMAT " %u\n",
                                                keyframe->frame, keyframe->points->len);
        g_checksum_update(sum, (const guchar *)line, -1);
        for (guint j = 0; j < keyframe->points->len; j++) {
            VeraRegionPoint p = g_array_index(keyframe->points, VeraRegionPoint, j);
            char text[96];
            int n = g_snprintf(text, sizeof text, "%a %a %a\n", p.x, p.y, p.pressure);
            g_checksum_update(sum, (const guchar *)text, n);
        }
    }
}

char *
vera_region_hash(const VeraRegion *self)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *head =
        g_strdup_printf("region %d %a\n", self->is_inverted != 0, self->feather);

    g_checksum_update(sum, (const guchar *)head, -1);
    for (guint i = 0; i < self->shapes->len; i++)
        vera_region_hash_shape(sum, self->shapes->pdata[i]);
    return g_strdup(g_checksum_get_string(sum));
}
