#include "config.h"

#include <math.h>

#include <string.h>

#include <gio/gio.h>

#include "tests/e2e/shell-fixture.h"

/* The options of delivery as a person uses them: the program writes, ffmpeg and exrheader read. */

static char *root_dir;

/** Runs a command line in the test's folder; “vera” is the built program. Returns: the exit code */
static int run(char **out, const char *format, ...) G_GNUC_PRINTF(2, 3);
static int
run(char **out, const char *format, ...)
{
    g_autofree char *command = NULL;
    va_list arguments;

    va_start(arguments, format);
    command = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return shell_fixture_run(root_dir, "", command, out);
}

static void
make_clip(void)
{
    if (run(NULL, "test -e clip.mkv") != 0)
        g_assert_cmpint(
            run(NULL, "ffmpeg -v error -f lavfi -i testsrc2=size=90x50:rate=24000/1001 -frames:v 6 "
                      "-timecode 01:00:00:22 -pix_fmt gbrp -c:v ffv1 clip.mkv"),
            ==, 0);
}

static void
test_exr_options(void)
{
    g_autofree char *header = NULL;
    const char *const lines[] = {"compression (type compression): zip, individual scanlines",
                                 "R, 32-bit", "red   (0.64 0.33)", "time 01:00:01:01"};

    make_clip();
    g_assert_cmpint(
        run(NULL, "vera export clip.mkv --output exr --compression zips --float32 --chromaticities "
                  "--start-number 5 --padding 6 --name shot --range 2-4"),
        ==, 0);
    g_assert_cmpint(run(&header, "ls exr; exrheader exr/shot.000007.exr"), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        if (strstr(header, lines[i]) == NULL)
            g_error("“%s” is not in %s", lines[i], header);
    g_assert_cmpint(run(NULL, "test -e exr/shot.000005.exr -a ! -e exr/shot.000008.exr"), ==, 0);
    g_assert_cmpint(run(NULL, "vera verify exr --source clip.mkv"), ==, 0);
}

static void
test_overwrite_and_resume(void)
{
    g_autofree char *refused = NULL, *other = NULL;

    make_clip();
    g_assert_cmpint(run(NULL, "vera export clip.mkv --output again --export png"), ==, 0);
    g_assert_cmpint(run(NULL, "ls -i again/comp > before"), ==, 0);
    g_assert_cmpint(run(&refused, "vera export clip.mkv --output again --export png"), ==, 1);
    g_assert_nonnull(strstr(refused, "again"));
    g_assert_nonnull(strstr(refused, "--overwrite"));
    g_assert_cmpint(run(NULL, "vera export clip.mkv --output again --export png --resume"), ==, 0);
    g_assert_cmpint(run(NULL, "ls -i again/comp | cmp - before"), ==, 0);
    g_assert_cmpint(run(&other, "vera export clip.mkv --output again --export exr --resume"), ==,
                    1);
    g_assert_nonnull(strstr(other, "other settings"));
    g_assert_cmpint(run(NULL, "vera export clip.mkv --output again --export png --overwrite"), ==,
                    0);
    g_assert_cmpint(run(NULL, "ls -i again/comp | cmp -s - before"), ==, 1);
}

static void
test_wrong_options(void)
{
    static const char *const wrong[] = {"--compression dwaa",
                                        "--export png --float32",
                                        "--export ffv1 --straight",
                                        "--black 0.9 --white 0.1",
                                        "--export png --matte-layer",
                                        "--padding 0",
                                        "--start-number -5",
                                        "--name a/b",
                                        "--floor 3",
                                        "--export gif"};

    make_clip();
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *text = NULL;
        g_assert_cmpint(run(&text, "vera export clip.mkv --output wrong %s", wrong[i]), ==, 2);
        g_assert_true(g_str_has_prefix(text, "vera: "));
    }
    g_assert_cmpint(run(NULL, "test -e wrong"), !=, 0);
}

/** Alpha of the first frame of an edit layer. */
static guint16 *
read_matte(const char *dir)
{
    g_autofree char *path = g_build_filename(root_dir, "alpha.raw", NULL);
    char *bytes = NULL;
    gsize length;

    g_assert_cmpint(
        run(NULL,
            "ffmpeg -v error -y -i %s/edit.mkv -frames:v 1 -vf alphaextract -f rawvideo -pix_fmt "
            "gray16le alpha.raw",
            dir),
        ==, 0);
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    g_assert_cmpuint(length, ==, 90 * 50 * 2);
    return (guint16 *)(gpointer)bytes;
}

