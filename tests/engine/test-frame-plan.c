#include "config.h"

#include <math.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/diffusion/vera-frame-plan.h"
#include "engine/vera-engine-error.h"

static VeraFramePlan *
make_plan(gint64 n_frames, int window_frames, int factor)
{
    g_autoptr(GError) error = NULL;
    VeraFramePlan *plan = vera_frame_plan_new(n_frames, window_frames, factor, &error);

    g_assert_no_error(error);
    return plan;
}

/* The frames that latent frame @latent stands for. */
static void
get_latent_frames(int latent, int factor, int *first, int *last)
{
    *first = latent == 0 ? 0 : (latent - 1) * factor + 1;
    *last = latent * factor;
}

static void
check_padding(const VeraFramePlan *plan, int n_frames, int factor)
{
    g_assert_cmpint(plan->n_frames, ==, n_frames);
    g_assert_cmpint(plan->temporal_factor, ==, factor);
    g_assert_cmpint(plan->n_padded_frames, ==, (plan->n_latents - 1) * factor + 1);
    /* N frames in, N frames out: the range fits, and not one latent frame is all padding. */
    g_assert_cmpint(plan->n_padded_frames, >=, n_frames);
    g_assert_cmpint(plan->n_padded_frames - n_frames, <, factor);
}

static void
check_windows(const VeraFramePlan *plan, int window_frames)
{
    int n = plan->windows[0].n_latents, quarter = MAX(1, n / 4);

    g_assert_cmpint(n, ==, MIN(plan->n_latents, (window_frames - 1) / plan->temporal_factor + 1));
    g_assert_cmpint(plan->windows[0].first_latent, ==, 0);
    for (int i = 0; i < plan->n_windows; i++) {
        const VeraFrameWindow *w = &plan->windows[i];
        g_assert_cmpint(w->n_latents, ==, n);
        g_assert_cmpint(w->first_latent + n, <=, plan->n_latents);
        if (i > 0) {
            int overlap = plan->windows[i - 1].first_latent + n - w->first_latent;
            g_assert_cmpint(w->first_latent, >, plan->windows[i - 1].first_latent);
            /* A quarter is shared; the last window is shifted back and shares more. A window of one
             * has nothing to share. */
            if (i + 1 < plan->n_windows)
                g_assert_cmpint(overlap, ==, n == 1 ? 0 : quarter);
            else
                g_assert_cmpint(overlap, >=, n == 1 ? 0 : quarter);
        }
    }
    g_assert_cmpint(plan->windows[plan->n_windows - 1].first_latent + n, ==, plan->n_latents);
}

static void
check_weights(const VeraFramePlan *plan)
{
    g_autofree double *sums = g_new0(double, plan->n_latents);

    for (int i = 0; i < plan->n_windows; i++) {
        const VeraFrameWindow *w = &plan->windows[i];
        for (int l = 0; l < w->n_latents; l++) {
            g_assert_cmpfloat(w->weights[l], >, 0);
            g_assert_cmpfloat(w->weights[l], <=, 1);
            sums[w->first_latent + l] += w->weights[l];
        }
    }
    for (int l = 0; l < plan->n_latents; l++)
        g_assert_cmpfloat_with_epsilon(sums[l], 1, 1e-6);
}

/* Over an overlap of two windows alone, the weight goes from the one to the other without turning
 * back. */
static void
check_ramps(const VeraFramePlan *plan)
{
    for (int i = 0; i + 1 < plan->n_windows; i++) {
        const VeraFrameWindow *a = &plan->windows[i], *b = &plan->windows[i + 1];
        int from = b->first_latent, to = a->first_latent + a->n_latents;
        int before = i > 0 ? plan->windows[i - 1].first_latent + a->n_latents : 0;
        int after = i + 2 < plan->n_windows ? plan->windows[i + 2].first_latent : plan->n_latents;
        for (int l = MAX(from, before) + 1; l < MIN(to, after); l++) {
            g_assert_cmpfloat(a->weights[l - a->first_latent], <,
                              a->weights[l - 1 - a->first_latent]);
            g_assert_cmpfloat(b->weights[l - from], >, b->weights[l - 1 - from]);
        }
    }
}

static void
check_frames(const VeraFramePlan *plan)
{
    int covered = -1;

    for (int i = 0; i < plan->n_windows; i++) {
        int first, last, want_first, want_last, unused;
        vera_frame_plan_get_frames(plan, i, &first, &last);
        get_latent_frames(plan->windows[i].first_latent, plan->temporal_factor, &want_first,
                          &unused);
        get_latent_frames(plan->windows[i].first_latent + plan->windows[i].n_latents - 1,
                          plan->temporal_factor, &unused, &want_last);
        g_assert_cmpint(first, ==, want_first);
        g_assert_cmpint(last, ==, MIN(want_last, plan->n_frames - 1));
        g_assert_cmpint(first, <=, last);
        g_assert_cmpint(first, <=, covered + 1); /* no gap */
        covered = last;
    }
    g_assert_cmpint(covered, ==, plan->n_frames - 1);
}

