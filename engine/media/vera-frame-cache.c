#include "config.h"

#include "engine/media/vera-frame-cache.h"

#include "engine/vera-engine-error.h"

/* A request up to this many frames ahead of what is being decoded does not interrupt it: it is on the way. */
#define VERA_FRAME_CACHE_ON_THE_WAY 12
/* Of the memory, how much lies ahead of a moving playhead. */
#define VERA_FRAME_CACHE_AHEAD 0.7

struct _VeraFrameCache {
    GObject parent_instance;

    /* Owned; the decoder's alone after construction */
    VeraClip *clip;
    VeraClipPassing passing;
    GThread *thread;

    gint64 n_frames;
    gsize frame_bytes;

    GMutex lock;
    GCond wake;
    /* Under the lock */
    GHashTable *frames; /* frame number -> VeraFrame */
    GHashTable *failed; /* frame numbers */
    gsize max_bytes;
    gint64 wanted;
    int direction;
    gint64 decoding; /* -1: nothing */
    GCancellable *cancellable;
    gboolean is_closing;

    GMutex ready_lock; /* held while the function runs */
    VeraFrameCacheReadyFunc ready;
    gpointer ready_data;
};

G_DEFINE_FINAL_TYPE(VeraFrameCache, vera_frame_cache, G_TYPE_OBJECT)

static gpointer
vera_frame_cache_key(gint64 frame)
{
    return GSIZE_TO_POINTER((gsize)frame);
}

static gboolean
vera_frame_cache_has(VeraFrameCache *self, gint64 frame)
{
    return g_hash_table_contains(self->frames, vera_frame_cache_key(frame)) ||
           g_hash_table_contains(self->failed, vera_frame_cache_key(frame));
}

static gint64
vera_frame_cache_get_capacity(VeraFrameCache *self)
{
    return MAX((gint64)(self->max_bytes / MAX(self->frame_bytes, 1)), 2);
}

/* First and last frame worth keeping: more of them where the playhead goes. */
static void
vera_frame_cache_get_window(VeraFrameCache *self, gint64 *first, gint64 *last)
{
    gint64 n = vera_frame_cache_get_capacity(self), ahead = MAX((gint64)((double)(n - 1) * VERA_FRAME_CACHE_AHEAD), 1);
    gint64 behind = n - 1 - ahead, before = self->direction < 0 ? ahead : behind;

    *first = self->wanted - before;
    *last = self->wanted + (n - 1 - before);
    if (*first < 0)
        *last -= *first;
    if (*last > self->n_frames - 1)
        *first -= *last - (self->n_frames - 1);
    *first = MAX(*first, 0);
    *last = MIN(*last, self->n_frames - 1);
}

static void
vera_frame_cache_trim(VeraFrameCache *self)
{
    gint64 first, last, capacity = vera_frame_cache_get_capacity(self);
    GHashTableIter iter;
    gpointer key;

    if ((gint64)g_hash_table_size(self->frames) <= capacity)
        return;
    vera_frame_cache_get_window(self, &first, &last);
    g_hash_table_iter_init(&iter, self->frames);
    while ((gint64)g_hash_table_size(self->frames) > capacity && g_hash_table_iter_next(&iter, &key, NULL)) {
        gint64 frame = (gint64)GPOINTER_TO_SIZE(key);
        if (frame < first || frame > last)
            g_hash_table_iter_remove(&iter);
    }
}

static void
vera_frame_cache_tell(VeraFrameCache *self, gint64 frame, const GError *error)
{
    g_mutex_lock(&self->ready_lock);
    if (self->ready != NULL)
        self->ready(frame, error, self->ready_data);
    g_mutex_unlock(&self->ready_lock);
}

static gboolean
vera_frame_cache_wants_cb(gint64 index, gpointer data)
{
    VeraFrameCache *self = data;
    gint64 first, last;
    gboolean wants;

    g_mutex_lock(&self->lock);
    vera_frame_cache_get_window(self, &first, &last);
    wants = index >= first && index <= last && !vera_frame_cache_has(self, index);
    g_mutex_unlock(&self->lock);
    return wants;
}

static void
vera_frame_cache_put(VeraFrameCache *self, VeraFrame *frame)
{
    g_mutex_lock(&self->lock);
    g_hash_table_replace(self->frames, vera_frame_cache_key(frame->index), vera_frame_ref(frame));
    vera_frame_cache_trim(self);
    g_mutex_unlock(&self->lock);
    vera_frame_cache_tell(self, frame->index, NULL);
}

static void
vera_frame_cache_pass_cb(VeraFrame *frame, gpointer data)
{
    vera_frame_cache_put(data, frame);
}

/* The frame to decode next, or -1: the wanted one, then ahead, then behind. Going backwards, a far frame is aimed at first, so that
 * those before it pass by in one go of the decoder. */
