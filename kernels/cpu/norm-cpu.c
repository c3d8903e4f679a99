#include "config.h"

#include <math.h>
#include <omp.h>

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

#define VERA_K_LANES 16

/*
 * Rows that are stored as BF16 are made as F32 first, a row for each thread. Rows of scratch memory begin at multiples of 64 bytes,
 * so that no two threads write to one line of the cache.
 */
typedef struct {
    const VeraKTensor *y;
    float *rows; /* NULL: y is F32 */
    size_t pitch;
} VeraKNormOutput;

static size_t
vera_k_norm_round_floats(int64_t n)
{
    return (size_t)(n + 15) / 16 * 16;
}

/* Scratch memory for @n_vectors vectors of @d, at *@vectors, and for rows of @n values of @y. */
static VeraKStatus
vera_k_norm_prepare(VeraKCtx *ctx, const VeraKTensor *y, int64_t d, int n_vectors, int64_t n, float **vectors, VeraKNormOutput *out)
{
    bool is_rounded = y->dtype == VERA_K_DTYPE_BF16;
    size_t head = vera_k_norm_round_floats(d * n_vectors), pitch = vera_k_norm_round_floats(n);
    void *memory;
    VeraKStatus status = vera_k_scratch(ctx, (head + (is_rounded ? pitch * (size_t)ctx->n_threads : 0)) * sizeof(float), &memory);

    if (status != VERA_K_OK)
        return status;
    *vectors = memory;
    *out = (VeraKNormOutput){ .y = y, .rows = is_rounded ? *vectors + head : NULL, .pitch = pitch };
    return VERA_K_OK;
}

/* Where row @i is to be made. */
static float *
vera_k_norm_begin(const VeraKNormOutput *out, int64_t i)
{
    return out->rows != NULL ? out->rows + (size_t)omp_get_thread_num() * out->pitch : (float *)out->y->data + i * out->y->stride[0];
}

/* Row @i, or @n values that begin there, are finished. */
static void
vera_k_norm_end(const VeraKNormOutput *out, int64_t i, const float *row, int64_t n)
{
    if (out->rows != NULL)
        vera_k_bf16_round(row, (uint16_t *)out->y->data + i * out->y->stride[0], n);
}

/* Sums in sixteen lanes of double, so that the result is one for every vector width. */
static inline __attribute__((always_inline)) double
vera_k_sum_row(const float *x, int64_t n, double mean, bool is_squared)
{
    double lanes[VERA_K_LANES] = { 0 }, total = 0;
    int64_t i = 0;

    for (; i + VERA_K_LANES <= n; i += VERA_K_LANES)
        for (int j = 0; j < VERA_K_LANES; j++) {
            double v = x[i + j] - mean;
            lanes[j] += is_squared ? v * v : v;
        }
    for (; i < n; i++) {
        double v = x[i] - mean;
        total += is_squared ? v * v : v;
    }
    for (int j = 0; j < VERA_K_LANES; j++)
        total += lanes[j];
    return total;
}

VERA_K_CLONES static void
vera_k_layer_norm_row(const float *x, float *y, int64_t d, const float *vectors, float eps)
{
    double mean = vera_k_sum_row(x, d, 0, false) / (double)d;
    double variance = vera_k_sum_row(x, d, mean, true) / (double)d;
    float m = (float)mean, s = (float)(1 / sqrt(variance + eps));

    for (int64_t j = 0; j < d; j++)
        y[j] = (x[j] - m) * s * vectors[j] + vectors[d + j];
}

/* Folds weight, bias, scale and shift into one factor and one offset a channel. */
static void
vera_k_layer_norm_fold(const VeraKLayerNorm *op, float *vectors)
{
    int64_t d = op->x.shape[1];

    for (int64_t j = 0; j < d; j++) {
        double w = op->weight.data ? vera_k_load(op->weight.data, op->weight.dtype, j) : 1;
        double b = op->bias.data ? vera_k_load(op->bias.data, op->bias.dtype, j) : 0;
        double scale = op->scale.data ? 1.0 + ((const float *)op->scale.data)[j] : 1;
        double shift = op->shift.data ? ((const float *)op->shift.data)[j] : 0;
        vectors[j] = (float)(w * scale);
        vectors[d + j] = (float)(b * scale + shift);
    }
}

