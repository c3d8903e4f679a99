#include "config.h"

#include "engine/vera-disk.h"

#include <gio/gio.h>

guint64
vera_disk_get_free_bytes(const char *path)
{
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GFileInfo) facts = NULL;

    while (!g_file_query_exists(file, NULL)) {
        GFile *parent = g_file_get_parent(file);
        if (parent == NULL)
            return G_MAXUINT64;
        g_object_unref(file);
        file = parent;
    }
    facts = g_file_query_filesystem_info(file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
    return facts && g_file_info_has_attribute(facts, G_FILE_ATTRIBUTE_FILESYSTEM_FREE)
               ? g_file_info_get_attribute_uint64(facts, G_FILE_ATTRIBUTE_FILESYSTEM_FREE)
               : G_MAXUINT64;
}
