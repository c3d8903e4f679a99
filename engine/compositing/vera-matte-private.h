#pragma once

#include "engine/compositing/vera-matte.h"

G_BEGIN_DECLS

/*
 * Steps of vera_matte_refine(), each on a one-channel image in place. They return FALSE only when scratch memory cannot be had.
 */

/** vera_matte_grow: grey dilation (radius > 0) or erosion (radius < 0) by a disc; the fractional radius mixes two discs. */
gboolean vera_matte_grow(const VeraImage *matte, float radius);

/** vera_matte_feather: Gaussian blur of standard deviation @sigma, borders repeated. */
gboolean vera_matte_feather(const VeraImage *matte, float sigma);

/** vera_matte_despeckle: 4-connected islands (values >= 0.5) and holes under @n_pixels take the value 0 (1). */
gboolean vera_matte_despeckle(const VeraImage *matte, int n_pixels);

G_END_DECLS
