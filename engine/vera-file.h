#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_file_sync_folder_of:
 * @path: a file or folder that was made, renamed or removed
 *
 * Brings the entry of @path in its folder to disk, so that a rename outlasts a power cut.
 *
 * Thread-safety: safe. Blocks.
 * Returns: %FALSE with errno set
 */
gboolean vera_file_sync_folder_of(const char *path);

G_END_DECLS
