#pragma once

#include <glib.h>

#include "engine/compositing/vera-layer-frame.h"
#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraView: what the canvas shows.
 * @VERA_VIEW_COMPOSITE: source with every visible layer over it
 * @VERA_VIEW_SOURCE: the source alone
 * @VERA_VIEW_LAYER: the selected layer, premultiplied over a checkerboard
 * @VERA_VIEW_LAYER_RAW: the selected layer's straight colour
 * @VERA_VIEW_MATTE: the selected layer's matte as grey
 * @VERA_VIEW_MODEL: the composite that the model itself drew
 * @VERA_VIEW_DIFFERENCE: how far composite and source differ, or the composites of two sides, as a heat map
 */
typedef enum {
    VERA_VIEW_COMPOSITE,
    VERA_VIEW_SOURCE,
    VERA_VIEW_LAYER,
    VERA_VIEW_LAYER_RAW,
    VERA_VIEW_MATTE,
    VERA_VIEW_MODEL,
    VERA_VIEW_DIFFERENCE,
    VERA_VIEW_COUNT,
} VeraView;

/**
 * VeraSide: which of two stacks is shown.
 * @VERA_SIDE_A: the stack as it is
 * @VERA_SIDE_B: the stack with another take of the selected layer, for comparison
 */
typedef enum {
    VERA_SIDE_A,
    VERA_SIDE_B,
} VeraSide;

/** VeraChannel: which channel of a view is shown; a single one as grey. Alpha is the selected layer's matte. */
typedef enum {
    VERA_CHANNEL_ALL,
    VERA_CHANNEL_RED,
    VERA_CHANNEL_GREEN,
    VERA_CHANNEL_BLUE,
    VERA_CHANNEL_ALPHA,
} VeraChannel;

/**
 * VeraRendererLayer: one layer of the stack.
 * @frame: (nullable): its frame; %NULL leaves it out
 * @opacity: 0..1
 */
typedef struct {
    VeraLayerFrame *frame;
    float opacity;
} VeraRendererLayer;

/**
 * VeraRendererDisplay: how the composed frame is put on the screen.
 * @width: of the target in device pixels
 * @height: of the target in device pixels
 * @scale: device pixels per plate pixel
 * @x: device position of the plate's left edge
 * @y: device position of the plate's upper edge
 * @view: what is shown, on the right of the wipe
 * @other: what is shown left of the wipe
 * @side: of @view
 * @other_side: of @other
 * @wipe: position of the wipe in plate widths, 0..1; negative for none
 * @split: device pixels; above 0 the target shows the plate twice: @other left of it, @view right of it, each at @x from its side's
 * left edge, and without a wipe
 * @channel: channel
 * @has_overlay: tint the matte over the picture
 * @has_grid: draw the pixel grid when a plate pixel is large
 * @background: display-coded colour around the plate
 */
typedef struct {
    int width;
    int height;
    float scale;
    float x;
    float y;
    VeraView view;
    VeraView other;
    VeraSide side;
    VeraSide other_side;
    float wipe;
    float split;
    VeraChannel channel;
    gboolean has_overlay;
    gboolean has_grid;
    float background[3];
} VeraRendererDisplay;

/**
 * VeraRenderer: composites a frame on the GPU with the arithmetic of vera_composite_over(): where a layer's matte is 0 the
 * source is copied.
 *
 * Thread-safety: the thread of its GL context, which must be current in every call. OpenGL 3.3 or OpenGL ES 3.0.
 */
typedef struct _VeraRenderer VeraRenderer;

/** vera_renderer_new: compiles the shaders. Returns: (transfer full): a renderer, or %NULL with the driver's words in @error */
VeraRenderer *vera_renderer_new(GError **error);

/** vera_renderer_free: frees every GL object. */
void vera_renderer_free(VeraRenderer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraRenderer, vera_renderer_free)

/**
 * vera_renderer_set_source:
 * @frame: (nullable): the source frame; its planes are uploaded as they are and converted by the GPU
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_UNSUPPORTED when the frame is larger than the GPU's textures.
 */
gboolean vera_renderer_set_source(VeraRenderer *self, VeraFrame *frame, GError **error);

/**
 * vera_renderer_set_layers:
 * @layers: (array length=n_layers): the stack, lowest first; frames of another size than the source are left out
 * @selected: index of the layer that the layer and matte views show, or -1
 * @is_linear: composite in linear light
 */
void vera_renderer_set_layers(VeraRenderer *self, const VeraRendererLayer *layers, int n_layers, int selected, gboolean is_linear);

/**
 * vera_renderer_set_alternate:
 * @frame: (nullable): what side B has in place of the selected layer's frame; %NULL leaves that layer out
 *
 * Makes a side B, after vera_renderer_set_layers(), which takes it away again: without one both sides are the same.
 */
void vera_renderer_set_alternate(VeraRenderer *self, VeraLayerFrame *frame);

/** vera_renderer_draw: draws into the bound framebuffer. */
void vera_renderer_draw(VeraRenderer *self, const VeraRendererDisplay *display);

/**
 * vera_renderer_check:
 * @error: return location for a #GError
 *
 * Asks the driver whether all that was done since the last call went well. After %FALSE the renderer is to be freed and made anew: its
 * objects may be gone with a context that was reset, or there was no memory for them.
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY, %VERA_ENGINE_ERROR_DEVICE_LOST.
 */
gboolean vera_renderer_check(VeraRenderer *self, GError **error);

/**
 * vera_renderer_read:
 * @rgba: (out caller-allocates): width * height * 4 floats of the plate, top row first
 *
 * Reads @view back at plate size, every channel, for tests and for the colour readout.
 * Returns: %FALSE if there is no source
 */
gboolean vera_renderer_read(VeraRenderer *self, VeraView view, int x, int y, int width, int height, float *rgba);

/** vera_renderer_read_alternate: as vera_renderer_read(), of side B. */
gboolean vera_renderer_read_alternate(VeraRenderer *self, VeraView view, int x, int y, int width, int height, float *rgba);

G_END_DECLS
