#include "config.h"

#include "engine/diffusion/vera-sampler.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-runtime.h"
#include "engine/vera-engine-error.h"

/* The state is kept with this mark, so that a state of another build or another tensor is refused. */
#define VERA_SAMPLER_MAGIC 0x31504c4d53524556ull

typedef struct {
    guint64 magic;
    gint64 solver;
    gint64 n_steps;
    gint64 step;
    gint64 order;
    guint64 n_elements;
} VeraSamplerHeader;

struct _VeraSampler {
    VeraSolver solver;
    int n_steps;
    gsize n;
    double *sigmas; /* n_steps + 1, the last 0 */
    int step;       /* next one to take */
    int order;      /* of the last predictor */
    float *m1, *m2; /* x0 predictions: the newest before this step, and the one before */
    float *previous; /* the sample from which the last predictor went */
    float *estimate; /* the x0 prediction of this step */
};

gboolean
vera_solver_from_name(const char *name, VeraSolver *solver)
{
    gboolean is_euler = strcmp(name, "euler") == 0;

    *solver = is_euler ? VERA_SOLVER_EULER : VERA_SOLVER_UNIPC;
    return is_euler || strcmp(name, "unipc") == 0;
}

/* The original Wan grid (wan21-spec.md section 5.2): linear from 1 - 1/1000 in F32, shifted in double, rounded to F32. */
static void
vera_sampler_make_grid(VeraSampler *self, double shift)
{
    double top = (double)(float)(1.0 - 1.0 / 1000);

    for (int i = 0; i < self->n_steps; i++) {
        double base = top - top * i / self->n_steps;
        self->sigmas[i] = (double)(float)(shift * base / (1 + (shift - 1) * base));
    }
    self->sigmas[self->n_steps] = 0;
}

VeraSampler *
vera_sampler_new(VeraSolver solver, int n_steps, double shift, gsize n_elements, GError **error)
{
    g_autoptr(VeraSampler) self = g_new0(VeraSampler, 1);
    float **vectors[] = {&self->m1, &self->m2, &self->previous, &self->estimate};

    if (n_steps < 1 || n_steps > VERA_SAMPLER_MAX_STEPS ||
        !(shift >= VERA_SAMPLER_MIN_SHIFT && shift <= VERA_SAMPLER_MAX_SHIFT)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "%d steps with shift %g cannot be sampled; take 1 to %d steps and a shift "
                    "from %g to %g.",
                    n_steps, shift, VERA_SAMPLER_MAX_STEPS, VERA_SAMPLER_MIN_SHIFT,
                    VERA_SAMPLER_MAX_SHIFT);
        return NULL;
    }
    self->solver = solver;
    self->n_steps = n_steps;
    self->n = n_elements;
    self->sigmas = g_new(double, n_steps + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
        *vectors[i] = vera_runtime_new_floats(n_elements, error);
        if (*vectors[i] == NULL)
            return NULL;
        memset(*vectors[i], 0, n_elements * sizeof(float));
    }
    vera_sampler_make_grid(self, shift);
    return g_steal_pointer(&self);
}

void
vera_sampler_free(VeraSampler *self)
{
    if (self == NULL)
        return;
    g_free(self->sigmas);
    g_free(self->m1);
    g_free(self->m2);
    g_free(self->previous);
    g_free(self->estimate);
    g_free(self);
}

int
vera_sampler_get_n_steps(const VeraSampler *self)
{
    return self->n_steps;
}

double
vera_sampler_get_sigma(const VeraSampler *self, int step)
{
    return self->sigmas[step];
}

float
vera_sampler_get_timestep(const VeraSampler *self, int step)
{
    return (float)floor((double)((float)self->sigmas[step] * 1000.0f));
}

static double
vera_sampler_get_lambda(const VeraSampler *self, int step)
{
    return log(1 - self->sigmas[step]) - log(self->sigmas[step]);
}

/* wan21-spec.md section 5.3, step 2. */
static void
vera_sampler_correct(const VeraSampler *self, const float *m, float *x)
{
    int i = self->step;
    double sigma = self->sigmas[i], before = self->sigmas[i - 1], alpha = 1 - sigma;
    double h = vera_sampler_get_lambda(self, i) - vera_sampler_get_lambda(self, i - 1);
    double b = expm1(-h), ratio = sigma / before;
    double rho_1 = 0, rho_2 = 0.5, r = 1;

    if (self->order == 2) {
        double phi = b / -h - 1;
        double beta_1 = phi / b, beta_2 = 2 * (phi / -h - 0.5) / b;
        r = (vera_sampler_get_lambda(self, i - 2) - vera_sampler_get_lambda(self, i - 1)) / h;
        rho_1 = (beta_1 - beta_2) / (1 - r);
        rho_2 = beta_1 - rho_1;
    }
    for (gsize k = 0; k < self->n; k++) {
        double m1 = self->m1[k];
        double sum = rho_2 * (m[k] - m1);
        if (self->order == 2)
            sum += rho_1 * (self->m2[k] - m1) / r;
        x[k] = (float)(ratio * self->previous[k] - alpha * b * m1 - alpha * b * sum);
    }
}

