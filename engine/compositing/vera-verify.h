#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VeraVerifyFrame:
 * @number: number in the file name; for movies the source frame, from 1
 * @source_index: source frame, from 0
 * @n_protected: pixels where the matte is 0 (all of them in a null edit)
 * @n_changed: protected pixels that differ from the source in the file's own quantisation; a
 *   subsampled chroma sample counts for every pixel that it covers
 * @x: column of the first difference
 * @y: row of the first difference
 * @channel: its channel: 'R', 'G', 'B', and in movies also 'Y', 'U', 'V' or 'A'
 * @hash: SHA-256 (hex) over the protected pixels as written
 */
typedef struct {
    gint64 number;
    gint64 source_index;
    gint64 n_protected;
    gint64 n_changed;
    int x;
    int y;
    char channel;
    char hash[65];
} VeraVerifyFrame;

typedef void (*VeraVerifyFunc)(const VeraVerifyFrame *frame, gpointer user_data);

/**
 * vera_verify_run:
 * @dir: an export of the presets exr, exr-separate, png or ffv1
 * @source_path: the clip it was made from
 * @n_changed: (out): protected pixels that differ, over all frames
 * @n_frames: (out): frames that were compared
 * @report: called once a frame, in order
 * @error: return location for a #GError
 *
 * Proves preservation by reading everything back: PNG codes must be round(v * 65535) of the decoded
 * source, EXR values its linear light, as half or as float, samples of a movie the source's own.
 * Which files belong to which source frame is told by the manifest; a folder that lost it is told by
 * its numbers and must have every frame of the clip. Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT, %VERA_ENGINE_ERROR_UNSUPPORTED (lossy presets),
 * %VERA_ENGINE_ERROR_CANCELLED.
 *
 * Thread-safety: safe. Blocks.
 * Returns: %TRUE if everything could be read, changed or not
 */
gboolean vera_verify_run(const char *dir,
                         const char *source_path,
                         gint64 *n_changed,
                         gint64 *n_frames,
                         VeraVerifyFunc report,
                         gpointer user_data,
                         GCancellable *cancellable,
                         GError **error);

G_END_DECLS
