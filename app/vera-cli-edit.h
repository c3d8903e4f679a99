#pragma once

#include "app/vera-cli-delivery.h"

G_BEGIN_DECLS

/** VeraCliOptions: the options of `vera edit`, `vera export` and `vera run-project`; owns its
 * strings. */
typedef struct {
    char *instruction, *negative, *region, *range, *model, *device, *dtype, *seed, *size, *opacity,
        *clip;
    int n_steps;
    double guidance;
    gboolean is_dry_run;
    VeraCliDelivery delivery;
} VeraCliOptions;

/** VERA_CLI_OPTIONS_INIT: nothing asked for */
#define VERA_CLI_OPTIONS_INIT                              \
    {                                                      \
        .guidance = -1, .delivery = VERA_CLI_DELIVERY_INIT \
    }

/** vera_cli_options_clear: frees the strings */
void vera_cli_options_clear(VeraCliOptions *o);

/**
 * vera_cli_options_apply:
 * @o: the options, which must outlive @job
 * @job: (inout): gets request, settings, refinement
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_USAGE names the option that makes no sense.
 * Returns: %TRUE on success
 */
gboolean vera_cli_options_apply(const VeraCliOptions *o, VeraCliJob *job, GError **error);

/** vera_cli_get_frames: the frames of @clip that @range names; without one the first @limit, or all
 * for 0. Errors: %VERA_ENGINE_ERROR_USAGE. Returns: (transfer full) (element-type gint64): source
 * frames, or %NULL */
GArray *vera_cli_get_frames(VeraClip *clip, const char *range, gint64 limit, GError **error);

/** vera_cli_get_output: Returns: (transfer full): @output, or NAME-vera for a clip or project
 * NAME.ext */
char *vera_cli_get_output(const char *clip, const char *output);

/** vera_cli_run_edit: makes the take that @options ask for and exports it. Returns: the exit code
 */
int vera_cli_run_edit(const char *clip, const VeraCliOptions *options);

G_END_DECLS
