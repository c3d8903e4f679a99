#include "config.h"

#include "engine/media/vera-exr-read.h"

#include <math.h>
#include <openexr.h>
#include <string.h>

#include "engine/vera-engine-error.h"

#define VERA_EXR_MAX_SIZE 65536

/** VeraExrSource: an open file, the part that is read, and which channel of it fills which plane.
 */
typedef struct {
    const char *path;
    const char *wanted; /* (nullable): the only channel that is read */
    exr_context_t context;
    int part;
    exr_storage_t storage;
    exr_attr_box2i_t data;
    exr_attr_box2i_t display;
    int channel[VERA_FRAME_MAX_PLANES];
    int n_planes;
    VeraExrHeader header;
} VeraExrSource;

static void
vera_exr_ignore_message(exr_const_context_t context, exr_result_t code, const char *message)
{
}

static gboolean
vera_exr_source_fail(const VeraExrSource *self, exr_result_t code, GError **error)
{
    if (code == EXR_ERR_OUT_OF_MEMORY)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "There is not enough memory to read ‘%s’.", self->path);
    else if (code == EXR_ERR_FEATURE_NOT_IMPLEMENTED)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "‘%s’ is compressed in a way that the installed OpenEXR cannot read; save it "
                    "with ZIP or "
                    "PIZ compression.",
                    self->path);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ is not a sound OpenEXR file (%s); write or copy it again.", self->path,
                    exr_get_default_error_message(code));
    return FALSE;
}

static gboolean
vera_exr_source_refuse(const VeraExrSource *self, const char *what, GError **error)
{
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED, "‘%s’ %s.", self->path,
                what);
    return FALSE;
}

static int
vera_exr_find_channel(const exr_attr_chlist_t *list, const char *name)
{
    for (int i = 0; i < list->num_channels; i++)
        if (strcmp(list->entries[i].name.str, name) == 0)
            return i;
    return -1;
}

static int
vera_exr_find_matte(const exr_attr_chlist_t *list)
{
    static const char *const names[] = {"A", "matte.A", "matte.Y", "matte"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        int channel = vera_exr_find_channel(list, names[i]);
        if (channel >= 0)
            return channel;
    }
    for (int i = 0; i < list->num_channels; i++)
        if (g_str_has_prefix(list->entries[i].name.str, "matte."))
            return i;
    return -1;
}

/** Fills the planes from @list. Returns: how good the part is: 3 RGB, 2 grey, 1 a matte, 0 nothing
 */
static int
vera_exr_source_choose(VeraExrSource *self, const exr_attr_chlist_t *list)
{
    int r = vera_exr_find_channel(list, "R"), g = vera_exr_find_channel(list, "G");
    int b = vera_exr_find_channel(list, "B"), y = vera_exr_find_channel(list, "Y");
    int a = vera_exr_find_channel(list, "A");
    gboolean is_rgb = self->wanted == NULL && r >= 0 && g >= 0 && b >= 0;
    gboolean is_gray = self->wanted == NULL && y >= 0 && vera_exr_find_channel(list, "RY") < 0;
    int n = 0;

    if (is_rgb) {
        self->channel[n++] = r;
        self->channel[n++] = g;
        self->channel[n++] = b;
    } else if (is_gray) {
        self->channel[n++] = y;
    } else {
        a = -1;
        self->channel[n] =
            self->wanted ? vera_exr_find_channel(list, self->wanted) : vera_exr_find_matte(list);
        n += self->channel[n] >= 0;
    }
    if (a >= 0)
        self->channel[n++] = a;
    self->n_planes = n;
    self->header.format = (VeraFrameFormat){
        .layout = is_rgb ? VERA_FRAME_LAYOUT_RGB : VERA_FRAME_LAYOUT_GRAY,
        .n_planes = n,
        .has_alpha = a >= 0,
        .bits = 32,
        .is_float = TRUE,
    };
    return is_rgb ? 3 : is_gray ? 2 : n;
}

