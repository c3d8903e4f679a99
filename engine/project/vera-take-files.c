#include "config.h"

#include "engine/project/vera-take-files.h"

#include "engine/project/vera-journal.h"
#include "engine/project/vera-project-file.h"
#include "engine/project/vera-take-private.h"
#include "engine/project/vera-take.h"
#include "engine/vera-engine-error.h"

#define VERA_TAKE_FILES_VERSIONS 5

struct _VeraTakeFiles {
    VeraProjectState *state;
    GPtrArray *states; /* VeraProjectState: what undo and redo lead to, here and in other windows */
    GPtrArray *projects; /* paths of project files */
    GPtrArray *busy;     /* folders, links followed */
    char *path;          /* (nullable) of the project */
};

void
vera_removed_take_free(VeraRemovedTake *self)
{
    g_free(self->dir);
    g_free(self->holder_path);
    g_free(self);
}

VeraTakeFiles *
vera_take_files_new(VeraProject *project)
{
    VeraTakeFiles *self = g_new0(VeraTakeFiles, 1);

    self->state = vera_project_state_ref(vera_project_get_state(project));
    self->states = vera_project_list_states(project);
    self->projects = g_ptr_array_new_with_free_func(g_free);
    self->busy = g_ptr_array_new_with_free_func(g_free);
    self->path = g_strdup(vera_project_get_path(project));
    vera_take_files_add_project(self, self->path);
    return self;
}

void
vera_take_files_free(VeraTakeFiles *self)
{
    vera_project_state_unref(self->state);
    g_ptr_array_unref(self->states);
    g_ptr_array_unref(self->projects);
    g_ptr_array_unref(self->busy);
    g_free(self->path);
    g_free(self);
}

void
vera_take_files_add_open(VeraTakeFiles *self, VeraProject *project)
{
    g_ptr_array_extend_and_steal(self->states, vera_project_list_states(project));
    vera_take_files_add_project(self, vera_project_get_path(project));
}

void
vera_take_files_add_project(VeraTakeFiles *self, const char *path)
{
    if (path != NULL && !g_ptr_array_find_with_equal_func(self->projects, path, g_str_equal, NULL))
        g_ptr_array_add(self->projects, g_strdup(path));
}

void
vera_take_files_add_busy(VeraTakeFiles *self, const char *dir)
{
    g_ptr_array_add(self->busy, vera_project_file_resolve(dir));
}

/* Notes what needs the takes of @state, unless something else does already: the first one asked is
 * the one that is named. */
static void
vera_take_files_hold(GHashTable *takes,
                     const VeraProjectState *state,
                     VeraTakeHolder holder,
                     const char *path)
{
    for (guint i = 0; i < state->edits->len; i++) {
        const VeraEdit *edit = state->edits->pdata[i];
        for (guint k = 0; k < edit->takes->len; k++) {
            g_autofree char *dir =
                vera_project_file_resolve(((VeraProjectTake *)edit->takes->pdata[k])->dir);
            VeraRemovedTake *take = g_hash_table_lookup(takes, dir);
            if (take == NULL || take->holder != VERA_TAKE_HOLDER_NONE)
                continue;
            take->holder = holder;
            take->holder_path = g_strdup(path);
        }
    }
}

static void
vera_take_files_hold_all(GHashTable *takes, VeraTakeHolder holder, const char *path)
{
    GHashTableIter iter;
    VeraRemovedTake *take;

    g_hash_table_iter_init(&iter, takes);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&take)) {
        if (take->holder != VERA_TAKE_HOLDER_NONE)
            continue;
        take->holder = holder;
        take->holder_path = g_strdup(path);
    }
}

/* A project that is there but cannot be read might need any of them. */
static void
vera_take_files_ask_project(GHashTable *takes, const char *path, VeraTakeHolder holder)
{
    g_autoptr(VeraProjectState) state = NULL;

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return;
    state = vera_project_state_load(path, NULL);
    if (state != NULL)
        vera_take_files_hold(takes, state, holder, path);
    else
        vera_take_files_hold_all(takes, holder, path);
}

/* The projects of a folder: one that was saved under another name shows the takes of the first. */
static void
vera_take_files_ask_folder(GHashTable *takes, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_str_has_suffix(name, ".vera"))
            vera_take_files_ask_project(takes, path, VERA_TAKE_HOLDER_PROJECT);
    }
}

/* Takes lie in a folder beside the project that they were made for. */
static void
vera_take_files_ask_neighbours(VeraTakeFiles *self, GHashTable *takes)
{
    g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer dir, folder;

    if (self->path != NULL)
        g_hash_table_add(folders, g_path_get_dirname(self->path));
    g_hash_table_iter_init(&iter, takes);
    while (g_hash_table_iter_next(&iter, &dir, NULL)) {
        g_autofree char *parent = g_path_get_dirname(dir);
        g_hash_table_add(folders, g_path_get_dirname(parent));
    }
    g_hash_table_iter_init(&iter, folders);
    while (g_hash_table_iter_next(&iter, &folder, NULL))
        vera_take_files_ask_folder(takes, folder);
}

