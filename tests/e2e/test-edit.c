#include "config.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "engine/media/vera-clip.h"
#include "engine/media/vera-color.h"

/* The program as a person runs it, on a clip made by ffmpeg and with the bundled model: what it writes is read back independently. */

static char *root_dir;

static char *
get_model(void)
{
    return g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "data", "models", "vera-small", NULL);
}

static int
run(char **out, const char *first, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *err = NULL, *text = NULL;
    g_autoptr(GError) error = NULL;
    va_list arguments;
    int status;

    va_start(arguments, first);
    for (const char *a = first; a != NULL; a = va_arg(arguments, const char *))
        g_ptr_array_add(argv, (gpointer)a);
    va_end(arguments);
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &text, &err, &status, &error);
    g_assert_no_error(error);
    if (out != NULL)
        *out = g_strconcat(text, err, NULL);
    else if (status != 0)
        g_test_message("%s", err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define VERA g_getenv("VERA_PROGRAM")

static char *
make_clip(const char *name, const char *format)
{
    char *path = g_build_filename(root_dir, name, NULL);

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_cmpint(run(NULL, "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=90x50:rate=24:duration=0.5", "-pix_fmt", format, "-c:v", "ffv1",
                            path, NULL), ==, 0);
    return path;
}

/* Raw samples of frame @index of a file, as ffmpeg decodes them. */
static GBytes *
decode(const char *path, const char *pixel_format, int index)
{
    g_autofree char *raw = g_build_filename(root_dir, "raw", NULL), *bytes = NULL;
    g_autofree char *select = g_strdup_printf("select=eq(n\\,%d)", index);
    gsize length;

    g_assert_cmpint(run(NULL, "ffmpeg", "-v", "error", "-y", "-i", path, "-vf", select, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", pixel_format, raw, NULL), ==, 0);
    g_assert_true(g_file_get_contents(raw, &bytes, &length, NULL));
    return g_bytes_new(bytes, length);
}

/* An 8-bit RGB clip without an edit comes back with every code at v * 257. */
static void
test_null_edit_png(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *out = g_build_filename(root_dir, "null", NULL);

    g_assert_cmpint(run(NULL, VERA, "export", clip, "--export", "png", "--output", out, NULL), ==, 0);
    for (int i = 0; i < 12; i += 5) {
        g_autofree char *png = g_strdup_printf("%s/comp/rgb.%d.png", out, 1001 + i);
        g_autoptr(GBytes) want = decode(clip, "rgb24", i), got = decode(png, "rgb48le", 0);
        const guint8 *w = g_bytes_get_data(want, NULL);
        const guint16 *g = g_bytes_get_data(got, NULL);
        g_assert_cmpuint(g_bytes_get_size(got), ==, g_bytes_get_size(want) * 2);
        for (gsize k = 0; k < g_bytes_get_size(want); k++)
            g_assert_cmpuint(g[k], ==, w[k] * 257);
    }
    g_autofree char *edit = g_build_filename(out, "edit", NULL);
    g_assert_false(g_file_test(edit, G_FILE_TEST_EXISTS));
}

/* EXR holds linear light within half precision, and the names and numbers are as promised. */
static void
test_null_edit_exr(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *out = g_build_filename(root_dir, "null-exr", NULL), *header = NULL;

    g_assert_cmpint(run(NULL, VERA, "export", clip, "--range", "3-4", "--output", out, NULL), ==, 0);
    g_autofree char *exr = g_strdup_printf("%s/rgb.1003.exr", out);
    g_assert_cmpint(run(&header, "exrheader", exr, NULL), ==, 0);
    g_assert_nonnull(strstr(header, "lin_rec709_scene"));
    g_assert_null(strstr(header, "chromaticities"));
    g_assert_nonnull(strstr(header, "R, 16-bit floating-point"));
    g_autoptr(GBytes) want = decode(clip, "rgb24", 2), got = decode(exr, "gbrapf32le", 0);
    const guint8 *w = g_bytes_get_data(want, NULL);
    const float *planes = g_bytes_get_data(got, NULL);
    const int n = 90 * 50, order[3] = { 2, 0, 1 };
    /* lavfi's RGB carries no transfer tag: the customary one for the format is taken, and info says which. */
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraClip) opened = vera_clip_open(clip, NULL, &error);
    VeraColorTransfer transfer = vera_clip_get_info(opened)->color.transfer;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            float linear = vera_color_to_linear(transfer, (float)w[3 * i + c] / 255.0f);
            g_assert_cmpfloat_with_epsilon(planes[order[c] * n + i], linear, linear * 0.001 + 1e-6);
        }
}

static void
edit(const char *out, const char *clip)
{
    g_autofree char *model = get_model(), *text = NULL;
    int code = run(&text, VERA, "edit", clip, "--instruction", "Add a red fox", "--model", model, "--size", "64x32", "--steps", "3", "--seed", "7", "--range",
                   "1-7", "--export", "png", "--output", out, NULL);

    if (code != 0)
        g_test_message("%s", text);
    g_assert_cmpint(code, ==, 0);
}

static char *
hash_tree(const char *dir)
{
    g_autofree char *command = g_strdup_printf("cd '%s' && cat comp/*.png edit/*.png matte/*.png | sha256sum", dir);
    char *out = NULL;

    g_assert_cmpint(run(&out, "sh", "-c", command, NULL), ==, 0);
    return out;
}

/* Where the written matte is 0 the written composite is the source; somewhere it is not. Twice gives the same bytes. */
static void
test_edit_preserves(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *out = g_build_filename(root_dir, "edit", NULL), *again = g_build_filename(root_dir, "again", NULL);
    gint64 n_touched = 0;

    edit(out, clip);
    edit(again, clip);
    g_autofree char *a = hash_tree(out), *b = hash_tree(again);
    g_assert_cmpstr(a, ==, b);
    for (int i = 0; i < 7; i++) {
        g_autofree char *comp = g_strdup_printf("%s/comp/rgb.%d.png", out, 1001 + i), *matte = g_strdup_printf("%s/matte/rgb.%d.png", out, 1001 + i);
        g_autoptr(GBytes) source = decode(clip, "rgb24", i), c = decode(comp, "rgb48le", 0), m = decode(matte, "gray16le", 0);
        const guint8 *s = g_bytes_get_data(source, NULL);
        const guint16 *cc = g_bytes_get_data(c, NULL), *mm = g_bytes_get_data(m, NULL);
        g_assert_cmpuint(g_bytes_get_size(m), ==, 90 * 50 * 2);
        for (int k = 0; k < 90 * 50; k++)
            for (int ch = 0; ch < 3; ch++) {
                if (mm[k] == 0)
                    g_assert_cmpuint(cc[3 * k + ch], ==, s[3 * k + ch] * 257);
                n_touched += cc[3 * k + ch] != s[3 * k + ch] * 257;
            }
    }
    g_assert_cmpint(n_touched, >, 100);
    g_autofree char *next = g_strdup_printf("%s/comp/rgb.1008.png", out), *take = g_build_filename(out, "take", NULL), *info = NULL;
    g_assert_false(g_file_test(next, G_FILE_TEST_EXISTS));
    g_assert_cmpint(run(&info, VERA, "info", take, NULL), ==, 0);
    g_assert_nonnull(strstr(info, "Add a red fox"));
}

/* verify counts nothing on a sound export, in both presets, and finds one flipped bit with its frame, place and channel. */
static void
test_verify_finds_one_bit(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *out = g_build_filename(root_dir, "verify", NULL), *exr = g_build_filename(root_dir, "verify-exr", NULL);
    g_autofree char *comp = g_build_filename(out, "comp", "rgb.1003.png", NULL), *raw = g_build_filename(root_dir, "flip.raw", NULL);
    g_autofree char *sound = NULL, *found = NULL, *sound_exr = NULL;
    const int x = 61, y = 17;

    g_assert_cmpint(run(NULL, VERA, "export", clip, "--export", "png", "--range", "1-5", "--output", out, NULL), ==, 0);
    g_assert_cmpint(run(&sound, VERA, "verify", out, "--source", clip, NULL), ==, 0);
    g_assert_nonnull(strstr(sound, "0 pixels changed outside the matte in 5 frames"));
    g_assert_cmpint(run(NULL, VERA, "export", clip, "--export", "exr-separate", "--range", "2-4", "--output", exr, NULL), ==, 0);
    g_assert_cmpint(run(&sound_exr, VERA, "verify", exr, "--source", clip, NULL), ==, 0);
    g_assert_nonnull(strstr(sound_exr, "0 pixels changed outside the matte in 3 frames"));

    g_autoptr(GBytes) pixels = decode(comp, "rgb48le", 0);
    g_autofree guint8 *bytes = g_memdup2(g_bytes_get_data(pixels, NULL), g_bytes_get_size(pixels));
    ((guint16 *)bytes)[3 * (y * 90 + x) + 1] ^= 1;
    g_assert_true(g_file_set_contents(raw, (const char *)bytes, (gssize)g_bytes_get_size(pixels), NULL));
    g_assert_cmpint(run(NULL, "ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", "90x50", "-i", raw, "-pix_fmt", "rgb48be", "-update", "1",
                        comp, NULL), ==, 0);
    g_assert_cmpint(run(&found, VERA, "verify", out, "--source", clip, NULL), ==, 1);
    g_assert_nonnull(strstr(found, "frame 1003: 4500 protected, 1 changed"));
    g_assert_nonnull(strstr(found, "first at x 61, y 17, channel G"));
    g_assert_nonnull(strstr(found, "1 pixels changed outside the matte in 5 frames"));
}

/* Where a signal would be taken: how many threads of @pid are not closed to SIGTERM. */
static int
count_open_threads(GPid pid)
{
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
    const char *name;
    int n = 0;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(tasks, name, "status", NULL), *text = NULL;
        const char *blocked = g_file_get_contents(path, &text, NULL, NULL) ? strstr(text, "SigBlk:") : NULL;
        n += blocked != NULL && (g_ascii_strtoull(blocked + strlen("SigBlk:\t"), NULL, 16) & (1ull << (SIGTERM - 1))) == 0;
    }
    return n;
}

