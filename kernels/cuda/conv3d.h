#pragma once

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/vera-k-ops.h"

/*
 * Convolutions on an NVIDIA GPU (sm 80 and up): the operator as vera_k_conv3d() takes it, already validated, with device pointers.
 * Everything is ordered in the stream and nothing waits; the same arguments give the same bytes.
 */

/**
 * vera_k_cuda_conv3d_packed_size: Returns: bytes of the weights in the order of the kernels, 256-byte aligned. Depends on the shape of
 * the weights and on compute; a filled one serves every call with these weights and this compute.
 */
size_t vera_k_cuda_conv3d_packed_size(const VeraKConv3d *op);

/** vera_k_cuda_conv3d_pack: fills @packed from op->weight. Returns: VERA_K_OK or VERA_K_ERR_INTERNAL, see vera_k_cuda_conv3d() */
VeraKStatus vera_k_cuda_conv3d_pack(const VeraKConv3d *op, void *packed, cudaStream_t stream);

/**
 * vera_k_cuda_conv3d_workspace: Returns: bytes that vera_k_cuda_conv3d() needs for @op, 0 if none; 256-byte aligned. None where x and cache
 * are read where they lie: aligned to 16 bytes, of the type of the products, in pixels of whole multiples of 16 bytes.
 */
size_t vera_k_cuda_conv3d_workspace(const VeraKConv3d *op);

/**
 * vera_k_cuda_conv3d:
 * @op: the operator
 * @packed: what vera_k_cuda_conv3d_pack() made of its weights, which are not read again
 * @workspace: vera_k_cuda_conv3d_workspace() bytes; its contents are undefined before and after
 * @stream: where the work is queued
 *
 * Compute BF16 runs on tensor cores, F32 on plain F32 arithmetic; sums are F32 in both.
 * Returns: VERA_K_OK, VERA_K_ERR_INVALID (2^31 pixels and more in an output or a frame), or VERA_K_ERR_INTERNAL when a launch failed, and
 * then cudaPeekAtLastError() says why
 */
VeraKStatus vera_k_cuda_conv3d(const VeraKConv3d *op, const void *packed, void *workspace, cudaStream_t stream);

/** vera_k_cuda_conv3d_variant: Returns: the name of the kernel that runs @op, for logs: "f32" or "mma" */
const char *vera_k_cuda_conv3d_variant(const VeraKConv3d *op);

#ifdef __cplusplus
}
#endif
