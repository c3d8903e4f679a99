#include "config.h"

#include "ui/vera-timeline.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-timeline-private.h"

/* How near the pointer must be to an edge to take it, in pixels. */
#define VERA_TIMELINE_NEAR 6

G_DEFINE_FINAL_TYPE(VeraTimeline, vera_timeline, GTK_TYPE_WIDGET)

double
vera_timeline_get_clip_height(VeraTimeline *self)
{
    return VERA_TIMELINE_CLIP + (self->waveform ? vera_timeline_waveform_get_height(self->waveform) : 0);
}

double
vera_timeline_get_row_y(VeraTimeline *self, guint index)
{
    guint n = vera_editor_get_state(self->editor)->edits->len;

    return VERA_TIMELINE_RULER + 2 * VERA_TIMELINE_GAP + vera_timeline_get_clip_height(self) + (double)(n - 1 - index) * VERA_TIMELINE_ROW;
}

const VeraEdit *
vera_timeline_get_edit_at(VeraTimeline *self, double x, double y)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);

    for (guint i = 0; i < state->edits->len; i++) {
        const VeraEdit *edit = g_ptr_array_index(state->edits, i);
        double top = vera_timeline_get_row_y(self, i);
        if (y >= top && y < top + VERA_TIMELINE_ROW && x >= vera_timeline_axis_get_x(&self->axis, (double)edit->first) - VERA_TIMELINE_NEAR &&
            x <= vera_timeline_axis_get_x(&self->axis, (double)edit->last + 1) + VERA_TIMELINE_NEAR)
            return edit;
    }
    return NULL;
}

double
vera_timeline_get_key_y(double top)
{
    return top + VERA_TIMELINE_ROW - 8;
}

gint64
vera_timeline_get_key_at(VeraTimeline *self, double x, double y)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    g_autoptr(GArray) frames = edit && edit->region ? vera_region_list_keys(edit->region) : NULL;
    guint row;

    if (frames == NULL || !g_ptr_array_find(state->edits, edit, &row) ||
        fabs(y - vera_timeline_get_key_y(vera_timeline_get_row_y(self, row))) > VERA_TIMELINE_NEAR)
        return -1;
    for (guint i = 0; i < frames->len; i++) {
        gint64 frame = g_array_index(frames, gint64, i);
        if (fabs(x - vera_timeline_axis_get_x(&self->axis, (double)frame + 0.5)) <= VERA_TIMELINE_NEAR)
            return frame;
    }
    return -1;
}

static gboolean
vera_timeline_is_near(VeraTimeline *self, double x, gint64 frame)
{
    return fabs(x - vera_timeline_axis_get_x(&self->axis, (double)frame)) <= VERA_TIMELINE_NEAR;
}

static VeraTimelineGrip
vera_timeline_get_grip(VeraTimeline *self, double x, double y, const VeraEdit **edit)
{
    gint64 first, last;

    *edit = NULL;
    if (vera_timeline_get_key_at(self, x, y) >= 0)
        return VERA_TIMELINE_GRIP_KEY;
    *edit = vera_timeline_get_edit_at(self, x, y);
    if (*edit != NULL) {
        if (vera_timeline_is_near(self, x, (*edit)->last + 1))
            return VERA_TIMELINE_GRIP_EDIT_LAST;
        return vera_timeline_is_near(self, x, (*edit)->first) ? VERA_TIMELINE_GRIP_EDIT_FIRST : VERA_TIMELINE_GRIP_EDIT;
    }
    if (y < VERA_TIMELINE_RULER || y > VERA_TIMELINE_RULER + vera_timeline_get_clip_height(self) || !vera_editor_get_range(self->editor, &first, &last))
        return VERA_TIMELINE_GRIP_PLAYHEAD;
    if (vera_timeline_is_near(self, x, first))
        return VERA_TIMELINE_GRIP_IN;
    return vera_timeline_is_near(self, x, last + 1) ? VERA_TIMELINE_GRIP_OUT : VERA_TIMELINE_GRIP_PLAYHEAD;
}

