#include "config.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-sampler.h"
#include "engine/vera-engine-error.h"

/*
 * What diffusers 0.42.1 gives on the grid of the original Wan:
 *
 *     s = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True,
 * flow_shift=shift) s.set_timesteps(sigmas=np.linspace(float(np.float32(0.999)), 0, n + 1)[:-1])
 *     s.timesteps, s.sigmas
 *     x = torch.tensor([[0.5, -1.25, 2.0]], dtype=torch.float64)
 *     for t in s.timesteps:
 *         x = s.step(0.3 * x + 0.5 * math.sin(t / 100) - 0.2, t, x).prev_sample
 */
static const struct {
    int n_steps;
    double shift;
    int timesteps[50];
    float sigmas[11]; /* the first ones */
} grids[] = {
    {1, 1, {999}, {0.999000013f}},
    {4, 5, {999, 937, 833, 624}, {0.999799848f, 0.937265456f, 0.833055377f, 0.624687374f}},
    {10,
     3,
     {999, 963, 922, 874, 817, 749, 666, 562, 428, 249},
     {0.999666452f, 0.963941097f, 0.922721684f, 0.87463522f, 0.817809701f, 0.749624789f,
      0.666296124f, 0.562148333f, 0.428265214f, 0.249791637f}},
    {50,
     8,
     {999, 997, 994, 991, 989, 986, 983, 979, 976, 973, 969, 965, 961, 957, 953, 948, 944,
      939, 934, 928, 922, 916, 910, 903, 896, 888, 880, 871, 862, 852, 841, 830, 817, 804,
      789, 773, 756, 737, 716, 692, 666, 636, 603, 565, 521, 470, 409, 337, 249, 140},
     {0.99987489f, 0.99732846f, 0.994689703f, 0.991953433f, 0.989114225f, 0.98616612f}},
};

static const double trace_4[4][3] = {
    {0.5198735, -1.1972959, 1.9917331},
    {0.5108040, -1.1530349, 1.9369517},
    {0.3687514, -1.1933675, 1.7077105},
    {0.4380671, -0.8313010, 1.5260970},
};

static const double trace_10[10][3] = {
    {0.5113536, -1.2198906, 1.9952772}, {0.5140866, -1.1958620, 1.9797567},
    {0.5043804, -1.1811191, 1.9490943}, {0.4822802, -1.1747323, 1.9025766},
    {0.4489903, -1.1744654, 1.8405237}, {0.4200470, -1.1633212, 1.7772197},
    {0.4336165, -1.1010564, 1.7490505}, {0.5330151, -0.9413489, 1.7967556},
    {0.6376095, -0.7606099, 1.8360833}, {0.5640435, -0.7293969, 1.6727067},
};

static VeraSampler *
make_sampler(VeraSolver solver, int n_steps, double shift, gsize n)
{
    g_autoptr(GError) error = NULL;
    VeraSampler *sampler = vera_sampler_new(solver, n_steps, shift, n, &error);

    g_assert_no_error(error);
    return sampler;
}

static void
take_step(VeraSampler *sampler, int step, const float *velocity, float *sample)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(vera_sampler_step(sampler, step, velocity, sample, &error));
    g_assert_no_error(error);
}

static void
test_grid(void)
{
    for (gsize g = 0; g < G_N_ELEMENTS(grids); g++) {
        g_autoptr(VeraSampler) sampler =
            make_sampler(VERA_SOLVER_UNIPC, grids[g].n_steps, grids[g].shift, 1);
        g_assert_cmpint(vera_sampler_get_n_steps(sampler), ==, grids[g].n_steps);
        for (int i = 0; i < grids[g].n_steps; i++) {
            g_assert_cmpfloat(vera_sampler_get_timestep(sampler, i), ==, grids[g].timesteps[i]);
            if (i < 11 && grids[g].sigmas[i] > 0)
                g_assert_cmpfloat(vera_sampler_get_sigma(sampler, i), ==, grids[g].sigmas[i]);
        }
        g_assert_cmpfloat(vera_sampler_get_sigma(sampler, grids[g].n_steps), ==, 0);
    }
}

/* Any number of steps with any shift: falling all the way, and nothing that a logarithm cannot
 * take. */
