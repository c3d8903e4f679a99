#pragma once

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/ptx.cuh"
#include "kernels/cuda/swizzle.cuh"

/*
 * Convolution as a product of matrices that are never made: a row for each pixel of the output, with the channels of all taps one after
 * another, times the weights in the same order. A block makes VERA_K_CONV_ROWS pixels of some output channels; 64 bytes of each row (a
 * step) at a time are gathered into shared memory, in chunks of 16 bytes of one pixel, steps ahead of the arithmetic.
 */

#define VERA_K_CONV_ROWS 128
#define VERA_K_CONV_STEP_CHUNKS 4
#define VERA_K_CONV_STEP_BYTES 64
#define VERA_K_CONV_STAGES 3

using VeraKConvSwizzle = VeraKSwizzle<VERA_K_CONV_STEP_BYTES / 2>;

/** VeraKConv3dArguments: the operator as kernels see it. */
typedef struct {
    const char *x, *cache; /* dense pixels of n_chunks * 16 bytes */
    const char *weights;   /* [n_columns, n_steps * 64 bytes] */
    const void *bias;      /* NULL for none */
    const float *residual; /* NULL for none */
    float *y;
    int bias_dtype;
    int n_cached, n_frames; /* n_frames counts the cached ones */
    int height, width, n_chunks;
    int out_height, out_width;
    int n_pixels;  /* of y */
    int n_columns; /* channels of y */
    int n_steps;
    int kernel_t, kernel_h, kernel_w;
    int stride_t, stride_h, stride_w;
    int pad_t, pad_h, pad_w; /* in front */
    int upsample;
    bool is_paired; /* two neighbours of y and of residual are aligned to 8 bytes */
} VeraKConv3dArguments;

/** vera_k_conv3d_shared_bytes: Returns: dynamic shared memory of a kernel that makes @n_columns channels a block */
static constexpr int
vera_k_conv3d_shared_bytes(int n_columns)
{
    return VERA_K_CONV_STAGES * (VERA_K_CONV_ROWS + n_columns) * VERA_K_CONV_STEP_BYTES;
}

/* A thread's part of the gathering: one chunk of each step, the same of several rows. */
template <int kThreads> struct VeraKConv3dGather {
    static constexpr int kStride = kThreads / VERA_K_CONV_STEP_CHUNKS; /* between the thread's rows */
    static constexpr int kRows = VERA_K_CONV_ROWS / kStride;
    int t[kRows], h[kRows], w[kRows]; /* of the first tap, less the padding, in enlarged pixels */
    const char *pixel[kRows];         /* under the current tap; NULL where zeros stand */
    int a, b, c, chunk;               /* the current tap, and the chunk of its pixels */
};

template <int kThreads>
static __device__ __forceinline__ void
vera_k_conv3d_find_pixels(const VeraKConv3dArguments &v, VeraKConv3dGather<kThreads> *g)
{
    int shift = v.upsample - 1;

#pragma unroll
    for (int i = 0; i < g->kRows; i++) {
        int t = g->t[i] + g->a, h = g->h[i] + g->b, w = g->w[i] + g->c;
        bool is_inside = g->a < v.kernel_t && t >= 0 && h >= 0 && h < v.height << shift && w >= 0 && w < v.width << shift;
        const char *frames = t < v.n_cached ? v.cache : v.x;
        int64_t frame = t < v.n_cached ? t : t - v.n_cached;
        int64_t at = (frame * v.height + (h >> shift)) * v.width + (w >> shift);
        g->pixel[i] = is_inside ? frames + at * v.n_chunks * 16 : NULL;
    }
}

/* To the next step, which may be several taps on. */
template <int kThreads>
static __device__ __forceinline__ void
vera_k_conv3d_advance(const VeraKConv3dArguments &v, VeraKConv3dGather<kThreads> *g, int n_chunks)
{
    g->chunk += n_chunks;
    if (g->chunk < v.n_chunks)
        return;
    for (; g->chunk >= v.n_chunks; g->chunk -= v.n_chunks) {
        if (++g->c < v.kernel_w)
            continue;
        g->c = 0;
        if (++g->b < v.kernel_h)
            continue;
        g->b = 0;
        g->a++;
    }
    vera_k_conv3d_find_pixels(v, g);
}

