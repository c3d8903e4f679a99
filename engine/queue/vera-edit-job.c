#include "config.h"

#include "engine/queue/vera-edit-job.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/compositing/vera-resample.h"
#include "engine/diffusion/vera-tokenizer.h"
#include "engine/vera-engine-error.h"

/* Longer instructions are no prompts but accidents; the tokenizer takes 511 pieces of them anyway.
 */
#define VERA_EDIT_MAX_INSTRUCTION_BYTES 20000

struct _VeraEditJob {
    /* Owned */
    VeraClip *clip;
    VeraClip *region;
    VeraModel *model;
    VeraTakeRecord *record;
    VeraFramePlan *plan;
    VeraPipelineEstimate estimate;
    VeraKCompute compute;
    GChecksum *clip_sum, *region_sum;
    /* While running */
    VeraPipeline *pipeline;
    VeraTakeWriter *writer;
    VeraEditProgressFunc progress;
    gpointer progress_data;
    VeraEditPreview preview;
    GCancellable *cancellable;
    gboolean is_state_refused;
};

static gboolean
vera_edit_job_check_text(const VeraEditRequest *request, GError **error)
{
    const char *text = request->instruction, *negative = request->negative_prompt;
    gboolean is_blank = TRUE, is_text = g_utf8_validate(text, -1, NULL);

    if (!is_text || (negative && !g_utf8_validate(negative, -1, NULL))) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The %s is not valid UTF-8 text; write it anew.",
                    is_text ? "negative prompt" : "instruction");
        return FALSE;
    }
    for (const char *p = text; *p != '\0' && is_blank; p = g_utf8_next_char(p))
        is_blank = g_unichar_isspace(g_utf8_get_char(p));
    if (is_blank) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                            "The instruction is empty; say what to add or what to change.");
        return FALSE;
    }
    is_text = strlen(text) <= VERA_EDIT_MAX_INSTRUCTION_BYTES;
    if (!is_text || (negative && strlen(negative) > VERA_EDIT_MAX_INSTRUCTION_BYTES)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The %s is longer than %d bytes; models read about 500 words.",
                    is_text ? "negative prompt" : "instruction", VERA_EDIT_MAX_INSTRUCTION_BYTES);
        return FALSE;
    }
    return TRUE;
}

/* A size of about the model's own area in the plate's shape, on the model's grid. */
static void
vera_edit_job_choose_size(VeraEditJob *self, int align)
{
    const VeraModelInfo *model = vera_model_get_info(self->model);
    const VeraClipInfo *clip = vera_clip_get_info(self->clip);
    double aspect = (double)clip->width * clip->pixel_aspect_num /
                    ((double)clip->height * MAX(clip->pixel_aspect_den, 1));
    double area = (double)model->native_width * model->native_height;
    double height = sqrt(area / CLAMP(aspect, 0.125, 8.0));

    self->record->height = MAX(align, (int)lround(height / align) * align);
    self->record->width =
        MAX(align, (int)lround(height * CLAMP(aspect, 0.125, 8.0) / align) * align);
}

static gboolean
vera_edit_job_check_region(VeraEditJob *self, GError **error)
{
    const VeraClipInfo *region = vera_clip_get_info(self->region);
    GArray *frames = self->record->frames;
    gint64 last = g_array_index(frames, gint64, frames->len - 1);

    if (region->n_frames == 1 || region->n_frames == frames->len || region->n_frames > last)
        return TRUE;
    g_set_error(
        error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
        "The region ‘%s’ has %" G_GINT64_FORMAT
        " frames; it must have one, as many as the range (%u), or reach frame %" G_GINT64_FORMAT
        ".",
        vera_clip_get_path(self->region), region->n_frames, frames->len, last + 1);
    return FALSE;
}

static gboolean
vera_edit_job_open(VeraEditJob *self,
                   const VeraEditRequest *request,
                   GCancellable *cancellable,
                   GError **error)
{
    const VeraVaeConfig *vae;
    int align;

    self->clip = vera_clip_open(request->clip_path, cancellable, error);
    if (self->clip == NULL)
        return FALSE;
    if (request->region_path != NULL) {
        self->region = vera_clip_open(request->region_path, cancellable, error);
        if (self->region == NULL || !vera_edit_job_check_region(self, error))
            return FALSE;
    }
    self->model = vera_model_open(request->model_dir, error);
    align = self->model ? vera_pipeline_get_align(self->model, error) : 0;
    vae = align ? vera_model_get_vae_config(self->model, error) : NULL;
    if (vae == NULL)
        return FALSE;
    self->record->width = request->width;
    self->record->height = request->height;
    if (request->width <= 0)
        vera_edit_job_choose_size(self, align);
    if (self->record->width % align != 0 || self->record->height % align != 0 ||
        self->record->height < align) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The model works on sizes that are multiples of %d; %dx%d is not.", align,
                    self->record->width, self->record->height);
        return FALSE;
    }
    self->plan = vera_frame_plan_new(self->record->frames->len,
                                     vera_model_get_info(self->model)->native_frames,
                                     vae->temporal_factor, error);
    return self->plan != NULL &&
           vera_pipeline_estimate(self->model, self->record->width, self->record->height,
                                  self->plan, self->record->guidance > 1, &self->estimate, error);
}

