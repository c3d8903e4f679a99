#pragma once

#include <glib-object.h>

#include "engine/compositing/vera-layer-frame.h"

G_BEGIN_DECLS

#define VERA_TYPE_LAYER_LOADER (vera_layer_loader_get_type())
G_DECLARE_FINAL_TYPE(VeraLayerLoader, vera_layer_loader, VERA, LAYER_LOADER, GObject)

/**
 * vera_layer_loader_new:
 * @max_bytes: how much memory finished layer frames may keep
 *
 * Reads frames of takes and enlarges them to the plate on a thread of its own. Emits on the main context:
 * ::ready () when a frame that was asked for can be had, ::failed (GError) when a take cannot be read.
 *
 * Thread-safety: main thread only.
 * Returns: (transfer full): a loader
 */
VeraLayerLoader *vera_layer_loader_new(gsize max_bytes);

/** vera_layer_loader_set_max_bytes: changes the limit; what is beyond it goes at once */
void vera_layer_loader_set_max_bytes(VeraLayerLoader *self, gsize max_bytes);

/**
 * vera_layer_loader_get:
 * @take_dir: folder of the take
 * @plate: the source frame
 * @refinement: of the matte
 *
 * Never blocks: what is not there yet is asked for, the newest wish first, and ::ready follows.
 * Returns: (transfer full) (nullable): the layer at @plate's frame; %NULL while it is made and outside the take
 */
VeraLayerFrame *
vera_layer_loader_get(VeraLayerLoader *self, const char *take_dir, VeraFrame *plate, const VeraMatteRefinement *refinement);

/**
 * vera_layer_loader_get_nearest: the same frame of the same take with whatever refinement was made last, for the time until the
 * wanted one is ready. Returns: (transfer full) (nullable)
 */
VeraLayerFrame *vera_layer_loader_get_nearest(VeraLayerLoader *self, const char *take_dir, gint64 frame);

/** vera_layer_loader_forget: drops what was made of @take_dir, for a take that was deleted or made again; %NULL: of every take, for plates
 * that are other ones now. */
void vera_layer_loader_forget(VeraLayerLoader *self, const char *take_dir);

G_END_DECLS
