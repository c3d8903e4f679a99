#include "config.h"

#include <glib/gi18n.h>

#include "ui/vera-editor-private.h"
#include "ui/vera-settings.h"

/* What a take needs, gathered before the mask is drawn in the background. */
typedef struct {
    char *clip_path;
    char *instruction, *task, *negative;
    char *region_path;
    char *model_dir;
    char *title, *edit_id, *take_dir;
    VeraRegion *region;
    int src_w, src_h;
    gint64 first, last;
    guint64 seed;
    int n_steps, width, height;
    double guidance;
} VeraEditorOrder;

static void
vera_editor_order_free(VeraEditorOrder *self)
{
    char *texts[] = { self->clip_path, self->instruction, self->task, self->negative, self->region_path,
                      self->model_dir, self->title,       self->edit_id,  self->take_dir };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_clear_pointer(&self->region, vera_region_unref);
    g_free(self);
}

/* Beside the project once it has a place, so that both move together. */
char *
vera_editor_dup_take_folder(VeraEditor *self)
{
    const char *path = vera_project_get_path(self->project);
    g_autofree char *parent = NULL, *name = NULL;

    if (path == NULL)
        return g_build_filename(g_get_user_data_dir(), "vera", "takes", NULL);
    parent = g_path_get_dirname(path);
    name = g_strdup_printf("%s-takes", vera_project_get_title(self->project));
    return g_build_filename(parent, name, NULL);
}

static char *
vera_editor_make_take_dir(VeraEditor *self)
{
    g_autofree char *folder = vera_editor_dup_take_folder(self), *id = vera_project_make_id("take");

    return g_build_filename(folder, id, NULL);
}

static VeraEditorOrder *
vera_editor_order_new(VeraEditor *self, const VeraEdit *edit, const VeraClipInfo *info)
{
    VeraEditorOrder *order = g_new0(VeraEditorOrder, 1);

    order->clip_path = g_strdup(vera_editor_get_clip_path(self));
    order->instruction = g_strdup(edit->instruction);
    order->task = g_strdup(edit->task);
    order->negative = g_strdup(edit->negative);
    order->region_path = g_strdup(edit->region_path);
    order->region = edit->region && edit->region->shapes->len ? vera_region_ref(edit->region) : NULL;
    order->model_dir = g_strdup(edit->model_dir ? edit->model_dir : vera_editor_get_default_model(self));
    order->title = g_strdup(edit->instruction);
    order->edit_id = g_strdup(edit->id);
    order->take_dir = vera_editor_make_take_dir(self);
    order->src_w = info->width;
    order->src_h = info->height;
    order->first = edit->first;
    order->last = MIN(edit->last, info->n_frames - 1);
    order->seed = edit->seed;
    order->n_steps = edit->n_steps;
    order->guidance = edit->guidance;
    order->width = edit->width;
    order->height = edit->height;
    return order;
}

static void
vera_editor_mask_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraEditorOrder *order = data;
    g_autofree char *dir = g_strconcat(order->take_dir, ".region", NULL);
    g_autofree char *parent = g_path_get_dirname(order->take_dir);
    GError *error = NULL;

    if (g_mkdir_with_parents(parent, 0777) != 0) {
        g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_FAILED, _("The folder ‘%s’ cannot be made: %s."), parent, g_strerror(errno));
        return;
    }
    if (order->region != NULL) {
        g_free(order->region_path);
        order->region_path =
            vera_region_write_mask(order->region, order->first, order->last, order->src_w, order->src_h, dir, NULL, &error);
    }
    if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

static void
vera_editor_mask_done_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraEditor *self = VERA_EDITOR(object);
    VeraEditorOrder *order = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    gboolean is_gpu = vera_settings_get_enum(VERA_SETTING_PROCESSOR, VERA_PROCESSOR_CPU) == VERA_PROCESSOR_GPU;
    VeraEditRequest request = {
        .clip_path = order->clip_path, .instruction = order->instruction, .task = order->task, .negative_prompt = order->negative,
        .region_path = order->region_path, .frames = frames, .model_dir = order->model_dir,
        .device = is_gpu ? "cuda" : "cpu", .compute = is_gpu ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32, .seed = order->seed, .n_steps = order->n_steps,
        .guidance = order->guidance, .width = order->width, .height = order->height,
    };

    if (!g_task_propagate_boolean(G_TASK(result), &error)) {
        vera_editor_say(self, "%s", error->message);
        return;
    }
    if (self->queue == NULL) /* the window was closed meanwhile */
        return;
    for (gint64 i = order->first; i <= order->last; i++)
        g_array_append_val(frames, i);
    vera_queue_add_edit(self->queue, &request, order->title, order->edit_id, order->take_dir);
}

void
vera_editor_start_take(VeraEditor *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self);
    const VeraClipInfo *info = vera_editor_get_clip_info(self);
    g_autofree char *instruction = edit ? g_strstrip(g_strdup(edit->instruction)) : NULL;
    g_autoptr(GTask) task = NULL;

    if (info == NULL || edit == NULL) {
        vera_editor_say(self, _("Open a clip and add an edit first"));
        return;
    }
    if (*instruction == '\0') {
        vera_editor_say(self, _("Type what should change first"));
        return;
    }
    if (edit->first >= info->n_frames) {
        vera_editor_say(self, _("The edit lies outside of the clip"));
        return;
    }
    task = g_task_new(self, NULL, vera_editor_mask_done_cb, NULL);
    g_task_set_task_data(task, vera_editor_order_new(self, edit, info), (GDestroyNotify)vera_editor_order_free);
    g_task_run_in_thread(task, vera_editor_mask_thread);
}

static void
vera_editor_drop_preview(VeraEditor *self, const char *edit_id)
{
    if (g_strcmp0(self->preview_edit, edit_id) == 0)
        g_clear_pointer(&self->preview, vera_layer_frame_unref);
}

static gboolean
vera_editor_has_take(const VeraEdit *edit, const char *dir)
{
    for (guint i = 0; i < edit->takes->len; i++)
        if (g_strcmp0(((VeraProjectTake *)g_ptr_array_index(edit->takes, i))->dir, dir) == 0)
            return TRUE;
    return FALSE;
}

/* A take that is done joins its edit and is shown; after a crash the queue may say so a second time. */
static void
vera_editor_job_finished_cb(VeraEditor *self, VeraJob *job)
{
    const char *edit_id = vera_job_get_edit_id(job);
    g_autofree char *name = NULL;
    VeraProjectState *state;
    VeraProjectTake *take;
    VeraEdit *edit;

    vera_editor_drop_preview(self, edit_id);
    if (edit_id == NULL || vera_job_get_state(job) != VERA_JOB_STATE_DONE)
        return;
    edit = vera_project_state_find_edit(vera_editor_get_state(self), edit_id);
    if (edit == NULL || vera_editor_has_take(edit, vera_job_get_output(job)))
        return;
    state = vera_editor_begin_change(self);
    edit = vera_project_state_find_edit(state, edit_id);
    name = g_strdup_printf(_("Take %u"), edit->takes->len + 1);
    take = vera_project_take_new(vera_job_get_output(job), name);
    g_ptr_array_add(edit->takes, take);
    g_free(edit->chosen_take);
    edit->chosen_take = g_strdup(take->id);
    vera_editor_commit(self, state, _("Add Take"), NULL);
}

void
vera_editor_watch_queue(VeraEditor *self)
{
    g_signal_connect_object(self->queue, "job-finished", G_CALLBACK(vera_editor_job_finished_cb), self, G_CONNECT_SWAPPED);
}
