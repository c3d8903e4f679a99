#include "config.h"

#include "engine/media/vera-frame-sketches.h"

#include "engine/media/vera-proxy-coder.h"

static const VeraFrameFormat format_420 = {
    .layout = VERA_FRAME_LAYOUT_YUV,
    .n_planes = 3,
    .bits = 8,
    .chroma_shift_x = 1,
    .chroma_shift_y = 1,
    .is_chroma_left = TRUE,
};

static VeraClipInfo
make_info(const VeraFrameFormat *format)
{
    return (VeraClipInfo){.width = 64, .height = 48, .format = *format, .n_frames = 1000};
}

/** Of one grey, which tells it from others. */
static VeraFrame *
make_frame(gint64 index, int grey)
{
    VeraFrame *frame = vera_frame_new(&format_420, 64, 48, NULL);

    for (int p = 0; p < 3; p++)
        memset(frame->data[p], p == 0 ? grey : 128,
               (gsize)frame->stride[p] * vera_frame_get_plane_height(frame, p));
    frame->index = index;
    return frame;
}

static gboolean
put(VeraFrameSketches *self, gint64 index, int grey)
{
    g_autoptr(VeraFrame) frame = make_frame(index, grey);
    return vera_frame_sketches_put(self, frame);
}

static void
test_find(void)
{
    const VeraClipInfo info = make_info(&format_420);
    g_autoptr(VeraFrameSketches) sketches = vera_frame_sketches_new(&info, 1 << 20);
    g_autoptr(VeraProxyCoder) coder = vera_proxy_coder_new(&info);

    g_assert_cmpint(vera_frame_sketches_find(sketches, 5, G_MAXINT64), ==, -1);
    g_assert_true(put(sketches, 300, 90));
    g_assert_true(put(sketches, 100, 40));
    g_assert_true(put(sketches, 200, 60));
    g_assert_false(put(sketches, 200, 70));
    g_assert_cmpint(vera_frame_sketches_find(sketches, 0, G_MAXINT64), ==, 100);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 149, G_MAXINT64), ==, 100);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 151, G_MAXINT64), ==, 200);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 200, 0), ==, 200);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 999, G_MAXINT64), ==, 300);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 110, 9), ==, -1);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 110, 10), ==, 100);
    g_assert_cmpint(vera_frame_sketches_find(sketches, 110, -1), ==, -1);
    g_assert_null(vera_frame_sketches_get(sketches, 150));
    g_autoptr(GBytes) picture = vera_frame_sketches_get(sketches, 200);
    g_autoptr(VeraFrame) shown = vera_proxy_coder_decode(coder, picture, 200);
    g_assert_true(shown->is_proxy);
    g_assert_cmpint(ABS(shown->data[0][0] - 60), <=, 2);
}

/** Memory stays within its limit, and what is kept lies all over the clip. */
static void
test_bound(void)
{
    const VeraClipInfo info = make_info(&format_420);
    g_autoptr(VeraFrameSketches) all = vera_frame_sketches_new(&info, 1 << 20);

    put(all, 0, 50);
    g_autoptr(GBytes) one = vera_frame_sketches_get(all, 0);
    gsize bytes = g_bytes_get_size(one);
    g_autoptr(VeraFrameSketches) few = vera_frame_sketches_new(&info, 6 * bytes);
    for (gint64 i = 0; i < 1000; i += 10)
        g_assert_true(put(few, i, 50));
    int n = 0;
    for (gint64 i = 0; i < 1000; i++) {
        g_autoptr(GBytes) kept = vera_frame_sketches_get(few, i);
        n += kept != NULL;
    }
    g_assert_cmpint(n, ==, 6);
    g_assert_cmpint(vera_frame_sketches_find(few, 0, 0), ==, 0);
    g_assert_cmpint(vera_frame_sketches_find(few, 990, 0), ==, 990);
    g_assert_cmpint(vera_frame_sketches_find(few, 500, 250), >=, 0);
}

static void
test_no_proxies(void)
{
    const VeraFrameFormat odd = {.layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = 13};
    const VeraClipInfo info = make_info(&odd);
    g_autoptr(VeraFrameSketches) sketches = vera_frame_sketches_new(&info, 1 << 20);
    g_autoptr(VeraFrame) frame = vera_frame_new(&odd, 64, 48, NULL);

    g_assert_false(vera_frame_sketches_can(sketches));
    g_assert_false(vera_frame_sketches_put(sketches, frame));
    g_assert_cmpint(vera_frame_sketches_find(sketches, 0, G_MAXINT64), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame-sketches/find", test_find);
    g_test_add_func("/frame-sketches/bound", test_bound);
    g_test_add_func("/frame-sketches/no-proxies", test_no_proxies);
    return g_test_run();
}
