#include "kernels/cuda/linear.h"

#include "kernels/cuda/elements.cuh"

typedef struct {
    VeraKTensor src;
    void *dst;
    bool is_bf16;
} VeraKConvert;

static __device__ __forceinline__ void
vera_k_linear_store(void *data, bool is_bf16, int64_t i, float value)
{
    if (is_bf16)
        ((__nv_bfloat16 *)data)[i] = __float2bfloat16(value);
    else
        ((float *)data)[i] = value;
}

static __global__ void __launch_bounds__(VERA_K_ELEMENT_THREADS)
vera_k_convert_kernel(const VeraKConvert a)
{
    int64_t n = a.src.shape[1], all = a.src.shape[0] * n;

    VERA_K_FOR_ELEMENTS (i, all)
        vera_k_linear_store(a.dst, a.is_bf16, i, vera_k_element(a.src.data, a.src.dtype, i / n * a.src.stride[0] + i % n, 0));
}

extern "C" VeraKStatus
vera_k_cuda_convert(const VeraKTensor *src, VeraKDType dtype, void *dst, cudaStream_t stream)
{
    VeraKConvert a = {*src, dst, dtype == VERA_K_DTYPE_BF16};

    return vera_k_launch_elements(vera_k_convert_kernel, src->shape[0] * src->shape[1], a, stream);
}

static __global__ void __launch_bounds__(VERA_K_ELEMENT_THREADS)
vera_k_linear_finish_kernel(const VeraKLinear op)
{
    int64_t n = op.y.shape[1], all = op.y.shape[0] * n;
    bool is_bf16 = op.y.dtype == VERA_K_DTYPE_BF16;

    VERA_K_FOR_ELEMENTS (i, all) {
        int64_t at = i / n * op.y.stride[0] + i % n;
        float sum = vera_k_element(op.y.data, op.y.dtype, at, 0) + vera_k_element(op.bias.data, op.bias.dtype, i % n, 0);
        vera_k_linear_store(op.y.data, is_bf16, at, vera_k_activation(op.activation, sum));
    }
}

extern "C" VeraKStatus
vera_k_cuda_linear_finish(const VeraKLinear *op, cudaStream_t stream)
{
    return vera_k_launch_elements(vera_k_linear_finish_kernel, op->y.shape[0] * op->y.shape[1], *op, stream);
}

static __device__ __forceinline__ float
vera_k_linear_operand(const VeraKTensor &t, int64_t i, bool is_rounded)
{
    float value = vera_k_element(t.data, t.dtype, i, 0);

    return is_rounded ? __bfloat162float(__float2bfloat16(value)) : value;
}

static __global__ void __launch_bounds__(VERA_K_ELEMENT_THREADS)
vera_k_linear_plain_kernel(const VeraKLinear op)
{
    int64_t n = op.y.shape[1], k = op.x.shape[1], all = op.y.shape[0] * n;
    bool is_rounded = op.compute == VERA_K_COMPUTE_BF16;

    VERA_K_FOR_ELEMENTS (i, all) {
        int64_t row = i / n, column = i % n;
        float sum = 0;
        for (int64_t j = 0; j < k; j++)
            sum += vera_k_linear_operand(op.x, row * op.x.stride[0] + j, is_rounded) *
                   vera_k_linear_operand(op.weight, column * k + j, is_rounded);
        sum += vera_k_element(op.bias.data, op.bias.dtype, column, 0);
        vera_k_linear_store(op.y.data, op.y.dtype == VERA_K_DTYPE_BF16, row * op.y.stride[0] + column,
                            vera_k_activation(op.activation, sum));
    }
}

extern "C" VeraKStatus
vera_k_cuda_linear_plain(const VeraKLinear *op, cudaStream_t stream)
{
    return vera_k_launch_elements(vera_k_linear_plain_kernel, op->y.shape[0] * op->y.shape[1], *op, stream);
}

extern "C" cudaError_t
vera_k_cuda_find_code(void)
{
    cudaFuncAttributes attributes;

    return cudaFuncGetAttributes(&attributes, vera_k_linear_plain_kernel);
}
