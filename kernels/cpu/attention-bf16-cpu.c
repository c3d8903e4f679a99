#include "config.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/cpu/attention-cpu.h"
#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/* Queries of a task are a multiple of the kernel's rows; a block of keys is a multiple of a panel. */
#define VERA_K_BF16_TILE_Q 96
#define VERA_K_BF16_TILE_K 512

/* One head at a time: its keys and values in panels, one set for each block of keys, read by all tasks. */
typedef struct {
    const VeraKAttention *op;
    uint16_t *keys, *values;
    int64_t d2;                  /* head width, padded */
    int64_t keys_size, values_size; /* elements of one block */
    int64_t value_width;
} VeraKAttentionBf16;

/* A thread's memory: scores, rounded weights, queries, sums of the output, running maximum and sum. */
typedef struct {
    float *scores, *o, *max, *sum;
    uint16_t *p, *q;
} VeraKAttentionWork;

static size_t
vera_k_attention_bf16_work_size(int64_t d)
{
    int64_t d2 = vera_k_bf16_pad_terms(d);

    return (size_t)(VERA_K_BF16_TILE_Q * (VERA_K_BF16_TILE_K * 6 + d2 * 2 + d * 4 + 8) + 63) / 64 * 64;
}

static VeraKAttentionWork
vera_k_attention_bf16_split(char *memory, int64_t d)
{
    VeraKAttentionWork w;

    w.scores = (float *)memory;
    w.o = w.scores + VERA_K_BF16_TILE_Q * VERA_K_BF16_TILE_K;
    w.max = w.o + VERA_K_BF16_TILE_Q * d;
    w.sum = w.max + VERA_K_BF16_TILE_Q;
    w.p = (uint16_t *)(w.sum + VERA_K_BF16_TILE_Q);
    w.q = w.p + VERA_K_BF16_TILE_Q * VERA_K_BF16_TILE_K;
    return w;
}

static int64_t
vera_k_attention_bf16_count(const VeraKAttention *op, int64_t k0)
{
    return op->k.shape[0] - k0 < VERA_K_BF16_TILE_K ? op->k.shape[0] - k0 : VERA_K_BF16_TILE_K;
}

/* Row @i of head @h. */
static void *
vera_k_attention_bf16_row(const VeraKTensor *t, int64_t i, int64_t h)
{
    return (char *)t->data + (i * t->stride[0] + h * t->stride[1]) * (int64_t)vera_k_dtype_size(t->dtype);
}

/* Keys are columns whose terms are channels; values are columns of channels whose terms are keys. */
static void
vera_k_attention_bf16_pack(const VeraKAttentionBf16 *self, int64_t h, int64_t block)
{
    const VeraKTensor *k = &self->op->k, *v = &self->op->v;
    int64_t k0 = block * VERA_K_BF16_TILE_K, n = vera_k_attention_bf16_count(self->op, k0), d = k->shape[2];
    VeraKBf16Matrix keys = { vera_k_attention_bf16_row(k, k0, h), k->dtype, n, d, k->stride[0], 1 };
    VeraKBf16Matrix values = { vera_k_attention_bf16_row(v, k0, h), v->dtype, d, n, 1, v->stride[0] };
    int64_t width = vera_k_bf16_panel_width(n);

    for (int64_t p = 0; p * width < n; p++)
        vera_k_bf16_pack(&keys, p, self->keys + block * self->keys_size + p * vera_k_bf16_panel_size(n, d));
    for (int64_t p = 0; p * self->value_width < d; p++)
        vera_k_bf16_pack(&values, p, self->values + block * self->values_size + p * vera_k_bf16_panel_size(d, n));
}

/* c[n_rows, n] (+)= a[n_rows, k] times the panels of a matrix of @n columns. */
static void
vera_k_attention_bf16_multiply(
    const uint16_t *a, int64_t row_stride, const uint16_t *panels, const int64_t mnk[3], float *c, int64_t c_stride, bool is_adding)
{
    int64_t width = vera_k_bf16_panel_width(mnk[1]), size = vera_k_bf16_panel_size(mnk[1], mnk[2]), step = vera_k_bf16_get_rows();
    const uint16_t *rows, *panel = panels;
    VeraKBf16Tile tile = { .width = (int)width, .n_parts = 1, .a = &rows, .b = &panel, .row_stride = row_stride,
                           .n_pairs = vera_k_bf16_pad_terms(mnk[2]) / 2, .c_stride = c_stride, .is_adding = is_adding };

    for (int64_t j = 0; j < mnk[1]; j += width, panel += size) {
        tile.n_columns = (int)(mnk[1] - j < width ? mnk[1] - j : width);
        for (int64_t i = 0; i < mnk[0]; i += step) {
            tile.n_rows = (int)(mnk[0] - i < step ? mnk[0] - i : step);
            rows = a + i * row_stride;
            tile.c = c + i * c_stride + j;
            vera_k_bf16_multiply(&tile);
        }
    }
}

