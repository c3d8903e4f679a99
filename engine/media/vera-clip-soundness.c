#include "config.h"

#include "engine/media/vera-clip-soundness.h"

/* Pictures may leave a decoder a little out of order; one that is later than this will not come. */
#define VERA_CLIP_SOUNDNESS_DISORDER 16
/* In a record, beside the verdict. */
#define VERA_CLIP_RECORD_VERDICT 3
#define VERA_CLIP_RECORD_ALONE 4
#define VERA_CLIP_RECORD_WITHHELD 8

void
vera_clip_soundness_init(VeraClipSoundness *self, const VeraClipIndex *index, gboolean wants_all)
{
    *self = (VeraClipSoundness){.index = index, .wants_all = wants_all};
    self->records = g_byte_array_new();
    self->damaged = g_array_new(FALSE, FALSE, sizeof(guint));
}

void
vera_clip_soundness_clear(VeraClipSoundness *self)
{
    g_clear_pointer(&self->records, g_byte_array_unref);
    g_clear_pointer(&self->damaged, g_array_unref);
}

void
vera_clip_soundness_reset(VeraClipSoundness *self, guint start)
{
    g_byte_array_set_size(self->records, 0);
    g_array_set_size(self->damaged, 0);
    self->start = self->known_key = self->known_to = start;
    self->highest = -1;
    self->is_over = FALSE;
}

static gboolean
vera_clip_soundness_has(const VeraClipSoundness *self, guint place)
{
    return place >= self->start && place - self->start < self->records->len;
}

/** Whether the picture of @place is shown before the one that decoding started from: it lacks what
 * it refers to, and nothing that is shown later refers to it. */
static gboolean
vera_clip_soundness_is_leading(const VeraClipSoundness *self, guint place)
{
    gint64 first = vera_clip_index_get(self->index, self->start)->rank;
    gint64 rank = vera_clip_index_get(self->index, place)->rank;
    return !self->index->lacks_pts && rank >= 0 && rank < first;
}

static void
vera_clip_soundness_set(VeraClipSoundness *self, guint place, VeraClipVerdict verdict)
{
    guint8 *record = &self->records->data[place - self->start];
    guint i = self->damaged->len;

    *record = (guint8)((*record & ~VERA_CLIP_RECORD_VERDICT) | (guint)verdict);
    if (verdict != VERA_CLIP_VERDICT_DAMAGED || vera_clip_soundness_is_leading(self, place))
        return;
    while (i > 0 && g_array_index(self->damaged, guint, i - 1) > place)
        i--;
    if (i == 0 || g_array_index(self->damaged, guint, i - 1) != place)
        g_array_insert_val(self->damaged, i, place);
}

static void
vera_clip_soundness_add(VeraClipSoundness *self, guint place, guint record)
{
    /* A packet that the container passed over is one that is not there. */
    guint n = place + 1 - self->start, before = self->records->len;

    if (place < self->start || n <= before)
        return;
    g_byte_array_set_size(self->records, n);
    memset(self->records->data + before, 0, n - before);
    self->records->data[n - 1] = (guint8)record;
}

void
vera_clip_soundness_send(VeraClipSoundness *self,
                         guint place,
                         gboolean is_alone,
                         gboolean is_left_out)
{
    vera_clip_soundness_add(
        self, place,
        (is_alone ? VERA_CLIP_RECORD_ALONE : 0) |
            (is_left_out ? VERA_CLIP_VERDICT_SOUND : VERA_CLIP_VERDICT_UNKNOWN));
}

void
vera_clip_soundness_withhold(VeraClipSoundness *self, guint place, gboolean is_alone)
{
    vera_clip_soundness_add(self, place,
                            VERA_CLIP_RECORD_WITHHELD | (is_alone ? VERA_CLIP_RECORD_ALONE : 0));
    if (vera_clip_soundness_has(self, place))
        vera_clip_soundness_set(self, place, VERA_CLIP_VERDICT_DAMAGED);
}

static VeraClipVerdict
vera_clip_soundness_get(const VeraClipSoundness *self, guint place)
{
    return (VeraClipVerdict)(self->records->data[place - self->start] & VERA_CLIP_RECORD_VERDICT);
}

