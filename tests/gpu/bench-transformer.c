#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "tests/gpu/bench.h"

/*
 * The blocks of the joint transformer with the operators, the types and the order of engine/diffusion/vera-transformer-block.c, which
 * cannot be used here: it needs GLib.
 */

#define BENCH_FFN_ROWS 8192

typedef struct {
    VeraKTensor weight, bias;
} BenchLinear;

typedef struct {
    BenchLinear q, k, v, o, cross_q, cross_o, up, down;
    VeraKTensor norm_q, norm_k, cross_norm_q, norm_weight, norm_bias, keys, values;
} BenchBlock;

typedef struct {
    Bench *bench;
    const BenchTransformer *shape;
    VeraKDType half; /* of what only feeds products */
    BenchBlock *blocks; /* [layer][branch] */
    VeraKTensor residual, normed, row, q, k, v, o, hidden, cosines, sines, modulation, key_bias;
    int64_t d;
} BenchModel;

static BenchLinear
bench_linear_new(Bench *b, int64_t out, int64_t in)
{
    return (BenchLinear){ bench_tensor(b, VERA_K_DTYPE_BF16, 2, (int64_t[]){ out, in }, 1 / sqrtf((float)in)),
                          bench_tensor(b, VERA_K_DTYPE_F32, 1, &out, 0.1f) };
}

static VeraKTensor
bench_vector(Bench *b, int64_t n)
{
    return bench_tensor(b, VERA_K_DTYPE_F32, 1, &n, 1);
}

static void
bench_block_init(BenchModel *m, BenchBlock *block)
{
    Bench *b = m->bench;
    int64_t d = m->d, f = m->shape->ffn_dim, text[2] = { m->shape->n_text, d };
    BenchLinear *square[] = { &block->q, &block->k, &block->v, &block->o, &block->cross_q, &block->cross_o };
    VeraKTensor *vectors[] = { &block->norm_q, &block->norm_k, &block->cross_norm_q, &block->norm_weight, &block->norm_bias };

    for (int i = 0; i < 6; i++)
        *square[i] = bench_linear_new(b, d, d);
    for (int i = 0; i < 5; i++)
        *vectors[i] = bench_vector(b, d);
    block->up = bench_linear_new(b, f, d);
    block->down = bench_linear_new(b, d, f);
    block->keys = bench_tensor(b, m->half, 2, text, 1);
    block->values = bench_tensor(b, m->half, 2, text, 1);
}

static void
bench_model_init(BenchModel *m)
{
    const BenchTransformer *s = m->shape;
    int64_t n = s->n_tokens, joined = n * s->n_branches, d = m->d, rows = n < BENCH_FFN_ROWS ? n : BENCH_FFN_ROWS, text = s->n_text;
    const struct {
        VeraKTensor *slot;
        VeraKDType dtype;
        int64_t shape[2];
    } wanted[] = { { &m->residual, VERA_K_DTYPE_F32, { joined, d } }, { &m->row, VERA_K_DTYPE_F32, { n, d } },
                   { &m->normed, m->half, { n, d } },                  { &m->q, m->half, { joined, d } },
                   { &m->k, m->half, { joined, d } },                  { &m->v, m->half, { joined, d } },
                   { &m->o, m->half, { joined, d } },                  { &m->hidden, m->half, { rows, s->ffn_dim } },
                   { &m->cosines, VERA_K_DTYPE_F32, { n, s->head_dim / 2 } },
                   { &m->sines, VERA_K_DTYPE_F32, { n, s->head_dim / 2 } },
                   { &m->modulation, VERA_K_DTYPE_F32, { 6, d } } };

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        *wanted[i].slot = bench_tensor(m->bench, wanted[i].dtype, 2, wanted[i].shape, 1);
    m->key_bias = bench_tensor(m->bench, VERA_K_DTYPE_F32, 1, &text, 1);
    m->blocks = calloc((size_t)(s->n_layers * s->n_branches), sizeof *m->blocks);
    for (int i = 0; i < s->n_layers * s->n_branches; i++)
        bench_block_init(m, &m->blocks[i]);
}

