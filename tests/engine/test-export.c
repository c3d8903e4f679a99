#include "config.h"

#include <unistd.h>

#include "tests/engine/export-fixture.h"

#define W 90
#define H 50
#define N 6

static VeraExportSettings
make_settings(VeraExportPreset preset, const char *dir)
{
    VeraExportSettings settings = VERA_EXPORT_SETTINGS_INIT;

    settings.preset = preset;
    settings.output_dir = dir;
    settings.name = "shot";
    return settings;
}

static VeraClip *
make_clip(const char *name, const char *options)
{
    g_free(export_ask(
        "ffmpeg -v error -y -f lavfi -i testsrc2=size=%dx%d:rate=24000/1001 -frames:v %d %s "
        "-c:v ffv1 %s",
        W, H, N, options, name));
    return fixture_open(name);
}

/** Half precision of a value near @x. */
static double
get_half_step(double x)
{
    return fabs(x) / 1024 + 1e-7;
}

/** Layer @layer of frame 2, as ffmpeg reads it, against @want (R, G, B or, without, the matte in
 * each). */
static void
assert_layer(const char *name,
             const char *layer,
             const float *rgb,
             const float *factor,
             const ExportEdit *edit)
{
    static const int order[3] = {1, 2, 0};
    g_autoptr(GBytes) bytes = export_decode(layer, name, "gbrapf32le");
    const float *got = g_bytes_get_data(bytes, NULL);

    g_assert_cmpuint(g_bytes_get_size(bytes), ==, W * H * 16);
    for (int i = 0; i < W * H; i++) {
        for (int c = 0; c < 3; c++) {
            float value =
                rgb ? vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, rgb[3 * i + order[c]]) : 1.0f;
            double want = value * (factor ? factor[i] : 1.0f);
            g_assert_cmpfloat_with_epsilon(got[c * W * H + i], want, get_half_step(want));
        }
        if (factor != NULL || layer[0] != '\0')
            g_assert_cmpfloat_with_epsilon(got[3 * W * H + i], edit->matte[i],
                                           get_half_step(edit->matte[i]));
        else
            g_assert_cmpfloat(got[3 * W * H + i], ==, 1.0f);
    }
}

static void
test_layered_exr(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("layered.mkv", "-pix_fmt gbrp -timecode 01:00:00:22");
    g_autofree char *dir = fixture_get_path("layered");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_EXR, dir);
    ExportEdit edit;

    settings.has_matte_layer = TRUE;
    settings.compression = VERA_EXR_COMPRESSION_PIZ;
    settings.padding = 6;
    settings.start_number = 86;
    export_run(&settings, clip, 0, N - 1, FALSE);
    g_autofree char *header = export_ask("exrheader layered/shot.000088.exr");
    const char *const lines[] = {"compression (type compression): piz",
                                 "colorInteropID (type string): \"lin_rec709_scene\"",
                                 "framesPerSecond (type rational): 24000/1001",
                                 "time 01:00:01:00",
                                 "vera/alpha (type string): \"premultiplied\"",
                                 "edit.A, 16-bit",
                                 "matte.R, 16-bit",
                                 "vera/source_frame (type string): \"3\"",
                                 "dataWindow (type box2i): (0 0) - (89 49)"};
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        if (strstr(header, lines[i]) == NULL)
            g_error("“%s” is not in %s", lines[i], header);
    g_assert_null(strstr(header, "chromaticities"));
    export_edit_init(&edit, vera_clip_get_info(clip));
    VeraExportFrame frame = export_edit_make(&edit, clip, 2, FALSE);
    assert_layer("layered/shot.000088.exr", "", edit.out, NULL, &edit);
    assert_layer("layered/shot.000088.exr", "-layer edit", edit.layer, edit.matte, &edit);
    assert_layer("layered/shot.000088.exr", "-layer matte", NULL, edit.matte, &edit);
    export_frame_clear(&frame);
    export_edit_clear(&edit);
}

/** A record as the takes make them: quotes, line ends and characters of one to four bytes. */
static char *
make_record(gsize n_lines)
{
    GString *record = g_string_new("[");

    for (gsize i = 0; i < n_lines; i++)
        g_string_append_printf(record, "{\"instruction\":\"Füchse ﷽ 🦊 %" G_GSIZE_FORMAT "\"},\n", i);
    g_string_append_c(record, ']');
    return g_string_free(record, FALSE);
}

