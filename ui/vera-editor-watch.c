#include "config.h"

#include <glib/gi18n.h>

#include "engine/media/vera-sequence.h"
#include "ui/vera-editor-private.h"

/* What becomes of the clip's file, or of the pictures of its sequence, while it is open. */

/* Copying is many events; it is looked at once they have ceased. */
#define VERA_EDITOR_WATCH_QUIET_MS 400
/* Pictures that are rendered one after the other never cease to come: these are looked at
 * meanwhile. */
#define VERA_EDITOR_WATCH_LONGEST_US (2 * G_USEC_PER_SEC)

struct _VeraEditorWatch {
    GFile *place; /* what is monitored: the file, or the folder of a sequence */
    GFileMonitor *monitor;
    VeraEditorMedia *media;
    GHashTable *touched;     /* names of pictures that something happened to since the last look */
    GHashTable *overwritten; /* names of pictures that are other ones than when they were opened */
    gboolean is_all_touched;
    gboolean is_all_in_trouble; /* the last look at all of it found something amiss */
    GCancellable *looking;      /* (nullable): the look that is under way */
    gint64 first_us;            /* of the events that are waited out */
    guint timer;
};

/* One look at the disk, off the main thread. */
typedef struct {
    VeraEditorMedia *media;
    GHashTable *touched; /* (nullable): pictures to look at; NULL: all of it */
    /* The answer */
    gboolean is_there;
    char *text;          /* (nullable): what is amiss with all of it */
    GHashTable *changed; /* names of pictures that are other ones */
} VeraEditorLook;

static GHashTable *
vera_editor_watch_make_names(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
vera_editor_look_free(gpointer data)
{
    VeraEditorLook *self = data;

    vera_editor_media_free(self->media);
    g_clear_pointer(&self->touched, g_hash_table_unref);
    g_hash_table_unref(self->changed);
    g_free(self->text);
    g_free(self);
}

/* The look ------------------------------------------------------------------------------------ */

/* What took its place, or why nothing did. */
static void
vera_editor_look_again(VeraEditorLook *self, GCancellable *cancellable)
{
    const VeraEditorMedia *media = self->media;
    g_autofree char *name = g_filename_display_basename(media->path);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraClip) clip = vera_clip_open(media->path, cancellable, &error);

    self->is_there = clip != NULL;
    if (clip != NULL)
        self->text = vera_editor_media_explain(media, vera_clip_get_info(clip));
    else if (g_file_test(media->path, G_FILE_TEST_EXISTS))
        self->text = g_strdup(error->message);
    else
        self->text = g_strdup_printf(
            _("“%s” is no longer there. Nothing of the project is lost: find the clip, and go on."),
            name);
    if (self->text == NULL)
        self->text = g_strdup_printf(
            _("“%s” was replaced on the disk. What is shown is the old one."), name);
}

/* Returns: whether these pictures are all that there is to look at; not so if one is gone */
static gboolean
vera_editor_look_at_touched(VeraEditorLook *self)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, self->touched);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (!vera_editor_stamp_compare_file(self->media->stamp, self->media->folder, name,
                                            self->changed))
            return FALSE;
    return TRUE;
}

static void
vera_editor_look_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraEditorLook *self = data;
    const VeraEditorMedia *media = self->media;
    g_autoptr(GHashTable) now = NULL;

    if (self->touched != NULL && vera_editor_look_at_touched(self)) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    g_clear_pointer(&self->touched, g_hash_table_unref);
    g_hash_table_remove_all(self->changed);
    now = vera_editor_stamp_new(media->path, media->is_sequence);
    if (!vera_editor_stamp_compare(media->stamp, now, self->changed) ||
        (!media->is_sequence && g_hash_table_size(self->changed) > 0))
        vera_editor_look_again(self, cancellable);
    g_task_return_boolean(task, TRUE);
}

/* What was seen ------------------------------------------------------------------------------- */

/* Returns: (nullable): which pictures are other ones */
static char *
vera_editor_watch_describe(VeraEditorWatch *self)
{
    guint n = g_hash_table_size(self->overwritten);
    const char *first = NULL, *last = NULL;
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, self->overwritten);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        first = first == NULL || strcmp(name, first) < 0 ? name : first;
        last = last == NULL || strcmp(name, last) > 0 ? name : last;
    }
    if (n == 0)
        return NULL;
    if (n == 1)
        return g_strdup_printf(_("“%s” was overwritten on the disk. Reload the clip: until then it "
                                 "may be shown as it was."),
                               first);
    return g_strdup_printf(g_dngettext(NULL,
                                       "%u picture was overwritten on the disk, “%s” to “%s”. "
                                       "Reload the clip: until then old and new ones are mixed.",
                                       "%u pictures were overwritten on the disk, “%s” to “%s”. "
                                       "Reload the clip: until then old and new ones are mixed.",
                                       n),
                           n, first, last);
}

static void
vera_editor_watch_note_changed(VeraEditorWatch *self, VeraEditorLook *look)
{
    GHashTableIter iter;
    gpointer name;

    if (look->touched == NULL)
        g_hash_table_remove_all(self->overwritten);
    else
        g_hash_table_iter_init(&iter, look->touched);
    while (look->touched != NULL && g_hash_table_iter_next(&iter, &name, NULL))
        g_hash_table_remove(self->overwritten, name);
    g_hash_table_iter_init(&iter, look->changed);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_hash_table_add(self->overwritten, g_strdup(name));
}

