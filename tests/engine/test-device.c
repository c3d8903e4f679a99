#include "config.h"

#include <math.h>

#include "engine/diffusion/vera-memory-plan.h"
#include "engine/diffusion/vera-placement.h"
#include "engine/diffusion/vera-transformer-private.h"
#include "tests/engine/pipeline-fixture.h"
#include "tests/engine/sparse-model.h"

/* A device that is not the CPU, and what it may do to a job. Run with VERA_CUDA_MODULE: tests/kernels/guard/vera-guard.c. */

static VeraRuntime *
make_runtime_as(const char *device, VeraKCompute compute)
{
    g_autoptr(GError) error = NULL;
    VeraRuntime *runtime = vera_runtime_new(device, compute, 2, &error);

    g_assert_no_error(error);
    return runtime;
}

static VeraRuntime *
make_runtime(const char *device)
{
    return make_runtime_as(device, VERA_K_COMPUTE_F32);
}

static void
use_device(PipelineFixture *self, const char *device)
{
    vera_runtime_unref(self->runtime);
    self->runtime = make_runtime(device);
}

/* The same operators on other memory: the same take, bit for bit. */
static void
test_same_take(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = NULL, got = NULL;

    use_device(self, "cpu");
    want = pipeline_fixture_run(self);
    use_device(self, "cuda:1");
    g_assert_false(vera_k_device_is_host(vera_runtime_get_device(self->runtime)));
    got = pipeline_fixture_run(self);
    pipeline_fixture_check_equal(got, want);
}

/* Two devices, a side of guidance on each: the take of one, bit for bit; what goes wrong on either ends it. */
static void
test_two_devices(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = NULL, got = NULL;
    g_autoptr(GError) error = NULL;
    static const char *const wrong[] = { "cuda:0,cuda:0", "cuda:0,cpu", "cuda:0,cuda:1,cuda:2", "cuda:0," };

    use_device(self, "cuda:0");
    want = pipeline_fixture_run(self);
    use_device(self, "cuda:0,cuda:1");
    got = pipeline_fixture_run(self);
    pipeline_fixture_check_equal(got, want);
    g_assert_cmpuint(model_fixture_get_used(vera_runtime_get_partner(self->runtime), TRUE), >, 100000);
    /* Without guidance there is nothing for the second. */
    self->request.guidance = 1;
    use_device(self, "cuda:0,cuda:1");
    g_bytes_unref(pipeline_fixture_run(self));
    g_assert_cmpuint(model_fixture_get_used(vera_runtime_get_partner(self->runtime), TRUE), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_null(vera_runtime_new(wrong[i], VERA_K_COMPUTE_F32, 1, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
        g_clear_error(&error);
    }
    self->request.guidance = 3;
    g_setenv("VERA_GUARD_LOST_AFTER", "700", TRUE);
    use_device(self, "cuda:0,cuda:1");
    g_unsetenv("VERA_GUARD_LOST_AFTER");
    {
        g_autoptr(VeraPipeline) pipeline = vera_pipeline_new(self->runtime, self->model, &self->request, NULL, &error);
        while (pipeline != NULL && error == NULL)
            vera_pipeline_step(pipeline, NULL, &error);
    }
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DEVICE_LOST);
}

/* A device that lacks an operator is refused by name before anything is read. */
static void
test_lacks_operator(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *number = g_strdup_printf("%d", VERA_K_OP_CONV3D);

    g_setenv("VERA_GUARD_WITHOUT", number, TRUE);
    g_assert_null(vera_runtime_new("cuda", VERA_K_COMPUTE_F32, 1, &error));
    g_unsetenv("VERA_GUARD_WITHOUT");
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE);
    g_assert_nonnull(strstr(error->message, "conv3d"));
}

/* A device that is lost at any time fails the job with a sentence; a new one does the next. */
static void
test_lost(PipelineFixture *self, gconstpointer data)
{
    static const char *const after[] = { "0", "1", "40", "300", "1500" };

    for (gsize i = 0; i < G_N_ELEMENTS(after); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VeraPipeline) pipeline = NULL;
        gboolean ok = TRUE;
        g_setenv("VERA_GUARD_LOST_AFTER", after[i], TRUE);
        use_device(self, "cuda");
        g_unsetenv("VERA_GUARD_LOST_AFTER");
        pipeline = vera_pipeline_new(self->runtime, self->model, &self->request, NULL, &error);
        while (pipeline != NULL && ok && vera_pipeline_get_step(pipeline) < vera_pipeline_get_n_steps(pipeline))
            ok = vera_pipeline_step(pipeline, NULL, &error);
        self->n_outputs = 0;
        ok = pipeline != NULL && ok && vera_pipeline_decode(pipeline, pipeline_fixture_output, self, NULL, &error);
        g_assert_false(ok);
        g_test_message("after %s operators: %s", after[i], error->message);
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DEVICE_LOST);
    }
    use_device(self, "cuda");
    g_bytes_unref(pipeline_fixture_run(self));
}

