#include "config.h"

#include <glib/gstdio.h>

#include "engine/media/vera-clip-movie.h"
#include "engine/media/vera-clip-packet.h"
#include "engine/vera-engine-error.h"

/* How far back to start again when a frame does not come out of the key frame that should give it.
 */
#define VERA_CLIP_RETRIES 4
/* Pictures may leave a decoder a little out of order in files whose times contradict the coding. */
#define VERA_CLIP_DISORDER 16

static gboolean
vera_clip_movie_fail_changed(VeraClipMovie *self, GError **error)
{
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "‘%s’ was changed while it was in use; open it again.", self->path);
    return FALSE;
}

/** Reads on to the next packet of the video stream. Returns: 1 for a packet, 0 at the end, -1 on
 * failure */
static int
vera_clip_movie_read_packet(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    do {
        if (vera_engine_error_set_cancelled(cancellable, error))
            return -1;
        av_packet_unref(self->packet);
        int rc = av_read_frame(self->container, self->packet);
        if (rc == AVERROR(ENOMEM)) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                        "There is not enough memory to read ‘%s’.", self->path);
            return -1;
        }
        if (rc < 0)
            return 0;
    } while (self->packet->stream_index != self->stream || self->packet->size == 0);
    return 1;
}

/**
 * Jumps near @timestamp and reads packets until @key is the one in hand. Returns: 1 if it is, 0 if
 * the jump landed behind it, -1 on failure
 */
static int
vera_clip_movie_try_seek(
    VeraClipMovie *self, guint key, gint64 timestamp, GCancellable *cancellable, GError **error)
{
    if (timestamp == AV_NOPTS_VALUE ||
        av_seek_frame(self->container, self->stream, timestamp, AVSEEK_FLAG_BACKWARD) < 0)
        return 0;
    avcodec_flush_buffers(self->decoder);
    vera_clip_movie_forget(self, key);
    self->trusts_order = FALSE;
    for (;;) {
        int rc = vera_clip_movie_read_packet(self, cancellable, error);
        if (rc <= 0)
            return rc;
        gint64 place = vera_clip_index_find(&self->index, self->packet, key);
        if (place > key)
            return 0;
        if (place == key)
            return 1;
    }
}

/**
 * Pictures before the wanted one that no other refers to need not be decoded. That is only sure
 * where the codec says it of each packet and every packet is one picture.
 */
static gboolean
vera_clip_movie_may_skip(const VeraClipMovie *self, const VeraClipEntry *entry)
{
    return entry->rank >= 0 && entry->rank < self->whole_from && !self->index.lacks_pts &&
           self->decoder->codec_id == AV_CODEC_ID_H264 &&
           self->index.order->len == self->index.entries->len;
}

/** What the decoder says of the packets it works on: trouble in one of them is noted. */
static gboolean
vera_clip_movie_take_result(VeraClipMovie *self, int rc, GError **error)
{
    gboolean has_frame_threads = (self->decoder->active_thread_type & FF_THREAD_FRAME) != 0;

    if (rc == AVERROR(ENOMEM)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "There is not enough memory to decode ‘%s’.", self->path);
        return FALSE;
    }
    gboolean has_failed = rc < 0 && rc != AVERROR(EAGAIN) && rc != AVERROR_EOF;
    if (g_atomic_int_compare_and_exchange(&self->has_concealed, TRUE, FALSE) || has_failed)
        vera_clip_soundness_fail(&self->soundness,
                                 has_frame_threads ? (guint)self->decoder->thread_count + 1 : 1);
    return TRUE;
}

static gboolean
vera_clip_movie_is_known_damage(const VeraClipMovie *self, guint place)
{
    for (guint i = 0; i < self->known_damage->len; i++)
        if (g_array_index(self->known_damage, VeraClipDamage, i).place == place)
            return TRUE;
    return FALSE;
}

