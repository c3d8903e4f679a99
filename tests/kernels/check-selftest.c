#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/kernels/check.h"

/* Broken kernels: each spoils a right result in a way that real bugs do. The harness must refuse every one. */

#define M 33
#define K 5120
#define N 16

typedef void (*Spoil)(const float *x, const float *w, float *y);

static double
dot(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void
spoil_last_k(const float *x, const float *w, float *y)
{
    for (int i = 0; i < M * N; i++)
        y[i] = (float)dot(x + i / N * K, w + i % N * K, K - 1);
}

static void
spoil_last_column(const float *x, const float *w, float *y)
{
    for (int i = N - 1; i < M * N; i += N)
        y[i] = 0;
}

static void
spoil_tail_row(const float *x, const float *w, float *y)
{
    for (int i = 0; i < N; i++)
        y[(M - 1) * N + i] = y[(M - 2) * N + i];
}

static void
spoil_bf16_sum(const float *x, const float *w, float *y)
{
    for (int i = 0; i < M * N; i++) {
        float sum = 0;
        for (int k = 0; k < K; k++)
            sum = vera_k_bf16_to_f32(vera_k_f32_to_bf16(sum + x[i / N * K + k] * w[i % N * K + k]));
        y[i] = sum;
    }
}

static void
spoil_nan(const float *x, const float *w, float *y)
{
    y[M * N / 2] = NAN;
}

static void
spoil_outside(const float *x, const float *w, float *y)
{
    y[M * N] = 1;
}

static void
spoil_nothing_written(const float *x, const float *w, float *y)
{
    for (int i = 0; i < M * N; i++)
        y[i] = NAN;
}

int
vera_check_selftest(VeraCheck *self)
{
    static const struct {
        const char *name;
        Spoil spoil;
    } broken[] = { { "drops the last k", spoil_last_k }, { "zeroes the last column", spoil_last_column },
                   { "repeats a row", spoil_tail_row }, { "sums in bf16", spoil_bf16_sum }, { "writes a NaN", spoil_nan },
                   { "writes past the end", spoil_outside }, { "writes nothing", spoil_nothing_written } };
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ M, K }, 1), w = vera_check_new(self, 2, (int64_t[]){ N, K }, 1);
    int n_missed = 0;

    self->op = "selftest";
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        VeraKTensor want = vera_check_new_output(self, 2, (int64_t[]){ M, N });
        VeraKLinear op = { .x = x, .weight = w, .y = want };
        vera_k_linear(self->reference, &op);
        VeraKTensor got = vera_check_as(self, &want, VERA_K_DTYPE_F32);
        snprintf(self->label, sizeof self->label, "%s", broken[i].name);
        broken[i].spoil(x.data, w.data, got.data);
        bool passed = vera_check_compare(self, &got, &want, (VeraCheckBound){ 2e-6, 2e-5, 1e-10 }) &&
                      vera_check_fences_hold(&got);
        printf("%s: a kernel that %s %s\n", passed ? "MISSED" : "ok", broken[i].name, passed ? "passes" : "is refused");
        n_missed += passed;
        int failed = self->n_failed;
        vera_check_free(self, &got);
        self->n_failed = failed;
        vera_check_free(self, &want);
    }
    vera_check_free(self, &x);
    vera_check_free(self, &w);
    return n_missed;
}
