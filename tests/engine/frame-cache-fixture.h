#pragma once

#include "engine/media/vera-frame-cache.h"

#include <pthread.h>

#include "tests/engine/media-fixture.h"

/** What the cache reports. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    gint64 n_reports;
    GArray *order;
    GHashTable *errors;
} Watch;

static inline void
watch_init(Watch *self)
{
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->n_reports = 0;
    self->order = g_array_new(FALSE, FALSE, sizeof(gint64));
    self->errors = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

static inline void
watch_clear(Watch *self)
{
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    g_array_unref(self->order);
    g_hash_table_unref(self->errors);
}

static inline void
watch_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Watch *self = data;

    pthread_mutex_lock(&self->lock);
    if (error != NULL)
        g_hash_table_insert(self->errors, g_memdup2(&frame, sizeof frame),
                            g_strdup(error->message));
    else
        g_array_append_val(self->order, frame);
    self->n_reports++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/** Waits until @frame is there or has failed. Returns: (transfer full) (nullable): the frame */
static inline VeraFrame *
watch_wait(Watch *self, VeraFrameCache *cache, gint64 frame)
{
    VeraFrame *found;

    pthread_mutex_lock(&self->lock);
    for (;;) {
        gint64 n = self->n_reports;
        gboolean has_failed = g_hash_table_contains(self->errors, &frame);
        pthread_mutex_unlock(&self->lock);
        found = vera_frame_cache_get(cache, frame);
        pthread_mutex_lock(&self->lock);
        if (found != NULL || has_failed)
            break;
        while (self->n_reports == n)
            pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

/** The hash of every frame, read from first to last. */
static inline GPtrArray *
hash_all(VeraClip *clip)
{
    GPtrArray *hashes = g_ptr_array_new_with_free_func(g_free);
    for (gint64 i = 0; i < vera_clip_get_info(clip)->n_frames; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, i, NULL, &error);
        g_assert_no_error(error);
        g_ptr_array_add(hashes, vera_frame_hash(frame));
    }
    return hashes;
}

static inline VeraFrameCache *
open_cache(const char *path, gsize max_bytes, Watch *watch)
{
    g_autoptr(GError) error = NULL;
    VeraFrameCache *cache = vera_frame_cache_new(path, max_bytes, &error);
    g_assert_no_error(error);
    watch_init(watch);
    vera_frame_cache_set_ready_func(cache, watch_ready_cb, watch);
    return cache;
}

static inline void
assert_frame(Watch *watch, VeraFrameCache *cache, gint64 index, GPtrArray *hashes)
{
    g_autoptr(VeraFrame) frame = watch_wait(watch, cache, index);
    g_assert_nonnull(frame);
    g_assert_cmpint(frame->index, ==, index);
    g_autofree char *hash = vera_frame_hash(frame);
    g_assert_cmpstr(hash, ==, g_ptr_array_index(hashes, index));
}

typedef struct {
    const char *name;
    const char *make;
    const char *file;
} Case;

#define SOURCE "-f lavfi -i testsrc2=s=130x98:r=24:d=3 -vf noise=alls=30:allf=t"
#define LONG "-f lavfi -i testsrc2=s=130x98:r=24:d=12 -vf noise=alls=20:allf=t"

static const Case case_short_groups = {
    "h264-bframes", SOURCE " -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p b.mp4", "b.mp4"};
static const Case case_long_groups = {
    "h264-long-gop",
    LONG " -c:v libx264 -preset veryfast -x264-params "
         "keyint=250:min-keyint=250:scenecut=0:bframes=3:b-pyramid=normal "
         "-pix_fmt yuv420p long.mp4",
    "long.mp4"};
static const Case case_pictures = {
    "png-sequence", SOURCE " -pix_fmt rgb24 -start_number 1001 p8.%04d.png", "p8.%04d.png"};

/** Makes the file of @self. Returns: (transfer full) (nullable): its path, or %NULL after a skip */
static inline char *
make_case(const Case *self)
{
    g_autofree char *make = g_strconcat("ffmpeg -y ", self->make, NULL);

    if (!fixture_has_ffmpeg())
        return NULL;
    if (!fixture_run(make)) {
        g_test_skip("this ffmpeg lacks the encoder");
        return NULL;
    }
    return fixture_get_path(self->file);
}