VeraKStatus
vera_k_layer_norm_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKLayerNorm *op = argument;
    int64_t m = op->x.shape[0], d = op->x.shape[1];
    VeraKNormOutput out;
    float *vectors;
    VeraKStatus status = vera_k_norm_prepare(ctx, &op->y, d, 2, d, &vectors, &out);

    if (status != VERA_K_OK)
        return status;
    vera_k_layer_norm_fold(op, vectors);
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < m; i++) {
        float *y = vera_k_norm_begin(&out, i);
        vera_k_layer_norm_row((const float *)op->x.data + i * op->x.stride[0], y, d, vectors, op->eps);
        vera_k_norm_end(&out, i, y, d);
    }
    return VERA_K_OK;
}

VERA_K_CLONES static void
vera_k_rms_norm_row(const float *x, float *y, int64_t d, const float *weight, float eps)
{
    float s = (float)(1 / sqrt(vera_k_sum_row(x, d, 0, true) / (double)d + eps));

    for (int64_t j = 0; j < d; j++)
        y[j] = x[j] * s * weight[j];
}

VERA_K_CLONES static void
vera_k_rotate_row(float *y, int64_t n_heads, int64_t half, const float *cosines, const float *sines)
{
    for (int64_t h = 0; h < n_heads; h++) {
        float *head = y + h * half * 2;
        for (int64_t j = 0; j < half; j++) {
            float a = head[2 * j], b = head[2 * j + 1];
            head[2 * j] = a * cosines[j] - b * sines[j];
            head[2 * j + 1] = a * sines[j] + b * cosines[j];
        }
    }
}

VeraKStatus
vera_k_rms_norm_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKRmsNorm *op = argument;
    int64_t m = op->x.shape[0], d = op->x.shape[1];
    VeraKNormOutput out;
    float *weight;
    VeraKStatus status = vera_k_norm_prepare(ctx, &op->y, d, 1, d, &weight, &out);

    if (status != VERA_K_OK)
        return status;
    vera_k_convert_to_f32(op->weight.data, op->weight.dtype, weight, d);
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < m; i++) {
        float *y = vera_k_norm_begin(&out, i);
        vera_k_rms_norm_row((const float *)op->x.data + i * op->x.stride[0], y, d, weight, op->eps);
        if (op->cos.data != NULL)
            vera_k_rotate_row(y, op->n_heads, d / op->n_heads / 2,
                              (const float *)op->cos.data + i * op->cos.stride[0],
                              (const float *)op->sin.data + i * op->sin.stride[0]);
        vera_k_norm_end(&out, i, y, d);
    }
    return VERA_K_OK;
}

VERA_K_CLONES static void
vera_k_channel_norm_row(const float *x, float *y, int64_t c, const float *gamma, double root)
{
    double norm = sqrt(vera_k_sum_row(x, c, 0, true));
    float s = (float)(root / (norm > 1e-12 ? norm : 1e-12));

    for (int64_t j = 0; j < c; j++)
        y[j] = x[j] * s * gamma[j];
}

#define VERA_K_PIXELS 64

VeraKStatus
vera_k_channel_norm_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKChannelNorm *op = argument;
    int64_t p = op->x.shape[0], c = op->x.shape[1];
    int64_t n_blocks = (p + VERA_K_PIXELS - 1) / VERA_K_PIXELS;
    double root = sqrt((double)c);
    VeraKNormOutput out;
    float *gamma;
    VeraKStatus status = vera_k_norm_prepare(ctx, &op->y, c, 1, VERA_K_PIXELS * c, &gamma, &out);

    if (status != VERA_K_OK)
        return status;
    vera_k_convert_to_f32(op->gamma.data, op->gamma.dtype, gamma, c);
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t b = 0; b < n_blocks; b++) {
        int64_t from = b * VERA_K_PIXELS;
        int64_t to = from + VERA_K_PIXELS < p ? from + VERA_K_PIXELS : p;
        float *y = vera_k_norm_begin(&out, from);
        for (int64_t i = from; i < to; i++)
            vera_k_channel_norm_row((const float *)op->x.data + i * c, y + (i - from) * c, c, gamma, root);
        vera_k_activate_row(op->activation, y, y, (to - from) * c);
        vera_k_norm_end(&out, from, y, (to - from) * c);
    }
    return VERA_K_OK;
}
