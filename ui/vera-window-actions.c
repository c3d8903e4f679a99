#include "config.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-export-dialog.h"
#include "ui/vera-shortcuts.h"
#include "ui/vera-shortcuts-window.h"
#include "ui/vera-window-private.h"

static const char *const vera_window_tools[VERA_TOOL_COUNT] = { "pan", "brush", "eraser", "rectangle", "ellipse", "lasso", "polygon", "move" };

#define VERA_WINDOW_ACTION(name, call)                                               \
    static void vera_window_##name##_cb(GSimpleAction *a, GVariant *v, gpointer data) \
    {                                                                                 \
        VeraWindow *self = data;                                                      \
        call;                                                                         \
    }

VERA_WINDOW_ACTION(new, vera_window_new_project(self))
VERA_WINDOW_ACTION(open, vera_window_choose_open(self))
VERA_WINDOW_ACTION(relink, vera_window_choose_relink(self))
VERA_WINDOW_ACTION(reload, vera_window_reload(self))
VERA_WINDOW_ACTION(dismiss_notice, vera_editor_dismiss_media_notice(self->editor))
VERA_WINDOW_ACTION(end_introduction, vera_window_end_introduction(self))
VERA_WINDOW_ACTION(save, vera_window_save(self))
VERA_WINDOW_ACTION(save_as, vera_window_save_as(self))
VERA_WINDOW_ACTION(clean_takes, vera_window_clean_takes(self))
VERA_WINDOW_ACTION(undo, vera_project_undo(vera_editor_get_project(self->editor)))
VERA_WINDOW_ACTION(redo, vera_project_redo(vera_editor_get_project(self->editor)))
VERA_WINDOW_ACTION(history, vera_project_go_to(vera_editor_get_project(self->editor), (guint)g_variant_get_int32(v)))
VERA_WINDOW_ACTION(show_help, gtk_window_present(GTK_WINDOW(vera_shortcuts_window_new(GTK_WINDOW(self)))))
VERA_WINDOW_ACTION(model_guide, vera_window_show_model_guide(self))
VERA_WINDOW_ACTION(step_back, vera_editor_set_frame(self->editor, vera_editor_get_frame(self->editor) - 1))
VERA_WINDOW_ACTION(step_forward, vera_editor_set_frame(self->editor, vera_editor_get_frame(self->editor) + 1))
VERA_WINDOW_ACTION(jump_back, vera_editor_set_frame(self->editor, vera_editor_get_frame(self->editor) - 10))
VERA_WINDOW_ACTION(jump_forward, vera_editor_set_frame(self->editor, vera_editor_get_frame(self->editor) + 10))
VERA_WINDOW_ACTION(go_first, vera_editor_set_frame(self->editor, 0))
VERA_WINDOW_ACTION(go_last, vera_editor_set_frame(self->editor, vera_editor_get_n_frames(self->editor) - 1))
VERA_WINDOW_ACTION(play, vera_editor_play(self->editor, vera_editor_get_speed(self->editor) != 0 ? 0 : 1))
VERA_WINDOW_ACTION(stop, vera_editor_play(self->editor, 0))
VERA_WINDOW_ACTION(clear_range, vera_editor_set_range(self->editor, -1, -1))
VERA_WINDOW_ACTION(flip, vera_canvas_flip(self->canvas))
VERA_WINDOW_ACTION(zoom_fit, vera_canvas_zoom_fit(self->canvas))
VERA_WINDOW_ACTION(zoom_in, vera_canvas_zoom_by(self->canvas, 1.25))
VERA_WINDOW_ACTION(zoom_out, vera_canvas_zoom_by(self->canvas, 0.8))
VERA_WINDOW_ACTION(timeline_in, vera_timeline_zoom(self->timeline, 1.5))
VERA_WINDOW_ACTION(timeline_out, vera_timeline_zoom(self->timeline, 1 / 1.5))
VERA_WINDOW_ACTION(add_key, vera_editor_add_key(self->editor))
VERA_WINDOW_ACTION(remove_key, vera_editor_remove_key(self->editor))
VERA_WINDOW_ACTION(previous_key, vera_editor_go_key(self->editor, -1))
VERA_WINDOW_ACTION(next_key, vera_editor_go_key(self->editor, 1))
VERA_WINDOW_ACTION(earlier_key, vera_editor_shift_key(self->editor, -1))
VERA_WINDOW_ACTION(later_key, vera_editor_shift_key(self->editor, 1))
VERA_WINDOW_ACTION(start, gtk_widget_activate_action(GTK_WIDGET(self->edit_panel), "edit-panel.start", NULL))
VERA_WINDOW_ACTION(zoom, vera_canvas_zoom_to(self->canvas, g_variant_get_double(v)))
VERA_WINDOW_ACTION(stop_comparing, vera_editor_compare_take(self->editor, NULL))

