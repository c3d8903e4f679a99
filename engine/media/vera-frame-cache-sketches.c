#include "config.h"

#include <sys/resource.h>
#include <unistd.h>

#include "engine/media/vera-frame-cache-private.h"

/* Of the processor, what nobody else wants. */
#define VERA_FRAME_CACHE_NICENESS 10
/* So many places of a clip are sketched: an hour every 14 seconds. */
#define VERA_FRAME_CACHE_PLACE_BITS 8
#define VERA_FRAME_CACHE_PLACES (1u << VERA_FRAME_CACHE_PLACE_BITS)
/* Files of pictures may be tens of megabytes each, on a disk that others read from, too. */
#define VERA_FRAME_CACHE_FILES 16u

/** The place that comes after @n others: the middle, then the quarters, and so on, so that at any
 * time the places that were are evenly spread. The start, which is shown anyway, is last. Returns:
 * 0..VERA_FRAME_CACHE_PLACES-1 */
static guint
vera_frame_cache_get_place(guint n)
{
    guint place = 0;

    n = (n + 1) % VERA_FRAME_CACHE_PLACES;
    for (guint bit = 0; bit < VERA_FRAME_CACHE_PLACE_BITS; bit++)
        place |= ((n >> bit) & 1) << (VERA_FRAME_CACHE_PLACE_BITS - 1 - bit);
    return place;
}

/** Sketches the frame where decoding starts to reach @frame, if it is not among @tried. */
static void
vera_frame_cache_sketch_place(VeraFrameCache *self, VeraClip *clip, gint64 frame, GHashTable *tried)
{
    gint64 key = vera_clip_get_key_frame(clip, frame);

    if (!g_hash_table_add(tried, g_memdup2(&key, sizeof key)) ||
        vera_frame_sketches_find(self->sketches, key, 0) == key)
        return;
    g_autoptr(VeraFrame) picture =
        vera_clip_read_key_frame(clip, key, self->rough_cancellable, NULL);
    if (picture != NULL)
        vera_frame_cache_sketch(self, picture);
}

static gpointer
vera_frame_cache_run_sketches(gpointer data)
{
    VeraFrameCache *self = data;
    g_autoptr(VeraClip) clip = vera_clip_dup(self->clip, 1, NULL);
    g_autoptr(GHashTable) tried = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    const VeraClipInfo *info = vera_clip_get_info(self->clip);
    guint n_places = info->start_number >= 0 ? VERA_FRAME_CACHE_FILES : VERA_FRAME_CACHE_PLACES;

    /* On Linux this is the priority of the thread, and of those that it starts. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), VERA_FRAME_CACHE_NICENESS);
    for (guint i = 0; i < n_places && clip != NULL; i++) {
        if (g_cancellable_is_cancelled(self->rough_cancellable))
            break;
        gint64 frame = info->n_frames * vera_frame_cache_get_place(i) / VERA_FRAME_CACHE_PLACES;
        vera_frame_cache_sketch_place(self, clip, frame, tried);
    }
    return NULL;
}

void
vera_frame_cache_start_sketches(VeraFrameCache *self)
{
    /* Here, and not in the thread: a clip without sketches needs none. */
    if (!vera_frame_sketches_can(self->sketches))
        return;
    pthread_mutex_lock(&self->lock);
    /* Without the thread there is less to look at, and nothing else is missing. */
    if (self->sketch_thread == NULL && !self->is_closed)
        self->sketch_thread =
            g_thread_try_new("vera-sketches", vera_frame_cache_run_sketches, self, NULL);
    pthread_mutex_unlock(&self->lock);
}
