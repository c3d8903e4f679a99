#include "config.h"

#include "engine/compositing/vera-edge-clean.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* A plate of 4 by 4 pixels for each of the model's. */
#define MODEL_WIDTH 32
#define MODEL_HEIGHT 24
#define WIDTH (4 * MODEL_WIDTH)
#define HEIGHT (4 * MODEL_HEIGHT)
#define N (WIDTH * HEIGHT)

static const float kept[3] = {0.7f, 0.2f, 0.15f}, replaced[3] = {0.2f, 0.7f, 0.3f};
static const float layer[3] = {0.5f, 0.55f, 0.9f};

/* A disc of one colour on another: @truth is how much of the background each pixel shows, @matte what a
 * model that is unsure of the outline says. */
typedef struct {
    float plate[3 * N], matte[N], rgb[3 * N], truth[N];
} Scene;

static float
get_step(float at, float width)
{
    return CLAMP(0.5f + at / width, 0.0f, 1.0f);
}

static Scene *
scene_new(const float background[3], float texture)
{
    Scene *self = g_new(Scene, 1);

    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int i = y * WIDTH + x;
            float distance = hypotf((float)x - WIDTH / 2.0f, (float)y - HEIGHT / 2.0f) - 25.0f;
            self->truth[i] = get_step(distance, 2.0f);
            self->matte[i] = get_step(distance - 1.5f, 12.0f);
            for (int c = 0; c < 3; c++) {
                float b = background[c] + texture * (float)(((x + 2 * y) / 3 % 2) * 2 - 1);
                self->plate[3 * i + c] = b * self->truth[i] + kept[c] * (1 - self->truth[i]);
                self->rgb[3 * i + c] = layer[c];
            }
        }
    }
    return self;
}

static void
scene_clean(Scene *self)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(vera_edge_clean(&(VeraImage){WIDTH, HEIGHT, 3, self->plate}, MODEL_WIDTH,
                                  MODEL_HEIGHT, &(VeraImage){WIDTH, HEIGHT, 1, self->matte},
                                  &(VeraImage){WIDTH, HEIGHT, 3, self->rgb}, &error));
    g_assert_no_error(error);
}

/* Mean distance of the composite from the true one at soft pixels of @before. */
static double
scene_get_error(const Scene *self, const Scene *before)
{
    double sum = 0;
    int n = 0;

    for (int i = 0; i < N; i++) {
        if (before->matte[i] <= 0 || before->matte[i] >= 1)
            continue;
        n++;
        for (int c = 0; c < 3; c++) {
            float a = self->matte[i], t = before->truth[i];
            float got = self->rgb[3 * i + c] * a + self->plate[3 * i + c] * (1 - a);
            sum += fabs((double)(got - (layer[c] * t + kept[c] * (1 - t))));
        }
    }
    g_assert_cmpint(n, >, 500);
    return sum / n;
}

/* The old background is gone from the edge, and pixels that were decided stay, bit for bit. */
static void
test_fringe(void)
{
    g_autofree Scene *before = scene_new(replaced, 0), *after = scene_new(replaced, 0);

    scene_clean(after);
    for (int i = 0; i < N; i++) {
        if (before->matte[i] != 0 && before->matte[i] != 1)
            continue;
        g_assert_cmpfloat(after->matte[i], ==, before->matte[i]);
        g_assert_cmpmem(after->rgb + 3 * i, 12, before->rgb + 3 * i, 12);
    }
    g_assert_cmpmem(after->plate, sizeof after->plate, before->plate, sizeof before->plate);
    g_test_message("error %g before, %g after", scene_get_error(before, before),
                   scene_get_error(after, before));
    g_assert_cmpfloat(scene_get_error(after, before), <, 0.2 * scene_get_error(before, before));
}

/* The layer stays a colour, and the matte a share. */
static void
test_range(void)
{
    static const float white[3] = {1, 1, 1};
    g_autofree Scene *scene = scene_new(white, 0);

    for (int i = 0; i < 3 * N; i++)
        scene->rgb[i] = 0;
    scene_clean(scene);
    for (int i = 0; i < 3 * N; i++)
        g_assert_true(scene->rgb[i] >= 0 && scene->rgb[i] <= 1);
    for (int i = 0; i < N; i++)
        g_assert_true(scene->matte[i] >= 0 && scene->matte[i] <= 1);
}

/* Where colours cannot tell the sides apart, the model's matte stays nearly as it was. */
static void
test_alike(void)
{
    g_autofree Scene *before = scene_new(kept, 0.1f), *after = scene_new(kept, 0.1f);

    scene_clean(after);
    for (int i = 0; i < N; i++)
        g_assert_cmpfloat_with_epsilon(after->matte[i], before->matte[i], 0.02);
}

/* A matte that is soft everywhere says nothing of either side. */
static void
test_unknown(void)
{
    g_autofree Scene *before = scene_new(replaced, 0), *after = scene_new(replaced, 0);

    for (int i = 0; i < N; i++)
        before->matte[i] = after->matte[i] = 0.1f + 0.8f * before->matte[i];
    scene_clean(after);
    g_assert_cmpmem(after, sizeof *after, before, sizeof *before);
}

/* Pixels that are no numbers spoil no others. */
static void
test_not_finite(void)
{
    g_autofree Scene *plain = scene_new(replaced, 0), *scene = scene_new(replaced, 0);
    int bad = HEIGHT / 2 * WIDTH + WIDTH / 2 + 25;

    scene->plate[3 * bad] = NAN;
    scene->plate[3 * (bad - 12) + 1] = INFINITY;
    scene->plate[3 * (bad + 12) + 2] = -INFINITY;
    scene_clean(plain);
    scene_clean(scene);
    for (int i = 0; i < N; i++) {
        g_assert_true(isfinite(scene->matte[i]) && isfinite(scene->rgb[3 * i]));
        if (i != bad)
            g_assert_cmpfloat_with_epsilon(scene->matte[i], plain->matte[i], 0.05);
    }
}

static void
test_threads(void)
{
    g_autofree Scene *one = scene_new(replaced, 0.05f), *three = scene_new(replaced, 0.05f);
    int n = omp_get_max_threads();

    omp_set_num_threads(1);
    scene_clean(one);
    omp_set_num_threads(3);
    scene_clean(three);
    omp_set_num_threads(n);
    g_assert_cmpmem(one, sizeof *one, three, sizeof *three);
}

/* Plates smaller than the model, and of one pixel. */
static void
test_small(void)
{
    float plate[3] = {0.5f, 0.5f, 0.5f}, matte[1] = {0.5f}, rgb[3] = {0.1f, 0.1f, 0.1f};

    g_assert_true(vera_edge_clean(&(VeraImage){1, 1, 3, plate}, MODEL_WIDTH, MODEL_HEIGHT,
                                  &(VeraImage){1, 1, 1, matte}, &(VeraImage){1, 1, 3, rgb}, NULL));
    g_assert_cmpfloat(matte[0], ==, 0.5f);
    g_assert_cmpfloat(rgb[2], ==, 0.1f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/edge-clean/fringe", test_fringe);
    g_test_add_func("/engine/edge-clean/range", test_range);
    g_test_add_func("/engine/edge-clean/alike", test_alike);
    g_test_add_func("/engine/edge-clean/unknown", test_unknown);
    g_test_add_func("/engine/edge-clean/not-finite", test_not_finite);
    g_test_add_func("/engine/edge-clean/threads", test_threads);
    g_test_add_func("/engine/edge-clean/small", test_small);
    return g_test_run();
}
