#include "config.h"

#include "engine/project/vera-region.h"

#include <math.h>

#include <cairo.h>

#include "engine/compositing/vera-matte.h"

static void
vera_region_add_line(cairo_t *cr, const GArray *points)
{
    for (guint i = 0; i < points->len; i++) {
        const VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, i);
        if (i == 0)
            cairo_move_to(cr, p->x, p->y);
        cairo_line_to(cr, p->x, p->y);
    }
}

static gboolean
vera_region_has_pressure(const GArray *points)
{
    for (guint i = 1; i < points->len; i++)
        if (g_array_index(points, VeraRegionPoint, i).pressure !=
            g_array_index(points, VeraRegionPoint, 0).pressure)
            return TRUE;
    return FALSE;
}

/* The hull of two discs of radius @r and @s: what a round brush covers while its pressure changes
 * steadily. */
static void
vera_region_add_cone(cairo_t *cr, VeraRegionPoint a, VeraRegionPoint b, double r, double s)
{
    double dx = (double)b.x - a.x, dy = (double)b.y - a.y, distance = hypot(dx, dy);
    double along = atan2(dy, dx), opening;

    if (distance <= fabs(r - s)) {
        VeraRegionPoint inner = r > s ? a : b;
        cairo_new_sub_path(cr);
        cairo_arc(cr, inner.x, inner.y, MAX(r, s), 0, 2 * G_PI);
        cairo_close_path(cr);
        return;
    }
    /* Where the outer tangents touch, seen from each centre. */
    opening = acos((r - s) / distance);
    cairo_new_sub_path(cr);
    cairo_arc(cr, a.x, a.y, r, along + opening, along - opening + 2 * G_PI);
    cairo_arc(cr, b.x, b.y, s, along - opening, along + opening);
    cairo_close_path(cr);
}

static void
vera_region_draw_stroke(cairo_t *cr, const VeraRegionShape *shape, const GArray *points)
{
    const VeraRegionPoint *first = &g_array_index(points, VeraRegionPoint, 0);

    if (!vera_region_has_pressure(points)) {
        cairo_set_line_width(cr, 2.0 * shape->radius * first->pressure);
        cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
        cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
        vera_region_add_line(cr, points);
        cairo_stroke(cr);
        return;
    }
    for (guint i = 0; i + 1 < points->len; i++) {
        VeraRegionPoint a = g_array_index(points, VeraRegionPoint, i);
        VeraRegionPoint b = g_array_index(points, VeraRegionPoint, i + 1);
        vera_region_add_cone(cr, a, b, (double)shape->radius * a.pressure,
                             (double)shape->radius * b.pressure);
    }
    cairo_set_fill_rule(cr, CAIRO_FILL_RULE_WINDING);
    cairo_fill(cr);
}

static void
vera_region_fill_ellipse(cairo_t *cr, VeraRegionPoint a, VeraRegionPoint b)
{
    double rx = fabs((double)b.x - a.x) / 2, ry = fabs((double)b.y - a.y) / 2;

    /* A matrix that cannot be inverted would put the context into an error for good. */
    if (rx < 1e-6 || ry < 1e-6)
        return;
    cairo_save(cr);
    cairo_translate(cr, ((double)a.x + b.x) / 2, ((double)a.y + b.y) / 2);
    cairo_scale(cr, rx, ry);
    cairo_arc(cr, 0, 0, 1, 0, 2 * G_PI);
    cairo_restore(cr);
    cairo_fill(cr);
}

static void
vera_region_draw_shape(cairo_t *cr, const VeraRegionShape *shape, gint64 frame)
{
    g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
    VeraRegionPoint a, b;

    if (points->len == 0)
        return;
    cairo_set_operator(cr, shape->is_subtracted ? CAIRO_OPERATOR_DEST_OUT : CAIRO_OPERATOR_OVER);
    cairo_set_fill_rule(cr, CAIRO_FILL_RULE_EVEN_ODD);
    a = g_array_index(points, VeraRegionPoint, 0);
    b = g_array_index(points, VeraRegionPoint, points->len - 1);
    switch (shape->kind) {
    case VERA_REGION_SHAPE_KIND_STROKE:
        vera_region_draw_stroke(cr, shape, points);
        break;
    case VERA_REGION_SHAPE_KIND_RECTANGLE:
        cairo_rectangle(cr, MIN(a.x, b.x), MIN(a.y, b.y), fabs((double)b.x - a.x),
                        fabs((double)b.y - a.y));
        cairo_fill(cr);
        break;
    case VERA_REGION_SHAPE_KIND_ELLIPSE:
        vera_region_fill_ellipse(cr, a, b);
        break;
    case VERA_REGION_SHAPE_KIND_LASSO:
    case VERA_REGION_SHAPE_KIND_POLYGON:
        vera_region_add_line(cr, points);
        cairo_close_path(cr);
        cairo_fill(cr);
        break;
    }
    cairo_new_path(cr);
}

