#include "config.h"

#include "ui/vera-editor-private.h"

/* A mask is decoded beside the clip and shown as a tint: a few frames around the playhead are
 * enough. */
#define VERA_EDITOR_MASK_BYTES ((gsize)96 << 20)

void
vera_editor_close_mask(VeraEditor *self)
{
    if (self->mask_opening != NULL)
        g_cancellable_cancel(self->mask_opening);
    g_clear_object(&self->mask_opening);
    if (self->mask_cache != NULL) {
        vera_frame_cache_set_ready_func(self->mask_cache, NULL, NULL);
        vera_frame_cache_close(self->mask_cache);
    }
    g_clear_object(&self->mask_cache);
    g_clear_pointer(&self->mask_path, g_free);
}

static void
vera_editor_mask_thread(GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
    GError *error = NULL;
    VeraFrameCache *cache = vera_frame_cache_new(path, VERA_EDITOR_MASK_BYTES, &error);

    if (cache == NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, cache, g_object_unref);
}

static void
vera_editor_mask_opened_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    gboolean is_stale = g_task_get_cancellable(G_TASK(result)) != self->mask_opening;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrameCache) cache = g_task_propagate_pointer(G_TASK(result), &error);

    if (is_stale)
        return;
    g_clear_object(&self->mask_opening);
    if (cache == NULL) {
        vera_editor_say(self, "%s", error->message);
        return;
    }
    self->mask_cache = g_steal_pointer(&cache);
    vera_frame_cache_set_ready_func(self->mask_cache, vera_editor_frame_ready_cb, self);
    vera_editor_notify_ready(self);
}

static void
vera_editor_open_mask(VeraEditor *self, const char *path)
{
    g_autoptr(GTask) task = NULL;

    vera_editor_close_mask(self);
    self->mask_path = g_strdup(path);
    self->mask_asked = -1;
    self->mask_opening = g_cancellable_new();
    task = g_task_new(self, self->mask_opening, vera_editor_mask_opened_cb, NULL);
    /* One that came too late is still handed over, so that it is closed on this thread. */
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, g_strdup(path), g_free);
    g_task_run_in_thread(task, vera_editor_mask_thread);
}

/* Which of its frames belongs to the playhead, as a job takes them: a still, one for each frame of
 * the range, or as long as the clip. */
static gint64
vera_editor_get_mask_frame(VeraEditor *self, const VeraEdit *edit)
{
    gint64 n = vera_clip_get_info(vera_frame_cache_get_clip(self->mask_cache))->n_frames;

    if (n == 1)
        return 0;
    if (n == edit->last - edit->first + 1)
        return self->frame >= edit->first && self->frame <= edit->last ? self->frame - edit->first
                                                                       : -1;
    return n > edit->last && self->frame < n ? self->frame : -1;
}

VeraFrame *
vera_editor_dup_mask(VeraEditor *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self);
    const char *path = edit && edit->region == NULL ? edit->region_path : NULL;
    VeraFrame *frame;
    gint64 at;

    if (path == NULL) {
        vera_editor_close_mask(self);
        return NULL;
    }
    if (g_strcmp0(path, self->mask_path) != 0)
        vera_editor_open_mask(self, path);
    at = self->mask_cache ? vera_editor_get_mask_frame(self, edit) : -1;
    if (at < 0)
        return NULL;
    frame = vera_frame_cache_get(self->mask_cache, at);
    if (frame != NULL && at == self->mask_asked)
        return frame;
    self->mask_asked = at;
    vera_frame_cache_request(self->mask_cache, at, self->direction);
    return frame ? frame : vera_frame_cache_get_nearest(self->mask_cache, at, NULL);
}
