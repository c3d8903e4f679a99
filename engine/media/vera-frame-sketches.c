#include "config.h"

#include "engine/media/vera-frame-sketches.h"

#include <pthread.h>

#include "engine/media/vera-proxy-coder.h"

typedef struct {
    gint64 index;
    GBytes *picture;
} VeraFrameSketch;

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraFrameSketches {
    /* Never changed */
    gsize max_bytes;
    VeraClipInfo info; /* its strings are not used */

    /* Owned, under coder_lock, which is never taken while lock is held */
    pthread_mutex_t coder_lock;
    VeraProxyCoder *coder;

    /* Owned, under lock */
    pthread_mutex_t lock;
    GArray *sketches; /* of VeraFrameSketch, in order */
    gsize bytes;
};

static void
vera_frame_sketch_clear(gpointer data)
{
    g_bytes_unref(((VeraFrameSketch *)data)->picture);
}

VeraFrameSketches *
vera_frame_sketches_new(const VeraClipInfo *info, gsize max_bytes)
{
    VeraFrameSketches *self = g_new0(VeraFrameSketches, 1);

    self->info = *info;
    self->max_bytes = max_bytes;
    self->sketches = g_array_new(FALSE, FALSE, sizeof(VeraFrameSketch));
    g_array_set_clear_func(self->sketches, vera_frame_sketch_clear);
    pthread_mutex_init(&self->coder_lock, NULL);
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void
vera_frame_sketches_free(VeraFrameSketches *self)
{
    g_array_unref(self->sketches);
    g_clear_pointer(&self->coder, vera_proxy_coder_free);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->coder_lock);
    g_free(self);
}

static gint64
vera_frame_sketches_get_index(const VeraFrameSketches *self, guint at)
{
    return g_array_index(self->sketches, VeraFrameSketch, at).index;
}

/** The first place with frame @frame or a later one, under lock. */
static guint
vera_frame_sketches_get_place(const VeraFrameSketches *self, gint64 frame)
{
    guint low = 0, high = self->sketches->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (vera_frame_sketches_get_index(self, middle) < frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/** Whether frame @frame stands at place @at, under lock. */
static gboolean
vera_frame_sketches_is_at(const VeraFrameSketches *self, guint at, gint64 frame)
{
    return at < self->sketches->len && vera_frame_sketches_get_index(self, at) == frame;
}

/** Drops the picture that is missed least, under lock: both ends of the clip stay. */
static void
vera_frame_sketches_drop(VeraFrameSketches *self)
{
    guint last = self->sketches->len - 1, densest = last;
    gint64 least = G_MAXINT64;

    for (guint i = 1; i < last; i++) {
        gint64 gap =
            vera_frame_sketches_get_index(self, i + 1) - vera_frame_sketches_get_index(self, i - 1);
        if (gap >= least)
            continue;
        least = gap;
        densest = i;
    }
    self->bytes -=
        g_bytes_get_size(g_array_index(self->sketches, VeraFrameSketch, densest).picture);
    g_array_remove_index(self->sketches, densest);
}

static gboolean
vera_frame_sketches_has(VeraFrameSketches *self, gint64 frame)
{
    pthread_mutex_lock(&self->lock);
    gboolean has =
        vera_frame_sketches_is_at(self, vera_frame_sketches_get_place(self, frame), frame);
    pthread_mutex_unlock(&self->lock);
    return has;
}

gboolean
vera_frame_sketches_can(const VeraFrameSketches *self)
{
    return vera_proxy_coder_can(&self->info.format);
}

/** Returns: (transfer full) (nullable): a picture, under coder_lock */
static GBytes *
vera_frame_sketches_encode(VeraFrameSketches *self, const VeraFrame *frame)
{
    if (self->coder == NULL && vera_frame_sketches_can(self))
        self->coder = vera_proxy_coder_new(&self->info);
    return self->coder != NULL ? vera_proxy_coder_encode(self->coder, frame) : NULL;
}

gboolean
vera_frame_sketches_put(VeraFrameSketches *self, const VeraFrame *frame)
{
    pthread_mutex_lock(&self->coder_lock);
    gboolean is_new = !vera_frame_sketches_has(self, frame->index);
    GBytes *picture = is_new ? vera_frame_sketches_encode(self, frame) : NULL;
    if (picture != NULL) {
        VeraFrameSketch sketch = {frame->index, picture};
        pthread_mutex_lock(&self->lock);
        g_array_insert_val(self->sketches, vera_frame_sketches_get_place(self, frame->index),
                           sketch);
        self->bytes += g_bytes_get_size(picture);
        while (self->bytes > self->max_bytes && self->sketches->len > 1)
            vera_frame_sketches_drop(self);
        pthread_mutex_unlock(&self->lock);
    }
    pthread_mutex_unlock(&self->coder_lock);
    return picture != NULL;
}

gint64
vera_frame_sketches_find(VeraFrameSketches *self, gint64 frame, gint64 reach)
{
    gint64 found = -1;

    pthread_mutex_lock(&self->lock);
    guint at = vera_frame_sketches_get_place(self, frame);
    for (guint i = at > 0 ? at - 1 : 0; i <= at && i < self->sketches->len; i++) {
        gint64 index = vera_frame_sketches_get_index(self, i);
        if (ABS(index - frame) > reach)
            continue;
        reach = ABS(index - frame);
        found = index;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

GBytes *
vera_frame_sketches_get(VeraFrameSketches *self, gint64 frame)
{
    pthread_mutex_lock(&self->lock);
    guint at = vera_frame_sketches_get_place(self, frame);
    GBytes *picture = vera_frame_sketches_is_at(self, at, frame)
                          ? g_bytes_ref(g_array_index(self->sketches, VeraFrameSketch, at).picture)
                          : NULL;
    pthread_mutex_unlock(&self->lock);
    return picture;
}
