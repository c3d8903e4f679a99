#include "config.h"

#include "kernels/vera-k-private.h"

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return vera_k_fail(ctx, VERA_K_ERR_INVALID, __VA_ARGS__);                              \
    } while (0)

static bool
vera_k_is_float(const VeraKTensor *t)
{
    return t->dtype != VERA_K_DTYPE_I64 && t->dtype != VERA_K_DTYPE_U8;
}

static bool
vera_k_is_shape(const VeraKTensor *t, int n_dims, int64_t a, int64_t b, int64_t c, int64_t d)
{
    const int64_t want[4] = { a, b, c, d };

    if (t->data == NULL || t->n_dims != n_dims)
        return false;
    for (int i = 0; i < n_dims; i++)
        if (t->shape[i] != want[i] || t->shape[i] < 1)
            return false;
    return true;
}

static bool
vera_k_is_f32_or_bf16(const VeraKTensor *t)
{
    return t->dtype == VERA_K_DTYPE_F32 || t->dtype == VERA_K_DTYPE_BF16;
}

/* An operand of a product, which may be BF16 where products are. */
static bool
vera_k_is_operand(const VeraKTensor *t, VeraKCompute compute)
{
    return t->dtype == VERA_K_DTYPE_F32 || (t->dtype == VERA_K_DTYPE_BF16 && compute == VERA_K_COMPUTE_BF16);
}

/* Rows [m, d] of any type whose last stride is 1. */
static bool
vera_k_is_any_rows(const VeraKTensor *t, int64_t m, int64_t d)
{
    return vera_k_is_shape(t, 2, m, d, 0, 0) && (t->stride[1] == 1 || d == 1) && (t->stride[0] >= d || m == 1);
}

static bool
vera_k_is_rows(const VeraKTensor *t, int64_t m, int64_t d)
{
    return t->dtype == VERA_K_DTYPE_F32 && vera_k_is_any_rows(t, m, d);
}

static bool
vera_k_is_vector(const VeraKTensor *t, int64_t d, bool is_weight)
{
    return t->data == NULL ||
           (vera_k_is_shape(t, 1, d, 0, 0, 0) && (t->stride[0] == 1 || d == 1) &&
            (is_weight ? vera_k_is_float(t) : t->dtype == VERA_K_DTYPE_F32));
}

static bool
vera_k_is_f32_like(const VeraKTensor *t, const VeraKTensor *other)
{
    return t->data != NULL && t->dtype == VERA_K_DTYPE_F32 && vera_k_tensor_is_contiguous(t) &&
           vera_k_tensor_n_elements(t) == vera_k_tensor_n_elements(other);
}

static void
vera_k_get_span(const VeraKTensor *t, const char **from, const char **to)
{
    int64_t last = 0;

    for (int i = 0; i < t->n_dims; i++)
        last += (t->shape[i] - 1) * t->stride[i];
    *from = t->data;
    *to = *from + (last + 1) * (int64_t)vera_k_dtype_size(t->dtype);
}

static bool
vera_k_overlap(const VeraKTensor *a, const VeraKTensor *b)
{
    const char *a0, *a1, *b0, *b1;

    vera_k_get_span(a, &a0, &a1);
    vera_k_get_span(b, &b0, &b1);
    return a0 < b1 && b0 < a1;
}

/* Rows like those of @x, F32 or, where they are not @x, BF16. */
static bool
vera_k_is_rounded_rows(const VeraKTensor *y, const VeraKTensor *x)
{
    return vera_k_is_any_rows(y, x->shape[0], x->shape[1]) &&
           (y->dtype == VERA_K_DTYPE_F32 || (y->dtype == VERA_K_DTYPE_BF16 && !vera_k_overlap(x, y)));
}

