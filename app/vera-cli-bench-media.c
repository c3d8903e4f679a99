#include "config.h"

#include <math.h>

#include "app/vera-cli-bench-private.h"
#include "app/vera-cli.h"
#include "engine/media/vera-png-writer.h"
#include "engine/queue/vera-export-job.h"

/* The plate of the export, and the take that is laid over it. */
#define VERA_BENCH_PLATE_WIDTH 1280
#define VERA_BENCH_PLATE_HEIGHT 720
#define VERA_BENCH_TAKE_WIDTH 256
#define VERA_BENCH_TAKE_HEIGHT 144
#define VERA_BENCH_PLATE_FRAMES 8

typedef struct {
    VeraClip *clip;
    int n_frames;
} VeraBenchDecode;

static gboolean
vera_bench_decode_cb(gpointer data, GError **error)
{
    VeraBenchDecode *self = data;

    for (int i = 0; i < self->n_frames; i++) {
        g_autoptr(VeraFrame) frame =
            vera_clip_read_frame(self->clip, i, vera_cli_get_cancellable(), error);
        if (frame == NULL)
            return FALSE;
    }
    return TRUE;
}

static gboolean
vera_bench_decode(VeraBench *self, const char *name, VeraClip *clip, GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(clip);
    VeraBenchDecode trial = {clip, (int)MIN(info->n_frames, 48)};

    return vera_bench_measure(
        self, g_strdup(name),
        g_strdup_printf("%s %dx%d, in order", info->codec_name, info->width, info->height),
        trial.n_frames, vera_bench_decode_cb, &trial, error);
}

/* A plate with soft shapes, edges and grain, so that neither compression nor the matte's guide has
 * it easy or hard. */
static void
vera_bench_paint_plate(float *rgb, int frame)
{
    guint32 state = 1 + (guint32)frame;

    for (int y = 0; y < VERA_BENCH_PLATE_HEIGHT; y++) {
        for (int x = 0; x < VERA_BENCH_PLATE_WIDTH; x++) {
            float *p = rgb + 3 * ((gsize)y * VERA_BENCH_PLATE_WIDTH + (gsize)x);
            float wave =
                0.5f + 0.3f * sinf(0.013f * (float)(x + 4 * frame)) * cosf(0.021f * (float)y);
            float bar = (x / 80 + y / 60) % 2 ? 0.1f : 0.0f;
            for (int c = 0; c < 3; c++) {
                state = state * 1664525u + 1013904223u;
                p[c] = wave + bar + 0.1f * (float)c * wave +
                       0.02f * ((float)(state >> 8) / 16777216.0f - 0.5f);
            }
        }
    }
}

static VeraClip *
vera_bench_make_plate(VeraBench *self, GError **error)
{
    g_autofree float *rgb = g_new(float, 3 * VERA_BENCH_PLATE_WIDTH * VERA_BENCH_PLATE_HEIGHT);
    g_autofree char *first = NULL;

    for (int i = 0; i < VERA_BENCH_PLATE_FRAMES; i++) {
        g_autofree char *path = g_strdup_printf("%s/plate.%04d.png", self->work_dir, 1001 + i);
        vera_bench_paint_plate(rgb, i);
        if (!vera_png_write(path, rgb, VERA_BENCH_PLATE_WIDTH, VERA_BENCH_PLATE_HEIGHT, 3, error))
            return NULL;
        if (first == NULL)
            first = g_steal_pointer(&path);
    }
    return vera_clip_open(first, vera_cli_get_cancellable(), error);
}

/* A soft disc that moves: about a fifth of the picture. */
static void
vera_bench_paint_layer(float *edit, float *matte, int frame)
{
    int n = VERA_BENCH_TAKE_WIDTH * VERA_BENCH_TAKE_HEIGHT;

    for (int i = 0; i < n; i++) {
        float x = (float)(i % VERA_BENCH_TAKE_WIDTH - 100 - 4 * frame),
              y = (float)(i / VERA_BENCH_TAKE_WIDTH - 70);
        float distance = sqrtf(x * x + y * y);
        matte[i] = CLAMP((48 - distance) / 6, 0.0f, 1.0f);
        for (int c = 0; c < 3; c++)
            edit[c * n + i] = 0.5f + 0.4f * sinf(0.05f * (x + (float)(40 * c)));
    }
}

