#include "config.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-canvas-private.h"

/* How near the pointer must be to the wipe to take it, in widget pixels. */
#define VERA_CANVAS_GRIP 10

static gboolean
vera_canvas_is_at_wipe(VeraCanvas *self, double x)
{
    double wipe_x, y;

    if (!self->has_wipe || self->has_split)
        return FALSE;
    vera_canvas_from_plate(self, self->wipe * self->plate_width, 0, &wipe_x, &y);
    return fabs(wipe_x - x) <= VERA_CANVAS_GRIP;
}

static void
vera_canvas_set_wipe(VeraCanvas *self, double x)
{
    double plate_x, plate_y;

    vera_canvas_to_plate(self, x, 0, &plate_x, &plate_y);
    self->wipe = CLAMP(plate_x / MAX(self->plate_width, 1), 0.0, 1.0);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void
vera_canvas_pan_begin_cb(GtkGestureDrag *drag, double x, double y, VeraCanvas *self)
{
    self->drag_x = self->x;
    self->drag_y = self->y;
}

static void
vera_canvas_pan_update_cb(GtkGestureDrag *drag, double dx, double dy, VeraCanvas *self)
{
    double device = gtk_widget_get_scale_factor(GTK_WIDGET(self));

    if (self->plate_width == 0)
        return;
    self->is_fit = FALSE;
    self->x = self->drag_x + dx * device;
    self->y = self->drag_y + dy * device;
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static double
vera_canvas_get_pressure(GtkGesture *gesture)
{
    GdkEvent *event =
        gtk_gesture_get_last_event(gesture, gtk_gesture_get_last_updated_sequence(gesture));
    double pressure = 1;

    if (event == NULL || !gdk_event_get_axis(event, GDK_AXIS_PRESSURE, &pressure) || pressure <= 0)
        return 1;
    return pressure;
}

static void
vera_canvas_draw_begin_cb(GtkGestureDrag *drag, double x, double y, VeraCanvas *self)
{
    GdkModifierType state =
        gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(drag));
    double plate_x, plate_y;

    gtk_widget_grab_focus(GTK_WIDGET(self));
    self->drag_pane = vera_canvas_get_pane(self, x);
    self->is_wiping = vera_canvas_is_at_wipe(self, x);
    self->is_sizing = !self->is_wiping &&
                      (self->tool == VERA_TOOL_BRUSH || self->tool == VERA_TOOL_ERASER) &&
                      (state & GDK_SHIFT_MASK);
    self->sizing_from = self->brush_radius;
    if (self->is_wiping || self->is_sizing)
        return;
    if (self->tool == VERA_TOOL_PAN) {
        vera_canvas_pan_begin_cb(drag, x, y, self);
        return;
    }
    vera_canvas_to_plate(self, x, y, &plate_x, &plate_y);
    if (self->tool == VERA_TOOL_MOVE) {
        vera_canvas_move_begin(self, plate_x, plate_y);
        return;
    }
    vera_canvas_region_begin(self, plate_x, plate_y, vera_canvas_get_pressure(GTK_GESTURE(drag)),
                             self->tool == VERA_TOOL_ERASER || (state & GDK_ALT_MASK));
}

/* Motion between two screen frames comes as one event; what it passed on the way keeps a line drawn
 * fast from being cut short. */
static void
vera_canvas_draw_history(VeraCanvas *self, GtkGesture *gesture)
{
    GdkEvent *event =
        gtk_gesture_get_last_event(gesture, gtk_gesture_get_last_updated_sequence(gesture));
    GtkNative *native = gtk_widget_get_native(GTK_WIDGET(self));
    guint n = 0;
    g_autofree GdkTimeCoord *history = event ? gdk_event_get_history(event, &n) : NULL;
    double left = 0, top = 0, x, y;

    if (native != NULL)
        gtk_native_get_surface_transform(native, &left, &top);
    for (guint i = 0; history != NULL && native != NULL && i < n; i++) {
        const double *axes = history[i].axes;
        double pressure = history[i].flags & GDK_AXIS_FLAG_PRESSURE ? axes[GDK_AXIS_PRESSURE] : 1;
        if (!(history[i].flags & GDK_AXIS_FLAG_X) || !(history[i].flags & GDK_AXIS_FLAG_Y) ||
            !gtk_widget_translate_coordinates(GTK_WIDGET(native), GTK_WIDGET(self),
                                              axes[GDK_AXIS_X] - left, axes[GDK_AXIS_Y] - top, &x,
                                              &y))
            continue;
        vera_canvas_to_plate(self, x, y, &x, &y);
        vera_canvas_region_update(self, x, y, pressure > 0 ? pressure : 1);
    }
}

static void
vera_canvas_draw_update_cb(GtkGestureDrag *drag, double dx, double dy, VeraCanvas *self)
{
    double x, y, plate_x, plate_y;

    gtk_gesture_drag_get_start_point(drag, &x, &y);
    if (self->is_wiping) {
        vera_canvas_set_wipe(self, x + dx);
    } else if (self->is_sizing) {
        double device = gtk_widget_get_scale_factor(GTK_WIDGET(self));
        g_object_set(self, "brush-radius",
                     CLAMP(self->sizing_from + dx * device / self->zoom, 1.0, 2000.0), NULL);
    } else if (self->tool == VERA_TOOL_PAN) {
        vera_canvas_pan_update_cb(drag, dx, dy, self);
    } else {
        vera_canvas_to_plate(self, x + dx, y + dy, &plate_x, &plate_y);
        if (self->tool == VERA_TOOL_MOVE) {
            vera_canvas_move_update(self, plate_x, plate_y);
            return;
        }
        vera_canvas_draw_history(self, GTK_GESTURE(drag));
        vera_canvas_region_update(self, plate_x, plate_y,
                                  vera_canvas_get_pressure(GTK_GESTURE(drag)));
    }
}

static void
vera_canvas_draw_end_cb(GtkGestureDrag *drag, double dx, double dy, VeraCanvas *self)
{
    gboolean is_drawing = !self->is_wiping && !self->is_sizing && self->tool != VERA_TOOL_PAN;

    self->is_wiping = self->is_sizing = FALSE;
    self->drag_pane = -1;
    if (is_drawing && self->tool == VERA_TOOL_MOVE)
        vera_canvas_move_end(self);
    else if (is_drawing)
        vera_canvas_region_end(self);
}

static gboolean
vera_canvas_scroll_cb(GtkEventControllerScroll *scroll, double dx, double dy, VeraCanvas *self)
{
    GdkModifierType state =
        gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(scroll));
    double device = gtk_widget_get_scale_factor(GTK_WIDGET(self)), factor = pow(1.2, -dy);

    if (self->plate_width == 0)
        return GDK_EVENT_PROPAGATE;
    if (!(state & GDK_CONTROL_MASK)) {
        self->is_fit = FALSE;
        self->x -= dx * 40 * device;
        self->y -= dy * 40 * device;
        gtk_widget_queue_draw(GTK_WIDGET(self));
        return GDK_EVENT_STOP;
    }
    vera_canvas_zoom_around(self, factor, self->pointer_x, self->pointer_y);
    return GDK_EVENT_STOP;
}

