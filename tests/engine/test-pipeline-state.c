#include "config.h"

#include <glib/gstdio.h>

#include "tests/engine/pipeline-fixture.h"

/* A take that is stopped and gone on with is the take that was not stopped, byte for byte. */

/* Of eight bytes, so that what comes after it in a file stays aligned. */
#define MARK "mark-one"

typedef struct {
    PipelineFixture base;
    char *folder, *state;
} Fixture;

static void
set_up(Fixture *self, gconstpointer data)
{
    pipeline_fixture_set_up(&self->base, data);
    self->folder = g_dir_make_tmp("vera-state-XXXXXX", NULL);
    self->state = g_build_filename(self->folder, "take.state", NULL);
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    g_unlink(self->state);
    g_assert_cmpint(g_rmdir(self->folder), ==, 0); /* nothing else was left there */
    g_free(self->folder);
    g_free(self->state);
    pipeline_fixture_tear_down(&self->base, data);
}

static void
save(Fixture *self, VeraPipeline *pipeline)
{
    g_autoptr(GError) error = NULL;

    vera_pipeline_save(pipeline, self->state, MARK, &error);
    g_assert_no_error(error);
}

/* What a new pipeline gives that goes on with the saved state, of which @n_steps are done. */
static GBytes *
resume(Fixture *self, int n_steps)
{
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
    g_autoptr(GError) error = NULL;

    vera_pipeline_load(pipeline, self->state, MARK, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vera_pipeline_get_step(pipeline), ==, n_steps);
    return pipeline_fixture_finish(&self->base, pipeline);
}

static void
test_resume(Fixture *self, gconstpointer data)
{
    for (int solver = VERA_SOLVER_UNIPC; solver <= VERA_SOLVER_EULER; solver++) {
        g_autoptr(GBytes) want = NULL;
        self->base.request.solver = solver;
        want = pipeline_fixture_run(&self->base);
        for (int n = 0; n <= PIPELINE_N_STEPS; n++) {
            g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
            g_autoptr(GBytes) got = NULL, same = NULL;
            pipeline_fixture_step_to(&self->base, pipeline, n);
            save(self, pipeline);
            got = resume(self, n);
            pipeline_fixture_check_equal(got, want);
            same = pipeline_fixture_finish(&self->base, pipeline); /* saving changed nothing */
            pipeline_fixture_check_equal(same, want);
        }
    }
}

/* Saved after every step, each time by a pipeline that knows the step before from a file only. */
static void
test_every_step(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base), got = NULL;
    g_autoptr(VeraPipeline) first = pipeline_fixture_start(&self->base);

    save(self, first);
    for (int n = 0; n < PIPELINE_N_STEPS; n++) {
        g_autoptr(VeraPipeline) pipeline = NULL;
        vera_runtime_unref(self->base.runtime);
        self->base.runtime = model_fixture_make_runtime(1 + n % 3);
        pipeline = pipeline_fixture_start(&self->base);
        g_assert_true(vera_pipeline_load(pipeline, self->state, MARK, NULL));
        pipeline_fixture_step_to(&self->base, pipeline, n + 1);
        save(self, pipeline);
    }
    got = resume(self, PIPELINE_N_STEPS);
    pipeline_fixture_check_equal(got, want);
}

static void
expect_cancelled(PipelineFixture *self, const char *phase, int after)
{
    g_object_unref(self->cancellable);
    self->cancellable = g_cancellable_new();
    self->cancel_phase = phase;
    self->cancel_after = after;
}

static void
check_cancelled(GError **error)
{
    g_assert_error(*error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED);
    g_clear_error(error);
}

/* In the middle of a step, after any window: nothing has changed, and the step is taken again from
 * its beginning. */
static void
test_cancel_step(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base);
    int n_windows = self->base.plan->n_windows;

    for (int at = 1; at < PIPELINE_N_STEPS * n_windows; at++) {
        g_autoptr(VeraPipeline) pipeline = NULL;
        g_autoptr(GBytes) got = NULL, same = NULL;
        g_autoptr(GError) error = NULL;
        int done = at / n_windows;
        if (at % n_windows == 0)
            continue; /* between two steps: that is test_resume() */
        expect_cancelled(&self->base, "sample", at);
        pipeline = pipeline_fixture_start(&self->base);
        pipeline_fixture_step_to(&self->base, pipeline, done);
        g_assert_false(vera_pipeline_step(pipeline, self->base.cancellable, &error));
        check_cancelled(&error);
        g_assert_cmpint(vera_pipeline_get_step(pipeline), ==, done);
        save(self, pipeline);
        expect_cancelled(&self->base, NULL, 0);
        got = resume(self, done);
        pipeline_fixture_check_equal(got, want);
        same = pipeline_fixture_finish(&self->base, pipeline);
        pipeline_fixture_check_equal(same, want);
    }
}

