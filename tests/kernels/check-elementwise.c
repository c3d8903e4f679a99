#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/kernels/check.h"

static const VeraCheckBound bound = { 2e-6, 1e-7, 1e-12 };

static void
check_activate(VeraCheck *self, int64_t n, VeraKActivation activation, float scale, bool has_factor)
{
    VeraKTensor x = vera_check_new(self, 1, (int64_t[]){ n }, scale), f = vera_check_new(self, 1, (int64_t[]){ n }, 1);
    VeraKTensor want = vera_check_new_output(self, 1, (int64_t[]){ n }), got = vera_check_new_output(self, 1, (int64_t[]){ n });
    VeraKActivate op = { .x = x, .y = want, .activation = activation };
    bool ok;

    if (n > 6) {
        const float odd[] = { NAN, INFINITY, -200, 200, 0, -0.0f };
        memcpy(x.data, odd, sizeof odd);
    }
    if (has_factor)
        op.factor = f;
    snprintf(self->label, sizeof self->label, "n=%lld act=%d scale=%g factor=%d", (long long)n, activation, scale, has_factor);
    ok = vera_k_activate(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && vera_check_run(self, VERA_K_OP_ACTIVATE, &op) == VERA_K_OK && vera_check_compare(self, &got, &want, bound);
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &x, &f, &want, &got };
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

static void
check_gate_add(VeraCheck *self, int64_t m, int64_t d, bool has_gate)
{
    VeraKTensor want = vera_check_new(self, 2, (int64_t[]){ m, d }, 1), y = vera_check_new(self, 2, (int64_t[]){ m, d }, 1);
    VeraKTensor g = vera_check_new(self, 1, (int64_t[]){ d }, 1), got = vera_check_as(self, &want, VERA_K_DTYPE_F32);
    VeraKGateAdd op = { .x = want, .y = y };
    bool ok;

    if (has_gate)
        op.gate = g;
    snprintf(self->label, sizeof self->label, "m=%lld d=%lld gate=%d", (long long)m, (long long)d, has_gate);
    ok = vera_k_gate_add(self->reference, &op) == VERA_K_OK;
    op.x = got;
    ok = ok && vera_check_run(self, VERA_K_OP_GATE_ADD, &op) == VERA_K_OK && vera_check_compare(self, &got, &want, bound);
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &want, &y, &g, &got };
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

/* A transpose of three dimensions and back gives the same bits, and both devices agree. */
static void
check_copy(VeraCheck *self, int64_t a, int64_t b, int64_t c)
{
    VeraKTensor x = vera_check_new(self, 3, (int64_t[]){ a, b, c }, 1);
    VeraKTensor turned = vera_check_new_output(self, 3, (int64_t[]){ c, a, b });
    VeraKTensor back = vera_check_new_output(self, 3, (int64_t[]){ a, b, c });
    VeraKTensor view = vera_k_tensor(VERA_K_DTYPE_F32, turned.data, 3, (int64_t[]){ a, b, c });
    VeraKCopy op;
    bool ok;

    view.stride[0] = b;
    view.stride[1] = 1;
    view.stride[2] = a * b;
    snprintf(self->label, sizeof self->label, "%lldx%lldx%lld", (long long)a, (long long)b, (long long)c);
    op = (VeraKCopy){ .src = x, .dst = view };
    ok = vera_check_run(self, VERA_K_OP_COPY, &op) == VERA_K_OK;
    op = (VeraKCopy){ .src = view, .dst = back };
    ok = ok && vera_check_run(self, VERA_K_OP_COPY, &op) == VERA_K_OK && memcmp(x.data, back.data, (size_t)(a * b * c) * 4) == 0 &&
         ((float *)turned.data)[(c - 1) * a * b] == ((float *)x.data)[c - 1];
    vera_check_case(self, ok);
    vera_check_free(self, &x);
    vera_check_free(self, &turned);
    vera_check_free(self, &back);
}

/* The same bits on every device: rounded after each product and each sum. */
static void
check_combine(VeraCheck *self, int64_t n, int n_inputs)
{
    VeraKTensor want = vera_check_new_output(self, 1, (int64_t[]){ n }), got = vera_check_new_output(self, 1, (int64_t[]){ n });
    VeraKCombine op = { .n_inputs = n_inputs, .y = want };
    bool ok;

    snprintf(self->label, sizeof self->label, "n=%lld inputs=%d", (long long)n, n_inputs);
    for (int i = 0; i < n_inputs; i++) {
        op.x[i] = vera_check_new(self, 1, (int64_t[]){ n }, 1);
        op.coefficient[i] = vera_check_value(self) * 3;
    }
    ok = vera_k_combine(self->reference, &op) == VERA_K_OK;
    op.y = got;
    ok = ok && vera_check_run(self, VERA_K_OP_COMBINE, &op) == VERA_K_OK && memcmp(got.data, want.data, (size_t)n * 4) == 0;
    vera_check_case(self, ok);
    for (int i = 0; i < n_inputs; i++)
        vera_check_free(self, &op.x[i]);
    vera_check_free(self, &want);
    vera_check_free(self, &got);
}

/* From F32 to a 16-bit type and from any type to F32, and rows of a table of that type, as the reference has them. */
static void
check_types(VeraCheck *self, VeraKDType dtype)
{
    int64_t ids[2] = { 2, 1 };
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ 3, 37 }, 300), typed = vera_check_as(self, &x, dtype);
    VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ 3, 37 }), got = vera_check_new_output(self, 2, (int64_t[]){ 3, 37 });
    VeraKTensor rows = vera_check_new_output(self, 2, (int64_t[]){ 2, 37 }), back = vera_check_as(self, &want, dtype);
    VeraKEmbed embed = { .ids = vera_k_tensor(VERA_K_DTYPE_I64, ids, 1, (int64_t[]){ 2 }), .table = typed, .y = rows };
    VeraKCopy op = { .src = typed, .dst = want };
    bool ok;

    snprintf(self->label, sizeof self->label, "%s", vera_k_dtype_name(dtype));
    ok = vera_k_copy(self->reference, &op) == VERA_K_OK;
    op.dst = got;
    ok = ok && vera_check_run(self, VERA_K_OP_COPY, &op) == VERA_K_OK && memcmp(got.data, want.data, 3 * 37 * 4) == 0;
    ok = ok && vera_check_run(self, VERA_K_OP_EMBED, &embed) == VERA_K_OK && memcmp(rows.data, (float *)want.data + 74, 37 * 4) == 0 &&
         memcmp((float *)rows.data + 37, (float *)want.data + 37, 37 * 4) == 0;
    for (int i = 0; i < 2 && dtype != VERA_K_DTYPE_F8_E4M3; i++) { /* rounded once, then as it is */
        op = (VeraKCopy){ .src = i == 0 ? x : typed, .dst = back };
        ok = ok && vera_check_run(self, VERA_K_OP_COPY, &op) == VERA_K_OK &&
             memcmp(back.data, typed.data, 3 * 37 * vera_k_dtype_size(dtype)) == 0;
    }
    vera_check_case(self, ok);
    VeraKTensor *all[] = { &x, &typed, &want, &got, &rows, &back };
    for (int i = 0; i < 6; i++)
        vera_check_free(self, all[i]);
}

