#include "config.h"

#include <math.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/reference/reference.h"

/* 2 to the power of @n, a whole number of -126..127; of what is no number 0, as its bits would be
 * no integer. */
static inline __attribute__((always_inline)) float
vera_k_exp2_whole(float n)
{
    float defined = n > -127.0f ? n : -127.0f;
    uint32_t bits = (uint32_t)((int32_t)defined + 127) << 23;
    float power;

    memcpy(&power, &bits, sizeof power);
    return power;
}

/*
 * exp by 2^n * p(f): n = round(x log2 e), f = x - n ln 2 in two pieces (Cody and Waite), p the Taylor polynomial of degree 7,
 * whose error on |f| <= ln 2 / 2 is below half an ulp. Inlined into the clones, so that each loop becomes vector code.
 */
static inline __attribute__((always_inline)) float
vera_k_exp_one(float x)
{
    float clamped = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float n = rintf(clamped * 1.44269504088896341f);
    float f = clamped - n * 0.693145751953125f - n * 1.42860682030941723e-6f;
    float p = 1.0f / 5040;

    p = p * f + 1.0f / 720;
    p = p * f + 1.0f / 120;
    p = p * f + 1.0f / 24;
    p = p * f + 1.0f / 6;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    p *= vera_k_exp2_whole(n);
    p = x < -87.0f ? 0.0f : p;
    p = x > 88.0f ? (x > 88.72f ? INFINITY : p * expf(x - 88.0f)) : p;
    return x != x ? x : p;
}

/* Sixteen running sums: the order of additions is the same for every vector width. */
VERA_K_CLONES static float
vera_k_exp_row_clones(const float *x, float max, float *y, int64_t n)
{
    float sums[16] = { 0 };
    float total = 0;
    int64_t i = 0;

    for (; i + 16 <= n; i += 16) {
        for (int j = 0; j < 16; j++) {
            float d = x[i + j] - max;
            float clamped = d < -87.0f ? -87.0f : d;
            float k = rintf(clamped * 1.44269504088896341f);
            float f = clamped - k * 0.693145751953125f - k * 1.42860682030941723e-6f;
            float p = 1.0f / 5040;
            float scale = vera_k_exp2_whole(k);
            p = p * f + 1.0f / 720;
            p = p * f + 1.0f / 120;
            p = p * f + 1.0f / 24;
            p = p * f + 1.0f / 6;
            p = p * f + 0.5f;
            p = p * f + 1.0f;
            p = p * f + 1.0f;
            p = d < -87.0f ? 0.0f : p * scale;
            p = d != d ? d : p;
            y[i + j] = p;
            sums[j] += p;
        }
    }
    for (; i < n; i++) {
        y[i] = vera_k_exp_one(x[i] - max);
        total += y[i];
    }
    for (int j = 0; j < 16; j++)
        total += sums[j];
    return total;
}

float
vera_k_exp_row(const float *x, float max, float *y, int64_t n)
{
    return vera_k_exp_row_clones(x, max, y, n);
}

static inline __attribute__((always_inline)) float
vera_k_sigmoid_one(float z)
{
    float e = z < 0 ? z : -z;
    float clamped = e < -87.0f ? -87.0f : e;
    float n = rintf(clamped * 1.44269504088896341f);
    float f = clamped - n * 0.693145751953125f - n * 1.42860682030941723e-6f;
    float p = 1.0f / 5040;
    float scale = vera_k_exp2_whole(n);

    p = p * f + 1.0f / 720;
    p = p * f + 1.0f / 120;
    p = p * f + 1.0f / 24;
    p = p * f + 1.0f / 6;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    p *= scale;
    return (z < 0 ? p : 1.0f) / (1.0f + p);
}

VERA_K_CLONES static void
vera_k_silu_row(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * vera_k_sigmoid_one(x[i]);
}

