#include "config.h"

#include <math.h>

#include "engine/project/vera-project-state.h"
#include "engine/vera-engine-error.h"

static gboolean vera_project_check_fail(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static gboolean
vera_project_check_fail(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, text);
    return FALSE;
}

/* Ids are unique over all kinds, so that a job or a journal can name anything by its id alone. */
static gboolean
vera_project_check_id(
    GHashTable *ids, const char *kind, guint index, const char *id, GError **error)
{
    if (id == NULL || *id == '\0' || !g_utf8_validate(id, -1, NULL))
        return vera_project_check_fail(error, "%s %u has no id", kind, index + 1);
    if (!g_hash_table_add(ids, (gpointer)id))
        return vera_project_check_fail(error, "the id ‘%s’ is there twice", id);
    return TRUE;
}

static gboolean
vera_project_check_path(const char *kind, const char *id, const char *path, GError **error)
{
    if (path != NULL && g_path_is_absolute(path))
        return TRUE;
    return vera_project_check_fail(error, "%s ‘%s’ has no usable path", kind, id);
}

static gboolean
vera_project_check_text(const char *kind, const char *id, const char *text, GError **error)
{
    if (text == NULL || g_utf8_validate(text, -1, NULL))
        return TRUE;
    return vera_project_check_fail(error, "%s ‘%s’ has a text that is not UTF-8", kind, id);
}

static gboolean
vera_project_check_edit_numbers(const VeraEdit *self, GError **error)
{
    const char *wrong = NULL;

    if (self->first < 0 || self->last < self->first || self->last >= G_MAXINT32)
        wrong = "frame range";
    else if (self->n_steps < 0 || self->n_steps > 1000)
        wrong = "number of steps";
    else if (!isfinite(self->guidance) || self->guidance > 1000)
        wrong = "guidance";
    else if (self->width < 0 || self->width > 16384 || self->height < 0 || self->height > 16384)
        wrong = "size";
    else if (!(self->opacity >= 0 && self->opacity <= 1))
        wrong = "opacity";
    if (wrong != NULL)
        return vera_project_check_fail(error, "edit ‘%s’ has a %s that makes no sense", self->id,
                                       wrong);
    return TRUE;
}

static gboolean
vera_project_check_edit_parts(const VeraEdit *self, GError **error)
{
    g_autoptr(GError) local = NULL;

    if ((self->region != NULL && !vera_region_check(self->region, &local)) ||
        !vera_matte_refinement_is_valid(&self->refinement, &local))
        return vera_project_check_fail(error, "edit ‘%s’: %s", self->id, local->message);
    return TRUE;
}

static gboolean
vera_project_check_takes(const VeraEdit *self, GHashTable *ids, GError **error)
{
    for (guint i = 0; i < self->takes->len; i++) {
        const VeraProjectTake *take = self->takes->pdata[i];
        if (!vera_project_check_id(ids, "take", i, take->id, error) ||
            !vera_project_check_path("take", take->id, take->dir, error) ||
            !vera_project_check_text("take", take->id, take->name, error))
            return FALSE;
    }
    if (self->chosen_take != NULL && vera_edit_find_take(self, self->chosen_take) == NULL)
        return vera_project_check_fail(error,
                                       "edit ‘%s’ chose the take ‘%s’, which it does not have",
                                       self->id, self->chosen_take);
    return TRUE;
}

static gboolean
vera_project_check_edit(const VeraProjectState *state, guint index, GHashTable *ids, GError **error)
{
    const VeraEdit *self = state->edits->pdata[index];

    if (!vera_project_check_id(ids, "edit", index, self->id, error))
        return FALSE;
    if (vera_project_state_find_clip(state, self->clip_id) == NULL)
        return vera_project_check_fail(
            error, "edit ‘%s’ names the clip ‘%s’, which the project does not have", self->id,
            self->clip_id ? self->clip_id : "");
    if (self->instruction == NULL)
        return vera_project_check_fail(error, "edit ‘%s’ has no instruction", self->id);
    return vera_project_check_text("edit", self->id, self->instruction, error) &&
           vera_project_check_text("edit", self->id, self->task, error) &&
           vera_project_check_text("edit", self->id, self->negative, error) &&
           (self->region_path == NULL ||
            vera_project_check_path("the mask of edit", self->id, self->region_path, error)) &&
           (self->model_dir == NULL ||
            vera_project_check_path("the model of edit", self->id, self->model_dir, error)) &&
           vera_project_check_edit_numbers(self, error) &&
           vera_project_check_edit_parts(self, error) && vera_project_check_takes(self, ids, error);
}

static gboolean
vera_project_check_removed(const VeraProjectState *self, GHashTable *ids, GError **error)
{
    for (guint i = 0; i < self->removed_takes->len; i++) {
        const VeraProjectTake *take = self->removed_takes->pdata[i];
        if (!vera_project_check_id(ids, "removed take", i, take->id, error) ||
            !vera_project_check_path("removed take", take->id, take->dir, error) ||
            !vera_project_check_text("removed take", take->id, take->name, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
vera_project_check_markers(const VeraProjectState *self, GError **error)
{
    for (guint i = 0; i < self->markers->len; i++) {
        const VeraProjectMarker *marker = &g_array_index(self->markers, VeraProjectMarker, i);
        if (marker->frame < 0 || (marker->name != NULL && !g_utf8_validate(marker->name, -1, NULL)))
            return vera_project_check_fail(error, "marker %u makes no sense", i + 1);
    }
    return TRUE;
}

gboolean
vera_project_state_check(const VeraProjectState *self, GError **error)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < self->clips->len; i++) {
        const VeraProjectClip *clip = self->clips->pdata[i];
        if (!vera_project_check_id(ids, "clip", i, clip->id, error) ||
            !vera_project_check_path("clip", clip->id, clip->path, error) ||
            !vera_project_check_text("clip", clip->id, clip->name, error))
            return FALSE;
    }
    for (guint i = 0; i < self->edits->len; i++)
        if (!vera_project_check_edit(self, i, ids, error))
            return FALSE;
    if (self->in_frame < -1 || self->out_frame < -1 ||
        (self->in_frame >= 0 && self->out_frame >= 0 && self->out_frame < self->in_frame))
        return vera_project_check_fail(error, "the range from in to out makes no sense");
    return vera_project_check_removed(self, ids, error) && vera_project_check_markers(self, error);
}
