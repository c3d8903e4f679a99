#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_disk_get_free_bytes:
 * @path: a file or folder that is there, or one that is to be made
 *
 * Thread-safety: safe; may wait for the disk.
 * Returns: what the disk that @path is or would be on has free; %G_MAXUINT64 where it does not say
 */
guint64 vera_disk_get_free_bytes(const char *path);

G_END_DECLS
