#include "config.h"

#include "engine/media/vera-proxy-coder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

/* FFmpeg's scale of JPEG quality goes from 1 down to 31; this one shows no blocks in motion. */
#define VERA_PROXY_QUALITY 4

#define VERA_PROXY_CODES 65536

/** Linear light to what JPEG takes, in whose 256 steps shadows would be lost without it, and back. */
typedef struct {
    guint8 code[VERA_PROXY_CODES];    /* of light in steps of 1/65535 */
    guint16 light[VERA_PROXY_CODES]; /* of a code in such steps */
} VeraProxyCurve;

struct _VeraProxyCoder {
    VeraClipInfo info;        /* its strings are not used */
    VeraFrameFormat enlarged; /* of the frames that are given out */
    guint8 *flat[3];          /* (nullable): 8-bit planes of a frame of floats */
    VeraProxyCurve *curve;    /* (nullable): for floats in linear light */
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

/** What FFmpeg calls planes of @format, but for the letters of the depth; %NULL where it has no
 * name for them. */
static const char *
vera_proxy_get_family(const VeraFrameFormat *format)
{
    static const char *const yuv[3][3] = {
        {"yuv444p", "yuv440p", NULL}, {"yuv422p", "yuv420p", NULL}, {"yuv411p", NULL, "yuv410p"}};
    int x = format->chroma_shift_x, y = format->chroma_shift_y;

    switch (format->layout) {
    case VERA_FRAME_LAYOUT_YUV:
        return format->is_float || x > 2 || y > 2 ? NULL : yuv[x][y];
    case VERA_FRAME_LAYOUT_RGB:
        return "gbrp";
    case VERA_FRAME_LAYOUT_GRAY:
        return "gray";
    default:
        return NULL;
    }
}

/** What FFmpeg calls frames of @format, or what vera_proxy_coder_flatten() makes of floats;
 * AV_PIX_FMT_NONE where it has no name for them. */
static enum AVPixelFormat
vera_proxy_get_pixel_format(const VeraFrameFormat *format)
{
    const char *family = vera_proxy_get_family(format);

    if (family == NULL)
        return AV_PIX_FMT_NONE;
    if (format->bits <= 8 || format->is_float)
        return av_get_pix_fmt(family);
    g_autofree char *name = g_strdup_printf("%s%d%s", family, format->bits,
                                            G_BYTE_ORDER == G_LITTLE_ENDIAN ? "le" : "be");
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

static void
vera_proxy_coder_set_enlarged(VeraProxyCoder *self)
{
    const VeraFrameFormat *format = &self->info.format;

    self->enlarged = (VeraFrameFormat){
        .layout = format->layout, .n_planes = 3, .bits = self->curve != NULL ? 16 : 8};
    if (format->layout == VERA_FRAME_LAYOUT_GRAY)
        self->enlarged.n_planes = 1;
    if (format->layout != VERA_FRAME_LAYOUT_YUV)
        return;
    self->enlarged.chroma_shift_x = self->enlarged.chroma_shift_y = 1;
    self->enlarged.is_chroma_left = TRUE;
}

static void
vera_proxy_coder_open_scalers(VeraProxyCoder *self)
{
    const VeraClipInfo *info = &self->info;
    enum AVPixelFormat large = vera_proxy_get_pixel_format(&info->format);
    enum AVPixelFormat given = vera_proxy_get_pixel_format(&self->enlarged);
    /* Samples are to stay as they are: both ends of Y'CbCr are said to be of limited range,
     * whatever they are. Those of R'G'B' and grey have no other range than the full one. */
    enum AVPixelFormat small =
        info->format.layout == VERA_FRAME_LAYOUT_YUV ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUVJ420P;

    self->shrink = sws_getContext(info->width, info->height, large, self->width, self->height,
                                  small, SWS_AREA, NULL, NULL, NULL);
    self->enlarge = sws_getContext(self->width, self->height, small, info->width, info->height,
                                   given, SWS_FAST_BILINEAR, NULL, NULL, NULL);
}

/** The curve of sRGB, as which the picture is looked at. */
static VeraProxyCurve *
vera_proxy_curve_new(void)
{
    VeraProxyCurve *self = g_new(VeraProxyCurve, 1);

    for (int i = 0; i < VERA_PROXY_CODES; i++) {
        float value = (float)i / (VERA_PROXY_CODES - 1);
        float code = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, value);
        float light = vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, value);
        self->code[i] = (guint8)(code * 255.0f + 0.5f);
        self->light[i] = (guint16)(light * (VERA_PROXY_CODES - 1) + 0.5f);
    }
    return self;
}

/** Takes the memory that frames of floats need. Returns: whether there is enough */
static gboolean
vera_proxy_coder_make_flat(VeraProxyCoder *self)
{
    gsize n = (gsize)self->info.width * self->info.height;

    if (!self->info.format.is_float)
        return TRUE;
    self->flat[0] = g_try_malloc(n * self->enlarged.n_planes);
    for (int p = 1; p < self->enlarged.n_planes && self->flat[0] != NULL; p++)
        self->flat[p] = self->flat[0] + n * p;
    return self->flat[0] != NULL;
}

