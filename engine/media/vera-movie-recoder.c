#include "config.h"

#include "engine/media/vera-movie-recoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "engine/vera-engine-error.h"

#define VERA_MOVIE_AUDIO_BITS_PER_CHANNEL 96000

struct _VeraMovieRecoder {
    /* Owned */
    char *path;
    AVCodecContext *decoder;
    AVCodecContext *encoder;
    SwrContext *resampler;
    AVAudioFifo *samples;
    AVFrame *decoded;
    AVFrame *block;
    AVPacket *packet;
    gint64 next; /* movie time of the first sample in the fifo, in samples */
    gboolean is_started;
    /* Borrowed */
    AVFormatContext *muxer;
    AVStream *to;
};

void
vera_movie_recoder_free(VeraMovieRecoder *self)
{
    if (self == NULL)
        return;
    avcodec_free_context(&self->decoder);
    avcodec_free_context(&self->encoder);
    swr_free(&self->resampler);
    if (self->samples != NULL)
        av_audio_fifo_free(self->samples);
    av_frame_free(&self->decoded);
    av_frame_free(&self->block);
    av_packet_free(&self->packet);
    g_free(self->path);
    g_free(self);
}

static gboolean
vera_movie_recoder_fail(const VeraMovieRecoder *self, const char *what, GError **error)
{
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                "The sound of ‘%s’ %s; export with --no-audio to go on without it.", self->path,
                what);
    return FALSE;
}

static gboolean
vera_movie_recoder_open_decoder(VeraMovieRecoder *self, const AVStream *from, GError **error)
{
    const AVCodec *codec = avcodec_find_decoder(from->codecpar->codec_id);

    self->decoder = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (self->decoder == NULL || avcodec_parameters_to_context(self->decoder, from->codecpar) < 0 ||
        avcodec_open2(self->decoder, codec, NULL) < 0 || self->decoder->sample_rate <= 0)
        return vera_movie_recoder_fail(self, "is of a kind that cannot be decoded", error);
    self->decoder->pkt_timebase = from->time_base;
    return TRUE;
}

/* AAC codes these rates; everything else goes up to 48 kHz. */
static int
vera_movie_recoder_get_rate(int rate)
{
    static const int rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                22050, 16000, 12000, 11025, 8000,  7350};

    for (gsize i = 0; i < G_N_ELEMENTS(rates); i++)
        if (rates[i] == rate)
            return rate;
    return 48000;
}

static gboolean
vera_movie_recoder_open_encoder(VeraMovieRecoder *self, GError **error)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    int channels = self->decoder->ch_layout.nb_channels;

    self->encoder = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (self->encoder == NULL)
        return vera_movie_recoder_fail(
            self, "would have to become AAC, for which there is no coder", error);
    /* AAC has a layout for up to eight channels; more are mixed down to two. */
    av_channel_layout_default(&self->encoder->ch_layout,
                              channels > 0 && channels <= 8 ? channels : 2);
    if (self->encoder->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&self->encoder->ch_layout, 2);
    self->encoder->sample_rate = vera_movie_recoder_get_rate(self->decoder->sample_rate);
    self->encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
    self->encoder->bit_rate =
        (gint64)VERA_MOVIE_AUDIO_BITS_PER_CHANNEL * self->encoder->ch_layout.nb_channels;
    self->encoder->time_base = (AVRational){1, self->encoder->sample_rate};
    if ((self->muxer->oformat->flags & AVFMT_GLOBALHEADER) != 0)
        self->encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (avcodec_open2(self->encoder, codec, NULL) < 0 ||
        avcodec_parameters_from_context(self->to->codecpar, self->encoder) < 0)
        return vera_movie_recoder_fail(self, "cannot be coded as AAC", error);
    self->to->time_base = self->encoder->time_base;
    return TRUE;
}

static gboolean
vera_movie_recoder_open_resampler(VeraMovieRecoder *self, GError **error)
{
    AVCodecContext *in = self->decoder, *out = self->encoder;
    AVChannelLayout layout = {0};
    int rc;

    if (in->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&layout, in->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&layout, &in->ch_layout);
    rc = swr_alloc_set_opts2(&self->resampler, &out->ch_layout, out->sample_fmt, out->sample_rate,
                             &layout, in->sample_fmt, in->sample_rate, 0, NULL);
    av_channel_layout_uninit(&layout);
    /* Gaps and overlaps of the source's times are filled or cut, so that sound stays with picture.
     */
    if (rc >= 0)
        rc = av_opt_set_int(self->resampler, "async", 1, 0);
    if (rc < 0 || swr_init(self->resampler) < 0)
        return vera_movie_recoder_fail(self, "has a channel layout that is not handled", error);
    self->samples = av_audio_fifo_alloc(out->sample_fmt, out->ch_layout.nb_channels, 8192);
    self->block = av_frame_alloc();
    self->decoded = av_frame_alloc();
    self->packet = av_packet_alloc();
    if (self->samples == NULL || self->block == NULL || self->decoded == NULL ||
        self->packet == NULL)
        return vera_movie_recoder_fail(self, "does not fit in memory", error);
    return TRUE;
}