VeraKStatus
vera_k_validate_linear(VeraKCtx *ctx, const VeraKLinear *op)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];

    CHECK(op->x.n_dims == 2 && vera_k_is_any_rows(&op->x, m, k) && vera_k_is_operand(&op->x, op->compute),
          "linear: x must be rows [M, K] of F32, or of BF16 where products are BF16");
    CHECK(vera_k_is_shape(&op->weight, 2, n, k, 0, 0) && vera_k_is_float(&op->weight) &&
              vera_k_tensor_is_contiguous(&op->weight),
          "linear: weight must be a dense float [N, %lld]", (long long)k);
    CHECK(vera_k_is_vector(&op->bias, n, true), "linear: bias must be [%lld]", (long long)n);
    CHECK(vera_k_is_any_rows(&op->y, m, n) && vera_k_is_f32_or_bf16(&op->y),
          "linear: y must be F32 or BF16 rows [%lld, %lld]", (long long)m, (long long)n);
    CHECK(!vera_k_overlap(&op->x, &op->y), "linear: y overlaps x");
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_layer_norm(VeraKCtx *ctx, const VeraKLayerNorm *op)
{
    int64_t m = op->x.shape[0], d = op->x.shape[1];

    CHECK(op->x.n_dims == 2 && vera_k_is_rows(&op->x, m, d) && vera_k_is_rounded_rows(&op->y, &op->x),
          "layer_norm: x must be F32 rows, and y rows of F32, or elsewhere of BF16, of that shape");
    CHECK(vera_k_is_vector(&op->weight, d, true) && vera_k_is_vector(&op->bias, d, true) &&
              vera_k_is_vector(&op->scale, d, false) && vera_k_is_vector(&op->shift, d, false),
          "layer_norm: weight, bias, scale and shift must be [%lld]", (long long)d);
    CHECK(op->eps > 0, "layer_norm: eps must be positive");
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_rms_norm(VeraKCtx *ctx, const VeraKRmsNorm *op)
{
    int64_t m = op->x.shape[0], d = op->x.shape[1];

    CHECK(op->x.n_dims == 2 && vera_k_is_rows(&op->x, m, d) && vera_k_is_rounded_rows(&op->y, &op->x),
          "rms_norm: x must be F32 rows, and y rows of F32, or elsewhere of BF16, of that shape");
    CHECK(op->weight.data != NULL && vera_k_is_vector(&op->weight, d, true),
          "rms_norm: weight must be [%lld]", (long long)d);
    CHECK(op->eps > 0, "rms_norm: eps must be positive");
    if (op->cos.data == NULL && op->sin.data == NULL)
        return VERA_K_OK;
    CHECK(op->n_heads > 0 && d % op->n_heads == 0 && d / op->n_heads % 2 == 0,
          "rms_norm: %lld channels do not split into %d heads of even width", (long long)d,
          op->n_heads);
    CHECK(vera_k_is_rows(&op->cos, m, d / op->n_heads / 2) &&
              vera_k_is_rows(&op->sin, m, d / op->n_heads / 2),
          "rms_norm: cos and sin must be F32 rows [%lld, %lld]", (long long)m,
          (long long)(d / op->n_heads / 2));
    return VERA_K_OK;
}

static bool
vera_k_is_heads(const VeraKTensor *t, int64_t l, int64_t h, int64_t d)
{
    return vera_k_is_shape(t, 3, l, h, d, 0) && (t->stride[2] == 1 || d == 1);
}

VeraKStatus
vera_k_validate_attention(VeraKCtx *ctx, const VeraKAttention *op)
{
    int64_t lq = op->q.shape[0], lk = op->k.shape[0], h = op->q.shape[1], d = op->q.shape[2];

    CHECK(op->q.n_dims == 3 && vera_k_is_heads(&op->q, lq, h, d) && vera_k_is_heads(&op->o, lq, h, d) &&
              vera_k_is_operand(&op->q, op->compute) && vera_k_is_f32_or_bf16(&op->o),
          "attention: q and o must be F32 [Lq, H, D] with last stride 1, or BF16, q only where products are");
    CHECK(op->k.n_dims == 3 && vera_k_is_heads(&op->k, lk, h, d) && vera_k_is_heads(&op->v, lk, h, d) &&
              op->k.dtype == op->q.dtype && op->v.dtype == op->q.dtype,
          "attention: k and v must be [Lk, %lld, %lld] of q's type with last stride 1", (long long)h, (long long)d);
    CHECK(op->bias.data == NULL ||
              (op->bias.dtype == VERA_K_DTYPE_F32 && vera_k_is_shape(&op->bias, 3, h, lq, lk, 0)),
          "attention: bias must be F32 [H, Lq, Lk]");
    CHECK(vera_k_is_vector(&op->key_bias, lk, false), "attention: key_bias must be F32 [%lld]",
          (long long)lk);
    CHECK(d <= 1024, "attention: head width %lld is over 1024", (long long)d);
    CHECK(!vera_k_overlap(&op->o, &op->k) && !vera_k_overlap(&op->o, &op->v),
          "attention: o overlaps an input");
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_gate_add(VeraKCtx *ctx, const VeraKGateAdd *op)
{
    int64_t m = op->x.shape[0], d = op->x.shape[1];

    CHECK(op->x.n_dims == 2 && vera_k_is_rows(&op->x, m, d) && vera_k_is_rows(&op->y, m, d),
          "gate_add: x and y must be F32 rows of one shape");
    CHECK(vera_k_is_vector(&op->gate, d, false), "gate_add: gate must be F32 [%lld]", (long long)d);
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_activate(VeraKCtx *ctx, const VeraKActivate *op)
{
    CHECK(vera_k_is_f32_like(&op->x, &op->x) && vera_k_is_f32_like(&op->y, &op->x) &&
              (op->factor.data == NULL || vera_k_is_f32_like(&op->factor, &op->x)),
          "activate: x, factor and y must be dense F32 of one size");
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_combine(VeraKCtx *ctx, const VeraKCombine *op)
{
    CHECK(op->n_inputs >= 1 && op->n_inputs <= VERA_K_COMBINE_MAX, "combine: %d inputs", op->n_inputs);
    for (int i = 0; i < op->n_inputs; i++)
        CHECK(vera_k_is_f32_like(&op->x[i], &op->y), "combine: input %d differs from y", i);
    CHECK(vera_k_is_f32_like(&op->y, &op->y), "combine: y must be dense F32");
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_copy(VeraKCtx *ctx, const VeraKCopy *op)
{
    bool is_equal = op->src.n_dims == op->dst.n_dims && op->src.n_dims >= 1 &&
                    op->src.n_dims <= VERA_K_MAX_DIMS && op->src.data && op->dst.data;

    for (int i = 0; is_equal && i < op->src.n_dims; i++)
        is_equal = op->src.shape[i] == op->dst.shape[i] && op->src.shape[i] >= 1;
    CHECK(is_equal, "copy: src and dst must have one shape");
    CHECK(vera_k_is_float(&op->src) && vera_k_is_float(&op->dst) &&
              (op->src.dtype == op->dst.dtype || op->src.dtype == VERA_K_DTYPE_F32 ||
               op->dst.dtype == VERA_K_DTYPE_F32) &&
              op->dst.dtype != VERA_K_DTYPE_F8_E4M3,
          "copy: %s to %s is not offered", vera_k_dtype_name(op->src.dtype),
          vera_k_dtype_name(op->dst.dtype));
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_embed(VeraKCtx *ctx, const VeraKEmbed *op)
{
    int64_t m = op->ids.shape[0], v = op->table.shape[0], d = op->table.shape[1];

    CHECK(op->ids.dtype == VERA_K_DTYPE_I64 && vera_k_is_shape(&op->ids, 1, m, 0, 0, 0) &&
              op->ids.stride[0] == 1,
          "embed: ids must be I64 [M]");
    CHECK(vera_k_is_shape(&op->table, 2, v, d, 0, 0) && vera_k_is_float(&op->table) &&
              vera_k_tensor_is_contiguous(&op->table) && vera_k_is_rows(&op->y, m, d),
          "embed: table must be dense [V, D] and y F32 [M, D]");
    for (int64_t i = 0; i < m; i++) {
        int64_t id = ((const int64_t *)op->ids.data)[i];
        CHECK(id >= 0 && id < v, "embed: id %lld is outside the table of %lld rows", (long long)id,
              (long long)v);
    }
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_conv3d(VeraKCtx *ctx, const VeraKConv3d *op)
{
    const VeraKTensor *x = &op->x, *w = &op->weight, *y = &op->y;
    int64_t tc = op->cache.data ? op->cache.shape[0] : 0;
    int64_t t, h, wide;

    CHECK(x->data && x->n_dims == 4 && vera_k_is_operand(x, op->compute) && vera_k_tensor_is_contiguous(x),
          "conv3d: x must be dense [T, H, W, I] of F32, or of BF16 where products are BF16");
    CHECK(w->data && w->n_dims == 5 && vera_k_is_float(w) && vera_k_tensor_is_contiguous(w) &&
              w->shape[1] == x->shape[3],
          "conv3d: weight must be dense [O, %lld, kt, kh, kw]", (long long)x->shape[3]);
    CHECK(op->cache.data == NULL ||
              (op->cache.n_dims == 4 && op->cache.dtype == x->dtype &&
               vera_k_tensor_is_contiguous(&op->cache) && op->cache.shape[1] == x->shape[1] &&
               op->cache.shape[2] == x->shape[2] && op->cache.shape[3] == x->shape[3]),
          "conv3d: cache must be like x");
    CHECK(vera_k_is_vector(&op->bias, w->shape[0], true), "conv3d: bias must be [O]");
    CHECK((op->upsample == 1 || op->upsample == 2) && op->stride_t > 0 && op->stride_h > 0 &&
              op->stride_w > 0 && op->pad_t >= 0 && op->pad_h_before >= 0 && op->pad_h_after >= 0 &&
              op->pad_w_before >= 0 && op->pad_w_after >= 0,
          "conv3d: strides, pads or upsample make no sense");
    t = (tc + op->pad_t + x->shape[0] - w->shape[2]) / op->stride_t + 1;
    h = (op->pad_h_before + op->pad_h_after + x->shape[1] * op->upsample - w->shape[3]) / op->stride_h + 1;
    wide = (op->pad_w_before + op->pad_w_after + x->shape[2] * op->upsample - w->shape[4]) / op->stride_w + 1;
    CHECK(y->dtype == VERA_K_DTYPE_F32 && vera_k_tensor_is_contiguous(y) &&
              vera_k_is_shape(y, 4, t, h, wide, w->shape[0]),
          "conv3d: y must be dense F32 [%lld, %lld, %lld, %lld]", (long long)t, (long long)h,
          (long long)wide, (long long)w->shape[0]);
    CHECK(op->residual.data == NULL || vera_k_is_f32_like(&op->residual, y),
          "conv3d: residual must be like y");
    CHECK(!vera_k_overlap(x, y), "conv3d: y overlaps x");
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_channel_norm(VeraKCtx *ctx, const VeraKChannelNorm *op)
{
    CHECK(op->x.n_dims == 2 && vera_k_is_f32_like(&op->x, &op->x) && vera_k_is_rounded_rows(&op->y, &op->x) &&
              vera_k_tensor_is_contiguous(&op->y),
          "channel_norm: x must be dense F32 [P, C], and y dense F32, or elsewhere BF16, of that shape");
    CHECK(op->gamma.data && vera_k_is_vector(&op->gamma, op->x.shape[1], true),
          "channel_norm: gamma must be [%lld]", (long long)op->x.shape[1]);
    return VERA_K_OK;
}

VeraKStatus
vera_k_validate_is_finite(VeraKCtx *ctx, const VeraKIsFinite *op)
{
    CHECK(op->x.data && vera_k_is_float(&op->x) && vera_k_tensor_is_contiguous(&op->x) && op->is_finite,
          "is_finite: x must be a dense float tensor");
    return VERA_K_OK;
}
