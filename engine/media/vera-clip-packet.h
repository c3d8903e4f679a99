#pragma once

#include <glib.h>
#include <libavcodec/avcodec.h>

G_BEGIN_DECLS

/** vera_clip_packet_is_alone: Returns: whether the stream says that no other picture refers to the
 * one in @packet; %FALSE where that is not known */
gboolean vera_clip_packet_is_alone(const AVCodecContext *decoder, const AVPacket *packet);

/**
 * vera_clip_packet_has_hole:
 * @decoder: the stream's decoder
 * @packet: a packet
 *
 * Looks for zeros where the coding has none. Decoders make a picture of what is left and often do
 * not notice. A disk, a card or a transfer that loses a block leaves zeros in its place.
 *
 * Returns: whether a part of @packet is lost; %FALSE where the coding does not tell
 */
gboolean vera_clip_packet_has_hole(const AVCodecContext *decoder, const AVPacket *packet);

G_END_DECLS
