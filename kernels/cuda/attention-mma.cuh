#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/swizzle.cuh"

/*
 * Attention on tensor cores with mma.sync (sm 80 and up), after FlashAttention-2 (Dao 2023): 128 queries a block, 32 to each of four warps,
 * against tiles of 32 or 64 keys; scores, weights and the output stay in registers. While a warp works with keys the next values are
 * on their way, and the other way round.
 */

#define VERA_K_MMA_QUERIES 128
#define VERA_K_MMA_THREADS 128

/* PAIRS: any biases, and scales that are not positive; scores are scaled before they are added. */
typedef enum { VERA_K_BIAS_NONE, VERA_K_BIAS_KEYS, VERA_K_BIAS_PAIRS } VeraKAttentionBias;

/** vera_k_attention_mma_shared_bytes: Returns: dynamic shared memory of the kernel for a padded head width */
static constexpr int
vera_k_attention_mma_shared_bytes(int width, int n_tile_keys)
{
    return (VERA_K_MMA_QUERIES + 2 * n_tile_keys) * width * 2;
}

/* The block's head, rows from @row0 on, zeros after the last: there nothing is read, and the address may be any. */
template <int kWidth, int kRows>
static __device__ __forceinline__ void
vera_k_attention_mma_load(uint32_t to, const VeraKAttentionHeads &t, int row0, int n_rows)
{
    using Swizzle = VeraKSwizzle<kWidth>;
    constexpr int n_groups = kWidth / 8 / Swizzle::kGroup, step = VERA_K_MMA_THREADS / Swizzle::kGroup;
    int thread = vera_k_thread(), row = thread / Swizzle::kGroup, chunk = thread % Swizzle::kGroup;
    const uint16_t *from = (const uint16_t *)t.data + vera_k_block_y() * t.head_stride + (row0 + row) * t.row_stride + chunk * 8;

    static_assert(kRows % step == 0 && step % 16 == 0, "every thread copies the same chunks of several rows");
    to += Swizzle::place(row, chunk);
#pragma unroll
    for (int i = 0; i < kRows / step; i++, from += step * t.row_stride)
#pragma unroll
        for (int j = 0; j < n_groups; j++)
            vera_k_copy_16(to + (uint32_t)(i * step * Swizzle::kPitch + j * Swizzle::kGroup * 16), from + j * Swizzle::kGroup * 8,
                           row0 + row + i * step >= n_rows);
    vera_k_copy_commit();
}

/** VeraKAttentionMmaRows: a warp's 32 queries: tiles i of 16 rows, of which a thread has rows lane / 4 and that plus 8. */
template <int kWidth> struct VeraKAttentionMmaRows {
    float o[2][kWidth / 8][4];
    float max[2][2];
    float sum[2][2]; /* of this thread's columns only */
};

template <int kWidth, int kKeys>
static __device__ __forceinline__ void
vera_k_attention_mma_scores(uint32_t q, uint32_t k, float (&s)[2][kKeys / 8][4])
{
    using Swizzle = VeraKSwizzle<kWidth>;
    int thread = vera_k_thread(), lane = thread % 32, warp_row = thread / 32 * 32;

    q += Swizzle::place(warp_row + lane % 16, lane / 16);
    k += Swizzle::place(lane / 16 * 8 + lane % 8, lane / 8 % 2);
#pragma unroll
    for (int n = 0; n < kKeys; n++)
        s[n / (kKeys / 2)][n % (kKeys / 2) / 4][n % 4] = 0;
#pragma unroll 1 /* sixteen products each; unrolled, addresses spill on sm 90 */
    for (int c = 0; c < kWidth / 16; c++) {
        uint32_t a[2][4], b[4];
#pragma unroll
        for (int i = 0; i < 2; i++)
            vera_k_ldmatrix<4, false>(a[i], Swizzle::move(q, i * 16, c * 2));
#pragma unroll
        for (int n = 0; n < kKeys / 16; n++) {
            vera_k_ldmatrix<4, false>(b, Swizzle::move(k, n * 16, c * 2));
#pragma unroll
            for (int i = 0; i < 2; i++) {
                vera_k_mma_bf16(s[i][n * 2], a[i], b[0], b[1]);
                vera_k_mma_bf16(s[i][n * 2 + 1], a[i], b[2], b[3]);
            }
        }
    }
}

