#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"

/* A copy of the state in which @edit may be changed; NULL if there is no such edit. */
static VeraProjectState *
vera_editor_begin_layer_change(VeraEditor *self, const char *edit_id, VeraEdit **edit)
{
    g_autoptr(VeraProjectState) state = vera_editor_begin_change(self);

    *edit = vera_project_state_find_edit(state, edit_id);
    return *edit ? g_steal_pointer(&state) : NULL;
}

void
vera_editor_set_linear(VeraEditor *self, gboolean is_linear)
{
    VeraProjectState *state = vera_editor_begin_change(self);

    state->is_linear_over = is_linear;
    vera_editor_commit(self, state, is_linear ? _("Composite in Linear Light") : _("Composite as Displayed"), NULL);
}

void
vera_editor_set_visible(VeraEditor *self, const char *edit_id, gboolean is_visible)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_layer_change(self, edit_id, &edit);

    if (state == NULL)
        return;
    edit->is_visible = is_visible;
    vera_editor_commit(self, state, is_visible ? _("Show Layer") : _("Hide Layer"), NULL);
}

void
vera_editor_set_solo(VeraEditor *self, const char *edit_id, gboolean is_solo)
{
    VeraEdit *edit = NULL;
    VeraProjectState *state = vera_editor_begin_layer_change(self, edit_id, &edit);

    if (state == NULL)
        return;
    edit->is_solo = is_solo;
    vera_editor_commit(self, state, _("Solo Layer"), NULL);
}

void
vera_editor_move_edit(VeraEditor *self, const char *edit_id, guint position)
{
    VeraEdit *edit = NULL;
    g_autoptr(VeraProjectState) state = vera_editor_begin_layer_change(self, edit_id, &edit);
    guint at = 0;

    if (state == NULL || !g_ptr_array_find(state->edits, edit, &at) || position >= state->edits->len || at == position)
        return;
    g_ptr_array_steal_index(state->edits, at);
    g_ptr_array_insert(state->edits, (gint)position, edit);
    vera_editor_commit(self, g_steal_pointer(&state), _("Reorder Layers"), NULL);
}
