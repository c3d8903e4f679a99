#pragma once

#include "ui/vera-editor.h"

/* An editor over a project whose only clip is not there: enough for all that is about edits and takes. */

/** missing_clip_begin: Returns: the state to add edits to; @clip_id (transfer none) is its clip's */
static inline VeraProjectState *
missing_clip_begin(VeraQueue **queue, VeraEditor **editor, VeraProject **project, const char **clip_id)
{
    VeraProjectState *state;

    *queue = vera_queue_new(NULL);
    *editor = vera_editor_new(*queue, "/model");
    *project = vera_project_new();
    state = vera_project_state_copy(vera_project_get_state(*project));
    g_ptr_array_add(state->clips, vera_project_clip_new("/no-clip.mkv", NULL));
    *clip_id = ((VeraProjectClip *)state->clips->pdata[0])->id;
    return state;
}

static inline void
missing_clip_end(VeraEditor *editor, VeraProject *project, VeraProjectState *state)
{
    vera_project_commit(project, state, "Setup", NULL);
    vera_editor_set_project(editor, project);
}

static inline void
missing_clip_clear(VeraQueue *queue, VeraEditor *editor, VeraProject *project)
{
    g_object_run_dispose(G_OBJECT(editor));
    g_object_unref(editor);
    g_object_unref(project);
    vera_queue_shutdown(queue);
    g_object_unref(queue);
}
