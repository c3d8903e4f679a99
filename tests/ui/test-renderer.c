#include "config.h"

#include "ui/vera-renderer.h"

#include <math.h>

#include "engine/compositing/vera-composite.h"
#include "tests/ui/gl-fixture.h"

/* Odd, so that chroma planes end in a sample of which only a part is seen. */
#define W 37
#define H 23
#define N (W * H)

static const VeraFrameFormat formats[] = {
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 8, .chroma_shift_x = 1, .chroma_shift_y = 1 },
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 8, .chroma_shift_x = 1, .chroma_shift_y = 1, .is_chroma_left = TRUE },
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 10, .chroma_shift_x = 1, .chroma_shift_y = 1, .is_chroma_left = TRUE,
      .chroma_delta_y = -1 },
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 8, .chroma_shift_x = 1 },
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 10, .chroma_shift_x = 1, .is_chroma_left = TRUE },
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 8 },
    { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 4, .bits = 10, .has_alpha = TRUE },
    { .layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = 8 },
    { .layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = 16 },
    { .layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = 32, .is_float = TRUE },
    { .layout = VERA_FRAME_LAYOUT_GRAY, .n_planes = 1, .bits = 8 },
    { .layout = VERA_FRAME_LAYOUT_GRAY, .n_planes = 1, .bits = 10 },
};

typedef struct {
    VeraFrame *frame;
    VeraLayerFrame *layers[2];
    float opacity[2];
    VeraRenderer *renderer;
    float *source, *want, *got, *seen;
} Fixture;

static VeraFrame *
make_frame(GRand *rand, const VeraFrameFormat *format, VeraColorMatrix matrix, VeraColorTransfer transfer, gboolean is_full)
{
    g_autoptr(GError) error = NULL;
    VeraFrame *frame = vera_frame_new(format, W, H, &error);

    g_assert_no_error(error);
    frame->color = (VeraColorDescription){ .matrix = matrix, .transfer = transfer, .is_full_range = is_full };
    for (int p = 0; p < format->n_planes; p++)
        for (int y = 0; y < vera_frame_get_plane_height(frame, p); y++)
            for (int x = 0; x < vera_frame_get_plane_width(frame, p); x++) {
                guint8 *row = frame->data[p] + (gsize)y * (gsize)frame->stride[p];
                if (format->is_float)
                    ((float *)row)[x] = (float)g_rand_double_range(rand, -0.1, 1.5);
                else if (format->bits > 8)
                    ((guint16 *)row)[x] = (guint16)g_rand_int_range(rand, 0, 1 << format->bits);
                else
                    row[x] = (guint8)g_rand_int_range(rand, 0, 256);
            }
    return frame;
}

/* Of the plate's size already; colour and matte are then replaced, so that both are known to the last bit. */
static VeraLayerFrame *
make_layer(GRand *rand, const float *plate)
{
    g_autofree float *zeros = g_new0(float, N * 3);
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    g_autoptr(GError) error = NULL;
    VeraLayerFrame *layer = vera_layer_frame_new(&(VeraImage){ W, H, 3, zeros }, &(VeraImage){ W, H, 1, zeros }, &(VeraImage){ W, H, 3, zeros },
                                                 &(VeraImage){ W, H, 3, (float *)plate }, VERA_COLOR_TRANSFER_SRGB, &refinement, &error);

    g_assert_no_error(error);
    for (int i = 0; i < N; i++) {
        int kind = g_rand_int_range(rand, 0, 4);
        layer->matte[i] = kind == 0 ? 1.0f : kind == 1 ? (float)g_rand_double(rand) : 0.0f;
    }
    for (int i = 0; i < N * 3; i++) {
        layer->rgb[i] = (float)g_rand_double(rand);
        layer->model_rgb[i] = (float)g_rand_double(rand);
    }
    return layer;
}

static void
fixture_set_frame(Fixture *f, GRand *rand, VeraFrame *frame)
{
    g_autoptr(GError) error = NULL;

    f->frame = frame;
    vera_frame_to_rgb(frame, f->source);
    for (int i = 0; i < 2; i++) {
        f->layers[i] = make_layer(rand, f->source);
        f->opacity[i] = g_rand_boolean(rand) ? 1.0f : (float)g_rand_double(rand);
    }
    g_assert_true(vera_renderer_set_source(f->renderer, frame, &error));
    g_assert_no_error(error);
}

