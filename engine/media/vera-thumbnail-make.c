#include "config.h"

#include <math.h>

#include "engine/media/vera-thumbnails.h"

static float
vera_thumbnail_load(const VeraFrame *frame, int plane, int x, int y)
{
    const guint8 *row = frame->data[plane] + (gsize)y * frame->stride[plane];
    if (frame->format.is_float)
        return ((const float *)(const void *)row)[x];
    return frame->format.bits > 8 ? ((const guint16 *)(const void *)row)[x] : row[x];
}

static void
vera_thumbnail_store(VeraFrame *frame, int plane, int x, int y, float value)
{
    guint8 *row = frame->data[plane] + (gsize)y * frame->stride[plane];
    if (frame->format.is_float)
        ((float *)(void *)row)[x] = value;
    else if (frame->format.bits > 8)
        ((guint16 *)(void *)row)[x] = (guint16)(value + 0.5f);
    else
        row[x] = (guint8)(value + 0.5f);
}

/** The mean of the samples that lie under pixel @x, @y of a picture of @out's size. */
static float
vera_thumbnail_average(const VeraFrame *in, int plane, const VeraFrame *out, int x, int y)
{
    int w = vera_frame_get_plane_width(in, plane), h = vera_frame_get_plane_height(in, plane);
    int x0 = (int)((gint64)x * w / out->width), x1 = (int)((gint64)(x + 1) * w / out->width);
    int y0 = (int)((gint64)y * h / out->height), y1 = (int)((gint64)(y + 1) * h / out->height);
    float sum = 0.0f;

    x1 = MAX(x1, x0 + 1);
    y1 = MAX(y1, y0 + 1);
    for (int j = y0; j < y1; j++)
        for (int i = x0; i < x1; i++)
            sum += vera_thumbnail_load(in, plane, i, j);
    return sum / (float)((x1 - x0) * (y1 - y0));
}

static VeraFrame *
vera_thumbnail_shrink(const VeraFrame *frame, int width, int height, GError **error)
{
    VeraFrameFormat format = frame->format;

    format.n_planes -= format.has_alpha ? 1 : 0;
    format.has_alpha = FALSE;
    format.chroma_shift_x = format.chroma_shift_y = 0;
    format.is_chroma_left = FALSE;
    format.chroma_delta_x = format.chroma_delta_y = 0;
    VeraFrame *out = vera_frame_new(&format, width, height, error);
    if (out == NULL)
        return NULL;
    out->color = frame->color;
    for (int p = 0; p < format.n_planes; p++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                vera_thumbnail_store(out, p, x, y, vera_thumbnail_average(frame, p, out, x, y));
    return out;
}

GBytes *
vera_frame_make_thumbnail(const VeraFrame *frame, int width, int height, GError **error)
{
    g_autoptr(VeraFrame) small = vera_thumbnail_shrink(frame, width, height, error);

    if (small == NULL)
        return NULL;
    gsize n = (gsize)width * height;
    g_autofree float *rgb = g_new(float, 3 * n);
    guint8 *rgba = g_malloc(4 * n);
    vera_frame_to_rgb(small, rgb);
    for (gsize i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) {
            float v = rgb[3 * i + c];
            if (frame->color.transfer == VERA_COLOR_TRANSFER_LINEAR)
                v = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, v);
            /* What is not a number fails both comparisons and becomes black. */
            rgba[4 * i + c] = v >= 1.0f ? 255 : v > 0.0f ? (guint8)(v * 255.0f + 0.5f) : 0;
        }
        rgba[4 * i + 3] = 255;
    }
    return g_bytes_new_take(rgba, 4 * n);
}