void
vera_clip_soundness_receive(VeraClipSoundness *self, guint place, gboolean is_sound)
{
    self->highest = MAX(self->highest, vera_clip_index_get(self->index, place)->rank);
    if (vera_clip_soundness_has(self, place) &&
        vera_clip_soundness_get(self, place) != VERA_CLIP_VERDICT_DAMAGED)
        vera_clip_soundness_set(self, place,
                                is_sound ? VERA_CLIP_VERDICT_SOUND : VERA_CLIP_VERDICT_DAMAGED);
}

void
vera_clip_soundness_fail(VeraClipSoundness *self, guint n)
{
    for (guint i = self->records->len; i > 0 && n > 0; i--, n--)
        if (vera_clip_soundness_get(self, self->start + i - 1) == VERA_CLIP_VERDICT_UNKNOWN)
            vera_clip_soundness_set(self, self->start + i - 1, VERA_CLIP_VERDICT_DAMAGED);
}

gboolean
vera_clip_soundness_is_alone(const VeraClipSoundness *self, guint place)
{
    return vera_clip_soundness_has(self, place) &&
           (self->records->data[place - self->start] & VERA_CLIP_RECORD_ALONE) != 0;
}

/** Whether damage at @place touches that picture alone, as far as the decoder is concerned too. */
static gboolean
vera_clip_soundness_is_contained(const VeraClipSoundness *self, guint place)
{
    const guint both = VERA_CLIP_RECORD_ALONE | VERA_CLIP_RECORD_WITHHELD;
    return (self->records->data[place - self->start] & both) == both;
}

gboolean
vera_clip_soundness_is_spoilt(const VeraClipSoundness *self)
{
    for (guint i = 0; i < self->damaged->len; i++)
        if (!vera_clip_soundness_is_contained(self, g_array_index(self->damaged, guint, i)))
            return TRUE;
    return FALSE;
}

/** Whether all is known of packet @place; what should have come long ago is damaged. */
static gboolean
vera_clip_soundness_settle(VeraClipSoundness *self, guint place)
{
    const VeraClipEntry *entry = vera_clip_index_get(self->index, place);

    if (!vera_clip_soundness_has(self, place) || !entry->is_shown ||
        vera_clip_soundness_is_leading(self, place) ||
        vera_clip_soundness_get(self, place) != VERA_CLIP_VERDICT_UNKNOWN)
        return TRUE;
    if (!self->is_over && entry->rank + VERA_CLIP_SOUNDNESS_DISORDER >= self->highest)
        return FALSE;
    vera_clip_soundness_set(self, place,
                            self->wants_all ? VERA_CLIP_VERDICT_DAMAGED : VERA_CLIP_VERDICT_SOUND);
    return TRUE;
}

guint
vera_clip_index_get_base(const VeraClipIndex *self, guint place)
{
    const VeraClipEntry *entry = vera_clip_index_get(self, place);

    if (entry->is_key)
        return place;
    /* Without times nobody can tell whether a picture is shown before the key frame it follows. */
    if (entry->rank >= 0)
        return vera_clip_index_get_key(self, entry->rank, self->lacks_pts ? 1 : 0);
    return 0;
}

VeraClipVerdict
vera_clip_soundness_judge(VeraClipSoundness *self, guint place, gint64 *culprit)
{
    guint base = vera_clip_index_get_base(self->index, place);
    guint q = base == self->known_key && self->known_to > base ? self->known_to : base;

    while (q < place && vera_clip_soundness_settle(self, q))
        q++;
    self->known_key = base;
    self->known_to = q;
    if (q < place)
        return VERA_CLIP_VERDICT_UNKNOWN;
    for (guint i = 0; i < self->damaged->len; i++) {
        guint damaged = g_array_index(self->damaged, guint, i);
        *culprit = damaged;
        if (damaged == place ||
            (damaged < place && !vera_clip_soundness_is_contained(self, damaged)))
            return VERA_CLIP_VERDICT_DAMAGED;
    }
    return VERA_CLIP_VERDICT_SOUND;
}
