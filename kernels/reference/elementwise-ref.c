#include "config.h"

#include <math.h>
#include <string.h>

#include "kernels/reference/reference.h"

VeraKStatus
vera_k_gate_add_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKGateAdd *op = argument;

    for (int64_t i = 0; i < op->x.shape[0]; i++) {
        float *x = (float *)op->x.data + i * op->x.stride[0];
        const float *y = (const float *)op->y.data + i * op->y.stride[0];
        for (int64_t j = 0; j < op->x.shape[1]; j++)
            x[j] = (float)(x[j] + (double)y[j] * (op->gate.data ? ((const float *)op->gate.data)[j] : 1));
    }
    return VERA_K_OK;
}

VeraKStatus
vera_k_activate_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKActivate *op = argument;
    int64_t n = vera_k_tensor_n_elements(&op->x);

    for (int64_t i = 0; i < n; i++)
        ((float *)op->y.data)[i] =
            (float)(vera_k_activation_ref(op->activation, ((const float *)op->x.data)[i]) *
                    (op->factor.data ? ((const float *)op->factor.data)[i] : 1));
    return VERA_K_OK;
}

VeraKStatus
vera_k_combine_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKCombine *op = argument;
    int64_t n = vera_k_tensor_n_elements(&op->y);

#pragma omp parallel for num_threads(ctx->n_threads)
    for (int64_t i = 0; i < n; i++) {
        float sum = op->coefficient[0] * ((const float *)op->x[0].data)[i];
        for (int j = 1; j < op->n_inputs; j++)
            sum += op->coefficient[j] * ((const float *)op->x[j].data)[i];
        ((float *)op->y.data)[i] = sum;
    }
    return VERA_K_OK;
}

static void
vera_k_store(void *data, VeraKDType dtype, int64_t index, const void *src, VeraKDType src_dtype, int64_t src_index)
{
    size_t size = vera_k_dtype_size(dtype);

    if (dtype == src_dtype)
        memcpy((char *)data + index * (int64_t)size, (const char *)src + src_index * (int64_t)size, size);
    else if (dtype == VERA_K_DTYPE_F32)
        ((float *)data)[index] = vera_k_load(src, src_dtype, src_index);
    else if (dtype == VERA_K_DTYPE_BF16)
        ((uint16_t *)data)[index] = vera_k_f32_to_bf16(((const float *)src)[src_index]);
    else
        ((uint16_t *)data)[index] = vera_k_f32_to_f16(((const float *)src)[src_index]);
}

VeraKStatus
vera_k_copy_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKCopy *op = argument;
    int64_t n = vera_k_tensor_n_elements(&op->src);

#pragma omp parallel for num_threads(ctx->n_threads)
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, from = 0, to = 0;
        for (int d = op->src.n_dims - 1; d >= 0; d--) {
            int64_t at = rest % op->src.shape[d];
            rest /= op->src.shape[d];
            from += at * op->src.stride[d];
            to += at * op->dst.stride[d];
        }
        vera_k_store(op->dst.data, op->dst.dtype, to, op->src.data, op->src.dtype, from);
    }
    return VERA_K_OK;
}

VeraKStatus
vera_k_embed_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKEmbed *op = argument;
    int64_t d = op->table.shape[1];

    for (int64_t i = 0; i < op->ids.shape[0]; i++)
        for (int64_t j = 0; j < d; j++)
            ((float *)op->y.data)[i * op->y.stride[0] + j] =
                vera_k_load(op->table.data, op->table.dtype, ((const int64_t *)op->ids.data)[i] * d + j);
    return VERA_K_OK;
}

VeraKStatus
vera_k_is_finite_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKIsFinite *op = argument;
    int64_t n = vera_k_tensor_n_elements(&op->x);

    *op->is_finite = true;
    for (int64_t i = 0; i < n && *op->is_finite; i++)
        *op->is_finite = isfinite(vera_k_load(op->x.data, op->x.dtype, i));
    return VERA_K_OK;
}
