#include "config.h"

#include "engine/project/vera-project-state.h"

VeraProjectClip *
vera_project_clip_new(const char *path, const char *name)
{
    VeraProjectClip *self = g_new0(VeraProjectClip, 1);

    self->id = vera_project_make_id("clip");
    self->path = g_strdup(path);
    self->name = name ? g_strdup(name) : g_filename_display_basename(path);
    return self;
}

VeraProjectClip *
vera_project_clip_copy(const VeraProjectClip *self)
{
    VeraProjectClip *copy = g_new0(VeraProjectClip, 1);

    copy->id = g_strdup(self->id);
    copy->path = g_strdup(self->path);
    copy->name = g_strdup(self->name);
    copy->extra = g_strdup(self->extra);
    return copy;
}

void
vera_project_clip_free(VeraProjectClip *self)
{
    if (self == NULL)
        return;
    g_free(self->id);
    g_free(self->path);
    g_free(self->name);
    g_free(self->extra);
    g_free(self);
}

VeraProjectTake *
vera_project_take_new(const char *dir, const char *name)
{
    VeraProjectTake *self = g_new0(VeraProjectTake, 1);

    self->id = vera_project_make_id("take");
    self->dir = g_strdup(dir);
    self->name = g_strdup(name);
    return self;
}

VeraProjectTake *
vera_project_take_copy(const VeraProjectTake *self)
{
    VeraProjectTake *copy = g_new0(VeraProjectTake, 1);

    copy->id = g_strdup(self->id);
    copy->dir = g_strdup(self->dir);
    copy->name = g_strdup(self->name);
    copy->extra = g_strdup(self->extra);
    return copy;
}

void
vera_project_take_free(VeraProjectTake *self)
{
    if (self == NULL)
        return;
    g_free(self->id);
    g_free(self->dir);
    g_free(self->name);
    g_free(self->extra);
    g_free(self);
}

VeraEdit *
vera_edit_new(const char *clip_id, gint64 first, gint64 last)
{
    const VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    VeraEdit *self = g_new0(VeraEdit, 1);

    self->id = vera_project_make_id("edit");
    self->clip_id = g_strdup(clip_id);
    self->instruction = g_strdup("");
    self->first = first;
    self->last = last;
    self->guidance = -1;
    self->takes = g_ptr_array_new_with_free_func((GDestroyNotify)vera_project_take_free);
    self->is_visible = TRUE;
    self->opacity = 1;
    self->refinement = refinement;
    return self;
}

static gpointer
vera_project_take_copy_cb(gconstpointer take, gpointer unused)
{
    return vera_project_take_copy(take);
}

VeraEdit *
vera_edit_copy(const VeraEdit *self)
{
    VeraEdit *copy = g_new(VeraEdit, 1);

    *copy = *self;
    copy->id = g_strdup(self->id);
    copy->clip_id = g_strdup(self->clip_id);
    copy->instruction = g_strdup(self->instruction);
    copy->task = g_strdup(self->task);
    copy->negative = g_strdup(self->negative);
    copy->region = self->region ? vera_region_copy(self->region) : NULL;
    copy->region_path = g_strdup(self->region_path);
    copy->model_dir = g_strdup(self->model_dir);
    copy->takes = g_ptr_array_copy(self->takes, vera_project_take_copy_cb, NULL);
    copy->chosen_take = g_strdup(self->chosen_take);
    copy->extra = g_strdup(self->extra);
    return copy;
}

void
vera_edit_free(VeraEdit *self)
{
    if (self == NULL)
        return;
    g_free(self->id);
    g_free(self->clip_id);
    g_free(self->instruction);
    g_free(self->task);
    g_free(self->negative);
    vera_region_unref(self->region);
    g_free(self->region_path);
    g_free(self->model_dir);
    g_ptr_array_unref(self->takes);
    g_free(self->chosen_take);
    g_free(self->extra);
    g_free(self);
}

VeraProjectTake *
vera_edit_find_take(const VeraEdit *self, const char *id)
{
    for (guint i = 0; id != NULL && i < self->takes->len; i++) {
        VeraProjectTake *take = self->takes->pdata[i];
        if (g_strcmp0(take->id, id) == 0)
            return take;
    }
    return NULL;
}

static void
vera_project_marker_clear(gpointer data)
{
    VeraProjectMarker *marker = data;

    g_free(marker->name);
    g_free(marker->extra);
}

VeraProjectState *
vera_project_state_new(void)
{
    VeraProjectState *self = g_new0(VeraProjectState, 1);

    self->ref_count = 1;
    self->clips = g_ptr_array_new_with_free_func((GDestroyNotify)vera_project_clip_free);
    self->edits = g_ptr_array_new_with_free_func((GDestroyNotify)vera_edit_free);
    self->removed_takes = g_ptr_array_new_with_free_func((GDestroyNotify)vera_project_take_free);
    self->markers = g_array_new(FALSE, FALSE, sizeof(VeraProjectMarker));
    g_array_set_clear_func(self->markers, vera_project_marker_clear);
    self->in_frame = -1;
    self->out_frame = -1;
    return self;
}

