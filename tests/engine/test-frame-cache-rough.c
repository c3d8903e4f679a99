#include "config.h"

#include "tests/engine/frame-cache-fixture.h"

/** On the way to a far frame something nearer is there first, and the exact one follows. */
static void
test_something_first(void)
{
    Watch watch;
    g_autofree char *path = make_case(&case_long_groups);

    if (path == NULL)
        return;
    g_autoptr(VeraFrameCache) cache = open_cache(path, 1 << 30, &watch);
    g_assert_cmpint(vera_clip_get_key_frame(vera_frame_cache_get_clip(cache), 240), ==, 0);
    vera_frame_cache_request(cache, 240, 0);
    pthread_mutex_lock(&watch.lock);
    while (watch.n_reports == 0)
        pthread_cond_wait(&watch.changed, &watch.lock);
    g_assert_cmpint(g_array_index(watch.order, gint64, 0), <, 240);
    pthread_mutex_unlock(&watch.lock);
    gint64 found = -1;
    g_autoptr(VeraFrame) nearest = vera_frame_cache_get_nearest(cache, 240, &found);
    g_assert_nonnull(nearest);
    g_assert_cmpint(nearest->index, ==, found);
    g_autoptr(VeraFrame) exact = watch_wait(&watch, cache, 240);
    g_assert_nonnull(exact);
    g_autoptr(VeraFrame) next = vera_frame_cache_get_nearest(cache, 240, &found);
    g_assert_cmpint(found, ==, 240);
    vera_frame_cache_close(cache);
    g_assert_cmpuint(vera_frame_cache_get_bytes(cache), ==, 0);
    watch_clear(&watch);
}

static void
assert_shown_first(Watch *watch, gint64 frame)
{
    pthread_mutex_lock(&watch->lock);
    while (watch->order->len == 0)
        pthread_cond_wait(&watch->changed, &watch->lock);
    g_assert_cmpint(g_array_index(watch->order, gint64, 0), ==, frame);
    g_array_set_size(watch->order, 0);
    pthread_mutex_unlock(&watch->lock);
}

/** Where a sketch is near, it is what is seen first, before anything is decoded; what is nearer
 * takes its place, and it is never taken for the frame itself. */
static void
test_sketch_first(void)
{
    Watch watch;
    g_autofree char *path = make_case(&case_long_groups);
    g_autoptr(GError) error = NULL;

    if (path == NULL)
        return;
    g_autoptr(VeraFrameCache) cache = open_cache(path, 1 << 30, &watch);
    g_autoptr(VeraClip) clip = vera_clip_open(path, NULL, &error);
    gint64 key = vera_clip_get_key_frame(clip, 240);
    g_autoptr(VeraFrame) key_frame = vera_clip_read_frame(clip, key, NULL, &error);
    g_autoptr(VeraFrame) far_frame = vera_clip_read_frame(clip, 200, NULL, &error);

    g_assert_no_error(error);
    vera_frame_cache_sketch(cache, key_frame);
    vera_frame_cache_sketch(cache, far_frame);
    vera_frame_cache_request(cache, 240, 0);
    assert_shown_first(&watch, 200);
    g_assert_null(vera_frame_cache_get(cache, 200));
    g_autoptr(VeraFrame) exact = watch_wait(&watch, cache, 240);
    g_assert_false(exact->is_proxy);
    g_autoptr(VeraFrame) expected = vera_clip_read_frame(clip, 240, NULL, &error);
    g_autofree char *a = vera_frame_hash(expected), *b = vera_frame_hash(exact);
    g_assert_cmpstr(a, ==, b);
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

typedef struct {
    Watch watch;
    gboolean is_held;
} Hold;

/** Holds the thread that reads exact frames once it has 245. */
static void
hold_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Hold *self = data;

    watch_ready_cb(frame, error, &self->watch);
    pthread_mutex_lock(&self->watch.lock);
    while (frame == 245 && self->is_held)
        pthread_cond_wait(&self->watch.changed, &self->watch.lock);
    pthread_mutex_unlock(&self->watch.lock);
}

