#include "config.h"

#include "ui/vera-row-move.h"

typedef struct {
    GtkListBoxRow *row; /* borrowed: it owns this */
    VeraRowMovedFunc moved;
    gpointer user_data;
} VeraRowMove;

static GtkListBox *
vera_row_move_get_list(GtkListBoxRow *row)
{
    GtkWidget *parent = gtk_widget_get_parent(GTK_WIDGET(row));

    return GTK_IS_LIST_BOX(parent) ? GTK_LIST_BOX(parent) : NULL;
}

static GdkContentProvider *
vera_row_move_prepare_cb(GtkDragSource *source, double x, double y, VeraRowMove *self)
{
    return gdk_content_provider_new_typed(GTK_TYPE_LIST_BOX_ROW, self->row);
}

static void
vera_row_move_begin_cb(GtkDragSource *source, GdkDrag *drag, VeraRowMove *self)
{
    g_autoptr(GdkPaintable) icon = gtk_widget_paintable_new(GTK_WIDGET(self->row));

    gtk_drag_source_set_icon(source, icon, 0, 0);
}

static GdkDragAction
vera_row_move_enter_cb(GtkDropTarget *target, double x, double y, VeraRowMove *self)
{
    gtk_list_box_drag_highlight_row(vera_row_move_get_list(self->row), self->row);
    return GDK_ACTION_MOVE;
}

static void
vera_row_move_leave_cb(GtkDropTarget *target, VeraRowMove *self)
{
    if (vera_row_move_get_list(self->row) != NULL)
        gtk_list_box_drag_unhighlight_row(vera_row_move_get_list(self->row));
}

static gboolean
vera_row_move_drop_cb(GtkDropTarget *target, const GValue *value, double x, double y, VeraRowMove *self)
{
    GtkListBoxRow *dragged = g_value_get_object(value);

    /* Rows of other lists are no rows of this one. */
    if (dragged == NULL || dragged == self->row || vera_row_move_get_list(dragged) != vera_row_move_get_list(self->row))
        return FALSE;
    self->moved(dragged, gtk_list_box_row_get_index(self->row), self->user_data);
    return TRUE;
}

static gboolean
vera_row_move_key_cb(GtkEventControllerKey *controller, guint keyval, guint code, GdkModifierType modifiers, VeraRowMove *self)
{
    int by = keyval == GDK_KEY_Up ? -1 : keyval == GDK_KEY_Down ? 1 : 0, to = gtk_list_box_row_get_index(self->row) + by;
    GtkListBox *list = vera_row_move_get_list(self->row);

    if (by == 0 || (modifiers & gtk_accelerator_get_default_mod_mask()) != GDK_ALT_MASK || list == NULL)
        return GDK_EVENT_PROPAGATE;
    if (gtk_list_box_get_row_at_index(list, to) == NULL)
        return GDK_EVENT_STOP;
    self->moved(self->row, to, self->user_data);
    /* Perhaps another row stands for the same thing there now. */
    gtk_widget_grab_focus(GTK_WIDGET(gtk_list_box_get_row_at_index(list, to)));
    return GDK_EVENT_STOP;
}

void
vera_row_move_enable(GtkListBoxRow *row, VeraRowMovedFunc moved, gpointer user_data)
{
    VeraRowMove *self = g_new0(VeraRowMove, 1);
    GtkDragSource *source = gtk_drag_source_new();
    GtkDropTarget *target = gtk_drop_target_new(GTK_TYPE_LIST_BOX_ROW, GDK_ACTION_MOVE);
    GtkEventController *keys = gtk_event_controller_key_new();

    *self = (VeraRowMove){ row, moved, user_data };
    g_object_set_data_full(G_OBJECT(row), "vera-row-move", self, g_free);
    gtk_drag_source_set_actions(source, GDK_ACTION_MOVE);
    g_signal_connect(source, "prepare", G_CALLBACK(vera_row_move_prepare_cb), self);
    g_signal_connect(source, "drag-begin", G_CALLBACK(vera_row_move_begin_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(row), GTK_EVENT_CONTROLLER(source));
    g_signal_connect(target, "enter", G_CALLBACK(vera_row_move_enter_cb), self);
    g_signal_connect(target, "leave", G_CALLBACK(vera_row_move_leave_cb), self);
    g_signal_connect(target, "drop", G_CALLBACK(vera_row_move_drop_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(row), GTK_EVENT_CONTROLLER(target));
    g_signal_connect(keys, "key-pressed", G_CALLBACK(vera_row_move_key_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(row), keys);
}