static void
fixture_clear_frame(Fixture *f)
{
    vera_frame_unref(f->frame);
    for (int i = 0; i < 2; i++)
        vera_layer_frame_unref(f->layers[i]);
}

/* The same stack on both sides: two layers, or the upper one left out. */
static void
fixture_composite(Fixture *f, int n_layers, gboolean is_linear)
{
    VeraRendererLayer stack[2];

    memcpy(f->want, f->source, sizeof(float) * N * 3);
    for (int i = 0; i < n_layers; i++) {
        VeraComposite over = { .width = W, .height = H, .source_rgb = f->want, .layer_rgb = f->layers[i]->rgb,
                               .matte = f->layers[i]->matte, .opacity = f->opacity[i], .is_linear = is_linear,
                               .transfer = f->frame->color.transfer };
        vera_composite_over(&over, f->want);
        stack[i] = (VeraRendererLayer){ .frame = f->layers[i], .opacity = f->opacity[i] };
    }
    vera_renderer_set_layers(f->renderer, stack, n_layers, n_layers - 1, is_linear);
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_COMPOSITE, 0, 0, W, H, f->got));
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_SOURCE, 0, 0, W, H, f->seen));
}

static void
fixture_check(Fixture *f, int n_layers, const char *what)
{
    float worst = 0, worst_source = 0;
    int n_protected = 0, n_touched = 0;

    for (int i = 0; i < N; i++) {
        gboolean is_protected = TRUE;
        for (int l = 0; l < n_layers; l++)
            is_protected &= f->layers[l]->matte[i] == 0.0f || f->opacity[l] == 0.0f;
        n_protected += is_protected;
        for (int c = 0; c < 3; c++) {
            float got = f->got[4 * i + c], seen = f->seen[4 * i + c];
            worst = MAX(worst, fabsf(CLAMP(got, 0.0f, 1.0f) - CLAMP(f->want[3 * i + c], 0.0f, 1.0f)));
            worst_source = MAX(worst_source, fabsf(seen - f->source[3 * i + c]));
            n_touched += got != seen;
            if (is_protected)
                g_assert_cmpmem(&got, sizeof got, &seen, sizeof seen);
        }
    }
    g_test_message("%s: composite within %.5f, source within %.5f, %d pixels protected", what, worst, worst_source, n_protected);
    g_assert_cmpfloat(worst, <, 1.0f / 255);
    g_assert_cmpfloat(worst_source, <, 1.0f / 255);
    if (n_layers > 0) {
        g_assert_cmpint(n_protected, >, N / 20);
        g_assert_cmpint(n_touched, >, N / 4);
    }
}

static void
fixture_try(Fixture *f, int n_layers, gboolean is_linear)
{
    g_autofree char *what = g_strdup_printf("%d bits, layout %d, shift %d %d, matrix %d, %s%s, %d layers", f->frame->format.bits,
                                            (int)f->frame->format.layout, f->frame->format.chroma_shift_x, f->frame->format.chroma_shift_y,
                                            (int)f->frame->color.matrix, vera_color_transfer_get_name(f->frame->color.transfer),
                                            is_linear ? " in linear light" : "", n_layers);

    fixture_composite(f, n_layers, is_linear);
    fixture_check(f, n_layers, what);
}

/* Preview and export agree whatever the clip is, and where the matte is 0 the preview shows the source to the last bit. */
static void
test_composite(gconstpointer data)
{
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(7);
    int turn = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
        for (int matrix = VERA_COLOR_MATRIX_BT601; matrix <= VERA_COLOR_MATRIX_BT2020; matrix++)
            for (int transfer = VERA_COLOR_TRANSFER_SRGB; transfer <= VERA_COLOR_TRANSFER_LINEAR; transfer++, turn++) {
                gboolean is_yuv = formats[i].layout == VERA_FRAME_LAYOUT_YUV;
                if (!is_yuv && matrix != VERA_COLOR_MATRIX_BT601)
                    continue;
                fixture_set_frame(f, rand,
                                  make_frame(rand, &formats[i], is_yuv ? (VeraColorMatrix)matrix : VERA_COLOR_MATRIX_RGB,
                                             (VeraColorTransfer)transfer, !is_yuv || turn % 2));
                fixture_try(f, 0, FALSE);
                fixture_try(f, 1, FALSE);
                fixture_try(f, 1, TRUE);
                fixture_try(f, 2, turn % 2);
                fixture_clear_frame(f);
            }
    g_rand_free(rand);
}

