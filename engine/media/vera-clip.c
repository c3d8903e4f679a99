#include "config.h"

#include "engine/media/vera-clip.h"

#include <math.h>

#include "engine/media/vera-clip-backend.h"
#include "engine/media/vera-clip-movie.h"
#include "engine/media/vera-sequence.h"
#include "engine/vera-engine-error.h"

struct _VeraClip {
    GObject parent_instance;
    char *path;
    VeraClipBackend *backend;
};

G_DEFINE_FINAL_TYPE(VeraClip, vera_clip, G_TYPE_OBJECT)

static void
vera_clip_finalize(GObject *object)
{
    VeraClip *self = VERA_CLIP(object);
    if (self->backend != NULL)
        self->backend->free(self->backend);
    g_free(self->path);
    G_OBJECT_CLASS(vera_clip_parent_class)->finalize(object);
}

static void
vera_clip_class_init(VeraClipClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = vera_clip_finalize;
    /* Every fault is reported as an error; the library's own messages would only repeat it on
     * stderr, and are not written. */
    vera_clip_movie_watch_decoders();
}

static void
vera_clip_init(VeraClip *self)
{
}

VeraClip *
vera_clip_open(const char *path, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraClip) self = g_object_new(VERA_TYPE_CLIP, NULL);
    gboolean is_sequence = g_file_test(path, G_FILE_TEST_IS_DIR) ||
                           vera_sequence_is_picture(path) || vera_sequence_is_pattern(path);

    if (vera_engine_error_set_cancelled(cancellable, error))
        return NULL;
    self->path = g_strdup(path);
    self->backend = is_sequence ? vera_clip_sequence_open(path, cancellable, error)
                                : vera_clip_movie_open(path, cancellable, error);
    return self->backend != NULL ? g_steal_pointer(&self) : NULL;
}

const VeraClipInfo *
vera_clip_get_info(VeraClip *self)
{
    return &self->backend->info;
}

const char *
vera_clip_get_path(VeraClip *self)
{
    return self->path;
}

VeraClip *
vera_clip_dup(VeraClip *self, int n_threads, GError **error)
{
    VeraClipBackend *backend = self->backend->dup(self->backend, n_threads, error);
    if (backend == NULL)
        return NULL;
    VeraClip *copy = g_object_new(VERA_TYPE_CLIP, NULL);
    copy->path = g_strdup(self->path);
    copy->backend = backend;
    return copy;
}

static gboolean
vera_clip_check_index(VeraClip *self, gint64 index, GCancellable *cancellable, GError **error)
{
    gint64 last = self->backend->info.n_frames - 1;

    if (index >= 0 && index <= last)
        return !vera_engine_error_set_cancelled(cancellable, error);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "‘%s’ has no frame %" G_GINT64_FORMAT "; its frames go from 0 to %" G_GINT64_FORMAT
                ".",
                self->path, index, last);
    return FALSE;
}

VeraFrame *
vera_clip_read_frame(VeraClip *self, gint64 index, GCancellable *cancellable, GError **error)
{
    if (!vera_clip_check_index(self, index, cancellable, error))
        return NULL;
    return self->backend->read(self->backend, index, NULL, cancellable, error);
}

VeraFrame *
vera_clip_read_frame_passing(VeraClip *self,
                             gint64 index,
                             const VeraClipPassing *passing,
                             GCancellable *cancellable,
                             GError **error)
{
    if (!vera_clip_check_index(self, index, cancellable, error))
        return NULL;
    return self->backend->read(self->backend, index, passing, cancellable, error);
}

VeraFrame *
vera_clip_read_key_frame(VeraClip *self, gint64 index, GCancellable *cancellable, GError **error)
{
    if (!vera_clip_check_index(self, index, cancellable, error))
        return NULL;
    return self->backend->read_key != NULL
               ? self->backend->read_key(self->backend, index, cancellable, error)
               : self->backend->read(self->backend, index, NULL, cancellable, error);
}

gint64
vera_clip_get_key_frame(VeraClip *self, gint64 index)
{
    gint64 place = CLAMP(index, 0, self->backend->info.n_frames - 1);
    return self->backend->get_key != NULL ? self->backend->get_key(self->backend, place) : place;
}

double
vera_clip_get_frame_time(VeraClip *self, gint64 index)
{
    gint64 last = self->backend->info.n_frames - 1;
    return self->backend->get_time(self->backend, CLAMP(index, 0, last));
}

static double
vera_clip_get_nominal_rate(VeraClip *self)
{
    const VeraClipInfo *info = &self->backend->info;
    return (double)info->rate_num / MAX(info->rate_den, 1);
}

double
vera_clip_get_time_at(VeraClip *self, double frame)
{
    gint64 last = self->backend->info.n_frames - 1;
    gint64 index = (gint64)CLAMP(floor(frame), 0, (double)last);
    double begin = vera_clip_get_frame_time(self, index), past = frame - (double)index;

    if (past < 0 || index == last)
        return begin + past / vera_clip_get_nominal_rate(self);
    return begin + past * (vera_clip_get_frame_time(self, index + 1) - begin);
}

double
vera_clip_get_frame_at(VeraClip *self, double seconds)
{
    gint64 low = 0, high = self->backend->info.n_frames - 1;

    /* Of frames with the same time the last one is shown. */
    while (low < high) {
        gint64 middle = low + (high - low + 1) / 2;
        if (vera_clip_get_frame_time(self, middle) <= seconds)
            low = middle;
        else
            high = middle - 1;
    }
    double begin = vera_clip_get_frame_time(self, low);
    if (seconds < begin || low == self->backend->info.n_frames - 1)
        return (double)low + (seconds - begin) * vera_clip_get_nominal_rate(self);
    return (double)low + (seconds - begin) / (vera_clip_get_frame_time(self, low + 1) - begin);
}
