#pragma once

#include "kernels/vera-k-device.h"

/*
 * The operators of the three networks. Each takes an argument struct, validates it once (shapes, types, strides,
 * aliasing) and calls the table of the context's device. All return VERA_K_OK or an error with a sentence in the
 * context; on error outputs are undefined. Activations are F32 unless said otherwise; where they may be BF16, the result is that of the
 * same operator in F32, rounded on store (it saves passes over memory; a CPU whose products of bf16 are not native takes longer). Weights may be F32, F16, BF16
 * or F8_E4M3 and are read where they lie (memory-mapped files), never modified. Scratch memory comes from the
 * context, grows to the largest need and is reused (an out of memory there is VERA_K_ERR_OUT_OF_MEMORY).
 * Results do not depend on the number of threads.
 */

/** VeraKCompute: precision of products; accumulation is always at least F32. */
typedef enum {
    VERA_K_COMPUTE_F32,
    VERA_K_COMPUTE_BF16, /* both operands rounded to bf16 first; in attention perhaps the weights of the values too */
} VeraKCompute;

typedef enum {
    VERA_K_ACTIVATION_NONE,
    VERA_K_ACTIVATION_SILU,
    VERA_K_ACTIVATION_GELU_TANH,
} VeraKActivation;

/** vera_k_linear: y[m, n] = act(sum_k x[m, k] * weight[n, k] + bias[n]); rows of x and y may be strided (last stride 1). */
typedef struct {
    VeraKTensor x;      /* F32 [M, K]; with compute BF16 perhaps BF16 */
    VeraKTensor weight; /* any weight type [N, K], contiguous */
    VeraKTensor bias;   /* any weight type [N]; data NULL for none */
    VeraKTensor y;      /* F32 or BF16 [M, N]; must not overlap x */
    VeraKActivation activation;
    VeraKCompute compute;
} VeraKLinear;
VeraKStatus vera_k_linear(VeraKCtx *ctx, const VeraKLinear *op);

/**
 * vera_k_layer_norm: per row: y = LN(x) * w + b, then * (1 + scale) + shift. LN subtracts the mean and divides by
 * sqrt(biased variance + eps). Each of weight, bias, scale, shift [D] may have data NULL. y may be x if it is F32.
 */
typedef struct {
    VeraKTensor x;      /* F32 [M, D] */
    VeraKTensor weight; /* any weight type [D] */
    VeraKTensor bias;
    VeraKTensor scale;  /* F32 [D] */
    VeraKTensor shift;  /* F32 [D] */
    VeraKTensor y;      /* F32 or BF16 [M, D] */
    float eps;
} VeraKLayerNorm;
VeraKStatus vera_k_layer_norm(VeraKCtx *ctx, const VeraKLayerNorm *op);

/**
 * vera_k_rms_norm: per row: y = x / sqrt(mean(x^2) + eps) * weight, then, if cos/sin are given, rotary embedding:
 * each row is H heads of width Dh; channels (2j, 2j+1) of a head are rotated by (cos[m, j], sin[m, j]).
 * y may be x if it is F32; rows may be strided.
 */
typedef struct {
    VeraKTensor x;      /* F32 [M, D] */
    VeraKTensor weight; /* any weight type [D] */
    VeraKTensor cos;    /* F32 [M, Dh / 2]; data NULL for none */
    VeraKTensor sin;
    VeraKTensor y;      /* F32 or BF16 [M, D] */
    int n_heads;        /* only with cos/sin */
    float eps;
} VeraKRmsNorm;
VeraKStatus vera_k_rms_norm(VeraKCtx *ctx, const VeraKRmsNorm *op);

/**
 * vera_k_attention: o[i, h] = sum_j softmax_j(scale * q[i, h] . k[j, h] + bias[h, i, j] + key_bias[j]) v[j, h].
 * The score matrix is never materialised. Any Dh from 1 to 256 (512 for one head: VAE). Strides are free except the
 * last, which is 1; so joint q, k, v of several branches may be one tensor written in parts. With compute BF16 q, k and v may all be
 * BF16.
 */
typedef struct {
    VeraKTensor q;        /* F32 [Lq, H, Dh] */
    VeraKTensor k;        /* of q's type [Lk, H, Dh] */
    VeraKTensor v;        /* of q's type [Lk, H, Dh] */
    VeraKTensor bias;     /* F32 [H, Lq, Lk]; data NULL for none */
    VeraKTensor key_bias; /* F32 [Lk]; data NULL for none; -INFINITY masks a key (not all of them) */
    VeraKTensor o;        /* F32 or BF16 [Lq, H, Dh]; must not overlap the inputs */
    float scale;
    VeraKCompute compute;
} VeraKAttention;
VeraKStatus vera_k_attention(VeraKCtx *ctx, const VeraKAttention *op);

/** vera_k_gate_add: x[m, d] += y[m, d] * gate[d]; gate data NULL means 1. */
typedef struct {
    VeraKTensor x;    /* F32 [M, D], in place */
    VeraKTensor y;    /* F32 [M, D] */
    VeraKTensor gate; /* F32 [D] */
} VeraKGateAdd;
VeraKStatus vera_k_gate_add(VeraKCtx *ctx, const VeraKGateAdd *op);

