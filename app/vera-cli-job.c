#include "config.h"

#include "app/vera-cli-job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/vera-cli.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

/* What is shown while a job runs, at most once a second. */
typedef struct {
    const VeraCliJob *job;
    gint64 started_us;
    gint64 shown_us;
    gint64 phase_started_us;
    const char *phase;
} VeraCliProgress;

static void
vera_cli_progress_show(
    VeraCliProgress *self, const char *phase, double fraction, int step, int n_steps)
{
    gint64 now = g_get_monotonic_time();
    double spent, eta;

    if (self->phase == NULL || strcmp(self->phase, phase) != 0) {
        self->phase = phase;
        self->phase_started_us = now;
    }
    if (now - self->shown_us < G_USEC_PER_SEC)
        return;
    self->shown_us = now;
    spent = (double)(now - self->phase_started_us) / G_USEC_PER_SEC;
    eta = fraction > 0 ? spent / fraction * (1 - fraction) : 0;
    if (self->job->is_json) {
        printf("{\"job\":\"%s\",\"step\":%d,\"steps\":%d,\"fraction\":%.4f,\"eta_s\":%.0f}\n",
               phase, step, n_steps, fraction, eta);
        fflush(stdout);
    } else if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%s %3.0f %%, %.0f s left   ", phase, fraction * 100, eta);
    }
}

static void
vera_cli_edit_progress_cb(
    const char *phase, double fraction, int step, int n_steps, gpointer user_data)
{
    vera_cli_progress_show(user_data, phase, fraction, step, n_steps);
}

static void
vera_cli_export_progress_cb(gint64 done, gint64 n_frames, gpointer user_data)
{
    vera_cli_progress_show(user_data, "export", (double)done / (double)n_frames, (int)done,
                           (int)n_frames);
}

static int
vera_cli_job_fail(const VeraCliJob *job, const GError *error)
{
    int code = vera_cli_report_error(error);

    if (job->is_json)
        printf("{\"result\":\"%s\",\"exit\":%d}\n",
               g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED) ? "cancelled"
                                                                                      : "failed",
               code);
    return code;
}

/* The name of a clip's files: its own up to the first dot. */
static char *
vera_cli_job_make_name(VeraClip *clip)
{
    char *name = g_path_get_basename(vera_clip_get_path(clip)), *dot = strchr(name, '.');

    if (dot != NULL && dot != name)
        *dot = '\0';
    return g_strdelimit(name, "%\"\\", '_');
}

int
vera_cli_job_export(const VeraCliJob *job, VeraClip *clip, const GArray *layers, GArray *frames)
{
    g_autofree char *name = vera_cli_job_make_name(clip);
    VeraCliProgress progress = {.job = job, .started_us = g_get_monotonic_time()};
    VeraExportJob export = {.clip = clip,
                            .layers = (const VeraExportLayer *)(const void *)layers->data,
                            .n_layers = (int)layers->len,
                            .frames = frames,
                            .settings = job->settings};
    g_autoptr(GError) error = NULL;
    gint64 n_changed, n = vera_export_job_get_frames(&export)->len;

    if (export.settings.name == NULL)
        export.settings.name = name;
    if (!vera_export_job_run(&export, &n_changed, vera_cli_export_progress_cb, &progress,
                             vera_cli_get_cancellable(), &error))
        return vera_cli_job_fail(job, error);
    if (job->is_json) {
        g_autofree char *output = vera_json_quote_path(job->settings.output_dir);
        printf("{\"result\":\"done\",\"output\":%s,\"frames\":%" G_GINT64_FORMAT
               ",\"changed_outside_matte\":%" G_GINT64_FORMAT "}\n",
               output, n, n_changed);
    } else
        printf("%s: %" G_GINT64_FORMAT " frames; %" G_GINT64_FORMAT
               " pixels changed outside the matte.\n",
               job->settings.output_dir, n, n_changed);
    return n_changed == 0 ? VERA_CLI_EXIT_OK : VERA_CLI_EXIT_FAILED;
}

static double
vera_cli_job_get_gib(guint64 bytes)
{
    return (double)bytes / (1 << 30);
}

static void
vera_cli_job_print_memory(const VeraMemoryPlan *memory, const char *device_name)
{
    printf("on %s: weights %s, %.2f GiB of %.2f GiB free at the most (%.2f coding, %.2f sampling, %.2f decoding; weights are %.2f and "
           "texts %.2f of that, weights kept in the order of operators %.2f)%s\n",
           device_name, memory->memory == VERA_TRANSFORMER_RESIDENT ? "resident" : "streamed block by block",
           vera_cli_job_get_gib(memory->peak_bytes), vera_cli_job_get_gib(memory->free_bytes), vera_cli_job_get_gib(memory->encode_bytes),
           vera_cli_job_get_gib(memory->sample_bytes), vera_cli_job_get_gib(memory->decode_bytes), vera_cli_job_get_gib(memory->weight_bytes),
           vera_cli_job_get_gib(memory->text_bytes), vera_cli_job_get_gib(memory->packed_bytes),
           memory->has_preview ? "" : "; no room for previews");
}

