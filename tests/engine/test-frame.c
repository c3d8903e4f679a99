#include "config.h"

#include <string.h>

#include "engine/media/vera-frame.h"

static VeraFrame *
new_yuv(int width, int height, int bits, int shift)
{
    VeraFrameFormat format = {.layout = VERA_FRAME_LAYOUT_YUV,
                              .n_planes = 3,
                              .bits = bits,
                              .chroma_shift_x = shift,
                              .chroma_shift_y = shift,
                              .is_chroma_left = shift > 0};
    VeraFrame *frame = vera_frame_new(&format, width, height, NULL);
    frame->color = (VeraColorDescription){.matrix = VERA_COLOR_MATRIX_BT709};
    return frame;
}

static void
fill(VeraFrame *frame, int plane, int value)
{
    for (int y = 0; y < vera_frame_get_plane_height(frame, plane); y++)
        for (int x = 0; x < vera_frame_get_plane_width(frame, plane); x++) {
            guint8 *row = frame->data[plane] + (gsize)y * frame->stride[plane];
            if (frame->format.bits > 8)
                ((guint16 *)(void *)row)[x] = (guint16)value;
            else
                row[x] = (guint8)value;
        }
}

static void
check_pixel(VeraFrame *frame,
            const int codes[3],
            VeraColorMatrix matrix,
            gboolean is_full,
            const double wanted[3])
{
    g_autofree float *rgb = g_new0(float, (gsize)frame->width * frame->height * 3);
    frame->color.matrix = matrix;
    frame->color.is_full_range = is_full;
    for (int p = 0; p < 3; p++)
        fill(frame, p, codes[p]);
    vera_frame_to_rgb(frame, rgb);
    for (int i = 0; i < frame->width * frame->height * 3; i++)
        g_assert_cmpfloat_with_epsilon(rgb[i], wanted[i % 3], 1e-6);
}

static void
test_matrices(void)
{
    g_autoptr(VeraFrame) f8 = new_yuv(5, 3, 8, 1);
    g_autoptr(VeraFrame) f10 = new_yuv(5, 3, 10, 1);
    /* R' = Y' + 2(1-Kr)Cr, B' = Y' + 2(1-Kb)Cb, G' from Y' = Kr R' + Kg G' + Kb B'; limited range.
     */
    check_pixel(f8, (int[]){235, 128, 128}, VERA_COLOR_MATRIX_BT709, FALSE, (double[]){1, 1, 1});
    check_pixel(f8, (int[]){16, 128, 128}, VERA_COLOR_MATRIX_BT601, FALSE, (double[]){0, 0, 0});
    check_pixel(f8, (int[]){16, 128, 240}, VERA_COLOR_MATRIX_BT601, FALSE,
                (double[]){0.701, -0.701 * 0.299 / 0.587, 0});
    check_pixel(f8, (int[]){16, 240, 128}, VERA_COLOR_MATRIX_BT709, FALSE,
                (double[]){0, -0.9278 * 0.0722 / 0.7152, 0.9278});
    check_pixel(f10, (int[]){940, 512, 960}, VERA_COLOR_MATRIX_BT2020, FALSE,
                (double[]){1.7373, 1 - 0.7373 * 0.2627 / 0.678, 1});
    check_pixel(f8, (int[]){255, 128, 128}, VERA_COLOR_MATRIX_BT601, TRUE, (double[]){1, 1, 1});
    check_pixel(f10, (int[]){512, 512, 512}, VERA_COLOR_MATRIX_BT709, TRUE,
                (double[]){512.0 / 1023, 512.0 / 1023, 512.0 / 1023});
}

