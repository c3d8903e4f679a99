#pragma once

#include <gio/gio.h>

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

#define VERA_TYPE_FRAME_CACHE (vera_frame_cache_get_type())

/**
 * VeraFrameCache: decoded frames of one clip around the playhead, made by a thread of its own.
 *
 * Thread-safety: any thread may call; nothing but vera_frame_cache_new() and vera_frame_cache_close() blocks.
 */
G_DECLARE_FINAL_TYPE(VeraFrameCache, vera_frame_cache, VERA, FRAME_CACHE, GObject)

/** VeraFrameCacheReadyFunc: on the decoder's thread; frame @frame is there, or failed with @error. */
typedef void (*VeraFrameCacheReadyFunc)(gint64 frame, const GError *error, gpointer user_data);

/**
 * vera_frame_cache_new:
 * @clip_path: as in vera_clip_open()
 * @max_bytes: of decoded frames; at least two frames are kept whatever it says
 * @error: return location for a #GError
 *
 * Opens the clip (which may take a while: its packets are indexed) and starts the decoder.
 * Errors: those of vera_clip_open().
 *
 * Returns: (transfer full): a cache, or %NULL
 */
VeraFrameCache *vera_frame_cache_new(const char *clip_path, gsize max_bytes, GError **error);

/** vera_frame_cache_get_clip: Returns: (transfer none): the clip, for its facts alone: its frames belong to the decoder */
VeraClip *vera_frame_cache_get_clip(VeraFrameCache *self);

/**
 * vera_frame_cache_request:
 * @frame: where the playhead is; clamped to the clip
 * @direction: where it goes: negative, 0 or positive
 *
 * The latest request wins: its frame is decoded first, then those ahead in its direction, then a few behind. A request that is far
 * away stops the decoding of an older one between two packets.
 */
void vera_frame_cache_request(VeraFrameCache *self, gint64 frame, int direction);

/** vera_frame_cache_get: Returns: (transfer full) (nullable): frame @frame if it is in memory */
VeraFrame *vera_frame_cache_get(VeraFrameCache *self, gint64 frame);

/** vera_frame_cache_get_nearest: @found: (out): its number. Returns: (transfer full) (nullable): the frame in memory nearest to @frame */
VeraFrame *vera_frame_cache_get_nearest(VeraFrameCache *self, gint64 frame, gint64 *found);

/**
 * vera_frame_cache_set_ready_func: @func (nullable) is called for each frame that arrives or fails. When this returns, the
 * function that was set before is not running any more and is not called again.
 */
void vera_frame_cache_set_ready_func(VeraFrameCache *self, VeraFrameCacheReadyFunc func, gpointer user_data);

/** vera_frame_cache_get_cached: @ranges: (element-type gint64): filled with first and last frame of each run in memory, in order */
void vera_frame_cache_get_cached(VeraFrameCache *self, GArray *ranges);

/** vera_frame_cache_set_max_bytes: drops the frames farthest from the playhead if there are too many. */
void vera_frame_cache_set_max_bytes(VeraFrameCache *self, gsize max_bytes);

/** vera_frame_cache_get_bytes: Returns: memory that the frames take */
gsize vera_frame_cache_get_bytes(VeraFrameCache *self);

/** vera_frame_cache_close: stops the decoder and waits for it; frames that were handed out stay. */
void vera_frame_cache_close(VeraFrameCache *self);

G_END_DECLS
