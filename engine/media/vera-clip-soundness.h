#pragma once

#include "engine/media/vera-clip-index.h"

G_BEGIN_DECLS

/**
 * VeraClipVerdict:
 * @VERA_CLIP_VERDICT_UNKNOWN: the packet's picture has not come out of the decoder yet
 * @VERA_CLIP_VERDICT_SOUND: it came out, or was left out on purpose
 * @VERA_CLIP_VERDICT_DAMAGED: it is damaged, or never came
 *
 * What is known of a picture.
 */
typedef enum {
    VERA_CLIP_VERDICT_UNKNOWN,
    VERA_CLIP_VERDICT_SOUND,
    VERA_CLIP_VERDICT_DAMAGED,
} VeraClipVerdict;

/**
 * VeraClipSoundness:
 * @index: (transfer none): the packets
 * @records: what is known of each packet that was sent since the decoder was emptied
 * @damaged: (element-type guint): places of packets of which nothing may be used, ascending
 * @start: place of the first of @records
 * @highest: the highest frame that came out, or -1
 * @is_over: nothing more will come out
 * @wants_all: a packet without a picture is damage
 * @known_key: key frame of the last judgement
 * @known_to: all is known of the packets from @known_key to here
 *
 * Which pictures of a stream can be trusted. A decoder conceals damage: it says so of the picture
 * that is damaged, and nothing of those that are made from it, some of which are shown before it.
 * So a picture is judged when all is known of every packet that it may refer to, which are those
 * from its key frame on. What a decoder makes after it has met damage is not trusted either, key
 * frames included: FFmpeg's H.264 decoder has been seen to keep a wrong state through them.
 */
typedef struct {
    const VeraClipIndex *index;
    GByteArray *records;
    GArray *damaged;
    guint start;
    gint64 highest;
    gboolean is_over;
    gboolean wants_all;
    guint known_key;
    guint known_to;
} VeraClipSoundness;

/**
 * vera_clip_soundness_init: @wants_all: whether the codec makes a picture of each shown packet.
 * Makes @self ready for vera_clip_soundness_reset().
 */
void
vera_clip_soundness_init(VeraClipSoundness *self, const VeraClipIndex *index, gboolean wants_all);

/** vera_clip_soundness_clear: frees what @self holds */
void vera_clip_soundness_clear(VeraClipSoundness *self);

/** vera_clip_soundness_reset: the decoder was emptied, packet @start comes next */
void vera_clip_soundness_reset(VeraClipSoundness *self, guint start);

/**
 * vera_clip_soundness_send:
 * @place: a packet
 * @is_alone: no other picture refers to it
 * @is_left_out: the decoder leaves it out, so that no picture will come
 *
 * Packet @place is sent to the decoder.
 */
void vera_clip_soundness_send(VeraClipSoundness *self,
                              guint place,
                              gboolean is_alone,
                              gboolean is_left_out);

/** vera_clip_soundness_withhold: packet @place is damaged, and the decoder does not get it */
void vera_clip_soundness_withhold(VeraClipSoundness *self, guint place, gboolean is_alone);

/** vera_clip_soundness_is_spoilt: Returns: whether the decoder has met damage since it was emptied
 */
gboolean vera_clip_soundness_is_spoilt(const VeraClipSoundness *self);

/** vera_clip_soundness_receive: the picture of packet @place came out */
void vera_clip_soundness_receive(VeraClipSoundness *self, guint place, gboolean is_sound);

/** vera_clip_soundness_fail: the decoder reports an error in one of the last @n packets that were
 * sent */
void vera_clip_soundness_fail(VeraClipSoundness *self, guint n);

/**
 * vera_clip_soundness_judge:
 * @self: soundness
 * @place: a packet whose picture came out
 * @culprit: (out): the damaged packet, if it is damaged
 *
 * Returns: whether the picture of @place is what was coded; unknown until more came out
 */
VeraClipVerdict vera_clip_soundness_judge(VeraClipSoundness *self, guint place, gint64 *culprit);

/** vera_clip_soundness_is_alone: Returns: whether no other picture refers to that of packet @place,
 * as far as that is known */
gboolean vera_clip_soundness_is_alone(const VeraClipSoundness *self, guint place);

/** vera_clip_index_get_base: Returns: the first packet that the picture of packet @place may refer
 * to: its key frame's */
guint vera_clip_index_get_base(const VeraClipIndex *self, guint place);

G_END_DECLS
