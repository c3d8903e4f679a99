#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"

/* The selected edit's region as a copy that may be changed; says so where nothing is drawn. */
static VeraProjectState *
vera_editor_begin_region_change(VeraEditor *self, VeraRegion **region)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state;
    const VeraEdit *selected = vera_editor_get_selected(self);

    if (selected == NULL || selected->region == NULL || selected->region->shapes->len == 0) {
        vera_editor_say(self, _("Draw a region first: keyframes belong to its shapes"));
        return NULL;
    }
    state = vera_editor_begin_edit_change(self, &edit);
    *region = vera_region_copy(edit->region);
    vera_region_unref(edit->region);
    edit->region = *region;
    return state;
}

static gboolean
vera_editor_has_key(VeraEditor *self, const VeraRegion *region)
{
    g_autoptr(GArray) frames = vera_region_list_keys(region);

    for (guint i = 0; i < frames->len; i++)
        if (g_array_index(frames, gint64, i) == self->frame)
            return TRUE;
    vera_editor_say(self, _("There is no keyframe at this frame"));
    return FALSE;
}

void
vera_editor_add_key(VeraEditor *self)
{
    VeraRegion *region = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_region_change(self, &region);

    if (state != NULL && vera_region_add_key(region, self->frame))
        vera_editor_commit(self, g_steal_pointer(&state), _("Set Keyframe"), NULL);
}

void
vera_editor_remove_key(VeraEditor *self)
{
    VeraRegion *region = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_region_change(self, &region);

    if (state == NULL || !vera_editor_has_key(self, region))
        return;
    if (vera_region_remove_key(region, self->frame))
        vera_editor_commit(self, g_steal_pointer(&state), _("Delete Keyframe"), NULL);
    else
        vera_editor_say(self, _("The only keyframe of a shape cannot be deleted"));
}

gint64
vera_editor_move_key(VeraEditor *self, gint64 from, gint64 to, const char *merge_key)
{
    VeraRegion *region = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_region_change(self, &region);
    gint64 at;

    if (state == NULL)
        return -1;
    at = vera_region_move_key(region, from,
                              CLAMP(to, 0, MAX(vera_editor_get_n_frames(self) - 1, 0)));
    if (at >= 0 && at != from)
        vera_editor_commit(self, g_steal_pointer(&state), _("Move Keyframe"), merge_key);
    return at;
}

void
vera_editor_shift_key(VeraEditor *self, int delta)
{
    const VeraEdit *edit = vera_editor_get_selected(self);
    gint64 at;

    if (edit != NULL && edit->region != NULL && edit->region->shapes->len > 0 &&
        !vera_editor_has_key(self, edit->region))
        return;
    at = vera_editor_move_key(self, self->frame, self->frame + delta, NULL);
    if (at >= 0)
        vera_editor_set_frame(self, at);
}

void
vera_editor_go_key(VeraEditor *self, int direction)
{
    const VeraEdit *edit = vera_editor_get_selected(self);
    g_autoptr(GArray) frames = edit && edit->region ? vera_region_list_keys(edit->region) : NULL;
    gint64 found = -1;

    for (guint i = 0; frames != NULL && i < frames->len; i++) {
        gint64 frame = g_array_index(frames, gint64, i);
        if (direction < 0 && frame < self->frame)
            found = frame;
        else if (direction > 0 && frame > self->frame && found < 0)
            found = frame;
    }
    if (found >= 0)
        vera_editor_set_frame(self, found);
}

void
vera_editor_nudge_region(VeraEditor *self, double dx, double dy)
{
    VeraRegion *region = NULL;
    VeraProjectState *state = vera_editor_begin_region_change(self, &region);
    g_autofree char *merge_key = g_strdup_printf("nudge %" G_GINT64_FORMAT, self->frame);

    if (state == NULL)
        return;
    vera_region_shift(region, self->frame, dx, dy);
    vera_editor_commit(self, state, _("Move Region"), merge_key);
}
