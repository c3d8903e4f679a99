#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-channel-norm.h"
#include "engine/diffusion/vera-vae-private.h"

static VeraTensor *
vera_vae_new_video(VeraVae *self, gint64 t, gint64 h, gint64 w, gint64 c, GError **error)
{
    return vera_tensor_new(self->runtime, 4, (gint64[]){t, h, w, c}, error);
}

static gboolean
vera_vae_copy(VeraVae *self, VeraKTensor src, VeraKTensor dst, GError **error)
{
    VeraKCopy op = {.src = src, .dst = dst};

    return vera_runtime_check(self->runtime, vera_k_copy(vera_runtime_get_ctx(self->runtime), &op),
                              "VAE copy", error);
}

/* Keeps the last two frames of [cache ; x] for the next chunk; one, while there is no second. */
static gboolean
vera_vae_remember(VeraVae *self, VeraTensor **cache, VeraTensor *x, GError **error)
{
    const int64_t *s = x->k.shape;
    gint64 t = s[0], old = *cache ? (*cache)->k.shape[0] : 0, keep = MIN(2, old + t),
           from_x = MIN(t, keep);
    g_autoptr(VeraTensor) next =
        vera_tensor_new_as(self->runtime, x->k.dtype, 4, (gint64[]){keep, s[1], s[2], s[3]}, error);

    if (next == NULL)
        return FALSE;
    if (keep > from_x &&
        !vera_vae_copy(self,
                       vera_k_tensor_slice(&(*cache)->k, 0, old - (keep - from_x), keep - from_x),
                       vera_k_tensor_slice(&next->k, 0, 0, keep - from_x), error))
        return FALSE;
    if (!vera_vae_copy(self, vera_k_tensor_slice(&x->k, 0, t - from_x, from_x),
                       vera_k_tensor_slice(&next->k, 0, keep - from_x, from_x), error))
        return FALSE;
    g_clear_pointer(cache, vera_tensor_unref);
    *cache = g_steal_pointer(&next);
    return TRUE;
}

/* A causal convolution with its cache; @residual (nullable) is added. */
static VeraTensor *
vera_vae_convolve(VeraVae *self,
                  const VeraVaeConv *conv,
                  VeraTensor **cache,
                  VeraTensor *x,
                  VeraTensor *residual,
                  GError **error)
{
    const int64_t *s = x->k.shape, *w = conv->weight.shape;
    gint64 n_cached = *cache ? (*cache)->k.shape[0] : 0;
    VeraKConv3d op = {.x = x->k,
                      .weight = conv->weight,
                      .bias = conv->bias,
                      .stride_t = 1,
                      .stride_h = 1,
                      .stride_w = 1,
                      .pad_t = (int)(w[2] - 1 - n_cached),
                      .upsample = 1,
                      .compute = self->compute};
    g_autoptr(VeraTensor) y = vera_vae_new_video(self, s[0], s[1], s[2], w[0], error);

    if (y == NULL)
        return NULL;
    if (w[2] == 1)
        op.pad_t = 0;
    else if (*cache != NULL)
        op.cache = (*cache)->k;
    op.pad_h_before = op.pad_h_after = (int)(w[3] / 2);
    op.pad_w_before = op.pad_w_after = (int)(w[4] / 2);
    op.y = y->k;
    if (residual != NULL)
        op.residual = residual->k;
    if (!vera_runtime_check(self->runtime, vera_k_conv3d(vera_runtime_get_ctx(self->runtime), &op),
                            "VAE convolution", error) ||
        (w[2] > 1 && !vera_vae_remember(self, cache, x, error)))
        return NULL;
    return g_steal_pointer(&y);
}

/* For the next convolution or product, which is all that reads it. */
static VeraTensor *
vera_vae_normalise(
    VeraVae *self, VeraKTensor gamma, VeraTensor *x, VeraKActivation activation, GError **error)
{
    return vera_channel_normalise(self->runtime, gamma, x, activation, self->operand,
                                  "VAE normalisation", error);
}

