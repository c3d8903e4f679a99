#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-canvas-private.h"

const char *
vera_canvas_get_view_title(VeraView view)
{
    static const char *const titles[VERA_VIEW_COUNT] = { N_("Composite"), N_("Source"), N_("Layer"), N_("Layer, Raw"),
                                                         N_("Matte"), N_("Model Composite"), N_("Difference") };

    return _(titles[view]);
}

static void
vera_canvas_snapshot_wipe(VeraCanvas *self, GtkSnapshot *snapshot)
{
    int width = gtk_widget_get_width(GTK_WIDGET(self)), height = gtk_widget_get_height(GTK_WIDGET(self));
    double x, y;
    cairo_t *cr;

    vera_canvas_from_plate(self, self->wipe * self->plate_width, 0, &x, &y);
    cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(0, 0, (float)width, (float)height));
    cairo_set_source_rgba(cr, 0, 0, 0, 0.6);
    cairo_rectangle(cr, x - 1.5, 0, 3, height);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_rectangle(cr, x - 0.5, 0, 1, height);
    cairo_fill(cr);
    cairo_arc(cr, x, height / 2.0, 9, 0, 2 * G_PI);
    cairo_fill_preserve(cr);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.6);
    cairo_stroke(cr);
    cairo_move_to(cr, x - 2, height / 2.0 - 4);
    cairo_line_to(cr, x - 6, height / 2.0);
    cairo_line_to(cr, x - 2, height / 2.0 + 4);
    cairo_move_to(cr, x + 2, height / 2.0 - 4);
    cairo_line_to(cr, x + 6, height / 2.0);
    cairo_line_to(cr, x + 2, height / 2.0 + 4);
    cairo_stroke(cr);
    cairo_destroy(cr);
}

void
vera_canvas_wipe_snapshot(VeraCanvas *self, GtkSnapshot *snapshot)
{
    double x = vera_canvas_get_pane_width(self), y;

    if (!self->has_split && !self->has_wipe)
        return;
    if (!self->has_split) {
        vera_canvas_snapshot_wipe(self, snapshot);
        vera_canvas_from_plate(self, self->wipe * self->plate_width, 0, &x, &y);
    }
    /* Two takes have names of their own. */
    if (vera_canvas_is_comparing(self))
        return;
    vera_canvas_append_label(self, snapshot, vera_canvas_get_view_title(self->other), x, -1, x);
    vera_canvas_append_label(self, snapshot, vera_canvas_get_view_title(self->view), x, 1, gtk_widget_get_width(GTK_WIDGET(self)) - x);
}
