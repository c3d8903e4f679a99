#include "config.h"

#include "engine/project/vera-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/project/vera-project-file.h"
#include "engine/vera-file.h"
#include "engine/project/vera-project-json.h"

/* Only the last line counts: a longer journal is begun again with it. */
#define VERA_JOURNAL_MAX_BYTES (16 << 20)

typedef enum {
    VERA_JOURNAL_TASK_APPEND,
    VERA_JOURNAL_TASK_RESET,
    VERA_JOURNAL_TASK_SUPERSEDE,
    VERA_JOURNAL_TASK_STOP,
} VeraJournalTaskKind;

typedef struct {
    VeraJournalTaskKind kind;
    VeraProjectState *state;
    char *name; /* of the change, or a path */
    char *sha256;
    gint64 time;
    guint n_changes;
    gboolean is_modified;
} VeraJournalTask;

struct _VeraJournal {
    VeraJournalFailedFunc failed;
    gpointer user_data;
    GThread *thread;

    /* Under the mutex; pthreads, which ThreadSanitizer knows, unlike GLib's futexes */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    GQueue tasks;
    guint64 n_queued, n_done;

    /* The thread's own */
    char *project_path;
    char *project_sha256;
    char *path;
    int fd;
    goffset length; /* of whole lines */
    gboolean has_failed;
    gboolean is_behind; /* the newest state could not be written */
};

static void
vera_journal_task_free(VeraJournalTask *task)
{
    vera_project_state_unref(task->state);
    g_free(task->name);
    g_free(task->sha256);
    g_free(task);
}

char *
vera_journal_dup_dir(void)
{
    return g_build_filename(g_get_user_state_dir(), "vera", "journal", NULL);
}

static char *
vera_journal_format_line(JsonObject *object)
{
    g_autofree char *json = vera_project_json_to_text(object, FALSE);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, json, -1);

    return g_strdup_printf("%s %s\n", sum, json);
}

static char *
vera_journal_format_header(VeraJournal *self)
{
    g_autoptr(JsonObject) object = json_object_new();
    g_autofree char *uri =
        self->project_path ? g_filename_to_uri(self->project_path, NULL, NULL) : NULL;

    json_object_set_int_member(object, "vera_journal", VERA_JOURNAL_FORMAT);
    vera_project_json_set_string(object, "project", uri);
    vera_project_json_set_string(object, "sha256", self->project_sha256);
    return vera_journal_format_line(object);
}

static char *
vera_journal_format_entry(const VeraJournalTask *task)
{
    g_autoptr(JsonObject) object = json_object_new();

    json_object_set_int_member(object, "n_changes", task->n_changes);
    vera_project_json_set_string(object, "name", task->name);
    json_object_set_int_member(object, "time", task->time);
    json_object_set_boolean_member(object, "is_modified", task->is_modified);
    json_object_set_object_member(object, "state", vera_project_state_to_json(task->state, NULL));
    return vera_journal_format_line(object);
}

static void
vera_journal_close_file(VeraJournal *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    self->length = 0;
}

/* A file with its first line, held before it gets the name under which other programs look for it.
 */
static gboolean
vera_journal_open_file(VeraJournal *self)
{
    g_autofree char *dir = vera_journal_dup_dir();
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *name = g_strdup_printf("%s.journal", uuid);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *part = g_strconcat(path, ".part", NULL);
    g_autofree char *header = vera_journal_format_header(self);

    /* Projects may be private: only their user reads the journals. */
    if (g_mkdir_with_parents(dir, 0700) != 0)
        return FALSE;
    self->fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (self->fd >= 0 && flock(self->fd, LOCK_EX | LOCK_NB) == 0 &&
        vera_project_file_write_all(self->fd, header, strlen(header)) && rename(part, path) == 0) {
        self->length = (goffset)strlen(header);
        self->path = g_steal_pointer(&path);
        return vera_file_sync_folder_of(self->path);
    }
    int saved_errno = errno;
    vera_journal_close_file(self);
    g_unlink(part);
    errno = saved_errno;
    return FALSE;
}

/* Appends one line; what a failed write left is cut off again. */
static gboolean
vera_journal_write_line(VeraJournal *self, const char *line)
{
    gsize length = strlen(line);

    if (self->fd < 0 && !vera_journal_open_file(self))
        return FALSE;
    if (lseek(self->fd, self->length, SEEK_SET) == self->length &&
        vera_project_file_write_all(self->fd, line, length) && fdatasync(self->fd) == 0) {
        self->length += (goffset)length;
        return TRUE;
    }
    int saved_errno = errno;
    if (ftruncate(self->fd, self->length) != 0)
        vera_journal_close_file(self);
    errno = saved_errno;
    return FALSE;
}

static void
vera_journal_remove_file(VeraJournal *self)
{
    if (self->path != NULL)
        g_unlink(self->path);
    vera_journal_close_file(self);
    g_clear_pointer(&self->path, g_free);
}

/* A fresh file with the newest line alone takes the place of a long one. */
static gboolean
vera_journal_start_over(VeraJournal *self, const char *line)
{
    g_autofree char *old_path = g_steal_pointer(&self->path);
    int old_fd = self->fd;
    goffset old_length = self->length;

    self->fd = -1;
    if (vera_journal_write_line(self, line)) {
        g_unlink(old_path);
        close(old_fd);
        return TRUE;
    }
    vera_journal_remove_file(self);
    self->path = g_steal_pointer(&old_path);
    self->fd = old_fd;
    self->length = old_length;
    return FALSE;
}