/* Steps 4 and 5. */
static void
vera_sampler_predict(VeraSampler *self, float *x)
{
    int i = self->step, order = MIN(MIN(2, self->n_steps - i), i + 1);
    double sigma = self->sigmas[i], next = self->sigmas[i + 1], alpha = 1 - next;
    double h = next > 0 ? vera_sampler_get_lambda(self, i + 1) - vera_sampler_get_lambda(self, i) : INFINITY;
    double b = next > 0 ? expm1(-h) : -1.0, ratio = next / sigma, r = 1;

    if (order == 2)
        r = (vera_sampler_get_lambda(self, i - 1) - vera_sampler_get_lambda(self, i)) / h;
    for (gsize k = 0; k < self->n; k++) {
        double value = ratio * x[k] - alpha * b * self->m1[k];
        if (order == 2)
            value -= alpha * b * 0.5 * (self->m2[k] - self->m1[k]) / r;
        x[k] = (float)value;
    }
    self->order = order;
}

static void
vera_sampler_step_unipc(VeraSampler *self, const float *velocity, float *x)
{
    float *m = self->estimate;

    vera_sampler_estimate(self, self->step, x, velocity, m);
    if (self->step > 0)
        vera_sampler_correct(self, m, x);
    self->estimate = self->m2;
    self->m2 = self->m1;
    self->m1 = m;
    memcpy(self->previous, x, self->n * sizeof *x);
    vera_sampler_predict(self, x);
}

gboolean
vera_sampler_step(VeraSampler *self, int step, const float *velocity, float *sample, GError **error)
{
    if (step != self->step || step >= self->n_steps) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED, "Step %d was taken where step %d is due.", step,
                    self->step);
        return FALSE;
    }
    if (self->solver == VERA_SOLVER_UNIPC) {
        vera_sampler_step_unipc(self, velocity, sample);
    } else {
        double dt = self->sigmas[step + 1] - self->sigmas[step];
        for (gsize k = 0; k < self->n; k++)
            sample[k] = (float)(sample[k] + dt * velocity[k]);
    }
    self->step++;
    return TRUE;
}

void
vera_sampler_estimate(const VeraSampler *self, int step, const float *sample, const float *velocity, float *estimate)
{
    for (gsize k = 0; k < self->n; k++)
        estimate[k] = (float)(sample[k] - self->sigmas[step] * velocity[k]);
}

GBytes *
vera_sampler_save(const VeraSampler *self, GError **error)
{
    VeraSamplerHeader header = { VERA_SAMPLER_MAGIC, self->solver, self->n_steps, self->step, self->order, self->n };
    gsize block = self->n * sizeof(float), size = sizeof header + 3 * block;
    char *out = (char *)vera_runtime_new_floats(size / sizeof(float), error);

    if (out == NULL)
        return NULL;
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, self->m1, block);
    memcpy(out + sizeof header + block, self->m2, block);
    memcpy(out + sizeof header + 2 * block, self->previous, block);
    return g_bytes_new_take(out, size);
}

static gboolean
vera_sampler_read_header(const VeraSampler *self,
                         GBytes *state,
                         VeraSamplerHeader *header,
                         GError **error)
{
    gsize size;
    const char *bytes = g_bytes_get_data(state, &size);

    if (size >= sizeof *header)
        memcpy(header, bytes, sizeof *header);
    if (size != sizeof *header + 3 * self->n * sizeof(float) ||
        header->magic != VERA_SAMPLER_MAGIC || header->n_elements != self->n ||
        header->solver != self->solver || header->n_steps != self->n_steps || header->step < 0 ||
        header->step > self->n_steps || header->order < 0 || header->order > 2) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                            "The saved state of the sampler is damaged or belongs to another run.");
        return FALSE;
    }
    return TRUE;
}

gboolean
vera_sampler_check_state(const VeraSampler *self, GBytes *state, int *step, GError **error)
{
    VeraSamplerHeader header;

    if (!vera_sampler_read_header(self, state, &header, error))
        return FALSE;
    *step = (int)header.step;
    return TRUE;
}

gboolean
vera_sampler_load(VeraSampler *self, GBytes *state, GError **error)
{
    VeraSamplerHeader header;
    gsize block = self->n * sizeof(float);
    const char *bytes = g_bytes_get_data(state, NULL);

    if (!vera_sampler_read_header(self, state, &header, error))
        return FALSE;
    self->step = (int)header.step;
    self->order = (int)header.order;
    memcpy(self->m1, bytes + sizeof header, block);
    memcpy(self->m2, bytes + sizeof header + block, block);
    memcpy(self->previous, bytes + sizeof header + 2 * block, block);
    return TRUE;
}