/** Sends the packet in hand, which is number next_place, to the decoder. */
static gboolean
vera_clip_movie_send(VeraClipMovie *self, GError **error)
{
    const VeraClipEntry *entry = vera_clip_index_get(&self->index, (guint)self->next_place);

    gboolean is_alone = vera_clip_packet_is_alone(self->decoder, self->packet);
    gboolean may_skip = vera_clip_movie_may_skip(self, entry);

    if (vera_clip_movie_is_known_damage(self, (guint)self->next_place) ||
        vera_clip_packet_has_hole(self->decoder, self->packet)) {
        vera_clip_soundness_withhold(&self->soundness, (guint)self->next_place, is_alone);
        self->next_place++;
        av_packet_unref(self->packet);
        return TRUE;
    }
    vera_clip_soundness_send(&self->soundness, (guint)self->next_place, is_alone,
                             is_alone && may_skip);
    self->packet->pts = entry->rank >= 0 ? entry->rank : -1 - self->next_place;
    self->packet->dts = self->next_place;
    self->next_place++;
    self->decoder->skip_frame = may_skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
    if (may_skip)
        self->skipped_to = MAX(self->skipped_to, entry->rank);
    int rc = avcodec_send_packet(self->decoder, self->packet);
    av_packet_unref(self->packet);
    return vera_clip_movie_take_result(self, rc, error);
}

static gboolean
vera_clip_movie_go_to(VeraClipMovie *self, guint key, GCancellable *cancellable, GError **error)
{
    const VeraClipEntry *entry = vera_clip_index_get(&self->index, key);
    gint64 targets[2] = {entry->pts, entry->dts};

    for (int i = 0; i < 2 && !self->index.lacks_pts; i++) {
        int rc = vera_clip_movie_try_seek(self, key, targets[i], cancellable, error);
        if (rc < 0)
            return FALSE;
        if (rc == 0)
            continue;
        self->next_place = key;
        return vera_clip_movie_send(self, error);
    }
    if (!vera_clip_movie_rewind(self, error))
        return FALSE;
    while (self->next_place < key) {
        int rc = vera_clip_movie_read_packet(self, cancellable, error);
        if (rc <= 0)
            return rc == 0 ? vera_clip_movie_fail_changed(self, error) : FALSE;
        self->next_place++;
    }
    vera_clip_movie_forget(self, key);
    self->next_place = key;
    return TRUE;
}

gboolean
vera_clip_movie_seek(VeraClipMovie *self, guint key, GCancellable *cancellable, GError **error)
{
    if (vera_clip_movie_go_to(self, key, cancellable, error))
        return TRUE;
    self->next_place = -1;
    return FALSE;
}

/** Gives the decoder one more packet, or the end of the file. */
static gboolean
vera_clip_movie_feed(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    int rc = vera_clip_movie_read_packet(self, cancellable, error);
    if (rc < 0)
        return FALSE;
    if (rc == 0) {
        self->is_drained = TRUE;
        return vera_clip_movie_take_result(self, avcodec_send_packet(self->decoder, NULL), error);
    }
    gint64 place = vera_clip_index_find(&self->index, self->packet, self->next_place);
    if (self->trusts_order && self->next_place < self->index.entries->len &&
        vera_clip_index_get(&self->index, (guint)self->next_place)->size == self->packet->size)
        place = self->next_place;
    if (place < 0)
        return vera_clip_movie_fail_changed(self, error);
    self->next_place = place;
    return vera_clip_movie_send(self, error);
}

static gboolean
vera_clip_movie_is_whole(const AVFrame *picture)
{
    return (picture->flags & AV_FRAME_FLAG_CORRUPT) == 0 && picture->decode_error_flags == 0;
}

/** The packet that @picture, which has just come out, was made from; its time tells. */
static guint
vera_clip_movie_get_place(const VeraClipMovie *self, const AVFrame *picture)
{
    if (picture->pts < 0)
        return (guint)(-1 - picture->pts);
    return g_array_index(self->index.order, guint,
                         MIN((guint)picture->pts, self->index.order->len - 1));
}

/** Takes what the decoder gives out, if there is any. @result: (out): what it said. Returns:
 * success */
static gboolean
vera_clip_movie_receive(VeraClipMovie *self, int *result, GError **error)
{
    AVFrame *picture = av_frame_alloc();

    *result = picture != NULL ? avcodec_receive_frame(self->decoder, picture) : AVERROR(ENOMEM);
    /* First, for the trouble may be that of the picture which comes with it. */
    gboolean is_fine = vera_clip_movie_take_result(self, *result, error);
    if (*result >= 0) {
        guint place = vera_clip_movie_get_place(self, picture);
        vera_clip_soundness_receive(&self->soundness, place, vera_clip_movie_is_whole(picture));
        if (picture->pts >= 0) {
            picture->opaque = GUINT_TO_POINTER(place);
            g_queue_push_tail(&self->held, g_steal_pointer(&picture));
        }
    }
    av_frame_free(&picture);
    return is_fine;
}

