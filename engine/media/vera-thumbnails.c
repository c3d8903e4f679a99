#include "config.h"

#include "engine/media/vera-thumbnails.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of the processor, what nobody else wants. */
#define VERA_THUMBNAILS_NICENESS 10

/**
 * VeraThumbnail:
 * @key: number of the key frame, which is the key of the table
 * @pixels: (nullable): the picture, or %NULL if it cannot be made
 * @turn: the request that asked for it last
 */
typedef struct {
    gint64 key;
    GBytes *pixels;
    guint turn;
} VeraThumbnail;

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraThumbnails {
    /* Owned, never changed while the thread runs */
    VeraClip *clip;
    VeraFrameCache *cache;
    GThread *thread;
    GCancellable *cancellable;
    int width;
    int height;
    gint64 max_pictures;

    /* Owned, under call_lock */
    pthread_mutex_t call_lock;
    VeraThumbnailsReadyFunc ready;
    gpointer ready_data;

    /* Owned, under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GHashTable *pictures;
    GArray *wanted;
    gint64 n_made;
    guint turn;
    gboolean is_closed;
};

static void
vera_thumbnail_free(gpointer data)
{
    VeraThumbnail *picture = data;
    g_clear_pointer(&picture->pixels, g_bytes_unref);
    g_free(picture);
}

/** The first wanted picture that is not there, under lock; at most as many as fit are looked at. */
static gboolean
vera_thumbnails_choose(VeraThumbnails *self, gint64 *key)
{
    for (guint i = 0; i < self->wanted->len && i < self->max_pictures; i++) {
        *key = g_array_index(self->wanted, gint64, i);
        if (!g_hash_table_contains(self->pictures, key))
            return TRUE;
    }
    return FALSE;
}

/** Drops the picture that was not asked for longest, if there are too many, under lock. */
static void
vera_thumbnails_make_room(VeraThumbnails *self)
{
    GHashTableIter iter;
    gpointer value;
    VeraThumbnail *oldest = NULL;

    if (self->n_made < self->max_pictures)
        return;
    g_hash_table_iter_init(&iter, self->pictures);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        VeraThumbnail *picture = value;
        if (picture->pixels != NULL && (oldest == NULL || picture->turn < oldest->turn))
            oldest = picture;
    }
    if (oldest == NULL)
        return;
    g_hash_table_remove(self->pictures, &oldest->key);
    self->n_made--;
}

static void
vera_thumbnails_put(VeraThumbnails *self, gint64 key, guint turn, GBytes *pixels)
{
    VeraThumbnail *picture = g_new0(VeraThumbnail, 1);

    picture->key = key;
    picture->turn = turn;
    if (pixels != NULL) {
        vera_thumbnails_make_room(self);
        picture->pixels = g_bytes_ref(pixels);
        self->n_made++;
    }
    g_hash_table_replace(self->pictures, &picture->key, picture);
}

static GBytes *
vera_thumbnails_make(VeraThumbnails *self, VeraClip **clip, gint64 key)
{
    if (*clip == NULL)
        *clip = vera_clip_dup(self->clip, 1, NULL);
    if (*clip == NULL)
        return NULL;
    g_autoptr(VeraFrame) frame = vera_clip_read_key_frame(*clip, key, self->cancellable, NULL);
    if (frame != NULL && self->cache != NULL)
        vera_frame_cache_sketch(self->cache, frame);
    return frame != NULL ? vera_frame_make_thumbnail(frame, self->width, self->height, NULL) : NULL;
}

static void
vera_thumbnails_report(VeraThumbnails *self)
{
    pthread_mutex_lock(&self->call_lock);
    if (self->ready != NULL)
        self->ready(self->ready_data);
    pthread_mutex_unlock(&self->call_lock);
}

