#pragma once

#include "kernels/cuda/attention.cuh"

#define VERA_K_PACK_THREADS 256

/*
 * Any heads as dense bf16 [L, H, width], with zeros from their own width on. A thread makes two neighbours. Grid: pairs of the whole in
 * blocks of VERA_K_PACK_THREADS.
 */
template <typename In>
static __global__ void __launch_bounds__(VERA_K_PACK_THREADS)
vera_k_attention_pack_kernel(const VeraKAttentionHeads from, int64_t n_pairs, int n_heads, int n_columns, int width, uint32_t *to)
{
    int64_t pair = (int64_t)blockIdx.x * VERA_K_PACK_THREADS + threadIdx.x, head = pair / (width / 2);
    int column = (int)(pair % (width / 2)) * 2;
    const In *x = (const In *)from.data + head / n_heads * from.row_stride + head % n_heads * from.head_stride + column;

    if (pair >= n_pairs)
        return;
    float low = column < n_columns ? vera_k_to_float(x[0]) : 0;
    float high = column + 1 < n_columns ? vera_k_to_float(x[1]) : 0;
    to[pair] = vera_k_pack_bf16(low, high);
}
