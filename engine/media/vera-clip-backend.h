#pragma once

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

typedef struct VeraClipBackend VeraClipBackend;

/**
 * VeraClipBackend:
 * @info: the facts; the backend owns the strings
 * @read: reads frame @index, which is in range
 * @read_key: see vera_clip_read_key_frame(); %NULL where each frame stands alone
 * @get_key: see vera_clip_get_key_frame(); %NULL where each frame stands alone
 * @dup: see vera_clip_dup()
 * @get_time: seconds from the first frame
 * @free: frees the backend
 *
 * One way of reading a clip: a container, or a sequence of pictures.
 */
struct VeraClipBackend {
    VeraClipInfo info;
    VeraFrame *(*read)(VeraClipBackend *self,
                       gint64 index,
                       const VeraClipPassing *passing,
                       GCancellable *cancellable,
                       GError **error);
    VeraFrame *(*read_key)(VeraClipBackend *self,
                           gint64 index,
                           GCancellable *cancellable,
                           GError **error);
    gint64 (*get_key)(VeraClipBackend *self, gint64 index);
    VeraClipBackend *(*dup)(VeraClipBackend *self, int n_threads, GError **error);
    double (*get_time)(VeraClipBackend *self, gint64 index);
    void (*free)(VeraClipBackend *self);
};

/** vera_clip_movie_open: opens a container; see vera_clip_open(). Returns: (transfer full): or
 * %NULL */
VeraClipBackend *vera_clip_movie_open(const char *path, GCancellable *cancellable, GError **error);

/**
 * vera_clip_sequence_open: opens a picture, a sequence, a pattern or a folder; see
 * vera_clip_open(). Returns: (transfer full): or %NULL
 */
VeraClipBackend *
vera_clip_sequence_open(const char *path, GCancellable *cancellable, GError **error);

/** vera_clip_check_file: Returns: whether @path is a regular, readable file that is not empty */
gboolean vera_clip_check_file(const char *path, GError **error);

G_END_DECLS
