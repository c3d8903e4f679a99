#pragma once

#include <gio/gio.h>

#include "engine/project/vera-project.h"

G_BEGIN_DECLS

/**
 * VeraTakeHolder: why the files of a removed take are kept.
 * @VERA_TAKE_HOLDER_NONE: nothing needs them
 * @VERA_TAKE_HOLDER_UNDO: the project shows the take, or undo or redo would
 * @VERA_TAKE_HOLDER_JOB: a job reads or makes them
 * @VERA_TAKE_HOLDER_PROJECT: another project shows the take, or this one's file as it was saved, or
 * one that cannot be read might
 * @VERA_TAKE_HOLDER_UNSAVED: work that can be recovered after a crash shows it
 * @VERA_TAKE_HOLDER_FOREIGN: the folder holds files that are no take's
 * @VERA_TAKE_HOLDER_VERSION: only older versions of the project, PATH~1 to ~5, show it
 */
typedef enum {
    VERA_TAKE_HOLDER_NONE,
    VERA_TAKE_HOLDER_UNDO,
    VERA_TAKE_HOLDER_JOB,
    VERA_TAKE_HOLDER_PROJECT,
    VERA_TAKE_HOLDER_UNSAVED,
    VERA_TAKE_HOLDER_FOREIGN,
    VERA_TAKE_HOLDER_VERSION,
} VeraTakeHolder;

/**
 * VeraRemovedTake:
 * @dir: its folder, links followed
 * @n_bytes: of its files and of the region's mask that was made for it
 * @holder: what needs it
 * @holder_path: (nullable): the project, older version or journal that needs it
 */
typedef struct {
    char *dir;
    guint64 n_bytes;
    VeraTakeHolder holder;
    char *holder_path;
} VeraRemovedTake;

void vera_removed_take_free(VeraRemovedTake *self);

/**
 * VeraTakeFiles: the removed takes of one project whose files are still on disk, and what is asked
 * before any of them goes.
 *
 * Thread-safety: made and filled on the main thread, then one worker at a time.
 */
typedef struct _VeraTakeFiles VeraTakeFiles;

/** vera_take_files_new: Returns: (transfer full): what @project says now: its removed takes, its
 * history, its file, its versions, and the projects beside it */
VeraTakeFiles *vera_take_files_new(VeraProject *project);
void vera_take_files_free(VeraTakeFiles *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTakeFiles, vera_take_files_free)

/** vera_take_files_add_open: another project that is open: its history needs its takes too. */
void vera_take_files_add_open(VeraTakeFiles *self, VeraProject *project);
/** vera_take_files_add_project: a project file that may show takes of this one; need not exist. */
void vera_take_files_add_project(VeraTakeFiles *self, const char *path);
/** vera_take_files_add_busy: folder of a take that a job reads or makes. */
void vera_take_files_add_busy(VeraTakeFiles *self, const char *dir);

/** vera_take_files_find: reads projects and folders. Returns: (transfer full) (element-type
 * VeraRemovedTake): what is on disk */
GPtrArray *vera_take_files_find(VeraTakeFiles *self);

/**
 * VeraTakeRemoveFlags:
 * @VERA_TAKE_REMOVE_FLAGS_NONE: to the system's trash
 * @VERA_TAKE_REMOVE_FLAGS_FOR_GOOD: from the disk
 * @VERA_TAKE_REMOVE_FLAGS_VERSIONS: also what only older versions of the project show
 */
typedef enum {
    VERA_TAKE_REMOVE_FLAGS_NONE = 0,
    VERA_TAKE_REMOVE_FLAGS_FOR_GOOD = 1 << 0,
    VERA_TAKE_REMOVE_FLAGS_VERSIONS = 1 << 1,
} VeraTakeRemoveFlags;

/**
 * vera_take_files_remove:
 * @found: (element-type VeraRemovedTake): of an earlier vera_take_files_find(); nothing else is
 * touched
 * @n_bytes: (out): how much went, also on failure
 * @error: return location for a #GError
 *
 * Looks again whether nothing needs them, and removes the files of those. Errors:
 * %VERA_ENGINE_ERROR_CANCELLED, %VERA_ENGINE_ERROR_UNSUPPORTED (there is no trash for this disk),
 * %VERA_ENGINE_ERROR_OUTPUT names the file; what went is gone, the rest can be tried again.
 *
 * Returns: %TRUE if all that nothing needs went
 */
gboolean vera_take_files_remove(VeraTakeFiles *self,
                                GPtrArray *found,
                                VeraTakeRemoveFlags flags,
                                guint64 *n_bytes,
                                GCancellable *cancellable,
                                GError **error);

G_END_DECLS
