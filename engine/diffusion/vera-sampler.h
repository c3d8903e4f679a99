#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define VERA_SAMPLER_MAX_STEPS 1000

/* Outside of this the grid is no longer one in single precision: sigmas of 0 or 1, or twice the
 * same. */
#define VERA_SAMPLER_MIN_SHIFT 0.001
#define VERA_SAMPLER_MAX_SHIFT 1000.0

/** VeraSolver: how a step is taken from velocities (wan21-spec.md sections 5.3, 5.4). */
typedef enum {
    VERA_SOLVER_UNIPC,
    VERA_SOLVER_EULER,
} VeraSolver;

gboolean vera_solver_from_name(const char *name, VeraSolver *solver);

/**
 * VeraSampler: the noise schedule (original Wan grid, section 5.2) and the solver's state for one tensor.
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraSampler VeraSampler;

/** vera_sampler_new: @n_steps 1..1000; @shift 0.001..1000 (else %VERA_ENGINE_ERROR_USAGE);
 * @n_elements of the sample. */
VeraSampler *vera_sampler_new(VeraSolver solver, int n_steps, double shift, gsize n_elements, GError **error);
void vera_sampler_free(VeraSampler *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraSampler, vera_sampler_free)

int vera_sampler_get_n_steps(const VeraSampler *self);

/** vera_sampler_get_sigma: @step 0..n_steps (the last is 0). F32 values of the reference. */
double vera_sampler_get_sigma(const VeraSampler *self, int step);

/** vera_sampler_get_timestep: truncated to an integer, as the model gets it. */
float vera_sampler_get_timestep(const VeraSampler *self, int step);

/**
 * vera_sampler_step: @sample (inout) goes from sigma_step to sigma_{step+1}; @velocity is the model's output at @sample. Steps are taken in order.
 */
gboolean vera_sampler_step(VeraSampler *self, int step, const float *velocity, float *sample, GError **error);

/**
 * vera_sampler_estimate: x0 estimate sample - sigma * velocity, for previews; changes nothing.
 */
void vera_sampler_estimate(
    const VeraSampler *self, int step, const float *sample, const float *velocity, float *estimate);

/**
 * vera_sampler_save / vera_sampler_load: the solver's whole state between two steps as host tensors
 * (history, previous sample, step), so that a stopped run goes on with the same bytes.
 * vera_sampler_save: Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY. Returns: (transfer full): bytes, or
 * %NULL vera_sampler_load: Errors: %VERA_ENGINE_ERROR_BAD_INPUT for a state that is damaged or of
 * other settings; nothing has changed then.
 */
GBytes *vera_sampler_save(const VeraSampler *self, GError **error);
gboolean vera_sampler_load(VeraSampler *self, GBytes *state, GError **error);

/** vera_sampler_check_state: whether vera_sampler_load() would take @state; @step: (out): the step
 * that would be due then. */
gboolean
vera_sampler_check_state(const VeraSampler *self, GBytes *state, int *step, GError **error);

G_END_DECLS