static void
vera_take_files_ask_journals(GHashTable *takes)
{
    g_autofree char *folder = vera_journal_dup_dir();
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        VeraJournalContents contents;
        if (!g_str_has_suffix(name, ".journal") || !vera_journal_read(path, &contents))
            continue;
        if (contents.state != NULL)
            vera_take_files_hold(takes, contents.state, VERA_TAKE_HOLDER_UNSAVED, path);
        vera_journal_contents_clear(&contents);
    }
}

static void
vera_take_files_add_take(GHashTable *takes, const char *path)
{
    g_autofree char *dir = vera_project_file_resolve(path);
    VeraRemovedTake *take;

    if (g_hash_table_contains(takes, dir) || !vera_take_is_take(dir))
        return;
    take = g_new0(VeraRemovedTake, 1);
    take->dir = g_strdup(dir);
    if (!vera_take_measure(dir, &take->n_bytes))
        take->holder = VERA_TAKE_HOLDER_FOREIGN;
    g_hash_table_insert(takes, g_steal_pointer(&dir), take);
}

static GHashTable *
vera_take_files_list(VeraTakeFiles *self)
{
    GHashTable *takes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify)vera_removed_take_free);

    for (guint i = 0; i < self->state->removed_takes->len; i++)
        vera_take_files_add_take(takes,
                                 ((VeraProjectTake *)self->state->removed_takes->pdata[i])->dir);
    return takes;
}

static void
vera_take_files_ask(VeraTakeFiles *self, GHashTable *takes)
{
    for (guint i = 0; i < self->states->len; i++)
        vera_take_files_hold(takes, self->states->pdata[i], VERA_TAKE_HOLDER_UNDO, NULL);
    for (guint i = 0; i < self->busy->len; i++) {
        VeraRemovedTake *take = g_hash_table_lookup(takes, self->busy->pdata[i]);
        if (take != NULL && take->holder == VERA_TAKE_HOLDER_NONE)
            take->holder = VERA_TAKE_HOLDER_JOB;
    }
    for (guint i = 0; i < self->projects->len; i++)
        vera_take_files_ask_project(takes, self->projects->pdata[i], VERA_TAKE_HOLDER_PROJECT);
    vera_take_files_ask_neighbours(self, takes);
    vera_take_files_ask_journals(takes);
    for (int i = 1; self->path != NULL && i <= VERA_TAKE_FILES_VERSIONS; i++) {
        g_autofree char *version = g_strdup_printf("%s~%d", self->path, i);
        vera_take_files_ask_project(takes, version, VERA_TAKE_HOLDER_VERSION);
    }
}

static int
vera_removed_take_compare_cb(gconstpointer a, gconstpointer b)
{
    return g_strcmp0((*(VeraRemovedTake *const *)a)->dir, (*(VeraRemovedTake *const *)b)->dir);
}

GPtrArray *
vera_take_files_find(VeraTakeFiles *self)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)vera_removed_take_free);
    g_autoptr(GHashTable) takes = vera_take_files_list(self);
    GHashTableIter iter;
    gpointer key, take;

    vera_take_files_ask(self, takes);
    g_hash_table_iter_init(&iter, takes);
    while (g_hash_table_iter_next(&iter, &key, &take)) {
        g_hash_table_iter_steal(&iter);
        g_free(key);
        g_ptr_array_add(found, take);
    }
    g_ptr_array_sort(found, vera_removed_take_compare_cb);
    return found;
}

static gboolean
vera_removed_take_is_dir_cb(gconstpointer take, gconstpointer dir)
{
    return g_strcmp0(((const VeraRemovedTake *)take)->dir, dir) == 0;
}

gboolean
vera_take_files_remove(VeraTakeFiles *self,
                       GPtrArray *found,
                       VeraTakeRemoveFlags flags,
                       guint64 *n_bytes,
                       GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(GPtrArray) now = vera_take_files_find(self);

    *n_bytes = 0;
    for (guint i = 0; i < now->len; i++) {
        VeraRemovedTake *take = now->pdata[i];
        gboolean is_free =
            take->holder == VERA_TAKE_HOLDER_NONE ||
            (take->holder == VERA_TAKE_HOLDER_VERSION && (flags & VERA_TAKE_REMOVE_FLAGS_VERSIONS));
        if (!is_free ||
            !g_ptr_array_find_with_equal_func(found, take->dir, vera_removed_take_is_dir_cb, NULL))
            continue;
        if (vera_engine_error_set_cancelled(cancellable, error) ||
            !(flags & VERA_TAKE_REMOVE_FLAGS_FOR_GOOD ? vera_take_remove(take->dir, error)
                                                      : vera_take_trash(take->dir, error)))
            return FALSE;
        *n_bytes += take->n_bytes;
    }
    return TRUE;
}
