#include "config.h"

#include "engine/compositing/vera-composite.h"

#include <math.h>
#include <string.h>

/* In linear light, or as displayed, for which a linear source is coded by sRGB. */
static float
vera_composite_mix(const VeraComposite *self, float source, float layer, float alpha)
{
    float s = source, l = layer;

    if (self->is_linear) {
        s = vera_color_to_linear(self->transfer, source);
        l = vera_color_to_linear(self->transfer, layer);
        return vera_color_from_linear(self->transfer, l * alpha + s * (1.0f - alpha));
    }
    if (self->transfer != VERA_COLOR_TRANSFER_LINEAR)
        return l * alpha + s * (1.0f - alpha);
    s = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, source);
    l = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, layer);
    return vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, l * alpha + s * (1.0f - alpha));
}

static void
vera_composite_pixel(const VeraComposite *self, const float *source, const float *layer, float alpha, float *out)
{
    for (int c = 0; c < 3; c++)
        out[c] = vera_composite_mix(self, source[c], layer[c], alpha);
}

void
vera_composite_over(const VeraComposite *self, float *out_rgb)
{
    gsize width = self->width;

#pragma omp parallel for schedule(static)
    for (int y = 0; y < self->height; y++) {
        for (gsize i = y * width; i < (y + 1) * width; i++) {
            float alpha = CLAMP(self->matte[i] * self->opacity, 0.0f, 1.0f);
            const float *source = self->source_rgb + 3 * i;
            const float *layer = self->layer_rgb + 3 * i;
            if (!(alpha > 0.0f))
                memmove(out_rgb + 3 * i, source, 3 * sizeof(float));
            else if (alpha == 1.0f)
                memcpy(out_rgb + 3 * i, layer, 3 * sizeof(float));
            else
                vera_composite_pixel(self, source, layer, alpha, out_rgb + 3 * i);
        }
    }
}

/* Luma coefficients (Kr, Kb) of ITU-R BT.601, BT.709 and BT.2020. */
static void
vera_composite_get_luma(VeraColorMatrix matrix, double *kr, double *kb)
{
    gboolean is_601 = matrix == VERA_COLOR_MATRIX_BT601;
    gboolean is_2020 = matrix == VERA_COLOR_MATRIX_BT2020;
    *kr = is_601 ? 0.299 : is_2020 ? 0.2627 : 0.2126;
    *kb = is_601 ? 0.114 : is_2020 ? 0.0593 : 0.0722;
}

/* Component @plane (Y, Cb, Cr or R, G, B) of a full-range colour, Y 0..1, Cb and Cr -0.5..0.5. */
static double
vera_composite_component(const VeraFrame *frame, const float *rgb, int plane)
{
    double kr, kb, y;

    if (frame->format.layout == VERA_FRAME_LAYOUT_RGB)
        return rgb[plane];
    vera_composite_get_luma(frame->color.matrix, &kr, &kb);
    y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
    if (plane == 0)
        return y;
    return plane == 1 ? (rgb[2] - y) / (2 * (1 - kb)) : (rgb[0] - y) / (2 * (1 - kr));
}

static double
vera_composite_code_scale(const VeraFrame *frame, int plane)
{
    double unit = (double)(1 << (frame->format.bits - 8));

    if (frame->format.is_float)
        return 1.0;
    if (frame->format.layout == VERA_FRAME_LAYOUT_RGB || frame->color.is_full_range)
        return (double)((1 << frame->format.bits) - 1);
    return (plane == 0 ? 219.0 : 224.0) * unit;
}

static double
vera_composite_code_offset(const VeraFrame *frame, int plane)
{
    double unit = (double)(1 << (MIN(frame->format.bits, 16) - 8));

    if (frame->format.is_float || frame->format.layout == VERA_FRAME_LAYOUT_RGB)
        return 0;
    if (plane > 0)
        return 128 * unit;
    return frame->color.is_full_range ? 0 : 16 * unit;
}

static double
vera_composite_get_sample(const VeraFrame *frame, int plane, int x, int y)
{
    const guint8 *row = frame->data[plane] + (gsize)y * frame->stride[plane];

    if (frame->format.is_float)
        return ((const float *)row)[x];
    return frame->format.bits > 8 ? ((const guint16 *)row)[x] : row[x];
}

