#include "config.h"

#include "engine/media/vera-audio.h"

#include <math.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>

#include "engine/vera-engine-error.h"

/* Codecs that lap over their neighbours come out right only after some packets. */
#define VERA_AUDIO_LEAD_IN_SECONDS 0.5
/* Reading so far ahead decodes on rather than seeks. */
#define VERA_AUDIO_NEAR_SECONDS 2
/* Times are rounded by containers; what differs by less is continuous. */
#define VERA_AUDIO_ROUNDING_SECONDS 0.01
/* A longer hole is not filled with zeros in memory. */
#define VERA_AUDIO_HOLE_SECONDS 60

/**
 * VeraAudio:
 * @samples: decoded, interleaved, from place @first
 * @first: place of the first sample in @samples
 * @begin: where the sound begins, or G_MAXINT64 while that is unknown
 * @is_placed: whether @first is known
 * @is_drained: whether the end was reached
 */
struct _VeraAudio {
    /* Owned */
    char *path;
    AVFormatContext *container;
    AVCodecContext *decoder;
    SwrContext *resampler;
    AVPacket *packet;
    AVFrame *frame;
    GArray *samples;

    double start_time;
    int rate;
    int n_channels;
    int stream;
    int frame_rate;
    int frame_format;
    int frame_channels;
    gint64 first;
    gint64 begin;
    gboolean is_placed;
    gboolean is_drained;
    gboolean is_over;
};

void
vera_audio_free(VeraAudio *self)
{
    swr_free(&self->resampler);
    avcodec_free_context(&self->decoder);
    avformat_close_input(&self->container);
    av_packet_free(&self->packet);
    av_frame_free(&self->frame);
    g_array_unref(self->samples);
    g_free(self->path);
    g_free(self);
}

static gboolean
vera_audio_fail(const VeraAudio *self, int code, const char *what, GError **error)
{
    g_set_error(error, VERA_ENGINE_ERROR, code, "The sound of ‘%s’ %s.", self->path, what);
    return FALSE;
}

static gboolean
vera_audio_open_container(VeraAudio *self, GError **error)
{
    g_autofree char *url = g_strconcat("file:", self->path, NULL);
    AVDictionary *options = NULL;

    /* A playlist inside the file must not make the reader fetch anything. */
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    avformat_close_input(&self->container);
    int rc = avformat_open_input(&self->container, url, NULL, &options);
    av_dict_free(&options);
    if (rc >= 0)
        rc = avformat_find_stream_info(self->container, NULL);
    if (rc < 0)
        return vera_audio_fail(self, VERA_ENGINE_ERROR_BAD_INPUT,
                               "cannot be read: the file is missing, damaged or not media", error);
    self->stream = av_find_best_stream(self->container, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (self->stream < 0)
        return vera_audio_fail(self, VERA_ENGINE_ERROR_BAD_INPUT,
                               "cannot be read: the file has none", error);
    for (unsigned i = 0; i < self->container->nb_streams; i++)
        if ((int)i != self->stream)
            self->container->streams[i]->discard = AVDISCARD_ALL;
    return TRUE;
}

static gboolean
vera_audio_open_decoder(VeraAudio *self, GError **error)
{
    const AVStream *stream = self->container->streams[self->stream];
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);

    self->decoder = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (self->decoder == NULL ||
        avcodec_parameters_to_context(self->decoder, stream->codecpar) < 0 ||
        avcodec_open2(self->decoder, codec, NULL) < 0)
        return vera_audio_fail(self, VERA_ENGINE_ERROR_UNSUPPORTED,
                               "is of a kind that cannot be decoded; convert it first", error);
    self->decoder->pkt_timebase = stream->time_base;
    return TRUE;
}

VeraAudio *
vera_audio_open(const char *path, double start_time, int rate, int n_channels, GError **error)
{
    VeraAudio *self = g_new0(VeraAudio, 1);

    self->path = g_strdup(path);
    self->start_time = start_time;
    self->rate = rate;
    self->n_channels = n_channels;
    self->begin = G_MAXINT64;
    self->samples = g_array_new(FALSE, TRUE, sizeof(float));
    self->packet = av_packet_alloc();
    self->frame = av_frame_alloc();
    if (self->packet != NULL && self->frame != NULL && vera_audio_open_container(self, error) &&
        vera_audio_open_decoder(self, error))
        return self;
    if (self->packet == NULL || self->frame == NULL)
        vera_audio_fail(self, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "does not fit into memory", error);
    vera_audio_free(self);
    return NULL;
}

