#include "config.h"

#include <string.h>

#include "app/vera-cli-eval-private.h"
#include "app/vera-cli.h"
#include "engine/diffusion/vera-pipeline.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/vera-engine-error.h"

/* The whole clips, [3, F, H, W] and [F, H, W], between which single frames are copied. */
typedef struct {
    gint64 n_frames;
    gint64 area;
    const float *source;
    const float *mask;
    float *edit;
    float *alpha;
    float *composite;
} VeraCliEvalClips;

static gboolean
vera_cli_eval_read_frame(const VeraCliEvalClips *clips, const float *video, int index, float *rgb)
{
    for (gint64 c = 0; c < 3; c++)
        memcpy(rgb + c * clips->area, video + (c * clips->n_frames + index) * clips->area,
               (gsize)clips->area * sizeof(float));
    return TRUE;
}

static gboolean
vera_cli_eval_read_source(int index, float *rgb, gpointer user_data, GError **error)
{
    const VeraCliEvalClips *clips = user_data;

    return vera_cli_eval_read_frame(clips, clips->source, index, rgb);
}

static gboolean
vera_cli_eval_read_mask(int index, float *rgb, gpointer user_data, GError **error)
{
    const VeraCliEvalClips *clips = user_data;

    return vera_cli_eval_read_frame(clips, clips->mask, index, rgb);
}

/* Videos leave as they came in, in [-1, 1]; the matte is 0..1. */
static gboolean
vera_cli_eval_write_frame(int index,
                          const float *edit,
                          const float *alpha,
                          const float *snapped,
                          const float *composite,
                          gpointer user_data,
                          GError **error)
{
    VeraCliEvalClips *clips = user_data;

    for (gint64 c = 0; c < 3; c++) {
        gint64 to = (c * clips->n_frames + index) * clips->area, from = c * clips->area;
        for (gint64 i = 0; i < clips->area; i++) {
            clips->edit[to + i] = edit[from + i] * 2 - 1;
            clips->composite[to + i] = composite[from + i] * 2 - 1;
        }
    }
    memcpy(clips->alpha + index * clips->area, alpha, (gsize)clips->area * sizeof(float));
    return TRUE;
}

static gboolean
vera_cli_eval_read_ids(VeraEval *self,
                       const char *const names[2],
                       const gint64 **ids,
                       const gint64 **mask,
                       int *n_ids,
                       GError **error)
{
    const VeraTextEncoderConfig *config = vera_model_get_text_encoder_config(self->model, error);
    int n_mask = 0;

    if (config == NULL || !vera_eval_get_i64(self, names[0], ids, n_ids, error) ||
        !vera_eval_get_i64(self, names[1], mask, &n_mask, error))
        return FALSE;
    for (int i = 0; i < *n_ids; i++) {
        if (*n_ids != n_mask || *n_ids > VERA_TEXT_LENGTH || (*ids)[i] < 0 ||
            (*ids)[i] >= config->vocab_size || (*mask)[i] < 0 || (*mask)[i] > 1) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "The inputs ‘%s’ and ‘%s’ must hold 1 to 512 ids of the vocabulary and as many 0 or 1.", names[0],
                        names[1]);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
vera_cli_eval_read_noise(VeraEval *self, const gint64 video[4], VeraPipelineRequest *request, GError **error)
{
    const VeraVaeConfig *vae = vera_model_get_vae_config(self->model, error);
    gint64 want[4] = { 0 };

    if (vae == NULL)
        return FALSE;
    memcpy(want, (gint64[]){ vae->z_dim, (video[1] - 1) / vae->temporal_factor + 1, video[2] / vae->spatial_factor,
                             video[3] / vae->spatial_factor }, sizeof want);
    for (int i = 0; i < VERA_N_BRANCHES; i++) {
        g_autofree char *name = g_strconcat("noise_", vera_branch_get_name(i), NULL);
        VeraEvalInput noise;
        if (!vera_eval_get_full_f32(self, name, 5, &noise, error))
            return FALSE;
        if (memcmp(noise.shape, want, sizeof want) != 0) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "The input ‘%s’ must have the shape of the video's latents.", name);
            return FALSE;
        }
        request->noise[i] = noise.values;
    }
    return TRUE;
}

