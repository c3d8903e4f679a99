#include "config.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>

#include "engine/media/vera-clip-look.h"
#include "engine/vera-engine-error.h"

static gboolean
vera_clip_tags_refuse(const VeraClipTags *self, const char *what, const char *name, GError **error)
{
    g_set_error(
        error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
        "‘%s’ is tagged with %s “%s”, which would come out with wrong colours; convert it to "
        "BT.709 or BT.2020 first.",
        self->path, what, name != NULL ? name : "unknown");
    return FALSE;
}

static gboolean
vera_clip_tags_is_sd(const AVFrame *frame)
{
    return frame->width < 1280 && frame->height <= 576;
}

static gboolean
vera_clip_tags_read_matrix(const VeraClipTags *self,
                           const AVFrame *frame,
                           VeraColorDescription *color,
                           GError **error)
{
    if (frame->colorspace == AVCOL_SPC_UNSPECIFIED) {
        color->is_guessed = TRUE;
        if (frame->color_primaries == AVCOL_PRI_BT2020)
            color->matrix = VERA_COLOR_MATRIX_BT2020;
        else
            color->matrix =
                vera_clip_tags_is_sd(frame) ? VERA_COLOR_MATRIX_BT601 : VERA_COLOR_MATRIX_BT709;
    } else if (frame->colorspace == AVCOL_SPC_BT709) {
        color->matrix = VERA_COLOR_MATRIX_BT709;
    } else if (frame->colorspace == AVCOL_SPC_BT470BG || frame->colorspace == AVCOL_SPC_SMPTE170M) {
        color->matrix = VERA_COLOR_MATRIX_BT601;
    } else if (frame->colorspace == AVCOL_SPC_BT2020_NCL) {
        color->matrix = VERA_COLOR_MATRIX_BT2020;
    } else {
        return vera_clip_tags_refuse(self, "the colour matrix",
                                     av_color_space_name(frame->colorspace), error);
    }
    return TRUE;
}

static gboolean
vera_clip_tags_read_transfer(const VeraClipTags *self,
                             const AVFrame *frame,
                             VeraColorDescription *color,
                             GError **error)
{
    gboolean is_rgb = color->matrix == VERA_COLOR_MATRIX_RGB;
    int trc = frame->color_trc;

    if (trc == AVCOL_TRC_UNSPECIFIED || trc == AVCOL_TRC_RESERVED0) {
        color->is_guessed = TRUE;
        color->transfer =
            is_rgb || self->is_still ? VERA_COLOR_TRANSFER_SRGB : VERA_COLOR_TRANSFER_BT709;
    } else if (trc == AVCOL_TRC_BT709 || trc == AVCOL_TRC_SMPTE170M || trc == AVCOL_TRC_BT2020_10 ||
               trc == AVCOL_TRC_BT2020_12 || trc == AVCOL_TRC_IEC61966_2_4) {
        color->transfer = VERA_COLOR_TRANSFER_BT709;
    } else if (trc == AVCOL_TRC_IEC61966_2_1) {
        color->transfer = VERA_COLOR_TRANSFER_SRGB;
    } else if (trc == AVCOL_TRC_SMPTE2084) {
        color->transfer = VERA_COLOR_TRANSFER_PQ;
    } else if (trc == AVCOL_TRC_ARIB_STD_B67) {
        color->transfer = VERA_COLOR_TRANSFER_HLG;
    } else if (trc == AVCOL_TRC_LINEAR) {
        color->transfer = VERA_COLOR_TRANSFER_LINEAR;
    } else if (trc == AVCOL_TRC_GAMMA22 && self->codec_id == AV_CODEC_ID_PNG) {
        /* The PNG specification has writers put gamma 1/2.2 where they mean sRGB. */
        color->is_guessed = TRUE;
        color->transfer = VERA_COLOR_TRANSFER_SRGB;
    } else {
        return vera_clip_tags_refuse(self, "the transfer function", av_color_transfer_name(trc),
                                     error);
    }
    return TRUE;
}