/** Planes G, B, R and A of an OpenEXR file as ffmpeg reads them. */
static float *
read_exr(const char *file, const char *options)
{
    g_autofree char *path = g_build_filename(root_dir, "planes.raw", NULL);
    char *bytes = NULL;
    gsize length;

    g_assert_cmpint(run(NULL,
                        "ffmpeg -v error -y %s -i %s -pix_fmt gbrapf32le -f rawvideo planes.raw",
                        options, file),
                    ==, 0);
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    g_assert_cmpuint(length, ==, 90 * 50 * 4 * 4);
    return (float *)(gpointer)bytes;
}

/** ffmpeg sees the clip's picture in the layered file of the take of @instruction: where the matte
 * is 0 it has the bits of the clip's own export. */
static void
assert_layered_is_seen(const char *instruction, const float *plate)
{
    int n_source = 0;

    g_assert_cmpint(
        run(NULL,
            "rm -rf seen seen-exr && vera edit clip.mkv --instruction '%s' --size 64x32 --steps 1 "
            "--range 1-1 --export png --output seen && vera export seen/take --export exr --output "
            "seen-exr --floor 0.5",
            instruction),
        ==, 0);
    g_autofree float *layer = read_exr("seen-exr/clip.1001.exr", "-layer edit");
    g_autofree float *composite = read_exr("seen-exr/clip.1001.exr", "");
    for (int i = 0; i < 90 * 50; i++) {
        if (layer[3 * 90 * 50 + i] != 0)
            continue;
        n_source++;
        for (int c = 0; c < 3; c++)
            g_assert_cmpfloat(composite[c * 90 * 50 + i], ==, plate[c * 90 * 50 + i]);
    }
    g_assert_cmpint(n_source, >, 500);
}

/** What is written about a take is as long as its instruction; no length of it hides the picture
 * from a reader. */
static void
test_layered_is_seen(void)
{
    make_clip();
    g_assert_cmpint(
        run(NULL, "vera export clip.mkv --export exr --output seen-clip --range 1-1"), ==, 0);
    g_autofree float *plate = read_exr("seen-clip/clip.1001.exr", "");
    for (int length = 20; length < 800; length += 250) {
        g_autofree char *instruction = g_strnfill((gsize)length, 'a');
        assert_layered_is_seen(instruction, plate);
    }
}

/** A clip and its own export in linear light are one plate: a take of either shows the same. */
static void
test_linear_plate(void)
{
    static const char *const plates[] = {"clip.mkv", "light/clip.1001.exr"};
    float *composites[2], *layers[2];
    double composite = 0, layer = 0;

    make_clip();
    g_assert_cmpint(run(NULL, "vera export clip.mkv --export exr --output light"), ==, 0);
    for (int i = 0; i < 2; i++) {
        g_autofree char *file = g_strdup_printf("lit-%d/clip.1001.exr", i);
        g_assert_cmpint(run(NULL,
                            "vera edit %s --instruction 'Add a red fox' --size 64x32 --steps 2 "
                            "--range 1-1 --export exr --straight --output lit-%d",
                            plates[i], i),
                        ==, 0);
        composites[i] = read_exr(file, "");
        layers[i] = read_exr(file, "-layer edit");
    }
    for (int i = 0; i < 90 * 50 * 3; i++) {
        composite += fabs((double)(composites[0][i] - composites[1][i]));
        layer += fabs((double)(layers[0][i] - layers[1][i]));
    }
    g_test_message("composites differ by %g, layers by %g", composite / (90 * 50 * 3), layer / (90 * 50 * 3));
    g_assert_cmpfloat(composite / (90 * 50 * 3), <, 0.005);
    g_assert_cmpfloat(layer / (90 * 50 * 3), <, 0.005);
    for (int i = 0; i < 2; i++) {
        g_free(composites[i]);
        g_free(layers[i]);
    }
}

