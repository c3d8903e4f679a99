#include "config.h"

#include "engine/project/vera-take-summary.h"

#include <string.h>

#include "engine/vera-engine-error.h"
#include "tests/engine/media-fixture.h"

enum { W = 8, H = 4, N = W * H, N_FRAMES = 3 };

/* Frame i has i + 1 rows of matte above the floor, one just below it, and a composite of a colour of its own. */
static void
write_take(const char *dir)
{
    g_autoptr(VeraTakeRecord) record = vera_take_record_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTakeWriter) writer = NULL;
    float edit[3 * N] = { 0 };

    record->instruction = g_strdup("Add a lamp");
    record->width = W;
    record->height = H;
    record->seed = 77;
    for (gint64 i = 0; i < N_FRAMES; i++)
        g_array_append_val(record->frames, i);
    writer = vera_take_writer_new(dir, record, &error);
    g_assert_no_error(error);
    for (int i = 0; i < N_FRAMES; i++) {
        float matte[N], composite[3 * N];
        for (int p = 0; p < N; p++) {
            matte[p] = p < (i + 1) * W ? 0.02f : 0.0199f;
            for (int c = 0; c < 3; c++)
                composite[c * N + p] = i == 1 ? (float[]){ 1.0f, 0.5f, -0.1f }[c] : 0.0f;
        }
        g_assert_true(vera_take_writer_add_frame(writer, edit, matte, NULL, composite, &error));
    }
    g_assert_true(vera_take_writer_finish(writer, &error));
    g_assert_no_error(error);
}

static void
test_summary(void)
{
    g_autofree char *dir = fixture_get_path("take");
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTakeSummary) summary = NULL;
    const guint8 *pixels;
    gsize size;

    write_take(dir);
    summary = vera_take_summary_load(dir, 4, 100, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(summary->width, ==, 4);
    g_assert_cmpint(summary->height, ==, 2);
    g_assert_cmpuint(summary->record->seed, ==, 77);
    g_assert_cmpuint(summary->record->coverage->len, ==, N_FRAMES);
    for (guint i = 0; i < N_FRAMES; i++)
        g_assert_cmpfloat(g_array_index(summary->record->coverage, double, i), ==, (i + 1) * 0.25);
    g_assert_cmpfloat(summary->coverage, ==, 0.5);
    /* The middle frame, held to what a screen can show. */
    pixels = g_bytes_get_data(summary->pixels, &size);
    g_assert_cmpuint(size, ==, 4 * 2 * 4);
    for (gsize i = 0; i < size; i += 4)
        g_assert_cmpmem(pixels + i, 4, ((guint8[]){ 255, 128, 0, 255 }), 4);
}

/* Both mattes come back, each when it is asked for; a take without the snapped one gives what there is. Coverage is that of the
 * snapped one. */