static gboolean
vera_cli_eval_read_videos(
    VeraEval *self, VeraCliEvalClips *clips, VeraPipelineRequest *request, gint64 video[4], GError **error)
{
    const VeraVaeConfig *vae = vera_model_get_vae_config(self->model, error);
    int align = vera_pipeline_get_align(self->model, error);
    VeraEvalInput source, mask;
    VeraKTensor probe;

    if (vae == NULL || align == 0 ||
        !vera_eval_get_full_f32(self, "source_video", 5, &source, error))
        return FALSE;
    memcpy(video, source.shape, sizeof source.shape);
    if (video[0] != 3 || video[1] < 1 || (video[1] - 1) % vae->temporal_factor != 0 || video[1] > 4096 || video[2] < 1 ||
        video[2] % align != 0 || video[2] > 16384 || video[3] < 1 || video[3] % align != 0 || video[3] > 16384) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The source_video must have 3 channels, %dn + 1 frames (at most 4096), and a "
                    "width and height that are "
                    "multiples of %d (at most 16384).",
                    vae->temporal_factor, align);
        return FALSE;
    }
    clips->source = source.values;
    clips->n_frames = video[1];
    clips->area = video[2] * video[3];
    request->height = (int)video[2];
    request->width = (int)video[3];
    if (!vera_weights_get(self->in, "mask_video", &probe))
        return TRUE;
    if (!vera_eval_get_full_f32(self, "mask_video", 5, &mask, error))
        return FALSE;
    clips->mask = mask.values;
    request->read_mask = vera_cli_eval_read_mask;
    if (memcmp(mask.shape, source.shape, sizeof mask.shape) == 0)
        return TRUE;
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "The input ‘mask_video’ differs in shape from ‘source_video’.");
    return FALSE;
}

static gboolean
vera_cli_eval_read_request(
    VeraEval *self, VeraCliEvalClips *clips, VeraPipelineRequest *request, gint64 video[4], GError **error)
{
    static const char *const names[] = { "input_ids", "attention_mask" };
    static const char *const negative_names[] = { "negative_ids", "negative_mask" };

    return vera_cli_eval_read_videos(self, clips, request, video, error) &&
           vera_cli_eval_read_ids(self, names, &request->ids, &request->id_mask, &request->n_ids, error) &&
           vera_cli_eval_read_ids(self, negative_names, &request->negative_ids, &request->negative_mask,
                                  &request->n_negative_ids, error) &&
           vera_cli_eval_read_noise(self, video, request, error);
}

static gboolean
vera_cli_eval_add_clips(VeraEval *self,
                        VeraCliEvalClips *clips,
                        const gint64 video[4],
                        GError **error)
{
    const gint64 rgb[5] = {1, 3, video[1], video[2], video[3]},
                 grey[5] = {1, 1, video[1], video[2], video[3]};

    clips->edit = vera_eval_add_output(self, "edit", 5, rgb, error);
    clips->alpha = clips->edit ? vera_eval_add_output(self, "alpha", 5, grey, error) : NULL;
    clips->composite = clips->alpha ? vera_eval_add_output(self, "composite", 5, rgb, error) : NULL;
    return clips->composite != NULL;
}

static gboolean
vera_cli_eval_run_pipeline(VeraEval *self, const VeraPipelineRequest *request, VeraCliEvalClips *clips, GError **error)
{
    GCancellable *cancellable = vera_cli_get_cancellable();
    g_autoptr(VeraPipeline) pipeline = vera_pipeline_new(self->runtime, self->model, request, cancellable, error);

    if (pipeline == NULL)
        return FALSE;
    while (vera_pipeline_get_step(pipeline) < vera_pipeline_get_n_steps(pipeline))
        if (!vera_pipeline_step(pipeline, cancellable, error))
            return FALSE;
    return vera_pipeline_decode(pipeline, vera_cli_eval_write_frame, clips, cancellable, error);
}

gboolean
vera_eval_pipeline(VeraEval *self, GError **error)
{
    gint64 video[4];
    VeraCliEvalClips clips = { 0 };
    VeraPipelineRequest request = {
        .n_steps = self->n_steps,
        .guidance = self->guidance,
        .shift = self->shift,
        .solver = self->solver,
        .read_source = vera_cli_eval_read_source,
        .frame_data = &clips,
    };
    g_autoptr(VeraFramePlan) plan = NULL;

    if (!vera_cli_eval_read_request(self, &clips, &request, video, error))
        return FALSE;
    plan = vera_frame_plan_new(video[1], (int)video[1], vera_model_get_vae_config(self->model, NULL)->temporal_factor,
                               error);
    if (plan == NULL)
        return FALSE;
    request.plan = plan;
    return vera_cli_eval_add_clips(self, &clips, video, error) &&
           vera_cli_eval_run_pipeline(self, &request, &clips, error);
}