static void
test_grid_falls(void)
{
    static const double shifts[] = {0.001, 0.1, 1, 3, 16, 1000};

    for (gsize s = 0; s < G_N_ELEMENTS(shifts); s++)
        for (int n = 1; n <= 1000; n = n < 20 ? n + 1 : n * 7 / 5 + (n == 999)) {
            g_autoptr(VeraSampler) sampler = make_sampler(VERA_SOLVER_EULER, n, shifts[s], 1);
            g_assert_cmpfloat(vera_sampler_get_sigma(sampler, 0), <, 1);
            for (int i = 0; i < n; i++) {
                g_assert_cmpfloat(vera_sampler_get_sigma(sampler, i), >,
                                  vera_sampler_get_sigma(sampler, i + 1));
                g_assert_cmpfloat(vera_sampler_get_timestep(sampler, i), >=, 0);
                g_assert_cmpfloat(vera_sampler_get_timestep(sampler, i), <=, 999);
            }
        }
}

static void
check_trace(int n_steps, double shift, const double (*trace)[3])
{
    g_autoptr(VeraSampler) sampler = make_sampler(VERA_SOLVER_UNIPC, n_steps, shift, 3);
    float x[3] = {0.5f, -1.25f, 2.0f}, v[3];

    for (int i = 0; i < n_steps; i++) {
        for (int k = 0; k < 3; k++)
            v[k] =
                (float)(0.3 * x[k] + 0.5 * sin(vera_sampler_get_timestep(sampler, i) / 100) - 0.2);
        take_step(sampler, i, v, x);
        for (int k = 0; k < 3; k++)
            g_assert_cmpfloat_with_epsilon(x[k], trace[i][k], 2e-6);
    }
}

static void
test_trace(void)
{
    check_trace(4, 5, trace_4);
    check_trace(10, 3, trace_10);
}

/* Data that are normal with a mean and a width have a flow that is known: x = (1 - s) mean +
 * sqrt((1 - s)^2 width^2 + s^2) z. */
#define N_POINTS 24

typedef struct {
    double mean[N_POINTS], width[N_POINTS], z[N_POINTS];
} Flow;

static void
init_flow(Flow *flow, double width)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(3);

    for (int i = 0; i < N_POINTS; i++) {
        flow->mean[i] = g_rand_double_range(random, -2, 2);
        flow->width[i] = width < 0 ? g_rand_double_range(random, 0.3, 1.5) : width;
        flow->z[i] = g_rand_double_range(random, 0.5, 2) * (i % 2 ? 1 : -1);
    }
}

static double
get_spread(const Flow *flow, int i, double sigma)
{
    return sqrt((1 - sigma) * (1 - sigma) * flow->width[i] * flow->width[i] + sigma * sigma);
}

static double
get_point(const Flow *flow, int i, double sigma)
{
    return (1 - sigma) * flow->mean[i] + get_spread(flow, i, sigma) * flow->z[i];
}

/* E[noise - data | x] */
static double
get_velocity(const Flow *flow, int i, double sigma, double x)
{
    double spread = get_spread(flow, i, sigma),
           off = (x - (1 - sigma) * flow->mean[i]) / (spread * spread);

    return sigma * off - flow->mean[i] - (1 - sigma) * flow->width[i] * flow->width[i] * off;
}

/* The largest error after @n_taken steps of @n_steps. */
static double
run_flow(const Flow *flow, VeraSolver solver, int n_steps, int n_taken, double shift)
{
    g_autoptr(VeraSampler) sampler = make_sampler(solver, n_steps, shift, N_POINTS);
    float x[N_POINTS], v[N_POINTS];
    double worst = 0;

    for (int i = 0; i < N_POINTS; i++)
        x[i] = (float)get_point(flow, i, vera_sampler_get_sigma(sampler, 0));
    for (int step = 0; step < n_taken; step++) {
        for (int i = 0; i < N_POINTS; i++)
            v[i] = (float)get_velocity(flow, i, vera_sampler_get_sigma(sampler, step), x[i]);
        take_step(sampler, step, v, x);
    }
    for (int i = 0; i < N_POINTS; i++)
        worst =
            MAX(worst, fabs(x[i] - get_point(flow, i, vera_sampler_get_sigma(sampler, n_taken))));
    return worst;
}

