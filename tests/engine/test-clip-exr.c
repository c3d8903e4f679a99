#include "config.h"

#include <math.h>
#include <openexr.h>

#include "engine/media/vera-exr-writer.h"
#include "tests/engine/media-fixture.h"

/* Large enough for PIZ: OpenEXR 3.2 writes tables of up to 8,200 bytes into a buffer of a chunk's
 * size. */
#define W 64
#define H 26

static float
get_value(int x, int y, int c)
{
    return (float)(x + 32 * y) / 16.0f - (float)c * 0.125f;
}

/** How one test file is made. */
typedef struct {
    const char *name;
    const char *channels;
    exr_pixel_type_t type;
    exr_compression_t compression;
    exr_attr_box2i_t data;
    int shift;
} Sheet;

static void
encode_chunk(exr_context_t context, int y, int lines, const Sheet *sheet, float *samples)
{
    exr_encode_pipeline_t encoder = EXR_ENCODE_PIPELINE_INITIALIZER;
    exr_chunk_info_t info;
    int width = sheet->data.max.x - sheet->data.min.x + 1;

    g_assert_cmpint(exr_write_scanline_chunk_info(context, 0, y, &info), ==, EXR_ERR_SUCCESS);
    g_assert_cmpint(exr_encoding_initialize(context, 0, &info, &encoder), ==, EXR_ERR_SUCCESS);
    for (int c = 0; c < encoder.channel_count; c++) {
        float *plane = samples + (gsize)c * width * lines;
        for (int i = 0; i < width * MIN(lines, info.height); i++)
            plane[i] = get_value(sheet->data.min.x + i % width, y + i / width,
                                 encoder.channels[c].channel_name[0] + sheet->shift);
        if (sheet->type == EXR_PIXEL_UINT)
            for (int i = 0; i < width * MIN(lines, info.height); i++)
                ((guint32 *)(void *)plane)[i] = (guint32)i + 70000;
        encoder.channels[c].user_data_type =
            sheet->type == EXR_PIXEL_UINT ? EXR_PIXEL_UINT : EXR_PIXEL_FLOAT;
        encoder.channels[c].user_bytes_per_element = 4;
        encoder.channels[c].user_pixel_stride = 4;
        encoder.channels[c].user_line_stride = width * 4;
        encoder.channels[c].encode_from_ptr = (const uint8_t *)plane;
    }
    g_assert_cmpint(exr_encoding_choose_default_routines(context, 0, &encoder), ==,
                    EXR_ERR_SUCCESS);
    g_assert_cmpint(exr_encoding_run(context, 0, &encoder), ==, EXR_ERR_SUCCESS);
    exr_encoding_destroy(context, &encoder);
}

static void
write_exr(const Sheet *sheet)
{
    exr_context_initializer_t init = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_context_t context;
    exr_attr_box2i_t display = {.min.x = 0, .min.y = 0, .max.x = W - 1, .max.y = H - 1};
    exr_attr_v2f_t center = {.x = 0, .y = 0};
    g_autofree char *path = fixture_get_path(sheet->name);
    g_auto(GStrv) names = g_strsplit(sheet->channels, " ", -1);
    g_autofree float *samples = g_new0(float, 64 * 64 * 8);
    int part, lines;

    g_assert_cmpint(exr_start_write(&context, path, EXR_WRITE_FILE_DIRECTLY, &init), ==,
                    EXR_ERR_SUCCESS);
    exr_add_part(context, "main", EXR_STORAGE_SCANLINE, &part);
    exr_initialize_required_attr(context, 0, &display, &sheet->data, 1.0f, &center, 1.0f,
                                 EXR_LINEORDER_INCREASING_Y, sheet->compression);
    for (int i = 0; names[i] != NULL; i++)
        exr_add_channel(context, 0, names[i], sheet->type, EXR_PERCEPTUALLY_LOGARITHMIC, 1, 1);
    exr_attr_set_rational(context, 0, "framesPerSecond", &(exr_attr_rational_t){24000, 1001});
    exr_attr_set_timecode(context, 0, "timeCode", &(exr_attr_timecode_t){0x01020304, 0});
    g_assert_cmpint(exr_write_header(context), ==, EXR_ERR_SUCCESS);
    exr_get_scanlines_per_chunk(context, 0, &lines);
    for (int y = sheet->data.min.y; y <= sheet->data.max.y; y += lines)
        encode_chunk(context, y, lines, sheet, samples);
    g_assert_cmpint(exr_finish(&context), ==, EXR_ERR_SUCCESS);
}

