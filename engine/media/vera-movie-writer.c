#include "config.h"

#include "engine/media/vera-movie-writer.h"

#include <math.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include "engine/media/vera-frame-pack.h"
#include "engine/media/vera-movie-audio.h"
#include "engine/media/vera-timecode.h"
#include "engine/vera-engine-error.h"

/** What each kind is made with. */
static const struct {
    const char *container;
    const char *encoder;
    const char *name;
} vera_movie_kinds[] = {
    [VERA_MOVIE_KIND_FFV1] = {"matroska", "ffv1", "FFV1"},
    [VERA_MOVIE_KIND_PRORES] = {"mov", "prores_ks", "ProRes 4444"},
    [VERA_MOVIE_KIND_H264] = {"mp4", "libx264", "H.264"},
};

/** VeraMovieTime: when a frame begins and how long it lasts, in the encoder's unit. */
typedef struct {
    gint64 begin;
    gint64 duration;
} VeraMovieTime;

struct _VeraMovieWriter {
    /* Owned */
    char *path;
    AVFormatContext *muxer;
    AVCodecContext *encoder;
    AVStream *stream; /* of @muxer */
    VeraMovieAudio *audio;
    AVFrame *picture;
    AVPacket *packet;
    GArray *times; /* VeraMovieTime, one a frame */
    guint n_added;
};

void
vera_movie_writer_free(VeraMovieWriter *self)
{
    if (self == NULL)
        return;
    vera_movie_audio_free(self->audio);
    avcodec_free_context(&self->encoder);
    av_frame_free(&self->picture);
    av_packet_free(&self->packet);
    if (self->muxer != NULL)
        avio_closep(&self->muxer->pb);
    avformat_free_context(self->muxer);
    g_array_unref(self->times);
    g_free(self->path);
    g_free(self);
}

/* Whether H.264 for review can take the source's samples as they are. */
static gboolean
vera_movie_writer_is_reviewable(const VeraClipInfo *source)
{
    const VeraFrameFormat *f = &source->format;

    return f->layout == VERA_FRAME_LAYOUT_YUV && f->bits == 8 && !f->has_alpha &&
           f->chroma_shift_x == 1 && f->chroma_shift_y == 1 && source->width % 2 == 0 &&
           source->height % 2 == 0;
}

gboolean
vera_movie_writer_get_format(VeraMovieKind kind,
                             const VeraClipInfo *source,
                             gboolean has_alpha,
                             VeraMovieSettings *movie)
{
    gboolean is_h264 = kind == VERA_MOVIE_KIND_H264;
    VeraColorDescription *color = &movie->color;

    movie->width = source->width;
    movie->height = source->height;
    movie->format = source->format;
    *color = source->color;
    if ((kind == VERA_MOVIE_KIND_FFV1 && !has_alpha) ||
        (is_h264 && vera_movie_writer_is_reviewable(source)))
        return TRUE;
    if (color->transfer == VERA_COLOR_TRANSFER_LINEAR)
        color->transfer = VERA_COLOR_TRANSFER_SRGB;
    if (kind == VERA_MOVIE_KIND_FFV1) {
        movie->format = (VeraFrameFormat){
            .layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 4, .has_alpha = TRUE, .bits = 16};
        color->matrix = VERA_COLOR_MATRIX_RGB;
        color->is_full_range = TRUE;
        return FALSE;
    }
    movie->format = (VeraFrameFormat){.layout = VERA_FRAME_LAYOUT_YUV,
                                      .n_planes = has_alpha ? 4 : 3,
                                      .has_alpha = has_alpha,
                                      .bits = is_h264 ? 8 : 10,
                                      .chroma_shift_x = is_h264,
                                      .chroma_shift_y = is_h264,
                                      .is_chroma_left = is_h264};
    movie->width += is_h264 ? movie->width % 2 : 0;
    movie->height += is_h264 ? movie->height % 2 : 0;
    if (source->format.layout != VERA_FRAME_LAYOUT_YUV)
        color->matrix = color->primaries == VERA_COLOR_PRIMARIES_BT2020 ? VERA_COLOR_MATRIX_BT2020
                                                                        : VERA_COLOR_MATRIX_BT709;
    color->is_full_range = FALSE;
    return FALSE;
}

static gboolean
vera_movie_writer_refuse(const VeraMovieSettings *settings, const char *what, GError **error)
{
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                "%s %s (%d bits, %dx%d pixels); export exr or png instead.",
                vera_movie_kinds[settings->kind].name, what, settings->format.bits, settings->width,
                settings->height);
    return FALSE;
}