static gint64
vera_frame_cache_choose(VeraFrameCache *self)
{
    gint64 first, last;

    if (self->wanted < 0)
        return -1;
    if (!vera_frame_cache_has(self, self->wanted))
        return self->wanted;
    vera_frame_cache_get_window(self, &first, &last);
    if (self->direction < 0) {
        for (gint64 i = self->wanted - 1; i >= first; i--)
            if (!vera_frame_cache_has(self, i))
                return i;
    }
    for (gint64 i = self->wanted + 1; i <= last; i++)
        if (!vera_frame_cache_has(self, i))
            return i;
    for (gint64 i = self->wanted - 1; i >= first; i--)
        if (!vera_frame_cache_has(self, i))
            return i;
    return -1;
}

/* Called and returns with the lock held. */
static void
vera_frame_cache_decode(VeraFrameCache *self, gint64 frame)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) made = NULL;
    gboolean is_cancelled;

    self->decoding = frame;
    self->cancellable = g_object_ref(cancellable);
    g_mutex_unlock(&self->lock);
    made = vera_clip_read_frame(self->clip, frame, cancellable, &error);
    is_cancelled = g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED);
    if (made != NULL)
        vera_frame_cache_put(self, made);
    g_mutex_lock(&self->lock);
    self->decoding = -1;
    g_clear_object(&self->cancellable);
    if (made != NULL || is_cancelled)
        return;
    g_hash_table_add(self->failed, vera_frame_cache_key(frame));
    g_mutex_unlock(&self->lock);
    vera_frame_cache_tell(self, frame, error);
    g_mutex_lock(&self->lock);
}

static gpointer
vera_frame_cache_thread(gpointer data)
{
    VeraFrameCache *self = data;

    g_mutex_lock(&self->lock);
    while (!self->is_closing) {
        gint64 frame = vera_frame_cache_choose(self);
        if (frame < 0)
            g_cond_wait(&self->wake, &self->lock);
        else
            vera_frame_cache_decode(self, frame);
    }
    g_mutex_unlock(&self->lock);
    return NULL;
}

void
vera_frame_cache_request(VeraFrameCache *self, gint64 frame, int direction)
{
    gint64 distance;

    g_return_if_fail(VERA_IS_FRAME_CACHE(self));
    g_mutex_lock(&self->lock);
    self->wanted = CLAMP(frame, 0, self->n_frames - 1);
    self->direction = direction;
    distance = self->wanted - self->decoding;
    if (self->cancellable != NULL && !vera_frame_cache_has(self, self->wanted) &&
        (distance < 0 || distance > VERA_FRAME_CACHE_ON_THE_WAY))
        g_cancellable_cancel(self->cancellable);
    g_cond_signal(&self->wake);
    g_mutex_unlock(&self->lock);
}

VeraFrame *
vera_frame_cache_get(VeraFrameCache *self, gint64 frame)
{
    VeraFrame *found;

    g_return_val_if_fail(VERA_IS_FRAME_CACHE(self), NULL);
    g_mutex_lock(&self->lock);
    found = g_hash_table_lookup(self->frames, vera_frame_cache_key(frame));
    if (found != NULL)
        vera_frame_ref(found);
    g_mutex_unlock(&self->lock);
    return found;
}

VeraFrame *
vera_frame_cache_get_nearest(VeraFrameCache *self, gint64 frame, gint64 *found)
{
    VeraFrame *best = NULL;
    gint64 best_distance = G_MAXINT64;
    GHashTableIter iter;
    gpointer key, value;

    g_return_val_if_fail(VERA_IS_FRAME_CACHE(self), NULL);
    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, self->frames);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        gint64 distance = ABS((gint64)GPOINTER_TO_SIZE(key) - frame);
        if (distance < best_distance) {
            best_distance = distance;
            best = value;
        }
    }
    if (best != NULL) {
        vera_frame_ref(best);
        *found = best->index;
    }
    g_mutex_unlock(&self->lock);
    return best;
}

void
vera_frame_cache_set_ready_func(VeraFrameCache *self, VeraFrameCacheReadyFunc func, gpointer user_data)
{
    g_return_if_fail(VERA_IS_FRAME_CACHE(self));
    g_mutex_lock(&self->ready_lock);
    self->ready = func;
    self->ready_data = user_data;
    g_mutex_unlock(&self->ready_lock);
}

static int
vera_frame_cache_compare(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return x < y ? -1 : x > y;
}

