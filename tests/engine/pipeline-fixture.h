#pragma once

#include <string.h>

#include "engine/diffusion/vera-pipeline.h"
#include "engine/vera-engine-error.h"
#include "tests/engine/model-fixture.h"

#define PIPELINE_WIDTH 16
#define PIPELINE_HEIGHT 8
#define PIPELINE_N_STEPS 4

/* A take of the small model: what is asked, what was called, and the bytes of all frames that came out. */
typedef struct {
    VeraRuntime *runtime;
    VeraModel *model;
    VeraFramePlan *plan;
    VeraPipelineRequest request;
    GArray *source_reads, *mask_reads; /* (element-type int) */
    int failing_read;                  /* frame of the source that cannot be read, or -1 */
    int last_frame;                    /* frames past it look like it */
    GCancellable *cancellable;
    const char *cancel_phase; /* cancels when this phase has been reported so often */
    int cancel_after;
    int n_outputs, n_snapped;
    double covered; /* frames, by the matte as the model drew it */
    GByteArray *out;
} PipelineFixture;

static const gint64 pipeline_ids[] = {17, 223, 5, 1};
static const gint64 pipeline_negative_ids[] = {99, 1};

static inline void
pipeline_fixture_draw(PipelineFixture *self, guint64 seed, int index, float *rgb)
{
    gsize n = 3 * (gsize)self->request.width * (gsize)self->request.height;
    g_autofree float *values = model_fixture_make_values(seed + (guint64)MIN(index, self->last_frame), n);

    memcpy(rgb, values, n * sizeof *values);
}

static inline gboolean
pipeline_fixture_read_source(int index, float *rgb, gpointer user_data, GError **error)
{
    PipelineFixture *self = user_data;

    g_array_append_val(self->source_reads, index);
    if (index == self->failing_read) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "Frame lost.");
        return FALSE;
    }
    pipeline_fixture_draw(self, 1000, index, rgb);
    return TRUE;
}

static inline gboolean
pipeline_fixture_read_mask(int index, float *rgb, gpointer user_data, GError **error)
{
    PipelineFixture *self = user_data;

    g_array_append_val(self->mask_reads, index);
    pipeline_fixture_draw(self, 2000, index, rgb);
    return TRUE;
}

static inline void
pipeline_fixture_progress(const char *phase, double fraction, gpointer user_data)
{
    PipelineFixture *self = user_data;

    g_assert_cmpfloat(fraction, >, 0);
    g_assert_cmpfloat(fraction, <=, 1);
    if (self->cancel_phase != NULL && g_str_equal(phase, self->cancel_phase) && --self->cancel_after == 0)
        g_cancellable_cancel(self->cancellable);
}

static inline void
pipeline_fixture_plan(PipelineFixture *self, int n_frames, int window_frames)
{
    g_clear_pointer(&self->plan, vera_frame_plan_free);
    self->plan = vera_frame_plan_new(n_frames, window_frames, 2, NULL);
    self->request.plan = self->plan;
}

/* Twelve frames in three windows, with a mask and guidance. */
static inline void
pipeline_fixture_set_up(PipelineFixture *self, gconstpointer data)
{
    self->runtime = model_fixture_make_runtime(2);
    self->model = model_fixture_open("model-f32");
    self->source_reads = g_array_new(FALSE, FALSE, sizeof(int));
    self->mask_reads = g_array_new(FALSE, FALSE, sizeof(int));
    self->out = g_byte_array_new();
    self->cancellable = g_cancellable_new();
    self->failing_read = -1;
    self->last_frame = G_MAXINT;
    self->request = (VeraPipelineRequest){
        .ids = pipeline_ids,
        .n_ids = G_N_ELEMENTS(pipeline_ids),
        .negative_ids = pipeline_negative_ids,
        .n_negative_ids = G_N_ELEMENTS(pipeline_negative_ids),
        .seed = 42,
        .n_steps = PIPELINE_N_STEPS,
        .guidance = 3,
        .shift = 3,
        .solver = VERA_SOLVER_UNIPC,
        .width = PIPELINE_WIDTH,
        .height = PIPELINE_HEIGHT,
        .read_source = pipeline_fixture_read_source,
        .read_mask = pipeline_fixture_read_mask,
        .frame_data = self,
        .progress = pipeline_fixture_progress,
        .progress_data = self,
    };
    pipeline_fixture_plan(self, 12, 5);
    g_assert_cmpint(self->plan->n_windows, ==, 3);
}