static void
check_plan(int n_frames, int window_frames, int factor)
{
    g_autoptr(VeraFramePlan) plan = make_plan(n_frames, window_frames, factor);

    check_padding(plan, n_frames, factor);
    check_windows(plan, window_frames);
    check_weights(plan);
    check_ramps(plan);
    check_frames(plan);
}

static void
test_all_small(void)
{
    for (int factor = 1; factor <= 8; factor *= 2)
        for (int window = 1; window <= 33; window++)
            for (int n = 1; n <= 90; n++)
                check_plan(n, window, factor);
}

static void
test_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(11);

    for (int i = 0; i < 3000; i++) {
        int factor = 1 << g_rand_int_range(random, 0, 4), window = g_rand_int_range(random, 1, 200);
        check_plan(g_rand_int_range(random, 1, i % 100 == 0 ? 1000000 : 3000), window, factor);
    }
    check_plan(1000000, 81, 4);
    check_plan(1000000, G_MAXINT, 4);
}

/* Worked by hand. */
static void
test_examples(void)
{
    g_autoptr(VeraFramePlan) one = make_plan(1, 81, 4), eighty_one = make_plan(81, 81, 4),
                             odd = make_plan(6, 81, 4);
    g_autoptr(VeraFramePlan) longer = make_plan(150, 81, 4);
    static const int firsts[] = {0, 16, 18};

    g_assert_cmpint(one->n_latents, ==, 1);
    g_assert_cmpint(one->n_padded_frames, ==, 1);
    g_assert_cmpint(one->n_windows, ==, 1);
    g_assert_cmpfloat(one->windows[0].weights[0], ==, 1);
    g_assert_cmpint(eighty_one->n_windows, ==, 1);
    g_assert_cmpint(eighty_one->n_latents, ==, 21);
    g_assert_cmpint(eighty_one->n_padded_frames, ==, 81);
    g_assert_cmpint(odd->n_latents, ==, 3); /* 6 frames are coded as 9 */
    g_assert_cmpint(odd->n_padded_frames, ==, 9);
    /* 150 frames are coded as 153 in 39 latents; windows of 21 share 5, the last is shifted back to
     * end with the range. */
    g_assert_cmpint(longer->n_latents, ==, 39);
    g_assert_cmpint(longer->n_windows, ==, 3);
    for (int i = 0; i < longer->n_windows; i++)
        g_assert_cmpint(longer->windows[i].first_latent, ==, firsts[i]);
}

static void
test_refused(void)
{
    static const struct {
        gint64 n_frames;
        int window, factor;
    } bad[] = {{0, 81, 4},          {-1, 81, 4}, {1000001, 81, 4},
               {G_MAXINT64, 81, 4}, {5, 0, 4},   {5, 81, 0}};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_frame_plan_new(bad[i].n_frames, bad[i].window, bad[i].factor, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
        g_assert_true(g_str_has_suffix(error->message, "."));
    }
}

static void
test_json(void)
{
    g_autoptr(VeraFramePlan) plan = make_plan(150, 81, 4);
    g_autofree char *json = vera_frame_plan_to_json(plan);
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *root;
    JsonArray *windows;

    g_assert_true(json_parser_load_from_data(parser, json, -1, NULL));
    root = json_node_get_object(json_parser_get_root(parser));
    windows = json_object_get_array_member(root, "windows");
    g_assert_cmpint(json_object_get_int_member(root, "frames"), ==, 150);
    g_assert_cmpint(json_object_get_int_member(root, "padded_frames"), ==, 153);
    g_assert_cmpint(json_object_get_int_member(root, "latents"), ==, 39);
    g_assert_cmpuint(json_array_get_length(windows), ==, 3);
    for (guint i = 0; i < 3; i++) {
        JsonObject *window = json_array_get_object_element(windows, i);
        int first, last;
        vera_frame_plan_get_frames(plan, (int)i, &first, &last);
        g_assert_cmpint(json_object_get_int_member(window, "first"), ==, first);
        g_assert_cmpint(json_object_get_int_member(window, "last"), ==, last);
        g_assert_cmpint(json_object_get_int_member(window, "latents"), ==, 21);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame-plan/all-small", test_all_small);
    g_test_add_func("/frame-plan/random", test_random);
    g_test_add_func("/frame-plan/examples", test_examples);
    g_test_add_func("/frame-plan/refused", test_refused);
    g_test_add_func("/frame-plan/json", test_json);
    return g_test_run();
}
