#include "config.h"

#include "ui/vera-timeline-axis.h"

#include <math.h>

/* An axis that a user might have: some length, some window, somewhere zoomed and scrolled to. */
static VeraTimelineAxis
make_axis(GRand *rand)
{
    VeraTimelineAxis axis = { .n_frames = 1 + (gint64)exp(g_rand_double_range(rand, 0, 13)),
                              .width = g_rand_double_range(rand, 60, 4000) };

    vera_timeline_axis_fit(&axis);
    vera_timeline_axis_zoom(&axis, exp(g_rand_double_range(rand, -2, 8)), g_rand_double_range(rand, 0, axis.width));
    vera_timeline_axis_scroll(&axis, g_rand_double_range(rand, -1e5, 1e5));
    return axis;
}

/* The left end is the clip's or further right, and behind the last frame there is nothing to see unless all of it fits. */
static void
check_settled(const VeraTimelineAxis *axis)
{
    double room = axis->width - 2 * VERA_TIMELINE_MARGIN;
    double end = vera_timeline_axis_get_x(axis, (double)axis->n_frames);

    g_assert_cmpfloat(axis->origin, >=, 0);
    g_assert_cmpfloat(axis->pixels_per_frame, >, 0);
    g_assert_cmpfloat(end, >=, VERA_TIMELINE_MARGIN + MIN(room, (double)axis->n_frames * axis->pixels_per_frame) - 1e-3);
}

static void
test_fit(void)
{
    VeraTimelineAxis axis = { .n_frames = 100, .width = 1024 };

    vera_timeline_axis_fit(&axis);
    g_assert_cmpfloat_with_epsilon(axis.pixels_per_frame, 10.0, 1e-12);
    g_assert_cmpfloat_with_epsilon(vera_timeline_axis_get_x(&axis, 0), VERA_TIMELINE_MARGIN, 1e-12);
    g_assert_cmpfloat_with_epsilon(vera_timeline_axis_get_x(&axis, 100), 1024 - VERA_TIMELINE_MARGIN, 1e-9);
    g_assert_cmpint(vera_timeline_axis_get_frame(&axis, -50), ==, 0);
    g_assert_cmpint(vera_timeline_axis_get_frame(&axis, 5000), ==, 99);
    vera_timeline_axis_set_width(&axis, 524);
    g_assert_cmpfloat_with_epsilon(axis.pixels_per_frame, 5.0, 1e-12);
    vera_timeline_axis_zoom(&axis, 3, 200);
    vera_timeline_axis_set_width(&axis, 624);
    g_assert_cmpfloat_with_epsilon(axis.pixels_per_frame, 15.0, 1e-12);
}

static void
test_round_trip(void)
{
    GRand *rand = g_rand_new_with_seed(1);

    for (int i = 0; i < 2000; i++) {
        VeraTimelineAxis axis = make_axis(rand);
        gint64 frame = (gint64)(g_rand_double(rand) * (double)axis.n_frames);
        double inside = g_rand_double_range(rand, 0.01, 0.99);
        check_settled(&axis);
        g_assert_cmpint(vera_timeline_axis_get_frame(&axis, vera_timeline_axis_get_x(&axis, (double)frame + inside)), ==, frame);
    }
    g_rand_free(rand);
}

/* What is under the pointer stays there, unless an end of the clip is in the way. */
static void
test_zoom_keeps_frame(void)
{
    GRand *rand = g_rand_new_with_seed(2);
    int n_kept = 0;

    for (int i = 0; i < 2000; i++) {
        VeraTimelineAxis axis = make_axis(rand), before = axis;
        double x = g_rand_double_range(rand, 0, axis.width), factor = exp(g_rand_double_range(rand, -1, 1));
        double frame = (x - VERA_TIMELINE_MARGIN) / axis.pixels_per_frame + axis.origin, shown;
        vera_timeline_axis_zoom(&axis, factor, x);
        check_settled(&axis);
        shown = (axis.width - 2 * VERA_TIMELINE_MARGIN) / axis.pixels_per_frame;
        if (axis.origin > 0 && axis.origin < (double)axis.n_frames - shown - 1e-6) {
            g_assert_cmpfloat_with_epsilon(vera_timeline_axis_get_x(&axis, frame), x, 1e-3);
            n_kept++;
        }
        if (axis.pixels_per_frame != before.pixels_per_frame)
            g_assert_true((axis.pixels_per_frame > before.pixels_per_frame) == (factor > 1));
    }
    g_assert_cmpint(n_kept, >, 300);
    g_rand_free(rand);
}