static void
vera_canvas_pinch_begin_cb(GtkGesture *gesture, GdkEventSequence *sequence, VeraCanvas *self)
{
    double x = vera_canvas_get_pane_width(self) / 2,
           y = gtk_widget_get_height(GTK_WIDGET(self)) / 2.0;

    /* The first finger may have begun to draw. */
    vera_canvas_region_cancel(self);
    gtk_gesture_set_state(gesture, GTK_EVENT_SEQUENCE_CLAIMED);
    gtk_gesture_get_bounding_box_center(gesture, &x, &y);
    vera_canvas_pinch_begin(self, x, y);
}

static void
vera_canvas_pinch_cb(GtkGestureZoom *gesture, double scale, VeraCanvas *self)
{
    double x, y;

    if (gtk_gesture_get_bounding_box_center(GTK_GESTURE(gesture), &x, &y))
        vera_canvas_pinch_update(self, scale, x, y);
}

/* What is seen at plate column @x: the wipe or the left side shows the other view. */
static VeraView
vera_canvas_get_view_at(VeraCanvas *self, double x, VeraSide *side)
{
    VeraRendererDisplay shown = { 0 };
    gboolean is_other = self->has_wipe && x < self->wipe * self->plate_width;

    if (self->has_split)
        is_other = vera_canvas_get_pane(self, self->pointer_x) == 0;
    vera_canvas_fill_views(self, &shown);
    *side = is_other ? shown.other_side : shown.side;
    return is_other ? shown.other : shown.view;
}

