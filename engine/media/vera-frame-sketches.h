#pragma once

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/**
 * VeraFrameSketches: small JPEG pictures of some frames of a clip, in memory and bounded: something
 * to look at while a frame far from all others is decoded.
 *
 * Thread-safety: safe; a put waits for another one, a look for neither.
 */
typedef struct _VeraFrameSketches VeraFrameSketches;

/** vera_frame_sketches_new: @info: facts of the clip. @max_bytes: limit of all pictures. Returns:
 * (transfer full): no sketches yet */
VeraFrameSketches *vera_frame_sketches_new(const VeraClipInfo *info, gsize max_bytes);

/** vera_frame_sketches_free: frees @self */
void vera_frame_sketches_free(VeraFrameSketches *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraFrameSketches, vera_frame_sketches_free)

/** vera_frame_sketches_can: Returns: whether frames of the clip can be sketched */
gboolean vera_frame_sketches_can(const VeraFrameSketches *self);

/**
 * vera_frame_sketches_put:
 * @self: sketches
 * @frame: a frame of the clip
 *
 * Makes a picture of it. Where there are too many, the one goes whose neighbours are nearest to it.
 *
 * Returns: whether there is a new picture; %FALSE if it was there before, or the format has none
 */
gboolean vera_frame_sketches_put(VeraFrameSketches *self, const VeraFrame *frame);

/** vera_frame_sketches_find: Returns: the number of the sketched frame next to @frame, at most
 * @reach away, or -1 */
gint64 vera_frame_sketches_find(VeraFrameSketches *self, gint64 frame, gint64 reach);

/** vera_frame_sketches_get: Returns: (transfer full) (nullable): the picture of frame @frame, for
 * vera_proxy_coder_decode() */
GBytes *vera_frame_sketches_get(VeraFrameSketches *self, gint64 frame);

G_END_DECLS
