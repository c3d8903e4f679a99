#include "config.h"

#include "engine/queue/vera-job-private.h"
#include "engine/vera-json.h"

/* A clip of more frames is no clip but a damaged file. */
#define VERA_JOB_SPEC_MAX_FRAMES 100000000

void
vera_job_spec_free(VeraJobSpec *self)
{
    const char *texts[] = {
        self->id,
        self->title,
        self->edit_id,
        self->clip_path,
        self->take_dir,
        self->request.clip_path,
        self->request.instruction,
        self->request.task,
        self->request.negative_prompt,
        self->request.region_path,
        self->request.model_dir,
        self->request.device,
        self->settings.output_dir,
        self->settings.name,
        self->settings.record_json,
        self->settings.look,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)texts[i]);
    g_clear_pointer(&self->layers, g_array_unref);
    g_clear_pointer(&self->frames, g_array_unref);
    g_free(self);
}

static void
vera_job_spec_clear_layer_cb(gpointer layer)
{
    g_free((char *)((VeraQueueLayer *)layer)->take_dir);
}

static GArray *
vera_job_spec_new_layers(void)
{
    GArray *layers = g_array_new(FALSE, TRUE, sizeof(VeraQueueLayer));

    g_array_set_clear_func(layers, vera_job_spec_clear_layer_cb);
    return layers;
}

VeraJobSpec *
vera_job_spec_new_edit(const VeraEditRequest *request,
                       const char *title,
                       const char *edit_id,
                       const char *take_dir)
{
    VeraJobSpec *self = g_new0(VeraJobSpec, 1);

    self->id = g_uuid_string_random();
    self->title = g_utf8_make_valid(title, -1);
    self->edit_id = g_strdup(edit_id);
    self->take_dir = g_strdup(take_dir);
    self->frames = g_array_copy(request->frames);
    self->request = *request;
    self->request.frames = self->frames;
    self->request.clip_path = g_strdup(request->clip_path);
    self->request.instruction = g_strdup(request->instruction);
    self->request.task = g_strdup(request->task);
    self->request.negative_prompt = g_strdup(request->negative_prompt);
    self->request.region_path = g_strdup(request->region_path);
    self->request.model_dir = g_strdup(request->model_dir);
    self->request.device = g_strdup(request->device);
    return self;
}

VeraJobSpec *
vera_job_spec_new_export(const VeraQueueExport *order, const char *title)
{
    VeraJobSpec *self = g_new0(VeraJobSpec, 1);

    self->is_export = TRUE;
    self->id = g_uuid_string_random();
    self->title = g_utf8_make_valid(title, -1);
    self->clip_path = g_strdup(order->clip_path);
    self->frames = g_array_copy(order->frames);
    self->layers = vera_job_spec_new_layers();
    for (int i = 0; i < order->n_layers; i++) {
        VeraQueueLayer layer = order->layers[i];
        layer.take_dir = g_strdup(layer.take_dir);
        g_array_append_val(self->layers, layer);
    }
    self->settings = order->settings;
    self->settings.output_dir = g_strdup(order->settings.output_dir);
    self->settings.name = order->settings.name ? g_utf8_make_valid(order->settings.name, -1) : NULL;
    self->settings.record_json = g_strdup(order->settings.record_json);
    self->settings.look = g_strdup(order->settings.look);
    return self;
}

static void
vera_job_spec_set_path(JsonObject *object, const char *member, const char *path)
{
    g_autofree char *text = path ? vera_json_path_to_text(path) : NULL;

    vera_project_json_set_string(object, member, text);
}

static void
vera_job_spec_read_path(VeraProjectReader *reader, const char *member, char **target)
{
    g_autofree char *text = NULL;

    vera_project_reader_get_string(reader, member, &text);
    if (text == NULL)
        return;
    *target = vera_json_path_from_text(text);
    if (*target == NULL)
        vera_project_reader_fail(reader, member, "is not a path");
}

/* Runs of equal steps: a range is one line, whatever its length. */
static JsonArray *
vera_job_spec_frames_to_json(const GArray *frames)
{
    JsonArray *runs = json_array_new();

    for (guint i = 0, n; i < frames->len; i += n) {
        gint64 first = g_array_index(frames, gint64, i),
               step = i + 1 < frames->len ? g_array_index(frames, gint64, i + 1) - first : 1;
        JsonObject *run = json_object_new();
        for (n = 1; i + n < frames->len; n++)
            if (g_array_index(frames, gint64, i + n) != first + (gint64)n * step)
                break;
        json_object_set_int_member(run, "first", first);
        json_object_set_int_member(run, "step", step);
        json_object_set_int_member(run, "count", n);
        json_array_add_object_element(runs, run);
    }
    return runs;
}

