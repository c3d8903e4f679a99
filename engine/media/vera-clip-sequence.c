#include "config.h"

#include <libavcodec/avcodec.h>
#include <libavutil/display.h>
#include <string.h>

#include "engine/media/vera-clip-backend.h"
#include "engine/media/vera-clip-look.h"
#include "engine/media/vera-exr-read.h"
#include "engine/media/vera-sequence.h"
#include "engine/media/vera-still.h"
#include "engine/vera-engine-error.h"

/* Pictures carry no rate; this is the customary one of film work. */
#define VERA_CLIP_SEQUENCE_RATE 24

/**
 * VeraClipSequence:
 * @backend: must be first
 * @sequence: the files
 * @is_exr: read by OpenEXR rather than FFmpeg
 * @exr: what the first OpenEXR file says
 * @look: what the pictures have in common, for other kinds
 * @codec_name: codec and kind, for people
 */
typedef struct {
    VeraClipBackend backend;
    VeraSequence *sequence;
    gboolean is_exr;
    VeraExrHeader exr;
    VeraClipLook look;
    char *codec_name;
} VeraClipSequence;

static const char *
vera_clip_sequence_get_file(const VeraClipSequence *self, gint64 index)
{
    return g_ptr_array_index(self->sequence->files, index);
}

static gboolean
vera_clip_sequence_is_exr(const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);
    return g_str_has_suffix(lower, ".exr");
}

static gboolean
vera_clip_sequence_fail_differing(
    const VeraClipSequence *self, const char *path, int width, int height, GError **error)
{
    const VeraClipInfo *info = &self->backend.info;
    if (width != info->width || height != info->height)
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "‘%s’ is %dx%d pixels, but the sequence began with %dx%d; all must have one size.",
            path, width, height, info->width, info->height);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ has another pixel format than ‘%s’; save the whole sequence alike.", path,
                    vera_clip_sequence_get_file(self, 0));
    return FALSE;
}

static gboolean
vera_clip_sequence_is_same_format(const VeraFrameFormat *a, const VeraFrameFormat *b)
{
    return a->layout == b->layout && a->n_planes == b->n_planes && a->has_alpha == b->has_alpha;
}

static VeraFrame *
vera_clip_sequence_read_exr(VeraClipSequence *self, const char *path, GError **error)
{
    VeraFrame *frame = vera_exr_read_frame(path, error);
    if (frame == NULL)
        return NULL;
    if (frame->width == self->exr.width && frame->height == self->exr.height &&
        vera_clip_sequence_is_same_format(&frame->format, &self->exr.format))
        return frame;
    vera_clip_sequence_fail_differing(self, path, frame->width, frame->height, error);
    vera_frame_unref(frame);
    return NULL;
}

static VeraFrame *
vera_clip_sequence_read_still(VeraClipSequence *self, const char *path, GError **error)
{
    VeraFrame *frame = NULL;
    AVFrame *picture = vera_still_decode(path, NULL, error);
    if (picture == NULL)
        return NULL;
    if (vera_clip_look_matches(&self->look, picture)) {
        frame = vera_clip_look_unpack(&self->look, picture, error);
    } else {
        gboolean is_turned = self->look.orientation.is_transposed;
        vera_clip_sequence_fail_differing(self, path, is_turned ? picture->height : picture->width,
                                          is_turned ? picture->width : picture->height, error);
    }
    av_frame_free(&picture);
    return frame;
}

static VeraFrame *
vera_clip_sequence_read(VeraClipBackend *backend,
                        gint64 index,
                        const VeraClipPassing *passing,
                        GCancellable *cancellable,
                        GError **error)
{
    VeraClipSequence *self = (VeraClipSequence *)backend;
    const char *path = vera_clip_sequence_get_file(self, index);

    if (vera_engine_error_set_cancelled(cancellable, error) || !vera_clip_check_file(path, error))
        return NULL;
    VeraFrame *frame = self->is_exr ? vera_clip_sequence_read_exr(self, path, error)
                                    : vera_clip_sequence_read_still(self, path, error);
    if (frame != NULL) {
        frame->index = index;
        frame->pts = index;
    }
    return frame;
}

static double
vera_clip_sequence_get_time(VeraClipBackend *backend, gint64 index)
{
    return (double)index * backend->info.rate_den / backend->info.rate_num;
}

static void
vera_clip_sequence_free(VeraClipBackend *backend)
{
    VeraClipSequence *self = (VeraClipSequence *)backend;
    g_clear_pointer(&self->sequence, vera_sequence_free);
    g_free(self->codec_name);
    g_free(self);
}

static gboolean
vera_clip_sequence_open_exr(VeraClipSequence *self, const char *path, GError **error)
{
    VeraClipInfo *info = &self->backend.info;
    if (!vera_exr_read_header(path, &self->exr, error))
        return FALSE;
    info->width = self->exr.width;
    info->height = self->exr.height;
    info->format = self->exr.format;
    info->color = self->exr.color;
    if (self->exr.rate_num > 0) {
        info->rate_num = self->exr.rate_num;
        info->rate_den = self->exr.rate_den;
    }
    if (self->exr.timecode[0] != '\0')
        info->start_timecode = self->exr.timecode;
    av_reduce(&info->pixel_aspect_num, &info->pixel_aspect_den,
              (gint64)(self->exr.pixel_aspect * 10000.0f + 0.5f), 10000, 65536);
    self->codec_name = g_strdup(self->sequence->files->len > 1 ? "exr sequence" : "exr");
    return TRUE;
}

