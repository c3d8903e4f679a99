#include "config.h"

#include "engine/project/vera-project-file.h"
#include "engine/project/vera-project-private.h"

/* One save: what the writing needs and what it found. */
typedef struct {
    VeraProjectState *state;
    char *path;
    char *expected_sha256; /* NULL: write over whatever is there */
    VeraProjectSaveFlags flags;
    VeraProjectLock *lock; /* of a new path */
    char *sha256;
} VeraProjectSaving;

static void
vera_project_saving_free(gpointer data)
{
    VeraProjectSaving *saving = data;

    vera_project_state_unref(saving->state);
    vera_project_lock_release(saving->lock);
    g_free(saving->path);
    g_free(saving->expected_sha256);
    g_free(saving->sha256);
    g_free(saving);
}

/* Settles what is written where; the lock is taken first, so that nothing is written that another
 * program is about to. */
static gboolean
vera_project_saving_begin(VeraProject *self, VeraProjectSaving *saving, GError **error)
{
    g_autofree char *owner = NULL;
    gboolean is_own = g_strcmp0(self->path, saving->path) == 0;

    saving->state = vera_project_state_ref(vera_project_get_state(self));
    if (is_own && !(saving->flags & VERA_PROJECT_SAVE_FLAGS_FORCE))
        saving->expected_sha256 = g_strdup(self->sha256);
    vera_project_end_merge(self);
    if (is_own && self->lock != NULL)
        return TRUE;
    saving->lock =
        vera_project_lock_acquire(saving->path, VERA_PROJECT_LOCK_FLAGS_NONE, &owner, error);
    return saving->lock != NULL;
}

/* A save that failed leaves the project modified; but where the file was replaced all the same, it
 * is now one that we know. */
static void
vera_project_saving_finish(VeraProject *self, VeraProjectSaving *saving, gboolean ok)
{
    VeraProjectLook before;

    if (!ok && (saving->sha256 == NULL || g_strcmp0(self->path, saving->path) != 0))
        return;
    g_free(self->sha256);
    self->sha256 = g_steal_pointer(&saving->sha256);
    if (!ok)
        return;
    before = vera_project_look(self);
    vera_project_state_unref(self->saved_state);
    self->saved_state = g_steal_pointer(&saving->state);
    vera_project_set_path(self, saving->path);
    if (saving->lock != NULL) {
        vera_project_lock_release(self->lock);
        self->lock = g_steal_pointer(&saving->lock);
        g_clear_pointer(&self->lock_owner, g_free);
    }
    self->n_changes = vera_project_get_is_modified(self) ? 1 : 0;
    vera_journal_reset(self->journal, self->path, self->sha256);
    if (vera_project_get_is_modified(self))
        vera_project_append_to_journal(self);
    vera_project_notify_differences(self, before);
}

static VeraProjectSaving *
vera_project_saving_new(VeraProject *self, const char *path, VeraProjectSaveFlags flags)
{
    VeraProjectSaving *saving = g_new0(VeraProjectSaving, 1);

    saving->path = path ? vera_project_file_resolve(path) : g_strdup(self->path);
    saving->flags = flags;
    return saving;
}

gboolean
vera_project_save(VeraProject *self, const char *path, VeraProjectSaveFlags flags, GError **error)
{
    VeraProjectSaving *saving;
    gboolean ok;

    g_return_val_if_fail(VERA_IS_PROJECT(self), FALSE);
    g_return_val_if_fail(path != NULL || self->path != NULL, FALSE);
    g_return_val_if_fail(g_queue_is_empty(self->saves), FALSE);
    saving = vera_project_saving_new(self, path, flags);
    ok = vera_project_saving_begin(self, saving, error) &&
         vera_project_file_write(saving->state, saving->path, saving->expected_sha256,
                                 &saving->sha256, error);
    vera_project_saving_finish(self, saving, ok);
    vera_project_saving_free(saving);
    return ok;
}

static void
vera_project_save_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraProjectSaving *saving = data;
    GError *error = NULL;

    if (vera_project_file_write(saving->state, saving->path, saving->expected_sha256,
                                &saving->sha256, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void vera_project_start_save(VeraProject *self);

/* The writing is over: takes note of it before the caller is told, then lets the next save begin.
 */
static void
vera_project_written_cb(GObject *source, GAsyncResult *result, gpointer user_data)
{
    VeraProject *self = VERA_PROJECT(source);
    g_autoptr(GTask) outer = g_queue_pop_head(self->saves);
    GError *error = NULL;
    gboolean ok = g_task_propagate_boolean(G_TASK(result), &error);

    vera_project_saving_finish(self, g_task_get_task_data(outer), ok);
    if (ok)
        g_task_return_boolean(outer, TRUE);
    else
        g_task_return_error(outer, error);
    vera_project_start_save(self);
}

static void
vera_project_start_save(VeraProject *self)
{
    GTask *outer;
    GError *error = NULL;

    while ((outer = g_queue_peek_head(self->saves)) != NULL) {
        if (vera_project_saving_begin(self, g_task_get_task_data(outer), &error)) {
            g_autoptr(GTask) inner = g_task_new(self, NULL, vera_project_written_cb, NULL);
            g_task_set_task_data(inner, g_task_get_task_data(outer), NULL);
            g_task_run_in_thread(inner, vera_project_save_thread);
            return;
        }
        g_queue_pop_head(self->saves);
        g_task_return_error(outer, g_steal_pointer(&error));
        g_object_unref(outer);
    }
}

void
vera_project_save_async(VeraProject *self,
                        const char *path,
                        VeraProjectSaveFlags flags,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
    GTask *task;

    g_return_if_fail(VERA_IS_PROJECT(self));
    g_return_if_fail(path != NULL || self->path != NULL);
    task = g_task_new(self, NULL, callback, user_data);
    g_task_set_source_tag(task, vera_project_save_async);
    g_task_set_task_data(task, vera_project_saving_new(self, path, flags),
                         vera_project_saving_free);
    g_queue_push_tail(self->saves, task);
    if (g_queue_get_length(self->saves) == 1)
        vera_project_start_save(self);
}

gboolean
vera_project_save_finish(VeraProject *self, GAsyncResult *result, GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), FALSE);
    return g_task_propagate_boolean(G_TASK(result), error);
}
