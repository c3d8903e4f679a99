#include "config.h"

#include "engine/media/vera-export.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/media/vera-exr-writer.h"
#include "engine/media/vera-png-writer.h"
#include "engine/vera-engine-error.h"

struct _VeraExporter {
    GObject parent_instance;
    /* Owned */
    VeraExportSettings settings;
    char *output_dir;
    char *name;
    char *record_json;
    VeraClip *clip;
    GString *manifest; /* one JSON object a frame */
    gint64 first_frame;
    gint64 n_frames;
    gint64 n_written;
};

G_DEFINE_FINAL_TYPE(VeraExporter, vera_exporter, G_TYPE_OBJECT)

static void
vera_exporter_finalize(GObject *object)
{
    VeraExporter *self = VERA_EXPORTER(object);

    g_free(self->output_dir);
    g_free(self->name);
    g_free(self->record_json);
    g_clear_object(&self->clip);
    if (self->manifest != NULL)
        g_string_free(self->manifest, TRUE);
    G_OBJECT_CLASS(vera_exporter_parent_class)->finalize(object);
}

static void
vera_exporter_class_init(VeraExporterClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = vera_exporter_finalize;
}

static void
vera_exporter_init(VeraExporter *self)
{
    self->manifest = g_string_new(NULL);
}

static const char *const vera_export_preset_names[] = { "exr", "exr-separate", "png", "ffv1", "prores", "h264" };

gboolean
vera_export_preset_from_name(const char *name, VeraExportPreset *preset)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_export_preset_names); i++) {
        if (strcmp(name, vera_export_preset_names[i]) == 0) {
            *preset = (VeraExportPreset)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
vera_exporter_make_dir(const char *path, GError **error)
{
    g_autofree char *what = g_strdup_printf("make the folder ‘%s’", path);

    if (g_mkdir_with_parents(path, 0777) == 0 && access(path, W_OK | X_OK) == 0)
        return TRUE;
    vera_engine_error_set_errno(error, errno, what);
    return FALSE;
}

static gboolean
vera_exporter_check(const VeraExportSettings *settings, VeraClip *clip, GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(clip);
    gboolean is_exr = settings->preset == VERA_EXPORT_PRESET_EXR || settings->preset == VERA_EXPORT_PRESET_EXR_SEPARATE;

    if (!is_exr && settings->preset != VERA_EXPORT_PRESET_PNG) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED, "This version does not write %s; choose exr, exr-separate or png.",
                    vera_export_preset_names[settings->preset]);
        return FALSE;
    }
    if (is_exr && !settings->is_float32 && (info->format.is_float ? FALSE : info->format.bits > 11)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "The clip has %d bits a sample, which half float does not hold; export with 32 bits.", info->format.bits);
        return FALSE;
    }
    return TRUE;
}

VeraExporter *
vera_exporter_new(const VeraExportSettings *settings, VeraClip *clip, gint64 first_frame, gint64 n_frames, GError **error)
{
    g_autoptr(VeraExporter) self = g_object_new(VERA_TYPE_EXPORTER, NULL);

    if (!vera_exporter_check(settings, clip, error) || !vera_exporter_make_dir(settings->output_dir, error))
        return NULL;
    self->settings = *settings;
    self->output_dir = g_strdup(settings->output_dir);
    self->name = g_strdup(settings->name);
    self->record_json = g_strdup(settings->record_json);
    self->clip = g_object_ref(clip);
    self->first_frame = first_frame;
    self->n_frames = n_frames;
    return g_steal_pointer(&self);
}

/* The plate's own number where it has one, else from 1001. */
static gint64
vera_exporter_get_number(VeraExporter *self, gint64 index)
{
    gint64 start = vera_clip_get_info(self->clip)->start_number;

    if (self->settings.start_number >= 0)
        return self->settings.start_number + index - self->first_frame;
    return start >= 0 ? start + index : 1001 + index;
}

static char *
vera_exporter_get_path(VeraExporter *self, const char *sub, gint64 index, const char *extension)
{
    return g_strdup_printf("%s%s%s/%s.%0*" G_GINT64_FORMAT ".%s", self->output_dir, sub ? "/" : "", sub ? sub : "", self->name,
                           self->settings.padding, vera_exporter_get_number(self, index), extension);
}

