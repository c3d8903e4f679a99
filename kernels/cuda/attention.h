#pragma once

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/vera-k-ops.h"

/* Attention on an NVIDIA GPU. Device pointers throughout; everything is ordered in the stream and nothing waits. */

/** VeraKCudaAttentionDevice: what the choice of a kernel depends on. */
typedef struct {
    int sm; /* 10 * major + minor of the compute capability: 80, 86, 90, 120, ...; wgmma needs a module built for 90a */
    bool avoids_wgmma; /* mma.sync on 90 too: for comparisons */
} VeraKCudaAttentionDevice;

/**
 * vera_k_cuda_attention_workspace: Returns: bytes that vera_k_cuda_attention() needs for @op, 0 if none; 256-byte aligned.
 * Depends on shapes, strides, types and on the alignment of the pointers, never on contents.
 */
size_t vera_k_cuda_attention_workspace(const VeraKCudaAttentionDevice *device, const VeraKAttention *op);

/**
 * vera_k_cuda_attention:
 * @device: the current device
 * @op: the operator as vera_k_attention() takes it, already validated, with device pointers. BF16 tensors whose pointers and strides (but the last) are multiples of
 *   16 bytes and whose head width is 32, 64, 96 or 128 are read where they lie.
 * @workspace: vera_k_cuda_attention_workspace() bytes; its contents are undefined before and after
 * @stream: where the work is queued
 *
 * Compute BF16 with a head width up to 128 runs on tensor cores (sm 80 and up), without biases and but for widths of 65 to 96 and up to 32
 * with wgmma on sm 90; everything else on plain F32 arithmetic. The same
 * arguments give the same bytes. May be called from any thread with a device of its own.
 * Returns: VERA_K_OK, VERA_K_ERR_INVALID (lengths beyond 2^31 tiles), or VERA_K_ERR_INTERNAL when a launch failed, and then
 * cudaPeekAtLastError() says why
 */
VeraKStatus
vera_k_cuda_attention(const VeraKCudaAttentionDevice *device, const VeraKAttention *op, void *workspace, cudaStream_t stream);

/** vera_k_cuda_attention_variant: Returns: the name of the kernel that runs @op, for logs: "f32", "mma" or "wgmma" */
const char *vera_k_cuda_attention_variant(const VeraKCudaAttentionDevice *device, const VeraKAttention *op);

#ifdef __cplusplus
}
#endif