static void
vera_timeline_move_edit(VeraTimeline *self, gint64 frame)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self->editor, &edit);
    gint64 end = vera_editor_get_n_frames(self->editor) - 1, delta = frame - self->grip_frame;

    if (state == NULL)
        return;
    delta = CLAMP(delta, -self->grip_first, end - self->grip_last);
    if (self->grip == VERA_TIMELINE_GRIP_EDIT_FIRST)
        edit->first = MIN(frame, edit->last);
    else if (self->grip == VERA_TIMELINE_GRIP_EDIT_LAST)
        edit->last = MAX(frame, edit->first);
    else {
        edit->first = self->grip_first + delta;
        edit->last = self->grip_last + delta;
    }
    vera_editor_commit(self->editor, state, self->grip == VERA_TIMELINE_GRIP_EDIT ? _("Move Edit") : _("Trim Edit"), "timeline-drag");
}

static void
vera_timeline_drag_to(VeraTimeline *self, double x)
{
    gint64 frame = vera_timeline_axis_get_frame(&self->axis, x), first, last;

    vera_editor_get_range(self->editor, &first, &last);
    switch (self->grip) {
    case VERA_TIMELINE_GRIP_PLAYHEAD:
        vera_editor_set_frame(self->editor, frame);
        break;
    case VERA_TIMELINE_GRIP_IN:
        vera_editor_set_range(self->editor, MIN(frame, last), last);
        break;
    case VERA_TIMELINE_GRIP_OUT:
        vera_editor_set_range(self->editor, first, MAX(frame, first));
        break;
    case VERA_TIMELINE_GRIP_EDIT_FIRST:
    case VERA_TIMELINE_GRIP_EDIT_LAST:
    case VERA_TIMELINE_GRIP_EDIT:
        if (frame != self->grip_frame)
            vera_timeline_move_edit(self, frame);
        break;
    case VERA_TIMELINE_GRIP_KEY:
        self->grip_frame = vera_editor_move_key(self->editor, self->grip_frame, frame, "key-drag");
        if (self->grip_frame >= 0)
            vera_editor_set_frame(self->editor, self->grip_frame);
        break;
    }
}

static void
vera_timeline_drag_begin_cb(GtkGestureDrag *drag, double x, double y, VeraTimeline *self)
{
    const VeraEdit *edit = NULL;

    gtk_widget_grab_focus(GTK_WIDGET(self));
    if (vera_editor_get_n_frames(self->editor) == 0)
        return;
    self->grip = vera_timeline_get_grip(self, x, y, &edit);
    self->grip_frame = self->grip >= VERA_TIMELINE_GRIP_EDIT_FIRST ? vera_timeline_axis_get_frame(&self->axis, x) : -1;
    if (self->grip == VERA_TIMELINE_GRIP_KEY) {
        self->grip_frame = vera_timeline_get_key_at(self, x, y);
        vera_editor_set_frame(self->editor, self->grip_frame);
        return;
    }
    if (edit != NULL) {
        self->grip_first = edit->first;
        self->grip_last = edit->last;
        vera_editor_select(self->editor, edit->id);
    }
    vera_timeline_drag_to(self, x);
}

static void
vera_timeline_drag_update_cb(GtkGestureDrag *drag, double dx, double dy, VeraTimeline *self)
{
    double x, y;

    gtk_gesture_drag_get_start_point(drag, &x, &y);
    if (vera_editor_get_n_frames(self->editor) > 0)
        vera_timeline_drag_to(self, x + dx);
}

static void
vera_timeline_drag_end_cb(GtkGestureDrag *drag, double dx, double dy, VeraTimeline *self)
{
    vera_project_end_merge(vera_editor_get_project(self->editor));
}

static gboolean
vera_timeline_scroll_cb(GtkEventControllerScroll *scroll, double dx, double dy, VeraTimeline *self)
{
    GdkModifierType state = gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(scroll));

    if (state & GDK_CONTROL_MASK)
        vera_timeline_axis_zoom(&self->axis, pow(1.25, -dy), self->pointer_x);
    else
        vera_timeline_axis_scroll(&self->axis, (fabs(dx) > fabs(dy) ? dx : dy) * 48);
    gtk_widget_queue_draw(GTK_WIDGET(self));
    return GDK_EVENT_STOP;
}

