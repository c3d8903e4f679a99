#pragma once

#include "engine/project/vera-project.h"

G_BEGIN_DECLS

/**
 * vera_project_new_recovered:
 * @path: (nullable): resolved path of the project
 * @sha256: (nullable): what its file held when the work began
 * @file_state: (transfer full) (nullable): what its file holds
 * @state: (transfer full): the recovered state
 * @n_changes: changes between the two
 * @journal_path: the journal to remove once @state is journaled anew
 *
 * Returns: (transfer full): a modified project whose undo leads to @file_state
 */
VeraProject *vera_project_new_recovered(const char *path,
                                        const char *sha256,
                                        VeraProjectState *file_state,
                                        VeraProjectState *state,
                                        guint n_changes,
                                        const char *journal_path);

G_END_DECLS