void
vera_frame_cache_get_cached(VeraFrameCache *self, GArray *ranges)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(gint64));
    GHashTableIter iter;
    gpointer key;

    g_return_if_fail(VERA_IS_FRAME_CACHE(self));
    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, self->frames);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        gint64 frame = (gint64)GPOINTER_TO_SIZE(key);
        g_array_append_val(numbers, frame);
    }
    g_mutex_unlock(&self->lock);
    g_array_sort(numbers, vera_frame_cache_compare);
    g_array_set_size(ranges, 0);
    for (guint i = 0; i < numbers->len; i++) {
        gint64 frame = g_array_index(numbers, gint64, i);
        if (ranges->len > 0 && g_array_index(ranges, gint64, ranges->len - 1) == frame - 1) {
            g_array_index(ranges, gint64, ranges->len - 1) = frame;
        } else {
            g_array_append_val(ranges, frame);
            g_array_append_val(ranges, frame);
        }
    }
}

VeraClip *
vera_frame_cache_get_clip(VeraFrameCache *self)
{
    g_return_val_if_fail(VERA_IS_FRAME_CACHE(self), NULL);
    return self->clip;
}

void
vera_frame_cache_set_max_bytes(VeraFrameCache *self, gsize max_bytes)
{
    g_return_if_fail(VERA_IS_FRAME_CACHE(self));
    g_mutex_lock(&self->lock);
    self->max_bytes = max_bytes;
    vera_frame_cache_trim(self);
    g_cond_signal(&self->wake);
    g_mutex_unlock(&self->lock);
}

gsize
vera_frame_cache_get_bytes(VeraFrameCache *self)
{
    gsize bytes;

    g_return_val_if_fail(VERA_IS_FRAME_CACHE(self), 0);
    g_mutex_lock(&self->lock);
    bytes = g_hash_table_size(self->frames) * self->frame_bytes;
    g_mutex_unlock(&self->lock);
    return bytes;
}

void
vera_frame_cache_close(VeraFrameCache *self)
{
    g_return_if_fail(VERA_IS_FRAME_CACHE(self));
    g_mutex_lock(&self->lock);
    self->is_closing = TRUE;
    if (self->cancellable != NULL)
        g_cancellable_cancel(self->cancellable);
    g_cond_signal(&self->wake);
    g_mutex_unlock(&self->lock);
    g_clear_pointer(&self->thread, g_thread_join);
}

static void
vera_frame_cache_finalize(GObject *object)
{
    VeraFrameCache *self = VERA_FRAME_CACHE(object);

    vera_frame_cache_close(self);
    g_clear_object(&self->clip);
    g_hash_table_unref(self->frames);
    g_hash_table_unref(self->failed);
    g_mutex_clear(&self->lock);
    g_mutex_clear(&self->ready_lock);
    g_cond_clear(&self->wake);
    G_OBJECT_CLASS(vera_frame_cache_parent_class)->finalize(object);
}

static void
vera_frame_cache_class_init(VeraFrameCacheClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = vera_frame_cache_finalize;
}

static void
vera_frame_cache_init(VeraFrameCache *self)
{
    self->frames = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)vera_frame_unref);
    self->failed = g_hash_table_new(NULL, NULL);
    self->wanted = self->decoding = -1;
    g_mutex_init(&self->lock);
    g_mutex_init(&self->ready_lock);
    g_cond_init(&self->wake);
}

/* Of one decoded frame, rows as vera_frame_new() aligns them. */
static gsize
vera_frame_cache_measure(const VeraClipInfo *info)
{
    gsize sample = info->format.is_float ? 4 : info->format.bits > 8 ? 2 : 1, bytes = 0;

    for (int i = 0; i < info->format.n_planes; i++) {
        gboolean is_chroma = info->format.layout == VERA_FRAME_LAYOUT_YUV && (i == 1 || i == 2);
        gsize width = (gsize)info->width >> (is_chroma ? info->format.chroma_shift_x : 0);
        gsize height = (gsize)info->height >> (is_chroma ? info->format.chroma_shift_y : 0);
        bytes += ((width + 1) * sample + 63) * (height + 1);
    }
    return bytes;
}

VeraFrameCache *
vera_frame_cache_new(const char *clip_path, gsize max_bytes, GError **error)
{
    g_autoptr(VeraClip) clip = vera_clip_open(clip_path, NULL, error);
    VeraFrameCache *self;

    if (clip == NULL)
        return NULL;
    self = g_object_new(VERA_TYPE_FRAME_CACHE, NULL);
    self->clip = g_steal_pointer(&clip);
    self->n_frames = vera_clip_get_info(self->clip)->n_frames;
    self->frame_bytes = vera_frame_cache_measure(vera_clip_get_info(self->clip));
    self->max_bytes = max_bytes;
    self->passing = (VeraClipPassing){ vera_frame_cache_wants_cb, vera_frame_cache_pass_cb, self };
    vera_clip_set_passing(self->clip, &self->passing);
    self->thread = g_thread_new("decoder", vera_frame_cache_thread, self);
    return self;
}
