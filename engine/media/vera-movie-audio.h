#pragma once

#include <libavformat/avformat.h>

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VeraMovieSpan:
 * @begin: where the movie's time 0 lies in the source's own time, in units of @unit
 * @end: where the movie ends, likewise
 * @unit: seconds per unit
 * @is_open_start: take sound from before @begin too: the movie starts with the source's first frame
 * @is_open_end: take all sound after @end too: the movie ends with the source's last frame
 */
typedef struct {
    gint64 begin;
    gint64 end;
    AVRational unit;
    gboolean is_open_start;
    gboolean is_open_end;
} VeraMovieSpan;

/**
 * VeraMovieAudio: brings the source's sound into a movie in the making, every audio stream of it:
 * copied packet by packet where the container takes the codec, else coded anew as AAC.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraMovieAudio VeraMovieAudio;

/**
 * vera_movie_audio_new:
 * @path: the source
 * @muxer: (not nullable): the movie, before its header is written; gets one stream for each of the
 *   source's; must outlive the result
 * @span: which part
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT, %VERA_ENGINE_ERROR_UNSUPPORTED (no decoder),
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 * Returns: (transfer full): the sound, or %NULL
 */
VeraMovieAudio *vera_movie_audio_new(const char *path,
                                     AVFormatContext *muxer,
                                     const VeraMovieSpan *span,
                                     GError **error);

/**
 * vera_movie_audio_write_until:
 * @self: the sound
 * @time_us: movie time up to which sound is wanted; G_MAXINT64 for all that is left, once, at the
 * end
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT (damaged sound), %VERA_ENGINE_ERROR_OUTPUT,
 * %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: %TRUE on success
 */
gboolean vera_movie_audio_write_until(VeraMovieAudio *self, gint64 time_us, GError **error);

void vera_movie_audio_free(VeraMovieAudio *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraMovieAudio, vera_movie_audio_free)

G_END_DECLS
