#include "config.h"

#include "engine/media/vera-movie-audio.h"

#include <libavcodec/avcodec.h>

#include "engine/media/vera-movie-recoder.h"
#include "engine/vera-engine-error.h"

/** VeraMovieTrack: one audio stream; without a @recoder its packets are copied. */
typedef struct {
    AVStream *from;
    AVStream *to;
    VeraMovieRecoder *recoder;
} VeraMovieTrack;

struct _VeraMovieAudio {
    /* Owned */
    char *path;
    AVFormatContext *demuxer;
    AVPacket *packet;
    GArray *tracks; /* VeraMovieTrack */
    VeraMovieSpan span;
    gint64 read_until_us;
    gboolean is_finished;
    /* Borrowed */
    AVFormatContext *muxer;
};

void
vera_movie_audio_free(VeraMovieAudio *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->tracks->len; i++)
        vera_movie_recoder_free(g_array_index(self->tracks, VeraMovieTrack, i).recoder);
    g_array_unref(self->tracks);
    avformat_close_input(&self->demuxer);
    av_packet_free(&self->packet);
    g_free(self->path);
    g_free(self);
}

static gboolean
vera_movie_audio_fail(const VeraMovieAudio *self, const char *what, GError **error)
{
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The sound of ‘%s’ %s; export with --no-audio to go on without it.", self->path,
                what);
    return FALSE;
}

static gboolean
vera_movie_audio_is_matroska(const AVFormatContext *muxer)
{
    return g_str_has_prefix(muxer->oformat->name, "matroska");
}

/* What players of MP4 and MOV can be trusted with; Matroska takes what the source has. */
static gboolean
vera_movie_audio_can_copy(const AVFormatContext *muxer, enum AVCodecID codec)
{
    if (vera_movie_audio_is_matroska(muxer))
        return avformat_query_codec(muxer->oformat, codec, FF_COMPLIANCE_NORMAL) == 1;
    return codec == AV_CODEC_ID_AAC || codec == AV_CODEC_ID_MP3 || codec == AV_CODEC_ID_AC3 ||
           codec == AV_CODEC_ID_EAC3 || codec == AV_CODEC_ID_ALAC ||
           (g_str_equal(muxer->oformat->name, "mov") && codec == AV_CODEC_ID_PCM_S16LE);
}

static gboolean
vera_movie_audio_add_track(VeraMovieAudio *self, AVStream *from, GError **error)
{
    VeraMovieTrack track = {.from = from, .to = avformat_new_stream(self->muxer, NULL)};

    if (track.to == NULL)
        return vera_movie_audio_fail(self, "does not fit in memory", error);
    if (vera_movie_audio_can_copy(self->muxer, from->codecpar->codec_id)) {
        if (avcodec_parameters_copy(track.to->codecpar, from->codecpar) < 0)
            return vera_movie_audio_fail(self, "does not fit in memory", error);
        track.to->codecpar->codec_tag = 0;
        track.to->time_base = from->time_base;
    } else {
        track.recoder = vera_movie_recoder_new(self->path, from, self->muxer, track.to, error);
        if (track.recoder == NULL)
            return FALSE;
    }
    av_dict_copy(&track.to->metadata, from->metadata, 0);
    av_dict_set(&track.to->metadata, "timecode", NULL, 0);
    track.to->disposition = from->disposition;
    g_array_append_val(self->tracks, track);
    return TRUE;
}

