#pragma once

#include <glib.h>
#include <libavcodec/packet.h>

G_BEGIN_DECLS

/**
 * VeraClipEntry:
 * @pts: presentation time in stream units
 * @dts: decoding time in stream units, or AV_NOPTS_VALUE
 * @pos: byte position in the file, or -1
 * @size: bytes
 * @is_key: whether decoding can start here
 * @is_shown: whether a frame comes of it (an edit list may hide it)
 * @rank: place in presentation order among the shown ones, or -1
 *
 * One packet of the video stream.
 */
typedef struct {
    gint64 pts;
    gint64 dts;
    gint64 pos;
    int size;
    gboolean is_key;
    gboolean is_shown;
    gint64 rank;
} VeraClipEntry;

/**
 * VeraClipIndex:
 * @entries: (element-type VeraClipEntry): every packet, in decoding order
 * @order: (element-type guint): places in @entries, in presentation order, shown ones only
 * @lacks_pts: whether a packet came without a time, so that frames can only be counted
 */
typedef struct {
    GArray *entries;
    GArray *order;
    gboolean lacks_pts;
} VeraClipIndex;

/** vera_clip_index_init: makes an empty index in @self */
void vera_clip_index_init(VeraClipIndex *self);

/** vera_clip_index_clear: frees what @self holds */
void vera_clip_index_clear(VeraClipIndex *self);

/** vera_clip_index_append: notes @packet as the next one in decoding order */
void vera_clip_index_append(VeraClipIndex *self, const AVPacket *packet, gboolean is_shown);

/** vera_clip_index_sort: numbers the shown packets in presentation order (equal times: as decoded)
 */
void vera_clip_index_sort(VeraClipIndex *self);

/** vera_clip_index_get: Returns: (transfer none): packet @i in decoding order */
VeraClipEntry *vera_clip_index_get(const VeraClipIndex *self, guint i);

/** vera_clip_index_get_shown: Returns: (transfer none): the packet of frame @rank */
VeraClipEntry *vera_clip_index_get_shown(const VeraClipIndex *self, gint64 rank);

/**
 * vera_clip_index_find:
 * @self: an index
 * @packet: a packet of the same file
 * @expected: where it should be
 *
 * Returns: the place of @packet in decoding order (@expected when that fits), or -1
 */
gint64 vera_clip_index_find(const VeraClipIndex *self, const AVPacket *packet, gint64 expected);

/**
 * vera_clip_index_get_key:
 * @self: an index
 * @rank: a frame
 * @n_earlier: how many key frames further back than needed
 *
 * The key frame from which frame @rank comes out right. A frame that is shown before the key frame
 * it follows in the file (open GOP) needs the one before.
 *
 * Returns: a place in decoding order; 0 if there is no such key frame
 */
guint vera_clip_index_get_key(const VeraClipIndex *self, gint64 rank, int n_earlier);

G_END_DECLS
