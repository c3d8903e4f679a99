#include "config.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-canvas-private.h"

/* Points of strokes and lassos nearer than this (plate pixels at zoom 1) add nothing. */
#define VERA_CANVAS_MIN_STEP 1.5

VeraRegionShapeKind
vera_canvas_get_kind(VeraTool tool)
{
    switch (tool) {
    case VERA_TOOL_RECTANGLE:
        return VERA_REGION_SHAPE_KIND_RECTANGLE;
    case VERA_TOOL_ELLIPSE:
        return VERA_REGION_SHAPE_KIND_ELLIPSE;
    case VERA_TOOL_LASSO:
        return VERA_REGION_SHAPE_KIND_LASSO;
    case VERA_TOOL_POLYGON:
        return VERA_REGION_SHAPE_KIND_POLYGON;
    case VERA_TOOL_PAN:
    case VERA_TOOL_BRUSH:
    case VERA_TOOL_ERASER:
    case VERA_TOOL_MOVE:
    case VERA_TOOL_COUNT:
        break;
    }
    return VERA_REGION_SHAPE_KIND_STROKE;
}

void
vera_canvas_region_begin(
    VeraCanvas *self, double x, double y, double pressure, gboolean is_subtracting)
{
    VeraRegionPoint point = {(float)x, (float)y, (float)pressure};

    if (self->plate_width == 0)
        return;
    if (self->tool != VERA_TOOL_POLYGON)
        g_array_set_size(self->points, 0);
    if (self->points->len == 0)
        self->is_subtracting = is_subtracting;
    g_array_append_val(self->points, point);
    if (self->tool == VERA_TOOL_RECTANGLE || self->tool == VERA_TOOL_ELLIPSE)
        g_array_append_val(self->points, point);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
vera_canvas_region_update(VeraCanvas *self, double x, double y, double pressure)
{
    VeraRegionPoint point = {(float)x, (float)y, (float)pressure}, *last;

    if (self->points->len == 0)
        return;
    last = &g_array_index(self->points, VeraRegionPoint, self->points->len - 1);
    if (self->tool == VERA_TOOL_RECTANGLE || self->tool == VERA_TOOL_ELLIPSE ||
        self->tool == VERA_TOOL_POLYGON)
        *last = point;
    else if (hypot((double)(last->x - point.x), (double)(last->y - point.y)) * MAX(self->zoom, 1) >=
             VERA_CANVAS_MIN_STEP)
        g_array_append_val(self->points, point);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

gboolean
vera_canvas_is_drawing(VeraCanvas *self)
{
    return self->points->len > 0 || self->moving != NULL;
}

void
vera_canvas_region_cancel(VeraCanvas *self)
{
    g_array_set_size(self->points, 0);
    g_clear_pointer(&self->moving, vera_region_unref);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static gboolean
vera_canvas_is_shape_whole(VeraCanvas *self)
{
    const VeraRegionPoint *p = (const VeraRegionPoint *)(gpointer)self->points->data;

    if (self->tool == VERA_TOOL_RECTANGLE || self->tool == VERA_TOOL_ELLIPSE)
        return self->points->len == 2 && fabsf(p[0].x - p[1].x) >= 2 && fabsf(p[0].y - p[1].y) >= 2;
    return self->points->len >=
           (self->tool == VERA_TOOL_LASSO || self->tool == VERA_TOOL_POLYGON ? 3 : 1);
}

static VeraRegionShape *
vera_canvas_make_shape(VeraCanvas *self, gint64 frame)
{
    VeraRegionShape *shape = vera_region_shape_new(vera_canvas_get_kind(self->tool));

    shape->is_subtracted = self->is_subtracting;
    shape->radius = (float)self->brush_radius;
    vera_region_shape_set_points(
        shape, frame, (const VeraRegionPoint *)(gpointer)self->points->data, self->points->len);
    return shape;
}

/* A region belongs to an edit; drawing without one makes one. */
static void
vera_canvas_commit_shape(VeraCanvas *self)
{
    VeraProjectState *state;
    VeraEdit *edit = NULL;
    VeraRegion *region;

    if (vera_editor_get_selected(self->editor) == NULL)
        vera_editor_add_edit(self->editor);
    state = vera_editor_begin_edit_change(self->editor, &edit);
    if (state == NULL)
        return;
    region = edit->region ? vera_region_copy(edit->region) : vera_region_new();
    g_ptr_array_add(region->shapes,
                    vera_canvas_make_shape(self, vera_editor_get_frame(self->editor)));
    g_clear_pointer(&edit->region, vera_region_unref);
    edit->region = region;
    vera_editor_commit(self->editor, state,
                       self->is_subtracting ? _("Erase from Region") : _("Draw Region"), NULL);
}

/* A polygon goes on until a double click, Return, or a click on its first corner. */
static gboolean
vera_canvas_is_polygon_open(VeraCanvas *self)
{
    const VeraRegionPoint *p = (const VeraRegionPoint *)(gpointer)self->points->data;
    guint n = self->points->len;

    if (self->tool != VERA_TOOL_POLYGON || n == 0)
        return FALSE;
    if (n >= 2 &&
        hypot((double)(p[n - 1].x - p[n - 2].x), (double)(p[n - 1].y - p[n - 2].y)) * self->zoom <
            3) {
        g_array_set_size(self->points, n - 1);
        return n - 1 < 3;
    }
    if (n >= 4 &&
        hypot((double)(p[n - 1].x - p[0].x), (double)(p[n - 1].y - p[0].y)) * self->zoom < 8) {
        g_array_set_size(self->points, n - 1);
        return FALSE;
    }
    return TRUE;
}

void
vera_canvas_region_end(VeraCanvas *self)
{
    if (self->points->len > 0 && !vera_canvas_is_polygon_open(self))
        vera_canvas_region_close(self);
}

void
vera_canvas_region_close(VeraCanvas *self)
{
    if (vera_canvas_is_shape_whole(self))
        vera_canvas_commit_shape(self);
    vera_canvas_region_cancel(self);
}

/* Drawing
 * -------------------------------------------------------------------------------------------------------------
 */

VeraRegion *
vera_canvas_get_region(VeraCanvas *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);

    if (self->moving != NULL)
        return self->moving;
    return edit ? edit->region : NULL;
}

static void
vera_canvas_paint_mask(VeraCanvas *self, cairo_t *cr, cairo_surface_t *mask)
{
    cairo_save(cr);
    cairo_scale(cr, (double)self->plate_width / cairo_image_surface_get_width(mask),
                (double)self->plate_height / cairo_image_surface_get_height(mask));
    cairo_set_source_rgba(cr, 0.21, 0.52, 0.89, 0.38);
    cairo_mask_surface(cr, mask, 0, 0);
    cairo_restore(cr);
}

void
vera_canvas_trace(cairo_t *cr, VeraRegionShapeKind kind, const VeraRegionPoint *p, guint n)
{
    switch (kind) {
    case VERA_REGION_SHAPE_KIND_RECTANGLE:
        cairo_rectangle(cr, (double)p[0].x, (double)p[0].y, (double)(p[1].x - p[0].x),
                        (double)(p[1].y - p[0].y));
        return;
    case VERA_REGION_SHAPE_KIND_ELLIPSE:
        if (fabsf(p[1].x - p[0].x) < 1 || fabsf(p[1].y - p[0].y) < 1)
            return;
        cairo_save(cr);
        cairo_translate(cr, (double)(p[0].x + p[1].x) / 2, (double)(p[0].y + p[1].y) / 2);
        cairo_scale(cr, (double)fabsf(p[1].x - p[0].x) / 2, (double)fabsf(p[1].y - p[0].y) / 2);
        cairo_new_sub_path(cr);
        cairo_arc(cr, 0, 0, 1, 0, 2 * G_PI);
        cairo_restore(cr);
        return;
    case VERA_REGION_SHAPE_KIND_STROKE:
    case VERA_REGION_SHAPE_KIND_LASSO:
    case VERA_REGION_SHAPE_KIND_POLYGON:
        break;
    }
    for (guint i = 0; i < n; i++)
        cairo_line_to(cr, (double)p[i].x, (double)p[i].y);
}

static void
vera_canvas_trace_points(VeraCanvas *self, cairo_t *cr)
{
    double x, y;

    vera_canvas_trace(cr, vera_canvas_get_kind(self->tool),
                      (const VeraRegionPoint *)(gpointer)self->points->data, self->points->len);
    if (self->tool == VERA_TOOL_POLYGON && self->pointer_x >= 0) {
        vera_canvas_to_plate(self, self->pointer_x, self->pointer_y, &x, &y);
        cairo_line_to(cr, x, y);
    }
}

/* As thick as the pen was pressed; one group, so that the segments do not darken where they meet.
 */
static void
vera_canvas_paint_stroke(VeraCanvas *self, cairo_t *cr)
{
    const VeraRegionPoint *p = (const VeraRegionPoint *)(gpointer)self->points->data;

    cairo_push_group(cr);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    if (self->is_subtracting)
        cairo_set_source_rgb(cr, 0.9, 0.3, 0.3);
    else
        cairo_set_source_rgb(cr, 0.21, 0.52, 0.89);
    for (guint i = 0; i < self->points->len; i++) {
        const VeraRegionPoint *from = &p[i > 0 ? i - 1 : 0];
        cairo_move_to(cr, (double)from->x, (double)from->y);
        cairo_line_to(cr, (double)p[i].x, (double)p[i].y);
        cairo_set_line_width(cr, self->brush_radius * (double)(from->pressure + p[i].pressure));
        cairo_stroke(cr);
    }
    cairo_pop_group_to_source(cr);
    cairo_paint_with_alpha(cr, 0.5);
}

static void
vera_canvas_paint_shape(VeraCanvas *self, cairo_t *cr, double pixel)
{
    gboolean is_stroke = self->tool == VERA_TOOL_BRUSH || self->tool == VERA_TOOL_ERASER;

    if (self->points->len == 0)
        return;
    if (is_stroke) {
        vera_canvas_paint_stroke(self, cr);
        return;
    }
    vera_canvas_trace_points(self, cr);
    cairo_set_source_rgba(cr, 0.21, 0.52, 0.89, 0.25);
    cairo_fill_preserve(cr);
    cairo_set_line_width(cr, 3 * pixel);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.5);
    cairo_stroke_preserve(cr);
    cairo_set_line_width(cr, 1.5 * pixel);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_stroke(cr);
}

static void
vera_canvas_paint_brush(VeraCanvas *self, cairo_t *cr, double pixel)
{
    double x, y;

    if ((self->tool != VERA_TOOL_BRUSH && self->tool != VERA_TOOL_ERASER) || self->pointer_x < 0)
        return;
    vera_canvas_to_plate(self, self->pointer_x, self->pointer_y, &x, &y);
    cairo_arc(cr, x, y, self->brush_radius, 0, 2 * G_PI);
    cairo_set_line_width(cr, 2.5 * pixel);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.6);
    cairo_stroke_preserve(cr);
    cairo_set_line_width(cr, pixel);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_stroke(cr);
}

