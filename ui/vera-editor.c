#include "config.h"

#include "ui/vera-editor-private.h"

#include <glib/gi18n.h>
#include <math.h>

G_DEFINE_FINAL_TYPE(VeraEditor, vera_editor, G_TYPE_OBJECT)

enum {
    PROP_0,
    PROP_FRAME,
    PROP_SELECTED_EDIT,
    PROP_IS_PLAYING,
    PROP_SPEED,
    PROP_IS_LOOPING,
    PROP_PROJECT,
    PROP_COMPARED_TAKE,
    PROP_MEDIA_TROUBLE,
    PROP_MEDIA_NOTICE,
    N_PROPS
};
static GParamSpec *props[N_PROPS];

enum { SIGNAL_CLIP_CHANGED, SIGNAL_PROJECT_CHANGED, SIGNAL_FRAME_READY, SIGNAL_MESSAGE, SIGNAL_PROXIES_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

void
vera_editor_say(VeraEditor *self, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_signal_emit(self, signals[SIGNAL_MESSAGE], 0, text);
}

void
vera_editor_notify_ready(VeraEditor *self)
{
    g_signal_emit(self, signals[SIGNAL_FRAME_READY], 0);
}

void
vera_editor_notify_compared(VeraEditor *self)
{
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_COMPARED_TAKE]);
}

VeraProject *
vera_editor_get_project(VeraEditor *self)
{
    return self->project;
}

const VeraProjectState *
vera_editor_get_state(VeraEditor *self)
{
    return vera_project_get_state(self->project);
}

VeraQueue *
vera_editor_get_queue(VeraEditor *self)
{
    return self->queue;
}

/* Selection and clip may have gone with an undo. */
static void
vera_editor_settle(VeraEditor *self)
{
    const VeraProjectState *state = vera_editor_get_state(self);

    if (self->selected && !vera_project_state_find_edit(state, self->selected))
        vera_editor_select(self, NULL);
    vera_editor_settle_clip(self);
    if (self->selected == NULL && state->edits->len > 0) {
        VeraEdit *edit = g_ptr_array_index(state->edits, state->edits->len - 1);
        vera_editor_select(self, edit->id);
    }
}

static void
vera_editor_project_changed_cb(VeraEditor *self)
{
    vera_editor_settle(self);
    g_signal_emit(self, signals[SIGNAL_PROJECT_CHANGED], 0);
    vera_editor_notify_ready(self);
}

void
vera_editor_set_project(VeraEditor *self, VeraProject *project)
{
    g_return_if_fail(VERA_IS_EDITOR(self));
    g_return_if_fail(VERA_IS_PROJECT(project));
    vera_editor_play(self, 0);
    if (self->project != NULL)
        g_signal_handlers_disconnect_by_data(self->project, self);
    g_set_object(&self->project, project);
    g_signal_connect_object(project, "changed", G_CALLBACK(vera_editor_project_changed_cb), self, G_CONNECT_SWAPPED);
    vera_editor_close_clip(self);
    g_clear_pointer(&self->back_clip_id, g_free);
    g_clear_pointer(&self->selected, g_free);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_PROJECT]);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SELECTED_EDIT]);
    vera_editor_project_changed_cb(self);
}

gint64
vera_editor_get_n_frames(VeraEditor *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self);

    return info ? info->n_frames : 0;
}

gint64
vera_editor_get_frame(VeraEditor *self)
{
    return self->frame;
}

static void
vera_editor_move(VeraEditor *self, gint64 frame)
{
    gint64 last = MAX(vera_editor_get_n_frames(self) - 1, 0);

    frame = CLAMP(frame, 0, last);
    if (frame == self->frame)
        return;
    self->direction = frame > self->frame ? 1 : -1;
    self->frame = frame;
    vera_editor_request(self);
    vera_editor_set_preview_frame(self);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_FRAME]);
    vera_editor_notify_ready(self);
}

void
vera_editor_set_frame(VeraEditor *self, gint64 frame)
{
    g_return_if_fail(VERA_IS_EDITOR(self));
    vera_editor_play(self, 0);
    vera_editor_move(self, frame);
}

gboolean
vera_editor_get_range(VeraEditor *self, gint64 *first, gint64 *last)
{
    const VeraProjectState *state = vera_editor_get_state(self);
    gint64 end = MAX(vera_editor_get_n_frames(self) - 1, 0);

    *first = state->in_frame >= 0 ? MIN(state->in_frame, end) : 0;
    *last = state->out_frame >= 0 ? CLAMP(state->out_frame, *first, end) : end;
    return state->in_frame >= 0 || state->out_frame >= 0;
}

void
vera_editor_set_range(VeraEditor *self, gint64 first, gint64 last)
{
    VeraProjectState *state = vera_editor_begin_change(self);

    state->in_frame = first;
    state->out_frame = last >= 0 && first >= 0 ? MAX(last, first) : last;
    vera_editor_commit(self, state, _("Set Range"), "range");
}

