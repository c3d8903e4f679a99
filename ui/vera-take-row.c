#include "config.h"

#include "ui/vera-take-row.h"

#include <glib/gi18n.h>

#include "ui/vera-take-record-view.h"
#include "ui/vera-tips.h"

struct _VeraTakeRow {
    GtkListBoxRow parent_instance;

    GtkPicture *picture;
    GtkWidget *warning, *menu_button;
    GtkLabel *badge, *name_label, *facts_label;
    GtkStack *name_stack;
    GtkEditable *name_entry;
    GtkToggleButton *compare_button;

    /* Owned */
    VeraEditor *editor;
    VeraTakeLoader *loader;
    char *take_id, *dir;
    const VeraTakeSummary *shown; /* what the picture was made of; only compared */
    gboolean is_filling;
};

G_DEFINE_FINAL_TYPE(VeraTakeRow, vera_take_row, GTK_TYPE_LIST_BOX_ROW)

const char *
vera_take_row_get_id(VeraTakeRow *self)
{
    return self->take_id;
}

static const VeraTakeSummary *
vera_take_row_get_summary(VeraTakeRow *self, const char **failure)
{
    *failure = NULL;
    return self->dir ? vera_take_loader_get(self->loader, self->dir, failure) : NULL;
}

/* The picture and what the record says -------------------------------------------------------------------------------- */

static char *
vera_take_row_describe(const VeraTakeSummary *summary)
{
    g_autofree char *steps = g_strdup_printf(g_dngettext(NULL, "%d step", "%d steps", (gulong)summary->record->n_steps),
                                             summary->record->n_steps);
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, summary->record->seed), *seed = g_strdup_printf(_("Seed %s"), number);

    if (summary->coverage < 0)
        return g_strdup_printf("%s · %s", seed, steps);
    return g_strdup_printf("%s · %s · %.0f %%", seed, steps, summary->coverage * 100);
}

static void
vera_take_row_show_picture(VeraTakeRow *self, const VeraTakeSummary *summary)
{
    g_autoptr(GdkTexture) texture = NULL;

    if (summary == self->shown)
        return;
    self->shown = summary;
    if (summary != NULL)
        texture = gdk_memory_texture_new(summary->width, summary->height, GDK_MEMORY_R8G8B8A8, summary->pixels, (gsize)summary->width * 4);
    gtk_picture_set_paintable(self->picture, GDK_PAINTABLE(texture));
}

static void
vera_take_row_show_summary(VeraTakeRow *self)
{
    const char *failure;
    const VeraTakeSummary *summary = vera_take_row_get_summary(self, &failure);
    g_autofree char *facts = summary ? vera_take_row_describe(summary) : g_strdup(failure ? _("Cannot be read") : _("Loading"));

    vera_take_row_show_picture(self, summary);
    gtk_widget_set_visible(self->warning, failure != NULL);
    gtk_label_set_text(self->facts_label, facts);
    gtk_widget_set_tooltip_text(GTK_WIDGET(self->facts_label), failure);
    gtk_widget_action_set_enabled(GTK_WIDGET(self), "take.show-record", summary != NULL);
    gtk_widget_action_set_enabled(GTK_WIDGET(self), "take.use-settings", summary != NULL);
}

static void
vera_take_row_loaded_cb(VeraTakeRow *self, const char *dir)
{
    if (g_strcmp0(dir, self->dir) == 0)
        vera_take_row_update(self);
}

/* The project ---------------------------------------------------------------------------------------------------------- */

static void
vera_take_row_show_part(VeraTakeRow *self, const VeraEdit *edit, const VeraProjectTake *take)
{
    const VeraProjectTake *compared = vera_editor_get_compared(self->editor);
    gboolean is_chosen = g_strcmp0(edit->chosen_take, take->id) == 0, is_compared = compared == take;
    g_autofree char *description = g_strdup_printf("%s, %s", is_chosen ? _("Shown") : is_compared ? _("Compared") : _("Not shown"),
                                                   gtk_label_get_text(self->facts_label));

    gtk_label_set_text(self->badge, is_compared ? "B" : compared ? "A" : "✓");
    gtk_widget_set_visible(GTK_WIDGET(self->badge), is_chosen || is_compared);
    gtk_toggle_button_set_active(self->compare_button, is_compared);
    gtk_widget_set_visible(GTK_WIDGET(self->compare_button), edit->takes->len > 1);
    gtk_widget_set_sensitive(GTK_WIDGET(self->compare_button), !is_chosen);
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, take->name, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                   description, -1);
    gtk_accessible_update_state(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_STATE_SELECTED, is_chosen, -1);
}

void
vera_take_row_update(VeraTakeRow *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    const VeraProjectTake *take = edit ? vera_edit_find_take(edit, self->take_id) : NULL;

    if (take == NULL)
        return;
    self->is_filling = TRUE;
    if (g_strcmp0(self->dir, take->dir) != 0) {
        g_free(self->dir);
        self->dir = g_strdup(take->dir);
    }
    gtk_label_set_text(self->name_label, take->name);
    vera_take_row_show_summary(self);
    vera_take_row_show_part(self, edit, take);
    self->is_filling = FALSE;
}

