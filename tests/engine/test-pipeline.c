#include "config.h"

#include <math.h>

#include "engine/diffusion/vera-transformer.h"
#include "tests/engine/pipeline-fixture.h"

/* What comes out of the pipeline depends on what was asked, and on nothing else. */

static void
test_same(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(self);

    for (int n = 1; n <= 3; n++) {
        g_autoptr(GBytes) got = NULL;
        vera_runtime_unref(self->runtime);
        self->runtime = model_fixture_make_runtime(n);
        got = pipeline_fixture_run(self);
        pipeline_fixture_check_equal(got, want);
    }
}

static void
test_seed(PipelineFixture *self, gconstpointer data)
{
    GBytes *takes[4] = {NULL};
    const guint64 seeds[4] = {42, 43, 42ull << 32, 0};

    for (int i = 0; i < 4; i++) {
        self->request.seed = seeds[i];
        takes[i] = pipeline_fixture_run(self);
        for (int k = 0; k < i; k++)
            g_assert_cmpfloat(pipeline_fixture_compare(takes[i], takes[k]), >, 0.01f);
    }
    for (int i = 0; i < 4; i++)
        g_clear_pointer(&takes[i], g_bytes_unref);
}

/* The noise that is drawn is that of vera_noise_fill(), a stream for each branch. */
static void
test_noise(PipelineFixture *self, gconstpointer data)
{
    gsize n = 4 * (gsize)self->plan->n_latents * (PIPELINE_WIDTH / 4) * (PIPELINE_HEIGHT / 4);
    g_autoptr(GBytes) drawn = pipeline_fixture_run(self), given = NULL;
    float *noise[VERA_N_BRANCHES];

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        noise[b] = g_new(float, n);
        vera_noise_fill(self->request.seed, (guint32)b, 0, noise[b], n);
        self->request.noise[b] = noise[b];
    }
    self->request.seed = 0;
    given = pipeline_fixture_run(self);
    pipeline_fixture_check_equal(given, drawn);
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        g_free(noise[b]);
}

/* Everything that is asked for shows. */
static void
test_settings(PipelineFixture *self, gconstpointer data)
{
    static const gint64 other_ids[] = {17, 224, 5, 1};
    static const gint64 padded_ids[] = {17, 223, 5, 1, 0, 0}, id_mask[] = {1, 1, 1, 1, 0, 0};
    const VeraPipelineRequest asked = self->request;
    g_autoptr(GBytes) want = pipeline_fixture_run(self), padded = NULL;

    for (int i = 0; i < 7; i++) {
        g_autoptr(GBytes) got = NULL;
        self->request = asked;
        switch (i) {
        case 0:
            self->request.ids = other_ids;
            break;
        case 1:
            self->request.negative_ids = other_ids;
            break;
        case 2:
            self->request.guidance = 4;
            break;
        case 3:
            self->request.n_steps = 5;
            break;
        case 4:
            self->request.shift = 5;
            break;
        case 5:
            self->request.solver = VERA_SOLVER_EULER;
            break;
        default:
            self->request.read_mask = NULL;
        }
        got = pipeline_fixture_run(self);
        g_assert_cmpfloat(pipeline_fixture_compare(got, want), >, 1e-4f);
    }
    /* Padding is as good as not there. */
    self->request = asked;
    self->request.ids = padded_ids;
    self->request.id_mask = id_mask;
    self->request.n_ids = G_N_ELEMENTS(padded_ids);
    padded = pipeline_fixture_run(self);
    pipeline_fixture_check_equal(padded, want);
}