/* 0.5 z (1 + tanh(u)) = z sigmoid(2 u) */
VERA_K_CLONES static void
vera_k_gelu_row(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float z = x[i];
        float u = 0.797884560802865356f * (z + 0.044715f * z * z * z);
        y[i] = z * vera_k_sigmoid_one(2.0f * u);
    }
}

void
vera_k_activate_row(VeraKActivation activation, const float *x, float *y, int64_t n)
{
    switch (activation) {
    case VERA_K_ACTIVATION_NONE:
        if (y != x)
            memcpy(y, x, (size_t)n * sizeof *y);
        break;
    case VERA_K_ACTIVATION_SILU:
        vera_k_silu_row(x, y, n);
        break;
    case VERA_K_ACTIVATION_GELU_TANH:
        vera_k_gelu_row(x, y, n);
        break;
    }
}

#define VERA_K_CHUNK 4096

VeraKStatus
vera_k_activate_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKActivate *op = argument;
    int64_t n = vera_k_tensor_n_elements(&op->x);
    int64_t n_chunks = (n + VERA_K_CHUNK - 1) / VERA_K_CHUNK;

#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t c = 0; c < n_chunks; c++) {
        int64_t from = c * VERA_K_CHUNK;
        int64_t count = n - from < VERA_K_CHUNK ? n - from : VERA_K_CHUNK;
        const float *factor = (const float *)op->factor.data;
        float *y = (float *)op->y.data + from;
        float local[VERA_K_CHUNK];
        vera_k_activate_row(op->activation, (const float *)op->x.data + from, local, count);
        for (int64_t i = 0; i < count; i++)
            y[i] = factor ? local[i] * factor[from + i] : local[i];
    }
    return VERA_K_OK;
}

VERA_K_CLONES static void
vera_k_gate_add_row(float *x, const float *y, const float *gate, int64_t n)
{
    if (gate == NULL) {
        for (int64_t i = 0; i < n; i++)
            x[i] += y[i];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        x[i] += y[i] * gate[i];
}

VeraKStatus
vera_k_gate_add_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKGateAdd *op = argument;

#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < op->x.shape[0]; i++)
        vera_k_gate_add_row((float *)op->x.data + i * op->x.stride[0],
                            (const float *)op->y.data + i * op->y.stride[0],
                            (const float *)op->gate.data, op->x.shape[1]);
    return VERA_K_OK;
}

static void
vera_k_copy_row(void *dst, const void *src, int64_t n, int64_t dst_stride, int64_t src_stride, size_t size)
{
    if (src_stride == 1 && dst_stride == 1) {
        memmove(dst, src, (size_t)n * size);
        return;
    }
    for (int64_t j = 0; j < n && size == 4; j++)
        ((float *)dst)[j * dst_stride] = ((const float *)src)[j * src_stride];
    for (int64_t j = 0; j < n && size == 2; j++)
        ((uint16_t *)dst)[j * dst_stride] = ((const uint16_t *)src)[j * src_stride];
}

/* Rows of the innermost dimension, F32 or BF16 to the same; everything else goes the plain way. */
VeraKStatus
vera_k_copy_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKCopy *op = argument;
    int last = op->src.n_dims - 1;
    int64_t n = op->src.shape[last], rows = vera_k_tensor_n_elements(&op->src) / n;

    size_t size = vera_k_dtype_size(op->src.dtype);

    if (op->src.dtype != op->dst.dtype || (op->src.dtype != VERA_K_DTYPE_F32 && op->src.dtype != VERA_K_DTYPE_BF16))
        return vera_k_copy_ref(ctx, op);
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < rows; i++) {
        int64_t rest = i, from = 0, to = 0;
        for (int d = last - 1; d >= 0; d--) {
            int64_t at = rest % op->src.shape[d];
            rest /= op->src.shape[d];
            from += at * op->src.stride[d];
            to += at * op->dst.stride[d];
        }
        vera_k_copy_row((char *)op->dst.data + to * (int64_t)size, (const char *)op->src.data + from * (int64_t)size, n,
                        op->dst.stride[last], op->src.stride[last], size);
    }
    return VERA_K_OK;
}
