#include "config.h"

#include "engine/media/vera-clip-index.h"

#include <libavutil/avutil.h>

void
vera_clip_index_init(VeraClipIndex *self)
{
    self->entries = g_array_new(FALSE, TRUE, sizeof(VeraClipEntry));
    self->order = g_array_new(FALSE, TRUE, sizeof(guint));
    self->lacks_pts = FALSE;
}

void
vera_clip_index_clear(VeraClipIndex *self)
{
    g_clear_pointer(&self->entries, g_array_unref);
    g_clear_pointer(&self->order, g_array_unref);
}

VeraClipEntry *
vera_clip_index_get(const VeraClipIndex *self, guint i)
{
    return &g_array_index(self->entries, VeraClipEntry, i);
}

VeraClipEntry *
vera_clip_index_get_shown(const VeraClipIndex *self, gint64 rank)
{
    return vera_clip_index_get(self, g_array_index(self->order, guint, rank));
}

void
vera_clip_index_append(VeraClipIndex *self, const AVPacket *packet, gboolean is_shown)
{
    VeraClipEntry entry = {
        .pts = packet->pts,
        .dts = packet->dts,
        .pos = packet->pos,
        .size = packet->size,
        .is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0,
        .is_shown = is_shown,
        .rank = -1,
    };
    if (packet->pts == AV_NOPTS_VALUE)
        self->lacks_pts = TRUE;
    g_array_append_val(self->entries, entry);
}

static int
vera_clip_index_compare(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const VeraClipIndex *self = user_data;
    guint i = *(const guint *)a, j = *(const guint *)b;
    gint64 p = vera_clip_index_get(self, i)->pts, q = vera_clip_index_get(self, j)->pts;
    if (p != q)
        return p < q ? -1 : 1;
    return i < j ? -1 : i > j;
}

void
vera_clip_index_sort(VeraClipIndex *self)
{
    g_array_set_size(self->order, 0);
    for (guint i = 0; i < self->entries->len; i++) {
        vera_clip_index_get(self, i)->rank = -1;
        if (vera_clip_index_get(self, i)->is_shown)
            g_array_append_val(self->order, i);
    }
    if (!self->lacks_pts)
        g_array_sort_with_data(self->order, vera_clip_index_compare, self);
    for (guint r = 0; r < self->order->len; r++)
        vera_clip_index_get_shown(self, r)->rank = r;
}

static gboolean
vera_clip_index_is(const VeraClipEntry *entry, const AVPacket *packet)
{
    gboolean has_pos = entry->pos >= 0 && packet->pos >= 0;
    return entry->pts == packet->pts && entry->size == packet->size &&
           (!has_pos || entry->pos == packet->pos);
}

gint64
vera_clip_index_find(const VeraClipIndex *self, const AVPacket *packet, gint64 expected)
{
    if (expected >= 0 && expected < self->entries->len &&
        vera_clip_index_is(vera_clip_index_get(self, (guint)expected), packet))
        return expected;
    for (guint i = 0; i < self->entries->len; i++)
        if (vera_clip_index_is(vera_clip_index_get(self, i), packet))
            return i;
    return -1;
}

guint
vera_clip_index_get_key(const VeraClipIndex *self, gint64 rank, int n_earlier)
{
    guint place = g_array_index(self->order, guint, rank);
    gint64 pts = vera_clip_index_get(self, place)->pts;

    for (gint64 i = place; i > 0; i--) {
        const VeraClipEntry *entry = vera_clip_index_get(self, (guint)i);
        if (!entry->is_key || entry->pts > pts)
            continue;
        if (n_earlier-- == 0)
            return (guint)i;
    }
    return 0;
}
