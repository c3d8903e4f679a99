#pragma once

#include "kernels/cuda/attention.cuh"

/*
 * Attention in F32 for any head width: 256 threads hold 64 queries against 64 keys, four by four scores to a thread, and 128 columns of
 * the output, four by eight to a thread. Wider heads are several blocks (z), each of which makes the scores again.
 */

#define VERA_K_F32_TILE 64
#define VERA_K_F32_STEP 16    /* channels, or keys, in shared memory at a time */
#define VERA_K_F32_COLUMNS 128
#define VERA_K_F32_PITCH 68   /* of a tile's rows: spreads banks, keeps 16 bytes */

/** VeraKAttentionF32Shared: 36 KiB. */
typedef struct {
    float q[VERA_K_F32_STEP][VERA_K_F32_PITCH];
    float k[VERA_K_F32_STEP][VERA_K_F32_PITCH];
    float weights[VERA_K_F32_TILE][VERA_K_F32_PITCH]; /* [key][query] */
    float v[VERA_K_F32_STEP][VERA_K_F32_COLUMNS];
} VeraKAttentionF32Shared;

template <typename In>
static __device__ __forceinline__ float
vera_k_attention_f32_read(const VeraKAttentionHeads &t, bool is_rounded, int h, int row, int column)
{
    float x = vera_k_to_float(((const In *)t.data)[row * t.row_stride + h * t.head_stride + column]);
    return is_rounded ? __bfloat162float(__float2bfloat16_rn(x)) : x;
}

/* Channels from @c0 of rows from @row0, channel by channel; zeros outside. */
template <typename In>
static __device__ void
vera_k_attention_f32_load(const VeraKAttentionHeads &t, bool is_rounded, int n_rows, int n_columns, int h, int row0, int c0,
                          float (*to)[VERA_K_F32_PITCH])
{
    for (int i = (int)threadIdx.x; i < VERA_K_F32_TILE * VERA_K_F32_STEP; i += 256) {
        int row = row0 + i / VERA_K_F32_STEP, column = c0 + i % VERA_K_F32_STEP;
        bool is_inside = row < n_rows && column < n_columns;
        to[i % VERA_K_F32_STEP][i / VERA_K_F32_STEP] =
            is_inside ? vera_k_attention_f32_read<In>(t, is_rounded, h, row, column) : 0;
    }
}

template <typename In>
static __device__ void
vera_k_attention_f32_scores(const VeraKAttentionArguments &a, VeraKAttentionF32Shared *shared, int h, int q0, int k0, float (&s)[4][4])
{
    int ty = (int)threadIdx.x / 16, tx = (int)threadIdx.x % 16;

    for (int i = 0; i < 16; i++)
        s[i / 4][i % 4] = 0;
    for (int c0 = 0; c0 < a.n_columns; c0 += VERA_K_F32_STEP) {
        __syncthreads();
        vera_k_attention_f32_load<In>(a.q, a.is_rounded, a.n_queries, a.n_columns, h, q0, c0, shared->q);
        vera_k_attention_f32_load<In>(a.k, a.is_rounded, a.n_keys, a.n_columns, h, k0, c0, shared->k);
        __syncthreads();
#pragma unroll
        for (int c = 0; c < VERA_K_F32_STEP; c++) {
            float4 q = *(const float4 *)&shared->q[c][ty * 4], k = *(const float4 *)&shared->k[c][tx * 4];
            const float rows[4] = {q.x, q.y, q.z, q.w}, columns[4] = {k.x, k.y, k.z, k.w};
#pragma unroll
            for (int i = 0; i < 16; i++)
                s[i / 4][i % 4] += rows[i / 4] * columns[i % 4];
        }
    }
}

