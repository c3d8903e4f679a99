#pragma once

#include <glib.h>

#include "engine/compositing/vera-resample.h"

G_BEGIN_DECLS

/**
 * vera_edge_clean:
 * @plate: three channels at plate size, display-coded, the source
 * @model_width: width of the matte before it was enlarged
 * @model_height: its height
 * @matte: (inout): one channel at plate size, enlarged by vera_matte_upscale(): 0 where the source is kept
 * @rgb: (inout): three channels at plate size, display-coded straight colour of the edit layer, 0..1
 * @error: return location for a #GError
 *
 * For changed backgrounds: takes the old background out of the soft edge of what is kept. Around each pixel of the edge, F is the
 * mean colour of the source where it is kept (matte 0) and B where it is not (matte 1), both within about three model pixels. The
 * pixel's own colour on the line from F to B says anew how much of it is background, trusted as far as F and B differ by more than
 * each of them varies: for S = a B + (1 - a) F, a = (S - F)(B - F) / |B - F|². Then the layer's colour there takes up what the soft
 * edge still shows of B: E becomes E + (1 - a)(F - B), so that E a + S (1 - a) is E a + F (1 - a) for such an S.
 *
 * Pixels whose matte is 0 or 1 stay as they are, and those near which one of both colours is not known.
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe; takes all cores; the result does not depend on their number.
 * Returns: %TRUE on success
 */
gboolean vera_edge_clean(const VeraImage *plate,
                         int model_width,
                         int model_height,
                         const VeraImage *matte,
                         const VeraImage *rgb,
                         GError **error);

G_END_DECLS
