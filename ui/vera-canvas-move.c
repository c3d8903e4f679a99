#include "config.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-canvas-private.h"

/* How near the pointer must be to a corner to take it, in widget pixels. */
#define VERA_CANVAS_CORNER 9

static gboolean
vera_canvas_has_corners(const VeraRegionShape *shape)
{
    return shape->kind != VERA_REGION_SHAPE_KIND_STROKE &&
           shape->kind != VERA_REGION_SHAPE_KIND_LASSO;
}

static int
vera_canvas_find_corner(
    VeraCanvas *self, const VeraRegionShape *shape, const GArray *points, double x, double y)
{
    double reach = VERA_CANVAS_CORNER * gtk_widget_get_scale_factor(GTK_WIDGET(self)) / self->zoom;

    for (guint i = 0; vera_canvas_has_corners(shape) && i < points->len; i++) {
        const VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, i);
        if (hypot((double)p->x - x, (double)p->y - y) <= reach)
            return (int)i;
    }
    return -1;
}

static gboolean
vera_canvas_is_inside(const VeraRegionShape *shape, const GArray *points, double x, double y)
{
    cairo_surface_t *surface = cairo_recording_surface_create(CAIRO_CONTENT_ALPHA, NULL);
    cairo_t *cr = cairo_create(surface);
    gboolean is_inside = FALSE;

    if (points->len > 0)
        vera_canvas_trace(cr, shape->kind, (const VeraRegionPoint *)(gpointer)points->data,
                          points->len);
    if (shape->kind == VERA_REGION_SHAPE_KIND_STROKE) {
        if (points->len == 1)
            cairo_line_to(cr, (double)g_array_index(points, VeraRegionPoint, 0).x,
                          (double)g_array_index(points, VeraRegionPoint, 0).y);
        cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
        cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
        cairo_set_line_width(cr, 2 * (double)shape->radius);
        is_inside = cairo_in_stroke(cr, x, y);
    } else if (points->len > 1) {
        cairo_set_fill_rule(cr, CAIRO_FILL_RULE_EVEN_ODD);
        is_inside = cairo_in_fill(cr, x, y);
    }
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return is_inside;
}

void
vera_canvas_move_begin(VeraCanvas *self, double x, double y)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    gint64 frame = vera_editor_get_frame(self->editor);

    for (guint i = edit && edit->region ? edit->region->shapes->len : 0; i-- > 0;) {
        const VeraRegionShape *shape = edit->region->shapes->pdata[i];
        g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
        int corner = vera_canvas_find_corner(self, shape, points, x, y);
        if (corner < 0 && !vera_canvas_is_inside(shape, points, x, y))
            continue;
        self->moving = vera_region_copy(edit->region);
        self->moving_shape = i;
        self->moving_point = corner;
        self->moving_x = x;
        self->moving_y = y;
        return;
    }
}

/* Always from where the shape was when it was taken, so that nothing adds up. */
void
vera_canvas_move_update(VeraCanvas *self, double x, double y)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    gint64 frame = vera_editor_get_frame(self->editor);
    const VeraRegionShape *shape;
    g_autoptr(GArray) points = NULL;

    if (self->moving == NULL || edit == NULL || edit->region == NULL ||
        self->moving_shape >= edit->region->shapes->len)
        return;
    shape = edit->region->shapes->pdata[self->moving_shape];
    points = vera_region_shape_get_points(shape, frame);
    for (guint i = 0; i < points->len; i++) {
        VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, i);
        if (self->moving_point >= 0 && (guint)self->moving_point != i)
            continue;
        p->x = (float)((double)p->x + x - self->moving_x);
        p->y = (float)((double)p->y + y - self->moving_y);
    }
    vera_region_unref(self->moving);
    self->moving = vera_region_copy(edit->region);
    vera_region_shape_set_points(self->moving->shapes->pdata[self->moving_shape], frame,
                                 (VeraRegionPoint *)(gpointer)points->data, points->len);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
vera_canvas_move_end(VeraCanvas *self)
{
    g_autoptr(VeraRegion) moving = g_steal_pointer(&self->moving);
    VeraEdit *edit = NULL;
    VeraProjectState *state = moving ? vera_editor_begin_edit_change(self->editor, &edit) : NULL;

    if (state == NULL)
        return;
    if (vera_region_equal(moving, edit->region)) {
        vera_project_state_unref(state);
        return;
    }
    g_clear_pointer(&edit->region, vera_region_unref);
    edit->region = g_steal_pointer(&moving);
    vera_editor_commit(self->editor, state, _("Move Shape"), NULL);
}

