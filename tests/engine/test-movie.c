#include "config.h"

#include "tests/engine/export-fixture.h"

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

/** A moving picture of @format with colours all over, named NAME. */
static VeraClip *
make_clip(const char *name, const char *format, const char *size, const char *options)
{
    g_autofree char *command =
        g_strdup_printf("ffmpeg -v error -y -f lavfi -i testsrc2=size=%s:rate=24000/1001 -frames:v "
                        "%d %s -pix_fmt %s "
                        "-c:v ffv1 %s",
                        size, N, options, format, name);

    g_assert_true(fixture_run(command));
    return fixture_open(name);
}

/** Every sample of a null edit is the source's, whatever its format, and the size may be odd. */
static void
test_ffv1_null_edit_is_exact(void)
{
    static const char *const formats[] = {
        "yuv420p",  "yuv422p10le", "yuv444p12le", "yuv420p16le", "yuva444p10le",
        "gbrp10le", "gbrp12le",    "gbrp16le",    "gbrap12le",   "bgr0",
        "bgra",     "gray",        "gray16le",    "yuv440p12le", "ya8"};

    if (!fixture_has_ffmpeg())
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(VeraClip) clip = make_clip("null.mkv", formats[i], "91x51", "");
        g_autofree char *dir = fixture_get_path(formats[i]);
        VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_FFV1, dir);
        export_run(&settings, clip, 0, N - 1, TRUE);
        g_autofree char *comp = g_strdup_printf("%s/comp.mkv", formats[i]);
        g_autofree char *want = export_ask("ffmpeg -v error -i null.mkv -map 0:v -f framehash -");
        g_autofree char *got = export_ask("ffmpeg -v error -i %s -map 0:v -f framehash -", comp);
        g_test_message("%s", formats[i]);
        g_assert_nonnull(strstr(want, ", "));
        g_assert_cmpstr(got, ==, want);
        g_autofree char *kind = export_ask(
            "ffprobe -v error -show_entries stream=codec_name,pix_fmt -of csv=p=0 %s", comp);
        g_assert_nonnull(strstr(kind, formats[i]));
        g_assert_true(g_str_has_prefix(kind, "ffv1"));
    }
}

/** What was edited is written as composited, and the layer holds colour and matte in 16 bits. */
static void
test_ffv1_edit_is_exact(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("edit.mkv", "yuv422p10le", "90x50", "");
    g_autofree char *dir = fixture_get_path("ffv1");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_FFV1, dir);
    ExportEdit edit;

    export_run(&settings, clip, 0, N - 1, FALSE);
    g_autoptr(GBytes) comp = export_decode("", "ffv1/comp.mkv", "yuv422p10le");
    g_autoptr(GBytes) layer = export_decode("", "ffv1/edit.mkv", "gbrap16le");
    const guint16 *c = g_bytes_get_data(comp, NULL), *l = g_bytes_get_data(layer, NULL);
    const gsize n = 90 * 50;
    g_assert_cmpuint(g_bytes_get_size(comp), ==, N * n * 4);
    g_assert_cmpuint(g_bytes_get_size(layer), ==, N * n * 8);
    export_edit_init(&edit, vera_clip_get_info(clip));
    for (gint64 f = 0; f < N; f++) {
        VeraExportFrame frame = export_edit_make(&edit, clip, f, FALSE);
        for (int p = 0; p < 3; p++) {
            int width = vera_frame_get_plane_width(frame.composite, p);
            for (int y = 0; y < 50; y++, c += width)
                g_assert_cmpmem(c, (gsize)width * 2,
                                frame.composite->data[p] + y * frame.composite->stride[p],
                                (gsize)width * 2);
        }
        for (gsize i = 0; i < n; i++) {
            g_assert_cmpint(l[i], ==, lrintf(edit.layer[3 * i + 1] * 65535.0f));
            g_assert_cmpint(l[n + i], ==, lrintf(edit.layer[3 * i + 2] * 65535.0f));
            g_assert_cmpint(l[2 * n + i], ==, lrintf(edit.layer[3 * i] * 65535.0f));
            g_assert_cmpint(l[3 * n + i], ==, lrintf(edit.matte[i] * 65535.0f));
        }
        l += 4 * n;
        export_frame_clear(&frame);
    }
    export_edit_clear(&edit);
}

