#include "config.h"

#include "engine/media/vera-proxy-coder.h"

#include <math.h>

#include "tests/engine/media-fixture.h"

static double
get_difference(const VeraFrame *a, const VeraFrame *b)
{
    double sum = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            sum += ABS(a->data[0][y * a->stride[0] + x] - b->data[0][y * b->stride[0] + x]);
    return sum / a->width / a->height;
}

/* A picture comes back in the clip's size and colours, close to the frame, and says that it is a
 * proxy. */
static void
test_coder(void)
{
    g_autoptr(VeraClip) clip = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(fixture_run(
        "ffmpeg -y -f lavfi -i testsrc2=s=1282x722:r=24:d=1 -c:v libx264 -g 100 -colorspace bt709 "
        "-pix_fmt yuv420p big.mp4"));
    clip = fixture_open("big.mp4");
    const VeraClipInfo *info = vera_clip_get_info(clip);
    g_autoptr(VeraProxyCoder) coder = vera_proxy_coder_new(info);
    g_autoptr(VeraFrame) exact = vera_clip_read_frame(clip, 11, NULL, &error);
    g_autoptr(VeraFrame) other = vera_clip_read_frame(clip, 22, NULL, &error);
    g_autoptr(GBytes) picture = vera_proxy_coder_encode(coder, exact),
                      junk = g_bytes_new_static("no picture", 10);
    g_autoptr(VeraFrame) shown = vera_proxy_coder_decode(coder, picture, 11);

    g_assert_no_error(error);
    g_assert_null(vera_proxy_coder_decode(coder, junk, 11));
    g_assert_true(shown->is_proxy);
    g_assert_false(exact->is_proxy);
    g_assert_cmpint(shown->index, ==, 11);
    g_assert_cmpint(shown->width, ==, info->width);
    g_assert_cmpint(shown->height, ==, info->height);
    g_assert_cmpmem(&shown->color, sizeof shown->color, &info->color, sizeof info->color);
    g_assert_cmpuint(g_bytes_get_size(picture), <, 200000);
    g_test_message("mean difference from its frame %.3f, from another one %.3f",
                   get_difference(shown, exact), get_difference(shown, other));
    g_assert_cmpfloat(get_difference(shown, exact), <, 0.5 * get_difference(shown, other));
    /* After what was none, one that is. */
    g_autoptr(VeraFrame) again = vera_proxy_coder_decode(coder, picture, 11);
    g_assert_cmpfloat(get_difference(shown, again), ==, 0);
    /* In any order: what lies before the playhead is made last. */
    g_autoptr(VeraFrame) early = vera_clip_read_frame(clip, 3, NULL, &error);
    g_autoptr(GBytes) earlier = vera_proxy_coder_encode(coder, early);
    g_assert_nonnull(earlier);
}

#define WIDTH 1282
#define HEIGHT 722

typedef struct {
    const char *name;
    VeraFrameFormat format;
    VeraColorDescription color;
} Kind;

#define RGB(...)                                     \
    {                                                \
        .layout = VERA_FRAME_LAYOUT_RGB, __VA_ARGS__ \
    }
#define YUV(...)                                     \
    {                                                \
        .layout = VERA_FRAME_LAYOUT_YUV, __VA_ARGS__ \
    }
#define GRAY(...)                                     \
    {                                                 \
        .layout = VERA_FRAME_LAYOUT_GRAY, __VA_ARGS__ \
    }
#define FULL                                                   \
    {                                                          \
        .matrix = VERA_COLOR_MATRIX_RGB, .is_full_range = TRUE \
    }
#define LINEAR                                                                   \
    {                                                                            \
        .matrix = VERA_COLOR_MATRIX_RGB, .transfer = VERA_COLOR_TRANSFER_LINEAR, \
        .is_full_range = TRUE                                                    \
    }

