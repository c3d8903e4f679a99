#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"

typedef struct {
    char *path;
    char *clip_id; /* NULL: the clip is to be added to the project */
    gsize cache_bytes;
    gint64 frame;  /* where the playhead is put */
    VeraEditorOrigin origin;
} VeraEditorOpening;

static void
vera_editor_opening_free(VeraEditorOpening *self)
{
    g_free(self->path);
    g_free(self->clip_id);
    g_clear_pointer(&self->origin.file_stamp, g_hash_table_unref);
    g_clear_pointer(&self->origin.sequence_stamp, g_hash_table_unref);
    g_free(self->origin.folder);
    g_free(self);
}

static gboolean
vera_editor_ready_idle_cb(gpointer data)
{
    VeraEditor *self = data;

    g_atomic_int_set(&self->ready_pending, 0);
    vera_editor_notify_ready(self);
    return G_SOURCE_REMOVE;
}

/* On a decoder's thread. */
void
vera_editor_frame_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    VeraEditor *self = data;

    if (g_atomic_int_compare_and_exchange(&self->ready_pending, 0, 1))
        g_idle_add_full(G_PRIORITY_HIGH_IDLE, vera_editor_ready_idle_cb, g_object_ref(self), g_object_unref);
}

void
vera_editor_request(VeraEditor *self)
{
    if (self->cache != NULL)
        vera_frame_cache_request(self->cache, self->frame, self->direction);
}

void
vera_editor_close_clip(VeraEditor *self)
{
    if (self->opening != NULL)
        g_cancellable_cancel(self->opening);
    g_clear_object(&self->opening);
    vera_editor_close_sound(self);
    vera_editor_unwatch_media(self);
    vera_editor_close_proxies(self);
    if (self->cache != NULL) {
        vera_frame_cache_set_ready_func(self->cache, NULL, NULL);
        vera_frame_cache_close(self->cache);
    }
    g_clear_object(&self->cache);
    g_clear_pointer(&self->shown, vera_frame_unref);
    g_clear_pointer(&self->clip_id, g_free);
    g_clear_pointer(&self->open_path, g_free);
    g_clear_pointer(&self->clip_error, g_free);
    vera_editor_settle_notice(self, NULL);
    self->is_loading = FALSE;
    self->frame = 0;
}

static void
vera_editor_open_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraEditorOpening *opening = data;
    GError *error = NULL;
    VeraFrameCache *cache;

    opening->origin.file_stamp = vera_editor_stamp_new(opening->path, FALSE);
    opening->origin.sequence_stamp = vera_editor_stamp_new(opening->path, TRUE);
    opening->origin.folder = g_file_test(opening->path, G_FILE_TEST_IS_DIR)
                                 ? g_strdup(opening->path)
                                 : g_path_get_dirname(opening->path);
    cache = vera_frame_cache_new(opening->path, opening->cache_bytes, &error);
    if (cache == NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, cache, g_object_unref);
}

static void
vera_editor_adopt(VeraEditor *self, VeraEditorOpening *opening, VeraFrameCache *cache)
{
    VeraProjectState *state;
    VeraProjectClip *clip;

    self->cache = g_object_ref(cache);
    vera_frame_cache_set_max_bytes(cache, self->cache_bytes);
    vera_frame_cache_set_ready_func(cache, vera_editor_frame_ready_cb, self);
    self->direction = 1;
    self->frame = CLAMP(opening->frame, 0, vera_editor_get_n_frames(self) - 1);
    g_clear_pointer(&self->back_clip_id, g_free);
    if (opening->clip_id == NULL) {
        state = vera_editor_begin_change(self);
        clip = vera_project_clip_new(opening->path, NULL);
        self->clip_id = g_strdup(clip->id);
        g_ptr_array_add(state->clips, clip);
        vera_editor_commit(self, state, _("Add Clip"), NULL);
    }
    vera_editor_request(self);
    vera_frame_cache_start_sketches(cache);
    vera_editor_set_preview_frame(self);
    vera_editor_open_sound(self);
    vera_editor_watch_media(self, &opening->origin);
    vera_editor_settle_notice(self, opening->origin.file_stamp);
    vera_editor_settle_proxies(self);
}

static void vera_editor_open(VeraEditor *self, const char *path, const char *clip_id, gint64 frame);

/* A new clip could not be opened: what was shown before comes back, where it was. */
static void
vera_editor_go_back(VeraEditor *self)
{
    const VeraProjectState *state = vera_editor_get_state(self);
    VeraProjectClip *clip = vera_project_state_find_clip(state, self->back_clip_id);

    g_clear_pointer(&self->back_clip_id, g_free);
    if (clip != NULL)
        vera_editor_open(self, clip->path, clip->id, self->back_frame);
    else
        vera_editor_show_clip(self, state->clips->len ? ((VeraProjectClip *)g_ptr_array_index(state->clips, 0))->id : NULL);
}

