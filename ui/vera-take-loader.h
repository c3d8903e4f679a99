#pragma once

#include <glib-object.h>

#include "engine/project/vera-take-summary.h"

G_BEGIN_DECLS

#define VERA_TYPE_TAKE_LOADER (vera_take_loader_get_type())

/**
 * VeraTakeLoader: summaries of takes, read one after the other in the background and kept.
 *
 * Signal "loaded" (string dir): what vera_take_loader_get() says of that take has changed.
 *
 * Thread-safety: main thread only.
 */
G_DECLARE_FINAL_TYPE(VeraTakeLoader, vera_take_loader, VERA, TAKE_LOADER, GObject)

/** vera_take_loader_new: @max_width, @max_height: of the pictures, in pixels. Returns: (transfer full): a loader */
VeraTakeLoader *vera_take_loader_new(int max_width, int max_height);

/**
 * vera_take_loader_get:
 * @dir: folder of a take; is read if it was not yet
 * @failure: (out) (transfer none) (nullable): why it cannot be read
 *
 * Returns: (transfer none) (nullable): the summary, until the main loop runs again; %NULL until "loaded" and where it cannot be read
 */
const VeraTakeSummary *vera_take_loader_get(VeraTakeLoader *self, const char *dir, const char **failure);

G_END_DECLS