static void
test_snapped(void)
{
    g_autofree char *dir = fixture_get_path("snapped"), *plain_dir = fixture_get_path("plain");
    g_autoptr(VeraTakeRecord) record = vera_take_record_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTakeWriter) writer = NULL;
    g_autoptr(VeraTake) take = NULL, plain = NULL;
    float edit[3 * N] = { 0 }, matte[N], snapped[N] = { 0 }, got[N];
    VeraMatteRefinement wanted = VERA_MATTE_REFINEMENT_INIT, fitting;
    gint64 first = 0;

    for (int p = 0; p < N; p++)
        matte[p] = 0.75f;
    snapped[3] = 1;
    record->instruction = g_strdup("Change the background");
    record->width = W;
    record->height = H;
    g_array_append_val(record->frames, first);
    writer = vera_take_writer_new(dir, record, &error);
    g_assert_true(vera_take_writer_add_frame(writer, edit, matte, snapped, edit, &error));
    g_assert_true(vera_take_writer_finish(writer, &error));
    take = vera_take_open(dir, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(vera_take_get_record(take)->has_snapped);
    g_assert_cmpfloat(g_array_index(vera_take_get_record(take)->coverage, double, 0), ==, 1.0 / N);
    g_assert_true(vera_take_read_frame(take, 0, TRUE, NULL, got, NULL, NULL, &error));
    g_assert_cmpmem(got, sizeof got, snapped, sizeof snapped);
    g_assert_true(vera_take_read_frame(take, 0, FALSE, NULL, got, NULL, NULL, &error));
    g_assert_cmpmem(got, sizeof got, matte, sizeof matte);
    write_take(plain_dir);
    plain = vera_take_open(plain_dir, NULL, &error);
    g_assert_false(vera_take_get_record(plain)->has_snapped);
    fitting = vera_take_fit_refinement(take, &wanted);
    g_assert_true(fitting.is_snapped && fitting.is_edge_clean);
    fitting = vera_take_fit_refinement(plain, &wanted);
    g_assert_false(fitting.is_snapped || fitting.is_edge_clean);
    g_assert_cmpfloat(fitting.floor, ==, wanted.floor);
    g_assert_true(vera_take_read_frame(plain, 0, TRUE, NULL, got, NULL, NULL, &error));
    g_assert_cmpfloat(got[0], ==, 0.02f);
}

/* A picture is never enlarged, nor less than a pixel. */
static void
test_size(void)
{
    g_autofree char *dir = fixture_get_path("sized");
    g_autoptr(VeraTakeSummary) large = NULL, tiny = NULL;

    write_take(dir);
    large = vera_take_summary_load(dir, 1000, 1000, NULL, NULL);
    g_assert_cmpint(large->width, ==, W);
    g_assert_cmpint(large->height, ==, H);
    tiny = vera_take_summary_load(dir, 1, 1, NULL, NULL);
    g_assert_cmpint(tiny->width, ==, 1);
    g_assert_cmpint(tiny->height, ==, 1);
}

/* Takes of early versions do not say what they cover, and a list that does not fit the frames says nothing. */
static void
test_without_coverage(void)
{
    static const char *const lists[] = { NULL, "[0.5]", "[0.1, 0.2, 7]", "[1, \"x\", 0]", "3" };

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *name = g_strdup_printf("early-%" G_GSIZE_FORMAT, i), *dir = fixture_get_path(name);
        g_autofree char *path = g_build_filename(dir, "take.json", NULL), *text = NULL, *changed = NULL;
        g_autoptr(VeraTakeSummary) summary = NULL;
        g_autoptr(GError) error = NULL;
        char *member, *end;

        write_take(dir);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        member = strstr(text, "\"coverage\"");
        end = strchr(member, ']');
        *member = '\0';
        changed = g_strdup_printf("%s\"%s\" : %s%s", text, lists[i] ? "coverage" : "another", lists[i] ? lists[i] : "0", end + 1);
        g_assert_true(g_file_set_contents(path, changed, -1, NULL));
        summary = vera_take_summary_load(dir, 8, 8, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpfloat(summary->coverage, ==, -1);
        g_assert_cmpuint(summary->record->coverage->len, ==, 0);
    }
}

static void
test_missing(void)
{
    g_autofree char *none = fixture_get_path("none"), *dir = fixture_get_path("torn"), *frame = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_null(vera_take_summary_load(none, 8, 8, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_assert_nonnull(strstr(error->message, none));
    g_clear_error(&error);
    write_take(dir);
    frame = g_build_filename(dir, "frames", "000002.safetensors", NULL);
    g_assert_true(g_file_set_contents(frame, "torn", -1, NULL));
    g_assert_null(vera_take_summary_load(dir, 8, 8, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_assert_nonnull(strstr(error->message, "000002"));
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/take/summary", test_summary);
    g_test_add_func("/engine/take/snapped", test_snapped);
    g_test_add_func("/engine/take/size", test_size);
    g_test_add_func("/engine/take/without-coverage", test_without_coverage);
    g_test_add_func("/engine/take/missing", test_missing);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
