#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/media/vera-proxy-store.h"
#include "engine/vera-engine-error.h"

typedef struct {
    char *path;
    gint64 bytes;
    gint64 used_ns;
} VeraProxyFile;

static void
vera_proxy_file_free(gpointer data)
{
    VeraProxyFile *file = data;
    g_free(file->path);
    g_free(file);
}

static int
vera_proxy_file_compare(gconstpointer a, gconstpointer b)
{
    const VeraProxyFile *x = *(const VeraProxyFile *const *)a,
                        *y = *(const VeraProxyFile *const *)b;
    return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

/** The files in @folder, those that were not used longest first. */
static GPtrArray *
vera_proxy_folder_list(const char *folder)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(vera_proxy_file_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        GStatBuf facts;
        if (!g_str_has_suffix(name, ".proxies") || g_lstat(path, &facts) != 0 ||
            !S_ISREG(facts.st_mode))
            continue;
        VeraProxyFile *file = g_new0(VeraProxyFile, 1);
        file->path = g_steal_pointer(&path);
        file->bytes = facts.st_size;
        file->used_ns =
            (gint64)facts.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + facts.st_mtim.tv_nsec;
        g_ptr_array_add(files, file);
    }
    g_ptr_array_sort(files, vera_proxy_file_compare);
    return files;
}

char *
vera_proxy_folder_dup_default(void)
{
    return g_build_filename(g_get_user_cache_dir(), "vera", "proxies", NULL);
}

gint64
vera_proxy_folder_measure(const char *folder)
{
    g_autoptr(GPtrArray) files = vera_proxy_folder_list(folder);
    gint64 total = 0;

    for (guint i = 0; i < files->len; i++)
        total += ((VeraProxyFile *)g_ptr_array_index(files, i))->bytes;
    return total;
}

/** Deletes @path unless somebody writes it. Returns: whether it is gone */
static gboolean
vera_proxy_folder_drop(const char *path)
{
    int fd = g_open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);

    if (fd < 0)
        return errno == ENOENT;
    gboolean is_gone = flock(fd, LOCK_EX | LOCK_NB) == 0 && g_unlink(path) == 0;
    close(fd);
    return is_gone;
}

gint64
vera_proxy_folder_trim(const char *folder, gint64 max_bytes, const char *keep)
{
    g_autoptr(GPtrArray) files = vera_proxy_folder_list(folder);
    gint64 total = 0;

    for (guint i = 0; i < files->len; i++)
        total += ((VeraProxyFile *)g_ptr_array_index(files, i))->bytes;
    for (guint i = 0; i < files->len && total > max_bytes; i++) {
        VeraProxyFile *file = g_ptr_array_index(files, i);
        if (g_strcmp0(file->path, keep) != 0 && vera_proxy_folder_drop(file->path))
            total -= file->bytes;
    }
    return total;
}

gboolean
vera_proxy_folder_clear(const char *folder, GError **error)
{
    g_autoptr(GPtrArray) files = vera_proxy_folder_list(folder);
    gboolean is_clear = TRUE;

    for (guint i = 0; i < files->len; i++) {
        VeraProxyFile *file = g_ptr_array_index(files, i);
        if (g_unlink(file->path) == 0 || errno == ENOENT)
            continue;
        int saved_errno = errno;
        g_autofree char *what = g_strdup_printf("delete ‘%s’", file->path);
        if (is_clear)
            vera_engine_error_set_errno(error, saved_errno, what);
        is_clear = FALSE;
    }
    return is_clear;
}