VeraProxyCoder *
vera_proxy_coder_new(const VeraClipInfo *info)
{
    g_autoptr(VeraProxyCoder) self = g_new0(VeraProxyCoder, 1);

    self->info = *info;
    if (info->format.is_float && info->color.transfer == VERA_COLOR_TRANSFER_LINEAR)
        self->curve = vera_proxy_curve_new();
    vera_proxy_coder_set_size(self);
    vera_proxy_coder_set_enlarged(self);
    vera_proxy_coder_open_scalers(self);
    self->encoder =
        vera_proxy_open_codec(avcodec_find_encoder(AV_CODEC_ID_MJPEG), self->width, self->height);
    self->decoder =
        vera_proxy_open_codec(avcodec_find_decoder(AV_CODEC_ID_MJPEG), self->width, self->height);
    self->small = av_frame_alloc();
    self->packet = av_packet_alloc();
    if (self->shrink == NULL || self->enlarge == NULL || self->encoder == NULL ||
        self->decoder == NULL || self->small == NULL || self->packet == NULL ||
        !vera_proxy_coder_make_flat(self))
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
    g_free(self->flat[0]);
    g_free(self->curve);
    g_free(self);
}

/** Puts a frame of floats into the 8-bit planes. */
static void
vera_proxy_coder_flatten(VeraProxyCoder *self, const VeraFrame *frame)
{
    for (int p = 0; p < self->enlarged.n_planes; p++)
        for (int y = 0; y < frame->height; y++) {
            const float *in =
                (const float *)(const void *)(frame->data[p] + (gsize)y * frame->stride[p]);
            guint8 *out = self->flat[p] + (gsize)y * frame->width;
            /* What is not a number fails both comparisons and becomes black. */
            for (int x = 0; x < frame->width; x++) {
                float value = in[x] >= 1.0f ? 1.0f : in[x] > 0.0f ? in[x] : 0.0f;
                out[x] = self->curve != NULL
                             ? self->curve->code[(int)(value * (VERA_PROXY_CODES - 1) + 0.5f)]
                             : (guint8)(value * 255.0f + 0.5f);
            }
        }
}

/** Puts @planes of @layout into the order of FFmpeg, which has green first. */
static void
vera_proxy_order_planes(VeraFrameLayout layout, guint8 *planes[3], int strides[3])
{
    static const int from[3] = {1, 2, 0};
    guint8 *p[3] = {planes[0], planes[1], planes[2]};
    int s[3] = {strides[0], strides[1], strides[2]};

    for (int i = 0; i < 3 && layout == VERA_FRAME_LAYOUT_RGB; i++) {
        planes[i] = p[from[i]];
        strides[i] = s[from[i]];
    }
}

static void
vera_proxy_coder_shrink(VeraProxyCoder *self, const VeraFrame *frame)
{
    guint8 *planes[4] = {frame->data[0], frame->data[1], frame->data[2], NULL};
    int strides[4] = {frame->stride[0], frame->stride[1], frame->stride[2], 0};

    if (frame->format.is_float) {
        vera_proxy_coder_flatten(self, frame);
        for (int p = 0; p < 3; p++) {
            planes[p] = self->flat[p];
            strides[p] = frame->width;
        }
    }
    vera_proxy_order_planes(frame->format.layout, planes, strides);
    sws_scale(self->shrink, (const uint8_t *const *)planes, strides, 0, frame->height,
              self->small->data, self->small->linesize);
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
    vera_proxy_coder_shrink(self, frame);
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

/** Codes become light again. */
static void
vera_proxy_coder_decode_light(const VeraProxyCoder *self, VeraFrame *frame)
{
    for (int p = 0; p < frame->format.n_planes; p++)
        for (int y = 0; y < frame->height; y++) {
            guint16 *row = (guint16 *)(void *)(frame->data[p] + (gsize)y * frame->stride[p]);
            for (int x = 0; x < frame->width; x++)
                row[x] = self->curve->light[row[x]];
        }
}

VeraFrame *
vera_proxy_coder_decode(VeraProxyCoder *self, GBytes *picture, gint64 index)
{
    VeraFrame *frame;

    if (!vera_proxy_coder_open_picture(self, picture))
        return NULL;
    frame = vera_frame_new(&self->enlarged, self->info.width, self->info.height, NULL);
    if (frame != NULL) {
        guint8 *planes[4] = {frame->data[0], frame->data[1], frame->data[2], NULL};
        int strides[4] = {frame->stride[0], frame->stride[1], frame->stride[2], 0};
        vera_proxy_order_planes(self->enlarged.layout, planes, strides);
        sws_scale(self->enlarge, (const uint8_t *const *)self->small->data, self->small->linesize,
                  0, self->height, planes, strides);
        if (self->curve != NULL)
            vera_proxy_coder_decode_light(self, frame);
        frame->color = self->info.color;
        frame->index = index;
        frame->is_proxy = TRUE;
    }
    av_frame_unref(self->small);
    return frame;
}