/** vera_k_activate: y = act(x) * factor, elementwise; factor data NULL means 1. y may be x or factor. Contiguous, same shape. */
typedef struct {
    VeraKTensor x;      /* F32 */
    VeraKTensor factor; /* F32 */
    VeraKTensor y;      /* F32 */
    VeraKActivation activation;
} VeraKActivate;
VeraKStatus vera_k_activate(VeraKCtx *ctx, const VeraKActivate *op);

#define VERA_K_COMBINE_MAX 4

/** vera_k_combine: y = sum_i coefficient[i] * x[i], evaluated left to right in F32; y may be one of x. Contiguous, same element count. */
typedef struct {
    int n_inputs; /* 1..VERA_K_COMBINE_MAX */
    VeraKTensor x[VERA_K_COMBINE_MAX];
    float coefficient[VERA_K_COMBINE_MAX];
    VeraKTensor y;
} VeraKCombine;
VeraKStatus vera_k_combine(VeraKCtx *ctx, const VeraKCombine *op);

/**
 * vera_k_copy: dst = src with conversion of type; same shape, any strides (0 allowed in src), up to VERA_K_MAX_DIMS dimensions.
 * Serves patchify, unpatchify, transposes, interleaving, gathers of slices. F32 to F32/F16/BF16 and any float type to F32.
 */
typedef struct {
    VeraKTensor src;
    VeraKTensor dst;
} VeraKCopy;
VeraKStatus vera_k_copy(VeraKCtx *ctx, const VeraKCopy *op);

/** vera_k_embed: y[m] = table[ids[m]] as F32; an id out of range is VERA_K_ERR_INVALID. */
typedef struct {
    VeraKTensor ids;   /* I64 [M], in host memory on every device */
    VeraKTensor table; /* any weight type [V, D] */
    VeraKTensor y;     /* F32 [M, D] */
} VeraKEmbed;
VeraKStatus vera_k_embed(VeraKCtx *ctx, const VeraKEmbed *op);

/**
 * vera_k_conv3d: convolution on channels-last video. y[t, p, q, o] = bias[o] +
 * sum x'[t*stride_t + a, p*stride_h + b, q*stride_w + c, i] * weight[o, i, a, b, c] (+ residual[t, p, q, o]),
 * where x' is [cache ; x] along time, zero-padded: pad_t zeros in front of the cache, pad_h_before/after and
 * pad_w_before/after in space. With upsample = 2 the input is first enlarged 2x in space by repetition (pads count
 * in enlarged pixels). Weights are in PyTorch's layout. With compute BF16 x and cache may both be BF16.
 */
typedef struct {
    VeraKTensor x;        /* F32 [T, H, W, I], contiguous */
    VeraKTensor cache;    /* of x's type [Tc, H, W, I], contiguous; data NULL for none */
    VeraKTensor weight;   /* any weight type [O, I, kt, kh, kw], contiguous */
    VeraKTensor bias;     /* any weight type [O]; data NULL for none */
    VeraKTensor residual; /* F32 like y; data NULL for none; may be y */
    VeraKTensor y;        /* F32 [To, Ho, Wo, O], contiguous */
    int stride_t, stride_h, stride_w;
    int pad_t;
    int pad_h_before, pad_h_after, pad_w_before, pad_w_after;
    int upsample; /* 1 or 2 */
    VeraKCompute compute;
} VeraKConv3d;
VeraKStatus vera_k_conv3d(VeraKCtx *ctx, const VeraKConv3d *op);

/** vera_k_channel_norm: per row: y = x / max(||x||_2, 1e-12) * sqrt(C) * gamma, then act. y may be x if it is F32. */
typedef struct {
    VeraKTensor x;     /* F32 [P, C], contiguous */
    VeraKTensor gamma; /* any weight type [C] */
    VeraKTensor y;     /* F32 or BF16 [P, C], contiguous */
    VeraKActivation activation;
} VeraKChannelNorm;
VeraKStatus vera_k_channel_norm(VeraKCtx *ctx, const VeraKChannelNorm *op);

/** vera_k_is_finite: *is_finite = no NaN or infinity in x (any float type, contiguous). */
typedef struct {
    VeraKTensor x;
    bool *is_finite;
} VeraKIsFinite;
VeraKStatus vera_k_is_finite(VeraKCtx *ctx, const VeraKIsFinite *op);

/** VeraKOpId: names every operator, for vera_k_device_supports() and the tables. */
typedef enum {
    VERA_K_OP_LINEAR,
    VERA_K_OP_LAYER_NORM,
    VERA_K_OP_RMS_NORM,
    VERA_K_OP_ATTENTION,
    VERA_K_OP_GATE_ADD,
    VERA_K_OP_ACTIVATE,
    VERA_K_OP_COMBINE,
    VERA_K_OP_COPY,
    VERA_K_OP_EMBED,
    VERA_K_OP_CONV3D,
    VERA_K_OP_CHANNEL_NORM,
    VERA_K_OP_IS_FINITE,
    VERA_K_N_OPS,
} VeraKOpId;

/** vera_k_device_supports: Returns: whether the device's table has @op; asked while planning, never in the middle of a run */
bool vera_k_device_supports(const VeraKDevice *device, VeraKOpId op);

/** vera_k_device_get_op_variant: Returns: the name of the version in use, for the log: "ref", "avx512", "onednn", ... */
const char *vera_k_device_get_op_variant(const VeraKDevice *device, VeraKOpId op);