/* SIGTERM in the middle: exit 143, nothing that looks finished; the same command with --resume gives the bytes of an unbroken run. */
static void
test_stop_and_resume(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *model = get_model(), *whole = g_build_filename(root_dir, "whole", NULL);
    g_autofree char *broken = g_build_filename(root_dir, "broken", NULL), *take = g_build_filename(broken, "take", NULL), *state = g_build_filename(broken, "take.state", NULL);
    const char *steps = "60";
    const char *argv[] = { VERA, "edit", clip, "--instruction", "Add a red fox", "--model", model, "--size", "64x32", "--steps", steps, "--export", "png",
                           "--range", "1-5", "--output", broken, NULL };
    GPid pid;
    int status;

    g_assert_true(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, &pid, NULL));
    for (int i = 0; i < 6000 && !g_file_test(state, G_FILE_TEST_EXISTS); i++)
        g_usleep(5000);
    /* One waits for it; products of a thread that takes a signal were seen to damage memory. */
    g_assert_cmpint(count_open_threads(pid), ==, 1);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 143);
    g_assert_true(g_file_test(state, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(take, G_FILE_TEST_EXISTS));
    g_assert_cmpint(run(NULL, VERA, "edit", clip, "--instruction", "Add a red fox", "--model", model, "--size", "64x32", "--steps", steps, "--export", "png", "--range",
                        "1-5", "--output", broken, "--resume", NULL), ==, 0);
    g_assert_cmpint(run(NULL, VERA, "edit", clip, "--instruction", "Add a red fox", "--model", model, "--size", "64x32", "--steps", steps, "--export", "png", "--range",
                        "1-5", "--output", whole, NULL), ==, 0);
    g_autofree char *a = hash_tree(broken), *b = hash_tree(whole);
    g_assert_cmpstr(a, ==, b);
}