/* @memory: (nullable): of a device that is not the CPU, whose name is @device_name */
static void
vera_cli_job_print_plan(const VeraCliJob *job, VeraEditJob *edit, const VeraMemoryPlan *memory, const char *device_name)
{
    const VeraTakeRecord *r = vera_edit_job_get_record(edit);
    const VeraFramePlan *plan = vera_edit_job_get_plan(edit);
    const VeraPipelineEstimate *estimate = vera_edit_job_get_estimate(edit);

    if (job->is_json) {
        g_autofree char *json = vera_frame_plan_to_json(plan);
        printf("{\"plan\":%s,\"width\":%d,\"height\":%d,\"steps\":%d,\"gflop\":%.0f,\"memory_"
               "bytes\":%" G_GUINT64_FORMAT,
               json, r->width, r->height, r->n_steps, estimate->gflop_per_step * r->n_steps,
               estimate->memory_bytes);
        if (memory != NULL)
            printf(",\"device\":{\"weights\":\"%s\",\"peak_bytes\":%" G_GUINT64_FORMAT ",\"free_bytes\":%" G_GUINT64_FORMAT "}",
                   memory->memory == VERA_TRANSFORMER_RESIDENT ? "resident" : "streamed", memory->peak_bytes, memory->free_bytes);
        printf("}\n");
        return;
    }
    printf("%d frames at %dx%d, %d steps, in %d window%s:\n", plan->n_frames, r->width, r->height,
           r->n_steps, plan->n_windows, plan->n_windows == 1 ? "" : "s");
    for (int i = 0; i < plan->n_windows; i++) {
        int first, last;
        vera_frame_plan_get_frames(plan, i, &first, &last);
        printf("  window %d: frames %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "\n", i + 1,
               g_array_index(r->frames, gint64, first) + 1,
               g_array_index(r->frames, gint64, last) + 1);
    }
    printf("about %.1f GFLOP a step, %.0f s in all at 100 GFLOP/s, %.2f GiB of memory\n",
           estimate->gflop_per_step, estimate->gflop_per_step * r->n_steps / 100,
           vera_cli_job_get_gib(estimate->memory_bytes));
    if (memory != NULL)
        vera_cli_job_print_memory(memory, device_name);
}

static int
vera_cli_job_dry_run(const VeraCliJob *job, VeraEditJob *edit)
{
    gboolean is_cpu = strcmp(vera_edit_job_get_record(edit)->device, "cpu") == 0;
    g_autoptr(GError) error = NULL;
    char device_name[128] = "";
    VeraMemoryPlan memory;

    if (!is_cpu && !vera_edit_job_plan_memory(edit, &memory, device_name, &error))
        return vera_cli_job_fail(job, error);
    vera_cli_job_print_plan(job, edit, is_cpu ? NULL : &memory, device_name);
    return VERA_CLI_EXIT_OK;
}

/* An export that would be refused is better refused before the model runs. */
static gboolean
vera_cli_job_check_output(const VeraCliJob *job, VeraClip *clip, GError **error)
{
    VeraExportSettings settings = job->settings;
    g_autofree char *name = vera_cli_job_make_name(clip);

    if (settings.name == NULL)
        settings.name = name;
    settings.n_layers = 1;
    return vera_exporter_check(&settings, clip, job->request.frames, error);
}

int
vera_cli_job_run_edit(const VeraCliJob *job)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraEditJob) edit =
        vera_edit_job_new(&job->request, vera_cli_get_cancellable(), &error);
    g_autoptr(VeraTake) take = NULL;
    g_autoptr(GArray) layers = g_array_new(FALSE, FALSE, sizeof(VeraExportLayer));
    g_autofree char *take_dir = g_build_filename(job->settings.output_dir, "take", NULL);
    VeraCliProgress progress = {.job = job, .started_us = g_get_monotonic_time()};

    if (edit == NULL)
        return vera_cli_job_fail(job, error);
    if (!vera_edit_job_get_model_info(edit)->is_trained)
        fprintf(
            stderr,
            "vera: The training of the model ‘%s’ is not finished: expect rough layers.\n",
            vera_edit_job_get_model_info(edit)->name);
    if (vera_clip_get_info(vera_edit_job_get_clip(edit))->is_truncated)
        fprintf(stderr,
                "vera: ‘%s’ ends before what its header lists: frames are missing at its end.\n",
                vera_clip_get_path(vera_edit_job_get_clip(edit)));
    if (job->is_dry_run)
        return vera_cli_job_dry_run(job, edit);
    if (!vera_cli_job_check_output(job, vera_edit_job_get_clip(edit), &error))
        return vera_cli_job_fail(job, error);
    if (g_mkdir_with_parents(job->settings.output_dir, 0777) != 0) {
        g_autofree char *what = g_strdup_printf("make the folder ‘%s’", job->settings.output_dir);
        vera_engine_error_set_errno(&error, errno, what);
        return vera_cli_job_fail(job, error);
    }
    if (!vera_edit_job_run(edit, take_dir, job->settings.is_resume, vera_cli_edit_progress_cb,
                           &progress, vera_cli_get_cancellable(), &error))
        return vera_cli_job_fail(job, error);
    take = vera_take_open(take_dir, NULL, &error);
    if (take == NULL)
        return vera_cli_job_fail(job, error);
    g_array_append_vals(layers, &(VeraExportLayer){take, job->refinement, 1}, 1);
    return vera_cli_job_export(job, vera_edit_job_get_clip(edit), layers, NULL);
}
