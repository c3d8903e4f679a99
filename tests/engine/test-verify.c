#include "config.h"

#include "engine/compositing/vera-verify.h"
#include "tests/engine/export-fixture.h"

#define W 90
#define H 50
#define N 5

/** What a verification found in all. */
typedef struct {
    gint64 n_changed;
    gint64 n_frames;
    gint64 n_protected;
    VeraVerifyFrame worst;
} Finding;

static void
note_frame_cb(const VeraVerifyFrame *frame, gpointer user_data)
{
    Finding *finding = user_data;

    finding->n_protected += frame->n_protected;
    if (frame->n_changed > 0)
        finding->worst = *frame;
}

static Finding
verify(const char *name, const char *clip)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = fixture_get_path(name), *path = fixture_get_path(clip);
    Finding finding = {0};

    vera_verify_run(dir, path, &finding.n_changed, &finding.n_frames, note_frame_cb, &finding, NULL,
                    &error);
    g_assert_no_error(error);
    return finding;
}

static VeraClip *
make_clip(const char *name, const char *format)
{
    g_free(export_ask(
        "ffmpeg -v error -y -f lavfi -i testsrc2=size=%dx%d:rate=24 -frames:v %d -pix_fmt %s "
        "-c:v ffv1 %s",
        W, H, N, format, name));
    return fixture_open(name);
}

/** Pixels outside the matte in all frames; a pixel inside and one outside on the way. */
static gint64
count_protected(VeraClip *clip, int inside[2], int outside[2])
{
    ExportEdit edit;
    gint64 n = 0;

    export_edit_init(&edit, vera_clip_get_info(clip));
    for (gint64 f = 0; f < N; f++) {
        export_edit_draw(&edit, f);
        for (int i = 0; i < W * H; i++) {
            int *at = edit.matte[i] > 0 ? inside : outside;
            n += !(edit.matte[i] > 0);
            /* In the third frame, well away from the edge of the matte on the chroma grid. */
            if (f == 2 && i % 2 == 0 && i / W % 2 == 0) {
                at[0] = i % W;
                at[1] = i / W;
            }
        }
    }
    export_edit_clear(&edit);
    return n;
}

static void
export_clip(VeraExportPreset preset, const char *name, VeraClip *clip)
{
    g_autofree char *dir = fixture_get_path(name);
    VeraExportSettings settings = VERA_EXPORT_SETTINGS_INIT;

    settings.preset = preset;
    settings.output_dir = dir;
    settings.name = "shot";
    settings.compression = VERA_EXR_COMPRESSION_NONE;
    export_run(&settings, clip, 0, N - 1, FALSE);
}

/** Flips the lowest bit of a sample of an uncompressed half float EXR. */
static void
flip_exr(const char *name, int n_channels, int channel, const int at[2])
{
    g_autofree char *path = fixture_get_path(name), *bytes = NULL;
    gsize length, line = (gsize)(8 + W * 2 * n_channels);

    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    bytes[length - (gsize)(H - at[1]) * line + 8 + (gsize)(channel * W + at[0]) * 2] ^= 1;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
}

/** Flips the lowest bit of 16-bit sample @offset of a file, which ffmpeg writes again with
 * @options. */
static void
flip_samples(const char *name, const char *format, gsize offset, const char *options)
{
    g_autoptr(GBytes) raw = export_decode("", name, format);
    g_autofree guint16 *samples = g_memdup2(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw));
    g_autofree char *path = fixture_get_path("flipped");

    samples[offset] ^= 1;
    g_assert_true(
        g_file_set_contents(path, (const char *)samples, (gssize)g_bytes_get_size(raw), NULL));
    g_free(export_ask("ffmpeg -v error -y -f rawvideo -pix_fmt %s -s %dx%d -r 24 -i flipped %s %s",
                      format, W, H, options, name));
}

static void
assert_found(const Finding *finding, gint64 number, const int at[2], char channel)
{
    g_assert_cmpint(finding->n_changed, >=, 1);
    g_assert_cmpint(finding->worst.number, ==, number);
    g_assert_cmpint(finding->worst.x, ==, at[0]);
    g_assert_cmpint(finding->worst.y, ==, at[1]);
    g_assert_cmpint(finding->worst.channel, ==, channel);
}