int
vera_audio_get_rate(VeraAudio *self)
{
    return self->rate;
}

int
vera_audio_get_n_channels(VeraAudio *self)
{
    return self->n_channels;
}

gboolean
vera_audio_is_over(VeraAudio *self)
{
    return self->is_over;
}

static gint64
vera_audio_get_end(const VeraAudio *self)
{
    return self->first + self->samples->len / (guint)self->n_channels;
}

static gboolean
vera_audio_set_resampler(VeraAudio *self)
{
    const AVFrame *f = self->frame;
    AVChannelLayout in = {0}, out = {0};

    if (self->resampler != NULL && f->sample_rate == self->frame_rate &&
        f->format == self->frame_format && f->ch_layout.nb_channels == self->frame_channels)
        return TRUE;
    self->frame_rate = f->sample_rate;
    self->frame_format = f->format;
    self->frame_channels = f->ch_layout.nb_channels;
    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&in, f->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&in, &f->ch_layout);
    av_channel_layout_default(&out, self->n_channels);
    swr_free(&self->resampler);
    int rc = swr_alloc_set_opts2(&self->resampler, &out, AV_SAMPLE_FMT_FLT, self->rate, &in,
                                 (enum AVSampleFormat)f->format, f->sample_rate, 0, NULL);
    av_channel_layout_uninit(&in);
    av_channel_layout_uninit(&out);
    /* One channel goes to both at full level, as it was heard when it was made. */
    static const double both[2] = {1.0, 1.0};
    if (rc >= 0 && self->frame_channels == 1 && self->n_channels == 2)
        rc = swr_set_matrix(self->resampler, both, 1);
    return rc >= 0 && swr_init(self->resampler) >= 0;
}

/** Appends what the resampler makes of @n_in samples, or of what it still holds. */
static void
vera_audio_convert(VeraAudio *self, const guint8 **data, int n_in)
{
    int room = swr_get_out_samples(self->resampler, n_in);
    guint before = self->samples->len;

    if (room <= 0)
        return;
    g_array_set_size(self->samples, before + (guint)(room * self->n_channels));
    guint8 *out = (guint8 *)&g_array_index(self->samples, float, before);
    int n = swr_convert(self->resampler, &out, room, data, n_in);
    g_array_set_size(self->samples, before + (guint)(MAX(n, 0) * self->n_channels));
}

/** Puts the start of the frame in hand where its time says, unless it follows on what is there. */
static void
vera_audio_place(VeraAudio *self)
{
    AVRational unit = self->container->streams[self->stream]->time_base;
    gint64 time = self->frame->best_effort_timestamp;
    gint64 end = vera_audio_get_end(self) + swr_get_delay(self->resampler, self->rate);

    if (time == AV_NOPTS_VALUE) {
        self->is_placed = TRUE;
        return;
    }
    gint64 place =
        (gint64)llround(((double)time * unit.num / unit.den - self->start_time) * self->rate);
    gint64 hole = place - end;
    if (self->is_placed && hole < VERA_AUDIO_ROUNDING_SECONDS * self->rate)
        return;
    if (self->is_placed && hole < (gint64)VERA_AUDIO_HOLE_SECONDS * self->rate) {
        g_array_set_size(self->samples, self->samples->len + (guint)hole * (guint)self->n_channels);
        return;
    }
    g_array_set_size(self->samples, 0);
    self->first = place;
    self->is_placed = TRUE;
}