static void
vera_job_spec_read_run_cb(VeraProjectReader *reader, gpointer target)
{
    GArray *frames = target;
    gint64 first = -1, step = 1, count = 0;

    vera_project_reader_get_int64(reader, "first", &first);
    vera_project_reader_get_int64(reader, "step", &step);
    vera_project_reader_get_int64(reader, "count", &count);
    if (first < 0 || first > VERA_JOB_SPEC_MAX_FRAMES)
        vera_project_reader_fail(reader, "first", "is no frame");
    if (step < 1 || step > VERA_JOB_SPEC_MAX_FRAMES)
        vera_project_reader_fail(reader, "step", "is no step");
    if (count < 1 || count > VERA_JOB_SPEC_MAX_FRAMES - frames->len)
        vera_project_reader_fail(reader, "count", "is no number of frames");
    for (gint64 i = 0; i < count && !vera_project_reader_has_failed(reader); i++) {
        gint64 frame = first + i * step;
        g_array_append_val(frames, frame);
    }
}

static JsonObject *
vera_job_spec_request_to_json(const VeraEditRequest *r)
{
    JsonObject *object = json_object_new();
    g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, r->seed);

    vera_job_spec_set_path(object, "clip", r->clip_path);
    vera_project_json_set_string(object, "instruction", r->instruction);
    vera_project_json_set_string(object, "task", r->task);
    vera_project_json_set_string(object, "negative", r->negative_prompt);
    vera_job_spec_set_path(object, "region", r->region_path);
    vera_job_spec_set_path(object, "model", r->model_dir);
    vera_project_json_set_string(object, "device", r->device);
    json_object_set_string_member(object, "compute",
                                  r->compute == VERA_K_COMPUTE_BF16 ? "bf16" : "f32");
    json_object_set_string_member(object, "seed", seed);
    json_object_set_int_member(object, "steps", r->n_steps);
    json_object_set_double_member(object, "guidance", r->guidance);
    json_object_set_int_member(object, "width", r->width);
    json_object_set_int_member(object, "height", r->height);
    return object;
}

static void
vera_job_spec_read_request_cb(VeraProjectReader *reader, gpointer target)
{
    VeraEditRequest *r = target;
    g_autofree char *compute = NULL;

    vera_job_spec_read_path(reader, "clip", (char **)&r->clip_path);
    vera_project_reader_get_string(reader, "instruction", (char **)&r->instruction);
    vera_project_reader_get_string(reader, "task", (char **)&r->task);
    vera_project_reader_get_string(reader, "negative", (char **)&r->negative_prompt);
    vera_job_spec_read_path(reader, "region", (char **)&r->region_path);
    vera_job_spec_read_path(reader, "model", (char **)&r->model_dir);
    vera_project_reader_get_string(reader, "device", (char **)&r->device);
    vera_project_reader_get_string(reader, "compute", &compute);
    vera_project_reader_get_uint64(reader, "seed", &r->seed);
    vera_project_reader_get_int(reader, "steps", &r->n_steps);
    vera_project_reader_get_double(reader, "guidance", &r->guidance);
    vera_project_reader_get_int(reader, "width", &r->width);
    vera_project_reader_get_int(reader, "height", &r->height);
    r->compute = g_strcmp0(compute, "bf16") == 0 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32;
    if (!r->clip_path || !r->instruction || !r->model_dir || !r->device)
        vera_project_reader_fail(reader, "clip, instruction, model or device", "is missing");
}

static JsonObject *
vera_job_spec_settings_to_json(const VeraExportSettings *s)
{
    JsonObject *object = json_object_new();

    vera_job_spec_set_path(object, "output", s->output_dir);
    vera_project_json_set_string(object, "name", s->name);
    vera_project_json_set_string(object, "record", s->record_json);
    vera_project_json_set_string(object, "look", s->look);
    json_object_set_int_member(object, "preset", (int)s->preset);
    json_object_set_int_member(object, "start_number", s->start_number);
    json_object_set_int_member(object, "padding", s->padding);
    json_object_set_int_member(object, "compression", (int)s->compression);
    json_object_set_boolean_member(object, "float32", s->is_float32);
    json_object_set_boolean_member(object, "straight", s->is_straight);
    json_object_set_boolean_member(object, "matte_layer", s->has_matte_layer);
    json_object_set_boolean_member(object, "chromaticities", s->has_chromaticities);
    json_object_set_boolean_member(object, "linear_over", s->is_linear_over);
    json_object_set_boolean_member(object, "silent", s->is_silent);
    json_object_set_boolean_member(object, "resume", s->is_resume);
    json_object_set_boolean_member(object, "overwrite", s->can_overwrite);
    return object;
}