static gboolean
vera_exr_source_select_part(VeraExrSource *self, GError **error)
{
    int n = 0, best = 0;

    exr_get_count(self->context, &n);
    for (int part = 0; part < n; part++) {
        const exr_attr_chlist_t *list = NULL;
        exr_storage_t storage;
        if (exr_get_storage(self->context, part, &storage) != EXR_ERR_SUCCESS ||
            (storage != EXR_STORAGE_SCANLINE && storage != EXR_STORAGE_TILED) ||
            exr_get_channels(self->context, part, &list) != EXR_ERR_SUCCESS)
            continue;
        VeraExrSource trial = *self;
        int quality = vera_exr_source_choose(&trial, list);
        if (quality <= best)
            continue;
        best = quality;
        *self = trial;
        self->part = part;
        self->storage = storage;
    }
    return best > 0
               ? TRUE
               : vera_exr_source_refuse(self,
                                        "has no flat picture with channels R, G and B, or Y, A or "
                                        "matte, in its root layer; save one of these",
                                        error);
}

static gboolean
vera_exr_source_check_channels(const VeraExrSource *self, GError **error)
{
    const exr_attr_chlist_t *list = NULL;
    exr_get_channels(self->context, self->part, &list);
    for (int i = 0; i < self->n_planes; i++) {
        const exr_attr_chlist_entry_t *entry = &list->entries[self->channel[i]];
        if (entry->x_sampling != 1 || entry->y_sampling != 1)
            return vera_exr_source_refuse(
                self, "has subsampled channels; save it at full resolution", error);
    }
    return TRUE;
}

static gboolean
vera_exr_is_near(const exr_attr_chromaticities_t *a, const float *b)
{
    const float values[8] = {a->red_x,  a->red_y,  a->green_x, a->green_y,
                             a->blue_x, a->blue_y, a->white_x, a->white_y};
    for (int i = 0; i < 8; i++)
        if (!(fabsf(values[i] - b[i]) < 2e-3f))
            return FALSE;
    return TRUE;
}

/* Files without chromaticities may name their colour space, as ours do. */
static gboolean
vera_exr_source_read_color_id(VeraExrSource *self)
{
    static const struct {
        const char *id;
        VeraColorPrimaries primaries;
    } known[] = {{"lin_rec709_scene", VERA_COLOR_PRIMARIES_BT709},
                 {"lin_rec2020_scene", VERA_COLOR_PRIMARIES_BT2020},
                 {"lin_ap1_scene", VERA_COLOR_PRIMARIES_ACES_AP1}};
    const char *id = NULL;
    int32_t length = 0;

    if (exr_attr_get_string(self->context, self->part, "colorInteropID", &length, &id) !=
            EXR_ERR_SUCCESS ||
        id == NULL)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (strncmp(id, known[i].id, (gsize)length) == 0 && strlen(known[i].id) == (gsize)length) {
            self->header.color.primaries = known[i].primaries;
            return TRUE;
        }
    return FALSE;
}