static gboolean
vera_exporter_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

/* Puts a finished .part in its place and notes its hash. */
static gboolean
vera_exporter_place(VeraExporter *self, const char *part, const char *path, GError **error)
{
    g_autofree char *what = g_strdup_printf("finish ‘%s’", path), *bytes = NULL, *hash = NULL;
    gsize length;

    if (!vera_exporter_sync(part) || !g_file_get_contents(part, &bytes, &length, NULL) || g_rename(part, path) != 0) {
        vera_engine_error_set_errno(error, errno, what);
        g_unlink(part);
        return FALSE;
    }
    hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
    g_string_append_printf(self->manifest, "%s\n    {\"path\": \"%s\", \"sha256\": \"%s\"}", self->manifest->len ? "," : "",
                           path + strlen(self->output_dir) + 1, hash);
    return TRUE;
}

/* A frame that an earlier, unfinished export left whole is made again: the bytes are the same, and no half file can pass for it. */
static gboolean
vera_exporter_write_png(VeraExporter *self, const char *sub, gint64 index, const float *values, int n_channels, GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    g_autofree char *path = vera_exporter_get_path(self, sub, index, "png"), *part = g_strconcat(path, ".part", NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    if (!vera_exporter_make_dir(dir, error))
        return FALSE;
    if (!vera_png_write(part, values, info->width, info->height, n_channels, error)) {
        g_unlink(part);
        return FALSE;
    }
    return vera_exporter_place(self, part, path, error);
}

static const char *
vera_exporter_get_color_id(const VeraColorDescription *color)
{
    if (color->primaries == VERA_COLOR_PRIMARIES_BT2020)
        return "lin_rec2020_scene";
    return color->primaries == VERA_COLOR_PRIMARIES_ACES_AP1 ? "lin_ap1_scene" : "lin_rec709_scene";
}

static gboolean
vera_exporter_write_exr(VeraExporter *self, const char *sub, const VeraExportFrame *frame, VeraExrImage *image, GError **error)
{
    static const char *const compressions[] = { "none", "zip", "zips", "piz" };
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    g_autofree char *path = vera_exporter_get_path(self, sub, frame->index, "exr"), *part = g_strconcat(path, ".part", NULL);
    g_autofree char *dir = g_path_get_dirname(path), *number = g_strdup_printf("%" G_GINT64_FORMAT, frame->index + 1);
    const VeraExrText texts[] = { { "colorInteropID", vera_exporter_get_color_id(&frame->source->color) },
                                  { "vera/build", "vera " VERA_VERSION },
                                  { "vera/source", vera_clip_get_path(self->clip) },
                                  { "vera/source_frame", number },
                                  { "vera/source_transfer", vera_color_transfer_get_name(frame->source->color.transfer) },
                                  { "vera/over", self->settings.is_linear_over ? "linear" : "display" },
                                  { "vera/alpha", self->settings.is_straight ? "straight" : "premultiplied" },
                                  { "vera/record", self->record_json },
                                  { "comments", "The edit layer is display-referred SDR decoded to linear light." } };

    if (!vera_exporter_make_dir(dir, error))
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
    if (!vera_exr_write(part, image, error)) {
        g_unlink(part);
        return FALSE;
    }
    return vera_exporter_place(self, part, path, error);
}

/* Linear R G B A, four floats a pixel. With a matte the colour is premultiplied unless straight is asked for. */
static float *
vera_exporter_make_linear(VeraExporter *self, const VeraExportFrame *frame, const float *rgb, const float *matte)
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
        for (gsize c = 0; c < 3; c++)
            out[4 * i + c] = vera_color_to_linear(transfer, rgb[3 * i + c]) * factor;
        out[4 * i + 3] = alpha;
    }
    return out;
}