static gboolean
vera_clip_sequence_set_look(
    VeraClipSequence *self, const char *path, int codec_id, const AVFrame *picture, GError **error)
{
    VeraClipTags tags = {.path = path, .codec_id = codec_id, .is_still = TRUE};
    const AVFrameSideData *side = av_frame_get_side_data(picture, AV_FRAME_DATA_DISPLAYMATRIX);

    if (side != NULL && side->size >= 9 * sizeof(gint32) &&
        !vera_clip_orientation_from_matrix((const gint32 *)(const void *)side->data,
                                           &self->backend.info.rotation, &tags.orientation)) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
            "‘%s’ is to be shown turned by an angle that is no quarter turn; turn it first.", path);
        return FALSE;
    }
    return vera_clip_look_init(&self->look, &tags, picture, error);
}

static gboolean
vera_clip_sequence_open_still(VeraClipSequence *self, const char *path, GError **error)
{
    VeraClipInfo *info = &self->backend.info;
    int codec_id = AV_CODEC_ID_NONE;
    AVFrame *picture = vera_still_decode(path, &codec_id, error);

    if (picture == NULL)
        return FALSE;
    gboolean is_readable = vera_clip_sequence_set_look(self, path, codec_id, picture, error);
    info->width = self->look.width;
    info->height = self->look.height;
    info->format = self->look.format;
    info->color = self->look.color;
    if (picture->sample_aspect_ratio.num > 0 && picture->sample_aspect_ratio.den > 0) {
        info->pixel_aspect_num = picture->sample_aspect_ratio.num;
        info->pixel_aspect_den = picture->sample_aspect_ratio.den;
    }
    const char *name =
        codec_id == AV_CODEC_ID_MJPEG ? "jpeg" : avcodec_get_name((enum AVCodecID)codec_id);
    self->codec_name = g_strconcat(name, self->sequence->files->len > 1 ? " sequence" : "", NULL);
    av_frame_free(&picture);
    return is_readable;
}

/** Looks at every header, so that a clip that opens is one that can be read to its end. */
static gboolean
vera_clip_sequence_check_files(VeraClipSequence *self, GCancellable *cancellable, GError **error)
{
    for (guint i = 1; i < self->sequence->files->len; i++) {
        const char *path = vera_clip_sequence_get_file(self, i);
        int width = 0, height = 0;
        VeraExrHeader exr;

        if (vera_engine_error_set_cancelled(cancellable, error) ||
            !vera_clip_check_file(path, error))
            return FALSE;
        if (!self->is_exr) {
            gboolean is_known = vera_still_peek_size(path, &width, &height);
            if (is_known && (width != self->look.coded_width || height != self->look.coded_height))
                return vera_clip_sequence_fail_differing(self, path, width, height, error);
            continue;
        }
        if (!vera_exr_read_header(path, &exr, error))
            return FALSE;
        if (exr.width != self->exr.width || exr.height != self->exr.height ||
            !vera_clip_sequence_is_same_format(&exr.format, &self->exr.format))
            return vera_clip_sequence_fail_differing(self, path, exr.width, exr.height, error);
    }
    return TRUE;
}

static gboolean
vera_clip_sequence_load(VeraClipSequence *self,
                        const char *path,
                        GCancellable *cancellable,
                        GError **error)
{
    VeraClipInfo *info = &self->backend.info;

    self->sequence = vera_sequence_find(path, error);
    if (self->sequence == NULL)
        return FALSE;
    info->rate_num = VERA_CLIP_SEQUENCE_RATE;
    info->rate_den = info->pixel_aspect_num = info->pixel_aspect_den = 1;
    info->n_frames = self->sequence->files->len;
    info->start_number = self->sequence->files->len > 1 || self->sequence->first_number >= 0
                             ? self->sequence->first_number
                             : -1;
    const char *first = vera_clip_sequence_get_file(self, 0);
    self->is_exr = vera_clip_sequence_is_exr(first);
    if (!vera_clip_check_file(first, error) ||
        !(self->is_exr ? vera_clip_sequence_open_exr(self, first, error)
                       : vera_clip_sequence_open_still(self, first, error)))
        return FALSE;
    info->codec_name = self->codec_name;
    info->time_base_num = info->rate_den;
    info->time_base_den = info->rate_num;
    return vera_clip_sequence_check_files(self, cancellable, error);
}

static VeraClipBackend *
vera_clip_sequence_dup(VeraClipBackend *backend, int n_threads, GError **error)
{
    const VeraClipSequence *other = (const VeraClipSequence *)backend;
    VeraClipSequence *self = g_new(VeraClipSequence, 1);

    *self = *other;
    self->sequence = g_new(VeraSequence, 1);
    self->sequence->files = g_ptr_array_ref(other->sequence->files);
    self->sequence->first_number = other->sequence->first_number;
    self->codec_name = g_strdup(other->codec_name);
    self->backend.info.codec_name = self->codec_name;
    if (other->backend.info.start_timecode != NULL)
        self->backend.info.start_timecode = self->exr.timecode;
    return &self->backend;
}

VeraClipBackend *
vera_clip_sequence_open(const char *path, GCancellable *cancellable, GError **error)
{
    VeraClipSequence *self = g_new0(VeraClipSequence, 1);

    self->backend.read = vera_clip_sequence_read;
    self->backend.dup = vera_clip_sequence_dup;
    self->backend.get_time = vera_clip_sequence_get_time;
    self->backend.free = vera_clip_sequence_free;
    if (vera_clip_sequence_load(self, path, cancellable, error))
        return &self->backend;
    vera_clip_sequence_free(&self->backend);
    return NULL;
}
