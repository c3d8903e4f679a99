#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraMatteEvidence: how much the colour of a pixel speaks for its being kept.
 *
 * A background change keeps its subject from the source. Over all frames, colours are counted
 * inside of where the subject may be and around it; what a pixel's colour says is the share of the
 * first. The snapper (diffusion/vera-snapper.h) looks at it beside the picture. Same input, same
 * bytes.
 *
 * Planes are of one size. Pictures are planar [3, height, width], display-coded, -1..1.
 *
 * Thread-safety: one thread at a time; vera_matte_evidence_weigh() from several.
 */
typedef struct _VeraMatteEvidence VeraMatteEvidence;

/** vera_matte_evidence_new: Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY. Returns: (transfer full): one
 * that has seen nothing, or %NULL */
VeraMatteEvidence *vera_matte_evidence_new(int width, int height, GError **error);
void vera_matte_evidence_free(VeraMatteEvidence *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraMatteEvidence, vera_matte_evidence_free)

/**
 * vera_matte_evidence_count:
 * @rgb: a frame
 * @maybe: where the subject may be, 0..1
 *
 * Counts the frame's colours: inside by the square of @maybe; around by the square of its rest, as
 * far as 0.3 of the width along each axis from where @maybe is more than a quarter.
 */
void vera_matte_evidence_count(VeraMatteEvidence *self, const float *rgb, const float *maybe);

/** vera_matte_evidence_close: after the last frame has been counted, before the first is weighed:
 * similar colours count for each other. */
void vera_matte_evidence_close(VeraMatteEvidence *self);

/** vera_matte_evidence_weigh: @evidence (out caller-allocates): 0 where the colour was seen around
 * alone, 1 where inside alone, half where never. */
void vera_matte_evidence_weigh(const VeraMatteEvidence *self, const float *rgb, float *evidence);

G_END_DECLS