static void
vera_job_spec_read_settings_cb(VeraProjectReader *reader, gpointer target)
{
    VeraExportSettings *s = target;
    int preset = (int)s->preset, compression = (int)s->compression;

    vera_job_spec_read_path(reader, "output", (char **)&s->output_dir);
    vera_project_reader_get_string(reader, "name", (char **)&s->name);
    vera_project_reader_get_string(reader, "record", (char **)&s->record_json);
    vera_project_reader_get_string(reader, "look", (char **)&s->look);
    vera_project_reader_get_int(reader, "preset", &preset);
    vera_project_reader_get_int64(reader, "start_number", &s->start_number);
    vera_project_reader_get_int(reader, "padding", &s->padding);
    vera_project_reader_get_int(reader, "compression", &compression);
    vera_project_reader_get_boolean(reader, "float32", &s->is_float32);
    vera_project_reader_get_boolean(reader, "straight", &s->is_straight);
    vera_project_reader_get_boolean(reader, "matte_layer", &s->has_matte_layer);
    vera_project_reader_get_boolean(reader, "chromaticities", &s->has_chromaticities);
    vera_project_reader_get_boolean(reader, "linear_over", &s->is_linear_over);
    vera_project_reader_get_boolean(reader, "silent", &s->is_silent);
    vera_project_reader_get_boolean(reader, "resume", &s->is_resume);
    vera_project_reader_get_boolean(reader, "overwrite", &s->can_overwrite);
    if (preset < 0 || preset > VERA_EXPORT_PRESET_H264)
        vera_project_reader_fail(reader, "preset", "is unknown");
    if (compression < 0 || compression > VERA_EXR_COMPRESSION_PIZ)
        vera_project_reader_fail(reader, "compression", "is unknown");
    if (!s->output_dir || !s->name)
        vera_project_reader_fail(reader, "output or name", "is missing");
    s->preset = (VeraExportPreset)preset;
    s->compression = (VeraExrCompression)compression;
}

static JsonObject *
vera_job_spec_matte_to_json(const VeraMatteRefinement *m)
{
    JsonObject *object = json_object_new();

    vera_project_json_set_float(object, "black", m->black);
    vera_project_json_set_float(object, "white", m->white);
    vera_project_json_set_float(object, "grow", m->grow_px);
    vera_project_json_set_float(object, "feather", m->feather_px);
    json_object_set_int_member(object, "despeckle", m->despeckle_px);
    json_object_set_boolean_member(object, "inverted", m->is_inverted);
    json_object_set_boolean_member(object, "snapped", m->is_snapped);
    json_object_set_boolean_member(object, "clean_edge", m->is_edge_clean);
    vera_project_json_set_float(object, "floor", m->floor);
    return object;
}

static void
vera_job_spec_read_matte_cb(VeraProjectReader *reader, gpointer target)
{
    VeraMatteRefinement *m = target;

    vera_project_reader_get_float(reader, "black", &m->black);
    vera_project_reader_get_float(reader, "white", &m->white);
    vera_project_reader_get_float(reader, "grow", &m->grow_px);
    vera_project_reader_get_float(reader, "feather", &m->feather_px);
    vera_project_reader_get_int(reader, "despeckle", &m->despeckle_px);
    vera_project_reader_get_boolean(reader, "inverted", &m->is_inverted);
    vera_project_reader_get_boolean(reader, "snapped", &m->is_snapped);
    vera_project_reader_get_boolean(reader, "clean_edge", &m->is_edge_clean);
    vera_project_reader_get_float(reader, "floor", &m->floor);
}

static JsonArray *
vera_job_spec_layers_to_json(const GArray *layers)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < layers->len; i++) {
        const VeraQueueLayer *layer = &g_array_index(layers, VeraQueueLayer, i);
        JsonObject *object = json_object_new();
        vera_job_spec_set_path(object, "take", layer->take_dir);
        json_object_set_double_member(object, "opacity", layer->opacity);
        json_object_set_object_member(object, "matte",
                                      vera_job_spec_matte_to_json(&layer->refinement));
        json_array_add_object_element(array, object);
    }
    return array;
}

