#include "config.h"

#include "engine/compositing/vera-layer-frame.h"

#include <math.h>

#include "engine/compositing/vera-composite.h"

/* A plate of 4 by 4 pixels for each of the model's. */
#define MODEL_WIDTH 16
#define MODEL_HEIGHT 12
#define WIDTH (4 * MODEL_WIDTH)
#define HEIGHT (4 * MODEL_HEIGHT)
#define N (WIDTH * HEIGHT)

typedef struct {
    float edit[3 * MODEL_WIDTH * MODEL_HEIGHT], matte[MODEL_WIDTH * MODEL_HEIGHT];
    float coded[3 * N], linear[3 * N];
} Scene;

/* A disc on a gradient, coded by sRGB and in linear light, and a take that replaces what is around it. */
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
            self->linear[3 * i + c] = vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, v);
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

/* A plate in linear light gets the same matte, the same colours and the same composite as the one that it is displayed as. */
static void
test_linear_plate(void)
{
    g_autofree Scene *scene = scene_new();
    g_autoptr(VeraLayerFrame) coded = scene_make_layer(scene, scene->coded, VERA_COLOR_TRANSFER_SRGB);
    g_autoptr(VeraLayerFrame) linear = scene_make_layer(scene, scene->linear, VERA_COLOR_TRANSFER_LINEAR);
    g_autofree float *want = scene_composite(scene->coded, coded, VERA_COLOR_TRANSFER_SRGB);
    g_autofree float *got = scene_composite(scene->linear, linear, VERA_COLOR_TRANSFER_LINEAR);
    int n_soft = 0, n_kept = 0;

    for (int i = 0; i < 3 * N; i++) {
        g_assert_cmpfloat_with_epsilon(vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, linear->rgb[i]), coded->rgb[i], 1e-4);
        g_assert_cmpfloat_with_epsilon(vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, linear->model_rgb[i]),
                                       coded->model_rgb[i], 1e-4);
        g_assert_cmpfloat_with_epsilon(vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB, got[i]), want[i], 1e-4);
    }
    for (int i = 0; i < N; i++) {
        g_assert_cmpfloat_with_epsilon(linear->matte[i], coded->matte[i], 1e-4);
        n_soft += coded->matte[i] > 0 && coded->matte[i] < 1;
        if (linear->matte[i] > 0)
            continue;
        n_kept++;
        g_assert_cmpmem(got + 3 * i, 12, scene->linear + 3 * i, 12);
    }
    g_assert_cmpint(n_soft, >, 100);
    g_assert_cmpint(n_kept, >, 100);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/layer-frame/linear-plate", test_linear_plate);
    return g_test_run();
}
