#include "config.h"

#include <glib/gstdio.h>

#include "engine/media/vera-export-private.h"
#include "engine/media/vera-frame-from-rgb.h"
#include "engine/vera-engine-error.h"

/** What each preset writes: the composite, and the edit layers with the same extension. */
static const struct {
    VeraMovieKind kind;
    const char *composite;
    const char *extension;
    gboolean has_layers;
} vera_export_movies[] = {
    [VERA_EXPORT_PRESET_FFV1] = {VERA_MOVIE_KIND_FFV1, "comp", "mkv", TRUE},
    [VERA_EXPORT_PRESET_PRORES] = {VERA_MOVIE_KIND_PRORES, "comp", "mov", TRUE},
    [VERA_EXPORT_PRESET_H264] = {VERA_MOVIE_KIND_H264, "review", "mp4", FALSE},
};

gboolean
vera_export_is_movie(VeraExportPreset preset)
{
    return preset == VERA_EXPORT_PRESET_FFV1 || preset == VERA_EXPORT_PRESET_PRORES ||
           preset == VERA_EXPORT_PRESET_H264;
}

int
vera_exporter_get_n_movies(const VeraExporter *self)
{
    if (!vera_export_is_movie(self->settings.preset))
        return 0;
    return 1 + (vera_export_movies[self->settings.preset].has_layers ? self->settings.n_layers : 0);
}

char *
vera_exporter_get_movie_name(const VeraExporter *self, int i)
{
    VeraExportPreset preset = self->settings.preset;
    g_autofree char *stem = i > 0 ? vera_exporter_get_element(self, "edit", i - 1)
                                  : g_strdup(vera_export_movies[preset].composite);

    return g_strconcat(stem, ".", vera_export_movies[preset].extension, NULL);
}

/* The format of movie @i. Returns: whether the source's samples go in as they are */
static gboolean
vera_exporter_describe_movie(const VeraExporter *self, int i, VeraMovieSettings *movie)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);

    movie->kind = vera_export_movies[self->settings.preset].kind;
    movie->width = info->width;
    movie->height = info->height;
    return vera_movie_writer_get_format(movie->kind, info, i > 0, movie);
}

static gboolean
vera_exporter_open_movie(VeraExporter *self, int i, GError **error)
{
    g_autofree char *name = vera_exporter_get_movie_name(self, i);
    VeraMovieSettings movie = {
        .clip = self->clip,
        .frames = self->frames,
        .has_audio = i == 0 && !self->settings.is_silent,
        .comment = i == 0 ? "Vera: composite"
                          : "Vera: edit layer, straight colour, its alpha is the matte"};
    g_autofree char *part = vera_exporter_get_part(self, name, error);

    if (part == NULL)
        return FALSE;
    vera_exporter_describe_movie(self, i, &movie);
    self->movies[i] = vera_movie_writer_new(part, &movie, error);
    return self->movies[i] != NULL;
}

static gboolean
vera_exporter_write_movie(VeraExporter *self, int i, const VeraExportFrame *frame, GError **error)
{
    VeraMovieSettings movie = {0};
    gboolean is_own = vera_exporter_describe_movie(self, i, &movie);
    g_autoptr(VeraFrame) made = NULL;
    g_autofree float *coded = NULL;
    VeraFramePixels pixels = {frame->source->width, frame->source->height};

    if (self->movies[i] == NULL && !vera_exporter_open_movie(self, i, error))
        return FALSE;
    if (is_own)
        return vera_movie_writer_add_frame(
            self->movies[i], frame->composite ? frame->composite : frame->source, error);
    pixels.rgb = vera_export_code_display(
        frame, i > 0 ? frame->layers[i - 1].rgb : frame->composite_rgb, &coded);
    pixels.alpha = i > 0 ? frame->layers[i - 1].matte : NULL;
    if (pixels.rgb == NULL) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                            "Too little memory to export a frame.");
        return FALSE;
    }
    made = vera_frame_new_from_rgb(&movie.format, &movie.color, movie.width, movie.height, &pixels,
                                   error);
    return made != NULL && vera_movie_writer_add_frame(self->movies[i], made, error);
}

gboolean
vera_exporter_add_movie(VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    g_array_append_val(self->changed, frame->n_changed);
    for (int i = 0; i < vera_exporter_get_n_movies(self); i++)
        if (!vera_exporter_write_movie(self, i, frame, error))
            return FALSE;
    return TRUE;
}

gboolean
vera_exporter_finish_movies(VeraExporter *self, GError **error)
{
    int n = vera_exporter_get_n_movies(self);

    for (int i = 0; i < n; i++)
        if (self->movies[i] != NULL && !vera_movie_writer_finish(self->movies[i], error))
            return FALSE;
    for (int i = 0; i < n; i++) {
        g_autofree char *name = vera_exporter_get_movie_name(self, i);
        if (self->movies[i] == NULL)
            continue;
        g_clear_pointer(&self->movies[i], vera_movie_writer_free);
        if (!vera_export_manifest_place(self->manifest, name, 0, error))
            return FALSE;
    }
    for (guint i = 0; i < self->changed->len; i++)
        if (!vera_export_manifest_end_frame(self->manifest,
                                            g_array_index(self->frames, gint64, i) + 1,
                                            g_array_index(self->changed, gint64, i), error))
            return FALSE;
    return TRUE;
}

void
vera_exporter_drop_movies(VeraExporter *self)
{
    for (int i = 0; self->manifest != NULL && i < vera_exporter_get_n_movies(self); i++) {
        g_autofree char *name = vera_exporter_get_movie_name(self, i);
        g_autofree char *part = g_strconcat(self->output_dir, "/", name, ".part", NULL);
        g_clear_pointer(&self->movies[i], vera_movie_writer_free);
        g_unlink(part);
    }
}