/* In the middle UniPC shows the third order that its corrector gives; to the end it is of second
 * order, because steps that are even in sigma never become short in log(sigma) as sigma goes to 0.
 */
static const struct {
    const char *name;
    VeraSolver solver;
    double shift;
    int quarters;    /* of the steps that are taken */
    double from, to; /* the order */
    double error;    /* at 192 steps */
} orders[] = {
    {"unipc-middle", VERA_SOLVER_UNIPC, 3, 3, 2.4, 3.3, 5e-6},
    {"unipc-end", VERA_SOLVER_UNIPC, 1, 4, 1.9, 2.2, 1e-4},
    {"euler-middle", VERA_SOLVER_EULER, 3, 3, 0.95, 1.05, 2e-2},
    {"euler-end", VERA_SOLVER_EULER, 1, 4, 0.95, 1.05, 2e-2},
};

static void
test_order(gconstpointer data)
{
    gsize at = GPOINTER_TO_SIZE(data);
    double last = 0;
    Flow flow;

    init_flow(&flow, -1);
    for (int n = 48; n <= 192; n *= 2) {
        double error =
            run_flow(&flow, orders[at].solver, n, n / 4 * orders[at].quarters, orders[at].shift);
        g_test_message("%d steps: error %.2e, order %.2f", n, error,
                       n > 48 ? log2(last / error) : 0);
        if (n > 48) {
            g_assert_cmpfloat(log2(last / error), >, orders[at].from);
            g_assert_cmpfloat(log2(last / error), <, orders[at].to);
        }
        last = error;
    }
    g_assert_cmpfloat(last, <, orders[at].error);
}

/* All data at one point: the flow is straight and the prediction of the end constant, so every
 * number of steps is exact. */
static void
test_straight(void)
{
    Flow flow;

    init_flow(&flow, 0);
    for (int solver = VERA_SOLVER_UNIPC; solver <= VERA_SOLVER_EULER; solver++)
        for (int n = 1; n <= 50; n = n < 6 ? n + 1 : n * 2)
            g_assert_cmpfloat(run_flow(&flow, solver, n, n, 5), <, 2e-6 * sqrt(n));
}

static void
test_estimate(void)
{
    g_autoptr(VeraSampler) sampler = make_sampler(VERA_SOLVER_UNIPC, 4, 5, 2);
    const float x[2] = {1, -2}, v[2] = {0.5f, 3};
    float estimate[2], again[2] = {1, -2}, want[2] = {1, -2};
    g_autoptr(VeraSampler) other = make_sampler(VERA_SOLVER_UNIPC, 4, 5, 2);

    vera_sampler_estimate(sampler, 0, x, v, estimate);
    for (int i = 0; i < 2; i++)
        g_assert_cmpfloat_with_epsilon(estimate[i],
                                       x[i] - vera_sampler_get_sigma(sampler, 0) * v[i], 1e-6);
    /* It changes nothing. */
    take_step(sampler, 0, v, again);
    take_step(other, 0, v, want);
    g_assert_cmpmem(again, sizeof again, want, sizeof want);
}

