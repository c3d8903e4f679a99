#pragma once

#include <gio/gio.h>

#include "engine/media/vera-clip.h"
#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraMovieKind:
 * @VERA_MOVIE_KIND_FFV1: FFV1 version 3 in Matroska: every sample as it is, each frame by itself,
 *   with a checksum for every slice
 * @VERA_MOVIE_KIND_PRORES: ProRes 4444 in QuickTime, 10-bit Y'CbCr 4:4:4, alpha of 16 bits
 * @VERA_MOVIE_KIND_H264: H.264 in MP4, 8-bit Y'CbCr 4:2:0, for review
 */
typedef enum {
    VERA_MOVIE_KIND_FFV1,
    VERA_MOVIE_KIND_PRORES,
    VERA_MOVIE_KIND_H264,
} VeraMovieKind;

/**
 * VeraMovieSettings:
 * @kind: codec and container
 * @clip: the source: pixel aspect, rate, timecode, sound
 * @frames: (element-type gint64): the source frames that will be added, increasing
 * @format: sample format of the frames that will be added; what @kind takes is told by
 *   vera_movie_writer_get_format()
 * @color: their colour description
 * @width: their width
 * @height: their height
 * @has_audio: bring the source's sound along
 * @comment: (nullable): a sentence for the container's comment
 */
typedef struct {
    VeraMovieKind kind;
    VeraClip *clip;
    GArray *frames;
    VeraFrameFormat format;
    VeraColorDescription color;
    int width;
    int height;
    gboolean has_audio;
    const char *comment;
} VeraMovieSettings;

/**
 * vera_movie_writer_get_format:
 * @kind: codec and container
 * @source: the clip
 * @has_alpha: for an edit layer rather than a composite
 * @movie: (inout): gets the format, colour description and size of the frames to give to the writer
 *
 * FFV1 takes composites in the source's own format, and edit layers as R'G'B'A of 16 bits. ProRes
 * takes limited-range Y'CbCr 4:4:4 of 10 bits, H.264 4:2:0 of 8 bits and an even size, in the
 * source's matrix (BT.709 or BT.2020 for sources that have none). A source in linear light is to be
 * sRGB-coded.
 *
 * Returns: whether that is the source's own format, so that its samples go in untouched
 */
gboolean vera_movie_writer_get_format(VeraMovieKind kind,
                                      const VeraClipInfo *source,
                                      gboolean has_alpha,
                                      VeraMovieSettings *movie);

/**
 * VeraMovieWriter: a movie in the making.
 *
 * Times are the source's: frame numbers over a rational rate where the rate is constant, else the
 * source's own time stamps (Matroska rounds them to a millisecond), from 0 at the first frame. The
 * source's timecode is carried, moved to the first frame, when no frame is left out.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraMovieWriter VeraMovieWriter;

/**
 * vera_movie_writer_new:
 * @path: file to write; its name does not decide the container
 * @settings: what to write; read during this call only
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_UNSUPPORTED (no such encoder, or it takes no frames of this kind or
 * size), %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL, and those of the source's sound.
 * Returns: (transfer full): a writer, or %NULL
 */
VeraMovieWriter *
vera_movie_writer_new(const char *path, const VeraMovieSettings *settings, GError **error);

/**
 * vera_movie_writer_add_frame:
 * @self: a writer
 * @frame: samples of the format that was promised
 * @error: return location for a #GError
 *
 * Adds the next frame. Errors: %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL,
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY, and those of the source's sound.
 * Returns: %TRUE on success
 */
gboolean vera_movie_writer_add_frame(VeraMovieWriter *self, const VeraFrame *frame, GError **error);

/**
 * vera_movie_writer_finish:
 * @self: a writer that has got all of its frames
 * @error: return location for a #GError
 *
 * Writes what is still held back, the index, and closes the file. Errors: as for adding a frame.
 * Returns: %TRUE when the file is whole
 */
gboolean vera_movie_writer_finish(VeraMovieWriter *self, GError **error);

/** vera_movie_writer_free: frees @self and leaves the file as it is */
void vera_movie_writer_free(VeraMovieWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraMovieWriter, vera_movie_writer_free)

G_END_DECLS
