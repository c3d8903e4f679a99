#include "config.h"

#include "engine/queue/vera-job-private.h"

void
vera_job_spec_free(VeraJobSpec *self)
{
    char *texts[] = { self->id,       self->title,    self->edit_id,
                      self->clip_path, self->take_dir, (char *)self->request.clip_path,
                      (char *)self->request.instruction, (char *)self->request.negative_prompt, (char *)self->request.region_path,
                      (char *)self->request.model_dir,   (char *)self->request.device,          (char *)self->settings.output_dir,
                      (char *)self->settings.name,       (char *)self->settings.record_json, (char *)self->settings.look };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_clear_pointer(&self->frames, g_array_unref);
    g_free(self);
}

static void
vera_job_spec_put(GKeyFile *file, const char *group, const char *name, const char *value)
{
    if (value != NULL)
        g_key_file_set_string(file, group, name, value);
}

static void
vera_job_spec_save_request(const VeraEditRequest *r, GKeyFile *file, const char *group)
{
    vera_job_spec_put(file, group, "clip", r->clip_path);
    vera_job_spec_put(file, group, "instruction", r->instruction);
    vera_job_spec_put(file, group, "negative", r->negative_prompt);
    vera_job_spec_put(file, group, "region", r->region_path);
    vera_job_spec_put(file, group, "model", r->model_dir);
    vera_job_spec_put(file, group, "device", r->device);
    g_key_file_set_integer(file, group, "compute", (int)r->compute);
    g_key_file_set_uint64(file, group, "seed", r->seed);
    g_key_file_set_integer(file, group, "steps", r->n_steps);
    g_key_file_set_double(file, group, "guidance", r->guidance);
    g_key_file_set_integer(file, group, "width", r->width);
    g_key_file_set_integer(file, group, "height", r->height);
}

static void
vera_job_spec_save_export(const VeraJobSpec *self, GKeyFile *file, const char *group)
{
    const VeraExportSettings *s = &self->settings;
    const VeraMatteRefinement *m = &self->refinement;
    double matte[] = { m->black, m->white, m->grow_px, m->feather_px, m->despeckle_px, m->is_inverted, m->floor };

    vera_job_spec_put(file, group, "clip", self->clip_path);
    vera_job_spec_put(file, group, "output", s->output_dir);
    vera_job_spec_put(file, group, "name", s->name);
    vera_job_spec_put(file, group, "record", s->record_json);
    vera_job_spec_put(file, group, "look", s->look);
    g_key_file_set_integer(file, group, "preset", (int)s->preset);
    g_key_file_set_int64(file, group, "start-number", s->start_number);
    g_key_file_set_integer(file, group, "padding", s->padding);
    g_key_file_set_integer(file, group, "compression", (int)s->compression);
    g_key_file_set_boolean(file, group, "float32", s->is_float32);
    g_key_file_set_boolean(file, group, "straight", s->is_straight);
    g_key_file_set_boolean(file, group, "matte-layer", s->has_matte_layer);
    g_key_file_set_boolean(file, group, "chromaticities", s->has_chromaticities);
    g_key_file_set_boolean(file, group, "linear-over", s->is_linear_over);
    g_key_file_set_boolean(file, group, "silent", s->is_silent);
    g_key_file_set_boolean(file, group, "overwrite", s->can_overwrite);
    g_key_file_set_double_list(file, group, "matte", matte, G_N_ELEMENTS(matte));
}

void
vera_job_spec_save(const VeraJobSpec *self, GKeyFile *file, const char *group)
{
    GString *frames = g_string_new(NULL);

    for (guint i = 0; i < self->frames->len; i++)
        g_string_append_printf(frames, "%s%" G_GINT64_FORMAT, i ? " " : "", g_array_index(self->frames, gint64, i));
    g_key_file_set_boolean(file, group, "export", self->is_export);
    vera_job_spec_put(file, group, "id", self->id);
    vera_job_spec_put(file, group, "title", self->title);
    vera_job_spec_put(file, group, "edit", self->edit_id);
    vera_job_spec_put(file, group, "take", self->take_dir);
    g_key_file_set_string(file, group, "frames", frames->str);
    g_string_free(frames, TRUE);
    if (self->is_export)
        vera_job_spec_save_export(self, file, group);
    else
        vera_job_spec_save_request(&self->request, file, group);
}

static char *
vera_job_spec_get(GKeyFile *file, const char *group, const char *name)
{
    return g_key_file_get_string(file, group, name, NULL);
}

