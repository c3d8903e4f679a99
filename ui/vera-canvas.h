#pragma once

#include <gtk/gtk.h>

#include "ui/vera-editor.h"
#include "ui/vera-renderer.h"

G_BEGIN_DECLS

#define VERA_TYPE_CANVAS (vera_canvas_get_type())

/**
 * VeraCanvas: the picture at the playhead, composited by OpenGL, with zoom, pan, wipe and the region tools.
 *
 * Properties (notified): "view" (int, #VeraView), "channel" (int, #VeraChannel), "has-overlay" (boolean), "has-wipe" (boolean),
 * "has-split" (boolean; source and composite side by side instead of a wipe), "has-onion" (boolean; outlines of the neighbouring keyframes),
 * "zoom" (double, device pixels per plate pixel; read-only), "tool" (int, #VeraTool), "brush-radius" (double, plate pixels).
 * Signals: "readout" (string): what is under the pointer.
 */
G_DECLARE_FINAL_TYPE(VeraCanvas, vera_canvas, VERA, CANVAS, GtkGLArea)

/** VeraTool: what the primary button does on the canvas. */
typedef enum {
    VERA_TOOL_PAN,
    VERA_TOOL_BRUSH,
    VERA_TOOL_ERASER,
    VERA_TOOL_RECTANGLE,
    VERA_TOOL_ELLIPSE,
    VERA_TOOL_LASSO,
    VERA_TOOL_POLYGON,
    VERA_TOOL_MOVE, /* shapes that are there, as a keyframe at the playhead */
    VERA_TOOL_COUNT,
} VeraTool;

void vera_canvas_set_editor(VeraCanvas *self, VeraEditor *editor);

/** vera_canvas_zoom_fit: the whole plate, and stays so while the window is resized. */
void vera_canvas_zoom_fit(VeraCanvas *self);
/** vera_canvas_zoom_to: @zoom device pixels per plate pixel around the middle. */
void vera_canvas_zoom_to(VeraCanvas *self, double zoom);
/** vera_canvas_zoom_by: around the middle. */
void vera_canvas_zoom_by(VeraCanvas *self, double factor);
/** vera_canvas_is_drawing: Returns: whether a shape is in hand, which keys like Return and Escape belong to */
gboolean vera_canvas_is_drawing(VeraCanvas *self);
/** vera_canvas_get_view_title: Returns: what @view is called, translated */
const char *vera_canvas_get_view_title(VeraView view);
/** vera_canvas_flip: swaps the view with the one it is compared with (A/B). */
void vera_canvas_flip(VeraCanvas *self);

G_END_DECLS
