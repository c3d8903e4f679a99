#include "config.h"

#include "ui/vera-edit-panel.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "ui/vera-edit-task.h"
#include "ui/vera-forecast-view.h"
#include "ui/vera-settings.h"

#define VERA_EDIT_PANEL_MAX_HISTORY 20
/* What sizes of models of the Wan family are multiples of; the forecast says so where another one needs more. */
#define VERA_EDIT_PANEL_GRID 16

struct _VeraEditPanel {
    GtkWidget parent_instance;

    GtkStack *stack;
    GtkTextView *instruction_view;
    GtkLabel *placeholder;
    VeraForecastView *forecast_view;
    GtkMenuButton *history_button, *examples_button;
    GMenu *examples_menu;
    AdwComboRow *task_row;
    AdwActionRow *region_row, *invert_row, *feather_row, *model_row;
    GtkWidget *clear_button, *import_button, *start_button;
    GtkSwitch *invert_switch;
    GtkSpinButton *feather_spin, *seed_spin, *steps_spin, *guidance_spin, *width_spin, *count_spin;
    GtkToggleButton *lock_button;
    AdwEntryRow *negative_row;

    /* Owned */
    VeraEditor *editor;
    GtkFileChooserNative *chooser;
    gboolean is_filling; /* widgets are set from the state: their signals are no changes of the user's */
};

G_DEFINE_FINAL_TYPE(VeraEditPanel, vera_edit_panel, GTK_TYPE_WIDGET)

static char *
vera_edit_panel_dup_instruction(VeraEditPanel *self)
{
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(self->instruction_view);
    GtkTextIter start, end;

    gtk_text_buffer_get_bounds(buffer, &start, &end);
    return gtk_text_buffer_get_text(buffer, &start, &end, FALSE);
}

static void
vera_edit_panel_set_text(char **where, const char *text)
{
    g_free(*where);
    *where = g_strdup(text);
}

static void
vera_edit_panel_add_to_history(GMenu *menu, GHashTable *seen, char *instruction)
{
    g_autoptr(GMenuItem) item = NULL;

    if (*instruction == '\0' || g_hash_table_size(seen) >= VERA_EDIT_PANEL_MAX_HISTORY || !g_hash_table_add(seen, instruction))
        return;
    item = g_menu_item_new(instruction, NULL);
    g_menu_item_set_action_and_target(item, "edit-panel.example", "s", instruction);
    g_menu_append_item(menu, item);
}

/* What was asked for before: in this project, newest first, then in others. */
static void
vera_edit_panel_fill_history(VeraEditPanel *self)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_auto(GStrv) earlier = vera_settings_dup_list(VERA_SETTING_INSTRUCTIONS);
    g_autoptr(GMenu) menu = g_menu_new(), here = g_menu_new(), elsewhere = g_menu_new();

    for (guint i = state->edits->len; i-- > 0;)
        vera_edit_panel_add_to_history(here, seen, ((VeraEdit *)state->edits->pdata[i])->instruction);
    for (gsize i = 0; earlier[i] != NULL; i++)
        vera_edit_panel_add_to_history(elsewhere, seen, earlier[i]);
    g_menu_append_section(menu, NULL, G_MENU_MODEL(here));
    g_menu_append_section(menu, NULL, G_MENU_MODEL(elsewhere));
    gtk_menu_button_set_menu_model(self->history_button, G_MENU_MODEL(menu));
    gtk_widget_set_sensitive(GTK_WIDGET(self->history_button), g_hash_table_size(seen) > 0);
}