static void
vera_editor_opened_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    VeraEditorOpening *opening = g_task_get_task_data(G_TASK(result));
    gboolean is_stale = g_task_get_cancellable(G_TASK(result)) != self->opening;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrameCache) cache = g_task_propagate_pointer(G_TASK(result), &error);

    if (is_stale)
        return;
    g_clear_object(&self->opening);
    self->is_loading = FALSE;
    if (cache != NULL) {
        vera_editor_adopt(self, opening, cache);
    } else if (opening->clip_id == NULL) {
        vera_editor_say(self, "%s", error->message);
        vera_editor_go_back(self);
        return;
    } else {
        self->clip_error = g_strdup(error->message);
    }
    g_object_notify(G_OBJECT(self), "frame");
    g_signal_emit_by_name(self, "clip-changed");
    vera_editor_notify_ready(self);
}

static void
vera_editor_open(VeraEditor *self, const char *path, const char *clip_id, gint64 frame)
{
    VeraEditorOpening *opening = g_new0(VeraEditorOpening, 1);
    g_autoptr(GTask) task = NULL;

    vera_editor_play(self, 0);
    if (clip_id == NULL && self->clip_id != NULL) {
        g_free(self->back_clip_id);
        self->back_clip_id = g_strdup(self->clip_id);
        self->back_frame = self->frame;
    }
    vera_editor_close_clip(self);
    opening->cache_bytes = self->cache_bytes;
    opening->path = g_strdup(path);
    opening->clip_id = g_strdup(clip_id);
    opening->frame = frame;
    self->open_path = g_strdup(path);
    self->clip_id = g_strdup(clip_id);
    self->opening = g_cancellable_new();
    self->is_loading = TRUE;
    task = g_task_new(self, self->opening, vera_editor_opened_cb, NULL);
    /* A clip that came too late is still handed over, so that it is closed on this thread. */
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, opening, (GDestroyNotify)vera_editor_opening_free);
    g_task_run_in_thread(task, vera_editor_open_thread);
    g_signal_emit_by_name(self, "clip-changed");
}

void
vera_editor_show_clip(VeraEditor *self, const char *clip_id)
{
    VeraProjectClip *clip = vera_project_state_find_clip(vera_editor_get_state(self), clip_id);

    if (clip != NULL) {
        vera_editor_open(self, clip->path, clip->id, 0);
        return;
    }
    vera_editor_close_clip(self);
    g_signal_emit_by_name(self, "clip-changed");
}

void
vera_editor_settle_clip(VeraEditor *self)
{
    const VeraProjectState *state = vera_editor_get_state(self);
    VeraProjectClip *clip = vera_project_state_find_clip(state, self->clip_id);

    /* A new clip joins the project when it is open: until then there is nothing to compare. */
    if (self->opening != NULL && self->clip_id == NULL)
        return;
    if (clip == NULL)
        vera_editor_show_clip(self, state->clips->len ? ((VeraProjectClip *)g_ptr_array_index(state->clips, 0))->id : NULL);
    if (clip == NULL || g_strcmp0(clip->path, self->open_path) == 0)
        return;
    /* Mattes lie along the edges of other pictures now. */
    vera_layer_loader_forget(self->layers, NULL);
    vera_editor_open(self, clip->path, clip->id, self->frame);
}

void
vera_editor_add_clip(VeraEditor *self, const char *path)
{
    const VeraProjectState *state = vera_editor_get_state(self);

    for (guint i = 0; i < state->clips->len; i++) {
        VeraProjectClip *clip = g_ptr_array_index(state->clips, i);
        if (g_strcmp0(clip->path, path) == 0) {
            vera_editor_show_clip(self, clip->id);
            return;
        }
    }
    vera_editor_open(self, path, NULL, 0);
}

void
vera_editor_relink(VeraEditor *self, const char *path)
{
    VeraProjectState *state = vera_editor_begin_change(self);
    VeraProjectClip *clip = vera_project_state_find_clip(state, self->clip_id);

    if (clip == NULL) {
        vera_project_state_unref(state);
        return;
    }
    g_free(clip->path);
    clip->path = g_strdup(path);
    /* The same path again is tried again: the file may be there by now. */
    g_clear_pointer(&self->open_path, g_free);
    vera_editor_commit(self, state, _("Relink Clip"), NULL);
}

const VeraClipInfo *
vera_editor_get_clip_info(VeraEditor *self)
{
    return self->cache ? vera_clip_get_info(vera_frame_cache_get_clip(self->cache)) : NULL;
}

const char *
vera_editor_get_clip_path(VeraEditor *self)
{
    VeraProjectClip *clip = vera_project_state_find_clip(vera_editor_get_state(self), self->clip_id);

    return clip ? clip->path : NULL;
}

const char *
vera_editor_get_clip_id(VeraEditor *self)
{
    return self->clip_id;
}

VeraFrameCache *
vera_editor_get_cache(VeraEditor *self)
{
    return self->cache;
}

const char *
vera_editor_get_clip_error(VeraEditor *self)
{
    return self->clip_error;
}

gboolean
vera_editor_is_loading(VeraEditor *self)
{
    return self->is_loading;
}