/** Where a decoded frame is a few frames away, that is what stays to be seen. */
static void
test_sketch_last(void)
{
    Hold hold = {.is_held = TRUE};
    g_autofree char *path = make_case(&case_long_groups);
    g_autoptr(GError) error = NULL;

    if (path == NULL)
        return;
    g_autoptr(VeraFrameCache) cache = open_cache(path, 0, &hold.watch);
    g_autoptr(VeraClip) clip = vera_clip_open(path, NULL, &error);
    g_autoptr(VeraFrame) key_frame = vera_clip_read_frame(clip, 250, NULL, &error);

    g_assert_no_error(error);
    g_assert_cmpint(vera_clip_get_key_frame(clip, 256), ==, 250);
    vera_frame_cache_set_ready_func(cache, hold_ready_cb, &hold);
    vera_frame_cache_request(cache, 245, 0);
    g_autoptr(VeraFrame) before = watch_wait(&hold.watch, cache, 245);
    vera_frame_cache_sketch(cache, key_frame);
    vera_frame_cache_request(cache, 256, 0);
    for (int i = 0; i < 100; i++) {
        g_autoptr(VeraFrame) shown = vera_frame_cache_get_nearest(cache, 256, NULL);
        g_assert_false(shown->is_proxy);
        g_usleep(1000);
    }
    pthread_mutex_lock(&hold.watch.lock);
    hold.is_held = FALSE;
    pthread_cond_broadcast(&hold.watch.changed);
    pthread_mutex_unlock(&hold.watch.lock);
    g_autoptr(VeraFrame) exact = watch_wait(&hold.watch, cache, 256);
    g_assert_nonnull(exact);
    vera_frame_cache_close(cache);
    watch_clear(&hold.watch);
}

typedef struct {
    Watch watch;
    VeraFrameCache *cache;
    gboolean has_start;  /* a sketch of frame 0 was shown */
    gboolean has_second; /* one of the second key frame was */
} Sketched;

static void
sketched_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Sketched *self = data;
    g_autoptr(VeraFrame) shown = vera_frame_cache_get_nearest(self->cache, frame, NULL);

    if (shown != NULL && shown->index == frame && shown->is_proxy) {
        pthread_mutex_lock(&self->watch.lock);
        self->has_start = self->has_start || frame == 0;
        self->has_second = self->has_second || frame == 250;
        pthread_mutex_unlock(&self->watch.lock);
    }
    watch_ready_cb(frame, error, &self->watch);
}

/** A cache that is told to makes sketches of all key frames by itself, and what is exact stays so.
 */
static void
test_own_sketches(void)
{
    Sketched sketched = {0};
    g_autofree char *path = make_case(&case_long_groups);

    if (path == NULL)
        return;
    g_autoptr(VeraClip) clip = fixture_open(case_long_groups.file);
    g_autoptr(GPtrArray) hashes = hash_all(clip);
    /* With room for two frames, nothing is there when the playhead comes back. */
    g_autoptr(VeraFrameCache) cache = open_cache(path, 0, &sketched.watch);
    sketched.cache = cache;
    vera_frame_cache_set_ready_func(cache, sketched_ready_cb, &sketched);
    vera_frame_cache_start_sketches(cache);
    vera_frame_cache_start_sketches(cache);
    gboolean has_both = FALSE;
    for (int i = 0; i < 400 && !has_both; i++) {
        gint64 frame = i % 2 == 0 ? 120 : 280;
        vera_frame_cache_request(cache, frame, 0);
        assert_frame(&sketched.watch, cache, frame, hashes);
        pthread_mutex_lock(&sketched.watch.lock);
        has_both = sketched.has_start && sketched.has_second;
        pthread_mutex_unlock(&sketched.watch.lock);
    }
    g_assert_true(has_both);
    vera_frame_cache_close(cache);
    vera_frame_cache_start_sketches(cache);
    watch_clear(&sketched.watch);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame-cache/something-first", test_something_first);
    g_test_add_func("/frame-cache/sketch-first", test_sketch_first);
    g_test_add_func("/frame-cache/sketch-last", test_sketch_last);
    g_test_add_func("/frame-cache/own-sketches", test_own_sketches);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
