#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/elementwise.h"

/* A thread for each element. */

static __global__ void
vera_k_gate_add_kernel(const VeraKGateAdd op)
{
    int64_t d = op.x.shape[1];

    VERA_K_FOR_ELEMENTS(i, op.x.shape[0] * d) {
        float *x = (float *)op.x.data + i / d * op.x.stride[0] + i % d;
        float y = ((const float *)op.y.data)[i / d * op.y.stride[0] + i % d];
        *x += y * vera_k_element(op.gate.data, VERA_K_DTYPE_F32, i % d, 1);
    }
}

extern "C" VeraKStatus
vera_k_cuda_gate_add(const VeraKGateAdd *op, cudaStream_t stream)
{
    return vera_k_launch_elements(vera_k_gate_add_kernel, op->x.shape[0] * op->x.shape[1], *op, stream);
}

typedef struct {
    const float *x, *factor;
    float *y;
    int64_t n;
    int activation;
} VeraKActivateArguments;

static __global__ void
vera_k_activate_kernel(const VeraKActivateArguments a)
{
    VERA_K_FOR_ELEMENTS(i, a.n)
        a.y[i] = vera_k_activation(a.activation, a.x[i]) * (a.factor != NULL ? a.factor[i] : 1);
}

extern "C" VeraKStatus
vera_k_cuda_activate(const VeraKActivate *op, cudaStream_t stream)
{
    VeraKActivateArguments a = {(const float *)op->x.data, (const float *)op->factor.data, (float *)op->y.data, vera_k_tensor_n_elements(&op->x),
                                op->activation};
    return vera_k_launch_elements(vera_k_activate_kernel, a.n, a, stream);
}

typedef struct {
    const float *x[VERA_K_COMBINE_MAX];
    float coefficient[VERA_K_COMBINE_MAX];
    float *y;
    int64_t n;
    int n_inputs;
} VeraKCombineArguments;

/* Rounded after every product and sum, as the contract has it: not fused. */
static __global__ void
vera_k_combine_kernel(const VeraKCombineArguments a)
{
    VERA_K_FOR_ELEMENTS(i, a.n) {
        float sum = __fmul_rn(a.coefficient[0], a.x[0][i]);
        for (int j = 1; j < a.n_inputs; j++)
            sum = __fadd_rn(sum, __fmul_rn(a.coefficient[j], a.x[j][i]));
        a.y[i] = sum;
    }
}

extern "C" VeraKStatus
vera_k_cuda_combine(const VeraKCombine *op, cudaStream_t stream)
{
    VeraKCombineArguments a = {};

    for (int i = 0; i < op->n_inputs; i++) {
        a.x[i] = (const float *)op->x[i].data;
        a.coefficient[i] = op->coefficient[i];
    }
    a.y = (float *)op->y.data;
    a.n = vera_k_tensor_n_elements(&op->y);
    a.n_inputs = op->n_inputs;
    return vera_k_launch_elements(vera_k_combine_kernel, a.n, a, stream);
}

static __device__ __forceinline__ void
vera_k_copy_element(const VeraKCopy &op, int64_t from, int64_t to)
{
    float value = 0;

    if (op.src.dtype == op.dst.dtype && op.dst.dtype != VERA_K_DTYPE_F32) { /* bits, so that NaNs keep theirs */
        ((uint16_t *)op.dst.data)[to] = ((const uint16_t *)op.src.data)[from];
        return;
    }
    value = vera_k_element(op.src.data, op.src.dtype, from, 0);
    if (op.dst.dtype == VERA_K_DTYPE_F32)
        ((float *)op.dst.data)[to] = value;
    else if (op.dst.dtype == VERA_K_DTYPE_BF16)
        ((__nv_bfloat16 *)op.dst.data)[to] = __float2bfloat16_rn(value);
    else
        ((__half *)op.dst.data)[to] = __float2half_rn(value);
}

static __global__ void
vera_k_copy_kernel(const VeraKCopy op)
{
    int64_t n = 1;

    for (int d = 0; d < op.src.n_dims; d++)
        n *= op.src.shape[d];
    VERA_K_FOR_ELEMENTS(i, n) {
        int64_t rest = i, from = 0, to = 0;
        for (int d = op.src.n_dims - 1; d >= 0; d--) {
            int64_t at = rest % op.src.shape[d];
            rest /= op.src.shape[d];
            from += at * op.src.stride[d];
            to += at * op.dst.stride[d];
        }
        vera_k_copy_element(op, from, to);
    }
}

extern "C" VeraKStatus
vera_k_cuda_copy(const VeraKCopy *op, cudaStream_t stream)
{
    return vera_k_launch_elements(vera_k_copy_kernel, vera_k_tensor_n_elements(&op->src), *op, stream);
}

typedef struct {
    VeraKTensor table, y;
    const int64_t *ids;
} VeraKEmbedArguments;

static __global__ void
vera_k_embed_kernel(const VeraKEmbedArguments a)
{
    int64_t d = a.y.shape[1];

    VERA_K_FOR_ELEMENTS(i, a.y.shape[0] * d)
        ((float *)a.y.data)[i / d * a.y.stride[0] + i % d] = vera_k_element(a.table.data, a.table.dtype, a.ids[i / d] * d + i % d, 0);
}

extern "C" VeraKStatus
vera_k_cuda_embed(const VeraKEmbed *op, const int64_t *ids, cudaStream_t stream)
{
    VeraKEmbedArguments a = {op->table, op->y, ids};
    return vera_k_launch_elements(vera_k_embed_kernel, op->y.shape[0] * op->y.shape[1], a, stream);
}

typedef struct {
    const void *data;
    int64_t n;
    unsigned *n_bad;
    int dtype;
} VeraKIsFiniteArguments;

static __global__ void
vera_k_is_finite_kernel(const VeraKIsFiniteArguments a)
{
    bool is_bad = false;

    VERA_K_FOR_ELEMENTS(i, a.n)
        is_bad |= (__float_as_uint(vera_k_element(a.data, a.dtype, i, 0)) & 0x7f800000u) == 0x7f800000u;
    if (is_bad)
        atomicOr(a.n_bad, 1u);
}

extern "C" VeraKStatus
vera_k_cuda_is_finite(const VeraKIsFinite *op, unsigned *n_bad, cudaStream_t stream)
{
    VeraKIsFiniteArguments a = {op->x.data, vera_k_tensor_n_elements(&op->x), n_bad, op->x.dtype};
    return vera_k_launch_elements(vera_k_is_finite_kernel, a.n, a, stream);
}
