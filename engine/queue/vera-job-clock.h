#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Steps or frames that the rate is measured over: enough to be calm, few enough to follow a
 * machine that gets busy. */
#define VERA_JOB_CLOCK_MARKS 9

/**
 * VeraJobWork: 10^9 operations, all 0 where unknown.
 * @encode: of coding source and mask
 * @step: of one step; of an export in units of its own (vera_export_job_estimate())
 * @decode: of decoding the take
 */
typedef struct {
    double encode;
    double step;
    double decode;
} VeraJobWork;

/**
 * VeraJobClock: how far a job is, and how long it will take from here. The fraction weighs the
 * phases by their work. The time is measured: from the steps, frames or latents that this run has
 * finished, decoding from the rate of the steps. A plain struct, zero is a clock that has
 * not begun.
 */
typedef struct {
    VeraJobWork work;
    char phase[16];
    double fraction, eta_seconds;
    int step, n_steps;
    /* Finished units of the phase and when; the newest is at (n_marks - 1) % VERA_JOB_CLOCK_MARKS.
     */
    gint64 times_us[VERA_JOB_CLOCK_MARKS];
    double done[VERA_JOB_CLOCK_MARKS];
    guint n_marks;
    gint64 last_us; /* of the last tick, in any phase */
    /* Of the phases "encode", "sample" or "export", and "decode" in this run: time, and the work
     * done in it */
    gint64 spent_us[3];
    double worked[3];
    double last_fraction; /* of the phase, at the last tick */
    int n_resumed;
} VeraJobClock;

/** vera_job_clock_start: forgets what was measured; @n_resumed steps were finished by an earlier
 * run. */
void vera_job_clock_start(VeraJobClock *self, const VeraJobWork *work, int n_resumed);

/**
 * vera_job_clock_tick:
 * @phase: "load", "encode", "sample", "decode" or "export"
 * @fraction: of the phase
 * @step: steps or frames that are finished
 * @n_steps: in all
 * @now_us: monotonic time
 *
 * Notes progress; then fraction (of the whole job, 0..1, never less than before) and eta_seconds
 * (-1 while unknown) are up to date.
 */
void vera_job_clock_tick(
    VeraJobClock *self, const char *phase, double fraction, int step, int n_steps, gint64 now_us);

/** vera_job_clock_get_seconds: gives the seconds that each unit of work took in this run; 0 where less than a tenth of the phase was done */
VeraJobWork vera_job_clock_get_seconds(const VeraJobClock *self);

G_END_DECLS
