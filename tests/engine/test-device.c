#include "config.h"

#include "engine/diffusion/vera-placement.h"
#include "tests/engine/pipeline-fixture.h"

/* A device that is not the CPU, and what it may do to a job. Run with VERA_CUDA_MODULE: tests/kernels/guard/vera-guard.c. */

static VeraRuntime *
make_runtime(const char *device)
{
    g_autoptr(GError) error = NULL;
    VeraRuntime *runtime = vera_runtime_new(device, VERA_K_COMPUTE_F32, 2, &error);

    g_assert_no_error(error);
    return runtime;
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

#define ADD(name, run) g_test_add("/device/" name, PipelineFixture, NULL, pipeline_fixture_set_up, run, pipeline_fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("same-take", test_same_take);
    ADD("lost", test_lost);
    g_test_add_func("/device/lacks-operator", test_lacks_operator);
    g_test_add_func("/device/placement", test_placement);
    return g_test_run();
}
