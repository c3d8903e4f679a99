#include "config.h"

#include "engine/media/vera-exr-writer.h"

#include <errno.h>
#include <string.h>

#include <openexr.h>

#include "engine/media/vera-timecode.h"
#include "engine/vera-engine-error.h"

/* FFmpeg up to 5.1 reads this much of an attribute that it does not know and takes what follows for
 * the next attribute: the picture is black then, without an error. */
#define VERA_EXR_TEXT_BYTES 255

/* PIZ begins with a table of up to 8 KiB, which OpenEXR 3.2 puts into a buffer of a chunk's size
 * without a look at it; chunks have this many lines. */
#define VERA_EXR_PIZ_LINES 32
#define VERA_EXR_PIZ_BYTES 16384

/* The library reports by codes and messages on stderr; ours go through GError. */
static void
vera_exr_writer_silence_cb(exr_const_context_t context, exr_result_t code, const char *message)
{
}

static gboolean
vera_exr_writer_has_room_for_piz(const VeraExrImage *image)
{
    gint64 lines = MIN(image->data_window[3], VERA_EXR_PIZ_LINES);
    gint64 bytes = image->is_float32 ? 4 : 2;

    return lines * image->data_window[2] * image->n_channels * bytes >= VERA_EXR_PIZ_BYTES;
}

static exr_compression_t
vera_exr_writer_get_compression(const VeraExrImage *image)
{
    const char *name = image->compression;

    if (strcmp(name, "none") == 0)
        return EXR_COMPRESSION_NONE;
    if (strcmp(name, "zips") == 0)
        return EXR_COMPRESSION_ZIPS;
    return strcmp(name, "piz") == 0 && vera_exr_writer_has_room_for_piz(image)
               ? EXR_COMPRESSION_PIZ
               : EXR_COMPRESSION_ZIP;
}

/* Adds @text whole, in as many attributes as it needs, none of them cut inside of a character. */
static exr_result_t
vera_exr_writer_add_text(exr_context_t context, int part, const VeraExrText *text)
{
    const char *rest = text->value;
    exr_result_t result;
    int piece = 1;

    do {
        gsize length = strlen(rest);

        if (length > VERA_EXR_TEXT_BYTES) {
            const char *cut = g_utf8_find_prev_char(rest, rest + VERA_EXR_TEXT_BYTES + 1);
            length = cut != NULL && cut > rest ? (gsize)(cut - rest) : VERA_EXR_TEXT_BYTES;
        }
        g_autofree char *value = g_strndup(rest, length);
        g_autofree char *name = piece == 1 ? g_strdup(text->name)
                                           : g_strdup_printf("%s.%d", text->name, piece);
        result = exr_attr_set_string(context, part, name, value);
        rest += length;
        piece++;
    } while (*rest != '\0' && result == EXR_ERR_SUCCESS);
    return result;
}

static exr_result_t
vera_exr_writer_write_header(exr_context_t context, const VeraExrImage *image)
{
    const int *w = image->data_window;
    exr_attr_box2i_t display = {.max.x = image->width - 1, .max.y = image->height - 1};
    exr_attr_box2i_t data = {
        .min.x = w[0], .min.y = w[1], .max.x = w[0] + w[2] - 1, .max.y = w[1] + w[3] - 1};
    exr_attr_v2f_t centre = {.x = 0, .y = 0};
    exr_attr_rational_t rate = {image->rate_num, (uint32_t)MAX(image->rate_den, 1)};
    exr_result_t result;
    int part;

    result = exr_add_part(context, "vera", EXR_STORAGE_SCANLINE, &part);
    if (result == EXR_ERR_SUCCESS)
        result = exr_initialize_required_attr(context, part, &display, &data, image->pixel_aspect,
                                              &centre, 1.0f, EXR_LINEORDER_INCREASING_Y,
                                              vera_exr_writer_get_compression(image));
    for (int i = 0; i < image->n_channels && result == EXR_ERR_SUCCESS; i++)
        result = exr_add_channel(context, part, image->channels[i].name,
                                 image->is_float32 ? EXR_PIXEL_FLOAT : EXR_PIXEL_HALF,
                                 EXR_PERCEPTUALLY_LOGARITHMIC, 1, 1);
    for (int i = 0; i < image->n_texts && result == EXR_ERR_SUCCESS; i++)
        if (image->texts[i].value != NULL)
            result = vera_exr_writer_add_text(context, part, &image->texts[i]);
    if (image->rate_num > 0 && result == EXR_ERR_SUCCESS)
        result = exr_attr_set_rational(context, part, "framesPerSecond", &rate);
    if (image->timecode != NULL && result == EXR_ERR_SUCCESS) {
        exr_attr_timecode_t code = {
            vera_timecode_pack(image->timecode, image->rate_num, image->rate_den), 0};
        result = exr_attr_set_timecode(context, part, "timeCode", &code);
    }
    if (image->chromaticities != NULL && result == EXR_ERR_SUCCESS) {
        const float *v = image->chromaticities;
        exr_attr_chromaticities_t c = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
        result = exr_attr_set_chromaticities(context, part, "chromaticities", &c);
    }
    return result == EXR_ERR_SUCCESS ? exr_write_header(context) : result;
}