static void
test_refused(void)
{
    static const struct {
        int n_steps;
        double shift;
    } bad[] = {{0, 3},   {-1, 3},       {1001, 3},  {4, 0},  {4, -1},
               {4, NAN}, {4, INFINITY}, {4, 1e-30}, {4, 1e5}};
    g_autoptr(VeraSampler) sampler = make_sampler(VERA_SOLVER_UNIPC, 2, 3, 1);
    const float v = 1;
    float x = 0.25f;
    VeraSolver solver;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_sampler_new(VERA_SOLVER_UNIPC, bad[i].n_steps, bad[i].shift, 4, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
    }
    for (int step = -1; step <= 3; step++) {
        g_autoptr(GError) error = NULL;
        if (step == 0)
            continue;
        g_assert_false(vera_sampler_step(sampler, step, &v, &x, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED);
        g_assert_cmpfloat(x, ==, 0.25f);
    }
    take_step(sampler, 0, &v, &x);
    take_step(sampler, 1, &v, &x);
    g_assert_false(vera_sampler_step(sampler, 2, &v, &x, NULL));
    g_assert_true(vera_solver_from_name("euler", &solver) && solver == VERA_SOLVER_EULER);
    g_assert_true(vera_solver_from_name("unipc", &solver) && solver == VERA_SOLVER_UNIPC);
    g_assert_false(vera_solver_from_name("dpm++", &solver));
}

/* Saved after @at steps and loaded into a new sampler: the same bytes at the end. */
static void
run_resumed(VeraSolver solver, int n_steps, int at, float x[3])
{
    g_autoptr(VeraSampler) sampler = make_sampler(solver, n_steps, 3, 3);

    x[0] = 0.5f, x[1] = -1.25f, x[2] = 2;
    for (int i = 0; i < n_steps; i++) {
        const float v[3] = {sinf((float)i) + x[0], cosf((float)i) * x[1], 0.2f * x[2]};
        if (i == at) {
            g_autoptr(GBytes) state = vera_sampler_save(sampler, NULL);
            vera_sampler_free(g_steal_pointer(&sampler));
            sampler = make_sampler(solver, n_steps, 3, 3);
            g_assert_true(vera_sampler_load(sampler, state, NULL));
        }
        take_step(sampler, i, v, x);
    }
}

static void
test_resume(void)
{
    for (int solver = VERA_SOLVER_UNIPC; solver <= VERA_SOLVER_EULER; solver++) {
        float want[3], got[3];
        run_resumed(solver, 6, -1, want);
        for (int at = 0; at < 6; at++) {
            run_resumed(solver, 6, at, got);
            g_assert_cmpmem(got, sizeof got, want, sizeof want);
        }
    }
}

/* A state of another kind, or one that was damaged, is refused and leaves the sampler as it was. */
static void
test_bad_state(void)
{
    g_autoptr(VeraSampler) sampler = make_sampler(VERA_SOLVER_UNIPC, 4, 3, 3);
    VeraSampler *others[] = {make_sampler(VERA_SOLVER_EULER, 4, 3, 3),
                             make_sampler(VERA_SOLVER_UNIPC, 5, 3, 3),
                             make_sampler(VERA_SOLVER_UNIPC, 4, 3, 4)};
    g_autoptr(GBytes) state = NULL;
    const float v[3] = {1, 2, 3};
    float x[3] = {0.5f, -1.25f, 2};
    gsize size;
    const guint8 *bytes;

    take_step(sampler, 0, v, x);
    take_step(sampler, 1, v, x);
    state = vera_sampler_save(sampler, NULL);
    bytes = g_bytes_get_data(state, &size);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vera_sampler_load(others[i], state, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
        vera_sampler_free(others[i]);
    }
    for (gsize length = 0; length <= size + 1; length++) {
        g_autofree guint8 *copy = g_malloc0(size + 1);
        g_autoptr(GBytes) cut = NULL;
        memcpy(copy, bytes, MIN(length, size));
        cut = g_bytes_new(copy, length);
        g_assert_cmpint(vera_sampler_load(sampler, cut, NULL), ==, length == size);
    }
    for (gsize i = 0; i < 48; i++) { /* every bit of the header counts */
        g_autofree guint8 *copy = g_memdup2(bytes, size);
        g_autoptr(GBytes) flipped = NULL;
        copy[i] ^= 0x80;
        flipped = g_bytes_new(copy, size);
        g_assert_false(vera_sampler_load(sampler, flipped, NULL));
    }
    take_step(sampler, 2, v, x);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sampler/grid", test_grid);
    g_test_add_func("/sampler/grid-falls", test_grid_falls);
    g_test_add_func("/sampler/trace", test_trace);
    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        g_autofree char *path = g_strdup_printf("/sampler/order/%s", orders[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_order);
    }
    g_test_add_func("/sampler/straight", test_straight);
    g_test_add_func("/sampler/estimate", test_estimate);
    g_test_add_func("/sampler/refused", test_refused);
    g_test_add_func("/sampler/resume", test_resume);
    g_test_add_func("/sampler/bad-state", test_bad_state);
    return g_test_run();
}
