#pragma once

#include <gio/gio.h>

#include "engine/media/vera-frame.h"

G_BEGIN_DECLS

#define VERA_TYPE_CLIP (vera_clip_get_type())
G_DECLARE_FINAL_TYPE(VeraClip, vera_clip, VERA, CLIP, GObject)

/**
 * VeraClipInfo:
 * @width: width after rotation
 * @height: height after rotation
 * @n_frames: number of frames, exact (from the packet index), at least 1
 * @rate_num: frame rate numerator (nominal, for VFR the average)
 * @rate_den: frame rate denominator
 * @is_variable_rate: whether frame durations differ
 * @is_truncated: whether the file ends before what its header lists: frames are missing at the end
 * @time_base_num: numerator of the unit of #VeraFrame.pts
 * @time_base_den: denominator of that unit
 * @pixel_aspect_num: sample aspect ratio numerator (1 for square)
 * @pixel_aspect_den: sample aspect ratio denominator
 * @rotation: degrees that were applied while decoding: 0, 90, 180 or 270
 * @format: sample format of every frame
 * @color: colour description
 * @codec_name: (transfer none): for people, for example "h264", "png sequence", "exr sequence"
 * @start_time: time of frame 0 in the file's own time, in seconds: where its sound begins too
 * @n_audio_streams: audio streams in the container (noted, not decoded here)
 * @start_number: plate number of frame 0 (from a sequence's file names), or -1
 * @start_timecode: (nullable) (transfer none): "HH:MM:SS:FF" or with ";" for drop frame
 */
typedef struct {
    int width;
    int height;
    gint64 n_frames;
    int rate_num;
    int rate_den;
    gboolean is_variable_rate;
    gboolean is_truncated;
    int time_base_num;
    int time_base_den;
    int pixel_aspect_num;
    int pixel_aspect_den;
    int rotation;
    VeraFrameFormat format;
    VeraColorDescription color;
    const char *codec_name;
    double start_time;
    int n_audio_streams;
    gint64 start_number;
    const char *start_timecode;
} VeraClipInfo;

/**
 * vera_clip_open:
 * @path: a media file, one file of an image or EXR sequence ("plate.1001.exr" opens the whole
 * sequence), a printf pattern ("plate.%04d.exr"), or a folder that holds exactly one sequence
 * @cancellable: (nullable): stops the index scan
 * @error: return location for a #GError
 *
 * Opens a clip and indexes every packet, so that the number of frames and each frame's time are
 * exact. A single still picture is a clip of one frame. Errors: %VERA_ENGINE_ERROR_BAD_INPUT
 * (missing, unreadable, not media, no frames, hole in a sequence, differing sizes),
 * %VERA_ENGINE_ERROR_UNSUPPORTED (colour tags or formats that would be guessed wrong),
 * %VERA_ENGINE_ERROR_CANCELLED.
 *
 * Thread-safety: any thread; may block.
 * Returns: (transfer full): a clip, or %NULL
 */
VeraClip *vera_clip_open(const char *path, GCancellable *cancellable, GError **error);

/** vera_clip_get_info: Returns: (transfer none): the facts, valid as long as @self */
const VeraClipInfo *vera_clip_get_info(VeraClip *self);

/** vera_clip_get_path: Returns: (transfer none): the path as it was opened */
const char *vera_clip_get_path(VeraClip *self);

/**
 * vera_clip_read_frame:
 * @self: a clip
 * @index: frame number, 0..n_frames-1
 * @cancellable: (nullable): checked between packets
 * @error: return location for a #GError
 *
 * Decodes exactly frame @index: the same bytes whether reached by seeking or by reading on. Reading
 * in order decodes each packet once; going back seeks to the key frame before. Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT (damaged or truncated data, names the frame),
 * %VERA_ENGINE_ERROR_CANCELLED, %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Thread-safety: one thread at a time per clip; open the file again for another thread.
 * Returns: (transfer full): the frame, or %NULL
 */