static void
vera_edit_job_fill_record(VeraEditJob *self, const VeraEditRequest *request)
{
    const VeraModelInfo *info = vera_model_get_info(self->model);
    VeraTakeRecord *r = self->record;

    r->instruction = g_strdup(request->instruction);
    r->task = g_strdup(request->task);
    r->negative_prompt = g_strdup(request->negative_prompt ? request->negative_prompt
                                                           : info->default_negative_prompt);
    r->clip_path = g_canonicalize_filename(request->clip_path, NULL);
    r->region_path =
        request->region_path ? g_canonicalize_filename(request->region_path, NULL) : NULL;
    r->seed = request->seed;
    r->n_steps = request->n_steps > 0 ? request->n_steps : info->default_steps;
    r->guidance = request->guidance >= 0 ? request->guidance : info->default_guidance;
    r->shift = info->default_shift;
    r->solver = g_strdup("unipc");
    r->device = g_strdup(request->device);
    r->compute = g_strdup(request->compute == VERA_K_COMPUTE_BF16 ? "bf16" : "f32");
    r->model_name = g_strdup(info->name);
    r->is_model_trained = info->is_trained;
    r->plan_json = vera_frame_plan_to_json(self->plan);
    r->build = g_strdup("vera " VERA_VERSION);
}

VeraEditJob *
vera_edit_job_new(const VeraEditRequest *request, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraEditJob) self = g_new0(VeraEditJob, 1);

    self->record = vera_take_record_new();
    self->compute = request->compute;
    self->record->guidance = request->guidance < 0 ? 2 : request->guidance;
    g_array_append_vals(self->record->frames, request->frames->data, request->frames->len);
    if (!vera_edit_job_check_text(request, error) ||
        !vera_edit_job_open(self, request, cancellable, error))
        return NULL;
    vera_edit_job_fill_record(self, request);
    return g_steal_pointer(&self);
}

void
vera_edit_job_free(VeraEditJob *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->clip_sum, g_checksum_free);
    g_clear_pointer(&self->region_sum, g_checksum_free);
    g_clear_pointer(&self->pipeline, vera_pipeline_free);
    g_clear_pointer(&self->writer, vera_take_writer_free);
    g_clear_pointer(&self->plan, vera_frame_plan_free);
    g_clear_pointer(&self->record, vera_take_record_free);
    g_clear_pointer(&self->model, vera_model_unref);
    g_clear_object(&self->clip);
    g_clear_object(&self->region);
    g_free(self);
}

const VeraTakeRecord *
vera_edit_job_get_record(VeraEditJob *self)
{
    return self->record;
}

const VeraFramePlan *
vera_edit_job_get_plan(VeraEditJob *self)
{
    return self->plan;
}

const VeraPipelineEstimate *
vera_edit_job_get_estimate(VeraEditJob *self)
{
    return &self->estimate;
}

gboolean
vera_edit_job_plan_memory(VeraEditJob *self,
                          VeraMemoryPlan *plan,
                          char device_name[128],
                          GError **error)
{
    g_autoptr(VeraRuntime) runtime =
        vera_runtime_new(self->record->device, self->compute, 0, error);
    VeraMemoryNeed need = {
        self->record->width, self->record->height, self->plan, self->record->guidance > 1, 0, 0};
    VeraKDeviceInfo info;

    if (runtime == NULL)
        return FALSE;
    vera_k_device_get_info(vera_runtime_get_device(runtime), &info);
    g_strlcpy(device_name, info.name, 128);
    return vera_memory_plan_init(plan, runtime, self->model, &need, error);
}

const VeraModelInfo *
vera_edit_job_get_model_info(VeraEditJob *self)
{
    return vera_model_get_info(self->model);
}

VeraClip *
vera_edit_job_get_clip(VeraEditJob *self)
{
    return self->clip;
}

