#pragma once

#include "ui/vera-canvas.h"

G_BEGIN_DECLS

struct _VeraCanvas {
    GtkGLArea parent_instance;

    /* Owned */
    VeraEditor *editor;
    VeraRenderer *renderer;
    char *gl_error;
    int n_gl_failures; /* since the last picture that came out well */

    /* What is shown */
    VeraView view, other;
    VeraSide side; /* while two takes are compared: which one is shown, or stands on the left */
    VeraChannel channel;
    gboolean has_overlay, has_wipe, has_split, has_onion;
    gboolean is_proxy;   /* what is shown is a proxy */
    gboolean has_result; /* the selected edit has a layer at the playhead */
    double wipe;
    int plate_width, plate_height;

    /* Where: device pixels per plate pixel, device position of the plate */
    gboolean is_fit;
    double zoom, x, y;
    double drag_x, drag_y;
    double pinch_x, pinch_y,
        pinch_zoom; /* the plate pixel between two fingers, and the zoom when they came down */
    gboolean is_wiping;
    int drag_pane; /* the side in which a drag began, or -1 */
    double pointer_x, pointer_y; /* widget coordinates; negative outside */

    /* Drawing a region */
    VeraTool tool;
    double brush_radius;
    GArray *points; /* of VeraRegionPoint: the shape in hand */
    gboolean is_subtracting, is_sizing;
    double sizing_from;
    VeraRegion *moving; /* the region with a shape in hand, while it is dragged */
    guint moving_shape;
    int moving_point; /* -1: all of them */
    double moving_x, moving_y;
    cairo_surface_t *mask;
    VeraRegion *mask_region; /* what @mask shows: this, */
    VeraFrame *mask_picture; /* or this */
    gint64 mask_frame;
};

/** vera_canvas_get_pane_width: Returns: widget pixels of the picture's place: all, or one side of two */
double vera_canvas_get_pane_width(VeraCanvas *self);
/** vera_canvas_get_pane: Returns: the side at widget coordinate @x: 0, or 1 right of the middle; where a drag began while one lasts */
int vera_canvas_get_pane(VeraCanvas *self, double x);
/** vera_canvas_to_plate: widget coordinates to plate pixels. */
void vera_canvas_to_plate(VeraCanvas *self, double x, double y, double *plate_x, double *plate_y);
/** vera_canvas_from_plate: plate pixels to widget coordinates, on the left of two sides. */
void vera_canvas_from_plate(VeraCanvas *self, double plate_x, double plate_y, double *x, double *y);
/** vera_canvas_layout: settles zoom and position for the size that the widget has now. */
void vera_canvas_layout(VeraCanvas *self);
/** vera_canvas_zoom_around: keeps what lies under widget coordinates where it is. */
void vera_canvas_zoom_around(VeraCanvas *self, double factor, double x, double y);
/**
 * vera_canvas_pinch_begin, vera_canvas_pinch_update: two fingers, with their middle at widget
 * coordinates.
 * @scale: how far apart they are, against the beginning
 *
 * What lay between them stays between them, also as they move on.
 */
void vera_canvas_pinch_begin(VeraCanvas *self, double x, double y);
void vera_canvas_pinch_update(VeraCanvas *self, double scale, double x, double y);
/** vera_canvas_is_comparing: Returns: whether two takes are compared, instead of two views */
gboolean vera_canvas_is_comparing(VeraCanvas *self);
/** vera_canvas_fill_views: what is shown where: views and sides of @display. */
void vera_canvas_fill_views(VeraCanvas *self, VeraRendererDisplay *display);
/** vera_canvas_compare_snapshot: the names of the takes that are compared, in the corners that show them. */
void vera_canvas_compare_snapshot(VeraCanvas *self, GtkSnapshot *snapshot);
/** vera_canvas_set_is_proxy: whether the picture is a proxy, from which no values are read. */
void vera_canvas_set_is_proxy(VeraCanvas *self, gboolean is_proxy);
/** vera_canvas_proxy_snapshot: the mark of a proxy. */
void vera_canvas_proxy_snapshot(VeraCanvas *self, GtkSnapshot *snapshot);
/** vera_canvas_tell_readout: tells what is under the pointer. */
void vera_canvas_tell_readout(VeraCanvas *self);
/** vera_canvas_add_controllers: pointer, wheel, pinch. */
void vera_canvas_add_controllers(VeraCanvas *self);

/** vera_canvas_region_begin/update/end: a shape of the current tool; plate coordinates. */
void vera_canvas_region_begin(VeraCanvas *self, double x, double y, double pressure, gboolean is_subtracting);
void vera_canvas_region_update(VeraCanvas *self, double x, double y, double pressure);
void vera_canvas_region_end(VeraCanvas *self);
/** vera_canvas_region_close: takes the shape in hand as it is; a polygon is not waited for. */
void vera_canvas_region_close(VeraCanvas *self);
void vera_canvas_region_cancel(VeraCanvas *self);
/** vera_canvas_region_snapshot: the region of the selected edit, the shape in hand and the brush. */
void vera_canvas_region_snapshot(VeraCanvas *self, GtkSnapshot *snapshot);

/** vera_canvas_wipe_snapshot: the line of the wipe, and what is to be seen on either side of it or of the middle. */
void vera_canvas_wipe_snapshot(VeraCanvas *self, GtkSnapshot *snapshot);
/** vera_canvas_append_label: @text in a box at the top, with its left (@direction 1) or right edge (-1) near @x, within @room widget pixels. */
void vera_canvas_append_label(
    VeraCanvas *self, GtkSnapshot *snapshot, const char *text, double x, int direction, double room);

/** vera_canvas_get_kind: Returns: the shape that a tool draws */
VeraRegionShapeKind vera_canvas_get_kind(VeraTool tool);
/** vera_canvas_get_region: Returns: (transfer none) (nullable): what is seen of the selected edit's region, with a shape in hand */
VeraRegion *vera_canvas_get_region(VeraCanvas *self);
/** vera_canvas_get_mask: Returns: (transfer none) (nullable): the region or the imported mask at the playhead, drawn over the whole plate */
cairo_surface_t *vera_canvas_get_mask(VeraCanvas *self);
/** vera_canvas_trace: a shape's path in plate pixels. */
void vera_canvas_trace(cairo_t *cr, VeraRegionShapeKind kind, const VeraRegionPoint *p, guint n);
/** vera_canvas_move_begin/update/end: drags what lies under the pointer, a corner or a whole shape; plate coordinates. */
void vera_canvas_move_begin(VeraCanvas *self, double x, double y);
void vera_canvas_move_update(VeraCanvas *self, double x, double y);
void vera_canvas_move_end(VeraCanvas *self);
/** vera_canvas_outline_paint: thin outlines of the shapes at the playhead, seen over any picture; none of strokes. */
void vera_canvas_outline_paint(VeraCanvas *self, cairo_t *cr, double pixel);
/** vera_canvas_move_paint: outlines and corners of the shapes at the playhead; @pixel: plate pixels of a widget pixel. */
void vera_canvas_move_paint(VeraCanvas *self, cairo_t *cr, double pixel);
/** vera_canvas_onion_paint: outlines of the region at the keyframes before (warm) and after (green) the playhead. */
void vera_canvas_onion_paint(VeraCanvas *self, cairo_t *cr, double pixel);

G_END_DECLS
