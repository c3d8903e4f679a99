#include "config.h"

#include "engine/compositing/vera-layer-frame.h"

#include <math.h>
#include <string.h>

#include "engine/compositing/vera-composite.h"

/* A plate of 4 by 4 pixels for each of the model's. */
#define MODEL_WIDTH 16
#define MODEL_HEIGHT 12
#define WIDTH (4 * MODEL_WIDTH)
#define HEIGHT (4 * MODEL_HEIGHT)
#define N (WIDTH * HEIGHT)

typedef struct {
    float edit[3 * MODEL_WIDTH * MODEL_HEIGHT], matte[MODEL_WIDTH * MODEL_HEIGHT];
    float coded[3 * N], other[3 * N];
} Scene;

/* A disc on a gradient, and a take that replaces what is around it. */
static Scene *
scene_new(void)
{
    Scene *self = g_new(Scene, 1);

    for (int i = 0; i < MODEL_WIDTH * MODEL_HEIGHT; i++) {
        float x = (float)(i % MODEL_WIDTH) - 8, y = (float)i / MODEL_WIDTH - 6;
        self->matte[i] = CLAMP((hypotf(x, y) - 3.0f) / 2, 0.0f, 1.0f);
        for (int c = 0; c < 3; c++)
            self->edit[3 * i + c] = 0.2f + 0.3f * (float)c - 0.01f * y;
    }
    for (int i = 0; i < N; i++) {
        gboolean is_disc = hypotf((float)(i % WIDTH) - 32, (float)i / WIDTH - 24) < 16;
        for (int c = 0; c < 3; c++) {
            float v = is_disc ? 0.9f - 0.3f * (float)c : 0.1f + 0.004f * (float)(i % WIDTH);
            self->coded[3 * i + c] = v;
        }
    }
    return self;
}

static VeraLayerFrame *
scene_make_layer(Scene *self, float *plate, VeraColorTransfer transfer)
{
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    g_autoptr(GError) error = NULL;
    VeraImage edit = {MODEL_WIDTH, MODEL_HEIGHT, 3, self->edit};
    VeraLayerFrame *layer =
        vera_layer_frame_new(&edit, &(VeraImage){MODEL_WIDTH, MODEL_HEIGHT, 1, self->matte}, &edit,
                             &(VeraImage){WIDTH, HEIGHT, 3, plate}, transfer, &refinement, &error);

    g_assert_no_error(error);
    return layer;
}

static float *
scene_composite(const float *plate, const VeraLayerFrame *layer, VeraColorTransfer transfer)
{
    float *out = g_new(float, 3 * N);
    VeraComposite over = {.width = WIDTH,
                          .height = HEIGHT,
                          .source_rgb = plate,
                          .layer_rgb = layer->rgb,
                          .matte = layer->matte,
                          .opacity = 1.0f,
                          .transfer = transfer};

    vera_composite_over(&over, out);
    return out;
}

/* A plate of another transfer function gets the same matte and the same colours as the one that it is displayed as. */
static void
check_plate(Scene *scene, VeraColorTransfer transfer)
{
    g_autoptr(VeraLayerFrame) coded = scene_make_layer(scene, scene->coded, VERA_COLOR_TRANSFER_SRGB);
    g_autoptr(VeraLayerFrame) other = NULL;

    memcpy(scene->other, scene->coded, sizeof scene->coded);
    vera_color_decode_display(transfer, scene->other, 3 * N);
    other = scene_make_layer(scene, scene->other, transfer);
    vera_color_code_display(transfer, other->rgb, 3 * N);
    vera_color_code_display(transfer, other->model_rgb, 3 * N);
    for (int i = 0; i < 3 * N; i++) {
        g_assert_cmpfloat_with_epsilon(other->rgb[i], coded->rgb[i], 2e-4);
        g_assert_cmpfloat_with_epsilon(other->model_rgb[i], coded->model_rgb[i], 2e-4);
    }
    for (int i = 0; i < N; i++)
        g_assert_cmpfloat_with_epsilon(other->matte[i], coded->matte[i], 1e-3);
}

static void
test_plates(void)
{
    g_autofree Scene *scene = scene_new();
    float white[] = {1, 1, 1};

    check_plate(scene, VERA_COLOR_TRANSFER_LINEAR);
    check_plate(scene, VERA_COLOR_TRANSFER_PQ);
    check_plate(scene, VERA_COLOR_TRANSFER_HLG);
    /* ITU-R BT.2408: reference white is 58 % of PQ and 75 % of HLG. */
    vera_color_decode_display(VERA_COLOR_TRANSFER_PQ, &white[0], 1);
    vera_color_decode_display(VERA_COLOR_TRANSFER_HLG, &white[1], 1);
    vera_color_decode_display(VERA_COLOR_TRANSFER_BT709, &white[2], 1);
    g_assert_cmpfloat_with_epsilon(white[0], 0.58, 0.002);
    g_assert_cmpfloat_with_epsilon(white[1], 0.75, 1e-4);
    g_assert_cmpfloat(white[2], ==, 1.0f);
}

/* The composite over a plate in linear light is that over the displayed one; kept pixels have the plate's bits. */
static void
test_linear_composite(void)
{
    g_autofree Scene *scene = scene_new();

    memcpy(scene->other, scene->coded, sizeof scene->coded);
    vera_color_decode_display(VERA_COLOR_TRANSFER_LINEAR, scene->other, 3 * N);
    g_autoptr(VeraLayerFrame) coded = scene_make_layer(scene, scene->coded, VERA_COLOR_TRANSFER_SRGB);
    g_autoptr(VeraLayerFrame) linear = scene_make_layer(scene, scene->other, VERA_COLOR_TRANSFER_LINEAR);
    g_autofree float *want = scene_composite(scene->coded, coded, VERA_COLOR_TRANSFER_SRGB);
    g_autofree float *got = scene_composite(scene->other, linear, VERA_COLOR_TRANSFER_LINEAR);
    int n_soft = 0, n_kept = 0;

    for (int i = 0; i < 3 * N; i++)
        g_assert_cmpfloat_with_epsilon(vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, got[i]), want[i], 1e-4);
    for (int i = 0; i < N; i++) {
        n_soft += coded->matte[i] > 0 && coded->matte[i] < 1;
        if (linear->matte[i] > 0)
            continue;
        n_kept++;
        g_assert_cmpmem(got + 3 * i, 12, scene->other + 3 * i, 12);
    }
    g_assert_cmpint(n_soft, >, 100);
    g_assert_cmpint(n_kept, >, 100);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/layer-frame/plates", test_plates);
    g_test_add_func("/engine/layer-frame/linear-composite", test_linear_composite);
    return g_test_run();
}