/** Mean square error of @planes (G, B, R of 16 bits) against interleaved floats. */
static double
get_error(const guint16 *planes, int stride, const float *rgb, int width, int height)
{
    static const int order[3] = {1, 2, 0};
    double sum = 0;
    gsize plane = (gsize)stride * (gsize)(height + height % 2 * (stride != width));

    for (int c = 0; c < 3; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                double got = planes[(gsize)c * plane + (gsize)(y * stride + x)] / 65535.0;
                double want = CLAMP(rgb[3 * (y * width + x) + order[c]], 0.0f, 1.0f);
                sum += (got - want) * (got - want);
            }
    return sum / (3.0 * width * height);
}

/** Another decoder and converter sees our colours: matrix, range and tags agree. Alpha is exact to
 * 10 bits. */
static void
test_prores_colours_and_alpha(void)
{
    static const char *const sources[][2] = {
        {"gbrp", ""},
        {"yuv420p", "-vf scale=out_color_matrix=bt601 -colorspace smpte170m -color_range tv"},
        {"yuv444p10le", "-vf scale=out_color_matrix=bt709 -colorspace bt709 -color_range tv"}};

    if (!fixture_has_ffmpeg())
        return;
    for (gsize s = 0; s < G_N_ELEMENTS(sources); s++) {
        g_autoptr(VeraClip) clip = make_clip("prores.mkv", sources[s][0], "96x64", sources[s][1]);
        g_autofree char *dir = g_strdup_printf("%s/prores%d", fixture_get_folder(), (int)s);
        VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_PRORES, dir);
        g_autofree char *comp_name = g_strdup_printf("prores%d/comp.mov", (int)s);
        g_autofree char *edit_name = g_strdup_printf("prores%d/edit.mov", (int)s);
        const char *accurate = "-sws_flags accurate_rnd+full_chroma_int";
        ExportEdit edit;
        const gsize n = 96 * 64;

        export_run(&settings, clip, 0, N - 1, FALSE);
        g_autoptr(GBytes) comp = export_decode(accurate, comp_name, "gbrp16le");
        g_autoptr(GBytes) layer = export_decode(accurate, edit_name, "gbrap16le");
        const guint16 *c = g_bytes_get_data(comp, NULL), *l = g_bytes_get_data(layer, NULL);
        g_assert_cmpuint(g_bytes_get_size(layer), ==, N * n * 8);
        export_edit_init(&edit, vera_clip_get_info(clip));
        for (gint64 f = 0; f < N; f++, c += 3 * n, l += 4 * n) {
            VeraExportFrame frame = export_edit_make(&edit, clip, f, FALSE);
            double e = get_error(c, 96, edit.out, 96, 64), d = get_error(l, 96, edit.layer, 96, 64);
            g_test_message("source %d frame %d: comp %.1f dB, edit %.1f dB", (int)s, (int)f,
                           -10 * log10(e), -10 * log10(d));
            g_assert_cmpfloat(e, <, 3e-4);
            g_assert_cmpfloat(d, <, 1e-5);
            for (gsize i = 0; i < n; i++)
                g_assert_cmpfloat_with_epsilon(l[3 * n + i] / 65535.0, edit.matte[i], 0.75 / 1023);
            export_frame_clear(&frame);
        }
        export_edit_clear(&edit);
        g_autofree char *kind = export_ask("ffprobe -v error -select_streams v:0 -show_entries "
                                           "stream=profile,color_range,color_space "
                                           "-of csv=p=0 %s",
                                           edit_name);
        /* ProRes has no range but the limited one; FFmpeg before 6 says so, later ones say nothing. */
        g_assert_true(g_str_has_prefix(kind, "4444,tv,") || g_str_has_prefix(kind, "4444,unknown,"));
        g_assert_true(g_str_has_suffix(kind, s == 1 ? ",smpte170m\n" : ",bt709\n"));
    }
}