/* Play runs within the range; from outside, or from the end that it would run into at once, it begins anew. */
static void
vera_editor_enter_range(VeraEditor *self, double speed)
{
    gint64 first, last;

    vera_editor_get_range(self, &first, &last);
    if (self->frame < first || self->frame > last || (self->speed == 0 && self->frame == (speed > 0 ? last : first)))
        vera_editor_move(self, speed > 0 ? first : last);
}

void
vera_editor_play(VeraEditor *self, double speed)
{
    gboolean was_playing = self->speed != 0;

    if (speed == self->speed || (speed != 0 && vera_editor_get_n_frames(self) == 0))
        return;
    if (speed != 0)
        vera_editor_enter_range(self, speed);
    self->speed = speed;
    self->play_from = self->frame;
    self->play_start_us = 0;
    vera_editor_settle_sound(self);
    if (was_playing != (speed != 0))
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_IS_PLAYING]);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SPEED]);
}

double
vera_editor_get_speed(VeraEditor *self)
{
    return self->speed;
}

static void
vera_editor_play_from(VeraEditor *self, gint64 frame)
{
    vera_editor_move(self, frame);
    self->play_from = frame;
    self->play_start_us = 0;
    vera_editor_settle_sound(self);
}

/* At an end of the range: once more, or stop there. */
static void
vera_editor_reach_end(VeraEditor *self, gint64 end, gint64 start)
{
    if (self->is_looping) {
        vera_editor_play_from(self, start);
        return;
    }
    vera_editor_move(self, end);
    vera_editor_play(self, 0);
}

/* The frame that belongs on the screen so many seconds after play began; each one has its own time. Times are rounded. */
static gint64
vera_editor_get_due_frame(VeraEditor *self, double seconds)
{
    VeraClip *clip = vera_frame_cache_get_clip(self->cache);
    double due = vera_clip_get_frame_at(clip, vera_clip_get_frame_time(clip, self->play_from) + seconds * self->speed);

    return (gint64)(self->speed > 0 ? floor(due + 1e-3) : ceil(due - 1e-3));
}

void
vera_editor_tick(VeraEditor *self, gint64 time_us)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self);
    gint64 first, last, frame;
    double heard;

    if (self->speed == 0 || info == NULL)
        return;
    if (self->play_start_us == 0)
        self->play_start_us = time_us;
    frame = vera_editor_get_due_frame(self, (double)(time_us - self->play_start_us) * 1e-6);
    if (vera_editor_get_heard_frame(self, &heard)) {
        /* Pictures wait for the sound or leave some out, and go on from here if the sound ends. The frame's own time is rounded. */
        frame = MAX((gint64)floor(heard + 1e-3), self->frame);
        self->play_from = frame;
        self->play_start_us = time_us;
    }
    vera_editor_get_range(self, &first, &last);
    if (self->speed > 0 && frame > last)
        vera_editor_reach_end(self, last, first);
    else if (self->speed < 0 && frame < first)
        vera_editor_reach_end(self, first, last);
    else if (frame < first || frame > last) /* the range was moved meanwhile */
        vera_editor_play_from(self, self->speed > 0 ? first : last);
    else
        vera_editor_move(self, frame);
}

const VeraEdit *
vera_editor_get_selected(VeraEditor *self)
{
    return vera_project_state_find_edit(vera_editor_get_state(self), self->selected);
}

void
vera_editor_select(VeraEditor *self, const char *edit_id)
{
    if (g_strcmp0(self->selected, edit_id) == 0)
        return;
    g_free(self->selected);
    self->selected = g_strdup(edit_id);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SELECTED_EDIT]);
    vera_editor_notify_compared(self);
    vera_editor_notify_ready(self);
}

VeraProjectState *
vera_editor_begin_change(VeraEditor *self)
{
    return vera_project_state_copy(vera_editor_get_state(self));
}

VeraProjectState *
vera_editor_begin_edit_change(VeraEditor *self, VeraEdit **edit)
{
    g_autoptr(VeraProjectState) state = vera_editor_begin_change(self);

    *edit = vera_project_state_find_edit(state, self->selected);
    return *edit ? g_steal_pointer(&state) : NULL;
}

void
vera_editor_commit(VeraEditor *self, VeraProjectState *state, const char *name, const char *merge_key)
{
    vera_project_commit(self->project, state, name, merge_key);
}

void
vera_editor_add_edit(VeraEditor *self)
{
    VeraProjectState *state;
    VeraEdit *edit;
    gint64 first, last;

    if (self->clip_id == NULL || vera_editor_get_n_frames(self) == 0) {
        vera_editor_say(self, _("Open a clip first"));
        return;
    }
    vera_editor_get_range(self, &first, &last);
    state = vera_editor_begin_change(self);
    edit = vera_edit_new(self->clip_id, first, last);
    g_ptr_array_add(state->edits, edit);
    g_free(self->selected);
    self->selected = g_strdup(edit->id);
    vera_editor_commit(self, state, _("Add Edit"), NULL);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SELECTED_EDIT]);
}