static void
vera_timeline_motion_cb(GtkEventControllerMotion *motion, double x, double y, VeraTimeline *self)
{
    const VeraEdit *edit = NULL;
    VeraTimelineGrip grip = vera_timeline_get_grip(self, x, y, &edit);
    gboolean is_edge = grip != VERA_TIMELINE_GRIP_PLAYHEAD && grip != VERA_TIMELINE_GRIP_EDIT;

    self->pointer_x = x;
    gtk_widget_set_cursor_from_name(GTK_WIDGET(self), is_edge ? "ew-resize" : NULL);
}

static gboolean
vera_timeline_query_tooltip_cb(GtkWidget *widget, int x, int y, gboolean is_keyboard, GtkTooltip *tooltip, gpointer data)
{
    VeraTimeline *self = VERA_TIMELINE(widget);
    const VeraEdit *edit = vera_timeline_get_edit_at(self, x, y);

    if (vera_timeline_get_key_at(self, x, y) >= 0) {
        gtk_tooltip_set_text(tooltip, _("Keyframe of the region: drag to move it, Alt+Delete deletes it"));
        return TRUE;
    }
    if (edit == NULL || *edit->instruction == '\0')
        return FALSE;
    gtk_tooltip_set_text(tooltip, edit->instruction);
    return TRUE;
}

void
vera_timeline_zoom(VeraTimeline *self, double factor)
{
    double x = vera_timeline_axis_get_x(&self->axis, (double)vera_editor_get_frame(self->editor));

    if (factor == 0)
        vera_timeline_axis_fit(&self->axis);
    else
        vera_timeline_axis_zoom(&self->axis, factor, x);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

/* GTK 4.8 has no range of its own for widgets that are none of its own, so the description carries what the value says. */
static void
vera_timeline_speak(VeraTimeline *self)
{
    double last = (double)MAX(vera_editor_get_n_frames(self->editor) - 1, 0), frame = (double)vera_editor_get_frame(self->editor);
    g_autofree char *text = vera_timeline_describe(self);

    if (g_strcmp0(text, self->spoken) == 0)
        return;
    g_free(self->spoken);
    self->spoken = g_steal_pointer(&text);
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0, GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, last,
                                   GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, frame, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, self->spoken,
                                   GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, self->spoken, -1);
}

