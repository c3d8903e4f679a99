#include "config.h"

#include <math.h>

#include "kernels/reference/reference.h"

static double
vera_k_load_or(const VeraKTensor *t, int64_t i, double otherwise)
{
    return t->data ? vera_k_load(t->data, t->dtype, i) : otherwise;
}

VeraKStatus
vera_k_layer_norm_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKLayerNorm *op = argument;
    int64_t m = op->x.shape[0], d = op->x.shape[1];

    for (int64_t i = 0; i < m; i++) {
        const float *x = (const float *)op->x.data + i * op->x.stride[0];
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < d; j++)
            mean += x[j];
        mean /= (double)d;
        for (int64_t j = 0; j < d; j++)
            variance += (x[j] - mean) * (x[j] - mean);
        double scale = 1 / sqrt(variance / (double)d + op->eps);
        for (int64_t j = 0; j < d; j++) {
            double v = (x[j] - mean) * scale * vera_k_load_or(&op->weight, j, 1) +
                       vera_k_load_or(&op->bias, j, 0);
            vera_k_store_ref(&op->y, i * op->y.stride[0] + j,
                             v * (1 + vera_k_load_or(&op->scale, j, 0)) + vera_k_load_or(&op->shift, j, 0));
        }
    }
    return VERA_K_OK;
}

VeraKStatus
vera_k_rms_norm_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKRmsNorm *op = argument;
    int64_t m = op->x.shape[0], d = op->x.shape[1];
    int64_t half = op->cos.data ? d / op->n_heads / 2 : 0;

    for (int64_t i = 0; i < m; i++) {
        const float *x = (const float *)op->x.data + i * op->x.stride[0];
        double sum = 0;
        for (int64_t j = 0; j < d; j++)
            sum += (double)x[j] * x[j];
        double scale = 1 / sqrt(sum / (double)d + op->eps);
        for (int64_t j = 0; j + 1 < d && half > 0; j += 2) {
            int64_t pair = j / 2 % half;
            double c = ((const float *)op->cos.data)[i * op->cos.stride[0] + pair];
            double s = ((const float *)op->sin.data)[i * op->sin.stride[0] + pair];
            double a = x[j] * scale * vera_k_load(op->weight.data, op->weight.dtype, j);
            double b = x[j + 1] * scale * vera_k_load(op->weight.data, op->weight.dtype, j + 1);
            vera_k_store_ref(&op->y, i * op->y.stride[0] + j, a * c - b * s);
            vera_k_store_ref(&op->y, i * op->y.stride[0] + j + 1, a * s + b * c);
        }
        for (int64_t j = 0; j < d && half == 0; j++)
            vera_k_store_ref(&op->y, i * op->y.stride[0] + j, x[j] * scale * vera_k_load(op->weight.data, op->weight.dtype, j));
    }
    return VERA_K_OK;
}

VeraKStatus
vera_k_channel_norm_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKChannelNorm *op = argument;
    int64_t p = op->x.shape[0], c = op->x.shape[1];

    for (int64_t i = 0; i < p; i++) {
        const float *x = (const float *)op->x.data + i * c;
        double sum = 0;
        for (int64_t j = 0; j < c; j++)
            sum += (double)x[j] * x[j];
        double scale = sqrt((double)c) / fmax(sqrt(sum), 1e-12);
        for (int64_t j = 0; j < c; j++)
            vera_k_store_ref(&op->y, i * c + j, vera_k_activation_ref(
                op->activation, x[j] * scale * vera_k_load(op->gamma.data, op->gamma.dtype, j)));
    }
    return VERA_K_OK;
}
