#pragma once

#include "engine/queue/vera-edit-job.h"
#include "engine/queue/vera-export-job.h"
#include "engine/queue/vera-job-rates.h"
#include "engine/queue/vera-job.h"

G_BEGIN_DECLS

#define VERA_TYPE_QUEUE (vera_queue_get_type())

/**
 * VeraQueue: jobs in the order in which they are done, one at a time and device, on threads of
 * their own; exports wait for one another, not for takes. A job that fails leaves the others. A
 * #GListModel of #VeraJob.
 *
 * Signals: "job-finished" (VeraJob) when a job is done, failed or cancelled; after a crash it may
 * come once more for the same job. "changed" () when any job's state changed. Property "notice"
 * (string, nullable, notified): what a person should know about the list itself: that an old one
 * could not be read, that it cannot be kept.
 *
 * Thread-safety: main thread only.
 */
G_DECLARE_FINAL_TYPE(VeraQueue, vera_queue, VERA, QUEUE, GObject)

/**
 * vera_queue_new:
 * @state_path: (nullable): file that the jobs survive a crash in; written atomically at every
 * change, off this thread
 *
 * Jobs that were unfinished when the file was last written come back paused, failed ones failed.
 * Jobs that cannot be read are left out, the file is put aside as STATE_PATH.unread and "notice"
 * says so. While another program has the file, its jobs are neither read nor written, "notice" says
 * who has it, and this queue works without a file. Returns: (transfer full): a queue
 */
VeraQueue *vera_queue_new(const char *state_path);

/**
 * vera_queue_add_edit:
 * @request: copied
 * @title: for people
 * @edit_id: (nullable): handed back with the job
 * @take_dir: the take's folder-to-be
 *
 * Returns: (transfer none): the job, queued
 */
VeraJob *vera_queue_add_edit(VeraQueue *self,
                             const VeraEditRequest *request,
                             const char *title,
                             const char *edit_id,
                             const char *take_dir);

/**
 * VeraQueueLayer: a layer of an export.
 * @take_dir: folder of its take
 * @refinement: of its matte
 * @opacity: 0..1
 */
typedef struct {
    const char *take_dir;
    VeraMatteRefinement refinement;
    double opacity;
} VeraQueueLayer;

/**
 * VeraQueueExport: an export to be done.
 * @clip_path: the source
 * @layers: the stack, bottom first
 * @n_layers: 0 exports the clip alone
 * @frames: (element-type gint64): source frames, increasing
 * @settings: what is written and where
 */
typedef struct {
    const char *clip_path;
    const VeraQueueLayer *layers;
    int n_layers;
    GArray *frames;
    VeraExportSettings settings;
} VeraQueueExport;

/** vera_queue_add_export: @spec is copied. Returns: (transfer none): the job, queued */
VeraJob *vera_queue_add_export(VeraQueue *self, const VeraQueueExport *spec, const char *title);

/**
 * vera_queue_pause: a queued job waits. A running one finishes and saves the step in work
 * ("is-stopping" meanwhile), stops, and gives its memory back; between steps it stops at once.
 * Asked again while it is stopping, it stops within a second and the step in work is lost.
 */
void vera_queue_pause(VeraQueue *self, VeraJob *job);
/** vera_queue_resume: a paused job is queued again and goes on from its last finished step; one
 * that is to be paused goes on. */
void vera_queue_resume(VeraQueue *self, VeraJob *job);
/** vera_queue_cancel: stops within a second; a take's finished steps are removed. */
void vera_queue_cancel(VeraQueue *self, VeraJob *job);
/** vera_queue_retry: a failed or cancelled job is queued again; finished steps that were refused as
 * damaged are dropped first. */
void vera_queue_retry(VeraQueue *self, VeraJob *job);
/** vera_queue_pause_all: as vera_queue_pause() for every job that is queued or running. */
void vera_queue_pause_all(VeraQueue *self);
/** vera_queue_resume_all: as vera_queue_resume() for every job that is paused or to be paused. */
void vera_queue_resume_all(VeraQueue *self);
/** vera_queue_remove: takes a job that is over off the list. */
void vera_queue_remove(VeraQueue *self, VeraJob *job);
/** vera_queue_move: to @position in the order, from 0. */
void vera_queue_move(VeraQueue *self, VeraJob *job, guint position);
/** vera_queue_clear_finished: takes every job that is over off the list. */
void vera_queue_clear_finished(VeraQueue *self);
/** vera_queue_get_n_active: Returns: jobs that are queued or running */
guint vera_queue_get_n_active(VeraQueue *self);

/**
 * VeraQueuePreviewFunc: @rgb width*height*3 interleaved and @matte width*height, 0..1, at model
 * size, borrowed; source frame @frame; on the main context.
 */
typedef void (*VeraQueuePreviewFunc)(VeraJob *job,
                                     gint64 frame,
                                     int width,
                                     int height,
                                     const float *rgb,
                                     const float *matte,
                                     gpointer user_data);

/**
 * vera_queue_set_preview: takes are shown at source frame @frame as steps end, at most every two
 * seconds and for at most a tenth of the time; -1 for none. Never changes a result.
 */
void vera_queue_set_preview(VeraQueue *self,
                            gint64 frame,
                            VeraQueuePreviewFunc func,
                            gpointer user_data);

/** vera_queue_list_take_dirs: Returns: (transfer full) (element-type filename): folders of takes
 * that jobs make or read which are not done or may be tried again */
GPtrArray *vera_queue_list_take_dirs(VeraQueue *self);

/** vera_queue_get_rates: Returns: (transfer none): how fast takes were made here; kept beside the list, as STATE_PATH-rates */
VeraJobRates *vera_queue_get_rates(VeraQueue *self);

/** vera_queue_get_notice: Returns: (nullable): the property */
const char *vera_queue_get_notice(VeraQueue *self);

/** vera_queue_flush: waits, a second at most, until the list as it is now is on disk. Returns:
 * whether it is */
gboolean vera_queue_flush(VeraQueue *self);

/**
 * vera_queue_shutdown: for the end of the program: stops what runs at once, so that it can go on
 * from its last finished step, and waits a second at most. No job begins any more.
 *
 * Returns: %FALSE if a thread did not stop in time: nothing is lost, but it still runs, so leave by
 * _exit(), without destructors
 */
gboolean vera_queue_shutdown(VeraQueue *self);

G_END_DECLS
