#include "config.h"

#include <dnnl.h>

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/* Rows that are fewer than this go through a loop that reads each weight once; packing would cost more than the product. */
#define VERA_K_LINEAR_FEW_ROWS 4

/* Multiplications of one call of oneDNN at most, which cannot be stopped: a part of a second on a slow machine. */
#define VERA_K_LINEAR_PIECE ((int64_t)1 << 34)

VERA_K_CLONES static float
vera_k_dot(const float *a, const float *b, int64_t n)
{
    float lanes[32] = { 0 }, total = 0;
    int64_t i = 0;

    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 32; j++)
            lanes[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        total += a[i] * b[i];
    for (int j = 0; j < 32; j++)
        total += lanes[j];
    return total;
}

static void
vera_k_linear_finish_row(const VeraKLinear *op, const float *bias, int64_t i)
{
    int64_t n = op->weight.shape[0];
    float *y = (float *)op->y.data + i * op->y.stride[0];

    for (int64_t j = 0; bias != NULL && j < n; j++)
        y[j] += bias[j];
    vera_k_activate_row(op->activation, y, y, n);
}

static void
vera_k_linear_finish(VeraKCtx *ctx, const VeraKLinear *op, const float *bias)
{
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < op->x.shape[0]; i++)
        vera_k_linear_finish_row(op, bias, i);
}

/* Weight rows are converted in a small buffer per thread, so that the mapped file is read once and nothing large is made. */
static VeraKStatus
vera_k_linear_few_rows(VeraKCtx *ctx, const VeraKLinear *op, float *buffers)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];
    size_t row = (size_t)k * vera_k_dtype_size(op->weight.dtype);
    int64_t slice = (n + ctx->n_threads - 1) / ctx->n_threads;

#pragma omp parallel for schedule(static, 1) num_threads(ctx->n_threads)
    for (int t = 0; t < ctx->n_threads; t++) {
        float *weight = buffers + t * k;
        for (int64_t j = t * slice; j < n && j < (t + 1) * slice; j++) {
            vera_k_convert_to_f32((const char *)op->weight.data + (size_t)j * row, op->weight.dtype, weight, k);
            for (int64_t i = 0; i < m; i++)
                ((float *)op->y.data)[i * op->y.stride[0] + j] =
                    vera_k_dot((const float *)op->x.data + i * op->x.stride[0], weight, k);
        }
    }
    return VERA_K_OK;
}

static VeraKStatus
vera_k_linear_multiply(VeraKCtx *ctx, const VeraKLinear *op, const float *x, int64_t x_stride, const float *weight)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];
    int64_t rows = VERA_K_LINEAR_PIECE / (n * k) / 64 * 64, y_stride = m == 1 ? n : op->y.stride[0];

    rows = rows < 64 ? 64 : rows;
    x_stride = m == 1 ? k : x_stride;
    for (int64_t i = 0; i < m; i += rows) {
        dnnl_status_t status;
        if (vera_k_must_stop(ctx))
            return vera_k_end(ctx);
        status = dnnl_sgemm('N', 'T', m - i < rows ? m - i : rows, n, k, 1.0f, x + i * x_stride, x_stride, weight, k, 0.0f,
                            (float *)op->y.data + i * y_stride, y_stride);
        if (status != dnnl_success)
            return vera_k_fail(ctx, VERA_K_ERR_INTERNAL, "linear: oneDNN error %d", (int)status);
    }
    return VERA_K_OK;
}

static VeraKStatus
vera_k_linear_f32(VeraKCtx *ctx, const VeraKLinear *op, float *packed)
{
    int64_t k = op->x.shape[1], n = op->weight.shape[0];
    const float *weight = op->weight.data;

    if (op->weight.dtype != VERA_K_DTYPE_F32) {
        size_t row = (size_t)k * vera_k_dtype_size(op->weight.dtype);
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
        for (int64_t j = 0; j < n; j++)
            vera_k_convert_to_f32((const char *)op->weight.data + (size_t)j * row, op->weight.dtype,
                          packed + j * k, k);
        weight = packed;
    }
    return vera_k_linear_multiply(ctx, op, op->x.data, op->x.stride[0], weight);
}

