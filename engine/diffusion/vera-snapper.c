#include "config.h"

#include "engine/diffusion/vera-snapper.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-channel-norm.h"
#include "engine/diffusion/vera-placement.h"
#include "engine/vera-engine-error.h"

struct _VeraSnapper {
    /* Owned */
    VeraRuntime *runtime;
    VeraWeights *weights;
    VeraSnapperConfig config;
    VeraKTensor *tensors; /* in the order of vera_snapper_get_specs() */
    VeraPlacement *placement;
};

static void
vera_snapper_spec_conv(GPtrArray *specs, const char *name, gint64 out, gint64 in)
{
    g_autofree char *weight = g_strconcat(name, ".weight", NULL),
                    *bias = g_strconcat(name, ".bias", NULL);

    g_ptr_array_add(specs, vera_weight_spec_new(weight, 4, out, in, (gint64)3, (gint64)3));
    g_ptr_array_add(specs, vera_weight_spec_new(bias, 1, out));
}

static void
vera_snapper_spec_norm(GPtrArray *specs, const char *name, gint64 channels)
{
    g_autofree char *gamma = g_strconcat(name, ".gamma", NULL);

    g_ptr_array_add(specs, vera_weight_spec_new(gamma, 3, channels, (gint64)1, (gint64)1));
}

static void
vera_snapper_spec_residual(GPtrArray *specs, const char *group, int index, gint64 channels)
{
    for (int part = 1; part <= 2; part++) {
        g_autofree char *norm = g_strdup_printf("%s.%d.norm%d", group, index, part);
        g_autofree char *conv = g_strdup_printf("%s.%d.conv%d", group, index, part);
        vera_snapper_spec_norm(specs, norm, channels);
        vera_snapper_spec_conv(specs, conv, channels, channels);
    }
}

GPtrArray *
vera_snapper_get_specs(const VeraSnapperConfig *config)
{
    GPtrArray *specs = g_ptr_array_new();
    const int *channels = config->channels, last = config->n_levels - 1;

    vera_snapper_spec_conv(specs, "conv_in", channels[0], VERA_SNAPPER_N_INPUTS);
    for (int i = 0; i < last; i++) {
        g_autofree char *down = g_strdup_printf("down.%d", i);
        vera_snapper_spec_conv(specs, down, channels[i + 1], channels[i]);
        vera_snapper_spec_residual(specs, "down_blocks", i, channels[i + 1]);
    }
    for (int i = 0; i < config->n_middle; i++)
        vera_snapper_spec_residual(specs, "middle", i, channels[last]);
    for (int i = 0; i < last; i++) {
        g_autofree char *up = g_strdup_printf("up.%d", i);
        vera_snapper_spec_conv(specs, up, channels[last - i - 1], channels[last - i]);
        vera_snapper_spec_residual(specs, "up_blocks", i, channels[last - i - 1]);
    }
    vera_snapper_spec_norm(specs, "norm_out", channels[0]);
    vera_snapper_spec_conv(specs, "conv_out", 1, channels[0]);
    return specs;
}

/* Operators know weights of convolutions with a time axis, and norms as rows. */
static VeraKTensor
vera_snapper_shape_tensor(VeraSnapper *self, VeraKTensor tensor)
{
    const int64_t *s = tensor.shape;

    if (tensor.n_dims == 4)
        tensor = vera_k_tensor(tensor.dtype, tensor.data, 5,
                               (const int64_t[]){s[0], s[1], 1, s[2], s[3]});
    else
        tensor = vera_k_tensor(tensor.dtype, tensor.data, 1, (const int64_t[]){s[0]});
    if (!vera_k_device_is_host(vera_runtime_get_device(self->runtime)))
        tensor.constant_id = vera_weights_get_id(self->weights);
    return tensor;
}

