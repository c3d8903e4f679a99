#include "config.h"

#include "engine/media/vera-frame.h"

#include <string.h>

/* Wide enough that a row of an ordinary clip stays in the first-level cache while it is converted.
 */
#define VERA_FRAME_BLOCK 1024
/* Samples beyond each end of a block that upsampling can reach, whatever the siting. */
#define VERA_FRAME_REACH 2

/** VeraFrameTap: which two samples are mixed, and how much of the second. */
typedef struct {
    int first;
    int second;
    float weight;
} VeraFrameTap;

typedef struct {
    const VeraFrame *frame;
    VeraFrameCoding coding;
    float *rgb;
} VeraFrameConversion;

static VeraFrameScale
vera_frame_get_luma_scale(const VeraFrame *self)
{
    int extra = self->format.bits - 8;
    if (self->format.is_float)
        return (VeraFrameScale){0.0f, 1.0f};
    if (self->color.is_full_range)
        return (VeraFrameScale){0.0f, (float)((1 << self->format.bits) - 1)};
    return (VeraFrameScale){(float)(16 << extra), (float)(219 << extra)};
}

static VeraFrameScale
vera_frame_get_chroma_scale(const VeraFrame *self)
{
    int extra = self->format.bits - 8;
    if (self->format.is_float)
        return (VeraFrameScale){0.0f, 1.0f};
    if (self->color.is_full_range)
        return (VeraFrameScale){(float)(128 << extra), (float)((1 << self->format.bits) - 1)};
    return (VeraFrameScale){(float)(128 << extra), (float)(224 << extra)};
}

static VeraFrameMatrix
vera_frame_get_matrix(VeraColorMatrix matrix)
{
    double kr = 0.2126, kb = 0.0722;
    if (matrix == VERA_COLOR_MATRIX_BT601) {
        kr = 0.299;
        kb = 0.114;
    } else if (matrix == VERA_COLOR_MATRIX_BT2020) {
        kr = 0.2627;
        kb = 0.0593;
    }
    double kg = 1.0 - kr - kb;
    return (VeraFrameMatrix){
        .red_cr = (float)(2.0 * (1.0 - kr)),
        .green_cb = (float)(-2.0 * (1.0 - kb) * kb / kg),
        .green_cr = (float)(-2.0 * (1.0 - kr) * kr / kg),
        .blue_cb = (float)(2.0 * (1.0 - kb)),
    };
}

static VeraFrameTap
vera_frame_get_tap(int position, int shift, int site, int n)
{
    /* In half luma samples: chroma sample j lies at 2 * (j << shift) + site. */
    int period = 2 << shift;
    int distance = 2 * position - site;
    int first = distance >> (shift + 1);
    return (VeraFrameTap){CLAMP(first, 0, n - 1), CLAMP(first + 1, 0, n - 1),
                          (float)(distance - first * period) / (float)period};
}

static void
vera_frame_load(const VeraFrame *self, int plane, int y, int x, int n, float *out)
{
    const guint8 *row = self->data[plane] + (gsize)y * self->stride[plane];
    if (self->format.is_float) {
        memcpy(out, (const float *)(const void *)row + x, (gsize)n * sizeof *out);
    } else if (self->format.bits > 8) {
        const guint16 *in = (const guint16 *)(const void *)row + x;
#pragma omp simd
        for (int i = 0; i < n; i++)
            out[i] = (float)in[i];
    } else {
        const guint8 *in = row + x;
#pragma omp simd
        for (int i = 0; i < n; i++)
            out[i] = (float)in[i];
    }
}

static void
vera_frame_apply_scale(VeraFrameScale scale, int n, float *values)
{
#pragma omp simd
    for (int i = 0; i < n; i++)
        values[i] = (values[i] - scale.offset) / scale.divisor;
}

/** Chroma samples first..first+n-1 of the two rows of @tap, mixed, into @out. */
static void
vera_frame_load_mixed(
    const VeraFrame *self, int plane, VeraFrameTap tap, int first, int n, float *out)
{
    float other[VERA_FRAME_BLOCK + 4];
    float weight = tap.weight;

    vera_frame_load(self, plane, tap.first, first, n, out);
    if (weight == 0.0f)
        return;
    vera_frame_load(self, plane, tap.second, first, n, other);
#pragma omp simd
    for (int i = 0; i < n; i++)
        out[i] += weight * (other[i] - out[i]);
}

/** Chroma samples @begin..@begin+@n-1, those outside the plane taken from its edge. */
static void
vera_frame_load_extended(
    const VeraFrame *self, int plane, VeraFrameTap tap, int begin, int n, float *out)
{
    int width = vera_frame_get_plane_width(self, plane);
    int first = CLAMP(begin, 0, width - 1);
    int last = CLAMP(begin + n - 1, 0, width - 1);

    vera_frame_load_mixed(self, plane, tap, first, last - first + 1, out + (first - begin));
    for (int i = 0; i < first - begin; i++)
        out[i] = out[first - begin];
    for (int i = last - begin + 1; i < n; i++)
        out[i] = out[last - begin];
}

