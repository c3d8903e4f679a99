#pragma once

#include "kernels/vera-k-ops.h"

/* The benchmark of a GPU: operators in the order of the model, random weights, times by operator. */

/** BenchPart: what a time is counted under; rows of torch_bench.py have the same names. */
typedef enum {
    BENCH_ATTENTION_JOINT,
    BENCH_ATTENTION_CROSS,
    BENCH_LINEAR_QKV,
    BENCH_LINEAR_O,
    BENCH_LINEAR_CROSS,
    BENCH_LINEAR_FFN,
    BENCH_NORM_MODULATE,
    BENCH_NORM_AFFINE,
    BENCH_NORM_ROTATE,
    BENCH_NORM_CROSS,
    BENCH_RESIDUAL,
    BENCH_VAE_CONVOLUTION,
    BENCH_VAE_NORM,
    BENCH_VAE_REST,
    BENCH_N_PARTS,
} BenchPart;

typedef struct {
    VeraKDevice *device;
    VeraKCtx *ctx;
    VeraKDType half; /* of what only feeds products */
    bool is_split; /* waits after each operator and counts its time */
    double seconds[BENCH_N_PARTS];
    double flop[BENCH_N_PARTS];
    VeraKBuffer *noise; /* random F32 that weights and inputs are made of */
    VeraKBuffer *buffers[8192];
    int n_buffers;
} Bench;

/** bench_now: seconds of a clock that only goes forward */
double bench_now(void);

/** bench_tensor: device memory that lives until bench_free(), filled with values from -scale to scale; ends the program if there is none */
VeraKTensor bench_tensor(Bench *self, VeraKDType dtype, int n_dims, const int64_t *shape, float scale);

/** bench_free: every tensor made since there were @n of them. */
void bench_free(Bench *self, int n);

/** bench_run: operator @id; ends the program with its sentence if it fails. */
void bench_run(Bench *self, BenchPart part, VeraKOpId id, const void *op, double flop);

/** bench_wait: until all work is done. */
void bench_wait(Bench *self);

/** bench_get_part_name: Returns: the row's name */
const char *bench_get_part_name(BenchPart part);

/** BenchTransformer: shapes of a joint transformer. */
typedef struct {
    int n_branches, n_layers, n_heads, head_dim, ffn_dim, n_text;
    int64_t n_tokens; /* of one branch */
} BenchTransformer;

/** bench_transformer: seconds of one forward of the blocks, the best of @n_runs, and the split of another one in @self. */
double bench_transformer(Bench *self, const BenchTransformer *shape, int n_runs);

/**
 * bench_vae: seconds for latents of frames, height and width @latents in one direction; the split is added to @self.
 * @base: channels of the first level, 96 in Wan2.1
 */
double bench_vae(Bench *self, bool is_decoder, const int64_t latents[3], int64_t base);
