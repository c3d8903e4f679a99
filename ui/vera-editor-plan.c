#include "config.h"

#include "engine/diffusion/vera-model.h"
#include "ui/vera-editor-private.h"

/* What of a model decides how a range is cut into windows. */
typedef struct {
    char *model_dir;
    int window_frames; /* 0: not known yet, or the model cannot be read */
    int temporal_factor;
} VeraEditorCut;

static void
vera_editor_cut_free(gpointer data)
{
    VeraEditorCut *self = data;

    g_free(self->model_dir);
    g_free(self);
}

static void
vera_editor_cut_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraEditorCut *cut = g_new0(VeraEditorCut, 1);
    g_autoptr(VeraModel) model = vera_model_open(data, NULL);
    const VeraVaeConfig *vae = model ? vera_model_get_vae_config(model, NULL) : NULL;

    cut->model_dir = g_strdup(data);
    if (vae != NULL) {
        cut->window_frames = vera_model_get_info(model)->native_frames;
        cut->temporal_factor = vae->temporal_factor;
    }
    g_task_return_pointer(task, cut, vera_editor_cut_free);
}

static void
vera_editor_cut_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    VeraEditorCut *cut = g_task_propagate_pointer(G_TASK(result), NULL);

    if (self->cuts == NULL) { /* closed meanwhile */
        vera_editor_cut_free(cut);
        return;
    }
    g_hash_table_replace(self->cuts, cut->model_dir, cut);
    vera_editor_notify_ready(self);
}

/* A model that cannot be read is not asked again: its own error is told when a take is started. */
static VeraEditorCut *
vera_editor_get_cut(VeraEditor *self, const char *model_dir)
{
    VeraEditorCut *cut;
    g_autoptr(GTask) task = NULL;

    if (self->cuts == NULL)
        self->cuts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, vera_editor_cut_free);
    cut = g_hash_table_lookup(self->cuts, model_dir);
    if (cut != NULL)
        return cut;
    cut = g_new0(VeraEditorCut, 1);
    cut->model_dir = g_strdup(model_dir);
    g_hash_table_insert(self->cuts, cut->model_dir, cut);
    task = g_task_new(self, NULL, vera_editor_cut_cb, NULL);
    g_task_set_task_data(task, g_strdup(model_dir), g_free);
    g_task_run_in_thread(task, vera_editor_cut_thread);
    return cut;
}

VeraFramePlan *
vera_editor_dup_plan(VeraEditor *self, const VeraEdit *edit)
{
    const char *model_dir = edit->model_dir ? edit->model_dir : vera_editor_get_default_model(self);
    VeraEditorCut *cut = model_dir ? vera_editor_get_cut(self, model_dir) : NULL;
    gint64 last = MIN(edit->last, vera_editor_get_n_frames(self) - 1);

    if (cut == NULL || cut->window_frames == 0 || last < edit->first)
        return NULL;
    return vera_frame_plan_new(last - edit->first + 1, cut->window_frames, cut->temporal_factor, NULL);
}
