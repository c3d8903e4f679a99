#pragma once

#include "kernels/cuda/conv3d.cuh"

/*
 * Convolution in bf16 on tensor cores with mma.sync: four warps, two by two where there are enough channels, each with its pixels and its
 * channels in registers. A step is 32 channels deep.
 */

#define VERA_K_CONV_MMA_THREADS 128

template <int kColumns> struct VeraKConv3dMmaTile {
    static constexpr int kWarpsAcross = kColumns >= 64 ? 2 : 1;
    static constexpr int kRows = VERA_K_CONV_ROWS * kWarpsAcross / 4; /* of a warp */
    static constexpr int kWidth = kColumns / kWarpsAcross;
    float sums[kRows / 16][kWidth / 8][4];
};

template <int kColumns>
static __device__ __forceinline__ void
vera_k_conv3d_mma_step(uint32_t rows, uint32_t columns, VeraKConv3dMmaTile<kColumns> *tile)
{
    using Tile = VeraKConv3dMmaTile<kColumns>;

#pragma unroll
    for (int c = 0; c < 2; c++) {
        uint32_t a[Tile::kRows / 16][4], b[4];
#pragma unroll
        for (int i = 0; i < Tile::kRows / 16; i++)
            vera_k_ldmatrix<4, false>(a[i], VeraKConvSwizzle::move(rows, i * 16, c * 2));
#pragma unroll
        for (int n = 0; n < Tile::kWidth / 16; n++) {
            vera_k_ldmatrix<4, false>(b, VeraKConvSwizzle::move(columns, n * 16, c * 2));
#pragma unroll
            for (int i = 0; i < Tile::kRows / 16; i++) {
                vera_k_mma_bf16(tile->sums[i][n * 2], a[i], b[0], b[1]);
                vera_k_mma_bf16(tile->sums[i][n * 2 + 1], a[i], b[2], b[3]);
            }
        }
    }
}

/** Grid: tiles of channels for each tile of pixels; VERA_K_CONV_MMA_THREADS threads, vera_k_conv3d_shared_bytes(kColumns). */
template <int kColumns>
static __global__ void __launch_bounds__(VERA_K_CONV_MMA_THREADS)
vera_k_conv3d_mma_kernel(const __grid_constant__ VeraKConv3dArguments v)
{
    using Tile = VeraKConv3dMmaTile<kColumns>;
    constexpr uint32_t stage_bytes = (VERA_K_CONV_ROWS + kColumns) * VERA_K_CONV_STEP_BYTES;
    int n_tiles = (v.n_columns + kColumns - 1) / kColumns;
    int row0 = (int)(blockIdx.x / (unsigned)n_tiles) * VERA_K_CONV_ROWS, column0 = (int)(blockIdx.x % (unsigned)n_tiles) * kColumns;
    int lane = vera_k_thread() % 32, warp = vera_k_thread() / 32;
    int warp_row = warp / Tile::kWarpsAcross * Tile::kRows, warp_column = warp % Tile::kWarpsAcross * Tile::kWidth;
    uint32_t shared = vera_k_shared_address(vera_k_dynamic_shared());
    uint32_t rows = VeraKConvSwizzle::place(warp_row + lane % 16, lane / 16);
    uint32_t columns = VERA_K_CONV_ROWS * VERA_K_CONV_STEP_BYTES + VeraKConvSwizzle::place(warp_column + lane / 16 * 8 + lane % 8, lane / 8 % 2);
    VeraKConv3dGather<VERA_K_CONV_MMA_THREADS> gather;
    Tile tile = {};

    vera_k_conv3d_begin(v, row0, &gather);
    for (int i = 0; i < VERA_K_CONV_STAGES - 1; i++)
        vera_k_conv3d_load<VERA_K_CONV_MMA_THREADS, kColumns>(v, shared + (uint32_t)i * stage_bytes, column0, i, &gather);
    for (int step = 0; step < v.n_steps; step++) {
        uint32_t stage = shared + (uint32_t)(step % VERA_K_CONV_STAGES) * stage_bytes;
        uint32_t next = shared + (uint32_t)((step + VERA_K_CONV_STAGES - 1) % VERA_K_CONV_STAGES) * stage_bytes;
        vera_k_copy_wait<VERA_K_CONV_STAGES - 2>();
        __syncthreads(); /* the step is there, and nobody reads the one before it */
        vera_k_conv3d_load<VERA_K_CONV_MMA_THREADS, kColumns>(v, next, column0, step + VERA_K_CONV_STAGES - 1, &gather);
        vera_k_conv3d_mma_step<kColumns>(stage + rows, stage + columns, &tile);
    }
#pragma unroll
    for (int i = 0; i < Tile::kRows / 16; i++)
#pragma unroll
        for (int n = 0; n < Tile::kWidth / 4; n++)
            vera_k_conv3d_write_pair(v, row0 + warp_row + i * 16 + n % 2 * 8 + lane / 4, column0 + warp_column + n / 2 * 8 + lane % 4 * 2,
                                     tile.sums[i][n / 2][n % 2 * 2], tile.sums[i][n / 2][n % 2 * 2 + 1]);
}
