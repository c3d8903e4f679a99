#pragma once

#include "kernels/cuda/conv3d.cuh"

/*
 * Convolution in F32: 256 threads, a thread makes eight pixels of kColumns / 16 channels, 16 rows apart, so that what a warp reads at once
 * lies in different banks. A step is 16 channels deep.
 */

#define VERA_K_CONV_F32_THREADS 256

template <int kColumns>
static __device__ __forceinline__ void
vera_k_conv3d_f32_step(const unsigned char *stage, int row, int column, float (&sums)[8][kColumns / 16])
{
#pragma unroll 1 /* unrolled, two blocks do not fit into the registers */
    for (int c = 0; c < VERA_K_CONV_STEP_CHUNKS; c++) {
        float4 w[kColumns / 16];
#pragma unroll
        for (int j = 0; j < kColumns / 16; j++)
            w[j] = *(const float4 *)(stage + VERA_K_CONV_ROWS * VERA_K_CONV_STEP_BYTES + VeraKConvSwizzle::place(column + j * 16, c));
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float4 x = *(const float4 *)(stage + VeraKConvSwizzle::place(row + i * 16, c));
#pragma unroll
            for (int j = 0; j < kColumns / 16; j++) {
                sums[i][j] += x.x * w[j].x;
                sums[i][j] += x.y * w[j].y;
                sums[i][j] += x.z * w[j].z;
                sums[i][j] += x.w * w[j].w;
            }
        }
    }
}

/** Grid: tiles of channels for each tile of pixels; VERA_K_CONV_F32_THREADS threads, vera_k_conv3d_shared_bytes(kColumns). */
template <int kColumns>
static __global__ void __launch_bounds__(VERA_K_CONV_F32_THREADS, 2)
vera_k_conv3d_f32_kernel(const __grid_constant__ VeraKConv3dArguments v)
{
    constexpr int stage_bytes = (VERA_K_CONV_ROWS + kColumns) * VERA_K_CONV_STEP_BYTES;
    int n_tiles = (v.n_columns + kColumns - 1) / kColumns;
    int row0 = (int)(blockIdx.x / (unsigned)n_tiles) * VERA_K_CONV_ROWS, column0 = (int)(blockIdx.x % (unsigned)n_tiles) * kColumns;
    int lane = vera_k_thread() % 32, warp = vera_k_thread() / 32;
    int row = warp / 2 * 4 + lane / 8, column = warp % 2 * 8 + lane % 8;
    unsigned char *shared = vera_k_dynamic_shared();
    uint32_t address = vera_k_shared_address(shared);
    VeraKConv3dGather<VERA_K_CONV_F32_THREADS> gather;
    float sums[8][kColumns / 16] = {};

    vera_k_conv3d_begin(v, row0, &gather);
    for (int i = 0; i < VERA_K_CONV_STAGES - 1; i++)
        vera_k_conv3d_load<VERA_K_CONV_F32_THREADS, kColumns>(v, address + (uint32_t)(i * stage_bytes), column0, i, &gather);
    for (int step = 0; step < v.n_steps; step++) {
        int next = (step + VERA_K_CONV_STAGES - 1) % VERA_K_CONV_STAGES;
        vera_k_copy_wait<VERA_K_CONV_STAGES - 2>();
        __syncthreads(); /* the step is there, and nobody reads the one before it */
        vera_k_conv3d_load<VERA_K_CONV_F32_THREADS, kColumns>(v, address + (uint32_t)(next * stage_bytes), column0, step + VERA_K_CONV_STAGES - 1, &gather);
        vera_k_conv3d_f32_step<kColumns>(shared + step % VERA_K_CONV_STAGES * stage_bytes, row, column, sums);
    }
#pragma unroll
    for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < kColumns / 16; j++)
            vera_k_conv3d_write(v, row0 + row + i * 16, column0 + column + j * 16, sums[i][j]);
}
