#include "config.h"

#include "engine/queue/vera-job-rates.h"

#include <math.h>

#include "tests/engine/media-fixture.h"

#define SECOND G_USEC_PER_SEC

static const VeraJobWork work = {.encode = 10, .step = 100, .decode = 50};

static void
test_foresee(void)
{
    g_autoptr(VeraJobRates) rates = vera_job_rates_new(NULL);
    g_autofree char *key = vera_job_rates_make_key("small", "cpu", "f32"), *other = vera_job_rates_make_key("small", "cuda:0", "f32");
    VeraJobWork large = {.encode = 100, .step = 1000, .decode = 500};

    /* Nothing is made up: not for the first time, and not from another device. */
    g_assert_cmpfloat(vera_job_rates_foresee(rates, key, &work, 4), ==, -1);
    vera_job_rates_note(rates, key, &work, &(VeraJobWork){.encode = 0.5, .step = 0.1, .decode = 0.2});
    g_assert_cmpfloat(vera_job_rates_foresee(rates, other, &work, 4), ==, -1);
    g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, key, &work, 4), 5 + 4 * 10 + 10, 1e-9);
    /* Of another size, as far as is known; then as that size was measured. */
    g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, key, &large, 1), 50 + 100 + 100, 1e-9);
    vera_job_rates_note(rates, key, &large, &(VeraJobWork){.encode = 0.25, .step = 0.05, .decode = 0.1});
    g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, key, &large, 1), 25 + 50 + 50, 1e-9);
    g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, key, &work, 4), 55, 1e-9);
    /* The newest counts as much as all before; what it did not measure stays. */
    vera_job_rates_note(rates, key, &work, &(VeraJobWork){.step = 0.3});
    g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, key, &work, 4), 5 + 4 * 20 + 10, 1e-9);
}

/* A job that was stopped in its steps says nothing of decoding, which is then taken to run like them. */
static void
test_partial(void)
{
    g_autoptr(VeraJobRates) rates = vera_job_rates_new(NULL);

    vera_job_rates_note(rates, "key", &work, &(VeraJobWork){0});
    vera_job_rates_note(rates, "key", &(VeraJobWork){0}, &(VeraJobWork){.step = 1});
    g_assert_cmpfloat(vera_job_rates_foresee(rates, "key", &work, 1), ==, -1);
    vera_job_rates_note(rates, "key", &work, &(VeraJobWork){.step = 0.1});
    g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, "key", &work, 2), 1 + 20 + 5, 1e-9);
}

static void
test_file(void)
{
    static const char *const broken[] = {"", "{", "[]", "{\"rates\": 1}", "{\"rates\": [1, null, {\"key\": 3}, {\"key\": \"key\", \"step\": -1}]}",
                                         "{\"rates\": [{\"key\": \"key\", \"step\": \"x\", \"step_seconds\": []}]}"};
    g_autofree char *path = fixture_get_path("rates");
    VeraJobRates *rates = vera_job_rates_new(path);

    /* Far more sizes than are kept: the newest stay. */
    for (int i = 1; i <= 100; i++)
        vera_job_rates_note(rates, "key", &(VeraJobWork){.step = pow(2, i)}, &(VeraJobWork){.step = i});
    vera_job_rates_close(rates);
    /* Written by a thread: until the last one is there. */
    for (gboolean is_there = FALSE; !is_there;) {
        rates = vera_job_rates_new(path);
        is_there = vera_job_rates_foresee(rates, "key", &(VeraJobWork){.step = pow(2, 100)}, 1) == 100 * pow(2, 100);
        if (is_there)
            g_assert_cmpfloat_with_epsilon(vera_job_rates_foresee(rates, "key", &(VeraJobWork){.step = 2}, 1), 37 * 2, 1e-9);
        vera_job_rates_close(rates);
        g_usleep(1000);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_assert_true(g_file_set_contents(path, broken[i], -1, NULL));
        rates = vera_job_rates_new(path);
        g_assert_cmpfloat(vera_job_rates_foresee(rates, "key", &work, 1), ==, -1);
        vera_job_rates_close(rates);
    }
}

/* What a clock has measured: each phase from the end of the one before it. */
static void
test_clock(void)
{
    VeraJobClock clock;
    VeraJobWork seconds;

    vera_job_clock_start(&clock, &work, 0);
    vera_job_clock_tick(&clock, "load", 0, 0, 4, 1 * SECOND);
    vera_job_clock_tick(&clock, "encode", 0.5, 0, 4, 2 * SECOND);
    vera_job_clock_tick(&clock, "encode", 1, 0, 4, 6 * SECOND);
    vera_job_clock_tick(&clock, "sample", 0.125, 0, 4, 16 * SECOND);
    vera_job_clock_tick(&clock, "sample", 0.5, 2, 4, 46 * SECOND);
    seconds = vera_job_clock_get_seconds(&clock);
    g_assert_cmpfloat_with_epsilon(seconds.encode, 5.0 / 10, 1e-9);
    g_assert_cmpfloat_with_epsilon(seconds.step, 40.0 / 200, 1e-9);
    g_assert_cmpfloat(seconds.decode, ==, 0);
    vera_job_clock_tick(&clock, "decode", 0.05, 4, 4, 47 * SECOND);
    g_assert_cmpfloat(vera_job_clock_get_seconds(&clock).decode, ==, 0);
    vera_job_clock_tick(&clock, "decode", 1, 4, 4, 52 * SECOND);
    g_assert_cmpfloat_with_epsilon(vera_job_clock_get_seconds(&clock).decode, 6.0 / 50, 1e-9);
    /* Steps of an earlier run are no work of this one. */
    vera_job_clock_start(&clock, &work, 3);
    vera_job_clock_tick(&clock, "encode", 1, 3, 4, 1 * SECOND);
    vera_job_clock_tick(&clock, "sample", 0.75, 3, 4, 2 * SECOND);
    vera_job_clock_tick(&clock, "sample", 1, 4, 4, 12 * SECOND);
    g_assert_cmpfloat_with_epsilon(vera_job_clock_get_seconds(&clock).step, 11.0 / 100, 1e-9);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/job-rates/foresee", test_foresee);
    g_test_add_func("/engine/job-rates/partial", test_partial);
    g_test_add_func("/engine/job-rates/file", test_file);
    g_test_add_func("/engine/job-rates/clock", test_clock);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
