#include "config.h"

#include "engine/media/vera-clip-look.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <string.h>

#include "engine/vera-engine-error.h"

gboolean
vera_clip_orientation_from_matrix(const gint32 *matrix,
                                  int *rotation,
                                  VeraClipOrientation *orientation)
{
    /* Rows of the matrix say where the stored x axis and the stored y axis point when shown. */
    int xx = (matrix[0] > 0) - (matrix[0] < 0), xy = (matrix[1] > 0) - (matrix[1] < 0);
    int yx = (matrix[3] > 0) - (matrix[3] < 0), yy = (matrix[4] > 0) - (matrix[4] < 0);

    if (xx != 0 && yy != 0 && xy == 0 && yx == 0) {
        *orientation = (VeraClipOrientation){FALSE, xx < 0, yy < 0};
        *rotation = xx < 0 ? 180 : 0;
        return TRUE;
    }
    if (xx == 0 && yy == 0 && xy != 0 && yx != 0) {
        *orientation = (VeraClipOrientation){TRUE, yx < 0, xy < 0};
        *rotation = xy > 0 ? 90 : 270;
        return TRUE;
    }
    return FALSE;
}

static gboolean
vera_clip_look_refuse(const VeraClipTags *tags, const AVPixFmtDescriptor *desc, GError **error)
{
    g_set_error(
        error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
        "‘%s’ has the pixel format “%s”, which cannot be read without changing it; convert it to "
        "YUV, RGB or grey of 8 to 16 bits first.",
        tags->path, desc != NULL ? desc->name : "unknown");
    return FALSE;
}

static gboolean
vera_clip_look_is_readable(const AVPixFmtDescriptor *desc, int pix_fmt)
{
    if (desc == NULL || (desc->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER)) != 0)
        return FALSE;
    if (pix_fmt == AV_PIX_FMT_XYZ12LE || pix_fmt == AV_PIX_FMT_XYZ12BE)
        return FALSE;
    if (pix_fmt == AV_PIX_FMT_PAL8 || pix_fmt == AV_PIX_FMT_MONOWHITE ||
        pix_fmt == AV_PIX_FMT_MONOBLACK)
        return TRUE;
    for (int c = 0; c < desc->nb_components; c++)
        if (desc->comp[c].depth != desc->comp[0].depth)
            return FALSE;
    if ((desc->flags & AV_PIX_FMT_FLAG_FLOAT) != 0)
        return desc->comp[0].depth == 32 && (desc->flags & AV_PIX_FMT_FLAG_BE) == 0;
    return desc->comp[0].depth >= 8 && desc->comp[0].depth <= 16;
}

/** Where the first chroma sample lies, in half luma samples, on one axis. */
static int
vera_clip_look_get_site(int location, int shift, gboolean is_vertical)
{
    int centre = (1 << shift) - 1;
    if (is_vertical) {
        if (location == AVCHROMA_LOC_TOPLEFT || location == AVCHROMA_LOC_TOP)
            return 0;
        if (location == AVCHROMA_LOC_BOTTOMLEFT || location == AVCHROMA_LOC_BOTTOM)
            return 2 * centre;
        return centre;
    }
    return location == AVCHROMA_LOC_CENTER || location == AVCHROMA_LOC_TOP ||
                   location == AVCHROMA_LOC_BOTTOM
               ? centre
               : 0;
}

static int
vera_clip_look_flip_site(int site, int shift, int size)
{
    int n = (size + (1 << shift) - 1) >> shift;
    return 2 * (size - 1) - 2 * ((n - 1) << shift) - site;
}

