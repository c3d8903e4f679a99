#include "config.h"

#include "ui/vera-renderer.h"

#include <math.h>

#include "engine/vera-engine-error.h"
#include "tests/ui/gl-fixture.h"

/* The smallest and the largest pictures, objects that are lost, and what is left behind. */

#define TARGET 32

static VeraFrame *
make_frame(int width, int height)
{
    VeraFrameFormat format = { .layout = VERA_FRAME_LAYOUT_YUV, .n_planes = 3, .bits = 8, .chroma_shift_x = 1, .chroma_shift_y = 1 };
    g_autoptr(GError) error = NULL;
    VeraFrame *frame = vera_frame_new(&format, width, height, &error);

    g_assert_no_error(error);
    frame->color = (VeraColorDescription){ .matrix = VERA_COLOR_MATRIX_BT709, .transfer = VERA_COLOR_TRANSFER_BT709, .is_full_range = TRUE };
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < vera_frame_get_plane_height(frame, p); y++)
            memset(frame->data[p] + (gsize)y * (gsize)frame->stride[p], p == 0 ? 60 + 150 * y / vera_frame_get_plane_height(frame, p) : 128,
                   (gsize)vera_frame_get_plane_width(frame, p));
    return frame;
}

static VeraLayerFrame *
make_layer(VeraFrame *frame)
{
    gsize n = (gsize)frame->width * (gsize)frame->height;
    g_autofree float *zeros = g_new0(float, n * 3);
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    VeraImage rgb = { frame->width, frame->height, 3, zeros }, matte = { frame->width, frame->height, 1, zeros };
    g_autoptr(GError) error = NULL;
    VeraLayerFrame *layer = vera_layer_frame_new(&rgb, &matte, &rgb, &rgb, frame->color.transfer, &refinement, &error);

    g_assert_no_error(error);
    for (gsize i = 0; i < n; i++) {
        layer->matte[i] = 0.5f;
        layer->rgb[3 * i] = 1.0f;
    }
    return layer;
}

/* The whole picture in a small target, read back from a column of it, top row first. */
static void
draw(VeraRenderer *renderer, VeraFrame *frame, guint8 rgba[TARGET][4])
{
    VeraRendererDisplay display = { .width = TARGET, .height = TARGET, .wipe = -1, .view = VERA_VIEW_COMPOSITE };
    int column = frame->width < frame->height ? 0 : TARGET / 2;
    GLuint framebuffer, texture;

    display.scale = TARGET / (float)MAX(frame->width, frame->height);
    glGenFramebuffers(1, &framebuffer);
    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, TARGET, TARGET, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    vera_renderer_draw(renderer, &display);
    for (int y = 0; y < TARGET; y++)
        glReadPixels(column, TARGET - 1 - y, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, rgba[y]);
    glBindFramebuffer(GL_FRAMEBUFFER, 0);
    glDeleteFramebuffers(1, &framebuffer);
    glDeleteTextures(1, &texture);
}

static VeraRenderer *
make_renderer(void)
{
    g_autoptr(GError) error = NULL;
    VeraRenderer *renderer = vera_renderer_new(&error);

    g_assert_no_error(error);
    return renderer;
}

static void
set_source(VeraRenderer *renderer, VeraFrame *frame)
{
    g_autoptr(GError) error = NULL;

    vera_renderer_set_source(renderer, frame, &error);
    g_assert_no_error(error);
}

static void
assert_fine(VeraRenderer *renderer)
{
    g_autoptr(GError) error = NULL;

    vera_renderer_check(renderer, &error);
    g_assert_no_error(error);
}

static void
test_one_pixel(void)
{
    g_autoptr(VeraRenderer) renderer = make_renderer();
    g_autoptr(VeraFrame) frame = make_frame(1, 1);
    VeraLayerFrame *layer = make_layer(frame);
    guint8 seen[TARGET][4];

    set_source(renderer, frame);
    vera_renderer_set_layers(renderer, &(VeraRendererLayer){ layer, 1 }, 1, 0, FALSE);
    draw(renderer, frame, seen);
    assert_fine(renderer);
    for (int y = 0; y < TARGET; y++) {
        g_assert_cmpint(ABS(seen[y][0] - (255 + 60) / 2), <=, 1);
        g_assert_cmpint(ABS(seen[y][1] - 30), <=, 1);
    }
    vera_layer_frame_unref(layer);
}

static void
assert_ramp(const guint8 seen[TARGET][4], int n_rows, double factor)
{
    for (int y = 0; y < n_rows; y++)
        g_assert_cmpint(ABS(seen[y][1] - (int)lround((60 + 150 * (y + 0.5) / n_rows) * factor)), <=, 4);
}

/*
 * 8K, shrunk: no row is missing or wrong. With a layer a strip of it is enough, which needs no gigabytes; it also comes after a picture of
 * another size that was shrunk, whose smaller levels must not get in its way.
 */
