#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/ptx-sm90.cuh"

/*
 * Attention for compute capability 9.0a, after FlashAttention-3 (Shah et al. 2024): a block has 128 queries of one head. One warpgroup
 * has tiles of keys and values copied into rings in shared memory; two others have 64 queries each, with scores, weights and output in
 * registers. Each works on the scores of the next tile while the products with the values of this one run, and the two take turns: one
 * multiplies while the other takes exponents. Tiles go from the last, which may be a part of one, to the first.
 */

#define VERA_K_WGMMA_QUERIES 128
#define VERA_K_WGMMA_THREADS 384
#define VERA_K_WGMMA_STAGES 2
#define VERA_K_WGMMA_LANES 64 /* columns of a tile: 128 bytes */

/** VeraKAttentionMaps: where the tensors are, for copies of boxes: columns, heads, rows. */
typedef struct {
    CUtensorMap q, k, v;
} VeraKAttentionMaps;

/** vera_k_attention_wgmma_keys: Returns: keys of a tile for a padded head width: as many as registers and shared memory hold */
static constexpr int
vera_k_attention_wgmma_keys(int width)
{
    return width == 128 ? 176 : 128;
}

/* Shared memory: queries, rings of keys and of values, each in tiles of 64 columns, and the barriers. */
template <int kWidth> struct VeraKAttentionWgmmaShared {
    static constexpr int kKeys = vera_k_attention_wgmma_keys(kWidth);
    static constexpr uint32_t kQueryTile = VERA_K_WGMMA_QUERIES * 128, kKeyTile = kKeys * 128;
    static constexpr uint32_t kStage = kKeyTile * (kWidth / VERA_K_WGMMA_LANES);
    static constexpr uint32_t kK = kQueryTile * (kWidth / VERA_K_WGMMA_LANES), kV = kK + VERA_K_WGMMA_STAGES * kStage;
    static constexpr uint32_t kBarriers = kV + VERA_K_WGMMA_STAGES * kStage;
    static constexpr uint32_t kSize = kBarriers + 8 * (1 + 4 * VERA_K_WGMMA_STAGES);
    uint32_t base;

    __device__ __forceinline__ uint32_t
    q(void) const
    {
        return base;
    }

    __device__ __forceinline__ uint32_t
    k(int stage) const
    {
        return base + kK + (uint32_t)stage * kStage;
    }

    __device__ __forceinline__ uint32_t
    v(int stage) const
    {
        return base + kV + (uint32_t)stage * kStage;
    }

    __device__ __forceinline__ uint32_t
    q_is_there(void) const
    {
        return base + kBarriers;
    }

    /* Barriers of a ring, 0 for keys, 1 for values: a tile has come, and everybody is done with it. */
    __device__ __forceinline__ uint32_t
    is_there(int ring, int stage) const
    {
        return base + kBarriers + 8 * (uint32_t)(1 + ring * VERA_K_WGMMA_STAGES + stage);
    }

    __device__ __forceinline__ uint32_t
    is_free(int ring, int stage) const
    {
        return is_there(ring + 2, stage);
    }
};

template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_init(const VeraKAttentionWgmmaShared<kWidth> &shared)
{
    if (vera_k_thread() == 0) {
        vera_k_mbarrier_init(shared.q_is_there(), 1);
        for (int i = 0; i < 2 * VERA_K_WGMMA_STAGES; i++) {
            vera_k_mbarrier_init(shared.is_there(i / VERA_K_WGMMA_STAGES, i % VERA_K_WGMMA_STAGES), 1);
            vera_k_mbarrier_init(shared.is_free(i / VERA_K_WGMMA_STAGES, i % VERA_K_WGMMA_STAGES), 8); /* warps that read */
        }
        vera_k_mbarrier_publish();
    }
    __syncthreads();
}

/* Rows from @row on of a head, in tiles of 64 columns. */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_copy(uint32_t to, uint32_t tile_bytes, const CUtensorMap *map, int row, uint32_t barrier)
{
    vera_k_mbarrier_expect(barrier, tile_bytes * (kWidth / VERA_K_WGMMA_LANES));
#pragma unroll
    for (int i = 0; i < kWidth / VERA_K_WGMMA_LANES; i++)
        vera_k_copy_box(to + (uint32_t)i * tile_bytes, map, i * VERA_K_WGMMA_LANES, vera_k_block_y(), row, barrier);
}

