#include "config.h"

#include "engine/media/vera-frame-from-rgb.h"

#include <math.h>

#include "engine/vera-engine-error.h"

/** VeraFrameCoder: how a component becomes a code: round(value * scale + offset), low..high. */
typedef struct {
    float scale;
    float offset;
    float low;
    float high;
} VeraFrameCoder;

typedef struct {
    VeraFrame *frame;
    const VeraFramePixels *pixels;
    VeraFrameCoder luma, chroma, full;
    float kr, kg, kb;
} VeraFrameEncoding;

static void
vera_frame_encoding_init(VeraFrameEncoding *self, VeraFrame *frame, const VeraFramePixels *pixels)
{
    VeraColorMatrix matrix = frame->color.matrix;
    int extra = frame->format.bits - 8;
    float max = (float)((1 << frame->format.bits) - 1);
    gboolean is_601 = matrix == VERA_COLOR_MATRIX_BT601;
    gboolean is_2020 = matrix == VERA_COLOR_MATRIX_BT2020;

    *self = (VeraFrameEncoding){.frame = frame, .pixels = pixels};
    self->kr = is_601 ? 0.299f : is_2020 ? 0.2627f : 0.2126f;
    self->kb = is_601 ? 0.114f : is_2020 ? 0.0593f : 0.0722f;
    self->kg = 1.0f - self->kr - self->kb;
    self->full = self->luma = (VeraFrameCoder){max, 0.0f, 0.0f, max};
    self->chroma = (VeraFrameCoder){max, (float)(128 << extra), 0.0f, max};
    if (frame->color.is_full_range)
        return;
    float low = (float)(1 << extra), high = (float)((255 << extra) - 1);
    self->luma = (VeraFrameCoder){(float)(219 << extra), (float)(16 << extra), low, high};
    self->chroma = (VeraFrameCoder){(float)(224 << extra), (float)(128 << extra), low, high};
}

static void
vera_frame_put(VeraFrame *frame, int plane, int x, int y, const VeraFrameCoder *coder, float value)
{
    guint8 *row = frame->data[plane] + (gsize)y * (gsize)frame->stride[plane];
    /* The order of the comparisons turns a NaN into the lowest code. */
    float code = fminf(fmaxf(value * coder->scale + coder->offset, coder->low), coder->high);

    if (frame->format.bits > 8)
        ((guint16 *)(void *)row)[x] = (guint16)lrintf(code);
    else
        row[x] = (guint8)lrintf(code);
}

static gsize
vera_frame_encoding_get_pixel(const VeraFrameEncoding *self, int x, int y)
{
    return (gsize)MIN(y, self->pixels->height - 1) * (gsize)self->pixels->width +
           (gsize)MIN(x, self->pixels->width - 1);
}

static float
vera_frame_encoding_get_luma(const VeraFrameEncoding *self, const float *rgb)
{
    return self->kr * rgb[0] + self->kg * rgb[1] + self->kb * rgb[2];
}

/* Cb and Cr of the chroma sample at @x, @y, in the frame's own subsampling. */
static void
vera_frame_encoding_get_chroma(const VeraFrameEncoding *self, int x, int y, float *cb, float *cr)
{
    const VeraFrameFormat *format = &self->frame->format;
    int reach = format->chroma_shift_x ? 1 : 0, rows = format->chroma_shift_y ? 2 : 1;
    float total = 0.0f;

    *cb = *cr = 0.0f;
    for (int j = 0; j < rows; j++) {
        for (int i = -reach; i <= reach; i++) {
            float weight = i == 0 ? 2.0f : 1.0f;
            const float *rgb =
                self->pixels->rgb +
                3 * vera_frame_encoding_get_pixel(self, MAX((x << format->chroma_shift_x) + i, 0),
                                                  (y << format->chroma_shift_y) + j);
            float luma = vera_frame_encoding_get_luma(self, rgb);
            *cb += weight * (rgb[2] - luma);
            *cr += weight * (rgb[0] - luma);
            total += weight;
        }
    }
    *cb /= total * 2.0f * (1.0f - self->kb);
    *cr /= total * 2.0f * (1.0f - self->kr);
}

static void
vera_frame_encoding_put_pixel(const VeraFrameEncoding *self, int x, int y)
{
    VeraFrame *frame = self->frame;
    gsize at = vera_frame_encoding_get_pixel(self, x, y);
    const float *rgb = self->pixels->rgb + 3 * at;

    if (frame->format.layout == VERA_FRAME_LAYOUT_RGB)
        for (int c = 0; c < 3; c++)
            vera_frame_put(frame, c, x, y, &self->full, rgb[c]);
    else
        vera_frame_put(frame, 0, x, y, &self->luma, vera_frame_encoding_get_luma(self, rgb));
    if (frame->format.has_alpha)
        vera_frame_put(frame, frame->format.n_planes - 1, x, y, &self->full,
                       self->pixels->alpha ? self->pixels->alpha[at] : 1.0f);
}

VeraFrame *
vera_frame_new_from_rgb(const VeraFrameFormat *format,
                        const VeraColorDescription *color,
                        int width,
                        int height,
                        const VeraFramePixels *pixels,
                        GError **error)
{
    VeraFrame *frame = vera_frame_new(format, width, height, error);
    VeraFrameEncoding encoding;

    if (frame == NULL)
        return NULL;
    frame->color = *color;
    vera_frame_encoding_init(&encoding, frame, pixels);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            vera_frame_encoding_put_pixel(&encoding, x, y);
    if (format->layout != VERA_FRAME_LAYOUT_YUV)
        return frame;
    int chroma_width = vera_frame_get_plane_width(frame, 1);
    int chroma_height = vera_frame_get_plane_height(frame, 1);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < chroma_height; y++)
        for (int x = 0; x < chroma_width; x++) {
            float cb, cr;
            vera_frame_encoding_get_chroma(&encoding, x, y, &cb, &cr);
            vera_frame_put(frame, 1, x, y, &encoding.chroma, cb);
            vera_frame_put(frame, 2, x, y, &encoding.chroma, cr);
        }
    return frame;
}
