#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "engine/media/vera-export-private.h"
#include "engine/media/vera-exr-writer.h"
#include "engine/media/vera-timecode.h"
#include "engine/vera-engine-error.h"
#include "kernels/vera-k.h"

/* x and y of red, green, blue and white; no colorInteropID where that standard has none. */
static const struct {
    const char *id;
    float chromaticities[8];
} vera_export_primaries[] = {
    [VERA_COLOR_PRIMARIES_BT709] = {"lin_rec709_scene",
                                    {0.64f, 0.33f, 0.30f, 0.60f, 0.15f, 0.06f, 0.3127f, 0.3290f}},
    [VERA_COLOR_PRIMARIES_BT601_525] = {NULL,
                                        {0.63f, 0.34f, 0.31f, 0.595f, 0.155f, 0.07f, 0.3127f,
                                         0.3290f}},
    [VERA_COLOR_PRIMARIES_BT601_625] = {NULL,
                                        {0.64f, 0.33f, 0.29f, 0.60f, 0.15f, 0.06f, 0.3127f,
                                         0.3290f}},
    [VERA_COLOR_PRIMARIES_BT2020] = {"lin_rec2020_scene",
                                     {0.708f, 0.292f, 0.170f, 0.797f, 0.131f, 0.046f, 0.3127f,
                                      0.3290f}},
    [VERA_COLOR_PRIMARIES_ACES_AP1] = {"lin_ap1_scene",
                                       {0.713f, 0.293f, 0.165f, 0.830f, 0.128f, 0.044f, 0.32168f,
                                        0.33767f}},
};

static gboolean
vera_exporter_write_exr(VeraExporter *self,
                        const char *sub,
                        const VeraExportFrame *frame,
                        VeraExrImage *image,
                        GError **error)
{
    static const char *const compressions[] = {"none", "zip", "zips", "piz"};
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    const VeraColorDescription *color = &frame->source->color;
    const char *id = vera_export_primaries[color->primaries].id;
    g_autofree char *name = vera_exporter_get_name(self, sub, frame->index, "exr");
    g_autofree char *part = vera_exporter_get_part(self, name, error);
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, frame->index + 1);
    g_autofree char *timecode =
        vera_timecode_advance(info->start_timecode, info->rate_num, info->rate_den, frame->index);
    const VeraExrText texts[] = {
        {"colorInteropID", id},
        {"vera/build", "vera " VERA_VERSION},
        {"vera/source", vera_clip_get_path(self->clip)},
        {"vera/source_frame", number},
        {"vera/source_transfer", vera_color_transfer_get_name(color->transfer)},
        {"vera/over", self->settings.is_linear_over ? "linear" : "display"},
        {"vera/alpha", self->settings.is_straight ? "straight" : "premultiplied"},
        {"vera/record", self->record_json},
        {"comments", "The edit layer is display-referred SDR decoded to linear light."}};

    if (part == NULL)
        return FALSE;
    image->width = info->width;
    image->height = info->height;
    image->texts = texts;
    image->n_texts = G_N_ELEMENTS(texts);
    image->compression = compressions[self->settings.compression];
    image->is_float32 = self->settings.is_float32;
    image->rate_num = info->rate_num;
    image->rate_den = info->rate_den;
    image->pixel_aspect = (float)info->pixel_aspect_num / (float)MAX(info->pixel_aspect_den, 1);
    image->timecode = timecode;
    if (self->settings.has_chromaticities || id == NULL)
        image->chromaticities = vera_export_primaries[color->primaries].chromaticities;
    if (!vera_exr_write(part, image, error)) {
        g_unlink(part);
        return FALSE;
    }
    return vera_export_manifest_place(self->manifest, name, frame->index + 1, error);
}

/* Linear R G B A, four floats a pixel. With a matte the colour is premultiplied unless straight is
 * asked for. */