VeraFrame *
vera_clip_read_frame(VeraClip *self, gint64 index, GCancellable *cancellable, GError **error);

/**
 * VeraClipPassing:
 * @whole_from: frames from here to the wanted one are all decoded; those before may be skipped
 * where that is quicker
 * @wants: whether frame @index, which is passed on the way, shall be handed over
 * @take: (transfer none): takes a frame that is passed; the same bytes as vera_clip_read_frame()
 * gives
 * @data: handed to both
 *
 * What to do with the frames that are decoded on the way to another. Both functions are called in
 * the thread that reads.
 */
typedef struct {
    gint64 whole_from;
    gboolean (*wants)(gint64 index, gpointer data);
    void (*take)(VeraFrame *frame, gpointer data);
    gpointer data;
} VeraClipPassing;

/**
 * vera_clip_read_frame_passing:
 * @self: a clip
 * @index: frame number, 0..n_frames-1
 * @passing: what to do with the frames on the way
 * @cancellable: (nullable): checked between packets; a cancelled read is taken up where it stopped
 * @error: return location for a #GError
 *
 * As vera_clip_read_frame(), and hands over wanted frames before @index that are decoded anyway.
 *
 * Thread-safety: one thread at a time per clip.
 * Returns: (transfer full): frame @index, or %NULL
 */
VeraFrame *vera_clip_read_frame_passing(VeraClip *self,
                                        gint64 index,
                                        const VeraClipPassing *passing,
                                        GCancellable *cancellable,
                                        GError **error);

/**
 * vera_clip_read_key_frame:
 * @self: a clip
 * @index: frame number, 0..n_frames-1
 * @cancellable: (nullable): checked between packets
 * @error: return location for a #GError
 *
 * Decodes the key frame from which frame @index is decoded, and nothing else: one picture's time,
 * wherever @index is. Good to be looked at; take no pixel from it. Leaves the clip so that the next
 * read seeks. Errors: as vera_clip_read_frame().
 *
 * Thread-safety: one thread at a time per clip.
 * Returns: (transfer full): a frame, #VeraFrame.index says which; or %NULL
 */
VeraFrame *
vera_clip_read_key_frame(VeraClip *self, gint64 index, GCancellable *cancellable, GError **error);

/**
 * vera_clip_get_key_frame:
 * @self: a clip
 * @index: frame number, 0..n_frames-1
 *
 * Thread-safety: safe; the answer never changes.
 * Returns: the frame where decoding starts to reach @index; @index itself where each frame stands
 * alone
 */
gint64 vera_clip_get_key_frame(VeraClip *self, gint64 index);

/**
 * vera_clip_dup:
 * @self: a clip
 * @n_threads: threads of its decoder, or 0 for as many as the machine has
 * @error: return location for a #GError
 *
 * Opens the same file for another thread without reading its index again. The copy gives the same
 * frames and refuses to read when the file is no longer the one that was opened. Errors: as
 * vera_clip_open().
 *
 * Thread-safety: any thread, also while another reads from @self; may block.
 * Returns: (transfer full): a clip, or %NULL
 */
VeraClip *vera_clip_dup(VeraClip *self, int n_threads, GError **error);

/** vera_clip_get_frame_time: Returns: presentation time of frame @index in seconds from the first
 * frame */
double vera_clip_get_frame_time(VeraClip *self, gint64 index);

/** vera_clip_get_time_at: Returns: as vera_clip_get_frame_time(), of a place between two frames;
 * outside the clip at its nominal rate */
double vera_clip_get_time_at(VeraClip *self, double frame);

/** vera_clip_get_frame_at: Returns: what is at time @seconds: number of the frame that is shown,
 * and how much of its time has passed; outside the clip at its nominal rate */
double vera_clip_get_frame_at(VeraClip *self, double seconds);

G_END_DECLS
