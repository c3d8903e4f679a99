#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/kernels/check.h"

/*
 * Activations in BF16: the same as in F32, from operands that are BF16 values already, but for the rounding of what is stored. So every
 * case holds the tested operator with BF16 tensors against the reference with F32 ones.
 */

/* Rounded once: off by up to 2^-9 of itself; twice that and a little, because the F32 values before may fall on two sides of a tie. */
static const VeraCheckBound bound_stored = { 8e-3, 1e-4, 1e-5 };
/* Operands are the same; what is left is the order of F32 additions. */
static const VeraCheckBound bound_products = { 1e-4, 1e-3, 1e-8 };
/* Weights may be rounded to bf16, as in check-products.c. */
static const VeraCheckBound bound_attention = { 2e-3, 8e-3, 5e-6 };
static const VeraCheckBound bound_attention_stored = { 1e-2, 8e-3, 2e-5 };

/* BF16 values in an F32 tensor. */
static VeraKTensor
new_rounded(VeraCheck *self, int n_dims, const int64_t *shape, float scale)
{
    VeraKTensor t = vera_check_new(self, n_dims, shape, scale);

    for (int64_t i = 0; i < vera_k_tensor_n_elements(&t); i++)
        ((float *)t.data)[i] = vera_k_bf16_to_f32(vera_k_f32_to_bf16(((float *)t.data)[i]));
    return t;
}

static VeraKTensor
new_output(VeraCheck *self, int n_dims, const int64_t *shape, VeraKDType dtype)
{
    VeraKTensor f32 = vera_check_new_output(self, n_dims, shape), t = vera_check_as(self, &f32, dtype);

    vera_check_free(self, &f32);
    return t;
}

static bool
compare(VeraCheck *self, const VeraKTensor *got, const VeraKTensor *want, VeraCheckBound bound)
{
    VeraKTensor f32 = vera_check_as(self, want, VERA_K_DTYPE_F32);
    bool ok;

    vera_k_convert_to_f32(got->data, got->dtype, f32.data, vera_k_tensor_n_elements(want));
    ok = vera_check_compare(self, &f32, want, bound);
    vera_check_free(self, &f32);
    return ok;
}

static void
free_all(VeraCheck *self, VeraKTensor **tensors, int n)
{
    for (int i = 0; i < n; i++)
        vera_check_free(self, tensors[i]);
}

/* @kind: bit 0: x is BF16, bit 1: y is */
static void
check_linear(VeraCheck *self, int64_t m, int64_t k, int64_t n, int kind)
{
    VeraKTensor x = new_rounded(self, 2, (int64_t[]){ m, k }, 1), x16 = vera_check_as(self, &x, VERA_K_DTYPE_BF16);
    VeraKTensor w = vera_check_new(self, 2, (int64_t[]){ n, k }, 1 / sqrtf((float)k));
    VeraKTensor bias = vera_check_new(self, 1, (int64_t[]){ n }, 0.3f);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ m, n });
    VeraKTensor got = new_output(self, 2, (int64_t[]){ m, n }, kind & 2 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32);
    VeraKLinear op = { .x = x, .weight = w, .bias = bias, .y = want, .activation = VERA_K_ACTIVATION_GELU_TANH,
                       .compute = VERA_K_COMPUTE_BF16 };
    bool ok = vera_k_linear(self->reference, &op) == VERA_K_OK;

    snprintf(self->label, sizeof self->label, "bf16 m=%lld k=%lld n=%lld kind=%d", (long long)m, (long long)k, (long long)n, kind);
    op.x = kind & 1 ? x16 : x;
    op.y = got;
    ok = ok && vera_check_run(self, VERA_K_OP_LINEAR, &op) == VERA_K_OK && compare(self, &got, &want, kind & 2 ? bound_stored : bound_products);
    vera_check_case(self, ok);
    free_all(self, (VeraKTensor *[]){ &x, &x16, &w, &bias, &want, &got }, 6);
}