/* Scores become weights, in shared memory; sums and the output so far are scaled to the new maximum. */
static __device__ void
vera_k_attention_f32_soften(const VeraKAttentionArguments &a, VeraKAttentionF32Shared *shared, int h, int q0, int k0, float (&s)[4][4],
                            float (&o)[4][8], float (&max)[4], float (&sum)[4])
{
    int ty = (int)threadIdx.x / 16, tx = (int)threadIdx.x % 16;

#pragma unroll
    for (int i = 0; i < 4; i++) {
        float top = max[i];
        for (int j = 0; j < 4; j++) {
            int query = q0 + ty * 4 + i, key = k0 + tx * 4 + j;
            s[i][j] = key < a.n_keys ? s[i][j] * a.scale_log2 + vera_k_attention_bias(a, h, query, key) : -INFINITY;
            top = fmaxf(top, s[i][j]);
        }
        for (int n = 8; n > 0; n /= 2)
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, n));
        float base = vera_k_attention_base(top), factor = exp2f(max[i] - base);
        max[i] = top;
        sum[i] *= factor;
        for (int j = 0; j < 4; j++) {
            float weight = exp2f(s[i][j] - base);
            sum[i] += weight;
            shared->weights[tx * 4 + j][ty * 4 + i] = weight;
        }
        for (int j = 0; j < 8; j++)
            o[i][j] *= factor;
    }
}

template <typename In>
static __device__ void
vera_k_attention_f32_add(const VeraKAttentionArguments &a, VeraKAttentionF32Shared *shared, int h, int k0, int column0, float (&o)[4][8])
{
    int ty = (int)threadIdx.x / 16, tx = (int)threadIdx.x % 16;

    for (int j0 = 0; j0 < VERA_K_F32_TILE; j0 += VERA_K_F32_STEP) {
        __syncthreads();
        for (int i = (int)threadIdx.x; i < VERA_K_F32_STEP * VERA_K_F32_COLUMNS; i += 256) {
            int key = k0 + j0 + i / VERA_K_F32_COLUMNS, column = column0 + i % VERA_K_F32_COLUMNS;
            bool is_inside = key < a.n_keys && column < a.n_columns;
            shared->v[i / VERA_K_F32_COLUMNS][i % VERA_K_F32_COLUMNS] =
                is_inside ? vera_k_attention_f32_read<In>(a.v, a.is_rounded, h, key, column) : 0;
        }
        __syncthreads();
#pragma unroll
        for (int j = 0; j < VERA_K_F32_STEP; j++) {
            float4 w = *(const float4 *)&shared->weights[j0 + j][ty * 4];
            float4 low = *(const float4 *)&shared->v[j][tx * 4], high = *(const float4 *)&shared->v[j][64 + tx * 4];
            const float rows[4] = {w.x, w.y, w.z, w.w};
            const float columns[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
            for (int i = 0; i < 32; i++)
                o[i / 8][i % 8] += rows[i / 8] * columns[i % 8];
        }
    }
}

/** Grid: tiles of queries, heads, slices of columns; 256 threads. */
template <typename In, typename Out>
static __global__ void __launch_bounds__(256)
vera_k_attention_f32_kernel(const VeraKAttentionArguments a)
{
    VeraKAttentionF32Shared *shared = (VeraKAttentionF32Shared *)vera_k_dynamic_shared();
    int q0 = (int)blockIdx.x * VERA_K_F32_TILE, h = (int)blockIdx.y, column0 = (int)blockIdx.z * VERA_K_F32_COLUMNS;
    int ty = (int)threadIdx.x / 16, tx = (int)threadIdx.x % 16;
    float s[4][4], o[4][8] = {}, sum[4] = {};
    float max[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};

    for (int k0 = 0; k0 < a.n_keys; k0 += VERA_K_F32_TILE) {
        vera_k_attention_f32_scores<In>(a, shared, h, q0, k0, s);
        vera_k_attention_f32_soften(a, shared, h, q0, k0, s, o, max, sum);
        vera_k_attention_f32_add<In>(a, shared, h, k0, column0, o);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int query = q0 + ty * 4 + i;
        for (int n = 8; n > 0; n /= 2)
            sum[i] += __shfl_xor_sync(0xffffffffu, sum[i], n);
        for (int j = 0; j < 8; j++) {
            int column = column0 + j / 4 * 64 + tx * 4 + j % 4;
            if (query < a.n_queries && column < a.n_columns)
                vera_k_store((Out *)a.o.data + query * a.o.row_stride + h * a.o.head_stride + column, o[i][j] / sum[i]);
        }
    }
}
