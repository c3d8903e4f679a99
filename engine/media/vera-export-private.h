#pragma once

#include "engine/media/vera-export-manifest.h"
#include "engine/media/vera-export.h"
#include "engine/media/vera-movie-writer.h"

G_BEGIN_DECLS

/** VERA_EXPORT_MAX_MOVIES: the composite and the edit layers */
#define VERA_EXPORT_MAX_MOVIES (1 + VERA_EXPORT_MAX_LAYERS)

struct _VeraExporter {
    GObject parent_instance;
    /* Owned */
    VeraExportSettings settings;
    char *output_dir;
    char *name;
    char *record_json;
    VeraClip *clip;
    GArray *frames; /* gint64 */
    VeraExportManifest *manifest;
    VeraMovieWriter *movies[VERA_EXPORT_MAX_MOVIES];
    gint64 n_done;
    GArray *changed; /* gint64, one an added frame, for movies */
};

/** vera_exporter_get_name: Returns: (transfer full): SUB/NAME.####.EXT inside the folder; @sub may
 * be %NULL */
char *vera_exporter_get_name(const VeraExporter *self,
                             const char *sub,
                             gint64 index,
                             const char *extension);

/** vera_exporter_get_element: Returns: (transfer full): what layer @i is called: @kind ("edit",
 * "matte"), numbered where there are several */
char *vera_exporter_get_element(const VeraExporter *self, const char *kind, int i);

/** vera_exporter_get_part: makes the file's folder. Returns: (transfer full): its path with .part,
 * or %NULL */
char *vera_exporter_get_part(const VeraExporter *self, const char *name, GError **error);

/** vera_export_make_dir: makes a folder that can be written. Returns: success */
gboolean vera_export_make_dir(const char *path, GError **error);

/**
 * vera_export_code_display:
 * @frame: one frame
 * @rgb: display-coded values, or linear ones of a source in linear light
 * @coded: (out) (transfer full) (nullable): memory to free
 *
 * What PNG and movies hold: the values themselves, or sRGB-coded where the source is linear.
 *
 * Returns: (nullable): the values, %NULL without memory
 */
const float *
vera_export_code_display(const VeraExportFrame *frame, const float *rgb, float **coded);

/** vera_exporter_add_exr, vera_exporter_add_png, vera_exporter_add_movie: write one frame. Return:
 * success */
gboolean vera_exporter_add_exr(VeraExporter *self, const VeraExportFrame *frame, GError **error);
gboolean vera_exporter_add_png(VeraExporter *self, const VeraExportFrame *frame, GError **error);
gboolean vera_exporter_add_movie(VeraExporter *self, const VeraExportFrame *frame, GError **error);

/** vera_exporter_finish_movies: closes and places the movies. Returns: success */
gboolean vera_exporter_finish_movies(VeraExporter *self, GError **error);

/** vera_exporter_drop_movies: removes movies that were not finished */
void vera_exporter_drop_movies(VeraExporter *self);

/** vera_export_is_movie: Returns: whether @preset writes movies */
gboolean vera_export_is_movie(VeraExportPreset preset);

/** vera_exporter_get_n_movies: Returns: movies that the export writes, 0 for other presets */
int vera_exporter_get_n_movies(const VeraExporter *self);

/** vera_exporter_get_movie_name: Returns: (transfer full): file name of movie @i: the composite,
 * then the layers */
char *vera_exporter_get_movie_name(const VeraExporter *self, int i);

G_END_DECLS