static void
vera_edit_panel_fill_region(VeraEditPanel *self, const VeraEdit *edit)
{
    guint n = edit->region ? edit->region->shapes->len : 0;
    gboolean has_region = n > 0 || (edit->region && edit->region->is_inverted);
    g_autofree char *subtitle = NULL;

    if (edit->region_path != NULL && !has_region) {
        g_autofree char *base = g_path_get_basename(edit->region_path);
        subtitle = g_filename_display_name(base);
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(self->region_row), _("Mask from a File"));
    } else if (has_region) {
        subtitle = g_strdup_printf(g_dngettext(NULL, "%u shape", "%u shapes", n), n);
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(self->region_row), _("Drawn Region"));
    } else {
        subtitle = g_strdup(vera_edit_task_get_region_hint(vera_edit_task_find(edit->task)));
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(self->region_row), _("Whole Picture"));
    }
    adw_action_row_set_subtitle(self->region_row, subtitle);
    gtk_widget_set_sensitive(self->clear_button, has_region || edit->region_path != NULL);
    gtk_widget_set_visible(GTK_WIDGET(self->invert_row), has_region);
    gtk_widget_set_visible(GTK_WIDGET(self->feather_row), has_region);
    gtk_switch_set_active(self->invert_switch, edit->region && edit->region->is_inverted);
    gtk_spin_button_set_value(self->feather_spin, edit->region ? (double)edit->region->feather : 0);
}

static void
vera_edit_panel_fill_model(VeraEditPanel *self, const VeraEdit *edit)
{
    const char *dir = edit->model_dir ? edit->model_dir : vera_editor_get_preferred_model(self->editor);
    g_autofree char *name = dir ? g_path_get_basename(dir) : NULL;

    adw_action_row_set_subtitle(self->model_row, name ? name : _("The one that comes with Vera"));
}

/* To set the value that it has would take away what is being typed, whenever the project changes meanwhile. */
static void
vera_edit_panel_set_number(GtkSpinButton *spin, double value)
{
    if (gtk_spin_button_get_value(spin) != value)
        gtk_spin_button_set_value(spin, value);
}

/* A task sorts the examples and words what is to be drawn; the section of an example is that of its task. */
static void
vera_edit_panel_fill_task(VeraEditPanel *self, const VeraEdit *edit)
{
    VeraEditTask task = vera_edit_task_find(edit->task);
    g_autoptr(GMenuModel) examples = NULL;

    if (task == VERA_EDIT_TASK_AUTOMATIC)
        examples = g_object_ref(G_MENU_MODEL(self->examples_menu));
    else
        examples = g_menu_model_get_item_link(G_MENU_MODEL(self->examples_menu), (int)task - 1, G_MENU_LINK_SECTION);
    gtk_menu_button_set_menu_model(self->examples_button, examples);
    gtk_label_set_text(self->placeholder, vera_edit_task_get_placeholder(task));
    adw_combo_row_set_selected(self->task_row, task);
}

static void
vera_edit_panel_fill(VeraEditPanel *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    g_autofree char *text = NULL;

    gtk_stack_set_visible_child_name(self->stack, edit ? "edit" : "empty");
    if (edit == NULL)
        return;
    self->is_filling = TRUE;
    text = vera_edit_panel_dup_instruction(self);
    if (strcmp(text, edit->instruction) != 0)
        gtk_text_buffer_set_text(gtk_text_view_get_buffer(self->instruction_view), edit->instruction, -1);
    gtk_widget_set_visible(GTK_WIDGET(self->placeholder), *edit->instruction == '\0');
    if (g_strcmp0(gtk_editable_get_text(GTK_EDITABLE(self->negative_row)), edit->negative ? edit->negative : "") != 0)
        gtk_editable_set_text(GTK_EDITABLE(self->negative_row), edit->negative ? edit->negative : "");
    vera_edit_panel_set_number(self->seed_spin, (double)edit->seed);
    vera_edit_panel_set_number(self->steps_spin, edit->n_steps);
    vera_edit_panel_set_number(self->guidance_spin, edit->guidance < 0 ? 2 : edit->guidance);
    vera_edit_panel_set_number(self->width_spin, edit->width);
    vera_edit_panel_fill_task(self, edit);
    vera_edit_panel_fill_region(self, edit);
    vera_edit_panel_fill_model(self, edit);
    vera_edit_panel_fill_history(self);
    self->is_filling = FALSE;
}

/* Changes of the user's -------------------------------------------------------------------------------------------------- */