VeraSnapper *
vera_snapper_new(VeraRuntime *runtime,
                 const VeraSnapperConfig *config,
                 VeraWeights *weights,
                 GError **error)
{
    g_autoptr(VeraSnapper) self = g_new0(VeraSnapper, 1);
    g_autoptr(GPtrArray) specs = vera_snapper_get_specs(config);

    g_ptr_array_set_free_func(specs, (GDestroyNotify)vera_weight_spec_free);
    self->runtime = vera_runtime_ref(runtime);
    self->weights = vera_weights_ref(weights);
    self->config = *config;
    self->tensors = g_new0(VeraKTensor, specs->len);
    for (guint i = 0; i < specs->len; i++) {
        VeraKTensor tensor = {0};
        if (vera_weights_get(weights, ((VeraWeightSpec *)specs->pdata[i])->name, &tensor))
            self->tensors[i] = vera_snapper_shape_tensor(self, tensor);
    }
    self->placement = vera_placement_new(runtime, self->tensors, specs->len, error);
    return self->placement ? g_steal_pointer(&self) : NULL;
}

void
vera_snapper_free(VeraSnapper *self)
{
    if (self == NULL)
        return;
    vera_placement_free(self->placement);
    g_free(self->tensors);
    vera_weights_unref(self->weights);
    vera_runtime_unref(self->runtime);
    g_free(self);
}

/* Takes the next weight and bias. @scale 2 makes half of the size, -2 twice, 1 the same; @added
 * (nullable) is added. */
static VeraTensor *
vera_snapper_convolve(VeraSnapper *self,
                      const VeraKTensor **next,
                      VeraTensor *x,
                      int scale,
                      VeraTensor *added,
                      GError **error)
{
    const int64_t *s = x->k.shape;
    gint64 h = scale == 2    ? s[1] / 2
               : scale == -2 ? s[1] * 2
                             : s[1],
           w = scale == 2    ? s[2] / 2
               : scale == -2 ? s[2] * 2
                             : s[2];
    VeraKConv3d op = {.x = x->k,
                      .weight = (*next)[0],
                      .bias = (*next)[1],
                      .stride_t = 1,
                      .stride_h = scale == 2 ? 2 : 1,
                      .stride_w = scale == 2 ? 2 : 1,
                      .pad_h_before = scale != 2,
                      .pad_h_after = 1,
                      .pad_w_before = scale != 2,
                      .pad_w_after = 1,
                      .upsample = scale == -2 ? 2 : 1,
                      .compute = vera_runtime_get_compute(self->runtime)};
    g_autoptr(VeraTensor) y =
        vera_tensor_new(self->runtime, 4, (gint64[]){s[0], h, w, op.weight.shape[0]}, error);

    *next += 2;
    if (y == NULL)
        return NULL;
    op.y = y->k;
    if (added != NULL)
        op.residual = added->k;
    if (!vera_runtime_check(self->runtime, vera_k_conv3d(vera_runtime_get_ctx(self->runtime), &op),
                            "snapper convolution", error))
        return NULL;
    return g_steal_pointer(&y);
}

/* Norm, SiLU and convolution; @x (transfer none). */
static VeraTensor *
vera_snapper_run_half(
    VeraSnapper *self, const VeraKTensor **next, VeraTensor *x, VeraTensor *added, GError **error)
{
    g_autoptr(VeraTensor) normed =
        vera_channel_normalise(self->runtime, *(*next)++, x, VERA_K_ACTIVATION_SILU,
                               vera_runtime_get_activation(self->runtime), "snapper norm", error);

    return normed ? vera_snapper_convolve(self, next, normed, 1, added, error) : NULL;
}

/* @x (transfer full) (nullable): %NULL stays %NULL */
static VeraTensor *
vera_snapper_run_residual(VeraSnapper *self,
                          const VeraKTensor **next,
                          VeraTensor *x,
                          GError **error)
{
    g_autoptr(VeraTensor) input = x,
                          middle = x ? vera_snapper_run_half(self, next, x, NULL, error) : NULL;

    return middle ? vera_snapper_run_half(self, next, middle, input, error) : NULL;
}