static gboolean
vera_canvas_read(VeraCanvas *self, VeraSide side, VeraView view, int x, int y, float *rgba)
{
    float source[4];

    if (view != VERA_VIEW_DIFFERENCE)
        return side == VERA_SIDE_A ? vera_renderer_read(self->renderer, view, x, y, 1, 1, rgba)
                                   : vera_renderer_read_alternate(self->renderer, view, x, y, 1, 1, rgba);
    if (!vera_renderer_read(self->renderer, VERA_VIEW_COMPOSITE, x, y, 1, 1, rgba) ||
        !(vera_canvas_is_comparing(self) ? vera_renderer_read_alternate(self->renderer, VERA_VIEW_COMPOSITE, x, y, 1, 1, source)
                                         : vera_renderer_read(self->renderer, VERA_VIEW_SOURCE, x, y, 1, 1, source)))
        return FALSE;
    for (int c = 0; c < 3; c++)
        rgba[c] = fabsf(rgba[c] - source[c]);
    return TRUE;
}

/* Frame position, and the values under the pointer as they are stored, not as the screen shows
 * them. */
void
vera_canvas_tell_readout(VeraCanvas *self)
{
    g_autofree char *text = NULL;
    double x, y;
    float rgba[4];
    VeraView view;
    VeraSide side;

    vera_canvas_to_plate(self, self->pointer_x, self->pointer_y, &x, &y);
    if (self->renderer == NULL || self->pointer_x < 0 || x < 0 || y < 0 || x >= self->plate_width ||
        y >= self->plate_height) {
        g_signal_emit_by_name(self, "readout", "");
        return;
    }
    if (self->is_proxy) {
        text = g_strdup_printf("%d, %d", (int)x, (int)y);
        g_signal_emit_by_name(self, "readout", text);
        return;
    }
    gtk_gl_area_make_current(GTK_GL_AREA(self));
    view = vera_canvas_get_view_at(self, x, &side);
    if (!vera_canvas_read(self, side, view, (int)x, (int)y, rgba))
        return;
    if (view == VERA_VIEW_MATTE)
        text = g_strdup_printf("%d, %d  %.3f", (int)x, (int)y, (double)rgba[3]);
    else
        text = g_strdup_printf("%d, %d  %.3f %.3f %.3f", (int)x, (int)y, (double)rgba[0],
                               (double)rgba[1], (double)rgba[2]);
    g_signal_emit_by_name(self, "readout", text);
}