/* J and L: again is faster; the other one first slows down. */
static void
vera_window_shuttle(VeraWindow *self, int sign)
{
    double speed = vera_editor_get_speed(self->editor);

    if (speed * sign <= 0)
        speed = sign;
    else
        speed = CLAMP(speed * 2, -16.0, 16.0);
    vera_editor_play(self->editor, speed);
}
VERA_WINDOW_ACTION(reverse, vera_window_shuttle(self, -1))
VERA_WINDOW_ACTION(forward, vera_window_shuttle(self, 1))

static void
vera_window_set_in_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;
    gint64 first, last, frame = vera_editor_get_frame(self->editor);

    vera_editor_get_range(self->editor, &first, &last);
    vera_editor_set_range(self->editor, frame, MAX(last, frame));
}

static void
vera_window_set_out_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;
    gint64 first, last, frame = vera_editor_get_frame(self->editor);

    vera_editor_get_range(self->editor, &first, &last);
    vera_editor_set_range(self->editor, MIN(first, frame), frame);
}

static void
vera_window_add_edit_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;

    vera_editor_add_edit(self->editor);
    adw_view_stack_set_visible_child_name(self->side_stack, "edit");
    vera_edit_panel_focus(self->edit_panel);
}

static void
vera_window_delete_edit_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self->editor, &edit);

    if (state == NULL)
        return;
    vera_project_state_remove_edit(state, edit);
    vera_editor_commit(self->editor, state, _("Delete Edit"), NULL);
}

static void
vera_window_add_marker_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;
    VeraProjectState *state = vera_editor_begin_change(self->editor);

    vera_project_state_add_marker(state, vera_editor_get_frame(self->editor), NULL);
    vera_editor_commit(self->editor, state, _("Add Marker"), NULL);
}

/* Takes are counted from 0. */
static const char *
vera_window_get_take_id(VeraWindow *self, GVariant *index)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    guint at = (guint)g_variant_get_int32(index);

    return edit && at < edit->takes->len ? ((VeraProjectTake *)edit->takes->pdata[at])->id : NULL;
}

static void
vera_window_take_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;
    g_autofree char *id = g_strdup(vera_window_get_take_id(self, parameter));

    if (id != NULL)
        vera_editor_choose_take(self->editor, id);
}

/* Again: no longer. */
static void
vera_window_compare_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;
    const char *id = vera_window_get_take_id(self, parameter);
    const VeraProjectTake *compared = vera_editor_get_compared(self->editor);

    if (id != NULL)
        vera_editor_compare_take(self->editor, compared && g_str_equal(compared->id, id) ? NULL : id);
}

static void
vera_window_export_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    VeraWindow *self = data;

    gtk_window_present(GTK_WINDOW(vera_export_dialog_new(GTK_WINDOW(self), self->editor)));
}

static void
vera_window_tool_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    VeraWindow *self = data;

    for (int i = 0; i < VERA_TOOL_COUNT; i++)
        if (g_str_equal(vera_window_tools[i], g_variant_get_string(value, NULL)))
            g_object_set(self->canvas, "tool", i, NULL);
    g_simple_action_set_state(action, value);
}

static void
vera_window_view_action_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_object_set(VERA_WINDOW(data)->canvas, "view", g_variant_get_int32(value), NULL);
    g_simple_action_set_state(action, value);
}

/* A channel's key again shows all of them. */
static void
vera_window_channel_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_autoptr(GVariant) now = g_action_get_state(G_ACTION(action));
    int channel = g_variant_get_int32(now) == g_variant_get_int32(value) ? VERA_CHANNEL_ALL : g_variant_get_int32(value);

    g_object_set(VERA_WINDOW(data)->canvas, "channel", channel, NULL);
    g_simple_action_set_state(action, g_variant_new_int32(channel));
}