/* One frame at model size, planar, -1..1: display-coded, or a mask's values in grey when @is_grey. */
static gboolean
vera_edit_job_read(VeraEditJob *self,
                   VeraClip *clip,
                   gint64 index,
                   GChecksum *sum,
                   gboolean is_grey,
                   float *planar,
                   GError **error)
{
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, index, self->cancellable, error);
    g_autofree float *rgb = NULL, *small = NULL;
    g_autofree char *hash = NULL;
    gsize pixels = (gsize)self->record->width * (gsize)self->record->height;
    VeraImage from, to = {self->record->width, self->record->height, 3, NULL};

    if (frame == NULL)
        return FALSE;
    rgb = g_try_new(float, (gsize)frame->width *(gsize)frame->height * 3);
    small = g_try_new(float, pixels * 3);
    to.values = small;
    from = (VeraImage){frame->width, frame->height, 3, rgb};
    if (rgb != NULL)
        vera_frame_to_rgb(frame, rgb);
    if (rgb == NULL || small == NULL ||
        !vera_image_resample(&from, VERA_RESAMPLE_FILTER_BILINEAR, &to)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory for a frame of %d by %d pixels.", frame->width,
                    frame->height);
        return FALSE;
    }
    if (!is_grey)
        vera_color_code_display(frame->color.transfer, small, pixels * 3);
    hash = vera_frame_hash(frame);
    g_checksum_update(sum, (const guchar *)hash, -1);
    for (gsize i = 0; i < pixels; i++) {
        float grey = (small[3 * i] + small[3 * i + 1] + small[3 * i + 2]) / 3;
        for (gsize c = 0; c < 3; c++)
            planar[c * pixels + i] = CLAMP(is_grey ? grey : small[3 * i + c], 0.0f, 1.0f) * 2 - 1;
    }
    return TRUE;
}

static gboolean
vera_edit_job_read_source_cb(int index, float *rgb, gpointer user_data, GError **error)
{
    VeraEditJob *self = user_data;

    return vera_edit_job_read(self, self->clip, g_array_index(self->record->frames, gint64, index),
                              self->clip_sum, FALSE, rgb, error);
}

/* A still stands for every frame; a mask as long as the edit begins with it, any other with the
 * clip. */
static gint64
vera_edit_job_get_region_frame(const VeraEditJob *self, int index)
{
    gint64 n = vera_clip_get_info(self->region)->n_frames;

    return n == 1                           ? 0
           : n == self->record->frames->len ? index
                                            : g_array_index(self->record->frames, gint64, index);
}

static gboolean
vera_edit_job_read_region_cb(int index, float *rgb, gpointer user_data, GError **error)
{
    VeraEditJob *self = user_data;

    return vera_edit_job_read(self, self->region, vera_edit_job_get_region_frame(self, index),
                              self->region_sum, TRUE, rgb, error);
}

static void
vera_edit_job_progress_cb(const char *phase, double fraction, gpointer user_data)
{
    VeraEditJob *self = user_data;

    if (self->progress != NULL)
        self->progress(phase, fraction, self->pipeline ? vera_pipeline_get_step(self->pipeline) : 0,
                       self->record->n_steps, self->progress_data);
}

static gboolean
vera_edit_job_output_cb(int index,
                        const float *edit,
                        const float *alpha,
                        const float *snapped,
                        const float *composite,
                        gpointer user_data,
                        GError **error)
{
    VeraEditJob *self = user_data;

    return vera_take_writer_add_frame(self->writer, edit, alpha, snapped, composite, error);
}

void
vera_edit_job_set_preview(VeraEditJob *self, const VeraEditPreview *preview)
{
    self->preview = *preview;
}

static int
vera_edit_job_want_cb(gpointer user_data)
{
    VeraEditJob *self = user_data;
    gint64 frame = self->preview.want(self->preview.user_data);

    for (guint i = 0; frame >= 0 && i < self->record->frames->len; i++)
        if (g_array_index(self->record->frames, gint64, i) == frame)
            return (int)i;
    return -1;
}

static void
vera_edit_job_show_cb(int index, const float *edit, const float *alpha, gpointer user_data)
{
    VeraEditJob *self = user_data;
    gsize pixels = (gsize)self->record->width * (gsize)self->record->height;
    g_autofree float *rgb = g_try_new(float, pixels * 3);

    if (rgb == NULL)
        return;
    for (gsize i = 0; i < pixels; i++)
        for (gsize c = 0; c < 3; c++)
            rgb[3 * i + c] = edit[c * pixels + i];
    self->preview.show(g_array_index(self->record->frames, gint64, index), self->record->width,
                       self->record->height, rgb, alpha, self->preview.user_data);
}

