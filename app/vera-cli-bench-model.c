#include "config.h"

#include <math.h>

#include "app/vera-cli-bench-private.h"
#include "app/vera-cli.h"
#include "engine/diffusion/vera-block-trial.h"
#include "engine/diffusion/vera-noise.h"
#include "engine/diffusion/vera-synthetic.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/queue/vera-edit-job.h"

#define VERA_BENCH_N_FRAMES 17

static const char *
vera_bench_get_compute_name(VeraKCompute compute)
{
    return compute == VERA_K_COMPUTE_BF16 ? "bf16" : "f32";
}

/* The synthetic model is written once and kept for as long as the work folder. */
static VeraModel *
vera_bench_open_synthetic(VeraBench *self, GError **error)
{
    g_autofree char *dir = g_build_filename(self->work_dir, "wan-synthetic", NULL);
    g_autofree char *last = g_build_filename(dir, "branches", "edit", "diffusion_pytorch_model.safetensors", NULL);

    if (!g_file_test(last, G_FILE_TEST_EXISTS) && !vera_synthetic_write_wan(dir, error))
        return NULL;
    return vera_model_open(dir, error);
}

typedef struct {
    VeraVae *vae;
    gint64 shape[4];
    float *latents, *video;
} VeraBenchVae;

static gboolean
vera_bench_vae_cb(gpointer data, GError **error)
{
    VeraBenchVae *self = data;

    return vera_vae_decode(self->vae, self->latents, self->shape, self->video, vera_cli_get_cancellable(), error);
}

static gboolean
vera_bench_run_vae_as(VeraBench *self, VeraModel *model, VeraKCompute compute, GError **error)
{
    const VeraVaeConfig *config = vera_model_get_vae_config(model, error);
    VeraWeights *weights = config ? vera_model_get_vae_weights(model, error) : NULL;
    g_autoptr(VeraRuntime) runtime = weights ? vera_runtime_new("cpu", compute, 0, error) : NULL;
    g_autoptr(VeraVae) vae = runtime ? vera_vae_new(runtime, config, weights, error) : NULL;
    g_autofree float *latents = NULL, *video = NULL;
    VeraBenchVae trial = { .vae = vae, .shape = { 0, 2, self->height / 8, self->width / 8 } };
    gsize n;

    if (vae == NULL)
        return FALSE;
    trial.shape[0] = config->z_dim;
    n = (gsize)(trial.shape[0] * trial.shape[1] * trial.shape[2] * trial.shape[3]);
    latents = trial.latents = vera_runtime_new_floats(n, error);
    video = trial.video = latents ? vera_runtime_new_floats((gsize)15 * (gsize)self->width * (gsize)self->height, error) : NULL;
    if (video == NULL)
        return FALSE;
    vera_noise_fill(1, 3, 0, latents, n);
    return vera_bench_measure(
        self, g_strdup_printf("vae-decode-%s", vera_bench_get_compute_name(compute)),
        g_strdup_printf("Wan2.1 VAE, 5 frames %dx%d, %s", self->width, self->height, vera_bench_get_compute_name(compute)), 5,
        vera_bench_vae_cb, &trial, error);
}

gboolean
vera_bench_run_vae(VeraBench *self, GError **error)
{
    g_autoptr(VeraModel) model = vera_bench_open_synthetic(self, error);

    for (int i = 0; model != NULL && i < self->n_computes; i++)
        if (!vera_bench_run_vae_as(self, model, self->computes[i], error))
            return FALSE;
    return model != NULL;
}

static gboolean
vera_bench_block_cb(gpointer data, GError **error)
{
    return vera_block_trial_run(data, error);
}

gboolean
vera_bench_run_block(VeraBench *self, GError **error)
{
    g_autoptr(VeraModel) model = vera_bench_open_synthetic(self, error);

    for (int i = 0; model != NULL && i < self->n_computes; i++) {
        g_autoptr(VeraRuntime) runtime = vera_runtime_new("cpu", self->computes[i], 0, error);
        g_autoptr(VeraBlockTrial) trial = runtime ? vera_block_trial_new(runtime, model, (const gint64[]){ 5, 40, 40 }, error) : NULL;
        const char *name = vera_bench_get_compute_name(self->computes[i]);
        if (trial == NULL ||
            !vera_bench_measure(self, g_strdup_printf("block-%s", name),
                                g_strdup_printf("Wan2.1 1.3B block, %" G_GINT64_FORMAT " tokens, bf16 weights, %s",
                                                vera_block_trial_get_n_tokens(trial), name),
                                0, vera_bench_block_cb, trial, error))
            return FALSE;
    }
    return model != NULL;
}

typedef struct {
    VeraEditRequest request;
    const char *work_dir;
    int n_done;
} VeraBenchEdit;

static gboolean
vera_bench_edit_cb(gpointer data, GError **error)
{
    VeraBenchEdit *self = data;
    g_autofree char *name = g_strdup_printf("take-%s-%d", vera_bench_get_compute_name(self->request.compute), self->n_done++);
    g_autofree char *dir = g_build_filename(self->work_dir, name, NULL);
    g_autoptr(VeraEditJob) job = vera_edit_job_new(&self->request, vera_cli_get_cancellable(), error);

    return job != NULL && vera_edit_job_run(job, dir, FALSE, NULL, NULL, vera_cli_get_cancellable(), error);
}

gboolean
vera_bench_run_edit(VeraBench *self, GError **error)
{
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    VeraBenchEdit trial = { .work_dir = self->work_dir };

    for (gint64 i = 0; i < VERA_BENCH_N_FRAMES; i++)
        g_array_append_val(frames, i);
    for (int i = 0; i < self->n_computes; i++) {
        trial.request = (VeraEditRequest){ .clip_path = self->clip_path,
                                           .instruction = "Add a large red balloon drifting up on the right.",
                                           .frames = frames,
                                           .model_dir = self->model_dir,
                                           .device = "cpu",
                                           .compute = self->computes[i],
                                           .seed = 1,
                                           .guidance = -1 };
        g_autoptr(VeraEditJob) plan = vera_edit_job_new(&trial.request, vera_cli_get_cancellable(), error);
        const VeraTakeRecord *r = plan ? vera_edit_job_get_record(plan) : NULL;
        const char *name = vera_bench_get_compute_name(self->computes[i]);
        trial.n_done = 0;
        if (r == NULL || !vera_bench_measure(self, g_strdup_printf("edit-%s", name),
                                             g_strdup_printf("%s, %d frames %dx%d, %d steps, %s", r->model_name,
                                                             VERA_BENCH_N_FRAMES, r->width, r->height, r->n_steps, name),
                                             VERA_BENCH_N_FRAMES, vera_bench_edit_cb, &trial, error))
            return FALSE;
    }
    return TRUE;
}
