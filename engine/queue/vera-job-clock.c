#include "config.h"

#include "engine/queue/vera-job-clock.h"

#include <string.h>

void
vera_job_clock_start(VeraJobClock *self, const VeraJobWork *work, int n_resumed)
{
    *self = (VeraJobClock){.work = *work, .eta_seconds = -1, .n_resumed = n_resumed};
}

static void
vera_job_clock_mark(VeraJobClock *self, double done, gint64 now_us)
{
    guint at = self->n_marks++ % VERA_JOB_CLOCK_MARKS;

    self->times_us[at] = now_us;
    self->done[at] = done;
}

/* Microseconds for one unit, over the marks that are remembered; 0 when nothing was finished. */
static double
vera_job_clock_get_rate(const VeraJobClock *self)
{
    guint newest, oldest;
    double done;

    if (self->n_marks < 2)
        return 0;
    newest = (self->n_marks - 1) % VERA_JOB_CLOCK_MARKS;
    oldest = self->n_marks > VERA_JOB_CLOCK_MARKS ? self->n_marks % VERA_JOB_CLOCK_MARKS : 0;
    done = self->done[newest] - self->done[oldest];
    return done > 0 ? (double)(self->times_us[newest] - self->times_us[oldest]) / done : 0;
}

/* Steps and decoding run at about the same rate (within 1.5 with the bundled model); encoding,
 * which also reads the clip, does not. */
static double
vera_job_clock_guess_decode(const VeraJobClock *self, double step_us)
{
    return self->work.step > 0 ? step_us * self->work.decode / self->work.step : 0;
}

static double
vera_job_clock_weigh(const VeraJobClock *self, double fraction)
{
    double sample = self->work.step * self->n_steps,
           all = self->work.encode + sample + self->work.decode, done;

    if (strcmp(self->phase, "export") == 0)
        return fraction;
    if (all <= 0)
        return 0;
    if (strcmp(self->phase, "load") == 0)
        done = self->n_resumed * self->work.step;
    else if (strcmp(self->phase, "encode") == 0)
        done = fraction * self->work.encode + self->n_resumed * self->work.step;
    else if (strcmp(self->phase, "sample") == 0)
        done = self->work.encode + fraction * sample;
    else
        done = self->work.encode + sample + fraction * self->work.decode;
    return CLAMP(done / all, 0, 1);
}

/* Returns: the place of a phase in @spent_us and @worked, or -1. The frames of an export are its
 * steps. */
static int
vera_job_clock_get_index(const char *phase)
{
    static const char *const phases[] = {"encode", "sample", "decode", "export"};
    static const int places[] = {0, 1, 2, 1};

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (strcmp(phases[i], phase) == 0)
            return places[i];
    return -1;
}

static double
vera_job_clock_get_phase_work(const VeraJobClock *self, int index)
{
    return index == 0 ? self->work.encode : index == 1 ? self->work.step * self->n_steps : self->work.decode;
}

static void
vera_job_clock_measure(VeraJobClock *self, double fraction, gint64 now_us)
{
    int index = vera_job_clock_get_index(self->phase);

    if (index >= 0 && self->last_us != 0 && fraction >= self->last_fraction) {
        self->spent_us[index] += now_us - self->last_us;
        self->worked[index] += (fraction - self->last_fraction) * vera_job_clock_get_phase_work(self, index);
    }
    self->last_fraction = fraction;
}

static double
vera_job_clock_get_phase_seconds(const VeraJobClock *self, int index)
{
    double work = vera_job_clock_get_phase_work(self, index);

    return work > 0 && self->worked[index] >= work / 10 ? (double)self->spent_us[index] * 1e-6 / self->worked[index] : 0;
}

VeraJobWork
vera_job_clock_get_seconds(const VeraJobClock *self)
{
    return (VeraJobWork){
        .encode = vera_job_clock_get_phase_seconds(self, 0),
        .step = vera_job_clock_get_phase_seconds(self, 1),
        .decode = vera_job_clock_get_phase_seconds(self, 2),
    };
}

/*
 * The first step is timed from the end of encoding, and the first decoded frame from the last step;
 * @step is where a resumed run goes on. Before the first exported
 * frame files were opened, which is not to be counted.
 */
static void
vera_job_clock_enter(VeraJobClock *self, const char *phase, int step, gint64 now_us)
{
    gint64 from_us = self->last_us != 0 ? self->last_us : now_us;

    g_strlcpy(self->phase, phase, sizeof self->phase);
    self->n_marks = 0;
    self->eta_seconds = -1;
    self->last_fraction = strcmp(phase, "sample") == 0 && self->n_steps > 0 ? (double)step / self->n_steps : 0;
    if (strcmp(phase, "sample") == 0)
        vera_job_clock_mark(self, step, from_us);
    else if (strcmp(phase, "decode") == 0)
        vera_job_clock_mark(self, 0, from_us);
    else if (strcmp(phase, "export") == 0)
        self->last_us = 0;
}

static double
vera_job_clock_foresee(const VeraJobClock *self, double fraction)
{
    double rate = vera_job_clock_get_rate(self);

    if (rate <= 0)
        return self->eta_seconds;
    if (strcmp(self->phase, "sample") == 0)
        return (rate * (1 - fraction) * self->n_steps + vera_job_clock_guess_decode(self, rate)) *
               1e-6;
    if (strcmp(self->phase, "export") == 0)
        return rate * (self->n_steps - self->step) * 1e-6;
    return strcmp(self->phase, "decode") == 0 ? rate * (1 - fraction) * 1e-6 : -1;
}

void
vera_job_clock_tick(
    VeraJobClock *self, const char *phase, double fraction, int step, int n_steps, gint64 now_us)
{
    gboolean is_sampling = strcmp(phase, "sample") == 0;

    self->n_steps = n_steps;
    if (strcmp(self->phase, phase) != 0)
        vera_job_clock_enter(self, phase, step, now_us);
    vera_job_clock_measure(self, fraction, now_us);
    /* Within a step windows come and go; only whole steps are measured. */
    if (!is_sampling)
        vera_job_clock_mark(self, strcmp(phase, "export") == 0 ? step : fraction, now_us);
    else if (step > self->done[(self->n_marks - 1) % VERA_JOB_CLOCK_MARKS])
        vera_job_clock_mark(self, step, now_us);
    self->step =
        strcmp(phase, "load") == 0 || strcmp(phase, "encode") == 0 ? self->n_resumed : step;
    self->last_us = now_us;
    self->fraction = MAX(self->fraction, vera_job_clock_weigh(self, fraction));
    self->eta_seconds = vera_job_clock_foresee(self, fraction);
}
