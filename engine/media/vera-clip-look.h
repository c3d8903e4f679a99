#pragma once

#include <libavutil/frame.h>

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * VeraClipOrientation:
 * @is_transposed: rows and columns are exchanged, before the flips
 * @is_flipped_x: left and right are exchanged
 * @is_flipped_y: top and bottom are exchanged
 *
 * How a stored picture is turned to be shown.
 */
typedef struct {
    gboolean is_transposed;
    gboolean is_flipped_x;
    gboolean is_flipped_y;
} VeraClipOrientation;

/**
 * VeraClipTags:
 * @path: (transfer none): the file, for messages
 * @codec_id: the codec, which decides what a missing tag means
 * @is_still: whether the pictures are stills
 * @orientation: how to turn them
 *
 * What the container knows and a decoded frame does not.
 */
typedef struct {
    const char *path;
    int codec_id;
    gboolean is_still;
    VeraClipOrientation orientation;
} VeraClipTags;

/**
 * VeraClipLook:
 * @pix_fmt: the decoder's pixel format
 * @coded_width: width as decoded
 * @coded_height: height as decoded
 * @width: width as shown
 * @height: height as shown
 * @orientation: how to turn a decoded frame
 * @format: sample format of the finished frame
 * @color: colour description
 *
 * What every frame of a clip has in common.
 */
typedef struct {
    int pix_fmt;
    int coded_width;
    int coded_height;
    int width;
    int height;
    VeraClipOrientation orientation;
    VeraFrameFormat format;
    VeraColorDescription color;
} VeraClipLook;

/**
 * vera_clip_orientation_from_matrix:
 * @matrix: nine entries of a display matrix (libavutil/display.h)
 * @rotation: (out): degrees clockwise: 0, 90, 180 or 270
 * @orientation: (out): the same with mirroring
 *
 * Returns: %FALSE if the matrix is not made of quarter turns and mirrors
 */
gboolean vera_clip_orientation_from_matrix(const gint32 *matrix,
                                           int *rotation,
                                           VeraClipOrientation *orientation);

/**
 * vera_clip_look_init:
 * @self: (out caller-allocates): the look
 * @tags: facts from the container
 * @frame: the first decoded frame
 * @error: return location for a #GError
 *
 * Finds out how the frames of a clip are unpacked and what their colours mean.
 * Errors: %VERA_ENGINE_ERROR_UNSUPPORTED.
 *
 * Returns: whether the clip can be read
 */
gboolean vera_clip_look_init(VeraClipLook *self,
                             const VeraClipTags *tags,
                             const AVFrame *frame,
                             GError **error);

/**
 * vera_clip_look_describe_color:
 * @tags: facts from the container
 * @format: the sample format
 * @frame: a decoded frame
 * @color: (out): the description
 * @error: return location for a #GError
 *
 * Translates the colour tags of @frame; a missing one takes the customary value, any other that is
 * not handled is refused. Errors: %VERA_ENGINE_ERROR_UNSUPPORTED.
 *
 * Returns: whether the tags are handled
 */
gboolean vera_clip_look_describe_color(const VeraClipTags *tags,
                                       const VeraFrameFormat *format,
                                       const AVFrame *frame,
                                       VeraColorDescription *color,
                                       GError **error);

/**
 * vera_clip_look_matches:
 * @self: a look
 * @frame: a decoded frame
 *
 * Returns: whether @frame has the size and pixel format of the first one
 */
gboolean vera_clip_look_matches(const VeraClipLook *self, const AVFrame *frame);

/**
 * vera_clip_look_unpack:
 * @self: a look that matches @frame
 * @frame: a decoded frame
 * @error: return location for a #GError
 *
 * Copies the samples into planes, turned, and otherwise untouched.
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Returns: (transfer full): a frame, or %NULL
 */
VeraFrame *vera_clip_look_unpack(const VeraClipLook *self, const AVFrame *frame, GError **error);

G_END_DECLS
