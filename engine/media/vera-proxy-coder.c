#include "config.h"

#include "engine/media/vera-proxy-coder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

/* FFmpeg's scale of JPEG quality goes from 1 down to 31; this one shows no blocks in motion. */
#define VERA_PROXY_QUALITY 4

struct _VeraProxyCoder {
    VeraClipInfo info; /* its strings are not used */
    int width;
    int height;
    AVCodecContext *encoder;
    AVCodecContext *decoder;
    struct SwsContext *shrink;
    struct SwsContext *enlarge;
    AVFrame *small;
    AVPacket *packet;
    gint64 n_coded;
};

/** What FFmpeg calls frames of @format; AV_PIX_FMT_NONE where it has no name for them. */
static enum AVPixelFormat
vera_proxy_get_pixel_format(const VeraFrameFormat *format)
{
    static const char *const sub[3][3] = {
        {"444", "440", NULL}, {"422", "420", NULL}, {"411", NULL, "410"}};
    int x = format->chroma_shift_x, y = format->chroma_shift_y;

    if (format->layout != VERA_FRAME_LAYOUT_YUV || format->is_float || format->has_alpha || x > 2 ||
        y > 2 || sub[x][y] == NULL)
        return AV_PIX_FMT_NONE;
    g_autofree char *depth =
        format->bits > 8
            ? g_strdup_printf("%d%s", format->bits, G_BYTE_ORDER == G_LITTLE_ENDIAN ? "le" : "be")
            : g_strdup("");
    g_autofree char *name = g_strdup_printf("yuv%sp%s", sub[x][y], depth);
    return av_get_pix_fmt(name);
}

gboolean
vera_proxy_coder_can(const VeraFrameFormat *format)
{
    enum AVPixelFormat pixels = vera_proxy_get_pixel_format(format);
    return pixels != AV_PIX_FMT_NONE && sws_isSupportedInput(pixels) > 0;
}

/** Pixels are not made square, and even numbers of them keep chroma where it is. */
static void
vera_proxy_coder_set_size(VeraProxyCoder *self)
{
    int w = self->info.width, h = self->info.height;
    int height = MIN(h, VERA_PROXY_HEIGHT);
    int width = (int)((gint64)w * height / h);

    self->height = MAX((height + 1) / 2 * 2, 2);
    self->width = CLAMP((width + 1) / 2 * 2, 2, 8192);
}

static AVCodecContext *
vera_proxy_open_codec(const AVCodec *codec, int width, int height)
{
    AVCodecContext *context = codec != NULL ? avcodec_alloc_context3(codec) : NULL;

    if (context == NULL)
        return NULL;
    context->width = width;
    context->height = height;
    context->pix_fmt = AV_PIX_FMT_YUVJ420P;
    context->time_base = (AVRational){1, 1};
    context->thread_count = 1;
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = FF_QP2LAMBDA * VERA_PROXY_QUALITY;
    if (avcodec_open2(context, codec, NULL) < 0)
        avcodec_free_context(&context);
    return context;
}

VeraProxyCoder *
vera_proxy_coder_new(const VeraClipInfo *info)
{
    g_autoptr(VeraProxyCoder) self = g_new0(VeraProxyCoder, 1);

    self->info = *info;
    vera_proxy_coder_set_size(self);
    /* Both ends are said to be of limited range, whatever they are: samples are to stay as they
     * are. */
    self->shrink =
        sws_getContext(info->width, info->height, vera_proxy_get_pixel_format(&info->format),
                       self->width, self->height, AV_PIX_FMT_YUV420P, SWS_AREA, NULL, NULL, NULL);
    self->enlarge =
        sws_getContext(self->width, self->height, AV_PIX_FMT_YUV420P, info->width, info->height,
                       AV_PIX_FMT_YUV420P, SWS_FAST_BILINEAR, NULL, NULL, NULL);
    self->encoder =
        vera_proxy_open_codec(avcodec_find_encoder(AV_CODEC_ID_MJPEG), self->width, self->height);
    self->decoder =
        vera_proxy_open_codec(avcodec_find_decoder(AV_CODEC_ID_MJPEG), self->width, self->height);
    self->small = av_frame_alloc();
    self->packet = av_packet_alloc();
    if (self->shrink == NULL || self->enlarge == NULL || self->encoder == NULL ||
        self->decoder == NULL || self->small == NULL || self->packet == NULL)
        return NULL;
    return g_steal_pointer(&self);
}

void
vera_proxy_coder_free(VeraProxyCoder *self)
{
    sws_freeContext(self->shrink);
    sws_freeContext(self->enlarge);
    avcodec_free_context(&self->encoder);
    avcodec_free_context(&self->decoder);
    av_frame_free(&self->small);
    av_packet_free(&self->packet);
    g_free(self);
}

GBytes *
vera_proxy_coder_encode(VeraProxyCoder *self, const VeraFrame *frame)
{
    GBytes *picture = NULL;

    av_frame_unref(self->small);
    self->small->width = self->width;
    self->small->height = self->height;
    self->small->format = AV_PIX_FMT_YUVJ420P;
    self->small->quality = self->encoder->global_quality;
    if (av_frame_get_buffer(self->small, 0) < 0)
        return NULL;
    sws_scale(self->shrink, (const uint8_t *const *)frame->data, frame->stride, 0, frame->height,
              self->small->data, self->small->linesize);
    /* The encoder refuses times that go back, which frames do once those behind the playhead are
     * made. */
    self->small->pts = self->n_coded++;
    if (avcodec_send_frame(self->encoder, self->small) == 0 &&
        avcodec_receive_packet(self->encoder, self->packet) == 0)
        picture = g_bytes_new(self->packet->data, (gsize)self->packet->size);
    av_packet_unref(self->packet);
    av_frame_unref(self->small);
    return picture;
}

/** Decodes @picture into the small frame. Returns: whether it is one of ours */
static gboolean
vera_proxy_coder_open_picture(VeraProxyCoder *self, GBytes *picture)
{
    gsize size;
    const void *data = g_bytes_get_data(picture, &size);

    av_frame_unref(self->small);
    if (size == 0 || size > G_MAXINT || av_new_packet(self->packet, (int)size) < 0)
        return FALSE;
    memcpy(self->packet->data, data, size);
    gboolean is_sent = avcodec_send_packet(self->decoder, self->packet) == 0;
    av_packet_unref(self->packet);
    if (is_sent && avcodec_receive_frame(self->decoder, self->small) == 0 &&
        self->small->width == self->width && self->small->height == self->height &&
        self->small->format == AV_PIX_FMT_YUVJ420P)
        return TRUE;
    avcodec_flush_buffers(self->decoder);
    return FALSE;
}

VeraFrame *
vera_proxy_coder_decode(VeraProxyCoder *self, GBytes *picture, gint64 index)
{
    VeraFrameFormat format = {
        .layout = VERA_FRAME_LAYOUT_YUV,
        .n_planes = 3,
        .bits = 8,
        .chroma_shift_x = 1,
        .chroma_shift_y = 1,
        .is_chroma_left = TRUE,
    };
    VeraFrame *frame;

    if (!vera_proxy_coder_open_picture(self, picture))
        return NULL;
    frame = vera_frame_new(&format, self->info.width, self->info.height, NULL);
    if (frame != NULL) {
        sws_scale(self->enlarge, (const uint8_t *const *)self->small->data, self->small->linesize,
                  0, self->height, frame->data, frame->stride);
        frame->color = self->info.color;
        frame->index = index;
        frame->is_proxy = TRUE;
    }
    av_frame_unref(self->small);
    return frame;
}