static GArray *
vera_edit_job_tokenize(VeraEditJob *self, const char *text, GError **error)
{
    g_autofree char *path = vera_model_dup_tokenizer_path(self->model);
    g_autoptr(VeraTokenizer) tokenizer = vera_tokenizer_new(path, error);

    return tokenizer ? vera_tokenizer_encode(tokenizer, text, error) : NULL;
}

static gboolean
vera_edit_job_prepare(VeraEditJob *self, VeraRuntime *runtime, const char *folder, GError **error)
{
    g_autoptr(GArray) ids = vera_edit_job_tokenize(self, self->record->instruction, error);
    g_autoptr(GArray) negative =
        ids ? vera_edit_job_tokenize(self, self->record->negative_prompt, error) : NULL;
    VeraPipelineRequest request = {.seed = self->record->seed,
                                   .n_steps = self->record->n_steps,
                                   .guidance = self->record->guidance,
                                   .shift = self->record->shift,
                                   .solver = VERA_SOLVER_UNIPC,
                                   .width = self->record->width,
                                   .height = self->record->height,
                                   .plan = self->plan,
                                   .read_source = vera_edit_job_read_source_cb,
                                   .read_mask = self->region ? vera_edit_job_read_region_cb : NULL,
                                   .frame_data = self,
                                   .progress = vera_edit_job_progress_cb,
                                   .progress_data = self,
                                   .scratch_folder = folder,
                                   .snaps_matte = vera_model_has_snapper(self->model)};

    if (negative == NULL)
        return FALSE;
    g_free(self->record->model_hash);
    self->record->model_hash = vera_model_hash(self->model, self->cancellable, error);
    if (self->record->model_hash == NULL)
        return FALSE;
    request.ids = (const gint64 *)ids->data;
    request.n_ids = (int)ids->len;
    request.negative_ids = (const gint64 *)negative->data;
    request.n_negative_ids = (int)negative->len;
    g_clear_pointer(&self->clip_sum, g_checksum_free);
    g_clear_pointer(&self->region_sum, g_checksum_free);
    self->clip_sum = g_checksum_new(G_CHECKSUM_SHA256);
    self->region_sum = g_checksum_new(G_CHECKSUM_SHA256);
    self->pipeline = vera_pipeline_new(runtime, self->model, &request, self->cancellable, error);
    if (self->pipeline == NULL)
        return FALSE;
    if (self->preview.want != NULL)
        vera_pipeline_set_preview(
            self->pipeline,
            &(VeraPipelinePreview){vera_edit_job_want_cb, vera_edit_job_show_cb, self});
    g_free(self->record->clip_hash);
    self->record->clip_hash = g_strdup(g_checksum_get_string(self->clip_sum));
    g_free(self->record->region_hash);
    self->record->region_hash =
        self->region ? g_strdup(g_checksum_get_string(self->region_sum)) : NULL;
    return TRUE;
}

static char *
vera_edit_job_get_time(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();

    return g_date_time_format_iso8601(now);
}

/* A hash of all that decides the bytes: a state of anything else must not be gone on from. */
static char *
vera_edit_job_get_fingerprint(VeraEditJob *self)
{
    const VeraTakeRecord *r = self->record;
    g_autofree char *text = g_strdup_printf(
        "%s\n%s\n%s\n%s\n%s\n%s\n%dx%d %" G_GUINT64_FORMAT " %d %.17g %.17g %s %s", r->instruction,
        r->negative_prompt, r->clip_hash, r->region_hash ? r->region_hash : "", r->model_hash,
        r->plan_json, r->width, r->height, r->seed, r->n_steps, r->guidance, r->shift, r->device,
        r->compute);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static gboolean
vera_edit_job_sample(VeraEditJob *self, const char *state, gboolean is_resume, GError **error)
{
    g_autofree char *fingerprint = vera_edit_job_get_fingerprint(self);

    if (is_resume && g_file_test(state, G_FILE_TEST_EXISTS) &&
        !vera_pipeline_load(self->pipeline, state, fingerprint, error)) {
        self->is_state_refused = TRUE;
        return FALSE;
    }
    while (vera_pipeline_get_step(self->pipeline) < self->record->n_steps) {
        if (!vera_pipeline_step(self->pipeline, self->cancellable, error) ||
            !vera_pipeline_save(self->pipeline, state, fingerprint, error))
            return FALSE;
        vera_edit_job_progress_cb(
            "sample", (double)vera_pipeline_get_step(self->pipeline) / self->record->n_steps, self);
    }
    return TRUE;
}

/* What the record of a take says of the frames that were read, without the model. Returns:
 * (transfer full) (nullable) */
static char *
vera_edit_job_hash_frames(VeraEditJob *self,
                          VeraClip *clip,
                          GCancellable *cancellable,
                          GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < self->record->frames->len; i++) {
        gint64 at = clip == self->region ? vera_edit_job_get_region_frame(self, (int)i)
                                         : g_array_index(self->record->frames, gint64, i);
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, at, cancellable, error);
        g_autofree char *hash = frame ? vera_frame_hash(frame) : NULL;
        if (hash == NULL)
            return NULL;
        g_checksum_update(sum, (const guchar *)hash, -1);
    }
    return g_strdup(g_checksum_get_string(sum));
}