/** Review movies are close to the composite; odd sizes are made even by repeating the edge. */
static void
test_h264_is_close(void)
{
    static const char *const sources[][2] = {
        {"gbrp", "91x51"}, {"yuv420p", "91x51"}, {"yuv420p", "90x50"}};

    if (!fixture_has_ffmpeg())
        return;
    for (gsize s = 0; s < G_N_ELEMENTS(sources); s++) {
        g_autoptr(VeraClip) clip = make_clip("review.mkv", sources[s][0], sources[s][1], "-vf gblur=sigma=4");
        g_autofree char *dir = g_strdup_printf("%s/h264-%d", fixture_get_folder(), (int)s);
        g_autofree char *name = g_strdup_printf("h264-%d/review.mp4", (int)s);
        VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_H264, dir);
        const VeraClipInfo *info = vera_clip_get_info(clip);
        int width = info->width + info->width % 2, height = info->height + info->height % 2;
        ExportEdit edit;

        export_run(&settings, clip, 0, N - 1, FALSE);
        g_autoptr(GBytes) comp =
            export_decode("-sws_flags accurate_rnd+full_chroma_int", name, "gbrp16le");
        const guint16 *c = g_bytes_get_data(comp, NULL);
        g_assert_cmpuint(g_bytes_get_size(comp), ==, (gsize)(N * width * height * 6));
        export_edit_init(&edit, info);
        for (gint64 f = 0; f < N; f++, c += 3 * width * height) {
            VeraExportFrame frame = export_edit_make(&edit, clip, f, FALSE);
            double e = get_error(c, width, edit.out, info->width, info->height);
            g_test_message("%s %s frame %d: %.1f dB", sources[s][0], sources[s][1], (int)f,
                           -10 * log10(e));
            g_assert_cmpfloat(e, <, 5e-4);
            export_frame_clear(&frame);
        }
        export_edit_clear(&edit);
    }
}

static void
test_timecode_and_rate(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *file;
    } kinds[] = {{VERA_EXPORT_PRESET_FFV1, "comp.mkv"},
                 {VERA_EXPORT_PRESET_PRORES, "comp.mov"},
                 {VERA_EXPORT_PRESET_H264, "review.mp4"}};
    static const struct {
        const char *rate, *start, *third;
    } cases[] = {{"24000/1001", "01:00:59:22", "01:01:00:00"},
                 {"30000/1001", "00:00:59;28", "00:01:00;02"},
                 {"30000/1001", "00:00:59:28", "00:01:00:00"},
                 {"25/1", "23:59:59:23", "00:00:00:00"}};

    if (!fixture_has_ffmpeg())
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_free(export_ask("ffmpeg -v error -y -f lavfi -i testsrc2=size=64x48:rate=%s -frames:v 6 "
                          "-timecode '%s' -c:v ffv1 tc.mkv",
                          cases[i].rate, cases[i].start));
        g_autoptr(VeraClip) clip = fixture_open("tc.mkv");
        for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
            g_autofree char *dir =
                g_strdup_printf("%s/tc-%d-%d", fixture_get_folder(), (int)i, (int)k);
            VeraExportSettings settings = make_settings(kinds[k].preset, dir);
            export_run(&settings, clip, 2, 5, TRUE);
            g_autofree char *path = g_build_filename(dir, kinds[k].file, NULL);
            g_autofree char *facts = export_ask(
                "ffprobe -v error -select_streams v:0 -count_packets -show_entries "
                "stream=r_frame_rate,avg_frame_rate,nb_read_packets:stream_tags -of flat %s",
                path);
            g_autofree char *rate = g_strdup_printf("avg_frame_rate=\"%s\"", cases[i].rate);
            g_autofree char *timecode = g_strdup_printf("=\"%s\"", cases[i].third);
            g_test_message("%s", facts);
            g_assert_nonnull(strstr(facts, rate));
            g_assert_nonnull(strstr(facts, timecode));
            g_assert_nonnull(strstr(facts, "nb_read_packets=\"4\""));
        }
    }
}

/** Times of a movie's pictures, in seconds from the first. */
static GArray *
get_times(const char *name)
{
    g_autofree char *text = export_ask(
        "ffprobe -v error -select_streams v:0 -show_entries frame=pts_time -of csv=p=0 %s", name);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GArray *times = g_array_new(FALSE, FALSE, sizeof(double));
    double zero = 0;

    for (int i = 0; lines[i] != NULL; i++) {
        double time = g_ascii_strtod(lines[i], NULL);
        if (lines[i][0] == '\0')
            continue;
        zero = times->len == 0 ? time : zero;
        time -= zero;
        g_array_append_val(times, time);
    }
    return times;
}