static gboolean
vera_movie_writer_fail(const VeraMovieWriter *self, int rc, GError **error)
{
    g_autofree char *what = g_strdup_printf("write ‘%s’", self->path);

    /* Codes of the library itself are no errno. */
    vera_engine_error_set_errno(error, rc < 0 && rc > -4096 ? AVUNERROR(rc) : EIO, what);
    return FALSE;
}

/* Returns: the frames' even spacing in source frames, 0 if it is uneven */
static gint64
vera_movie_writer_get_step(const GArray *frames)
{
    gint64 step =
        frames->len > 1 ? g_array_index(frames, gint64, 1) - g_array_index(frames, gint64, 0) : 1;

    for (guint i = 2; i < frames->len; i++)
        if (g_array_index(frames, gint64, i) - g_array_index(frames, gint64, i - 1) != step)
            return 0;
    return step;
}

/* Time of frame @index in the encoder's unit, from the clip's first frame. */
static gint64
vera_movie_writer_get_time(const VeraMovieWriter *self, VeraClip *clip, gint64 index)
{
    const VeraClipInfo *info = vera_clip_get_info(clip);
    AVRational unit = self->encoder->time_base;

    if (!info->is_variable_rate)
        return index;
    if (index < info->n_frames)
        return llrint(vera_clip_get_frame_time(clip, index) * unit.den / unit.num);
    return vera_movie_writer_get_time(self, clip, info->n_frames - 1) +
           av_rescale_q(1, (AVRational){info->rate_den, info->rate_num}, unit);
}

static void
vera_movie_writer_plan_times(VeraMovieWriter *self, const VeraMovieSettings *settings)
{
    gint64 first = g_array_index(settings->frames, gint64, 0);
    gint64 zero = vera_movie_writer_get_time(self, settings->clip, first);

    for (guint i = 0; i < settings->frames->len; i++) {
        gint64 index = g_array_index(settings->frames, gint64, i);
        gint64 next = i + 1 < settings->frames->len ? g_array_index(settings->frames, gint64, i + 1)
                                                    : index + 1;
        gint64 begin = vera_movie_writer_get_time(self, settings->clip, index);
        VeraMovieTime time = {begin - zero,
                              vera_movie_writer_get_time(self, settings->clip, next) - begin};
        g_array_append_val(self->times, time);
    }
}

static void
vera_movie_writer_set_options(VeraMovieWriter *self, VeraMovieKind kind)
{
    AVCodecContext *c = self->encoder;

    c->thread_count = (int)MIN(g_get_num_processors(), 16);
    if (kind == VERA_MOVIE_KIND_FFV1) {
        c->level = 3;
        c->slices = 4;
        c->gop_size = 1;
        av_opt_set_int(c->priv_data, "slicecrc", 1, 0);
    } else if (kind == VERA_MOVIE_KIND_PRORES) {
        av_opt_set(c->priv_data, "profile", "4444", 0);
        av_opt_set(c->priv_data, "vendor", "apl0", 0);
        av_opt_set_int(c->priv_data, "alpha_bits", c->pix_fmt == AV_PIX_FMT_YUVA444P10 ? 16 : 0, 0);
    } else {
        av_opt_set(c->priv_data, "preset", "medium", 0);
        av_opt_set_double(c->priv_data, "crf", 17, 0);
    }
}

static gboolean
vera_movie_writer_open_encoder(VeraMovieWriter *self,
                               const VeraMovieSettings *settings,
                               GError **error)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(vera_movie_kinds[settings->kind].encoder);
    const VeraClipInfo *info = vera_clip_get_info(settings->clip);
    AVCodecContext *c = self->encoder = codec ? avcodec_alloc_context3(codec) : NULL;
    AVRational rate = {info->rate_num, info->rate_den};

    if (c == NULL || codec->pix_fmts == NULL)
        return vera_movie_writer_refuse(settings, "cannot be written by this build of FFmpeg",
                                        error);
    c->pix_fmt = vera_frame_pack_choose(&settings->format, codec->pix_fmts);
    if (c->pix_fmt == AV_PIX_FMT_NONE)
        return vera_movie_writer_refuse(settings, "cannot hold the samples of this clip", error);
    c->width = settings->width;
    c->height = settings->height;
    c->sample_aspect_ratio = (AVRational){info->pixel_aspect_num, info->pixel_aspect_den};
    c->framerate = rate;
    c->time_base = info->is_variable_rate ? (AVRational){info->time_base_num, info->time_base_den}
                                          : av_inv_q(rate);
    vera_frame_pack_tags(&settings->format, &settings->color, c);
    if ((self->muxer->oformat->flags & AVFMT_GLOBALHEADER) != 0)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    vera_movie_writer_set_options(self, settings->kind);
    if (avcodec_open2(c, codec, NULL) < 0)
        return vera_movie_writer_refuse(settings, "refuses frames of this kind", error);
    self->picture->format = c->pix_fmt;
    self->picture->width = c->width;
    self->picture->height = c->height;
    /* ProRes notes the tags of each picture beside those of the stream. */
    self->picture->color_range = c->color_range;
    self->picture->color_primaries = c->color_primaries;
    self->picture->color_trc = c->color_trc;
    self->picture->colorspace = c->colorspace;
    self->picture->chroma_location = c->chroma_sample_location;
    self->picture->sample_aspect_ratio = c->sample_aspect_ratio;
    if (av_frame_get_buffer(self->picture, 0) < 0)
        return vera_movie_writer_fail(self, AVERROR(ENOMEM), error);
    return TRUE;
}

