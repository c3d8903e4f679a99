#include "config.h"

#include "engine/project/vera-region.h"

static VeraRegionKeyframe *
vera_region_find_key(const VeraRegionShape *shape, gint64 frame)
{
    for (guint i = 0; i < shape->keyframes->len; i++) {
        VeraRegionKeyframe *keyframe = shape->keyframes->pdata[i];
        if (keyframe->frame == frame)
            return keyframe;
    }
    return NULL;
}

static gint
vera_region_compare_frames(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return (x > y) - (x < y);
}

GArray *
vera_region_list_keys(const VeraRegion *self)
{
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (guint i = 0; i < self->shapes->len; i++) {
        const VeraRegionShape *shape = self->shapes->pdata[i];
        for (guint k = 0; k < shape->keyframes->len; k++)
            g_array_append_val(frames, ((VeraRegionKeyframe *)shape->keyframes->pdata[k])->frame);
    }
    g_array_sort(frames, vera_region_compare_frames);
    for (guint i = frames->len; i-- > 1;)
        if (g_array_index(frames, gint64, i) == g_array_index(frames, gint64, i - 1))
            g_array_remove_index(frames, i);
    return frames;
}

gboolean
vera_region_add_key(VeraRegion *self, gint64 frame)
{
    gboolean is_changed = FALSE;

    for (guint i = 0; i < self->shapes->len; i++) {
        VeraRegionShape *shape = self->shapes->pdata[i];
        g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
        if (vera_region_find_key(shape, frame) != NULL)
            continue;
        vera_region_shape_set_points(shape, frame, (VeraRegionPoint *)(gpointer)points->data,
                                     points->len);
        is_changed = TRUE;
    }
    return is_changed;
}

gboolean
vera_region_remove_key(VeraRegion *self, gint64 frame)
{
    gboolean is_changed = FALSE;

    for (guint i = 0; i < self->shapes->len; i++)
        is_changed |= vera_region_shape_remove_keyframe(self->shapes->pdata[i], frame);
    return is_changed;
}

gint64
vera_region_move_key(VeraRegion *self, gint64 from, gint64 to)
{
    g_autoptr(GArray) frames = vera_region_list_keys(self);
    gint64 low = 0, high = G_MAXINT64;
    gboolean is_there = FALSE;

    for (guint i = 0; i < frames->len; i++) {
        gint64 frame = g_array_index(frames, gint64, i);
        is_there |= frame == from;
        if (frame < from)
            low = frame + 1;
        else if (frame > from)
            high = MIN(high, frame - 1);
    }
    if (!is_there)
        return -1;
    to = CLAMP(to, low, high);
    for (guint i = 0; i < self->shapes->len; i++) {
        VeraRegionKeyframe *keyframe = vera_region_find_key(self->shapes->pdata[i], from);
        if (keyframe != NULL)
            keyframe->frame = to;
    }
    return to;
}

void
vera_region_shift(VeraRegion *self, gint64 frame, double dx, double dy)
{
    for (guint i = 0; i < self->shapes->len; i++) {
        VeraRegionShape *shape = self->shapes->pdata[i];
        g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
        for (guint p = 0; p < points->len; p++) {
            VeraRegionPoint *point = &g_array_index(points, VeraRegionPoint, p);
            point->x = (float)((double)point->x + dx);
            point->y = (float)((double)point->y + dy);
        }
        if (points->len > 0)
            vera_region_shape_set_points(shape, frame, (VeraRegionPoint *)(gpointer)points->data,
                                         points->len);
    }
}
