#include "config.h"

#include <libavutil/display.h>

#include "engine/media/vera-clip-movie.h"
#include "engine/vera-engine-error.h"

/* So many frames are decoded when a clip is opened, to see whether each packet gives one. */
#define VERA_CLIP_PROBE 4

static const gint32 *
vera_clip_movie_get_display_matrix(const AVStream *stream)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
    const AVPacketSideData *side =
        av_packet_side_data_get(stream->codecpar->coded_side_data,
                                stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side != NULL && side->size >= 9 * sizeof(gint32)
               ? (const gint32 *)(const void *)side->data
               : NULL;
#else
    size_t size = 0;
    const guint8 *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data != NULL && size >= 9 * sizeof(gint32) ? (const gint32 *)(const void *)data : NULL;
#endif
}

static gboolean
vera_clip_movie_set_look(VeraClipMovie *self, GError **error)
{
    AVStream *stream = self->container->streams[self->stream];
    const gint32 *matrix = vera_clip_movie_get_display_matrix(stream);
    VeraClipTags tags = {.path = self->path, .codec_id = (int)stream->codecpar->codec_id};
    AVFrame *picture = self->picture;

    if (matrix != NULL && !vera_clip_orientation_from_matrix(matrix, &self->backend.info.rotation,
                                                             &tags.orientation)) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
            "‘%s’ is to be shown turned by an angle that is no quarter turn; turn it first.",
            self->path);
        return FALSE;
    }
    /* Intermediate codecs carry their tags in the container alone. */
    if (picture->colorspace == AVCOL_SPC_UNSPECIFIED)
        picture->colorspace = stream->codecpar->color_space;
    if (picture->color_trc == AVCOL_TRC_UNSPECIFIED)
        picture->color_trc = stream->codecpar->color_trc;
    if (picture->color_primaries == AVCOL_PRI_UNSPECIFIED)
        picture->color_primaries = stream->codecpar->color_primaries;
    if (picture->color_range == AVCOL_RANGE_UNSPECIFIED)
        picture->color_range = stream->codecpar->color_range;
    return vera_clip_look_init(&self->look, &tags, picture, error);
}

static gboolean
vera_clip_movie_is_shown(const VeraClipMovie *self, const AVPacket *packet)
{
    gboolean is_vp8 = self->decoder->codec_id == AV_CODEC_ID_VP8;
    if ((packet->flags & AV_PKT_FLAG_DISCARD) != 0)
        return FALSE;
    /* RFC 6386, 9.1: bit 4 of the frame tag is show_frame. */
    return !is_vp8 || packet->size < 1 || (packet->data[0] & 0x10) != 0;
}

static gboolean
vera_clip_movie_is_intra(const VeraClipMovie *self)
{
    const AVCodecDescriptor *desc = avcodec_descriptor_get(self->decoder->codec_id);
    return desc != NULL && (desc->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}

static gboolean
vera_clip_movie_read_index(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    gboolean is_intra = vera_clip_movie_is_intra(self);
    gboolean is_cut = FALSE;

    while (av_read_frame(self->container, self->packet) >= 0) {
        AVPacket *packet = self->packet;
        if (packet->stream_index == self->stream && packet->size > 0) {
            if (packet->pts == AV_NOPTS_VALUE && is_intra)
                packet->pts = packet->dts;
            is_cut = (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
            vera_clip_index_append(&self->index, packet, vera_clip_movie_is_shown(self, packet));
        }
        av_packet_unref(packet);
        if (vera_engine_error_set_cancelled(cancellable, error))
            return FALSE;
    }
    if (is_cut)
        vera_clip_index_get(&self->index, self->index.entries->len - 1)->is_shown = FALSE;
    vera_clip_index_sort(&self->index);
    return TRUE;
}

/**
 * Decodes from the start through frame @limit and marks in @seen what came out, @until_look only as
 * far as the first sound picture. Returns: success
 */
static gboolean
vera_clip_movie_probe(
    VeraClipMovie *self, gint64 limit, GByteArray *seen, GCancellable *cancellable, GError **error)
{
    gboolean has_look = self->look.width > 0;
    VeraClipStep step;

    if (!vera_clip_movie_rewind(self, error))
        return FALSE;
    while ((step = vera_clip_movie_step(self, cancellable, error)) == VERA_CLIP_STEP_PICTURE) {
        if (!has_look && !vera_clip_movie_set_look(self, error))
            return FALSE;
        has_look = TRUE;
        if (self->last_rank < seen->len)
            seen->data[self->last_rank] = 1;
        if (self->last_rank >= limit)
            return TRUE;
    }
    return step == VERA_CLIP_STEP_END;
}

/** Takes the packets of unseen frames below @limit out of the count. Returns: how many */
static guint
vera_clip_movie_prune(VeraClipMovie *self, gint64 limit, const GByteArray *seen)
{
    guint n = 0;
    for (gint64 r = 0; r < limit; r++)
        if (seen->data[r] == 0) {
            vera_clip_index_get_shown(&self->index, r)->is_shown = FALSE;
            n++;
        }
    vera_clip_index_sort(&self->index);
    return n;
}

static gint64
vera_clip_movie_get_first_key_rank(const VeraClipMovie *self)
{
    for (guint i = 0; i < self->index.entries->len; i++) {
        const VeraClipEntry *entry = vera_clip_index_get(&self->index, i);
        if (entry->is_key && entry->rank >= 0)
            return entry->rank;
    }
    return 0;
}

/**
 * Containers count packets, and some packets give no picture: pictures before the first key frame,
 * and the second fields of interlaced pictures. The former are few and at the start; the latter can
 * be anywhere.
 */
static gboolean
vera_clip_movie_verify(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    gint64 n = self->index.order->len;
    gint64 first_key = vera_clip_movie_get_first_key_rank(self);
    gint64 limit = self->index.lacks_pts ? n : MIN(first_key + VERA_CLIP_PROBE, n - 1);
    gboolean has_gap = FALSE;
    g_autoptr(GByteArray) seen = g_byte_array_new();

    g_byte_array_set_size(seen, (guint)n);
    memset(seen->data, 0, (gsize)n);
    if (!vera_clip_movie_probe(self, limit, seen, cancellable, error))
        return FALSE;
    for (gint64 r = first_key; r < limit; r++)
        has_gap = has_gap || seen->data[r] == 0;
    if (has_gap && !self->index.lacks_pts) {
        limit = n;
        if (!vera_clip_movie_probe(self, limit, seen, cancellable, error))
            return FALSE;
        vera_clip_movie_prune(self, limit, seen);
    } else if (self->index.lacks_pts) {
        vera_clip_movie_prune(self, n, seen);
    } else if (first_key > 0) {
        vera_clip_movie_prune(self, first_key, seen);
    }
    return vera_clip_movie_rewind(self, error);
}

gboolean
vera_clip_movie_scan(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    if (!vera_clip_movie_read_index(self, cancellable, error))
        return FALSE;
    if (self->index.order->len > 0 && !vera_clip_movie_verify(self, cancellable, error))
        return FALSE;
    if (self->index.order->len > 0 && self->look.width > 0)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "‘%s’ holds no frame that can be decoded; it is empty or damaged.", self->path);
    return FALSE;
}
