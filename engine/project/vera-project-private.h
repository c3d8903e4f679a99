#pragma once

#include "engine/project/vera-journal.h"
#include "engine/project/vera-project-lock.h"
#include "engine/project/vera-project.h"

G_BEGIN_DECLS

/* One state in the history, and what led to it. */
typedef struct {
    VeraProjectState *state;
    char *name;
    char *merge_key; /* NULL: the next commit is a step of its own */
} VeraProjectStep;

struct _VeraProject {
    GObject parent_instance;

    /* Owned */
    char *path; /* resolved; NULL until saved */
    char *title;
    char *sha256; /* of the file as we know it */
    GPtrArray *steps;
    guint current;
    VeraProjectState *saved_state; /* NULL: no state of ours is what the file holds */
    guint n_changes;               /* since opened or saved */
    VeraJournal *journal;
    VeraProjectLock *lock;
    char *lock_owner;
    GQueue *saves; /* GTask; the head is running */
};

/* What a property says right now, so that only those are notified that a change has changed. */
typedef struct {
    gboolean is_modified, can_undo, can_redo, is_locked_out;
    char *path;
} VeraProjectLook;

/** vera_project_look: Returns: (transfer full): what the properties say;
 * vera_project_notify_differences() takes it */
VeraProjectLook vera_project_look(VeraProject *self);

/** vera_project_notify_differences: notifies the properties that say something else than @before
 * (transfer full). */
void vera_project_notify_differences(VeraProject *self, VeraProjectLook before);

/** vera_project_new_with_state: Returns: (transfer full): a project with @state (transfer full) as its first and saved one */
VeraProject *vera_project_new_with_state(VeraProjectState *state);

/** vera_project_append_to_journal: queues the current state. */
void vera_project_append_to_journal(VeraProject *self);

/** vera_project_set_path: sets path and title; notifies nobody. */
void vera_project_set_path(VeraProject *self, const char *path);

/**
 * vera_project_new_recovered:
 * @path: (nullable): resolved path of the project
 * @sha256: (nullable): what its file held when the work began
 * @file_state: (transfer full) (nullable): what its file holds
 * @state: (transfer full): the recovered state
 * @n_changes: changes between the two
 * @journal_path: the journal to remove once @state is journaled anew
 *
 * Returns: (transfer full): a modified project whose undo leads to @file_state
 */
VeraProject *vera_project_new_recovered(const char *path,
                                        const char *sha256,
                                        VeraProjectState *file_state,
                                        VeraProjectState *state,
                                        guint n_changes,
                                        const char *journal_path);

G_END_DECLS