static void
vera_edit_panel_instruction_cb(GtkTextBuffer *buffer, VeraEditPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;
    g_autofree char *text = NULL;

    if (self->is_filling || (state = vera_editor_begin_edit_change(self->editor, &edit)) == NULL)
        return;
    text = vera_edit_panel_dup_instruction(self);
    vera_edit_panel_set_text(&edit->instruction, text);
    vera_editor_commit(self->editor, state, _("Change Instruction"), "instruction");
}

static void
vera_edit_panel_task_cb(VeraEditPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;

    if (self->is_filling || (state = vera_editor_begin_edit_change(self->editor, &edit)) == NULL)
        return;
    vera_edit_panel_set_text(&edit->task, vera_edit_task_get_id((VeraEditTask)adw_combo_row_get_selected(self->task_row)));
    vera_editor_commit(self->editor, state, _("Change Task"), NULL);
}

static void
vera_edit_panel_negative_cb(VeraEditPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;
    const char *text = gtk_editable_get_text(GTK_EDITABLE(self->negative_row));

    if (self->is_filling || (state = vera_editor_begin_edit_change(self->editor, &edit)) == NULL)
        return;
    vera_edit_panel_set_text(&edit->negative, *text ? text : NULL);
    vera_editor_commit(self->editor, state, _("Change What to Avoid"), "negative");
}

static void
vera_edit_panel_number_cb(VeraEditPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;

    if (self->is_filling || (state = vera_editor_begin_edit_change(self->editor, &edit)) == NULL)
        return;
    edit->seed = (guint64)gtk_spin_button_get_value(self->seed_spin);
    edit->n_steps = gtk_spin_button_get_value_as_int(self->steps_spin);
    edit->guidance = gtk_spin_button_get_value(self->guidance_spin);
    vera_editor_commit(self->editor, state, _("Change Settings"), "settings");
}

/* What the model works at: as high as the plate's shape makes it. */
static void
vera_edit_panel_width_cb(VeraEditPanel *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    VeraEdit *edit = NULL;
    VeraProjectState *state;
    int width = gtk_spin_button_get_value_as_int(self->width_spin);

    if (self->is_filling || info == NULL || (state = vera_editor_begin_edit_change(self->editor, &edit)) == NULL)
        return;
    edit->width = width - width % VERA_EDIT_PANEL_GRID;
    edit->height = edit->width == 0 ? 0
                                    : MAX((int)lround((double)edit->width * info->height / info->width / VERA_EDIT_PANEL_GRID), 1) *
                                          VERA_EDIT_PANEL_GRID;
    vera_editor_commit(self->editor, state, _("Change Size"), "size");
}

static void
vera_edit_panel_count_cb(VeraEditPanel *self)
{
    vera_forecast_view_set_count(self->forecast_view, gtk_spin_button_get_value_as_int(self->count_spin));
}

static void
vera_edit_panel_dice_cb(VeraEditPanel *self)
{
    gtk_spin_button_set_value(self->seed_spin, (double)g_random_int());
}

/* A copy of the selected edit's region that may be changed; @state is NULL when nothing is selected. */
static VeraRegion *
vera_edit_panel_begin_region(VeraEditPanel *self, VeraProjectState **state)
{
    VeraEdit *edit = NULL;
    VeraRegion *region;

    *state = vera_editor_begin_edit_change(self->editor, &edit);
    if (*state == NULL)
        return NULL;
    region = edit->region ? vera_region_copy(edit->region) : vera_region_new();
    g_clear_pointer(&edit->region, vera_region_unref);
    edit->region = region;
    return region;
}

static void
vera_edit_panel_invert_cb(VeraEditPanel *self)
{
    VeraProjectState *state;
    VeraRegion *region = self->is_filling ? NULL : vera_edit_panel_begin_region(self, &state);

    if (region == NULL)
        return;
    region->is_inverted = gtk_switch_get_active(self->invert_switch);
    vera_editor_commit(self->editor, state, _("Invert Region"), NULL);
}

