#include "config.h"

#include "tests/engine/frame-cache-fixture.h"

static const Case cases[] = {
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
};

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

/** A smaller limit takes effect at once, a larger one lets more in. */
static void
test_limit(void)
{
    Watch watch;
    g_autofree char *path = make_case(&case_short_groups);

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
    g_autofree char *path = make_case(&case_long_groups);

    if (path == NULL)
        return;
    for (int i = 0; i < 30; i++) {
        Watch watch;
        VeraFrameCache *cache = open_cache(path, 1 << 30, &watch);
        if (i % 4 < 2)
            vera_frame_cache_start_sketches(cache);
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

static void
add_exact(const Case *self)
{
    g_autofree char *name = g_strconcat("/frame-cache/exact/", self->name, NULL);
    g_test_add_data_func(name, self, test_exact);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_exact(&case_short_groups);
    add_exact(&case_long_groups);
    add_exact(&case_pictures);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        add_exact(&cases[i]);
    g_test_add_data_func("/frame-cache/real/juggle", "juggle.mp4", test_real);
    g_test_add_func("/frame-cache/limit", test_limit);
    g_test_add_func("/frame-cache/close", test_close);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
