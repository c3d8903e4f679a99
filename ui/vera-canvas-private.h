#pragma once

#include "ui/vera-canvas.h"

G_BEGIN_DECLS

struct _VeraCanvas {
    GtkGLArea parent_instance;

    /* Owned */
    VeraEditor *editor;
    VeraRenderer *renderer;
    char *gl_error;

    /* What is shown */
    VeraView view, other;
    VeraChannel channel;
    gboolean has_overlay, has_wipe;
    double wipe;
    int plate_width, plate_height;

    /* Where: device pixels per plate pixel, device position of the plate */
    gboolean is_fit;
    double zoom, x, y;
    double drag_x, drag_y, drag_zoom;
    gboolean is_wiping;
    double pointer_x, pointer_y; /* widget coordinates; negative outside */

    /* Drawing a region */
    VeraTool tool;
    double brush_radius;
    GArray *points; /* of VeraRegionPoint: the shape in hand */
    gboolean is_subtracting, is_sizing;
    double sizing_from;
    cairo_surface_t *mask;
    VeraRegion *mask_region;
    gint64 mask_frame;
};

/** vera_canvas_to_plate: widget coordinates to plate pixels. */
void vera_canvas_to_plate(VeraCanvas *self, double x, double y, double *plate_x, double *plate_y);
void vera_canvas_from_plate(VeraCanvas *self, double plate_x, double plate_y, double *x, double *y);
/** vera_canvas_layout: settles zoom and position for the size that the widget has now. */
void vera_canvas_layout(VeraCanvas *self);
/** vera_canvas_add_controllers: pointer, wheel, pinch. */
void vera_canvas_add_controllers(VeraCanvas *self);

/** vera_canvas_region_begin/update/end: a shape of the current tool; plate coordinates. */
void vera_canvas_region_begin(VeraCanvas *self, double x, double y, double pressure, gboolean is_subtracting);
void vera_canvas_region_update(VeraCanvas *self, double x, double y, double pressure);
void vera_canvas_region_end(VeraCanvas *self);
void vera_canvas_region_cancel(VeraCanvas *self);
/** vera_canvas_region_snapshot: the region of the selected edit, the shape in hand and the brush. */
void vera_canvas_region_snapshot(VeraCanvas *self, GtkSnapshot *snapshot);

G_END_DECLS