/* Products of bf16 on a processor that has none: of F32 that has been rounded, which oneDNN would refuse or be slower at. */
static VeraKStatus
vera_k_linear_rounded(VeraKCtx *ctx, const VeraKLinear *op, float *packed)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];
    size_t row = (size_t)k * vera_k_dtype_size(op->weight.dtype);

#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < m; i++)
        vera_k_round_to_bf16((const float *)op->x.data + i * op->x.stride[0], VERA_K_DTYPE_F32, packed + i * k, k);
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t j = 0; j < n; j++)
        vera_k_round_to_bf16((const char *)op->weight.data + (size_t)j * row, op->weight.dtype, packed + (m + j) * k, k);
    return vera_k_linear_multiply(ctx, op, packed, k, packed + m * k);
}

static VeraKStatus
vera_k_linear_bf16(VeraKCtx *ctx, const VeraKLinear *op, uint16_t *packed)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];
    size_t row = (size_t)k * vera_k_dtype_size(op->weight.dtype);
    const uint16_t *weight = op->weight.dtype == VERA_K_DTYPE_BF16 ? op->weight.data : packed + m * k;

#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
    for (int64_t i = 0; i < m; i++)
        vera_k_to_bf16((const float *)op->x.data + i * op->x.stride[0], VERA_K_DTYPE_F32, packed + i * k, k);
    if (weight != op->weight.data) {
#pragma omp parallel for schedule(static) num_threads(ctx->n_threads)
        for (int64_t j = 0; j < n; j++)
            vera_k_to_bf16((const char *)op->weight.data + (size_t)j * row, op->weight.dtype,
                           packed + (m + j) * k, k);
    }
    if (vera_k_onednn_matmul_bf16((const int64_t[3]){ m, n, k }, packed, weight, op->y.data,
                                  op->y.stride[0]) != VERA_K_OK)
        return vera_k_fail(ctx, VERA_K_ERR_INTERNAL, "linear: oneDNN could not multiply in bf16");
    return VERA_K_OK;
}

VeraKStatus
vera_k_linear_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKLinear *op = argument;
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];
    bool is_bf16 = op->compute == VERA_K_COMPUTE_BF16;
    bool is_few = m <= VERA_K_LINEAR_FEW_ROWS && !is_bf16;
    size_t bias_size = (size_t)(n + 15) / 16 * 64;
    size_t size = is_few ? (size_t)(k * ctx->n_threads) * 4
                  : is_bf16 ? (size_t)((m + n) * k) * (vera_k_onednn_has_bf16() ? 2 : 4)
                            : (size_t)(n * k) * 4;
    void *scratch;
    float *bias = NULL;
    VeraKStatus status;

    if (is_bf16 && vera_k_bf16_is_native())
        return vera_k_linear_bf16_native(ctx, op);
    status = vera_k_scratch(ctx, bias_size + size, &scratch);
    if (status != VERA_K_OK)
        return status;
    if (op->bias.data != NULL) {
        bias = scratch;
        vera_k_convert_to_f32(op->bias.data, op->bias.dtype, bias, n);
    }
    scratch = (char *)scratch + bias_size;
    if (is_few)
        status = vera_k_linear_few_rows(ctx, op, scratch);
    else if (is_bf16)
        status = vera_k_onednn_has_bf16() ? vera_k_linear_bf16(ctx, op, scratch) : vera_k_linear_rounded(ctx, op, scratch);
    else
        status = vera_k_linear_f32(ctx, op, scratch);
    if (status == VERA_K_OK)
        vera_k_linear_finish(ctx, op, bias);
    return status;
}