/** Decodes one packet more. Returns: 1 if there may be more, 0 at the end, -1 on failure */
static int
vera_audio_step(VeraAudio *self, GCancellable *cancellable, GError **error)
{
    if (vera_engine_error_set_cancelled(cancellable, error))
        return -1;
    av_packet_unref(self->packet);
    gboolean is_end = av_read_frame(self->container, self->packet) < 0;
    if (!is_end && self->packet->stream_index != self->stream)
        return 1;
    /* A damaged packet is a short silence; the next frame's time keeps the rest in place. */
    avcodec_send_packet(self->decoder, is_end ? NULL : self->packet);
    while (avcodec_receive_frame(self->decoder, self->frame) >= 0) {
        if (self->frame->sample_rate <= 0 || !vera_audio_set_resampler(self))
            continue;
        vera_audio_place(self);
        vera_audio_convert(self, (const guint8 **)self->frame->extended_data,
                           self->frame->nb_samples);
    }
    if (is_end && self->resampler != NULL)
        vera_audio_convert(self, NULL, 0);
    self->is_drained = is_end;
    return !is_end;
}

static void
vera_audio_forget(VeraAudio *self)
{
    avcodec_flush_buffers(self->decoder);
    swr_free(&self->resampler);
    g_array_set_size(self->samples, 0);
    self->first = 0;
    self->is_placed = self->is_drained = FALSE;
}

/** Decodes until it is known where the first samples lie. Returns: success */
static gboolean
vera_audio_find_place(VeraAudio *self, GCancellable *cancellable, GError **error)
{
    int rc = 1;
    while (self->samples->len == 0 && rc > 0)
        rc = vera_audio_step(self, cancellable, error);
    return rc >= 0;
}

static gboolean
vera_audio_seek(VeraAudio *self, gint64 place, GCancellable *cancellable, GError **error)
{
    AVRational unit = self->container->streams[self->stream]->time_base;
    double time = (double)place / self->rate + self->start_time - VERA_AUDIO_LEAD_IN_SECONDS;
    gint64 target = (gint64)floor(time * unit.den / unit.num);

    int rc = av_seek_frame(self->container, self->stream, target, AVSEEK_FLAG_BACKWARD);
    vera_audio_forget(self);
    if (rc >= 0) {
        if (!vera_audio_find_place(self, cancellable, error))
            return FALSE;
        if (self->samples->len > 0 && self->first <= place)
            return TRUE;
    }
    /* It landed behind the place, or before the sound begins: from the start, then. */
    if (!vera_audio_open_container(self, error))
        return FALSE;
    vera_audio_forget(self);
    if (!vera_audio_find_place(self, cancellable, error))
        return FALSE;
    if (self->is_placed)
        self->begin = self->first;
    return TRUE;
}

/** Copies what there is of the range over the zeros. */
static void
vera_audio_copy(const VeraAudio *self, gint64 first, gsize n, float *samples)
{
    gint64 from = MAX(first, self->first), to = MIN(first + (gint64)n, vera_audio_get_end(self));
    gsize width = (gsize)self->n_channels;

    if (from < to)
        memcpy(samples + (gsize)(from - first) * width,
               &g_array_index(self->samples, float, (gsize)(from - self->first) * width),
               (gsize)(to - from) * width * sizeof(float));
}

static void
vera_audio_drop_before(VeraAudio *self, gint64 place)
{
    gint64 n = CLAMP(place - self->first, 0, vera_audio_get_end(self) - self->first);

    if (n > 0)
        g_array_remove_range(self->samples, 0, (guint)n * (guint)self->n_channels);
    self->first += n;
}

gboolean
vera_audio_read(VeraAudio *self,
                gint64 first,
                gsize n,
                float *samples,
                GCancellable *cancellable,
                GError **error)
{
    gint64 near = (gint64)VERA_AUDIO_NEAR_SECONDS * self->rate;
    gint64 last = first + (gint64)n;

    memset(samples, 0, n * (gsize)self->n_channels * sizeof(float));
    gboolean is_before = first < self->first && self->first != self->begin;
    if (!self->is_placed || is_before ||
        (!self->is_drained && first > vera_audio_get_end(self) + near))
        if (!vera_audio_seek(self, first, cancellable, error))
            return FALSE;
    int rc = 1;
    while (rc > 0 && !self->is_drained && vera_audio_get_end(self) < last)
        rc = vera_audio_step(self, cancellable, error);
    if (rc < 0) {
        /* What is there may begin with lead-in, which does not sound right. */
        self->is_placed = FALSE;
        return FALSE;
    }
    vera_audio_copy(self, first, n, samples);
    self->is_over = self->is_drained && vera_audio_get_end(self) <= last;
    vera_audio_drop_before(self, first);
    return TRUE;
}
