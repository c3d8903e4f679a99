#include "config.h"

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

static void
watch_init(Watch *self)
{
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->n_reports = 0;
    self->order = g_array_new(FALSE, FALSE, sizeof(gint64));
    self->errors = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

static void
watch_clear(Watch *self)
{
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    g_array_unref(self->order);
    g_hash_table_unref(self->errors);
}

static void
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
static VeraFrame *
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
static GPtrArray *
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

static VeraFrameCache *
open_cache(const char *path, gsize max_bytes, Watch *watch)
{
    g_autoptr(GError) error = NULL;
    VeraFrameCache *cache = vera_frame_cache_new(path, max_bytes, &error);
    g_assert_no_error(error);
    watch_init(watch);
    vera_frame_cache_set_ready_func(cache, watch_ready_cb, watch);
    return cache;
}

static void
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

static const Case cases[] = {
    {"h264-bframes", SOURCE " -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p b.mp4", "b.mp4"},
    {"h264-long-gop",
     LONG " -c:v libx264 -preset veryfast -x264-params "
          "keyint=250:min-keyint=250:scenecut=0:bframes=3:b-pyramid=normal "
          "-pix_fmt yuv420p long.mp4",
     "long.mp4"},
    {"h264-open-gop",
     SOURCE " -c:v libx264 -x264-params open-gop=1:bframes=3:keyint=8 -pix_fmt yuv420p open.ts",
     "open.ts"},
    {"h264-elementary", SOURCE " -c:v libx264 -bf 2 -g 12 -pix_fmt yuv420p raw.h264", "raw.h264"},
    {"h264-intra-refresh",
     SOURCE " -c:v libx264 -x264-params intra-refresh=1:keyint=10:bframes=0 -pix_fmt yuv420p "
            "ir.mkv",
     "ir.mkv"},
    {"h264-interlaced",
     SOURCE " -c:v libx264 -flags +ildct+ilme -bf 2 -g 12 -pix_fmt yuv420p il.mp4", "il.mp4"},
    {"hevc-open-gop",
     SOURCE " -c:v libx265 -x265-params log-level=none:open-gop=1:keyint=8:bframes=3 "
            "-pix_fmt yuv420p10le hevc.mp4",
     "hevc.mp4"},
    {"mpeg2-open-gop", SOURCE " -c:v mpeg2video -bf 2 -g 9 -b:v 3M -pix_fmt yuv420p m2.ts",
     "m2.ts"},
    {"vp9", SOURCE " -c:v libvpx-vp9 -cpu-used 8 -deadline realtime -b:v 300k vp9.webm",
     "vp9.webm"},
    {"prores", SOURCE " -c:v prores_ks -profile:v 0 -pix_fmt yuv422p10le p.mov", "p.mov"},
    {"png-sequence", SOURCE " -pix_fmt rgb24 -start_number 1001 p8.%04d.png", "p8.%04d.png"},
};

/** Makes the file of @self. Returns: (transfer full) (nullable): its path, or %NULL after a skip */
static char *
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

/** Jumps, plays forward, plays backward; each frame that is asked for is the right one. */
static void
check_exact(const char *path, VeraClip *clip, GPtrArray *hashes, gsize max_bytes)
{
    Watch watch;
    gint64 n = vera_clip_get_info(clip)->n_frames;
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    g_autoptr(VeraFrameCache) cache = open_cache(path, max_bytes, &watch);

    for (int i = 0; i < 40; i++) {
        gint64 frame = g_rand_int_range(random, 0, (gint32)n);
        vera_frame_cache_request(cache, frame, g_rand_int_range(random, -2, 3));
        if (g_rand_int_range(random, 0, 3) > 0)
            assert_frame(&watch, cache, frame, hashes);
    }
    for (gint64 i = 0; i < n; i += 1 + i % 3) {
        vera_frame_cache_request(cache, i, 1);
        assert_frame(&watch, cache, i, hashes);
    }
    for (gint64 i = n - 1; i >= 0; i--) {
        vera_frame_cache_request(cache, i, -1);
        assert_frame(&watch, cache, i, hashes);
    }
    g_assert_cmpuint(g_hash_table_size(watch.errors), ==, 0);
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

static void
test_exact(gconstpointer data)
{
    const Case *self = data;
    g_autofree char *path = make_case(self);

    if (path == NULL)
        return;
    g_autoptr(VeraClip) clip = fixture_open(self->file);
    g_autoptr(GPtrArray) hashes = hash_all(clip);
    const VeraClipInfo *info = vera_clip_get_info(clip);
    gsize bytes = vera_frame_measure(&info->format, info->width, info->height);
    check_exact(path, clip, hashes, 1000 * bytes);
    check_exact(path, clip, hashes, 30 * bytes);
    check_exact(path, clip, hashes, 0);
}

static void
test_real(gconstpointer data)
{
    static const gint64 frames[] = {200, 3, 120, 119, 118, 246, 0, 60};
    const char *root = g_getenv("VERA_SOURCE_ROOT");
    const char *media = g_getenv("VERA_TEST_MEDIA");
    g_autofree char *beside =
        g_build_filename(root != NULL ? root : ".", "..", "shared", "media", NULL);
    g_autofree char *path = g_build_filename(media != NULL ? media : beside, data, NULL);
    Watch watch;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_test_skip("the real clips are not here");
        return;
    }
    g_autoptr(VeraClip) clip = vera_clip_open(path, NULL, NULL);
    g_autoptr(VeraFrameCache) cache = open_cache(path, 64 << 20, &watch);
    for (gsize i = 0; i < G_N_ELEMENTS(frames); i++) {
        g_autoptr(VeraFrame) expected = vera_clip_read_frame(clip, frames[i], NULL, NULL);
        g_autofree char *a = vera_frame_hash(expected);
        vera_frame_cache_request(cache, frames[i], i == 3 || i == 4 ? -1 : 0);
        g_autoptr(VeraFrame) frame = watch_wait(&watch, cache, frames[i]);
        g_autofree char *b = vera_frame_hash(frame);
        g_assert_cmpstr(a, ==, b);
    }
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

/** On the way to a far frame something nearer is there first, and the exact one follows. */
static void
test_something_first(void)
{
    Watch watch;
    g_autofree char *path = make_case(&cases[1]);

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
    g_autofree char *path = make_case(&cases[1]);
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
    g_autofree char *path = make_case(&cases[1]);
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
    VeraFrameCache *cache;
    Watch watch;
    gsize limit;
    gint64 n_frames;
    gboolean is_done;
} Stress;

static void
stress_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Stress *self = data;
    g_assert_no_error(error);
    g_assert_cmpuint(vera_frame_cache_get_bytes(self->cache), <=, self->limit);
    watch_ready_cb(frame, error, &self->watch);
}

static gpointer
stress_look(gpointer data)
{
    Stress *self = data;
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GRand) random = g_rand_new_with_seed(23);

    while (!__atomic_load_n(&self->is_done, __ATOMIC_ACQUIRE)) {
        gint64 frame = g_rand_int_range(random, 0, (gint32)self->n_frames), found;
        g_autoptr(VeraFrame) exact = vera_frame_cache_get(self->cache, frame);
        g_autoptr(VeraFrame) near = vera_frame_cache_get_nearest(self->cache, frame, &found);
        g_assert_true(exact == NULL || exact->index == frame);
        g_assert_true(near == NULL || near->index == found);
        if (exact != NULL && frame % 8 == 0)
            vera_frame_cache_sketch(self->cache, exact);
        vera_frame_cache_get_cached(self->cache, runs);
        for (guint i = 0; i < runs->len; i++) {
            gint64 before = i > 0 ? g_array_index(runs, gint64, i - 1) : -2;
            g_assert_cmpint(g_array_index(runs, gint64, i), >=, before + (i % 2 == 0 ? 2 : 0));
        }
        g_assert_cmpuint(vera_frame_cache_get_bytes(self->cache), <=, self->limit);
    }
    return NULL;
}