/* The views of one layer read back what the layer holds. */
static void
test_views(gconstpointer data)
{
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(8);

    fixture_set_frame(f, rand, make_frame(rand, &formats[7], VERA_COLOR_MATRIX_RGB, VERA_COLOR_TRANSFER_SRGB, TRUE));
    fixture_composite(f, 2, FALSE);
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_MATTE, 0, 0, W, H, f->got));
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_MODEL, 0, 0, W, H, f->seen));
    for (int i = 0; i < N; i++) {
        g_assert_cmpfloat_with_epsilon(f->got[4 * i + 3], f->layers[1]->matte[i], 1e-3);
        for (int c = 0; c < 3; c++) {
            g_assert_cmpfloat_with_epsilon(f->got[4 * i + c], f->layers[1]->rgb[3 * i + c], 1e-3);
            g_assert_cmpfloat_with_epsilon(f->seen[4 * i + c], f->layers[1]->model_rgb[3 * i + c], 1e-3);
        }
    }
    fixture_clear_frame(f);
    g_rand_free(rand);
}

/* A layer of a size that is not the plate's, or none, leaves the source alone; so does no opacity. */
static void
test_left_out(gconstpointer data)
{
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(9);
    VeraFrameFormat format = formats[7];
    g_autoptr(VeraFrame) other = vera_frame_new(&format, W + 1, H, NULL);
    g_autofree float *got = g_new(float, (W + 1) * H * 4), *seen = g_new(float, (W + 1) * H * 4);
    g_autoptr(GError) error = NULL;

    fixture_set_frame(f, rand, make_frame(rand, &formats[7], VERA_COLOR_MATRIX_RGB, VERA_COLOR_TRANSFER_SRGB, TRUE));
    vera_renderer_set_layers(f->renderer, (VeraRendererLayer[]){ { NULL, 1 }, { f->layers[0], 0 } }, 2, 1, FALSE);
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_COMPOSITE, 0, 0, W, H, f->got));
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_SOURCE, 0, 0, W, H, f->seen));
    g_assert_cmpmem(f->got, sizeof(float) * N * 4, f->seen, sizeof(float) * N * 4);
    g_assert_true(vera_renderer_set_source(f->renderer, other, &error));
    vera_renderer_set_layers(f->renderer, &(VeraRendererLayer){ f->layers[0], 1 }, 1, 0, FALSE);
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_COMPOSITE, 0, 0, W + 1, H, got));
    g_assert_true(vera_renderer_read(f->renderer, VERA_VIEW_SOURCE, 0, 0, W + 1, H, seen));
    g_assert_cmpmem(got, sizeof(float) * (W + 1) * H * 4, seen, sizeof(float) * (W + 1) * H * 4);
    g_assert_true(vera_renderer_set_source(f->renderer, NULL, &error));
    g_assert_false(vera_renderer_read(f->renderer, VERA_VIEW_SOURCE, 0, 0, W, H, f->seen));
    fixture_clear_frame(f);
    g_rand_free(rand);
}

/* Every pixel of a target of @width by H, as drawn, top row first. */
static void
draw(Fixture *f, const VeraRendererDisplay *display, guint8 *rgba)
{
    GLuint framebuffer, texture;

    glGenFramebuffers(1, &framebuffer);
    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, display->width, display->height, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    vera_renderer_draw(f->renderer, display);
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    for (int y = 0; y < display->height; y++)
        glReadPixels(0, display->height - 1 - y, display->width, 1, GL_RGBA, GL_UNSIGNED_BYTE,
                     rgba + (gsize)y * (gsize)display->width * 4);
    glBindFramebuffer(GL_FRAMEBUFFER, 0);
    glDeleteFramebuffers(1, &framebuffer);
    glDeleteTextures(1, &texture);
}

static void
assert_pixel(const guint8 *seen, const float *want)
{
    for (int c = 0; c < 3; c++)
        g_assert_cmpint(ABS((int)seen[c] - (int)lroundf(CLAMP(want[c], 0.0f, 1.0f) * 255.0f)), <=, 1);
}