static void
vera_composite_set_sample(VeraFrame *frame, int plane, int x, int y, double value)
{
    guint8 *row = frame->data[plane] + (gsize)y * frame->stride[plane];
    double max = (double)((1 << MIN(frame->format.bits, 16)) - 1);

    if (frame->format.is_float)
        ((float *)row)[x] = (float)value;
    else if (frame->format.bits > 8)
        ((guint16 *)row)[x] = (guint16)lrint(CLAMP(value, 0, max));
    else
        row[x] = (guint8)lrint(CLAMP(value, 0, max));
}

/* Whether any of the pixels in @window (x, y and the ends of both) shows something of the layer. */
static gboolean
vera_composite_is_touched(const VeraComposite *self, const int window[4])
{
    for (int y = window[1]; y < window[3]; y++)
        for (int x = window[0]; x < window[2]; x++)
            if (self->matte[(gsize)y * (gsize)self->width + (gsize)x] * self->opacity > 0)
                return TRUE;
    return FALSE;
}

/*
 * One sample is the mean over the pixels that it covers of alpha * layer + (1 - alpha) * the sample itself. What the composite holds of
 * the source's upsampled chroma is taken out again, so that a partly covered chroma sample stays as near to the source as the matte allows.
 */
static void
vera_composite_move_sample(
    VeraFrame *frame, const VeraComposite *self, const float *composite_rgb, int plane, const int at[2])
{
    gboolean is_chroma = frame->format.layout == VERA_FRAME_LAYOUT_YUV && (plane == 1 || plane == 2);
    int step_x = is_chroma ? 1 << frame->format.chroma_shift_x : 1;
    int step_y = is_chroma ? 1 << frame->format.chroma_shift_y : 1;
    int window[4] = {at[0] * step_x, at[1] * step_y, MIN((at[0] + 1) * step_x, self->width),
                     MIN((at[1] + 1) * step_y, self->height)};
    double scale, offset, code, own, change = 0;
    int n = (window[2] - window[0]) * (window[3] - window[1]);

    /* Most samples of most frames are the source's own. */
    if (!vera_composite_is_touched(self, window))
        return;
    scale = vera_composite_code_scale(frame, plane);
    offset = vera_composite_code_offset(frame, plane);
    code = vera_composite_get_sample(frame, plane, at[0], at[1]);
    own = (code - offset) / scale;
    for (int y = window[1]; y < window[3]; y++) {
        for (int x = window[0]; x < window[2]; x++) {
            gsize i = (gsize)y * self->width + x;
            double alpha = CLAMP(self->matte[i] * self->opacity, 0.0f, 1.0f);
            if (!(alpha > 0))
                continue;
            change += vera_composite_component(frame, composite_rgb + 3 * i, plane) - alpha * own -
                      (1 - alpha) * vera_composite_component(frame, self->source_rgb + 3 * i, plane);
        }
    }
    vera_composite_set_sample(frame, plane, at[0], at[1], code + change / n * scale);
}

VeraFrame *
vera_composite_to_frame(VeraFrame *source,
                        const VeraComposite *self,
                        const float *composite_rgb,
                        GError **error)
{
    g_autoptr(VeraFrame) out = vera_frame_new(&source->format, source->width, source->height, error);
    int n_color = source->format.n_planes - (source->format.has_alpha ? 1 : 0);

    if (out == NULL)
        return NULL;
    out->index = source->index;
    out->pts = source->pts;
    out->color = source->color;
    for (int p = 0; p < source->format.n_planes; p++) {
        int width = vera_frame_get_plane_width(source, p);
        int height = vera_frame_get_plane_height(source, p);
        gsize sample = source->format.is_float ? 4 : source->format.bits > 8 ? 2 : 1;
#pragma omp parallel for schedule(static)
        for (int y = 0; y < height; y++) {
            memcpy(out->data[p] + (gsize)y * out->stride[p],
                   source->data[p] + (gsize)y * source->stride[p], width * sample);
            for (int x = 0; p < n_color && x < width; x++)
                vera_composite_move_sample(out, self, composite_rgb, p, (const int[2]){ x, y });
        }
    }
    return g_steal_pointer(&out);
}