static void
check_norms(VeraCheck *self, int64_t m, int64_t heads, int64_t width, float scale)
{
    int64_t d = heads * width;
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ m, d }, scale), w = vera_check_new(self, 1, (int64_t[]){ d }, 1);
    VeraKTensor c = vera_check_new(self, 2, (int64_t[]){ m, width / 2 + 1 }, 1);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ m, d });
    bool has_rope = width % 2 == 0;

    snprintf(self->label, sizeof self->label, "bf16 m=%lld h=%lld w=%lld scale=%g", (long long)m, (long long)heads, (long long)width, scale);
    for (int which = 0; which < 3; which++) {
        /* Every second element after the first, so that rows begin at addresses of two bytes too. */
        VeraKTensor wide = new_output(self, 2, (int64_t[]){ m, d + 3 }, VERA_K_DTYPE_BF16);
        VeraKTensor got = which == 2 ? new_output(self, 2, (int64_t[]){ m, d }, VERA_K_DTYPE_BF16) : vera_k_tensor_slice(&wide, 1, 1, d);
        VeraKLayerNorm layer = { .x = x, .weight = w, .scale = w, .y = want, .eps = 1e-6f };
        VeraKRmsNorm rms = { .x = x, .weight = w, .y = want, .n_heads = (int)heads, .eps = 1e-6f };
        VeraKChannelNorm channel = { .x = x, .gamma = w, .y = want, .activation = VERA_K_ACTIVATION_SILU };
        VeraKTensor dense;
        VeraKCopy copy = { .src = got };
        bool ok;
        self->op = which == 0 ? "layer_norm" : which == 1 ? "rms_norm" : "channel_norm";
        if (has_rope) {
            rms.cos = vera_k_tensor_slice(&c, 1, 0, width / 2);
            rms.sin = vera_k_tensor_slice(&c, 1, 1, width / 2);
        }
        ok = (which == 0   ? vera_k_layer_norm(self->reference, &layer)
              : which == 1 ? vera_k_rms_norm(self->reference, &rms)
                           : vera_k_channel_norm(self->reference, &channel)) == VERA_K_OK;
        layer.y = rms.y = channel.y = got;
        ok = ok && (which == 0   ? vera_check_run(self, VERA_K_OP_LAYER_NORM, &layer)
                    : which == 1 ? vera_check_run(self, VERA_K_OP_RMS_NORM, &rms)
                                 : vera_check_run(self, VERA_K_OP_CHANNEL_NORM, &channel)) == VERA_K_OK;
        dense = new_output(self, 2, (int64_t[]){ m, d }, VERA_K_DTYPE_BF16);
        copy.dst = dense;
        ok = ok && vera_k_copy(self->reference, &copy) == VERA_K_OK && compare(self, &dense, &want, bound_stored);
        vera_check_case(self, ok);
        vera_check_free(self, &dense);
        if (which == 2)
            vera_check_free(self, &got);
        vera_check_free(self, &wide);
    }
    free_all(self, (VeraKTensor *[]){ &x, &w, &c, &want }, 4);
}

/* @kind: bit 0: q, k and v are BF16, bit 1: o is */
static void
check_attention(VeraCheck *self, const int64_t s[4], int kind)
{
    int64_t lq = s[0], lk = s[1], h = s[2], d = s[3];
    VeraKTensor f32[3], bf16[3], want = vera_check_new_output(self, 3, (int64_t[]){ lq, h, d });
    VeraKTensor got = new_output(self, 3, (int64_t[]){ lq, h, d }, kind & 2 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32);
    VeraKAttention op = { .o = want, .scale = 1 / sqrtf((float)d), .compute = VERA_K_COMPUTE_BF16 };
    bool ok;

    snprintf(self->label, sizeof self->label, "bf16 lq=%lld lk=%lld h=%lld d=%lld kind=%d", (long long)lq, (long long)lk, (long long)h,
             (long long)d, kind);
    for (int i = 0; i < 3; i++) {
        f32[i] = new_rounded(self, 3, (int64_t[]){ i == 0 ? lq : lk, h, d }, 2);
        bf16[i] = vera_check_as(self, &f32[i], VERA_K_DTYPE_BF16);
    }
    op.q = f32[0], op.k = f32[1], op.v = f32[2];
    ok = vera_k_attention(self->reference, &op) == VERA_K_OK;
    if (kind & 1)
        op.q = bf16[0], op.k = bf16[1], op.v = bf16[2];
    op.o = got;
    ok = ok && vera_check_run(self, VERA_K_OP_ATTENTION, &op) == VERA_K_OK &&
         compare(self, &got, &want, kind & 2 ? bound_attention_stored : bound_attention);
    vera_check_case(self, ok);
    free_all(self, (VeraKTensor *[]){ &f32[0], &f32[1], &f32[2], &bf16[0], &bf16[1], &bf16[2], &want, &got }, 8);
}

