#include "config.h"

#include <string.h>

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/*
 * A causal 3-D convolution is, for each output frame, a sum of 2-D convolutions over the frames that it sees. Frames are
 * taken where they lie (cache or input), so nothing is joined; zero frames cost nothing.
 */

typedef struct {
    const VeraKConv3d *op;
    const float *x, *cache; /* of op, or rounded to bf16 */
    VeraKConv2dPlan *plan;
    const char *packed;   /* kt sets of packed weights */
    size_t packed_size;   /* bytes of one set */
    float *enlarged;      /* one frame, when upsampling */
} VeraKConv3dRun;

static VeraKConv2d
vera_k_conv3d_get_conv2d(const VeraKConv3d *op)
{
    return (VeraKConv2d){
        .in_channels = op->x.shape[3],
        .in_height = op->x.shape[1] * op->upsample,
        .in_width = op->x.shape[2] * op->upsample,
        .out_channels = op->y.shape[3],
        .out_height = op->y.shape[1],
        .out_width = op->y.shape[2],
        .kernel_h = op->weight.shape[3],
        .kernel_w = op->weight.shape[4],
        .stride_h = op->stride_h,
        .stride_w = op->stride_w,
        .pad_h_before = op->pad_h_before,
        .pad_h_after = op->pad_h_after,
        .pad_w_before = op->pad_w_before,
        .pad_w_after = op->pad_w_after,
    };
}

/* Frame @t of [zeros ; cache ; x], NULL for a zero frame. */
static const float *
vera_k_conv3d_get_frame(const VeraKConv3dRun *run, int64_t t)
{
    const VeraKConv3d *op = run->op;
    int64_t size = op->x.shape[1] * op->x.shape[2] * op->x.shape[3];
    int64_t n_cached = op->cache.data ? op->cache.shape[0] : 0;

    t -= op->pad_t;
    if (t < 0)
        return NULL;
    if (t < n_cached)
        return run->cache + t * size;
    return run->x + (t - n_cached) * size;
}

static const float *
vera_k_conv3d_enlarge(const VeraKConv3dRun *run, const float *frame, int n_threads)
{
    const VeraKConv3d *op = run->op;
    int64_t h = op->x.shape[1], w = op->x.shape[2], c = op->x.shape[3];

    if (op->upsample == 1)
        return frame;
#pragma omp parallel for schedule(static) num_threads(n_threads)
    for (int64_t y = 0; y < h; y++) {
        float *row = run->enlarged + 2 * y * 2 * w * c;
        for (int64_t x = 0; x < w; x++) {
            memcpy(row + 2 * x * c, frame + (y * w + x) * c, (size_t)c * sizeof *row);
            memcpy(row + (2 * x + 1) * c, frame + (y * w + x) * c, (size_t)c * sizeof *row);
        }
        memcpy(row + 2 * w * c, row, (size_t)(2 * w * c) * sizeof *row);
    }
    return run->enlarged;
}

/* What the sum starts from: bias, and the residual if there is one. */
static void
vera_k_conv3d_start(const VeraKConv3d *op, const float *bias, int64_t t, int n_threads)
{
    int64_t pixels = op->y.shape[1] * op->y.shape[2], c = op->y.shape[3];
    float *y = (float *)op->y.data + t * pixels * c;
    const float *residual = op->residual.data ? (const float *)op->residual.data + t * pixels * c : NULL;

#pragma omp parallel for schedule(static) num_threads(n_threads)
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t j = 0; j < c; j++)
            y[i * c + j] = (bias ? bias[j] : 0.0f) + (residual ? residual[i * c + j] : 0.0f);
}

static VeraKStatus
vera_k_conv3d_run_frame(VeraKCtx *ctx, const VeraKConv3dRun *run, const float *bias, int64_t t)
{
    const VeraKConv3d *op = run->op;
    float *y = (float *)op->y.data + t * op->y.shape[1] * op->y.shape[2] * op->y.shape[3];

    vera_k_conv3d_start(op, bias, t, ctx->n_threads);
    for (int64_t a = 0; a < op->weight.shape[2]; a++) {
        const float *frame = vera_k_conv3d_get_frame(run, t * op->stride_t + a);
        VeraKStatus status;
        if (frame == NULL)
            continue;
        if (vera_k_must_stop(ctx))
            return vera_k_end(ctx);
        status = vera_k_onednn_conv2d_run(run->plan, vera_k_conv3d_enlarge(run, frame, ctx->n_threads),
                                          run->packed + (size_t)a * run->packed_size, y);
        if (status != VERA_K_OK)
            return vera_k_fail(ctx, status, "conv3d: oneDNN could not run the convolution");
    }
    return VERA_K_OK;
}