/* Every 16-bit pattern converts to F32 and back to itself (NaN stays NaN). */
static void
check_conversions(VeraCheck *self)
{
    bool ok = true;

    for (uint32_t v = 0; v < 65536; v++) {
        float h = vera_k_f16_to_f32((uint16_t)v), b = vera_k_bf16_to_f32((uint16_t)v);
        ok = ok && (isnan(h) ? isnan(vera_k_f16_to_f32(vera_k_f32_to_f16(h))) : vera_k_f32_to_f16(h) == v);
        ok = ok && (isnan(b) ? isnan(vera_k_bf16_to_f32(vera_k_f32_to_bf16(b))) : vera_k_f32_to_bf16(b) == v);
    }
    ok = ok && vera_k_f32_to_f16(65519.0f) == 0x7bff && vera_k_f32_to_f16(65520.0f) == 0x7c00 &&
         vera_k_f32_to_f16(0x1p-25f) == 0 && vera_k_f32_to_f16(0x1.8p-25f) == 1 && vera_k_f32_to_f16(0x1.ffep-15f) == 0x0400 &&
         vera_k_f8_e4m3_to_f32(0x7e) == 448.0f && isnan(vera_k_f8_e4m3_to_f32(0xff)) && vera_k_f8_e4m3_to_f32(1) == 0x1p-9f;
    snprintf(self->label, sizeof self->label, "all 16-bit values");
    vera_check_case(self, ok);
}

