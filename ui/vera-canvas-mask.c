#include "config.h"

#include "ui/vera-canvas-private.h"

/* The mask is drawn at no more than this many pixels a side: it is a hint, shown as a tint. */
#define VERA_CANVAS_MASK_SIDE 960

static cairo_surface_t *
vera_canvas_make_surface(const float *values, int width, int height)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, width, height);
    guint8 *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);

    cairo_surface_flush(surface);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            data[y * stride + x] =
                (guint8)(CLAMP(values[y * width + x], 0.0f, 1.0f) * 255.0f + 0.5f);
    cairo_surface_mark_dirty(surface);
    return surface;
}

static cairo_surface_t *
vera_canvas_draw_region(VeraCanvas *self, const VeraRegion *region, gint64 frame)
{
    double shrink =
        MIN(1.0, (double)VERA_CANVAS_MASK_SIDE / MAX(self->plate_width, self->plate_height));
    int width = MAX(1, (int)(self->plate_width * shrink)),
        height = MAX(1, (int)(self->plate_height * shrink));
    g_autofree float *values = g_new(float, (gsize)width *(gsize)height);

    if (!vera_region_render(region, frame, width, height, self->plate_width, self->plate_height,
                            values))
        return NULL;
    return vera_canvas_make_surface(values, width, height);
}

static float
vera_canvas_get_sample(const VeraFrame *frame, int plane, int x, int y)
{
    const guint8 *row = frame->data[plane] + (gsize)y * (gsize)frame->stride[plane];

    if (frame->format.is_float)
        return ((const float *)(gconstpointer)row)[x];
    return frame->format.bits > 8 ? ((const guint16 *)(gconstpointer)row)[x] : row[x];
}

/* The grey that a job would see; of a picture that is larger, every so many pixels. */
static cairo_surface_t *
vera_canvas_draw_picture(const VeraFrame *frame)
{
    double shrink = MIN(1.0, (double)VERA_CANVAS_MASK_SIDE / MAX(frame->width, frame->height));
    int width = MAX(1, (int)(frame->width * shrink)),
        height = MAX(1, (int)(frame->height * shrink));
    int n_planes = frame->format.layout == VERA_FRAME_LAYOUT_RGB ? 3 : 1;
    g_autofree float *values = g_new(float, (gsize)width *(gsize)height);
    VeraFrameCoding coding;

    vera_frame_get_coding(frame, &coding);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float sum = 0;
            for (int p = 0; p < n_planes; p++)
                sum += vera_canvas_get_sample(frame, p, (int)((x + 0.5) * frame->width / width),
                                              (int)((y + 0.5) * frame->height / height));
            values[y * width + x] =
                (sum / (float)n_planes - coding.luma.offset) / coding.luma.divisor;
        }
    return vera_canvas_make_surface(values, width, height);
}

static void
vera_canvas_drop_mask(VeraCanvas *self)
{
    g_clear_pointer(&self->mask, cairo_surface_destroy);
    g_clear_pointer(&self->mask_region, vera_region_unref);
    g_clear_pointer(&self->mask_picture, vera_frame_unref);
}

static cairo_surface_t *
vera_canvas_get_imported_mask(VeraCanvas *self)
{
    g_autoptr(VeraFrame) picture = vera_editor_dup_mask(self->editor);

    if (picture != NULL && picture == self->mask_picture)
        return self->mask;
    vera_canvas_drop_mask(self);
    if (picture != NULL)
        self->mask = vera_canvas_draw_picture(picture);
    self->mask_picture = g_steal_pointer(&picture);
    return self->mask;
}

cairo_surface_t *
vera_canvas_get_mask(VeraCanvas *self)
{
    VeraRegion *region = vera_canvas_get_region(self);
    gint64 frame = vera_editor_get_frame(self->editor);

    if (region == NULL || (region->shapes->len == 0 && !region->is_inverted))
        return vera_canvas_get_imported_mask(self);
    if (self->mask_region == region && self->mask_frame == frame && self->mask != NULL)
        return self->mask;
    vera_canvas_drop_mask(self);
    self->mask = vera_canvas_draw_region(self, region, frame);
    self->mask_region = vera_region_ref(region);
    self->mask_frame = frame;
    return self->mask;
}