/* One side of two, or all of the widget. */
static void
vera_canvas_paint_pane(VeraCanvas *self, cairo_t *cr, cairo_surface_t *mask, int pane)
{
    int height = gtk_widget_get_height(GTK_WIDGET(self));
    double device = gtk_widget_get_scale_factor(GTK_WIDGET(self)), scale = self->zoom / device;
    double width = vera_canvas_get_pane_width(self);

    cairo_save(cr);
    cairo_rectangle(cr, pane * width, 0, width, height);
    cairo_clip(cr);
    cairo_translate(cr, pane * width + self->x / device, self->y / device);
    cairo_scale(cr, scale, scale);
    if (mask != NULL)
        vera_canvas_paint_mask(self, cr, mask);
    if (self->has_onion)
        vera_canvas_onion_paint(self, cr, 1 / scale);
    if (self->tool == VERA_TOOL_MOVE)
        vera_canvas_move_paint(self, cr, 1 / scale);
    else
        vera_canvas_outline_paint(self, cr, 1 / scale);
    vera_canvas_paint_shape(self, cr, 1 / scale);
    vera_canvas_paint_brush(self, cr, 1 / scale);
    cairo_restore(cr);
}

/* A result is judged without a tint over it; the region comes back with the tools that change it. */
static gboolean
vera_canvas_shows_region(VeraCanvas *self)
{
    return self->tool != VERA_TOOL_PAN || !self->has_result;
}

void
vera_canvas_region_snapshot(VeraCanvas *self, GtkSnapshot *snapshot)
{
    int width = gtk_widget_get_width(GTK_WIDGET(self)),
        height = gtk_widget_get_height(GTK_WIDGET(self));
    cairo_surface_t *mask = vera_canvas_shows_region(self) ? vera_canvas_get_mask(self) : NULL;
    cairo_t *cr;

    if (mask == NULL && self->points->len == 0 && self->tool == VERA_TOOL_PAN)
        return;
    cr =
        gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(0, 0, (float)width, (float)height));
    for (int pane = 0; pane <= (self->has_split ? 1 : 0); pane++)
        vera_canvas_paint_pane(self, cr, mask, pane);
    cairo_destroy(cr);
}
