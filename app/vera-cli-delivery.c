#include "config.h"

#include "app/vera-cli-delivery.h"

#include <string.h>

#include "engine/vera-engine-error.h"

#define FLAG(name, field, text)                                 \
    {                                                           \
        name, 0, 0, G_OPTION_ARG_NONE, &self->field, text, NULL \
    }
#define VALUE(name, type, field, text, unit)                      \
    {                                                             \
        name, 0, 0, G_OPTION_ARG_##type, &self->field, text, unit \
    }
#define END                             \
    {                                   \
        NULL, 0, 0, 0, NULL, NULL, NULL \
    }

static void
vera_cli_delivery_add_matte_entries(VeraCliDelivery *self, GOptionContext *context)
{
    const GOptionEntry entries[] = {
        VALUE("black", DOUBLE, black, "Matte: values up to V become 0", "V"),
        VALUE("white", DOUBLE, white, "Matte: values from V become 1", "V"),
        VALUE("grow", DOUBLE, grow_px, "Matte: grow, or with a minus shrink, by PX pixels", "PX"),
        VALUE("feather", DOUBLE, feather_px, "Matte: soften by PX pixels", "PX"),
        VALUE("despeckle", INT, despeckle_px, "Matte: remove islands and holes of fewer pixels",
              "N"),
        VALUE("floor", DOUBLE, floor, "Matte: values below V become exactly 0 (default 0.02)", "V"),
        FLAG("invert", is_inverted, "Matte: exchange inside and outside"),
        FLAG("no-clean-edges", has_raw_edges,
             "Matte: leave the old background in the soft edge of what is kept"),
        FLAG("no-snap", is_as_drawn, "Matte: as the model drew it, not snapped to the picture"),
        FLAG("linear", is_linear, "Composite in linear light"),
        END,
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

static void
vera_cli_delivery_add_exr_entries(VeraCliDelivery *self, GOptionContext *context)
{
    const GOptionEntry entries[] = {
        VALUE("compression", STRING, compression, "EXR: none, zip, zips or piz", "KIND"),
        FLAG("float32", is_float32, "EXR: 32-bit channels"),
        FLAG("straight", is_straight, "EXR: edit layer not multiplied with its matte"),
        FLAG("matte-layer", has_matte_layer, "EXR: the matte also as layer “matte” (preset exr)"),
        FLAG("chromaticities", has_chromaticities, "EXR: write chromaticities, for older readers"),
        END,
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

void
vera_cli_delivery_add_entries(VeraCliDelivery *self, GOptionContext *context)
{
    const GOptionEntry entries[] = {
        VALUE("export", STRING, export, "exr, exr-separate, png, ffv1, prores or h264", "PRESET"),
        VALUE("output", FILENAME, output, "Folder to write to", "DIR"),
        VALUE("name", STRING, name, "Base name of the files (default: the clip's)", "NAME"),
        VALUE("start-number", INT64, start_number, "Number of the first frame", "N"),
        VALUE("padding", INT, padding, "Digits of frame numbers (default 4)", "N"),
        FLAG("no-audio", is_silent, "Leave the sound out of movies"),
        VALUE("progress", STRING, progress, "json: one line a second", "FORM"),
        FLAG("resume", is_resume, "Go on where a stopped run left"),
        FLAG("overwrite", can_overwrite, "Replace an export that is in the folder"),
        END,
    };

    g_option_context_add_main_entries(context, entries, NULL);
    vera_cli_delivery_add_exr_entries(self, context);
    vera_cli_delivery_add_matte_entries(self, context);
}

static gboolean
vera_cli_delivery_find_compression(const char *name, VeraExrCompression *compression)
{
    static const char *const names[] = {"none", "zip", "zips", "piz"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *compression = (VeraExrCompression)i;
            return TRUE;
        }
    return FALSE;
}

/* What is wrong with the options, or NULL; fills the settings on the way. */
static const char *
vera_cli_delivery_fill(const VeraCliDelivery *self, VeraExportSettings *settings)
{
    gboolean is_layered, is_exr;

    if (self->export != NULL && !vera_export_preset_from_name(self->export, &settings->preset))
        return "--export takes exr, exr-separate, png, ffv1, prores or h264";
    if (self->compression != NULL &&
        !vera_cli_delivery_find_compression(self->compression, &settings->compression))
        return "--compression takes none, zip, zips or piz";
    if (self->progress != NULL && strcmp(self->progress, "json") != 0)
        return "--progress takes json";
    if (self->start_number < -1)
        return "--start-number takes a number from 0";
    is_layered = settings->preset == VERA_EXPORT_PRESET_EXR;
    is_exr = is_layered || settings->preset == VERA_EXPORT_PRESET_EXR_SEPARATE;
    if (!is_exr && (self->compression != NULL || self->is_float32 || self->is_straight ||
                    self->has_chromaticities))
        return "--compression, --float32, --straight and --chromaticities go with --export exr or "
               "exr-separate";
    if (!is_layered && self->has_matte_layer)
        return "--matte-layer goes with --export exr";
    return NULL;
}

gboolean
vera_cli_delivery_apply(const VeraCliDelivery *self, VeraCliJob *job, GError **error)
{
    VeraExportSettings settings = VERA_EXPORT_SETTINGS_INIT;
    const char *wrong = vera_cli_delivery_fill(self, &settings);

    if (wrong != NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "%s. Try ‘vera edit --help’.", wrong);
        return FALSE;
    }
    settings.name = self->name;
    settings.start_number = self->start_number;
    settings.padding = self->padding;
    settings.is_float32 = self->is_float32;
    settings.is_straight = self->is_straight;
    settings.has_matte_layer = self->has_matte_layer;
    settings.has_chromaticities = self->has_chromaticities;
    settings.is_linear_over = self->is_linear;
    settings.is_silent = self->is_silent;
    settings.is_resume = self->is_resume;
    settings.can_overwrite = self->can_overwrite;
    job->settings = settings;
    job->is_json = self->progress != NULL;
    job->refinement = (VeraMatteRefinement){.black = (float)self->black,
                                            .white = (float)self->white,
                                            .grow_px = (float)self->grow_px,
                                            .feather_px = (float)self->feather_px,
                                            .despeckle_px = self->despeckle_px,
                                            .is_inverted = self->is_inverted,
                                            .is_snapped = !self->is_as_drawn,
                                            .is_edge_clean = !self->has_raw_edges,
                                            .floor = (float)self->floor};
    return vera_matte_refinement_is_valid(&job->refinement, error);
}

void
vera_cli_delivery_copy(const VeraCliDelivery *self, VeraCliDelivery *to)
{
    *to = *self;
    to->export = g_strdup(self->export);
    to->output = g_strdup(self->output);
    to->name = g_strdup(self->name);
    to->compression = g_strdup(self->compression);
    to->progress = g_strdup(self->progress);
}

void
vera_cli_delivery_clear(VeraCliDelivery *self)
{
    g_free(self->export);
    g_free(self->output);
    g_free(self->name);
    g_free(self->compression);
    g_free(self->progress);
}