static void
test_cancel_coding(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base), got = NULL;
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
    int n = self->base.plan->n_latents;

    for (int at = 1; at < 2 * n; at++) { /* source and mask; the last report is the end */
        g_autoptr(GError) error = NULL;
        expect_cancelled(&self->base, "encode", at);
        g_assert_null(vera_pipeline_new(self->base.runtime, self->base.model, &self->base.request,
                                        self->base.cancellable, &error));
        check_cancelled(&error);
    }
    expect_cancelled(&self->base, NULL, 0);
    pipeline_fixture_step_to(&self->base, pipeline, PIPELINE_N_STEPS);
    for (int at = 1; at < 3 * n; at++) { /* frames come out while the last of three layers is decoded */
        g_autoptr(GError) error = NULL;
        expect_cancelled(&self->base, "decode", at);
        self->base.n_outputs = 0;
        g_assert_false(vera_pipeline_decode(pipeline, pipeline_fixture_output, &self->base,
                                            self->base.cancellable, &error));
        check_cancelled(&error);
        g_assert_cmpint(self->base.n_outputs, ==, MAX(0, 2 * (at - 2 * n) - 1));
    }
    expect_cancelled(&self->base, NULL, 0);
    got = pipeline_fixture_finish(&self->base, pipeline);
    pipeline_fixture_check_equal(got, want);
}

/* Before anything is begun, at once. */
static void
test_cancel_first(Fixture *self, gconstpointer data)
{
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
    g_autoptr(GError) error = NULL;

    g_cancellable_cancel(self->base.cancellable);
    g_assert_false(vera_pipeline_step(pipeline, self->base.cancellable, &error));
    check_cancelled(&error);
    g_assert_null(vera_pipeline_new(self->base.runtime, self->base.model, &self->base.request,
                                    self->base.cancellable, &error));
    check_cancelled(&error);
}

/* Loads what must be refused, and goes on as if nothing had been asked. */
static void
check_refused(Fixture *self, VeraPipeline *pipeline, const char *mark)
{
    g_autoptr(GError) error = NULL;
    int step = vera_pipeline_get_step(pipeline);

    g_assert_false(vera_pipeline_load(pipeline, self->state, mark, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_test_message("%s", error->message);
    g_assert_cmpint(vera_pipeline_get_step(pipeline), ==, step);
}

static void
test_foreign_state(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base), got = NULL;
    const VeraPipelineRequest asked = self->base.request;
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);

    check_refused(self, pipeline, MARK); /* there is none */
    pipeline_fixture_step_to(&self->base, pipeline, 1);
    save(self, pipeline);
    check_refused(self, pipeline, "mark-on");
    check_refused(self, pipeline, "mark-ones");
    check_refused(self, pipeline, "");
    check_refused(self, pipeline, "MARK-ONE");
    for (int i = 0; i < 3;
         i++) { /* the mark lies: solver, steps and size are looked at all the same */
        g_autoptr(VeraPipeline) other = NULL;
        self->base.request = asked;
        if (i == 0)
            self->base.request.solver = VERA_SOLVER_EULER;
        else if (i == 1)
            self->base.request.n_steps = 9;
        else
            self->base.request.width = 8;
        other = pipeline_fixture_start(&self->base);
        pipeline_fixture_step_to(&self->base, other, 2);
        save(self, other);
        check_refused(self, pipeline, MARK);
    }
    self->base.request = asked;
    got = pipeline_fixture_finish(&self->base, pipeline);
    pipeline_fixture_check_equal(got, want);
}

/* The saved state with one tensor changed by @damage. */
static void
rewrite_state(Fixture *self, int damage)
{
    g_autoptr(VeraWeights) saved = vera_weights_open(self->state, VERA_WEIGHTS_KIND_PLAIN, NULL);
    g_autoptr(GPtrArray) names = vera_weights_list_names(saved);
    g_autofree VeraNamedTensor *tensors = g_new(VeraNamedTensor, names->len);
    static gint64 steps[2] = {2, 2};
    int n = 0;

    for (guint i = 0; i < names->len; i++) {
        VeraNamedTensor *t = &tensors[n++];
        t->name = names->pdata[i];
        g_assert_true(vera_weights_get(saved, t->name, &t->tensor));
        if (damage == 0 && g_str_equal(t->name, "step"))
            steps[0] = 2, t->tensor.data = steps;
        if (damage == 1 && g_str_equal(t->name, "step"))
            t->tensor = vera_k_tensor(VERA_K_DTYPE_I64, steps, 1, (const int64_t[]){0});
        if (damage == 2 && g_str_equal(t->name, "composite.latents"))
            t->tensor.shape[0]--;
        if (damage == 3 && g_str_equal(t->name, "composite.solver"))
            t->tensor.shape[0] -= 16;
        if (damage == 4 && g_str_equal(t->name, "alpha.latents"))
            n--;
        if (damage == 5 && g_str_equal(t->name, "alpha.solver"))
            t->tensor.dtype = VERA_K_DTYPE_F8_E4M3;
        if (damage == 6 && g_str_equal(t->name, "fingerprint"))
            t->tensor.dtype = VERA_K_DTYPE_F8_E4M3;
        if (damage == 7 && g_str_equal(t->name, "step"))
            steps[0] = -1, t->tensor.data = steps;
    }
    g_assert_true(vera_safetensors_write(self->state, tensors, n, NULL));
}