static void
test_guidance(PipelineFixture *self, gconstpointer data)
{
    static const gint64 foreign[] = {1 << 20, 1}; /* no such token */
    g_autoptr(GBytes) guided = NULL, plain = NULL, nearly = NULL;
    g_autoptr(GError) error = NULL;
    VeraPipelineEstimate with, without;

    self->request.guidance = 1.00001;
    nearly = pipeline_fixture_run(self);
    self->request.guidance = 3;
    guided = pipeline_fixture_run(self);
    self->request.negative_ids = foreign;
    g_assert_null(vera_pipeline_new(self->runtime, self->model, &self->request, NULL, &error));
    g_assert_nonnull(error);
    /* The negative prompt is not even read, and a step is two passes fewer. */
    self->request.guidance = 1;
    plain = pipeline_fixture_run(self);
    g_assert_cmpfloat(pipeline_fixture_compare(plain, nearly), <, 1e-3f);
    g_assert_cmpfloat(pipeline_fixture_compare(plain, guided), >, 1e-3f);
    g_assert_true(vera_pipeline_estimate(self->model, PIPELINE_WIDTH, PIPELINE_HEIGHT, self->plan, TRUE, &with, NULL));
    g_assert_true(vera_pipeline_estimate(self->model, PIPELINE_WIDTH, PIPELINE_HEIGHT, self->plan, FALSE, &without, NULL));
    g_assert_cmpfloat(with.gflop_per_step, ==, 2 * without.gflop_per_step);
}

/* How many allocations a step makes: a measure of its work that does not depend on time. */
static int
count_allocations(PipelineFixture *self)
{
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(self);
    const int many = 1 << 30;
    int n = 0;

    pipeline_fixture_step_to(self, pipeline, 1); /* buffers that are kept are there */
    vera_k_fault_set_countdown(many);
    pipeline_fixture_step_to(self, pipeline, 2);
    n = many - (int)vera_k_fault_get_countdown();
    vera_k_fault_set_countdown(-1);
    return n;
}

static void
test_work(PipelineFixture *self, gconstpointer data)
{
    const int per_step = 15; /* of the step itself */
    int guided = count_allocations(self), plain, single;

    self->request.guidance = 1;
    plain = count_allocations(self);
    pipeline_fixture_plan(self, 5, 5);
    single = count_allocations(self);
    g_test_message("allocations: %d with guidance, %d without, %d of one window", guided, plain, single);
    g_assert_cmpint(ABS(guided - 2 * plain), <=, per_step);
    g_assert_cmpint(ABS(plain - 3 * single), <=, 2 * per_step);
}

/* As many frames come out as go in, each is read once and in order, and the last one fills the padding. */
static void
test_frames(PipelineFixture *self, gconstpointer data)
{
    for (int n = 1; n <= 9; n++) {
        g_autoptr(GBytes) got = NULL;
        pipeline_fixture_plan(self, n, 5);
        got = pipeline_fixture_run(self);
        g_assert_cmpuint(g_bytes_get_size(got), ==, (gsize)n * 7 * PIPELINE_WIDTH * PIPELINE_HEIGHT * sizeof(float));
        g_assert_cmpuint(self->source_reads->len, ==, n);
        g_assert_cmpuint(self->mask_reads->len, ==, n);
        for (int i = 0; i < n; i++) {
            g_assert_cmpint(g_array_index(self->source_reads, int, i), ==, i);
            g_assert_cmpint(g_array_index(self->mask_reads, int, i), ==, i);
        }
        if (n < self->plan->n_padded_frames) {
            g_autoptr(GBytes) padded = NULL, head = NULL;
            pipeline_fixture_plan(self, self->plan->n_padded_frames, 5);
            self->last_frame = n - 1;
            padded = pipeline_fixture_run(self);
            self->last_frame = G_MAXINT;
            head = g_bytes_new_from_bytes(padded, 0, g_bytes_get_size(got));
            pipeline_fixture_check_equal(got, head);
        }
    }
}

