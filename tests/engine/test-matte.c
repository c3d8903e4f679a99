#include "config.h"

#include "engine/compositing/vera-matte.h"

#include <math.h>
#include <string.h>

#include "engine/vera-engine-error.h"

#define N 64

static VeraImage
new_image(int width, int height, int channels)
{
    return (VeraImage){ width, height, channels, g_new0(float, (gsize)width *height *channels) };
}

static void
draw_disc(const VeraImage *image, float cx, float cy, float radius)
{
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            if (hypotf(x - cx, y - cy) <= radius)
                for (int c = 0; c < image->n_channels; c++)
                    image->values[((gsize)y * image->width + x) * image->n_channels + c] = 1.0f;
}

static double
get_sum(const VeraImage *image)
{
    double sum = 0;
    for (int i = 0; i < image->width * image->height; i++)
        sum += image->values[i];
    return sum;
}

static void
refine(VeraMatteRefinement r, const VeraImage *image)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vera_matte_refine(&r, image, &error));
    g_assert_no_error(error);
}

static void
test_floor_makes_exact_zeros(void)
{
    VeraImage m = new_image(8, 1, 1);
    const float in[8] = { 0.0f, 0.001f, 0.019f, 0.021f, 0.5f, 0.979f, 0.99f, NAN };
    VeraMatteRefinement r = VERA_MATTE_REFINEMENT_INIT;

    memcpy(m.values, in, sizeof in);
    refine(r, &m);
    g_assert_true(m.values[1] == 0.0f && m.values[2] == 0.0f && m.values[7] == 0.0f);
    g_assert_true(m.values[3] == 0.021f && m.values[4] == 0.5f && m.values[5] == 0.979f);
    g_assert_true(m.values[6] == 1.0f);
    g_free(m.values);
}

static void
test_levels_and_invert(void)
{
    VeraImage m = new_image(3, 1, 1);
    VeraMatteRefinement r = { .black = 0.2f, .white = 0.6f, .is_inverted = TRUE };
    const float in[3] = { 0.9f, 0.6f, 0.3f };

    memcpy(m.values, in, sizeof in);
    refine(r, &m);
    g_assert_true(m.values[0] == 0.0f);
    g_assert_cmpfloat_with_epsilon(m.values[1], 0.5, 1e-6);
    g_assert_true(m.values[2] == 1.0f);
    g_free(m.values);
}

static void
test_grow_is_a_disc(void)
{
    VeraImage m = new_image(N, N, 1);
    VeraMatteRefinement grow = { .white = 1, .grow_px = 5 }, shrink = { .white = 1, .grow_px = -5 };

    m.values[32 * N + 32] = 1.0f;
    refine(grow, &m);
    g_assert_true(m.values[32 * N + 37] == 1.0f && m.values[37 * N + 32] == 1.0f);
    g_assert_true(m.values[32 * N + 38] == 0.0f && m.values[36 * N + 36] == 0.0f);
    refine(shrink, &m);
    g_assert_cmpfloat(get_sum(&m), ==, 1.0);
    g_assert_true(m.values[32 * N + 32] == 1.0f);
    g_free(m.values);
}

static void
test_feather_keeps_weight(void)
{
    VeraImage m = new_image(N, N, 1);
    VeraMatteRefinement r = { .white = 1, .feather_px = 2.5f };

    draw_disc(&m, 32, 32, 10);
    double before = get_sum(&m);
    refine(r, &m);
    g_assert_cmpfloat_with_epsilon(get_sum(&m), before, before * 1e-3);
    g_assert_cmpfloat_with_epsilon(m.values[32 * N + 32], 1.0, 0.01);
    g_assert_cmpfloat_with_epsilon(m.values[32 * N + 42], 0.5, 0.15);
    g_free(m.values);
}

static void
test_despeckle(void)
{
    VeraImage m = new_image(N, N, 1);
    VeraMatteRefinement r = { .white = 1, .despeckle_px = 20 };

    draw_disc(&m, 32, 32, 12);
    double whole = get_sum(&m);
    m.values[32 * N + 32] = 0.0f;
    m.values[3 * N + 3] = m.values[3 * N + 4] = 1.0f;
    refine(r, &m);
    g_assert_cmpfloat(get_sum(&m), ==, whole);
    g_assert_true(m.values[3 * N + 3] == 0.0f && m.values[32 * N + 32] == 1.0f);
    g_free(m.values);
}

static void
test_bad_values_are_named(void)
{
    VeraImage m = new_image(2, 2, 1);
    const VeraMatteRefinement bad[] = { { .black = 0.5f, .white = 0.4f },
                                        { .white = 1, .feather_px = -1 },
                                        { .white = 1, .grow_px = 1000 },
                                        { .white = 1, .floor = NAN } };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vera_matte_refine(&bad[i], &m, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
    }
    g_free(m.values);
}