static void
vera_edit_panel_feather_cb(VeraEditPanel *self)
{
    VeraProjectState *state;
    VeraRegion *region = self->is_filling ? NULL : vera_edit_panel_begin_region(self, &state);

    if (region == NULL)
        return;
    region->feather = (float)gtk_spin_button_get_value(self->feather_spin);
    vera_editor_commit(self->editor, state, _("Feather Region"), "feather");
}

static void
vera_edit_panel_clear_region_cb(VeraEditPanel *self)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self->editor, &edit);

    if (state == NULL)
        return;
    g_clear_pointer(&edit->region, vera_region_unref);
    g_clear_pointer(&edit->region_path, g_free);
    vera_editor_commit(self->editor, state, _("Clear Region"), NULL);
}

static void
vera_edit_panel_imported_cb(GtkNativeDialog *dialog, int response, VeraEditPanel *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
    VeraEdit *edit = NULL;
    VeraProjectState *state = file ? vera_editor_begin_edit_change(self->editor, &edit) : NULL;

    if (state == NULL)
        return;
    g_clear_pointer(&edit->region, vera_region_unref);
    g_free(edit->region_path);
    edit->region_path = g_file_get_path(file);
    vera_editor_commit(self->editor, state, _("Import Mask"), NULL);
}

static void
vera_edit_panel_model_chosen_cb(GtkNativeDialog *dialog, int response, VeraEditPanel *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
    VeraEdit *edit = NULL;
    VeraProjectState *state = file ? vera_editor_begin_edit_change(self->editor, &edit) : NULL;

    if (state == NULL)
        return;
    g_free(edit->model_dir);
    edit->model_dir = g_file_get_path(file);
    vera_editor_commit(self->editor, state, _("Choose Model"), NULL);
}

static void
vera_edit_panel_choose(VeraEditPanel *self, const char *title, GtkFileChooserAction action, GCallback callback)
{
    GtkWindow *window = GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(self)));

    g_clear_object(&self->chooser);
    self->chooser = gtk_file_chooser_native_new(title, window, action, NULL, NULL);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
    g_signal_connect_object(self->chooser, "response", callback, self, 0);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

static void
vera_edit_panel_import_cb(VeraEditPanel *self)
{
    vera_edit_panel_choose(self, _("Use a Mask"), GTK_FILE_CHOOSER_ACTION_OPEN, G_CALLBACK(vera_edit_panel_imported_cb));
}

static void
vera_edit_panel_choose_model_cb(VeraEditPanel *self)
{
    vera_edit_panel_choose(self, _("Choose the Folder of a Model"), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
                           G_CALLBACK(vera_edit_panel_model_chosen_cb));
}

static void
vera_edit_panel_example_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    VeraEditPanel *self = VERA_EDIT_PANEL(widget);

    gtk_text_buffer_set_text(gtk_text_view_get_buffer(self->instruction_view), g_variant_get_string(parameter, NULL), -1);
    gtk_widget_grab_focus(GTK_WIDGET(self->instruction_view));
}

/* Several takes differ in their seeds alone; unless it is locked, the next click begins with a new one. */
static void
vera_edit_panel_start_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    VeraEditPanel *self = VERA_EDIT_PANEL(widget);
    int n = gtk_spin_button_get_value_as_int(self->count_spin);

    g_autofree char *instruction = g_strstrip(vera_edit_panel_dup_instruction(self));

    if (vera_editor_get_selected(self->editor) == NULL)
        return;
    if (*instruction != '\0')
        vera_settings_push(VERA_SETTING_INSTRUCTIONS, instruction, VERA_EDIT_PANEL_MAX_HISTORY);
    for (int i = 0; i < n; i++) {
        vera_editor_start_take(self->editor);
        if (i + 1 < n || !gtk_toggle_button_get_active(self->lock_button))
            gtk_spin_button_set_value(self->seed_spin, gtk_spin_button_get_value(self->seed_spin) + 1);
    }
}

void
vera_edit_panel_focus(VeraEditPanel *self)
{
    gtk_widget_grab_focus(GTK_WIDGET(self->instruction_view));
}