static void
vera_window_overlay_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_object_set(VERA_WINDOW(data)->canvas, "has-overlay", g_variant_get_boolean(value), NULL);
    g_simple_action_set_state(action, value);
}

static void
vera_window_nudge_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    int dx, dy;

    g_variant_get(value, "(ii)", &dx, &dy);
    vera_editor_nudge_region(VERA_WINDOW(data)->editor, dx, dy);
}

static void
vera_window_onion_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_object_set(VERA_WINDOW(data)->canvas, "has-onion", g_variant_get_boolean(value), NULL);
    g_simple_action_set_state(action, value);
}

/* Wipe and side by side are two ways of one comparison. */
static void
vera_window_split_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_object_set(VERA_WINDOW(data)->canvas, "has-split", g_variant_get_boolean(value), NULL);
    g_simple_action_set_state(action, value);
    if (g_variant_get_boolean(value))
        g_action_group_change_action_state(G_ACTION_GROUP(data), "wipe", g_variant_new_boolean(FALSE));
}

static void
vera_window_wipe_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_object_set(VERA_WINDOW(data)->canvas, "has-wipe", g_variant_get_boolean(value), NULL);
    g_simple_action_set_state(action, value);
    if (g_variant_get_boolean(value))
        g_action_group_change_action_state(G_ACTION_GROUP(data), "split", g_variant_new_boolean(FALSE));
}

static void
vera_window_loop_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    g_object_set(VERA_WINDOW(data)->editor, "is-looping", g_variant_get_boolean(value), NULL);
    g_simple_action_set_state(action, value);
}

static void
vera_window_linear_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    vera_editor_set_linear(VERA_WINDOW(data)->editor, g_variant_get_boolean(value));
}

static void
vera_window_fullscreen_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    if (gtk_window_is_fullscreen(GTK_WINDOW(data)))
        gtk_window_unfullscreen(GTK_WINDOW(data));
    else
        gtk_window_fullscreen(GTK_WINDOW(data));
}

static const GActionEntry vera_window_entries[] = {
    { .name = "new", .activate = vera_window_new_cb },
    { .name = "open", .activate = vera_window_open_cb },
    { .name = "add-clip", .activate = vera_window_open_cb },
    { .name = "relink", .activate = vera_window_relink_cb },
    { .name = "reload", .activate = vera_window_reload_cb },
    { .name = "dismiss-notice", .activate = vera_window_dismiss_notice_cb },
    { .name = "end-introduction", .activate = vera_window_end_introduction_cb },
    { .name = "save", .activate = vera_window_save_cb },
    { .name = "save-as", .activate = vera_window_save_as_cb },
    { .name = "clean-takes", .activate = vera_window_clean_takes_cb },
    { .name = "undo", .activate = vera_window_undo_cb },
    { .name = "redo", .activate = vera_window_redo_cb },
    { .name = "history", .activate = vera_window_history_cb, .parameter_type = "i", .state = "0" },
    { .name = "step-back", .activate = vera_window_step_back_cb },
    { .name = "step-forward", .activate = vera_window_step_forward_cb },
    { .name = "jump-back", .activate = vera_window_jump_back_cb },
    { .name = "jump-forward", .activate = vera_window_jump_forward_cb },
    { .name = "go-first", .activate = vera_window_go_first_cb },
    { .name = "go-last", .activate = vera_window_go_last_cb },
    { .name = "play", .activate = vera_window_play_cb },
    { .name = "stop", .activate = vera_window_stop_cb },
    { .name = "reverse", .activate = vera_window_reverse_cb },
    { .name = "forward", .activate = vera_window_forward_cb },
    { .name = "set-in", .activate = vera_window_set_in_cb },
    { .name = "set-out", .activate = vera_window_set_out_cb },
    { .name = "clear-range", .activate = vera_window_clear_range_cb },
    { .name = "add-edit", .activate = vera_window_add_edit_cb },
    { .name = "delete-edit", .activate = vera_window_delete_edit_cb },
    { .name = "add-marker", .activate = vera_window_add_marker_cb },
    { .name = "add-key", .activate = vera_window_add_key_cb },
    { .name = "remove-key", .activate = vera_window_remove_key_cb },
    { .name = "previous-key", .activate = vera_window_previous_key_cb },
    { .name = "next-key", .activate = vera_window_next_key_cb },
    { .name = "earlier-key", .activate = vera_window_earlier_key_cb },
    { .name = "later-key", .activate = vera_window_later_key_cb },
    { .name = "nudge", .activate = vera_window_nudge_cb, .parameter_type = "(ii)" },
    { .name = "start", .activate = vera_window_start_cb },
    { .name = "export", .activate = vera_window_export_cb },
    { .name = "flip", .activate = vera_window_flip_cb },
    { .name = "zoom-fit", .activate = vera_window_zoom_fit_cb },
    { .name = "zoom-in", .activate = vera_window_zoom_in_cb },
    { .name = "zoom-out", .activate = vera_window_zoom_out_cb },
    { .name = "timeline-in", .activate = vera_window_timeline_in_cb },
    { .name = "timeline-out", .activate = vera_window_timeline_out_cb },
    { .name = "zoom", .activate = vera_window_zoom_cb, .parameter_type = "d" },
    { .name = "take", .activate = vera_window_take_cb, .parameter_type = "i" },
    { .name = "compare", .activate = vera_window_compare_cb, .parameter_type = "i" },
    { .name = "stop-comparing", .activate = vera_window_stop_comparing_cb },
    { .name = "model-guide", .activate = vera_window_model_guide_cb },
    { .name = "show-help-overlay", .activate = vera_window_show_help_cb },
    { .name = "fullscreen", .activate = vera_window_fullscreen_cb },
    { .name = "tool", .parameter_type = "s", .state = "'pan'", .change_state = vera_window_tool_cb },
    { .name = "view", .parameter_type = "i", .state = "0", .change_state = vera_window_view_action_cb },
    { .name = "channel", .parameter_type = "i", .state = "0", .change_state = vera_window_channel_cb },
    { .name = "overlay", .state = "false", .change_state = vera_window_overlay_cb },
    { .name = "wipe", .state = "false", .change_state = vera_window_wipe_cb },
    { .name = "split", .state = "false", .change_state = vera_window_split_cb },
    { .name = "onion", .state = "false", .change_state = vera_window_onion_cb },
    { .name = "loop", .state = "false", .change_state = vera_window_loop_cb },
    { .name = "linear", .state = "false", .change_state = vera_window_linear_cb },
};