static inline void
pipeline_fixture_tear_down(PipelineFixture *self, gconstpointer data)
{
    g_clear_pointer(&self->plan, vera_frame_plan_free);
    g_array_unref(self->source_reads);
    g_array_unref(self->mask_reads);
    g_byte_array_unref(self->out);
    g_object_unref(self->cancellable);
    vera_model_unref(self->model);
    vera_runtime_unref(self->runtime);
}

static inline VeraPipeline *
pipeline_fixture_start(PipelineFixture *self)
{
    g_autoptr(GError) error = NULL;
    VeraPipeline *pipeline = NULL;

    g_array_set_size(self->source_reads, 0);
    g_array_set_size(self->mask_reads, 0);
    pipeline = vera_pipeline_new(self->runtime, self->model, &self->request, self->cancellable, &error);
    g_assert_no_error(error);
    return pipeline;
}

/* Steps until @n are done. */
static inline void
pipeline_fixture_step_to(PipelineFixture *self, VeraPipeline *pipeline, int n)
{
    g_autoptr(GError) error = NULL;

    while (vera_pipeline_get_step(pipeline) < n) {
        vera_pipeline_step(pipeline, self->cancellable, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpint(vera_pipeline_get_step(pipeline), ==, n);
}

static inline gboolean
pipeline_fixture_output(
    int index, const float *edit, const float *alpha, const float *snapped, const float *composite, gpointer user_data, GError **error)
{
    const guint pixels = PIPELINE_WIDTH * PIPELINE_HEIGHT, size = pixels * sizeof(float);
    PipelineFixture *self = user_data;

    g_assert_cmpint(index, ==, self->n_outputs++);
    self->n_snapped += snapped != NULL;
    for (guint i = 0; i < pixels; i++) {
        self->covered += (double)alpha[i] / pixels;
        g_assert_true(snapped == NULL || (snapped[i] >= 0 && snapped[i] <= 1));
    }
    for (guint i = 0; i < pixels; i++)
        g_assert_true(alpha[i] >= 0 && alpha[i] <= 1);
    for (guint i = 0; i < 3 * pixels; i++) {
        g_assert_true(edit[i] >= 0 && edit[i] <= 1);
        g_assert_true(composite[i] >= 0 && composite[i] <= 1);
    }
    g_byte_array_append(self->out, (const guint8 *)edit, 3 * size);
    g_byte_array_append(self->out, (const guint8 *)alpha, size);
    g_byte_array_append(self->out, (const guint8 *)composite, 3 * size);
    return TRUE;
}

/* Takes the steps that are left and decodes. Returns: (transfer full): all frames, one after the other */
static inline GBytes *
pipeline_fixture_finish(PipelineFixture *self, VeraPipeline *pipeline)
{
    g_autoptr(GError) error = NULL;

    pipeline_fixture_step_to(self, pipeline, vera_pipeline_get_n_steps(pipeline));
    g_byte_array_set_size(self->out, 0);
    self->n_outputs = self->n_snapped = 0;
    self->covered = 0;
    vera_pipeline_decode(pipeline, pipeline_fixture_output, self, self->cancellable, &error);
    g_assert_no_error(error);
    g_assert_cmpint(self->n_outputs, ==, self->request.plan->n_frames);
    return g_bytes_new(self->out->data, self->out->len);
}

static inline GBytes *
pipeline_fixture_run(PipelineFixture *self)
{
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(self);

    return pipeline_fixture_finish(self, pipeline);
}

static inline void
pipeline_fixture_check_equal(GBytes *a, GBytes *b)
{
    gsize n_a, n_b;
    gconstpointer of_a = g_bytes_get_data(a, &n_a), of_b = g_bytes_get_data(b, &n_b);

    g_assert_cmpmem(of_a, n_a, of_b, n_b);
}

/* The largest difference of two takes of one size. */
static inline float
pipeline_fixture_compare(GBytes *a, GBytes *b)
{
    const float *of_a = g_bytes_get_data(a, NULL), *of_b = g_bytes_get_data(b, NULL);
    float worst = 0;

    g_assert_cmpuint(g_bytes_get_size(a), ==, g_bytes_get_size(b));
    for (gsize i = 0; i < g_bytes_get_size(a) / sizeof(float); i++)
        worst = MAX(worst, ABS(of_a[i] - of_b[i]));
    return worst;
}
