#include "config.h"

#include <math.h>

#include "kernels/reference/reference.h"

double
vera_k_activation_ref(VeraKActivation activation, double z)
{
    switch (activation) {
    case VERA_K_ACTIVATION_NONE:
        return z;
    case VERA_K_ACTIVATION_SILU:
        return z / (1 + exp(-z));
    case VERA_K_ACTIVATION_GELU_TANH:
        return 0.5 * z * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (z + 0.044715 * z * z * z)));
    }
    return z;
}

void
vera_k_store_ref(const VeraKTensor *tensor, int64_t index, double value)
{
    if (tensor->dtype == VERA_K_DTYPE_BF16)
        ((uint16_t *)tensor->data)[index] = vera_k_f32_to_bf16((float)value);
    else
        ((float *)tensor->data)[index] = (float)value;
}

double
vera_k_round_ref(VeraKCompute compute, double value)
{
    return compute == VERA_K_COMPUTE_BF16 ? vera_k_bf16_to_f32(vera_k_f32_to_bf16((float)value)) : value;
}

VeraKStatus
vera_k_linear_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKLinear *op = argument;
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];

#pragma omp parallel for collapse(2) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = op->bias.data ? vera_k_load(op->bias.data, op->bias.dtype, j) : 0;
            for (int64_t p = 0; p < k; p++)
                sum += vera_k_round_ref(op->compute, vera_k_load(op->x.data, op->x.dtype, i * op->x.stride[0] + p)) *
                       vera_k_round_ref(op->compute,
                                        vera_k_load(op->weight.data, op->weight.dtype, j * k + p));
            vera_k_store_ref(&op->y, i * op->y.stride[0] + j, vera_k_activation_ref(op->activation, sum));
        }
    }
    return VERA_K_OK;
}