VeraProjectState *
vera_project_state_copy(const VeraProjectState *self)
{
    VeraProjectState *copy = vera_project_state_new();

    for (guint i = 0; i < self->clips->len; i++)
        g_ptr_array_add(copy->clips, vera_project_clip_copy(self->clips->pdata[i]));
    for (guint i = 0; i < self->edits->len; i++)
        g_ptr_array_add(copy->edits, vera_edit_copy(self->edits->pdata[i]));
    for (guint i = 0; i < self->removed_takes->len; i++)
        g_ptr_array_add(copy->removed_takes, vera_project_take_copy(self->removed_takes->pdata[i]));
    for (guint i = 0; i < self->markers->len; i++) {
        VeraProjectMarker marker = g_array_index(self->markers, VeraProjectMarker, i);
        marker.name = g_strdup(marker.name);
        marker.extra = g_strdup(marker.extra);
        g_array_append_val(copy->markers, marker);
    }
    copy->in_frame = self->in_frame;
    copy->out_frame = self->out_frame;
    copy->is_linear_over = self->is_linear_over;
    copy->extra = g_strdup(self->extra);
    return copy;
}

VeraProjectState *
vera_project_state_ref(const VeraProjectState *self)
{
    VeraProjectState *mutable_self = (VeraProjectState *)self;

    g_atomic_int_inc(&mutable_self->ref_count);
    return mutable_self;
}

void
vera_project_state_unref(VeraProjectState *self)
{
    if (self == NULL || !g_atomic_int_dec_and_test(&self->ref_count))
        return;
    g_ptr_array_unref(self->clips);
    g_ptr_array_unref(self->edits);
    g_ptr_array_unref(self->removed_takes);
    g_array_unref(self->markers);
    g_free(self->extra);
    g_free(self);
}

VeraProjectClip *
vera_project_state_find_clip(const VeraProjectState *self, const char *id)
{
    for (guint i = 0; id != NULL && i < self->clips->len; i++) {
        VeraProjectClip *clip = self->clips->pdata[i];
        if (g_strcmp0(clip->id, id) == 0)
            return clip;
    }
    return NULL;
}

VeraEdit *
vera_project_state_find_edit(const VeraProjectState *self, const char *id)
{
    for (guint i = 0; id != NULL && i < self->edits->len; i++) {
        VeraEdit *edit = self->edits->pdata[i];
        if (g_strcmp0(edit->id, id) == 0)
            return edit;
    }
    return NULL;
}

void
vera_project_state_remove_take(VeraProjectState *self, VeraEdit *edit, VeraProjectTake *take)
{
    guint at;

    if (g_ptr_array_find(edit->takes, take, &at))
        g_ptr_array_add(self->removed_takes, g_ptr_array_steal_index(edit->takes, at));
}

void
vera_project_state_remove_edit(VeraProjectState *self, VeraEdit *edit)
{
    while (edit->takes->len > 0)
        vera_project_state_remove_take(self, edit, edit->takes->pdata[0]);
    g_ptr_array_remove(self->edits, edit);
}

gboolean
vera_project_state_is_shown(const VeraProjectState *self, const VeraEdit *edit)
{
    for (guint i = 0; i < self->edits->len; i++)
        if (((const VeraEdit *)self->edits->pdata[i])->is_solo)
            return edit->is_solo;
    return edit->is_visible;
}

GPtrArray *
vera_project_state_list_layers(const VeraProjectState *self, const char *clip_id)
{
    GPtrArray *layers = g_ptr_array_new();

    for (guint i = 0; i < self->edits->len; i++) {
        VeraEdit *edit = self->edits->pdata[i];
        if (g_strcmp0(edit->clip_id, clip_id) == 0 && vera_project_state_is_shown(self, edit) &&
            edit->opacity > 0 && vera_edit_find_take(edit, edit->chosen_take) != NULL)
            g_ptr_array_add(layers, edit);
    }
    return layers;
}

void
vera_project_state_add_marker(VeraProjectState *self, gint64 frame, const char *name)
{
    VeraProjectMarker marker = {.frame = frame, .name = g_strdup(name)};

    g_array_append_val(self->markers, marker);
}

char *
vera_project_make_id(const char *prefix)
{
    g_autofree char *uuid = g_uuid_string_random();

    /* The last group of a random UUID: 48 random bits. */
    return g_strdup_printf("%s-%s", prefix, uuid + 24);
}