/* The frame comes into view, and nothing moves if it is there already. */
static void
test_show(void)
{
    GRand *rand = g_rand_new_with_seed(3);

    for (int i = 0; i < 2000; i++) {
        VeraTimelineAxis axis = make_axis(rand), before;
        gint64 frame = (gint64)(g_rand_double(rand) * (double)axis.n_frames);
        if (axis.pixels_per_frame > axis.width - 2 * VERA_TIMELINE_MARGIN)
            continue;
        vera_timeline_axis_show(&axis, frame);
        check_settled(&axis);
        g_assert_cmpfloat(vera_timeline_axis_get_x(&axis, (double)frame), >=, VERA_TIMELINE_MARGIN - 1e-3);
        g_assert_cmpfloat(vera_timeline_axis_get_x(&axis, (double)frame + 1), <=, axis.width - VERA_TIMELINE_MARGIN + 1e-3);
        before = axis;
        vera_timeline_axis_show(&axis, frame);
        g_assert_cmpfloat_with_epsilon(axis.origin, before.origin, 1e-6);
    }
    g_rand_free(rand);
}

/* Labels never collide, and from a second on they stand on whole seconds. */
static void
test_step(void)
{
    static const double rates[] = { 1, 8, 12, 23.976, 24, 25, 29.97, 50, 59.94, 120 };
    GRand *rand = g_rand_new_with_seed(4);

    for (int i = 0; i < 2000; i++) {
        VeraTimelineAxis axis = make_axis(rand);
        double rate = rates[i % (int)G_N_ELEMENTS(rates)];
        gint64 second = (gint64)lround(rate), step = vera_timeline_axis_get_step(&axis, 80, rate);
        if (step < 4 * 3600 * second)
            g_assert_cmpfloat((double)step * axis.pixels_per_frame, >=, 80);
        if (step >= second)
            g_assert_cmpint(step % second, ==, 0);
    }
    g_assert_cmpint(vera_timeline_axis_get_step(&(VeraTimelineAxis){ .n_frames = 100, .width = 1000, .pixels_per_frame = 100 }, 80, 24), ==, 1);
    g_assert_cmpint(vera_timeline_axis_get_step(&(VeraTimelineAxis){ .n_frames = 100, .width = 1000, .pixels_per_frame = 10 }, 80, 24), ==, 10);
    g_assert_cmpint(vera_timeline_axis_get_step(&(VeraTimelineAxis){ .n_frames = 100, .width = 1000, .pixels_per_frame = 4 }, 80, 24), ==, 24);
    g_rand_free(rand);
}

/* Windows of no width and clips of one frame are drawn before and after anything sensible is known. */
static void
test_extremes(void)
{
    for (double width = 0; width < 40; width += 5) {
        VeraTimelineAxis axis = { .n_frames = 1, .width = width };
        vera_timeline_axis_fit(&axis);
        vera_timeline_axis_zoom(&axis, 1e6, width / 2);
        vera_timeline_axis_scroll(&axis, 1e9);
        vera_timeline_axis_show(&axis, 0);
        g_assert_true(isfinite(vera_timeline_axis_get_x(&axis, 0)));
        g_assert_cmpint(vera_timeline_axis_get_frame(&axis, width), ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/timeline-axis/fit", test_fit);
    g_test_add_func("/ui/timeline-axis/round-trip", test_round_trip);
    g_test_add_func("/ui/timeline-axis/zoom-keeps-frame", test_zoom_keeps_frame);
    g_test_add_func("/ui/timeline-axis/show", test_show);
    g_test_add_func("/ui/timeline-axis/step", test_step);
    g_test_add_func("/ui/timeline-axis/extremes", test_extremes);
    return g_test_run();
}
