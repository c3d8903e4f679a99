#include "config.h"

#include "ui/vera-take-loader.h"

#include <gio/gio.h>

/* Pictures of takes that nobody looks at any more are dropped with all the others, once there are so many. */
#define VERA_TAKE_LOADER_MAX 256

typedef struct {
    VeraTakeSummary *summary;
    char *failure;
} VeraTakeEntry;

struct _VeraTakeLoader {
    GObject parent_instance;

    int max_width, max_height;
    /* Owned */
    GHashTable *entries; /* dir -> VeraTakeEntry; empty while it is read */
    GQueue waiting;      /* of char */
    GCancellable *cancellable;
    gboolean is_busy;
};

G_DEFINE_FINAL_TYPE(VeraTakeLoader, vera_take_loader, G_TYPE_OBJECT)

static guint vera_take_loader_loaded;

static void vera_take_loader_pump(VeraTakeLoader *self);

static void
vera_take_entry_free(gpointer data)
{
    VeraTakeEntry *entry = data;

    vera_take_summary_free(entry->summary);
    g_free(entry->failure);
    g_free(entry);
}

static void
vera_take_loader_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraTakeLoader *self = source;
    GError *error = NULL;
    VeraTakeSummary *summary = vera_take_summary_load(data, self->max_width, self->max_height, cancellable, &error);

    if (summary != NULL)
        g_task_return_pointer(task, summary, (GDestroyNotify)vera_take_summary_free);
    else
        g_task_return_error(task, error);
}

static void
vera_take_loader_done_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraTakeLoader *self = VERA_TAKE_LOADER(object);
    const char *dir = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTakeSummary) summary = g_task_propagate_pointer(G_TASK(result), &error);
    VeraTakeEntry *entry = self->entries ? g_hash_table_lookup(self->entries, dir) : NULL;

    self->is_busy = FALSE;
    if (self->entries == NULL)
        return;
    if (entry != NULL) {
        entry->summary = g_steal_pointer(&summary);
        entry->failure = error ? g_strdup(error->message) : NULL;
        g_signal_emit(self, vera_take_loader_loaded, 0, dir);
    }
    vera_take_loader_pump(self);
}

static void
vera_take_loader_pump(VeraTakeLoader *self)
{
    g_autoptr(GTask) task = NULL;

    if (self->is_busy || g_queue_is_empty(&self->waiting))
        return;
    self->is_busy = TRUE;
    task = g_task_new(self, self->cancellable, vera_take_loader_done_cb, NULL);
    g_task_set_task_data(task, g_queue_pop_head(&self->waiting), g_free);
    g_task_set_priority(task, G_PRIORITY_LOW);
    g_task_run_in_thread(task, vera_take_loader_thread);
}

const VeraTakeSummary *
vera_take_loader_get(VeraTakeLoader *self, const char *dir, const char **failure)
{
    VeraTakeEntry *entry = g_hash_table_lookup(self->entries, dir);

    if (entry == NULL) {
        if (g_hash_table_size(self->entries) >= VERA_TAKE_LOADER_MAX && g_queue_is_empty(&self->waiting) && !self->is_busy)
            g_hash_table_remove_all(self->entries);
        entry = g_new0(VeraTakeEntry, 1);
        g_hash_table_insert(self->entries, g_strdup(dir), entry);
        g_queue_push_tail(&self->waiting, g_strdup(dir));
        vera_take_loader_pump(self);
    }
    *failure = entry->failure;
    return entry->summary;
}

static void
vera_take_loader_dispose(GObject *object)
{
    VeraTakeLoader *self = VERA_TAKE_LOADER(object);

    g_cancellable_cancel(self->cancellable);
    g_queue_clear_full(&self->waiting, g_free);
    g_clear_pointer(&self->entries, g_hash_table_unref);
    G_OBJECT_CLASS(vera_take_loader_parent_class)->dispose(object);
}

static void
vera_take_loader_finalize(GObject *object)
{
    g_clear_object(&VERA_TAKE_LOADER(object)->cancellable);
    G_OBJECT_CLASS(vera_take_loader_parent_class)->finalize(object);
}

static void
vera_take_loader_class_init(VeraTakeLoaderClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = vera_take_loader_dispose;
    G_OBJECT_CLASS(klass)->finalize = vera_take_loader_finalize;
    vera_take_loader_loaded =
        g_signal_new("loaded", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vera_take_loader_init(VeraTakeLoader *self)
{
    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, vera_take_entry_free);
    self->cancellable = g_cancellable_new();
    g_queue_init(&self->waiting);
}

VeraTakeLoader *
vera_take_loader_new(int max_width, int max_height)
{
    VeraTakeLoader *self = g_object_new(VERA_TYPE_TAKE_LOADER, NULL);

    self->max_width = max_width;
    self->max_height = max_height;
    return self;
}