static void
test_rgb_codes_are_exact(void)
{
    for (int bits = 8; bits <= 16; bits++) {
        VeraFrameFormat format = {.layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = bits};
        int n = 1 << bits;
        g_autoptr(VeraFrame) frame = vera_frame_new(&format, n, 1, NULL);
        g_autofree float *rgb = g_new0(float, (gsize)n * 3);
        frame->color.is_full_range = TRUE;
        for (int x = 0; x < n; x++) {
            if (bits == 8)
                frame->data[1][x] = (guint8)x;
            else
                ((guint16 *)(void *)frame->data[1])[x] = (guint16)x;
        }
        vera_frame_to_rgb(frame, rgb);
        for (int x = 0; x < n; x++) {
            g_assert_true(rgb[3 * x + 1] == (float)((double)x / (n - 1)));
            g_assert_true(rgb[3 * x] == 0.0f && rgb[3 * x + 2] == 0.0f);
        }
    }
}

/** The red of a row of 6 whose Cr samples are 0, 1, 2 steps, in steps. */
static void
check_siting(gboolean is_left, int delta_x, const double wanted[6])
{
    g_autoptr(VeraFrame) frame = new_yuv(6, 2, 8, 1);
    float rgb[6 * 2 * 3];
    double step = 2 * (1 - 0.2126) * 16.0 / 224;

    frame->format.is_chroma_left = is_left;
    frame->format.chroma_delta_x = delta_x;
    fill(frame, 0, 16);
    fill(frame, 1, 128);
    for (int x = 0; x < 3; x++)
        frame->data[2][x] = (guint8)(128 + 16 * x);
    vera_frame_to_rgb(frame, rgb);
    for (int x = 0; x < 6; x++)
        g_assert_cmpfloat_with_epsilon(rgb[3 * x] / step, wanted[x], 1e-5);
}

static void
test_chroma_siting(void)
{
    check_siting(TRUE, 0, (double[]){0, 0.5, 1, 1.5, 2, 2});
    check_siting(FALSE, 0, (double[]){0, 0.25, 0.75, 1.25, 1.75, 2});
    check_siting(FALSE, 1, (double[]){0, 0, 0.5, 1, 1.5, 2});
}

static void
test_vertical_siting(void)
{
    g_autoptr(VeraFrame) frame = new_yuv(2, 4, 8, 1);
    static const double centred[4] = {0, 0.25, 0.75, 1}, top[4] = {0, 0.5, 1, 1};
    double step = 2 * (1 - 0.2126) * 16.0 / 224;
    float rgb[2 * 4 * 3];

    fill(frame, 0, 16);
    fill(frame, 1, 128);
    frame->data[2][0] = 128;
    frame->data[2][frame->stride[2]] = 144;
    for (int is_top = 0; is_top < 2; is_top++) {
        frame->format.chroma_delta_y = is_top ? -1 : 0;
        vera_frame_to_rgb(frame, rgb);
        for (int y = 0; y < 4; y++)
            g_assert_cmpfloat_with_epsilon(rgb[6 * y] / step, is_top ? top[y] : centred[y], 1e-5);
    }
}

static void
test_gray_float_and_hash(void)
{
    VeraFrameFormat format = {
        .layout = VERA_FRAME_LAYOUT_GRAY, .n_planes = 1, .bits = 32, .is_float = TRUE};
    g_autoptr(VeraFrame) frame = vera_frame_new(&format, 3, 1, NULL);
    const float values[3] = {-0.5f, 0.25f, 7.0f};
    float rgb[9];

    g_autofree char *before = vera_frame_hash(frame);
    memcpy(frame->data[0], values, sizeof values);
    vera_frame_to_rgb(frame, rgb);
    for (int i = 0; i < 9; i++)
        g_assert_true(rgb[i] == values[i / 3]);
    g_autofree char *after = vera_frame_hash(frame);
    g_assert_cmpuint(strlen(after), ==, 64);
    g_assert_cmpstr(before, !=, after);
    frame->data[0][sizeof values] ^= 1;
    g_autofree char *padded = vera_frame_hash(frame);
    g_assert_cmpstr(padded, ==, after);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/matrices", test_matrices);
    g_test_add_func("/frame/rgb-codes-are-exact", test_rgb_codes_are_exact);
    g_test_add_func("/frame/chroma-siting", test_chroma_siting);
    g_test_add_func("/frame/vertical-siting", test_vertical_siting);
    g_test_add_func("/frame/gray-float-and-hash", test_gray_float_and_hash);
    return g_test_run();
}
