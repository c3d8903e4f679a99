#pragma once

#include <libavformat/avformat.h>

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraMovieRecoder: one audio stream, decoded and coded anew as AAC.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraMovieRecoder VeraMovieRecoder;

/**
 * vera_movie_recoder_new:
 * @path: the source, for messages
 * @from: its stream
 * @muxer: the movie, which must outlive the result
 * @to: the movie's stream, whose parameters are filled in
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_UNSUPPORTED.
 * Returns: (transfer full): a recoder, or %NULL
 */
VeraMovieRecoder *vera_movie_recoder_new(
    const char *path, const AVStream *from, AVFormatContext *muxer, AVStream *to, GError **error);

/**
 * vera_movie_recoder_push:
 * @self: a recoder
 * @packet: (nullable): a packet of the source with times in the movie; %NULL is the end
 * @error: return location for a #GError
 *
 * Writes what comes of @packet. Gaps in the source's times become silence.
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT, %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: %TRUE on success
 */
gboolean vera_movie_recoder_push(VeraMovieRecoder *self, AVPacket *packet, GError **error);

void vera_movie_recoder_free(VeraMovieRecoder *self);

G_END_DECLS