static void
test_exr(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *name, *file;
        int n_channels;
    } cases[] = {{VERA_EXPORT_PRESET_EXR, "layered", "layered/shot.1003.exr", 8},
                 {VERA_EXPORT_PRESET_EXR_SEPARATE, "separate", "separate/comp/shot.1003.exr", 4}};
    int inside[2], outside[2];

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("exr.mkv", "gbrp");
    gint64 n = count_protected(clip, inside, outside);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        export_clip(cases[i].preset, cases[i].name, clip);
        Finding finding = verify(cases[i].name, "exr.mkv");
        g_assert_cmpint(finding.n_changed, ==, 0);
        g_assert_cmpint(finding.n_frames, ==, N);
        g_assert_cmpint(finding.n_protected, ==, n);
        /* Channels lie in the order A, B, G, R. */
        flip_exr(cases[i].file, cases[i].n_channels, 2, inside);
        finding = verify(cases[i].name, "exr.mkv");
        g_assert_cmpint(finding.n_changed, ==, 0);
        flip_exr(cases[i].file, cases[i].n_channels, 2, outside);
        finding = verify(cases[i].name, "exr.mkv");
        g_assert_cmpint(finding.n_changed, ==, 1);
        assert_found(&finding, 1003, outside, 'G');
    }
}

static void
test_png(void)
{
    int inside[2], outside[2];

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("png.mkv", "yuv420p");
    gint64 n = count_protected(clip, inside, outside);
    export_clip(VERA_EXPORT_PRESET_PNG, "png", clip);
    Finding finding = verify("png", "png.mkv");
    g_assert_cmpint(finding.n_changed, ==, 0);
    g_assert_cmpint(finding.n_protected, ==, n);
    /* Without its manifest the folder is told by its numbers. */
    g_free(export_ask("mv png/manifest.json kept"));
    finding = verify("png", "png.mkv");
    g_assert_cmpint(finding.n_changed, ==, 0);
    g_assert_cmpint(finding.n_protected, ==, n);
    g_free(export_ask("mv kept png/manifest.json"));
    flip_samples("png/comp/shot.1003.png", "rgb48le", (gsize)(inside[1] * W + inside[0]) * 3,
                 "-update 1");
    finding = verify("png", "png.mkv");
    g_assert_cmpint(finding.n_changed, ==, 0);
    flip_samples("png/comp/shot.1003.png", "rgb48le", (gsize)(outside[1] * W + outside[0]) * 3 + 2,
                 "-update 1");
    finding = verify("png", "png.mkv");
    g_assert_cmpint(finding.n_changed, ==, 1);
    assert_found(&finding, 1003, outside, 'B');
}

static void
test_ffv1(void)
{
    const gsize frame = W * H * 2;
    int inside[2], outside[2];

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("ffv1.mkv", "yuv422p10le");
    gint64 n = count_protected(clip, inside, outside);
    export_clip(VERA_EXPORT_PRESET_FFV1, "ffv1", clip);
    Finding finding = verify("ffv1", "ffv1.mkv");
    g_assert_cmpint(finding.n_changed, ==, 0);
    g_assert_cmpint(finding.n_frames, ==, N);
    g_assert_cmpint(finding.n_protected, ==, n);
    flip_samples("ffv1/comp.mkv", "yuv422p10le", 2 * frame + (gsize)(inside[1] * W + inside[0]),
                 "-c:v ffv1");
    finding = verify("ffv1", "ffv1.mkv");
    g_assert_cmpint(finding.n_changed, ==, 0);
    flip_samples("ffv1/comp.mkv", "yuv422p10le", 2 * frame + (gsize)(outside[1] * W + outside[0]),
                 "-c:v ffv1");
    finding = verify("ffv1", "ffv1.mkv");
    g_assert_cmpint(finding.n_changed, ==, 1);
    assert_found(&finding, 3, outside, 'Y');
    /* Back again, and a chroma sample, which two pixels share. */
    flip_samples("ffv1/comp.mkv", "yuv422p10le", 2 * frame + (gsize)(outside[1] * W + outside[0]),
                 "-c:v ffv1");
    flip_samples("ffv1/comp.mkv", "yuv422p10le",
                 2 * frame + W * H + (gsize)(outside[1] * W / 2 + outside[0] / 2), "-c:v ffv1");
    finding = verify("ffv1", "ffv1.mkv");
    g_assert_cmpint(finding.n_changed, ==, 2);
    assert_found(&finding, 3, outside, 'U');
}

/** Frames are told by the manifest: other numbers, left out frames, and files of an earlier export.
 */