static VeraTensor *
vera_vae_run_residual(
    VeraVae *self, const VeraVaeLayer *layer, VeraVaeState *state, VeraTensor *x, GError **error)
{
    g_autoptr(VeraTensor) input = x, normed = NULL, middle = NULL, shortcut = NULL;
    VeraTensor *none = NULL;

    normed = vera_vae_normalise(self, layer->gamma_1, input, VERA_K_ACTIVATION_SILU, error);
    middle = normed
                 ? vera_vae_convolve(self, &layer->conv_1, &state->caches[0], normed, NULL, error)
                 : NULL;
    g_clear_pointer(&normed, vera_tensor_unref);
    normed = middle
                 ? vera_vae_normalise(self, layer->gamma_2, middle, VERA_K_ACTIVATION_SILU, error)
                 : NULL;
    if (normed == NULL)
        return NULL;
    g_clear_pointer(&middle, vera_tensor_unref);
    shortcut = layer->has_shortcut
                   ? vera_vae_convolve(self, &layer->shortcut, &none, input, NULL, error)
                   : vera_tensor_ref(input);
    return shortcut
               ? vera_vae_convolve(self, &layer->conv_2, &state->caches[1], normed, shortcut, error)
               : NULL;
}

static gboolean
vera_vae_attend_frame(VeraVae *self,
                      const VeraVaeLayer *layer,
                      VeraKTensor normed,
                      VeraKTensor qkv,
                      VeraKTensor out,
                      GError **error)
{
    VeraKCtx *ctx = vera_runtime_get_ctx(self->runtime);
    gint64 n = normed.shape[0], c = normed.shape[1];
    VeraKLinear project = {.x = normed,
                           .weight =
                               vera_k_tensor(layer->conv_1.weight.dtype, layer->conv_1.weight.data,
                                             2, (const int64_t[]){3 * c, c}),
                           .bias = layer->conv_1.bias,
                           .y = qkv,
                           .compute = self->compute};
    VeraKTensor part = vera_k_tensor(qkv.dtype, qkv.data, 3, (const int64_t[]){n, 1, c});
    VeraKAttention attention = {.scale = 1.0f / sqrtf((float)c), .compute = self->compute};

    part.stride[0] = 3 * c;
    attention.q = attention.k = attention.v = part;
    attention.k.data = (char *)qkv.data + c * (gint64)vera_k_dtype_size(qkv.dtype);
    attention.v.data = (char *)qkv.data + 2 * c * (gint64)vera_k_dtype_size(qkv.dtype);
    attention.o = vera_k_tensor(out.dtype, out.data, 3, (const int64_t[]){n, 1, c});
    return vera_runtime_check(self->runtime, vera_k_linear(ctx, &project), "VAE attention",
                              error) &&
           vera_runtime_check(self->runtime, vera_k_attention(ctx, &attention), "VAE attention",
                              error);
}

/* Frame @t of [T, H, W, C] as rows. */
static VeraKTensor
vera_vae_get_rows(const VeraTensor *x, gint64 t)
{
    VeraKTensor frame = vera_k_tensor_slice(&x->k, 0, t, 1);

    return vera_k_tensor(frame.dtype, frame.data, 2,
                         (const int64_t[]){frame.shape[1] * frame.shape[2], frame.shape[3]});
}

