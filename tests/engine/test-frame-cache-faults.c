#include "config.h"

#include "tests/engine/frame-cache-fixture.h"

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
    g_autofree char *path = make_case(&case_pictures);
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
    g_autofree char *made = make_case(&case_short_groups);
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
    g_test_add_func("/frame-cache/truncated", test_truncated);
    g_test_add_func("/frame-cache/damaged-picture", test_damaged_picture);
    g_test_add_func("/frame-cache/changed", test_changed);
    g_test_add_func("/frame-cache/no-file", test_no_file);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
