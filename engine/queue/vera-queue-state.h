#pragma once

#include "engine/queue/vera-job-private.h"

G_BEGIN_DECLS

/** vera_queue_state_to_text: Returns: (transfer full): the jobs that are to survive, as the state
 * file holds them: all but those that are done or cancelled */
char *vera_queue_state_to_text(GPtrArray *jobs);

/**
 * vera_queue_state_load:
 * @path: the state file; nothing happens if there is none
 * @jobs: (element-type VeraJob): takes the jobs: failed ones as they were, the others paused
 * @notice: (out) (nullable) (transfer full): a sentence for a person if not everything could be
 * read; the file was then put aside
 *
 * Returns: whether @path may be written from now on
 */
gboolean vera_queue_state_load(const char *path, GPtrArray *jobs, char **notice);

G_END_DECLS