static VeraKTensor
bench_part(const BenchModel *m, const VeraKTensor *joined, int b)
{
    return vera_k_tensor_slice(joined, 0, b * m->shape->n_tokens, m->shape->n_tokens);
}

static VeraKTensor
bench_modulation(const BenchModel *m, int row)
{
    return vera_k_tensor(VERA_K_DTYPE_F32, (float *)m->modulation.data + row * m->d, 1, &m->d);
}

static VeraKTensor
bench_heads(const BenchModel *m, VeraKTensor rows)
{
    return vera_k_tensor(rows.dtype, rows.data, 3, (int64_t[]){ rows.shape[0], m->shape->n_heads, m->shape->head_dim });
}

static void
bench_multiply(BenchModel *m, BenchPart part, const BenchLinear *w, VeraKTensor x, VeraKTensor y, VeraKActivation activation)
{
    VeraKLinear op = { .x = x, .weight = w->weight, .bias = w->bias, .y = y, .activation = activation, .compute = VERA_K_COMPUTE_BF16 };

    bench_run(m->bench, part, VERA_K_OP_LINEAR, &op, 2.0 * (double)x.shape[0] * (double)x.shape[1] * (double)y.shape[1]);
}

static void
bench_normalise(BenchModel *m, BenchPart part, VeraKTensor weight, VeraKTensor x, VeraKTensor y)
{
    VeraKRmsNorm op = { .x = x, .weight = weight, .y = y, .n_heads = m->shape->n_heads, .eps = 1e-6f };

    if (part == BENCH_NORM_ROTATE) {
        op.cos = m->cosines;
        op.sin = m->sines;
    }
    bench_run(m->bench, part, VERA_K_OP_RMS_NORM, &op, 0);
}

static void
bench_modulate(BenchModel *m, int b, int shift)
{
    VeraKLayerNorm op = { .x = bench_part(m, &m->residual, b), .scale = bench_modulation(m, shift + 1),
                          .shift = bench_modulation(m, shift), .y = m->normed, .eps = 1e-6f };

    bench_run(m->bench, BENCH_NORM_MODULATE, VERA_K_OP_LAYER_NORM, &op, 0);
}

static void
bench_attend(BenchModel *m, BenchPart part, VeraKTensor q, VeraKTensor k, VeraKTensor v, VeraKTensor o, VeraKTensor key_bias)
{
    VeraKAttention op = { .q = bench_heads(m, q), .k = bench_heads(m, k), .v = bench_heads(m, v), .o = bench_heads(m, o),
                          .key_bias = key_bias, .scale = 1 / sqrtf((float)m->shape->head_dim), .compute = VERA_K_COMPUTE_BF16 };

    bench_run(m->bench, part, VERA_K_OP_ATTENTION, &op, 4.0 * (double)q.shape[0] * (double)k.shape[0] * (double)m->d);
}

static void
bench_add(BenchModel *m, int b, VeraKTensor y, VeraKTensor gate)
{
    VeraKGateAdd op = { .x = bench_part(m, &m->residual, b), .y = y, .gate = gate };

    bench_run(m->bench, BENCH_RESIDUAL, VERA_K_OP_GATE_ADD, &op, 0);
}

static void
bench_self_attention(BenchModel *m, const BenchBlock *blocks)
{
    for (int b = 0; b < m->shape->n_branches; b++) {
        VeraKTensor q = bench_part(m, &m->q, b), k = bench_part(m, &m->k, b), v = bench_part(m, &m->v, b);
        bench_modulate(m, b, 0);
        bench_multiply(m, BENCH_LINEAR_QKV, &blocks[b].q, m->normed, m->row, VERA_K_ACTIVATION_NONE);
        bench_normalise(m, BENCH_NORM_ROTATE, blocks[b].norm_q, m->row, q);
        bench_multiply(m, BENCH_LINEAR_QKV, &blocks[b].k, m->normed, m->row, VERA_K_ACTIVATION_NONE);
        bench_normalise(m, BENCH_NORM_ROTATE, blocks[b].norm_k, m->row, k);
        bench_multiply(m, BENCH_LINEAR_QKV, &blocks[b].v, m->normed, v, VERA_K_ACTIVATION_NONE);
    }
    bench_attend(m, BENCH_ATTENTION_JOINT, m->q, m->k, m->v, m->o, (VeraKTensor){ 0 });
    for (int b = 0; b < m->shape->n_branches; b++) {
        bench_multiply(m, BENCH_LINEAR_O, &blocks[b].o, bench_part(m, &m->o, b), m->row, VERA_K_ACTIVATION_NONE);
        bench_add(m, b, m->row, bench_modulation(m, 2));
    }
}

