#include "config.h"

#include <math.h>

#include "ui/vera-canvas-private.h"

/* Of a take's name from the corner of the picture, and around its letters, in widget pixels. */
#define VERA_CANVAS_NAME_MARGIN 10
#define VERA_CANVAS_NAME_PADDING 6

gboolean
vera_canvas_is_comparing(VeraCanvas *self)
{
    return self->editor != NULL && vera_editor_get_compared(self->editor) != NULL;
}

void
vera_canvas_fill_views(VeraCanvas *self, VeraRendererDisplay *display)
{
    VeraSide opposite = self->side == VERA_SIDE_A ? VERA_SIDE_B : VERA_SIDE_A;
    gboolean is_divided = self->has_wipe || self->has_split;

    display->view = self->view;
    display->other = self->other;
    display->side = display->other_side = VERA_SIDE_A;
    if (!vera_canvas_is_comparing(self))
        return;
    /* The same view of both takes, A on the left as it is in the list. */
    display->other = self->view;
    display->side = is_divided ? opposite : self->side;
    display->other_side = self->side;
}

void
vera_canvas_append_label(VeraCanvas *self, GtkSnapshot *snapshot, const char *text, double x, int direction, double room)
{
    g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), text);
    GskRoundedRect box;
    int width, height;

    room = MAX(room - 2 * (VERA_CANVAS_NAME_MARGIN + VERA_CANVAS_NAME_PADDING), 1);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_get_pixel_size(layout, &width, &height);
    if (width > room) {
        pango_layout_set_width(layout, (int)(room * PANGO_SCALE));
        width = (int)room;
    }
    width += 2 * VERA_CANVAS_NAME_PADDING;
    height += VERA_CANVAS_NAME_PADDING;
    x = floor(direction < 0 ? x - VERA_CANVAS_NAME_MARGIN - width : x + VERA_CANVAS_NAME_MARGIN);
    gsk_rounded_rect_init_from_rect(&box, &GRAPHENE_RECT_INIT((float)x, VERA_CANVAS_NAME_MARGIN, (float)width, (float)height), 5);
    gtk_snapshot_push_rounded_clip(snapshot, &box);
    gtk_snapshot_append_color(snapshot, &(GdkRGBA){ 0, 0, 0, 0.65f }, &box.bounds);
    gtk_snapshot_pop(snapshot);
    gtk_snapshot_save(snapshot);
    gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT((float)x + VERA_CANVAS_NAME_PADDING,
                                                          VERA_CANVAS_NAME_MARGIN + VERA_CANVAS_NAME_PADDING / 2));
    gtk_snapshot_append_layout(snapshot, layout, &(GdkRGBA){ 1, 1, 1, 1 });
    gtk_snapshot_restore(snapshot);
}

static void
vera_canvas_append_name(VeraCanvas *self, GtkSnapshot *snapshot, VeraSide side, gboolean is_at_end)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    const VeraProjectTake *take = side == VERA_SIDE_B ? vera_editor_get_compared(self->editor) : vera_edit_find_take(edit, edit->chosen_take);
    g_autofree char *text = g_strdup_printf("%s  %s", side == VERA_SIDE_B ? "B" : "A", take ? take->name : "—");
    double width = gtk_widget_get_width(GTK_WIDGET(self)), pane = self->has_split ? vera_canvas_get_pane_width(self) : width;

    vera_canvas_append_label(self, snapshot, text, is_at_end ? width : 0, is_at_end ? -1 : 1, self->has_wipe ? pane / 2 : pane);
}

void
vera_canvas_compare_snapshot(VeraCanvas *self, GtkSnapshot *snapshot)
{
    VeraRendererDisplay shown = { 0 };

    vera_canvas_fill_views(self, &shown);
    if (!self->has_wipe && !self->has_split) {
        vera_canvas_append_name(self, snapshot, shown.side, FALSE);
        return;
    }
    vera_canvas_append_name(self, snapshot, shown.other_side, FALSE);
    vera_canvas_append_name(self, snapshot, shown.side, TRUE);
}
