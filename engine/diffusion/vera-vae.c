#include "config.h"

#include "engine/diffusion/vera-vae.h"

#include <string.h>

#include "engine/diffusion/vera-vae-private.h"
#include "engine/vera-engine-error.h"

#define VERA_VAE_MAX_SIDE 65536

static gboolean
vera_vae_find(VeraVae *self, const char *prefix, const char *name, VeraKTensor *tensor)
{
    g_autofree char *full = g_strconcat(prefix, name, NULL);

    return vera_weights_get(self->weights, full, tensor);
}

static gboolean
vera_vae_find_conv(VeraVae *self, const char *prefix, const char *name, VeraVaeConv *conv)
{
    g_autofree char *weight = g_strconcat(name, ".weight", NULL);
    g_autofree char *bias = g_strconcat(name, ".bias", NULL);

    return vera_vae_find(self, prefix, weight, &conv->weight) && vera_vae_find(self, prefix, bias, &conv->bias);
}

static void
vera_vae_find_gamma(VeraVae *self, const char *prefix, const char *name, VeraKTensor *gamma)
{
    if (vera_vae_find(self, prefix, name, gamma))
        *gamma = vera_k_tensor(gamma->dtype, gamma->data, 1, (const int64_t[]){ gamma->shape[0] });
}

static void
vera_vae_bind_layer(VeraVae *self, VeraVaeLayer *layer)
{
    const char *p = layer->prefix;

    switch (layer->kind) {
    case VERA_VAE_LAYER_CONV:
        vera_vae_find_conv(self, p, "", &layer->conv_1);
        break;
    case VERA_VAE_LAYER_RESIDUAL:
        vera_vae_find_gamma(self, p, ".norm1.gamma", &layer->gamma_1);
        vera_vae_find_gamma(self, p, ".norm2.gamma", &layer->gamma_2);
        vera_vae_find_conv(self, p, ".conv1", &layer->conv_1);
        vera_vae_find_conv(self, p, ".conv2", &layer->conv_2);
        layer->has_shortcut = vera_vae_find_conv(self, p, ".conv_shortcut", &layer->shortcut);
        break;
    case VERA_VAE_LAYER_ATTENTION:
        vera_vae_find_gamma(self, p, ".norm.gamma", &layer->gamma_1);
        vera_vae_find_conv(self, p, ".to_qkv", &layer->conv_1);
        vera_vae_find_conv(self, p, ".proj", &layer->conv_2);
        break;
    case VERA_VAE_LAYER_DOWN:
    case VERA_VAE_LAYER_UP:
        vera_vae_find_conv(self, p, ".resample.1", &layer->conv_1);
        if (layer->has_time)
            vera_vae_find_conv(self, p, ".time_conv", &layer->time_conv);
        break;
    case VERA_VAE_LAYER_NORM:
        vera_vae_find_gamma(self, p, ".gamma", &layer->gamma_1);
        break;
    }
}

/* A GPU may keep weights in the order of its kernels; a CPU is as fast without, and has better use for the memory. */
static void
vera_vae_mark_constant(VeraVae *self, VeraKTensor *tensors, gsize n)
{
    for (gsize i = 0; i < n; i++)
        tensors[i].constant_id = vera_weights_get_id(self->weights);
}

static gboolean
vera_vae_bind(VeraVae *self, GArray *layers, GError **error)
{
    gsize n = (G_STRUCT_OFFSET(VeraVaeLayer, placement) - G_STRUCT_OFFSET(VeraVaeLayer, gamma_1)) / sizeof(VeraKTensor);

    for (guint i = 0; i < layers->len; i++) {
        VeraVaeLayer *layer = &g_array_index(layers, VeraVaeLayer, i);
        vera_vae_bind_layer(self, layer);
        if (!vera_k_device_is_host(vera_runtime_get_device(self->runtime)))
            vera_vae_mark_constant(self, &layer->gamma_1, n);
        layer->placement = vera_placement_new(self->runtime, &layer->gamma_1, n, error);
        if (layer->placement == NULL)
            return FALSE;
    }
    return TRUE;
}

VeraVae *
vera_vae_new(VeraRuntime *runtime, const VeraVaeConfig *config, VeraWeights *weights, GError **error)
{
    g_autoptr(VeraVae) self = g_new0(VeraVae, 1);

    self->runtime = vera_runtime_ref(runtime);
    self->weights = vera_weights_ref(weights);
    self->config = *config;
    self->encoder = vera_vae_list_layers(config, FALSE);
    self->decoder = vera_vae_list_layers(config, TRUE);
    return vera_vae_bind(self, self->encoder, error) && vera_vae_bind(self, self->decoder, error) ? g_steal_pointer(&self) : NULL;
}

