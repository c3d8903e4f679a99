#include "config.h"

#include <string.h>

#include "engine/diffusion/vera-vae-private.h"

/* The lists of layers and of tensors, both from the configuration (wan21-spec.md sections 3.3 and 3.7). */

static void
vera_vae_add_layer(GArray *layers, VeraVaeLayerKind kind, gboolean has_time, const char *format, ...)
{
    VeraVaeLayer layer = { .kind = kind, .has_time = has_time };
    va_list arguments;

    va_start(arguments, format);
    layer.prefix = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_array_append_val(layers, layer);
}

static void
vera_vae_add_middle(GArray *layers, const char *side)
{
    vera_vae_add_layer(layers, VERA_VAE_LAYER_RESIDUAL, FALSE, "%s.mid_block.resnets.0", side);
    vera_vae_add_layer(layers, VERA_VAE_LAYER_ATTENTION, FALSE, "%s.mid_block.attentions.0", side);
    vera_vae_add_layer(layers, VERA_VAE_LAYER_RESIDUAL, FALSE, "%s.mid_block.resnets.1", side);
}

static void
vera_vae_list_encoder(GArray *layers, const VeraVaeConfig *config)
{
    int index = 0;

    vera_vae_add_layer(layers, VERA_VAE_LAYER_CONV, FALSE, "encoder.conv_in");
    for (int level = 0; level < config->n_levels; level++) {
        for (int i = 0; i < config->n_res_blocks; i++)
            vera_vae_add_layer(layers, VERA_VAE_LAYER_RESIDUAL, FALSE, "encoder.down_blocks.%d", index++);
        if (level + 1 < config->n_levels)
            vera_vae_add_layer(layers, VERA_VAE_LAYER_DOWN, config->temporal_downsample[level],
                               "encoder.down_blocks.%d", index++);
    }
    vera_vae_add_middle(layers, "encoder");
    vera_vae_add_layer(layers, VERA_VAE_LAYER_NORM, FALSE, "encoder.norm_out");
    vera_vae_add_layer(layers, VERA_VAE_LAYER_CONV, FALSE, "encoder.conv_out");
    vera_vae_add_layer(layers, VERA_VAE_LAYER_CONV, FALSE, "quant_conv");
}

static void
vera_vae_list_decoder(GArray *layers, const VeraVaeConfig *config)
{
    vera_vae_add_layer(layers, VERA_VAE_LAYER_CONV, FALSE, "post_quant_conv");
    vera_vae_add_layer(layers, VERA_VAE_LAYER_CONV, FALSE, "decoder.conv_in");
    vera_vae_add_middle(layers, "decoder");
    for (int level = 0; level < config->n_levels; level++) {
        for (int i = 0; i <= config->n_res_blocks; i++)
            vera_vae_add_layer(layers, VERA_VAE_LAYER_RESIDUAL, FALSE, "decoder.up_blocks.%d.resnets.%d", level, i);
        if (level + 1 < config->n_levels)
            vera_vae_add_layer(layers, VERA_VAE_LAYER_UP, config->temporal_downsample[config->n_levels - 2 - level],
                               "decoder.up_blocks.%d.upsamplers.0", level);
    }
    vera_vae_add_layer(layers, VERA_VAE_LAYER_NORM, FALSE, "decoder.norm_out");
    vera_vae_add_layer(layers, VERA_VAE_LAYER_CONV, FALSE, "decoder.conv_out");
}

static void
vera_vae_layer_clear(gpointer data)
{
    g_free(((VeraVaeLayer *)data)->prefix);
    vera_placement_free(((VeraVaeLayer *)data)->placement);
}

GArray *
vera_vae_list_layers(const VeraVaeConfig *config, gboolean is_decoder)
{
    GArray *layers = g_array_new(FALSE, TRUE, sizeof(VeraVaeLayer));

    g_array_set_clear_func(layers, vera_vae_layer_clear);
    if (is_decoder)
        vera_vae_list_decoder(layers, config);
    else
        vera_vae_list_encoder(layers, config);
    return layers;
}

/* Channels as they go through the list of layers. */
typedef struct {
    GPtrArray *specs;
    gint64 channels;
} VeraVaeSpecs;

static void
vera_vae_spec_conv(VeraVaeSpecs *self, const char *prefix, const char *name, const gint64 shape[5], int n_dims)
{
    g_autofree char *weight = g_strdup_printf("%s%s.weight", prefix, name);
    g_autofree char *bias = g_strdup_printf("%s%s.bias", prefix, name);

    if (n_dims == 4)
        g_ptr_array_add(self->specs, vera_weight_spec_new(weight, 4, shape[0], shape[1], shape[3], shape[4]));
    else
        g_ptr_array_add(self->specs, vera_weight_spec_new(weight, 5, shape[0], shape[1], shape[2], shape[3], shape[4]));
    g_ptr_array_add(self->specs, vera_weight_spec_new(bias, 1, shape[0]));
}