/* What the user does --------------------------------------------------------------------------------------------------- */

static void
vera_take_row_compare_cb(VeraTakeRow *self)
{
    if (!self->is_filling)
        vera_editor_compare_take(self->editor, gtk_toggle_button_get_active(self->compare_button) ? self->take_id : NULL);
}

static gboolean
vera_take_row_is_renaming(VeraTakeRow *self)
{
    return g_str_equal(gtk_stack_get_visible_child_name(self->name_stack), "entry");
}

void
vera_take_row_start_renaming(VeraTakeRow *self)
{
    gtk_editable_set_text(self->name_entry, gtk_label_get_text(self->name_label));
    gtk_stack_set_visible_child_name(self->name_stack, "entry");
    gtk_widget_grab_focus(GTK_WIDGET(self->name_entry));
}

/* The row keeps the keyboard, so that the next key does not fall into nothing. */
static void
vera_take_row_stop_renaming(VeraTakeRow *self, gboolean is_kept)
{
    g_autofree char *name = g_strdup(gtk_editable_get_text(self->name_entry));
    gboolean has_focus = gtk_widget_get_focus_child(GTK_WIDGET(self)) != NULL;

    if (!vera_take_row_is_renaming(self))
        return;
    gtk_stack_set_visible_child_name(self->name_stack, "label");
    if (has_focus)
        gtk_widget_grab_focus(GTK_WIDGET(self));
    if (is_kept)
        vera_editor_rename_take(self->editor, self->take_id, name);
}

static void
vera_take_row_renamed_cb(VeraTakeRow *self)
{
    vera_take_row_stop_renaming(self, TRUE);
}

static void
vera_take_row_entry_left_cb(VeraTakeRow *self)
{
    vera_take_row_stop_renaming(self, TRUE);
}

static gboolean
vera_take_row_entry_key_cb(GtkEventControllerKey *controller, guint keyval, guint code, GdkModifierType modifiers, VeraTakeRow *self)
{
    if (keyval != GDK_KEY_Escape)
        return GDK_EVENT_PROPAGATE;
    vera_take_row_stop_renaming(self, FALSE);
    return GDK_EVENT_STOP;
}

static void
vera_take_row_rename_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    vera_take_row_start_renaming(VERA_TAKE_ROW(widget));
}

static void
vera_take_row_delete_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    VeraTakeRow *self = VERA_TAKE_ROW(widget);
    g_autofree char *id = g_strdup(self->take_id);

    vera_editor_delete_take(self->editor, id);
}

static void
vera_take_row_folder_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    VeraTakeRow *self = VERA_TAKE_ROW(widget);
    g_autofree char *uri = self->dir ? g_filename_to_uri(self->dir, NULL, NULL) : NULL;

    if (uri != NULL)
        gtk_show_uri(GTK_WINDOW(gtk_widget_get_root(widget)), uri, GDK_CURRENT_TIME);
}

static void
vera_take_row_settings_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    VeraTakeRow *self = VERA_TAKE_ROW(widget);
    const char *failure;
    const VeraTakeSummary *summary = vera_take_row_get_summary(self, &failure);

    if (summary != NULL)
        vera_editor_use_settings(self->editor, summary->record);
}

static void
vera_take_row_copy_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    const char *failure;
    const VeraTakeSummary *summary = vera_take_row_get_summary(VERA_TAKE_ROW(widget), &failure);
    g_autofree char *text = summary ? vera_take_record_view_to_text(summary) : NULL;

    if (text != NULL)
        gdk_clipboard_set_text(gtk_widget_get_clipboard(widget), text);
}

static GtkWidget *
vera_take_row_make_buttons(void)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
    GtkWidget *copy = gtk_button_new_with_mnemonic(_("_Copy")), *use = gtk_button_new_with_mnemonic(_("Use These _Settings"));

    gtk_actionable_set_action_name(GTK_ACTIONABLE(copy), "take.copy-record");
    gtk_actionable_set_action_name(GTK_ACTIONABLE(use), "take.use-settings");
    gtk_widget_set_tooltip_text(use, _("Instruction, seed, steps, guidance and size of this take for the next one"));
    gtk_widget_set_hexpand(use, TRUE);
    gtk_box_append(GTK_BOX(box), copy);
    gtk_box_append(GTK_BOX(box), use);
    return box;
}

