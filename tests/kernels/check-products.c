#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/kernels/check.h"

/* F32 sums of K terms against double sums: the error grows as sqrt(K) times 2^-24 of the typical term; the floor covers K = 8960. */
static const VeraCheckBound bound_f32 = { 2e-6, 2e-5, 1e-10 };
/* Both sides round operands alike; what is left is the order of F32 additions, and weights P rounded nowhere. */
static const VeraCheckBound bound_bf16 = { 1e-4, 1e-3, 1e-8 };
/* In attention the weights may be rounded to bf16 too: by 2^-9 / sqrt(3) of each on average, and the floor is seven times that. */
static const VeraCheckBound bound_attention_bf16 = { 2e-3, 8e-3, 5e-6 };

static bool
run_twice(VeraCheck *self, VeraKOpId id, const void *op, VeraKTensor *y)
{
    size_t size = (size_t)vera_k_tensor_n_elements(y) * 4;
    VeraKTensor first = vera_check_as(self, y, VERA_K_DTYPE_F32);
    bool ok = vera_check_run(self, id, op) == VERA_K_OK;

    memcpy(first.data, y->data, size);
    for (int64_t i = 0; i < vera_k_tensor_n_elements(y); i++)
        ((float *)y->data)[i] = NAN;
    ok = ok && vera_check_run(self, id, op) == VERA_K_OK && memcmp(first.data, y->data, size) == 0;
    if (!ok)
        printf("  %s %s: %s\n", self->op, self->label, vera_k_ctx_message(self->tested));
    vera_check_free(self, &first);
    return ok;
}

static void
check_linear(VeraCheck *self, int64_t m, int64_t k, int64_t n, VeraKDType dtype, VeraKCompute compute, float scale)
{
    VeraKActivation activation = (VeraKActivation)vera_check_integer(self, 0, 2);
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ m, k }, scale);
    VeraKTensor w32 = vera_check_new(self, 2, (int64_t[]){ n, k }, 1.0f / sqrtf((float)k));
    VeraKTensor w = vera_check_as(self, &w32, dtype);
    VeraKTensor b = vera_check_new(self, 1, (int64_t[]){ n }, 0.3f);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ m, n });
    VeraKTensor got = vera_check_new_output(self, 2, (int64_t[]){ m, n });
    VeraKLinear op = { .x = x, .weight = w, .bias = b, .y = want, .activation = activation, .compute = compute };
    bool ok;

    if (m % 3 == 0)
        op.bias.data = NULL;
    snprintf(self->label, sizeof self->label, "m=%lld k=%lld n=%lld %s %s act=%d scale=%g", (long long)m,
             (long long)k, (long long)n, vera_k_dtype_name(dtype), compute ? "bf16" : "f32", activation, scale);
    ok = vera_k_linear(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && run_twice(self, VERA_K_OP_LINEAR, &op, &got) &&
         vera_check_compare(self, &got, &want, compute == VERA_K_COMPUTE_BF16 ? bound_bf16 : bound_f32);
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &x, &w32, &w, &b, &want, &got };
    for (int i = 0; i < 6; i++)
        vera_check_free(self, all[i]);
}

/* The reordered copy of a constant weight serves again, and never another weight at the same
 * address. */
static void
check_constant_weight(VeraCheck *self, VeraKCompute compute)
{
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){20, 48}, 1),
                w = vera_check_new(self, 2, (int64_t[]){70, 48}, 1);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){20, 70}),
                got = vera_check_new_output(self, 2, (int64_t[]){20, 70});
    VeraKLinear op = {.x = x, .weight = w, .compute = compute};
    bool ok = true;

    snprintf(self->label, sizeof self->label, "constant weight, %s", compute ? "bf16" : "f32");
    for (uint64_t id = 1000; id < 1003 && ok; id++) {
        for (int64_t i = 0; i < 70 * 48; i++)
            ((float *)w.data)[i] = vera_check_value(self);
        op.weight.constant_id = id;
        op.y = want;
        ok = vera_k_linear(self->reference, &op) == VERA_K_OK;
        op.y = got;
        ok = ok && run_twice(self, VERA_K_OP_LINEAR, &op, &got) &&
             vera_check_compare(self, &got, &want,
                                compute == VERA_K_COMPUTE_BF16 ? bound_bf16 : bound_f32);
    }
    vera_check_case(self, ok);
    VeraKTensor *all[] = {&x, &w, &want, &got};
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

