#include "config.h"

#include "engine/media/vera-frame-cache-private.h"
#include "engine/vera-engine-error.h"

/* On the way to a far frame every so many pictures one is kept, so that there is something nearer
 * to show. */
#define VERA_FRAME_CACHE_STRIDE 16
/* Some 500 pictures: the key frames of more than an hour, where they are far apart. */
#define VERA_FRAME_CACHE_SKETCH_BYTES ((gsize)24 << 20)

G_DEFINE_FINAL_TYPE(VeraFrameCache, vera_frame_cache, G_TYPE_OBJECT)

static void
vera_frame_cache_finalize(GObject *object)
{
    VeraFrameCache *self = VERA_FRAME_CACHE(object);

    vera_frame_cache_close(self);
    vera_frame_store_clear(&self->store);
    g_hash_table_unref(self->failed);
    g_clear_pointer(&self->sketches, vera_frame_sketches_free);
    g_clear_object(&self->exact_cancellable);
    g_clear_object(&self->rough_cancellable);
    g_clear_object(&self->clip);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->call_lock);
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
    pthread_mutex_init(&self->call_lock, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    vera_frame_store_init(&self->store, 0);
    self->failed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->exact_cancellable = g_cancellable_new();
    self->rough_cancellable = g_cancellable_new();
    self->rough_key = self->proxy_tried = self->sketch_tried = -1;
    self->speed = 1;
}

void
vera_frame_cache_report(VeraFrameCache *self, gint64 frame, const GError *error)
{
    pthread_mutex_lock(&self->call_lock);
    if (self->ready != NULL)
        self->ready(frame, error, self->ready_data);
    pthread_mutex_unlock(&self->call_lock);
}

static gint64
vera_frame_cache_get_key(gint64 index, gpointer data)
{
    VeraFrameCache *self = data;
    return vera_clip_get_key_frame(self->clip, index);
}

static gboolean
vera_frame_cache_is_hopeless(gint64 index, gpointer data)
{
    VeraFrameCache *self = data;
    return g_hash_table_contains(self->failed, &index);
}

static gint64
vera_frame_cache_get_rate(VeraFrameCache *self)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    return (info->rate_num + info->rate_den - 1) / info->rate_den;
}

/** Chooses the next read, under lock. */
static gboolean
vera_frame_cache_choose(VeraFrameCache *self, VeraFrameFetch *fetch)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    VeraFramePrefetch prefetch = {
        .store = &self->store,
        .n_frames = info->n_frames,
        .capacity = MAX((gint64)(self->store.max_bytes / self->frame_bytes), 2),
        .rate = vera_frame_cache_get_rate(self),
        .speed = self->speed,
        .is_jump = self->is_jump,
        .get_key = vera_frame_cache_get_key,
        .is_hopeless = vera_frame_cache_is_hopeless,
        .data = self,
    };
    return self->is_asked && !self->is_sated && vera_frame_prefetch_choose(&prefetch, fetch);
}

/** Whether a picture that is not asked for helps to bridge the wait for the one that is, under
 * lock. */
static gboolean
vera_frame_cache_bridges(VeraFrameCache *self, gint64 index)
{
    if (self->fetch.target != self->store.playhead ||
        index < self->bridged + VERA_FRAME_CACHE_STRIDE)
        return FALSE;
    self->bridged = index;
    return TRUE;
}

static gboolean
vera_frame_cache_wants(gint64 index, gpointer data)
{
    VeraFrameCache *self = data;

    pthread_mutex_lock(&self->lock);
    self->passed = index;
    gboolean wants = !vera_frame_store_has(&self->store, index) &&
                     (index >= self->fetch.keep_from || vera_frame_cache_bridges(self, index));
    pthread_mutex_unlock(&self->lock);
    return wants;
}

static void
vera_frame_cache_take(VeraFrame *frame, gpointer data)
{
    VeraFrameCache *self = data;

    pthread_mutex_lock(&self->lock);
    gboolean is_kept = vera_frame_store_put(&self->store, frame, TRUE);
    pthread_mutex_unlock(&self->lock);
    if (is_kept)
        vera_frame_cache_report(self, frame->index, NULL);
}