VeraMovieRecoder *
vera_movie_recoder_new(
    const char *path, const AVStream *from, AVFormatContext *muxer, AVStream *to, GError **error)
{
    VeraMovieRecoder *self = g_new0(VeraMovieRecoder, 1);

    self->path = g_strdup(path);
    self->muxer = muxer;
    self->to = to;
    if (vera_movie_recoder_open_decoder(self, from, error) &&
        vera_movie_recoder_open_encoder(self, error) &&
        vera_movie_recoder_open_resampler(self, error))
        return self;
    vera_movie_recoder_free(self);
    return NULL;
}

static gboolean
vera_movie_recoder_write_packets(VeraMovieRecoder *self, GError **error)
{
    int rc;

    while ((rc = avcodec_receive_packet(self->encoder, self->packet)) >= 0) {
        av_packet_rescale_ts(self->packet, self->encoder->time_base, self->to->time_base);
        self->packet->stream_index = self->to->index;
        rc = av_interleaved_write_frame(self->muxer, self->packet);
        if (rc < 0)
            break;
    }
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
        return TRUE;
    vera_engine_error_set_errno(error, AVUNERROR(rc), "write the movie's sound");
    return FALSE;
}

/* Codes whole blocks of samples; at the end also what is left. */
static gboolean
vera_movie_recoder_encode(VeraMovieRecoder *self, gboolean is_end, GError **error)
{
    int size = self->encoder->frame_size, n;

    while ((n = av_audio_fifo_size(self->samples)) >= size || (is_end && n > 0)) {
        AVFrame *block = self->block;
        av_frame_unref(block);
        block->nb_samples = MIN(n, size);
        block->format = self->encoder->sample_fmt;
        block->sample_rate = self->encoder->sample_rate;
        av_channel_layout_copy(&block->ch_layout, &self->encoder->ch_layout);
        if (av_frame_get_buffer(block, 0) < 0 ||
            av_audio_fifo_read(self->samples, (void **)block->extended_data, block->nb_samples) < 0)
            return vera_movie_recoder_fail(self, "does not fit in memory", error);
        block->pts = self->next;
        self->next += block->nb_samples;
        if (avcodec_send_frame(self->encoder, block) < 0)
            return vera_movie_recoder_fail(self, "cannot be coded as AAC", error);
        if (!vera_movie_recoder_write_packets(self, error))
            return FALSE;
    }
    if (!is_end)
        return TRUE;
    avcodec_send_frame(self->encoder, NULL);
    return vera_movie_recoder_write_packets(self, error);
}

/* Resamples @frame, or with %NULL what the resampler still holds, into the fifo. */
static gboolean
vera_movie_recoder_resample(VeraMovieRecoder *self, const AVFrame *frame, GError **error)
{
    const guint8 **in = frame != NULL ? (const guint8 **)frame->extended_data : NULL;
    int n_in = frame != NULL ? frame->nb_samples : 0;
    int n_out = swr_get_out_samples(self->resampler, n_in), n;
    AVFrame *block = self->block;

    av_frame_unref(block);
    block->nb_samples = MAX(n_out, 1);
    block->format = self->encoder->sample_fmt;
    av_channel_layout_copy(&block->ch_layout, &self->encoder->ch_layout);
    if (av_frame_get_buffer(block, 0) < 0)
        return vera_movie_recoder_fail(self, "does not fit in memory", error);
    n = swr_convert(self->resampler, block->extended_data, block->nb_samples, in, n_in);
    if (n < 0 || av_audio_fifo_write(self->samples, (void **)block->extended_data, n) < n)
        return vera_movie_recoder_fail(self, "cannot be resampled", error);
    return TRUE;
}

static gboolean
vera_movie_recoder_take_frame(VeraMovieRecoder *self, GError **error)
{
    gint64 rate_in = self->decoder->sample_rate, rate_out = self->encoder->sample_rate;
    gint64 pts = self->decoded->best_effort_timestamp;

    if (pts != AV_NOPTS_VALUE) {
        AVRational unit = self->decoder->pkt_timebase;
        gint64 fine = av_rescale(pts, unit.num * rate_in * rate_out, unit.den);
        if (!self->is_started)
            self->next = fine / rate_in;
        swr_next_pts(self->resampler, fine);
    }
    self->is_started = TRUE;
    return vera_movie_recoder_resample(self, self->decoded, error) &&
           vera_movie_recoder_encode(self, FALSE, error);
}

gboolean
vera_movie_recoder_push(VeraMovieRecoder *self, AVPacket *packet, GError **error)
{
    int rc = avcodec_send_packet(self->decoder, packet);

    while (rc >= 0 && (rc = avcodec_receive_frame(self->decoder, self->decoded)) >= 0)
        if (!vera_movie_recoder_take_frame(self, error))
            return FALSE;
    if (packet == NULL)
        return vera_movie_recoder_resample(self, NULL, error) &&
               vera_movie_recoder_encode(self, TRUE, error);
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The sound of ‘%s’ is damaged; export with --no-audio to go on without it.",
                self->path);
    return FALSE;
}