static void
check_embed_and_finite(VeraCheck *self)
{
    int64_t ids[3] = { 4, 0, 4 };
    VeraKTensor table = vera_check_new(self, 2, (int64_t[]){ 5, 7 }, 1), y = vera_check_new_output(self, 2, (int64_t[]){ 3, 7 });
    VeraKEmbed op = { .ids = vera_k_tensor(VERA_K_DTYPE_I64, ids, 1, (int64_t[]){ 3 }), .table = table, .y = y };
    bool is_finite = false, ok = vera_check_run(self, VERA_K_OP_EMBED, &op) == VERA_K_OK;
    VeraKIsFinite finite = { .x = y, .is_finite = &is_finite };

    snprintf(self->label, sizeof self->label, "rows and range");
    ok = ok && memcmp(y.data, (float *)table.data + 28, 28) == 0 && memcmp((float *)y.data + 7, table.data, 28) == 0;
    ok = ok && vera_check_run(self, VERA_K_OP_IS_FINITE, &finite) == VERA_K_OK && is_finite;
    ((float *)y.data)[20] = INFINITY;
    ok = ok && vera_check_run(self, VERA_K_OP_IS_FINITE, &finite) == VERA_K_OK && !is_finite;
    ids[1] = 5;
    ok = ok && vera_check_run(self, VERA_K_OP_EMBED, &op) == VERA_K_ERR_INVALID;
    vera_check_case(self, ok);
    vera_check_free(self, &table);
    vera_check_free(self, &y);
}

void
vera_check_elementwise(VeraCheck *self)
{
    self->op = "activate";
    for (int a = 0; a < 3; a++)
        for (int s = 0; s < 3; s++)
            check_activate(self, s == 0 ? 1 : 4099, (VeraKActivation)a, s == 2 ? 20 : 2, a != 1 && s == 1);
    self->op = "gate_add";
    check_gate_add(self, 1, 1, true);
    check_gate_add(self, 65, 193, true);
    check_gate_add(self, 65, 193, false);
    self->op = "copy";
    check_copy(self, 1, 1, 1);
    check_copy(self, 5, 7, 11);
    check_copy(self, 2, 64, 33);
    self->op = "combine";
    check_combine(self, 1, 1);
    check_combine(self, 1027, 2);
    check_combine(self, 333, VERA_K_COMBINE_MAX);
    self->op = "types";
    for (int dtype = VERA_K_DTYPE_F32; dtype <= VERA_K_DTYPE_F8_E4M3; dtype++)
        check_types(self, (VeraKDType)dtype);
    self->op = "conversions";
    check_conversions(self);
    self->op = "embed";
    check_embed_and_finite(self);
}

/* Arguments that make no sense are refused with a sentence; nothing is touched. */
void
vera_check_arguments(VeraCheck *self)
{
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ 4, 8 }, 1), y = vera_check_new_output(self, 2, (int64_t[]){ 4, 8 });
    VeraKTensor w = vera_check_new(self, 2, (int64_t[]){ 8, 9 }, 1);
    VeraKLinear linear = { .x = x, .weight = w, .y = y };
    VeraKRmsNorm rms = { .x = x, .weight = w, .y = y, .eps = 1e-6f };
    VeraKCombine combine = { .n_inputs = 9, .y = y };
    bool ok;

    self->op = "arguments";
    snprintf(self->label, sizeof self->label, "shapes, overlap, faults");
    ok = vera_check_run(self, VERA_K_OP_LINEAR, &linear) == VERA_K_ERR_INVALID && strlen(vera_k_ctx_message(self->tested)) > 10;
    ok = ok && vera_check_run(self, VERA_K_OP_RMS_NORM, &rms) == VERA_K_ERR_INVALID;
    ok = ok && vera_check_run(self, VERA_K_OP_COMBINE, &combine) == VERA_K_ERR_INVALID && isnan(((float *)y.data)[0]);
    linear.weight = vera_k_tensor(VERA_K_DTYPE_F32, w.data, 2, (int64_t[]){ 8, 8 });
    linear.y = x;
    ok = ok && vera_check_run(self, VERA_K_OP_LINEAR, &linear) == VERA_K_ERR_INVALID;
    vera_check_case(self, ok);

    /* The first allocation fails, the second try works. */
    VeraKCtx *fresh = NULL;
    linear.y = y;
    ok = vera_k_ctx_new(vera_k_ctx_get_device(self->tested), 2, &fresh) == VERA_K_OK;
    VeraCheckBinding *binding = ok ? vera_check_bind(self, fresh, VERA_K_OP_LINEAR, &linear) : NULL;
    vera_k_fault_set_countdown(0);
    ok = binding != NULL && vera_check_call(binding) == VERA_K_ERR_OUT_OF_MEMORY;
    vera_k_fault_set_countdown(-1);
    ok = ok && vera_check_call(binding) == VERA_K_OK;
    ok = vera_check_unbind(binding) == VERA_K_OK && ok;
    vera_k_ctx_free(&fresh);
    vera_check_case(self, ok);
    vera_check_free(self, &x);
    vera_check_free(self, &y);
    vera_check_free(self, &w);
}