static void
vera_editor_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    VeraEditor *self = VERA_EDITOR(object);

    switch (id) {
    case PROP_FRAME:
        g_value_set_int64(value, self->frame);
        break;
    case PROP_SELECTED_EDIT:
        g_value_set_string(value, self->selected);
        break;
    case PROP_IS_PLAYING:
        g_value_set_boolean(value, self->speed != 0);
        break;
    case PROP_SPEED:
        g_value_set_double(value, self->speed);
        break;
    case PROP_IS_LOOPING:
        g_value_set_boolean(value, self->is_looping);
        break;
    case PROP_PROJECT:
        g_value_set_object(value, self->project);
        break;
    case PROP_COMPARED_TAKE:
        g_value_set_string(value, vera_editor_get_compared(self) ? self->compared : NULL);
        break;
    case PROP_MEDIA_TROUBLE:
        g_value_set_string(value, self->media_trouble);
        break;
    case PROP_MEDIA_NOTICE:
        g_value_set_string(value, self->media_notice);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
vera_editor_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    VeraEditor *self = VERA_EDITOR(object);

    switch (id) {
    case PROP_FRAME:
        vera_editor_set_frame(self, g_value_get_int64(value));
        break;
    case PROP_SELECTED_EDIT:
        vera_editor_select(self, g_value_get_string(value));
        break;
    case PROP_IS_LOOPING:
        self->is_looping = g_value_get_boolean(value);
        g_object_notify_by_pspec(object, pspec);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
vera_editor_dispose(GObject *object)
{
    VeraEditor *self = VERA_EDITOR(object);

    vera_editor_close_clip(self);
    vera_editor_close_mask(self);
    if (self->queue != NULL) {
        vera_queue_set_preview(self->queue, -1, NULL, NULL);
        g_signal_handlers_disconnect_by_data(self->queue, self);
    }
    g_clear_pointer(&self->cuts, g_hash_table_unref);
    g_clear_pointer(&self->told, g_hash_table_unref);
    g_clear_object(&self->layers);
    g_clear_object(&self->project);
    g_clear_object(&self->queue);
    g_clear_pointer(&self->preview, vera_layer_frame_unref);
    g_clear_pointer(&self->preview_edit, g_free);
    g_clear_pointer(&self->selected, g_free);
    g_clear_pointer(&self->compared, g_free);
    g_clear_pointer(&self->back_clip_id, g_free);
    g_clear_pointer(&self->default_model, g_free);
    g_clear_pointer(&self->preferred_model, g_free);
    G_OBJECT_CLASS(vera_editor_parent_class)->dispose(object);
}

static void
vera_editor_class_init(VeraEditorClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
    GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
    GType type = G_TYPE_FROM_CLASS(klass);

    object_class->get_property = vera_editor_get_property;
    object_class->set_property = vera_editor_set_property;
    object_class->dispose = vera_editor_dispose;
    props[PROP_FRAME] = g_param_spec_int64("frame", NULL, NULL, 0, G_MAXINT64, 0, both);
    props[PROP_SELECTED_EDIT] = g_param_spec_string("selected-edit", NULL, NULL, NULL, both);
    props[PROP_IS_PLAYING] = g_param_spec_boolean("is-playing", NULL, NULL, FALSE, read);
    props[PROP_SPEED] = g_param_spec_double("speed", NULL, NULL, -64, 64, 0, read);
    props[PROP_IS_LOOPING] = g_param_spec_boolean("is-looping", NULL, NULL, FALSE, both);
    props[PROP_PROJECT] = g_param_spec_object("project", NULL, NULL, VERA_TYPE_PROJECT, read);
    props[PROP_COMPARED_TAKE] = g_param_spec_string("compared-take", NULL, NULL, NULL, read);
    props[PROP_MEDIA_TROUBLE] = g_param_spec_string("media-trouble", NULL, NULL, NULL, read);
    props[PROP_MEDIA_NOTICE] = g_param_spec_string("media-notice", NULL, NULL, NULL, read);
    g_object_class_install_properties(object_class, N_PROPS, props);
    signals[SIGNAL_CLIP_CHANGED] = g_signal_new("clip-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_PROJECT_CHANGED] = g_signal_new("project-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_FRAME_READY] = g_signal_new("frame-ready", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_PROXIES_CHANGED] = g_signal_new("proxies-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_MESSAGE] =
        g_signal_new("message", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vera_editor_layers_failed_cb(VeraEditor *self, const GError *error)
{
    vera_editor_say(self, "%s", error->message);
}

static void
vera_editor_init(VeraEditor *self)
{
    self->layers = vera_layer_loader_new((gsize)VERA_EDITOR_LAYER_MIB << 20);
    self->preview_frame = -1;
    self->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_signal_connect_object(self->layers, "ready", G_CALLBACK(vera_editor_notify_ready), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->layers, "failed", G_CALLBACK(vera_editor_layers_failed_cb), self, G_CONNECT_SWAPPED);
}

VeraEditor *
vera_editor_new(VeraQueue *queue, const char *default_model)
{
    VeraEditor *self = g_object_new(VERA_TYPE_EDITOR, NULL);
    g_autoptr(VeraProject) project = vera_project_new();

    self->queue = g_object_ref(queue);
    self->default_model = g_strdup(default_model);
    vera_editor_follow_settings(self);
    vera_editor_watch_queue(self);
    vera_editor_set_project(self, project);
    return self;
}
