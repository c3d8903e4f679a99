#include "config.h"

#include <dnnl.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/cpu/attention-cpu.h"
#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/* Queries and keys of one tile: scores of a tile stay in the second-level cache. */
#define VERA_K_TILE_Q 128
#define VERA_K_TILE_K 512

/* A thread's working memory: q, o, k and v tiles, scores, running maximum and sum. */
static size_t
vera_k_attention_get_floats(int64_t d)
{
    return (size_t)(2 * VERA_K_TILE_Q * d + 2 * VERA_K_TILE_K * d + VERA_K_TILE_Q * VERA_K_TILE_K +
                    2 * VERA_K_TILE_Q);
}

static void
vera_k_attention_gather(const VeraKTensor *t, int64_t h, int64_t from, int64_t rows, float *out, VeraKCompute compute)
{
    int64_t d = t->shape[2];

    for (int64_t i = 0; i < rows; i++) {
        const float *src = (const float *)t->data + (from + i) * t->stride[0] + h * t->stride[1];
        float *dst = out + i * d;
        memcpy(dst, src, (size_t)d * sizeof *dst);
        for (int64_t j = 0; compute == VERA_K_COMPUTE_BF16 && j < d; j++)
            dst[j] = vera_k_bf16_to_f32(vera_k_f32_to_bf16(dst[j]));
    }
}

void
vera_k_attention_add_bias(const VeraKAttention *op, int64_t h, int64_t i, int64_t k0, int64_t nk, float *row)
{
    const float *key_bias = op->key_bias.data;
    const VeraKTensor *b = &op->bias;

    if (b->data != NULL)
        for (int64_t j = 0; j < nk; j++)
            row[j] += ((const float *)b->data)[h * b->stride[0] + i * b->stride[1] + (k0 + j) * b->stride[2]];
    for (int64_t j = 0; key_bias != NULL && j < nk; j++)
        row[j] += key_bias[k0 + j];
}

VERA_K_CLONES static float
vera_k_max_row(const float *x, int64_t n)
{
    float lanes[16], best = -INFINITY;
    int64_t i = 0;

    for (int j = 0; j < 16; j++)
        lanes[j] = -INFINITY;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++)
            lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
    for (; i < n; i++)
        best = x[i] > best ? x[i] : best;
    for (int j = 0; j < 16; j++)
        best = lanes[j] > best ? lanes[j] : best;
    return best;
}

VERA_K_CLONES static void
vera_k_scale_row_clones(float *x, float factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

void
vera_k_scale_row(float *x, float factor, int64_t n)
{
    vera_k_scale_row_clones(x, factor, n);
}

void
vera_k_attention_soften_row(float *scores, int64_t nk, float *o, int64_t d, float *max, float *sum)
{
    float best = vera_k_max_row(scores, nk);
    float shift;

    best = best > *max ? best : *max;
    if (best == -INFINITY) {
        memset(scores, 0, (size_t)nk * sizeof *scores);
        return;
    }
    shift = *max == -INFINITY ? 0.0f : expf(*max - best);
    if (shift != 1.0f)
        vera_k_scale_row(o, shift, d);
    *sum = *sum * shift + vera_k_exp_row(scores, best, scores, nk);
    *max = best;
}

static bool
vera_k_attention_tile(const VeraKAttention *op, int64_t h, int64_t q0, float *work)
{
    int64_t d = op->q.shape[2], lk = op->k.shape[0];
    int64_t nq = op->q.shape[0] - q0 < VERA_K_TILE_Q ? op->q.shape[0] - q0 : VERA_K_TILE_Q;
    float *q = work, *o = q + VERA_K_TILE_Q * d, *k = o + VERA_K_TILE_Q * d;
    float *v = k + VERA_K_TILE_K * d, *s = v + VERA_K_TILE_K * d;
    float *max = s + VERA_K_TILE_Q * VERA_K_TILE_K, *sum = max + VERA_K_TILE_Q;

    vera_k_attention_gather(&op->q, h, q0, nq, q, op->compute);
    memset(o, 0, (size_t)(nq * d) * sizeof *o);
    for (int64_t i = 0; i < nq; i++) {
        max[i] = -INFINITY;
        sum[i] = 0;
    }
    for (int64_t k0 = 0; k0 < lk; k0 += VERA_K_TILE_K) {
        int64_t nk = lk - k0 < VERA_K_TILE_K ? lk - k0 : VERA_K_TILE_K;
        vera_k_attention_gather(&op->k, h, k0, nk, k, op->compute);
        vera_k_attention_gather(&op->v, h, k0, nk, v, op->compute);
        if (dnnl_sgemm('N', 'T', nq, nk, d, op->scale, q, d, k, d, 0.0f, s, nk) != dnnl_success)
            return false;
        for (int64_t i = 0; i < nq; i++) {
            vera_k_attention_add_bias(op, h, q0 + i, k0, nk, s + i * nk);
            vera_k_attention_soften_row(s + i * nk, nk, o + i * d, d, &max[i], &sum[i]);
        }
        if (dnnl_sgemm('N', 'N', nq, d, nk, 1.0f, s, nk, v, d, 1.0f, o, d) != dnnl_success)
            return false;
    }
    for (int64_t i = 0; i < nq; i++) {
        float *out = (float *)op->o.data + (q0 + i) * op->o.stride[0] + h * op->o.stride[1];
        for (int64_t j = 0; j < d; j++)
            out[j] = o[i * d + j] / sum[i];
    }
    return true;
}

VeraKStatus
vera_k_attention_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKAttention *op = argument;
    int64_t n_tiles = (op->q.shape[0] + VERA_K_TILE_Q - 1) / VERA_K_TILE_Q;
    int64_t n_tasks = n_tiles * op->q.shape[1];
    size_t floats = (vera_k_attention_get_floats(op->q.shape[2]) + 15) / 16 * 16;
    int n_failed = 0;
    void *work;
    VeraKStatus status;

    if (op->compute == VERA_K_COMPUTE_BF16 && vera_k_bf16_is_native())
        return vera_k_attention_bf16_native(ctx, op);
    status = vera_k_scratch(ctx, floats * sizeof(float) * (size_t)ctx->n_threads, &work);
    if (status != VERA_K_OK)
        return status;
#pragma omp parallel for schedule(dynamic, 1) num_threads(ctx->n_threads) reduction(+ : n_failed)
    for (int64_t t = 0; t < n_tasks; t++)
        n_failed += !vera_k_must_stop(ctx) && !vera_k_attention_tile(op, t / n_tiles, t % n_tiles * VERA_K_TILE_Q,
                                                                     (float *)work + floats * (size_t)omp_get_thread_num());
    return n_failed == 0 ? vera_k_end(ctx)
                         : vera_k_fail(ctx, VERA_K_ERR_INTERNAL, "attention: oneDNN could not multiply");
}