static void
check_attention(VeraCheck *self, const int64_t shape[4], int kind, float scale)
{
    int64_t lq = shape[0], lk = shape[1], h = shape[2], d = shape[3];
    /* q and o are slices of wider tensors, as in joint attention. */
    VeraKTensor q = vera_check_new(self, 3, (int64_t[]){ lq, h, d }, scale);
    VeraKTensor kv = vera_check_new(self, 4, (int64_t[]){ lk, 2, h, d }, scale);
    VeraKTensor bias = vera_check_new(self, 3, (int64_t[]){ h, lq, lk }, 3);
    VeraKTensor key_bias = vera_check_new(self, 1, (int64_t[]){ lk }, 3);
    VeraKTensor want = vera_check_new_output(self, 3, (int64_t[]){ lq, h, d });
    VeraKTensor got = vera_check_new_output(self, 3, (int64_t[]){ lq, h, d });
    VeraKTensor k = vera_k_tensor(VERA_K_DTYPE_F32, kv.data, 3, (int64_t[]){ lk, h, d });
    VeraKAttention op = { .q = q, .o = want, .scale = 1.0f / sqrtf((float)d),
                          .compute = kind == 3 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32 };
    bool ok;

    k.stride[0] = 2 * h * d;
    op.k = op.v = k;
    op.v.data = (float *)kv.data + h * d;
    if (kind == 1)
        op.bias = bias;
    if (kind == 2) {
        ((float *)key_bias.data)[lk / 2] = lk > 1 ? -INFINITY : 0;
        op.key_bias = key_bias;
    }
    snprintf(self->label, sizeof self->label, "lq=%lld lk=%lld h=%lld d=%lld kind=%d scale=%g", (long long)lq,
             (long long)lk, (long long)h, (long long)d, kind, scale);
    ok = vera_k_attention(self->reference, &op) == VERA_K_OK;
    op.o = got;
    ok = ok && run_twice(self, VERA_K_OP_ATTENTION, &op, &got) &&
         vera_check_compare(self, &got, &want, kind == 3 ? bound_attention_bf16 : (VeraCheckBound){ 1e-5, 3e-5, 1e-10 });
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &q, &kv, &bias, &key_bias, &want, &got };
    for (int i = 0; i < 6; i++)
        vera_check_free(self, all[i]);
}

/* shape: T, H, W, I, O, kt, k; then frames of cache, stride in space and in time, upsample */
static void
check_conv3d(VeraCheck *self, const int64_t s[11], VeraKDType dtype, VeraKCompute compute)
{
    int64_t t = s[0], h = s[1], w = s[2], ci = s[3], co = s[4], kt = s[5], k = s[6], tc = s[7];
    int stride = (int)s[8], stride_t = (int)s[9], upsample = (int)s[10];
    int pad_t = stride_t > 1 ? 0 : (int)(kt - 1 - tc);
    int before = stride > 1 ? 0 : (int)(k / 2), after = stride > 1 ? 1 : (int)(k / 2);
    int64_t to = (tc + pad_t + t - kt) / stride_t + 1;
    int64_t ho = (before + after + h * upsample - k) / stride + 1, wo = (before + after + w * upsample - k) / stride + 1;
    VeraKTensor x = vera_check_new(self, 4, (int64_t[]){ t, h, w, ci }, 1);
    VeraKTensor cache = vera_check_new(self, 4, (int64_t[]){ tc > 0 ? tc : 1, h, w, ci }, 1);
    VeraKTensor w32 = vera_check_new(self, 5, (int64_t[]){ co, ci, kt, k, k }, 0.2f);
    VeraKTensor weight = vera_check_as(self, &w32, dtype);
    VeraKTensor bias = vera_check_new(self, 1, (int64_t[]){ co }, 1);
    VeraKTensor residual = vera_check_new(self, 4, (int64_t[]){ to, ho, wo, co }, 1);
    VeraKTensor want = vera_check_new_output(self, 4, (int64_t[]){ to, ho, wo, co });
    VeraKTensor got = vera_check_new_output(self, 4, (int64_t[]){ to, ho, wo, co });
    VeraKConv3d op = { .x = x, .weight = weight, .bias = bias, .y = want, .stride_t = stride_t, .stride_h = stride,
                       .stride_w = stride, .pad_t = pad_t, .pad_h_before = before, .pad_h_after = after,
                       .pad_w_before = before, .pad_w_after = after, .upsample = upsample, .compute = compute };
    bool ok;

    if (tc > 0)
        op.cache = cache;
    if (co % 2 == 0)
        op.residual = residual;
    snprintf(self->label, sizeof self->label, "t=%lld+%lld %lldx%lld %lld->%lld k=%lldx%lld stride=%d,%d up=%d %s %s",
             (long long)tc, (long long)t, (long long)h, (long long)w, (long long)ci, (long long)co, (long long)kt,
             (long long)k, stride_t, stride, upsample, vera_k_dtype_name(dtype), compute ? "bf16" : "f32");
    ok = vera_k_conv3d(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && run_twice(self, VERA_K_OP_CONV3D, &op, &got) && vera_check_compare(self, &got, &want, compute == VERA_K_COMPUTE_BF16 ? bound_bf16 : bound_f32);
    if (!ok)
        printf("  %s\n", vera_k_ctx_message(self->tested));
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &x, &cache, &w32, &weight, &bias, &residual, &want, &got };
    for (int i = 0; i < 8; i++)
        vera_check_free(self, all[i]);
}