/** Uneven times are kept: exactly in MOV and MP4, to the millisecond in Matroska. */
static void
test_variable_rate(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *name;
        double bar;
    } kinds[] = {{VERA_EXPORT_PRESET_FFV1, "vfr-0/comp.mkv", 0.00051},
                 {VERA_EXPORT_PRESET_PRORES, "vfr-1/comp.mov", 0.000002},
                 {VERA_EXPORT_PRESET_H264, "vfr-2/review.mp4", 0.000002}};

    if (!fixture_has_ffmpeg())
        return;
    g_free(
        export_ask("ffmpeg -v error -y -f lavfi -i testsrc2=size=64x48:rate=30 -frames:v 9 -vf "
                   "\"settb=1/30000,setpts='N*1000+N*N*77'\" -fps_mode passthrough -enc_time_base "
                   "1/30000 -video_track_timescale 30000 -c:v libx264 vfr.mp4"));
    g_autoptr(VeraClip) clip = fixture_open("vfr.mp4");
    g_autoptr(GArray) want = get_times("vfr.mp4");
    g_assert_true(vera_clip_get_info(clip)->is_variable_rate);
    g_assert_cmpuint(want->len, ==, 9);
    for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autofree char *dir = g_strdup_printf("%s/vfr-%d", fixture_get_folder(), (int)k);
        VeraExportSettings settings = make_settings(kinds[k].preset, dir);
        export_run(&settings, clip, 0, 8, TRUE);
        g_autoptr(GArray) got = get_times(kinds[k].name);
        g_assert_cmpuint(got->len, ==, 9);
        for (guint i = 0; i < 9; i++)
            g_assert_cmpfloat_with_epsilon(g_array_index(got, double, i),
                                           g_array_index(want, double, i), kinds[k].bar);
    }
}

/** A clip of two seconds, silent but for a beep from 0.5 to 0.75 s, with sound coded by @codec. */
static VeraClip *
make_beep(const char *name, const char *codec)
{
    g_free(export_ask(
        "ffmpeg -v error -y -f lavfi -i testsrc2=size=64x48:rate=24 -f lavfi -i "
        "\"aevalsrc='between(t,0.5,0.75)*sin(2*PI*1000*t)*0.5':s=48000\" -t 2 -c:v libx264 "
        "-pix_fmt yuv420p -c:a %s %s",
        codec, name));
    return fixture_open(name);
}

/** When the beep begins and ends in the sound of @name, in seconds. */
static void
find_beep(const char *name, double *begin, double *end)
{
    g_autofree char *path = fixture_get_path("beep.raw"), *bytes = NULL;
    gsize length;

    g_free(export_ask(
        "ffmpeg -v error -y -i %s -map 0:a:0 -af aresample=async=1:first_pts=0 -ac 1 -ar "
        "48000 -f s16le beep.raw",
        name));
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    const gint16 *samples = (const gint16 *)(gpointer)bytes;
    *begin = *end = -1;
    for (gsize i = 0; i < length / 2; i++)
        if (ABS(samples[i]) > 4000) {
            *begin = *begin < 0 ? (double)i / 48000 : *begin;
            *end = (double)i / 48000;
        }
}

/** Sound that fits is copied byte by byte, other sound becomes AAC, and both stay with the picture.
 */
static void
test_sound(void)
{
    static const struct {
        const char *file, *codec, *expected;
        gboolean is_copied;
    } cases[] = {{"aac.mp4", "aac", "aac", TRUE},
                 {"ac3.mkv", "ac3", "ac3", TRUE},
                 {"pcm.mov", "pcm_s24le", "aac", FALSE},
                 {"vorbis.mkv", "libvorbis", "aac", FALSE}};

    if (!fixture_has_ffmpeg())
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VeraClip) clip = make_beep(cases[i].file, cases[i].codec);
        g_autofree char *dir = g_strdup_printf("%s/sound-%d", fixture_get_folder(), (int)i);
        g_autofree char *part_dir = g_strdup_printf("%s/part-%d", fixture_get_folder(), (int)i);
        g_autofree char *whole = g_strdup_printf("sound-%d/review.mp4", (int)i);
        g_autofree char *part = g_strdup_printf("part-%d/review.mp4", (int)i);
        VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_H264, dir);
        double begin, end;

        export_run(&settings, clip, 0, 47, TRUE);
        g_autofree char *kind = export_ask(
            "ffprobe -v error -select_streams a -show_entries stream=codec_name -of csv=p=0 %s",
            whole);
        g_assert_cmpint(strncmp(kind, cases[i].expected, strlen(cases[i].expected)), ==, 0);
        if (cases[i].is_copied) {
            const char *hash = "ffmpeg -v error -i %s -map 0:a -c copy -f hash -";
            g_autofree char *a = g_strdup_printf(hash, cases[i].file),
                            *b = g_strdup_printf(hash, whole);
            g_autofree char *want = export_ask("%s", a), *got = export_ask("%s", b);
            g_assert_cmpstr(got, ==, want);
        }
        find_beep(whole, &begin, &end);
        g_test_message("%s: beep from %.4f to %.4f s", cases[i].file, begin, end);
        g_assert_cmpfloat_with_epsilon(begin, 0.5, 0.012);
        g_assert_cmpfloat_with_epsilon(end, 0.75, 0.012);
        /* From frame 6, a quarter of a second later, to frame 29. */
        settings.output_dir = part_dir;
        export_run(&settings, clip, 6, 29, TRUE);
        find_beep(part, &begin, &end);
        g_test_message("%s: beep from %.4f to %.4f s", part, begin, end);
        g_assert_cmpfloat_with_epsilon(begin, 0.25, 0.012);
        g_assert_cmpfloat_with_epsilon(end, 0.5, 0.012);
        g_autofree char *length =
            export_ask("ffprobe -v error -show_entries format=duration -of csv=p=0 %s", part);
        g_assert_cmpfloat_with_epsilon(g_ascii_strtod(length, NULL), 1.0, 0.08);
    }
}

