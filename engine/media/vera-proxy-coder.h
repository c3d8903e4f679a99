#pragma once

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/** VERA_PROXY_HEIGHT: rows of a proxy, at most */
#define VERA_PROXY_HEIGHT 540

/**
 * VeraProxyCoder: makes small JPEG pictures of a clip's frames, and frames to be looked at of them.
 *
 * Y'CbCr stays Y'CbCr of the clip's own matrix and range, grey stays grey, and R'G'B' goes through
 * JPEG's Y'CbCr and comes back as R'G'B'; all in 8 bits with 4:2:0 chroma, the transfer function
 * kept, so that what a proxy shows has the clip's colours wherever a frame of the clip has
 * them. Of floats, what lies outside 0..1 is cut off, as on the screen, and linear light is coded by
 * sRGB in between. Alpha is left out: a plate
 * is looked at without.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraProxyCoder VeraProxyCoder;

/** vera_proxy_coder_can: Returns: whether such frames can be coded; not of 11, 13 or 15 bits, nor
 * with chroma of rare sizes */
gboolean vera_proxy_coder_can(const VeraFrameFormat *format);

/**
 * vera_proxy_coder_new:
 * @info: facts of the clip, of a format that vera_proxy_coder_can() code
 *
 * Returns: (transfer full) (nullable): a coder; %NULL where FFmpeg was built without JPEG, or
 * without memory
 */
VeraProxyCoder *vera_proxy_coder_new(const VeraClipInfo *info);

/** vera_proxy_coder_free: frees @self */
void vera_proxy_coder_free(VeraProxyCoder *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProxyCoder, vera_proxy_coder_free)

/** vera_proxy_coder_encode: makes @frame of the clip small. Returns: (transfer full) (nullable): a
 * JPEG picture; %NULL without memory */
GBytes *vera_proxy_coder_encode(VeraProxyCoder *self, const VeraFrame *frame);

/**
 * vera_proxy_coder_decode:
 * @self: a coder
 * @picture: what vera_proxy_coder_encode() made
 * @index: the frame that it shows
 *
 * Returns: (transfer full) (nullable): a frame of the clip's size with #VeraFrame.is_proxy set;
 * %NULL if @picture is none, or without memory
 */
VeraFrame *vera_proxy_coder_decode(VeraProxyCoder *self, GBytes *picture, gint64 index);

G_END_DECLS
