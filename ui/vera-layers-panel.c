#include "config.h"

#include "ui/vera-layers-panel.h"

#include <glib/gi18n.h>

#include "ui/vera-tips.h"

struct _VeraLayersPanel {
    GtkWidget parent_instance;

    GtkListBox *layer_list, *take_list;
    GtkWidget *up_button, *down_button, *delete_button, *takes_group, *matte_group;
    GtkRange *opacity_scale, *black_scale, *white_scale, *grow_scale, *feather_scale, *despeckle_scale, *floor_scale;
    GtkSwitch *invert_switch;

    VeraEditor *editor; /* (owned) */
    gboolean is_filling;
};

G_DEFINE_FINAL_TYPE(VeraLayersPanel, vera_layers_panel, GTK_TYPE_WIDGET)

/* Rows know their edit or take by its id, which outlives every state. */
#define VERA_LAYERS_ID "vera-id"

static VeraProjectState *
vera_layers_panel_begin(VeraLayersPanel *self, const char *edit_id, VeraEdit **edit)
{
    VeraProjectState *state = vera_editor_begin_change(self->editor);

    *edit = vera_project_state_find_edit(state, edit_id);
    if (*edit != NULL)
        return state;
    vera_project_state_unref(state);
    return NULL;
}

static void
vera_layers_panel_visible_cb(GtkToggleButton *button, VeraLayersPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;

    if (self->is_filling || !(state = vera_layers_panel_begin(self, g_object_get_data(G_OBJECT(button), VERA_LAYERS_ID), &edit)))
        return;
    edit->is_visible = gtk_toggle_button_get_active(button);
    vera_editor_commit(self->editor, state, edit->is_visible ? _("Show Layer") : _("Hide Layer"), NULL);
}

static void
vera_layers_panel_solo_cb(GtkToggleButton *button, VeraLayersPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;

    if (self->is_filling || !(state = vera_layers_panel_begin(self, g_object_get_data(G_OBJECT(button), VERA_LAYERS_ID), &edit)))
        return;
    edit->is_solo = gtk_toggle_button_get_active(button);
    vera_editor_commit(self->editor, state, _("Solo Layer"), NULL);
}

static GtkWidget *
vera_layers_panel_add_toggle(
    VeraLayersPanel *self, AdwActionRow *row, const char *id, const char *icon, const char *tooltip, gboolean is_active, GCallback callback)
{
    GtkWidget *button = gtk_toggle_button_new();

    gtk_button_set_icon_name(GTK_BUTTON(button), icon);
    vera_tips_set(button, tooltip);
    gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
    gtk_widget_add_css_class(button, "flat");
    gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(button), is_active);
    g_object_set_data_full(G_OBJECT(button), VERA_LAYERS_ID, g_strdup(id), g_free);
    g_signal_connect_object(button, "toggled", callback, self, 0);
    adw_action_row_add_suffix(row, button);
    return button;
}

static GtkWidget *
vera_layers_panel_make_layer(VeraLayersPanel *self, const VeraEdit *edit)
{
    AdwActionRow *row = ADW_ACTION_ROW(adw_action_row_new());
    g_autofree char *title = g_markup_escape_text(*edit->instruction ? edit->instruction : _("New Edit"), -1);
    VeraProjectTake *take = vera_edit_find_take(edit, edit->chosen_take);
    g_autofree char *subtitle = take ? g_markup_escape_text(take->name, -1) : g_strdup(_("No take yet"));

    adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
    adw_action_row_set_title_lines(row, 2);
    adw_action_row_set_subtitle(row, subtitle);
    gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), TRUE);
    g_object_set_data_full(G_OBJECT(row), VERA_LAYERS_ID, g_strdup(edit->id), g_free);
    vera_layers_panel_add_toggle(self, row, edit->id, "starred-symbolic", _("Solo: show this layer alone"), edit->is_solo,
                                 G_CALLBACK(vera_layers_panel_solo_cb));
    vera_layers_panel_add_toggle(self, row, edit->id, "view-reveal-symbolic", _("Show the layer"), edit->is_visible,
                                 G_CALLBACK(vera_layers_panel_visible_cb));
    return GTK_WIDGET(row);
}

static void
vera_layers_panel_delete_take_cb(GtkButton *button, VeraLayersPanel *self)
{
    const char *id = g_object_get_data(G_OBJECT(button), VERA_LAYERS_ID);
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self->editor, &edit);

    if (state == NULL)
        return;
    for (guint i = 0; i < edit->takes->len; i++) {
        VeraProjectTake *take = g_ptr_array_index(edit->takes, i);
        if (g_strcmp0(take->id, id) != 0)
            continue;
        if (g_strcmp0(edit->chosen_take, id) == 0)
            g_clear_pointer(&edit->chosen_take, g_free);
        g_ptr_array_remove_index(edit->takes, i);
        break;
    }
    if (edit->chosen_take == NULL && edit->takes->len > 0)
        edit->chosen_take = g_strdup(((VeraProjectTake *)g_ptr_array_index(edit->takes, edit->takes->len - 1))->id);
    vera_editor_commit(self->editor, state, _("Delete Take"), NULL);
}

