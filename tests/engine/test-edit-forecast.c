#include "config.h"

#include "engine/queue/vera-edit-forecast.h"

#include "engine/vera-disk.h"
#include "engine/vera-engine-error.h"
#include "tests/engine/queue-fixture.h"

static void
test_needs(void)
{
    g_autofree char *to_be = g_build_filename(fixture_get_folder(), "not", "yet", "there", NULL);
    g_autoptr(VeraEditForecast) forecast = NULL, twice = NULL;
    g_autoptr(GError) error = NULL;
    VeraEditRequest request;

    queue_make_request(&request, fixture_get_folder());
    forecast = vera_edit_forecast_new(&request, to_be, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(forecast->n_frames, ==, QUEUE_N_FRAMES);
    g_assert_cmpint(forecast->n_steps, ==, QUEUE_N_STEPS);
    g_assert_cmpint(forecast->n_windows, ==, 1);
    g_assert_cmpint(forecast->width, ==, request.width);
    g_assert_cmpint(forecast->height, ==, request.height);
    g_assert_cmpuint(forecast->disk_bytes, ==, (guint64)QUEUE_N_FRAMES * (guint64)request.width * (guint64)request.height * 28);
    /* The disk of a folder that is not there yet is the one that it will be on. */
    g_assert_cmpuint(forecast->free_disk_bytes, >, 0);
    g_assert_cmpuint(forecast->free_disk_bytes, <, G_MAXUINT64);
    g_assert_cmpuint(forecast->free_bytes, >, 0);
    g_assert_cmpuint(forecast->memory_bytes, >, 0);
    g_assert_true(forecast->fits && !forecast->has_plan);
    request.width *= 2;
    request.height *= 2;
    twice = vera_edit_forecast_new(&request, to_be, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(twice->memory_bytes, >, forecast->memory_bytes);
    g_assert_cmpfloat(twice->work.step, >, forecast->work.step);
    g_assert_cmpstr(twice->rate_key, ==, forecast->rate_key);
}

static VeraEditForecast *
ask_card(guint64 free_bytes, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, free_bytes);
    VeraEditForecast *forecast;
    VeraEditRequest request;

    queue_make_request(&request, fixture_get_folder());
    request.device = "cuda";
    g_setenv("VERA_GUARD_FREE_BYTES", text, TRUE);
    forecast = vera_edit_forecast_new(&request, fixture_get_folder(), NULL, error);
    g_unsetenv("VERA_GUARD_FREE_BYTES");
    return forecast;
}

/* A card has a plan: weights that stay on a large one; on a small one an answer too, and no failure. */
static void
test_card(void)
{
    g_autoptr(VeraEditForecast) large = NULL, tight = NULL, small = NULL;
    g_autoptr(GError) error = NULL;

    if (g_getenv("VERA_TEST_DEVICE") == NULL) {
        g_test_skip("no device but the CPU");
        return;
    }
    large = ask_card((guint64)1 << 32, &error);
    g_assert_no_error(error);
    g_assert_true(large->has_plan && large->fits);
    g_assert_cmpint(large->plan.memory, ==, VERA_TRANSFORMER_RESIDENT);
    g_assert_cmpuint(large->memory_bytes, ==, large->plan.peak_bytes);
    g_assert_cmpuint(large->free_bytes, ==, (guint64)1 << 32);
    g_assert_nonnull(strstr(large->device_name, "Guarded"));
    tight = ask_card(large->memory_bytes, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(tight->memory_bytes, <, large->memory_bytes);
    small = ask_card(1 << 16, &error);
    g_assert_no_error(error);
    g_assert_true(small->has_plan && !small->fits);
    g_assert_cmpuint(small->memory_bytes, >, small->free_bytes);
}

/* Without a GPU a forecast for one says so. */
static void
test_no_card(void)
{
    g_autoptr(GError) error = NULL;
    VeraEditRequest request;

    queue_make_request(&request, fixture_get_folder());
    request.device = "cuda:999";
    g_assert_null(vera_edit_forecast_new(&request, fixture_get_folder(), NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE);
}

static void
test_refused(void)
{
    g_autofree char *lost = g_build_filename(fixture_get_folder(), "lost.mkv", NULL);
    g_autoptr(GError) error = NULL;
    VeraEditRequest request;

    queue_make_request(&request, fixture_get_folder());
    request.device = "abacus";
    g_assert_null(vera_edit_forecast_new(&request, "/", NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE);
    g_assert_nonnull(strstr(error->message, "abacus"));
    g_clear_error(&error);
    request.device = "cpu";
    request.clip_path = lost;
    g_assert_null(vera_edit_forecast_new(&request, "/", NULL, &error));
    g_assert_nonnull(strstr(error->message, "lost.mkv"));
}

/* The first take is not foretold; the queue measures it, and keeps that for the next program. */
static void
test_time(void)
{
    g_autofree char *state = fixture_get_path("queue");
    g_autoptr(VeraQueue) queue = vera_queue_new(state);
    g_autoptr(VeraEditForecast) forecast = NULL;
    g_autoptr(GError) error = NULL;
    VeraEditRequest request;
    double seconds, again = -1;

    queue_make_request(&request, fixture_get_folder());
    forecast = vera_edit_forecast_new(&request, fixture_get_folder(), NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(vera_job_rates_foresee(vera_queue_get_rates(queue), forecast->rate_key, &forecast->work, QUEUE_N_STEPS), ==, -1);
    gate_set(NULL, 0);
    queue_wait(queue_add(queue, fixture_get_folder(), "timed"), VERA_JOB_STATE_DONE);
    seconds = vera_job_rates_foresee(vera_queue_get_rates(queue), forecast->rate_key, &forecast->work, QUEUE_N_STEPS);
    g_assert_cmpfloat(seconds, >, 0);
    g_assert_cmpfloat(seconds, <, 120);
    vera_queue_shutdown(queue);
    g_clear_object(&queue);
    while (again < 0) {
        g_autoptr(VeraQueue) next = vera_queue_new(state);
        again = vera_job_rates_foresee(vera_queue_get_rates(next), forecast->rate_key, &forecast->work, QUEUE_N_STEPS);
    }
    g_assert_cmpfloat_with_epsilon(again, seconds, seconds * 1e-9);
}

int
main(int argc, char **argv)
{
    int result;

    g_test_init(&argc, &argv, NULL);
    if (!fixture_run("ffmpeg -v error -y -f lavfi -i testsrc2=size=96x64:rate=24:duration=0.5 "
                     "-pix_fmt yuv420p -c:v ffv1 clip.mkv"))
        return 77;
    g_test_add_func("/engine/edit-forecast/needs", test_needs);
    g_test_add_func("/engine/edit-forecast/refused", test_refused);
    g_test_add_func("/engine/edit-forecast/card", test_card);
    g_test_add_func("/engine/edit-forecast/no-card", test_no_card);
    g_test_add_func("/engine/edit-forecast/time", test_time);
    result = g_test_run();
    fixture_remove_folder();
    return result;
}