static void
vera_clip_look_set_siting(VeraClipLook *self, int location)
{
    VeraFrameFormat *f = &self->format;
    int x = vera_clip_look_get_site(location, f->chroma_shift_x, FALSE);
    int y = vera_clip_look_get_site(location, f->chroma_shift_y, TRUE);

    if (self->orientation.is_transposed) {
        int shift = f->chroma_shift_x, site = x;
        f->chroma_shift_x = f->chroma_shift_y;
        f->chroma_shift_y = shift;
        x = y;
        y = site;
    }
    if (self->orientation.is_flipped_x)
        x = vera_clip_look_flip_site(x, f->chroma_shift_x, self->width);
    if (self->orientation.is_flipped_y)
        y = vera_clip_look_flip_site(y, f->chroma_shift_y, self->height);
    f->is_chroma_left = f->chroma_shift_x > 0 && x == 0;
    f->chroma_delta_x = f->is_chroma_left ? 0 : x - ((1 << f->chroma_shift_x) - 1);
    f->chroma_delta_y = y - ((1 << f->chroma_shift_y) - 1);
}

static void
vera_clip_look_set_format(VeraClipLook *self, const AVPixFmtDescriptor *desc)
{
    VeraFrameFormat *f = &self->format;
    gboolean is_palette = self->pix_fmt == AV_PIX_FMT_PAL8;

    *f = (VeraFrameFormat){.bits = MAX(desc->comp[0].depth, 8)};
    f->is_float = (desc->flags & AV_PIX_FMT_FLAG_FLOAT) != 0;
    f->has_alpha = is_palette || (desc->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    f->n_planes = is_palette ? 4 : desc->nb_components;
    if (is_palette || (desc->flags & AV_PIX_FMT_FLAG_RGB) != 0) {
        f->layout = VERA_FRAME_LAYOUT_RGB;
    } else if (desc->nb_components < 3) {
        f->layout = VERA_FRAME_LAYOUT_GRAY;
    } else {
        f->layout = VERA_FRAME_LAYOUT_YUV;
        f->chroma_shift_x = desc->log2_chroma_w;
        f->chroma_shift_y = desc->log2_chroma_h;
    }
}

gboolean
vera_clip_look_init(VeraClipLook *self,
                    const VeraClipTags *tags,
                    const AVFrame *frame,
                    GError **error)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    int location = frame->chroma_location;

    if (!vera_clip_look_is_readable(desc, frame->format))
        return vera_clip_look_refuse(tags, desc, error);
    *self = (VeraClipLook){.pix_fmt = frame->format,
                           .coded_width = frame->width,
                           .coded_height = frame->height,
                           .orientation = tags->orientation};
    self->width = tags->orientation.is_transposed ? frame->height : frame->width;
    self->height = tags->orientation.is_transposed ? frame->width : frame->height;
    vera_clip_look_set_format(self, desc);
    if (location == AVCHROMA_LOC_UNSPECIFIED && tags->codec_id == AV_CODEC_ID_MJPEG)
        location = AVCHROMA_LOC_CENTER;
    if (self->format.layout == VERA_FRAME_LAYOUT_YUV)
        vera_clip_look_set_siting(self, location);
    return vera_clip_look_describe_color(tags, &self->format, frame, &self->color, error);
}

gboolean
vera_clip_look_matches(const VeraClipLook *self, const AVFrame *frame)
{
    return frame->format == self->pix_fmt && frame->width == self->coded_width &&
           frame->height == self->coded_height;
}

static void
vera_clip_look_read_palette(const AVFrame *frame, int component, int y, guint8 *out)
{
    /* Entries are 0xAARRGGBB in host order. */
    static const int shifts[4] = {16, 8, 0, 24};
    const guint8 *row = frame->data[0] + (gssize)y * frame->linesize[0];
    for (int x = 0; x < frame->width; x++) {
        guint32 entry;
        memcpy(&entry, frame->data[1] + 4 * row[x], sizeof entry);
        out[x] = (guint8)(entry >> shifts[component]);
    }
}