static void
vera_vae_spec_gamma(VeraVaeSpecs *self, const char *prefix, const char *name, gint64 channels, int n_dims)
{
    g_autofree char *full = g_strdup_printf("%s%s.gamma", prefix, name);

    g_ptr_array_add(self->specs, vera_weight_spec_new(full, n_dims, channels, (gint64)1, (gint64)1, (gint64)1));
}

static void
vera_vae_spec_residual(VeraVaeSpecs *self, const char *prefix, gint64 out)
{
    gint64 in = self->channels;

    vera_vae_spec_gamma(self, prefix, ".norm1", in, 4);
    vera_vae_spec_conv(self, prefix, ".conv1", (gint64[]){ out, in, 3, 3, 3 }, 5);
    vera_vae_spec_gamma(self, prefix, ".norm2", out, 4);
    vera_vae_spec_conv(self, prefix, ".conv2", (gint64[]){ out, out, 3, 3, 3 }, 5);
    if (in != out)
        vera_vae_spec_conv(self, prefix, ".conv_shortcut", (gint64[]){ out, in, 1, 1, 1 }, 5);
    self->channels = out;
}

static void
vera_vae_spec_resample(VeraVaeSpecs *self, const VeraVaeLayer *layer)
{
    gint64 in = self->channels, out = layer->kind == VERA_VAE_LAYER_UP ? in / 2 : in;
    gint64 time_out = layer->kind == VERA_VAE_LAYER_UP ? 2 * in : in;

    vera_vae_spec_conv(self, layer->prefix, ".resample.1", (gint64[]){ out, in, 1, 3, 3 }, 4);
    if (layer->has_time)
        vera_vae_spec_conv(self, layer->prefix, ".time_conv", (gint64[]){ time_out, in, 3, 1, 1 }, 5);
    self->channels = out;
}

static void
vera_vae_spec_attention(VeraVaeSpecs *self, const char *prefix)
{
    gint64 c = self->channels;

    vera_vae_spec_gamma(self, prefix, ".norm", c, 3);
    vera_vae_spec_conv(self, prefix, ".to_qkv", (gint64[]){ 3 * c, c, 1, 1, 1 }, 4);
    vera_vae_spec_conv(self, prefix, ".proj", (gint64[]){ c, c, 1, 1, 1 }, 4);
}

/* Output channels of convolution or residual layer @layer; levels are told by their place in the list. */
static void
vera_vae_spec_side(VeraVaeSpecs *self, const VeraVaeConfig *config, gboolean is_decoder)
{
    g_autoptr(GArray) layers = vera_vae_list_layers(config, is_decoder);
    int base = is_decoder ? config->decoder_base_dim : config->base_dim, level = 0, last = config->n_levels - 1;
    gint64 z = config->z_dim;

    self->channels = is_decoder ? z : 3;
    for (guint i = 0; i < layers->len; i++) {
        VeraVaeLayer *layer = &g_array_index(layers, VeraVaeLayer, i);
        int mult = config->dim_mult[is_decoder ? last - level : level];
        gboolean is_quant = g_str_has_suffix(layer->prefix, "quant_conv");
        gint64 k = is_quant ? 1 : 3, out = self->channels;

        switch (layer->kind) {
        case VERA_VAE_LAYER_CONV:
            if (g_str_has_suffix(layer->prefix, "conv_in"))
                out = (gint64)base * (is_decoder ? config->dim_mult[last] : 1);
            else if (!is_quant)
                out = is_decoder ? 3 : 2 * z;
            vera_vae_spec_conv(self, layer->prefix, "", (gint64[]){ out, self->channels, k, k, k }, 5);
            self->channels = out;
            break;
        case VERA_VAE_LAYER_RESIDUAL:
            vera_vae_spec_residual(self, layer->prefix,
                                   strstr(layer->prefix, "mid_block") ? self->channels : (gint64)base * mult);
            break;
        case VERA_VAE_LAYER_ATTENTION:
            vera_vae_spec_attention(self, layer->prefix);
            break;
        case VERA_VAE_LAYER_DOWN:
        case VERA_VAE_LAYER_UP:
            vera_vae_spec_resample(self, layer);
            level++;
            break;
        case VERA_VAE_LAYER_NORM:
            vera_vae_spec_gamma(self, layer->prefix, "", self->channels, 4);
            break;
        }
    }
}

GPtrArray *
vera_vae_get_specs(const VeraVaeConfig *config)
{
    VeraVaeSpecs specs = { .specs = g_ptr_array_new() };

    vera_vae_spec_side(&specs, config, FALSE);
    vera_vae_spec_side(&specs, config, TRUE);
    return specs.specs;
}
