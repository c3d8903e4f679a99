#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * VeraSnapper: a small network that finds the edge of what a background change keeps, where a
 * model's matte says only roughly where it is.
 *
 * It looks at one frame at a time and two around it. Encoder and decoder are joined at every size;
 * their parts are those of the VAE: channel norm, SiLU, convolution. The network in PyTorch:
 * training/vera_training/snapper.py. Thread-safety: one thread at a time.
 */
typedef struct _VeraSnapper VeraSnapper;

/** VERA_SNAPPER_N_INPUTS: of each of three frames colour, what the model keeps, and the evidence of
 * the colours; and the region */
#define VERA_SNAPPER_N_INPUTS 16

VeraSnapper *vera_snapper_new(VeraRuntime *runtime,
                              const VeraSnapperConfig *config,
                              VeraWeights *weights,
                              GError **error);
void vera_snapper_free(VeraSnapper *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraSnapper, vera_snapper_free)

/** vera_snapper_get_specs: Returns: (transfer container) (element-type VeraWeightSpec): every
 * tensor, in the order in which they are used */
GPtrArray *vera_snapper_get_specs(const VeraSnapperConfig *config);

/**
 * vera_snapper_run:
 * @input: host memory [%VERA_SNAPPER_N_INPUTS, @height, @width], all -1..1: planes of the frame
 * that is some frames before (colour, what the model keeps, evidence), of the frame itself and of
 * the one behind; then the side of the user's region that the subject is on, 0 without a region
 * @kept: (out caller-allocates): host memory [@height, @width]: how much of the source is kept,
 * 0..1
 *
 * Errors: %VERA_ENGINE_ERROR_USAGE for sides that are no multiples of the network's smallest scale,
 * and those of the runtime.
 */
gboolean vera_snapper_run(VeraSnapper *self,
                          const float *input,
                          int width,
                          int height,
                          float *kept,
                          GCancellable *cancellable,
                          GError **error);

G_END_DECLS
