#include "config.h"

#include "engine/compositing/vera-layer-frame.h"
#include "engine/compositing/vera-verify.h"
#include "engine/media/vera-exr-read.h"
#include "engine/queue/vera-export-job.h"
#include "tests/engine/export-fixture.h"

/* A stack of layers as the canvas shows it, and what becomes of it in files. */

#define W 90
#define H 50
#define N 6
#define N_LAYERS 3

/* Where the takes lie, how large they are, how they are shown. */
static const struct {
    int first, last, width, height;
    float x, y, radius, value;
    VeraMatteRefinement refinement;
    float opacity;
} kinds[N_LAYERS] = {
    {0, 3, 48, 32, 0.4f, 0.5f, 9, 0.8f, VERA_MATTE_REFINEMENT_INIT, 1.0f},
    {1, 5, 64, 32, 0.5f, 0.6f, 8, 0.3f, {.black = 0.1f, .white = 0.8f, .grow_px = 1.5f, .feather_px = 2.0f, .floor = 0.02f}, 0.4f},
    {2, 2, 32, 32, 0.6f, 0.4f, 6, 1.0f, VERA_MATTE_REFINEMENT_INIT, 0.75f},
};

static VeraTake *
make_take(int i)
{
    g_autofree char *name = g_strdup_printf("take-%d", i), *dir = fixture_get_path(name);
    g_autoptr(VeraTakeRecord) record = vera_take_record_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTakeWriter) writer = NULL;
    int width = kinds[i].width, height = kinds[i].height, n = width * height;
    g_autofree float *edit = g_new(float, 3 * n), *matte = g_new(float, n), *snapped = g_new(float, n);
    VeraTake *take;

    record->instruction = g_strdup("Add a lamp");
    record->clip_path = fixture_get_path("stack.mkv");
    record->width = width;
    record->height = height;
    record->n_steps = 1;
    for (gint64 f = kinds[i].first; f <= kinds[i].last; f++)
        g_array_append_val(record->frames, f);
    for (int p = 0; p < n; p++) {
        float x = (float)(p % width) - kinds[i].x * (float)width,
              y = (float)p / (float)width - kinds[i].y * (float)height;
        matte[p] = CLAMP((kinds[i].radius - hypotf(x, y)) / 4, 0.0f, 1.0f);
        snapped[p] = hypotf(x, y) < kinds[i].radius - 2;
        for (int c = 0; c < 3; c++)
            edit[c * n + p] = kinds[i].value * (float)(p % (c + 3)) / (float)(c + 2);
    }
    if (!vera_take_is_take(dir)) {
        writer = vera_take_writer_new(dir, record, &error);
        for (int f = kinds[i].first; f <= kinds[i].last; f++)
            g_assert_true(vera_take_writer_add_frame(writer, edit, matte, i < 2 ? snapped : NULL, edit, &error));
        g_assert_true(vera_take_writer_finish(writer, &error));
    }
    take = vera_take_open(dir, NULL, &error);
    g_assert_no_error(error);
    return take;
}

static VeraClip *
make_clip(void)
{
    g_free(export_ask("ffmpeg -v error -y -f lavfi -i testsrc2=size=%dx%d:rate=24 -frames:v %d "
                      "-pix_fmt gbrp -c:v ffv1 stack.mkv",
                      W, H, N));
    return fixture_open("stack.mkv");
}

