#include "config.h"

#include "engine/media/vera-still.h"

#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <string.h>

#include "engine/media/vera-clip-backend.h"
#include "engine/vera-engine-error.h"

static const struct {
    const char *magic;
    gsize length;
    int codec_id;
} vera_still_magics[] = {
    {"\x89PNG\r\n\x1a\n", 8, AV_CODEC_ID_PNG},
    {"\xff\xd8\xff", 3, AV_CODEC_ID_MJPEG},
    {"II*\0", 4, AV_CODEC_ID_TIFF},
    {"MM\0*", 4, AV_CODEC_ID_TIFF},
    {"SDPX", 4, AV_CODEC_ID_DPX},
    {"XPDS", 4, AV_CODEC_ID_DPX},
    {"BM", 2, AV_CODEC_ID_BMP},
    {"RIFF", 4, AV_CODEC_ID_WEBP},
    {"#?RADIANCE", 10, AV_CODEC_ID_NONE},
    {"\x80\x2a\x5f\xd7", 4, AV_CODEC_ID_NONE},
};

static const struct {
    const char *ending;
    int codec_id;
} vera_still_endings[] = {
    {".tga", AV_CODEC_ID_TARGA}, {".jp2", AV_CODEC_ID_JPEG2000}, {".j2k", AV_CODEC_ID_JPEG2000},
    {".pnm", AV_CODEC_ID_PPM},   {".ppm", AV_CODEC_ID_PPM},      {".pgm", AV_CODEC_ID_PGM},
    {".pbm", AV_CODEC_ID_PBM},   {".pam", AV_CODEC_ID_PAM},      {".sgi", AV_CODEC_ID_SGI},
};

static int
vera_still_find_codec(const char *path, const char *data, gsize size)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);
    for (gsize i = 0; i < G_N_ELEMENTS(vera_still_magics); i++)
        if (size > vera_still_magics[i].length &&
            memcmp(data, vera_still_magics[i].magic, vera_still_magics[i].length) == 0)
            return vera_still_magics[i].codec_id;
    for (gsize i = 0; i < G_N_ELEMENTS(vera_still_endings); i++)
        if (g_str_has_suffix(lower, vera_still_endings[i].ending))
            return vera_still_endings[i].codec_id;
    return AV_CODEC_ID_NONE;
}

static gboolean
vera_still_run_decoder(AVCodecContext *decoder,
                       const AVCodec *codec,
                       AVPacket *packet,
                       AVFrame *picture)
{
    /* A damaged picture must not come out half grey; but TIFF would then fail on any unknown tag.
     */
    decoder->err_recognition = AV_EF_CRCCHECK | (codec->id != AV_CODEC_ID_TIFF ? AV_EF_EXPLODE : 0);
    decoder->thread_count = 1;
    return avcodec_open2(decoder, codec, NULL) >= 0 && avcodec_send_packet(decoder, packet) >= 0 &&
           avcodec_send_packet(decoder, NULL) >= 0 &&
           avcodec_receive_frame(decoder, picture) >= 0 &&
           (picture->flags & AV_FRAME_FLAG_CORRUPT) == 0 && picture->decode_error_flags == 0;
}

/** Some decoders fill what a cut file lacks; the end mark of the two commonest kinds tells. */
static gboolean
vera_still_is_whole(int codec_id, const char *data, gsize size)
{
    if (codec_id == AV_CODEC_ID_PNG)
        return memmem(data, size, "IEND\xae\x42\x60\x82", 8) != NULL;
    if (codec_id == AV_CODEC_ID_MJPEG)
        return memmem(data + size - MIN(size, 65536), MIN(size, 65536), "\xff\xd9", 2) != NULL;
    return TRUE;
}

static AVFrame *
vera_still_decode_bytes(const AVCodec *codec, const char *data, gsize size)
{
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    AVPacket *packet = av_packet_alloc();
    AVFrame *picture = av_frame_alloc();
    gboolean is_decoded = FALSE;

    if (decoder != NULL && packet != NULL && picture != NULL && size < G_MAXINT32 / 2 &&
        av_new_packet(packet, (int)size) >= 0) {
        memcpy(packet->data, data, size);
        packet->flags |= AV_PKT_FLAG_KEY;
        is_decoded = vera_still_run_decoder(decoder, codec, packet, picture);
    }
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    if (!is_decoded)
        av_frame_free(&picture);
    return picture;
}

AVFrame *
vera_still_decode(const char *path, int *codec_id, GError **error)
{
    g_autofree char *data = NULL;
    gsize size = 0;

    if (!vera_clip_check_file(path, error))
        return NULL;
    if (!g_file_get_contents(path, &data, &size, NULL) || size == 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "‘%s’ cannot be read.",
                    path);
        return NULL;
    }
    int id = vera_still_find_codec(path, data, size);
    const AVCodec *codec = id != AV_CODEC_ID_NONE ? avcodec_find_decoder((enum AVCodecID)id) : NULL;
    if (codec == NULL) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "‘%s’ is not a picture of a kind that can be read; save it as PNG, TIFF or OpenEXR.",
            path);
        return NULL;
    }
    AVFrame *picture =
        vera_still_is_whole(id, data, size) ? vera_still_decode_bytes(codec, data, size) : NULL;
    if (picture == NULL)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The picture ‘%s’ is damaged or cut off; write or copy it again.", path);
    if (codec_id != NULL)
        *codec_id = id;
    return picture;
}

VeraFrame *
vera_still_read(const char *path, GError **error)
{
    VeraClipTags tags = {.path = path, .is_still = TRUE};
    AVFrame *picture = vera_still_decode(path, &tags.codec_id, error);
    VeraFrame *frame = NULL;
    VeraClipLook look;

    if (picture != NULL && vera_clip_look_init(&look, &tags, picture, error))
        frame = vera_clip_look_unpack(&look, picture, error);
    av_frame_free(&picture);
    return frame;
}

static guint32
vera_still_get_u32(const guint8 *p, gboolean is_big_endian)
{
    guint32 value;
    memcpy(&value, p, sizeof value);
    return is_big_endian ? GUINT32_FROM_BE(value) : GUINT32_FROM_LE(value);
}

gboolean
vera_still_peek_size(const char *path, int *width, int *height)
{
    guint8 head[784] = {0};
    FILE *file = fopen(path, "rbe");
    gsize n = 0;

    if (file != NULL) {
        n = fread(head, 1, sizeof head, file);
        fclose(file);
    }
    if (n >= 24 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0) {
        *width = (int)vera_still_get_u32(head + 16, TRUE);
        *height = (int)vera_still_get_u32(head + 20, TRUE);
    } else if (n >= 26 && memcmp(head, "BM", 2) == 0) {
        *width = (int)vera_still_get_u32(head + 18, FALSE);
        *height = ABS((gint32)vera_still_get_u32(head + 22, FALSE));
    } else if (n == sizeof head && (memcmp(head, "SDPX", 4) == 0 || memcmp(head, "XPDS", 4) == 0)) {
        *width = (int)vera_still_get_u32(head + 772, head[0] == 'S');
        *height = (int)vera_still_get_u32(head + 776, head[0] == 'S');
    } else {
        return FALSE;
    }
    return TRUE;
}