/* Side by side: the whole source in the left half, the whole composite in the right one, a line between them. */
static void
test_split(gconstpointer data)
{
    enum { SIDE = W + 9, LEFT = 4, TOP = 3, HIGH = H + 6 };
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(10);
    g_autofree guint8 *seen = g_new(guint8, (gsize)2 * SIDE * HIGH * 4);
    const float background[] = { 0.25f, 0.25f, 0.25f }, line[] = { 0.45f, 0.45f, 0.45f };
    VeraRendererDisplay display = { .width = 2 * SIDE, .height = HIGH, .scale = 1, .x = LEFT, .y = TOP, .view = VERA_VIEW_COMPOSITE,
                                    .other = VERA_VIEW_SOURCE, .wipe = 0.5f, .split = SIDE, .background = { 0.25f, 0.25f, 0.25f } };

    fixture_set_frame(f, rand, make_frame(rand, &formats[7], VERA_COLOR_MATRIX_RGB, VERA_COLOR_TRANSFER_SRGB, TRUE));
    fixture_composite(f, 2, FALSE);
    draw(f, &display, seen);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            gsize row = (gsize)(y + TOP) * 2 * SIDE;
            assert_pixel(seen + 4 * (row + LEFT + (gsize)x), f->source + 3 * (y * W + x));
            assert_pixel(seen + 4 * (row + SIDE + LEFT + (gsize)x), f->want + 3 * (y * W + x));
        }
    assert_pixel(seen, background);
    assert_pixel(seen + (gsize)4 * (2 * SIDE - 1), background);
    assert_pixel(seen + (gsize)4 * SIDE, line);
    fixture_clear_frame(f);
    g_rand_free(rand);
}

/* A plate in linear light is looked at as sRGB shows it, its matte as it is. */
static void
test_linear_plate(gconstpointer data)
{
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(13);
    g_autofree guint8 *seen = g_new(guint8, N * 4);
    VeraRendererDisplay display = { .width = W, .height = H, .scale = 1, .view = VERA_VIEW_COMPOSITE, .wipe = -1 };

    fixture_set_frame(f, rand, make_frame(rand, &formats[7], VERA_COLOR_MATRIX_RGB, VERA_COLOR_TRANSFER_LINEAR, TRUE));
    fixture_composite(f, 2, FALSE);
    for (int view = 0; view < 3; view++) {
        const float *values = view == 1 ? f->source : f->want;
        display.view = view == 0 ? VERA_VIEW_COMPOSITE : view == 1 ? VERA_VIEW_SOURCE : VERA_VIEW_MATTE;
        draw(f, &display, seen);
        for (int i = 0; i < N; i++) {
            float want[3];
            for (int c = 0; c < 3; c++)
                want[c] = view == 2 ? f->layers[1]->matte[i] : vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, values[3 * i + c]);
            assert_pixel(seen + (gsize)4 * (gsize)i, want);
        }
    }
    fixture_clear_frame(f);
    g_rand_free(rand);
}

/* From ten device pixels a plate pixel on, its left and upper edge are drawn; below that nothing is. */
static void
test_grid(gconstpointer data)
{
    enum { SIZE = 40 };
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(11);
    g_autofree guint8 *seen = g_new(guint8, SIZE * SIZE * 4);
    VeraRendererDisplay display = { .width = SIZE, .height = SIZE, .view = VERA_VIEW_SOURCE, .wipe = -1, .has_grid = TRUE };

    fixture_set_frame(f, rand, make_frame(rand, &formats[7], VERA_COLOR_MATRIX_RGB, VERA_COLOR_TRANSFER_SRGB, TRUE));
    for (int scale = 8; scale <= 10; scale += 2) {
        display.scale = (float)scale;
        draw(f, &display, seen);
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x++) {
                gboolean is_edge = scale == 10 && (x % scale == 0 || y % scale == 0);
                float want[3];
                for (int c = 0; c < 3; c++) {
                    float value = f->source[3 * (y / scale * W + x / scale) + c];
                    want[c] = is_edge ? 0.65f * value + 0.175f : value;
                }
                assert_pixel(seen + (gsize)4 * (gsize)(y * SIZE + x), want);
            }
    }
    fixture_clear_frame(f);
    g_rand_free(rand);
}

static void
assert_black(Fixture *f, const VeraRendererDisplay *display, guint8 *seen, gboolean is_black)
{
    int n = 0;

    draw(f, display, seen);
    for (gsize i = 0; i < N; i++)
        n += seen[4 * i] != 0 || seen[4 * i + 1] != 0 || seen[4 * i + 2] != 0;
    g_assert_cmpint(n == 0, ==, is_black);
}