/* Windows that say the same weigh as one: the sum is that of the plan's weights. */
static void
test_weights(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GBytes) one = NULL, many = NULL;
    float weights[3][4];
    VeraFrameWindow windows[3];
    VeraFramePlan plan;

    pipeline_fixture_plan(self, 7, 7); /* 4 latent frames */
    one = pipeline_fixture_run(self);
    plan = *self->plan;
    plan.n_windows = 3;
    plan.windows = windows;
    for (int l = 0; l < 4; l++) {
        weights[0][l] = 0.5f;
        weights[1][l] = l % 2 ? 0.5f : 0.25f;
        weights[2][l] = l % 2 ? 0 : 0.25f;
    }
    for (int i = 0; i < 3; i++)
        windows[i] = (VeraFrameWindow){.first_latent = 0, .n_latents = 4, .weights = weights[i]};
    self->request.plan = &plan;
    many = pipeline_fixture_run(self);
    pipeline_fixture_check_equal(many, one);
}

/* In one step, what is in the last window alone does not show in frames that it does not hold. */
static void
test_windows(PipelineFixture *self, gconstpointer data)
{
    const gsize frame = 7 * PIPELINE_WIDTH * PIPELINE_HEIGHT * sizeof(float);
    g_autoptr(GBytes) whole = NULL, changed = NULL, a = NULL, b = NULL;

    self->request.n_steps = 1; /* one step: no window has heard of the next but one */
    whole = pipeline_fixture_run(self);
    self->last_frame = 8; /* the last frames are others: of latent frames 5 and 6, which only the last window holds */
    changed = pipeline_fixture_run(self);
    a = g_bytes_new_from_bytes(whole, 0, 7 * frame); /* latent frames 0 to 3 */
    b = g_bytes_new_from_bytes(changed, 0, 7 * frame);
    pipeline_fixture_check_equal(a, b);
    g_assert_cmpfloat(pipeline_fixture_compare(whole, changed), >, 0);
}

static void
check_refused(PipelineFixture *self, VeraEngineError code, const char *says)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vera_pipeline_new(self->runtime, self->model, &self->request, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, (int)code);
    if (strstr(error->message, says) == NULL)
        g_error("‘%s’ does not say ‘%s’", error->message, says);
}

static void
test_refused(PipelineFixture *self, gconstpointer data)
{
    static const double bad_guidance[] = {-1, NAN, INFINITY, 1e9}, bad_shift[] = {0, -1, NAN, 1e-9, 1e9};
    static const int bad_steps[] = {0, -1, 1001}, bad_sizes[][2] = {{0, 8}, {8, -8}, {12, 8}, {16, 7}, {4, 4}};
    const VeraPipelineRequest asked = self->request;

    for (gsize i = 0; i < G_N_ELEMENTS(bad_guidance); i++, self->request = asked) {
        self->request.guidance = bad_guidance[i];
        check_refused(self, VERA_ENGINE_ERROR_USAGE, "guidance");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_shift); i++, self->request = asked) {
        self->request.shift = bad_shift[i];
        check_refused(self, VERA_ENGINE_ERROR_USAGE, "shift");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_steps); i++, self->request = asked) {
        self->request.n_steps = bad_steps[i];
        check_refused(self, VERA_ENGINE_ERROR_USAGE, "steps");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_sizes); i++, self->request = asked) {
        self->request.width = bad_sizes[i][0];
        self->request.height = bad_sizes[i][1];
        check_refused(self, VERA_ENGINE_ERROR_USAGE, "multiples of 8");
    }
    for (int factor = 1; factor <= 8; factor *= 2) {
        g_autoptr(VeraFramePlan) plan = vera_frame_plan_new(9, 9, factor, NULL);
        self->request.plan = plan;
        if (factor != 2)
            check_refused(self, VERA_ENGINE_ERROR_USAGE, "plan");
    }
}

/* Snapping changes nothing of what the model gives, and comes for all frames or none: none where the matte covers the lesser part,
 * for what is added has no edge in the source. */
