#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-canvas-private.h"

/* Below the names of two takes, in the corner that nothing else stands in. */
#define VERA_CANVAS_PROXY_BELOW 30

static gboolean
vera_canvas_proxy_idle_cb(gpointer data)
{
    VeraCanvas *self = data;

    if (self->editor != NULL && gtk_widget_get_realized(GTK_WIDGET(self)))
        vera_canvas_tell_readout(self);
    return G_SOURCE_REMOVE;
}

void
vera_canvas_set_is_proxy(VeraCanvas *self, gboolean is_proxy)
{
    if (self->is_proxy == is_proxy)
        return;
    self->is_proxy = is_proxy;
    if (self->gl_error == NULL)
        gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                       is_proxy ? _("A small proxy of the frame, until the frame itself is decoded") : "", -1);
    /* Values may be read again, or not any more. Not now, while the picture is drawn. */
    g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, vera_canvas_proxy_idle_cb, g_object_ref(self), g_object_unref);
}

void
vera_canvas_proxy_snapshot(VeraCanvas *self, GtkSnapshot *snapshot)
{
    int width = gtk_widget_get_width(GTK_WIDGET(self));
    gboolean is_taken = vera_canvas_is_comparing(self) && (self->has_wipe || self->has_split);

    if (!self->is_proxy)
        return;
    gtk_snapshot_save(snapshot);
    gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(0, is_taken ? VERA_CANVAS_PROXY_BELOW : 0));
    vera_canvas_append_label(self, snapshot, C_("badge on the picture", "Proxy"), width, -1, width);
    gtk_snapshot_restore(snapshot);
}
