#include "config.h"

#include <math.h>

#include "tests/gpu/bench.h"

/*
 * One latent frame of Wan2.1's VAE after the first, with the operators and shapes of engine/diffusion/vera-vae-run.c: caches are full, so
 * every convolution over time sees two frames before its own. Weights are F32, as stock files have them.
 */

#define BENCH_VAE_LATENT 16
#define BENCH_VAE_LEVELS 4

static const int bench_vae_mult[BENCH_VAE_LEVELS] = { 1, 2, 4, 4 };
static const bool bench_vae_has_time[BENCH_VAE_LEVELS - 1] = { false, true, true };

/* What goes through the layers. */
typedef struct {
    Bench *bench;
    VeraKCompute compute;
    VeraKDType half; /* of what only a convolution reads */
    VeraKTensor x;   /* F32 [T, H, W, C] */
    int64_t base;    /* channels of the first level */
} BenchVae;

typedef struct {
    int64_t out, kt, k;
    int stride_t, stride, upsample;
} BenchConv;

static VeraKTensor
bench_video(BenchVae *v, VeraKDType dtype, int64_t t, int64_t h, int64_t w, int64_t c)
{
    return bench_tensor(v->bench, dtype, 4, (int64_t[]){ t, h, w, c }, 1);
}

/* y = convolution of @x (+ residual); the result is the new v->x unless @residual is given, which then is. */
static VeraKTensor
bench_convolve(BenchVae *v, VeraKTensor x, BenchConv c, const VeraKTensor *residual)
{
    const int64_t *s = x.shape;
    int64_t t = s[0] / c.stride_t, h = s[1] * c.upsample / c.stride, w = s[2] * c.upsample / c.stride, one = c.out;
    int before = c.stride > 1 ? 0 : (int)(c.k / 2), after = c.stride > 1 ? 1 : (int)(c.k / 2);
    int64_t n_cached = c.stride_t > 1 ? 1 : c.kt - 1;
    VeraKConv3d op = { .x = x, .stride_t = c.stride_t, .stride_h = c.stride, .stride_w = c.stride, .pad_h_before = before,
                       .pad_h_after = after, .pad_w_before = before, .pad_w_after = after, .upsample = c.upsample, .compute = v->compute };

    op.weight = bench_tensor(v->bench, VERA_K_DTYPE_F32, 5, (int64_t[]){ c.out, s[3], c.kt, c.k, c.k }, 1 / sqrtf((float)(s[3] * c.kt * c.k * c.k)));
    op.bias = bench_tensor(v->bench, VERA_K_DTYPE_F32, 1, &one, 0.1f);
    op.y = bench_video(v, VERA_K_DTYPE_F32, t, h, w, c.out);
    if (n_cached > 0)
        op.cache = bench_video(v, x.dtype, n_cached, s[1], s[2], s[3]);
    if (residual != NULL)
        op.residual = *residual;
    bench_run(v->bench, BENCH_VAE_CONVOLUTION, VERA_K_OP_CONV3D, &op,
              2.0 * (double)vera_k_tensor_n_elements(&op.y) * (double)(s[3] * c.kt * c.k * c.k));
    return op.y;
}

static VeraKTensor
bench_channel_norm(BenchVae *v, VeraKTensor x, VeraKActivation activation)
{
    const int64_t *s = x.shape;
    int64_t rows[2] = { s[0] * s[1] * s[2], s[3] };
    VeraKTensor y = bench_video(v, v->half, s[0], s[1], s[2], s[3]);
    VeraKChannelNorm op = { .x = vera_k_tensor(x.dtype, x.data, 2, rows), .gamma = bench_tensor(v->bench, VERA_K_DTYPE_F32, 1, &s[3], 1),
                            .y = vera_k_tensor(y.dtype, y.data, 2, rows), .activation = activation };

    bench_run(v->bench, BENCH_VAE_NORM, VERA_K_OP_CHANNEL_NORM, &op, 0);
    return y;
}