static gpointer
vera_thumbnails_run(gpointer data)
{
    VeraThumbnails *self = data;
    g_autoptr(VeraClip) clip = NULL;
    gint64 key;

    /* On Linux this is the priority of the thread, and of those that it starts. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), VERA_THUMBNAILS_NICENESS);
    pthread_mutex_lock(&self->lock);
    while (!self->is_closed) {
        if (!vera_thumbnails_choose(self, &key)) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        guint turn = self->turn;
        pthread_mutex_unlock(&self->lock);
        g_autoptr(GBytes) pixels = vera_thumbnails_make(self, &clip, key);
        pthread_mutex_lock(&self->lock);
        vera_thumbnails_put(self, key, turn, pixels);
        pthread_mutex_unlock(&self->lock);
        if (pixels != NULL)
            vera_thumbnails_report(self);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void
vera_thumbnails_set_size(VeraThumbnails *self, int height)
{
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    gint64 across = (gint64)info->width * info->pixel_aspect_num;
    gint64 down = (gint64)info->height * info->pixel_aspect_den;

    self->height = MIN(CLAMP(height, 8, 1024), info->height);
    self->width = (int)CLAMP((across * self->height + down / 2) / down, 1, info->width);
}

VeraThumbnails *
vera_thumbnails_new(VeraClip *clip, VeraFrameCache *cache, int height, gsize max_bytes)
{
    VeraThumbnails *self = g_new0(VeraThumbnails, 1);

    self->clip = g_object_ref(clip);
    g_set_object(&self->cache, cache);
    self->cancellable = g_cancellable_new();
    vera_thumbnails_set_size(self, height);
    gsize bytes = 4 * (gsize)self->width * (gsize)self->height;
    self->max_pictures = MAX((gint64)(max_bytes / bytes), 1);
    self->pictures = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, vera_thumbnail_free);
    self->wanted = g_array_new(FALSE, FALSE, sizeof(gint64));
    pthread_mutex_init(&self->call_lock, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->thread = g_thread_new("vera-thumbs", vera_thumbnails_run, self);
    return self;
}

void
vera_thumbnails_free(VeraThumbnails *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_closed = TRUE;
    g_cancellable_cancel(self->cancellable);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    g_thread_join(self->thread);
    g_hash_table_unref(self->pictures);
    g_array_unref(self->wanted);
    g_object_unref(self->cancellable);
    g_object_unref(self->clip);
    g_clear_object(&self->cache);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->call_lock);
    g_free(self);
}

void
vera_thumbnails_get_size(VeraThumbnails *self, int *width, int *height)
{
    *width = self->width;
    *height = self->height;
}

void
vera_thumbnails_request(VeraThumbnails *self, const gint64 *frames, guint n_frames)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

    pthread_mutex_lock(&self->lock);
    self->turn++;
    g_array_set_size(self->wanted, 0);
    for (guint i = 0; i < n_frames; i++) {
        gint64 key = vera_clip_get_key_frame(self->clip, frames[i]);
        VeraThumbnail *picture = g_hash_table_lookup(self->pictures, &key);
        if (!g_hash_table_add(seen, g_memdup2(&key, sizeof key)))
            continue;
        g_array_append_val(self->wanted, key);
        if (picture != NULL && self->wanted->len <= self->max_pictures)
            picture->turn = self->turn;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

GBytes *
vera_thumbnails_get(VeraThumbnails *self, gint64 frame, gint64 *shown)
{
    gint64 key = vera_clip_get_key_frame(self->clip, frame);

    pthread_mutex_lock(&self->lock);
    const VeraThumbnail *picture = g_hash_table_lookup(self->pictures, &key);
    GBytes *pixels =
        picture != NULL && picture->pixels != NULL ? g_bytes_ref(picture->pixels) : NULL;
    pthread_mutex_unlock(&self->lock);
    if (shown != NULL)
        *shown = pixels != NULL ? key : -1;
    return pixels;
}

gsize
vera_thumbnails_get_bytes(VeraThumbnails *self)
{
    pthread_mutex_lock(&self->lock);
    gsize bytes = 4 * (gsize)self->width * (gsize)self->height * (gsize)self->n_made;
    pthread_mutex_unlock(&self->lock);
    return bytes;
}

void
vera_thumbnails_set_ready_func(VeraThumbnails *self, VeraThumbnailsReadyFunc func, gpointer data)
{
    pthread_mutex_lock(&self->call_lock);
    self->ready = func;
    self->ready_data = data;
    pthread_mutex_unlock(&self->call_lock);
}