static const Kind kinds[] = {
    {"rgb-8", RGB(.n_planes = 3, .bits = 8), FULL},
    {"rgb-10", RGB(.n_planes = 3, .bits = 10), FULL},
    {"rgb-16", RGB(.n_planes = 3, .bits = 16), FULL},
    {"rgba-8", RGB(.n_planes = 4, .bits = 8, .has_alpha = TRUE), FULL},
    {"rgb-float", RGB(.n_planes = 3, .bits = 32, .is_float = TRUE), LINEAR},
    {"rgba-float", RGB(.n_planes = 4, .bits = 32, .is_float = TRUE, .has_alpha = TRUE), LINEAR},
    {"grey-8", GRAY(.n_planes = 1, .bits = 8), FULL},
    {"grey-16", GRAY(.n_planes = 1, .bits = 16), FULL},
    {"grey-limited", GRAY(.n_planes = 1, .bits = 8), {.matrix = VERA_COLOR_MATRIX_BT709}},
    {"grey-float", GRAY(.n_planes = 1, .bits = 32, .is_float = TRUE), LINEAR},
    {"yuv-limited", YUV(.n_planes = 3, .bits = 10), {.matrix = VERA_COLOR_MATRIX_BT709}},
    {"yuv-full",
     YUV(.n_planes = 3, .bits = 8, .chroma_shift_x = 1),
     {.matrix = VERA_COLOR_MATRIX_BT601, .is_full_range = TRUE}},
    {"yuva",
     YUV(.n_planes = 4, .bits = 12, .has_alpha = TRUE),
     {.matrix = VERA_COLOR_MATRIX_BT2020}},
};

/** Of nominal 0..1: a slow wave, another one in each plane. */
static float
get_wave(const VeraFrame *frame, int plane, int x, int y)
{
    float u = (float)x / (float)vera_frame_get_plane_width(frame, plane);
    float v = (float)y / (float)vera_frame_get_plane_height(frame, plane);
    return 0.5f + 0.2f * sinf(3.0f * u + 1.3f * (float)plane) +
           0.2f * cosf(2.0f * v - 0.7f * (float)plane);
}

/** A smooth picture, so that its size does not matter. */
static VeraFrame *
make_waves(const Kind *kind)
{
    VeraFrame *frame = vera_frame_new(&kind->format, WIDTH, HEIGHT, NULL);

    frame->color = kind->color;
    frame->index = 5;
    for (int p = 0; p < kind->format.n_planes; p++)
        for (int y = 0; y < vera_frame_get_plane_height(frame, p); y++)
            for (int x = 0; x < vera_frame_get_plane_width(frame, p); x++) {
                gpointer row = frame->data[p] + (gsize)y * frame->stride[p];
                float value = get_wave(frame, p, x, y);
                float top = (float)((1 << MIN(kind->format.bits, 16)) - 1);
                if (kind->format.is_float)
                    ((float *)row)[x] = value;
                else if (kind->format.bits > 8)
                    ((guint16 *)row)[x] = (guint16)(value * top + 0.5f);
                else
                    ((guint8 *)row)[x] = (guint8)(value * top + 0.5f);
            }
    return frame;
}

static VeraFrame *
make_proxy(const Kind *kind, const VeraFrame *frame)
{
    const VeraClipInfo info = {.width = WIDTH,
                               .height = HEIGHT,
                               .n_frames = 10,
                               .format = kind->format,
                               .color = kind->color};
    g_autoptr(VeraProxyCoder) coder = vera_proxy_coder_new(&info);

    g_assert_true(vera_proxy_coder_can(&kind->format));
    g_autoptr(GBytes) picture = vera_proxy_coder_encode(coder, frame);
    g_assert_cmpuint(g_bytes_get_size(picture), <, 200000);
    return vera_proxy_coder_decode(coder, picture, 5);
}

/** What is seen while dragging has the colours of what is seen then: within the steps of 8 bits and
 * of JPEG. */
static void
test_colors(gconstpointer data)
{
    const Kind *kind = data;
    g_autoptr(VeraFrame) frame = make_waves(kind);
    g_autoptr(VeraFrame) proxy = make_proxy(kind, frame);
    gsize n = 3 * (gsize)WIDTH * HEIGHT;
    g_autofree float *exact = g_new(float, n), *seen = g_new(float, n);
    double sum[3] = {0}, worst = 0;

    g_assert_true(proxy->is_proxy);
    g_assert_cmpint(proxy->width, ==, WIDTH);
    g_assert_cmpint(proxy->height, ==, HEIGHT);
    g_assert_cmpint(proxy->format.layout, ==, kind->format.layout);
    g_assert_cmpmem(&proxy->color, sizeof proxy->color, &kind->color, sizeof kind->color);
    vera_frame_to_rgb(frame, exact);
    vera_frame_to_rgb(proxy, seen);
    vera_color_code_display(kind->color.transfer, exact, n);
    vera_color_code_display(kind->color.transfer, seen, n);
    for (gsize i = 0; i < n; i++) {
        sum[i % 3] += seen[i] - exact[i];
        worst = MAX(worst, fabs((double)(seen[i] - exact[i])));
    }
    for (int c = 0; c < 3; c++) {
        g_test_message("channel %d is off by %.2f / 255 on average", c,
                       255 * sum[c] / (WIDTH * HEIGHT));
        g_assert_cmpfloat(fabs(sum[c] / (WIDTH * HEIGHT)), <, 1.0 / 255);
    }
    g_test_message("at most %.2f / 255", 255 * worst);
    g_assert_cmpfloat(worst, <, 8.0 / 255);
}

