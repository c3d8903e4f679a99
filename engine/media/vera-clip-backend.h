#pragma once

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

typedef struct VeraClipBackend VeraClipBackend;

/**
 * VeraClipBackend:
 * @info: the facts; the backend owns the strings
 * @passing: (nullable): who looks at frames that are decoded on the way to another
 * @read: reads frame @index, which is in range; sets everything but #VeraFrame.index
 * @get_time: seconds from the first frame
 * @free: frees the backend
 *
 * One way of reading a clip: a container, or a sequence of pictures.
 */
struct VeraClipBackend {
    VeraClipInfo info;
    const VeraClipPassing *passing;
    VeraFrame *(*read)(VeraClipBackend *self,
                       gint64 index,
                       GCancellable *cancellable,
                       GError **error);
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