static VeraTensor *
vera_vae_run_attention(VeraVae *self, const VeraVaeLayer *layer, VeraTensor *x, GError **error)
{
    g_autoptr(VeraTensor) input = x, normed = NULL, qkv = NULL, attended = NULL, projected = NULL;
    const int64_t *s = input->k.shape;
    gint64 n = s[1] * s[2], c = s[3];
    const gint64 rows[2] = {n, c};

    normed = vera_vae_normalise(self, layer->gamma_1, input, VERA_K_ACTIVATION_NONE, error);
    qkv = normed ? vera_tensor_new_as(self->runtime, self->operand, 2, (gint64[]){n, 3 * c}, error)
                 : NULL;
    attended = qkv ? vera_tensor_new_as(self->runtime, self->operand, 2, rows, error) : NULL;
    projected = attended ? vera_tensor_new(self->runtime, 2, rows, error) : NULL;
    if (projected == NULL)
        return NULL;
    for (gint64 t = 0; t < s[0]; t++) {
        VeraKLinear project = {.x = attended->k,
                               .weight = vera_k_tensor(layer->conv_2.weight.dtype,
                                                       layer->conv_2.weight.data, 2,
                                                       (const int64_t[]){c, c}),
                               .bias = layer->conv_2.bias,
                               .y = projected->k,
                               .compute = self->compute};
        VeraKGateAdd add = {.x = vera_vae_get_rows(input, t), .y = projected->k};
        if (!vera_vae_attend_frame(self, layer, vera_vae_get_rows(normed, t), qkv->k, attended->k,
                                   error) ||
            !vera_runtime_check(self->runtime,
                                vera_k_linear(vera_runtime_get_ctx(self->runtime), &project),
                                "VAE attention", error) ||
            !vera_runtime_check(self->runtime,
                                vera_k_gate_add(vera_runtime_get_ctx(self->runtime), &add),
                                "VAE attention", error))
            return NULL;
    }
    return g_steal_pointer(&input);
}

/* Spatial part of both resamplings: frame by frame, stride 2 with one pad behind, or enlarged
 * twice. */
static VeraTensor *
vera_vae_resample_space(VeraVae *self, const VeraVaeLayer *layer, VeraTensor *x, GError **error)
{
    const int64_t *s = x->k.shape, *w = layer->conv_1.weight.shape;
    gboolean is_up = layer->kind == VERA_VAE_LAYER_UP;
    VeraKConv3d op = {.x = x->k,
                      .bias = layer->conv_1.bias,
                      .stride_t = 1,
                      .stride_h = is_up ? 1 : 2,
                      .stride_w = is_up ? 1 : 2,
                      .pad_h_before = is_up,
                      .pad_h_after = 1,
                      .pad_w_before = is_up,
                      .pad_w_after = 1,
                      .upsample = is_up ? 2 : 1,
                      .compute = self->compute};
    g_autoptr(VeraTensor) y = vera_vae_new_video(self, s[0], is_up ? s[1] * 2 : s[1] / 2,
                                                 is_up ? s[2] * 2 : s[2] / 2, w[0], error);

    if (y == NULL)
        return NULL;
    op.weight = vera_k_tensor(layer->conv_1.weight.dtype, layer->conv_1.weight.data, 5,
                              (const int64_t[]){w[0], w[1], 1, w[2], w[3]});
    op.y = y->k;
    if (!vera_runtime_check(self->runtime, vera_k_conv3d(vera_runtime_get_ctx(self->runtime), &op),
                            "VAE resampling", error))
        return NULL;
    return g_steal_pointer(&y);
}

/* The first frame goes through unchanged; later ones are convolved with stride 2, the frame before
 * in front (section 3.4). */
