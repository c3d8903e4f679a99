#pragma once

#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * vera_channel_normalise: the norm over channels of the VAE and the snapper (wan21-spec.md section
 * 3), and what follows it.
 * @gamma: [C]
 * @x: F32 [T, H, W, C]
 * @dtype: of the result; that of operands of products where it only feeds them
 * @what: name of the step, for the message
 *
 * Returns: (transfer full): a tensor like @x, or %NULL
 */
VeraTensor *vera_channel_normalise(VeraRuntime *runtime,
                                   VeraKTensor gamma,
                                   VeraTensor *x,
                                   VeraKActivation activation,
                                   VeraKDType dtype,
                                   const char *what,
                                   GError **error);

G_END_DECLS
