#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *fuzz_dir;

static void
fuzz_remove(void)
{
    g_autoptr(GDir) dir = g_dir_open(fuzz_dir, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(fuzz_dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(fuzz_dir);
}

const char *
fuzz_write(const char *name, const uint8_t *data, size_t size)
{
    static char *path;
    int fd;

    if (fuzz_dir == NULL) {
        fuzz_dir = g_dir_make_tmp("vera-fuzz-XXXXXX", NULL);
        atexit(fuzz_remove);
    }
    g_free(path);
    path = g_build_filename(fuzz_dir, name, NULL);
    fd = g_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        g_error("no temporary file");
    close(fd);
    return path;
}

void
fuzz_check(gboolean ok, GError *error)
{
    if (ok != (error == NULL))
        g_error("result and error disagree");
    g_clear_error(&error);
}
