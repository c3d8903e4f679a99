#include "config.h"

#include <math.h>

#include "engine/compositing/vera-verify-private.h"
#include "engine/vera-engine-error.h"
#include "kernels/vera-k.h"

static double
vera_verify_get_sample(const VeraFrame *frame, int plane, int x, int y)
{
    const guint8 *row = frame->data[plane] + (gsize)y * (gsize)frame->stride[plane];

    if (frame->format.is_float)
        return ((const float *)(const void *)row)[x];
    return frame->format.bits > 8 ? ((const guint16 *)(const void *)row)[x] : row[x];
}

static gboolean
vera_verify_is_protected(const VeraVerifyPair *pair, int x, int y)
{
    for (guint i = 0; i < pair->mattes->len; i++)
        if (vera_verify_get_sample(pair->mattes->pdata[i], pair->matte_plane, x, y) != 0)
            return FALSE;
    return TRUE;
}

static void
vera_verify_note_change(VeraVerifyFrame *out, gboolean *is_changed, int x, int y, char channel)
{
    if (out->n_changed == 0 && !*is_changed) {
        out->x = x;
        out->y = y;
        out->channel = channel;
    }
    *is_changed = TRUE;
}

/* Whether @written is what an export writes for the source's @value. */
static gboolean
vera_verify_is_kept(const VeraVerifyPair *pair, float value, double written)
{
    VeraColorTransfer transfer = pair->source->color.transfer;

    if (pair->comp->format.is_float) {
        float linear = vera_color_to_linear(transfer, value);
        return written == linear || written == vera_k_f16_to_f32(vera_k_f32_to_f16(linear));
    }
    if (transfer == VERA_COLOR_TRANSFER_LINEAR)
        value = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, value);
    return written ==
           lrintf(CLAMP(value, 0.0f, 1.0f) * (float)((1 << pair->comp->format.bits) - 1));
}

gboolean
vera_verify_compare_pictures(const VeraVerifyPair *pair, VeraVerifyFrame *out, GError **error)
{
    const VeraFrame *comp = pair->comp;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree float *rgb = g_try_new(float, (gsize)comp->width *(gsize)comp->height * 3);
    gboolean is_rgb = comp->format.layout == VERA_FRAME_LAYOUT_RGB;

    if (rgb == NULL) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                            "Too little memory to compare frames.");
        return FALSE;
    }
    vera_frame_to_rgb(pair->source, rgb);
    for (int y = 0; y < comp->height; y++) {
        for (int x = 0; x < comp->width; x++) {
            const float *values = rgb + ((gsize)y * (gsize)comp->width + (gsize)x) * 3;
            double written[3];
            gboolean is_changed = FALSE;
            if (!vera_verify_is_protected(pair, x, y))
                continue;
            out->n_protected++;
            for (int c = 0; c < 3; c++) {
                written[c] = vera_verify_get_sample(comp, is_rgb ? c : 0, x, y);
                if (!vera_verify_is_kept(pair, values[c], written[c]))
                    vera_verify_note_change(out, &is_changed, x, y, "RGB"[c]);
            }
            out->n_changed += is_changed;
            g_checksum_update(sum, (const guchar *)written, sizeof written);
        }
    }
    g_strlcpy(out->hash, g_checksum_get_string(sum), sizeof out->hash);
    return TRUE;
}

/* A chroma sample is kept only where nothing that it covers was edited. */
static gboolean
vera_verify_is_sample_protected(const VeraVerifyPair *pair, int x, int y, int shift_x, int shift_y)
{
    const VeraFrame *source = pair->source;

    for (int j = y << shift_y; j < MIN((y + 1) << shift_y, source->height); j++)
        for (int i = x << shift_x; i < MIN((x + 1) << shift_x, source->width); i++)
            if (!vera_verify_is_protected(pair, i, j))
                return FALSE;
    return TRUE;
}

static char
vera_verify_get_channel(const VeraFrameFormat *format, int plane)
{
    if (format->has_alpha && plane == format->n_planes - 1)
        return 'A';
    return format->layout == VERA_FRAME_LAYOUT_RGB ? "RGB"[plane] : "YUV"[plane];
}

/* One pixel of every plane. */
static gboolean
vera_verify_compare_pixel(
    const VeraVerifyPair *pair, int x, int y, GChecksum *sum, VeraVerifyFrame *out)
{
    const VeraFrameFormat *format = &pair->source->format;
    gboolean is_changed = FALSE;

    for (int p = 0; p < format->n_planes; p++) {
        gboolean is_chroma = format->layout == VERA_FRAME_LAYOUT_YUV && (p == 1 || p == 2);
        int shift_x = is_chroma ? format->chroma_shift_x : 0;
        int shift_y = is_chroma ? format->chroma_shift_y : 0;
        int sx = x >> shift_x, sy = y >> shift_y;
        if (is_chroma && !vera_verify_is_sample_protected(pair, sx, sy, shift_x, shift_y))
            continue;
        double written = vera_verify_get_sample(pair->comp, p, sx, sy);
        g_checksum_update(sum, (const guchar *)&written, sizeof written);
        if (written != vera_verify_get_sample(pair->source, p, sx, sy))
            vera_verify_note_change(out, &is_changed, x, y, vera_verify_get_channel(format, p));
    }
    return is_changed;
}

gboolean
vera_verify_compare_samples(const VeraVerifyPair *pair, VeraVerifyFrame *out, GError **error)
{
    const VeraFrameFormat *a = &pair->source->format, *b = &pair->comp->format;
    g_autoptr(GChecksum) sum = NULL;

    if (a->layout != b->layout || a->n_planes != b->n_planes || a->bits != b->bits ||
        a->is_float != b->is_float || a->chroma_shift_x != b->chroma_shift_x ||
        a->chroma_shift_y != b->chroma_shift_y) {
        g_set_error_literal(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "The composite is not in the clip's own sample format; it is not an export of it.");
        return FALSE;
    }
    sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (int y = 0; y < pair->source->height; y++) {
        for (int x = 0; x < pair->source->width; x++) {
            if (!vera_verify_is_protected(pair, x, y))
                continue;
            out->n_protected++;
            out->n_changed += vera_verify_compare_pixel(pair, x, y, sum, out);
        }
    }
    g_strlcpy(out->hash, g_checksum_get_string(sum), sizeof out->hash);
    return TRUE;
}