static void
check_conv3d(VeraCheck *self, int64_t in, int64_t out, int64_t n_cached)
{
    const int64_t shape[] = { 2, 5, 7, in }, cache_shape[] = { n_cached > 0 ? n_cached : 1, 5, 7, in };
    VeraKTensor x = new_rounded(self, 4, shape, 1), x16 = vera_check_as(self, &x, VERA_K_DTYPE_BF16);
    VeraKTensor cache = new_rounded(self, 4, cache_shape, 1), cache16 = vera_check_as(self, &cache, VERA_K_DTYPE_BF16);
    VeraKTensor w = vera_check_new(self, 5, (int64_t[]){ out, in, 3, 3, 3 }, 0.2f);
    VeraKTensor want = vera_check_new_output(self, 4, (int64_t[]){ 2, 5, 7, out });
    VeraKTensor got = vera_check_new_output(self, 4, (int64_t[]){ 2, 5, 7, out });
    VeraKConv3d op = { .x = x, .weight = w, .y = want, .stride_t = 1, .stride_h = 1, .stride_w = 1, .pad_t = (int)(2 - n_cached),
                       .pad_h_before = 1, .pad_h_after = 1, .pad_w_before = 1, .pad_w_after = 1, .upsample = 1,
                       .compute = VERA_K_COMPUTE_BF16 };
    bool ok;

    snprintf(self->label, sizeof self->label, "bf16 %lld->%lld cached=%lld", (long long)in, (long long)out, (long long)n_cached);
    if (n_cached > 0)
        op.cache = cache;
    ok = vera_k_conv3d(self->reference, &op) == VERA_K_OK;
    op.x = x16, op.y = got;
    if (n_cached > 0)
        op.cache = cache16;
    ok = ok && vera_check_run(self, VERA_K_OP_CONV3D, &op) == VERA_K_OK && compare(self, &got, &want, bound_products);
    vera_check_case(self, ok);
    free_all(self, (VeraKTensor *[]){ &x, &x16, &cache, &cache16, &w, &want, &got }, 7);
}

/* What makes no sense is refused: operands in BF16 where products are not, and results that are written over what they are made of. */
static void
check_refusals(VeraCheck *self)
{
    const int64_t shape[] = { 4, 8 }, heads[] = { 4, 2, 4 };
    VeraKTensor x = vera_check_new(self, 2, shape, 1), x16 = vera_check_as(self, &x, VERA_K_DTYPE_BF16);
    VeraKTensor w = vera_check_new(self, 2, (int64_t[]){ 8, 8 }, 1), y = vera_check_new_output(self, 2, shape);
    VeraKTensor over = vera_k_tensor(VERA_K_DTYPE_BF16, x.data, 2, shape);
    VeraKLinear linear = { .x = x16, .weight = w, .y = y };
    VeraKLayerNorm norm = { .x = x, .y = over, .eps = 1e-6f };
    VeraKAttention mixed = { .q = vera_k_tensor(VERA_K_DTYPE_BF16, x16.data, 3, heads), .k = vera_k_tensor(VERA_K_DTYPE_F32, x.data, 3, heads),
                             .o = vera_k_tensor(VERA_K_DTYPE_F32, y.data, 3, heads), .scale = 1, .compute = VERA_K_COMPUTE_BF16 };
    bool ok = vera_k_linear(self->tested, &linear) == VERA_K_ERR_INVALID && vera_k_layer_norm(self->tested, &norm) == VERA_K_ERR_INVALID;

    mixed.v = mixed.k;
    ok = ok && vera_k_attention(self->tested, &mixed) == VERA_K_ERR_INVALID && isnan(((float *)y.data)[0]);
    self->op = "arguments";
    snprintf(self->label, sizeof self->label, "bf16");
    vera_check_case(self, ok);
    free_all(self, (VeraKTensor *[]){ &x, &x16, &w, &y }, 4);
}

void
vera_check_bf16_norms(VeraCheck *self)
{
    check_norms(self, 1, 1, 1, 1);
    check_norms(self, 7, 3, 64, 30);
    check_norms(self, 33, 1, 193, 1e-3f);
}

void
vera_check_bf16(VeraCheck *self)
{
    static const int64_t attention[][4] = { { 1, 1, 1, 2 }, { 70, 129, 2, 64 }, { 37, 200, 1, 128 }, { 20, 33, 2, 48 } };

    for (int kind = 1; kind < 4; kind++) {
        self->op = "linear";
        check_linear(self, 1, 17, 5, kind);
        check_linear(self, 65, 192, 130, kind);
        check_linear(self, 33, 1536, 24, kind);
        self->op = "attention";
        for (size_t i = 0; i < sizeof attention / sizeof *attention; i++)
            check_attention(self, attention[i], kind);
    }
    vera_check_bf16_norms(self);
    self->op = "conv3d";
    check_conv3d(self, 8, 16, 2);
    check_conv3d(self, 3, 5, 1);
    check_conv3d(self, 32, 33, 0);
    check_refusals(self);
}