static void
check_pixels(const VeraFrame *frame, const Sheet *sheet, const char *planes)
{
    for (int p = 0; p < frame->format.n_planes; p++)
        for (int y = 0; y < frame->height; y++)
            for (int x = 0; x < frame->width; x++) {
                const float *row =
                    (const float *)(void *)(frame->data[p] + (gsize)y * frame->stride[p]);
                gboolean is_inside = x >= sheet->data.min.x && x <= sheet->data.max.x &&
                                     y >= sheet->data.min.y && y <= sheet->data.max.y;
                float wanted = is_inside ? get_value(x, y, planes[p] + sheet->shift) : 0.0f;
                g_assert_true(row[x] == wanted);
            }
}

static void
check_sheet(const Sheet *sheet, VeraFrameLayout layout, const char *planes)
{
    write_exr(sheet);
    g_autoptr(VeraClip) clip = fixture_open(sheet->name);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, 0, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(frame->width, ==, W);
    g_assert_cmpint(frame->height, ==, H);
    g_assert_cmpint(frame->format.layout, ==, layout);
    g_assert_cmpint(frame->format.n_planes, ==, (int)strlen(planes));
    g_assert_true(frame->format.is_float && frame->color.transfer == VERA_COLOR_TRANSFER_LINEAR);
    check_pixels(frame, sheet, planes);
}

static const exr_attr_box2i_t full = {.min.x = 0, .min.y = 0, .max.x = W - 1, .max.y = H - 1};
static const exr_attr_box2i_t inside = {.min.x = 3, .min.y = 2, .max.x = W - 4, .max.y = H - 3};
static const exr_attr_box2i_t beyond = {.min.x = -4, .min.y = -3, .max.x = W + 5, .max.y = H + 2};

static void
test_pixels(void)
{
    static const exr_compression_t kinds[] = {EXR_COMPRESSION_NONE, EXR_COMPRESSION_RLE,
                                              EXR_COMPRESSION_ZIPS, EXR_COMPRESSION_ZIP,
                                              EXR_COMPRESSION_PIZ};
    static const exr_attr_box2i_t *const windows[] = {&full, &inside, &beyond};
    for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++)
        for (int w = 0; w < 3; w++)
            for (int is_half = 0; is_half < 2; is_half++) {
                Sheet sheet = {"p.exr",  "A B G R",   is_half ? EXR_PIXEL_HALF : EXR_PIXEL_FLOAT,
                               kinds[k], *windows[w], 0};
                check_sheet(&sheet, VERA_FRAME_LAYOUT_RGB, "RGBA");
            }
}

static void
test_channels(void)
{
    check_sheet(&(Sheet){"y.exr", "Y", EXR_PIXEL_HALF, EXR_COMPRESSION_ZIP, full, 0},
                VERA_FRAME_LAYOUT_GRAY, "Y");
    check_sheet(&(Sheet){"a.exr", "A", EXR_PIXEL_HALF, EXR_COMPRESSION_ZIP, full, 0},
                VERA_FRAME_LAYOUT_GRAY, "A");
    check_sheet(&(Sheet){"m.exr", "matte.Y", EXR_PIXEL_FLOAT, EXR_COMPRESSION_NONE, full, 0},
                VERA_FRAME_LAYOUT_GRAY, "m");
    check_sheet(&(Sheet){"l.exr", "B G R edit.R r", EXR_PIXEL_HALF, EXR_COMPRESSION_ZIP, full, 0},
                VERA_FRAME_LAYOUT_RGB, "RGB");
    write_exr(
        &(Sheet){"none.exr", "edit.B edit.G edit.R", EXR_PIXEL_HALF, EXR_COMPRESSION_ZIP, full, 0});
    fixture_assert_fails("none.exr", VERA_ENGINE_ERROR_UNSUPPORTED, "none.exr");
}

static void
test_integers(void)
{
    write_exr(&(Sheet){"u.exr", "Y", EXR_PIXEL_UINT, EXR_COMPRESSION_NONE, full, 0});
    g_autoptr(VeraClip) clip = fixture_open("u.exr");
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, 0, NULL, NULL);
    g_assert_true(((float *)(void *)frame->data[0])[5] == 70005.0f);
}

