#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * VeraVae: the 3-D causal VAE (wan21-spec.md section 3), streaming in both directions: memory does
 * not grow with frames. Decoding has the precision of the runtime, encoding is always in F32.
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraVae VeraVae;

VeraVae *vera_vae_new(VeraRuntime *runtime, const VeraVaeConfig *config, VeraWeights *weights, GError **error);
void vera_vae_free(VeraVae *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraVae, vera_vae_free)

/** vera_vae_get_specs: Returns: (transfer container) (element-type VeraWeightSpec): every tensor, canonical names */
GPtrArray *vera_vae_get_specs(const VeraVaeConfig *config);

/**
 * vera_vae_estimate_bytes:
 * @width: of what goes in: pixels when encoding, latent pixels when decoding
 * @height: likewise
 *
 * Returns: bytes of activations, caches and scratch memory of one stream at the highest, weights not
 * counted
 */
guint64
vera_vae_estimate_bytes(const VeraVaeConfig *config, gboolean is_decoder, gint64 width, gint64 height);

/** vera_vae_estimate_gflop: sizes as above. Returns: 10^9 operations for one latent frame and the
 * frames that belong to it */
double vera_vae_estimate_gflop(const VeraVaeConfig *config,
                               gboolean is_decoder,
                               gint64 width,
                               gint64 height);

/**
 * VeraVaeStream: one encode or decode in progress, with its caches. A push that fails or is
 * cancelled leaves them unequal, so the stream takes no more after it; a push that is refused for
 * its arguments does no harm. Free it before its VAE.
 */
typedef struct _VeraVaeStream VeraVaeStream;

/** vera_vae_encoder_new: @width and @height in pixels, multiples of the spatial factor (else
 * %VERA_ENGINE_ERROR_USAGE). */
VeraVaeStream *vera_vae_encoder_new(VeraVae *vae, int width, int height, GError **error);

/**
 * vera_vae_encoder_push:
 * @frames: F32 host memory, [3, n_frames, H, W] in [-1, 1]
 * @n_frames: 1 for the first push, then a multiple of the temporal factor
 * @latents: (out caller-allocates): host memory [z, n, h, w], normalised posterior mean; n = 1 for the first push,
 *   then n_frames / temporal factor
 */
gboolean vera_vae_encoder_push(
    VeraVaeStream *self, const float *frames, int n_frames, float *latents, GCancellable *cancellable, GError **error);

/** vera_vae_decoder_new: @width and @height in latent pixels. */
VeraVaeStream *vera_vae_decoder_new(VeraVae *vae, int width, int height, GError **error);

/**
 * vera_vae_decoder_push:
 * @latent: host memory [z, 1, h, w], normalised
 * @frames: (out caller-allocates): host memory [3, n, H, W], clamped to [-1, 1]; n = 1 for the first push, then the temporal factor
 */
gboolean vera_vae_decoder_push(
    VeraVaeStream *self, const float *latent, float *frames, GCancellable *cancellable, GError **error);

void vera_vae_stream_free(VeraVaeStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraVaeStream, vera_vae_stream_free)

/** vera_vae_encode: whole clip [3, F, H, W] -> [z, f, h, w], F = temporal_factor * n + 1 (else %VERA_ENGINE_ERROR_USAGE) */
gboolean vera_vae_encode(VeraVae *self,
                         const float *video,
                         const gint64 video_shape[4],
                         float *latents,
                         GCancellable *cancellable,
                         GError **error);

/** vera_vae_decode: whole clip [z, f, h, w] -> [3, F, H, W] */
gboolean vera_vae_decode(VeraVae *self,
                         const float *latents,
                         const gint64 latents_shape[4],
                         float *video,
                         GCancellable *cancellable,
                         GError **error);

G_END_DECLS