/** Makes the oldest picture that is held the one in hand, if it can be judged. */
static gboolean
vera_clip_movie_release(VeraClipMovie *self)
{
    AVFrame *picture = g_queue_peek_head(&self->held);
    gint64 culprit = -1;

    if (picture == NULL)
        return FALSE;
    switch (
        vera_clip_soundness_judge(&self->soundness, GPOINTER_TO_UINT(picture->opaque), &culprit)) {
    case VERA_CLIP_VERDICT_UNKNOWN:
        return FALSE;
    case VERA_CLIP_VERDICT_SOUND:
        culprit = -1;
        break;
    case VERA_CLIP_VERDICT_DAMAGED:
        break;
    }
    g_queue_pop_head(&self->held);
    av_frame_unref(self->picture);
    av_frame_move_ref(self->picture, picture);
    av_frame_free(&picture);
    if (self->index.lacks_pts)
        self->picture->pts = self->last_rank + 1;
    self->last_rank = self->picture->pts;
    self->culprit = culprit;
    return TRUE;
}

VeraClipStep
vera_clip_movie_step(VeraClipMovie *self, GCancellable *cancellable, GError **error)
{
    for (;;) {
        if (vera_clip_movie_release(self))
            return VERA_CLIP_STEP_PICTURE;
        if (self->soundness.is_over)
            return VERA_CLIP_STEP_END;
        int rc;
        if (!vera_clip_movie_receive(self, &rc, error))
            return VERA_CLIP_STEP_FAILED;
        self->soundness.is_over = rc == AVERROR_EOF || (self->is_drained && rc == AVERROR(EAGAIN));
        if (rc == AVERROR(EAGAIN) && !self->soundness.is_over &&
            !vera_clip_movie_feed(self, cancellable, error))
            return VERA_CLIP_STEP_FAILED;
    }
}

/** The picture in hand, which is frame last_rank, as a frame. */
static VeraFrame *
vera_clip_movie_finish(VeraClipMovie *self, GError **error)
{
    gint64 rank = self->last_rank;

    if (!vera_clip_look_matches(&self->look, self->picture)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ changes its picture size or format at frame %" G_GINT64_FORMAT
                    "; cut it there and use one part.",
                    self->path, rank);
        return NULL;
    }
    VeraFrame *frame = vera_clip_look_unpack(&self->look, self->picture, error);
    if (frame != NULL) {
        frame->index = rank;
        frame->pts =
            self->index.lacks_pts ? rank : vera_clip_index_get_shown(&self->index, rank)->pts;
    }
    return frame;
}

/** Hands over the picture in hand if somebody wants it and it is sure to be right: what leads the
 * key frame that decoding started from may lack what it refers to. */
static void
vera_clip_movie_pass(VeraClipMovie *self, const VeraClipPassing *passing)
{
    gint64 rank = self->last_rank;

    if (passing == NULL || passing->take == NULL || rank >= self->index.order->len ||
        self->culprit >= 0)
        return;
    if (!self->index.lacks_pts &&
        vera_clip_index_get_key(&self->index, rank, 0) < self->start_place)
        return;
    if (passing->wants != NULL && !passing->wants(rank, passing->data))
        return;
    /* Trouble with this frame is told to whoever asks for it. */
    g_autoptr(VeraFrame) frame = vera_clip_movie_finish(self, NULL);
    if (frame != NULL)
        passing->take(frame, passing->data);
}

/** Decodes on until frame @rank; %NULL without an error if it does not come, or comes damaged. */
static VeraFrame *
vera_clip_movie_decode_to(VeraClipMovie *self,
                          gint64 rank,
                          const VeraClipPassing *passing,
                          GCancellable *cancellable,
                          GError **error)
{
    while (vera_clip_movie_step(self, cancellable, error) == VERA_CLIP_STEP_PICTURE) {
        if (self->last_rank == rank)
            return self->culprit < 0 ? vera_clip_movie_finish(self, error) : NULL;
        if (self->last_rank > rank + VERA_CLIP_DISORDER)
            break;
        if (self->last_rank < rank)
            vera_clip_movie_pass(self, passing);
    }
    self->culprit = g_array_index(self->index.order, guint, rank);
    return NULL;
}