/* The warpgroup that copies: one thread of it. */
template <int kWidth>
static __device__ void
vera_k_attention_wgmma_feed(const VeraKAttentionMaps &maps, const VeraKAttentionWgmmaShared<kWidth> &shared, int q0, int n_tiles)
{
    using Shared = VeraKAttentionWgmmaShared<kWidth>;

    vera_k_attention_wgmma_copy<kWidth>(shared.q(), Shared::kQueryTile, &maps.q, q0, shared.q_is_there());
    for (int i = 0; i < n_tiles; i++) {
        int stage = i % VERA_K_WGMMA_STAGES, row = (n_tiles - 1 - i) * Shared::kKeys;
        uint32_t parity = (uint32_t)(i / VERA_K_WGMMA_STAGES & 1) ^ 1;
        vera_k_mbarrier_wait(shared.is_free(0, stage), parity);
        vera_k_attention_wgmma_copy<kWidth>(shared.k(stage), Shared::kKeyTile, &maps.k, row, shared.is_there(0, stage));
        vera_k_mbarrier_wait(shared.is_free(1, stage), parity);
        vera_k_attention_wgmma_copy<kWidth>(shared.v(stage), Shared::kKeyTile, &maps.v, row, shared.is_there(1, stage));
    }
}

/** VeraKAttentionWgmmaRows: of a warpgroup's 64 queries a thread has rows lane / 4 of its warp and that plus 8. */
template <int kWidth> struct VeraKAttentionWgmmaRows {
    static constexpr int kKeys = vera_k_attention_wgmma_keys(kWidth);
    float o[kWidth / 2];
    float s[kKeys / 2];
    uint32_t weights[kKeys / 16][4]; /* as products want them */
    float max[2], sum[2], factor[2]; /* sum: of this thread's columns only */
};

/* Begins the products of the queries with the keys of @i-th tile, once it is there. */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_score(const VeraKAttentionWgmmaShared<kWidth> &shared, int group, int stage, VeraKAttentionWgmmaRows<kWidth> *rows)
{
    using Shared = VeraKAttentionWgmmaShared<kWidth>;
    uint64_t q = vera_k_tile_descriptor(shared.q() + (uint32_t)group * 64 * 128, 0, 1024);
    uint64_t k = vera_k_tile_descriptor(shared.k(stage), 0, 1024);

    vera_k_products_begin();
#pragma unroll
    for (int c = 0; c < kWidth / 16; c++) /* 16 columns are 32 bytes; descriptors count in 16 */
        vera_k_product_rows(rows->s, q + (uint64_t)(c / 4 * (Shared::kQueryTile / 16) + c % 4 * 2),
                            k + (uint64_t)(c / 4 * (Shared::kKeyTile / 16) + c % 4 * 2), c > 0);
    vera_k_products_commit();
}

/* Begins to add the weighted values of a tile. */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_add(const VeraKAttentionWgmmaShared<kWidth> &shared, int stage, VeraKAttentionWgmmaRows<kWidth> *rows)
{
    using Shared = VeraKAttentionWgmmaShared<kWidth>;
    uint64_t v = vera_k_tile_descriptor(shared.v(stage), Shared::kKeyTile, 1024);

    vera_k_products_begin();
#pragma unroll
    for (int c = 0; c < Shared::kKeys / 16; c++) /* 16 rows of 128 bytes */
        vera_k_product_columns(rows->o, rows->weights[c], v + (uint64_t)(c * 128));
    vera_k_products_commit();
}

/* No weight for keys after the last. */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_mask(int n_keys, VeraKAttentionWgmmaRows<kWidth> *rows)
{
    int column = vera_k_thread() % 4 * 2;

#pragma unroll
    for (int i = 0; i < rows->kKeys / 2; i++)
        if (column + i / 4 * 8 + i % 2 >= n_keys)
            rows->s[i] = -INFINITY;
}