/** Three threads ask at once, one looks; memory stays within its limit and the last frame comes. */
static gpointer
stress_ask(gpointer data)
{
    Stress *self = data;
    g_autoptr(GRand) random = g_rand_new();

    for (int i = 0; i < 400; i++) {
        vera_frame_cache_request(self->cache, g_rand_int_range(random, 0, (gint32)self->n_frames),
                                 g_rand_int_range(random, -3, 4));
        if (i % 16 == 0)
            g_usleep(2000);
    }
    return NULL;
}

static void
test_stress(void)
{
    Stress stress = {0};
    GThread *threads[3], *looker;
    g_autofree char *path = make_case(&cases[1]);

    if (path == NULL)
        return;
    g_autoptr(VeraClip) clip = fixture_open(cases[1].file);
    g_autoptr(GPtrArray) hashes = hash_all(clip);
    const VeraClipInfo *info = vera_clip_get_info(clip);
    stress.limit = 20 * vera_frame_measure(&info->format, info->width, info->height);
    stress.n_frames = info->n_frames;
    g_autoptr(VeraFrameCache) cache = open_cache(path, stress.limit, &stress.watch);
    stress.cache = cache;
    vera_frame_cache_set_ready_func(cache, stress_ready_cb, &stress);
    looker = g_thread_new("look", stress_look, &stress);
    for (int i = 0; i < 3; i++)
        threads[i] = g_thread_new("ask", stress_ask, &stress);
    for (int i = 0; i < 3; i++)
        g_thread_join(threads[i]);
    for (gint64 frame = 3; frame < stress.n_frames; frame += 71) {
        vera_frame_cache_request(cache, frame, 1);
        assert_frame(&stress.watch, cache, frame, hashes);
    }
    __atomic_store_n(&stress.is_done, TRUE, __ATOMIC_RELEASE);
    g_thread_join(looker);
    vera_frame_cache_close(cache);
    watch_clear(&stress.watch);
}

