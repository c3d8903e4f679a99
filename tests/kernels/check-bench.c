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
static void
bench(VeraCheck *self, VeraKOpId id, const void *op, double flop)
{
    VeraCheckBinding *binding = vera_check_bind(self, self->tested, id, op);
    double best = INFINITY;
    bool ok = binding != NULL;

    for (int i = 0; i < 5 && ok; i++) {
        double from = now();
        ok = vera_check_call(binding) == VERA_K_OK && vera_k_stream_synchronize(vera_k_ctx_get_stream(self->tested)) == VERA_K_OK;
        best = fmin(best, now() - from);
    }
    ok = vera_check_unbind(binding) == VERA_K_OK && ok;
    if (ok && self->is_json)
        printf("{\"op\":\"%s\",\"case\":\"%s\",\"ms\":%.4f,\"gflops\":%.2f}\n", self->op, self->label, best * 1e3, flop / best * 1e-9);
    else if (ok)
        printf("%-10s %-44s %9.3f ms %9.1f GFLOP/s\n", self->op, self->label, best * 1e3, flop / best * 1e-9);
    else
        printf("%-10s %-44s failed: %s\n", self->op, self->label, vera_k_ctx_message(self->tested));
    self->n_failed += !ok;
}

static void
bench_linear(VeraCheck *self, int64_t m, int64_t k, int64_t n, VeraKCompute compute)
{
    VeraKTensor x = vera_check_new(self, 2, (int64_t[]){ m, k }, 1), w32 = vera_check_new(self, 2, (int64_t[]){ n, k }, 1);
    VeraKTensor w = vera_check_as(self, &w32, VERA_K_DTYPE_BF16), y = vera_check_new_output(self, 2, (int64_t[]){ m, n });
    VeraKLinear op = { .x = x, .weight = w, .y = y, .compute = compute };

    snprintf(self->label, sizeof self->label, "m=%lld k=%lld n=%lld %s", (long long)m, (long long)k, (long long)n, compute ? "bf16" : "f32");
    bench(self, VERA_K_OP_LINEAR, &op, 2.0 * (double)(m * n * k));
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
    bench(self, VERA_K_OP_ATTENTION, &op, 4.0 * (double)(l * l * h * d));
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
    bench(self, VERA_K_OP_CONV3D, &op, 54.0 * (double)(t * h * w * c * c));
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