static gboolean
vera_movie_writer_add_video(VeraMovieWriter *self,
                            const VeraMovieSettings *settings,
                            GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(settings->clip);
    gint64 step = vera_movie_writer_get_step(settings->frames);
    g_autofree char *timecode = NULL;

    self->stream = avformat_new_stream(self->muxer, NULL);
    if (self->stream == NULL ||
        avcodec_parameters_from_context(self->stream->codecpar, self->encoder) < 0)
        return vera_movie_writer_fail(self, AVERROR(ENOMEM), error);
    self->stream->time_base = self->encoder->time_base;
    self->stream->sample_aspect_ratio = self->encoder->sample_aspect_ratio;
    /* Matroska would take a rate for a promise that every frame lasts as long as the others. */
    if (step > 0 && (!info->is_variable_rate || settings->kind != VERA_MOVIE_KIND_FFV1))
        av_reduce(&self->stream->avg_frame_rate.num, &self->stream->avg_frame_rate.den,
                  info->rate_num, info->rate_den * step, G_MAXINT32);
    if (step == 1)
        timecode = vera_timecode_advance(info->start_timecode, info->rate_num, info->rate_den,
                                         g_array_index(settings->frames, gint64, 0));
    if (timecode != NULL)
        av_dict_set(&self->stream->metadata, "timecode", timecode, 0);
    if (settings->comment != NULL)
        av_dict_set(&self->muxer->metadata, "comment", settings->comment, 0);
    return TRUE;
}

static gboolean
vera_movie_writer_add_audio(VeraMovieWriter *self,
                            const VeraMovieSettings *settings,
                            GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(settings->clip);
    gint64 first = g_array_index(settings->frames, gint64, 0);
    gint64 last = g_array_index(settings->frames, gint64, settings->frames->len - 1);
    const VeraMovieTime *end = &g_array_index(self->times, VeraMovieTime, self->times->len - 1);
    g_autoptr(VeraFrame) frame = NULL;
    VeraMovieSpan span = {.unit = {info->time_base_num, info->time_base_den},
                          .is_open_start = first == 0,
                          .is_open_end = last == info->n_frames - 1};

    if (!settings->has_audio || info->n_audio_streams == 0)
        return TRUE;
    /* Only a frame tells where the clip's picture begins in the container's time. */
    frame = vera_clip_read_frame(settings->clip, first, NULL, error);
    if (frame == NULL)
        return FALSE;
    span.begin = frame->pts;
    span.end =
        frame->pts + av_rescale_q(end->begin + end->duration, self->encoder->time_base, span.unit);
    self->audio =
        vera_movie_audio_new(vera_clip_get_path(settings->clip), self->muxer, &span, error);
    return self->audio != NULL;
}

static gboolean
vera_movie_writer_open_file(VeraMovieWriter *self,
                            const VeraMovieSettings *settings,
                            GError **error)
{
    g_autofree char *url = g_strconcat("file:", self->path, NULL);
    AVDictionary *options = NULL;
    int rc;

    if (settings->kind != VERA_MOVIE_KIND_FFV1) {
        g_autofree char *scale = g_strdup_printf("%d", self->encoder->time_base.den);
        if (self->encoder->time_base.num == 1 ||
            !vera_clip_get_info(settings->clip)->is_variable_rate)
            av_dict_set(&options, "video_track_timescale", scale, 0);
        av_dict_set(&options, "movflags", "+faststart", 0);
    }
    self->muxer->url = av_strdup(url);
    /* Random identifiers and the date would make every export differ. */
    self->muxer->flags |= AVFMT_FLAG_BITEXACT;
    rc = avio_open(&self->muxer->pb, url, AVIO_FLAG_WRITE);
    if (rc >= 0)
        rc = avformat_write_header(self->muxer, &options);
    av_dict_free(&options);
    return rc >= 0 ? TRUE : vera_movie_writer_fail(self, rc, error);
}