/** Notes that frame @index cannot be read, under lock. Returns: whether somebody waits for it */
static gboolean
vera_frame_cache_fail(VeraFrameCache *self, gint64 index, const GError *error)
{
    if (g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED))
        return FALSE;
    g_hash_table_add(self->failed, g_memdup2(&index, sizeof index));
    return index == self->store.playhead;
}

static void
vera_frame_cache_read(VeraFrameCache *self, VeraClip *clip, const VeraFrameFetch *fetch)
{
    VeraClipPassing passing = {fetch->keep_from, vera_frame_cache_wants, vera_frame_cache_take,
                               self};
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) frame = vera_clip_read_frame_passing(clip, fetch->target, &passing,
                                                              self->exact_cancellable, &error);

    pthread_mutex_lock(&self->lock);
    gboolean is_news = frame != NULL ? vera_frame_store_put(&self->store, frame, TRUE)
                                     : vera_frame_cache_fail(self, fetch->target, error);
    /* A frame that does not stay would be read again for ever. */
    if (frame != NULL && !is_news && self->fetch_request == self->n_requests)
        self->is_sated = TRUE;
    self->is_reading = FALSE;
    pthread_mutex_unlock(&self->lock);
    if (is_news)
        vera_frame_cache_report(self, fetch->target, error);
}

