#pragma once

#include "kernels/vera-k-private.h"

/* Steps that both precisions of attention have in common. */

/** vera_k_attention_add_bias: adds both biases to the scores of query @i with keys @k0 to @k0 + @nk. */
void vera_k_attention_add_bias(const VeraKAttention *op, int64_t h, int64_t i, int64_t k0, int64_t nk, float *row);

/** vera_k_scale_row: x *= factor */
void vera_k_scale_row(float *x, float factor, int64_t n);

/**
 * vera_k_attention_soften_row: one block of keys for one row of queries: the running softmax of Milakov and Gimelshein (2018).
 * @scores: (inout): becomes exp(score - maximum so far)
 * @o: (inout): what has been summed so far, scaled to the new maximum
 */
void vera_k_attention_soften_row(float *scores, int64_t nk, float *o, int64_t d, float *max, float *sum);
