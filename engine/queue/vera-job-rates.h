#pragma once

#include "engine/queue/vera-job-clock.h"

G_BEGIN_DECLS

/**
 * VeraJobRates: how fast takes were made here, by what they ran on and with which model, and how
 * fast exports of each kind, so that a time can be told before the next one begins. Thread-safety:
 * main thread only.
 */
typedef struct _VeraJobRates VeraJobRates;

/**
 * vera_job_rates_new:
 * @path: (nullable): file that they are kept in; written at every change, off this thread. One that cannot be read counts as empty:
 * rates are measured again
 *
 * Returns: (transfer full): the rates
 */
VeraJobRates *vera_job_rates_new(const char *path);
/** vera_job_rates_close: what is to be written is still written. Does not block. */
void vera_job_rates_close(VeraJobRates *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraJobRates, vera_job_rates_close)

/** vera_job_rates_make_key: Returns: (transfer full): what runs alike. @model: its name; @device, @compute: as in a take's record */
char *vera_job_rates_make_key(const char *model, const char *device, const char *compute);

/**
 * vera_job_rates_note:
 * @work: what the job was
 * @seconds: for each unit of @work, encoding, stepping and decoding, 0 where it was not measured
 *
 * The newest measurement counts as much as all before it.
 */
void vera_job_rates_note(VeraJobRates *self, const char *key, const VeraJobWork *work, const VeraJobWork *seconds);

/**
 * vera_job_rates_foresee:
 * @n_steps: sampling steps
 *
 * Goes by the jobs of the same @key whose steps were nearest in size.
 * Returns: seconds for all of the job, or -1 if nothing like it has run here
 */
double vera_job_rates_foresee(VeraJobRates *self, const char *key, const VeraJobWork *work, int n_steps);

G_END_DECLS