/* The smallest box around the matte, at least one pixel. */
static void
vera_exporter_get_bounds(const VeraExportFrame *frame, int window[4])
{
    int x0 = frame->source->width, y0 = frame->source->height, x1 = -1, y1 = -1;

    for (int y = 0; y < frame->source->height; y++) {
        for (int x = 0; x < frame->source->width; x++) {
            if (frame->matte[(gsize)y * (gsize)frame->source->width + (gsize)x] <= 0)
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
        memcpy(out + (gsize)y * (gsize)window[2] * 4, rgba + ((gsize)(window[1] + y) * (gsize)width + (gsize)window[0]) * 4,
               (gsize)window[2] * 4 * sizeof(float));
    return out;
}

static gboolean
vera_exporter_add_exr(VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    g_autofree float *comp = vera_exporter_make_linear(self, frame, frame->composite_rgb, NULL);
    g_autofree float *edit = frame->layer_rgb ? vera_exporter_make_linear(self, frame, frame->layer_rgb, frame->matte) : NULL;
    const float *e = edit;
    const VeraExrChannel channels[] = { { "R", comp, 4 }, { "G", comp + 1, 4 }, { "B", comp + 2, 4 }, { "A", comp + 3, 4 },
                                        { "edit.R", e, 4 }, { "edit.G", e + 1, 4 }, { "edit.B", e + 2, 4 }, { "edit.A", e + 3, 4 },
                                        { "matte.R", e + 3, 4 }, { "matte.G", e + 3, 4 }, { "matte.B", e + 3, 4 }, { "matte.A", e + 3, 4 } };
    int width = frame->source->width, height = frame->source->height;
    gboolean is_layered = self->settings.preset == VERA_EXPORT_PRESET_EXR;
    VeraExrImage image = { .data_window = { 0, 0, width, height }, .channels = channels, .n_channels = 4 };

    if (comp == NULL || (frame->layer_rgb != NULL && edit == NULL)) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to export a frame.");
        return FALSE;
    }
    if (is_layered && edit != NULL)
        image.n_channels = self->settings.has_matte_layer ? 12 : 8;
    if (!vera_exporter_write_exr(self, is_layered ? NULL : "comp", frame, &image, error))
        return FALSE;
    if (is_layered || edit == NULL)
        return TRUE;

    int window[4];
    vera_exporter_get_bounds(frame, window);
    g_autofree float *cropped = vera_exporter_crop(edit, width, window);
    const float *c = cropped;
    const VeraExrChannel element[] = { { "R", c, 4 }, { "G", c + 1, 4 }, { "B", c + 2, 4 }, { "A", c + 3, 4 } };
    const VeraExrChannel matte[] = { { "R", c + 3, 4 }, { "G", c + 3, 4 }, { "B", c + 3, 4 }, { "A", c + 3, 4 } };
    VeraExrImage edit_image = { .channels = element, .n_channels = 4 }, matte_image = { .channels = matte, .n_channels = 4 };
    memcpy(edit_image.data_window, window, sizeof window);
    memcpy(matte_image.data_window, window, sizeof window);
    return vera_exporter_write_exr(self, "edit", frame, &edit_image, error) && vera_exporter_write_exr(self, "matte", frame, &matte_image, error);
}

gboolean
vera_exporter_add_frame(VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    gboolean ok;

    if (self->settings.preset == VERA_EXPORT_PRESET_PNG)
        ok = vera_exporter_write_png(self, "comp", frame->index, frame->composite_rgb, 3, error) &&
             (frame->layer_rgb == NULL || (vera_exporter_write_png(self, "edit", frame->index, frame->layer_rgb, 3, error) &&
                                           vera_exporter_write_png(self, "matte", frame->index, frame->matte, 1, error)));
    else
        ok = vera_exporter_add_exr(self, frame, error);
    self->n_written += ok;
    return ok;
}

gboolean
vera_exporter_finish(VeraExporter *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->output_dir, "manifest.json", NULL);
    g_autofree char *json = g_strdup_printf("{\n  \"vera_export\": 1,\n  \"preset\": \"%s\",\n  \"build\": \"vera %s\",\n  \"frames\": %" G_GINT64_FORMAT
                                            ",\n  \"files\": [%s\n  ]\n}\n",
                                            vera_export_preset_names[self->settings.preset], VERA_VERSION, self->n_written, self->manifest->str);
    g_autoptr(GError) local = NULL;

    g_return_val_if_fail(self->n_written == self->n_frames, FALSE);
    if (g_file_set_contents_full(path, json, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666, &local))
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR,
                g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? VERA_ENGINE_ERROR_DISK_FULL : VERA_ENGINE_ERROR_OUTPUT,
                "Could not write ‘%s’: %s.", path, local->message);
    return FALSE;
}