void
vera_vae_free(VeraVae *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->encoder);
    g_array_unref(self->decoder);
    vera_weights_unref(self->weights);
    vera_runtime_unref(self->runtime);
    g_free(self);
}

static VeraVaeStream *
vera_vae_stream_new(VeraVae *vae, gboolean is_decoder, int width, int height)
{
    VeraVaeStream *self = g_new0(VeraVaeStream, 1);

    self->vae = vae;
    self->is_decoder = is_decoder;
    self->width = width;
    self->height = height;
    self->states = g_new0(VeraVaeState, (is_decoder ? vae->decoder : vae->encoder)->len);
    return self;
}

VeraVaeStream *
vera_vae_encoder_new(VeraVae *vae, int width, int height, GError **error)
{
    int factor = vae->config.spatial_factor;

    if (width < factor || height < factor || width % factor != 0 || height % factor != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The VAE takes sizes that are multiples of %d; %d by %d is not.", factor, width, height);
        return NULL;
    }
    return vera_vae_stream_new(vae, FALSE, width, height);
}

VeraVaeStream *
vera_vae_decoder_new(VeraVae *vae, int width, int height, GError **error)
{
    if (width < 1 || height < 1) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE, "The VAE was given an empty latent.");
        return NULL;
    }
    return vera_vae_stream_new(vae, TRUE, width, height);
}

void
vera_vae_stream_free(VeraVaeStream *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < (self->is_decoder ? self->vae->decoder : self->vae->encoder)->len; i++)
        vera_vae_state_clear(&self->states[i]);
    g_free(self->states);
    g_free(self);
}

/* Layers [first, end), on all frames of @x at once. */
static VeraTensor *
vera_vae_stream_run_whole(VeraVaeStream *self, guint first, guint end, VeraTensor *x, GCancellable *cancellable, GError **error)
{
    GArray *layers = self->is_decoder ? self->vae->decoder : self->vae->encoder;

    for (guint i = first; x != NULL && i < end; i++) {
        if (vera_engine_error_set_cancelled(cancellable, error)) {
            vera_tensor_unref(x);
            return NULL;
        }
        x = vera_vae_run_layer(self->vae, &g_array_index(layers, VeraVaeLayer, i), &self->states[i], x, error);
    }
    return x;
}

/* The same on one frame after the other: what lives between layers is one frame and not a chunk, and the bytes are the same, since
 * the caches do not tell where a chunk ends. */
static VeraTensor *
vera_vae_stream_run_frames(VeraVaeStream *self, guint first, guint end, VeraTensor *x, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraTensor) input = x, joined = NULL;
    gint64 n = input->k.shape[0];

    if (n == 1)
        return vera_vae_stream_run_whole(self, first, end, g_steal_pointer(&input), cancellable, error);
    for (gint64 t = 0; t < n; t++) {
        VeraKTensor slice = vera_k_tensor_slice(&input->k, 0, t, 1);
        g_autoptr(VeraTensor) frame =
            vera_vae_stream_run_whole(self, first, end, vera_tensor_new_view(input, &slice), cancellable, error);
        VeraKCopy keep;
        if (frame == NULL)
            return NULL;
        if (joined == NULL) {
            const int64_t *s = frame->k.shape;
            joined = vera_tensor_new(self->vae->runtime, 4, (gint64[]){ n, s[1], s[2], s[3] }, error);
        }
        if (joined == NULL)
            return NULL;
        keep = (VeraKCopy){ .src = frame->k, .dst = vera_k_tensor_slice(&joined->k, 0, t, 1) };
        if (!vera_runtime_check(self->vae->runtime, vera_k_copy(vera_runtime_get_ctx(self->vae->runtime), &keep), "VAE copy", error))
            return NULL;
    }
    return g_steal_pointer(&joined);
}

/* Only layers that make two frames of one, or one of two, must see them together. */
static VeraTensor *
vera_vae_stream_run_all(VeraVaeStream *self, VeraTensor *x, GCancellable *cancellable, GError **error)
{
    GArray *layers = self->is_decoder ? self->vae->decoder : self->vae->encoder;

    for (guint i = 0; x != NULL && i < layers->len;) {
        guint end = i;
        while (end < layers->len && !g_array_index(layers, VeraVaeLayer, end).has_time)
            end++;
        if (end > i)
            x = vera_vae_stream_run_frames(self, i, end, x, cancellable, error);
        else
            x = vera_vae_stream_run_whole(self, i, ++end, x, cancellable, error);
        i = end;
    }
    return x;
}