static void
vera_editor_watch_looked_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    VeraEditorLook *look = g_task_get_task_data(G_TASK(result));
    VeraEditorWatch *watch = self->watch;
    char *text;

    if (watch == NULL || g_task_get_cancellable(G_TASK(result)) != watch->looking)
        return;
    g_clear_object(&watch->looking);
    if (look->touched == NULL)
        watch->is_all_in_trouble = look->text != NULL;
    if (look->text == NULL)
        vera_editor_watch_note_changed(watch, look);
    text = look->text ? g_steal_pointer(&look->text) : vera_editor_watch_describe(watch);
    vera_editor_set_media_trouble(self, look->is_there || !watch->is_all_in_trouble, text);
}

/* When to look -------------------------------------------------------------------------------- */

static gboolean
vera_editor_watch_quiet_cb(gpointer data)
{
    VeraEditor *self = data;
    VeraEditorWatch *watch = self->watch;
    VeraEditorLook *look;
    g_autoptr(GTask) task = NULL;

    if (watch->looking != NULL)
        return G_SOURCE_CONTINUE;
    watch->timer = 0;
    look = g_new0(VeraEditorLook, 1);
    look->media = vera_editor_describe_media(self, watch->media->path);
    look->media->folder = g_strdup(watch->media->folder);
    look->media->stamp = watch->media->stamp ? g_hash_table_ref(watch->media->stamp) : NULL;
    look->changed = vera_editor_watch_make_names();
    if (!watch->is_all_touched && !watch->is_all_in_trouble)
        look->touched = g_hash_table_ref(watch->touched);
    g_hash_table_unref(watch->touched);
    watch->touched = vera_editor_watch_make_names();
    watch->is_all_touched = FALSE;
    watch->looking = g_cancellable_new();
    task = g_task_new(self, watch->looking, vera_editor_watch_looked_cb, NULL);
    g_task_set_task_data(task, look, vera_editor_look_free);
    g_task_run_in_thread(task, vera_editor_look_thread);
    return G_SOURCE_REMOVE;
}

static void
vera_editor_watch_wait(VeraEditor *self)
{
    VeraEditorWatch *watch = self->watch;
    gint64 now_us = g_get_monotonic_time();

    if (watch->timer == 0)
        watch->first_us = now_us;
    else if (watch->media->is_sequence && now_us - watch->first_us > VERA_EDITOR_WATCH_LONGEST_US)
        return;
    else
        g_source_remove(watch->timer);
    watch->timer = g_timeout_add(VERA_EDITOR_WATCH_QUIET_MS, vera_editor_watch_quiet_cb, self);
}

/* Returns: whether what happened to @file matters */
static gboolean
vera_editor_watch_note(VeraEditorWatch *self, GFile *file)
{
    g_autofree char *name = file ? g_file_get_basename(file) : NULL;
    gboolean is_known = name != NULL && self->media->is_sequence && self->media->stamp != NULL &&
                        g_hash_table_contains(self->media->stamp, name);

    if (name == NULL)
        return FALSE;
    if (is_known) {
        g_hash_table_add(self->touched, g_steal_pointer(&name));
        return TRUE;
    }
    /* Another picture may belong to the sequence; what else lies in its folder does not. */
    if (self->media->is_sequence && !vera_sequence_is_picture(name) &&
        !g_file_equal(file, self->place))
        return FALSE;
    self->is_all_touched = TRUE;
    return TRUE;
}

static void
vera_editor_watch_event_cb(VeraEditor *self, GFile *file, GFile *other, GFileMonitorEvent event)
{
    gboolean matters = vera_editor_watch_note(self->watch, file);

    if (vera_editor_watch_note(self->watch, other) || matters)
        vera_editor_watch_wait(self);
}

/* Beginning and end --------------------------------------------------------------------------- */

void
vera_editor_watch_media(VeraEditor *self, const VeraEditorOrigin *origin)
{
    VeraEditorMedia *media = vera_editor_describe_media(self, self->open_path);
    GHashTable *stamp = media->is_sequence ? origin->sequence_stamp : origin->file_stamp;
    VeraEditorWatch *watch = g_new0(VeraEditorWatch, 1);

    vera_editor_unwatch_media(self);
    self->watch = watch;
    media->folder = g_strdup(origin->folder);
    media->stamp = stamp ? g_hash_table_ref(stamp) : NULL;
    watch->media = media;
    watch->touched = vera_editor_watch_make_names();
    watch->overwritten = vera_editor_watch_make_names();
    watch->place = g_file_new_for_path(media->is_sequence ? origin->folder : media->path);
    watch->monitor = g_file_monitor(watch->place, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
    if (watch->monitor != NULL)
        g_signal_connect_object(watch->monitor, "changed", G_CALLBACK(vera_editor_watch_event_cb),
                                self, G_CONNECT_SWAPPED);
    /* What happened since the stamp is not told by the monitor. */
    watch->is_all_touched = TRUE;
    vera_editor_watch_wait(self);
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
    if (watch->looking != NULL)
        g_cancellable_cancel(watch->looking);
    g_clear_object(&watch->looking);
    g_clear_object(&watch->place);
    g_hash_table_unref(watch->touched);
    g_hash_table_unref(watch->overwritten);
    vera_editor_media_free(watch->media);
    g_free(watch);
}
