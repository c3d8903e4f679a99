#include "config.h"

#include "engine/vera-file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

gboolean
vera_file_sync_folder_of(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;
    int saved_errno = errno;

    if (fd >= 0)
        close(fd);
    errno = saved_errno;
    return ok;
}