static VeraTensor *
vera_vae_stream_run_layers(VeraVaeStream *self,
                           const float *planar,
                           gint64 channels,
                           gint64 frames,
                           GCancellable *cancellable,
                           GError **error)
{
    VeraVae *vae = self->vae;
    gint64 n = (gint64)self->height * self->width;
    g_autoptr(VeraTensor) host = vera_tensor_new_from_host(vae->runtime, 3, (gint64[]){ channels, frames, n }, planar, error);
    g_autoptr(VeraTensor) x = host ? vera_tensor_new(vae->runtime, 4, (gint64[]){ frames, self->height, self->width, channels }, error) : NULL;
    VeraKCopy turn;

    if (x == NULL)
        return NULL;
    /* What the model conditions on is coded in full precision; only pictures that come out may be
     * rounded. */
    vae->compute = self->is_decoder ? vera_runtime_get_compute(vae->runtime) : VERA_K_COMPUTE_F32;
    vae->operand = self->is_decoder ? vera_runtime_get_activation(vae->runtime) : VERA_K_DTYPE_F32;
    turn.dst = vera_k_tensor(VERA_K_DTYPE_F32, x->k.data, 3, (const int64_t[]){ frames, n, channels });
    turn.src = turn.dst;
    turn.src.data = host->k.data;
    memcpy(turn.src.stride, (const int64_t[3]){ n, 1, frames * n }, 3 * sizeof(int64_t));
    if (!vera_runtime_check(vae->runtime, vera_k_copy(vera_runtime_get_ctx(vae->runtime), &turn), "VAE input", error))
        return NULL;
    return vera_vae_stream_run_all(self, g_steal_pointer(&x), cancellable, error);
}

/* Runs one chunk of planar [C, T, H, W] through all layers; the result is channels-last. */
static VeraTensor *
vera_vae_stream_run(VeraVaeStream *self,
                    const float *planar,
                    gint64 channels,
                    gint64 frames,
                    GCancellable *cancellable,
                    GError **error)
{
    VeraTensor *out;

    if (self->is_broken) {
        g_set_error_literal(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED,
            "The VAE cannot go on with a clip after a chunk of it failed; start the clip again.");
        return NULL;
    }
    out = vera_vae_stream_run_layers(self, planar, channels, frames, cancellable, error);
    self->has_started = self->has_started || out != NULL;
    self->is_broken = out == NULL;
    return out;
}

gboolean
vera_vae_encoder_push(VeraVaeStream *self, const float *frames, int n_frames, float *latents, GCancellable *cancellable, GError **error)
{
    const VeraVaeConfig *config = &self->vae->config;
    g_autoptr(VeraTensor) out = NULL;
    g_autofree float *moments = NULL;
    gint64 t, n, z = config->z_dim;

    if (self->has_started ? n_frames < 1 || n_frames % config->temporal_factor != 0 : n_frames != 1) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The VAE takes one frame first and then multiples of %d, not %d.", config->temporal_factor, n_frames);
        return FALSE;
    }
    out = vera_vae_stream_run(self, frames, 3, n_frames, cancellable, error);
    if (out == NULL)
        return FALSE;
    t = out->k.shape[0];
    n = out->k.shape[1] * out->k.shape[2];
    moments = vera_runtime_new_floats((gsize)(t * n * 2 * z), error);
    self->is_broken = moments == NULL;
    if (moments == NULL || !vera_tensor_to_host(out, self->vae->runtime, moments, error))
        return FALSE;
    for (gint64 c = 0; c < z; c++)
        for (gint64 i = 0; i < t * n; i++)
            latents[c * t * n + i] = (moments[i * 2 * z + c] - config->latents_mean[c]) / config->latents_std[c];
    return TRUE;
}

gboolean
vera_vae_decoder_push(VeraVaeStream *self, const float *latent, float *frames, GCancellable *cancellable, GError **error)
{
    const VeraVaeConfig *config = &self->vae->config;
    gint64 n = (gint64)self->width * self->height, z = config->z_dim, t, pixels;
    g_autofree float *scaled = vera_runtime_new_floats((gsize)(n * z), error), *video = NULL;
    g_autoptr(VeraTensor) out = NULL;

    if (scaled == NULL)
        return FALSE;
    for (gint64 c = 0; c < z; c++)
        for (gint64 i = 0; i < n; i++)
            scaled[c * n + i] = latent[c * n + i] * config->latents_std[c] + config->latents_mean[c];
    out = vera_vae_stream_run(self, scaled, z, 1, cancellable, error);
    if (out == NULL)
        return FALSE;
    t = out->k.shape[0];
    pixels = out->k.shape[1] * out->k.shape[2];
    video = vera_runtime_new_floats((gsize)(t * pixels * 3), error);
    self->is_broken = video == NULL;
    if (video == NULL || !vera_tensor_to_host(out, self->vae->runtime, video, error))
        return FALSE;
    for (gint64 c = 0; c < 3; c++)
        for (gint64 i = 0; i < t * pixels; i++)
            frames[c * t * pixels + i] = CLAMP(video[i * 3 + c], -1.0f, 1.0f);
    return TRUE;
}

