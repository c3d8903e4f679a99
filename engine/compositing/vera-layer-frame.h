#pragma once

#include <glib.h>

#include "engine/compositing/vera-matte.h"
#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraLayerFrame:
 * @width: plate width
 * @height: plate height
 * @rgb: width*height*3 straight colour of the edit layer, 0..1, coded as the plate is
 * @matte: width*height, 0..1, refined
 * @model_rgb: (nullable): width*height*3, the model's own composite, coded as the plate is
 *
 * One frame of a layer at plate size, as the compositor takes it. Immutable once made, reference counted.
 *
 * Thread-safety: safe to read and to ref/unref from any thread.
 */
typedef struct {
    int width;
    int height;
    float *rgb;
    float *matte;
    float *model_rgb;
    /*< private >*/
    gatomicrefcount ref_count;
} VeraLayerFrame;

/**
 * vera_layer_frame_new:
 * @edit: three channels at model size, display-coded
 * @matte: one channel at model size
 * @model: (nullable): three channels at model size, the model's composite, display-coded
 * @plate: three channels at plate size, vera_frame_to_rgb() of the source: guides the matte's edges
 * @transfer: the plate's transfer function
 * @refinement: how the enlarged matte is refined; what of it applies to the take, see vera_take_fit_refinement()
 * @error: return location for a #GError
 *
 * Enlarges a layer and its matte to the plate: colour bicubic and clamped, matte by vera_matte_upscale(), both with clean edges if
 * wanted, then the matte refined. The colours get the plate's coding, vera_color_decode_display(). This is what both the export and the canvas show. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe; takes all cores.
 * Returns: (transfer full): a frame, or %NULL
 */
VeraLayerFrame *vera_layer_frame_new(const VeraImage *edit,
                                     const VeraImage *matte,
                                     const VeraImage *model,
                                     const VeraImage *plate,
                                     VeraColorTransfer transfer,
                                     const VeraMatteRefinement *refinement,
                                     GError **error);

/** vera_layer_frame_ref: Returns: (transfer full): @self */
VeraLayerFrame *vera_layer_frame_ref(VeraLayerFrame *self);

/** vera_layer_frame_unref: drops one reference; the last one frees the planes. */
void vera_layer_frame_unref(VeraLayerFrame *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraLayerFrame, vera_layer_frame_unref)

/** vera_layer_frame_get_bytes: Returns: memory that the planes take */
gsize vera_layer_frame_get_bytes(const VeraLayerFrame *self);

G_END_DECLS