/** The values of vera/record, vera/record.2 … in @header joined. */
static char *
join_record(const char *header)
{
    GString *record = g_string_new(NULL);
    const char *start, *end = header;

    for (int piece = 1;; piece++) {
        g_autofree char *mark =
            piece == 1 ? g_strdup("vera/record (type string): \"")
                       : g_strdup_printf("vera/record.%d (type string): \"", piece);
        if ((start = strstr(header, mark)) == NULL)
            return g_string_free(record, FALSE);
        start += strlen(mark);
        end = strstr(start, " (type ");
        while (end > start && *end != '"')
            end--;
        g_assert_cmpint(end - start, <=, 255);
        g_assert_true(g_utf8_validate(start, end - start, NULL));
        g_string_append_len(record, start, end - start);
    }
}

/** However long the record is, it comes back whole and ffmpeg reads the picture, not black. */
static void
test_long_record(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("long.mkv", "-pix_fmt gbrp");
    g_autofree char *dir = fixture_get_path("long");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_EXR, dir);

    settings.can_overwrite = TRUE;
    for (gsize n_lines = 1; n_lines < 120; n_lines += n_lines < 20 ? 1 : 33) {
        g_autofree char *record = make_record(n_lines);
        ExportEdit edit;

        settings.record_json = record;
        export_run(&settings, clip, 2, 2, FALSE);
        g_autofree char *header = export_ask("exrheader long/shot.1003.exr");
        g_autofree char *back = join_record(header);
        g_assert_cmpstr(back, ==, record);
        export_edit_init(&edit, vera_clip_get_info(clip));
        VeraExportFrame frame = export_edit_make(&edit, clip, 2, FALSE);
        assert_layer("long/shot.1003.exr", "", edit.out, NULL, &edit);
        export_frame_clear(&frame);
        export_edit_clear(&edit);
    }
}

/** Straight colour is what the label says; 32 bits are 32 bits; chromaticities on request. */
static void
test_straight_exr(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("straight.mkv", "-pix_fmt gbrp");
    g_autofree char *dir = fixture_get_path("straight");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_EXR, dir);
    ExportEdit edit;

    settings.is_straight = settings.is_float32 = settings.has_chromaticities = TRUE;
    settings.is_linear_over = TRUE;
    settings.compression = VERA_EXR_COMPRESSION_NONE;
    export_run(&settings, clip, 2, 2, FALSE);
    g_autofree char *header = export_ask("exrheader straight/shot.1003.exr");
    const char *const lines[] = {"compression (type compression): none",
                                 "vera/alpha (type string): \"straight\"",
                                 "vera/over (type string): \"linear\"",
                                 "edit.A, 32-bit",
                                 "red   (0.64 0.33)",
                                 "white (0.3127 0.329)"};
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        if (strstr(header, lines[i]) == NULL)
            g_error("“%s” is not in %s", lines[i], header);
    g_assert_null(strstr(header, "matte."));
    g_assert_null(strstr(header, "timeCode"));
    export_edit_init(&edit, vera_clip_get_info(clip));
    VeraExportFrame frame = export_edit_make(&edit, clip, 2, FALSE);
    assert_layer("straight/shot.1003.exr", "-layer edit", edit.layer, NULL, &edit);
    export_frame_clear(&frame);
    export_edit_clear(&edit);
}

/** Elements are cropped to the matte inside the full display window; nothing of it is lost. */
static void
test_separate_exr(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("separate.mkv", "-pix_fmt gbrp");
    g_autofree char *dir = fixture_get_path("separate");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_EXR_SEPARATE, dir);
    ExportEdit edit;
    int x0 = W, y0 = H, x1 = 0, y1 = 0;

    export_run(&settings, clip, 2, 2, FALSE);
    export_edit_init(&edit, vera_clip_get_info(clip));
    VeraExportFrame frame = export_edit_make(&edit, clip, 2, FALSE);
    for (int i = 0; i < W * H; i++)
        if (edit.matte[i] > 0) {
            x0 = MIN(x0, i % W);
            x1 = MAX(x1, i % W);
            y0 = MIN(y0, i / W);
            y1 = MAX(y1, i / W);
        }
    g_autofree char *window =
        g_strdup_printf("dataWindow (type box2i): (%d %d) - (%d %d)", x0, y0, x1, y1);
    g_autofree char *element = export_ask("exrheader separate/edit/shot.1003.exr");
    g_autofree char *matte = export_ask("exrheader separate/matte/shot.1003.exr");
    g_assert_nonnull(strstr(element, window));
    g_assert_nonnull(strstr(matte, window));
    g_assert_nonnull(strstr(element, "displayWindow (type box2i): (0 0) - (89 49)"));
    assert_layer("separate/comp/shot.1003.exr", "", edit.out, NULL, &edit);
    assert_layer("separate/edit/shot.1003.exr", "", edit.layer, edit.matte, &edit);
    assert_layer("separate/matte/shot.1003.exr", "", NULL, edit.matte, &edit);
    export_frame_clear(&frame);
    export_edit_clear(&edit);
}