static void
vera_exr_writer_point_channels(exr_encode_pipeline_t *encoder, const VeraExrImage *image, int row)
{
    for (int c = 0; c < encoder->channel_count; c++) {
        for (int i = 0; i < image->n_channels; i++) {
            const VeraExrChannel *channel = &image->channels[i];
            if (strcmp(encoder->channels[c].channel_name, channel->name) != 0)
                continue;
            encoder->channels[c].encode_from_ptr =
                (const uint8_t *)(channel->values +
                                  (gsize)row * (gsize)image->data_window[2] * (gsize)channel->step);
            encoder->channels[c].user_bytes_per_element = 4;
            encoder->channels[c].user_data_type = EXR_PIXEL_FLOAT;
            encoder->channels[c].user_pixel_stride = channel->step * 4;
            encoder->channels[c].user_line_stride = image->data_window[2] * channel->step * 4;
        }
    }
}

static exr_result_t
vera_exr_writer_write_lines(exr_context_t context, const VeraExrImage *image)
{
    exr_encode_pipeline_t encoder = EXR_ENCODE_PIPELINE_INITIALIZER;
    exr_chunk_info_t chunk;
    int32_t lines;
    exr_result_t result = exr_get_scanlines_per_chunk(context, 0, &lines);

    for (int row = 0; row < image->data_window[3] && result == EXR_ERR_SUCCESS; row += lines) {
        result = exr_write_scanline_chunk_info(context, 0, image->data_window[1] + row, &chunk);
        if (result == EXR_ERR_SUCCESS)
            result = row == 0 ? exr_encoding_initialize(context, 0, &chunk, &encoder)
                              : exr_encoding_update(context, 0, &chunk, &encoder);
        if (result != EXR_ERR_SUCCESS)
            break;
        vera_exr_writer_point_channels(&encoder, image, row);
        if (row == 0)
            result = exr_encoding_choose_default_routines(context, 0, &encoder);
        if (result == EXR_ERR_SUCCESS)
            result = exr_encoding_run(context, 0, &encoder);
    }
    exr_encoding_destroy(context, &encoder);
    return result;
}

gboolean
vera_exr_write(const char *path, const VeraExrImage *image, GError **error)
{
    exr_context_initializer_t initializer = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_context_t context = NULL;
    exr_result_t result, finished;
    g_autofree char *what = g_strdup_printf("write ‘%s’", path);

    initializer.error_handler_fn = vera_exr_writer_silence_cb;
    errno = 0;
    result = exr_start_write(&context, path, EXR_WRITE_FILE_DIRECTLY, &initializer);
    if (result == EXR_ERR_SUCCESS)
        result = vera_exr_writer_write_header(context, image);
    if (result == EXR_ERR_SUCCESS)
        result = vera_exr_writer_write_lines(context, image);
    finished = context ? exr_finish(&context) : EXR_ERR_SUCCESS;
    if (result == EXR_ERR_SUCCESS)
        result = finished;
    if (result == EXR_ERR_SUCCESS)
        return TRUE;
    vera_engine_error_set_errno(error, errno ? errno : EIO, what);
    return FALSE;
}
