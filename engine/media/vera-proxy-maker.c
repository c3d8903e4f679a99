#include "config.h"

#include "engine/media/vera-proxy-maker.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/media/vera-proxy-coder.h"
#include "engine/media/vera-proxy-store.h"
#include "engine/vera-engine-error.h"

/* Of the processor, what nobody else wants. */
#define VERA_PROXY_NICENESS 10
/* A frame so far from its key frame is soon there without a proxy. */
#define VERA_PROXY_FAR 12
/* A picture file of so many pixels takes several times as long to read as its proxy. */
#define VERA_PROXY_LARGE (1280 * 720)
/* How often it is looked whether the file was deleted, or another program is done with it. */
#define VERA_PROXY_WATCH_SECONDS 1
/* So much room is made at a time. */
#define VERA_PROXY_CHUNK ((gint64)8 << 20)

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraProxyMaker {
    /* Owned, never changed while the thread runs */
    VeraFrameCache *cache;
    VeraClip *clip; /* for its facts alone */
    char *folder;
    GThread *thread;
    GCancellable *cancellable;

    /* Owned by the thread */
    VeraClip *reader;
    VeraProxyCoder *coder;
    VeraProxyStore *store;
    guint8 *hopeless; /* for each frame: it cannot be read */
    gint64 last;
    gint64 room;        /* bytes that may be written before it is measured again */
    gint64 measured_by; /* the limit that it was measured by */
    int told;           /* progress in percent */

    /* Owned, under call_lock, which is never taken while lock is held */
    pthread_mutex_t call_lock;
    VeraProxyMakerFunc func;
    gpointer data;

    /* Owned, under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    VeraProxyState state;
    double progress;
    char *message;
    gint64 max_bytes;
    gboolean is_closed;
};

static void
vera_proxy_maker_tell(VeraProxyMaker *self)
{
    pthread_mutex_lock(&self->call_lock);
    if (self->func != NULL)
        self->func(self->data);
    pthread_mutex_unlock(&self->call_lock);
}

static void
vera_proxy_maker_set_state(VeraProxyMaker *self, VeraProxyState state)
{
    gint64 n = vera_clip_get_info(self->clip)->n_frames;
    gint64 n_made = self->store != NULL ? vera_proxy_store_get_n_frames(self->store) : 0;
    int percent = (int)(100 * n_made / n);

    pthread_mutex_lock(&self->lock);
    gboolean is_news = state != self->state || percent != self->told;
    self->state = state;
    self->progress = (double)n_made / (double)n;
    self->told = percent;
    pthread_mutex_unlock(&self->lock);
    if (is_news)
        vera_proxy_maker_tell(self);
}

static void
vera_proxy_maker_fail(VeraProxyMaker *self, const GError *error)
{
    pthread_mutex_lock(&self->lock);
    g_free(self->message);
    self->message = g_strdup(error->message);
    pthread_mutex_unlock(&self->lock);
    vera_proxy_maker_set_state(self, VERA_PROXY_STATE_FAILED);
}

/** Whether some frame is decoded from far away, or is a file of its own that takes long to read. In
 * movies where each frame stands alone it is there as soon as its proxy would be. */
static gboolean
vera_proxy_maker_is_needed(const VeraProxyMaker *self)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);

    if (!vera_proxy_coder_can(&info->format))
        return FALSE;
    if (info->start_number >= 0 && info->n_frames > 1 &&
        (gint64)info->width * info->height >= VERA_PROXY_LARGE)
        return TRUE;
    for (gint64 i = 0; i < info->n_frames; i++)
        if (i - vera_clip_get_key_frame(self->clip, i) > VERA_PROXY_FAR)
            return TRUE;
    return FALSE;
}

static gboolean
vera_proxy_maker_lacks(const VeraProxyMaker *self, gint64 frame)
{
    return !self->hopeless[frame] && !vera_proxy_store_has(self->store, frame);
}

/** The next frame to make a proxy of: on within a group of pictures; else from the playhead's on,
 * around the clip. Returns: a frame number, or -1 */
static gint64
vera_proxy_maker_choose(const VeraProxyMaker *self)
{
    gint64 n = vera_clip_get_info(self->clip)->n_frames, next = self->last + 1;

    if (next > 0 && next < n && vera_clip_get_key_frame(self->clip, next) != next &&
        vera_proxy_maker_lacks(self, next))
        return next;
    gint64 first = vera_clip_get_key_frame(self->clip, vera_frame_cache_get_playhead(self->cache));
    for (gint64 i = 0; i < n; i++)
        if (vera_proxy_maker_lacks(self, (first + i) % n))
            return (first + i) % n;
    return -1;
}