static gboolean
vera_movie_audio_open(VeraMovieAudio *self, GError **error)
{
    g_autofree char *url = g_strconcat("file:", self->path, NULL);
    AVDictionary *options = NULL;

    /* A playlist inside the file must not make the reader fetch anything. */
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    int rc = avformat_open_input(&self->demuxer, url, NULL, &options);
    av_dict_free(&options);
    if (rc < 0 || avformat_find_stream_info(self->demuxer, NULL) < 0)
        return vera_movie_audio_fail(self, "cannot be read", error);
    for (unsigned i = 0; i < self->demuxer->nb_streams; i++) {
        AVStream *stream = self->demuxer->streams[i];
        if (stream->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
            stream->discard = AVDISCARD_ALL;
        else if (!vera_movie_audio_add_track(self, stream, error))
            return FALSE;
    }
    return TRUE;
}

VeraMovieAudio *
vera_movie_audio_new(const char *path,
                     AVFormatContext *muxer,
                     const VeraMovieSpan *span,
                     GError **error)
{
    VeraMovieAudio *self = g_new0(VeraMovieAudio, 1);

    self->path = g_strdup(path);
    self->muxer = muxer;
    self->span = *span;
    self->read_until_us = G_MININT64;
    self->packet = av_packet_alloc();
    self->tracks = g_array_new(FALSE, FALSE, sizeof(VeraMovieTrack));
    if (vera_movie_audio_open(self, error))
        return self;
    vera_movie_audio_free(self);
    return NULL;
}

static VeraMovieTrack *
vera_movie_audio_find_track(VeraMovieAudio *self, int stream)
{
    for (guint i = 0; i < self->tracks->len; i++) {
        VeraMovieTrack *track = &g_array_index(self->tracks, VeraMovieTrack, i);
        if (track->from->index == stream)
            return track;
    }
    return NULL;
}

/* Moves the packet into movie time. Returns: whether any of it is heard there */
static gboolean
vera_movie_audio_place_packet(VeraMovieAudio *self, const VeraMovieTrack *track)
{
    const VeraMovieSpan *span = &self->span;
    AVPacket *packet = self->packet;
    AVRational unit = track->from->time_base;
    gint64 begin = av_rescale_q(span->begin, span->unit, unit);
    gint64 end = av_rescale_q(span->end, span->unit, unit);
    gint64 time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;

    if (time == AV_NOPTS_VALUE)
        return TRUE;
    self->read_until_us = av_rescale_q(time - begin, unit, AV_TIME_BASE_Q);
    /* Matroska has no times before 0: it would move the picture instead. */
    if ((!span->is_open_start && time + packet->duration <= begin) ||
        (time < begin && vera_movie_audio_is_matroska(self->muxer)) ||
        (!span->is_open_end && time >= end))
        return FALSE;
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts -= begin;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts -= begin;
    return TRUE;
}

static gboolean
vera_movie_audio_pass_packet(VeraMovieAudio *self, const VeraMovieTrack *track, GError **error)
{
    int rc;

    if (track->recoder != NULL)
        return vera_movie_recoder_push(track->recoder, self->packet, error);
    av_packet_rescale_ts(self->packet, track->from->time_base, track->to->time_base);
    self->packet->stream_index = track->to->index;
    self->packet->pos = -1;
    rc = av_interleaved_write_frame(self->muxer, self->packet);
    if (rc >= 0)
        return TRUE;
    if (rc == AVERROR(EINVAL) || rc == AVERROR_INVALIDDATA)
        return vera_movie_audio_fail(self, "is damaged", error);
    vera_engine_error_set_errno(error, AVUNERROR(rc), "write the movie's sound");
    return FALSE;
}

static gboolean
vera_movie_audio_finish(VeraMovieAudio *self, GError **error)
{
    self->is_finished = TRUE;
    for (guint i = 0; i < self->tracks->len; i++) {
        VeraMovieTrack *track = &g_array_index(self->tracks, VeraMovieTrack, i);
        if (track->recoder != NULL && !vera_movie_recoder_push(track->recoder, NULL, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
vera_movie_audio_write_until(VeraMovieAudio *self, gint64 time_us, GError **error)
{
    while (!self->is_finished && self->read_until_us <= time_us) {
        gboolean ok = TRUE;
        int rc = av_read_frame(self->demuxer, self->packet);
        if (rc == AVERROR_EOF)
            return vera_movie_audio_finish(self, error);
        if (rc < 0)
            return vera_movie_audio_fail(self, "is damaged or cut off", error);
        const VeraMovieTrack *track = vera_movie_audio_find_track(self, self->packet->stream_index);
        if (track != NULL && vera_movie_audio_place_packet(self, track))
            ok = vera_movie_audio_pass_packet(self, track, error);
        av_packet_unref(self->packet);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}
