#include "config.h"

#include "engine/media/vera-png-writer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <glib/gstdio.h>
#include <libavcodec/avcodec.h>

#include "engine/vera-engine-error.h"

static void
vera_png_fill_row(const float *values, guint8 *row, int n)
{
    for (int i = 0; i < n; i++) {
        guint code = (guint)lrintf(CLAMP(values[i], 0.0f, 1.0f) * 65535.0f);
        row[2 * i] = (guint8)(code >> 8);
        row[2 * i + 1] = (guint8)code;
    }
}

static AVPacket *
vera_png_encode(const float *values, int width, int height, int n_channels)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    gboolean ok = context != NULL && frame != NULL && packet != NULL;

    if (ok) {
        context->width = frame->width = width;
        context->height = frame->height = height;
        context->pix_fmt = n_channels == 1 ? AV_PIX_FMT_GRAY16BE : AV_PIX_FMT_RGB48BE;
        context->time_base = (AVRational){ 1, 1 };
        context->thread_count = 1;
        context->compression_level = 3;
        frame->format = context->pix_fmt;
        ok = avcodec_open2(context, codec, NULL) == 0 && av_frame_get_buffer(frame, 0) == 0;
    }
    for (int y = 0; ok && y < height; y++)
        vera_png_fill_row(values + (gsize)y * (gsize)(width * n_channels), frame->data[0] + (gsize)y * (gsize)frame->linesize[0], width * n_channels);
    ok = ok && avcodec_send_frame(context, frame) == 0 && avcodec_receive_packet(context, packet) == 0;
    av_frame_free(&frame);
    avcodec_free_context(&context);
    if (!ok)
        av_packet_free(&packet);
    return packet;
}

gboolean
vera_png_write(const char *path, const float *values, int width, int height, int n_channels, GError **error)
{
    AVPacket *packet = vera_png_encode(values, width, height, n_channels);
    g_autofree char *what = g_strdup_printf("write ‘%s’", path);
    FILE *file;
    gboolean ok;
    int saved_errno;

    if (packet == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "The PNG ‘%s’ could not be encoded.", path);
        return FALSE;
    }
    file = g_fopen(path, "wb");
    ok = file != NULL && fwrite(packet->data, (gsize)packet->size, 1, file) == 1 && fflush(file) == 0;
    saved_errno = errno;
    if (file != NULL && fclose(file) != 0 && ok) {
        ok = FALSE;
        saved_errno = errno;
    }
    av_packet_free(&packet);
    if (!ok)
        vera_engine_error_set_errno(error, saved_errno, what);
    return ok;
}
