#include "config.h"

#include "engine/compositing/vera-composite.h"

#include <math.h>
#include <string.h>

#define W 37
#define H 23

typedef struct {
    VeraFrame *frame;
    float *source;
    float *layer;
    float *matte;
    float *out;
    VeraComposite op;
} Fixture;

static VeraFrame *
make_frame(GRand *rand, VeraFrameFormat format, VeraColorMatrix matrix)
{
    g_autoptr(GError) error = NULL;
    VeraFrame *frame = vera_frame_new(&format, W, H, &error);

    g_assert_no_error(error);
    frame->color = (VeraColorDescription){ .matrix = matrix, .transfer = VERA_COLOR_TRANSFER_BT709 };
    for (int p = 0; p < format.n_planes; p++) {
        for (int y = 0; y < vera_frame_get_plane_height(frame, p); y++) {
            for (int x = 0; x < vera_frame_get_plane_width(frame, p); x++) {
                guint8 *row = frame->data[p] + (gsize)y * frame->stride[p];
                int v = g_rand_int_range(rand, 16 << (format.bits - 8), 235 << (format.bits - 8));
                if (format.bits > 8)
                    ((guint16 *)row)[x] = (guint16)v;
                else
                    row[x] = (guint8)v;
            }
        }
    }
    return frame;
}

static void
fixture_init(Fixture *f, GRand *rand, VeraFrameFormat format, VeraColorMatrix matrix)
{
    f->frame = make_frame(rand, format, matrix);
    f->source = g_new(float, W *H * 3);
    f->layer = g_new(float, W *H * 3);
    f->matte = g_new(float, W *H);
    f->out = g_new(float, W *H * 3);
    vera_frame_to_rgb(f->frame, f->source);
    for (int i = 0; i < W * H * 3; i++)
        f->layer[i] = (float)g_rand_double(rand);
    for (int i = 0; i < W * H; i++) {
        int kind = g_rand_int_range(rand, 0, 4);
        f->matte[i] = kind == 0 ? 1.0f : kind == 1 ? (float)g_rand_double(rand) : 0.0f;
    }
    f->op = (VeraComposite){ .width = W, .height = H, .source_rgb = f->source, .layer_rgb = f->layer,
                             .matte = f->matte, .opacity = 1.0f,
                             .transfer = VERA_COLOR_TRANSFER_BT709 };
}

static void
fixture_clear(Fixture *f)
{
    vera_frame_unref(f->frame);
    g_free(f->source);
    g_free(f->layer);
    g_free(f->matte);
    g_free(f->out);
}

static const VeraFrameFormat format_rgb8 = { .layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = 8 };
static const VeraFrameFormat format_420 = { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 8,
                                            .chroma_shift_x = 1, .chroma_shift_y = 1,
                                            .is_chroma_left = TRUE };
static const VeraFrameFormat format_422_10 = { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3,
                                               .bits = 10, .chroma_shift_x = 1,
                                               .is_chroma_left = TRUE };

/* Promise 1: where the matte is 0 the bits are the source's, also for values that arithmetic would disturb. */
static void
test_untouched_bits(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (int round = 0; round < 20; round++) {
        Fixture f;
        fixture_init(&f, rand, format_rgb8, VERA_COLOR_MATRIX_RGB);
        f.op.is_linear = round % 2;
        /* Values that survive only a copy: negative zero, subnormals, highlights, infinity. */
        const float odd[] = { -0.0f, 1e-42f, 65504.0f, -3.0f, INFINITY };
        for (int i = 0; i < W * H * 3; i += 7)
            f.source[i] = odd[(i / 7) % G_N_ELEMENTS(odd)];
        vera_composite_over(&f.op, f.out);
        int n_untouched = 0;
        for (int i = 0; i < W * H; i++) {
            if (f.matte[i] != 0)
                continue;
            n_untouched++;
            g_assert_cmpmem(f.out + 3 * i, 12, f.source + 3 * i, 12);
        }
        g_assert_cmpint(n_untouched, >, W * H / 4);
        fixture_clear(&f);
    }
}