static void
test_damaged_state(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base), got = NULL;
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
    g_autoptr(VeraPipeline) ahead = pipeline_fixture_start(&self->base);
    g_autofree char *bytes = NULL;
    gsize size;

    pipeline_fixture_step_to(&self->base, pipeline, 1);
    pipeline_fixture_step_to(&self->base, ahead, 3);
    for (int damage = 0; damage < 8; damage++) {
        save(self, ahead);
        rewrite_state(self, damage);
        check_refused(self, pipeline, MARK);
    }
    save(self, ahead);
    g_assert_true(g_file_get_contents(self->state, &bytes, &size, NULL));
    for (gsize length = 0; length < size; length += 1 + length / 8) {
        g_assert_true(g_file_set_contents(self->state, bytes, (gssize)length, NULL));
        check_refused(self, pipeline, MARK);
    }
    got = pipeline_fixture_finish(&self->base, pipeline);
    pipeline_fixture_check_equal(got, want);
}

/* A state that cannot be written is an error, the state before it stays, and the take goes on. */
static void
test_unwritable(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base), got = NULL, same = NULL;
    g_autofree char *nowhere = g_build_filename(self->folder, "none", "take.state", NULL);
    g_autofree char *part = g_strconcat(self->state, ".part", NULL);
    g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
    g_autoptr(GError) error = NULL;

    pipeline_fixture_step_to(&self->base, pipeline, 1);
    g_assert_false(vera_pipeline_save(pipeline, nowhere, MARK, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_clear_error(&error);
    save(self, pipeline);
    pipeline_fixture_step_to(&self->base, pipeline, 2);
    g_assert_cmpint(g_mkdir(part, 0700), ==, 0); /* in the way of the new state */
    g_assert_false(vera_pipeline_save(pipeline, self->state, MARK, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_cmpint(g_rmdir(part), ==, 0);
    got = resume(self, 1);
    pipeline_fixture_check_equal(got, want);
    same = pipeline_fixture_finish(&self->base, pipeline);
    pipeline_fixture_check_equal(same, want);
}

/* The frame that is asked for and what was shown of it. */
typedef struct {
    int index;
    int n_shown;
    float edit[3 * PIPELINE_WIDTH * PIPELINE_HEIGHT];
    float alpha[PIPELINE_WIDTH * PIPELINE_HEIGHT];
} Preview;

static int
want_preview(gpointer user_data)
{
    return ((Preview *)user_data)->index;
}

static void
show_preview(int index, const float *edit, const float *alpha, gpointer user_data)
{
    Preview *self = user_data;

    g_assert_cmpint(index, ==, self->index);
    self->n_shown++;
    memcpy(self->edit, edit, sizeof self->edit);
    memcpy(self->alpha, alpha, sizeof self->alpha);
}

/* A preview changes no byte; that of the last step, where all of the frame's past is decoded, is
 * the frame itself. */
static void
test_preview(Fixture *self, gconstpointer data)
{
    g_autoptr(GBytes) want = pipeline_fixture_run(&self->base);
    const char *frames = g_bytes_get_data(want, NULL);
    Preview preview;

    for (int index = -1; index <= 12; index++) {
        g_autoptr(VeraPipeline) pipeline = pipeline_fixture_start(&self->base);
        g_autoptr(GBytes) got = NULL;
        const char *frame =
            frames + (gsize)MAX(index, 0) * (2 * sizeof preview.edit + sizeof preview.alpha);
        preview.index = index;
        preview.n_shown = 0;
        vera_pipeline_set_preview(pipeline,
                                  &(VeraPipelinePreview){want_preview, show_preview, &preview});
        got = pipeline_fixture_finish(&self->base, pipeline);
        pipeline_fixture_check_equal(got, want);
        g_assert_cmpint(preview.n_shown, ==, index >= 0 && index < 12 ? PIPELINE_N_STEPS : 0);
        if (index < 0 || index > 2)
            continue;
        g_assert_cmpmem(preview.edit, sizeof preview.edit, frame, sizeof preview.edit);
        g_assert_cmpmem(preview.alpha, sizeof preview.alpha, frame + sizeof preview.edit,
                        sizeof preview.alpha);
    }
}

#define ADD(name, run) g_test_add("/pipeline-state/" name, Fixture, NULL, set_up, run, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("resume", test_resume);
    ADD("every-step", test_every_step);
    ADD("cancel-step", test_cancel_step);
    ADD("cancel-coding", test_cancel_coding);
    ADD("cancel-first", test_cancel_first);
    ADD("foreign-state", test_foreign_state);
    ADD("damaged-state", test_damaged_state);
    ADD("unwritable", test_unwritable);
    ADD("preview", test_preview);
    return g_test_run();
}
