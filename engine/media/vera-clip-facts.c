#include "config.h"

#include <libavutil/parseutils.h>

#include "engine/media/vera-clip-movie.h"

#define VERA_CLIP_DEFAULT_RATE ((AVRational){24, 1})

/* A clip that ends so many seconds before its tagged length has lost its end; less may be rounding,
 * or the last frame's own length. */
#define VERA_CLIP_LOST_END 1.0

/** Whether frame k lies within one unit of k / @rate, for every k: containers round times to their
 * unit. */
static gboolean
vera_clip_movie_has_rate(const VeraClipMovie *self, AVRational rate, AVRational unit)
{
    if (rate.num <= 0 || rate.den <= 0)
        return FALSE;
    gint64 first = vera_clip_index_get_shown(&self->index, 0)->pts;
    double step = (double)rate.den / rate.num * unit.den / unit.num;
    for (guint k = 1; k < self->index.order->len; k++) {
        double error = (double)(vera_clip_index_get_shown(&self->index, k)->pts - first) - k * step;
        if (error > 1.0 || error < -1.0)
            return FALSE;
    }
    return TRUE;
}

static AVRational
vera_clip_movie_get_average_rate(const VeraClipMovie *self, AVRational unit)
{
    gint64 n = self->index.order->len;
    gint64 span = vera_clip_index_get_shown(&self->index, n - 1)->pts -
                  vera_clip_index_get_shown(&self->index, 0)->pts;
    AVRational rate = {0, 1};

    if (n > 1 && span > 0)
        av_reduce(&rate.num, &rate.den, (n - 1) * unit.den, span * unit.num, 1001000);
    return rate;
}

static void
vera_clip_movie_set_times(VeraClipMovie *self, const AVStream *stream)
{
    VeraClipInfo *info = &self->backend.info;
    AVRational unit = stream->time_base;
    AVRational candidates[3] = {stream->avg_frame_rate, stream->r_frame_rate,
                                VERA_CLIP_DEFAULT_RATE};
    AVRational rate = {0, 1};

    for (int i = 0; i < 2 && rate.num == 0; i++)
        if (candidates[i].num > 0 && candidates[i].den > 0 &&
            (self->index.lacks_pts || vera_clip_movie_has_rate(self, candidates[i], unit)))
            rate = candidates[i];
    if (rate.num == 0 && !self->index.lacks_pts) {
        rate = vera_clip_movie_get_average_rate(self, unit);
        info->is_variable_rate =
            !vera_clip_movie_has_rate(self, rate, unit) && self->index.order->len > 1;
    }
    if (rate.num <= 0)
        rate = VERA_CLIP_DEFAULT_RATE;
    if (self->index.lacks_pts)
        unit = av_inv_q(rate);
    info->rate_num = rate.num;
    info->rate_den = rate.den;
    info->time_base_num = unit.num;
    info->time_base_den = unit.den;
    if (!self->index.lacks_pts)
        info->start_time =
            (double)vera_clip_index_get_shown(&self->index, 0)->pts * unit.num / unit.den;
}

static const char *
vera_clip_movie_find_timecode(const VeraClipMovie *self)
{
    const AVFormatContext *c = self->container;
    const AVDictionaryEntry *entry =
        av_dict_get(c->streams[self->stream]->metadata, "timecode", NULL, 0);

    for (unsigned i = 0; i < c->nb_streams && entry == NULL; i++)
        entry = av_dict_get(c->streams[i]->metadata, "timecode", NULL, 0);
    if (entry == NULL)
        entry = av_dict_get(c->metadata, "timecode", NULL, 0);
    return entry != NULL ? entry->value : NULL;
}

static void
vera_clip_movie_set_aspect(VeraClipMovie *self, AVStream *stream)
{
    VeraClipInfo *info = &self->backend.info;
    AVRational aspect = av_guess_sample_aspect_ratio(self->container, stream, NULL);

    if (aspect.num <= 0 || aspect.den <= 0)
        aspect = (AVRational){1, 1};
    if (self->look.orientation.is_transposed)
        aspect = av_inv_q(aspect);
    av_reduce(&info->pixel_aspect_num, &info->pixel_aspect_den, aspect.num, aspect.den, 65536);
}

/** The stream's own length as Matroska tags it, in seconds, or 0 */
static double
vera_clip_movie_get_tagged_duration(const AVStream *stream)
{
    const AVDictionaryEntry *tag = av_dict_get(stream->metadata, "DURATION", NULL, 0);
    gint64 us = 0;

    return tag != NULL && av_parse_time(&us, tag->value, 1) >= 0 ? (double)us / G_USEC_PER_SEC : 0;
}

/* A header that lists where its packets are tells by their places; others tell by their length. */
static gboolean
vera_clip_movie_is_truncated(const VeraClipMovie *self, AVStream *stream)
{
    AVIOContext *io = self->container->pb;
    gint64 size = io != NULL ? avio_size(io) : -1;
    AVRational unit = stream->time_base;
    double end;

    for (int i = avformat_index_get_entries_count(stream) - 1; size >= 0 && i >= 0; i--) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        if (entry->pos >= 0 && entry->size > 0 && entry->pos + entry->size > size)
            return TRUE;
    }
    if (self->index.lacks_pts)
        return FALSE;
    end = (double)vera_clip_index_get_shown(&self->index, self->index.order->len - 1)->pts *
          unit.num / unit.den;
    return vera_clip_movie_get_tagged_duration(stream) > end + VERA_CLIP_LOST_END;
}

void
vera_clip_movie_describe(VeraClipMovie *self)
{
    VeraClipInfo *info = &self->backend.info;
    AVStream *stream = self->container->streams[self->stream];

    info->width = self->look.width;
    info->height = self->look.height;
    info->format = self->look.format;
    info->color = self->look.color;
    info->n_frames = self->index.order->len;
    info->codec_name = avcodec_get_name(stream->codecpar->codec_id);
    info->start_number = -1;
    for (unsigned i = 0; i < self->container->nb_streams; i++)
        if (self->container->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
            info->n_audio_streams++;
    self->timecode = g_strdup(vera_clip_movie_find_timecode(self));
    info->start_timecode = self->timecode;
    info->is_truncated = vera_clip_movie_is_truncated(self, stream);
    vera_clip_movie_set_times(self, stream);
    vera_clip_movie_set_aspect(self, stream);
}