static void
test_silence(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_beep("silent.mp4", "aac");
    g_autofree char *dir = fixture_get_path("silent");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_H264, dir);

    settings.is_silent = TRUE;
    export_run(&settings, clip, 0, 5, TRUE);
    g_autofree char *kinds = export_ask(
        "ffprobe -v error -show_entries stream=codec_type -of csv=p=0 silent/review.mp4");
    g_assert_null(strstr(kinds, "audio"));
    g_assert_nonnull(strstr(kinds, "video"));
}

/** The same export twice gives the same bytes. */
static void
test_same_bytes(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip("same.mkv", "yuv420p", "64x48", "");
    const VeraExportPreset presets[] = {VERA_EXPORT_PRESET_FFV1, VERA_EXPORT_PRESET_PRORES,
                                        VERA_EXPORT_PRESET_H264};

    for (gsize i = 0; i < G_N_ELEMENTS(presets); i++) {
        g_autofree char *hash[2] = {NULL, NULL};
        for (int k = 0; k < 2; k++) {
            g_autofree char *name = g_strdup_printf("same-%d-%d", (int)i, k),
                            *dir = fixture_get_path(name);
            VeraExportSettings settings = make_settings(presets[i], dir);
            export_run(&settings, clip, 0, N - 1, FALSE);
            hash[k] = export_ask("cat %s/*.m* | sha256sum", name);
        }
        g_assert_cmpstr(hash[0], ==, hash[1]);
        g_clear_pointer(&hash[0], g_free);
        g_clear_pointer(&hash[1], g_free);
    }
}

/** A clip whose samples FFV1 cannot hold is refused with a way out. */
static void
test_unsupported(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = fixture_get_path("unsupported");
    VeraExportSettings settings = make_settings(VERA_EXPORT_PRESET_FFV1, dir);

    g_free(
        export_ask("ffmpeg -v error -y -f lavfi -i testsrc2=size=32x32 -frames:v 1 -pix_fmt ya16be "
                   "ya16.png"));
    g_autoptr(VeraClip) clip = fixture_open("ya16.png");
    g_assert_cmpint(export_try(&settings, clip, 0, 0, TRUE, &error), ==, -1);
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "FFV1"));
    g_assert_nonnull(strstr(error->message, "png"));
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/movie/ffv1-null-edit-is-exact", test_ffv1_null_edit_is_exact);
    g_test_add_func("/movie/ffv1-edit-is-exact", test_ffv1_edit_is_exact);
    g_test_add_func("/movie/prores-colours-and-alpha", test_prores_colours_and_alpha);
    g_test_add_func("/movie/h264-is-close", test_h264_is_close);
    g_test_add_func("/movie/timecode-and-rate", test_timecode_and_rate);
    g_test_add_func("/movie/variable-rate", test_variable_rate);
    g_test_add_func("/movie/sound", test_sound);
    g_test_add_func("/movie/silence", test_silence);
    g_test_add_func("/movie/same-bytes", test_same_bytes);
    g_test_add_func("/movie/unsupported", test_unsupported);
    code = g_test_run();
    fixture_remove_folder();
    return code;
}