/* Scores become weights; sums are brought to the new maximum, and what the output must be multiplied with is left in factor. */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_soften(float scale, VeraKAttentionWgmmaRows<kWidth> *rows)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float top = rows->max[half];
#pragma unroll
        for (int i = 0; i < rows->kKeys / 4; i++)
            top = fmaxf(top, rows->s[i / 2 * 4 + half * 2 + i % 2]);
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
        float base = vera_k_attention_base(top) * scale;
        rows->factor[half] = vera_k_exp2(rows->max[half] * scale - base);
        rows->max[half] = top;
        rows->sum[half] *= rows->factor[half];
#pragma unroll
        for (int i = 0; i < rows->kKeys / 4; i++) {
            float *x = &rows->s[i / 2 * 4 + half * 2 + i % 2];
            *x = vera_k_exp2(*x * scale - base);
            rows->sum[half] += *x;
        }
    }
}

/* Rounds the weights; scores lie as the left operand wants them. */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_pack(VeraKAttentionWgmmaRows<kWidth> *rows)
{
#pragma unroll
    for (int i = 0; i < rows->kKeys / 4; i++)
        rows->weights[i / 4][i % 4] = vera_k_pack_bf16(rows->s[i * 2], rows->s[i * 2 + 1]);
}

template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_rescale(VeraKAttentionWgmmaRows<kWidth> *rows)
{
#pragma unroll
    for (int i = 0; i < kWidth / 2; i++)
        rows->o[i] *= rows->factor[i / 2 % 2];
}

template <int kWidth, typename Out>
static __device__ __forceinline__ void
vera_k_attention_wgmma_write(const VeraKAttentionArguments &a, int q0, VeraKAttentionWgmmaRows<kWidth> *rows)
{
    int lane = vera_k_thread() % 32, warp_row = vera_k_thread() / 32 % 4 * 16;

#pragma unroll
    for (int half = 0; half < 2; half++) {
        int query = q0 + warp_row + half * 8 + lane / 4;
        Out *o = (Out *)a.o.data + query * a.o.row_stride + vera_k_block_y() * a.o.head_stride;
        float sum = rows->sum[half];
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        float factor = 1 / sum;
#pragma unroll
        for (int i = 0; i < kWidth / 4; i++) {
            int column = i / 2 * 8 + lane % 4 * 2 + i % 2;
            if (query < a.n_queries && column < a.n_columns)
                vera_k_store(o + column, rows->o[i / 2 * 4 + half * 2 + i % 2] * factor);
        }
    }
}

/* This warp has read a tile. @sum is not negative: to know that, what it is made of must have been calculated. */
static __device__ __forceinline__ void
vera_k_attention_wgmma_release(uint32_t barrier, float sum)
{
    if (vera_k_thread() % 32 == 0 && !(sum < 0))
        vera_k_mbarrier_arrive(barrier);
}

/*
 * A warpgroup's part in one tile: begins its scores and then the products with the values of the tile before; while these run, scores
 * become weights. Barriers 1 and 2 say whose turn it is to begin products.
 */
template <int kWidth>
static __device__ __forceinline__ void
vera_k_attention_wgmma_step(const VeraKAttentionArguments &a, const VeraKAttentionWgmmaShared<kWidth> &shared, int group, int i, int n_tiles,
                            VeraKAttentionWgmmaRows<kWidth> *rows)
{
    int stage = i % VERA_K_WGMMA_STAGES, last = (i - 1) % VERA_K_WGMMA_STAGES;

    vera_k_mbarrier_wait(shared.is_there(0, stage), (uint32_t)(i / VERA_K_WGMMA_STAGES & 1));
    vera_k_barrier_wait(1 + group, 256);
    vera_k_products_keep(rows->s);
    vera_k_products_keep(rows->o);
    vera_k_attention_wgmma_score<kWidth>(shared, group, stage, rows);
    vera_k_mbarrier_wait(shared.is_there(1, last), (uint32_t)((i - 1) / VERA_K_WGMMA_STAGES & 1));
    vera_k_attention_wgmma_add<kWidth>(shared, last, rows);
    if (group == 0 || i + 1 < n_tiles) /* the second has the last turn */
        vera_k_barrier_arrive(2 - group, 256);
    vera_k_products_wait<1>();
    vera_k_products_keep(rows->s);
    vera_k_attention_wgmma_soften<kWidth>(a.scale_log2, rows);
    /* After the exponents, which ptxas would otherwise put off until the products are done. */
    vera_k_attention_wgmma_release(shared.is_free(0, stage), rows->sum[0] + rows->sum[1]);
    vera_k_products_wait<0>();
    vera_k_products_keep(rows->o);
    vera_k_attention_wgmma_release(shared.is_free(1, last), 0);
    vera_k_attention_wgmma_rescale<kWidth>(rows);
    vera_k_attention_wgmma_pack<kWidth>(rows);
}

