#include "config.h"

#include "ui/vera-canvas-private.h"

#define VERA_CANVAS_MIN_ZOOM 0.01
#define VERA_CANVAS_MAX_ZOOM 64.0

/* Plate pixel (@plate_x, @plate_y) comes to lie at widget coordinates. */
static void
vera_canvas_zoom_at(
    VeraCanvas *self, double zoom, double plate_x, double plate_y, double x, double y)
{
    double device = gtk_widget_get_scale_factor(GTK_WIDGET(self));

    x -= vera_canvas_get_pane(self, x) * vera_canvas_get_pane_width(self);
    self->is_fit = FALSE;
    self->zoom = CLAMP(zoom, VERA_CANVAS_MIN_ZOOM, VERA_CANVAS_MAX_ZOOM);
    self->x = x * device - plate_x * self->zoom;
    self->y = y * device - plate_y * self->zoom;
    g_object_notify(G_OBJECT(self), "zoom");
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
vera_canvas_zoom_around(VeraCanvas *self, double factor, double x, double y)
{
    double plate_x, plate_y;

    vera_canvas_to_plate(self, x, y, &plate_x, &plate_y);
    vera_canvas_zoom_at(self, self->zoom * factor, plate_x, plate_y, x, y);
}

void
vera_canvas_zoom_fit(VeraCanvas *self)
{
    self->is_fit = TRUE;
    vera_canvas_layout(self);
}

void
vera_canvas_zoom_by(VeraCanvas *self, double factor)
{
    vera_canvas_zoom_around(self, factor, vera_canvas_get_pane_width(self) / 2.0,
                            gtk_widget_get_height(GTK_WIDGET(self)) / 2.0);
}

void
vera_canvas_zoom_to(VeraCanvas *self, double zoom)
{
    vera_canvas_zoom_by(self, zoom / self->zoom);
}

void
vera_canvas_pinch_begin(VeraCanvas *self, double x, double y)
{
    self->pinch_zoom = self->zoom;
    vera_canvas_to_plate(self, x, y, &self->pinch_x, &self->pinch_y);
}

void
vera_canvas_pinch_update(VeraCanvas *self, double scale, double x, double y)
{
    if (self->plate_width > 0)
        vera_canvas_zoom_at(self, self->pinch_zoom * scale, self->pinch_x, self->pinch_y, x, y);
}
