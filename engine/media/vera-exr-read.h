#pragma once

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraExrHeader:
 * @width: width of the display window
 * @height: height of the display window
 * @format: float RGB, RGBA, grey, or grey with alpha
 * @color: colour description
 * @rate_num: numerator of framesPerSecond, 0 if absent
 * @rate_den: denominator of framesPerSecond
 * @pixel_aspect: pixel aspect ratio
 * @timecode: "HH:MM:SS:FF", empty if absent
 *
 * What an OpenEXR file says of itself.
 */
typedef struct {
    int width;
    int height;
    VeraFrameFormat format;
    VeraColorDescription color;
    int rate_num;
    int rate_den;
    float pixel_aspect;
    char timecode[16];
} VeraExrHeader;

/**
 * vera_exr_read_header:
 * @path: an OpenEXR file
 * @header: (out caller-allocates): what it says
 * @error: return location for a #GError
 *
 * The first part with R, G and B in its root layer is taken; without one, the first with Y, then A,
 * then a channel of the layer “matte”. Names are compared case-exactly. Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT, %VERA_ENGINE_ERROR_UNSUPPORTED.
 *
 * Thread-safety: safe.
 * Returns: whether the file can be read
 */
gboolean vera_exr_read_header(const char *path, VeraExrHeader *header, GError **error);

/**
 * vera_exr_read_frame:
 * @path: an OpenEXR file
 * @error: return location for a #GError
 *
 * Reads the picture as 32-bit floats, the values as stored, on the whole display window; 0 where
 * the file has no data. Errors: as vera_exr_read_header(), and %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: safe.
 * Returns: (transfer full): a frame, or %NULL
 */
VeraFrame *vera_exr_read_frame(const char *path, GError **error);

/**
 * vera_exr_read_channel:
 * @path: an OpenEXR file
 * @name: full name of a channel, for example "edit.A"
 * @frame: (out) (transfer full) (nullable): the channel as a grey frame, %NULL if the file has none
 *   of this name
 * @error: return location for a #GError
 *
 * Reads one channel as vera_exr_read_frame() reads the picture. Errors: the same.
 *
 * Thread-safety: safe.
 * Returns: %FALSE if the file cannot be read
 */
gboolean
vera_exr_read_channel(const char *path, const char *name, VeraFrame **frame, GError **error);

G_END_DECLS