static void
vera_clip_look_read_bits(const AVFrame *frame, int y, guint8 *out)
{
    guint8 inversion = frame->format == AV_PIX_FMT_MONOWHITE ? 1 : 0;
    const guint8 *row = frame->data[0] + (gssize)y * frame->linesize[0];
    for (int x = 0; x < frame->width; x++)
        out[x] = (((row[x >> 3] >> (7 - (x & 7))) & 1) ^ inversion) != 0 ? 255 : 0;
}

/** One row of one component into @out, @width samples, unpacked. */
static void
vera_clip_look_read_row(const AVFrame *frame, int component, int y, int width, guint8 *out)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    const AVComponentDescriptor *comp = &desc->comp[component];
    int size = comp->depth > 16 ? 4 : comp->depth > 8 ? 2 : 1;
    gboolean is_native = (desc->flags & AV_PIX_FMT_FLAG_BE) == 0 || size == 1;
    const guint8 *in =
        frame->data[comp->plane] + (gssize)y * frame->linesize[comp->plane] + comp->offset;

    if (frame->format == AV_PIX_FMT_PAL8) {
        vera_clip_look_read_palette(frame, component, y, out);
    } else if ((desc->flags & AV_PIX_FMT_FLAG_BITSTREAM) != 0) {
        vera_clip_look_read_bits(frame, y, out);
    } else if (is_native && comp->shift == 0 && comp->step == size) {
        memcpy(out, in, (gsize)width * size);
    } else if (size == 1 && comp->shift == 0) {
        for (int x = 0; x < width; x++)
            out[x] = in[(gsize)x * comp->step];
    } else {
        av_read_image_line2(out, (const uint8_t **)frame->data, frame->linesize, desc, 0, y,
                            component, width, 0, size);
    }
}

static void
vera_clip_look_put_row(
    const VeraClipLook *self, VeraFrame *out, int plane, int y, const guint8 *row)
{
    int size = self->format.is_float ? 4 : self->format.bits > 8 ? 2 : 1;
    int width = vera_frame_get_plane_width(out, plane);
    int height = vera_frame_get_plane_height(out, plane);
    int n = self->orientation.is_transposed ? height : width;

    for (int i = 0; i < n; i++) {
        int dst_x = self->orientation.is_transposed ? y : i;
        int dst_y = self->orientation.is_transposed ? i : y;
        dst_x = self->orientation.is_flipped_x ? width - 1 - dst_x : dst_x;
        dst_y = self->orientation.is_flipped_y ? height - 1 - dst_y : dst_y;
        memcpy(out->data[plane] + (gsize)dst_y * out->stride[plane] + (gsize)dst_x * size,
               row + (gsize)i * size, (gsize)size);
    }
}

static void
vera_clip_look_unpack_plane(
    const VeraClipLook *self, const AVFrame *frame, VeraFrame *out, int plane, guint8 *row)
{
    const VeraClipOrientation *o = &self->orientation;
    gboolean is_upright = !o->is_transposed && !o->is_flipped_x && !o->is_flipped_y;
    int width = vera_frame_get_plane_width(out, plane);
    int height = vera_frame_get_plane_height(out, plane);

    for (int y = 0; y < (o->is_transposed ? width : height); y++) {
        if (is_upright) {
            vera_clip_look_read_row(frame, plane, y, width,
                                    out->data[plane] + (gsize)y * out->stride[plane]);
        } else {
            vera_clip_look_read_row(frame, plane, y, o->is_transposed ? height : width, row);
            vera_clip_look_put_row(self, out, plane, y, row);
        }
    }
}

VeraFrame *
vera_clip_look_unpack(const VeraClipLook *self, const AVFrame *frame, GError **error)
{
    VeraFrame *out = vera_frame_new(&self->format, self->width, self->height, error);
    if (out == NULL)
        return NULL;
    g_autofree guint8 *row = g_malloc((gsize)MAX(self->width, self->height) * 4 + 64);
    out->color = self->color;
    for (int p = 0; p < self->format.n_planes; p++)
        vera_clip_look_unpack_plane(self, frame, out, p, row);
    return out;
}
