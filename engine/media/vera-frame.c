#include "config.h"

#include "engine/media/vera-frame.h"

#include <stdlib.h>
#include <string.h>

#include "engine/vera-engine-error.h"

#define VERA_FRAME_ALIGNMENT 64

static gboolean
vera_frame_plane_is_chroma(const VeraFrame *self, int plane)
{
    return self->format.layout == VERA_FRAME_LAYOUT_YUV && (plane == 1 || plane == 2);
}

static int
vera_frame_get_sample_size(const VeraFrameFormat *format)
{
    if (format->is_float)
        return 4;
    return format->bits > 8 ? 2 : 1;
}

int
vera_frame_get_plane_width(const VeraFrame *self, int plane)
{
    int shift = vera_frame_plane_is_chroma(self, plane) ? self->format.chroma_shift_x : 0;
    return (self->width + (1 << shift) - 1) >> shift;
}

int
vera_frame_get_plane_height(const VeraFrame *self, int plane)
{
    int shift = vera_frame_plane_is_chroma(self, plane) ? self->format.chroma_shift_y : 0;
    return (self->height + (1 << shift) - 1) >> shift;
}

/** Sets the strides of @self and the place of each plane. Returns: bytes of all planes */
static gsize
vera_frame_lay_out(VeraFrame *self, gsize *offset)
{
    gsize total = 0;

    for (int p = 0; p < self->format.n_planes; p++) {
        gsize row =
            (gsize)vera_frame_get_plane_width(self, p) * vera_frame_get_sample_size(&self->format);
        row = (row + VERA_FRAME_ALIGNMENT - 1) & ~(gsize)(VERA_FRAME_ALIGNMENT - 1);
        self->stride[p] = (int)row;
        offset[p] = total;
        total += row * vera_frame_get_plane_height(self, p);
    }
    return total;
}

gsize
vera_frame_measure(const VeraFrameFormat *format, int width, int height)
{
    VeraFrame frame = {.width = width, .height = height, .format = *format};
    gsize offset[VERA_FRAME_MAX_PLANES];
    return vera_frame_lay_out(&frame, offset);
}

VeraFrame *
vera_frame_new(const VeraFrameFormat *format, int width, int height, GError **error)
{
    VeraFrame *self = g_new0(VeraFrame, 1);
    gsize offset[VERA_FRAME_MAX_PLANES] = {0};

    self->width = width;
    self->height = height;
    self->format = *format;
    self->ref_count = 1;
    gsize total = vera_frame_lay_out(self, offset);
    if (posix_memalign(&self->memory, VERA_FRAME_ALIGNMENT, total) != 0) {
        g_free(self);
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "There is not enough memory for one frame of %dx%d pixels (%" G_GSIZE_FORMAT
                    " MiB); close other programs or use a smaller clip.",
                    width, height, total >> 20);
        return NULL;
    }
    memset(self->memory, 0, total);
    for (int p = 0; p < format->n_planes; p++)
        self->data[p] = (guint8 *)self->memory + offset[p];
    return self;
}

/* The compiler's atomics, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */

VeraFrame *
vera_frame_ref(VeraFrame *self)
{
    __atomic_fetch_add(&self->ref_count, 1, __ATOMIC_RELAXED);
    return self;
}

void
vera_frame_unref(VeraFrame *self)
{
    if (__atomic_sub_fetch(&self->ref_count, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(self->memory);
    g_free(self);
}

char *
vera_frame_hash(const VeraFrame *self)
{
    static const char *const layouts[] = {"yuv", "rgb", "gray"};
    const VeraFrameFormat *f = &self->format;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *head =
        g_strdup_printf("%dx%d %s%s %d%s %d %d\n", self->width, self->height, layouts[f->layout],
                        f->has_alpha ? "a" : "", f->bits, f->is_float ? "f" : "", f->chroma_shift_x,
                        f->chroma_shift_y);

    g_checksum_update(sum, (const guchar *)head, (gssize)strlen(head));
    for (int p = 0; p < f->n_planes; p++) {
        gsize row = (gsize)vera_frame_get_plane_width(self, p) * vera_frame_get_sample_size(f);
        for (int y = 0; y < vera_frame_get_plane_height(self, p); y++)
            g_checksum_update(sum, self->data[p] + (gsize)y * self->stride[p], (gssize)row);
    }
    return g_strdup(g_checksum_get_string(sum));
}
