#include "config.h"

#include <math.h>
#include <stdio.h>

#include "tests/kernels/check.h"

/* One rounding on store and F32 arithmetic on top of sums in double. */
static const VeraCheckBound bound = { 2e-6, 2e-6, 1e-12 };

static void
check_layer_norm(VeraCheck *self, int64_t m, int64_t d, int kind, float scale)
{
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ m, d }, scale);
    VeraKTensor v[4], want = vera_check_new_output(self, 2, (int64_t[]){ m, d });
    VeraKTensor got = vera_check_new_output(self, 2, (int64_t[]){ m, d });
    VeraKLayerNorm op = { .x = x, .y = want, .eps = 1e-6f };
    bool ok;

    for (int i = 0; i < 4; i++)
        v[i] = vera_check_new(self, 1, (int64_t[]){ d }, 1);
    if (kind & 1) {
        op.weight = v[0];
        op.bias = v[1];
    }
    if (kind & 2) {
        op.scale = v[2];
        op.shift = v[3];
    }
    snprintf(self->label, sizeof self->label, "m=%lld d=%lld kind=%d scale=%g", (long long)m, (long long)d, kind, scale);
    ok = vera_k_layer_norm(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && vera_check_run(self, VERA_K_OP_LAYER_NORM, &op) == VERA_K_OK && vera_check_compare(self, &got, &want, bound);
    vera_check_case(self, ok);
    for (int i = 0; i < 4; i++)
        vera_check_free(self, &v[i]);
    vera_check_free(self, &x);
    vera_check_free(self, &want);
    vera_check_free(self, &got);
}

static void
check_rms_norm(VeraCheck *self, int64_t m, int64_t heads, int64_t width, bool has_rope, float scale)
{
    int64_t d = heads * width;
    /* Rows are slices of a wider tensor, as when branches write into one joint tensor. */
    VeraKTensor wide = vera_check_new(self, 2, (int64_t[]){ m, d + 5 }, scale);
    VeraKTensor x = vera_k_tensor_slice(&wide, 1, 3, d);
    VeraKTensor w = vera_check_new(self, 1, (int64_t[]){ d }, 1);
    VeraKTensor c = vera_check_new(self, 2, (int64_t[]){ m, width / 2 }, 1);
    VeraKTensor s = vera_check_new(self, 2, (int64_t[]){ m, width / 2 }, 1);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ m, d });
    VeraKTensor got = vera_check_new_output(self, 2, (int64_t[]){ m, d });
    VeraKRmsNorm op = { .x = x, .weight = w, .y = want, .n_heads = (int)heads, .eps = 1e-6f };
    bool ok;

    if (has_rope) {
        op.cos = c;
        op.sin = s;
    }
    snprintf(self->label, sizeof self->label, "m=%lld h=%lld w=%lld rope=%d scale=%g", (long long)m, (long long)heads,
             (long long)width, has_rope, scale);
    ok = vera_k_rms_norm(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && vera_check_run(self, VERA_K_OP_RMS_NORM, &op) == VERA_K_OK && vera_check_compare(self, &got, &want, bound);
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &wide, &w, &c, &s, &want, &got };
    for (int i = 0; i < 6; i++)
        vera_check_free(self, all[i]);
}

static void
check_channel_norm(VeraCheck *self, int64_t p, int64_t c, VeraKActivation activation, float scale)
{
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ p, c }, scale);
    VeraKTensor g = vera_check_new(self, 1, (int64_t[]){ c }, 1);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ p, c });
    VeraKTensor got = vera_check_new_output(self, 2, (int64_t[]){ p, c });
    VeraKChannelNorm op = { .x = x, .gamma = g, .y = want, .activation = activation };
    bool ok;

    snprintf(self->label, sizeof self->label, "p=%lld c=%lld act=%d scale=%g", (long long)p, (long long)c, activation, scale);
    ok = vera_k_channel_norm(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && vera_check_run(self, VERA_K_OP_CHANNEL_NORM, &op) == VERA_K_OK && vera_check_compare(self, &got, &want, bound);
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &x, &g, &want, &got };
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

void
vera_check_norms(VeraCheck *self)
{
    /* 1e-3 makes eps matter, 0 divides by it alone. */
    static const float scales[] = { 1, 1e-3f, 30, 0 };

    for (int i = 0; i < 4; i++) {
        self->op = "layer_norm";
        for (int kind = 0; kind < 4; kind++) {
            check_layer_norm(self, 1, 1, kind, scales[i]);
            check_layer_norm(self, 7, 193, kind, scales[i]);
            check_layer_norm(self, 64, 192, kind, scales[i]);
        }
        self->op = "rms_norm";
        check_rms_norm(self, 5, 1, 2, i % 2, scales[i]);
        check_rms_norm(self, 33, 3, 64, true, scales[i]);
        check_rms_norm(self, 33, 3, 64, false, scales[i]);
        check_rms_norm(self, 9, 5, 22, true, scales[i]);
        self->op = "channel_norm";
        check_channel_norm(self, 1, 1, VERA_K_ACTIVATION_NONE, scales[i]);
        check_channel_norm(self, 131, 48, VERA_K_ACTIVATION_SILU, scales[i]);
        check_channel_norm(self, 65, 17, VERA_K_ACTIVATION_SILU, scales[i]);
    }
}