/* Of strokes the middle alone, which is of use where they are moved. */
static void
vera_canvas_trace_region(cairo_t *cr, const VeraRegion *region, gint64 frame, gboolean has_strokes)
{
    for (guint i = 0; i < region->shapes->len; i++) {
        const VeraRegionShape *shape = region->shapes->pdata[i];
        g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
        if (points->len == 0 || (shape->kind == VERA_REGION_SHAPE_KIND_STROKE && !has_strokes))
            continue;
        cairo_new_sub_path(cr);
        vera_canvas_trace(cr, shape->kind, (const VeraRegionPoint *)(gpointer)points->data,
                          points->len);
        if (shape->kind != VERA_REGION_SHAPE_KIND_STROKE)
            cairo_close_path(cr);
    }
}

static void
vera_canvas_stroke_twice(cairo_t *cr, double pixel, double r, double g, double b)
{
    cairo_set_line_width(cr, 3 * pixel);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.55);
    cairo_stroke_preserve(cr);
    cairo_set_line_width(cr, 1.5 * pixel);
    cairo_set_source_rgb(cr, r, g, b);
    cairo_stroke(cr);
}

void
vera_canvas_outline_paint(VeraCanvas *self, cairo_t *cr, double pixel)
{
    const VeraRegion *region = vera_canvas_get_region(self);
    const double dashes[] = {4 * pixel, 4 * pixel};

    if (region == NULL)
        return;
    vera_canvas_trace_region(cr, region, vera_editor_get_frame(self->editor), FALSE);
    cairo_set_line_width(cr, pixel);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.7);
    cairo_stroke_preserve(cr);
    cairo_save(cr);
    cairo_set_dash(cr, dashes, 2, 0);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.9);
    cairo_stroke(cr);
    cairo_restore(cr);
}

void
vera_canvas_move_paint(VeraCanvas *self, cairo_t *cr, double pixel)
{
    const VeraRegion *region = vera_canvas_get_region(self);
    gint64 frame = vera_editor_get_frame(self->editor);

    if (region == NULL)
        return;
    vera_canvas_trace_region(cr, region, frame, TRUE);
    vera_canvas_stroke_twice(cr, pixel, 1, 1, 1);
    for (guint i = 0; i < region->shapes->len; i++) {
        const VeraRegionShape *shape = region->shapes->pdata[i];
        g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
        for (guint k = 0; vera_canvas_has_corners(shape) && k < points->len; k++) {
            const VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, k);
            cairo_rectangle(cr, (double)p->x - 4 * pixel, (double)p->y - 4 * pixel, 8 * pixel,
                            8 * pixel);
        }
    }
    cairo_set_source_rgb(cr, 0.21, 0.52, 0.89);
    cairo_fill_preserve(cr);
    cairo_set_line_width(cr, pixel);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_stroke(cr);
}

void
vera_canvas_onion_paint(VeraCanvas *self, cairo_t *cr, double pixel)
{
    const VeraRegion *region = vera_canvas_get_region(self);
    g_autoptr(GArray) frames = region ? vera_region_list_keys(region) : NULL;
    gint64 frame = vera_editor_get_frame(self->editor), before = -1, after = -1;
    const double dashes[] = {6 * pixel, 4 * pixel};

    for (guint i = 0; frames != NULL && i < frames->len; i++) {
        gint64 key = g_array_index(frames, gint64, i);
        if (key < frame)
            before = key;
        else if (key > frame && after < 0)
            after = key;
    }
    cairo_save(cr);
    cairo_set_dash(cr, dashes, 2, 0);
    if (before >= 0) {
        vera_canvas_trace_region(cr, region, before, TRUE);
        vera_canvas_stroke_twice(cr, pixel, 1, 0.55, 0.2);
    }
    if (after >= 0) {
        vera_canvas_trace_region(cr, region, after, TRUE);
        vera_canvas_stroke_twice(cr, pixel, 0.35, 0.9, 0.45);
    }
    cairo_restore(cr);
}
