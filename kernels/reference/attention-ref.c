#include "config.h"

#include <math.h>
#include <omp.h>

#include "kernels/reference/reference.h"

static double
vera_k_attention_score(const VeraKAttention *op, int64_t h, int64_t i, int64_t j)
{
    int64_t q = i * op->q.stride[0] + h * op->q.stride[1], k = j * op->k.stride[0] + h * op->k.stride[1];
    double sum = 0;

    for (int64_t d = 0; d < op->q.shape[2]; d++)
        sum += vera_k_round_ref(op->compute, vera_k_load(op->q.data, op->q.dtype, q + d)) *
               vera_k_round_ref(op->compute, vera_k_load(op->k.data, op->k.dtype, k + d));
    sum *= op->scale;
    if (op->bias.data)
        sum += ((const float *)op->bias.data)[h * op->bias.stride[0] + i * op->bias.stride[1] +
                                              j * op->bias.stride[2]];
    if (op->key_bias.data)
        sum += ((const float *)op->key_bias.data)[j];
    return sum;
}

/* @weights holds one number for each key. */
static void
vera_k_attention_row(const VeraKAttention *op, int64_t h, int64_t i, double *weights)
{
    int64_t lk = op->k.shape[0];
    double max = -INFINITY, total = 0;

    for (int64_t j = 0; j < lk; j++) {
        weights[j] = vera_k_attention_score(op, h, i, j);
        max = fmax(max, weights[j]);
    }
    for (int64_t j = 0; j < lk; j++) {
        weights[j] = exp(weights[j] - max);
        total += weights[j];
    }
    for (int64_t d = 0; d < op->q.shape[2]; d++) {
        double sum = 0;
        for (int64_t j = 0; j < lk; j++) {
            int64_t at = j * op->v.stride[0] + h * op->v.stride[1] + d;
            sum += weights[j] * vera_k_round_ref(op->compute, vera_k_load(op->v.data, op->v.dtype, at));
        }
        vera_k_store_ref(&op->o, i * op->o.stride[0] + h * op->o.stride[1] + d, sum / total);
    }
}

VeraKStatus
vera_k_attention_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKAttention *op = argument;
    int64_t lk = op->k.shape[0];
    void *weights;
    VeraKStatus status = vera_k_scratch(ctx, (size_t)ctx->n_threads * (size_t)lk * sizeof(double), &weights);

    if (status != VERA_K_OK)
        return status;
#pragma omp parallel for collapse(2) num_threads(ctx->n_threads)
    for (int64_t h = 0; h < op->q.shape[1]; h++)
        for (int64_t i = 0; i < op->q.shape[0]; i++)
            vera_k_attention_row(op, h, i, (double *)weights + omp_get_thread_num() * lk);
    return VERA_K_OK;
}