static VeraTensor *
vera_vae_run_down(
    VeraVae *self, const VeraVaeLayer *layer, VeraVaeState *state, VeraTensor *x, GError **error)
{
    g_autoptr(VeraTensor) input = x, small = vera_vae_resample_space(self, layer, x, error),
                          y = NULL;
    const int64_t *s;
    VeraKConv3d op = {
        .stride_t = 2, .stride_h = 1, .stride_w = 1, .upsample = 1, .compute = self->compute};

    if (small == NULL || !layer->has_time)
        return g_steal_pointer(&small);
    s = small->k.shape;
    if (state->caches[0] == NULL) {
        state->caches[0] = vera_vae_new_video(self, 1, s[1], s[2], s[3], error);
        if (state->caches[0] == NULL ||
            !vera_vae_copy(self, vera_k_tensor_slice(&small->k, 0, s[0] - 1, 1),
                           state->caches[0]->k, error))
            return NULL;
        return g_steal_pointer(&small);
    }
    y = vera_vae_new_video(self, s[0] / 2, s[1], s[2], s[3], error);
    if (y == NULL)
        return NULL;
    op.x = small->k;
    op.cache = state->caches[0]->k;
    op.weight = layer->time_conv.weight;
    op.bias = layer->time_conv.bias;
    op.y = y->k;
    if (!vera_runtime_check(self->runtime, vera_k_conv3d(vera_runtime_get_ctx(self->runtime), &op),
                            "VAE resampling", error) ||
        !vera_vae_copy(self, vera_k_tensor_slice(&small->k, 0, s[0] - 1, 1), state->caches[0]->k,
                       error))
        return NULL;
    return g_steal_pointer(&y);
}

/* [T, H, W, 2C] -> [2T, H, W, C]: the first half of the channels is the even frame. */
static VeraTensor *
vera_vae_interleave(VeraVae *self, VeraTensor *x, GError **error)
{
    const int64_t *s = x->k.shape;
    gint64 t = s[0], n = s[1] * s[2], c = s[3] / 2;
    g_autoptr(VeraTensor) y = vera_vae_new_video(self, 2 * t, s[1], s[2], c, error);
    VeraKTensor src, dst;

    if (y == NULL)
        return NULL;
    dst = vera_k_tensor(VERA_K_DTYPE_F32, y->k.data, 4, (const int64_t[]){t, 2, n, c});
    src = dst;
    src.data = x->k.data;
    memcpy(src.stride, (const int64_t[4]){n * 2 * c, c, 2 * c, 1}, 4 * sizeof(int64_t));
    return vera_vae_copy(self, src, dst, error) ? g_steal_pointer(&y) : NULL;
}

static VeraTensor *
vera_vae_run_up(
    VeraVae *self, const VeraVaeLayer *layer, VeraVaeState *state, VeraTensor *x, GError **error)
{
    g_autoptr(VeraTensor) input = x, doubled = NULL, y = NULL;

    if (layer->has_time && state->has_started) {
        /* The history starts with the second chunk: the first frame never enters it. */
        y = vera_vae_convolve(self, &layer->time_conv, &state->caches[0], input, NULL, error);
        doubled = y ? vera_vae_interleave(self, y, error) : NULL;
        if (doubled == NULL)
            return NULL;
        return vera_vae_resample_space(self, layer, doubled, error);
    }
    state->has_started = TRUE;
    return vera_vae_resample_space(self, layer, input, error);
}

VeraTensor *
vera_vae_run_layer(
    VeraVae *self, const VeraVaeLayer *layer, VeraVaeState *state, VeraTensor *x, GError **error)
{
    g_autoptr(VeraTensor) input = NULL;

    switch (layer->kind) {
    case VERA_VAE_LAYER_RESIDUAL:
        return vera_vae_run_residual(self, layer, state, x, error);
    case VERA_VAE_LAYER_ATTENTION:
        return vera_vae_run_attention(self, layer, x, error);
    case VERA_VAE_LAYER_DOWN:
        return vera_vae_run_down(self, layer, state, x, error);
    case VERA_VAE_LAYER_UP:
        return vera_vae_run_up(self, layer, state, x, error);
    case VERA_VAE_LAYER_CONV:
        input = x;
        return vera_vae_convolve(self, &layer->conv_1, &state->caches[0], x, NULL, error);
    case VERA_VAE_LAYER_NORM:
        input = x;
        return vera_vae_normalise(self, layer->gamma_1, x, VERA_K_ACTIVATION_SILU, error);
    }
    return NULL;
}

void
vera_vae_state_clear(VeraVaeState *state)
{
    for (int i = 0; i < VERA_VAE_MAX_CACHES; i++)
        g_clear_pointer(&state->caches[i], vera_tensor_unref);
}
