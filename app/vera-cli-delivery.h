#pragma once

#include "app/vera-cli-job.h"

G_BEGIN_DECLS

/**
 * VeraCliDelivery: the options that say what is written, how the matte is refined, and what may be
 * touched; owns its strings.
 */
typedef struct {
    char *export, *output, *name, *compression, *progress;
    gint64 start_number;
    int padding, despeckle_px;
    double black, white, grow_px, feather_px, floor;
    gboolean is_inverted, is_as_drawn, has_raw_edges, is_float32, is_straight, has_matte_layer, has_chromaticities, is_linear;
    gboolean is_silent, is_resume, can_overwrite;
} VeraCliDelivery;

/** VERA_CLI_DELIVERY_INIT: what is done when nothing is said; see VERA_EXPORT_SETTINGS_INIT and
 * VERA_MATTE_REFINEMENT_INIT */
#define VERA_CLI_DELIVERY_INIT                                        \
    {                                                                 \
        .start_number = -1, .padding = 4, .white = 1.0, .floor = 0.02 \
    }

/** vera_cli_delivery_add_entries: adds the options, which fill @self, to @context */
void vera_cli_delivery_add_entries(VeraCliDelivery *self, GOptionContext *context);

/**
 * vera_cli_delivery_apply:
 * @self: the options, which must outlive @job
 * @job: (inout): gets settings, refinement and the form of progress
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_USAGE names the option that makes no sense.
 * Returns: %TRUE on success
 */
gboolean vera_cli_delivery_apply(const VeraCliDelivery *self, VeraCliJob *job, GError **error);

/** vera_cli_delivery_copy: makes @to a copy of @self */
void vera_cli_delivery_copy(const VeraCliDelivery *self, VeraCliDelivery *to);

/** vera_cli_delivery_clear: frees the strings */
void vera_cli_delivery_clear(VeraCliDelivery *self);

G_END_DECLS
