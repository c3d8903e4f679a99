#pragma once

#include "kernels/vera-k-private.h"

/* The plain version of every operator: scalar loops, double accumulation, rounded once on store. */
VeraKStatus vera_k_linear_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_layer_norm_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_rms_norm_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_attention_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_gate_add_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_activate_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_combine_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_copy_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_embed_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_conv3d_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_channel_norm_ref(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_is_finite_ref(VeraKCtx *ctx, const void *op);

/** vera_k_activation_ref: act(z) in double; gelu is the tanh form */
double vera_k_activation_ref(VeraKActivation activation, double z);

/** vera_k_store_ref: element @index of an F32 or BF16 tensor's dense data, rounded once to F32 and, for BF16, from there */
void vera_k_store_ref(const VeraKTensor *tensor, int64_t index, double value);

/** vera_k_round_ref: @value as an operand of a product in @compute */
double vera_k_round_ref(VeraKCompute compute, double value);