/** Every frame has its own timecode, by the rules of its rate. */
static void
test_exr_timecode(void)
{
    static const struct {
        const char *rate, *start, *time, *flags;
    } cases[] = {
        {"24000/1001", "10:20:30:22", "10:20:31:00", "drop frame 0, color frame 0, field/phase 0"},
        {"30000/1001", "00:00:59;28", "00:01:00:02", "drop frame 1, color frame 0, field/phase 0"},
        {"30000/1001", "00:09:59;28", "00:10:00:00", "drop frame 1, color frame 0, field/phase 0"},
        {"30000/1001", "00:00:59:28", "00:01:00:00", "drop frame 0, color frame 0, field/phase 0"},
        {"60000/1001", "00:00:01:51", "00:00:01:26", "drop frame 0, color frame 0, field/phase 1"},
        {"25/1", "23:59:59:23", "00:00:00:00", "drop frame 0, color frame 0, field/phase 0"}};

    if (!fixture_has_ffmpeg())
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_free(export_ask(
            "ffmpeg -v error -y -f lavfi -i testsrc2=size=16x16:rate=%s -frames:v 3 -timecode "
            "'%s' -pix_fmt gbrp -c:v ffv1 code.mkv",
            cases[i].rate, cases[i].start));
        g_autoptr(VeraClip) clip = fixture_open("code.mkv");
        g_autofree char *name = g_strdup_printf("code-%d", (int)i), *dir = fixture_get_path(name);
        VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_EXR, dir);
        export_run(&settings, clip, 2, 2, TRUE);
        g_autofree char *header = export_ask("exrheader %s/shot.1003.exr", name);
        g_test_message("%s %s: %s", cases[i].rate, cases[i].start, strstr(header, "timeCode"));
        g_assert_nonnull(strstr(header, cases[i].time));
        g_assert_nonnull(strstr(header, cases[i].flags));
    }
}

/** Values that half float cannot hold are not rounded behind the user's back. */
static void
test_float_plate(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = fixture_get_path("float"), *again = fixture_get_path("float32");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_EXR, dir);

    if (!fixture_has_ffmpeg())
        return;
    g_free(export_ask(
        "ffmpeg -v error -y -f lavfi -i testsrc2=size=%dx%d -frames:v 1 -pix_fmt gbrpf32le "
        "-format float plate.0001.exr",
        W, H));
    g_autoptr(VeraClip) clip = fixture_open("plate.0001.exr");
    g_assert_cmpint(export_try(&settings, clip, 0, 0, TRUE, &error), ==, -1);
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "--float32"));
    settings.output_dir = again;
    settings.is_float32 = TRUE;
    export_run(&settings, clip, 0, 0, TRUE);
    g_autoptr(GBytes) want = export_decode("", "plate.0001.exr", "gbrpf32le");
    g_autoptr(GBytes) got = export_decode("", "float32/shot.0001.exr", "gbrapf32le");
    g_assert_cmpmem(g_bytes_get_data(got, NULL), W * H * 12, g_bytes_get_data(want, NULL),
                    g_bytes_get_size(want));
}

/** The manifest names every file with the hash that sha256sum finds. */
static void
test_manifest(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("manifest.mkv", "-pix_fmt gbrp");
    const char *const presets[] = {"exr", "exr-separate", "png", "ffv1", "prores", "h264"};
    const int n_files[] = {N, 3 * N, 3 * N, 2, 2, 1};

    for (int i = 0; i < 6; i++) {
        g_autofree char *name = g_strdup_printf("manifest-%d", i), *dir = fixture_get_path(name);
        VeraExportSettings settings = make_settings((VeraExportPreset)i, dir);
        export_run(&settings, clip, 0, N - 1, FALSE);
        g_autofree char *count = export_ask("cd %s && sed -n 's/.*\"path\" : \"\\(.*\\)\",/\\1/p' "
                                            "manifest.json > ../paths && sed -n "
                                            "'s/.*\"sha256\" : \"\\(.*\\)\".*/\\1/p' manifest.json "
                                            "> ../hashes && paste -d' ' ../hashes "
                                            "../paths | sed 's/ /  /' | sha256sum -c --quiet - && "
                                            "test -z \"$(find . -name '*.part')\" && wc "
                                            "-l < ../paths && find . -type f | wc -l && grep -c "
                                            "'\"preset\" : \"%s\"' manifest.json",
                                            name, presets[i]);
        g_autofree char *want = g_strdup_printf("%d\n%d\n1\n", n_files[i], n_files[i] + 1);
        g_assert_cmpstr(count, ==, want);
    }
}

