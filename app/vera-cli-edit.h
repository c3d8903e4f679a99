#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** VeraCliOptions: the options of `vera edit`, `vera export` and `vera run-project`; owns its
 * strings. */
typedef struct {
    char *instruction, *negative, *region, *range, *model, *device, *dtype, *seed, *size, *export,
        *output, *progress;
    int n_steps;
    double guidance;
    gboolean is_dry_run, is_resume, is_float32;
} VeraCliOptions;

/** VERA_CLI_EXPORT_ENTRIES: the GOptionEntry lines that all three share */
#define VERA_CLI_EXPORT_ENTRIES(o)                                                                 \
    {"export",    0,                                                                               \
     0,           G_OPTION_ARG_STRING,                                                             \
     &(o).export, "exr, exr-separate, png, ffv1, prores or h264",                                  \
     "PRESET"},                                                                                    \
        {"output", 0, 0, G_OPTION_ARG_FILENAME, &(o).output, "Folder to write to", "DIR"},         \
        {"float32", 0, 0, G_OPTION_ARG_NONE, &(o).is_float32, "EXR with 32-bit channels", NULL},   \
        {"progress", 0, 0, G_OPTION_ARG_STRING, &(o).progress, "json: one line a second", "FORM"}, \
        {"resume", 0, 0, G_OPTION_ARG_NONE, &(o).is_resume, "Go on where a stopped run left", NULL},

/** vera_cli_options_clear: frees the strings */
void vera_cli_options_clear(VeraCliOptions *o);

/** vera_cli_get_output: Returns: (transfer full): @output, or NAME-vera for a clip or project
 * NAME.ext */
char *vera_cli_get_output(const char *clip, const char *output);

/** vera_cli_run_edit: makes the take that @options ask for and exports it. Returns: the exit code
 */
int vera_cli_run_edit(const char *clip, const VeraCliOptions *options);

G_END_DECLS