void
vera_check_products(VeraCheck *self)
{
    static const int64_t mkn[][3] = { { 1, 1, 1 }, { 1, 257, 65 }, { 3, 64, 7 }, { 5, 17, 33 }, { 31, 96, 130 },
                                      { 129, 192, 576 }, { 64, 1536, 97 }, { 2, 8960, 40 }, { 9, 8960, 24 } };
    static const VeraKDType dtypes[] = { VERA_K_DTYPE_F32, VERA_K_DTYPE_F16, VERA_K_DTYPE_BF16, VERA_K_DTYPE_F8_E4M3 };
    static const float scales[] = { 1, 1e-3f, 30 };
    static const int64_t attention[][4] = { { 1, 1, 1, 2 }, { 3, 5, 2, 24 }, { 130, 129, 3, 64 }, { 37, 600, 1, 128 },
                                            { 129, 1030, 2, 48 }, { 60, 60, 1, 384 }, { 97, 515, 2, 7 }, { 5, 17, 1, 40 } };
    static const int64_t convs[][11] = {
        { 1, 4, 4, 1, 1, 3, 3, 0, 1, 1, 1 },    { 4, 9, 7, 3, 16, 3, 3, 2, 1, 1, 1 },  { 4, 18, 32, 16, 16, 3, 3, 2, 1, 1, 1 },
        { 1, 10, 12, 48, 48, 3, 3, 1, 1, 1, 1 }, { 2, 7, 9, 96, 3, 3, 3, 2, 1, 1, 1 },  { 3, 6, 5, 24, 48, 1, 1, 0, 1, 1, 1 },
        { 4, 6, 6, 20, 20, 3, 1, 1, 1, 2, 1 },   { 2, 6, 10, 32, 64, 3, 1, 2, 1, 1, 1 }, { 2, 11, 13, 17, 17, 1, 3, 0, 2, 1, 1 },
        { 2, 8, 12, 32, 32, 1, 3, 0, 2, 1, 1 },  { 1, 6, 211, 6, 40, 3, 3, 1, 1, 1, 1 },  { 2, 6, 7, 32, 16, 1, 3, 0, 1, 1, 2 },  { 1, 5, 3, 8, 5, 1, 3, 0, 1, 1, 2 } };

    self->op = "linear";
    for (size_t i = 0; i < sizeof mkn / sizeof *mkn; i++)
        for (int d = 0; d < 4; d++)
            for (int c = 0; c < 2; c++)
                check_linear(self, mkn[i][0], mkn[i][1], mkn[i][2], dtypes[d], (VeraKCompute)c, scales[(i + (size_t)d) % 3]);
    for (int c = 0; c < 2; c++)
        check_constant_weight(self, (VeraKCompute)c);
    self->op = "attention";
    for (size_t i = 0; i < sizeof attention / sizeof *attention; i++)
        for (int kind = 0; kind < 4; kind++)
            check_attention(self, attention[i], kind, kind == 1 ? 4 : 1.5f);
    self->op = "conv3d";
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++)
        for (int d = 0; d < 4; d++)
            check_conv3d(self, convs[i], dtypes[d % 3], (VeraKCompute)(d == 3 || i % 3 == (size_t)d));
}