/* Exports frames 1 to 4 with the first @n_layers layers. */
static void
export_stack(VeraClip *clip,
             VeraTake **takes,
             int n_layers,
             VeraExportPreset preset,
             const char *name,
             gboolean is_resume)
{
    g_autofree char *dir = fixture_get_path(name);
    g_autoptr(GArray) frames = export_list_frames(1, 4, 1);
    g_autoptr(GError) error = NULL;
    VeraExportLayer layers[N_LAYERS];
    VeraExportJob job = {.clip = clip,
                         .layers = layers,
                         .n_layers = n_layers,
                         .frames = frames,
                         .settings = VERA_EXPORT_SETTINGS_INIT};
    gint64 n_changed;

    for (int i = 0; i < n_layers; i++)
        layers[i] = (VeraExportLayer){takes[i], kinds[i].refinement, kinds[i].opacity};
    job.settings.preset = preset;
    job.settings.output_dir = dir;
    job.settings.name = "shot";
    job.settings.is_float32 =
        preset == VERA_EXPORT_PRESET_EXR || preset == VERA_EXPORT_PRESET_EXR_SEPARATE;
    job.settings.is_resume = is_resume;
    g_assert_true(vera_export_job_run(&job, &n_changed, NULL, NULL, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpint(n_changed, ==, 0);
}

/* Frame @index as the canvas has it: each layer over what is below, with its opacity. */
static void
composite_as_canvas(
    VeraClip *clip, VeraTake **takes, gint64 index, float *rgb, float *mattes[N_LAYERS])
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) source = vera_clip_read_frame(clip, index, NULL, &error);
    g_autofree float *plate = g_new(float, W *H * 3);

    vera_frame_to_rgb(source, rgb);
    vera_frame_to_rgb(source, plate);
    for (int i = 0; i < N_LAYERS; i++) {
        int n = kinds[i].width * kinds[i].height;
        g_autofree float *edit = g_new(float, 3 * n), *matte = g_new(float, n);
        mattes[i] = g_new0(float, W *H);
        if (index < kinds[i].first || index > kinds[i].last)
            continue;
        VeraMatteRefinement refinement = vera_take_fit_refinement(takes[i], &kinds[i].refinement);
        g_assert_true(vera_take_read_frame(takes[i], index - kinds[i].first, refinement.is_snapped,
                                           edit, matte, NULL, NULL, &error));
        g_autoptr(VeraLayerFrame) layer =
            vera_layer_frame_new(&(VeraImage){kinds[i].width, kinds[i].height, 3, edit},
                                 &(VeraImage){kinds[i].width, kinds[i].height, 1, matte}, NULL,
                                 &(VeraImage){W, H, 3, plate}, source->color.transfer, &refinement, &error);
        VeraComposite over = {.width = W,
                              .height = H,
                              .source_rgb = rgb,
                              .layer_rgb = layer->rgb,
                              .matte = layer->matte,
                              .opacity = kinds[i].opacity,
                              .transfer = source->color.transfer};
        vera_composite_over(&over, rgb);
        for (int p = 0; p < W * H; p++)
            mattes[i][p] = layer->matte[p] * kinds[i].opacity;
    }
}

/* The values of one channel, which FFmpeg gives as layers alone. */
static float *
read_channel(const char *name, const char *channel)
{
    g_autofree char *path = fixture_get_path(name);
    g_autoptr(VeraFrame) frame = NULL;
    g_autoptr(GError) error = NULL;
    float *values = g_new(float, W *H);

    g_assert_true(vera_exr_read_channel(path, channel, &frame, &error));
    g_assert_no_error(error);
    g_assert_nonnull(frame);
    for (int y = 0; y < H; y++)
        memcpy(values + y * W, frame->data[0] + y * frame->stride[0], W * sizeof(float));
    return values;
}