static void
bench_residual(BenchVae *v, int64_t out)
{
    VeraKTensor first = bench_convolve(v, bench_channel_norm(v, v->x, VERA_K_ACTIVATION_SILU), (BenchConv){ out, 3, 3, 1, 1, 1 }, NULL);
    VeraKTensor second = bench_channel_norm(v, first, VERA_K_ACTIVATION_SILU);
    VeraKTensor shortcut = v->x.shape[3] != out ? bench_convolve(v, v->x, (BenchConv){ out, 1, 1, 1, 1, 1 }, NULL) : v->x;

    v->x = bench_convolve(v, second, (BenchConv){ out, 3, 3, 1, 1, 1 }, &shortcut);
}

static void
bench_vae_attention(BenchVae *v)
{
    const int64_t *s = v->x.shape;
    int64_t n = s[1] * s[2], c = s[3];
    VeraKTensor normed = bench_channel_norm(v, v->x, VERA_K_ACTIVATION_NONE);
    VeraKTensor qkv = bench_tensor(v->bench, v->half, 2, (int64_t[]){ n, 3 * c }, 1), o = bench_tensor(v->bench, v->half, 2, (int64_t[]){ n, c }, 1);
    VeraKTensor w = bench_tensor(v->bench, VERA_K_DTYPE_F32, 2, (int64_t[]){ 3 * c, c }, 0.05f), out = bench_tensor(v->bench, VERA_K_DTYPE_F32, 2, (int64_t[]){ n, c }, 1);

    for (int64_t t = 0; t < s[0]; t++) {
        VeraKTensor frame = vera_k_tensor(normed.dtype, (char *)normed.data + t * n * c * (int64_t)vera_k_dtype_size(normed.dtype), 2, (int64_t[]){ n, c });
        VeraKLinear project = { .x = frame, .weight = w, .y = qkv, .compute = v->compute };
        VeraKLinear back = { .x = o, .weight = vera_k_tensor(VERA_K_DTYPE_F32, w.data, 2, (int64_t[]){ c, c }), .y = out, .compute = v->compute };
        VeraKTensor q = vera_k_tensor(qkv.dtype, qkv.data, 3, (int64_t[]){ n, 1, c });
        VeraKAttention attention = { .o = vera_k_tensor(o.dtype, o.data, 3, (int64_t[]){ n, 1, c }), .scale = 1 / sqrtf((float)c), .compute = v->compute };
        VeraKGateAdd add = { .x = vera_k_tensor(VERA_K_DTYPE_F32, (float *)v->x.data + t * n * c, 2, (int64_t[]){ n, c }), .y = out };
        q.stride[0] = 3 * c;
        attention.q = attention.k = attention.v = q;
        attention.k.data = (char *)q.data + c * (int64_t)vera_k_dtype_size(q.dtype);
        attention.v.data = (char *)q.data + 2 * c * (int64_t)vera_k_dtype_size(q.dtype);
        bench_run(v->bench, BENCH_VAE_REST, VERA_K_OP_LINEAR, &project, 6.0 * (double)(n * c * c));
        bench_run(v->bench, BENCH_VAE_REST, VERA_K_OP_ATTENTION, &attention, 4.0 * (double)(n * n * c));
        bench_run(v->bench, BENCH_VAE_REST, VERA_K_OP_LINEAR, &back, 2.0 * (double)(n * c * c));
        bench_run(v->bench, BENCH_VAE_REST, VERA_K_OP_GATE_ADD, &add, 0);
    }
}

static void
bench_middle(BenchVae *v)
{
    int64_t c = v->x.shape[3];

    bench_residual(v, c);
    bench_vae_attention(v);
    bench_residual(v, c);
}

/* [T, H, W, 2C] -> [2T, H, W, C] */
static void
bench_interleave(BenchVae *v, VeraKTensor x)
{
    const int64_t *s = x.shape;
    int64_t t = s[0], n = s[1] * s[2], c = s[3] / 2;
    VeraKTensor y = bench_video(v, VERA_K_DTYPE_F32, 2 * t, s[1], s[2], c);
    VeraKCopy op = { .dst = vera_k_tensor(VERA_K_DTYPE_F32, y.data, 4, (int64_t[]){ t, 2, n, c }) };

    op.src = op.dst;
    op.src.data = x.data;
    op.src.stride[0] = n * 2 * c;
    op.src.stride[1] = c;
    op.src.stride[2] = 2 * c;
    bench_run(v->bench, BENCH_VAE_REST, VERA_K_OP_COPY, &op, 0);
    v->x = y;
}

