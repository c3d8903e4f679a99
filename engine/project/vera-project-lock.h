#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraProjectLock: the right to write one project, held by a file ".NAME.lock" beside it that names
 * process and computer and is locked with flock(2), so that it falls with the program. Not
 * thread-safe.
 */
typedef struct _VeraProjectLock VeraProjectLock;

/**
 * VeraProjectLockFlags:
 * @VERA_PROJECT_LOCK_FLAGS_NONE: respect a lock of another computer
 * @VERA_PROJECT_LOCK_FLAGS_BREAK: take it over if no program here holds it
 */
typedef enum {
    VERA_PROJECT_LOCK_FLAGS_NONE = 0,
    VERA_PROJECT_LOCK_FLAGS_BREAK = 1 << 0,
} VeraProjectLockFlags;

/**
 * vera_project_lock_acquire:
 * @path: a resolved project path
 * @flags: flags
 * @owner: (out) (transfer full): with %VERA_ENGINE_ERROR_LOCKED, "process 123 on HOST"
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_LOCKED, %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL (the
 * lock file cannot be made). Returns: (transfer full): the lock, or %NULL
 */
VeraProjectLock *vera_project_lock_acquire(const char *path,
                                           VeraProjectLockFlags flags,
                                           char **owner,
                                           GError **error);

/** vera_project_lock_release: removes the lock file. @self may be %NULL. */
void vera_project_lock_release(VeraProjectLock *self);

G_END_DECLS
