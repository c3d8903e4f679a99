#pragma once

#include "engine/media/vera-frame-cache.h"

G_BEGIN_DECLS

/**
 * VeraThumbnails: small pictures of a clip for the filmstrip, made by a thread of low priority.
 *
 * A picture is made from the key frame that its frame is decoded from, which costs one picture's
 * time wherever it is; frames of one group of pictures share it.
 *
 * Thread-safety: every function may be called from any thread, and none but vera_thumbnails_free()
 * and vera_thumbnails_set_ready_func() waits for anything.
 */
typedef struct _VeraThumbnails VeraThumbnails;

/** VeraThumbnailsReadyFunc: in the worker thread; a picture arrived. Return soon. */
typedef void (*VeraThumbnailsReadyFunc)(gpointer data);

/**
 * vera_thumbnails_new:
 * @clip: an open clip, from which nothing is read here; a copy is made in the worker thread
 * @cache: (nullable): the clip's cache, which gets a sketch of each frame that is read
 * @height: height of the pictures in pixels, 8..1024; the width follows from the clip, square
 *   pixels
 * @max_bytes: limit of the memory for pictures; one is kept whatever it says
 *
 * Returns: (transfer full): thumbnails without a picture yet
 */
VeraThumbnails *
vera_thumbnails_new(VeraClip *clip, VeraFrameCache *cache, int height, gsize max_bytes);

/** vera_thumbnails_free: breaks off the work, waits for the thread and frees everything */
void vera_thumbnails_free(VeraThumbnails *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraThumbnails, vera_thumbnails_free)

/** vera_thumbnails_get_size: gives width and height of every picture */
void vera_thumbnails_get_size(VeraThumbnails *self, int *width, int *height);

/**
 * vera_thumbnails_request:
 * @self: thumbnails
 * @frames: (array length=n_frames): frame numbers that are to be seen, the first ones first
 * @n_frames: how many
 *
 * Replaces what was asked for before. Pictures that are not asked for go first when room is needed,
 * and asking for more than fit gives the first ones.
 */
void vera_thumbnails_request(VeraThumbnails *self, const gint64 *frames, guint n_frames);

/**
 * vera_thumbnails_get:
 * @self: thumbnails
 * @frame: a frame number
 * @shown: (out) (optional): which frame the picture shows, or -1
 *
 * Returns: (transfer full) (nullable): R, G, B, A of each pixel, one byte each, for an sRGB screen,
 * A always 255, rows without gaps; %NULL while it is not made, or where the clip is damaged
 */
GBytes *vera_thumbnails_get(VeraThumbnails *self, gint64 frame, gint64 *shown);

/** vera_thumbnails_get_bytes: Returns: bytes of all pictures held */
gsize vera_thumbnails_get_bytes(VeraThumbnails *self);

/** vera_thumbnails_set_ready_func: @func (nullable) is called for each picture. When this returns,
 * the function set before is not running and will not be called again. */
void
vera_thumbnails_set_ready_func(VeraThumbnails *self, VeraThumbnailsReadyFunc func, gpointer data);

/**
 * vera_frame_make_thumbnail:
 * @frame: a frame
 * @width: pixels, at most the frame's
 * @height: pixels, at most the frame's
 * @error: return location for a #GError
 *
 * Averages the samples under each pixel and converts the result as vera_frame_to_rgb() does; linear
 * light is coded for an sRGB screen. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe.
 * Returns: (transfer full): as vera_thumbnails_get(), or %NULL
 */
GBytes *vera_frame_make_thumbnail(const VeraFrame *frame, int width, int height, GError **error);

G_END_DECLS