/** Whether frame @rank comes out of the decoder without a seek. */
static gboolean
vera_clip_movie_is_ahead(const VeraClipMovie *self, gint64 rank)
{
    if (self->next_place < 0 || rank <= self->last_rank || rank <= self->skipped_to ||
        vera_clip_soundness_is_spoilt(&self->soundness))
        return FALSE;
    if (self->index.lacks_pts)
        return TRUE;
    gint64 key = vera_clip_index_get_key(&self->index, rank, 0);
    if (key < self->start_place)
        return FALSE;
    return key <= self->next_place || (self->last_rank >= 0 && rank == self->last_rank + 1);
}

static gboolean
vera_clip_movie_is_unchanged(VeraClipMovie *self, GError **error)
{
    GStatBuf facts;
    if (g_stat(self->path, &facts) != 0)
        return TRUE;
    gint64 mtime =
        (gint64)facts.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + facts.st_mtim.tv_nsec;
    if (mtime == self->mtime && facts.st_size == self->file_size)
        return TRUE;
    return vera_clip_movie_fail_changed(self, error);
}

/** Takes a new decoder where the one in use has met damage, or is not as careful as wanted. */
static gboolean
vera_clip_movie_renew(VeraClipMovie *self, gboolean is_careful, GError **error)
{
    if (self->is_careful == is_careful && !vera_clip_soundness_is_spoilt(&self->soundness))
        return TRUE;
    self->is_careful = is_careful;
    return vera_clip_movie_open_decoder(self, error);
}

/** The damaged packet, found before, that frame @rank is made from, or -1. */
static gint64
vera_clip_movie_find_damage(const VeraClipMovie *self, gint64 rank)
{
    guint place = g_array_index(self->index.order, guint, rank);
    guint base = vera_clip_index_get_base(&self->index, place);

    for (guint i = 0; i < self->known_damage->len; i++) {
        const VeraClipDamage *damage = &g_array_index(self->known_damage, VeraClipDamage, i);
        if (damage->place == place ||
            (damage->place >= base && damage->place < place && !damage->is_alone))
            return damage->place;
    }
    return -1;
}

static void
vera_clip_movie_note_damage(VeraClipMovie *self)
{
    VeraClipDamage damage = {
        (guint)self->culprit,
        vera_clip_soundness_is_alone(&self->soundness, (guint)self->culprit),
    };
    g_array_append_val(self->known_damage, damage);
}

/**
 * The frame @rank, starting again carefully and then further and further back; %NULL without an
 * error if it never comes. Damage that is found twice in the same place is there, and is kept in
 * mind.
 */
static VeraFrame *
vera_clip_movie_decode(VeraClipMovie *self,
                       gint64 rank,
                       const VeraClipPassing *passing,
                       GCancellable *cancellable,
                       GError **error)
{
    GError *local = NULL;
    VeraFrame *frame = NULL;
    gint64 culprit = self->culprit = vera_clip_movie_find_damage(self, rank);

    if (culprit >= 0)
        return NULL;
    self->whole_from = passing != NULL ? MIN(passing->whole_from, rank) : rank;
    if (vera_clip_movie_is_ahead(self, rank))
        frame = vera_clip_movie_decode_to(self, rank, passing, cancellable, &local);
    for (int i = 0; i < VERA_CLIP_RETRIES && frame == NULL && local == NULL; i++) {
        gboolean is_last = i == VERA_CLIP_RETRIES - 1 || self->index.lacks_pts;
        guint key = is_last ? 0 : vera_clip_index_get_key(&self->index, rank, i / 2);
        culprit = self->culprit;
        if (vera_clip_movie_renew(self, i > 0, &local) &&
            vera_clip_movie_seek(self, key, cancellable, &local))
            frame = vera_clip_movie_decode_to(self, rank, passing, cancellable, &local);
        if ((i > 0 && key == 0) || (i > 1 && culprit == self->culprit))
            break;
    }
    if (frame == NULL && local == NULL && self->culprit >= 0)
        vera_clip_movie_note_damage(self);
    if (local != NULL)
        g_propagate_error(error, local);
    return frame;
}

