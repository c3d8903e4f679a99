#pragma once

#include <gio/gio.h>

#include "engine/compositing/vera-matte.h"
#include "engine/media/vera-export.h"
#include "engine/project/vera-take.h"
#include "engine/queue/vera-job-clock.h"

G_BEGIN_DECLS

/** VeraExportProgressFunc: frames done and in all. */
typedef void (*VeraExportProgressFunc)(gint64 done, gint64 n_frames, gpointer user_data);

/**
 * VeraExportLayer:
 * @take: what the layer holds
 * @refinement: of its matte at plate size
 * @opacity: 0..1; the written matte has it in it
 *
 * One layer of the stack. Outside the take's frames it is empty.
 */
typedef struct {
    VeraTake *take;
    VeraMatteRefinement refinement;
    float opacity;
} VeraExportLayer;

/**
 * VeraExportJob:
 * @clip: the source
 * @layers: the stack, bottom first
 * @n_layers: 0 exports the clip alone, the null edit
 * @frames: (element-type gint64) (nullable): source frames, increasing; %NULL takes those of the
 * only layer
 * @settings: what is written and where; n_layers is filled in, and record_json, where it is %NULL,
 * with the takes' own
 *
 * One export: what the canvas shows. Layers and mattes are enlarged to the plate's size, the mattes
 * along the plate's edges; the plate is never resampled.
 */
typedef struct {
    VeraClip *clip;
    const VeraExportLayer *layers;
    int n_layers;
    GArray *frames;
    VeraExportSettings settings;
} VeraExportJob;

/** vera_export_job_get_frames: Returns: (transfer none) (element-type gint64): the source frames
 * that are written */
const GArray *vera_export_job_get_frames(const VeraExportJob *self);

/** vera_export_job_make_rate_key: Returns: (transfer full): what exports with @settings run as fast
 * as, for #VeraJobRates */
char *vera_export_job_make_rate_key(const VeraExportSettings *settings);

/** vera_export_job_estimate: Returns: what one frame is, as a step; its unit is a million pixels,
 * each layer's counted, and not operations */
VeraJobWork vera_export_job_estimate(const VeraClipInfo *info, int n_layers);

/**
 * vera_export_job_run:
 * @n_changed: (out): pixels outside all mattes that differ from the source, over all frames;
 * counted, always 0 unless something is wrong
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
