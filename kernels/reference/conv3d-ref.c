#include "config.h"

#include "kernels/reference/reference.h"

/* The pixel at (t, h, w) of [cache ; x] after padding, or NULL where zeros stand. */
static const void *
vera_k_conv3d_at(const VeraKConv3d *op, int64_t t, int64_t h, int64_t w)
{
    const int64_t *shape = op->x.shape;
    int64_t n_cached = op->cache.data ? op->cache.shape[0] : 0;
    size_t size = (size_t)shape[3] * vera_k_dtype_size(op->x.dtype);

    if (t < 0 || h < 0 || w < 0 || h >= shape[1] * op->upsample || w >= shape[2] * op->upsample)
        return NULL;
    h /= op->upsample;
    w /= op->upsample;
    if (t < n_cached)
        return (const char *)op->cache.data + (size_t)((t * shape[1] + h) * shape[2] + w) * size;
    t -= n_cached;
    return (const char *)op->x.data + (size_t)((t * shape[1] + h) * shape[2] + w) * size;
}

static double
vera_k_conv3d_sum(const VeraKConv3d *op, int64_t o, int64_t t, int64_t p, int64_t q)
{
    const int64_t *k = op->weight.shape;
    double sum = 0;

    for (int64_t a = 0; a < k[2]; a++) {
        for (int64_t b = 0; b < k[3]; b++) {
            for (int64_t c = 0; c < k[4]; c++) {
                const void *x = vera_k_conv3d_at(op, t * op->stride_t + a - op->pad_t,
                                                 p * op->stride_h + b - op->pad_h_before,
                                                 q * op->stride_w + c - op->pad_w_before);
                for (int64_t i = 0; x != NULL && i < k[1]; i++)
                    sum += vera_k_round_ref(op->compute, vera_k_load(x, op->x.dtype, i)) *
                           vera_k_round_ref(op->compute,
                                            vera_k_load(op->weight.data, op->weight.dtype,
                                                        (((o * k[1] + i) * k[2] + a) * k[3] + b) * k[4] + c));
            }
        }
    }
    return sum;
}

VeraKStatus
vera_k_conv3d_ref(VeraKCtx *ctx, const void *argument)
{
    const VeraKConv3d *op = argument;
    const int64_t *s = op->y.shape;

#pragma omp parallel for collapse(2) num_threads(ctx->n_threads)
    for (int64_t t = 0; t < s[0]; t++) {
        for (int64_t p = 0; p < s[1]; p++) {
            for (int64_t q = 0; q < s[2]; q++) {
                for (int64_t o = 0; o < s[3]; o++) {
                    int64_t at = ((t * s[1] + p) * s[2] + q) * s[3] + o;
                    double sum = vera_k_conv3d_sum(op, o, t, p, q);
                    if (op->bias.data)
                        sum += vera_k_load(op->bias.data, op->bias.dtype, o);
                    if (op->residual.data)
                        sum += ((const float *)op->residual.data)[at];
                    ((float *)op->y.data)[at] = (float)sum;
                }
            }
        }
    }
    return VERA_K_OK;
}
