#include "config.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/project/vera-journal.h"
#include "engine/project/vera-project-file.h"
#include "engine/project/vera-project-json.h"
#include "engine/project/vera-project-private.h"
#include "engine/vera-engine-error.h"

void
vera_project_recoverable_free(VeraProjectRecoverable *self)
{
    if (self == NULL)
        return;
    g_free(self->journal_path);
    g_free(self->project_path);
    g_free(self->last_change);
    g_free(self);
}

static gboolean
vera_project_states_equal(const VeraProjectState *a, const VeraProjectState *b)
{
    g_autoptr(JsonObject) json_a = vera_project_state_to_json(a, NULL);
    g_autoptr(JsonObject) json_b = vera_project_state_to_json(b, NULL);
    g_autofree char *text_a = vera_project_json_to_text(json_a, FALSE);
    g_autofree char *text_b = vera_project_json_to_text(json_b, FALSE);

    return strcmp(text_a, text_b) == 0;
}

/* Whether a journal holds anything that its project's file does not. A program may end between
 * saving and dropping its journal. */
static gboolean
vera_project_journal_has_work(const VeraJournalContents *contents)
{
    g_autoptr(VeraProjectState) saved = NULL;

    if (contents->state == NULL || !contents->is_modified)
        return FALSE;
    if (contents->project_path != NULL)
        saved = vera_project_file_read(contents->project_path, NULL, NULL);
    return saved == NULL || !vera_project_states_equal(saved, contents->state);
}

static VeraProjectRecoverable *
vera_project_recoverable_new(const char *path, VeraJournalContents *contents)
{
    VeraProjectRecoverable *self = g_new0(VeraProjectRecoverable, 1);

    self->journal_path = g_strdup(path);
    self->project_path = g_steal_pointer(&contents->project_path);
    self->last_change = g_steal_pointer(&contents->name);
    self->time = contents->time;
    self->n_changes = contents->n_changes;
    return self;
}

static int
vera_project_recoverable_compare_cb(gconstpointer a, gconstpointer b)
{
    const VeraProjectRecoverable *p = *(VeraProjectRecoverable *const *)a;
    const VeraProjectRecoverable *q = *(VeraProjectRecoverable *const *)b;

    if (p->time != q->time)
        return p->time > q->time ? -1 : 1;
    return strcmp(p->journal_path, q->journal_path);
}

GPtrArray *
vera_project_find_recoverable(void)
{
    GPtrArray *found =
        g_ptr_array_new_with_free_func((GDestroyNotify)vera_project_recoverable_free);
    g_autofree char *folder = vera_journal_dup_dir();
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        VeraJournalContents contents;
        if (!g_str_has_suffix(name, ".journal") || !vera_journal_read(path, &contents))
            continue;
        if (vera_project_journal_has_work(&contents))
            g_ptr_array_add(found, vera_project_recoverable_new(path, &contents));
        else
            g_unlink(path);
        vera_journal_contents_clear(&contents);
    }
    g_ptr_array_sort(found, vera_project_recoverable_compare_cb);
    return found;
}

VeraProject *
vera_project_recover(const VeraProjectRecoverable *recoverable, GError **error)
{
    VeraJournalContents contents;
    VeraProjectState *saved = NULL;
    VeraProject *project;

    g_return_val_if_fail(recoverable != NULL, NULL);
    if (!vera_journal_read(recoverable->journal_path, &contents) || contents.state == NULL) {
        vera_journal_contents_clear(&contents);
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "The unsaved work in ‘%s’ cannot be read: another Vera may have restored it already.",
            recoverable->journal_path);
        return NULL;
    }
    if (contents.project_path != NULL)
        saved = vera_project_file_read(contents.project_path, NULL, NULL);
    project = vera_project_new_recovered(contents.project_path, contents.sha256, saved,
                                         g_steal_pointer(&contents.state), contents.n_changes,
                                         recoverable->journal_path);
    vera_journal_contents_clear(&contents);
    return project;
}

gboolean
vera_project_discard_recoverable(const VeraProjectRecoverable *recoverable, GError **error)
{
    g_autofree char *what = NULL;

    g_return_val_if_fail(recoverable != NULL, FALSE);
    if (g_unlink(recoverable->journal_path) == 0)
        return TRUE;
    what = g_strdup_printf("remove the unsaved work in ‘%s’", recoverable->journal_path);
    vera_engine_error_set_errno(error, errno, what);
    return FALSE;
}