static void
vera_canvas_motion_cb(GtkEventControllerMotion *motion, double x, double y, VeraCanvas *self)
{
    const char *cursor = vera_canvas_is_at_wipe(self, x) ? "ew-resize"
                         : self->tool == VERA_TOOL_PAN   ? "grab"
                                                         : "crosshair";

    self->pointer_x = x;
    self->pointer_y = y;
    gtk_widget_set_cursor_from_name(GTK_WIDGET(self), cursor);
    vera_canvas_tell_readout(self);
    if (self->tool == VERA_TOOL_BRUSH || self->tool == VERA_TOOL_ERASER ||
        self->tool == VERA_TOOL_POLYGON)
        gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void
vera_canvas_leave_cb(GtkEventControllerMotion *motion, VeraCanvas *self)
{
    self->pointer_x = self->pointer_y = -1;
    g_signal_emit_by_name(self, "readout", "");
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void
vera_canvas_pressed_cb(GtkGestureClick *click, int n_press, double x, double y, VeraCanvas *self)
{
    if (n_press == 2 && self->tool == VERA_TOOL_PAN)
        vera_canvas_zoom_fit(self);
    else if (n_press == 2 && self->tool == VERA_TOOL_POLYGON)
        vera_canvas_region_end(self);
}

static gboolean
vera_canvas_key_cb(
    GtkEventControllerKey *key, guint keyval, guint code, GdkModifierType state, VeraCanvas *self)
{
    if (keyval == GDK_KEY_Escape && vera_canvas_is_drawing(self)) {
        vera_canvas_region_cancel(self);
        return GDK_EVENT_STOP;
    }
    if ((keyval == GDK_KEY_Return || keyval == GDK_KEY_KP_Enter) &&
        self->tool == VERA_TOOL_POLYGON && self->points->len > 0) {
        vera_canvas_region_close(self);
        return GDK_EVENT_STOP;
    }
    return GDK_EVENT_PROPAGATE;
}

static void
vera_canvas_add_drags(VeraCanvas *self)
{
    GtkWidget *widget = GTK_WIDGET(self);
    GtkGesture *draw = gtk_gesture_drag_new(), *pan = gtk_gesture_drag_new(),
               *pinch = gtk_gesture_zoom_new();
    GtkGesture *click = gtk_gesture_click_new();

    gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(draw), GDK_BUTTON_PRIMARY);
    g_signal_connect(draw, "drag-begin", G_CALLBACK(vera_canvas_draw_begin_cb), self);
    g_signal_connect(draw, "drag-update", G_CALLBACK(vera_canvas_draw_update_cb), self);
    g_signal_connect(draw, "drag-end", G_CALLBACK(vera_canvas_draw_end_cb), self);
    gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(pan), GDK_BUTTON_MIDDLE);
    g_signal_connect(pan, "drag-begin", G_CALLBACK(vera_canvas_pan_begin_cb), self);
    g_signal_connect(pan, "drag-update", G_CALLBACK(vera_canvas_pan_update_cb), self);
    g_signal_connect(pinch, "begin", G_CALLBACK(vera_canvas_pinch_begin_cb), self);
    g_signal_connect(pinch, "scale-changed", G_CALLBACK(vera_canvas_pinch_cb), self);
    g_signal_connect(click, "pressed", G_CALLBACK(vera_canvas_pressed_cb), self);
    gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(click));
    gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(draw));
    gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(pan));
    gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(pinch));
}

void
vera_canvas_add_controllers(VeraCanvas *self)
{
    GtkWidget *widget = GTK_WIDGET(self);
    GtkEventController *scroll =
        gtk_event_controller_scroll_new(GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
    GtkEventController *motion = gtk_event_controller_motion_new(),
                       *key = gtk_event_controller_key_new();

    vera_canvas_add_drags(self);
    g_signal_connect(scroll, "scroll", G_CALLBACK(vera_canvas_scroll_cb), self);
    g_signal_connect(motion, "motion", G_CALLBACK(vera_canvas_motion_cb), self);
    g_signal_connect(motion, "leave", G_CALLBACK(vera_canvas_leave_cb), self);
    g_signal_connect(key, "key-pressed", G_CALLBACK(vera_canvas_key_cb), self);
    gtk_widget_add_controller(widget, scroll);
    gtk_widget_add_controller(widget, motion);
    gtk_widget_add_controller(widget, key);
}