static void
vera_window_enable(VeraWindow *self, const char *name, gboolean is_enabled)
{
    GAction *action = g_action_map_lookup_action(G_ACTION_MAP(self), name);

    g_simple_action_set_enabled(G_SIMPLE_ACTION(action), is_enabled);
}

void
vera_window_update_actions(VeraWindow *self)
{
    VeraProject *project = vera_editor_get_project(self->editor);
    gboolean has_clip = vera_editor_get_clip_info(self->editor) != NULL, has_edit = vera_editor_get_selected(self->editor) != NULL;
    static const char *const with_clip[] = { "add-edit", "export", "play", "step-back", "step-forward", "go-first",
                                             "go-last",  "set-in", "set-out", "add-marker", "zoom-fit", "flip" };
    GAction *view = g_action_map_lookup_action(G_ACTION_MAP(self), "view");
    GAction *linear = g_action_map_lookup_action(G_ACTION_MAP(self), "linear");
    int shown;

    for (gsize i = 0; i < G_N_ELEMENTS(with_clip); i++)
        vera_window_enable(self, with_clip[i], has_clip);
    vera_window_enable(self, "undo", vera_project_get_can_undo(project));
    vera_window_enable(self, "redo", vera_project_get_can_redo(project));
    vera_window_enable(self, "delete-edit", has_edit);
    vera_window_enable(self, "start", has_clip && has_edit);
    g_object_get(self->canvas, "view", &shown, NULL);
    g_simple_action_set_state(G_SIMPLE_ACTION(view), g_variant_new_int32(shown));
    g_simple_action_set_state(G_SIMPLE_ACTION(linear), g_variant_new_boolean(vera_editor_get_state(self->editor)->is_linear_over));
}

/* Space, Return and the arrows belong to a button or a slider that was reached with Tab; one that was clicked leaves them to the picture. */
static gboolean
vera_window_is_for_focus(VeraWindow *self, guint keyval)
{
    GtkWidget *focus = gtk_window_get_focus(GTK_WINDOW(self));
    static const guint keys[] = { GDK_KEY_space, GDK_KEY_Return, GDK_KEY_KP_Enter, GDK_KEY_Left, GDK_KEY_Right, GDK_KEY_Home, GDK_KEY_End };

    if (GTK_IS_EDITABLE(focus) || GTK_IS_TEXT_VIEW(focus))
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        if (keys[i] == keyval)
            return self->is_focus_by_key && focus != NULL && focus != GTK_WIDGET(self->canvas) && focus != GTK_WIDGET(self->timeline);
    return FALSE;
}

