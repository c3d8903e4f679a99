#include "config.h"

#include "ui/vera-layer-row.h"

#include <glib/gi18n.h>

#include "ui/vera-tips.h"

struct _VeraLayerRow {
    GtkListBoxRow parent_instance;

    GtkLabel *title_label, *take_label;
    GtkToggleButton *solo_button, *visible_button;

    /* Owned */
    VeraEditor *editor;
    char *edit_id;
    gboolean is_filling;
};

G_DEFINE_FINAL_TYPE(VeraLayerRow, vera_layer_row, GTK_TYPE_LIST_BOX_ROW)

const char *
vera_layer_row_get_id(VeraLayerRow *self)
{
    return self->edit_id;
}

static char *
vera_layer_row_describe(const VeraEdit *edit)
{
    const VeraProjectTake *take = vera_edit_find_take(edit, edit->chosen_take);
    g_autofree char *of = take && edit->takes->len > 1
                              ? g_strdup_printf(g_dngettext(NULL, "%s of %u take", "%s of %u takes", edit->takes->len), take->name, edit->takes->len)
                              : g_strdup(take ? take->name : _("No take yet"));

    return edit->opacity < 1 ? g_strdup_printf("%s, %.0f %%", of, edit->opacity * 100) : g_steal_pointer(&of);
}

void
vera_layer_row_update(VeraLayerRow *self)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    const VeraEdit *edit = vera_project_state_find_edit(state, self->edit_id);
    g_autofree char *take = edit ? vera_layer_row_describe(edit) : NULL;

    if (edit == NULL)
        return;
    self->is_filling = TRUE;
    gtk_label_set_text(self->title_label, *edit->instruction ? edit->instruction : _("New Edit"));
    gtk_label_set_text(self->take_label, take);
    gtk_toggle_button_set_active(self->solo_button, edit->is_solo);
    gtk_toggle_button_set_active(self->visible_button, edit->is_visible);
    gtk_button_set_icon_name(GTK_BUTTON(self->visible_button), edit->is_visible ? "view-reveal-symbolic" : "view-conceal-symbolic");
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, gtk_label_get_text(self->title_label),
                                   GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, take, -1);
    /* What solo or the eye keeps out of the composite is pale. */
    gtk_widget_set_opacity(gtk_widget_get_parent(GTK_WIDGET(self->title_label)), vera_project_state_is_shown(state, edit) ? 1 : 0.5);
    self->is_filling = FALSE;
}

static void
vera_layer_row_solo_cb(VeraLayerRow *self)
{
    if (!self->is_filling)
        vera_editor_set_solo(self->editor, self->edit_id, gtk_toggle_button_get_active(self->solo_button));
}

static void
vera_layer_row_visible_cb(VeraLayerRow *self)
{
    if (!self->is_filling)
        vera_editor_set_visible(self->editor, self->edit_id, gtk_toggle_button_get_active(self->visible_button));
}

static void
vera_layer_row_dispose(GObject *object)
{
    VeraLayerRow *self = VERA_LAYER_ROW(object);

    g_clear_object(&self->editor);
    g_clear_pointer(&self->edit_id, g_free);
    G_OBJECT_CLASS(vera_layer_row_parent_class)->dispose(object);
}

static void
vera_layer_row_class_init(VeraLayerRowClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_layer_row_dispose;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-layer-row.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraLayerRow, title_label);
    gtk_widget_class_bind_template_child(widget_class, VeraLayerRow, take_label);
    gtk_widget_class_bind_template_child(widget_class, VeraLayerRow, solo_button);
    gtk_widget_class_bind_template_child(widget_class, VeraLayerRow, visible_button);
    gtk_widget_class_bind_template_callback(widget_class, vera_layer_row_solo_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layer_row_visible_cb);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Delete, 0, "win.delete-edit", NULL);
}

static void
vera_layer_row_init(VeraLayerRow *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
    vera_tips_update(GTK_WIDGET(self));
}

GtkWidget *
vera_layer_row_new(VeraEditor *editor, const char *edit_id)
{
    VeraLayerRow *self = g_object_new(VERA_TYPE_LAYER_ROW, NULL);

    self->editor = g_object_ref(editor);
    self->edit_id = g_strdup(edit_id);
    vera_layer_row_update(self);
    return GTK_WIDGET(self);
}