/** Says that frame @index cannot be had, and why. */
static void
vera_clip_movie_tell_damage(VeraClipMovie *self, gint64 index, GError **error)
{
    gint64 cause =
        self->culprit >= 0 ? vera_clip_index_get(&self->index, (guint)self->culprit)->rank : index;

    if (cause >= 0 && cause != index)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "Frame %" G_GINT64_FORMAT
                    " of ‘%s’ cannot be trusted: it is made from frame %" G_GINT64_FORMAT
                    ", which is damaged; use a range without it or a sound copy of "
                    "the file.",
                    index, self->path, cause);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "Frame %" G_GINT64_FORMAT
                    " of ‘%s’ is damaged or missing; use a range without it "
                    "or a sound copy of the file.",
                    index, self->path);
}

/** Keeps @frame as the newest one, or completes the report of why there is none. */
static VeraFrame *
vera_clip_movie_answer(
    VeraClipMovie *self, gint64 index, VeraFrame *frame, GError *local, GError **error)
{
    if (frame != NULL) {
        g_clear_pointer(&self->newest, vera_frame_unref);
        self->newest = vera_frame_ref(frame);
        return frame;
    }
    /* A cancelled read stopped between two packets and can go on. */
    if (!g_error_matches(local, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED))
        self->next_place = -1;
    if (local == NULL)
        vera_clip_movie_tell_damage(self, index, &local);
    g_propagate_error(error, local);
    return NULL;
}

VeraFrame *
vera_clip_movie_read(VeraClipBackend *backend,
                     gint64 index,
                     const VeraClipPassing *passing,
                     GCancellable *cancellable,
                     GError **error)
{
    VeraClipMovie *self = (VeraClipMovie *)backend;
    GError *local = NULL;

    if (!vera_clip_movie_is_unchanged(self, error))
        return NULL;
    if (self->newest != NULL && self->newest->index == index)
        return vera_frame_ref(self->newest);
    VeraFrame *frame = vera_clip_movie_decode(self, index, passing, cancellable, &local);
    return vera_clip_movie_answer(self, index, frame, local, error);
}

gint64
vera_clip_movie_get_key(VeraClipBackend *backend, gint64 index)
{
    VeraClipMovie *self = (VeraClipMovie *)backend;

    if (self->index.lacks_pts)
        return 0;
    guint key = vera_clip_index_get_key(&self->index, index, 0);
    return CLAMP(vera_clip_index_get(&self->index, key)->rank, 0, index);
}

/** Gives the decoder the packets of the picture at @key and nothing more. */
static gboolean
vera_clip_movie_send_only(VeraClipMovie *self, guint key, GCancellable *cancellable, GError **error)
{
    if (!vera_clip_movie_seek(self, key, cancellable, error))
        return FALSE;
    if (self->next_place == key && !vera_clip_movie_feed(self, cancellable, error))
        return FALSE;
    /* The second field of an interlaced picture may be a packet of its own. */
    if (self->next_place < self->index.entries->len &&
        !vera_clip_index_get(&self->index, (guint)self->next_place)->is_shown &&
        !vera_clip_movie_feed(self, cancellable, error))
        return FALSE;
    if (!self->is_drained)
        avcodec_send_packet(self->decoder, NULL);
    self->is_drained = TRUE;
    return TRUE;
}

VeraFrame *
vera_clip_movie_read_key(VeraClipBackend *backend,
                         gint64 index,
                         GCancellable *cancellable,
                         GError **error)
{
    VeraClipMovie *self = (VeraClipMovie *)backend;
    GError *local = NULL;
    VeraFrame *frame = NULL;
    guint key = vera_clip_index_get_key(&self->index, index, 0);
    gint64 rank = vera_clip_index_get(&self->index, key)->rank;

    if (self->index.lacks_pts || rank < 0)
        return vera_clip_movie_read(backend, index, NULL, cancellable, error);
    if (!vera_clip_movie_is_unchanged(self, error))
        return NULL;
    self->whole_from = rank;
    if (vera_clip_movie_renew(self, FALSE, &local) &&
        vera_clip_movie_send_only(self, key, cancellable, &local))
        frame = vera_clip_movie_decode_to(self, rank, NULL, cancellable, &local);
    self->next_place = -1;
    if (frame != NULL)
        return frame;
    return vera_clip_movie_answer(self, rank, NULL, local, error);
}