/* A finished take is taken over by the same command alone: not with other words, not for another clip of the same size. */
static void
test_resume_of_another_request(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *model = get_model(), *out = g_build_filename(root_dir, "another", NULL);
    g_autofree char *other = g_build_filename(root_dir, "another.mkv", NULL), *take = g_build_filename(out, "take", NULL), *before = NULL;
    const struct {
        const char *clip, *instruction, *steps;
        int code;
    } cases[] = { { clip, "Add a red fox", "1", 0 }, { clip, "Add a blue fox", "1", 1 }, { clip, "Add a red fox", "2", 1 }, { other, "Add a red fox", "1", 1 } };

    g_assert_cmpint(run(NULL, "ffmpeg", "-v", "error", "-y", "-i", clip, "-vf", "negate", "-c:v", "ffv1", "-pix_fmt", "gbrp", other, NULL), ==, 0);
    g_assert_cmpint(run(NULL, VERA, "edit", clip, "--instruction", "Add a red fox", "--model", model, "--size", "64x32", "--steps", "1", "--export", "png",
                        "--range", "1-5", "--output", out, NULL), ==, 0);
    before = hash_tree(take);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *after = NULL, *comp = g_build_filename(out, "comp", NULL), *manifest = g_build_filename(out, "manifest.json", NULL);
        if (i > 0) /* the take alone is left, so that nothing else can refuse */
            g_assert_cmpint(run(NULL, "rm", "-rf", comp, manifest, NULL), ==, 0);
        g_assert_cmpint(run(NULL, VERA, "edit", cases[i].clip, "--instruction", cases[i].instruction, "--model", model, "--size", "64x32", "--steps",
                            cases[i].steps, "--export", "png", "--range", "1-5", "--output", out, "--resume", NULL), ==, cases[i].code);
        after = hash_tree(take);
        g_assert_cmpstr(after, ==, before);
    }
}