static void
test_numbers(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("numbers.mkv", "gbrp");
    g_autofree char *dir = fixture_get_path("numbers");
    g_autoptr(GArray) frames = export_list_frames(0, 4, 2);
    g_autoptr(GError) error = NULL;
    VeraExportSettings settings = VERA_EXPORT_SETTINGS_INIT;
    ExportEdit edit;

    settings.preset = VERA_EXPORT_PRESET_PNG;
    settings.output_dir = dir;
    settings.name = "shot";
    settings.start_number = 7;
    g_autoptr(VeraExporter) exporter = vera_exporter_new(&settings, clip, frames, &error);
    g_assert_no_error(error);
    export_edit_init(&edit, vera_clip_get_info(clip));
    for (guint i = 0; i < frames->len; i++) {
        VeraExportFrame frame =
            export_edit_make(&edit, clip, g_array_index(frames, gint64, i), TRUE);
        g_assert_true(vera_exporter_add_frame(exporter, &frame, &error));
        export_frame_clear(&frame);
    }
    export_edit_clear(&edit);
    g_assert_true(vera_exporter_finish(exporter, &error));
    g_free(export_ask("cp numbers/comp/shot.0007.png numbers/comp/shot.0008.png"));
    Finding finding = verify("numbers", "numbers.mkv");
    g_assert_cmpint(finding.n_frames, ==, 3);
    g_assert_cmpint(finding.n_changed, ==, 0);
    g_free(export_ask("cp numbers/comp/shot.0007.png numbers/comp/shot.0009.png"));
    finding = verify("numbers", "numbers.mkv");
    g_assert_cmpint(finding.n_changed, >, 0);
    g_assert_cmpint(finding.worst.number, ==, 9);
    g_assert_cmpint(finding.worst.source_index, ==, 2);
}

static void
assert_refused(const char *name, const char *clip, int code, const char *part)
{
    g_autofree char *dir = fixture_get_path(name), *path = fixture_get_path(clip);
    g_autoptr(GError) error = NULL;
    gint64 n_changed, n_frames;

    g_assert_false(vera_verify_run(dir, path, &n_changed, &n_frames, NULL, NULL, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, code);
    if (strstr(error->message, part) == NULL)
        g_error("message “%s” lacks “%s”", error->message, part);
}

/** Whatever a missing frame is missing from, less than the whole does not pass. */
static void
test_incomplete(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("part.mkv", "gbrp");
    export_clip(VERA_EXPORT_PRESET_PNG, "part", clip);
    g_free(export_ask("cp part/manifest.json kept.json && rm part/manifest.json part/*/shot.1005.png"));
    assert_refused("part", "part.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "4 frames, and not the 5 of the clip");
    g_free(export_ask("head -c 100 kept.json > part/manifest.json"));
    assert_refused("part", "part.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "4 frames, and not the 5 of the clip");
    g_free(export_ask("python3 -c \"import json; m = json.load(open('kept.json')); "
                      "m['files'] = [f for f in m['files'] if '1005' not in f['path']]; "
                      "json.dump(m, open('part/manifest.json', 'w'))\""));
    assert_refused("part", "part.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "4 frames, and not the 5 that its manifest");
}

static void
test_refusals(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("refuse.mkv", "gbrp");
    export_clip(VERA_EXPORT_PRESET_H264, "lossy", clip);
    export_clip(VERA_EXPORT_PRESET_FFV1, "short", clip);
    export_clip(VERA_EXPORT_PRESET_EXR, "hole", clip);
    g_free(export_ask(
        "mkdir -p empty && ffmpeg -v error -y -i refuse.mkv -frames:v 2 -c copy short/comp.mkv && "
        "rm "
        "hole/shot.1002.exr && ffmpeg -v error -i refuse.mkv -vf scale=64:32 -c:v ffv1 small.mkv"));
    assert_refused("empty", "refuse.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "manifest.json");
    assert_refused("lossy", "refuse.mkv", VERA_ENGINE_ERROR_UNSUPPORTED, "lossy");
    assert_refused("short", "refuse.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "5 frames");
    assert_refused("hole", "refuse.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "shot.1002.exr");
    assert_refused("lossy/none", "refuse.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "lossy/none");
    g_free(export_ask("rm -r short"));
    export_clip(VERA_EXPORT_PRESET_FFV1, "short", clip);
    assert_refused("short", "small.mkv", VERA_ENGINE_ERROR_BAD_INPUT, "does not fit");
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verify/exr", test_exr);
    g_test_add_func("/verify/png", test_png);
    g_test_add_func("/verify/ffv1", test_ffv1);
    g_test_add_func("/verify/numbers", test_numbers);
    g_test_add_func("/verify/incomplete", test_incomplete);
    g_test_add_func("/verify/refusals", test_refusals);
    code = g_test_run();
    fixture_remove_folder();
    return code;
}