/** A full disk, as /dev/full plays it, ends every kind with the right error and nothing that looks
 * whole. */
static void
test_full_disk(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *dir, *file;
    } cases[] = {{VERA_EXPORT_PRESET_EXR, "full-0", "shot.1002.exr"},
                 {VERA_EXPORT_PRESET_EXR_SEPARATE, "full-1", "edit/shot.1002.exr"},
                 {VERA_EXPORT_PRESET_PNG, "full-2", "matte/shot.1002.png"},
                 {VERA_EXPORT_PRESET_FFV1, "full-3", "comp.mkv"},
                 {VERA_EXPORT_PRESET_FFV1, "full-4", "edit.mkv"},
                 {VERA_EXPORT_PRESET_PRORES, "full-5", "comp.mov"},
                 {VERA_EXPORT_PRESET_H264, "full-6", "review.mp4"},
                 {VERA_EXPORT_PRESET_PNG, "full-7", "manifest.json.part.new"}};

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("full.mkv", "-pix_fmt gbrp");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *dir = fixture_get_path(cases[i].dir);
        g_autofree char *path = g_build_filename(dir, cases[i].file, NULL);
        g_autofree char *manifest = g_build_filename(dir, "manifest.json", NULL);
        VeraExportSettings settings = make_settings(cases[i].preset, dir);
        g_free(export_ask("mkdir -p $(dirname %s/%s) && ln -s /dev/full %s/%s%s", cases[i].dir,
                          cases[i].file, cases[i].dir, cases[i].file, i == 7 ? "" : ".part"));
        g_assert_cmpint(export_try(&settings, clip, 0, N - 1, FALSE, &error), ==, -1);
        g_test_message("%s", error->message);
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_DISK_FULL);
        g_assert_false(g_file_test(manifest, G_FILE_TEST_EXISTS));
        g_assert_true(i == 7 || !g_file_test(path, G_FILE_TEST_EXISTS));
        g_autofree char *part = g_strconcat(path, ".part", NULL);
        g_assert_false(g_file_test(part, G_FILE_TEST_IS_SYMLINK));
    }
}

static void
test_bad_folder(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("folder.mkv", "-pix_fmt gbrp");
    g_autoptr(GError) error = NULL;
    g_autofree char *below = fixture_get_path("folder.mkv/below");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_PNG, below);

    g_assert_cmpint(export_try(&settings, clip, 0, 0, TRUE, &error), ==, -1);
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_nonnull(strstr(error->message, "folder.mkv/below"));
    g_clear_error(&error);
    settings.name = "a/b";
    g_assert_cmpint(export_try(&settings, clip, 0, 0, TRUE, &error), ==, -1);
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
}

/** Names and times of all files, so that any rewriting shows. */
static char *
list_files(const char *name)
{
    return export_ask(
        "cd %s && find . -type f ! -name manifest.json -printf '%%p %%i %%T@\\n' | sort", name);
}

/** What a stopped export finished is kept, what it did not finish or what was damaged is made
 * again. */