VeraMovieWriter *
vera_movie_writer_new(const char *path, const VeraMovieSettings *settings, GError **error)
{
    g_autoptr(VeraMovieWriter) self = g_new0(VeraMovieWriter, 1);

    self->path = g_strdup(path);
    self->times = g_array_new(FALSE, FALSE, sizeof(VeraMovieTime));
    self->picture = av_frame_alloc();
    self->packet = av_packet_alloc();
    avformat_alloc_output_context2(&self->muxer, NULL, vera_movie_kinds[settings->kind].container,
                                   NULL);
    if (self->muxer == NULL || self->picture == NULL || self->packet == NULL) {
        vera_movie_writer_refuse(settings, "cannot be written by this build of FFmpeg", error);
        return NULL;
    }
    if (!vera_movie_writer_open_encoder(self, settings, error))
        return NULL;
    vera_movie_writer_plan_times(self, settings);
    if (!vera_movie_writer_add_video(self, settings, error) ||
        !vera_movie_writer_add_audio(self, settings, error) ||
        !vera_movie_writer_open_file(self, settings, error))
        return NULL;
    return g_steal_pointer(&self);
}

static int
vera_movie_time_compare_cb(gconstpointer a, gconstpointer b)
{
    gint64 time = ((const VeraMovieTime *)a)->begin, wanted = *(const gint64 *)b;

    return (time > wanted) - (time < wanted);
}

/* Writes what the encoder has ready. Encoders that hold frames back lose durations. */
static gboolean
vera_movie_writer_drain(VeraMovieWriter *self, GError **error)
{
    guint place;
    int rc;

    while ((rc = avcodec_receive_packet(self->encoder, self->packet)) >= 0) {
        if (g_array_binary_search(self->times, &self->packet->pts, vera_movie_time_compare_cb,
                                  &place))
            self->packet->duration = g_array_index(self->times, VeraMovieTime, place).duration;
        av_packet_rescale_ts(self->packet, self->encoder->time_base, self->stream->time_base);
        self->packet->stream_index = self->stream->index;
        rc = av_interleaved_write_frame(self->muxer, self->packet);
        /* A full disk shows first in the file's own state. */
        if (rc >= 0 && self->muxer->pb->error < 0)
            rc = self->muxer->pb->error;
        if (rc < 0)
            return vera_movie_writer_fail(self, rc, error);
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? TRUE
                                                      : vera_movie_writer_fail(self, rc, error);
}

gboolean
vera_movie_writer_add_frame(VeraMovieWriter *self, const VeraFrame *frame, GError **error)
{
    const VeraMovieTime *time = &g_array_index(self->times, VeraMovieTime, self->n_added);
    int rc;

    g_return_val_if_fail(self->n_added < self->times->len, FALSE);
    g_return_val_if_fail(
        frame->width == self->encoder->width && frame->height == self->encoder->height, FALSE);
    rc = av_frame_make_writable(self->picture);
    if (rc >= 0) {
        vera_frame_pack(frame, self->picture);
        self->picture->pts = time->begin;
        rc = avcodec_send_frame(self->encoder, self->picture);
    }
    if (rc < 0)
        return vera_movie_writer_fail(self, rc, error);
    self->n_added++;
    return vera_movie_writer_drain(self, error) &&
           (self->audio == NULL ||
            vera_movie_audio_write_until(
                self->audio, av_rescale_q(time->begin, self->encoder->time_base, AV_TIME_BASE_Q),
                error));
}

gboolean
vera_movie_writer_finish(VeraMovieWriter *self, GError **error)
{
    int rc, closed;

    g_return_val_if_fail(self->n_added == self->times->len, FALSE);
    avcodec_send_frame(self->encoder, NULL);
    if (!vera_movie_writer_drain(self, error) ||
        (self->audio != NULL && !vera_movie_audio_write_until(self->audio, G_MAXINT64, error)))
        return FALSE;
    rc = av_write_trailer(self->muxer);
    if (rc >= 0 && self->muxer->pb->error < 0)
        rc = self->muxer->pb->error;
    closed = avio_closep(&self->muxer->pb);
    rc = rc >= 0 ? closed : rc;
    return rc >= 0 ? TRUE : vera_movie_writer_fail(self, rc, error);
}
