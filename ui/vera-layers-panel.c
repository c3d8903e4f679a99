#include "config.h"

#include "ui/vera-layers-panel.h"

#include <glib/gi18n.h>

#include "ui/vera-layer-row.h"
#include "ui/vera-row-move.h"
#include "ui/vera-take-list.h"

#include "ui/vera-tips.h"

struct _VeraLayersPanel {
    GtkWidget parent_instance;

    GtkListBox *layer_list;
    VeraTakeList *take_list;
    GtkWidget *up_button, *down_button, *delete_button, *takes_group, *matte_group, *snap_row, *clean_row;
    GtkRange *opacity_scale, *black_scale, *white_scale, *grow_scale, *feather_scale, *despeckle_scale, *floor_scale;
    GtkSwitch *invert_switch, *snap_switch, *clean_switch;

    VeraEditor *editor; /* (owned) */
    gboolean is_filling;
};

G_DEFINE_FINAL_TYPE(VeraLayersPanel, vera_layers_panel, GTK_TYPE_WIDGET)

/* The list has the top of the stack first. */
static void
vera_layers_panel_moved_cb(GtkListBoxRow *row, int index, gpointer data)
{
    VeraLayersPanel *self = data;
    g_autofree char *id = g_strdup(vera_layer_row_get_id(VERA_LAYER_ROW(row)));
    guint n = vera_editor_get_state(self->editor)->edits->len;

    vera_editor_move_edit(self->editor, id, n - 1 - (guint)index);
}

/* Rows stay while they stand for the same edits, and with them the keyboard's place. */
static gboolean
vera_layers_panel_shows(VeraLayersPanel *self, const GPtrArray *edits)
{
    for (guint i = 0; i < edits->len; i++) {
        GtkListBoxRow *row = gtk_list_box_get_row_at_index(self->layer_list, (int)i);
        const VeraEdit *edit = edits->pdata[edits->len - 1 - i];
        if (row == NULL || g_strcmp0(vera_layer_row_get_id(VERA_LAYER_ROW(row)), edit->id) != 0)
            return FALSE;
    }
    return gtk_list_box_get_row_at_index(self->layer_list, (int)edits->len) == NULL;
}

static void
vera_layers_panel_rebuild(VeraLayersPanel *self, const GPtrArray *edits)
{
    GtkWidget *child;

    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self->layer_list))) != NULL)
        gtk_list_box_remove(self->layer_list, child);
    for (guint i = edits->len; i-- > 0;) {
        const VeraEdit *edit = edits->pdata[i];
        GtkWidget *row = vera_layer_row_new(self->editor, edit->id);
        vera_row_move_enable(GTK_LIST_BOX_ROW(row), vera_layers_panel_moved_cb, self);
        gtk_list_box_append(self->layer_list, row);
    }
    gtk_widget_set_visible(GTK_WIDGET(self->layer_list), edits->len > 0);
}

static void
vera_layers_panel_fill_layers(VeraLayersPanel *self)
{
    const GPtrArray *edits = vera_editor_get_state(self->editor)->edits;
    const VeraEdit *selected = vera_editor_get_selected(self->editor);

    if (!vera_layers_panel_shows(self, edits))
        vera_layers_panel_rebuild(self, edits);
    for (guint i = 0; i < edits->len; i++) {
        GtkListBoxRow *row = gtk_list_box_get_row_at_index(self->layer_list, (int)i);
        vera_layer_row_update(VERA_LAYER_ROW(row));
        if (edits->pdata[edits->len - 1 - i] == selected)
            gtk_list_box_select_row(self->layer_list, row);
    }
}

/* Where the take that is shown has one matte only, there is nothing to switch. */
static gboolean
vera_layers_panel_can_snap(VeraLayersPanel *self, const VeraEdit *edit)
{
    const VeraProjectTake *take = vera_edit_find_take(edit, edit->chosen_take);
    const char *failure;
    const VeraTakeSummary *summary =
        take ? vera_take_loader_get(vera_take_list_get_loader(self->take_list), take->dir, &failure)
             : NULL;

    return summary != NULL && summary->record->has_snapped;
}

static void
vera_layers_panel_fill_selected(VeraLayersPanel *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    const GPtrArray *edits = vera_editor_get_state(self->editor)->edits;

    gtk_widget_set_sensitive(self->up_button, edit != NULL && edit != edits->pdata[edits->len - 1]);
    gtk_widget_set_sensitive(self->down_button, edit != NULL && edit != edits->pdata[0]);
    gtk_widget_set_sensitive(self->delete_button, edit != NULL);
    gtk_widget_set_visible(self->matte_group, edit != NULL);
    gtk_widget_set_visible(self->takes_group, edit != NULL && edit->takes->len > 0);
    if (edit == NULL)
        return;
    gtk_range_set_value(self->opacity_scale, edit->opacity);
    gtk_range_set_value(self->black_scale, (double)edit->refinement.black);
    gtk_range_set_value(self->white_scale, (double)edit->refinement.white);
    gtk_range_set_value(self->grow_scale, (double)edit->refinement.grow_px);
    gtk_range_set_value(self->feather_scale, (double)edit->refinement.feather_px);
    gtk_range_set_value(self->despeckle_scale, edit->refinement.despeckle_px);
    gtk_range_set_value(self->floor_scale, (double)edit->refinement.floor);
    gtk_switch_set_active(self->invert_switch, edit->refinement.is_inverted);
    gtk_widget_set_visible(self->snap_row, vera_layers_panel_can_snap(self, edit));
    gtk_switch_set_active(self->snap_switch, edit->refinement.is_snapped);
    gtk_widget_set_visible(self->clean_row, gtk_widget_get_visible(self->snap_row));
    gtk_switch_set_active(self->clean_switch, edit->refinement.is_edge_clean);
}

