#include "config.h"

#include "engine/queue/vera-queue-store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <gio/gio.h>

#include "engine/project/vera-project-file.h"
#include "engine/vera-file.h"

struct _VeraQueueStore {
    atomic_int ref_count;
    char *path;

    /* Main thread */
    VeraQueueStoreFailedFunc failed; /* NULL once closed */
    gpointer user_data;

    /* Under the lock; pthreads and C atomics, which ThreadSanitizer knows, unlike GLib's */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *text; /* to be written */
    gboolean is_writing, is_closed;

    gboolean has_failed; /* the thread's own */
};

typedef struct {
    VeraQueueStore *store;
    char *message;
} VeraQueueStoreReport;

static void
vera_queue_store_unref(VeraQueueStore *self)
{
    if (atomic_fetch_sub(&self->ref_count, 1) > 1)
        return;
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    g_free(self->text);
    g_free(self->path);
    g_free(self);
}

static gboolean
vera_queue_store_report_cb(gpointer data)
{
    VeraQueueStoreReport *report = data;

    if (report->store->failed != NULL)
        report->store->failed(report->message, report->store->user_data);
    vera_queue_store_unref(report->store);
    g_free(report->message);
    g_free(report);
    return G_SOURCE_REMOVE;
}

static void
vera_queue_store_fail(VeraQueueStore *self, const char *reason)
{
    VeraQueueStoreReport *report;

    if (self->has_failed)
        return;
    report = g_new0(VeraQueueStoreReport, 1);
    atomic_fetch_add(&self->ref_count, 1);
    report->store = self;
    report->message = g_strdup_printf("The list of jobs cannot be kept in ‘%s’: %s. Jobs go on, "
                                      "but after a crash the list is an older one.",
                                      self->path, reason);
    self->has_failed = TRUE;
    g_idle_add(vera_queue_store_report_cb, report);
}

static void
vera_queue_store_put(VeraQueueStore *self, const char *text)
{
    g_autofree char *folder = g_path_get_dirname(self->path);
    g_autoptr(GError) error = NULL;

    if (g_mkdir_with_parents(folder, 0700) != 0)
        vera_queue_store_fail(self, g_strerror(errno));
    else if (!g_file_set_contents_full(self->path, text, -1,
                                       G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                       0600, &error))
        vera_queue_store_fail(self, error->message);
    else if (!vera_file_sync_folder_of(self->path))
        vera_queue_store_fail(self, g_strerror(errno));
    else
        self->has_failed = FALSE;
}

static gpointer
vera_queue_store_thread(gpointer data)
{
    VeraQueueStore *self = data;

    pthread_mutex_lock(&self->lock);
    for (;;) {
        char *text;
        while (self->text == NULL && !self->is_closed)
            pthread_cond_wait(&self->changed, &self->lock);
        if (self->text == NULL)
            break;
        text = g_steal_pointer(&self->text);
        self->is_writing = TRUE;
        pthread_mutex_unlock(&self->lock);
        vera_queue_store_put(self, text);
        g_free(text);
        pthread_mutex_lock(&self->lock);
        self->is_writing = FALSE;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    vera_queue_store_unref(self);
    return NULL;
}

VeraQueueStore *
vera_queue_store_new(const char *path, VeraQueueStoreFailedFunc failed, gpointer user_data)
{
    VeraQueueStore *self = g_new0(VeraQueueStore, 1);
    pthread_condattr_t attributes;

    atomic_init(&self->ref_count, 2); /* the caller's and the thread's */
    self->path = g_strdup(path);
    self->failed = failed;
    self->user_data = user_data;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    g_thread_unref(g_thread_new("queue-store", vera_queue_store_thread, self));
    return self;
}

void
vera_queue_store_write(VeraQueueStore *self, char *text)
{
    pthread_mutex_lock(&self->lock);
    g_free(self->text);
    self->text = text;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

gboolean
vera_queue_store_flush(VeraQueueStore *self, gint64 end_us)
{
    struct timespec end = {end_us / G_USEC_PER_SEC, end_us % G_USEC_PER_SEC * 1000};
    gboolean is_late = FALSE;

    pthread_mutex_lock(&self->lock);
    while (!is_late && (self->text != NULL || self->is_writing))
        is_late = pthread_cond_timedwait(&self->changed, &self->lock, &end) == ETIMEDOUT;
    pthread_mutex_unlock(&self->lock);
    return !is_late;
}

void
vera_queue_store_close(VeraQueueStore *self)
{
    self->failed = NULL;
    pthread_mutex_lock(&self->lock);
    self->is_closed = TRUE;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    vera_queue_store_unref(self);
}
