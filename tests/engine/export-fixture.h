#pragma once

#include <math.h>
#include <sys/stat.h>

#include "engine/compositing/vera-composite.h"
#include "engine/media/vera-export.h"
#include "tests/engine/media-fixture.h"

/** An edit layer and a matte of a clip's size that no model made: a gradient in a soft disc that
 * moves. */
typedef struct {
    int width;
    int height;
    float *rgb;
    float *layer;
    float *matte;
    float *out;
    VeraExportElement element;
} ExportEdit;

static inline void
export_edit_init(ExportEdit *self, const VeraClipInfo *info)
{
    gsize n = (gsize)info->width * (gsize)info->height;

    *self = (ExportEdit){.width = info->width,
                         .height = info->height,
                         .rgb = g_new0(float, n * 3),
                         .layer = g_new0(float, n * 3),
                         .matte = g_new0(float, n),
                         .out = g_new0(float, n * 3)};
}

static inline void
export_edit_clear(ExportEdit *self)
{
    g_free(self->rgb);
    g_free(self->layer);
    g_free(self->matte);
    g_free(self->out);
}

static inline void
export_edit_draw(ExportEdit *self, gint64 index)
{
    for (int y = 0; y < self->height; y++)
        for (int x = 0; x < self->width; x++) {
            gsize i = (gsize)y * (gsize)self->width + (gsize)x;
            float away =
                hypotf((float)x - (float)self->width * 0.6f - (float)index, (float)y - 20.0f);
            self->matte[i] = CLAMP((14.0f - away) / 6.0f, 0.0f, 1.0f);
            /* As vera_matte_refine() leaves it. */
            if (self->matte[i] < 0x1p-16f)
                self->matte[i] = 0.0f;
            self->layer[3 * i] = (float)x / (float)self->width;
            self->layer[3 * i + 1] = (float)y / (float)self->height;
            self->layer[3 * i + 2] = (float)MAX(y - 18, 0) / 64.0f;
        }
}

/** Frame @index of @clip as an exporter takes it; @composite is to be unreferenced. */
static inline VeraExportFrame
export_edit_make(ExportEdit *self, VeraClip *clip, gint64 index, gboolean is_null)
{
    g_autoptr(GError) error = NULL;
    VeraFrame *source = vera_clip_read_frame(clip, index, NULL, &error);
    VeraExportFrame frame = {.index = index, .source = source, .composite_rgb = self->rgb};

    g_assert_no_error(error);
    vera_frame_to_rgb(source, self->rgb);
    if (is_null)
        return frame;
    export_edit_draw(self, index);
    VeraComposite over = {.width = self->width,
                          .height = self->height,
                          .source_rgb = self->rgb,
                          .layer_rgb = self->layer,
                          .matte = self->matte,
                          .opacity = 1.0f,
                          .transfer = source->color.transfer};
    vera_composite_over(&over, self->out);
    frame.composite = vera_composite_to_frame(source, &over, self->out, &error);
    g_assert_no_error(error);
    frame.composite_rgb = self->out;
    self->element = (VeraExportElement){self->layer, self->matte};
    frame.layers = &self->element;
    frame.matte = self->matte;
    return frame;
}

static inline void
export_frame_clear(VeraExportFrame *frame)
{
    vera_frame_unref(frame->source);
    if (frame->composite != NULL)
        vera_frame_unref(frame->composite);
}

static inline GArray *
export_list_frames(gint64 first, gint64 last, gint64 step)
{
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (gint64 i = first; i <= last; i += step)
        g_array_append_val(frames, i);
    return frames;
}

/** Exports frames @first..@last of @clip. Returns: how many were kept from earlier, -1 on failure.
 */
static inline int
export_try(const VeraExportSettings *settings,
           VeraClip *clip,
           gint64 first,
           gint64 last,
           gboolean is_null,
           GError **error)
{
    g_autoptr(GArray) frames = export_list_frames(first, last, 1);
    VeraExportSettings own = *settings;
    g_autoptr(VeraExporter) exporter = NULL;
    ExportEdit edit;
    gint64 n_changed;
    int n_kept = 0;
    gboolean ok;

    own.n_layers = is_null ? 0 : 1;
    exporter = vera_exporter_new(&own, clip, frames, error);
    ok = exporter != NULL;

    export_edit_init(&edit, vera_clip_get_info(clip));
    for (guint i = 0; ok && i < frames->len; i++) {
        gint64 index = g_array_index(frames, gint64, i);
        if (vera_exporter_keep_frame(exporter, index, &n_changed)) {
            n_kept++;
            continue;
        }
        VeraExportFrame frame = export_edit_make(&edit, clip, index, is_null);
        ok = vera_exporter_add_frame(exporter, &frame, error);
        export_frame_clear(&frame);
    }
    ok = ok && vera_exporter_finish(exporter, error);
    export_edit_clear(&edit);
    return ok ? n_kept : -1;
}

static inline void
export_run(
    const VeraExportSettings *settings, VeraClip *clip, gint64 first, gint64 last, gboolean is_null)
{
    g_autoptr(GError) error = NULL;
    int n_kept = export_try(settings, clip, first, last, is_null, &error);

    g_assert_no_error(error);
    g_assert_cmpint(n_kept, ==, 0);
}

/** What a command line, run in the folder, prints; it must succeed. */
static inline char *export_ask(const char *format, ...) G_GNUC_PRINTF(1, 2);
static inline char *
export_ask(const char *format, ...)
{
    g_autofree char *command = NULL, *line = NULL;
    char *out = NULL;
    va_list arguments;
    int status = 1;

    va_start(arguments, format);
    command = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    line = g_strdup_printf("cd '%s' && %s", fixture_get_folder(), command);
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL,
                               &status, NULL));
    if (status != 0)
        g_error("“%s” failed", command);
    return out;
}

/** Raw samples of @name as the ffmpeg command decodes them, with @options before the input. */
static inline GBytes *
export_decode(const char *options, const char *name, const char *pixel_format)
{
    g_autofree char *path = fixture_get_path("raw");
    char *bytes = NULL;
    gsize length;

    g_free(export_ask("ffmpeg -v error -y %s -i '%s' -map 0:v -f rawvideo -pix_fmt %s raw", options,
                      name, pixel_format));
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    return g_bytes_new_take(bytes, length);
}