static void
test_placement(void)
{
    g_autoptr(VeraRuntime) runtime = make_runtime("cuda"), cpu = make_runtime("cpu");
    g_autofree float *values = model_fixture_make_values(1, 300), *back = g_new0(float, 300);
    VeraKTensor want[3] = { vera_k_tensor(VERA_K_DTYPE_F32, values, 1, (const int64_t[]){ 7 }), { .dtype = VERA_K_DTYPE_F32 },
                            vera_k_tensor(VERA_K_DTYPE_F32, values + 7, 2, (const int64_t[]){ 2, 100 }) };
    VeraKTensor placed[3];
    VeraPlacement *placement;
    VeraKStream *stream = vera_k_ctx_get_stream(vera_runtime_get_ctx(runtime));
    g_autoptr(GError) error = NULL;

    memcpy(placed, want, sizeof placed);
    placement = vera_placement_new(runtime, placed, 3, &error);
    g_assert_no_error(error);
    g_assert_true(placed[0].data != want[0].data && placed[2].data != want[2].data && placed[1].data == NULL);
    g_assert_cmpint(vera_k_copy_async(stream, back, placed[2].data, 200 * sizeof(float)), ==, VERA_K_OK);
    g_assert_cmpint(vera_k_stream_synchronize(stream), ==, VERA_K_OK);
    g_assert_cmpmem(back, 200 * sizeof(float), values + 7, 200 * sizeof(float));
    vera_placement_free(placement);
    g_assert_cmpuint(model_fixture_get_used(runtime, FALSE), ==, 0);
    /* A CPU reads weights where they are. */
    memcpy(placed, want, sizeof placed);
    placement = vera_placement_new(cpu, placed, 3, &error);
    g_assert_cmpmem(placed, sizeof placed, want, sizeof want);
    g_assert_cmpuint(model_fixture_get_used(cpu, TRUE), ==, 0);
    vera_placement_free(placement);
    /* No room: nothing has changed, and the code tells whose memory it is. */
    vera_k_fault_set_countdown(0);
    g_assert_null(vera_placement_new(runtime, placed, 3, &error));
    vera_k_fault_set_countdown(-1);
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY);
    g_assert_cmpmem(placed, sizeof placed, want, sizeof want);
}

static void
use_device_with(PipelineFixture *self, VeraKCompute compute, guint64 free_bytes)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, free_bytes);

    g_setenv("VERA_GUARD_FREE_BYTES", text, TRUE);
    vera_runtime_unref(self->runtime);
    self->runtime = make_runtime_as("cuda", compute);
    g_unsetenv("VERA_GUARD_FREE_BYTES");
}

typedef struct {
    int width, height, n_frames, window;
    double guidance;
    VeraKCompute compute;
} PlannedTake;

/* Plans on smaller and smaller cards until weights are streamed. Returns: whether there is a card that this fits on */
static gboolean
plan_on_smaller_cards(PipelineFixture *self, const PlannedTake *take, gboolean is_streamed, VeraMemoryPlan *plan)
{
    VeraMemoryNeed need = { take->width, take->height, self->plan, take->guidance > 1, self->request.n_ids, self->request.n_negative_ids };
    guint64 free_bytes = G_GUINT64_CONSTANT(1) << 30;

    do {
        use_device_with(self, take->compute, free_bytes);
        if (!vera_memory_plan_init(plan, self->runtime, self->model, &need, NULL))
            return FALSE;
        free_bytes = plan->peak_bytes - 1;
    } while (is_streamed && plan->memory == VERA_TRANSFORMER_RESIDENT);
    return TRUE;
}