/** Makes room for @bytes in the folder. Returns: whether there is any */
static gboolean
vera_proxy_maker_make_room(VeraProxyMaker *self, gint64 bytes)
{
    if (self->room < bytes) {
        pthread_mutex_lock(&self->lock);
        gint64 max = self->measured_by = self->max_bytes;
        pthread_mutex_unlock(&self->lock);
        gint64 chunk = MIN(VERA_PROXY_CHUNK, max / 8);
        self->room = max - vera_proxy_folder_trim(self->folder, max - MAX(chunk, bytes),
                                                  vera_proxy_store_get_path(self->store));
    }
    if (self->room < bytes)
        return FALSE;
    self->room -= bytes;
    return TRUE;
}

/** There is no room. Returns: whether there may be by now: the limit was raised while it was
 * measured */
static gboolean
vera_proxy_maker_stop_for_room(VeraProxyMaker *self)
{
    vera_proxy_maker_set_state(self, VERA_PROXY_STATE_FULL);
    pthread_mutex_lock(&self->lock);
    gboolean is_raised = self->max_bytes > self->measured_by;
    pthread_mutex_unlock(&self->lock);
    if (is_raised)
        vera_proxy_maker_set_state(self, VERA_PROXY_STATE_MAKING);
    return is_raised;
}

/** Makes the proxy of frame @frame. Returns: whether making may go on */
static gboolean
vera_proxy_maker_make(VeraProxyMaker *self, gint64 frame)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) picture =
        vera_clip_read_frame(self->reader, frame, self->cancellable, &error);
    g_autoptr(GBytes) proxy =
        picture != NULL ? vera_proxy_coder_encode(self->coder, picture) : NULL;

    if (g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED))
        return FALSE;
    self->last = frame;
    if (proxy == NULL) {
        /* What is wrong with the frame is told when it is wanted itself. */
        self->hopeless[frame] = TRUE;
        return TRUE;
    }
    if (!vera_proxy_maker_make_room(self, (gint64)g_bytes_get_size(proxy) + 64))
        return vera_proxy_maker_stop_for_room(self);
    if (!vera_proxy_store_put(self->store, frame, proxy, &error)) {
        vera_proxy_maker_fail(self, error);
        return FALSE;
    }
    vera_proxy_maker_set_state(self, VERA_PROXY_STATE_MAKING);
    return TRUE;
}

/** Makes what is missing, as long as nothing stands against it. */
static void
vera_proxy_maker_work(VeraProxyMaker *self)
{
    gint64 frame;

    while (!g_cancellable_is_cancelled(self->cancellable) &&
           !vera_proxy_store_is_deleted(self->store)) {
        frame = vera_proxy_maker_choose(self);
        if (frame < 0) {
            vera_proxy_maker_set_state(self, VERA_PROXY_STATE_COMPLETE);
            return;
        }
        if (!vera_proxy_maker_make(self, frame))
            return;
    }
}

/** Waits a while. Returns: whether there is anything to go on for */
static gboolean
vera_proxy_maker_wait(VeraProxyMaker *self)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += VERA_PROXY_WATCH_SECONDS;
    pthread_mutex_lock(&self->lock);
    if (!self->is_closed)
        pthread_cond_timedwait(&self->changed, &self->lock, &until);
    gboolean is_closed = self->is_closed;
    pthread_mutex_unlock(&self->lock);
    return !is_closed;
}

static gboolean
vera_proxy_maker_open(VeraProxyMaker *self, GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);

    self->store = vera_proxy_store_open(self->folder, self->clip, error);
    if (self->store == NULL)
        return FALSE;
    vera_frame_cache_set_proxies(self->cache, self->store);
    self->hopeless = g_new0(guint8, info->n_frames);
    self->coder = vera_proxy_coder_new(info);
    self->reader = vera_clip_dup(self->clip, 1, error);
    if (self->reader == NULL)
        return FALSE;
    if (self->coder == NULL)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "Proxies of ‘%s’ cannot be made: the FFmpeg that is installed has no JPEG.",
                    vera_clip_get_path(self->clip));
    return self->coder != NULL;
}

