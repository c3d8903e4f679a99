#include "config.h"

#include "engine/diffusion/vera-pipeline.h"

#include "engine/diffusion/vera-vae.h"

int
vera_pipeline_get_align(VeraModel *model, GError **error)
{
    const VeraVaeConfig *vae = vera_model_get_vae_config(model, error);
    const VeraBranchConfig *branch = vae ? vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error) : NULL;

    return branch ? vae->spatial_factor * MAX(branch->patch_h, branch->patch_w) : 0;
}

/* Tokens for which the estimate makes room: a long instruction, or Wan's own negative prompt. */
#define VERA_PIPELINE_TYPICAL_TOKENS 128

static double
vera_pipeline_estimate_bytes(const VeraBranchConfig *c,
                             const VeraVaeConfig *v,
                             gint64 width,
                             gint64 height,
                             const VeraFramePlan *plan,
                             int n_texts)
{
    gint64 w = width / v->spatial_factor, h = height / v->spatial_factor;
    double window = (double)plan->windows[0].n_latents * (double)(w * h),
           tokens = window / (c->patch_h * c->patch_w);
    double weights = 3.0 * c->n_layers * (8.0 * c->dim * c->dim + 2.0 * c->dim * c->ffn_dim) * 2;
    double texts =
        n_texts * 2.0 * VERA_N_BRANCHES * c->n_layers * VERA_PIPELINE_TYPICAL_TOKENS * c->dim;
    /* Latents, noise, the solvers' history, source, mask and sums, all of the whole range. */
    double latents = 24.0 * v->z_dim * plan->n_latents * (double)(w * h);
    /* Joined residual, q, k, v and o; three buffers of one branch; positions; host copies of one
     * window. */
    double step = (5.0 * VERA_N_BRANCHES + 3) * tokens * c->dim + tokens * c->head_dim +
                  12.0 * v->z_dim * window;
    double encode = (double)vera_vae_estimate_bytes(v, FALSE, width, height);
    double decode = (double)vera_vae_estimate_bytes(v, TRUE, w, h);
    /* One latent frame's frames as they come out, twice, and a frame of the take. */
    double frames = (6.0 * v->temporal_factor + 7) * (double)(width * height);
    /* Decoding begins while the buffers of the last step are there. */
    return weights + (texts + latents + step + frames) * sizeof(float) + MAX(encode, decode);
}

gboolean
vera_pipeline_estimate(VeraModel *model,
                       int width,
                       int height,
                       const VeraFramePlan *plan,
                       gboolean has_guidance,
                       VeraPipelineEstimate *estimate,
                       GError **error)
{
    const VeraBranchConfig *c = vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error);
    const VeraVaeConfig *v = c ? vera_model_get_vae_config(model, error) : NULL;
    double l, d, f, linear, attention;

    if (v == NULL)
        return FALSE;
    /* wan21-spec.md sections 8.1 and 8.2. */
    l = (double)plan->windows[0].n_latents * (height / v->spatial_factor / c->patch_h) *
        (width / v->spatial_factor / c->patch_w);
    d = c->dim;
    f = c->ffn_dim;
    linear = 3.0 * c->n_layers * (12 * l * d * d + 4 * l * d * f);
    attention = 9.0 * c->n_layers * 4 * l * l * d;
    estimate->gflop_per_step = (linear + attention) * plan->n_windows * (has_guidance ? 2 : 1) * 1e-9;
    estimate->gflop_encode = plan->n_latents * vera_vae_estimate_gflop(v, FALSE, width, height);
    estimate->gflop_decode =
        VERA_N_BRANCHES * plan->n_latents *
        vera_vae_estimate_gflop(v, TRUE, width / v->spatial_factor, height / v->spatial_factor);
    estimate->memory_bytes =
        (guint64)vera_pipeline_estimate_bytes(c, v, width, height, plan, has_guidance ? 2 : 1);
    return TRUE;
}
