#include "config.h"

#include "tests/gpu/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/kernels/op-tensors.h"

#define BENCH_NOISE ((int64_t)1 << 22)

double
bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void
bench_stop(const char *what, const char *why)
{
    fprintf(stderr, "model-bench: %s: %s\n", what, why);
    exit(1);
}

void
bench_wait(Bench *self)
{
    if (vera_k_stream_synchronize(vera_k_ctx_get_stream(self->ctx)) != VERA_K_OK)
        bench_stop("waiting for the device", vera_k_ctx_message(self->ctx));
}

static VeraKBuffer *
bench_allocate(Bench *self, size_t size)
{
    VeraKBuffer *buffer = NULL;

    if (vera_k_buffer_new(self->device, size, &buffer) != VERA_K_OK)
        bench_stop("memory", "the device has too little of it for these shapes");
    return buffer;
}

/* Zeros would be multiplied with less power, and faster, than what a model holds. */
static void
bench_make_noise(Bench *self)
{
    float *values = malloc((size_t)BENCH_NOISE * sizeof *values);
    uint64_t state = 1;

    if (values == NULL)
        bench_stop("memory", "the host has too little of it");
    for (int64_t i = 0; i < BENCH_NOISE; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(int32_t)(state >> 32) * 0x1p-31f;
    }
    self->noise = bench_allocate(self, (size_t)BENCH_NOISE * sizeof *values);
    if (vera_k_copy_async(vera_k_ctx_get_stream(self->ctx), vera_k_buffer_get_data(self->noise), values,
                          (size_t)BENCH_NOISE * sizeof *values) != VERA_K_OK)
        bench_stop("copy", vera_k_ctx_message(self->ctx));
    bench_wait(self);
    free(values);
}

/* dst = noise * scale, in F32 and then in the type wanted */
static void
bench_fill(Bench *self, const VeraKTensor *dst, int64_t from, int64_t n, float scale)
{
    VeraKTensor noise = vera_k_tensor(VERA_K_DTYPE_F32, vera_k_buffer_get_data(self->noise), 1, &n);
    VeraKBuffer *scaled = bench_allocate(self, (size_t)n * 4);
    VeraKTensor part = vera_k_tensor(dst->dtype, (char *)dst->data + from * (int64_t)vera_k_dtype_size(dst->dtype), 1, &n);
    VeraKCombine combine = { .n_inputs = 1, .x = { noise }, .coefficient = { scale },
                             .y = vera_k_tensor(VERA_K_DTYPE_F32, vera_k_buffer_get_data(scaled), 1, &n) };
    VeraKCopy copy = { .src = combine.y, .dst = part };

    if (vera_k_combine(self->ctx, &combine) != VERA_K_OK || vera_k_copy(self->ctx, &copy) != VERA_K_OK)
        bench_stop("random values", vera_k_ctx_message(self->ctx));
    vera_k_buffer_free(&scaled);
}

VeraKTensor
bench_tensor(Bench *self, VeraKDType dtype, int n_dims, const int64_t *shape, float scale)
{
    VeraKTensor t = vera_k_tensor(dtype, NULL, n_dims, shape);
    int64_t n = vera_k_tensor_n_elements(&t);

    if (self->noise == NULL)
        bench_make_noise(self);
    if (self->n_buffers == (int)(sizeof self->buffers / sizeof *self->buffers))
        bench_stop("memory", "too many tensors");
    self->buffers[self->n_buffers] = bench_allocate(self, (size_t)n * vera_k_dtype_size(dtype));
    t.data = vera_k_buffer_get_data(self->buffers[self->n_buffers++]);
    for (int64_t from = 0; from < n; from += BENCH_NOISE)
        bench_fill(self, &t, from, n - from < BENCH_NOISE ? n - from : BENCH_NOISE, scale);
    return t;
}

void
bench_free(Bench *self, int n)
{
    bench_wait(self);
    while (self->n_buffers > n)
        vera_k_buffer_free(&self->buffers[--self->n_buffers]);
}

void
bench_run(Bench *self, BenchPart part, VeraKOpId id, const void *op, double flop)
{
    double from = self->is_split ? bench_now() : 0;

    if (op_tensors_call(id, self->ctx, op) != VERA_K_OK)
        bench_stop(bench_get_part_name(part), vera_k_ctx_message(self->ctx));
    if (!self->is_split)
        return;
    bench_wait(self);
    self->seconds[part] += bench_now() - from;
    self->flop[part] += flop;
}

const char *
bench_get_part_name(BenchPart part)
{
    static const char *const names[] = { "attention-joint", "attention-cross", "linear-qkv",      "linear-o",    "linear-cross",
                                         "linear-ffn",      "norm-modulate",   "norm-affine",     "norm-rotate", "norm-cross",
                                         "residual",        "vae-convolution", "vae-norm",        "vae-rest" };

    return names[part];
}