/** Where the state stays as it is, it is only looked whether the file is still there. */
static gboolean
vera_proxy_maker_is_at_rest(VeraProxyMaker *self)
{
    pthread_mutex_lock(&self->lock);
    gboolean is_at_rest = self->state != VERA_PROXY_STATE_MAKING;
    pthread_mutex_unlock(&self->lock);
    return is_at_rest;
}

static void
vera_proxy_maker_run_store(VeraProxyMaker *self)
{
    g_autoptr(GError) error = NULL;

    do {
        if (vera_proxy_store_is_deleted(self->store)) {
            vera_frame_cache_set_proxies(self->cache, NULL);
            g_clear_pointer(&self->store, vera_proxy_store_unref);
            vera_proxy_maker_set_state(self, VERA_PROXY_STATE_CLEARED);
            return;
        }
        if (vera_proxy_maker_is_at_rest(self))
            continue;
        if (vera_proxy_store_begin(self->store, &error))
            vera_proxy_maker_work(self);
        else if (error == NULL)
            vera_proxy_maker_set_state(self, vera_proxy_maker_choose(self) < 0
                                                 ? VERA_PROXY_STATE_COMPLETE
                                                 : VERA_PROXY_STATE_MAKING);
        else {
            vera_proxy_maker_fail(self, error);
            g_clear_error(&error);
        }
    } while (vera_proxy_maker_wait(self));
}

static gpointer
vera_proxy_maker_run(gpointer data)
{
    VeraProxyMaker *self = data;
    g_autoptr(GError) error = NULL;

    /* On Linux this is the priority of the thread, and of those that it starts. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), VERA_PROXY_NICENESS);
    if (!vera_proxy_maker_is_needed(self))
        vera_proxy_maker_set_state(self, VERA_PROXY_STATE_UNNEEDED);
    else if (!vera_proxy_maker_open(self, &error))
        vera_proxy_maker_fail(self, error);
    else
        vera_proxy_maker_run_store(self);
    vera_frame_cache_set_proxies(self->cache, NULL);
    g_clear_object(&self->reader);
    g_clear_pointer(&self->coder, vera_proxy_coder_free);
    g_clear_pointer(&self->store, vera_proxy_store_unref);
    return NULL;
}

VeraProxyMaker *
vera_proxy_maker_new(VeraFrameCache *cache,
                     const char *folder,
                     gint64 max_bytes,
                     VeraProxyMakerFunc func,
                     gpointer data)
{
    VeraProxyMaker *self = g_new0(VeraProxyMaker, 1);

    self->cache = g_object_ref(cache);
    self->clip = g_object_ref(vera_frame_cache_get_clip(cache));
    self->folder = g_strdup(folder);
    self->max_bytes = max_bytes;
    self->func = func;
    self->data = data;
    self->last = self->told = -1;
    self->cancellable = g_cancellable_new();
    pthread_mutex_init(&self->call_lock, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->thread = g_thread_new("vera-proxies", vera_proxy_maker_run, self);
    return self;
}

void
vera_proxy_maker_stop(VeraProxyMaker *self)
{
    pthread_mutex_lock(&self->call_lock);
    self->func = NULL;
    pthread_mutex_unlock(&self->call_lock);
    pthread_mutex_lock(&self->lock);
    self->is_closed = TRUE;
    g_cancellable_cancel(self->cancellable);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void
vera_proxy_maker_free(VeraProxyMaker *self)
{
    vera_proxy_maker_stop(self);
    g_thread_join(self->thread);
    g_object_unref(self->cancellable);
    g_object_unref(self->clip);
    g_object_unref(self->cache);
    g_free(self->hopeless);
    g_free(self->folder);
    g_free(self->message);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->call_lock);
    g_free(self);
}

void
vera_proxy_maker_set_max_bytes(VeraProxyMaker *self, gint64 max_bytes)
{
    pthread_mutex_lock(&self->lock);
    if (max_bytes > self->max_bytes && self->state == VERA_PROXY_STATE_FULL)
        self->state = VERA_PROXY_STATE_MAKING;
    self->max_bytes = max_bytes;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

VeraProxyState
vera_proxy_maker_get_state(VeraProxyMaker *self, double *progress)
{
    pthread_mutex_lock(&self->lock);
    VeraProxyState state = self->state;
    if (progress != NULL)
        *progress = self->progress;
    pthread_mutex_unlock(&self->lock);
    return state;
}

char *
vera_proxy_maker_dup_message(VeraProxyMaker *self)
{
    pthread_mutex_lock(&self->lock);
    char *message = g_strdup(self->message);
    pthread_mutex_unlock(&self->lock);
    return message;
}
