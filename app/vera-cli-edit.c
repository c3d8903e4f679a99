#include "config.h"

#include <stdio.h>
#include <string.h>

#include "app/vera-cli-edit.h"
#include "app/vera-cli-job.h"
#include "app/vera-cli.h"
#include "engine/vera-engine-error.h"

void
vera_cli_options_clear(VeraCliOptions *o)
{
    char *all[] = {o->instruction, o->negative, o->region, o->range,   o->model, o->device,
                   o->dtype,       o->seed,     o->size,   o->opacity, o->clip};

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_free(all[i]);
    vera_cli_delivery_clear(&o->delivery);
}

static gboolean
vera_cli_parse_size(const char *text, int *width, int *height)
{
    char after;

    return sscanf(text, "%dx%d%c", width, height, &after) == 2 && *width > 0 && *height > 0 &&
           *width <= 16384 && *height <= 16384;
}

gboolean
vera_cli_options_apply(const VeraCliOptions *o, VeraCliJob *job, GError **error)
{
    const char *wrong = NULL;

    job->request.seed = 0;
    if (o->seed != NULL &&
        !g_ascii_string_to_unsigned(o->seed, 10, 0, G_MAXUINT64, &job->request.seed, NULL))
        wrong = "--seed takes a whole number from 0";
    else if (o->size != NULL &&
             !vera_cli_parse_size(o->size, &job->request.width, &job->request.height))
        wrong = "--size takes WIDTHxHEIGHT, each from 1 to 16384";
    else if (o->dtype != NULL && strcmp(o->dtype, "f32") != 0 && strcmp(o->dtype, "bf16") != 0)
        wrong = "--dtype takes f32 or bf16";
    else if (o->n_steps < 0 || o->n_steps > 1000)
        wrong = "--steps takes 1 to 1000, or 0 for the model's own";
    else if (!(o->guidance >= 0 && o->guidance <= 100) && o->guidance != -1)
        wrong = "--guidance takes 0 to 100, or -1 for the model's own";
    if (wrong != NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "%s. Try ‘vera edit --help’.", wrong);
        return FALSE;
    }
    job->request.n_steps = o->n_steps;
    job->request.guidance = o->guidance;
    job->request.instruction = o->instruction;
    job->request.negative_prompt = o->negative;
    job->request.region_path = o->region;
    job->request.device = o->device ? o->device : "cpu";
    job->request.compute =
        o->dtype && strcmp(o->dtype, "bf16") == 0 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32;
    job->is_dry_run = o->is_dry_run;
    return vera_cli_delivery_apply(&o->delivery, job, error);
}

GArray *
vera_cli_get_frames(VeraClip *clip, const char *range, gint64 limit, GError **error)
{
    gint64 n = vera_clip_get_info(clip)->n_frames;
    g_autofree char *whole = NULL;
    GArray *frames = NULL;

    whole = g_strdup_printf("1-%" G_GINT64_FORMAT, limit > 0 ? MIN(limit, n) : n);
    return vera_cli_parse_range(range ? range : whole, n, &frames, error) ? frames : NULL;
}

char *
vera_cli_get_output(const char *clip, const char *output)
{
    g_autofree char *base = g_path_get_basename(clip);
    char *dot = strrchr(base, '.');

    if (output != NULL)
        return g_strdup(output);
    if (dot != NULL && dot != base)
        *dot = '\0';
    return g_strconcat(base, "-vera", NULL);
}

int
vera_cli_run_edit(const char *clip, const VeraCliOptions *options)
{
    VeraCliJob job = {.request.clip_path = clip};
    g_autofree char *model =
        options->model ? g_strdup(options->model) : vera_cli_get_default_model();
    g_autofree char *output = vera_cli_get_output(clip, options->delivery.output);
    g_autoptr(VeraModel) opened = NULL;
    g_autoptr(VeraClip) source = NULL;
    g_autoptr(GArray) frames = NULL;
    g_autoptr(GError) error = NULL;

    if (!vera_cli_options_apply(options, &job, &error))
        return vera_cli_report_error(error);
    opened = vera_model_open(model, &error);
    source = opened ? vera_clip_open(clip, vera_cli_get_cancellable(), &error) : NULL;
    frames = source ? vera_cli_get_frames(source, options->range,
                                          vera_model_get_info(opened)->native_frames, &error)
                    : NULL;
    g_clear_object(&source);
    if (frames == NULL)
        return vera_cli_report_error(error);
    job.request.frames = frames;
    job.request.model_dir = model;
    job.settings.output_dir = output;
    return vera_cli_job_run_edit(&job);
}

/* Texts are taken as bytes, whatever the locale says of them; whether they are UTF-8 is for the job to say. */
#define EDIT_ENTRIES(o)                                                                            \
    {"instruction", 0, 0, G_OPTION_ARG_FILENAME, &(o).instruction, "What to add or change", "TEXT"}, \
        {"negative", 0, 0, G_OPTION_ARG_FILENAME, &(o).negative, "What to lead away from", "TEXT"},  \
        {"region",    0,                                                                           \
         0,           G_OPTION_ARG_FILENAME,                                                       \
         &(o).region, "Still, movie or sequence; white = edit here",                               \
         "MASK"},                                                                                  \
        {"range",    0,                                                                            \
         0,          G_OPTION_ARG_STRING,                                                          \
         &(o).range, "Frames, from 1: 1-49, 1-10x2, parts joined by commas",                       \
         "RANGE"},                                                                                 \
        {"model",    0,                                                                            \
         0,          G_OPTION_ARG_FILENAME,                                                        \
         &(o).model, "Model folder (default: the bundled one)",                                    \
         "DIR"},                                                                                   \
        {"device", 0, 0, G_OPTION_ARG_STRING, &(o).device, "cpu, cuda, cuda:N, or two GPUs: cuda:0,cuda:1", "DEVICE"},       \
        {"dtype", 0, 0, G_OPTION_ARG_STRING, &(o).dtype, "Precision of products: f32 or bf16",     \
         "TYPE"},                                                                                  \
        {"seed", 0, 0, G_OPTION_ARG_STRING, &(o).seed, "Same seed, same bytes", "N"},              \
        {"steps", 0, 0, G_OPTION_ARG_INT, &(o).n_steps, "Sampling steps (0: the model's own)", "N"},                    \
        {"guidance", 0, 0, G_OPTION_ARG_DOUBLE, &(o).guidance, "Guidance scale (-1: the model's own)", "G"},             \
        {"size", 0, 0, G_OPTION_ARG_STRING, &(o).size, "Size at which the model works", "WxH"},    \
        {"dry-run",                                                                                \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_NONE,                                                                        \
         &(o).is_dry_run,                                                                          \
         "Print windows, memory and time, and stop",                                               \
         NULL},

int
vera_cli_edit(int argc, char **argv)
{
    VeraCliOptions o = VERA_CLI_OPTIONS_INIT;
    const GOptionEntry entries[] = {EDIT_ENTRIES(o){NULL, 0, 0, 0, NULL, NULL, NULL}};
    GOptionContext *context =
        g_option_context_new("CLIP --instruction TEXT – make a take and export it");
    int code;

    g_option_context_add_main_entries(context, entries, NULL);
    vera_cli_delivery_add_entries(&o.delivery, context);
    if (vera_cli_parse(context, &argc, &argv, &code)) {
        if (argc != 2)
            code = vera_cli_report_usage("edit", "Name one clip.");
        else if (o.instruction == NULL)
            code = vera_cli_report_usage("edit", "--instruction is missing.");
        else
            code = vera_cli_run_edit(argv[1], &o);
    }
    vera_cli_options_clear(&o);
    return code;
}
