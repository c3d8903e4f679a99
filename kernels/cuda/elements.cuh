#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

extern "C" {
#include "kernels/vera-k-ops.h"
}

#include "kernels/cuda/ptx.cuh"

/* Elements of tensors on the device, and how a kernel over n of them is launched. */

#define VERA_K_ELEMENT_THREADS 256
#define VERA_K_ELEMENT_MAX_BLOCKS 65536

/** vera_k_element: Returns: element @i of a dense float array of any type, as F32; NULL data gives @otherwise */
static __device__ __forceinline__ float
vera_k_element(const void *data, int dtype, int64_t i, float otherwise)
{
    if (data == NULL)
        return otherwise;
    if (dtype == VERA_K_DTYPE_F32)
        return ((const float *)data)[i];
    if (dtype == VERA_K_DTYPE_BF16)
        return __bfloat162float(((const __nv_bfloat16 *)data)[i]);
    if (dtype == VERA_K_DTYPE_F16)
        return __half2float(((const __half *)data)[i]);
    unsigned bits = ((const uint8_t *)data)[i], magnitude = bits & 0x7f, sign = (bits & 0x80) << 24;
    if (magnitude == 0x7f)
        return __uint_as_float(0x7fc00000u);
    if (magnitude < 8)
        return __uint_as_float(__float_as_uint((float)magnitude / 512) | sign);
    return __uint_as_float(((magnitude >> 3) + 120) << 23 | (magnitude & 7) << 20 | sign);
}

static __device__ __forceinline__ float
vera_k_to_float(float x)
{
    return x;
}

static __device__ __forceinline__ float
vera_k_to_float(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

static __device__ __forceinline__ void
vera_k_store(float *address, float x)
{
    *address = x;
}

static __device__ __forceinline__ void
vera_k_store(__nv_bfloat16 *address, float x)
{
    *address = __float2bfloat16_rn(x);
}

/** vera_k_store_pair: two neighbours, or, without @has_two, one; at once where that is possible */
static __device__ __forceinline__ void
vera_k_store_pair(float *address, bool has_two, float low, float high)
{
    address[0] = low;
    if (has_two)
        address[1] = high;
}

static __device__ __forceinline__ void
vera_k_store_pair(__nv_bfloat16 *address, bool has_two, float low, float high)
{
    if (has_two && (uintptr_t)address % 4 == 0) {
        *(uint32_t *)address = vera_k_pack_bf16(low, high);
        return;
    }
    address[0] = __float2bfloat16_rn(low);
    if (has_two)
        address[1] = __float2bfloat16_rn(high);
}

/** vera_k_activation: act(z). GELU as z / (1 + exp(-2u)), which keeps its digits where 1 + tanh(u) has none left. */
static __device__ __forceinline__ float
vera_k_activation(int activation, float z)
{
    if (activation == VERA_K_ACTIVATION_SILU)
        return z / (1 + expf(-z));
    if (activation == VERA_K_ACTIVATION_GELU_TANH)
        return z / (1 + expf(-1.5957691216057308f * (z + 0.044715f * z * z * z)));
    return z;
}

/** vera_k_launch: @kernel over @n_blocks blocks of VERA_K_ELEMENT_THREADS. Returns: VERA_K_ERR_INTERNAL if it could not start */
template <typename Kernel, typename Arguments>
static VeraKStatus
vera_k_launch(Kernel kernel, int64_t n_blocks, const Arguments &arguments, cudaStream_t stream)
{
    cudaLaunchConfig_t config = {};

    config.gridDim = dim3((unsigned)(n_blocks < VERA_K_ELEMENT_MAX_BLOCKS ? n_blocks : VERA_K_ELEMENT_MAX_BLOCKS));
    config.blockDim = dim3(VERA_K_ELEMENT_THREADS);
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, arguments) == cudaSuccess ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

/** vera_k_launch_elements: the same with a thread for each of @n elements; kernels walk in strides of the grid. */
template <typename Kernel, typename Arguments>
static VeraKStatus
vera_k_launch_elements(Kernel kernel, int64_t n, const Arguments &arguments, cudaStream_t stream)
{
    return vera_k_launch(kernel, (n + VERA_K_ELEMENT_THREADS - 1) / VERA_K_ELEMENT_THREADS, arguments, stream);
}

#define VERA_K_FOR_ELEMENTS(i, n)                                                                                    \
    for (int64_t i = (int64_t)blockIdx.x * VERA_K_ELEMENT_THREADS + threadIdx.x,                                     \
                 step_ = (int64_t)gridDim.x * VERA_K_ELEMENT_THREADS;                                                \
         i < (n); i += step_)