static void
bench_cross_attention(BenchModel *m, const BenchBlock *w, int b)
{
    VeraKTensor q = bench_part(m, &m->q, b), o = bench_part(m, &m->o, b);
    VeraKLayerNorm norm = { .x = bench_part(m, &m->residual, b), .weight = w->norm_weight, .bias = w->norm_bias, .y = m->normed, .eps = 1e-6f };

    bench_run(m->bench, BENCH_NORM_AFFINE, VERA_K_OP_LAYER_NORM, &norm, 0);
    bench_multiply(m, BENCH_LINEAR_CROSS, &w->cross_q, m->normed, m->row, VERA_K_ACTIVATION_NONE);
    bench_normalise(m, BENCH_NORM_CROSS, w->cross_norm_q, m->row, q);
    bench_attend(m, BENCH_ATTENTION_CROSS, q, w->keys, w->values, o, m->key_bias);
    bench_multiply(m, BENCH_LINEAR_CROSS, &w->cross_o, o, m->row, VERA_K_ACTIVATION_NONE);
    bench_add(m, b, m->row, (VeraKTensor){ 0 });
}

static void
bench_feed_forward(BenchModel *m, const BenchBlock *w, int b)
{
    int64_t n = m->shape->n_tokens;

    bench_modulate(m, b, 3);
    for (int64_t from = 0; from < n; from += BENCH_FFN_ROWS) {
        int64_t rows = n - from < BENCH_FFN_ROWS ? n - from : BENCH_FFN_ROWS;
        VeraKTensor hidden = vera_k_tensor_slice(&m->hidden, 0, 0, rows);
        bench_multiply(m, BENCH_LINEAR_FFN, &w->up, vera_k_tensor_slice(&m->normed, 0, from, rows), hidden, VERA_K_ACTIVATION_GELU_TANH);
        bench_multiply(m, BENCH_LINEAR_FFN, &w->down, hidden, vera_k_tensor_slice(&m->row, 0, from, rows), VERA_K_ACTIVATION_NONE);
    }
    bench_add(m, b, m->row, bench_modulation(m, 5));
}

static double
bench_forward(BenchModel *m)
{
    const BenchTransformer *s = m->shape;
    double from = bench_now();

    for (int layer = 0; layer < s->n_layers; layer++) {
        const BenchBlock *blocks = &m->blocks[layer * s->n_branches];
        bench_self_attention(m, blocks);
        for (int b = 0; b < s->n_branches; b++) {
            bench_cross_attention(m, &blocks[b], b);
            bench_feed_forward(m, &blocks[b], b);
        }
    }
    bench_wait(m->bench);
    return bench_now() - from;
}

double
bench_transformer(Bench *self, const BenchTransformer *shape, int n_runs)
{
    BenchModel model = { .bench = self, .shape = shape, .half = self->half, .d = (int64_t)shape->n_heads * shape->head_dim };
    int n = self->n_buffers;
    double best = INFINITY;

    bench_model_init(&model);
    bench_wait(self);
    for (int i = 0; i <= n_runs; i++) { /* the first one chooses algorithms and grows scratch memory */
        double seconds = bench_forward(&model);
        best = i > 0 ? fmin(best, seconds) : best;
    }
    self->is_split = true;
    bench_forward(&model);
    self->is_split = false;
    bench_free(self, n);
    free(model.blocks);
    return best;
}
