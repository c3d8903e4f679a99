#include "config.h"

#include <math.h>

#include "engine/media/vera-color.h"

static const VeraColorTransfer transfers[] = {
    VERA_COLOR_TRANSFER_SRGB, VERA_COLOR_TRANSFER_BT709,  VERA_COLOR_TRANSFER_PQ,
    VERA_COLOR_TRANSFER_HLG,  VERA_COLOR_TRANSFER_LINEAR,
};

static void
test_published_values(void)
{
    /* sRGB 0.5; BT.709 0.5 and HLG from the formulas; PQ of 100 and 1000 cd/m2 from BT.2408. */
    g_assert_cmpfloat_with_epsilon(vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, 0.5f), 0.2140411f,
                                   1e-6);
    g_assert_cmpfloat_with_epsilon(vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, 0.04f),
                                   0.04f / 12.92f, 1e-8);
    g_assert_cmpfloat_with_epsilon(vera_color_to_linear(VERA_COLOR_TRANSFER_BT709, 0.5f), 0.25959f,
                                   2e-4);
    g_assert_cmpfloat_with_epsilon(vera_color_to_linear(VERA_COLOR_TRANSFER_HLG, 0.5f),
                                   1.0f / 12.0f, 1e-7);
    g_assert_cmpfloat_with_epsilon(vera_color_from_linear(VERA_COLOR_TRANSFER_PQ, 1.0f), 0.5081f,
                                   1e-4);
    g_assert_cmpfloat_with_epsilon(vera_color_from_linear(VERA_COLOR_TRANSFER_PQ, 10.0f), 0.7518f,
                                   1e-4);
    g_assert_cmpfloat_with_epsilon(vera_color_to_linear(VERA_COLOR_TRANSFER_PQ, 1.0f), 100.0f,
                                   1e-3);
}

static void
test_ends_are_exact(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transfers); i++) {
        g_assert_true(vera_color_to_linear(transfers[i], 0.0f) == 0.0f);
        g_assert_true(vera_color_from_linear(transfers[i], 0.0f) == 0.0f);
        if (transfers[i] == VERA_COLOR_TRANSFER_PQ)
            continue;
        g_assert_true(vera_color_to_linear(transfers[i], 1.0f) == 1.0f);
        g_assert_true(vera_color_from_linear(transfers[i], 1.0f) == 1.0f);
    }
}

static void
test_inverse_monotonic_odd(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transfers); i++) {
        float before = -1.0f;
        for (int v = 0; v <= 4000; v++) {
            float value = (float)v / 4000.0f;
            float linear = vera_color_to_linear(transfers[i], value);
            g_assert_cmpfloat(linear, >=, before);
            g_assert_cmpfloat_with_epsilon(vera_color_from_linear(transfers[i], linear), value,
                                           4e-6);
            g_assert_true(vera_color_to_linear(transfers[i], -value) == -linear);
            before = linear;
        }
    }
}

static void
test_beyond_white_is_finite(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transfers); i++) {
        g_assert_true(isfinite(vera_color_to_linear(transfers[i], 1.5f)));
        g_assert_cmpfloat(vera_color_to_linear(transfers[i], 1.5f), >=,
                          vera_color_to_linear(transfers[i], 1.0f));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/color/published-values", test_published_values);
    g_test_add_func("/color/ends-are-exact", test_ends_are_exact);
    g_test_add_func("/color/inverse-monotonic-odd", test_inverse_monotonic_odd);
    g_test_add_func("/color/beyond-white-is-finite", test_beyond_white_is_finite);
    return g_test_run();
}
