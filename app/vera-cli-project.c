#include "config.h"

#include <stdio.h>

#include "app/vera-cli-edit.h"
#include "app/vera-cli.h"
#include "engine/media/vera-clip.h"
#include "engine/project/vera-project.h"
#include "engine/vera-engine-error.h"

/* The mask of a drawn region, written anew beside what comes of it. */
static char *
vera_cli_write_region(const VeraEdit *edit,
                      const char *clip_path,
                      const char *output,
                      GError **error)
{
    g_autoptr(VeraClip) clip = vera_clip_open(clip_path, vera_cli_get_cancellable(), error);
    g_autofree char *hash = vera_region_hash(edit->region);
    g_autofree char *dir = g_strdup_printf("%s/region-%.16s", output, hash);
    const VeraClipInfo *info;

    if (clip == NULL)
        return NULL;
    info = vera_clip_get_info(clip);
    if (edit->last >= info->n_frames) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "The edit ‘%s’ ends at frame %" G_GINT64_FORMAT
                    ", but ‘%s’ has %" G_GINT64_FORMAT " frames.",
                    edit->id, edit->last + 1, clip_path, info->n_frames);
        return NULL;
    }
    return vera_region_write_mask(edit->region, edit->first, edit->last, info->width, info->height,
                                  dir, vera_cli_get_cancellable(), error);
}

static int
vera_cli_run_project_edit(const VeraEdit *edit,
                          const char *clip_path,
                          const char *output,
                          const VeraCliOptions *options)
{
    VeraCliOptions o = {.guidance = edit->guidance, .n_steps = edit->n_steps};
    g_autoptr(GError) error = NULL;
    int code;

    vera_cli_delivery_copy(&options->delivery, &o.delivery);
    g_free(o.delivery.output);
    o.delivery.output = g_build_filename(output, edit->id, NULL);
    o.delivery.is_resume = TRUE;
    o.region = edit->region ? vera_cli_write_region(edit, clip_path, o.delivery.output, &error)
                            : g_strdup(edit->region_path);
    o.instruction = g_strdup(edit->instruction);
    o.negative = g_strdup(edit->negative);
    o.range =
        g_strdup_printf("%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, edit->first + 1, edit->last + 1);
    o.model = g_strdup(options->model ? options->model : edit->model_dir);
    o.seed = g_strdup_printf("%" G_GUINT64_FORMAT, edit->seed);
    if (edit->width > 0 && edit->height > 0)
        o.size = g_strdup_printf("%dx%d", edit->width, edit->height);
    printf("%s: %s\n", edit->id, edit->instruction);
    fflush(stdout);
    code = error ? vera_cli_report_error(error) : vera_cli_run_edit(clip_path, &o);
    vera_cli_options_clear(&o);
    return code;
}

static int
vera_cli_run_project_file(const char *path, const VeraCliOptions *options)
{
    g_autofree char *output = vera_cli_get_output(path, options->delivery.output);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraProjectState) state = vera_project_state_load(path, &error);
    int code = VERA_CLI_EXIT_OK;

    if (state == NULL)
        return vera_cli_report_error(error);
    for (guint i = 0; i < state->edits->len && code == VERA_CLI_EXIT_OK; i++) {
        const VeraEdit *edit = state->edits->pdata[i];
        const VeraProjectClip *clip = vera_project_state_find_clip(state, edit->clip_id);
        code = vera_cli_run_project_edit(edit, clip->path, output, options);
    }
    return code;
}

int
vera_cli_run_project(int argc, char **argv)
{
    VeraCliOptions o = VERA_CLI_OPTIONS_INIT;
    const GOptionEntry entries[] = {
        {"model", 0, 0, G_OPTION_ARG_FILENAME, &o.model, "Model folder", "DIR"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    GOptionContext *context = g_option_context_new("PROJECT – make every edit of a project file");
    int code;

    g_option_context_add_main_entries(context, entries, NULL);
    vera_cli_delivery_add_entries(&o.delivery, context);
    if (vera_cli_parse(context, &argc, &argv, &code))
        code = argc == 2 ? vera_cli_run_project_file(argv[1], &o)
                         : vera_cli_report_usage("run-project", "Name one project file.");
    vera_cli_options_clear(&o);
    return code;
}
