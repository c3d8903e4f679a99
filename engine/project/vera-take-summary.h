#pragma once

#include "engine/project/vera-take.h"

G_BEGIN_DECLS

/**
 * VeraTakeSummary:
 * @record: how the take was made
 * @coverage: share of the picture that was generated, 0..1, the mean over its frames; -1 where the take does not say
 * @width: of the picture, in pixels
 * @height: of the picture, in pixels
 * @pixels: R, G, B, A of each pixel, one byte each, for an sRGB screen, rows without gaps: the model's composite of the middle frame
 *
 * What a list of takes shows of one. Immutable once loaded.
 */
typedef struct {
    VeraTakeRecord *record;
    double coverage;
    int width, height;
    GBytes *pixels;
} VeraTakeSummary;

/**
 * vera_take_summary_load:
 * @dir: folder of the take
 * @max_width: pixels that the picture may be wide
 * @max_height: pixels that it may be high; it keeps its shape
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Reads the record and one frame. Errors: %VERA_ENGINE_ERROR_BAD_INPUT names the file that is missing or damaged,
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe; for a worker thread.
 * Returns: (transfer full): a summary, or %NULL
 */
VeraTakeSummary *
vera_take_summary_load(const char *dir, int max_width, int max_height, GCancellable *cancellable, GError **error);
void vera_take_summary_free(VeraTakeSummary *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTakeSummary, vera_take_summary_free)

G_END_DECLS
