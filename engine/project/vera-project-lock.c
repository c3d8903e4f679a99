#include "config.h"

#include "engine/project/vera-project-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/project/vera-project-file.h"
#include "engine/vera-engine-error.h"

struct _VeraProjectLock {
    char *path;
    int fd;
};

typedef enum {
    VERA_PROJECT_LOCK_RESULT_OURS,
    VERA_PROJECT_LOCK_RESULT_THEIRS,
    VERA_PROJECT_LOCK_RESULT_AGAIN,
    VERA_PROJECT_LOCK_RESULT_ERROR,
} VeraProjectLockResult;

/* What the lock file says; host empty if it says nothing. */
static void
vera_project_lock_read(int fd, char host[256], int *pid)
{
    char text[300] = "";
    gssize n = pread(fd, text, sizeof text - 1, 0);

    host[0] = '\0';
    *pid = 0;
    if (n > 0 && sscanf(text, "%d %255s", pid, host) != 2)
        host[0] = '\0';
}

/* Whether @path still names the file behind @fd; the holder removes it when it lets go. */
static gboolean
vera_project_lock_is_current(int fd, const char *path)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

static gboolean
vera_project_lock_process_lives(int pid)
{
    return pid > 0 && pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM);
}

static VeraProjectLockResult
vera_project_lock_try(int fd, const char *path, VeraProjectLockFlags flags)
{
    gboolean has_flock = flock(fd, LOCK_EX | LOCK_NB) == 0;
    gboolean is_ours;
    char host[256];
    int pid;

    if (!has_flock && errno == EWOULDBLOCK)
        return VERA_PROJECT_LOCK_RESULT_THEIRS;
    if (!vera_project_lock_is_current(fd, path))
        return VERA_PROJECT_LOCK_RESULT_AGAIN;
    vera_project_lock_read(fd, host, &pid);
    is_ours = host[0] == '\0' || strcmp(host, g_get_host_name()) == 0;
    if (!is_ours && !(flags & VERA_PROJECT_LOCK_FLAGS_BREAK))
        return VERA_PROJECT_LOCK_RESULT_THEIRS;
    /* Some network file systems have no flock: the process must do. */
    if (is_ours && !has_flock && vera_project_lock_process_lives(pid))
        return VERA_PROJECT_LOCK_RESULT_THEIRS;
    g_autofree char *text = g_strdup_printf("%d %s\n", (int)getpid(), g_get_host_name());
    if (ftruncate(fd, 0) != 0 || !vera_project_file_write_all(fd, text, strlen(text)))
        return VERA_PROJECT_LOCK_RESULT_ERROR;
    return VERA_PROJECT_LOCK_RESULT_OURS;
}

static char *
vera_project_lock_get_path(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
    g_autofree char *lock = g_strdup_printf(".%s.lock", name);

    return g_build_filename(dir, lock, NULL);
}

static void
vera_project_lock_describe(int fd, const char *path, char **owner, GError **error)
{
    char host[256];
    int pid;

    vera_project_lock_read(fd, host, &pid);
    *owner = host[0] ? g_strdup_printf("process %d on %s", pid, host) : g_strdup("another program");
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_LOCKED,
                "The project ‘%s’ is open in %s; close it there, or save under another name.", path,
                *owner);
}

VeraProjectLock *
vera_project_lock_acquire(const char *path,
                          VeraProjectLockFlags flags,
                          char **owner,
                          GError **error)
{
    g_autofree char *lock_path = vera_project_lock_get_path(path);
    g_autofree char *what = g_strdup_printf("lock the project ‘%s’", path);
    VeraProjectLockResult result = VERA_PROJECT_LOCK_RESULT_AGAIN;
    VeraProjectLock *self;
    int fd = -1;

    while (result == VERA_PROJECT_LOCK_RESULT_AGAIN) {
        if (fd >= 0)
            close(fd);
        fd = open(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        result =
            fd < 0 ? VERA_PROJECT_LOCK_RESULT_ERROR : vera_project_lock_try(fd, lock_path, flags);
    }
    if (result == VERA_PROJECT_LOCK_RESULT_OURS) {
        self = g_new0(VeraProjectLock, 1);
        self->path = g_steal_pointer(&lock_path);
        self->fd = fd;
        return self;
    }
    if (result == VERA_PROJECT_LOCK_RESULT_THEIRS)
        vera_project_lock_describe(fd, path, owner, error);
    else
        vera_engine_error_set_errno(error, errno, what);
    if (fd >= 0)
        close(fd);
    return NULL;
}

void
vera_project_lock_release(VeraProjectLock *self)
{
    if (self == NULL)
        return;
    if (vera_project_lock_is_current(self->fd, self->path))
        g_unlink(self->path);
    close(self->fd);
    g_free(self->path);
    g_free(self);
}