/* What the plan says is what a take uses, at every size, with weights that stay and with weights that come. */
static void
test_peak(PipelineFixture *self, gconstpointer data)
{
    static const PlannedTake takes[] = { { 32, 16, 12, 5, 3, VERA_K_COMPUTE_F32 },  { 32, 16, 1, 1, 1, VERA_K_COMPUTE_F32 },
                                         { 32, 32, 5, 5, 3, VERA_K_COMPUTE_BF16 }, { 64, 48, 9, 9, 1, VERA_K_COMPUTE_F32 },
                                         { 128, 96, 5, 5, 1, VERA_K_COMPUTE_BF16 } };
    int n_run[2] = { 0 };

    vera_model_unref(self->model);
    self->model = model_fixture_open("model-mixed");
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(takes); i++) {
        const PlannedTake *take = &takes[i / 2];
        VeraMemoryPlan plan;
        guint64 peak, planned;
        self->request.width = take->width;
        self->request.height = take->height;
        self->request.guidance = take->guidance;
        self->request.n_steps = 2;
        g_clear_pointer(&self->plan, vera_frame_plan_free);
        self->request.plan = self->plan = vera_frame_plan_new(take->n_frames, take->window, 4, NULL);
        if (!plan_on_smaller_cards(self, take, i % 2 != 0, &plan))
            continue;
        g_assert_cmpint(plan.memory, ==, i % 2 != 0 ? VERA_TRANSFORMER_STREAMED : VERA_TRANSFORMER_RESIDENT);
        n_run[i % 2]++;
        vera_k_device_reset_peak(vera_runtime_get_device(self->runtime));
        g_bytes_unref(pipeline_fixture_run(self));
        peak = model_fixture_get_used(self->runtime, TRUE);
        planned = MAX(plan.encode_bytes, MAX(plan.sample_bytes, plan.decode_bytes)); /* no preview is asked for */
        g_test_message("%dx%d, %d frames, %s: planned %" G_GUINT64_FORMAT ", used %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT " of them packed",
                       take->width, take->height, take->n_frames, plan.memory == VERA_TRANSFORMER_STREAMED ? "streamed" : "resident",
                       planned, peak, plan.packed_bytes);
        g_assert_cmpfloat(ABS((double)peak - (double)planned), <=, 0.05 * (double)peak);
        g_assert_cmpuint(plan.weight_bytes + plan.text_bytes, <, plan.peak_bytes);
        g_assert_cmpuint(vera_k_ctx_get_packed_bytes(vera_runtime_get_ctx(self->runtime)), ==, plan.packed_bytes);
        if (i % 2 == 0)
            g_assert_cmpuint(plan.packed_bytes, >, 0);
    }
    g_assert_cmpint(n_run[0], ==, G_N_ELEMENTS(takes));
    g_assert_cmpint(n_run[1], >, 1);
}

/* What is only tried on paper touches nothing of the device, and nobody can read what it gives out. */
static void
test_dry(void)
{
    g_autoptr(VeraRuntime) runtime = make_runtime("cuda");
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraRuntime) dry = vera_runtime_new_dry(runtime, &error);
    g_autoptr(VeraTensor) a = vera_tensor_new(dry, 1, (gint64[]){ 1000 }, &error), b = vera_tensor_new(dry, 1, (gint64[]){ 1000 }, &error);
    g_autofree float *values = g_new0(float, 1000);
    VeraKCopy copy = { .src = a->k, .dst = b->k };

    g_assert_no_error(error);
    g_assert_cmpuint(model_fixture_get_used(dry, FALSE), ==, 8000);
    g_assert_cmpint(vera_k_copy(vera_runtime_get_ctx(dry), &copy), ==, VERA_K_OK);
    g_assert_true(vera_tensor_to_host(a, dry, values, &error));
    g_assert_cmpfloat(values[999], ==, 0);
    copy.dst.shape[0] = 999; /* arguments are looked at all the same */
    g_assert_cmpint(vera_k_copy(vera_runtime_get_ctx(dry), &copy), ==, VERA_K_ERR_INVALID);
    g_assert_cmpuint(model_fixture_get_used(runtime, TRUE), ==, 0);
}

#define STREAMED_ELEMENTS 768

