#pragma once

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/vera-k-ops.h"

/*
 * What linear layers need on an NVIDIA GPU beside the product itself. Device pointers throughout; everything is ordered in the stream
 * and nothing waits. Return VERA_K_OK, or VERA_K_ERR_INTERNAL when a launch failed, and then cudaPeekAtLastError() says why.
 */

/** vera_k_cuda_convert: rows [m, n] of any float type, last stride 1, to dense rows of @dtype, F32 or BF16 (rounded to nearest even). */
VeraKStatus vera_k_cuda_convert(const VeraKTensor *src, VeraKDType dtype, void *dst, cudaStream_t stream);

/** vera_k_cuda_linear_finish: y = act(y + bias) on op->y, which holds the products. */
VeraKStatus vera_k_cuda_linear_finish(const VeraKLinear *op, cudaStream_t stream);

/** vera_k_cuda_linear_plain: the whole of @op, a thread for each result: for shapes that the library refuses. */
VeraKStatus vera_k_cuda_linear_plain(const VeraKLinear *op, cudaStream_t stream);

/** vera_k_cuda_find_code: Returns: cudaSuccess if this module has code for the current device */
cudaError_t vera_k_cuda_find_code(void);

#ifdef __cplusplus
}
#endif