/* A warpgroup that calculates. */
template <int kWidth, typename Out>
static __device__ __forceinline__ void
vera_k_attention_wgmma_attend(const VeraKAttentionArguments &a, const VeraKAttentionWgmmaShared<kWidth> &shared, int group, int q0, int n_tiles)
{
    VeraKAttentionWgmmaRows<kWidth> rows = {};
    int last = (n_tiles - 1) % VERA_K_WGMMA_STAGES;

    rows.max[0] = rows.max[1] = -INFINITY;
    if (group == 1 && n_tiles > 1)
        vera_k_barrier_arrive(1, 256);
    vera_k_mbarrier_wait(shared.q_is_there(), 0);
    vera_k_mbarrier_wait(shared.is_there(0, 0), 0);
    vera_k_products_keep(rows.s);
    vera_k_attention_wgmma_score<kWidth>(shared, group, 0, &rows);
    vera_k_products_wait<0>();
    vera_k_products_keep(rows.s);
    vera_k_attention_wgmma_release(shared.is_free(0, 0), 0);
    vera_k_attention_wgmma_mask<kWidth>(a.n_keys - (n_tiles - 1) * rows.kKeys, &rows);
    vera_k_attention_wgmma_soften<kWidth>(a.scale_log2, &rows);
    vera_k_attention_wgmma_pack<kWidth>(&rows);
    for (int i = 1; i < n_tiles; i++)
        vera_k_attention_wgmma_step<kWidth>(a, shared, group, i, n_tiles, &rows);
    vera_k_mbarrier_wait(shared.is_there(1, last), (uint32_t)((n_tiles - 1) / VERA_K_WGMMA_STAGES & 1));
    vera_k_products_keep(rows.o);
    vera_k_attention_wgmma_add<kWidth>(shared, last, &rows);
    vera_k_products_wait<0>();
    vera_k_products_keep(rows.o);
    vera_k_attention_wgmma_write<kWidth, Out>(a, q0 + group * 64, &rows);
}

/** Grid: tiles of queries, heads; VERA_K_WGMMA_THREADS threads, kSize of shared memory. Nowhere but on 9.0a is there anything in it. */
template <int kWidth, typename Out>
static __global__ void __launch_bounds__(VERA_K_WGMMA_THREADS, 1)
vera_k_attention_wgmma_kernel(const __grid_constant__ VeraKAttentionArguments a, const __grid_constant__ VeraKAttentionMaps maps)
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || defined(VERA_CUDA_HOST)
    VeraKAttentionWgmmaShared<kWidth> shared = {vera_k_shared_address(vera_k_dynamic_shared())};
    int q0 = (int)blockIdx.x * VERA_K_WGMMA_QUERIES, group = __shfl_sync(0xffffffffu, vera_k_thread() / 128, 0); /* known to be one for all */
    int n_tiles = (a.n_keys + shared.kKeys - 1) / shared.kKeys;

    vera_k_attention_wgmma_init<kWidth>(shared);
    if (group == 0) {
        vera_k_set_registers<24, false>();
        if (vera_k_thread() == 0)
            vera_k_attention_wgmma_feed<kWidth>(maps, shared, q0, n_tiles);
    } else {
        vera_k_set_registers<240, true>();
        vera_k_attention_wgmma_attend<kWidth, Out>(a, shared, group - 1, q0, n_tiles);
    }
#endif
}