static void
vera_window_run(VeraWindow *self, const VeraShortcut *shortcut)
{
    g_autofree char *name = NULL;
    g_autoptr(GVariant) target = NULL;

    if (g_action_parse_detailed_name(shortcut->action, &name, &target, NULL))
        gtk_widget_activate_action_variant(GTK_WIDGET(self), name, target);
}

/* K held, with J and L. */
static gboolean
vera_window_jog(VeraWindow *self, const VeraShortcut *shortcut, guint code)
{
    static const char *const actions[] = { "win.stop", "win.reverse", "win.forward" };

    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++)
        if (g_str_equal(shortcut->action, actions[i]))
            return vera_jog_press(&self->jog, self->editor, (VeraJogKey)i, code);
    return FALSE;
}

static void
vera_window_key_released_cb(GtkEventControllerKey *controller, guint keyval, guint code, GdkModifierType state, VeraWindow *self)
{
    vera_jog_release(&self->jog, self->editor, code);
}

static void
vera_window_active_cb(VeraWindow *self)
{
    if (!gtk_window_is_active(GTK_WINDOW(self)) && self->editor != NULL)
        vera_jog_reset(&self->jog, self->editor);
}

static gboolean
vera_window_key_cb(GtkEventControllerKey *controller, guint keyval, guint code, GdkModifierType state, VeraWindow *self)
{
    GdkModifierType modifiers = state & (GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SHIFT_MASK | GDK_SUPER_MASK);
    const VeraShortcut *shortcut;

    if (keyval == GDK_KEY_Tab || keyval == GDK_KEY_ISO_Left_Tab)
        self->is_focus_by_key = TRUE;
    if ((keyval == GDK_KEY_Return || keyval == GDK_KEY_KP_Enter) && modifiers == 0 && vera_canvas_is_drawing(self->canvas))
        return GDK_EVENT_PROPAGATE;
    if (vera_window_is_for_focus(self, keyval) || vera_editor_get_clip_info(self->editor) == NULL)
        return GDK_EVENT_PROPAGATE;
    if (keyval >= GDK_KEY_0 && keyval <= GDK_KEY_9 && (modifiers == 0 || modifiers == GDK_ALT_MASK))
        return gtk_widget_activate_action(GTK_WIDGET(self), modifiers == 0 ? "win.take" : "win.compare", "i",
                                          (int)(keyval == GDK_KEY_0 ? 9 : keyval - GDK_KEY_1));
    shortcut = vera_shortcuts_match(gtk_event_controller_get_current_event(GTK_EVENT_CONTROLLER(controller)));
    if (shortcut == NULL)
        return GDK_EVENT_PROPAGATE;
    if (!vera_window_jog(self, shortcut, code))
        vera_window_run(self, shortcut);
    return GDK_EVENT_STOP;
}

static void
vera_window_pressed_cb(GtkGestureClick *click, int n_press, double x, double y, VeraWindow *self)
{
    self->is_focus_by_key = FALSE;
}

void
vera_window_add_actions(VeraWindow *self)
{
    GtkEventController *keys = gtk_event_controller_key_new();
    GtkGesture *click = gtk_gesture_click_new();

    g_action_map_add_action_entries(G_ACTION_MAP(self), vera_window_entries, G_N_ELEMENTS(vera_window_entries), self);
    gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
    g_signal_connect(keys, "key-pressed", G_CALLBACK(vera_window_key_cb), self);
    g_signal_connect(keys, "key-released", G_CALLBACK(vera_window_key_released_cb), self);
    g_signal_connect(self, "notify::is-active", G_CALLBACK(vera_window_active_cb), NULL);
    gtk_widget_add_controller(GTK_WIDGET(self), keys);
    gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), 0);
    gtk_event_controller_set_propagation_phase(GTK_EVENT_CONTROLLER(click), GTK_PHASE_CAPTURE);
    g_signal_connect(click, "pressed", G_CALLBACK(vera_window_pressed_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(click));
}