static void
vera_job_spec_load_request(VeraJobSpec *self, GKeyFile *file, const char *group)
{
    self->request = (VeraEditRequest){
        .clip_path = vera_job_spec_get(file, group, "clip"),
        .instruction = vera_job_spec_get(file, group, "instruction"),
        .negative_prompt = vera_job_spec_get(file, group, "negative"),
        .region_path = vera_job_spec_get(file, group, "region"),
        .model_dir = vera_job_spec_get(file, group, "model"),
        .device = vera_job_spec_get(file, group, "device"),
        .compute = (VeraKCompute)g_key_file_get_integer(file, group, "compute", NULL),
        .seed = g_key_file_get_uint64(file, group, "seed", NULL),
        .n_steps = g_key_file_get_integer(file, group, "steps", NULL),
        .guidance = g_key_file_get_double(file, group, "guidance", NULL),
        .width = g_key_file_get_integer(file, group, "width", NULL),
        .height = g_key_file_get_integer(file, group, "height", NULL),
        .frames = self->frames,
    };
}

static void
vera_job_spec_load_export(VeraJobSpec *self, GKeyFile *file, const char *group)
{
    gsize n = 0;
    g_autofree double *m = g_key_file_get_double_list(file, group, "matte", &n, NULL);

    self->clip_path = vera_job_spec_get(file, group, "clip");
    self->settings = (VeraExportSettings){
        .output_dir = vera_job_spec_get(file, group, "output"),
        .name = vera_job_spec_get(file, group, "name"),
        .record_json = vera_job_spec_get(file, group, "record"),
        .look = vera_job_spec_get(file, group, "look"),
        .is_silent = g_key_file_get_boolean(file, group, "silent", NULL),
        .can_overwrite = g_key_file_get_boolean(file, group, "overwrite", NULL),
        .preset = (VeraExportPreset)CLAMP(g_key_file_get_integer(file, group, "preset", NULL), 0, VERA_EXPORT_PRESET_H264),
        .start_number = g_key_file_get_int64(file, group, "start-number", NULL),
        .padding = CLAMP(g_key_file_get_integer(file, group, "padding", NULL), 1, 12),
        .compression = (VeraExrCompression)CLAMP(g_key_file_get_integer(file, group, "compression", NULL), 0, VERA_EXR_COMPRESSION_PIZ),
        .is_float32 = g_key_file_get_boolean(file, group, "float32", NULL),
        .is_straight = g_key_file_get_boolean(file, group, "straight", NULL),
        .has_matte_layer = g_key_file_get_boolean(file, group, "matte-layer", NULL),
        .has_chromaticities = g_key_file_get_boolean(file, group, "chromaticities", NULL),
        .is_linear_over = g_key_file_get_boolean(file, group, "linear-over", NULL),
    };
    self->refinement = (VeraMatteRefinement)VERA_MATTE_REFINEMENT_INIT;
    if (n == 7)
        self->refinement = (VeraMatteRefinement){ (float)m[0], (float)m[1],    (float)m[2],  (float)m[3],
                                                  (int)m[4],   m[5] != 0, (float)m[6] };
}

static GArray *
vera_job_spec_load_frames(GKeyFile *file, const char *group)
{
    g_autofree char *text = vera_job_spec_get(file, group, "frames");
    g_auto(GStrv) parts = g_strsplit(text ? text : "", " ", -1);
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (int i = 0; parts[i] != NULL && *parts[i] != '\0'; i++) {
        gint64 frame = g_ascii_strtoll(parts[i], NULL, 10);
        g_array_append_val(frames, frame);
    }
    return frames;
}

VeraJobSpec *
vera_job_spec_load(GKeyFile *file, const char *group)
{
    VeraJobSpec *self = g_new0(VeraJobSpec, 1);

    self->is_export = g_key_file_get_boolean(file, group, "export", NULL);
    self->id = vera_job_spec_get(file, group, "id");
    self->title = vera_job_spec_get(file, group, "title");
    self->edit_id = vera_job_spec_get(file, group, "edit");
    self->take_dir = vera_job_spec_get(file, group, "take");
    self->frames = vera_job_spec_load_frames(file, group);
    if (self->is_export)
        vera_job_spec_load_export(self, file, group);
    else
        vera_job_spec_load_request(self, file, group);
    if (self->id && self->title && self->frames->len > 0 &&
        (self->is_export ? self->clip_path && self->settings.output_dir && self->settings.name
                         : self->take_dir && self->request.clip_path && self->request.instruction && self->request.model_dir && self->request.device))
        return self;
    vera_job_spec_free(self);
    return NULL;
}
