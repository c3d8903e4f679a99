#pragma once

#include <gio/gio.h>

#include "engine/compositing/vera-matte.h"
#include "engine/media/vera-export.h"
#include "engine/project/vera-take.h"

G_BEGIN_DECLS

/** VeraExportProgressFunc: frames done and in all. */
typedef void (*VeraExportProgressFunc)(gint64 done, gint64 n_frames, gpointer user_data);

/**
 * VeraExportJob:
 * @clip: the source
 * @take: (nullable): %NULL exports the clip alone, the null edit
 * @frames: (element-type gint64): source frames of a null edit; a take brings its own
 * @refinement: of the matte at plate size
 * @settings: what is written and where
 *
 * One export. Layer and matte are enlarged to the plate's size, the matte along the plate's edges; the plate is never resampled.
 */
typedef struct {
    VeraClip *clip;
    VeraTake *take;
    GArray *frames;
    VeraMatteRefinement refinement;
    VeraExportSettings settings;
} VeraExportJob;

/**
 * vera_export_job_run:
 * @n_changed: (out): pixels outside the matte that differ from the source, over all frames; counted, always 0 unless something is wrong
 *
 * Blocks; for a worker thread. Errors: those of all parts.
 * Returns: %TRUE when everything is written
 */
gboolean vera_export_job_run(const VeraExportJob *self,
                             gint64 *n_changed,
                             VeraExportProgressFunc progress,
                             gpointer user_data,
                             GCancellable *cancellable,
                             GError **error);

G_END_DECLS