/* @levels: (out): what is joined on the way up, all but the last */
static VeraTensor *
vera_snapper_go_down(VeraSnapper *self,
                     const VeraKTensor **next,
                     VeraTensor *input,
                     VeraTensor **levels,
                     GError **error)
{
    VeraTensor *x = vera_snapper_convolve(self, next, input, 1, NULL, error);

    for (int i = 0; x != NULL && i + 1 < self->config.n_levels; i++) {
        levels[i] = x;
        x = vera_snapper_run_residual(self, next,
                                      vera_snapper_convolve(self, next, x, 2, NULL, error), error);
    }
    for (int i = 0; x != NULL && i < self->config.n_middle; i++)
        x = vera_snapper_run_residual(self, next, x, error);
    return x;
}

/* @x (transfer full) */
static VeraTensor *
vera_snapper_go_up(
    VeraSnapper *self, const VeraKTensor **next, VeraTensor *x, VeraTensor **levels, GError **error)
{
    g_autoptr(VeraTensor) top = NULL;

    for (int i = self->config.n_levels - 2; x != NULL && i >= 0; i--) {
        g_autoptr(VeraTensor) below = x;
        x = vera_snapper_run_residual(
            self, next, vera_snapper_convolve(self, next, below, -2, levels[i], error), error);
    }
    top = x;
    return top ? vera_snapper_run_half(self, next, top, NULL, error) : NULL;
}

/* Planes become channels. */
static VeraTensor *
vera_snapper_load(
    VeraSnapper *self, const float *input, gint64 width, gint64 height, GError **error)
{
    gint64 n = width * height, c = VERA_SNAPPER_N_INPUTS;
    g_autoptr(VeraTensor) planes =
        vera_tensor_new_from_host(self->runtime, 2, (gint64[]){c, n}, input, error);
    g_autoptr(VeraTensor) x =
        planes ? vera_tensor_new(self->runtime, 4, (gint64[]){1, height, width, c}, error) : NULL;
    VeraKCopy turn;

    if (x == NULL)
        return NULL;
    turn.dst = turn.src = vera_k_tensor(VERA_K_DTYPE_F32, x->k.data, 2, (const int64_t[]){n, c});
    turn.src.data = planes->k.data;
    memcpy(turn.src.stride, (const int64_t[2]){1, n}, 2 * sizeof(int64_t));
    return vera_runtime_check(self->runtime,
                              vera_k_copy(vera_runtime_get_ctx(self->runtime), &turn),
                              "snapper input", error)
               ? g_steal_pointer(&x)
               : NULL;
}

gboolean
vera_snapper_run(VeraSnapper *self,
                 const float *input,
                 int width,
                 int height,
                 float *kept,
                 GCancellable *cancellable,
                 GError **error)
{
    int smallest = 1 << (self->config.n_levels - 1);
    g_autoptr(VeraTensor) x = NULL, out = NULL;
    VeraTensor *levels[VERA_SNAPPER_MAX_LEVELS] = {0};
    const VeraKTensor *next = self->tensors;

    if (width < smallest || height < smallest || width % smallest != 0 || height % smallest != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The snapper takes sizes that are multiples of %d; %d by %d is not.", smallest,
                    width, height);
        return FALSE;
    }
    x = vera_engine_error_set_cancelled(cancellable, error)
            ? NULL
            : vera_snapper_load(self, input, width, height, error);
    out = x ? vera_snapper_go_down(self, &next, x, levels, error) : NULL;
    out = out ? vera_snapper_go_up(self, &next, out, levels, error) : NULL;
    for (int i = 0; i < VERA_SNAPPER_MAX_LEVELS; i++)
        g_clear_pointer(&levels[i], vera_tensor_unref);
    if (out == NULL || !vera_tensor_to_host(out, self->runtime, kept, error))
        return FALSE;
    for (gsize i = 0; i < (gsize)width * (gsize)height; i++)
        kept[i] = 1 / (1 + expf(-kept[i]));
    return TRUE;
}
