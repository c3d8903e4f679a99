#pragma once

#include "engine/queue/vera-export-job.h"

G_BEGIN_DECLS

/**
 * VeraExportStack: memory in which the frames of an export are made, one at a time.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraExportStack VeraExportStack;

/** vera_export_stack_new: @job is borrowed. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY. Returns:
 * (transfer full): a stack, or %NULL */
VeraExportStack *vera_export_stack_new(const VeraExportJob *job, GError **error);
void vera_export_stack_free(VeraExportStack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraExportStack, vera_export_stack_free)

/**
 * vera_export_stack_make:
 * @self: a stack
 * @index: source frame number
 * @frame: (out caller-allocates): the frame; source and composite are owned by the caller, the rest
 * lies in the stack until the next call
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Reads the source and every layer, enlarges, composites from bottom to top, and counts what
 * changed outside all mattes.
 *
 * Returns: %TRUE on success
 */
gboolean vera_export_stack_make(VeraExportStack *self,
                                gint64 index,
                                VeraExportFrame *frame,
                                GCancellable *cancellable,
                                GError **error);

G_END_DECLS
