#include "config.h"

#include <errno.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "engine/project/vera-take-private.h"
#include "engine/vera-engine-error.h"

/* The files of a folder, if all are ours. Returns: (nullable): NULL if one is not, or there is no
 * such folder */
static GPtrArray *
vera_take_list_files(const char *folder, gboolean (*is_ours)(const char *name), guint64 *n_bytes)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    if (dir == NULL)
        return NULL;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat status;
        if (!is_ours(name) || lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
            return NULL;
        *n_bytes += (guint64)status.st_size;
        g_ptr_array_add(files, g_steal_pointer(&path));
    }
    return g_steal_pointer(&files);
}

static gboolean
vera_take_is_frame(const char *name)
{
    return g_str_has_suffix(name, ".safetensors");
}

static gboolean
vera_take_is_mask(const char *name)
{
    return g_str_has_prefix(name, "region.") && g_str_has_suffix(name, ".png");
}

/* A mask that is not as it was made belongs to somebody else by now. Returns: (nullable): its
 * folder */
static char *
vera_take_dup_mask_folder(const char *dir, guint64 *n_bytes)
{
    g_autofree char *folder = g_strconcat(dir, ".region", NULL);
    guint64 n = 0;
    g_autoptr(GPtrArray) files = vera_take_list_files(folder, vera_take_is_mask, &n);

    if (files == NULL)
        return NULL;
    *n_bytes += n;
    return g_steal_pointer(&folder);
}

gboolean
vera_take_measure(const char *dir, guint64 *n_bytes)
{
    g_autofree char *frames = g_build_filename(dir, "frames", NULL),
                    *record = g_build_filename(dir, "take.json", NULL), *mask = NULL;
    g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);
    g_autoptr(GPtrArray) files = NULL;
    const char *name;
    struct stat status;

    *n_bytes = 0;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL)
        if (!g_str_equal(name, "frames") && !g_str_equal(name, "take.json"))
            return FALSE;
    if (lstat(record, &status) != 0 || !S_ISREG(status.st_mode))
        return FALSE;
    *n_bytes = (guint64)status.st_size;
    mask = vera_take_dup_mask_folder(dir, n_bytes);
    if (lstat(frames, &status) != 0)
        return TRUE;
    files =
        S_ISDIR(status.st_mode) ? vera_take_list_files(frames, vera_take_is_frame, n_bytes) : NULL;
    return files != NULL;
}

static gboolean
vera_take_trash_folder(const char *folder, GError **error)
{
    g_autoptr(GFile) file = g_file_new_for_path(folder);
    g_autoptr(GError) local = NULL;

    if (g_file_trash(file, NULL, &local))
        return TRUE;
    if (g_error_matches(local, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "There is no trash for ‘%s’.", folder);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "Could not move ‘%s’ to the trash: %s.", folder, local->message);
    return FALSE;
}

gboolean
vera_take_trash(const char *dir, GError **error)
{
    guint64 n_bytes = 0;
    g_autofree char *mask = vera_take_dup_mask_folder(dir, &n_bytes);

    return vera_take_trash_folder(dir, error) &&
           (mask == NULL || vera_take_trash_folder(mask, error));
}

static gboolean
vera_take_fail_remove(const char *path, GError **error)
{
    int saved_errno = errno;
    g_autofree char *what = g_strdup_printf("remove ‘%s’", path);

    vera_engine_error_set_errno(error, saved_errno, what);
    return FALSE;
}

static gboolean
vera_take_remove_folder(const char *folder, gboolean (*is_ours)(const char *name), GError **error)
{
    guint64 n_bytes = 0;
    g_autoptr(GPtrArray) files = vera_take_list_files(folder, is_ours, &n_bytes);

    for (guint i = 0; files != NULL && i < files->len; i++)
        if (g_unlink(files->pdata[i]) != 0)
            return vera_take_fail_remove(files->pdata[i], error);
    return g_rmdir(folder) == 0 || errno == ENOENT || vera_take_fail_remove(folder, error);
}

/* take.json goes last: without it nobody would find the rest. */
gboolean
vera_take_remove(const char *dir, GError **error)
{
    g_autofree char *frames = g_build_filename(dir, "frames", NULL),
                    *record = g_build_filename(dir, "take.json", NULL);
    guint64 n_bytes = 0;
    g_autofree char *mask = vera_take_dup_mask_folder(dir, &n_bytes);

    if (mask != NULL && !vera_take_remove_folder(mask, vera_take_is_mask, error))
        return FALSE;
    if (!vera_take_remove_folder(frames, vera_take_is_frame, error))
        return FALSE;
    if (g_unlink(record) != 0)
        return vera_take_fail_remove(record, error);
    return g_rmdir(dir) == 0 || vera_take_fail_remove(dir, error);
}
