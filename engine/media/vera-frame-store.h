#pragma once

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraFrameStore:
 * @tree: entries by frame number
 * @bytes: bytes of all frames held
 * @max_bytes: limit of @bytes; two frames are held whatever it says
 * @playhead: frames near it are kept longest
 * @travel: where the playhead goes: below 0, 0 or above 0; on the side it leaves, frames go three
 * times as soon
 *
 * Frames by number, exact ones and approximate ones, bounded in memory.
 *
 * Thread-safety: none; the owner locks.
 */
typedef struct {
    GTree *tree;
    gsize bytes;
    gsize max_bytes;
    gint64 playhead;
    int travel;
} VeraFrameStore;

/** vera_frame_store_init: makes an empty store in @self */
void vera_frame_store_init(VeraFrameStore *self, gsize max_bytes);

/** vera_frame_store_clear: drops every frame and frees what @self holds */
void vera_frame_store_clear(VeraFrameStore *self);

/** vera_frame_store_set_max_bytes: sets the limit and drops what is beyond it */
void vera_frame_store_set_max_bytes(VeraFrameStore *self, gsize max_bytes);

/**
 * vera_frame_store_put:
 * @self: a store
 * @frame: a frame
 * @is_exact: %FALSE for one that is only good to be looked at
 *
 * Takes a reference. An exact frame replaces an approximate one. What is farthest from the playhead
 * makes room.
 *
 * Returns: whether the frame is held; %FALSE if it would be the first to go
 */
gboolean vera_frame_store_put(VeraFrameStore *self, VeraFrame *frame, gboolean is_exact);

/** vera_frame_store_has: Returns: whether frame @index is held and exact */
gboolean vera_frame_store_has(const VeraFrameStore *self, gint64 index);

/** vera_frame_store_get: Returns: (transfer full) (nullable): frame @index if it is held and exact
 */
VeraFrame *vera_frame_store_get(const VeraFrameStore *self, gint64 index);

/** vera_frame_store_get_nearest: Returns: (transfer full) (nullable): the frame next to @index,
 * exact or not; #VeraFrame.index says which */
VeraFrame *vera_frame_store_get_nearest(const VeraFrameStore *self, gint64 index);

/** vera_frame_store_has_any: Returns: whether a frame from @first to @last is held, exact or not */
gboolean vera_frame_store_has_any(const VeraFrameStore *self, gint64 first, gint64 last);

/** vera_frame_store_get_ranges: puts first and last frame of each run of exact frames into @ranges
 * (element-type gint64), in order, replacing its content */
void vera_frame_store_get_ranges(const VeraFrameStore *self, GArray *ranges);

G_END_DECLS