/** A smaller limit takes effect at once, a larger one lets more in. */
static void
test_limit(void)
{
    Watch watch;
    g_autofree char *path = make_case(&cases[0]);

    if (path == NULL)
        return;
    g_autoptr(VeraFrameCache) cache = open_cache(path, 1 << 30, &watch);
    const VeraClipInfo *info = vera_clip_get_info(vera_frame_cache_get_clip(cache));
    gsize bytes = vera_frame_measure(&info->format, info->width, info->height);
    vera_frame_cache_request(cache, 30, -1);
    g_autoptr(VeraFrame) first = watch_wait(&watch, cache, 30);
    g_autoptr(VeraFrame) before = watch_wait(&watch, cache, 20);
    g_assert_cmpuint(vera_frame_cache_get_bytes(cache), >=, 11 * bytes);
    vera_frame_cache_set_max_bytes(cache, 5 * bytes);
    g_assert_cmpuint(vera_frame_cache_get_bytes(cache), <=, 5 * bytes);
    g_autoptr(VeraFrame) again = vera_frame_cache_get(cache, 30);
    g_assert_nonnull(again);
    vera_frame_cache_set_max_bytes(cache, 0);
    g_assert_cmpuint(vera_frame_cache_get_bytes(cache), <=, 2 * bytes);
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

/** Closing at any moment, also twice, also without a request. */
static void
test_close(void)
{
    g_autofree char *path = make_case(&cases[1]);

    if (path == NULL)
        return;
    for (int i = 0; i < 30; i++) {
        Watch watch;
        VeraFrameCache *cache = open_cache(path, 1 << 30, &watch);
        if (i > 0)
            vera_frame_cache_request(cache, 240 - i, i % 3 - 1);
        pthread_mutex_lock(&watch.lock);
        while (watch.n_reports < i / 3)
            pthread_cond_wait(&watch.changed, &watch.lock);
        pthread_mutex_unlock(&watch.lock);
        if (i % 2 == 0) {
            vera_frame_cache_close(cache);
            vera_frame_cache_request(cache, 5, 1);
            vera_frame_cache_close(cache);
            g_assert_null(vera_frame_cache_get(cache, 5));
        }
        g_object_unref(cache);
        watch_clear(&watch);
    }
}

/** Of a file that is damaged and cut off every frame comes or is told to be missing, and those
 * before the damage are right. */
static void
test_truncated(void)
{
    g_autofree char *path = fixture_get_path("cut.ts");
    g_autofree char *whole = fixture_get_path("whole.ts");
    g_autofree char *data = NULL;
    gsize size = 0;
    Watch watch;

    if (!fixture_has_ffmpeg())
        return;
    if (!fixture_run("ffmpeg -y " SOURCE " -c:v libx264 -bf 2 -g 12 -pix_fmt yuv420p whole.ts")) {
        g_test_skip("this ffmpeg lacks the encoder");
        return;
    }
    g_assert_true(g_file_get_contents(whole, &data, &size, NULL));
    memset(data + size / 2, 0x55, 4000);
    g_assert_true(g_file_set_contents(path, data, (gssize)(size * 2 / 3), NULL));
    g_autoptr(VeraClip) clip = fixture_open("whole.ts");
    g_autoptr(VeraFrameCache) cache = open_cache(path, 1 << 20, &watch);
    gint64 n = vera_clip_get_info(vera_frame_cache_get_clip(cache))->n_frames;
    g_assert_cmpint(n, >, 30);
    for (gint64 i = n - 1; i >= 0; i--) {
        vera_frame_cache_request(cache, i, -1);
        g_autoptr(VeraFrame) frame = watch_wait(&watch, cache, i);
        if (i >= 20)
            continue;
        g_autoptr(VeraFrame) expected = vera_clip_read_frame(clip, i, NULL, NULL);
        g_autofree char *a = vera_frame_hash(expected);
        g_autofree char *b = vera_frame_hash(frame);
        g_assert_cmpstr(a, ==, b);
    }
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

/** One picture that is cut off is told by its name when the playhead gets there, not before; its
 * neighbours come. */
static void
test_damaged_picture(void)
{
    g_autofree char *path = make_case(&cases[G_N_ELEMENTS(cases) - 1]);
    g_autofree char *picture = fixture_get_path("p8.1021.png");
    Watch watch;
    gint64 frame = 20;

    if (path == NULL)
        return;
    g_autoptr(VeraFrameCache) cache = open_cache(path, 1 << 26, &watch);
    g_assert_true(g_file_set_contents(picture, "\x89PNG", 4, NULL));
    vera_frame_cache_request(cache, 18, 1);
    g_autoptr(VeraFrame) before = watch_wait(&watch, cache, 18);
    g_autoptr(VeraFrame) after = watch_wait(&watch, cache, 22);
    g_assert_nonnull(before);
    g_assert_nonnull(after);
    g_assert_cmpuint(g_hash_table_size(watch.errors), ==, 0);
    vera_frame_cache_request(cache, frame, 1);
    g_assert_null(watch_wait(&watch, cache, frame));
    g_assert_cmpuint(g_hash_table_size(watch.errors), ==, 1);
    g_assert_nonnull(strstr(g_hash_table_lookup(watch.errors, &frame), "p8.1021.png"));
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

/** A file that changes under the cache is an error that says so; asking elsewhere and back tries
 * again. */
static void
test_changed(void)
{
    g_autofree char *path = fixture_get_path("swap.mp4");
    g_autofree char *data = NULL;
    gsize size = 0;
    Watch watch;
    gint64 frame = 60;

    if (!fixture_has_ffmpeg())
        return;
    g_autofree char *made = make_case(&cases[0]);
    if (made == NULL)
        return;
    g_assert_true(g_file_get_contents(made, &data, &size, NULL));
    g_assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
    g_autoptr(VeraFrameCache) cache = open_cache(path, 0, &watch);
    g_assert_true(g_file_set_contents(path, data, (gssize)size / 2, NULL));
    for (int i = 0; i < 2; i++) {
        vera_frame_cache_request(cache, frame, 0);
        g_assert_null(watch_wait(&watch, cache, frame));
        g_assert_nonnull(strstr(g_hash_table_lookup(watch.errors, &frame), "changed"));
        pthread_mutex_lock(&watch.lock);
        g_hash_table_remove_all(watch.errors);
        pthread_mutex_unlock(&watch.lock);
        gint64 other = 10 + i;
        vera_frame_cache_request(cache, other, 0);
        g_assert_null(watch_wait(&watch, cache, other));
    }
    vera_frame_cache_close(cache);
    watch_clear(&watch);
}

static void
test_no_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_get_path("absent.mp4");
    g_assert_null(vera_frame_cache_new(path, 1 << 20, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strconcat("/frame-cache/exact/", cases[i].name, NULL);
        g_test_add_data_func(name, &cases[i], test_exact);
    }
    g_test_add_data_func("/frame-cache/real/juggle", "juggle.mp4", test_real);
    g_test_add_func("/frame-cache/something-first", test_something_first);
    g_test_add_func("/frame-cache/sketch-first", test_sketch_first);
    g_test_add_func("/frame-cache/sketch-last", test_sketch_last);
    g_test_add_func("/frame-cache/stress", test_stress);
    g_test_add_func("/frame-cache/limit", test_limit);
    g_test_add_func("/frame-cache/close", test_close);
    g_test_add_func("/frame-cache/truncated", test_truncated);
    g_test_add_func("/frame-cache/damaged-picture", test_damaged_picture);
    g_test_add_func("/frame-cache/changed", test_changed);
    g_test_add_func("/frame-cache/no-file", test_no_file);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