static void
test_snapped(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GBytes) plain = pipeline_fixture_run(self), snapped = NULL;

    g_assert_cmpint(self->n_snapped, ==, 0);
    self->request.snaps_matte = TRUE;
    snapped = pipeline_fixture_run(self);
    pipeline_fixture_check_equal(snapped, plain);
    g_test_message("%g of %d frames are covered, %d were snapped", self->covered, self->n_outputs, self->n_snapped);
    g_assert_true(self->n_snapped == 0 || self->n_snapped == self->n_outputs);
    if (self->covered <= self->n_outputs / 2.0)
        g_assert_cmpint(self->n_snapped, ==, 0);
}

static void
test_refused_text(PipelineFixture *self, gconstpointer data)
{
    gint64 ids[VERA_TEXT_LENGTH + 1], mask[VERA_TEXT_LENGTH + 1];

    for (int i = 0; i <= VERA_TEXT_LENGTH; i++)
        ids[i] = i, mask[i] = 0;
    self->request.ids = ids;
    self->request.n_ids = 0;
    check_refused(self, VERA_ENGINE_ERROR_USAGE, "no tokens");
    self->request.n_ids = VERA_TEXT_LENGTH + 1;
    check_refused(self, VERA_ENGINE_ERROR_USAGE, "513");
    self->request.n_ids = 4;
    self->request.id_mask = mask;
    check_refused(self, VERA_ENGINE_ERROR_USAGE, "no tokens");
    mask[0] = mask[2] = 1;
    check_refused(self, VERA_ENGINE_ERROR_BAD_INPUT, "padding");
    self->request.id_mask = NULL;
    ids[1] = -1;
    check_refused(self, VERA_ENGINE_ERROR_FAILED, "embed");
}

static gboolean
refuse_output(int index, const float *edit, const float *alpha, const float *snapped, const float *composite, gpointer user_data, GError **error)
{
    int *left = user_data;

    if ((*left)-- > 0)
        return TRUE;
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DISK_FULL, "No space.");
    return FALSE;
}

/* What a callback reports comes out as it is, and decoding can be done again. */
static void
test_callbacks(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(self), got = NULL;
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(self);

    pipeline_fixture_step_to(self, pipeline, PIPELINE_N_STEPS);
    for (int n = 0; n < 12; n++) {
        g_autoptr(GError) error = NULL;
        int left = n;
        g_assert_false(vera_pipeline_decode(pipeline, refuse_output, &left, NULL, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DISK_FULL);
        g_assert_cmpint(left, ==, -1);
    }
    got = pipeline_fixture_finish(self, pipeline);
    pipeline_fixture_check_equal(got, want);
    for (int i = 0; i < 12; i += 11) {
        self->failing_read = i;
        check_refused(self, VERA_ENGINE_ERROR_BAD_INPUT, "Frame lost.");
    }
}

/* Where decoded frames cannot wait for the rest is said by name, and nothing has come out. */
static void
test_scratch_folder(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraPipeline) pipeline = NULL;

    self->request.scratch_folder = "/dev/null/none";
    pipeline = pipeline_fixture_start(self);
    g_assert_false(vera_pipeline_decode(pipeline, pipeline_fixture_output, self, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_nonnull(strstr(error->message, "/dev/null/none"));
    g_assert_cmpint(self->n_outputs, ==, 0);
}

#define ADD(name, run)                                                                                                 \
    g_test_add("/pipeline/" name, PipelineFixture, NULL, pipeline_fixture_set_up, run, pipeline_fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("same", test_same);
    ADD("seed", test_seed);
    ADD("noise", test_noise);
    ADD("settings", test_settings);
    ADD("guidance", test_guidance);
    ADD("work", test_work);
    ADD("frames", test_frames);
    ADD("weights", test_weights);
    ADD("windows", test_windows);
    ADD("refused", test_refused);
    ADD("snapped", test_snapped);
    ADD("refused-text", test_refused_text);
    ADD("callbacks", test_callbacks);
    ADD("scratch-folder", test_scratch_folder);
    return g_test_run();
}