static gboolean
vera_exr_source_read_color(VeraExrSource *self, GError **error)
{
    static const struct {
        VeraColorPrimaries primaries;
        float values[8];
    } known[] = {
        {VERA_COLOR_PRIMARIES_BT709, {0.64f, 0.33f, 0.30f, 0.60f, 0.15f, 0.06f, 0.3127f, 0.3290f}},
        {VERA_COLOR_PRIMARIES_BT601_525,
         {0.63f, 0.34f, 0.31f, 0.595f, 0.155f, 0.07f, 0.3127f, 0.3290f}},
        {VERA_COLOR_PRIMARIES_BT601_625,
         {0.64f, 0.33f, 0.29f, 0.60f, 0.15f, 0.06f, 0.3127f, 0.3290f}},
        {VERA_COLOR_PRIMARIES_BT2020,
         {0.708f, 0.292f, 0.170f, 0.797f, 0.131f, 0.046f, 0.3127f, 0.3290f}},
        {VERA_COLOR_PRIMARIES_ACES_AP1,
         {0.713f, 0.293f, 0.165f, 0.830f, 0.128f, 0.044f, 0.32168f, 0.33767f}},
    };
    exr_attr_chromaticities_t found;
    VeraColorDescription *color = &self->header.color;

    *color = (VeraColorDescription){.matrix = VERA_COLOR_MATRIX_RGB,
                                    .transfer = VERA_COLOR_TRANSFER_LINEAR,
                                    .primaries = VERA_COLOR_PRIMARIES_BT709,
                                    .is_full_range = TRUE};
    if (exr_attr_get_chromaticities(self->context, self->part, "chromaticities", &found) !=
        EXR_ERR_SUCCESS) {
        color->is_guessed = !vera_exr_source_read_color_id(self);
        return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (vera_exr_is_near(&found, known[i].values)) {
            color->primaries = known[i].primaries;
            return TRUE;
        }
    return vera_exr_source_refuse(
        self, "has primaries other than BT.709, BT.601, BT.2020 and ACES AP1; convert it first",
        error);
}

static void
vera_exr_source_read_attributes(VeraExrSource *self)
{
    exr_attr_rational_t rate;
    exr_attr_timecode_t code;
    VeraExrHeader *h = &self->header;

    if (exr_attr_get_rational(self->context, self->part, "framesPerSecond", &rate) ==
            EXR_ERR_SUCCESS &&
        rate.num > 0 && rate.denom > 0 && rate.denom <= G_MAXINT32) {
        h->rate_num = rate.num;
        h->rate_den = (int)rate.denom;
    }
    if (exr_get_pixel_aspect_ratio(self->context, self->part, &h->pixel_aspect) !=
            EXR_ERR_SUCCESS ||
        !(h->pixel_aspect > 0.01f && h->pixel_aspect < 100.0f))
        h->pixel_aspect = 1.0f;
    if (exr_attr_get_timecode(self->context, self->part, "timeCode", &code) != EXR_ERR_SUCCESS)
        return;
    /* SMPTE 12M, packed as for television: BCD digits, bit 6 is the drop frame flag. */
    guint32 t = code.time_and_flags;
    g_snprintf(h->timecode, sizeof h->timecode, "%u%u:%u%u:%u%u%c%u%u", (t >> 28) & 3,
               (t >> 24) & 15, (t >> 20) & 7, (t >> 16) & 15, (t >> 12) & 7, (t >> 8) & 15,
               (t & 64) != 0 ? ';' : ':', (t >> 4) & 3, t & 15);
}

static gboolean
vera_exr_source_read_windows(VeraExrSource *self, GError **error)
{
    exr_result_t rc = exr_get_data_window(self->context, self->part, &self->data);
    if (rc == EXR_ERR_SUCCESS)
        rc = exr_get_display_window(self->context, self->part, &self->display);
    if (rc != EXR_ERR_SUCCESS)
        return vera_exr_source_fail(self, rc, error);
    gint64 width = (gint64)self->display.max.x - self->display.min.x + 1;
    gint64 height = (gint64)self->display.max.y - self->display.min.y + 1;
    if (width < 1 || height < 1 || width > VERA_EXR_MAX_SIZE || height > VERA_EXR_MAX_SIZE)
        return vera_exr_source_fail(self, EXR_ERR_INVALID_ATTR, error);
    self->header.width = (int)width;
    self->header.height = (int)height;
    return TRUE;
}

static gboolean
vera_exr_source_open(VeraExrSource *self, const char *path, const char *wanted, GError **error)
{
    exr_context_initializer_t init = EXR_DEFAULT_CONTEXT_INITIALIZER;

    *self = (VeraExrSource){.path = path, .wanted = wanted};
    init.error_handler_fn = vera_exr_ignore_message;
    init.flags = EXR_CONTEXT_FLAG_SILENT_HEADER_PARSE;
    exr_result_t rc = exr_start_read(&self->context, path, &init);
    if (rc != EXR_ERR_SUCCESS)
        return vera_exr_source_fail(self, rc, error);
    if (!vera_exr_source_select_part(self, error) || !vera_exr_source_check_channels(self, error) ||
        !vera_exr_source_read_windows(self, error) || !vera_exr_source_read_color(self, error)) {
        exr_finish(&self->context);
        return FALSE;
    }
    vera_exr_source_read_attributes(self);
    return TRUE;
}

gboolean
vera_exr_read_header(const char *path, VeraExrHeader *header, GError **error)
{
    VeraExrSource source;
    if (!vera_exr_source_open(&source, path, NULL, error))
        return FALSE;
    *header = source.header;
    exr_finish(&source.context);
    return TRUE;
}

/** VeraExrChunk: one block of lines or one tile, decoded, and where it lies in the data window's
 * plane. */
typedef struct {
    exr_decode_pipeline_t pipeline;
    gboolean is_ready;
    guint32 *samples;
    gsize capacity;
    gint64 x;
    gint64 y;
} VeraExrChunk;

static gboolean
vera_exr_chunk_reserve(VeraExrChunk *self,
                       const VeraExrSource *source,
                       const exr_chunk_info_t *info,
                       GError **error)
{
    gsize wanted = (gsize)info->width * info->height * source->n_planes;
    if (wanted <= self->capacity)
        return TRUE;
    g_free(self->samples);
    self->samples = g_try_malloc_n(wanted, sizeof *self->samples);
    self->capacity = self->samples != NULL ? wanted : 0;
    return self->samples != NULL || vera_exr_source_fail(source, EXR_ERR_OUT_OF_MEMORY, error);
}

static void
vera_exr_chunk_aim(VeraExrChunk *self, const VeraExrSource *source, const exr_chunk_info_t *info)
{
    const exr_attr_chlist_t *list = NULL;
    exr_get_channels(source->context, source->part, &list);
    for (int c = 0; c < self->pipeline.channel_count; c++)
        self->pipeline.channels[c].decode_to_ptr = NULL;
    for (int p = 0; p < source->n_planes; p++) {
        exr_coding_channel_info_t *channel = &self->pipeline.channels[source->channel[p]];
        gboolean is_uint = list->entries[source->channel[p]].pixel_type == EXR_PIXEL_UINT;
        channel->decode_to_ptr = (uint8_t *)(self->samples + (gsize)p * info->width * info->height);
        channel->user_bytes_per_element = 4;
        channel->user_data_type = is_uint ? EXR_PIXEL_UINT : EXR_PIXEL_FLOAT;
        channel->user_pixel_stride = 4;
        channel->user_line_stride = info->width * 4;
    }
}

/** Copies what of the chunk lies inside the display window into @frame. */
static void
vera_exr_chunk_copy(const VeraExrChunk *self,
                    const VeraExrSource *source,
                    const exr_chunk_info_t *info,
                    VeraFrame *frame)
{
    gint64 left = self->x - source->display.min.x, top = self->y - source->display.min.y;
    gint64 begin = MAX(0, -left), end = MIN(info->width, frame->width - left);

    for (int p = 0; p < source->n_planes && begin < end; p++) {
        gboolean is_uint =
            self->pipeline.channels[source->channel[p]].user_data_type == EXR_PIXEL_UINT;
        for (gint64 y = MAX(0, -top); y < MIN(info->height, frame->height - top); y++) {
            const guint32 *in =
                self->samples + ((gsize)p * info->height + (gsize)y) * info->width + begin;
            float *out = (float *)(void *)(frame->data[p] + (gsize)(top + y) * frame->stride[p]) +
                         left + begin;
            if (!is_uint)
                memcpy(out, in, (gsize)(end - begin) * sizeof *out);
            for (gint64 x = 0; is_uint && x < end - begin; x++)
                out[x] = (float)in[x];
        }
    }
}

static gboolean
vera_exr_chunk_read(VeraExrChunk *self,
                    const VeraExrSource *source,
                    const exr_chunk_info_t *info,
                    VeraFrame *frame,
                    GError **error)
{
    exr_result_t rc;

    if (!vera_exr_chunk_reserve(self, source, info, error))
        return FALSE;
    if (self->is_ready)
        rc = exr_decoding_update(source->context, source->part, info, &self->pipeline);
    else
        rc = exr_decoding_initialize(source->context, source->part, info, &self->pipeline);
    if (rc == EXR_ERR_SUCCESS) {
        vera_exr_chunk_aim(self, source, info);
        if (!self->is_ready)
            rc = exr_decoding_choose_default_routines(source->context, source->part,
                                                      &self->pipeline);
        self->is_ready = TRUE;
    }
    if (rc == EXR_ERR_SUCCESS)
        rc = exr_decoding_run(source->context, source->part, &self->pipeline);
    if (rc != EXR_ERR_SUCCESS)
        return vera_exr_source_fail(source, rc, error);
    vera_exr_chunk_copy(self, source, info, frame);
    return TRUE;
}

static gboolean
vera_exr_source_read_lines(const VeraExrSource *self,
                           VeraExrChunk *chunk,
                           VeraFrame *frame,
                           GError **error)
{
    exr_chunk_info_t info;
    int32_t step = 1;
    exr_result_t rc = exr_get_scanlines_per_chunk(self->context, self->part, &step);

    for (gint64 y = self->data.min.y; rc == EXR_ERR_SUCCESS && y <= self->data.max.y; y += step) {
        rc = exr_read_scanline_chunk_info(self->context, self->part, (int)y, &info);
        chunk->x = self->data.min.x;
        chunk->y = y;
        if (rc == EXR_ERR_SUCCESS && !vera_exr_chunk_read(chunk, self, &info, frame, error))
            return FALSE;
    }
    return rc == EXR_ERR_SUCCESS ? TRUE : vera_exr_source_fail(self, rc, error);
}

static gboolean
vera_exr_source_read_tiles(const VeraExrSource *self,
                           VeraExrChunk *chunk,
                           VeraFrame *frame,
                           GError **error)
{
    exr_chunk_info_t info;
    int32_t width = 0, height = 0;
    exr_result_t rc = exr_get_tile_sizes(self->context, self->part, 0, 0, &width, &height);
    gint64 n_x = 0, n_y = 0;

    if (rc == EXR_ERR_SUCCESS && width > 0 && height > 0) {
        n_x = ((gint64)self->data.max.x - self->data.min.x) / width + 1;
        n_y = ((gint64)self->data.max.y - self->data.min.y) / height + 1;
    }
    for (gint64 i = 0; rc == EXR_ERR_SUCCESS && i < n_x * n_y; i++) {
        rc = exr_read_tile_chunk_info(self->context, self->part, (int)(i % n_x), (int)(i / n_x), 0,
                                      0, &info);
        chunk->x = self->data.min.x + i % n_x * width;
        chunk->y = self->data.min.y + i / n_x * height;
        if (rc == EXR_ERR_SUCCESS && !vera_exr_chunk_read(chunk, self, &info, frame, error))
            return FALSE;
    }
    return rc == EXR_ERR_SUCCESS ? TRUE : vera_exr_source_fail(self, rc, error);
}

static VeraFrame *
vera_exr_read(const char *path, const char *wanted, GError **error)
{
    VeraExrSource source;
    VeraExrChunk chunk = {.pipeline = EXR_DECODE_PIPELINE_INITIALIZER};
    gboolean is_read = FALSE;

    if (!vera_exr_source_open(&source, path, wanted, error))
        return NULL;
    VeraFrame *frame =
        vera_frame_new(&source.header.format, source.header.width, source.header.height, error);
    if (frame != NULL) {
        frame->color = source.header.color;
        is_read = source.storage == EXR_STORAGE_TILED
                      ? vera_exr_source_read_tiles(&source, &chunk, frame, error)
                      : vera_exr_source_read_lines(&source, &chunk, frame, error);
    }
    if (chunk.is_ready)
        exr_decoding_destroy(source.context, &chunk.pipeline);
    g_free(chunk.samples);
    exr_finish(&source.context);
    if (!is_read)
        g_clear_pointer(&frame, vera_frame_unref);
    return frame;
}

VeraFrame *
vera_exr_read_frame(const char *path, GError **error)
{
    return vera_exr_read(path, NULL, error);
}

gboolean
vera_exr_read_channel(const char *path, const char *name, VeraFrame **frame, GError **error)
{
    g_autoptr(GError) local = NULL;

    *frame = vera_exr_read(path, name, &local);
    /* A file without the channel is sound if it has a picture. */
    if (*frame != NULL ||
        (g_error_matches(local, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED) &&
         vera_exr_read_header(path, &(VeraExrHeader){0}, NULL)))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}
