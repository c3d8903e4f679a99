#include "config.h"

#include "engine/media/vera-frame-store.h"

/* What the playhead leaves behind is worth this much less than what it goes to. */
#define VERA_FRAME_STORE_LEFT_BEHIND 3

typedef struct {
    gint64 index;
    VeraFrame *frame;
    gsize bytes;
    gboolean is_exact;
} VeraFrameEntry;

static int
vera_frame_store_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    gint64 i = *(const gint64 *)a, j = *(const gint64 *)b;
    return i < j ? -1 : i > j;
}

static void
vera_frame_store_free_entry(gpointer data)
{
    VeraFrameEntry *entry = data;
    vera_frame_unref(entry->frame);
    g_free(entry);
}

void
vera_frame_store_init(VeraFrameStore *self, gsize max_bytes)
{
    *self = (VeraFrameStore){.max_bytes = max_bytes};
    self->tree = g_tree_new_full(vera_frame_store_compare, NULL, NULL, vera_frame_store_free_entry);
}

void
vera_frame_store_clear(VeraFrameStore *self)
{
    g_clear_pointer(&self->tree, g_tree_unref);
    self->bytes = 0;
}

static gint64
vera_frame_store_get_distance(const VeraFrameStore *self, gint64 index)
{
    gint64 distance = index - self->playhead;
    gboolean is_left = distance != 0 && self->travel != 0 && (distance < 0) == (self->travel > 0);
    return ABS(distance) * (is_left ? VERA_FRAME_STORE_LEFT_BEHIND : 1);
}

static VeraFrameEntry *
vera_frame_store_find_farthest(const VeraFrameStore *self)
{
    GTreeNode *first = g_tree_node_first(self->tree), *last = g_tree_node_last(self->tree);
    if (first == NULL)
        return NULL;
    VeraFrameEntry *a = g_tree_node_value(first), *b = g_tree_node_value(last);
    return vera_frame_store_get_distance(self, a->index) >
                   vera_frame_store_get_distance(self, b->index)
               ? a
               : b;
}

static void
vera_frame_store_drop(VeraFrameStore *self, VeraFrameEntry *entry)
{
    self->bytes -= entry->bytes;
    g_tree_remove(self->tree, &entry->index);
}

static gsize
vera_frame_store_get_limit(const VeraFrameStore *self, gsize frame_bytes)
{
    return MAX(self->max_bytes, 2 * frame_bytes);
}

void
vera_frame_store_set_max_bytes(VeraFrameStore *self, gsize max_bytes)
{
    VeraFrameEntry *entry;

    self->max_bytes = max_bytes;
    while ((entry = vera_frame_store_find_farthest(self)) != NULL &&
           self->bytes > vera_frame_store_get_limit(self, entry->bytes))
        vera_frame_store_drop(self, entry);
}

/** Drops frames that are farther away than @index until @bytes more fit. Returns: whether they do
 */
static gboolean
vera_frame_store_make_room(VeraFrameStore *self, gint64 index, gsize bytes)
{
    while (self->bytes + bytes > vera_frame_store_get_limit(self, bytes)) {
        VeraFrameEntry *entry = vera_frame_store_find_farthest(self);
        if (entry == NULL)
            return TRUE;
        if (vera_frame_store_get_distance(self, entry->index) <
            vera_frame_store_get_distance(self, index))
            return FALSE;
        vera_frame_store_drop(self, entry);
    }
    return TRUE;
}

gboolean
vera_frame_store_put(VeraFrameStore *self, VeraFrame *frame, gboolean is_exact)
{
    VeraFrameEntry *entry = g_tree_lookup(self->tree, &frame->index);
    gsize bytes = vera_frame_measure(&frame->format, frame->width, frame->height);

    if (entry != NULL && (entry->is_exact || !is_exact))
        return TRUE;
    if (entry != NULL)
        vera_frame_store_drop(self, entry);
    if (!vera_frame_store_make_room(self, frame->index, bytes))
        return FALSE;
    entry = g_new(VeraFrameEntry, 1);
    *entry = (VeraFrameEntry){frame->index, vera_frame_ref(frame), bytes, is_exact};
    g_tree_insert(self->tree, &entry->index, entry);
    self->bytes += bytes;
    return TRUE;
}

gboolean
vera_frame_store_has(const VeraFrameStore *self, gint64 index)
{
    const VeraFrameEntry *entry = g_tree_lookup(self->tree, &index);
    return entry != NULL && entry->is_exact;
}

VeraFrame *
vera_frame_store_get(const VeraFrameStore *self, gint64 index)
{
    const VeraFrameEntry *entry = g_tree_lookup(self->tree, &index);
    return entry != NULL && entry->is_exact ? vera_frame_ref(entry->frame) : NULL;
}

VeraFrame *
vera_frame_store_get_nearest(const VeraFrameStore *self, gint64 index)
{
    GTreeNode *above = g_tree_lower_bound(self->tree, &index);
    GTreeNode *below = above != NULL ? g_tree_node_previous(above) : g_tree_node_last(self->tree);
    const VeraFrameEntry *a = above != NULL ? g_tree_node_value(above) : NULL;
    const VeraFrameEntry *b = below != NULL ? g_tree_node_value(below) : NULL;

    if (a == NULL && b == NULL)
        return NULL;
    if (a == NULL || (b != NULL && index - b->index < a->index - index))
        a = b;
    return vera_frame_ref(a->frame);
}

gboolean
vera_frame_store_has_any(const VeraFrameStore *self, gint64 first, gint64 last)
{
    GTreeNode *node = g_tree_lower_bound(self->tree, &first);
    return node != NULL && *(const gint64 *)g_tree_node_key(node) <= last;
}

void
vera_frame_store_get_ranges(const VeraFrameStore *self, GArray *ranges)
{
    g_array_set_size(ranges, 0);
    for (GTreeNode *n = g_tree_node_first(self->tree); n != NULL; n = g_tree_node_next(n)) {
        const VeraFrameEntry *entry = g_tree_node_value(n);
        if (!entry->is_exact)
            continue;
        if (ranges->len > 0 && g_array_index(ranges, gint64, ranges->len - 1) + 1 == entry->index) {
            g_array_index(ranges, gint64, ranges->len - 1) = entry->index;
        } else {
            gint64 run[2] = {entry->index, entry->index};
            g_array_append_vals(ranges, run, 2);
        }
    }
}
