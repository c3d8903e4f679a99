#include "config.h"

#include "engine/queue/vera-job-clock.h"

#define SECOND G_USEC_PER_SEC

static const VeraJobWork work = {.encode = 10, .step = 20, .decode = 50};

/* Phases weigh what they cost: 10 + 4 * 20 + 50. */
static void
test_fraction(void)
{
    VeraJobClock clock;

    vera_job_clock_start(&clock, &work, 0);
    vera_job_clock_tick(&clock, "load", 0, 0, 4, 1 * SECOND);
    g_assert_cmpfloat(clock.fraction, ==, 0);
    vera_job_clock_tick(&clock, "encode", 0.5, 0, 4, 2 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.fraction, 5.0 / 140, 1e-9);
    vera_job_clock_tick(&clock, "sample", 0.25, 1, 4, 3 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.fraction, 30.0 / 140, 1e-9);
    vera_job_clock_tick(&clock, "decode", 0.5, 4, 4, 4 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.fraction, 115.0 / 140, 1e-9);
    g_assert_cmpstr(clock.phase, ==, "decode");
    g_assert_cmpint(clock.step, ==, 4);
}

/* A run that goes on counts the steps of the one before it, and never seems to lose them. */
static void
test_resumed(void)
{
    VeraJobClock clock;
    double before = 0;

    vera_job_clock_start(&clock, &work, 3);
    vera_job_clock_tick(&clock, "load", 0, 3, 4, 0);
    g_assert_cmpfloat_with_epsilon(clock.fraction, 60.0 / 140, 1e-9);
    for (int i = 1; i <= 4; i++) {
        vera_job_clock_tick(&clock, "encode", i / 4.0, 0, 4, i * SECOND);
        g_assert_cmpfloat(clock.fraction, >, before);
        g_assert_cmpint(clock.step, ==, 3);
        before = clock.fraction;
    }
    vera_job_clock_tick(&clock, "sample", 3.5 / 4, 3, 4, 5 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.fraction, 80.0 / 140, 1e-9);
}

/* Nothing is foretold before a step is finished; then steps as measured, and decoding at the rate
 * of encoding. */
static void
test_eta(void)
{
    VeraJobClock clock;

    vera_job_clock_start(&clock, &work, 0);
    vera_job_clock_tick(&clock, "load", 0, 0, 4, 1 * SECOND);
    vera_job_clock_tick(&clock, "encode", 0.5, 0, 4, 101 * SECOND);
    vera_job_clock_tick(&clock, "encode", 1, 0, 4, 103 * SECOND);
    g_assert_cmpfloat(clock.eta_seconds, ==, -1);
    vera_job_clock_tick(&clock, "sample", 0.125, 0, 4, 105 * SECOND);
    g_assert_cmpfloat(clock.eta_seconds, ==, -1);
    vera_job_clock_tick(&clock, "sample", 0.25, 1, 4, 107 * SECOND);
    /* 3 steps of 4 s; decoding is the work of two and a half. */
    g_assert_cmpfloat_with_epsilon(clock.eta_seconds, 3 * 4 + 10, 1e-6);
    vera_job_clock_tick(&clock, "sample", 0.375, 1, 4, 109 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.eta_seconds, 2.5 * 4 + 10, 1e-6);
    vera_job_clock_tick(&clock, "decode", 0.25, 4, 4, 110 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.eta_seconds, 3, 1e-6);
}

/* A resumed run measures its own steps only. */
static void
test_eta_resumed(void)
{
    VeraJobClock clock;

    vera_job_clock_start(&clock, &work, 2);
    vera_job_clock_tick(&clock, "load", 0, 2, 4, 1 * SECOND);
    vera_job_clock_tick(&clock, "encode", 1, 0, 4, 2 * SECOND);
    vera_job_clock_tick(&clock, "sample", 0.75, 2, 4, 5 * SECOND);
    g_assert_cmpfloat(clock.eta_seconds, ==, -1);
    vera_job_clock_tick(&clock, "sample", 0.75, 3, 4, 5 * SECOND);
    g_assert_cmpfloat_with_epsilon(clock.eta_seconds, 3 + 7.5, 1e-6);
}

/* Frames that an export keeps from earlier fly by; what counts is the pace of the last ones. */
static void
test_eta_export(void)
{
    VeraJobClock clock;
    gint64 now = SECOND;

    vera_job_clock_start(&clock, &(VeraJobWork){0}, 0);
    vera_job_clock_tick(&clock, "load", 0, 0, 0, now);
    for (int i = 1; i <= 100; i++) {
        now += i <= 60 ? 1000 : 2 * SECOND;
        vera_job_clock_tick(&clock, "export", i / 100.0, i, 100, now);
    }
    g_assert_cmpfloat_with_epsilon(clock.fraction, 1, 1e-9);
    g_assert_cmpfloat_with_epsilon(clock.eta_seconds, 0, 1e-6);
    vera_job_clock_start(&clock, &(VeraJobWork){0}, 0);
    for (int i = 1; i <= 80; i++) {
        now += i <= 60 ? 1000 : 2 * SECOND;
        vera_job_clock_tick(&clock, "export", i / 100.0, i, 100, now);
    }
    g_assert_cmpfloat_with_epsilon(clock.eta_seconds, 40, 1e-6);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/job-clock/fraction", test_fraction);
    g_test_add_func("/job-clock/resumed", test_resumed);
    g_test_add_func("/job-clock/eta", test_eta);
    g_test_add_func("/job-clock/eta-resumed", test_eta_resumed);
    g_test_add_func("/job-clock/eta-export", test_eta_export);
    return g_test_run();
}