/* Side B: the same stack with another frame for the selected layer; views, wipe and difference of the two sides. */
static void
test_sides(gconstpointer data)
{
    Fixture *f = (Fixture *)data;
    GRand *rand = g_rand_new_with_seed(12);
    g_autofree guint8 *seen = g_new(guint8, N * 4);
    g_autofree float *a = g_new(float, N * 3);
    VeraRendererDisplay display = { .width = W, .height = H, .scale = 1, .view = VERA_VIEW_COMPOSITE, .side = VERA_SIDE_B,
                                    .other = VERA_VIEW_COMPOSITE, .other_side = VERA_SIDE_A, .wipe = 0.4f };

    fixture_set_frame(f, rand, make_frame(rand, &formats[7], VERA_COLOR_MATRIX_RGB, VERA_COLOR_TRANSFER_SRGB, TRUE));
    f->opacity[0] = 0.75f;
    f->opacity[1] = 0.5f;
    fixture_composite(f, 2, FALSE);
    memcpy(a, f->want, sizeof(float) * N * 3);
    /* What the engine makes of the other stack: the lower layer twice. */
    memcpy(f->want, f->source, sizeof(float) * N * 3);
    for (int i = 0; i < 2; i++) {
        VeraComposite over = { .width = W, .height = H, .source_rgb = f->want, .layer_rgb = f->layers[0]->rgb,
                               .matte = f->layers[0]->matte, .opacity = f->opacity[i] };
        vera_composite_over(&over, f->want);
    }
    vera_renderer_set_alternate(f->renderer, f->layers[0]);
    g_assert_true(vera_renderer_read_alternate(f->renderer, VERA_VIEW_COMPOSITE, 0, 0, W, H, f->got));
    g_assert_true(vera_renderer_read_alternate(f->renderer, VERA_VIEW_MATTE, 0, 0, W, H, f->seen));
    for (int i = 0; i < N; i++) {
        g_assert_cmpfloat_with_epsilon(f->seen[4 * i + 3], f->layers[0]->matte[i], 1e-3);
        for (int c = 0; c < 3; c++)
            g_assert_cmpfloat_with_epsilon(f->got[4 * i + c], f->want[3 * i + c], 1.0f / 255);
    }
    draw(f, &display, seen);
    for (int i = 0; i < N; i++)
        assert_pixel(seen + (gsize)4 * (gsize)i, ((float)(i % W) + 0.5f) / W < 0.4f ? a + 3 * i : f->want + 3 * i);
    display.wipe = -1;
    display.view = VERA_VIEW_DIFFERENCE;
    assert_black(f, &display, seen, FALSE);
    vera_renderer_set_alternate(f->renderer, f->layers[1]);
    assert_black(f, &display, seen, TRUE);
    /* Without a frame the layer is left out; without a side B both are the same, and the difference is the source's. */
    vera_renderer_set_alternate(f->renderer, NULL);
    g_assert_true(vera_renderer_read_alternate(f->renderer, VERA_VIEW_MATTE, 0, 0, 1, 1, f->seen));
    g_assert_cmpfloat(f->seen[3], ==, 0);
    fixture_composite(f, 2, FALSE);
    g_assert_true(vera_renderer_read_alternate(f->renderer, VERA_VIEW_COMPOSITE, 0, 0, W, H, f->seen));
    g_assert_cmpmem(f->got, sizeof(float) * N * 4, f->seen, sizeof(float) * N * 4);
    assert_black(f, &display, seen, FALSE);
    fixture_clear_frame(f);
    g_rand_free(rand);
}

int
main(int argc, char **argv)
{
    Fixture f = { .source = g_new(float, N * 3), .want = g_new(float, N * 3), .got = g_new(float, N * 4), .seen = g_new(float, N * 4) };
    g_autoptr(GdkGLContext) context = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!gtk_init_check() || (context = gl_fixture_make_context()) == NULL) {
        puts("1..0 # SKIP there is no display with OpenGL");
        return 0;
    }
    f.renderer = vera_renderer_new(&error);
    g_assert_no_error(error);
    g_test_add_data_func("/ui/renderer/composite", &f, test_composite);
    g_test_add_data_func("/ui/renderer/views", &f, test_views);
    g_test_add_data_func("/ui/renderer/left-out", &f, test_left_out);
    g_test_add_data_func("/ui/renderer/split", &f, test_split);
    g_test_add_data_func("/ui/renderer/grid", &f, test_grid);
    g_test_add_data_func("/ui/renderer/linear-plate", &f, test_linear_plate);
    g_test_add_data_func("/ui/renderer/sides", &f, test_sides);
    status = g_test_run();
    vera_renderer_free(f.renderer);
    for (gsize i = 0; i < 4; i++)
        g_free((float *[]){ f.source, f.want, f.got, f.seen }[i]);
    gdk_gl_context_clear_current();
    return status;
}
