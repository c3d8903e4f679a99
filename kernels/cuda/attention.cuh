#pragma once

#include "kernels/cuda/attention.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/ptx.cuh"

/* What the kernels of attention have in common. Scores are kept in units of log2: 2^(score - maximum) is one instruction. */

#define VERA_K_LOG2_E 1.4426950408889634f

/** VeraKAttentionHeads: [L, H, D] on the device; strides in elements, the last is 1. */
typedef struct {
    void *data;
    int64_t row_stride;
    int64_t head_stride;
} VeraKAttentionHeads;

/** VeraKAttentionArguments: the operator as kernels see it. */
typedef struct {
    VeraKAttentionHeads q, k, v, o;
    const float *bias; /* NULL for none */
    int64_t bias_stride[3];
    const float *key_bias; /* NULL for none */
    int n_queries;
    int n_keys;
    int n_columns; /* head width of o; what is read may be wider, filled up with zeros */
    bool is_rounded; /* operands are rounded to bf16 as they are read */
    float scale_log2;
    float unscale; /* 1 / scale: brings a bias to scores that are not scaled yet */
} VeraKAttentionArguments;

/** vera_k_attention_bias: Returns: the biases of query i and key j, in units of log2 */
static __device__ __forceinline__ float
vera_k_attention_bias(const VeraKAttentionArguments &a, int h, int i, int j)
{
    float sum = 0;

    if (i >= a.n_queries || j >= a.n_keys)
        return 0;
    if (a.bias != NULL)
        sum = a.bias[h * a.bias_stride[0] + i * a.bias_stride[1] + j * a.bias_stride[2]];
    if (a.key_bias != NULL)
        sum += a.key_bias[j];
    return sum * VERA_K_LOG2_E;
}

/** vera_k_attention_base: Returns: what is subtracted from scores: their maximum, or 0 where every key so far is masked */
static __device__ __forceinline__ float
vera_k_attention_base(float max)
{
    return max == -INFINITY ? 0 : max;
}