/* Where a score is: row of the block's queries, column of the tile's keys. */
static __device__ __forceinline__ int
vera_k_attention_mma_row(int thread, int i, int e)
{
    return thread / 32 * 32 + i * 16 + thread % 32 / 4 + e / 2 * 8;
}

static __device__ __forceinline__ int
vera_k_attention_mma_column(int thread, int n, int e)
{
    return n * 8 + thread % 4 * 2 + e % 2;
}

/* Whether a key of the tile has a bias of its own; the whole warp takes part. */
template <int kKeys>
static __device__ __forceinline__ bool
vera_k_attention_mma_has_key_bias(const VeraKAttentionArguments &a, int k0)
{
    bool found = false;

#pragma unroll
    for (int key = k0 + vera_k_thread() % 32; key < k0 + kKeys; key += 32)
        found |= key < a.n_keys && a.key_bias[key] != 0;
    return __any_sync(0xffffffffu, found);
}

/*
 * Biases, and no weight for keys after the last. Unless pairs have biases, scores stay unscaled here, and biases of keys are brought to
 * them where there are any: of a prompt that is one tile, with the key that stands for the padding.
 */
template <int kKeys, VeraKAttentionBias kBias>
static __device__ __forceinline__ void
vera_k_attention_mma_bias(const VeraKAttentionArguments &a, int h, int q0, int k0, float (&s)[2][kKeys / 8][4])
{
    if (kBias == VERA_K_BIAS_KEYS && vera_k_attention_mma_has_key_bias<kKeys>(a, k0)) {
        int key = k0 + vera_k_attention_mma_column(vera_k_thread(), 0, 0);
#pragma unroll
        for (int n = 0; n < kKeys / 4; n++) {
            float bias = key + n / 2 * 8 + n % 2 < a.n_keys ? a.key_bias[key + n / 2 * 8 + n % 2] * a.unscale : 0;
#pragma unroll
            for (int i = 0; i < 4; i++)
                s[i / 2][n / 2][i % 2 * 2 + n % 2] += bias;
        }
    }
    if (kBias != VERA_K_BIAS_PAIRS && k0 + kKeys <= a.n_keys)
        return;
    int thread = vera_k_thread();
#pragma unroll
    for (int n = 0; n < kKeys; n++) {
        int i = n / (kKeys / 2), j = n % (kKeys / 2) / 4, e = n % 4, key = k0 + vera_k_attention_mma_column(thread, j, e);
        if (kBias == VERA_K_BIAS_PAIRS)
            s[i][j][e] = s[i][j][e] * a.scale_log2 + vera_k_attention_bias(a, h, q0 + vera_k_attention_mma_row(thread, i, e), key);
        if (key >= a.n_keys)
            s[i][j][e] = -INFINITY;
    }
}

/* Scores become weights; sums and the output so far are scaled to the new maximum. @scale is that of the scores: 1 once they are biased. */
template <int kWidth, int kKeys>
static __device__ __forceinline__ void
vera_k_attention_mma_soften(float scale, VeraKAttentionMmaRows<kWidth> *rows, float (&s)[2][kKeys / 8][4])
{
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = rows->max[i][half];
#pragma unroll
            for (int j = 0; j < kKeys / 8; j++)
                top = fmaxf(top, fmaxf(s[i][j][half * 2], s[i][j][half * 2 + 1]));
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
            top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
            float base = vera_k_attention_base(top) * scale;
            float factor = vera_k_exp2(rows->max[i][half] * scale - base);
            rows->max[i][half] = top;
            rows->sum[i][half] *= factor;
#pragma unroll
            for (int j = 0; j < kKeys / 4; j++) {
                float *x = &s[i][j / 2][half * 2 + j % 2];
                *x = vera_k_exp2(*x * scale - base);
                rows->sum[i][half] += *x;
            }
#pragma unroll
            for (int c = 0; c < kWidth / 4; c++)
                rows->o[i][c / 2][half * 2 + c % 2] *= factor;
        }
}