static void
vera_journal_report(VeraJournal *self, gboolean ok, int saved_errno)
{
    g_autofree char *dir = vera_journal_dup_dir();
    g_autofree char *message = NULL;

    self->is_behind = !ok;
    if (ok || self->has_failed) {
        self->has_failed = !ok;
        return;
    }
    self->has_failed = TRUE;
    message = g_strdup_printf(
        "Changes cannot be kept safe against a crash, because ‘%s’ cannot be written: %s. Save the "
        "project, and free some space or check the folder's permissions.",
        dir, g_strerror(saved_errno));
    self->failed(message, self->user_data);
}

static void
vera_journal_do(VeraJournal *self, VeraJournalTask *task)
{
    g_autofree char *line = NULL;
    gboolean ok;

    switch (task->kind) {
    case VERA_JOURNAL_TASK_APPEND:
        line = vera_journal_format_entry(task);
        if (self->length > VERA_JOURNAL_MAX_BYTES)
            ok = vera_journal_start_over(self, line) || vera_journal_write_line(self, line);
        else
            ok = vera_journal_write_line(self, line);
        vera_journal_report(self, ok, errno);
        break;
    case VERA_JOURNAL_TASK_SUPERSEDE:
        if (!self->is_behind)
            g_unlink(task->name);
        break;
    case VERA_JOURNAL_TASK_RESET:
        vera_journal_remove_file(self);
        self->is_behind = FALSE;
        g_free(self->project_path);
        self->project_path = g_steal_pointer(&task->name);
        g_free(self->project_sha256);
        self->project_sha256 = g_steal_pointer(&task->sha256);
        break;
    case VERA_JOURNAL_TASK_STOP:
        vera_journal_remove_file(self);
        break;
    }
}

/* Takes the next task; entries with a newer one right behind them are passed over. */
static VeraJournalTask *
vera_journal_take(VeraJournal *self, guint *n_taken)
{
    VeraJournalTask *task, *next;

    pthread_mutex_lock(&self->mutex);
    while (g_queue_is_empty(&self->tasks))
        pthread_cond_wait(&self->changed, &self->mutex);
    task = g_queue_pop_head(&self->tasks);
    *n_taken = 1;
    while (task->kind == VERA_JOURNAL_TASK_APPEND &&
           (next = g_queue_peek_head(&self->tasks)) != NULL &&
           next->kind == VERA_JOURNAL_TASK_APPEND) {
        vera_journal_task_free(task);
        task = g_queue_pop_head(&self->tasks);
        ++*n_taken;
    }
    pthread_mutex_unlock(&self->mutex);
    return task;
}

static gpointer
vera_journal_thread(gpointer data)
{
    VeraJournal *self = data;
    gboolean is_over = FALSE;
    guint n_taken;

    while (!is_over) {
        VeraJournalTask *task = vera_journal_take(self, &n_taken);
        is_over = task->kind == VERA_JOURNAL_TASK_STOP;
        vera_journal_do(self, task);
        vera_journal_task_free(task);
        pthread_mutex_lock(&self->mutex);
        self->n_done += n_taken;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->mutex);
    }
    return NULL;
}

VeraJournal *
vera_journal_new(VeraJournalFailedFunc failed, gpointer user_data)
{
    VeraJournal *self = g_new0(VeraJournal, 1);

    self->failed = failed;
    self->user_data = user_data;
    self->fd = -1;
    g_queue_init(&self->tasks);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->thread = g_thread_new("journal", vera_journal_thread, self);
    return self;
}

static void
vera_journal_queue(VeraJournal *self, VeraJournalTaskKind kind, VeraJournalTask task)
{
    VeraJournalTask *copy = g_new(VeraJournalTask, 1);

    *copy = task;
    copy->kind = kind;
    pthread_mutex_lock(&self->mutex);
    g_queue_push_tail(&self->tasks, copy);
    self->n_queued++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

void
vera_journal_append(VeraJournal *self, const VeraJournalEntry *entry)
{
    VeraJournalTask task = {
        .state = vera_project_state_ref(entry->state),
        .name = g_strdup(entry->name),
        .time = g_get_real_time() / G_USEC_PER_SEC,
        .n_changes = entry->n_changes,
        .is_modified = entry->is_modified,
    };

    vera_journal_queue(self, VERA_JOURNAL_TASK_APPEND, task);
}

void
vera_journal_reset(VeraJournal *self, const char *path, const char *sha256)
{
    VeraJournalTask task = {.name = g_strdup(path), .sha256 = g_strdup(sha256)};

    vera_journal_queue(self, VERA_JOURNAL_TASK_RESET, task);
}

void
vera_journal_supersede(VeraJournal *self, const char *path)
{
    VeraJournalTask task = {.name = g_strdup(path)};

    vera_journal_queue(self, VERA_JOURNAL_TASK_SUPERSEDE, task);
}

void
vera_journal_flush(VeraJournal *self)
{
    pthread_mutex_lock(&self->mutex);
    for (guint64 until = self->n_queued; self->n_done < until;)
        pthread_cond_wait(&self->changed, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}

void
vera_journal_close(VeraJournal *self)
{
    VeraJournalTask stop = {0};

    vera_journal_queue(self, VERA_JOURNAL_TASK_STOP, stop);
    g_thread_join(self->thread);
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->changed);
    g_free(self->project_path);
    g_free(self->project_sha256);
    g_free(self);
}