static void
test_resume(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *name, *broken;
        int n_kept;
    } cases[] = {{VERA_EXPORT_PRESET_PNG, "resume-png", "matte/shot.1004.png", 3},
                 {VERA_EXPORT_PRESET_EXR, "resume-exr", "shot.1004.exr", 3},
                 {VERA_EXPORT_PRESET_FFV1, "resume-ffv1", "edit.mkv", 0}};

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("resume.mkv", "-pix_fmt gbrp");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *dir = fixture_get_path(cases[i].name),
                        *whole = g_strconcat(dir, "-whole", NULL);
        VeraExportSettings settings = make_settings(cases[i].preset, whole);
        export_run(&settings, clip, 0, N - 1, FALSE);
        settings.output_dir = dir;
        g_free(export_ask("mkdir -p $(dirname %s/%s) && ln -s /dev/full %s/%s.part", cases[i].name,
                          cases[i].broken, cases[i].name, cases[i].broken));
        g_assert_cmpint(export_try(&settings, clip, 0, N - 1, FALSE, &error), ==, -1);
        g_clear_error(&error);
        /* A line that a crash cut off must not matter. */
        g_free(export_ask("printf '{\"path\": \"sho' >> %s/manifest.json.part", cases[i].name));
        settings.is_resume = TRUE;
        g_assert_cmpint(export_try(&settings, clip, 0, N - 1, FALSE, &error), ==, cases[i].n_kept);
        g_assert_no_error(error);
        g_free(export_ask("diff -r %s %s-whole -x manifest.json", cases[i].name, cases[i].name));
        /* A finished export is kept whole, */
        g_autofree char *before = list_files(cases[i].name);
        g_assert_cmpint(export_try(&settings, clip, 0, N - 1, FALSE, &error), ==, N);
        g_assert_no_error(error);
        g_autofree char *after = list_files(cases[i].name);
        g_assert_cmpstr(after, ==, before);
        g_free(export_ask("diff %s/manifest.json %s-whole/manifest.json", cases[i].name,
                          cases[i].name));
        /* but for what is damaged. */
        g_free(export_ask("printf x | dd of=%s/%s bs=1 seek=700 conv=notrunc 2>/dev/null",
                          cases[i].name, cases[i].broken));
        g_assert_cmpint(export_try(&settings, clip, 0, N - 1, FALSE, &error), ==,
                        cases[i].n_kept > 0 ? N - 1 : 0);
        g_assert_no_error(error);
        g_free(export_ask("diff -r %s %s-whole -x manifest.json", cases[i].name, cases[i].name));
        /* Other settings make another export. */
        settings.look = "feather 3";
        g_assert_cmpint(export_try(&settings, clip, 0, N - 1, FALSE, &error), ==, -1);
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
        g_assert_nonnull(strstr(error->message, cases[i].name));
    }
}

/** Nothing that was there is written over unless asked to. */
static void
test_overwrite(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *name, *stray;
    } cases[] = {{VERA_EXPORT_PRESET_PNG, "over-png", "comp/shot.1002.png"},
                 {VERA_EXPORT_PRESET_EXR, "over-exr", "shot.1001.exr"},
                 {VERA_EXPORT_PRESET_PRORES, "over-prores", "comp.mov"}};

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("over.mkv", "-pix_fmt gbrp");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *dir = fixture_get_path(cases[i].name);
        VeraExportSettings settings = make_settings(cases[i].preset, dir);
        /* A file of that name, though no export made it. */
        g_free(export_ask("mkdir -p $(dirname %s/%s) && echo precious > %s/%s", cases[i].name,
                          cases[i].stray, cases[i].name, cases[i].stray));
        g_assert_cmpint(export_try(&settings, clip, 0, 2, TRUE, &error), ==, -1);
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
        g_assert_nonnull(strstr(error->message, cases[i].name));
        g_assert_nonnull(strstr(error->message, "--overwrite"));
        g_clear_error(&error);
        g_free(export_ask("grep -q precious %s/%s", cases[i].name, cases[i].stray));
        settings.is_resume = TRUE;
        g_assert_cmpint(export_try(&settings, clip, 0, 2, TRUE, &error), ==, -1);
        g_clear_error(&error);
        settings.is_resume = FALSE;
        settings.can_overwrite = TRUE;
        export_run(&settings, clip, 0, 2, TRUE);
        settings.can_overwrite = FALSE;
        g_autofree char *before = list_files(cases[i].name);
        g_assert_cmpint(export_try(&settings, clip, 0, 2, TRUE, &error), ==, -1);
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
        g_autofree char *after = list_files(cases[i].name);
        g_assert_cmpstr(after, ==, before);
        g_free(export_ask("test -e %s/manifest.json", cases[i].name));
    }
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/export/layered-exr", test_layered_exr);
    g_test_add_func("/export/long-record", test_long_record);
    g_test_add_func("/export/straight-exr", test_straight_exr);
    g_test_add_func("/export/separate-exr", test_separate_exr);
    g_test_add_func("/export/exr-timecode", test_exr_timecode);
    g_test_add_func("/export/float-plate", test_float_plate);
    g_test_add_func("/export/manifest", test_manifest);
    g_test_add_func("/export/full-disk", test_full_disk);
    g_test_add_func("/export/bad-folder", test_bad_folder);
    g_test_add_func("/export/resume", test_resume);
    g_test_add_func("/export/overwrite", test_overwrite);
    code = g_test_run();
    fixture_remove_folder();
    return code;
}
