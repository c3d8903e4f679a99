#pragma once

#include "engine/project/vera-project-state.h"

G_BEGIN_DECLS

/** vera_project_file_resolve: Returns: (transfer full): @path absolute, links followed as far as
 * files exist */
char *vera_project_file_resolve(const char *path);

/**
 * vera_project_file_read:
 * @path: a resolved path
 * @sha256: (out) (transfer full) (optional): of the file's bytes
 * @error: return location for a #GError
 *
 * Errors as vera_project_state_load(). Thread-safety: safe.
 * Returns: (transfer full): the state, or %NULL
 */
VeraProjectState *vera_project_file_read(const char *path, char **sha256, GError **error);

/**
 * vera_project_file_write:
 * @state: a committed state
 * @path: a resolved path
 * @expected_sha256: (nullable): what the file's bytes must still have, if there is a file
 * @sha256: (out) (transfer full): of what is there now; also set when a failure came after the file was replaced
 * @error: return location for a #GError
 *
 * Writes atomically and keeps the older versions; does nothing when the file holds the very same
 * bytes. Errors as vera_project_save(). Thread-safety: safe for different paths.
 */
gboolean vera_project_file_write(const VeraProjectState *state,
                                 const char *path,
                                 const char *expected_sha256,
                                 char **sha256,
                                 GError **error);

/** vera_project_file_write_all: write(2) to the end. Returns: %FALSE with errno set */
gboolean vera_project_file_write_all(int fd, const char *bytes, gsize length);

G_END_DECLS