/* @is_done: whether the take at @take_dir answers this very request, down to the pixels and
 * weights. */
static gboolean
vera_edit_job_compare(VeraEditJob *self,
                      const char *take_dir,
                      gboolean *is_done,
                      GCancellable *cancellable,
                      GError **error)
{
    g_autoptr(VeraTake) take = vera_take_open(take_dir, cancellable, error);
    g_autofree char *clip_hash = NULL, *region_hash = NULL, *model_hash = NULL;
    VeraTakeRecord wanted = *self->record;

    if (take == NULL ||
        (clip_hash = vera_edit_job_hash_frames(self, self->clip, cancellable, error)) == NULL ||
        (self->region != NULL && (region_hash = vera_edit_job_hash_frames(
                                      self, self->region, cancellable, error)) == NULL) ||
        (model_hash = vera_model_hash(self->model, cancellable, error)) == NULL)
        return FALSE;
    wanted.clip_hash = clip_hash;
    wanted.region_hash = region_hash;
    wanted.model_hash = model_hash;
    *is_done = vera_take_record_is_same_request(&wanted, vera_take_get_record(take));
    return TRUE;
}

static gboolean
vera_edit_job_decode(VeraEditJob *self, const char *take_dir, const char *state, GError **error)
{
    self->writer = vera_take_writer_new(take_dir, self->record, error);
    if (self->writer == NULL || !vera_pipeline_decode(self->pipeline, vera_edit_job_output_cb, self,
                                                      self->cancellable, error))
        return FALSE;
    g_free(self->record->finished);
    self->record->finished = vera_edit_job_get_time();
    if (!vera_take_writer_finish(self->writer, error))
        return FALSE;
    g_unlink(state);
    return TRUE;
}

gboolean
vera_edit_job_run(VeraEditJob *self,
                  const char *take_dir,
                  gboolean is_resume,
                  VeraEditProgressFunc progress,
                  gpointer user_data,
                  GCancellable *cancellable,
                  GError **error)
{
    g_autoptr(VeraRuntime) runtime = NULL;
    g_autofree char *state = g_strconcat(take_dir, ".state", NULL),
                    *folder = g_path_get_dirname(take_dir);
    gboolean ok;

    if (is_resume && vera_take_is_take(take_dir)) {
        gboolean is_done;
        if (!vera_edit_job_compare(self, take_dir, &is_done, cancellable, error))
            return FALSE;
        if (is_done) {
            g_unlink(state);
            return TRUE;
        }
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "The take ‘%s’ was made from another clip, instruction, model or setting and "
                    "is not gone on from; remove it or "
                    "name another folder.",
                    take_dir);
        return FALSE;
    }
    if (g_file_test(take_dir, G_FILE_TEST_EXISTS)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "The take ‘%s’ is there already; remove it or name another folder.", take_dir);
        return FALSE;
    }
    runtime = vera_runtime_new(self->record->device, self->compute, 0, error);
    if (runtime == NULL)
        return FALSE;
    vera_runtime_set_cancellable(runtime, cancellable);
    self->is_state_refused = FALSE;
    self->progress = progress;
    self->progress_data = user_data;
    self->cancellable = cancellable;
    g_free(self->record->started);
    self->record->started = vera_edit_job_get_time();
    ok = vera_edit_job_prepare(self, runtime, folder, error) &&
         vera_edit_job_sample(self, state, is_resume, error) &&
         vera_edit_job_decode(self, take_dir, state, error);
    g_clear_pointer(&self->writer, vera_take_writer_free);
    g_clear_pointer(&self->pipeline, vera_pipeline_free);
    return ok;
}

gboolean
vera_edit_job_is_state_refused(VeraEditJob *self)
{
    return self->is_state_refused;
}