static void
vera_timeline_frame_cb(VeraTimeline *self)
{
    vera_timeline_axis_show(&self->axis, vera_editor_get_frame(self->editor));
    vera_timeline_speak(self);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

static void
vera_timeline_clip_changed_cb(VeraTimeline *self)
{
    VeraFrameCache *cache = vera_editor_get_cache(self->editor);
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    const char *path = vera_editor_get_clip_path(self->editor);

    g_clear_pointer(&self->filmstrip, vera_timeline_filmstrip_free);
    if (cache != NULL)
        self->filmstrip = vera_timeline_filmstrip_new(GTK_WIDGET(self), cache, VERA_TIMELINE_CLIP);
    g_clear_pointer(&self->waveform, vera_timeline_waveform_free);
    if (info != NULL && path != NULL)
        self->waveform = vera_timeline_waveform_new(GTK_WIDGET(self), path, info->start_time,
                                                    (double)info->rate_num / MAX(info->rate_den, 1));
    if (self->waveform != NULL && info->is_variable_rate)
        vera_timeline_waveform_follow(self->waveform, vera_frame_cache_get_clip(cache));
    self->axis.n_frames = MAX(vera_editor_get_n_frames(self->editor), 1);
    vera_timeline_axis_fit(&self->axis);
    vera_timeline_speak(self);
    gtk_widget_queue_resize(GTK_WIDGET(self));
}

static void
vera_timeline_ready_cb(VeraTimeline *self)
{
    vera_timeline_speak(self);
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
vera_timeline_set_editor(VeraTimeline *self, VeraEditor *editor)
{
    g_set_object(&self->editor, editor);
    g_signal_connect_object(editor, "notify::frame", G_CALLBACK(vera_timeline_frame_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "notify::selected-edit", G_CALLBACK(vera_timeline_ready_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "frame-ready", G_CALLBACK(vera_timeline_ready_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "clip-changed", G_CALLBACK(vera_timeline_clip_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(editor, "project-changed", G_CALLBACK(gtk_widget_queue_resize), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(vera_editor_get_queue(editor), "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
}

static void
vera_timeline_measure(
    GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *min_baseline, int *natural_baseline)
{
    VeraTimeline *self = VERA_TIMELINE(widget);
    int rows = self->editor ? (int)vera_editor_get_state(self->editor)->edits->len : 0;

    *minimum = *natural = orientation == GTK_ORIENTATION_HORIZONTAL
                              ? 200
                              : VERA_TIMELINE_RULER + 3 * VERA_TIMELINE_GAP + (int)vera_timeline_get_clip_height(self) +
                                    MAX(rows, 1) * VERA_TIMELINE_ROW;
}

static void
vera_timeline_size_allocate(GtkWidget *widget, int width, int height, int baseline)
{
    vera_timeline_axis_set_width(&VERA_TIMELINE(widget)->axis, width);
}

static void
vera_timeline_snapshot(GtkWidget *widget, GtkSnapshot *snapshot)
{
    VeraTimeline *self = VERA_TIMELINE(widget);

    if (self->editor != NULL && vera_editor_get_clip_info(self->editor) != NULL)
        vera_timeline_draw(self, snapshot);
}

static void
vera_timeline_dispose(GObject *object)
{
    g_clear_pointer(&VERA_TIMELINE(object)->filmstrip, vera_timeline_filmstrip_free);
    g_clear_pointer(&VERA_TIMELINE(object)->waveform, vera_timeline_waveform_free);
    g_clear_pointer(&VERA_TIMELINE(object)->spoken, g_free);
    g_clear_object(&VERA_TIMELINE(object)->editor);
    G_OBJECT_CLASS(vera_timeline_parent_class)->dispose(object);
}

static void
vera_timeline_class_init(VeraTimelineClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_timeline_dispose;
    widget_class->measure = vera_timeline_measure;
    widget_class->size_allocate = vera_timeline_size_allocate;
    widget_class->snapshot = vera_timeline_snapshot;
    gtk_widget_class_set_css_name(widget_class, "timeline");
    gtk_widget_class_set_accessible_role(widget_class, GTK_ACCESSIBLE_ROLE_SLIDER);
}

static void
vera_timeline_init(VeraTimeline *self)
{
    GtkWidget *widget = GTK_WIDGET(self);
    GtkGesture *drag = gtk_gesture_drag_new();
    GtkEventController *scroll = gtk_event_controller_scroll_new(GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
    GtkEventController *motion = gtk_event_controller_motion_new();

    self->axis = (VeraTimelineAxis){ .n_frames = 1, .width = 200, .pixels_per_frame = 1 };
    g_signal_connect(drag, "drag-begin", G_CALLBACK(vera_timeline_drag_begin_cb), self);
    g_signal_connect(drag, "drag-update", G_CALLBACK(vera_timeline_drag_update_cb), self);
    g_signal_connect(drag, "drag-end", G_CALLBACK(vera_timeline_drag_end_cb), self);
    g_signal_connect(scroll, "scroll", G_CALLBACK(vera_timeline_scroll_cb), self);
    g_signal_connect(motion, "motion", G_CALLBACK(vera_timeline_motion_cb), self);
    gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(drag));
    gtk_widget_add_controller(widget, scroll);
    gtk_widget_add_controller(widget, motion);
    g_signal_connect(self, "query-tooltip", G_CALLBACK(vera_timeline_query_tooltip_cb), NULL);
    gtk_widget_set_has_tooltip(widget, TRUE);
    gtk_widget_set_focusable(widget, TRUE);
    gtk_widget_set_overflow(widget, GTK_OVERFLOW_HIDDEN);
    gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Timeline"), -1);
}
