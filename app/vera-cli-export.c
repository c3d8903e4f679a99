#include "config.h"

#include <string.h>

#include "app/vera-cli-edit.h"
#include "app/vera-cli-job.h"
#include "app/vera-cli.h"
#include "engine/project/vera-project-state.h"
#include "engine/vera-engine-error.h"

/** VeraCliStack: what an export is made of. */
typedef struct {
    VeraClip *clip;
    GPtrArray *takes; /* VeraTake, which the layers borrow */
    GArray *layers;   /* VeraExportLayer */
    GArray *frames;   /* gint64 */
} VeraCliStack;

static void
vera_cli_stack_clear(VeraCliStack *self)
{
    g_clear_object(&self->clip);
    g_ptr_array_unref(self->takes);
    g_array_unref(self->layers);
    g_clear_pointer(&self->frames, g_array_unref);
}

static gboolean
vera_cli_stack_add(VeraCliStack *self,
                   const char *dir,
                   const VeraMatteRefinement *refinement,
                   double opacity,
                   GError **error)
{
    VeraTake *take = vera_take_open(dir, vera_cli_get_cancellable(), error);
    VeraExportLayer layer = {take, *refinement, (float)opacity};

    if (take == NULL)
        return FALSE;
    g_ptr_array_add(self->takes, take);
    g_array_append_val(self->layers, layer);
    return TRUE;
}

static int
vera_cli_compare_frames_cb(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return (x > y) - (x < y);
}

/* Every frame that any take has. */
static GArray *
vera_cli_stack_unite_frames(const VeraCliStack *self)
{
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint n = 0;

    for (guint i = 0; i < self->takes->len; i++) {
        const GArray *own = vera_take_get_record(self->takes->pdata[i])->frames;
        g_array_append_vals(frames, own->data, own->len);
    }
    g_array_sort(frames, vera_cli_compare_frames_cb);
    for (guint i = 0; i < frames->len; i++) {
        gint64 frame = g_array_index(frames, gint64, i);
        if (n == 0 || frame != g_array_index(frames, gint64, n - 1))
            g_array_index(frames, gint64, n++) = frame;
    }
    g_array_set_size(frames, n);
    return frames;
}

/* "0.5,1": one a take, or one for all; without it they are opaque. */
static gboolean
vera_cli_parse_opacity(const char *text, int n, double *opacity, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text ? text : "1", ",", -1);
    int n_parts = (int)g_strv_length(parts);
    gboolean ok = n_parts == 1 || n_parts == n;

    for (int i = 0; ok && i < n; i++) {
        const char *part = parts[n_parts == 1 ? 0 : i];
        char *end = NULL;
        opacity[i] = g_ascii_strtod(part, &end);
        ok = end != part && *end == '\0' && opacity[i] >= 0 && opacity[i] <= 1;
    }
    if (!ok)
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                            "--opacity takes numbers from 0 to 1, one for all takes or one each, "
                            "joined by commas. Try ‘vera export --help’.");
    return ok;
}

static gboolean
vera_cli_stack_open_takes(VeraCliStack *self,
                          char **paths,
                          int n,
                          const char *opacity,
                          const VeraCliJob *job,
                          GError **error)
{
    g_autofree double *values = g_new(double, n);
    const char *clip;

    if (!vera_cli_parse_opacity(opacity, n, values, error))
        return FALSE;
    for (int i = 0; i < n; i++)
        if (!vera_cli_stack_add(self, paths[i], &job->refinement, values[i], error))
            return FALSE;
    clip = vera_take_get_record(self->takes->pdata[0])->clip_path;
    for (int i = 1; i < n; i++) {
        const char *other = vera_take_get_record(self->takes->pdata[i])->clip_path;
        if (strcmp(clip, other) == 0)
            continue;
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The take ‘%s’ was made from ‘%s’, the take ‘%s’ from ‘%s’; only takes of one "
                    "clip can be stacked.",
                    paths[0], clip, paths[i], other);
        return FALSE;
    }
    self->clip = vera_clip_open(clip, vera_cli_get_cancellable(), error);
    return self->clip != NULL;
}

/* The clip that @name means: by id, name or path; without one, the only one. */
static const VeraProjectClip *
vera_cli_find_clip(const VeraProjectState *state,
                   const char *path,
                   const char *name,
                   GError **error)
{
    for (guint i = 0; i < state->clips->len; i++) {
        const VeraProjectClip *clip = state->clips->pdata[i];
        if (name == NULL ? state->clips->len == 1
                         : strcmp(name, clip->id) == 0 || strcmp(name, clip->name) == 0 ||
                               strcmp(name, clip->path) == 0)
            return clip;
    }
    if (name != NULL)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The project ‘%s’ has no clip ‘%s’.", path, name);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The project ‘%s’ has %u clips; name one with --clip.", path,
                    state->clips->len);
    return NULL;
}

