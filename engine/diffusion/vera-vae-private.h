#pragma once

#include "engine/diffusion/vera-placement.h"
#include "engine/diffusion/vera-vae.h"

G_BEGIN_DECLS

/** VeraVaeLayerKind: the VAE is a list of these, run in order; each keeps what it must remember of earlier frames. */
typedef enum {
    VERA_VAE_LAYER_CONV,      /* causal convolution of any kernel, stride 1 */
    VERA_VAE_LAYER_RESIDUAL,  /* norm, SiLU, conv, norm, SiLU, conv, plus shortcut */
    VERA_VAE_LAYER_ATTENTION, /* per frame, one head */
    VERA_VAE_LAYER_DOWN,      /* spatial, and temporal if time_conv is there */
    VERA_VAE_LAYER_UP,
    VERA_VAE_LAYER_NORM,      /* norm and SiLU */
} VeraVaeLayerKind;

typedef struct {
    VeraKTensor weight; /* [O, I, kt, kh, kw] */
    VeraKTensor bias;
} VeraVaeConv;

typedef struct {
    VeraVaeLayerKind kind;
    char *prefix;
    /* Nothing but tensors from here to the placement that keeps them. */
    VeraKTensor gamma_1, gamma_2;
    VeraVaeConv conv_1, conv_2, shortcut, time_conv;
    VeraPlacement *placement;
    gboolean has_shortcut;
    gboolean has_time;
} VeraVaeLayer;

/** VERA_VAE_MAX_CACHES: a layer remembers the input of at most two convolutions */
#define VERA_VAE_MAX_CACHES 2

struct _VeraVae {
    /* Owned */
    VeraRuntime *runtime;
    VeraWeights *weights;
    VeraVaeConfig config;
    GArray *encoder; /* (element-type VeraVaeLayer) */
    GArray *decoder;
    VeraKCompute compute; /* precision of the products of the side that runs */
    VeraKDType operand;   /* type of what only feeds them */
};

/** VeraVaeState: what one layer remembers: the last frames of its convolutions' inputs. */
typedef struct {
    VeraTensor *caches[VERA_VAE_MAX_CACHES];
    gboolean has_started; /* the first chunk has gone through */
} VeraVaeState;

struct _VeraVaeStream {
    VeraVae *vae; /* borrowed */
    gboolean is_decoder;
    int width, height; /* of the input */
    VeraVaeState *states;
    gboolean has_started;
    gboolean is_broken; /* a push failed half-way: some caches are a chunk ahead of others */
};

/** vera_vae_list_layers: the layers of one side with their names; no tensors yet. */
GArray *vera_vae_list_layers(const VeraVaeConfig *config, gboolean is_decoder);

/**
 * vera_vae_run_layer:
 * @x: (transfer full): [T, H, W, C]
 *
 * Returns: (transfer full): the layer's output, or %NULL
 */
VeraTensor *vera_vae_run_layer(VeraVae *self, const VeraVaeLayer *layer, VeraVaeState *state, VeraTensor *x, GError **error);

void vera_vae_state_clear(VeraVaeState *state);

G_END_DECLS
