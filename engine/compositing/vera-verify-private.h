#pragma once

#include "engine/compositing/vera-verify.h"
#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraVerifyPair:
 * @source: the decoded source
 * @comp: the composite as written
 * @mattes: (element-type VeraFrame): what was edited, one a layer; empty for a null edit
 * @matte_plane: the plane of each that holds it
 */
typedef struct {
    const VeraFrame *source;
    const VeraFrame *comp;
    const GPtrArray *mattes;
    int matte_plane;
} VeraVerifyPair;

/** vera_verify_compare_pictures: compares a PNG or EXR picture. Returns: %FALSE without memory */
gboolean
vera_verify_compare_pictures(const VeraVerifyPair *pair, VeraVerifyFrame *out, GError **error);

/** vera_verify_compare_samples: compares a frame in the source's own format, sample by sample.
 * Returns: %FALSE if the formats differ */
gboolean
vera_verify_compare_samples(const VeraVerifyPair *pair, VeraVerifyFrame *out, GError **error);

G_END_DECLS
