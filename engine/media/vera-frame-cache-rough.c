#include "config.h"

#include "engine/media/vera-frame-cache-private.h"
#include "engine/media/vera-proxy-coder.h"

/* So far from its key frame, a frame is left to wait until the key frame is shown, which then takes
 * one picture's time instead of three. */
#define VERA_FRAME_CACHE_FAR 12
/* A proxy so far away is not shown in place of another frame. */
#define VERA_FRAME_CACHE_PROXY 24
/* Where a frame so near is there, it looks better than a sketch: play that lags behind must not
 * flicker at each key frame. */
#define VERA_FRAME_CACHE_NEAR 12

/** The proxy that is nearer to the playhead than anything that is there, under lock. Returns: its
 * frame, or -1 */
static gint64
vera_frame_cache_find_proxy(VeraFrameCache *self)
{
    gint64 playhead = self->store.playhead, reach = VERA_FRAME_CACHE_PROXY;

    if (self->proxies == NULL || !self->is_asked)
        return -1;
    g_autoptr(VeraFrame) nearest = vera_frame_store_get_nearest(&self->store, playhead);
    if (nearest != NULL)
        reach = MIN(reach, ABS(nearest->index - playhead) - 1);
    gint64 found = vera_proxy_store_find(self->proxies, playhead, reach);
    return found != self->proxy_tried ? found : -1;
}

/** Whether nothing of the playhead's group of pictures up to there can be shown, under lock. */
static gboolean
vera_frame_cache_is_bare(VeraFrameCache *self)
{
    gint64 playhead = self->store.playhead;
    gint64 key = vera_clip_get_key_frame(self->clip, playhead);
    return self->is_asked && !vera_frame_store_has_any(&self->store, key, playhead);
}

/** The sketch that is nearer to a bare playhead than anything that is there, under lock. Returns:
 * its frame, or -1 */
static gint64
vera_frame_cache_find_sketch(VeraFrameCache *self)
{
    gint64 playhead = self->store.playhead;

    if (!vera_frame_cache_is_bare(self))
        return -1;
    g_autoptr(VeraFrame) nearest = vera_frame_store_get_nearest(&self->store, playhead);
    gint64 reach = nearest != NULL ? ABS(nearest->index - playhead) - 1 : G_MAXINT64;
    if (reach < VERA_FRAME_CACHE_NEAR)
        return -1;
    gint64 found = vera_frame_sketches_find(self->sketches, playhead, reach);
    return found != self->sketch_tried ? found : -1;
}

/** Whether the key frame is to be shown, under lock. */
static gboolean
vera_frame_cache_needs_key(VeraFrameCache *self, gint64 *key)
{
    *key = vera_clip_get_key_frame(self->clip, self->store.playhead);
    return *key != self->store.playhead && *key != self->rough_key &&
           vera_frame_cache_is_bare(self);
}

gboolean
vera_frame_cache_lets_rough_first(VeraFrameCache *self, const VeraFrameFetch *fetch)
{
    gint64 key;
    return fetch->target == self->store.playhead && vera_frame_cache_needs_key(self, &key) &&
           fetch->target - key > VERA_FRAME_CACHE_FAR;
}

/**
 * VeraFrameRough:
 * @clip: (nullable): to read key frames from
 * @coder: (nullable): decodes proxies and sketches
 * @proxies: (nullable): where the proxy is
 * @index: what is to be shown
 * @source: what it is shown from
 *
 * What the second thread works with.
 */
typedef struct {
    VeraClip *clip;
    VeraProxyCoder *coder;
    VeraProxyStore *proxies;
    gint64 index;
    enum { VERA_FRAME_ROUGH_PROXY, VERA_FRAME_ROUGH_SKETCH, VERA_FRAME_ROUGH_KEY } source;
} VeraFrameRough;

/** Finds the next thing to show, under lock: what is there soonest comes first. One that fails or
 * does not stay is not tried again before the playhead is elsewhere. Returns: whether there is any
 */
static gboolean
vera_frame_cache_choose_rough(VeraFrameCache *self, VeraFrameRough *rough)
{
    if ((rough->index = vera_frame_cache_find_proxy(self)) >= 0) {
        rough->source = VERA_FRAME_ROUGH_PROXY;
        rough->proxies = vera_proxy_store_ref(self->proxies);
        self->proxy_tried = rough->index;
        return TRUE;
    }
    if ((rough->index = vera_frame_cache_find_sketch(self)) >= 0) {
        rough->source = VERA_FRAME_ROUGH_SKETCH;
        self->sketch_tried = rough->index;
        return TRUE;
    }
    rough->source = VERA_FRAME_ROUGH_KEY;
    return vera_frame_cache_needs_key(self, &rough->index);
}

/** Returns: (transfer full) (nullable): the frame that was chosen. Not under lock */
static VeraFrame *
vera_frame_cache_read_rough(VeraFrameCache *self, VeraFrameRough *rough)
{
    g_autoptr(GBytes) picture = NULL;

    if (rough->source == VERA_FRAME_ROUGH_KEY)
        return rough->clip != NULL ? vera_clip_read_key_frame(rough->clip, rough->index,
                                                              self->rough_cancellable, NULL)
                                   : NULL;
    picture = rough->source == VERA_FRAME_ROUGH_PROXY
                  ? vera_proxy_store_read(rough->proxies, rough->index)
                  : vera_frame_sketches_get(self->sketches, rough->index);
    if (rough->coder == NULL)
        rough->coder = vera_proxy_coder_new(vera_clip_get_info(self->clip));
    return picture != NULL && rough->coder != NULL
               ? vera_proxy_coder_decode(rough->coder, picture, rough->index)
               : NULL;
}

/** Called and left under lock, which is not held meanwhile. */
static void
vera_frame_cache_show_rough(VeraFrameCache *self, VeraFrameRough *rough)
{
    pthread_mutex_unlock(&self->lock);
    g_autoptr(VeraFrame) frame = vera_frame_cache_read_rough(self, rough);
    g_clear_pointer(&rough->proxies, vera_proxy_store_unref);
    pthread_mutex_lock(&self->lock);
    if (rough->source == VERA_FRAME_ROUGH_KEY)
        self->rough_key = rough->index;
    gboolean is_kept = frame != NULL && vera_frame_store_put(&self->store, frame, FALSE);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (is_kept)
        vera_frame_cache_report(self, frame->index, NULL);
    pthread_mutex_lock(&self->lock);
}

gpointer
vera_frame_cache_run_rough(gpointer data)
{
    VeraFrameCache *self = data;
    VeraFrameRough rough = {.clip = vera_clip_dup(self->clip, 1, NULL)};

    pthread_mutex_lock(&self->lock);
    while (!self->is_closed) {
        if (vera_frame_cache_choose_rough(self, &rough))
            vera_frame_cache_show_rough(self, &rough);
        else
            pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    g_clear_object(&rough.clip);
    g_clear_pointer(&rough.coder, vera_proxy_coder_free);
    return NULL;
}