void
vera_edit_panel_set_editor(VeraEditPanel *self, VeraEditor *editor)
{
    g_set_object(&self->editor, editor);
    vera_forecast_view_set_editor(self->forecast_view, editor);
    g_signal_connect_object(editor, "project-changed", G_CALLBACK(vera_edit_panel_fill), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::selected-edit", G_CALLBACK(vera_edit_panel_fill), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "clip-changed", G_CALLBACK(vera_edit_panel_fill), self, G_CONNECT_SWAPPED);
    vera_edit_panel_fill(self);
}

static void
vera_edit_panel_dispose(GObject *object)
{
    VeraEditPanel *self = VERA_EDIT_PANEL(object);
    GtkWidget *child;

    g_clear_object(&self->editor);
    g_clear_object(&self->chooser);
    while ((child = gtk_widget_get_first_child(GTK_WIDGET(self))) != NULL)
        gtk_widget_unparent(child);
    G_OBJECT_CLASS(vera_edit_panel_parent_class)->dispose(object);
}

static void
vera_edit_panel_bind(GtkWidgetClass *klass)
{
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, stack);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, instruction_view);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, placeholder);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, forecast_view);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, history_button);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, examples_button);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, examples_menu);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, task_row);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, region_row);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, invert_row);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, feather_row);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, model_row);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, clear_button);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, import_button);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, start_button);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, invert_switch);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, feather_spin);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, seed_spin);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, steps_spin);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, guidance_spin);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, width_spin);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, count_spin);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, lock_button);
    gtk_widget_class_bind_template_child(klass, VeraEditPanel, negative_row);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_import_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_clear_region_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_invert_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_feather_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_dice_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_number_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_width_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_count_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_negative_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_task_cb);
    gtk_widget_class_bind_template_callback(klass, vera_edit_panel_choose_model_cb);
}

static void
vera_edit_panel_class_init(VeraEditPanelClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    g_type_ensure(VERA_TYPE_FORECAST_VIEW);
    G_OBJECT_CLASS(klass)->dispose = vera_edit_panel_dispose;
    gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BIN_LAYOUT);
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-edit-panel.ui");
    vera_edit_panel_bind(widget_class);
    gtk_widget_class_install_action(widget_class, "edit-panel.example", "s", vera_edit_panel_example_action);
    gtk_widget_class_install_action(widget_class, "edit-panel.start", NULL, vera_edit_panel_start_action);
}

/* The row is made of lists of its own: the one that is to be chosen from gets the row's name, the one that only shows what is chosen is none
 * to be acted on, and what is chosen is the row's to say. */
static void
vera_edit_panel_name_lists(GtkWidget *widget, const char *name, gboolean is_choice)
{
    if (GTK_IS_LIST_VIEW(widget) && !is_choice) {
        g_object_set(widget, "accessible-role", GTK_ACCESSIBLE_ROLE_NONE, NULL);
    } else if (GTK_IS_LIST_VIEW(widget) || GTK_IS_LIST_BOX(widget)) {
        /* Newer libadwaita names it by the title of its group, which this one has none of. */
        gtk_accessible_reset_relation(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY);
        gtk_accessible_update_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
    }
    for (GtkWidget *child = gtk_widget_get_first_child(widget); child != NULL; child = gtk_widget_get_next_sibling(child))
        vera_edit_panel_name_lists(child, name, is_choice || GTK_IS_POPOVER(child));
}

static void
vera_edit_panel_init(VeraEditPanel *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
    vera_edit_panel_name_lists(gtk_widget_get_parent(GTK_WIDGET(self->task_row)), _("Task"), FALSE);
    self->is_filling = TRUE;
    adw_combo_row_set_model(self->task_row, vera_edit_task_get_titles());
    self->is_filling = FALSE;
    if (vera_settings_get() != NULL)
        g_settings_bind(vera_settings_get(), VERA_SETTING_IS_SEED_LOCKED, self->lock_button, "active", G_SETTINGS_BIND_DEFAULT);
    g_signal_connect(gtk_text_view_get_buffer(self->instruction_view), "changed", G_CALLBACK(vera_edit_panel_instruction_cb), self);
}