static void
test_over_values(void)
{
    float source[3] = { 0.2f, 0.4f, 0.8f }, layer[3] = { 1.0f, 0.0f, 0.5f }, matte = 0.25f, out[3];
    VeraComposite op = { .width = 1, .height = 1, .source_rgb = source, .layer_rgb = layer,
                         .matte = &matte, .opacity = 1.0f, .transfer = VERA_COLOR_TRANSFER_SRGB };

    vera_composite_over(&op, out);
    g_assert_cmpfloat_with_epsilon(out[0], 0.4, 1e-6);
    g_assert_cmpfloat_with_epsilon(out[1], 0.3, 1e-6);
    g_assert_cmpfloat_with_epsilon(out[2], 0.725, 1e-6);

    op.opacity = 0.0f;
    vera_composite_over(&op, out);
    g_assert_cmpmem(out, sizeof out, source, sizeof source);

    /* Linear light: 0.25 of white over black is brighter than 0.25 when coded for a display. */
    source[0] = 0.0f;
    op.opacity = 1.0f;
    op.is_linear = TRUE;
    vera_composite_over(&op, out);
    g_assert_cmpfloat_with_epsilon(out[0], 0.5371, 1e-3);
}

static gboolean
block_is_untouched(const Fixture *f, int plane, int x, int y)
{
    int sx = plane == 0 ? 0 : f->frame->format.chroma_shift_x;
    int sy = plane == 0 ? 0 : f->frame->format.chroma_shift_y;

    for (int yy = y << sy; yy < MIN((y + 1) << sy, H); yy++)
        for (int xx = x << sx; xx < MIN((x + 1) << sx, W); xx++)
            if (f->matte[yy * W + xx] > 0)
                return FALSE;
    return TRUE;
}

static guint
get_sample(const VeraFrame *frame, int plane, int x, int y)
{
    const guint8 *row = frame->data[plane] + (gsize)y * frame->stride[plane];
    return frame->format.bits > 8 ? ((const guint16 *)row)[x] : row[x];
}

static void
check_native(GRand *rand, VeraFrameFormat format, VeraColorMatrix matrix)
{
    g_autoptr(GError) error = NULL;
    Fixture f;
    int n_changed = 0;

    fixture_init(&f, rand, format, matrix);
    vera_composite_over(&f.op, f.out);
    g_autoptr(VeraFrame) out = vera_composite_to_frame(f.frame, &f.op, f.out, &error);
    g_assert_no_error(error);
    for (int p = 0; p < format.n_planes; p++) {
        for (int y = 0; y < vera_frame_get_plane_height(out, p); y++) {
            for (int x = 0; x < vera_frame_get_plane_width(out, p); x++) {
                if (block_is_untouched(&f, p, x, y))
                    g_assert_cmpuint(get_sample(out, p, x, y), ==, get_sample(f.frame, p, x, y));
                else
                    n_changed += get_sample(out, p, x, y) != get_sample(f.frame, p, x, y);
            }
        }
    }
    g_assert_cmpint(n_changed, >, 100);
    fixture_clear(&f);
}

static void
test_native_untouched(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);

    check_native(rand, format_420, VERA_COLOR_MATRIX_BT709);
    check_native(rand, format_420, VERA_COLOR_MATRIX_BT601);
    check_native(rand, format_422_10, VERA_COLOR_MATRIX_BT2020);
    check_native(rand, format_rgb8, VERA_COLOR_MATRIX_RGB);
}

/* A frame that is replaced whole decodes to the layer, within the rounding of its format. */
static void
test_native_value(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_init(&f, rand, format_422_10, VERA_COLOR_MATRIX_BT709);
    for (int i = 0; i < W * H; i++) {
        f.matte[i] = 1.0f;
        f.layer[3 * i] = 0.8f;
        f.layer[3 * i + 1] = 0.3f;
        f.layer[3 * i + 2] = 0.1f;
    }
    vera_composite_over(&f.op, f.out);
    g_autoptr(VeraFrame) out = vera_composite_to_frame(f.frame, &f.op, f.out, &error);
    vera_frame_to_rgb(out, f.out);
    for (int i = 0; i < W * H * 3; i++)
        g_assert_cmpfloat_with_epsilon(f.out[i], f.layer[i], 0.004);
    fixture_clear(&f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/composite/untouched-bits", test_untouched_bits);
    g_test_add_func("/composite/over-values", test_over_values);
    g_test_add_func("/composite/native-untouched", test_native_untouched);
    g_test_add_func("/composite/native-value", test_native_value);
    return g_test_run();
}