/* A changed background has two mattes; either is delivered, from one take. */
static void
test_snapped(void)
{
    const char *source = g_getenv("VERA_SOURCE_ROOT");
    g_autofree char *clip = g_build_filename(source, "data", "sample", "sample.mp4", NULL);
    g_autofree char *region = g_build_filename(source, "data", "sample", "region.png", NULL);
    g_autofree char *out = g_build_filename(root_dir, "snap", NULL), *take = g_build_filename(out, "take", NULL);
    g_autofree char *drawn = g_build_filename(root_dir, "drawn", NULL), *said = NULL, *model = get_model();
    g_autofree char *of_edit = g_build_filename(out, "matte", "sample.1003.png", NULL);
    g_autofree char *of_drawn = g_build_filename(drawn, "matte", "sample.1003.png", NULL);
    g_autofree char *raw = g_build_filename(root_dir, "raw-edges", NULL);
    g_autofree char *of_raw = g_build_filename(raw, "matte", "sample.1003.png", NULL);
    g_autoptr(GBytes) a = NULL, b = NULL, c = NULL;

    g_assert_cmpint(run(NULL, VERA, "edit", clip, "--instruction", "Change the background to a starry night over mountains. Keep the walker intact.",
                        "--region", region, "--range", "1-5", "--model", model, "--export", "png", "--output", out, NULL),
                    ==, 0);
    g_assert_cmpint(run(&said, VERA, "info", take, NULL), ==, 0);
    g_assert_nonnull(strstr(said, "as drawn, and snapped to the picture"));
    g_assert_cmpint(run(NULL, VERA, "export", take, "--no-snap", "--export", "png", "--output", drawn, NULL), ==, 0);
    g_assert_cmpint(run(NULL, VERA, "export", take, "--no-clean-edges", "--export", "png", "--output", raw, NULL), ==, 0);
    a = decode(of_edit, "gray16le", 0);
    b = decode(of_drawn, "gray16le", 0);
    c = decode(of_raw, "gray16le", 0);
    g_assert_cmpuint(g_bytes_get_size(a), ==, g_bytes_get_size(b));
    g_assert_false(g_bytes_equal(a, b));
    g_assert_cmpuint(g_bytes_get_size(a), ==, g_bytes_get_size(c));
    g_assert_false(g_bytes_equal(a, c));
}