template <int kThreads>
static __device__ __forceinline__ void
vera_k_conv3d_begin(const VeraKConv3dArguments &v, int row0, VeraKConv3dGather<kThreads> *g)
{
    int row = row0 + vera_k_thread() / VERA_K_CONV_STEP_CHUNKS;

#pragma unroll
    for (int i = 0; i < g->kRows; i++, row += g->kStride) {
        int line = row / v.out_width;
        g->w[i] = row % v.out_width * v.stride_w - v.pad_w;
        g->h[i] = line % v.out_height * v.stride_h - v.pad_h;
        g->t[i] = row < v.n_pixels ? line / v.out_height * v.stride_t - v.pad_t : INT32_MIN / 2;
    }
    g->a = g->b = g->c = g->chunk = 0;
    vera_k_conv3d_find_pixels(v, g);
    vera_k_conv3d_advance(v, g, vera_k_thread() % VERA_K_CONV_STEP_CHUNKS);
}

/* Begins to copy a step's pixels and weights to @to, or nothing after the last step, and moves on; always one group of copies. */
template <int kThreads, int kColumns>
static __device__ __forceinline__ void
vera_k_conv3d_load(const VeraKConv3dArguments &v, uint32_t to, int column0, int step, VeraKConv3dGather<kThreads> *g)
{
    using Gather = VeraKConv3dGather<kThreads>;
    int thread = vera_k_thread(), row = thread / VERA_K_CONV_STEP_CHUNKS, chunk = thread % VERA_K_CONV_STEP_CHUNKS;

    if (step < v.n_steps) {
        const char *weights = v.weights + ((int64_t)(column0 + row) * v.n_steps + step) * VERA_K_CONV_STEP_BYTES + chunk * 16;
        to += VeraKConvSwizzle::place(row, chunk);
#pragma unroll
        for (int i = 0; i < Gather::kRows; i++)
            vera_k_copy_16(to + (uint32_t)(i * Gather::kStride * VERA_K_CONV_STEP_BYTES),
                           g->pixel[i] != NULL ? g->pixel[i] + g->chunk * 16 : v.weights, g->pixel[i] == NULL);
        to += VERA_K_CONV_ROWS * VERA_K_CONV_STEP_BYTES;
#pragma unroll
        for (int i = 0; i < (kColumns + Gather::kStride - 1) / Gather::kStride; i++, weights += (int64_t)Gather::kStride * v.n_steps * VERA_K_CONV_STEP_BYTES)
            if (kColumns % Gather::kStride == 0 || row + i * Gather::kStride < kColumns)
                vera_k_copy_16(to + (uint32_t)(i * Gather::kStride * VERA_K_CONV_STEP_BYTES), weights, column0 + row + i * Gather::kStride >= v.n_columns);
        vera_k_conv3d_advance(v, g, VERA_K_CONV_STEP_CHUNKS);
    }
    vera_k_copy_commit();
}

/** vera_k_conv3d_write: one element of y, with bias and residual; it may lie outside. */
static __device__ __forceinline__ void
vera_k_conv3d_write(const VeraKConv3dArguments &v, int row, int column, float sum)
{
    int64_t at = (int64_t)row * v.n_columns + column;

    if (row >= v.n_pixels || column >= v.n_columns)
        return;
    sum += vera_k_element(v.bias, v.bias_dtype, column, 0);
    v.y[at] = sum + (v.residual != NULL ? v.residual[at] : 0);
}

/** vera_k_conv3d_write_pair: channels @column (even) and the next of a pixel. */
static __device__ __forceinline__ void
vera_k_conv3d_write_pair(const VeraKConv3dArguments &v, int row, int column, float low, float high)
{
    int64_t at = (int64_t)row * v.n_columns + column;
    float2 rest = make_float2(0, 0);

    if (!v.is_paired) {
        vera_k_conv3d_write(v, row, column, low);
        vera_k_conv3d_write(v, row, column + 1, high);
        return;
    }
    if (row >= v.n_pixels || column >= v.n_columns)
        return;
    if (v.residual != NULL)
        rest = *(const float2 *)(v.residual + at);
    low += vera_k_element(v.bias, v.bias_dtype, column, 0);
    high += vera_k_element(v.bias, v.bias_dtype, column + 1, 0);
    *(float2 *)(v.y + at) = make_float2(low + rest.x, high + rest.y);
}