/** A take goes out as movies that verify, and the options of the matte reach it. */
static void
test_take(void)
{
    make_clip();
    g_assert_cmpint(
        run(NULL,
            "vera edit clip.mkv --instruction 'Add a red fox' --size 64x32 --steps 1 --range 1-1 "
            "--export ffv1 --output edit"),
        ==, 0);
    g_assert_cmpint(run(NULL, "vera verify edit --source clip.mkv"), ==, 0);
    g_assert_cmpint(run(NULL, "vera export edit/take --export ffv1 --output inverted --invert"), ==,
                    0);
    g_assert_cmpint(run(NULL, "vera export edit/take --export ffv1 --output floor --floor 0.5"), ==,
                    0);
    g_assert_cmpint(
        run(NULL, "vera export edit/take --export exr --output layered --matte-layer --linear"), ==,
        0);
    g_assert_cmpint(
        run(NULL,
            "vera verify layered --source clip.mkv && exrheader layered/clip.1001.exr | grep -q "
            "'vera/over (type string): \"linear\"' && exrheader layered/clip.1001.exr | grep -q "
            "'matte.A, 16-bit'"),
        ==, 0);
    g_autofree guint16 *plain = read_matte("edit"), *inverted = read_matte("inverted"),
                       *hard = read_matte("floor");
    int n_soft = 0;
    for (int i = 0; i < 90 * 50; i++) {
        g_assert_cmpint(ABS(plain[i] + inverted[i] - 65535), <=, 1);
        g_assert_true(hard[i] == 0 || hard[i] == 65535);
        n_soft += plain[i] > 0 && plain[i] < 65535;
    }
    g_assert_cmpint(n_soft, >, 0);
    /* An export that would be refused is refused before the model runs. */
    g_autofree char *refused = NULL;
    g_assert_cmpint(
        run(&refused,
            "vera edit clip.mkv --instruction 'Add a red fox' --size 64x32 --steps 1 --range 1-1 "
            "--export ffv1 --output inverted"),
        ==, 1);
    g_assert_nonnull(strstr(refused, "--overwrite"));
    g_assert_cmpint(run(NULL, "test -e inverted/take"), !=, 0);
}

/** The mean alpha of the second frame of a layer's movie, 0 .. 65535. */
static double
read_mean_alpha(const char *movie)
{
    g_autofree char *path = g_build_filename(root_dir, "alpha.raw", NULL), *bytes = NULL;
    double sum = 0;
    gsize length;

    g_assert_cmpint(run(NULL,
                        "ffmpeg -v error -y -i %s -vf trim=start_frame=1:end_frame=2,alphaextract "
                        "-f rawvideo -pix_fmt gray16le alpha.raw",
                        movie),
                    ==, 0);
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    g_assert_cmpuint(length, ==, 90 * 50 * 2);
    for (gsize i = 0; i < length / 2; i++)
        sum += ((const guint16 *)(gconstpointer)bytes)[i];
    return sum / (double)(length / 2);
}

static void
make_takes(void)
{
    make_clip();
    for (int i = 1; i <= 2 && run(NULL, "test -e low%d", i) != 0; i++)
        g_assert_cmpint(run(NULL,
                            "vera edit clip.mkv --instruction 'Add a red fox' --size 64x32 --steps "
                            "1 --range %d-%d "
                            "--seed %d --export ffv1 --output low%d",
                            i, i + 1, i, i),
                        ==, 0);
}

/** Takes stacked from the command line: the frames of both, a folder each, opacity in the matte. */
static void
test_stack(void)
{
    g_autofree char *listing = NULL, *frames = NULL, *wrong = NULL, *other = NULL;

    make_takes();
    g_assert_cmpint(
        run(NULL, "vera export low1/take low2/take --invert --export ffv1 --output stack"), ==, 0);
    g_assert_cmpint(run(NULL, "vera export low1/take low2/take --invert --opacity 1,0.25 --export "
                              "ffv1 --output faint"),
                    ==, 0);
    g_assert_cmpint(run(&listing, "cd stack && echo *"), ==, 0);
    g_assert_cmpstr(listing, ==, "comp.mkv edit01.mkv edit02.mkv manifest.json\n");
    g_assert_cmpint(run(&frames, "ffprobe -v error -count_frames -show_entries "
                                 "stream=nb_read_frames -of csv=p=0 stack/comp.mkv"),
                    ==, 0);
    g_assert_cmpstr(frames, ==, "3\n");
    g_assert_cmpint(
        run(NULL, "vera verify stack --source clip.mkv && vera verify faint --source clip.mkv"), ==,
        0);
    g_assert_cmpfloat(read_mean_alpha("faint/edit01.mkv"), ==, read_mean_alpha("stack/edit01.mkv"));
    g_assert_cmpfloat(read_mean_alpha("stack/edit02.mkv"), >, 1000);
    g_assert_cmpfloat_with_epsilon(read_mean_alpha("faint/edit02.mkv"),
                                   read_mean_alpha("stack/edit02.mkv") / 4, 2);
    g_assert_cmpint(run(&wrong, "vera export low1/take low2/take --opacity 1,1,1 --output wrong"),
                    ==, 2);
    g_assert_nonnull(strstr(wrong, "--opacity"));
    g_assert_cmpint(run(NULL, "cp clip.mkv other.mkv && vera edit other.mkv --instruction 'Add a "
                              "red fox' --size 64x32 "
                              "--steps 1 --range 1-1 --export ffv1 --output other"),
                    ==, 0);
    g_assert_cmpint(run(&other, "vera export low1/take other/take --output wrong"), ==, 2);
    g_assert_nonnull(strstr(other, "only takes of one clip"));
    g_assert_cmpint(run(NULL, "test -e wrong"), !=, 0);
}

