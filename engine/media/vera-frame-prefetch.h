#pragma once

#include "engine/media/vera-frame-store.h"

G_BEGIN_DECLS

/**
 * VeraFrameFetch:
 * @target: the frame to read
 * @keep_from: frames from here to @target are kept when they come by
 *
 * One read.
 */
typedef struct {
    gint64 target;
    gint64 keep_from;
} VeraFrameFetch;

/**
 * VeraFramePrefetch:
 * @store: (transfer none): what is there, where the playhead is and where it goes
 * @n_frames: frames of the clip
 * @capacity: frames that fit into the store
 * @rate: frames a second, rounded up
 * @speed: how many times faster than normal the playhead goes, at least 1
 * @is_jump: the playhead came from far away: going back, the frame itself is wanted sooner than
 * those before it
 * @get_key: the frame where decoding starts to reach another
 * @is_hopeless: whether a frame could not be read before
 * @data: handed to both
 *
 * What is known when the next read is chosen.
 */
typedef struct {
    const VeraFrameStore *store;
    gint64 n_frames;
    gint64 capacity;
    gint64 rate;
    gint64 speed;
    gboolean is_jump;
    gint64 (*get_key)(gint64 index, gpointer data);
    gboolean (*is_hopeless)(gint64 index, gpointer data);
    gpointer data;
} VeraFramePrefetch;

/**
 * vera_frame_prefetch_choose:
 * @self: what is known
 * @fetch: (out): what to read
 *
 * First the frame at the playhead; then what lies ahead in the direction of travel, then a little
 * of what lies behind. Going back, a group of pictures is decoded once and kept whole; of one that
 * does not fit, the part next to the playhead is kept, and the part before it is fetched when half
 * of what was kept is used up.
 *
 * Returns: %FALSE if all that is useful is there
 */
gboolean vera_frame_prefetch_choose(const VeraFramePrefetch *self, VeraFrameFetch *fetch);

G_END_DECLS