static void
run_transformer(PipelineFixture *self, VeraTransformerMemory memory, float *velocities[VERA_N_BRANCHES], guint64 *peak)
{
    const VeraBranchConfig *c = vera_model_get_branch_config(self->model, VERA_BRANCH_EDIT, NULL);
    const gint64 shape[4] = { c->in_channels, 3, c->patch_h, 2 * c->patch_w }, n = shape[0] * shape[1] * shape[2] * shape[3];
    g_autofree float *values = model_fixture_make_values(3, (gsize)(5 * n)), *words = model_fixture_make_values(4, 4096);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTransformer) transformer = NULL;
    g_autoptr(VeraTextContext) text = NULL;
    VeraTransformerInput input = { .latents = { values, values + n, values + 2 * n }, .source = values + 3 * n, .mask = values + 4 * n,
                                   .timestep = 700 };

    vera_k_device_reset_peak(vera_runtime_get_device(self->runtime));
    transformer = vera_transformer_new(self->runtime, self->model, memory, &error);
    g_assert_no_error(error);
    g_assert_cmpint(n, <=, STREAMED_ELEMENTS);
    text = vera_transformer_prepare_text(transformer, words, 5, NULL, &error);
    g_assert_no_error(error);
    memcpy(input.shape, shape, sizeof shape);
    input.text = text;
    for (int i = 0; i < 3; i++) { /* the first block is brought again after the last */
        vera_transformer_forward(transformer, &input, velocities, NULL, &error);
        g_assert_no_error(error);
    }
    *peak = model_fixture_get_used(self->runtime, TRUE);
}

/* Weights of two blocks at a time: less memory, the same values, and no stream reads what another still writes. */
static void
test_streamed(PipelineFixture *self, gconstpointer data)
{
    float out[2][VERA_N_BRANCHES][STREAMED_ELEMENTS] = { 0 };
    guint64 peak[2];

    use_device(self, "cuda");
    vera_model_unref(self->model);
    self->model = data ? vera_model_open(data, NULL) : model_fixture_open("model-mixed");
    for (int i = 0; i < 2; i++)
        run_transformer(self, i == 0 ? VERA_TRANSFORMER_RESIDENT : VERA_TRANSFORMER_STREAMED,
                        (float *[]){ out[i][0], out[i][1], out[i][2] }, &peak[i]);
    g_assert_cmpmem(out[1], sizeof out[1], out[0], sizeof out[0]);
    g_test_message("resident %" G_GUINT64_FORMAT " bytes, streamed %" G_GUINT64_FORMAT, peak[0], peak[1]);
    g_assert_cmpint(vera_model_get_branch_config(self->model, VERA_BRANCH_EDIT, NULL)->n_layers, >, 2);
    g_assert_cmpuint(peak[1], <, peak[0]);
}

/*
 * What only feeds products is stored as they take it: less memory, and no other values, since they would round it themselves. A CPU
 * without such products rounds elsewhere, so that there a sum may differ.
 */
static void
test_activations(PipelineFixture *self, gconstpointer data)
{
    float out[2][VERA_N_BRANCHES][STREAMED_ELEMENTS] = { 0 };
    g_autoptr(VeraRuntime) cpu = make_runtime_as("cpu", VERA_K_COMPUTE_BF16);
    double difference = 0, norm = 0;
    guint64 peak[2];

    vera_model_unref(self->model);
    self->model = model_fixture_open("model-mixed");
    for (int i = 0; i < 2; i++) {
        g_setenv("VERA_GUARD_WITHOUT_BF16", i == 0 ? "1" : "0", TRUE);
        vera_runtime_unref(self->runtime);
        self->runtime = make_runtime_as("cuda", VERA_K_COMPUTE_BF16);
        g_unsetenv("VERA_GUARD_WITHOUT_BF16");
        g_assert_cmpint(vera_runtime_get_activation(self->runtime), ==, i == 0 ? VERA_K_DTYPE_F32 : VERA_K_DTYPE_BF16);
        run_transformer(self, VERA_TRANSFORMER_RESIDENT, (float *[]){ out[i][0], out[i][1], out[i][2] }, &peak[i]);
    }
    g_test_message("F32 %" G_GUINT64_FORMAT " bytes, BF16 %" G_GUINT64_FORMAT, peak[0], peak[1]);
    g_assert_cmpuint(peak[1], <, peak[0]);
    if (vera_runtime_get_activation(cpu) == VERA_K_DTYPE_BF16)
        g_assert_cmpmem(out[1], sizeof out[1], out[0], sizeof out[0]);
    for (gsize i = 0; i < sizeof out[0] / sizeof(float); i++) {
        double a = ((const float *)out[0])[i], b = ((const float *)out[1])[i];
        difference += (a - b) * (a - b);
        norm += a * a;
    }
    g_assert_cmpfloat(norm, >, 0);
    g_assert_cmpfloat(sqrt(difference / norm), <, 1e-2);
    /* In F32 nothing is rounded, whatever the device could do. */
    use_device(self, "cuda");
    g_assert_cmpint(vera_runtime_get_activation(self->runtime), ==, VERA_K_DTYPE_F32);
}

