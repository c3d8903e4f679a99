#include "config.h"

#include "engine/diffusion/vera-vae-private.h"

/* How much a stream takes at once when its caches are full: the list of layers is walked with
 * shapes in place of tensors. */
typedef struct {
    GHashTable *specs; /* name -> (owned) VeraWeightSpec */
    double t, pixels;  /* of the input of the layer */
    double repeats;    /* how often it runs in one chunk: frame by frame or all at once */
    double channels;   /* of its input */
    double cached;     /* values that all layers so far remember */
    double live;       /* most values that one layer holds beside */
    double weights;    /* values of the largest convolution, which is packed in scratch memory */
    double products;   /* multiplications of all layers so far */
} VeraVaeWalk;

static const gint64 *
vera_vae_walk_get_shape(VeraVaeWalk *self, const VeraVaeLayer *layer, const char *name)
{
    g_autofree char *full = g_strconcat(layer->prefix, name, NULL);
    const VeraWeightSpec *spec = g_hash_table_lookup(self->specs, full);

    return spec ? spec->shape : NULL;
}

static void
vera_vae_walk_note(VeraVaeWalk *self, double live, double cached, double weights)
{
    self->live = MAX(self->live, live * self->pixels);
    self->cached += cached * self->pixels;
    self->weights = MAX(self->weights, weights);
}

/* For each pixel of the layer's output. */
static void
vera_vae_walk_count(VeraVaeWalk *self, double products)
{
    self->products += products * self->repeats * self->t * self->pixels;
}

/* Values for each pixel of the layer's input; what lives together follows vera-vae-run.c. */
static void
vera_vae_walk_layer(VeraVaeWalk *self, const VeraVaeLayer *layer)
{
    static const char *const names[] = {
        [VERA_VAE_LAYER_CONV] = ".weight",          [VERA_VAE_LAYER_RESIDUAL] = ".conv1.weight",
        [VERA_VAE_LAYER_ATTENTION] = ".norm.gamma", [VERA_VAE_LAYER_DOWN] = ".resample.1.weight",
        [VERA_VAE_LAYER_UP] = ".resample.1.weight", [VERA_VAE_LAYER_NORM] = ".gamma",
    };
    const gint64 *shape = vera_vae_walk_get_shape(self, layer, names[layer->kind]);
    double t = self->t, out = (double)shape[0], in = (double)shape[1], both, frames;

    switch (layer->kind) {
    case VERA_VAE_LAYER_CONV:
        both = shape[2] > 1 ? 2 * in : 0;
        vera_vae_walk_note(self, t * (in + out) + both, both, in * out * 27);
        vera_vae_walk_count(self, in * out * (double)(shape[2] * shape[3] * shape[4]));
        break;
    case VERA_VAE_LAYER_RESIDUAL:
        both = vera_vae_walk_get_shape(self, layer, ".conv_shortcut.weight") ? in + out : in;
        vera_vae_walk_note(self, t * (2 * in + out) + 2 * in, 2 * (in + out),
                           MAX(in, out) * out * 27);
        vera_vae_walk_note(self, t * (both + 2 * out) + 2 * out, 0, 0);
        vera_vae_walk_count(self, 27 * (in + out) * out + (both > in ? in * out : 0));
        break;
    case VERA_VAE_LAYER_ATTENTION:
        vera_vae_walk_note(self, 2 * t * out + 4 * out, 0, 3 * out * out);
        vera_vae_walk_count(self, 4 * out * out + 2 * out * self->pixels);
        break;
    case VERA_VAE_LAYER_DOWN:
        vera_vae_walk_note(self, t * in * 1.5, layer->has_time ? out / 4 : 0, in * out * 9);
        self->pixels /= 4;
        vera_vae_walk_count(self, 9 * in * out);
        self->t = layer->has_time ? t / 2 : t;
        vera_vae_walk_count(self, layer->has_time ? 3 * out * out : 0);
        break;
    case VERA_VAE_LAYER_UP:
        frames = layer->has_time ? 2 * t : t;
        both = layer->has_time ? 2 * in : 0;
        vera_vae_walk_note(self, t * in + (frames - t) * 4 * in + frames * 4 * out + 4 * in + both,
                           both, MAX(in * out * 9, both * in * 3));
        vera_vae_walk_count(self, 3 * in * both);
        self->pixels *= 4;
        self->t = frames;
        vera_vae_walk_count(self, 9 * in * out);
        break;
    case VERA_VAE_LAYER_NORM:
        vera_vae_walk_note(self, 2 * t * out, 0, 0);
        break;
    }
    self->channels = out;
}

/* Layers [first, end) on one frame after the other: what came in and what comes out lie there whole. */
static void
vera_vae_walk_frames(VeraVaeWalk *self, GArray *layers, guint first, guint end)
{
    double held = self->t * self->channels * self->pixels, live = self->live;

    self->live = 0;
    self->repeats = self->t;
    self->t = 1;
    for (guint i = first; i < end; i++)
        vera_vae_walk_layer(self, &g_array_index(layers, VeraVaeLayer, i));
    self->t = self->repeats;
    self->repeats = 1;
    if (self->t > 1)
        self->live += held + self->t * self->channels * self->pixels;
    self->live = MAX(self->live, live);
}

static VeraVaeWalk
vera_vae_walk(const VeraVaeConfig *config, gboolean is_decoder, gint64 width, gint64 height)
{
    g_autoptr(GPtrArray) specs = vera_vae_get_specs(config);
    g_autoptr(GArray) layers = vera_vae_list_layers(config, is_decoder);
    VeraVaeWalk walk = {.t = is_decoder ? 1 : config->temporal_factor,
                        .pixels = (double)width * (double)height,
                        .repeats = 1,
                        .channels = is_decoder ? config->z_dim : 3};

    walk.specs =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)vera_weight_spec_free);
    for (guint i = 0; i < specs->len; i++)
        g_hash_table_insert(walk.specs, ((VeraWeightSpec *)specs->pdata[i])->name, specs->pdata[i]);
    for (guint i = 0; i < layers->len; i++) {
        guint end = i;
        while (end < layers->len && !g_array_index(layers, VeraVaeLayer, end).has_time)
            end++;
        if (end > i)
            vera_vae_walk_frames(&walk, layers, i, end);
        if (end < layers->len)
            vera_vae_walk_layer(&walk, &g_array_index(layers, VeraVaeLayer, end));
        i = end;
    }
    g_clear_pointer(&walk.specs, g_hash_table_unref);
    return walk;
}

guint64
vera_vae_estimate_bytes(const VeraVaeConfig *config, gboolean is_decoder, gint64 width, gint64 height)
{
    VeraVaeWalk walk = vera_vae_walk(config, is_decoder, width, height);
    double input = (is_decoder ? config->z_dim : 3.0 * config->temporal_factor) * (double)width *
                   (double)height;

    return (guint64)((walk.cached + walk.live + input + 2 * walk.weights) * sizeof(float));
}

double
vera_vae_estimate_gflop(const VeraVaeConfig *config,
                        gboolean is_decoder,
                        gint64 width,
                        gint64 height)
{
    return 2e-9 * vera_vae_walk(config, is_decoder, width, height).products;
}