/* Each bad input ends with its code and one sentence that names the thing. */
static void
test_bad_input(void)
{
    g_autofree char *clip = make_clip("rgb.mkv", "gbrp"), *model = get_model(), *out = g_build_filename(root_dir, "bad", NULL);
    g_autofree char *text_file = g_build_filename(root_dir, "not-media.mp4", NULL), *long_text = g_strnfill(100000, 'a');
    g_autofree char *file_dir = g_build_filename(text_file, "below", NULL);
    const struct {
        int code;
        const char *names;
        const char *argv[12];
    } cases[] = {
        { 2, "empty", { "edit", clip, "--instruction", "  ", "--model", model } },
        { 2, "UTF-8", { "edit", clip, "--instruction", "\xff\xfe fox", "--model", model } },
        { 2, "16384", { "edit", clip, "--instruction", "x", "--model", model, "--size", "32000x32000" } },
        { 2, "tpu", { "edit", clip, "--instruction", "x", "--model", model, "--device", "tpu", "--size", "64x32", "--dry-run" } },
        { 5, "GPU", { "edit", clip, "--instruction", "x", "--model", model, "--device", "cuda", "--size", "64x32", "--dry-run" } },
        { 2, "vae-encode", { "eval", "nonsense", "--model", model, "--in", text_file, "--out", "none" } },
        { 3, "no folder", { "verify", "nothing", "--source", clip } },
        { 2, "longer", { "edit", clip, "--instruction", long_text, "--model", model } },
        { 2, "--instruction", { "edit", clip, "--model", model } },
        { 2, "range", { "edit", clip, "--instruction", "x", "--model", model, "--range", "5-2" } },
        { 2, "range", { "edit", clip, "--instruction", "x", "--model", model, "--range", "1-500" } },
        { 2, "--guidance", { "edit", clip, "--instruction", "x", "--model", model, "--guidance=-5" } },
        { 2, "--guidance", { "edit", clip, "--instruction", "x", "--model", model, "--guidance=nan" } },
        { 2, "--steps", { "edit", clip, "--instruction", "x", "--model", model, "--steps=-1" } },
        { 2, "multiples", { "edit", clip, "--instruction", "x", "--model", model, "--size", "47x32" } },
        { 3, "missing.mp4", { "edit", "missing.mp4", "--instruction", "x", "--model", model } },
        { 3, "not-media.mp4", { "edit", text_file, "--instruction", "x", "--model", model } },
        { 4, "no-model", { "edit", clip, "--instruction", "x", "--model", "no-model" } },
        { 5, "GPU", { "edit", clip, "--instruction", "x", "--model", model, "--device", "cuda", "--size", "64x32" } },
        { 1, "not-media.mp4", { "export", clip, "--output", file_dir } },
        { 2, "nonsense", { "nonsense" } },
    };

    g_assert_true(g_file_set_contents(text_file, "this is no movie", -1, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) argv = g_ptr_array_new();
        g_autofree char *err = NULL;
        int status;
        g_ptr_array_add(argv, (gpointer)VERA);
        for (int k = 0; cases[i].argv[k] != NULL; k++)
            g_ptr_array_add(argv, (gpointer)cases[i].argv[k]);
        if (cases[i].code == 5) {
            g_ptr_array_add(argv, (gpointer) "--output");
            g_ptr_array_add(argv, out);
        }
        g_ptr_array_add(argv, NULL);
        g_assert_true(g_spawn_sync(root_dir, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &err, &status, NULL));
        g_test_message("%s", err);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, cases[i].code);
        g_assert_nonnull(strstr(err, cases[i].names));
    }
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    root_dir = g_dir_make_tmp("vera-e2e-XXXXXX", NULL);
    g_test_add_func("/e2e/null-edit-png", test_null_edit_png);
    g_test_add_func("/e2e/null-edit-exr", test_null_edit_exr);
    g_test_add_func("/e2e/edit-preserves", test_edit_preserves);
    g_test_add_func("/e2e/verify-finds-one-bit", test_verify_finds_one_bit);
    g_test_add_func("/e2e/stop-and-resume", test_stop_and_resume);
    g_test_add_func("/e2e/resume-of-another-request", test_resume_of_another_request);
    g_test_add_func("/e2e/snapped", test_snapped);
    g_test_add_func("/e2e/bad-input", test_bad_input);
    code = g_test_run();
    run(NULL, "rm", "-rf", root_dir, NULL);
    return code;
}