/** Shadows in linear light keep their steps. */
static void
test_dark_light(void)
{
    VeraClipInfo info = {.width = WIDTH,
                         .height = HEIGHT,
                         .format = RGB(.n_planes = 3, .bits = 32, .is_float = TRUE),
                         .color = LINEAR,
                         .n_frames = 1};
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) exact = vera_frame_new(&info.format, WIDTH, HEIGHT, &error);
    g_autoptr(VeraProxyCoder) coder = vera_proxy_coder_new(&info);

    g_assert_no_error(error);
    exact->color = info.color;
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                ((float *)(void *)(exact->data[p] + (gsize)y * exact->stride[p]))[x] =
                    0.01f * (float)x / WIDTH;
    g_autoptr(GBytes) picture = vera_proxy_coder_encode(coder, exact);
    g_autoptr(VeraFrame) shown = vera_proxy_coder_decode(coder, picture, 0);
    g_autofree float *seen = g_new(float, WIDTH * HEIGHT * 3);

    g_assert_nonnull(shown);
    g_assert_cmpint((int)shown->color.transfer, ==, (int)VERA_COLOR_TRANSFER_LINEAR);
    vera_frame_to_rgb(shown, seen);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++) {
        float want = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, 0.01f * (float)(i / 3 % WIDTH) / WIDTH);
        float got = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, seen[i]);
        g_assert_cmpfloat_with_epsilon(got, want, 4.0 / 255);
    }
}

/** Values of a float that the screen cannot show do not spread into their neighbourhood. */
static void
test_wild_floats(void)
{
    static const float wild[] = {INFINITY, 1e30f, 70000.0f, NAN, -INFINITY, -1e30f, -5.0f};
    const Kind kind = {"wild", RGB(.n_planes = 3, .bits = 32, .is_float = TRUE), LINEAR};

    for (gsize i = 0; i < G_N_ELEMENTS(wild); i++) {
        g_autoptr(VeraFrame) frame = vera_frame_new(&kind.format, WIDTH, HEIGHT, NULL);
        frame->color = kind.color;
        for (int p = 0; p < 3; p++)
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++) {
                    gpointer row = frame->data[p] + (gsize)y * frame->stride[p];
                    ((float *)row)[x] = x < WIDTH / 2 ? wild[i] : 0.5f;
                }
        g_autoptr(VeraFrame) proxy = make_proxy(&kind, frame);
        g_autofree float *seen = g_new(float, WIDTH * HEIGHT * 3);
        vera_frame_to_rgb(proxy, seen);
        for (int c = 0; c < 3; c++) {
            const float *row = seen + 3 * 300 * WIDTH + c;
            g_assert_cmpfloat_with_epsilon(row[3 * 200], wild[i] > 0 ? 1 : 0, 0.025);
            g_assert_cmpfloat_with_epsilon(row[3 * 900], 0.5, 0.025);
        }
    }
}

static void
test_formats(void)
{
    VeraFrameFormat format = {VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 10,
                              .chroma_shift_x = 1};

    g_assert_true(vera_proxy_coder_can(&format));
    format.chroma_shift_y = 2;
    g_assert_false(vera_proxy_coder_can(&format));
    format.chroma_shift_y = 0;
    format.bits = 13;
    g_assert_false(vera_proxy_coder_can(&format));
    format.layout = VERA_FRAME_LAYOUT_RGB;
    format.chroma_shift_x = 0;
    g_assert_false(vera_proxy_coder_can(&format));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    g_test_add_func("/proxy-coder/picture", test_coder);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *name = g_strconcat("/proxy-coder/colors/", kinds[i].name, NULL);
        g_test_add_data_func(name, &kinds[i], test_colors);
    }
    g_test_add_func("/proxy-coder/dark-light", test_dark_light);
    g_test_add_func("/proxy-coder/wild-floats", test_wild_floats);
    g_test_add_func("/proxy-coder/formats", test_formats);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
