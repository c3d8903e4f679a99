#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

/**
 * VeraBench: one `vera bench` run.
 * @work_dir: folder for what is written
 * @model_dir: the model of the edit
 * @clip_path: the clip that is edited and decoded
 * @computes: precisions of the products: F32, BF16 or both
 * @n_runs: how often each thing is timed
 * @width: of the VAE's frames, a multiple of 8
 * @is_paced: each run waits for a line on standard input and is told as one line of JSON
 * @results: (element-type VeraBenchResult): in the order of measurement
 */
typedef struct {
    char *work_dir;
    char *model_dir;
    char *clip_path;
    VeraKCompute computes[2];
    int n_computes;
    int n_runs;
    int width, height;
    gboolean is_paced;
    GPtrArray *results;
} VeraBench;

/**
 * VeraBenchResult: times of one thing.
 * @n_frames: frames that a run handles, for a rate; 0 if that makes no sense
 * @wall: (element-type double): seconds of each run
 * @cpu: (element-type double): processor seconds of each run, all threads
 * @peak_bytes: most resident memory during the runs, mapped weights included; 0 if the system does not tell
 */
typedef struct {
    char *name;
    char *detail;
    int n_frames;
    GArray *wall;
    GArray *cpu;
    guint64 peak_bytes;
} VeraBenchResult;

/** VeraBenchFunc: one run of what is timed. */
typedef gboolean (*VeraBenchFunc)(gpointer data, GError **error);

/**
 * vera_bench_measure:
 * @name: (transfer full): short name
 * @detail: (transfer full): sizes and precision
 * @func: called once a run
 *
 * Times @func and appends a result. Errors: those of @func, %VERA_ENGINE_ERROR_CANCELLED.
 */
gboolean vera_bench_measure(
    VeraBench *self, char *name, char *detail, int n_frames, VeraBenchFunc func, gpointer data, GError **error);

/** vera_bench_run_vae: decodes 5 frames with random weights of Wan2.1's shapes. */
gboolean vera_bench_run_vae(VeraBench *self, GError **error);

/** vera_bench_run_block: a block of Wan2.1 1.3B on 2,000 tokens, random weights. */
gboolean vera_bench_run_block(VeraBench *self, GError **error);

/** vera_bench_run_edit: the model's edit of 17 frames, from clip to take. */
gboolean vera_bench_run_edit(VeraBench *self, GError **error);

/** vera_bench_run_media: decoding, and export of a take at 1280x720. */
gboolean vera_bench_run_media(VeraBench *self, GError **error);

G_END_DECLS