/* A rough matte of a disc that the plate shows sharply: the enlarged edge must follow the plate, not the model's pixels. */
static void
test_upscale_follows_the_plate(void)
{
    const int scale = 8, big = N * scale;
    VeraImage plate = new_image(big, big, 3), truth = new_image(big, big, 1);
    VeraImage matte = new_image(N, N, 1), out = new_image(big, big, 1), plain = new_image(big, big, 1);
    g_autoptr(GError) error = NULL;
    double guided_error = 0, plain_error = 0;

    draw_disc(&truth, big * 0.5f, big * 0.5f, big * 0.3f);
    for (int i = 0; i < big * big; i++) {
        plate.values[3 * i] = truth.values[i] * 0.6f + 0.2f;
        plate.values[3 * i + 1] = 0.3f;
        plate.values[3 * i + 2] = 0.7f - truth.values[i] * 0.4f;
    }
    g_assert_true(vera_image_resample(&truth, VERA_RESAMPLE_FILTER_BILINEAR, &matte));
    g_assert_true(vera_matte_upscale(&matte, &plate, &out, &error));
    g_assert_true(vera_image_resample(&matte, VERA_RESAMPLE_FILTER_BICUBIC, &plain));
    for (int i = 0; i < big * big; i++) {
        guided_error += fabsf(out.values[i] - truth.values[i]);
        plain_error += fabsf(plain.values[i] - truth.values[i]);
    }
    g_assert_cmpfloat(guided_error, <, plain_error * 0.5);
    g_assert_true(out.values[0] == 0.0f);
    g_assert_true(out.values[(big / 2) * big + big / 2] == 1.0f);
    g_free(plate.values);
    g_free(truth.values);
    g_free(matte.values);
    g_free(out.values);
    g_free(plain.values);
}

/* An object that the plate does not show keeps its own soft edge, and the plate's texture does not print through. */
static void
test_upscale_ignores_an_unrelated_plate(void)
{
    VeraImage plate = new_image(N * 4, N * 4, 3), matte = new_image(N, N, 1);
    VeraImage out = new_image(N * 4, N * 4, 1), plain = new_image(N * 4, N * 4, 1);
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    g_autoptr(GError) error = NULL;
    double difference = 0;

    for (int i = 0; i < N * 4 * N * 4 * 3; i++)
        plate.values[i] = (float)g_rand_double(rand);
    draw_disc(&matte, 30, 34, 14);
    g_assert_true(vera_matte_upscale(&matte, &plate, &out, &error));
    g_assert_true(vera_image_resample(&matte, VERA_RESAMPLE_FILTER_BICUBIC, &plain));
    for (int i = 0; i < N * 4 * N * 4; i++)
        difference += fabs(out.values[i] - CLAMP(plain.values[i], 0.0f, 1.0f));
    g_assert_cmpfloat(difference / (N * 4 * N * 4), <, 0.01);
    g_free(plate.values);
    g_free(matte.values);
    g_free(out.values);
    g_free(plain.values);
}

static void
test_resample_keeps_flat_and_mean(void)
{
    VeraImage in = new_image(97, 53, 2), out = new_image(31, 17, 2), up = new_image(200, 111, 2);
    g_autoptr(GRand) rand = g_rand_new_with_seed(9);

    for (int i = 0; i < 97 * 53; i++) {
        in.values[2 * i] = 0.25f;
        in.values[2 * i + 1] = (float)g_rand_double(rand);
    }
    g_assert_true(vera_image_resample(&in, VERA_RESAMPLE_FILTER_BILINEAR, &out));
    g_assert_true(vera_image_resample(&in, VERA_RESAMPLE_FILTER_BICUBIC, &up));
    double mean = 0;
    for (int i = 0; i < 31 * 17; i++) {
        g_assert_cmpfloat_with_epsilon(out.values[2 * i], 0.25, 1e-6);
        mean += out.values[2 * i + 1] / (31 * 17);
    }
    for (int i = 0; i < 200 * 111; i++)
        g_assert_cmpfloat_with_epsilon(up.values[2 * i], 0.25, 1e-6);
    g_assert_cmpfloat_with_epsilon(mean, 0.5, 0.02);
    g_free(in.values);
    g_free(out.values);
    g_free(up.values);
}

/* One pixel at a time is the same, to the bit, as all of them. */
static void
test_resampler(void)
{
    VeraImage in = new_image(13, 7, 6), out = new_image(61, 40, 6);
    g_autoptr(VeraResampler) one = NULL;
    float pixel[6];

    for (int i = 0; i < 13 * 7 * 6; i++)
        in.values[i] = (float)(i * 7919 % 997) / 997 - 0.3f;
    g_assert_true(vera_image_resample(&in, VERA_RESAMPLE_FILTER_BILINEAR, &out));
    one = vera_resampler_new(&in, VERA_RESAMPLE_FILTER_BILINEAR, out.width, out.height);
    for (int y = 0; y < out.height; y++) {
        for (int x = 0; x < out.width; x++) {
            const float *wanted = out.values + ((gsize)y * (gsize)out.width + (gsize)x) * 6;
            vera_resampler_get_pixel(one, x, y, pixel);
            g_assert_cmpmem(pixel, sizeof pixel, wanted, sizeof pixel);
        }
    }
    g_free(in.values);
    g_free(out.values);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/matte/floor", test_floor_makes_exact_zeros);
    g_test_add_func("/matte/levels-and-invert", test_levels_and_invert);
    g_test_add_func("/matte/grow", test_grow_is_a_disc);
    g_test_add_func("/matte/feather", test_feather_keeps_weight);
    g_test_add_func("/matte/despeckle", test_despeckle);
    g_test_add_func("/matte/bad-values", test_bad_values_are_named);
    g_test_add_func("/matte/upscale-follows-plate", test_upscale_follows_the_plate);
    g_test_add_func("/matte/upscale-unrelated-plate", test_upscale_ignores_an_unrelated_plate);
    g_test_add_func("/resample/pixel-by-pixel", test_resampler);
    g_test_add_func("/resample/flat-and-mean", test_resample_keeps_flat_and_mean);
    return g_test_run();
}
