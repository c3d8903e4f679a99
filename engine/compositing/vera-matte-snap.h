#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraMatteSnap: moves the edge of what a matte leaves alone to the edges of the picture.
 *
 * A background change keeps its subject from the source, so that its true edge stands there. The model says roughly where; the
 * colours of the frames say exactly. In rounds, over all frames: colours are counted inside and around the kept area
 * (@vera_matte_snap_learn), then each frame's kept area is found anew as what a random walk with these colours as its prior ends in
 * (@vera_matte_snap_find; L. Grady, "Multilabel random walker image segmentation using prior models", 2005). Nothing further from
 * where it may be than about a tenth of the width is ever kept. Same input, same bytes.
 *
 * Planes are of one size. A kept area is 1 - matte: 1 where the source stays. Pictures are planar [3, height, width].
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraMatteSnap VeraMatteSnap;

/** Rounds after which little changes. */
#define VERA_MATTE_SNAP_ROUNDS 4

/** vera_matte_snap_new: Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY. Returns: (transfer full): one that has seen nothing, or %NULL */
VeraMatteSnap *vera_matte_snap_new(int width, int height, GError **error);
void vera_matte_snap_free(VeraMatteSnap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraMatteSnap, vera_matte_snap_free)

/** vera_matte_snap_begin: a new round: forgets all colours. */
void vera_matte_snap_begin(VeraMatteSnap *self);

/**
 * vera_matte_snap_learn:
 * @rgb: a frame, display-coded, -1..1
 * @drawn: what the model keeps of it, 0..1
 * @kept: what is kept by now; @drawn in the first round
 *
 * Counts the frame's colours. All frames come before the first vera_matte_snap_find() of a round.
 */
void vera_matte_snap_learn(VeraMatteSnap *self, const float *rgb, const float *drawn, const float *kept);

/**
 * vera_matte_snap_find:
 * @rgb: as for vera_matte_snap_learn()
 * @drawn: where it may be, 0..1: what the model keeps, and what else speaks for a place
 * @kept: (out caller-allocates): what is to be kept, 0..1
 */
void vera_matte_snap_find(VeraMatteSnap *self, const float *rgb, const float *drawn, float *kept);

G_END_DECLS