/* The user's range. */
static GArray *
vera_cli_list_range(const VeraProjectState *state, VeraClip *clip)
{
    gint64 last = vera_clip_get_info(clip)->n_frames - 1;
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(gint64));

    if (state->out_frame >= 0)
        last = MIN(last, state->out_frame);
    for (gint64 i = CLAMP(state->in_frame, 0, last); i <= last; i++)
        g_array_append_val(frames, i);
    return frames;
}

static gboolean
vera_cli_stack_open_project(
    VeraCliStack *self, const char *path, const char *name, VeraCliJob *job, GError **error)
{
    g_autoptr(VeraProjectState) state = vera_project_state_load(path, error);
    const VeraProjectClip *clip = state ? vera_cli_find_clip(state, path, name, error) : NULL;
    g_autoptr(GPtrArray) edits = NULL;

    if (clip == NULL ||
        (self->clip = vera_clip_open(clip->path, vera_cli_get_cancellable(), error)) == NULL)
        return FALSE;
    edits = vera_project_state_list_layers(state, clip->id);
    for (guint i = 0; i < edits->len; i++) {
        const VeraEdit *edit = edits->pdata[i];
        const VeraProjectTake *take = vera_edit_find_take(edit, edit->chosen_take);
        if (!vera_cli_stack_add(self, take->dir, &edit->refinement, edit->opacity, error))
            return FALSE;
    }
    job->settings.is_linear_over = state->is_linear_over;
    if (state->in_frame >= 0 || state->out_frame >= 0)
        self->frames = vera_cli_list_range(state, self->clip);
    return TRUE;
}

static gboolean
vera_cli_stack_open(VeraCliStack *self,
                    char **paths,
                    int n,
                    const VeraCliOptions *o,
                    VeraCliJob *job,
                    GError **error)
{
    if (vera_take_is_take(paths[0]) || n > 1)
        return vera_cli_stack_open_takes(self, paths, n, o->opacity, job, error);
    if (g_str_has_suffix(paths[0], ".vera"))
        return vera_cli_stack_open_project(self, paths[0], o->clip, job, error);
    self->clip = vera_clip_open(paths[0], vera_cli_get_cancellable(), error);
    return self->clip != NULL;
}

/* The frames: those of --range, of the project's range, of the takes, or of the whole clip. */
static gboolean
vera_cli_stack_choose_frames(VeraCliStack *self, const char *range, GError **error)
{
    if (range == NULL && self->frames != NULL)
        return TRUE;
    g_clear_pointer(&self->frames, g_array_unref);
    self->frames = range == NULL && self->takes->len > 0
                       ? vera_cli_stack_unite_frames(self)
                       : vera_cli_get_frames(self->clip, range, 0, error);
    return self->frames != NULL;
}

static int
vera_cli_run_export(char **paths, int n, const VeraCliOptions *options)
{
    VeraCliStack stack = {NULL, g_ptr_array_new_with_free_func((GDestroyNotify)vera_take_free),
                          g_array_new(FALSE, FALSE, sizeof(VeraExportLayer)), NULL};
    VeraCliJob job = {0};
    g_autofree char *output = vera_cli_get_output(paths[0], options->delivery.output);
    g_autoptr(GError) error = NULL;
    int code;

    if (vera_cli_options_apply(options, &job, &error) &&
        vera_cli_stack_open(&stack, paths, n, options, &job, &error) &&
        vera_cli_stack_choose_frames(&stack, options->range, &error)) {
        job.settings.output_dir = output;
        code = vera_cli_job_export(&job, stack.clip, stack.layers, stack.frames);
    } else {
        code = vera_cli_report_error(error);
    }
    vera_cli_stack_clear(&stack);
    return code;
}

int
vera_cli_export(int argc, char **argv)
{
    VeraCliOptions o = VERA_CLI_OPTIONS_INIT;
    const GOptionEntry entries[] = {
        {"range", 0, 0, G_OPTION_ARG_STRING, &o.range,
         "Frames, from 1 (default: those of the takes, or the whole clip)", "RANGE"},
        {"opacity", 0, 0, G_OPTION_ARG_STRING, &o.opacity,
         "Opacity of each take, 0 to 1, joined by commas", "LIST"},
        {"clip", 0, 0, G_OPTION_ARG_STRING, &o.clip, "Which clip of a project that has several",
         "NAME"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    GOptionContext *context = g_option_context_new(
        "CLIP|TAKE…|PROJECT – write a clip alone (the null edit), takes stacked from bottom to "
        "top, or what a project shows");
    int code;

    g_option_context_add_main_entries(context, entries, NULL);
    vera_cli_delivery_add_entries(&o.delivery, context);
    if (vera_cli_parse(context, &argc, &argv, &code))
        code = argc >= 2 ? vera_cli_run_export(argv + 1, argc - 1, &o)
                         : vera_cli_report_usage("export",
                                                 "Name a clip, a project, or takes of one clip.");
    vera_cli_options_clear(&o);
    return code;
}
