#include "config.h"

#include <string.h>

#include "engine/vera-engine-error.h"
#include "ui/vera-editor-private.h"

VeraFrame *
vera_editor_dup_plate(VeraEditor *self, gboolean *is_exact)
{
    VeraFrame *frame = self->cache ? vera_frame_cache_get(self->cache, self->frame) : NULL;
    gint64 found = 0;

    *is_exact = frame != NULL;
    if (frame == NULL && self->cache != NULL)
        frame = vera_frame_cache_get_nearest(self->cache, self->frame, &found);
    if (frame != NULL) {
        g_clear_pointer(&self->shown, vera_frame_unref);
        self->shown = vera_frame_ref(frame);
    }
    return self->shown ? (frame ? frame : vera_frame_ref(self->shown)) : NULL;
}

static void
vera_editor_layer_clear(gpointer data)
{
    VeraEditorLayer *layer = data;

    g_clear_pointer(&layer->frame, vera_layer_frame_unref);
}

static VeraLayerFrame *
vera_editor_dup_layer(VeraEditor *self, const VeraEdit *edit, VeraFrame *plate)
{
    VeraProjectTake *take = vera_edit_find_take(edit, edit->chosen_take);
    VeraLayerFrame *frame;

    if (self->preview != NULL && g_strcmp0(self->preview_edit, edit->id) == 0 && self->preview_frame == plate->index)
        return vera_layer_frame_ref(self->preview);
    if (take == NULL || plate->index < edit->first || plate->index > edit->last)
        return NULL;
    /* A layer is made from the plate's own pixels, and kept. */
    frame = plate->is_proxy ? NULL : vera_layer_loader_get(self->layers, take->dir, plate, &edit->refinement);
    return frame ? frame : vera_layer_loader_get_nearest(self->layers, take->dir, plate->index);
}

GPtrArray *
vera_editor_list_layers(VeraEditor *self)
{
    return vera_project_state_list_layers(vera_editor_get_state(self), self->clip_id);
}

GArray *
vera_editor_dup_layers(VeraEditor *self, VeraFrame *plate)
{
    const VeraProjectState *state = vera_editor_get_state(self);
    GArray *layers = g_array_new(FALSE, TRUE, sizeof(VeraEditorLayer));

    g_array_set_clear_func(layers, vera_editor_layer_clear);
    for (guint i = 0; i < state->edits->len; i++) {
        VeraEdit *edit = g_ptr_array_index(state->edits, i);
        VeraEditorLayer layer = { .opacity = vera_project_state_is_shown(state, edit) ? (float)edit->opacity : 0.0f,
                                  .is_selected = g_strcmp0(edit->id, self->selected) == 0 };
        if (g_strcmp0(edit->clip_id, self->clip_id) != 0 || (layer.opacity == 0.0f && !layer.is_selected))
            continue;
        layer.frame = vera_editor_dup_layer(self, edit, plate);
        g_array_append_val(layers, layer);
    }
    return layers;
}

/* Previews come at model size; the plain enlargement is enough for them, and cheap. */
typedef struct {
    int width, height;
    float *edit, *matte;
    VeraFrame *plate;
    VeraJob *job;
} VeraEditorPreview;

static void
vera_editor_preview_free(VeraEditorPreview *self)
{
    g_free(self->edit);
    g_free(self->matte);
    vera_frame_unref(self->plate);
    g_object_unref(self->job);
    g_free(self);
}

static void
vera_editor_preview_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraEditorPreview *preview = data;
    g_autofree float *plate = g_try_new(float, (gsize)preview->plate->width *(gsize)preview->plate->height * 3);
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    GError *error = NULL;
    VeraLayerFrame *frame;

    if (plate == NULL) {
        g_task_return_new_error(task, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory for a preview.");
        return;
    }
    refinement.is_edge_clean = FALSE;
    vera_frame_to_rgb(preview->plate, plate);
    frame = vera_layer_frame_new(&(VeraImage){ preview->width, preview->height, 3, preview->edit },
                                 &(VeraImage){ preview->width, preview->height, 1, preview->matte }, NULL,
                                 &(VeraImage){ preview->plate->width, preview->plate->height, 3, plate },
                                 preview->plate->color.transfer, &refinement, &error);
    if (frame == NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, frame, (GDestroyNotify)vera_layer_frame_unref);
}

static void
vera_editor_preview_made_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    VeraEditorPreview *preview = g_task_get_task_data(G_TASK(result));
    VeraLayerFrame *frame = g_task_propagate_pointer(G_TASK(result), NULL);

    if (frame == NULL)
        return;
    /* The job may have ended meanwhile: its take is what is shown then. */
    if (vera_job_get_state(preview->job) != VERA_JOB_STATE_RUNNING) {
        vera_layer_frame_unref(frame);
        return;
    }
    g_clear_pointer(&self->preview, vera_layer_frame_unref);
    g_free(self->preview_edit);
    self->preview = frame;
    self->preview_edit = g_strdup(vera_job_get_edit_id(preview->job));
    self->preview_frame = preview->plate->index;
    vera_editor_notify_ready(self);
}

static void
vera_editor_preview_cb(VeraJob *job, gint64 frame, int width, int height, const float *edit, const float *matte, gpointer data)
{
    VeraEditor *self = data;
    VeraEditorPreview *preview;
    g_autoptr(GTask) task = NULL;
    g_autoptr(VeraFrame) plate = self->cache ? vera_frame_cache_get(self->cache, frame) : NULL;
    const char *edit_id = vera_job_get_edit_id(job);
    gsize n = (gsize)width * (gsize)height;

    if (plate == NULL || vera_project_state_find_edit(vera_editor_get_state(self), edit_id) == NULL)
        return;
    preview = g_new0(VeraEditorPreview, 1);
    preview->width = width;
    preview->height = height;
    preview->edit = g_memdup2(edit, n * 3 * sizeof(float));
    preview->matte = g_memdup2(matte, n * sizeof(float));
    preview->plate = g_steal_pointer(&plate);
    preview->job = g_object_ref(job);
    task = g_task_new(self, NULL, vera_editor_preview_made_cb, NULL);
    g_task_set_task_data(task, preview, (GDestroyNotify)vera_editor_preview_free);
    g_task_run_in_thread(task, vera_editor_preview_thread);
}

void
vera_editor_set_preview_frame(VeraEditor *self)
{
    vera_queue_set_preview(self->queue, self->frame, vera_editor_preview_cb, self);
}