static void
vera_k_attention_bf16_block(const VeraKAttentionBf16 *self, const VeraKAttentionWork *w, int64_t h, int64_t q0, int64_t nq, int64_t block)
{
    const VeraKAttention *op = self->op;
    int64_t k0 = block * VERA_K_BF16_TILE_K, nk = vera_k_attention_bf16_count(op, k0), d = op->q.shape[2], nk2 = vera_k_bf16_pad_terms(nk);

    vera_k_attention_bf16_multiply(w->q, self->d2, self->keys + block * self->keys_size, (const int64_t[3]){ nq, nk, d }, w->scores, nk,
                                   false);
    for (int64_t i = 0; i < nq; i++) {
        float *row = w->scores + i * nk;
        vera_k_scale_row(row, op->scale, nk);
        vera_k_attention_add_bias(op, h, q0 + i, k0, nk, row);
        vera_k_attention_soften_row(row, nk, w->o + i * d, d, &w->max[i], &w->sum[i]);
        vera_k_bf16_fill_row(row, VERA_K_DTYPE_F32, w->p + i * nk2, nk);
    }
    vera_k_attention_bf16_multiply(w->p, nk2, self->values + block * self->values_size, (const int64_t[3]){ nq, d, nk }, w->o, d, true);
}

static void
vera_k_attention_bf16_task(const VeraKAttentionBf16 *self, const VeraKAttentionWork *w, int64_t h, int64_t q0)
{
    const VeraKAttention *op = self->op;
    int64_t d = op->q.shape[2], nq = op->q.shape[0] - q0 < VERA_K_BF16_TILE_Q ? op->q.shape[0] - q0 : VERA_K_BF16_TILE_Q;

    memset(w->o, 0, (size_t)(nq * d) * sizeof *w->o);
    for (int64_t i = 0; i < nq; i++) {
        vera_k_bf16_fill_row(vera_k_attention_bf16_row(&op->q, q0 + i, h), op->q.dtype, w->q + i * self->d2, d);
        w->max[i] = -INFINITY;
        w->sum[i] = 0;
    }
    for (int64_t block = 0; block * VERA_K_BF16_TILE_K < op->k.shape[0]; block++)
        vera_k_attention_bf16_block(self, w, h, q0, nq, block);
    for (int64_t i = 0; i < nq; i++) {
        void *out = vera_k_attention_bf16_row(&op->o, q0 + i, h);
        float *sums = op->o.dtype == VERA_K_DTYPE_F32 ? out : w->o + i * d;
        for (int64_t j = 0; j < d; j++)
            sums[j] = w->o[i * d + j] / w->sum[i];
        if (sums != out)
            vera_k_bf16_round(sums, out, d);
    }
}

VeraKStatus
vera_k_attention_bf16_native(VeraKCtx *ctx, const VeraKAttention *op)
{
    int64_t d = op->q.shape[2], lq = op->q.shape[0], lk = op->k.shape[0];
    int64_t n_blocks = (lk + VERA_K_BF16_TILE_K - 1) / VERA_K_BF16_TILE_K, n_tasks = (lq + VERA_K_BF16_TILE_Q - 1) / VERA_K_BF16_TILE_Q;
    VeraKAttentionBf16 self = { .op = op, .d2 = vera_k_bf16_pad_terms(d), .value_width = vera_k_bf16_panel_width(d) };
    int64_t n_value_panels = (d + self.value_width - 1) / self.value_width;
    size_t work = vera_k_attention_bf16_work_size(d);
    char *scratch;
    VeraKStatus status;

    self.keys_size = VERA_K_BF16_TILE_K * self.d2;
    self.values_size = n_value_panels * self.value_width * VERA_K_BF16_TILE_K;
    status = vera_k_scratch(ctx, work * (size_t)ctx->n_threads + (size_t)(n_blocks * (self.keys_size + self.values_size)) * 2,
                            (void **)&scratch);
    if (status != VERA_K_OK)
        return status;
    self.keys = (uint16_t *)(scratch + work * (size_t)ctx->n_threads);
    self.values = self.keys + n_blocks * self.keys_size;
#pragma omp parallel num_threads(ctx->n_threads)
    {
        VeraKAttentionWork mine = vera_k_attention_bf16_split(scratch + work * (size_t)omp_get_thread_num(), d);
        for (int64_t h = 0; h < op->q.shape[1]; h++) {
#pragma omp for schedule(dynamic, 1)
            for (int64_t b = 0; b < n_blocks; b++)
                vera_k_attention_bf16_pack(&self, h, b);
#pragma omp for schedule(dynamic, 1)
            for (int64_t t = 0; t < n_tasks; t++)
                if (!vera_k_must_stop(ctx))
                    vera_k_attention_bf16_task(&self, &mine, h, t * VERA_K_BF16_TILE_Q);
        }
        vera_k_bf16_end();
    }
    return vera_k_end(ctx);
}