/* Copies frames [first, first + n) of planar [C, T, plane] to planar [C, n, plane], or back. */
static void
vera_vae_copy_frames(float *part, float *whole, const gint64 shape[3], gint64 first, gint64 n, gboolean is_gather)
{
    gsize size = (gsize)(n * shape[2]) * sizeof(float);

    for (gint64 c = 0; c < shape[0]; c++) {
        float *a = part + c * n * shape[2], *b = whole + (c * shape[1] + first) * shape[2];
        memcpy(is_gather ? a : b, is_gather ? b : a, size);
    }
}

/* No picture is larger, and products of its sizes stay far from overflowing. */
static gboolean
vera_vae_check_sides(gint64 height, gint64 width, GError **error)
{
    if (MAX(height, width) <= VERA_VAE_MAX_SIDE)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                "The VAE takes pictures of at most %d a side; %" G_GINT64_FORMAT
                " by %" G_GINT64_FORMAT " is larger.",
                VERA_VAE_MAX_SIDE, width, height);
    return FALSE;
}

gboolean
vera_vae_encode(VeraVae *self, const float *video, const gint64 video_shape[4], float *latents, GCancellable *cancellable, GError **error)
{
    const VeraVaeConfig *config = &self->config;
    gint64 f = video_shape[1], h = video_shape[2], w = video_shape[3], step = config->temporal_factor;
    gint64 in[3] = { 3, f, h * w }, out[3] = { config->z_dim, (f - 1) / step + 1, h * w / config->spatial_factor / config->spatial_factor };
    g_autoptr(VeraVaeStream) stream = NULL;
    g_autofree float *chunk = NULL, *coded = NULL;

    if (video_shape[0] != 3 || f < 1 || (f - 1) % step != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "%" G_GINT64_FORMAT " frames cannot be encoded; the VAE takes %" G_GINT64_FORMAT "n + 1.", f, step);
        return FALSE;
    }
    stream = vera_vae_check_sides(h, w, error) ? vera_vae_encoder_new(self, (int)w, (int)h, error)
                                               : NULL;
    if (stream == NULL)
        return FALSE;
    chunk = vera_runtime_new_floats((gsize)(3 * step * in[2]), error);
    coded = chunk ? vera_runtime_new_floats((gsize)(out[0] * out[2]), error) : NULL;
    if (coded == NULL)
        return FALSE;
    for (gint64 i = 0; i < out[1]; i++) {
        gint64 first = i == 0 ? 0 : 1 + (i - 1) * step, n = i == 0 ? 1 : step;
        vera_vae_copy_frames(chunk, (float *)video, in, first, n, TRUE);
        if (!vera_vae_encoder_push(stream, chunk, (int)n, coded, cancellable, error))
            return FALSE;
        vera_vae_copy_frames(coded, latents, out, i, 1, FALSE);
    }
    return TRUE;
}

gboolean
vera_vae_decode(VeraVae *self, const float *latents, const gint64 latents_shape[4], float *video, GCancellable *cancellable, GError **error)
{
    const VeraVaeConfig *config = &self->config;
    gint64 f = latents_shape[1], h = latents_shape[2], w = latents_shape[3], step = config->temporal_factor, s = config->spatial_factor;
    gint64 in[3] = { config->z_dim, f, h * w }, out[3] = { 3, (f - 1) * step + 1, h * w * s * s };
    g_autoptr(VeraVaeStream) stream = NULL;
    g_autofree float *latent = NULL, *frames = NULL;

    if (latents_shape[0] != config->z_dim || f < 1) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE, "Latents of %" G_GINT64_FORMAT " channels do not fit a VAE of %d.",
                    latents_shape[0], config->z_dim);
        return FALSE;
    }
    stream = vera_vae_check_sides(h, w, error) ? vera_vae_decoder_new(self, (int)w, (int)h, error)
                                               : NULL;
    if (stream == NULL)
        return FALSE;
    latent = vera_runtime_new_floats((gsize)(in[0] * in[2]), error);
    frames = latent ? vera_runtime_new_floats((gsize)(3 * step * out[2]), error) : NULL;
    if (frames == NULL)
        return FALSE;
    for (gint64 i = 0; i < f; i++) {
        vera_vae_copy_frames(latent, (float *)latents, in, i, 1, TRUE);
        if (!vera_vae_decoder_push(stream, latent, frames, cancellable, error))
            return FALSE;
        vera_vae_copy_frames(frames, video, out, i == 0 ? 0 : 1 + (i - 1) * step, i == 0 ? 1 : step, FALSE);
    }
    return TRUE;
}
