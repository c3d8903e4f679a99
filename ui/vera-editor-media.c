#include "config.h"

#include <sys/stat.h>

#include <glib/gi18n.h>

#include "engine/media/vera-sequence.h"
#include "ui/vera-editor-private.h"

/* What becomes of the clip's file while it is open, and what takes its place. */

/* Copying is many events; it is looked at once they have ceased. */
#define VERA_EDITOR_MEDIA_QUIET_MS 400

/* What a clip was, and whether another one can stand in for it. */
typedef struct {
    char *path;
    char *stamp;   /* tells its content from another without reading it; NULL: it is not there */
    gboolean is_sequence;
    int width, height; /* 0: not known */
    gint64 n_frames;
    gint64 n_needed;   /* how many the project's edits use */
} VeraEditorMedia;

struct _VeraEditorWatch {
    GFileMonitor *monitor;
    GCancellable *checking;
    guint timer;
    VeraEditorMedia *media;
};

static void
vera_editor_media_free(gpointer data)
{
    VeraEditorMedia *self = data;

    g_free(self->path);
    g_free(self->stamp);
    g_free(self);
}

static gboolean
vera_editor_stamp_file(GChecksum *sum, const char *path)
{
    struct stat status;
    gint64 facts[5];

    if (stat(path, &status) != 0)
        return FALSE;
    facts[0] = (gint64)status.st_dev;
    facts[1] = (gint64)status.st_ino;
    facts[2] = (gint64)status.st_size;
    facts[3] = (gint64)status.st_mtim.tv_sec;
    facts[4] = (gint64)status.st_mtim.tv_nsec;
    g_checksum_update(sum, (const guchar *)facts, sizeof facts);
    return TRUE;
}

char *
vera_editor_take_stamp(const char *path, gboolean is_sequence)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    VeraSequence *sequence = is_sequence ? vera_sequence_find(path, NULL) : NULL;
    gboolean is_there = is_sequence ? sequence != NULL : vera_editor_stamp_file(sum, path);

    for (guint i = 0; sequence != NULL && is_there && i < sequence->files->len; i++)
        is_there = vera_editor_stamp_file(sum, sequence->files->pdata[i]);
    g_clear_pointer(&sequence, vera_sequence_free);
    return is_there ? g_strdup(g_checksum_get_string(sum)) : NULL;
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

/* What the project knows of the shown clip, for a comparison with what lies at @path. */
static VeraEditorMedia *
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

/* Returns: (nullable): why a clip of @info is none to put in the place of the one that was */
static char *
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

static void
vera_editor_set_media_trouble(VeraEditor *self, gboolean is_replaced, char *trouble)
{
    gboolean is_same = g_strcmp0(self->media_trouble, trouble) == 0;

    g_free(self->media_trouble);
    self->media_trouble = trouble;
    self->is_media_replaced = is_replaced;
    if (!is_same)
        g_object_notify(G_OBJECT(self), "media-trouble");
}

/* The answer of a look at the path: whether something is there, and what is to be said about it. */
typedef struct {
    gboolean is_there;
    char *text; /* NULL: it is what it was */
} VeraEditorLook;

static void
vera_editor_look_free(gpointer data)
{
    VeraEditorLook *self = data;

    g_free(self->text);
    g_free(self);
}

/* What took its place, or why nothing did. */
static void
vera_editor_look_again(VeraEditorLook *look, const VeraEditorMedia *media, GCancellable *cancellable)
{
    g_autofree char *name = g_filename_display_basename(media->path);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraClip) clip = vera_clip_open(media->path, cancellable, &error);

    look->is_there = clip != NULL;
    if (clip != NULL)
        look->text = vera_editor_media_explain(media, vera_clip_get_info(clip));
    else if (g_file_test(media->path, G_FILE_TEST_EXISTS))
        look->text = g_strdup(error->message);
    else
        look->text = g_strdup_printf(_("“%s” is no longer there. Nothing of the project is lost: find the clip, and go on."), name);
    if (look->text == NULL)
        look->text = g_strdup_printf(_("“%s” was replaced on the disk. What is shown is the old one."), name);
}

