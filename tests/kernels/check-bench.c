#include "config.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "tests/kernels/check.h"

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The best of several runs: the machine's noise only ever adds. */
#define BENCH(call, flop)                                                                                              \
    do {                                                                                                               \
        double best = INFINITY;                                                                                        \
        for (int r_ = 0; r_ < 5; r_++) {                                                                               \
            double from_ = now();                                                                                      \
            call;                                                                                                      \
            best = fmin(best, now() - from_);                                                                          \
        }                                                                                                              \
        printf("%-10s %-44s %9.3f ms %9.1f GFLOP/s\n", self->op, self->label, best * 1e3, (flop) / best * 1e-9);       \
    } while (0)

static void
bench_linear(VeraCheck *self, int64_t m, int64_t k, int64_t n, VeraKCompute compute)
{
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ m, k }, 1), w32 = vera_check_new(self, 2, (int64_t[]){ n, k }, 1);
    VeraKTensor w = vera_check_as(self, &w32, VERA_K_DTYPE_BF16), y = vera_check_new_output(self, 2, (int64_t[]){ m, n });
    VeraKLinear op = { .x = x, .weight = w, .y = y, .compute = compute };

    snprintf(self->label, sizeof self->label, "m=%lld k=%lld n=%lld %s", (long long)m, (long long)k, (long long)n, compute ? "bf16" : "f32");
    BENCH(vera_k_linear(self->tested, &op), 2.0 * (double)(m * n * k));
    VeraKTensor *all[] = { &x, &w32, &w, &y };
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

static void
bench_attention(VeraCheck *self, int64_t l, int64_t h, int64_t d, VeraKCompute compute)
{
    int64_t shape[] = { l, h, d };
    VeraKTensor q = vera_check_new(self, 3, shape, 1), k = vera_check_new(self, 3, shape, 1), v = vera_check_new(self, 3, shape, 1);
    VeraKTensor o = vera_check_new_output(self, 3, shape);
    VeraKAttention op = { .q = q, .k = k, .v = v, .o = o, .scale = 1.0f / sqrtf((float)d), .compute = compute };

    snprintf(self->label, sizeof self->label, "l=%lld h=%lld d=%lld %s", (long long)l, (long long)h, (long long)d, compute ? "bf16" : "f32");
    BENCH(vera_k_attention(self->tested, &op), 4.0 * (double)(l * l * h * d));
    VeraKTensor *all[] = { &q, &k, &v, &o };
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

static void
bench_conv3d(VeraCheck *self, int64_t t, int64_t h, int64_t w, int64_t c, VeraKCompute compute)
{
    int64_t shape[] = { t, h, w, c };
    VeraKTensor x = vera_check_new(self, 4, shape, 1), cache = vera_check_new(self, 4, (int64_t[]){ 2, h, w, c }, 1);
    VeraKTensor k = vera_check_new(self, 5, (int64_t[]){ c, c, 3, 3, 3 }, 1), y = vera_check_new_output(self, 4, shape);
    VeraKConv3d op = { .x = x, .cache = cache, .weight = k, .y = y, .stride_t = 1, .stride_h = 1, .stride_w = 1, .pad_h_before = 1,
                       .pad_h_after = 1, .pad_w_before = 1, .pad_w_after = 1, .upsample = 1, .compute = compute };

    snprintf(self->label, sizeof self->label, "t=%lld %lldx%lld c=%lld %s", (long long)t, (long long)h, (long long)w, (long long)c, compute ? "bf16" : "f32");
    BENCH(vera_k_conv3d(self->tested, &op), 54.0 * (double)(t * h * w * c * c));
    VeraKTensor *all[] = { &x, &cache, &k, &y };
    for (int i = 0; i < 4; i++)
        vera_check_free(self, all[i]);
}

void
vera_check_benchmarks(VeraCheck *self)
{
    self->op = "linear";
    for (int c = 0; c < 2; c++) {
        bench_linear(self, 720, 192, 192, (VeraKCompute)c);
        bench_linear(self, 720, 192, 512, (VeraKCompute)c);
        bench_linear(self, 2000, 1536, 1536, (VeraKCompute)c);
        bench_linear(self, 2000, 1536, 8960, (VeraKCompute)c);
    }
    for (int c = 0; c < 2; c++) {
        self->op = "attention";
        bench_attention(self, 2160, 3, 64, (VeraKCompute)c);
        bench_attention(self, 2000, 12, 128, (VeraKCompute)c);
        self->op = "conv3d";
        bench_conv3d(self, 4, 144, 256, 16, (VeraKCompute)c);
        bench_conv3d(self, 4, 72, 128, 32, (VeraKCompute)c);
        bench_conv3d(self, 4, 36, 64, 48, (VeraKCompute)c);
        bench_conv3d(self, 1, 60, 104, 384, (VeraKCompute)c);
        bench_conv3d(self, 4, 240, 416, 96, (VeraKCompute)c);
    }
}