static void
test_tiled(void)
{
    Sheet sheet = {"s.exr", "B G R", EXR_PIXEL_HALF, EXR_COMPRESSION_ZIP, inside, 0};
    g_autofree char *program = g_find_program_in_path("exrmaketiled");
    if (program == NULL) {
        g_test_skip("exrmaketiled is not installed");
        return;
    }
    write_exr(&sheet);
    g_assert_true(fixture_run("exrmaketiled -t 4 3 s.exr tiled.exr"));
    g_autoptr(VeraClip) clip = fixture_open("tiled.exr");
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, 0, NULL, NULL);
    g_assert_nonnull(frame);
    check_pixels(frame, &sheet, "RGB");
}

static void
test_sequence(void)
{
    Sheet sheet = {NULL, "B G R", EXR_PIXEL_HALF, EXR_COMPRESSION_ZIP, full, 0};
    char name[32];
    for (int i = 0; i < 5; i++) {
        g_snprintf(name, sizeof name, "plate.%d.exr", 997 + i);
        sheet.name = name;
        sheet.shift = i;
        write_exr(&sheet);
    }
    g_autoptr(VeraClip) clip = fixture_open("plate.1000.exr");
    const VeraClipInfo *info = vera_clip_get_info(clip);
    g_assert_cmpint(info->n_frames, ==, 5);
    g_assert_cmpint(info->start_number, ==, 997);
    g_assert_cmpint(info->rate_num, ==, 24000);
    g_assert_cmpstr(info->codec_name, ==, "exr sequence");
    g_assert_cmpstr(info->start_timecode, ==, "01:02:03:04");
    for (int i = 4; i >= 0; i--) {
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, i, NULL, NULL);
        sheet.shift = i;
        check_pixels(frame, &sheet, "RGB");
    }
}

static void
test_truncated(void)
{
    g_autoptr(GError) error = NULL;
    write_exr(&(Sheet){"t.exr", "B G R", EXR_PIXEL_FLOAT, EXR_COMPRESSION_NONE, full, 0});
    g_assert_true(fixture_run("head -c $(($(stat -c %s t.exr) - 300)) t.exr > cut.exr"));
    g_autofree char *path = fixture_get_path("cut.exr");
    g_autoptr(VeraClip) clip = vera_clip_open(path, NULL, &error);
    if (clip != NULL)
        g_assert_null(vera_clip_read_frame(clip, 0, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_assert_nonnull(strstr(error->message, "cut.exr"));
}

static exr_compression_t
get_compression(const char *path)
{
    exr_context_initializer_t init = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_context_t context;
    exr_compression_t compression;

    g_assert_cmpint(exr_start_read(&context, path, &init), ==, EXR_ERR_SUCCESS);
    g_assert_cmpint(exr_get_compression(context, 0, &compression), ==, EXR_ERR_SUCCESS);
    exr_finish(&context);
    return compression;
}

/* Values of every size and both signs, which have PIZ's table at its largest. */
static void
check_written(int size, exr_compression_t want)
{
    g_autofree float *values = g_new(float, size *size);
    g_autofree char *path = fixture_get_path("written.exr");
    const VeraExrChannel channel = {"Y", values, 1};
    VeraExrImage image = {.width = size,
                          .height = size,
                          .data_window = {0, 0, size, size},
                          .n_channels = 1,
                          .channels = &channel,
                          .compression = "piz",
                          .pixel_aspect = 1.0f};
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < size * size; i++)
        values[i] =
            ldexpf((float)(1024 + i * 37 % 1024), i % 29 - 24) * (i % 2 == 0 ? 1.0f : -1.0f);
    g_assert_true(vera_exr_write(path, &image, &error));
    g_assert_no_error(error);
    g_assert_cmpint(get_compression(path), ==, want);
    g_autoptr(VeraClip) clip = fixture_open("written.exr");
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, 0, NULL, &error);
    g_assert_no_error(error);
    for (int i = 0; i < size * size; i++) {
        const guint8 *row = frame->data[0] + (gsize)(i / size) * frame->stride[0];

        g_assert_cmpfloat(((const float *)(const void *)row)[i % size], ==, values[i]);
    }
}

/* What is too small for the table of PIZ is written without it. */
static void
test_written(void)
{
    for (int size = 1; size <= 64; size *= 2)
        check_written(size, EXR_COMPRESSION_ZIP);
    check_written(256, EXR_COMPRESSION_PIZ);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clip/exr/pixels", test_pixels);
    g_test_add_func("/clip/exr/channels", test_channels);
    g_test_add_func("/clip/exr/integers", test_integers);
    g_test_add_func("/clip/exr/tiled", test_tiled);
    g_test_add_func("/clip/exr/sequence", test_sequence);
    g_test_add_func("/clip/exr/truncated", test_truncated);
    g_test_add_func("/clip/exr/written", test_written);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
