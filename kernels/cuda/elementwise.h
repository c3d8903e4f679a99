#pragma once

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/vera-k-ops.h"

/*
 * Elementwise operators and norms on an NVIDIA GPU: the operators of vera-k-ops.h, already validated, with device pointers. All is
 * ordered in the stream and nothing waits; the same arguments give the same bytes. All return VERA_K_OK, or VERA_K_ERR_INTERNAL when a
 * launch failed, and then cudaPeekAtLastError() says why.
 */

VeraKStatus vera_k_cuda_gate_add(const VeraKGateAdd *op, cudaStream_t stream);
VeraKStatus vera_k_cuda_activate(const VeraKActivate *op, cudaStream_t stream);
VeraKStatus vera_k_cuda_combine(const VeraKCombine *op, cudaStream_t stream);
VeraKStatus vera_k_cuda_copy(const VeraKCopy *op, cudaStream_t stream);

/** vera_k_cuda_embed: @ids: op->ids in device memory */
VeraKStatus vera_k_cuda_embed(const VeraKEmbed *op, const int64_t *ids, cudaStream_t stream);

/** vera_k_cuda_is_finite: *@n_bad (device memory), set to 0 beforehand, becomes not 0 if an element is NaN or infinite. */
VeraKStatus vera_k_cuda_is_finite(const VeraKIsFinite *op, unsigned *n_bad, cudaStream_t stream);

VeraKStatus vera_k_cuda_layer_norm(const VeraKLayerNorm *op, cudaStream_t stream);
VeraKStatus vera_k_cuda_rms_norm(const VeraKRmsNorm *op, cudaStream_t stream);
VeraKStatus vera_k_cuda_channel_norm(const VeraKChannelNorm *op, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