static VeraKStatus
vera_k_conv3d_pack(VeraKCtx *ctx, VeraKConv3dRun *run, const float *weights, char *packed)
{
    const int64_t *s = run->op->weight.shape;
    const int64_t strides[4] = { s[1] * s[2] * s[3] * s[4], s[2] * s[3] * s[4], s[4], 1 };

    run->packed = packed;
    for (int64_t a = 0; a < s[2]; a++) {
        VeraKStatus status = vera_k_onednn_conv2d_pack(run->plan, weights + a * s[3] * s[4], strides,
                                                       packed + (size_t)a * run->packed_size);
        if (status != VERA_K_OK)
            return vera_k_fail(ctx, status, "conv3d: oneDNN could not reorder the weights");
    }
    return VERA_K_OK;
}

static size_t
vera_k_round64(size_t n)
{
    return (n + 63) / 64 * 64;
}

/* Rounds @t to bf16 into *@at, which moves on behind it; where it lies if there is nothing to round. */
static const float *
vera_k_conv3d_round(VeraKCtx *ctx, const VeraKTensor *t, bool is_rounded, char **at)
{
    int64_t n = t->data != NULL ? vera_k_tensor_n_elements(t) : 0, slice = (n + ctx->n_threads - 1) / ctx->n_threads;
    float *out = (float *)(void *)*at;

    if (!is_rounded || n == 0)
        return t->data;
#pragma omp parallel for schedule(static, 1) num_threads(ctx->n_threads)
    for (int i = 0; i < ctx->n_threads; i++)
        if (i * slice < n)
            vera_k_round_to_bf16((const float *)t->data + i * slice, VERA_K_DTYPE_F32, out + i * slice,
                                 n - i * slice < slice ? n - i * slice : slice);
    *at += vera_k_round64((size_t)n * 4);
    return out;
}

static size_t
vera_k_conv3d_get_rounded_size(const VeraKTensor *t)
{
    return t->data != NULL ? vera_k_round64((size_t)vera_k_tensor_n_elements(t) * 4) : 0;
}

static VeraKStatus
vera_k_conv3d_run(VeraKCtx *ctx, VeraKConv3dRun *run)
{
    const VeraKConv3d *op = run->op;
    bool is_rounded = op->compute == VERA_K_COMPUTE_BF16; /* and not native: products of rounded F32 */
    size_t n_weights = (size_t)vera_k_tensor_n_elements(&op->weight);
    size_t flat = op->weight.dtype == VERA_K_DTYPE_F32 && !is_rounded ? 0 : vera_k_round64(n_weights * 4);
    size_t input = is_rounded ? vera_k_conv3d_get_rounded_size(&op->x) + vera_k_conv3d_get_rounded_size(&op->cache) : 0;
    size_t bias_size = vera_k_round64((size_t)op->y.shape[3] * 4);
    size_t frame = op->upsample == 1 ? 0 : vera_k_round64((size_t)(op->x.shape[1] * op->x.shape[2] * op->x.shape[3]) * 16);
    const float *weights = op->weight.data;
    float *bias = NULL;
    char *scratch;
    VeraKStatus status;

    run->packed_size = vera_k_round64(vera_k_onednn_conv2d_weights_size(run->plan));
    status = vera_k_scratch(ctx, input + flat + bias_size + frame + run->packed_size * (size_t)op->weight.shape[2],
                            (void **)&scratch);
    if (status != VERA_K_OK)
        return status;
    run->x = vera_k_conv3d_round(ctx, &op->x, is_rounded, &scratch);
    run->cache = vera_k_conv3d_round(ctx, &op->cache, is_rounded, &scratch);
    if (flat > 0) {
        (is_rounded ? vera_k_round_to_bf16 : vera_k_convert_to_f32)(op->weight.data, op->weight.dtype, (float *)scratch,
                                                                    (int64_t)n_weights);
        weights = (float *)scratch;
    }
    if (op->bias.data != NULL) {
        bias = (float *)(scratch + flat);
        vera_k_convert_to_f32(op->bias.data, op->bias.dtype, bias, op->y.shape[3]);
    }
    run->enlarged = (float *)(scratch + flat + bias_size);
    status = vera_k_conv3d_pack(ctx, run, weights, scratch + flat + bias_size + frame);
    for (int64_t t = 0; status == VERA_K_OK && t < op->y.shape[0]; t++)
        status = vera_k_conv3d_run_frame(ctx, run, bias, t);
    return status;
}

VeraKStatus
vera_k_conv3d_cpu(VeraKCtx *ctx, const void *argument)
{
    const VeraKConv3d *op = argument;
    VeraKConv2d conv = vera_k_conv3d_get_conv2d(op);
    VeraKConv3dRun run = { .op = op };
    VeraKStatus status;

    if (op->compute == VERA_K_COMPUTE_BF16 && vera_k_bf16_is_native())
        return vera_k_conv3d_bf16_native(ctx, op);
    status = vera_k_onednn_conv2d_new(&conv, true, &run.plan);
    if (status != VERA_K_OK)
        return vera_k_fail(ctx, status, "conv3d: oneDNN offers no convolution of this shape");
    status = vera_k_conv3d_run(ctx, &run);
    vera_k_onednn_conv2d_free(run.plan);
    return status;
}