template <int kWidth, int kKeys>
static __device__ __forceinline__ void
vera_k_attention_mma_add(uint32_t v, VeraKAttentionMmaRows<kWidth> *rows, const float (&s)[2][kKeys / 8][4])
{
    using Swizzle = VeraKSwizzle<kWidth>;
    int lane = vera_k_thread() % 32;

    v += Swizzle::place(lane % 16, lane / 16);
#pragma unroll
    for (int n = 0; n < kKeys / 16; n++) {
        uint32_t a[2][4], b[4];
#pragma unroll
        for (int i = 0; i < 8; i++) /* scores lie as the left operand wants them */
            a[i / 4][i % 4] = vera_k_pack_bf16(s[i / 4][n * 2 + i % 4 / 2][i % 2 * 2], s[i / 4][n * 2 + i % 4 / 2][i % 2 * 2 + 1]);
#pragma unroll
        for (int c = 0; c < kWidth / 16; c++) {
            vera_k_ldmatrix<4, true>(b, Swizzle::move(v, n * 16, c * 2));
#pragma unroll
            for (int i = 0; i < 2; i++) {
                vera_k_mma_bf16(rows->o[i][c * 2], a[i], b[0], b[1]);
                vera_k_mma_bf16(rows->o[i][c * 2 + 1], a[i], b[2], b[3]);
            }
        }
    }
}

template <int kWidth, typename Out>
static __device__ __forceinline__ void
vera_k_attention_mma_write(const VeraKAttentionArguments &a, int h, int q0, VeraKAttentionMmaRows<kWidth> *rows)
{
    int thread = vera_k_thread();

#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int query = q0 + vera_k_attention_mma_row(thread, i, half * 2);
            float sum = rows->sum[i][half];
            Out *o = (Out *)a.o.data + query * a.o.row_stride + h * a.o.head_stride;
            sum += __shfl_xor_sync(0xffffffffu, sum, 1);
            sum += __shfl_xor_sync(0xffffffffu, sum, 2);
            float factor = 1 / sum;
#pragma unroll
            for (int c = 0; c < kWidth / 4; c++) {
                int column = vera_k_attention_mma_column(thread, c / 2, c % 2);
                if (query < a.n_queries && column < a.n_columns)
                    vera_k_store(o + column, rows->o[i][c / 2][half * 2 + c % 2] * factor);
            }
        }
}

/** Grid: tiles of queries, heads; VERA_K_MMA_THREADS threads, vera_k_attention_mma_shared_bytes(). Tensors are bf16 with aligned rows. */
template <int kWidth, int kKeys, VeraKAttentionBias kBias, typename Out>
static __global__ void __launch_bounds__(VERA_K_MMA_THREADS)
vera_k_attention_mma_kernel(const __grid_constant__ VeraKAttentionArguments a)
{
    int q0 = (int)blockIdx.x * VERA_K_MMA_QUERIES, h = (int)blockIdx.y;
    uint32_t q = vera_k_shared_address(vera_k_dynamic_shared());
    uint32_t k = q + VERA_K_MMA_QUERIES * kWidth * 2, v = k + kKeys * kWidth * 2;
    VeraKAttentionMmaRows<kWidth> rows = {};

    for (int i = 0; i < 4; i++)
        rows.max[i / 2][i % 2] = -INFINITY;
    vera_k_attention_mma_load<kWidth, VERA_K_MMA_QUERIES>(q, a.q, q0, a.n_queries);
    vera_k_attention_mma_load<kWidth, kKeys>(k, a.k, 0, a.n_keys);
    for (int k0 = 0; k0 < a.n_keys; k0 += kKeys) {
        float s[2][kKeys / 8][4];
        vera_k_copy_wait<0>();
        __syncthreads(); /* keys are there, and nobody reads the values of the tile before */
        vera_k_attention_mma_load<kWidth, kKeys>(v, a.v, k0, a.n_keys);
        vera_k_attention_mma_scores<kWidth, kKeys>(q, k, s);
        vera_k_copy_wait<0>();
        __syncthreads(); /* values are there, and nobody reads these keys */
        if (k0 + kKeys < a.n_keys)
            vera_k_attention_mma_load<kWidth, kKeys>(k, a.k, k0 + kKeys, a.n_keys);
        vera_k_attention_mma_bias<kKeys, kBias>(a, h, q0, k0, s);
        vera_k_attention_mma_soften<kWidth, kKeys>(kBias == VERA_K_BIAS_PAIRS ? 1 : a.scale_log2, &rows, s);
        vera_k_attention_mma_add<kWidth, kKeys>(v, &rows, s);
    }
    vera_k_attention_mma_write<kWidth, Out>(a, h, q0, &rows);
}