static void
vera_job_spec_read_layer_cb(VeraProjectReader *reader, gpointer target)
{
    VeraQueueLayer layer = {.refinement = VERA_MATTE_REFINEMENT_INIT, .opacity = 1};

    vera_job_spec_read_path(reader, "take", (char **)&layer.take_dir);
    vera_project_reader_get_double(reader, "opacity", &layer.opacity);
    vera_project_reader_get_object(reader, "matte", "matte", vera_job_spec_read_matte_cb,
                                   &layer.refinement);
    if (layer.take_dir == NULL)
        vera_project_reader_fail(reader, "take", "is missing");
    if (!(layer.opacity >= 0 && layer.opacity <= 1))
        vera_project_reader_fail(reader, "opacity", "is not between 0 and 1");
    g_array_append_val(target, layer);
}

/* Programs before 0.2 knew exports of one take only. */
static void
vera_job_spec_read_only_layer(VeraProjectReader *reader, VeraJobSpec *self)
{
    VeraQueueLayer layer = {.refinement = VERA_MATTE_REFINEMENT_INIT, .opacity = 1};

    vera_project_reader_get_object(reader, "matte", "matte", vera_job_spec_read_matte_cb,
                                   &layer.refinement);
    layer.take_dir = g_steal_pointer(&self->take_dir);
    if (layer.take_dir != NULL)
        g_array_append_val(self->layers, layer);
}

void
vera_job_spec_to_json(const VeraJobSpec *self, JsonObject *object)
{
    json_object_set_string_member(object, "kind", self->is_export ? "export" : "edit");
    vera_project_json_set_string(object, "id", self->id);
    vera_project_json_set_string(object, "title", self->title);
    vera_project_json_set_string(object, "edit", self->edit_id);
    vera_job_spec_set_path(object, "take", self->take_dir);
    json_object_set_array_member(object, "frames", vera_job_spec_frames_to_json(self->frames));
    if (!self->is_export) {
        json_object_set_object_member(object, "request",
                                      vera_job_spec_request_to_json(&self->request));
        return;
    }
    vera_job_spec_set_path(object, "clip", self->clip_path);
    json_object_set_object_member(object, "settings",
                                  vera_job_spec_settings_to_json(&self->settings));
    json_object_set_array_member(object, "layers", vera_job_spec_layers_to_json(self->layers));
}

VeraJobSpec *
vera_job_spec_read_json(VeraProjectReader *reader)
{
    g_autoptr(VeraJobSpec) self = g_new0(VeraJobSpec, 1);
    g_autofree char *kind = NULL;

    self->frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    self->layers = vera_job_spec_new_layers();
    self->settings = (VeraExportSettings)VERA_EXPORT_SETTINGS_INIT;
    vera_project_reader_get_string(reader, "kind", &kind);
    vera_project_reader_get_string(reader, "id", &self->id);
    vera_project_reader_get_string(reader, "title", &self->title);
    vera_project_reader_get_string(reader, "edit", &self->edit_id);
    vera_job_spec_read_path(reader, "take", &self->take_dir);
    vera_job_spec_read_path(reader, "clip", &self->clip_path);
    vera_project_reader_get_objects(reader, "frames", "frames", vera_job_spec_read_run_cb,
                                    self->frames);
    vera_project_reader_get_object(reader, "request", "request", vera_job_spec_read_request_cb,
                                   &self->request);
    vera_project_reader_get_object(reader, "settings", "settings", vera_job_spec_read_settings_cb,
                                   &self->settings);
    vera_project_reader_get_objects(reader, "layers", "layers", vera_job_spec_read_layer_cb,
                                    self->layers);
    if (g_strcmp0(kind, "export") == 0)
        vera_job_spec_read_only_layer(reader, self);
    self->is_export = g_strcmp0(kind, "export") == 0;
    self->request.frames = self->frames;
    if (!self->is_export && g_strcmp0(kind, "edit") != 0)
        vera_project_reader_fail(reader, "kind", "is unknown");
    if (!self->id || !self->title || self->frames->len == 0)
        vera_project_reader_fail(reader, "id, title or frames", "is missing");
    if (self->is_export ? !self->clip_path || !self->settings.output_dir
                        : !self->take_dir || !self->request.clip_path)
        vera_project_reader_fail(reader, self->is_export ? "clip or settings" : "take or request",
                                 "is missing");
    return vera_project_reader_has_failed(reader) ? NULL : g_steal_pointer(&self);
}