static gpointer
vera_frame_cache_run_exact(gpointer data)
{
    VeraFrameCache *self = data;

    pthread_mutex_lock(&self->lock);
    while (!self->is_closed) {
        VeraFrameFetch fetch;
        if (!vera_frame_cache_choose(self, &fetch) ||
            vera_frame_cache_lets_rough_first(self, &fetch)) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        if (g_cancellable_is_cancelled(self->exact_cancellable)) {
            g_object_unref(self->exact_cancellable);
            self->exact_cancellable = g_cancellable_new();
        }
        self->fetch = fetch;
        self->fetch_request = self->n_requests;
        self->passed = self->bridged = -1;
        self->is_reading = TRUE;
        pthread_mutex_unlock(&self->lock);
        vera_frame_cache_read(self, self->clip, &fetch);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

VeraFrameCache *
vera_frame_cache_new(const char *clip_path, gsize max_bytes, GError **error)
{
    g_autoptr(VeraFrameCache) self = g_object_new(VERA_TYPE_FRAME_CACHE, NULL);

    self->clip = vera_clip_open(clip_path, NULL, error);
    if (self->clip == NULL)
        return NULL;
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    self->frame_bytes = vera_frame_measure(&info->format, info->width, info->height);
    self->store.max_bytes = max_bytes;
    self->sketches = vera_frame_sketches_new(info, VERA_FRAME_CACHE_SKETCH_BYTES);
    self->exact_thread = g_thread_try_new("vera-frames", vera_frame_cache_run_exact, self, error);
    if (self->exact_thread == NULL)
        return NULL;
    self->rough_thread =
        g_thread_try_new("vera-key-frames", vera_frame_cache_run_rough, self, error);
    return self->rough_thread != NULL ? g_steal_pointer(&self) : NULL;
}

VeraClip *
vera_frame_cache_get_clip(VeraFrameCache *self)
{
    return self->clip;
}

/** Whether the running read will bring the frame at the playhead, or may go on because that is
 * here; under lock. */
static gboolean
vera_frame_cache_read_helps(const VeraFrameCache *self)
{
    gint64 playhead = self->store.playhead;

    if (vera_frame_store_has(&self->store, playhead) || playhead == self->fetch.target)
        return TRUE;
    return playhead >= self->fetch.keep_from && playhead < self->fetch.target &&
           playhead > self->passed;
}

/** Moves the playhead, under lock. */
static void
vera_frame_cache_move(VeraFrameCache *self, gint64 playhead, int direction)
{
    gint64 distance = self->is_asked ? playhead - self->store.playhead : playhead;

    self->speed = CLAMP(ABS(direction), 1, 64);
    self->is_jump = ABS(distance) > vera_frame_cache_get_rate(self) * self->speed;
    if (direction == 0 && !self->is_jump)
        direction = distance < 0 ? -1 : 0;
    self->store.travel = direction;
    if (distance != 0) {
        g_hash_table_remove(self->failed, &playhead);
        self->proxy_tried = self->sketch_tried = -1;
    }
    if (vera_clip_get_key_frame(self->clip, playhead) != self->rough_key)
        self->rough_key = -1;
    self->store.playhead = playhead;
}

void
vera_frame_cache_request(VeraFrameCache *self, gint64 frame, int direction)
{
    gint64 playhead = CLAMP(frame, 0, vera_clip_get_info(self->clip)->n_frames - 1);

    pthread_mutex_lock(&self->lock);
    vera_frame_cache_move(self, playhead, direction);
    self->is_asked = !self->is_closed;
    self->is_sated = FALSE;
    self->n_requests++;
    if (self->is_reading && !vera_frame_cache_read_helps(self))
        g_cancellable_cancel(self->exact_cancellable);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

VeraFrame *
vera_frame_cache_get(VeraFrameCache *self, gint64 frame)
{
    pthread_mutex_lock(&self->lock);
    VeraFrame *found = vera_frame_store_get(&self->store, frame);
    pthread_mutex_unlock(&self->lock);
    return found;
}

VeraFrame *
vera_frame_cache_get_nearest(VeraFrameCache *self, gint64 frame, gint64 *found)
{
    pthread_mutex_lock(&self->lock);
    VeraFrame *nearest = vera_frame_store_get_nearest(&self->store, frame);
    pthread_mutex_unlock(&self->lock);
    if (found != NULL)
        *found = nearest != NULL ? nearest->index : -1;
    return nearest;
}

void
vera_frame_cache_set_ready_func(VeraFrameCache *self, VeraFrameCacheReadyFunc func, gpointer data)
{
    pthread_mutex_lock(&self->call_lock);
    self->ready = func;
    self->ready_data = data;
    pthread_mutex_unlock(&self->call_lock);
}

void
vera_frame_cache_get_cached(VeraFrameCache *self, GArray *ranges)
{
    pthread_mutex_lock(&self->lock);
    vera_frame_store_get_ranges(&self->store, ranges);
    pthread_mutex_unlock(&self->lock);
}

void
vera_frame_cache_set_max_bytes(VeraFrameCache *self, gsize max_bytes)
{
    pthread_mutex_lock(&self->lock);
    vera_frame_store_set_max_bytes(&self->store, max_bytes);
    self->is_sated = FALSE;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

gint64
vera_frame_cache_get_playhead(VeraFrameCache *self)
{
    pthread_mutex_lock(&self->lock);
    gint64 playhead = self->store.playhead;
    pthread_mutex_unlock(&self->lock);
    return playhead;
}

void
vera_frame_cache_set_proxies(VeraFrameCache *self, VeraProxyStore *proxies)
{
    pthread_mutex_lock(&self->lock);
    VeraProxyStore *before = self->proxies;
    self->proxies = proxies != NULL && !self->is_closed ? vera_proxy_store_ref(proxies) : NULL;
    self->proxy_tried = -1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    g_clear_pointer(&before, vera_proxy_store_unref);
}

void
vera_frame_cache_sketch(VeraFrameCache *self, const VeraFrame *frame)
{
    if (vera_frame_sketches_put(self->sketches, frame)) {
        pthread_mutex_lock(&self->lock);
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
    }
}

gsize
vera_frame_cache_get_bytes(VeraFrameCache *self)
{
    pthread_mutex_lock(&self->lock);
    gsize bytes = self->store.bytes;
    pthread_mutex_unlock(&self->lock);
    return bytes;
}

void
vera_frame_cache_close(VeraFrameCache *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_closed = TRUE;
    self->is_asked = FALSE;
    g_cancellable_cancel(self->exact_cancellable);
    g_cancellable_cancel(self->rough_cancellable);
    GThread *threads[] = {g_steal_pointer(&self->exact_thread),
                          g_steal_pointer(&self->rough_thread),
                          g_steal_pointer(&self->sketch_thread)};
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        if (threads[i] != NULL)
            g_thread_join(threads[i]);
    pthread_mutex_lock(&self->lock);
    vera_frame_store_clear(&self->store);
    vera_frame_store_init(&self->store, 0);
    VeraProxyStore *proxies = g_steal_pointer(&self->proxies);
    pthread_mutex_unlock(&self->lock);
    g_clear_pointer(&proxies, vera_proxy_store_unref);
}
