#include "config.h"

#include "engine/media/vera-frame-pack.h"

#include <string.h>

#include <libavutil/pixdesc.h>

static gboolean
vera_frame_pack_fits(const VeraFrameFormat *format, const AVPixFmtDescriptor *desc)
{
    gboolean is_rgb = (desc->flags & AV_PIX_FMT_FLAG_RGB) != 0;
    gboolean has_alpha = (desc->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    const guint64 unfit = AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL |
                          AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BAYER;

    if ((desc->flags & unfit) != 0 || desc->nb_components != format->n_planes ||
        has_alpha != format->has_alpha || is_rgb != (format->layout == VERA_FRAME_LAYOUT_RGB))
        return FALSE;
    for (int c = 0; c < desc->nb_components; c++)
        if (desc->comp[c].depth != format->bits || desc->comp[c].shift != 0)
            return FALSE;
    return format->layout != VERA_FRAME_LAYOUT_YUV ||
           (desc->log2_chroma_w == format->chroma_shift_x &&
            desc->log2_chroma_h == format->chroma_shift_y);
}

enum AVPixelFormat
vera_frame_pack_choose(const VeraFrameFormat *format, const enum AVPixelFormat *candidates)
{
    if (format->is_float)
        return AV_PIX_FMT_NONE;
    for (; *candidates != AV_PIX_FMT_NONE; candidates++)
        if (vera_frame_pack_fits(format, av_pix_fmt_desc_get(*candidates)))
            break;
    return *candidates;
}

static void
vera_frame_pack_row(const VeraFrame *self, AVFrame *picture, int component, int y)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get((enum AVPixelFormat)picture->format);
    const AVComponentDescriptor *comp = &desc->comp[component];
    const guint8 *in = self->data[component] + (gsize)y * (gsize)self->stride[component];
    guint8 *out =
        picture->data[comp->plane] + (gssize)y * picture->linesize[comp->plane] + comp->offset;
    int width = vera_frame_get_plane_width(self, component), size = self->format.bits > 8 ? 2 : 1;

    if (comp->step == size)
        memcpy(out, in, (gsize)width * (gsize)size);
    else
        for (int x = 0; x < width; x++)
            memcpy(out + (gsize)x * (gsize)comp->step, in + (gsize)x * (gsize)size, (gsize)size);
}

void
vera_frame_pack(const VeraFrame *self, AVFrame *picture)
{
    for (int c = 0; c < self->format.n_planes; c++)
        for (int y = 0; y < vera_frame_get_plane_height(self, c); y++)
            vera_frame_pack_row(self, picture, c, y);
}

static enum AVColorPrimaries
vera_frame_pack_get_primaries(VeraColorPrimaries primaries)
{
    switch (primaries) {
    case VERA_COLOR_PRIMARIES_BT601_525:
        return AVCOL_PRI_SMPTE170M;
    case VERA_COLOR_PRIMARIES_BT601_625:
        return AVCOL_PRI_BT470BG;
    case VERA_COLOR_PRIMARIES_BT2020:
        return AVCOL_PRI_BT2020;
    case VERA_COLOR_PRIMARIES_ACES_AP1:
        return AVCOL_PRI_UNSPECIFIED;
    case VERA_COLOR_PRIMARIES_BT709:
    default:
        return AVCOL_PRI_BT709;
    }
}

static enum AVColorTransferCharacteristic
vera_frame_pack_get_transfer(VeraColorTransfer transfer)
{
    static const enum AVColorTransferCharacteristic table[] = {
        [VERA_COLOR_TRANSFER_SRGB] = AVCOL_TRC_IEC61966_2_1,
        [VERA_COLOR_TRANSFER_BT709] = AVCOL_TRC_BT709,
        [VERA_COLOR_TRANSFER_PQ] = AVCOL_TRC_SMPTE2084,
        [VERA_COLOR_TRANSFER_HLG] = AVCOL_TRC_ARIB_STD_B67,
        [VERA_COLOR_TRANSFER_LINEAR] = AVCOL_TRC_LINEAR,
    };
    return table[transfer];
}

static enum AVColorSpace
vera_frame_pack_get_matrix(const VeraColorDescription *color)
{
    switch (color->matrix) {
    case VERA_COLOR_MATRIX_BT601:
        return color->primaries == VERA_COLOR_PRIMARIES_BT601_625 ? AVCOL_SPC_BT470BG
                                                                  : AVCOL_SPC_SMPTE170M;
    case VERA_COLOR_MATRIX_BT2020:
        return AVCOL_SPC_BT2020_NCL;
    case VERA_COLOR_MATRIX_RGB:
        return AVCOL_SPC_RGB;
    case VERA_COLOR_MATRIX_BT709:
    default:
        return AVCOL_SPC_BT709;
    }
}

static enum AVChromaLocation
vera_frame_pack_get_location(const VeraFrameFormat *format)
{
    if (format->layout != VERA_FRAME_LAYOUT_YUV || format->chroma_shift_x == 0 ||
        format->chroma_delta_x != 0)
        return AVCHROMA_LOC_UNSPECIFIED;
    if (format->chroma_delta_y == 0)
        return format->is_chroma_left ? AVCHROMA_LOC_LEFT : AVCHROMA_LOC_CENTER;
    if (format->chroma_delta_y == -1 && format->chroma_shift_y == 1)
        return format->is_chroma_left ? AVCHROMA_LOC_TOPLEFT : AVCHROMA_LOC_TOP;
    return AVCHROMA_LOC_UNSPECIFIED;
}

void
vera_frame_pack_tags(const VeraFrameFormat *format,
                     const VeraColorDescription *color,
                     AVCodecContext *context)
{
    context->color_range = color->is_full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    context->color_primaries = vera_frame_pack_get_primaries(color->primaries);
    context->color_trc = vera_frame_pack_get_transfer(color->transfer);
    /* A grey picture has no matrix; “RGB” would be wrong for it. */
    context->colorspace = format->layout == VERA_FRAME_LAYOUT_GRAY
                              ? AVCOL_SPC_UNSPECIFIED
                              : vera_frame_pack_get_matrix(color);
    context->chroma_sample_location = vera_frame_pack_get_location(format);
}
