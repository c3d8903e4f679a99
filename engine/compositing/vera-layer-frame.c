#include "config.h"

#include "engine/compositing/vera-layer-frame.h"

#include <string.h>

#include "engine/compositing/vera-edge-clean.h"
#include "engine/vera-engine-error.h"

static float *
vera_layer_frame_alloc(const VeraLayerFrame *self, int n_channels)
{
    return g_try_new(float, (gsize)self->width * (gsize)self->height * (gsize)n_channels);
}

static gboolean
vera_layer_frame_enlarge(VeraLayerFrame *self, const VeraImage *small, float *values)
{
    VeraImage large = { self->width, self->height, 3, values };
    gsize n = (gsize)self->width * (gsize)self->height * 3;

    if (!vera_image_resample(small, VERA_RESAMPLE_FILTER_BICUBIC, &large))
        return FALSE;
    for (gsize i = 0; i < n; i++)
        values[i] = CLAMP(values[i], 0.0f, 1.0f);
    return TRUE;
}

/* Fills the matte by the plate, which is a guide as it is looked at. */
static gboolean
vera_layer_frame_cut(VeraLayerFrame *self,
                     const VeraImage *matte,
                     const VeraImage *guide,
                     const VeraMatteRefinement *refinement,
                     GError **error)
{
    VeraImage large = { self->width, self->height, 1, self->matte };
    VeraImage colors = { self->width, self->height, 3, self->rgb };

    if (!vera_matte_upscale(matte, guide, &large, error))
        return FALSE;
    if (refinement->is_edge_clean && !refinement->is_inverted &&
        !vera_edge_clean(guide, matte->width, matte->height, &large, &colors, error))
        return FALSE;
    return vera_matte_refine(refinement, &large, error);
}

VeraLayerFrame *
vera_layer_frame_new(const VeraImage *edit,
                     const VeraImage *matte,
                     const VeraImage *model,
                     const VeraImage *plate,
                     VeraColorTransfer transfer,
                     const VeraMatteRefinement *refinement,
                     GError **error)
{
    g_autoptr(VeraLayerFrame) self = g_new0(VeraLayerFrame, 1);
    gboolean is_coded = transfer == VERA_COLOR_TRANSFER_SRGB || transfer == VERA_COLOR_TRANSFER_BT709;
    gsize n = (gsize)plate->width * (gsize)plate->height * 3;
    g_autofree float *coded = is_coded ? NULL : g_try_new(float, n);
    VeraImage guide = { plate->width, plate->height, 3, is_coded ? plate->values : coded };

    g_atomic_ref_count_init(&self->ref_count);
    self->width = plate->width;
    self->height = plate->height;
    self->rgb = vera_layer_frame_alloc(self, 3);
    self->matte = vera_layer_frame_alloc(self, 1);
    self->model_rgb = model ? vera_layer_frame_alloc(self, 3) : NULL;
    if (!guide.values || !self->rgb || !self->matte || (model && !self->model_rgb) ||
        !vera_layer_frame_enlarge(self, edit, self->rgb) || (model && !vera_layer_frame_enlarge(self, model, self->model_rgb))) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory to enlarge the edit layer to %d by %d pixels.", self->width, self->height);
        return NULL;
    }
    if (coded != NULL) {
        memcpy(coded, plate->values, n * sizeof *coded);
        vera_color_code_display(transfer, coded, n);
    }
    if (!vera_layer_frame_cut(self, matte, &guide, refinement, error))
        return NULL;
    vera_color_decode_display(transfer, self->rgb, n);
    if (model != NULL)
        vera_color_decode_display(transfer, self->model_rgb, n);
    return g_steal_pointer(&self);
}

VeraLayerFrame *
vera_layer_frame_ref(VeraLayerFrame *self)
{
    g_atomic_ref_count_inc(&self->ref_count);
    return self;
}

void
vera_layer_frame_unref(VeraLayerFrame *self)
{
    if (!g_atomic_ref_count_dec(&self->ref_count))
        return;
    g_free(self->rgb);
    g_free(self->matte);
    g_free(self->model_rgb);
    g_free(self);
}

gsize
vera_layer_frame_get_bytes(const VeraLayerFrame *self)
{
    return (gsize)self->width * (gsize)self->height * (self->model_rgb ? 7 : 4) * sizeof(float);
}