static cairo_surface_t *
vera_region_draw(const VeraRegion *self, gint64 frame, int width, int height, int src_w, int src_h)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_status_t status;

    cairo_set_antialias(cr, CAIRO_ANTIALIAS_BEST);
    cairo_scale(cr, (double)width / src_w, (double)height / src_h);
    /* Flat enough for 1/255 at the size that is drawn. */
    cairo_set_tolerance(cr, 0.05);
    for (guint i = 0; i < self->shapes->len; i++)
        vera_region_draw_shape(cr, self->shapes->pdata[i], frame);
    status = cairo_status(cr);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        return surface;
    cairo_surface_destroy(surface);
    return NULL;
}

gboolean
vera_region_render(
    const VeraRegion *self, gint64 frame, int width, int height, int src_w, int src_h, float *out)
{
    VeraImage image = {.width = width, .height = height, .n_channels = 1, .values = out};
    /* The enlargement is that of areas: frames that are stretched unevenly get a feather between
     * both. */
    double scale = sqrt((double)width / src_w * height / src_h);
    VeraMatteRefinement soften = {
        .white = 1,
        .is_inverted = self->is_inverted,
        .feather_px = (float)MIN(self->feather * scale, 64.0),
    };
    cairo_surface_t *surface;
    const guint8 *data;
    int stride;

    g_return_val_if_fail(width > 0 && height > 0 && width <= 32767 && height <= 32767, FALSE);
    g_return_val_if_fail(src_w > 0 && src_h > 0, FALSE);
    surface = vera_region_draw(self, frame, width, height, src_w, src_h);
    if (surface == NULL)
        return FALSE;
    data = cairo_image_surface_get_data(surface);
    stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            out[(gsize)y * width + x] = data[(gsize)y * stride + x] / 255.0f;
    cairo_surface_destroy(surface);
    return vera_matte_refine(&soften, &image, NULL);
}

/* The box around one shape before it is cut to the frame. */
static gboolean
vera_region_shape_get_box(const VeraRegionShape *shape, gint64 frame, double box[4])
{
    g_autoptr(GArray) points = vera_region_shape_get_points(shape, frame);
    double reach = shape->kind == VERA_REGION_SHAPE_KIND_STROKE ? shape->radius : 0;

    if (points->len == 0 || shape->is_subtracted)
        return FALSE;
    for (guint i = 0; i < points->len; i++) {
        const VeraRegionPoint *p = &g_array_index(points, VeraRegionPoint, i);
        box[0] = MIN(box[0], p->x - reach);
        box[1] = MIN(box[1], p->y - reach);
        box[2] = MAX(box[2], p->x + reach);
        box[3] = MAX(box[3], p->y + reach);
    }
    return TRUE;
}

gboolean
vera_region_bounds(
    const VeraRegion *self, gint64 frame, int src_w, int src_h, VeraRegionBounds *bounds)
{
    double box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    /* As far as the blur of vera_matte_feather() reaches, and a pixel for antialiasing. */
    double margin = ceil(3.0 * self->feather) + 1;
    gboolean has_any = self->is_inverted;
    int x0, y0, x1, y1;

    for (guint i = 0; i < self->shapes->len && !self->is_inverted; i++)
        has_any = vera_region_shape_get_box(self->shapes->pdata[i], frame, box) || has_any;
    if (self->is_inverted) {
        box[0] = box[1] = 0;
        box[2] = src_w;
        box[3] = src_h;
    }
    *bounds = (VeraRegionBounds){0};
    if (!has_any)
        return FALSE;
    x0 = (int)CLAMP(floor(box[0] - margin), 0, src_w);
    y0 = (int)CLAMP(floor(box[1] - margin), 0, src_h);
    x1 = (int)CLAMP(ceil(box[2] + margin), 0, src_w);
    y1 = (int)CLAMP(ceil(box[3] + margin), 0, src_h);
    if (x1 <= x0 || y1 <= y0)
        return FALSE;
    *bounds = (VeraRegionBounds){x0, y0, x1 - x0, y1 - y0};
    return TRUE;
}