static VeraTake *
vera_bench_make_take(VeraBench *self, const char *clip_path, GError **error)
{
    g_autofree char *dir = g_build_filename(self->work_dir, "export-take", NULL);
    g_autoptr(VeraTakeRecord) record = vera_take_record_new();
    g_autofree float *edit = g_new(float, 3 * VERA_BENCH_TAKE_WIDTH * VERA_BENCH_TAKE_HEIGHT);
    g_autofree float *matte = g_new(float, VERA_BENCH_TAKE_WIDTH *VERA_BENCH_TAKE_HEIGHT);
    g_autoptr(VeraTakeWriter) writer = NULL;

    record->instruction = g_strdup("measurement");
    record->clip_path = g_strdup(clip_path);
    record->width = VERA_BENCH_TAKE_WIDTH;
    record->height = VERA_BENCH_TAKE_HEIGHT;
    if (record->frames == NULL)
        record->frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (gint64 i = 0; i < VERA_BENCH_PLATE_FRAMES; i++)
        g_array_append_val(record->frames, i);
    if (!vera_take_is_take(dir)) {
        writer = vera_take_writer_new(dir, record, error);
        for (int i = 0; writer != NULL && i < VERA_BENCH_PLATE_FRAMES; i++) {
            vera_bench_paint_layer(edit, matte, i);
            if (!vera_take_writer_add_frame(writer, edit, matte, NULL, edit, error))
                return NULL;
        }
        if (writer == NULL || !vera_take_writer_finish(writer, error))
            return NULL;
    }
    return vera_take_open(dir, vera_cli_get_cancellable(), error);
}

static gboolean
vera_bench_export_cb(gpointer data, GError **error)
{
    gint64 n_changed;

    return vera_export_job_run(data, &n_changed, NULL, NULL, vera_cli_get_cancellable(), error);
}

static gboolean
vera_bench_export(VeraBench *self, VeraClip *clip, VeraTake *take, GError **error)
{
    static const struct {
        const char *name, *detail;
        VeraExportPreset preset;
    } presets[] = {
        {"export-exr", "layered EXR (float, ZIP)", VERA_EXPORT_PRESET_EXR},
        {"export-png", "16-bit PNG of composite, layer and matte", VERA_EXPORT_PRESET_PNG}};

    for (gsize i = 0; i < G_N_ELEMENTS(presets); i++) {
        g_autofree char *dir = g_build_filename(self->work_dir, presets[i].name, NULL);
        VeraExportSettings settings = VERA_EXPORT_SETTINGS_INIT;
        VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
        VeraExportLayer layer = {take, refinement, 1};
        VeraExportJob job = {.clip = clip, .layers = &layer, .n_layers = 1};
        settings.preset = presets[i].preset;
        settings.output_dir = dir;
        settings.name = "plate";
        settings.is_float32 = TRUE;
        settings.can_overwrite = TRUE;
        job.settings = settings;
        if (!vera_bench_measure(self, g_strdup(presets[i].name),
                                g_strdup_printf("%s, %dx%d", presets[i].detail,
                                                VERA_BENCH_PLATE_WIDTH, VERA_BENCH_PLATE_HEIGHT),
                                VERA_BENCH_PLATE_FRAMES, vera_bench_export_cb, &job, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
vera_bench_run_media(VeraBench *self, GError **error)
{
    g_autoptr(VeraClip) clip = vera_clip_open(self->clip_path, vera_cli_get_cancellable(), error),
                        plate = NULL;
    g_autoptr(VeraTake) take = NULL;

    if (clip == NULL || !vera_bench_decode(self, "decode", clip, error))
        return FALSE;
    plate = vera_bench_make_plate(self, error);
    take = plate ? vera_bench_make_take(self, vera_clip_get_path(plate), error) : NULL;
    return take != NULL && vera_bench_export(self, plate, take, error);
}