static VeraColorPrimaries
vera_clip_tags_guess_primaries(const AVFrame *frame, VeraColorMatrix matrix)
{
    if (matrix == VERA_COLOR_MATRIX_BT2020)
        return VERA_COLOR_PRIMARIES_BT2020;
    if (matrix != VERA_COLOR_MATRIX_BT601 || frame->color_range == AVCOL_RANGE_JPEG)
        return VERA_COLOR_PRIMARIES_BT709;
    if (frame->height == 576 || frame->height == 288)
        return VERA_COLOR_PRIMARIES_BT601_625;
    return VERA_COLOR_PRIMARIES_BT601_525;
}

static gboolean
vera_clip_tags_read_primaries(const VeraClipTags *self,
                              const AVFrame *frame,
                              VeraColorDescription *color,
                              GError **error)
{
    int primaries = frame->color_primaries;

    if (primaries == AVCOL_PRI_UNSPECIFIED || primaries == AVCOL_PRI_RESERVED0) {
        color->is_guessed = TRUE;
        color->primaries = vera_clip_tags_guess_primaries(frame, color->matrix);
    } else if (primaries == AVCOL_PRI_BT709) {
        color->primaries = VERA_COLOR_PRIMARIES_BT709;
    } else if (primaries == AVCOL_PRI_BT470BG) {
        color->primaries = VERA_COLOR_PRIMARIES_BT601_625;
    } else if (primaries == AVCOL_PRI_SMPTE170M || primaries == AVCOL_PRI_SMPTE240M) {
        color->primaries = VERA_COLOR_PRIMARIES_BT601_525;
    } else if (primaries == AVCOL_PRI_BT2020) {
        color->primaries = VERA_COLOR_PRIMARIES_BT2020;
    } else {
        return vera_clip_tags_refuse(self, "the primaries", av_color_primaries_name(primaries),
                                     error);
    }
    return TRUE;
}

static gboolean
vera_clip_tags_is_full_range(const VeraClipTags *self,
                             const VeraFrameFormat *format,
                             const AVFrame *frame)
{
    gboolean is_yuvj = frame->format == AV_PIX_FMT_YUVJ420P ||
                       frame->format == AV_PIX_FMT_YUVJ422P ||
                       frame->format == AV_PIX_FMT_YUVJ444P ||
                       frame->format == AV_PIX_FMT_YUVJ440P || frame->format == AV_PIX_FMT_YUVJ411P;
    gboolean is_broadcast = self->codec_id == AV_CODEC_ID_H264 ||
                            self->codec_id == AV_CODEC_ID_HEVC ||
                            self->codec_id == AV_CODEC_ID_AV1 || self->codec_id == AV_CODEC_ID_VP9;

    if (is_yuvj || frame->color_range == AVCOL_RANGE_JPEG)
        return TRUE;
    if (frame->color_range == AVCOL_RANGE_MPEG)
        return FALSE;
    if (format->layout == VERA_FRAME_LAYOUT_GRAY)
        return !is_broadcast;
    return format->layout == VERA_FRAME_LAYOUT_RGB;
}

gboolean
vera_clip_look_describe_color(const VeraClipTags *tags,
                              const VeraFrameFormat *format,
                              const AVFrame *frame,
                              VeraColorDescription *color,
                              GError **error)
{
    *color = (VeraColorDescription){.matrix = VERA_COLOR_MATRIX_RGB};
    if (format->layout == VERA_FRAME_LAYOUT_YUV &&
        !vera_clip_tags_read_matrix(tags, frame, color, error))
        return FALSE;
    color->is_full_range = vera_clip_tags_is_full_range(tags, format, frame);
    if (format->is_float) {
        color->transfer = VERA_COLOR_TRANSFER_LINEAR;
        color->is_guessed = frame->color_trc != AVCOL_TRC_LINEAR;
        return vera_clip_tags_read_primaries(tags, frame, color, error);
    }
    return vera_clip_tags_read_transfer(tags, frame, color, error) &&
           vera_clip_tags_read_primaries(tags, frame, color, error);
}