static float *
vera_exporter_make_linear(VeraExporter *self,
                          const VeraExportFrame *frame,
                          const float *rgb,
                          const float *matte)
{
    gsize n = (gsize)frame->source->width * (gsize)frame->source->height;
    VeraColorTransfer transfer = frame->source->color.transfer;
    float *out = g_try_new(float, n * 4);

    if (out == NULL)
        return NULL;
#pragma omp parallel for schedule(static)
    for (gsize i = 0; i < n; i++) {
        float alpha = matte ? matte[i] : 1.0f;
        float factor = matte && !self->settings.is_straight ? alpha : 1.0f;
        /* A curve keeps the sign and what is finite, and it costs more than all else here. */
        for (gsize c = 0; c < 3; c++)
            out[4 * i + c] = factor == 0 ? rgb[3 * i + c] * 0.0f
                                         : vera_color_to_linear(transfer, rgb[3 * i + c]) * factor;
        out[4 * i + 3] = alpha;
    }
    return out;
}

/* The smallest box around a matte, at least one pixel. */
static void
vera_exporter_get_bounds(const VeraFrame *source, const float *matte, int window[4])
{
    int x0 = source->width, y0 = source->height, x1 = -1, y1 = -1;

    for (int y = 0; y < source->height; y++) {
        for (int x = 0; x < source->width; x++) {
            if (!(matte[(gsize)y * (gsize)source->width + (gsize)x] > 0))
                continue;
            x0 = MIN(x0, x);
            x1 = MAX(x1, x);
            y0 = MIN(y0, y);
            y1 = MAX(y1, y);
        }
    }
    if (x1 < 0)
        x0 = y0 = x1 = y1 = 0;
    window[0] = x0;
    window[1] = y0;
    window[2] = x1 - x0 + 1;
    window[3] = y1 - y0 + 1;
}

static float *
vera_exporter_crop(const float *rgba, int width, const int window[4])
{
    float *out = g_new(float, (gsize)window[2] * (gsize)window[3] * 4);

    for (int y = 0; y < window[3]; y++)
        memcpy(out + (gsize)y * (gsize)window[2] * 4,
               rgba + ((gsize)(window[1] + y) * (gsize)width + (gsize)window[0]) * 4,
               (gsize)window[2] * 4 * sizeof(float));
    return out;
}

/* A floating-point plate may hold more than half float does; what is not edited must not be
 * rounded. */
static gboolean
vera_exporter_check_half(const VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    gint64 n = (gint64)frame->source->width * frame->source->height * 3, n_lost = 0;

    if (!frame->source->format.is_float || self->settings.is_float32)
        return TRUE;
#pragma omp parallel for schedule(static) reduction(+ : n_lost)
    for (gint64 i = 0; i < n; i++) {
        float value = frame->composite_rgb[i];
        gboolean is_edited = frame->matte != NULL && frame->matte[i / 3] > 0;
        n_lost +=
            !is_edited && value == value && vera_k_f16_to_f32(vera_k_f32_to_f16(value)) != value;
    }
    if (n_lost == 0)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                "Frame %" G_GINT64_FORMAT " of ‘%s’ has %" G_GINT64_FORMAT
                " values that half float does not hold; export with 32 bits (--float32).",
                frame->index + 1, vera_clip_get_path(self->clip), n_lost);
    return FALSE;
}

static gboolean
vera_exporter_fail_memory(GError **error)
{
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                        "Too little memory to export a frame.");
    return FALSE;
}

/* Edit layer and matte @i as sequences of their own, @edit as vera_exporter_make_linear() gave it.
 */
static gboolean
vera_exporter_add_element(
    VeraExporter *self, const VeraExportFrame *frame, int i, const float *edit, GError **error)
{
    g_autofree char *edit_name = vera_exporter_get_element(self, "edit", i);
    g_autofree char *matte_name = vera_exporter_get_element(self, "matte", i);
    int window[4];

    vera_exporter_get_bounds(frame->source, frame->layers[i].matte, window);
    g_autofree float *cropped = vera_exporter_crop(edit, frame->source->width, window);
    const float *c = cropped;
    const VeraExrChannel element[] = {
        {"R", c, 4}, {"G", c + 1, 4}, {"B", c + 2, 4}, {"A", c + 3, 4}};
    const VeraExrChannel matte[] = {
        {"R", c + 3, 4}, {"G", c + 3, 4}, {"B", c + 3, 4}, {"A", c + 3, 4}};
    VeraExrImage edit_image = {.channels = element, .n_channels = 4};
    VeraExrImage matte_image = {.channels = matte, .n_channels = 4};
    memcpy(edit_image.data_window, window, sizeof window);
    memcpy(matte_image.data_window, window, sizeof window);
    return vera_exporter_write_exr(self, edit_name, frame, &edit_image, error) &&
           vera_exporter_write_exr(self, matte_name, frame, &matte_image, error);
}

