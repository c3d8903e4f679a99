#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "engine/media/vera-clip-backend.h"
#include "engine/media/vera-clip-index.h"
#include "engine/media/vera-clip-look.h"
#include "engine/media/vera-clip-soundness.h"

G_BEGIN_DECLS

/** VeraClipDamage: a damaged packet; no other picture refers to its one if it @is_alone. */
typedef struct {
    guint place;
    gboolean is_alone;
} VeraClipDamage;

/**
 * VeraClipMovie:
 * @backend: must be first
 * @path: the file
 * @container: open demuxer
 * @decoder: open decoder
 * @stream: number of the video stream
 * @packet: scratch packet
 * @picture: scratch picture
 * @index: every packet
 * @soundness: which pictures can be trusted
 * @held: (element-type AVFrame): pictures that came out and are not judged yet
 * @culprit: the damaged packet because of which the last picture, or the one that is missing,
 * cannot be trusted; -1 if it can
 * @has_concealed: (atomic): the decoder concealed damage since this was looked at
 * @is_careful: the decoder has one thread, so that trouble is surely told of the right picture
 * @known_damage: (element-type VeraClipDamage): damaged packets that were found before
 * @look: what the frames have in common
 * @next_place: place in decoding order of the packet that comes next, or -1 while unknown
 * @start_place: place in decoding order of the first packet since the decoder was emptied
 * @last_rank: the frame that came out last, or -1
 * @whole_from: frames before this one may be skipped while going to another
 * @skipped_to: no frame behind this one was skipped since the decoder was emptied
 * @trusts_order: packets are told by counting from the start of the file, not by their times
 * @is_drained: the decoder has been given the end of the file
 * @mtime: modification time when opened, in ns
 * @file_size: size when opened
 * @n_threads: threads of the decoder, or 0 for as many as the machine has
 * @newest: (nullable): the frame that was asked for last
 * @timecode: (nullable): start timecode
 *
 * A container that is open for reading. Packets are given to the decoder with their rank in place
 * of their time, so that a picture says which frame it is even where times are doubled.
 */
typedef struct {
    VeraClipBackend backend;
    char *path;
    AVFormatContext *container;
    AVCodecContext *decoder;
    int stream;
    AVPacket *packet;
    AVFrame *picture;
    VeraClipIndex index;
    VeraClipSoundness soundness;
    GQueue held;
    gint64 culprit;
    gint has_concealed;
    gboolean is_careful;
    GArray *known_damage;
    VeraClipLook look;
    gint64 next_place;
    gint64 start_place;
    gint64 last_rank;
    gint64 whole_from;
    gint64 skipped_to;
    gboolean trusts_order;
    gboolean is_drained;
    gint64 mtime;
    gint64 file_size;
    int n_threads;
    VeraFrame *newest;
    char *timecode;
} VeraClipMovie;

/** vera_clip_movie_rewind: opens the container afresh, at its first packet. Returns: success */
gboolean vera_clip_movie_rewind(VeraClipMovie *self, GError **error);

/**
 * vera_clip_movie_seek:
 * @self: a movie
 * @key: place in decoding order
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Makes @key the next packet that is decoded. Returns: success
 */
gboolean
vera_clip_movie_seek(VeraClipMovie *self, guint key, GCancellable *cancellable, GError **error);

/** vera_clip_movie_open_decoder: opens a new decoder in place of the one there is, if any, with one
 * thread if #VeraClipMovie.is_careful. Returns: success */
gboolean vera_clip_movie_open_decoder(VeraClipMovie *self, GError **error);

/** vera_clip_movie_watch_decoders: lets decoders tell when they conceal damage. Call once, before
 * the first is opened; it takes over the library's log. */
void vera_clip_movie_watch_decoders(void);

/** vera_clip_movie_forget: the decoder was emptied, packet @start comes next, or -1 while that is
 * unknown */
void vera_clip_movie_forget(VeraClipMovie *self, gint64 start);

/**
 * VeraClipStep:
 * @VERA_CLIP_STEP_PICTURE: #VeraClipMovie.picture holds the next picture, its pts is the rank, and
 * #VeraClipMovie.culprit says whether it can be trusted
 * @VERA_CLIP_STEP_END: no more pictures
 * @VERA_CLIP_STEP_FAILED: the error is set
 */
typedef enum {
    VERA_CLIP_STEP_PICTURE,
    VERA_CLIP_STEP_END,
    VERA_CLIP_STEP_FAILED,
} VeraClipStep;

/** vera_clip_movie_step: decodes on to the next picture. Returns: what came */
VeraClipStep vera_clip_movie_step(VeraClipMovie *self, GCancellable *cancellable, GError **error);

/** vera_clip_movie_read: the #VeraClipBackend.read of a movie. Returns: (transfer full): or %NULL
 */
VeraFrame *vera_clip_movie_read(VeraClipBackend *backend,
                                gint64 index,
                                const VeraClipPassing *passing,
                                GCancellable *cancellable,
                                GError **error);

/** vera_clip_movie_read_key: the #VeraClipBackend.read_key of a movie. Returns: (transfer full): or
 * %NULL */
VeraFrame *vera_clip_movie_read_key(VeraClipBackend *backend,
                                    gint64 index,
                                    GCancellable *cancellable,
                                    GError **error);

/** vera_clip_movie_get_key: the #VeraClipBackend.get_key of a movie. Returns: a frame number */
gint64 vera_clip_movie_get_key(VeraClipBackend *backend, gint64 index);

/**
 * vera_clip_movie_scan:
 * @self: a movie whose container and decoder are open
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Reads every packet into the index, decodes the first pictures, and takes packets of which no
 * picture comes out of the count. Sets the look. Returns: success
 */
gboolean vera_clip_movie_scan(VeraClipMovie *self, GCancellable *cancellable, GError **error);

/** vera_clip_movie_describe: fills #VeraClipBackend.info from container, index and look */
void vera_clip_movie_describe(VeraClipMovie *self);

G_END_DECLS
