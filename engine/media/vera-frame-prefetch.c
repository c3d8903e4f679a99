#include "config.h"

#include "engine/media/vera-frame-prefetch.h"

/* While playing, so many seconds are decoded ahead; at rest a step or two of the arrow keys. */
#define VERA_FRAME_PREFETCH_SECONDS 4
#define VERA_FRAME_PREFETCH_REST 12

static gboolean
vera_frame_prefetch_lacks(const VeraFramePrefetch *self, gint64 index)
{
    return !vera_frame_store_has(self->store, index) && !self->is_hopeless(index, self->data);
}

/** How many frames behind the playhead (before it) may be kept. */
static gint64
vera_frame_prefetch_get_depth(const VeraFramePrefetch *self)
{
    gint64 depth = self->store->travel < 0 ? 3 * self->capacity / 4 : self->capacity / 2;
    return MAX(depth - 1, 0);
}

static gint64
vera_frame_prefetch_get_keep_from(const VeraFramePrefetch *self, gint64 target)
{
    gint64 key = self->get_key(target, self->data);
    gint64 lowest = self->store->playhead - vera_frame_prefetch_get_depth(self);
    return MIN(MAX(key, lowest), target);
}

static gboolean
vera_frame_prefetch_ahead(const VeraFramePrefetch *self, VeraFrameFetch *fetch)
{
    gint64 n = self->store->travel > 0 ? self->rate * VERA_FRAME_PREFETCH_SECONDS * self->speed
                                       : VERA_FRAME_PREFETCH_REST;
    gint64 room = self->store->travel > 0 ? 3 * self->capacity / 4 : self->capacity / 4;
    gint64 first = self->store->playhead + 1;
    gint64 last = MIN(self->store->playhead + MIN(n, room - 1), self->n_frames - 1);

    for (gint64 i = first; i <= last; i++)
        if (vera_frame_prefetch_lacks(self, i)) {
            *fetch = (VeraFrameFetch){i, i};
            return TRUE;
        }
    return FALSE;
}

static gboolean
vera_frame_prefetch_behind(const VeraFramePrefetch *self, VeraFrameFetch *fetch)
{
    gint64 n = self->store->travel < 0 ? self->rate * VERA_FRAME_PREFETCH_SECONDS * self->speed
                                       : VERA_FRAME_PREFETCH_REST;
    gint64 depth = vera_frame_prefetch_get_depth(self);
    gint64 first = self->store->playhead - 1;
    gint64 last = MAX(self->store->playhead - MIN(n, (depth + 1) / 2), 0);

    for (gint64 i = first; i >= last; i--)
        if (vera_frame_prefetch_lacks(self, i)) {
            *fetch = (VeraFrameFetch){i, vera_frame_prefetch_get_keep_from(self, i)};
            return TRUE;
        }
    return FALSE;
}

gboolean
vera_frame_prefetch_choose(const VeraFramePrefetch *self, VeraFrameFetch *fetch)
{
    gint64 playhead = self->store->playhead;
    int travel = self->store->travel;

    if (vera_frame_prefetch_lacks(self, playhead)) {
        gboolean is_way_back = travel < 0 && !self->is_jump;
        gint64 keep_from =
            is_way_back ? vera_frame_prefetch_get_keep_from(self, playhead) : playhead;
        *fetch = (VeraFrameFetch){playhead, keep_from};
        return TRUE;
    }
    if (travel >= 0 && vera_frame_prefetch_ahead(self, fetch))
        return TRUE;
    return travel <= 0 && vera_frame_prefetch_behind(self, fetch);
}