/* The four channels of element @name; a matte has its alpha in all of them. */
static void
vera_exporter_add_channels(
    GArray *channels, GPtrArray *names, const char *name, const float *rgba, gboolean is_matte)
{
    for (int c = 0; c < 4; c++) {
        char *full = g_strdup_printf("%s.%c", name, "RGBA"[c]);
        VeraExrChannel channel = {full, rgba + (is_matte ? 3 : c), 4};
        g_ptr_array_add(names, full);
        g_array_append_val(channels, channel);
    }
}

/* Everything in one file. */
static gboolean
vera_exporter_write_layered(VeraExporter *self,
                            const VeraExportFrame *frame,
                            const float *comp,
                            float *const *edits,
                            GError **error)
{
    g_autoptr(GArray) channels = g_array_new(FALSE, FALSE, sizeof(VeraExrChannel));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    VeraExrImage image = {.data_window = {0, 0, frame->source->width, frame->source->height}};

    for (int c = 0; c < 4; c++)
        g_array_append_vals(
            channels, &(VeraExrChannel){(const char *[]){"R", "G", "B", "A"}[c], comp + c, 4}, 1);
    for (int i = 0; i < self->settings.n_layers; i++) {
        g_autofree char *edit = vera_exporter_get_element(self, "edit", i);
        g_autofree char *matte = vera_exporter_get_element(self, "matte", i);
        vera_exporter_add_channels(channels, names, edit, edits[i], FALSE);
        if (self->settings.has_matte_layer)
            vera_exporter_add_channels(channels, names, matte, edits[i], TRUE);
    }
    image.channels = (const VeraExrChannel *)(const void *)channels->data;
    image.n_channels = (int)channels->len;
    return vera_exporter_write_exr(self, NULL, frame, &image, error);
}

/* The composite alone. */
static gboolean
vera_exporter_write_composite(VeraExporter *self,
                              const VeraExportFrame *frame,
                              const float *comp,
                              GError **error)
{
    const VeraExrChannel channels[] = {
        {"R", comp, 4}, {"G", comp + 1, 4}, {"B", comp + 2, 4}, {"A", comp + 3, 4}};
    VeraExrImage image = {.data_window = {0, 0, frame->source->width, frame->source->height},
                          .channels = channels,
                          .n_channels = 4};

    return vera_exporter_write_exr(self, "comp", frame, &image, error);
}

/* One layer after the other, so that one at a time is in memory. */
static gboolean
vera_exporter_write_separate(VeraExporter *self,
                             const VeraExportFrame *frame,
                             const float *comp,
                             GError **error)
{
    if (!vera_exporter_write_composite(self, frame, comp, error))
        return FALSE;
    for (int i = 0; i < self->settings.n_layers; i++) {
        g_autofree float *edit =
            vera_exporter_make_linear(self, frame, frame->layers[i].rgb, frame->layers[i].matte);
        if (edit == NULL)
            return vera_exporter_fail_memory(error);
        if (!vera_exporter_add_element(self, frame, i, edit, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
vera_exporter_add_exr(VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    g_autofree float *comp = vera_exporter_make_linear(self, frame, frame->composite_rgb, NULL);
    g_autoptr(GPtrArray) edits = g_ptr_array_new_with_free_func(g_free);

    if (comp == NULL)
        return vera_exporter_fail_memory(error);
    if (!vera_exporter_check_half(self, frame, error))
        return FALSE;
    if (self->settings.preset == VERA_EXPORT_PRESET_EXR_SEPARATE)
        return vera_exporter_write_separate(self, frame, comp, error);
    for (int i = 0; i < self->settings.n_layers; i++) {
        float *edit =
            vera_exporter_make_linear(self, frame, frame->layers[i].rgb, frame->layers[i].matte);
        if (edit == NULL)
            return vera_exporter_fail_memory(error);
        g_ptr_array_add(edits, edit);
    }
    return vera_exporter_write_layered(self, frame, comp, (float *const *)edits->pdata, error);
}
