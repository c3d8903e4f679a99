#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"

/* A copy of the state in which @take, of the selected edit, may be changed; NULL if there is none. */
static VeraProjectState *
vera_editor_begin_take_change(VeraEditor *self, const char *take_id, VeraEdit **edit, VeraProjectTake **take)
{
    g_autoptr(VeraProjectState) state = vera_editor_begin_edit_change(self, edit);

    *take = state ? vera_edit_find_take(*edit, take_id) : NULL;
    return *take ? g_steal_pointer(&state) : NULL;
}

void
vera_editor_choose_take(VeraEditor *self, const char *take_id)
{
    VeraEdit *edit = NULL;
    VeraProjectTake *take = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_take_change(self, take_id, &edit, &take);

    if (state == NULL || g_strcmp0(edit->chosen_take, take_id) == 0)
        return;
    if (g_strcmp0(self->compared, take_id) == 0) {
        g_free(self->compared);
        self->compared = g_strdup(edit->chosen_take);
    }
    g_free(edit->chosen_take);
    edit->chosen_take = g_strdup(take->id);
    vera_editor_commit(self, g_steal_pointer(&state), _("Choose Take"), NULL);
    vera_editor_notify_compared(self);
}

void
vera_editor_rename_take(VeraEditor *self, const char *take_id, const char *name)
{
    g_autofree char *wanted = g_strstrip(g_strdup(name));
    VeraEdit *edit = NULL;
    VeraProjectTake *take = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_take_change(self, take_id, &edit, &take);

    if (state == NULL || *wanted == '\0' || g_str_equal(take->name, wanted))
        return;
    g_free(take->name);
    take->name = g_steal_pointer(&wanted);
    vera_editor_commit(self, g_steal_pointer(&state), _("Rename Take"), NULL);
}

void
vera_editor_delete_take(VeraEditor *self, const char *take_id)
{
    VeraEdit *edit = NULL;
    VeraProjectTake *take = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_take_change(self, take_id, &edit, &take);
    guint at = 0;

    if (state == NULL || !g_ptr_array_find(edit->takes, take, &at))
        return;
    if (g_strcmp0(edit->chosen_take, take_id) == 0) {
        guint next = at + 1 < edit->takes->len ? at + 1 : at - 1; /* wraps around where it was the only one */
        VeraProjectTake *neighbour = next < edit->takes->len ? edit->takes->pdata[next] : NULL;
        g_free(edit->chosen_take);
        edit->chosen_take = g_strdup(neighbour ? neighbour->id : NULL);
    }
    vera_project_state_remove_take(state, edit, take);
    vera_editor_commit(self, g_steal_pointer(&state), _("Delete Take"), NULL);
    vera_editor_notify_compared(self);
}

static void
vera_editor_take_over_text(char **where, const char *text)
{
    g_free(*where);
    *where = g_strdup(text);
}

void
vera_editor_use_settings(VeraEditor *self, const VeraTakeRecord *record)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_edit_change(self, &edit);

    if (state == NULL)
        return;
    vera_editor_take_over_text(&edit->instruction, record->instruction ? record->instruction : "");
    vera_editor_take_over_text(&edit->task, record->task);
    vera_editor_take_over_text(&edit->negative, record->negative_prompt);
    edit->seed = record->seed;
    edit->n_steps = record->n_steps;
    edit->guidance = record->guidance;
    edit->width = record->width;
    edit->height = record->height;
    vera_editor_commit(self, state, _("Use Settings of Take"), NULL);
}

void
vera_editor_compare_take(VeraEditor *self, const char *take_id)
{
    if (g_strcmp0(self->compared, take_id) == 0)
        return;
    g_free(self->compared);
    self->compared = g_strdup(take_id);
    vera_editor_notify_compared(self);
    vera_editor_notify_ready(self);
}

const VeraProjectTake *
vera_editor_get_compared(VeraEditor *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self);

    /* A take is not compared with itself. */
    if (edit == NULL || g_strcmp0(edit->chosen_take, self->compared) == 0)
        return NULL;
    return vera_edit_find_take(edit, self->compared);
}

VeraLayerFrame *
vera_editor_dup_compared(VeraEditor *self, VeraFrame *plate)
{
    const VeraProjectTake *take = vera_editor_get_compared(self);
    const VeraEdit *edit = vera_editor_get_selected(self);
    VeraLayerFrame *frame;

    if (take == NULL || plate->index < edit->first || plate->index > edit->last)
        return NULL;
    frame = plate->is_proxy ? NULL : vera_layer_loader_get(self->layers, take->dir, plate, &edit->refinement);
    return frame ? frame : vera_layer_loader_get_nearest(self->layers, take->dir, plate->index);
}
