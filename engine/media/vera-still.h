#pragma once

#include "engine/media/vera-clip-look.h"

G_BEGIN_DECLS

/**
 * vera_still_decode:
 * @path: a picture other than OpenEXR
 * @codec_id: (out) (optional): the codec
 * @error: return location for a #GError
 *
 * Decodes one picture file, told by its first bytes, else by its name.
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT, %VERA_ENGINE_ERROR_UNSUPPORTED,
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe.
 * Returns: (transfer full): the picture, or %NULL
 */
AVFrame *vera_still_decode(const char *path, int *codec_id, GError **error);

/** vera_still_read: one picture by itself, upright as stored; errors and threads as for
 * vera_still_decode(). Returns: (transfer full): the frame, or %NULL */
VeraFrame *vera_still_read(const char *path, GError **error);

/**
 * vera_still_peek_size:
 * @path: a picture other than OpenEXR
 * @width: (out): its width
 * @height: (out): its height
 *
 * Reads the size from the header of a PNG, BMP or DPX file without decoding it.
 *
 * Returns: %FALSE if the file is of another kind
 */
gboolean vera_still_peek_size(const char *path, int *width, int *height);

G_END_DECLS