static void
test_8k(void)
{
    g_autoptr(VeraRenderer) renderer = make_renderer();
    g_autoptr(VeraFrame) frame = make_frame(7680, 4320), strip = make_frame(240, 7680);
    VeraLayerFrame *layer = make_layer(strip);
    guint8 seen[TARGET][4];

    set_source(renderer, frame);
    vera_renderer_set_layers(renderer, NULL, 0, -1, FALSE);
    draw(renderer, frame, seen);
    assert_fine(renderer);
    assert_ramp((const guint8(*)[4])seen, TARGET * 9 / 16, 1);
    set_source(renderer, strip);
    vera_renderer_set_layers(renderer, &(VeraRendererLayer){ layer, 1 }, 1, 0, FALSE);
    draw(renderer, strip, seen);
    assert_fine(renderer);
    assert_ramp((const guint8(*)[4])seen, TARGET, 0.5);
    vera_layer_frame_unref(layer);
}

static void
test_too_large(void)
{
    g_autoptr(VeraRenderer) renderer = make_renderer();
    g_autoptr(VeraFrame) frame = NULL;
    g_autoptr(GError) error = NULL;
    GLint max = 0;

    glGetIntegerv(GL_MAX_TEXTURE_SIZE, &max);
    frame = make_frame(max + 2, 2);
    g_assert_false(vera_renderer_set_source(renderer, frame, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED);
    assert_fine(renderer);
}

typedef struct {
    int textures, programs, framebuffers, arrays, shaders;
} Objects;

static Objects
count_objects(void)
{
    Objects n = { 0 };

    for (GLuint id = 1; id < 20000; id++) {
        n.textures += glIsTexture(id);
        n.programs += glIsProgram(id);
        n.framebuffers += glIsFramebuffer(id);
        n.arrays += glIsVertexArray(id);
        n.shaders += glIsShader(id);
    }
    return n;
}

static void
assert_no_more(Objects before)
{
    Objects now = count_objects();

    g_assert_cmpint(now.textures, ==, before.textures);
    g_assert_cmpint(now.programs, ==, before.programs);
    g_assert_cmpint(now.framebuffers, ==, before.framebuffers);
    g_assert_cmpint(now.arrays, ==, before.arrays);
    g_assert_cmpint(now.shaders, ==, before.shaders);
}

/* A clip is opened, shown with a layer and closed, a thousand times, and every hundredth time with its window. */
static void
test_cycles(void)
{
    Objects before = count_objects();
    VeraFrame *frames[2] = { make_frame(48, 32), make_frame(31, 17) };
    guint8 seen[TARGET][4];
    VeraRenderer *renderer = NULL;

    for (int i = 0; i < 1000; i++) {
        VeraFrame *frame = frames[i % 2];
        VeraLayerFrame *layer = make_layer(frame);
        if (renderer == NULL)
            renderer = make_renderer();
        set_source(renderer, frame);
        vera_renderer_set_layers(renderer, &(VeraRendererLayer){ layer, 1 }, 1, 0, FALSE);
        draw(renderer, frame, seen);
        vera_layer_frame_unref(layer);
        set_source(renderer, NULL);
        if (i % 100 == 99) {
            g_assert_cmpint(count_objects().textures, >, before.textures);
            g_clear_pointer(&renderer, vera_renderer_free);
            assert_no_more(before);
        }
    }
    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(frames[i]->ref_count, ==, 1);
        vera_frame_unref(frames[i]);
    }
}

/* Everything that the GPU held is gone: that is noticed, and a new renderer draws what the old one drew. */
static void
test_lost(void)
{
    VeraRenderer *renderer = make_renderer();
    g_autoptr(VeraFrame) frame = make_frame(48, 32);
    g_autoptr(GError) error = NULL;
    guint8 seen[TARGET][4], again[TARGET][4];

    set_source(renderer, frame);
    vera_renderer_set_layers(renderer, NULL, 0, -1, FALSE);
    draw(renderer, frame, seen);
    assert_fine(renderer);
    gl_fixture_lose_objects();
    draw(renderer, frame, again);
    g_assert_false(vera_renderer_check(renderer, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DEVICE_LOST);
    vera_renderer_free(renderer);
    while (glGetError() != GL_NO_ERROR)
        ;
    renderer = make_renderer();
    set_source(renderer, frame);
    vera_renderer_set_layers(renderer, NULL, 0, -1, FALSE);
    draw(renderer, frame, again);
    assert_fine(renderer);
    g_assert_cmpmem(seen, sizeof seen, again, sizeof again);
    vera_renderer_free(renderer);
}

int
main(int argc, char **argv)
{
    g_autoptr(GdkGLContext) context = NULL;
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!gtk_init_check() || (context = gl_fixture_make_context()) == NULL) {
        puts("1..0 # SKIP there is no display with OpenGL");
        return 0;
    }
    g_test_message("%s", (const char *)glGetString(GL_VERSION));
    g_test_add_func("/ui/renderer-limits/one-pixel", test_one_pixel);
    g_test_add_func("/ui/renderer-limits/too-large", test_too_large);
    g_test_add_func("/ui/renderer-limits/cycles", test_cycles);
    g_test_add_func("/ui/renderer-limits/lost", test_lost);
    g_test_add_func("/ui/renderer-limits/8k", test_8k);
    status = g_test_run();
    gdk_gl_context_clear_current();
    return status;
}