static void
vera_take_row_show_record_action(GtkWidget *widget, const char *name, GVariant *parameter)
{
    VeraTakeRow *self = VERA_TAKE_ROW(widget);
    const char *failure;
    const VeraTakeSummary *summary = vera_take_row_get_summary(self, &failure);
    GtkWidget *popover, *box;

    if (summary == NULL)
        return;
    popover = gtk_popover_new();
    box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    gtk_box_append(GTK_BOX(box), vera_take_record_view_new(summary));
    gtk_box_append(GTK_BOX(box), vera_take_row_make_buttons());
    gtk_popover_set_child(GTK_POPOVER(popover), box);
    gtk_popover_set_position(GTK_POPOVER(popover), GTK_POS_LEFT);
    gtk_widget_set_margin_start(box, 6);
    gtk_widget_set_margin_end(box, 6);
    gtk_widget_set_parent(popover, GTK_WIDGET(self->picture));
    g_signal_connect(popover, "closed", G_CALLBACK(gtk_widget_unparent), NULL);
    gtk_popover_popup(GTK_POPOVER(popover));
}

static void
vera_take_row_menu_pressed_cb(GtkGestureClick *click, int n_press, double x, double y, VeraTakeRow *self)
{
    gtk_gesture_set_state(GTK_GESTURE(click), GTK_EVENT_SEQUENCE_CLAIMED);
    gtk_menu_button_popup(GTK_MENU_BUTTON(self->menu_button));
}

static void
vera_take_row_name_pressed_cb(GtkGestureClick *click, int n_press, double x, double y, VeraTakeRow *self)
{
    if (n_press == 2)
        vera_take_row_start_renaming(self);
}

/* Object ---------------------------------------------------------------------------------------------------------------- */

static void
vera_take_row_dispose(GObject *object)
{
    VeraTakeRow *self = VERA_TAKE_ROW(object);

    g_clear_object(&self->editor);
    g_clear_object(&self->loader);
    g_clear_pointer(&self->take_id, g_free);
    g_clear_pointer(&self->dir, g_free);
    G_OBJECT_CLASS(vera_take_row_parent_class)->dispose(object);
}

static void
vera_take_row_class_init(VeraTakeRowClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_take_row_dispose;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-take-row.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, picture);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, warning);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, badge);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, name_label);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, facts_label);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, name_stack);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, name_entry);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, compare_button);
    gtk_widget_class_bind_template_child(widget_class, VeraTakeRow, menu_button);
    gtk_widget_class_bind_template_callback(widget_class, vera_take_row_renamed_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_take_row_compare_cb);
    gtk_widget_class_install_action(widget_class, "take.rename", NULL, vera_take_row_rename_action);
    gtk_widget_class_install_action(widget_class, "take.delete", NULL, vera_take_row_delete_action);
    gtk_widget_class_install_action(widget_class, "take.open-folder", NULL, vera_take_row_folder_action);
    gtk_widget_class_install_action(widget_class, "take.use-settings", NULL, vera_take_row_settings_action);
    gtk_widget_class_install_action(widget_class, "take.show-record", NULL, vera_take_row_show_record_action);
    gtk_widget_class_install_action(widget_class, "take.copy-record", NULL, vera_take_row_copy_action);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_F2, 0, "take.rename", NULL);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Delete, 0, "take.delete", NULL);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Return, GDK_ALT_MASK, "take.show-record", NULL);
}

static void
vera_take_row_init(VeraTakeRow *self)
{
    GtkGesture *menu = gtk_gesture_click_new(), *name = gtk_gesture_click_new();
    GtkEventController *keys = gtk_event_controller_key_new(), *focus = gtk_event_controller_focus_new();

    gtk_widget_init_template(GTK_WIDGET(self));
    vera_tips_update(GTK_WIDGET(self));
    gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(menu), GDK_BUTTON_SECONDARY);
    g_signal_connect(menu, "pressed", G_CALLBACK(vera_take_row_menu_pressed_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(menu));
    g_signal_connect(name, "pressed", G_CALLBACK(vera_take_row_name_pressed_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self->name_label), GTK_EVENT_CONTROLLER(name));
    gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
    g_signal_connect(keys, "key-pressed", G_CALLBACK(vera_take_row_entry_key_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self->name_entry), keys);
    g_signal_connect_swapped(focus, "leave", G_CALLBACK(vera_take_row_entry_left_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self->name_entry), focus);
}

GtkWidget *
vera_take_row_new(VeraEditor *editor, VeraTakeLoader *loader, const char *take_id, guint index)
{
    VeraTakeRow *self = g_object_new(VERA_TYPE_TAKE_ROW, NULL);
    g_autofree char *choose = g_strdup_printf(_("Show this take (%u)"), (index + 1) % 10);
    g_autofree char *compare = g_strdup_printf(_("Compare with this take (Alt+%u)"), (index + 1) % 10);

    self->editor = g_object_ref(editor);
    self->loader = g_object_ref(loader);
    self->take_id = g_strdup(take_id);
    gtk_widget_set_tooltip_text(GTK_WIDGET(self), index < 10 ? choose : _("Show this take"));
    vera_tips_set(GTK_WIDGET(self->compare_button), index < 10 ? compare : _("Compare with this take"));
    g_signal_connect_object(loader, "loaded", G_CALLBACK(vera_take_row_loaded_cb), self, G_CONNECT_SWAPPED);
    vera_take_row_update(self);
    return GTK_WIDGET(self);
}