/* Vera-1.3B with 49 frames: what is chosen for cards of all sizes, and what it takes. */
static void
test_full_size(void)
{
    static const struct {
        double free_gib;
        int width, height;
        VeraTransformerMemory memory;
    } cards[] = { { 139, 832, 480, VERA_TRANSFORMER_RESIDENT },
                  { 11.1, 832, 480, VERA_TRANSFORMER_RESIDENT }, /* 12 GB */
                  { 4.6, 832, 480, VERA_TRANSFORMER_STREAMED },  /* 5 GB */
                  { 11.5, 416, 240, VERA_TRANSFORMER_RESIDENT },
                  { 7.5, 416, 240, VERA_TRANSFORMER_STREAMED } };
    g_autofree char *dir = g_dir_make_tmp("vera-sparse-XXXXXX", NULL);
    g_autoptr(VeraModel) model = sparse_model_make(dir);
    g_autoptr(VeraFramePlan) frames = vera_frame_plan_new(49, 49, 4, NULL);
    PipelineFixture fixture = { 0 };

    for (gsize i = 0; i < G_N_ELEMENTS(cards); i++) {
        VeraMemoryNeed need = { cards[i].width, cards[i].height, frames, TRUE, 0, 0 };
        VeraMemoryPlan plan;
        g_autoptr(GError) error = NULL;
        use_device_with(&fixture, VERA_K_COMPUTE_BF16, (guint64)(cards[i].free_gib * (1 << 30)));
        vera_memory_plan_init(&plan, fixture.runtime, model, &need, &error);
        g_assert_no_error(error);
        g_test_message("%dx%d, %.1f GiB free: weights %.2f, coding %.2f, sampling %.2f, decoding %.2f GiB", need.width, need.height, cards[i].free_gib,
                       (double)plan.weight_bytes / (1 << 30), (double)plan.encode_bytes / (1 << 30),
                       (double)plan.sample_bytes / (1 << 30), (double)plan.decode_bytes / (1 << 30));
        g_assert_cmpint(plan.memory, ==, cards[i].memory);
        g_assert_cmpuint(plan.peak_bytes, <=, plan.free_bytes);
    }
    vera_runtime_unref(fixture.runtime);
    sparse_model_remove(dir);
}

/* What fits in no way is refused before a frame is read, with what it needs and what there is. */
static void
test_too_small(PipelineFixture *self, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    use_device_with(self, VERA_K_COMPUTE_F32, 1 << 20);
    g_assert_null(vera_pipeline_new(self->runtime, self->model, &self->request, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY);
    g_assert_nonnull(strstr(error->message, "GiB"));
    g_assert_cmpuint(self->source_reads->len, ==, 0);
    g_assert_cmpuint(model_fixture_get_used(self->runtime, TRUE), ==, 0);
}

#define ADD(name, run) g_test_add("/device/" name, PipelineFixture, NULL, pipeline_fixture_set_up, run, pipeline_fixture_tear_down)

int
main(int argc, char **argv)
{
    g_autofree char *small = g_build_filename(g_getenv("VERA_SOURCE_ROOT") ? g_getenv("VERA_SOURCE_ROOT") : ".", "data/models/vera-small", NULL);

    g_test_init(&argc, &argv, NULL);
    ADD("same-take", test_same_take);
    ADD("two-devices", test_two_devices);
    ADD("lost", test_lost);
    ADD("peak", test_peak);
    ADD("streamed", test_streamed); /* three blocks: the first takes the place of the last */
    g_test_add("/device/streamed-even", PipelineFixture, small, pipeline_fixture_set_up, test_streamed, pipeline_fixture_tear_down);
    ADD("activations", test_activations);
    g_test_add_func("/device/dry", test_dry);
    g_test_add_func("/device/full-size", test_full_size);
    ADD("too-small", test_too_small);
    g_test_add_func("/device/lacks-operator", test_lacks_operator);
    g_test_add_func("/device/placement", test_placement);
    return g_test_run();
}
