#include "config.h"

#include "ui/vera-take-list.h"

#include <glib/gi18n.h>

#include "ui/vera-take-row.h"

/* Pictures are a little larger than they are shown, for screens of twice the density. */
#define VERA_TAKE_LIST_WIDTH 192
#define VERA_TAKE_LIST_HEIGHT 128

struct _VeraTakeList {
    GtkWidget parent_instance;

    GtkListBox *list;
    VeraTakeLoader *loader; /* (owned) */
    VeraEditor *editor;     /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE(VeraTakeList, vera_take_list, GTK_TYPE_WIDGET)

/* Rows stay while the takes are the same ones, and with them the keyboard's place and a name that is being typed. */
static gboolean
vera_take_list_shows(VeraTakeList *self, const GPtrArray *takes)
{
    for (guint i = 0; i < takes->len; i++) {
        GtkListBoxRow *row = gtk_list_box_get_row_at_index(self->list, (int)i);
        if (row == NULL || g_strcmp0(vera_take_row_get_id(VERA_TAKE_ROW(row)), ((VeraProjectTake *)takes->pdata[i])->id) != 0)
            return FALSE;
    }
    return gtk_list_box_get_row_at_index(self->list, (int)takes->len) == NULL;
}

static void
vera_take_list_rebuild(VeraTakeList *self, const GPtrArray *takes)
{
    GtkWidget *child, *focus = gtk_widget_get_focus_child(GTK_WIDGET(self->list));
    int at = focus ? gtk_list_box_row_get_index(GTK_LIST_BOX_ROW(focus)) : -1;

    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self->list))) != NULL)
        gtk_list_box_remove(self->list, child);
    for (guint i = 0; i < takes->len; i++) {
        const VeraProjectTake *take = takes->pdata[i];
        gtk_list_box_append(self->list, vera_take_row_new(self->editor, self->loader, take->id, i));
    }
    /* After a deletion the keyboard goes on with the neighbour. */
    if (at >= 0 && takes->len > 0)
        gtk_widget_grab_focus(GTK_WIDGET(gtk_list_box_get_row_at_index(self->list, MIN(at, (int)takes->len - 1))));
}

static void
vera_take_list_changed_cb(VeraTakeList *self)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    const GPtrArray *takes = edit ? edit->takes : none;

    if (!vera_take_list_shows(self, takes)) {
        vera_take_list_rebuild(self, takes);
        return;
    }
    for (guint i = 0; i < takes->len; i++)
        vera_take_row_update(VERA_TAKE_ROW(gtk_list_box_get_row_at_index(self->list, (int)i)));
}

static void
vera_take_list_row_cb(VeraTakeList *self, GtkListBoxRow *row)
{
    vera_editor_choose_take(self->editor, vera_take_row_get_id(VERA_TAKE_ROW(row)));
}

void
vera_take_list_set_editor(VeraTakeList *self, VeraEditor *editor)
{
    g_set_object(&self->editor, editor);
    g_signal_connect_object(editor, "project-changed", G_CALLBACK(vera_take_list_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::selected-edit", G_CALLBACK(vera_take_list_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::compared-take", G_CALLBACK(vera_take_list_changed_cb), self, G_CONNECT_SWAPPED);
    vera_take_list_changed_cb(self);
}

VeraTakeLoader *
vera_take_list_get_loader(VeraTakeList *self)
{
    return self->loader;
}

static void
vera_take_list_dispose(GObject *object)
{
    VeraTakeList *self = VERA_TAKE_LIST(object);

    if (self->list != NULL)
        gtk_widget_unparent(GTK_WIDGET(self->list));
    self->list = NULL;
    g_clear_object(&self->loader);
    g_clear_object(&self->editor);
    G_OBJECT_CLASS(vera_take_list_parent_class)->dispose(object);
}

static void
vera_take_list_class_init(VeraTakeListClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = vera_take_list_dispose;
    gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
}

static void
vera_take_list_init(VeraTakeList *self)
{
    self->loader = vera_take_loader_new(VERA_TAKE_LIST_WIDTH, VERA_TAKE_LIST_HEIGHT);
    self->list = GTK_LIST_BOX(gtk_list_box_new());
    gtk_list_box_set_selection_mode(self->list, GTK_SELECTION_NONE);
    gtk_widget_add_css_class(GTK_WIDGET(self->list), "boxed-list");
    gtk_accessible_update_property(GTK_ACCESSIBLE(self->list), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Takes"), -1);
    gtk_widget_set_parent(GTK_WIDGET(self->list), GTK_WIDGET(self));
    g_signal_connect_swapped(self->list, "row-activated", G_CALLBACK(vera_take_list_row_cb), self);
}