static void
assert_composite(const char *file, VeraClip *clip, VeraTake **takes, gint64 index)
{
    static const char *const channels[3] = {"R", "G", "B"};
    float *mattes[N_LAYERS];
    g_autofree float *rgb = g_new(float, W *H * 3), *plain = g_new(float, W *H * 3);
    g_autoptr(VeraFrame) source = vera_clip_read_frame(clip, index, NULL, NULL);
    int n_kept = 0, n_mixed = 0;

    composite_as_canvas(clip, takes, index, rgb, mattes);
    vera_frame_to_rgb(source, plain);
    for (int c = 0; c < 3; c++) {
        g_autofree float *got = read_channel(file, channels[c]);
        for (int p = 0; p < W * H; p++) {
            float want = vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, rgb[3 * p + c]);
            int n_over = (mattes[0][p] > 0) + (mattes[1][p] > 0) + (mattes[2][p] > 0);
            n_kept += n_over == 0;
            n_mixed += n_over > 1;
            g_assert_cmpfloat_with_epsilon(got[p], want, 1e-6);
            if (n_over == 0)
                g_assert_cmpfloat(got[p], ==,
                                  vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, plain[3 * p + c]));
        }
    }
    g_assert_cmpint(n_kept, >, 3 * W * H / 4);
    g_assert_cmpint(n_mixed, >, index == 4 ? -1 : 60);
    for (int i = 0; i < N_LAYERS; i++) {
        g_autofree char *channel = g_strdup_printf("edit%02d.A", i + 1);
        g_autofree float *alpha = read_channel(file, channel);
        for (int p = 0; p < W * H; p++)
            g_assert_cmpfloat_with_epsilon(alpha[p], mattes[i][p], 1e-6);
        g_free(mattes[i]);
    }
}

static void
open_takes(VeraTake **takes)
{
    for (int i = 0; i < N_LAYERS; i++)
        takes[i] = make_take(i);
}

static void
close_takes(VeraTake **takes)
{
    for (int i = 0; i < N_LAYERS; i++)
        vera_take_free(takes[i]);
}

/* What is written is what the canvas shows, layer by layer, also where a layer has no such frame.
 */
static void
test_layered(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip();
    VeraTake *takes[N_LAYERS];

    open_takes(takes);
    export_stack(clip, takes, N_LAYERS, VERA_EXPORT_PRESET_EXR, "layered", FALSE);
    assert_composite("layered/shot.1002.exr", clip, takes, 1);
    assert_composite("layered/shot.1003.exr", clip, takes, 2);
    assert_composite("layered/shot.1005.exr", clip, takes, 4);
    g_autofree char *header = export_ask("exrheader layered/shot.1003.exr");
    const char *const lines[] = {"edit01.A, 32-bit", "edit02.R, 32-bit", "edit03.A, 32-bit",
                                 "vera/record (type string): \"[{"};
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        if (strstr(header, lines[i]) == NULL)
            g_error("“%s” is not in %s", lines[i], header);
    g_assert_null(strstr(header, "edit.A"));
    close_takes(takes);
}

/* One layer is called as it always was. */
static void
test_only_layer(void)
{
    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip();
    VeraTake *takes[N_LAYERS];

    open_takes(takes);
    export_stack(clip, takes, 1, VERA_EXPORT_PRESET_PNG, "only", FALSE);
    g_autofree char *names = export_ask("cd only && echo *");
    g_assert_cmpstr(names, ==, "comp edit manifest.json matte\n");
    export_stack(clip, takes, 0, VERA_EXPORT_PRESET_PNG, "none", FALSE);
    g_autofree char *none = export_ask("cd none && echo *");
    g_assert_cmpstr(none, ==, "comp manifest.json\n");
    close_takes(takes);
}

static void
verify_cb(const VeraVerifyFrame *frame, gpointer user_data)
{
    if (frame->n_changed > 0)
        *(VeraVerifyFrame *)user_data = *frame;
}

/* Every preset that can be verified proves that nothing changed outside all mattes, and would find
 * it if it had. */