static void
vera_frame_upsample(const float *row, int shift, int site, int n, float *out)
{
    for (int phase = 0; phase < 1 << shift; phase++) {
        int distance = 2 * phase - site;
        int step = distance >> (shift + 1);
        float weight = (float)(distance - step * (2 << shift)) / (float)(2 << shift);
        const float *in = row + VERA_FRAME_REACH + step;
        int count = (n - phase + (1 << shift) - 1) >> shift;
#pragma omp simd
        for (int i = 0; i < count; i++)
            out[(i << shift) + phase] = in[i] + weight * (in[i + 1] - in[i]);
    }
}

static void
vera_frame_load_chroma(const VeraFrameConversion *self, int plane, int y, int x, int n, float *out)
{
    const VeraFrame *frame = self->frame;
    int shift = frame->format.chroma_shift_x;
    int height = vera_frame_get_plane_height(frame, plane);
    float row[VERA_FRAME_BLOCK + 4];
    VeraFrameTap tap = vera_frame_get_tap(y, frame->format.chroma_shift_y, self->coding.site_y, height);

    if (shift == 0) {
        vera_frame_load_mixed(frame, plane, tap, x, n, out);
    } else {
        int count = ((n - 1) >> shift) + 1 + 2 * VERA_FRAME_REACH;
        vera_frame_load_extended(frame, plane, tap, (x >> shift) - VERA_FRAME_REACH, count, row);
        vera_frame_upsample(row, shift, self->coding.site_x, n, out);
    }
    vera_frame_apply_scale(self->coding.chroma, n, out);
}

static void
vera_frame_convert_yuv(const VeraFrameConversion *self, int y, int x, int n)
{
    float luma[VERA_FRAME_BLOCK], cb[VERA_FRAME_BLOCK], cr[VERA_FRAME_BLOCK];
    float *out = self->rgb + ((gsize)y * self->frame->width + x) * 3;
    VeraFrameMatrix m = self->coding.matrix;

    vera_frame_load(self->frame, 0, y, x, n, luma);
    vera_frame_apply_scale(self->coding.luma, n, luma);
    vera_frame_load_chroma(self, 1, y, x, n, cb);
    vera_frame_load_chroma(self, 2, y, x, n, cr);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        out[3 * i] = luma[i] + m.red_cr * cr[i];
        out[3 * i + 1] = luma[i] + (m.green_cb * cb[i] + m.green_cr * cr[i]);
        out[3 * i + 2] = luma[i] + m.blue_cb * cb[i];
    }
}

static void
vera_frame_convert_rgb(const VeraFrameConversion *self, int y, int x, int n)
{
    float values[VERA_FRAME_BLOCK];
    float *out = self->rgb + ((gsize)y * self->frame->width + x) * 3;
    gboolean is_gray = self->frame->format.layout == VERA_FRAME_LAYOUT_GRAY;

    for (int c = 0; c < 3; c++) {
        if (c == 0 || !is_gray) {
            vera_frame_load(self->frame, c, y, x, n, values);
            vera_frame_apply_scale(self->coding.luma, n, values);
        }
        for (int i = 0; i < n; i++)
            out[3 * i + c] = values[i];
    }
}

void
vera_frame_get_coding(const VeraFrame *self, VeraFrameCoding *coding)
{
    const VeraFrameFormat *format = &self->format;
    int left = format->is_chroma_left ? 0 : (1 << format->chroma_shift_x) - 1;

    *coding = (VeraFrameCoding){
        .luma = vera_frame_get_luma_scale(self),
        .chroma = vera_frame_get_chroma_scale(self),
        .matrix = vera_frame_get_matrix(self->color.matrix),
        .site_x = left + format->chroma_delta_x,
        .site_y = (1 << format->chroma_shift_y) - 1 + format->chroma_delta_y,
    };
}

void
vera_frame_to_rgb(const VeraFrame *self, float *rgb)
{
    const VeraFrameFormat *format = &self->format;
    VeraFrameConversion conversion = { .frame = self, .rgb = rgb };

    vera_frame_get_coding(self, &conversion.coding);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < self->height; y++)
        for (int x = 0; x < self->width; x += VERA_FRAME_BLOCK) {
            int n = MIN(VERA_FRAME_BLOCK, self->width - x);
            if (format->layout == VERA_FRAME_LAYOUT_YUV)
                vera_frame_convert_yuv(&conversion, y, x, n);
            else
                vera_frame_convert_rgb(&conversion, y, x, n);
        }
}
