#pragma once

#include "engine/media/vera-clip.h"
#include "engine/media/vera-frame-store.h"
#include "engine/media/vera-proxy-store.h"

G_BEGIN_DECLS

#define VERA_TYPE_FRAME_CACHE (vera_frame_cache_get_type())
G_DECLARE_FINAL_TYPE(VeraFrameCache, vera_frame_cache, VERA, FRAME_CACHE, GObject)

/**
 * VeraFrameCache:
 *
 * Decodes the frames around a playhead in threads of its own and keeps them, bounded in memory. One
 * thread decodes the frame that is asked for and then what will be asked for next; another one
 * shows the proxy, the sketch or the key frame of a place that has nothing yet.
 *
 * Thread-safety: every function may be called from any thread, and none but vera_frame_cache_new(),
 * vera_frame_cache_close(), vera_frame_cache_sketch() and vera_frame_cache_set_ready_func() waits
 * for anything.
 */

/**
 * VeraFrameCacheReadyFunc:
 * @frame: frame number
 * @error: (nullable): why the frame at the playhead could not be read; %NULL when @frame arrived
 * @data: as given to vera_frame_cache_set_ready_func()
 *
 * Called from a worker thread each time a frame arrives (exact or approximate: ask
 * vera_frame_cache_get() for the playhead), and when the frame at the playhead cannot be read.
 * Return soon, and do not close the cache or set the function from here.
 */
typedef void (*VeraFrameCacheReadyFunc)(gint64 frame, const GError *error, gpointer data);

/**
 * vera_frame_cache_new:
 * @clip_path: as for vera_clip_open()
 * @max_bytes: limit of the memory for frames; two frames are kept whatever it says
 * @error: return location for a #GError
 *
 * Opens the clip and reads its index, which may take a second for an hour of film: call it from a
 * task's thread. Nothing is decoded before the first vera_frame_cache_request(). Errors: as
 * vera_clip_open().
 *
 * Returns: (transfer full): a cache, or %NULL
 */
VeraFrameCache *vera_frame_cache_new(const char *clip_path, gsize max_bytes, GError **error);

/** vera_frame_cache_get_clip: Returns: (transfer none): the clip, for its facts, times and key
 * frames alone: never read from it */
VeraClip *vera_frame_cache_get_clip(VeraFrameCache *self);

/**
 * vera_frame_cache_request:
 * @self: a cache
 * @frame: where the playhead is, 0..n_frames-1 (clamped)
 * @direction: where it goes: 1 forward, -1 backward, 0 when that is not known; 2, 4, -8 ... for
 * faster play
 *
 * Tells that the playhead moved. The latest request wins: a read that no longer helps is broken off
 * between two packets. Asking again for a frame that could not be read, after having asked for
 * another, tries again.
 */
void vera_frame_cache_request(VeraFrameCache *self, gint64 frame, int direction);

/** vera_frame_cache_get: Returns: (transfer full) (nullable): exactly frame @frame, if it is here
 */
VeraFrame *vera_frame_cache_get(VeraFrameCache *self, gint64 frame);

/**
 * vera_frame_cache_get_nearest:
 * @self: a cache
 * @frame: a frame number
 * @found: (out) (optional): the number of the frame that is returned, or -1
 *
 * The frame next to @frame that is here, to have something to show while the right one comes. May
 * be approximate.
 *
 * Returns: (transfer full) (nullable): a frame
 */
VeraFrame *vera_frame_cache_get_nearest(VeraFrameCache *self, gint64 frame, gint64 *found);

/**
 * vera_frame_cache_set_ready_func:
 * @self: a cache
 * @func: (nullable): the function
 * @data: handed to @func
 *
 * When this returns, the function set before is not running and will not be called again.
 */
void
vera_frame_cache_set_ready_func(VeraFrameCache *self, VeraFrameCacheReadyFunc func, gpointer data);

/** vera_frame_cache_get_cached: puts first and last frame of each run of exact frames into @ranges
 * (element-type gint64), in order, replacing its content */
void vera_frame_cache_get_cached(VeraFrameCache *self, GArray *ranges);

/** vera_frame_cache_set_max_bytes: changes the limit; what is beyond it goes at once */
void vera_frame_cache_set_max_bytes(VeraFrameCache *self, gsize max_bytes);

/** vera_frame_cache_get_playhead: Returns: the frame that was requested last, 0 before */
gint64 vera_frame_cache_get_playhead(VeraFrameCache *self);

/**
 * vera_frame_cache_set_proxies:
 * @self: a cache
 * @proxies: (transfer none) (nullable): small pictures of its clip
 *
 * Where the exact frame is not there at once, a proxy nearer to it than any frame that is there is
 * shown until it is: vera_frame_cache_get_nearest() then gives a frame with #VeraFrame.is_proxy.
 * vera_frame_cache_get() never does.
 */
void vera_frame_cache_set_proxies(VeraFrameCache *self, VeraProxyStore *proxies);

/**
 * vera_frame_cache_sketch:
 * @self: a cache
 * @frame: a frame of its clip that was decoded for something else, best a key frame
 *
 * Keeps a small picture of it, until there are too many. Where nothing nearer to the playhead is
 * there, it is shown at once like a proxy, without anything being decoded. Takes as long as coding
 * a small JPEG picture. Frames of a format without proxies are not kept.
 */
void vera_frame_cache_sketch(VeraFrameCache *self, const VeraFrame *frame);

/**
 * vera_frame_cache_start_sketches:
 * @self: a cache
 *
 * Has key frames all over the clip sketched in a thread of low priority, one after the other so
 * that those which are there lie evenly, and ends: from then on there is something to look at in
 * a few milliseconds wherever the playhead goes. Does nothing the second time, and where frames
 * are of a format without proxies.
 */
void vera_frame_cache_start_sketches(VeraFrameCache *self);

/** vera_frame_cache_get_bytes: Returns: bytes of the frames held */
gsize vera_frame_cache_get_bytes(VeraFrameCache *self);

/**
 * vera_frame_cache_close: breaks off what is being decoded, waits for the threads (as long as one
 * picture takes) and frees the frames. Later requests do nothing. Dropping the last reference
 * closes too.
 */
void vera_frame_cache_close(VeraFrameCache *self);

G_END_DECLS