static void
vera_editor_media_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const VeraEditorMedia *media = data;
    VeraEditorLook *look = g_new0(VeraEditorLook, 1);
    g_autofree char *stamp = vera_editor_take_stamp(media->path, media->is_sequence);

    if (stamp == NULL || g_strcmp0(stamp, media->stamp) != 0)
        vera_editor_look_again(look, media, cancellable);
    g_task_return_pointer(task, look, vera_editor_look_free);
}

static void
vera_editor_media_looked_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    VeraEditorLook *look = g_task_propagate_pointer(G_TASK(result), NULL);

    if (look == NULL)
        return;
    if (self->watch != NULL && g_task_get_cancellable(G_TASK(result)) == self->watch->checking)
        vera_editor_set_media_trouble(self, look->is_there, g_steal_pointer(&look->text));
    vera_editor_look_free(look);
}

static gboolean
vera_editor_media_quiet_cb(gpointer data)
{
    VeraEditor *self = data;
    VeraEditorMedia *media = vera_editor_describe_media(self, self->watch->media->path);
    g_autoptr(GTask) task = NULL;

    self->watch->timer = 0;
    media->stamp = g_strdup(self->watch->media->stamp);
    if (self->watch->checking != NULL)
        g_cancellable_cancel(self->watch->checking);
    g_clear_object(&self->watch->checking);
    self->watch->checking = g_cancellable_new();
    task = g_task_new(self, self->watch->checking, vera_editor_media_looked_cb, NULL);
    g_task_set_task_data(task, media, vera_editor_media_free);
    g_task_run_in_thread(task, vera_editor_media_thread);
    return G_SOURCE_REMOVE;
}

static void
vera_editor_media_event_cb(VeraEditor *self)
{
    if (self->watch->timer != 0)
        g_source_remove(self->watch->timer);
    self->watch->timer = g_timeout_add(VERA_EDITOR_MEDIA_QUIET_MS, vera_editor_media_quiet_cb, self);
}

void
vera_editor_watch_media(VeraEditor *self, const VeraEditorOrigin *origin)
{
    VeraEditorMedia *media = vera_editor_describe_media(self, self->open_path);
    gboolean is_inside = media->is_sequence && !origin->is_folder;
    g_autofree char *watched = is_inside ? g_path_get_dirname(media->path) : g_strdup(media->path);
    g_autoptr(GFile) file = g_file_new_for_path(watched);

    vera_editor_unwatch_media(self);
    media->stamp = g_strdup(media->is_sequence ? origin->sequence_stamp : origin->file_stamp);
    self->watch = g_new0(VeraEditorWatch, 1);
    self->watch->media = media;
    self->watch->monitor = g_file_monitor(file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
    if (self->watch->monitor != NULL)
        g_signal_connect_object(self->watch->monitor, "changed", G_CALLBACK(vera_editor_media_event_cb), self, G_CONNECT_SWAPPED);
    /* What happened since the stamp is not told by the monitor. */
    vera_editor_media_event_cb(self);
}

void
vera_editor_unwatch_media(VeraEditor *self)
{
    VeraEditorWatch *watch = g_steal_pointer(&self->watch);

    vera_editor_set_media_trouble(self, FALSE, NULL);
    if (watch == NULL)
        return;
    if (watch->timer != 0)
        g_source_remove(watch->timer);
    if (watch->monitor != NULL) {
        g_signal_handlers_disconnect_by_data(watch->monitor, self);
        g_file_monitor_cancel(watch->monitor);
    }
    g_clear_object(&watch->monitor);
    if (watch->checking != NULL)
        g_cancellable_cancel(watch->checking);
    g_clear_object(&watch->checking);
    vera_editor_media_free(watch->media);
    g_free(watch);
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
