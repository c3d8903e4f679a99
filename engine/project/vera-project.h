#pragma once

#include <gio/gio.h>

#include "engine/project/vera-project-state.h"

G_BEGIN_DECLS

#define VERA_TYPE_PROJECT (vera_project_get_type())

/**
 * VeraProject:
 *
 * A document: the current state, its undo history, its file, its journal and its lock. Every change
 * is a whole new state that is handed in by vera_project_commit(); listeners look at
 * vera_project_get_state() when "changed" is emitted.
 *
 * Properties (read-only, notified): "path" (string, %NULL until saved), "title" (string, file name
 * without ".vera", %NULL until saved), "is-modified", "can-undo", "can-redo" (boolean),
 * "is-locked-out" (boolean: another program writes this project; it can be looked at and saved
 * elsewhere).
 *
 * Signals: "changed" () after every commit, undo, redo; "journal-failed" (char *message) once when
 * changes can no longer be journaled, so that a crash would lose them; the message is a sentence
 * for the user.
 *
 * Dropping the last reference is a clean close: the journal and the lock go.
 *
 * Thread-safety: main thread only, except where said.
 */
G_DECLARE_FINAL_TYPE(VeraProject, vera_project, VERA, PROJECT, GObject)

/** vera_project_new: Returns: (transfer full): an untitled, empty project */
VeraProject *vera_project_new(void);

/**
 * vera_project_load:
 * @path: a project file
 * @error: return location for a #GError
 *
 * Reads and locks a project. When another program has it locked, it is read all the same and
 * "is-locked-out" is set. A file that cannot be read is left untouched. Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT (missing, damaged), %VERA_ENGINE_ERROR_UNSUPPORTED (made by a newer
 * program).
 *
 * Returns: (transfer full): the project, or %NULL
 */
VeraProject *vera_project_load(const char *path, GError **error);

/**
 * vera_project_load_async:
 *
 * vera_project_load() with the reading in another thread. When @cancellable is cancelled, the error is %G_IO_ERROR_CANCELLED and
 * nothing stays locked.
 */