static void
test_verify(void)
{
    static const struct {
        VeraExportPreset preset;
        const char *name, *listing;
    } presets[] = {{VERA_EXPORT_PRESET_EXR, "v-exr",
                    "manifest.json shot.1002.exr shot.1003.exr shot.1004.exr shot.1005.exr\n"},
                   {VERA_EXPORT_PRESET_EXR_SEPARATE, "v-sep",
                    "comp edit01 edit02 edit03 manifest.json matte01 matte02 matte03\n"},
                   {VERA_EXPORT_PRESET_PNG, "v-png",
                    "comp edit01 edit02 edit03 manifest.json matte01 matte02 matte03\n"},
                   {VERA_EXPORT_PRESET_FFV1, "v-ffv1",
                    "comp.mkv edit01.mkv edit02.mkv edit03.mkv manifest.json\n"}};
    g_autofree char *source = fixture_get_path("stack.mkv");
    VeraTake *takes[N_LAYERS];

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip();
    open_takes(takes);
    for (gsize i = 0; i < G_N_ELEMENTS(presets); i++) {
        g_autofree char *dir = fixture_get_path(presets[i].name), *listing = NULL;
        g_autoptr(GError) error = NULL;
        VeraVerifyFrame found = {0};
        gint64 n_changed, n_frames;
        export_stack(clip, takes, N_LAYERS, presets[i].preset, presets[i].name, FALSE);
        listing = export_ask("cd %s && echo *", presets[i].name);
        g_assert_cmpstr(listing, ==, presets[i].listing);
        g_assert_true(
            vera_verify_run(dir, source, &n_changed, &n_frames, verify_cb, &found, NULL, &error));
        g_assert_no_error(error);
        g_assert_cmpint(n_changed, ==, 0);
        g_assert_cmpint(n_frames, ==, 4);
    }
    /* Without the mattes of one layer its pixels are changes that nothing covers. */
    g_free(export_ask("for f in v-png/matte02/*; do cp v-png/matte03/shot.1005.png $f; done"));
    g_autofree char *dir = fixture_get_path("v-png");
    VeraVerifyFrame found = {0};
    gint64 n_changed, n_frames;
    g_assert_true(
        vera_verify_run(dir, source, &n_changed, &n_frames, verify_cb, &found, NULL, NULL));
    g_assert_cmpint(n_changed, >, 0);
    /* Without a manifest the folders tell what is there, but not that a part of the clip was all that was wanted. */
    g_free(export_ask("rm v-png/manifest.json"));
    g_autoptr(GError) incomplete = NULL;
    g_assert_false(vera_verify_run(dir, source, &n_changed, &n_frames, verify_cb, &found, NULL, &incomplete));
    g_assert_error(incomplete, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    close_takes(takes);
}

/* A resumed export keeps finished frames only while the whole stack is the same. */
static void
test_resume(void)
{
    g_autoptr(GError) error = NULL;
    VeraTake *takes[N_LAYERS];

    if (!fixture_has_ffmpeg())
        return;
    g_autoptr(VeraClip) clip = make_clip();
    g_autoptr(GArray) frames = export_list_frames(1, 4, 1);
    g_autofree char *dir = fixture_get_path("resumed");
    VeraExportLayer layers[2];
    VeraExportJob job = {.clip = clip,
                         .layers = layers,
                         .n_layers = 2,
                         .frames = frames,
                         .settings = VERA_EXPORT_SETTINGS_INIT};
    gint64 n_changed;

    open_takes(takes);
    export_stack(clip, takes, 2, VERA_EXPORT_PRESET_PNG, "resumed", FALSE);
    g_autofree char *before = export_ask("ls -i resumed/comp resumed/edit02");
    export_stack(clip, takes, 2, VERA_EXPORT_PRESET_PNG, "resumed", TRUE);
    g_autofree char *after = export_ask("ls -i resumed/comp resumed/edit02");
    g_assert_cmpstr(before, ==, after);
    for (int i = 0; i < 2; i++)
        layers[i] =
            (VeraExportLayer){takes[i], kinds[i].refinement, i == 1 ? 0.5f : kinds[i].opacity};
    job.settings.preset = VERA_EXPORT_PRESET_PNG;
    job.settings.output_dir = dir;
    job.settings.name = "shot";
    job.settings.is_resume = TRUE;
    g_assert_false(vera_export_job_run(&job, &n_changed, NULL, NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, "other settings"));
    close_takes(takes);
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/export-stack/layered", test_layered);
    g_test_add_func("/export-stack/only-layer", test_only_layer);
    g_test_add_func("/export-stack/verify", test_verify);
    g_test_add_func("/export-stack/resume", test_resume);
    code = g_test_run();
    fixture_remove_folder();
    return code;
}