static void
bench_decode(BenchVae *v)
{
    int64_t c = v->base * bench_vae_mult[BENCH_VAE_LEVELS - 1];

    v->x = bench_convolve(v, v->x, (BenchConv){ BENCH_VAE_LATENT, 1, 1, 1, 1, 1 }, NULL);
    v->x = bench_convolve(v, v->x, (BenchConv){ c, 3, 3, 1, 1, 1 }, NULL);
    bench_middle(v);
    for (int level = BENCH_VAE_LEVELS - 1; level >= 0; level--) {
        c = v->base * bench_vae_mult[level];
        for (int i = 0; i < 3; i++)
            bench_residual(v, c);
        if (level == 0)
            break;
        if (bench_vae_has_time[level - 1])
            bench_interleave(v, bench_convolve(v, v->x, (BenchConv){ 2 * c, 3, 1, 1, 1, 1 }, NULL));
        v->x = bench_convolve(v, v->x, (BenchConv){ c / 2, 1, 3, 1, 1, 2 }, NULL);
    }
    bench_convolve(v, bench_channel_norm(v, v->x, VERA_K_ACTIVATION_SILU), (BenchConv){ 3, 3, 3, 1, 1, 1 }, NULL);
}

static void
bench_encode(BenchVae *v)
{
    v->x = bench_convolve(v, v->x, (BenchConv){ v->base, 3, 3, 1, 1, 1 }, NULL);
    for (int level = 0; level < BENCH_VAE_LEVELS; level++) {
        int64_t c = v->base * bench_vae_mult[level];
        for (int i = 0; i < 2; i++)
            bench_residual(v, c);
        if (level + 1 == BENCH_VAE_LEVELS)
            break;
        v->x = bench_convolve(v, v->x, (BenchConv){ c, 1, 3, 1, 2, 1 }, NULL);
        if (bench_vae_has_time[level])
            v->x = bench_convolve(v, v->x, (BenchConv){ c, 3, 1, 2, 1, 1 }, NULL);
    }
    bench_middle(v);
    v->x = bench_convolve(v, bench_channel_norm(v, v->x, VERA_K_ACTIVATION_SILU), (BenchConv){ 2 * BENCH_VAE_LATENT, 3, 3, 1, 1, 1 }, NULL);
    bench_convolve(v, v->x, (BenchConv){ 2 * BENCH_VAE_LATENT, 1, 1, 1, 1, 1 }, NULL);
}

double
bench_vae(Bench *self, bool is_decoder, const int64_t latents[3], int64_t base)
{
    int64_t height = latents[1], width = latents[2];
    BenchVae v = { .bench = self, .base = base, .compute = is_decoder ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32 };
    int n = self->n_buffers;
    double seconds[BENCH_N_PARTS], total = 0;

    for (int i = 0; i < BENCH_N_PARTS; i++)
        seconds[i] = self->seconds[i];
    v.half = is_decoder ? self->half : VERA_K_DTYPE_F32;
    /* Twice: the first time grows scratch memory. Only operators are timed, not the making of random weights between them; weights are
     * reordered in each call, which a program does once. */
    self->is_split = true;
    for (int i = 0; i < 2; i++) {
        for (int p = 0; p < BENCH_N_PARTS; p++)
            self->seconds[p] = seconds[p];
        v.x = is_decoder ? bench_video(&v, VERA_K_DTYPE_F32, 1, height, width, BENCH_VAE_LATENT)
                         : bench_video(&v, VERA_K_DTYPE_F32, 4, height * 8, width * 8, 3);
        if (is_decoder)
            bench_decode(&v);
        else
            bench_encode(&v);
        bench_free(self, n);
    }
    self->is_split = false;
    for (int p = 0; p < BENCH_N_PARTS; p++)
        total += self->seconds[p] - seconds[p];
    return total * (double)latents[0];
}