void vera_project_load_async(const char *path,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
VeraProject *vera_project_load_finish(GAsyncResult *result, GError **error);

/**
 * VeraProjectSaveFlags:
 * @VERA_PROJECT_SAVE_FLAGS_NONE: refuse when the file changed on disk since it was read or saved
 * @VERA_PROJECT_SAVE_FLAGS_FORCE: write over it all the same; the version on disk is kept as an
 * older version
 */
typedef enum {
    VERA_PROJECT_SAVE_FLAGS_NONE = 0,
    VERA_PROJECT_SAVE_FLAGS_FORCE = 1 << 0,
} VeraProjectSaveFlags;

/**
 * vera_project_save:
 * @self: a project
 * @path: (nullable): where; %NULL or the project's own path saves, another path saves as and moves
 * the lock there
 * @flags: flags
 * @error: return location for a #GError
 *
 * Writes a new file beside the old one, syncs it and renames it over the old one, which stays as
 * PATH~1 (then ~2 … ~5). On failure the old file is as it was and the project stays modified.
 * Errors: %VERA_ENGINE_ERROR_CHANGED_ON_DISK, %VERA_ENGINE_ERROR_LOCKED,
 * %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_OUTPUT.
 *
 * Returns: %TRUE when the project is on disk
 */
gboolean
vera_project_save(VeraProject *self, const char *path, VeraProjectSaveFlags flags, GError **error);

/**
 * vera_project_save_async:
 *
 * vera_project_save() with the writing in another thread. What is saved is the state at the time of
 * the call; changes that are made meanwhile leave the project modified. One save at a time: a
 * second waits for the first.
 */
void vera_project_save_async(VeraProject *self,
                             const char *path,
                             VeraProjectSaveFlags flags,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
gboolean vera_project_save_finish(VeraProject *self, GAsyncResult *result, GError **error);

/** vera_project_get_state: Returns: (transfer none): the current state; never changed, replaced by
 * the next commit */
const VeraProjectState *vera_project_get_state(VeraProject *self);

/**
 * vera_project_commit:
 * @self: a project
 * @new_state: (transfer full): the state after the change; must pass vera_project_state_check() and
 * is never changed again
 * @name: what was done, for the menu ("Add Edit"); translated by the caller
 * @merge_key: (nullable): commits in a row with the same key become one undo step (a slider's
 * drag); undo, redo, a save and vera_project_end_merge() end the row
 *
 * Makes @new_state the current state, drops what could be redone, journals, emits "changed". Never
 * blocks on the disk.
 */
void vera_project_commit(VeraProject *self,
                         VeraProjectState *new_state,
                         const char *name,
                         const char *merge_key);

/** vera_project_end_merge: the next commit is an undo step of its own, whatever its merge key (end
 * of a drag). */
void vera_project_end_merge(VeraProject *self);

/** vera_project_undo: back by one step, without limit up to the first state. Returns: %FALSE if
 * there is none */
gboolean vera_project_undo(VeraProject *self);

/** vera_project_redo: forward by one step. Returns: %FALSE if there is none */
gboolean vera_project_redo(VeraProject *self);

/** vera_project_list_states: Returns: (transfer full) (element-type VeraProjectState): every state
 * that undo and redo lead to, the current one among them, the oldest first */
GPtrArray *vera_project_list_states(VeraProject *self);

/** vera_project_get_n_steps: Returns: how many states the history holds; the first is as the
 * project was opened */
guint vera_project_get_n_steps(VeraProject *self);

/** vera_project_get_position: Returns: which of them is the current one, from 0 */
guint vera_project_get_position(VeraProject *self);

/** vera_project_get_step_name: Returns: (nullable): what led to the state at @position; %NULL for
 * the first */
const char *vera_project_get_step_name(VeraProject *self, guint position);

/** vera_project_go_to: undoes or redoes up to the state at @position. Returns: %FALSE if that is
 * the current one, or none */
gboolean vera_project_go_to(VeraProject *self, guint position);

/** vera_project_get_undo_name: Returns: (nullable): name of the step that undo would take back */
const char *vera_project_get_undo_name(VeraProject *self);

/** vera_project_get_redo_name: Returns: (nullable): name of the step that redo would do again */
const char *vera_project_get_redo_name(VeraProject *self);

const char *vera_project_get_path(VeraProject *self);
const char *vera_project_get_title(VeraProject *self);
gboolean vera_project_get_is_modified(VeraProject *self);
gboolean vera_project_get_can_undo(VeraProject *self);
gboolean vera_project_get_can_redo(VeraProject *self);

/** vera_project_get_lock_owner: Returns: (nullable): "process 123 on HOST" of the program that has
 * the project, if "is-locked-out" */
const char *vera_project_get_lock_owner(VeraProject *self);

/**
 * vera_project_break_lock:
 *
 * Takes the lock from a program on another computer that, the user says, is gone. Errors:
 * %VERA_ENGINE_ERROR_LOCKED if a program on this computer has it and still runs,
 * %VERA_ENGINE_ERROR_OUTPUT.
 *
 * Returns: %TRUE when the lock is ours
 */
gboolean vera_project_break_lock(VeraProject *self, GError **error);

/** vera_project_flush_journal: blocks until every change so far is on disk, or the journal has
 * failed. For tests and for exit. */
void vera_project_flush_journal(VeraProject *self);

/**
 * VeraProjectRecoverable:
 * @journal_path: the journal
 * @project_path: (nullable): the project it belongs to, %NULL for one that was never saved
 * @time: of the last change, seconds since 1970, UTC
 * @n_changes: changes since the project was opened or saved
 * @last_change: (nullable): name of the last change
 *
 * Work that a program left behind when it ended without closing its project.
 */
typedef struct {
    char *journal_path;
    char *project_path;
    gint64 time;
    guint n_changes;
    char *last_change;
} VeraProjectRecoverable;

void vera_project_recoverable_free(VeraProjectRecoverable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProjectRecoverable, vera_project_recoverable_free)

/**
 * vera_project_find_recoverable:
 *
 * Looks through the journals of programs that no longer run. Journals without unsaved work are
 * removed on the way.
 *
 * Thread-safety: safe; reads whole journals, for a worker thread.
 * Returns: (transfer full) (element-type VeraProjectRecoverable): the newest first; empty if
 * nothing was lost
 */
GPtrArray *vera_project_find_recoverable(void);

/**
 * vera_project_recover:
 * @recoverable: one of vera_project_find_recoverable()
 * @error: return location for a #GError
 *
 * Opens the project in its last journaled state, modified; undo leads to the state of its file
 * where that can be read. A journal that was cut off gives its last whole change. The journal is
 * removed once the work is journaled anew. Errors: %VERA_ENGINE_ERROR_BAD_INPUT.
 *
 * Returns: (transfer full): the project, or %NULL (the journal stays)
 */
VeraProject *vera_project_recover(const VeraProjectRecoverable *recoverable, GError **error);

/** vera_project_discard_recoverable: removes the journal for good. Errors:
 * %VERA_ENGINE_ERROR_OUTPUT */
gboolean vera_project_discard_recoverable(const VeraProjectRecoverable *recoverable,
                                          GError **error);

G_END_DECLS
