#pragma once

#include <libavcodec/avcodec.h>

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

/**
 * vera_frame_pack_choose:
 * @format: integer samples
 * @candidates: (array zero-terminated=-1): what an encoder takes, ended by AV_PIX_FMT_NONE
 *
 * The first candidate that holds every sample of @format as it is: same components, depth,
 * subsampling, alpha.
 *
 * Returns: a pixel format, or AV_PIX_FMT_NONE
 */
enum AVPixelFormat vera_frame_pack_choose(const VeraFrameFormat *format,
                                          const enum AVPixelFormat *candidates);

/**
 * vera_frame_pack:
 * @self: a frame
 * @picture: of the same size, in a pixel format from vera_frame_pack_choose(), writable
 *
 * Copies the samples, untouched.
 */
void vera_frame_pack(const VeraFrame *self, AVFrame *picture);

/**
 * vera_frame_pack_tags:
 * @format: sample format
 * @color: colour description
 * @context: (inout): gets range, primaries, transfer function, matrix and chroma siting
 */
void vera_frame_pack_tags(const VeraFrameFormat *format,
                          const VeraColorDescription *color,
                          AVCodecContext *context);

G_END_DECLS