static GtkWidget *
vera_layers_panel_make_take(VeraLayersPanel *self, const VeraEdit *edit, const VeraProjectTake *take, guint index)
{
    AdwActionRow *row = ADW_ACTION_ROW(adw_action_row_new());
    GtkWidget *check = gtk_image_new_from_icon_name("object-select-symbolic");
    GtkWidget *button = gtk_button_new_from_icon_name("user-trash-symbolic");
    gboolean is_chosen = g_strcmp0(edit->chosen_take, take->id) == 0;
    g_autofree char *name = g_markup_escape_text(take->name, -1);

    adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), name);
    gtk_widget_set_opacity(check, is_chosen ? 1 : 0);
    adw_action_row_add_prefix(row, check);
    gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
    gtk_widget_add_css_class(button, "flat");
    vera_tips_set(button, _("Delete the take; it stays on disk, and Undo brings it back"));
    g_object_set_data_full(G_OBJECT(button), VERA_LAYERS_ID, g_strdup(take->id), g_free);
    g_signal_connect_object(button, "clicked", G_CALLBACK(vera_layers_panel_delete_take_cb), self, 0);
    adw_action_row_add_suffix(row, button);
    gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), TRUE);
    if (index < 10) {
        g_autofree char *tip = g_strdup_printf(_("Show this take (%u)"), (index + 1) % 10);
        gtk_widget_set_tooltip_text(GTK_WIDGET(row), tip);
    }
    return GTK_WIDGET(row);
}

static void
vera_layers_panel_empty(GtkListBox *list)
{
    GtkWidget *child;

    while ((child = gtk_widget_get_first_child(GTK_WIDGET(list))) != NULL)
        gtk_list_box_remove(list, child);
}

static void
vera_layers_panel_fill_layers(VeraLayersPanel *self)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    const VeraEdit *selected = vera_editor_get_selected(self->editor);

    vera_layers_panel_empty(self->layer_list);
    for (guint i = state->edits->len; i-- > 0;) {
        const VeraEdit *edit = g_ptr_array_index(state->edits, i);
        GtkWidget *row = vera_layers_panel_make_layer(self, edit);
        gtk_list_box_append(self->layer_list, row);
        if (edit == selected)
            gtk_list_box_select_row(self->layer_list, GTK_LIST_BOX_ROW(row));
    }
    gtk_widget_set_visible(GTK_WIDGET(self->layer_list), state->edits->len > 0);
}

static void
vera_layers_panel_fill_selected(VeraLayersPanel *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);

    gtk_widget_set_sensitive(self->up_button, edit != NULL);
    gtk_widget_set_sensitive(self->down_button, edit != NULL);
    gtk_widget_set_sensitive(self->delete_button, edit != NULL);
    gtk_widget_set_visible(self->matte_group, edit != NULL);
    vera_layers_panel_empty(self->take_list);
    gtk_widget_set_visible(self->takes_group, edit != NULL && edit->takes->len > 0);
    if (edit == NULL)
        return;
    for (guint i = 0; i < edit->takes->len; i++)
        gtk_list_box_append(self->take_list, vera_layers_panel_make_take(self, edit, g_ptr_array_index(edit->takes, i), i));
    gtk_range_set_value(self->opacity_scale, edit->opacity);
    gtk_range_set_value(self->black_scale, (double)edit->refinement.black);
    gtk_range_set_value(self->white_scale, (double)edit->refinement.white);
    gtk_range_set_value(self->grow_scale, (double)edit->refinement.grow_px);
    gtk_range_set_value(self->feather_scale, (double)edit->refinement.feather_px);
    gtk_range_set_value(self->despeckle_scale, edit->refinement.despeckle_px);
    gtk_range_set_value(self->floor_scale, (double)edit->refinement.floor);
    gtk_switch_set_active(self->invert_switch, edit->refinement.is_inverted);
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
    vera_editor_select(self->editor, g_object_get_data(G_OBJECT(row), VERA_LAYERS_ID));
}

void
vera_layers_panel_choose_take(VeraLayersPanel *self, guint index)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self->editor, &edit);
    VeraProjectTake *take = edit && index < edit->takes->len ? g_ptr_array_index(edit->takes, index) : NULL;

    if (state == NULL)
        return;
    if (take == NULL || g_strcmp0(take->id, edit->chosen_take) == 0) {
        vera_project_state_unref(state);
        return;
    }
    g_free(edit->chosen_take);
    edit->chosen_take = g_strdup(take->id);
    vera_editor_commit(self->editor, state, _("Choose Take"), NULL);
}

static void
vera_layers_panel_take_cb(VeraLayersPanel *self, GtkListBoxRow *row)
{
    vera_layers_panel_choose_take(self, (guint)gtk_list_box_row_get_index(row));
}

static void
vera_layers_panel_move(VeraLayersPanel *self, int by)
{
    VeraProjectState *state = vera_editor_begin_change(self->editor);
    const VeraEdit *selected = vera_editor_get_selected(self->editor);
    VeraEdit *edit = selected ? vera_project_state_find_edit(state, selected->id) : NULL;
    guint at = 0;

    if (edit == NULL || !g_ptr_array_find(state->edits, edit, &at) || (by < 0 && at == 0) || (by > 0 && at + 1 == state->edits->len)) {
        vera_project_state_unref(state);
        return;
    }
    state->edits->pdata[at] = state->edits->pdata[(int)at + by];
    state->edits->pdata[(int)at + by] = edit;
    vera_editor_commit(self->editor, state, _("Reorder Layers"), NULL);
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
    g_signal_connect_object(editor, "project-changed", G_CALLBACK(vera_layers_panel_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::selected-edit", G_CALLBACK(vera_layers_panel_changed_cb), self, G_CONNECT_SWAPPED);
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
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_up_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_down_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_row_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_layers_panel_take_cb);
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
