#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/elementwise.h"

/* A block for each row; sums in a fixed order, so that the same row gives the same bytes. */

#define VERA_K_NORM_WARPS (VERA_K_ELEMENT_THREADS / 32)

/* The sum over the block, the same in every thread. */
static __device__ float
vera_k_block_sum(float value)
{
    __shared__ float sums[VERA_K_NORM_WARPS];

    for (int bits = 16; bits > 0; bits /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, bits);
    __syncthreads(); /* the sums of an earlier call have been read */
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    value = 0;
    for (int i = 0; i < VERA_K_NORM_WARPS; i++)
        value += sums[i];
    return value;
}

static __device__ float
vera_k_row_sum_squares(const float *x, int64_t d, float mean)
{
    float sum = 0;

    for (int64_t j = threadIdx.x; j < d; j += VERA_K_ELEMENT_THREADS)
        sum += (x[j] - mean) * (x[j] - mean);
    return vera_k_block_sum(sum);
}

static __device__ float
vera_k_row_mean(const float *x, int64_t d)
{
    float sum = 0;

    for (int64_t j = threadIdx.x; j < d; j += VERA_K_ELEMENT_THREADS)
        sum += x[j];
    return vera_k_block_sum(sum) / (float)d;
}

/* Channel @j of a row that has been brought to mean 0 and variance 1. */
static __device__ __forceinline__ float
vera_k_modulate(const VeraKLayerNorm &op, int64_t j, float x)
{
    float v = x * vera_k_element(op.weight.data, op.weight.dtype, j, 1) + vera_k_element(op.bias.data, op.bias.dtype, j, 0);
    return v * (1 + vera_k_element(op.scale.data, VERA_K_DTYPE_F32, j, 0)) + vera_k_element(op.shift.data, VERA_K_DTYPE_F32, j, 0);
}

template <typename Out>
static __global__ void __launch_bounds__(VERA_K_ELEMENT_THREADS)
vera_k_layer_norm_kernel(const VeraKLayerNorm op)
{
    int64_t d = op.x.shape[1];

    for (int64_t row = blockIdx.x; row < op.x.shape[0]; row += gridDim.x) {
        const float *x = (const float *)op.x.data + row * op.x.stride[0];
        Out *y = (Out *)op.y.data + row * op.y.stride[0];
        float mean = vera_k_row_mean(x, d);
        float scale = 1 / sqrtf(vera_k_row_sum_squares(x, d, mean) / (float)d + op.eps);
        for (int64_t j = 2 * (int64_t)threadIdx.x; j < d; j += 2 * VERA_K_ELEMENT_THREADS) {
            bool has_two = j + 1 < d;
            float low = vera_k_modulate(op, j, (x[j] - mean) * scale);
            vera_k_store_pair(y + j, has_two, low, has_two ? vera_k_modulate(op, j + 1, (x[j + 1] - mean) * scale) : 0);
        }
    }
}

extern "C" VeraKStatus
vera_k_cuda_layer_norm(const VeraKLayerNorm *op, cudaStream_t stream)
{
    return vera_k_launch(op->y.dtype == VERA_K_DTYPE_F32 ? vera_k_layer_norm_kernel<float> : vera_k_layer_norm_kernel<__nv_bfloat16>,
                         op->x.shape[0], *op, stream);
}

/* Channels j and j + 1 of a row, which rotary embedding turns together. */
template <typename Out>
static __device__ __forceinline__ void
vera_k_rms_norm_pair(const VeraKRmsNorm &op, int64_t row, int64_t j, int64_t half, float scale)
{
    const float *x = (const float *)op.x.data + row * op.x.stride[0];
    bool has_two = j + 1 < op.x.shape[1];
    float a = x[j] * scale * vera_k_element(op.weight.data, op.weight.dtype, j, 1);
    float b = has_two ? x[j + 1] * scale * vera_k_element(op.weight.data, op.weight.dtype, j + 1, 1) : 0;
    
    if (half > 0) {
        float c = ((const float *)op.cos.data)[row * op.cos.stride[0] + j / 2 % half];
        float s = ((const float *)op.sin.data)[row * op.sin.stride[0] + j / 2 % half];
        float turned = a * c - b * s;
        b = a * s + b * c;
        a = turned;
    }
    vera_k_store_pair((Out *)op.y.data + row * op.y.stride[0] + j, has_two, a, b);
}

template <typename Out>
static __global__ void __launch_bounds__(VERA_K_ELEMENT_THREADS)
vera_k_rms_norm_kernel(const VeraKRmsNorm op)
{
    int64_t d = op.x.shape[1], half = op.cos.data != NULL ? d / op.n_heads / 2 : 0;

    for (int64_t row = blockIdx.x; row < op.x.shape[0]; row += gridDim.x) {
        const float *x = (const float *)op.x.data + row * op.x.stride[0];
        float scale = 1 / sqrtf(vera_k_row_sum_squares(x, d, 0) / (float)d + op.eps);
        for (int64_t j = 2 * (int64_t)threadIdx.x; j < d; j += 2 * VERA_K_ELEMENT_THREADS)
            vera_k_rms_norm_pair<Out>(op, row, j, half, scale);
    }
}

extern "C" VeraKStatus
vera_k_cuda_rms_norm(const VeraKRmsNorm *op, cudaStream_t stream)
{
    return vera_k_launch(op->y.dtype == VERA_K_DTYPE_F32 ? vera_k_rms_norm_kernel<float> : vera_k_rms_norm_kernel<__nv_bfloat16>, op->x.shape[0],
                         *op, stream);
}

/* A warp for each row: the rows of the VAE are short and many. */
template <typename Out>
static __global__ void __launch_bounds__(VERA_K_ELEMENT_THREADS)
vera_k_channel_norm_kernel(const VeraKChannelNorm op)
{
    int64_t c = op.x.shape[1], lane = threadIdx.x % 32;

    for (int64_t row = (int64_t)blockIdx.x * VERA_K_NORM_WARPS + threadIdx.x / 32; row < op.x.shape[0];
         row += (int64_t)gridDim.x * VERA_K_NORM_WARPS) {
        const float *x = (const float *)op.x.data + row * c;
        Out *y = (Out *)op.y.data + row * c;
        float sum = 0, v[2] = {0, 0};
        for (int64_t j = lane; j < c; j += 32)
            sum += x[j] * x[j];
        for (int bits = 16; bits > 0; bits /= 2)
            sum += __shfl_xor_sync(0xffffffffu, sum, bits);
        float scale = sqrtf((float)c) / fmaxf(sqrtf(sum), 1e-12f);
        for (int64_t j = 2 * lane; j < c; j += 64) {
            for (int i = 0; i < 2; i++)
                v[i] = j + i < c ? vera_k_activation(op.activation, x[j + i] * scale * vera_k_element(op.gamma.data, op.gamma.dtype, j + i, 1)) : 0;
            vera_k_store_pair(y + j, j + 1 < c, v[0], v[1]);
        }
    }
}

extern "C" VeraKStatus
vera_k_cuda_channel_norm(const VeraKChannelNorm *op, cudaStream_t stream)
{
    return vera_k_launch(op->y.dtype == VERA_K_DTYPE_F32 ? vera_k_channel_norm_kernel<float> : vera_k_channel_norm_kernel<__nv_bfloat16>,
                         (op->x.shape[0] + VERA_K_NORM_WARPS - 1) / VERA_K_NORM_WARPS, *op, stream);
}
