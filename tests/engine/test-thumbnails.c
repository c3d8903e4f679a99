#include "config.h"

#include "engine/media/vera-thumbnails.h"

#include <math.h>
#include <pthread.h>

#include "tests/engine/media-fixture.h"

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n_made;
} Watch;

static void
ready_cb(gpointer data)
{
    Watch *self = data;
    pthread_mutex_lock(&self->lock);
    self->n_made++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void
wait_for(Watch *self, int n)
{
    pthread_mutex_lock(&self->lock);
    while (self->n_made < n)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

/** 100 frames, red up to 49 and blue from 50, a key frame every 10. */
static VeraClip *
open_two_colors(void)
{
    if (!fixture_has_ffmpeg())
        return NULL;
    if (!g_file_test(fixture_get_folder(), G_FILE_TEST_IS_DIR) ||
        !fixture_run("ffmpeg -y -f lavfi -i color=red:s=320x200:r=10:d=5 "
                     "-f lavfi -i color=blue:s=320x200:r=10:d=5 "
                     "-filter_complex '[0][1]concat=n=2:v=1' -c:v libx264 -qp 1 -bf 2 -x264-params "
                     "keyint=10:min-keyint=10:scenecut=0 -pix_fmt yuv420p two.mp4")) {
        g_test_skip("this ffmpeg lacks the encoder");
        return NULL;
    }
    return fixture_open("two.mp4");
}

static void
assert_color(GBytes *pixels, int width, int height, const guint8 *rgb)
{
    gsize size = 0;
    const guint8 *data = g_bytes_get_data(pixels, &size);

    g_assert_cmpuint(size, ==, 4 * (gsize)width * (gsize)height);
    for (gsize i = 0; i < size; i += 4) {
        for (int c = 0; c < 3; c++)
            g_assert_cmpint(ABS(data[i + c] - rgb[c]), <=, 4);
        g_assert_cmpint(data[i + 3], ==, 255);
    }
}

static void
test_pictures(void)
{
    static const guint8 red[3] = {255, 0, 0}, blue[3] = {0, 0, 255};
    const gint64 frames[4] = {93, 7, 49, 55};
    g_autoptr(VeraClip) clip = open_two_colors();
    Watch watch = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    int width, height;

    if (clip == NULL)
        return;
    g_autoptr(VeraThumbnails) thumbnails = vera_thumbnails_new(clip, NULL, 50, 1 << 20);
    vera_thumbnails_set_ready_func(thumbnails, ready_cb, &watch);
    vera_thumbnails_get_size(thumbnails, &width, &height);
    g_assert_cmpint(width, ==, 80);
    g_assert_cmpint(height, ==, 50);
    g_assert_null(vera_thumbnails_get(thumbnails, 7, NULL));
    vera_thumbnails_request(thumbnails, frames, 4);
    wait_for(&watch, 4);
    for (int i = 0; i < 4; i++) {
        gint64 shown = -1;
        g_autoptr(GBytes) pixels = vera_thumbnails_get(thumbnails, frames[i], &shown);
        g_assert_nonnull(pixels);
        g_assert_cmpint(shown, ==, frames[i] / 10 * 10);
        assert_color(pixels, width, height, frames[i] < 50 ? red : blue);
    }
    g_assert_cmpuint(vera_thumbnails_get_bytes(thumbnails), ==, 4u * 4 * 80 * 50);
}

static void
test_bound(void)
{
    const gsize picture = 4 * 80 * 50;
    gint64 frames[10];
    g_autoptr(VeraClip) clip = open_two_colors();
    Watch watch = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

    if (clip == NULL)
        return;
    for (int i = 0; i < 10; i++)
        frames[i] = 10 * i;
    g_autoptr(VeraThumbnails) thumbnails = vera_thumbnails_new(clip, NULL, 50, 3 * picture + 5);
    vera_thumbnails_set_ready_func(thumbnails, ready_cb, &watch);
    vera_thumbnails_request(thumbnails, frames, 10);
    wait_for(&watch, 3);
    vera_thumbnails_request(thumbnails, frames + 2, 2);
    wait_for(&watch, 4);
    g_assert_cmpuint(vera_thumbnails_get_bytes(thumbnails), ==, 3 * picture);
    for (int i = 2; i < 4; i++) {
        g_autoptr(GBytes) pixels = vera_thumbnails_get(thumbnails, frames[i], NULL);
        g_assert_nonnull(pixels);
    }
    vera_thumbnails_set_ready_func(thumbnails, NULL, NULL);
    for (int i = 0; i < 200; i++)
        vera_thumbnails_request(thumbnails, frames + i % 8, 3);
    g_assert_cmpuint(vera_thumbnails_get_bytes(thumbnails), <=, 3 * picture);
}

/** A picture that is damaged leaves its place empty and the others are made. */
static void
test_missing(void)
{
    const gint64 frames[3] = {0, 1, 2};
    Watch watch = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

    if (!fixture_has_ffmpeg())
        return;
    g_assert_true(
        fixture_run("ffmpeg -y -f lavfi -i testsrc2=s=64x48:r=24 -frames:v 3 s.%04d.png"));
    g_autoptr(VeraClip) clip = fixture_open("s.%04d.png");
    g_assert_true(fixture_run("rm s.0002.png"));
    g_autoptr(VeraThumbnails) thumbnails = vera_thumbnails_new(clip, NULL, 24, 1 << 20);
    vera_thumbnails_set_ready_func(thumbnails, ready_cb, &watch);
    vera_thumbnails_request(thumbnails, frames, 3);
    wait_for(&watch, 2);
    g_autoptr(GBytes) first = vera_thumbnails_get(thumbnails, 0, NULL);
    g_autoptr(GBytes) last = vera_thumbnails_get(thumbnails, 2, NULL);
    g_assert_nonnull(first);
    g_assert_null(vera_thumbnails_get(thumbnails, 1, NULL));
    g_assert_nonnull(last);
}

/** Linear light is coded for the screen; what is not a number is black; grey is grey. */
static void
test_linear(void)
{
    const VeraFrameFormat format = {
        .layout = VERA_FRAME_LAYOUT_GRAY, .n_planes = 1, .bits = 32, .is_float = TRUE};
    g_autoptr(VeraFrame) frame = vera_frame_new(&format, 4, 2, NULL);
    static const float values[4] = {0.0f, 0.5f, 7.0f, NAN};

    frame->color = (VeraColorDescription){.matrix = VERA_COLOR_MATRIX_RGB,
                                          .transfer = VERA_COLOR_TRANSFER_LINEAR,
                                          .is_full_range = TRUE};
    for (int y = 0; y < 2; y++)
        memcpy(frame->data[0] + y * frame->stride[0], values, sizeof values);
    g_autoptr(GBytes) pixels = vera_frame_make_thumbnail(frame, 4, 1, NULL);
    const guint8 *p = g_bytes_get_data(pixels, NULL);
    static const guint8 expected[4] = {0, 188, 255, 0};
    for (int x = 0; x < 4; x++)
        for (int c = 0; c < 3; c++)
            g_assert_cmpint(p[4 * x + c], ==, expected[x]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/thumbnails/pictures", test_pictures);
    g_test_add_func("/thumbnails/bound", test_bound);
    g_test_add_func("/thumbnails/missing", test_missing);
    g_test_add_func("/thumbnails/linear", test_linear);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
