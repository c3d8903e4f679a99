#pragma once

#include "kernels/vera-k-private.h"

/* Faster CPU versions: oneDNN for products and convolutions, plain C compiled for several instruction sets for the rest. */

VeraKStatus vera_k_linear_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_layer_norm_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_rms_norm_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_attention_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_gate_add_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_activate_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_copy_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_conv3d_cpu(VeraKCtx *ctx, const void *op);
VeraKStatus vera_k_channel_norm_cpu(VeraKCtx *ctx, const void *op);

/* The same on the kernel of bf16-cpu.h; only where vera_k_bf16_is_native(). */
VeraKStatus vera_k_linear_bf16_native(VeraKCtx *ctx, const VeraKLinear *op);
VeraKStatus vera_k_attention_bf16_native(VeraKCtx *ctx, const VeraKAttention *op);
VeraKStatus vera_k_conv3d_bf16_native(VeraKCtx *ctx, const VeraKConv3d *op);

/* Compiled once for each, chosen at load time. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define VERA_K_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VERA_K_CLONES
#endif

/** vera_k_exp_row: y[i] = exp(x[i] - max), @return their sum; within 2 ulp, exactly 0 far below */
float vera_k_exp_row(const float *x, float max, float *y, int64_t n);

/** vera_k_activate_row: y[i] = act(x[i]) */
void vera_k_activate_row(VeraKActivation activation, const float *x, float *y, int64_t n);

/** VeraKConv2d: one 2-D convolution of one channels-last frame, for vera_k_onednn_conv2d_new(). */
typedef struct {
    int64_t in_channels, in_height, in_width;
    int64_t out_channels, out_height, out_width;
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;
    int64_t pad_h_before, pad_h_after, pad_w_before, pad_w_after;
    int n_threads;
} VeraKConv2d;

typedef struct VeraKConv2dPlan VeraKConv2dPlan;

/** vera_k_onednn_conv2d_new: @is_adding: y += conv(x) instead of y = conv(x). */
VeraKStatus vera_k_onednn_conv2d_new(const VeraKConv2d *conv, bool is_adding, VeraKConv2dPlan **plan);

/** vera_k_onednn_conv2d_weights_size: bytes of the weights in the order that the plan wants */
size_t vera_k_onednn_conv2d_weights_size(const VeraKConv2dPlan *plan);

/** vera_k_onednn_conv2d_pack: reorders F32 weights [O, I, kh, kw] with the given element strides into @packed. */
VeraKStatus vera_k_onednn_conv2d_pack(VeraKConv2dPlan *plan, const float *weights, const int64_t strides[4], void *packed);

VeraKStatus vera_k_onednn_conv2d_run(VeraKConv2dPlan *plan, const float *x, const void *packed, float *y);
void vera_k_onednn_conv2d_free(VeraKConv2dPlan *plan);

/** vera_k_onednn_matmul_bf16: y[M, N] (F32, row stride @y_stride) = x[M, K] * w[N, K]^T, both BF16 and dense. */
VeraKStatus vera_k_onednn_matmul_bf16(
    const int64_t mnk[3], const uint16_t *x, const uint16_t *w, float *y, int64_t y_stride);

/** vera_k_onednn_has_bf16: whether this processor multiplies bf16 natively */
bool vera_k_onednn_has_bf16(void);
