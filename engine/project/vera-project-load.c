#include "config.h"

#include "engine/project/vera-project-file.h"
#include "engine/project/vera-project-private.h"

/* What reading and locking found; neither needs the project. */
typedef struct {
    char *path;
    VeraProjectState *state;
    char *sha256;
    VeraProjectLock *lock;
    char *lock_owner;
} VeraProjectLoading;

static void
vera_project_loading_free(gpointer data)
{
    VeraProjectLoading *loading = data;

    vera_project_state_unref(loading->state);
    vera_project_lock_release(loading->lock);
    g_free(loading->path);
    g_free(loading->sha256);
    g_free(loading->lock_owner);
    g_free(loading);
}

/* Locks first, so that nobody saves between reading and locking. A folder that cannot be written
 * needs no lock: nobody saves there. */
static gboolean
vera_project_loading_run(VeraProjectLoading *self, GError **error)
{
    if (g_file_test(self->path, G_FILE_TEST_IS_REGULAR))
        self->lock = vera_project_lock_acquire(self->path, VERA_PROJECT_LOCK_FLAGS_NONE,
                                               &self->lock_owner, NULL);
    self->state = vera_project_file_read(self->path, &self->sha256, error);
    if (self->state == NULL)
        g_clear_pointer(&self->lock, vera_project_lock_release);
    return self->state != NULL;
}

static VeraProject *
vera_project_loading_finish(VeraProjectLoading *self)
{
    VeraProject *project = vera_project_new_with_state(g_steal_pointer(&self->state));

    vera_project_set_path(project, self->path);
    project->sha256 = g_steal_pointer(&self->sha256);
    project->lock = g_steal_pointer(&self->lock);
    project->lock_owner = g_steal_pointer(&self->lock_owner);
    vera_journal_reset(project->journal, project->path, project->sha256);
    return project;
}

static VeraProjectLoading *
vera_project_loading_new(const char *path)
{
    VeraProjectLoading *self = g_new0(VeraProjectLoading, 1);

    self->path = g_strdup(path);
    return self;
}

VeraProject *
vera_project_load(const char *path, GError **error)
{
    g_autofree char *resolved = vera_project_file_resolve(path);
    VeraProjectLoading *loading = vera_project_loading_new(resolved);
    VeraProject *project = NULL;

    if (vera_project_loading_run(loading, error))
        project = vera_project_loading_finish(loading);
    vera_project_loading_free(loading);
    return project;
}

static void
vera_project_load_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraProjectLoading *loading = data;
    g_autofree char *given = g_steal_pointer(&loading->path);
    GError *error = NULL;

    loading->path = vera_project_file_resolve(given);
    if (vera_project_loading_run(loading, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

void
vera_project_load_async(const char *path,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, user_data);

    g_return_if_fail(path != NULL);
    g_task_set_source_tag(task, vera_project_load_async);
    g_task_set_task_data(task, vera_project_loading_new(path), vera_project_loading_free);
    g_task_run_in_thread(task, vera_project_load_thread);
}

VeraProject *
vera_project_load_finish(GAsyncResult *result, GError **error)
{
    VeraProjectLoading *loading;

    g_return_val_if_fail(g_task_is_valid(result, NULL), NULL);
    loading = g_task_get_task_data(G_TASK(result));
    if (g_task_propagate_boolean(G_TASK(result), error))
        return vera_project_loading_finish(loading);
    /* The task may live on for a moment in its thread; a cancelled one has been locked all the same. */
    g_clear_pointer(&loading->lock, vera_project_lock_release);
    return NULL;
}