static void
vera_layers_panel_changed_cb(VeraLayersPanel *self)
{
    self->is_filling = TRUE;
    vera_layers_panel_fill_layers(self);
    vera_layers_panel_fill_selected(self);
    self->is_filling = FALSE;
}

static void
vera_layers_panel_row_cb(VeraLayersPanel *self, GtkListBoxRow *row)
{
    if (row != NULL && !self->is_filling)
        vera_editor_select(self->editor, vera_layer_row_get_id(VERA_LAYER_ROW(row)));
}

static void
vera_layers_panel_move(VeraLayersPanel *self, int by)
{
    const VeraEdit *selected = vera_editor_get_selected(self->editor);
    guint at = 0;

    if (selected != NULL && g_ptr_array_find(vera_editor_get_state(self->editor)->edits, selected, &at))
        vera_editor_move_edit(self->editor, selected->id, at + (guint)by);
}

static void
vera_layers_panel_up_cb(VeraLayersPanel *self)
{
    vera_layers_panel_move(self, 1);
}

static void
vera_layers_panel_down_cb(VeraLayersPanel *self)
{
    vera_layers_panel_move(self, -1);
}

static void
vera_layers_panel_refine_cb(VeraLayersPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;
    VeraMatteRefinement *r;

    if (self->is_filling || self->editor == NULL || !(state = vera_editor_begin_edit_change(self->editor, &edit)))
        return;
    r = &edit->refinement;
    edit->opacity = gtk_range_get_value(self->opacity_scale);
    r->black = (float)gtk_range_get_value(self->black_scale);
    r->white = MAX((float)gtk_range_get_value(self->white_scale), r->black + 0.01f);
    r->grow_px = (float)gtk_range_get_value(self->grow_scale);
    r->feather_px = (float)gtk_range_get_value(self->feather_scale);
    r->despeckle_px = (int)gtk_range_get_value(self->despeckle_scale);
    r->floor = (float)gtk_range_get_value(self->floor_scale);
    r->is_inverted = gtk_switch_get_active(self->invert_switch);
    r->is_snapped = gtk_switch_get_active(self->snap_switch);
    r->is_edge_clean = gtk_switch_get_active(self->clean_switch);
    if (r->white > 1) {
        r->white = 1;
        r->black = 0.99f;
    }
    vera_editor_commit(self->editor, state, _("Refine Matte"), "refine");
}

static void
vera_layers_panel_reset_cb(VeraLayersPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self->editor, &edit);

    if (state == NULL)
        return;
    edit->refinement = (VeraMatteRefinement)VERA_MATTE_REFINEMENT_INIT;
    edit->opacity = 1;
    vera_editor_commit(self->editor, state, _("Reset Matte"), NULL);
}

void
vera_layers_panel_set_editor(VeraLayersPanel *self, VeraEditor *editor)
{
    g_set_object(&self->editor, editor);
    vera_take_list_set_editor(self->take_list, editor);
    g_signal_connect_object(editor, "project-changed", G_CALLBACK(vera_layers_panel_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::selected-edit", G_CALLBACK(vera_layers_panel_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(vera_take_list_get_loader(self->take_list), "loaded",
                            G_CALLBACK(vera_layers_panel_changed_cb), self, G_CONNECT_SWAPPED);
    vera_layers_panel_changed_cb(self);
}

static void
vera_layers_panel_dispose(GObject *object)
{
    VeraLayersPanel *self = VERA_LAYERS_PANEL(object);
    GtkWidget *child;

    g_clear_object(&self->editor);
    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self))) != NULL)
        gtk_widget_unparent(child);
    G_OBJECT_CLASS(vera_layers_panel_parent_class)->dispose(object);
}

static void
vera_layers_panel_class_init(VeraLayersPanelClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    g_type_ensure(VERA_TYPE_TAKE_LIST);
    G_OBJECT_CLASS(klass)->dispose = vera_layers_panel_dispose;
    gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BIN_LAYOUT);
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-layers-panel.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, layer_list);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, take_list);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, up_button);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, down_button);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, delete_button);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, takes_group);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, matte_group);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, opacity_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, black_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, white_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, grow_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, feather_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, despeckle_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, floor_scale);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, invert_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, snap_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, snap_row);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, clean_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraLayersPanel, clean_row);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_up_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_down_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_row_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_refine_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_reset_cb);
}

static void
vera_layers_panel_init(VeraLayersPanel *self)
{
    self->is_filling = TRUE;
    gtk_widget_init_template(GTK_WIDGET(self));
    self->is_filling = FALSE;
}