/** What a project shows: the hidden edit left out, opacity kept, the range its own. */
static void
test_project(void)
{
    static const char project[] =
        "{\"vera_project\": 1, \"clips\": [{\"id\": \"c\", \"path\": \"clip.mkv\", \"name\": "
        "\"clip\"}], \"in_frame\": 1, "
        "\"out_frame\": 3, \"edits\": [{\"id\": \"a\", \"clip\": \"c\", \"takes\": [{\"id\": "
        "\"t\", \"dir\": \"low1/take\"}], "
        "\"chosen_take\": \"t\", \"is_visible\": %s, \"instruction\": \"x\", \"first\": 0, "
        "\"last\": 1}, {\"id\": \"b\", "
        "\"clip\": \"c\", \"takes\": [{\"id\": \"u\", \"dir\": \"low2/take\"}], \"chosen_take\": "
        "\"u\", \"instruction\": \"y\", "
        "\"first\": 1, \"last\": 2, \"opacity\": 0.25, \"refinement\": {\"is_inverted\": "
        "true}}]}\n";
    g_autofree char *path = g_build_filename(root_dir, "shot.vera", NULL), *listing = NULL,
                    *hidden = NULL, *wrong = NULL;

    make_takes();
    for (int is_visible = 0; is_visible < 2; is_visible++) {
        g_autofree char *text = g_strdup_printf(project, is_visible ? "true" : "false");
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        g_assert_cmpint(
            run(NULL, "vera export shot.vera --export ffv1 --output shot%d", is_visible), ==, 0);
    }
    g_assert_cmpint(run(&hidden, "cd shot0 && echo *"), ==, 0);
    g_assert_cmpstr(hidden, ==, "comp.mkv edit.mkv manifest.json\n");
    g_assert_cmpint(run(&listing, "cd shot1 && echo *; ffprobe -v error -count_frames "
                                  "-show_entries stream=nb_read_frames "
                                  "-of csv=p=0 comp.mkv"),
                    ==, 0);
    g_assert_cmpstr(listing, ==, "comp.mkv edit01.mkv edit02.mkv manifest.json\n3\n");
    g_assert_cmpint(run(NULL, "vera verify shot1 --source clip.mkv"), ==, 0);
    g_assert_cmpint(run(NULL, "vera export low2/take --invert --opacity 0.25 --range 2-4 --export "
                              "ffv1 --output alone"),
                    ==, 0);
    g_assert_cmpfloat(read_mean_alpha("shot0/edit.mkv"), ==, read_mean_alpha("alone/edit.mkv"));
    g_assert_cmpint(run(&wrong, "vera export shot.vera --clip nothing --output wrong"), ==, 2);
    g_assert_nonnull(strstr(wrong, "has no clip"));
}

int
main(int argc, char **argv)
{
    g_autofree char *ffmpeg = g_find_program_in_path("ffmpeg");
    int code;

    g_test_init(&argc, &argv, NULL);
    if (ffmpeg == NULL) {
        g_print("1..0 # SKIP the ffmpeg command is not installed\n");
        return 0;
    }
    root_dir = g_dir_make_tmp("vera-delivery-XXXXXX", NULL);
    g_test_add_func("/delivery/exr-options", test_exr_options);
    g_test_add_func("/delivery/overwrite-and-resume", test_overwrite_and_resume);
    g_test_add_func("/delivery/wrong-options", test_wrong_options);
    g_test_add_func("/delivery/take", test_take);
    g_test_add_func("/delivery/layered-is-seen", test_layered_is_seen);
    g_test_add_func("/delivery/linear-plate", test_linear_plate);
    g_test_add_func("/delivery/stack", test_stack);
    g_test_add_func("/delivery/project", test_project);
    code = g_test_run();
    run(NULL, "rm -rf '%s'", root_dir);
    return code;
}
