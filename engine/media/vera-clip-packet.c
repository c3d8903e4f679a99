#include "config.h"

#include "engine/media/vera-clip-packet.h"

#include <libavutil/intreadwrite.h>

/* So many zeros behind a unit are a muxer's habit. */
#define VERA_CLIP_PACKET_TRAILING 4

/** Bytes of the length before each unit, as in MP4; 0 if units are parted by start codes. */
static int
vera_clip_packet_get_length_size(const AVCodecContext *decoder)
{
    const guint8 *extra = decoder->extradata;

    if (decoder->codec_id == AV_CODEC_ID_H264 && decoder->extradata_size > 4 && extra[0] == 1)
        return (extra[4] & 3) + 1;
    if (decoder->codec_id == AV_CODEC_ID_HEVC && decoder->extradata_size > 21 && extra[0] == 1)
        return (extra[21] & 3) + 1;
    return 0;
}

/** The unit that begins behind the length at @i. Returns: its size, or -1 if the length is wrong */
static int
vera_clip_packet_get_unit(const AVPacket *packet, int i, int length_size)
{
    guint32 length = 0;

    if (i + length_size > packet->size)
        return -1;
    for (int k = 0; k < length_size; k++)
        length = length << 8 | packet->data[i + k];
    return length > 0 && length <= (guint32)(packet->size - i - length_size) ? (int)length : -1;
}

static gboolean
vera_clip_packet_is_slice(guint8 head)
{
    return (head & 31) >= 1 && (head & 31) <= 5;
}

/** The first byte of the first slice of H.264, or 0. */
static guint8
vera_clip_packet_get_head(const AVPacket *packet, int length_size)
{
    if (length_size == 0) {
        for (int i = 0; i + 3 < packet->size; i++)
            if (AV_RB24(packet->data + i) == 1 && vera_clip_packet_is_slice(packet->data[i + 3]))
                return packet->data[i + 3];
        return 0;
    }
    for (int i = 0, n; (n = vera_clip_packet_get_unit(packet, i, length_size)) > 0;
         i += length_size + n)
        if (vera_clip_packet_is_slice(packet->data[i + length_size]))
            return packet->data[i + length_size];
    return 0;
}

gboolean
vera_clip_packet_is_alone(const AVCodecContext *decoder, const AVPacket *packet)
{
    if (decoder->codec_id != AV_CODEC_ID_H264)
        return FALSE;
    guint8 head = vera_clip_packet_get_head(packet, vera_clip_packet_get_length_size(decoder));
    /* ITU-T H.264, 7.3.1: two bits say whether the picture is a reference. */
    return head != 0 && (head & 0x60) == 0;
}

/** Within a unit two zeros are never followed by 0, 1 or 2 (ITU-T H.264, 7.4.1; H.265 likewise). */
static gboolean
vera_clip_packet_unit_has_hole(const guint8 *data, int size)
{
    int end = size;

    while (end > 0 && data[end - 1] == 0)
        end--;
    if (size - end > VERA_CLIP_PACKET_TRAILING)
        return TRUE;
    for (int i = 2; i < end; i++) {
        if (data[i] > 2)
            i += 2;
        else if (data[i - 1] == 0 && data[i - 2] == 0)
            return TRUE;
    }
    return FALSE;
}

/** With start codes, zeros may stand before one, and at the end; nowhere else three of them. */
static gboolean
vera_clip_packet_stream_has_hole(const AVPacket *packet)
{
    int zeros = 0;

    for (int i = 0; i < packet->size; i++) {
        if (packet->data[i] == 0) {
            zeros++;
            continue;
        }
        if (zeros >= 3 && packet->data[i] != 1)
            return TRUE;
        zeros = 0;
    }
    return FALSE;
}

gboolean
vera_clip_packet_has_hole(const AVCodecContext *decoder, const AVPacket *packet)
{
    int length_size = vera_clip_packet_get_length_size(decoder), i = 0, n;

    if (decoder->codec_id != AV_CODEC_ID_H264 && decoder->codec_id != AV_CODEC_ID_HEVC)
        return FALSE;
    if (length_size == 0)
        return vera_clip_packet_stream_has_hole(packet);
    while ((n = vera_clip_packet_get_unit(packet, i, length_size)) > 0) {
        if (vera_clip_packet_unit_has_hole(packet->data + i + length_size, n))
            return TRUE;
        i += length_size + n;
    }
    return i != packet->size;
}
