#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"

/* What the clip's file was, what is amiss with it, and what takes its place. */

void
vera_editor_media_free(gpointer data)
{
    VeraEditorMedia *self = data;

    g_free(self->path);
    g_free(self->folder);
    g_clear_pointer(&self->stamp, g_hash_table_unref);
    g_free(self);
}

static gint64
vera_editor_count_needed(VeraEditor *self)
{
    const VeraProjectState *state = vera_editor_get_state(self);
    gint64 n = 0;

    for (guint i = 0; i < state->edits->len; i++) {
        const VeraEdit *edit = state->edits->pdata[i];
        if (g_strcmp0(edit->clip_id, self->clip_id) == 0)
            n = MAX(n, edit->last + 1);
    }
    return n;
}

VeraEditorMedia *
vera_editor_describe_media(VeraEditor *self, const char *path)
{
    VeraEditorMedia *media = g_new0(VeraEditorMedia, 1);
    const VeraClipInfo *info = vera_editor_get_clip_info(self);

    media->path = g_strdup(path);
    media->n_needed = vera_editor_count_needed(self);
    if (info != NULL) {
        media->width = info->width;
        media->height = info->height;
        media->n_frames = info->n_frames;
        media->is_sequence = g_str_has_suffix(info->codec_name, "sequence");
    }
    return media;
}

char *
vera_editor_media_explain(const VeraEditorMedia *self, const VeraClipInfo *info)
{
    g_autofree char *name = g_filename_display_basename(self->path);
    g_autofree char *has = g_strdup_printf("%" G_GINT64_FORMAT, info->n_frames);
    g_autofree char *needed = g_strdup_printf("%" G_GINT64_FORMAT, self->n_needed);
    g_autofree char *had = g_strdup_printf("%" G_GINT64_FORMAT, self->n_frames);

    if (self->width > 0 && (info->width != self->width || info->height != self->height))
        return g_strdup_printf(_("“%s” has %d × %d pixels, the clip had %d × %d: regions and layers would lie elsewhere."), name, info->width,
                               info->height, self->width, self->height);
    if (info->n_frames < self->n_needed)
        return g_strdup_printf(_("“%s” has %s frames, and the edits reach to frame %s: what lies behind its end could not be shown."), name, has, needed);
    if (self->n_frames > 0 && info->n_frames != self->n_frames)
        return g_strdup_printf(_("“%s” has %s frames, the clip had %s: edits might lie over other pictures."), name, has, had);
    return NULL;
}

const char *
vera_editor_get_media_trouble(VeraEditor *self)
{
    return self->media_trouble;
}

gboolean
vera_editor_is_media_replaced(VeraEditor *self)
{
    return self->media_trouble != NULL && self->is_media_replaced;
}

void
vera_editor_set_media_trouble(VeraEditor *self, gboolean is_replaced, char *trouble)
{
    gboolean is_same = g_strcmp0(self->media_trouble, trouble) == 0;

    g_free(self->media_trouble);
    self->media_trouble = trouble;
    self->is_media_replaced = is_replaced;
    if (!is_same)
        g_object_notify(G_OBJECT(self), "media-trouble");
}

void
vera_editor_reload(VeraEditor *self)
{
    g_clear_pointer(&self->open_path, g_free);
    vera_editor_settle_clip(self);
}

/* Another file in the place of the clip's -------------------------------------------------------------------------------- */

static void
vera_editor_check_relink_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const VeraEditorMedia *media = data;
    GError *error = NULL;
    g_autoptr(VeraClip) clip = vera_clip_open(media->path, cancellable, &error);

    if (clip == NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, vera_editor_media_explain(media, vera_clip_get_info(clip)), g_free);
}

void
vera_editor_check_relink_async(VeraEditor *self, const char *path, GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);

    g_task_set_task_data(task, vera_editor_describe_media(self, path), vera_editor_media_free);
    g_task_run_in_thread(task, vera_editor_check_relink_thread);
}

char *
vera_editor_check_relink_finish(VeraEditor *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
