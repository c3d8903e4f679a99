#include "config.h"

#include <errno.h>

#include <glib/gstdio.h>

#include "engine/media/vera-png-writer.h"
#include "engine/project/vera-region.h"
#include "engine/vera-engine-error.h"

static gboolean
vera_region_write_frame(const VeraRegion *self,
                        gint64 frame,
                        int src_w,
                        int src_h,
                        const char *path,
                        float *values,
                        GError **error)
{
    if (!vera_region_render(self, frame, src_w, src_h, src_w, src_h, values)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory to draw the region's mask of %d by %d pixels.", src_w,
                    src_h);
        return FALSE;
    }
    return vera_png_write(path, values, src_w, src_h, 1, error);
}

static void
vera_region_remove_files(GPtrArray *files, const char *dir)
{
    for (guint i = 0; i < files->len; i++)
        g_unlink(files->pdata[i]);
    g_rmdir(dir);
}

/* Frames of an earlier range would become part of the sequence. */
static void
vera_region_remove_earlier(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (g_str_has_prefix(name, "region.") && g_str_has_suffix(name, ".png"))
            g_unlink(file);
    }
}

static gboolean
vera_region_write_files(const VeraRegion *self,
                        gint64 first,
                        int src_w,
                        int src_h,
                        GPtrArray *files,
                        GCancellable *cancellable,
                        GError **error)
{
    g_autofree float *values = g_try_new(float, (gsize)src_w *(gsize)src_h);

    if (values == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory for the region's mask of %d by %d pixels.", src_w, src_h);
        return FALSE;
    }
    for (guint i = 0; i < files->len; i++)
        if (vera_engine_error_set_cancelled(cancellable, error) ||
            !vera_region_write_frame(self, first + i, src_w, src_h, files->pdata[i], values, error))
            return FALSE;
    return TRUE;
}

char *
vera_region_write_mask(const VeraRegion *self,
                       gint64 first,
                       gint64 last,
                       int src_w,
                       int src_h,
                       const char *dir,
                       GCancellable *cancellable,
                       GError **error)
{
    gboolean is_still = !vera_region_is_animated(self, first, last);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    g_return_val_if_fail(first >= 0 && last >= first, NULL);
    if (g_mkdir_with_parents(dir, 0777) != 0) {
        g_autofree char *what = g_strdup_printf("make the folder ‘%s’", dir);
        vera_engine_error_set_errno(error, errno, what);
        return NULL;
    }
    vera_region_remove_earlier(dir);
    if (is_still)
        g_ptr_array_add(files, g_build_filename(dir, "region.png", NULL));
    for (gint64 frame = first; frame <= last && !is_still; frame++)
        g_ptr_array_add(files, g_strdup_printf("%s/region.%06" G_GINT64_FORMAT ".png", dir, frame));
    if (!vera_region_write_files(self, first, src_w, src_h, files, cancellable, error)) {
        vera_region_remove_files(files, dir);
        return NULL;
    }
    return g_strdup(is_still ? files->pdata[0] : dir);
}
