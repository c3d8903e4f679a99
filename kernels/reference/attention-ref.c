#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/reference/reference.h"

static double
vera_k_attention_score(const VeraKAttention *op, int64_t h, int64_t i, int64_t j)
{
    const float *q = (const float *)op->q.data + i * op->q.stride[0] + h * op->q.stride[1];
    const float *k = (const float *)op->k.data + j * op->k.stride[0] + h * op->k.stride[1];
    double sum = 0;

    for (int64_t d = 0; d < op->q.shape[2]; d++)
        sum += vera_k_round_ref(op->compute, q[d]) * vera_k_round_ref(op->compute, k[d]);
    sum *= op->scale;
    if (op->bias.data)
        sum += ((const float *)op->bias.data)[h * op->bias.stride[0] + i * op->bias.stride[1] +
                                              j * op->bias.stride[2]];
    if (op->key_bias.data)
        sum += ((const float *)op->key_bias.data)[j];
    return sum;
}

/* Two passes over the keys, so that nothing but one output element is held. */
static void
vera_k_attention_row(const VeraKAttention *op, int64_t h, int64_t i)
{
    int64_t lk = op->k.shape[0];
    float *o = (float *)op->o.data + i * op->o.stride[0] + h * op->o.stride[1];
    double max = -INFINITY, total = 0;

    for (int64_t j = 0; j < lk; j++)
        max = fmax(max, vera_k_attention_score(op, h, i, j));
    for (int64_t d = 0; d < op->q.shape[2]; d++)
        o[d] = 0;
    for (int64_t d = 0; d < op->q.shape[2]; d++) {
        double sum = 0;
        total = 0;
        for (int64_t j = 0; j < lk; j++) {
            const float *v = (const float *)op->v.data + j * op->v.stride[0] + h * op->v.stride[1];
            double weight = exp(vera_k_attention_score(op, h, i, j) - max);
            total += weight;
            sum += weight * vera_k_round_ref(op->compute, v[d]);
        }
        o[d] = (float)(sum / total);
    }
}

VeraKStatus
vera_k_attention_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKAttention *op = argument;

#pragma omp parallel for collapse(2) num_threads(ctx->n_threads)
    for (int64_t h = 0; h < op->q.shape[1]; h++)
        for (int64_t i = 0; i < op->q.shape[0]; i++)
            vera_k_attention_row(op, h, i);
    return VERA_K_OK;
}
