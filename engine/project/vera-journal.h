#pragma once

#include "engine/project/vera-project-state.h"

G_BEGIN_DECLS

/**
 * VeraJournal: writes every state of one project to a file of its own, in order, in a thread of its
 * own.
 *
 * A journal is lines of "SHA256 JSON". The first names the project, each other one holds a whole
 * state. Its writer holds it with flock(2), so that a journal that nobody holds belongs to a
 * program that ended without closing its project. When states come faster than the disk takes them,
 * only the newest is written: it holds all that the others do.
 *
 * Thread-safety: calls come from one thread.
 */
typedef struct _VeraJournal VeraJournal;

/** The format that this program writes and reads. */
#define VERA_JOURNAL_FORMAT 1

/** VeraJournalFailedFunc: called in the journal's thread, once until writing works again; @message
 * is a sentence for the user. */
typedef void (*VeraJournalFailedFunc)(const char *message, gpointer user_data);

/** vera_journal_new: Returns: (transfer full): a journal; no file until something is appended */
VeraJournal *vera_journal_new(VeraJournalFailedFunc failed, gpointer user_data);

/**
 * VeraJournalEntry:
 * @state: (transfer none): the state
 * @name: (nullable): the change that led to it
 * @n_changes: changes since the project was opened or saved
 * @is_modified: whether it differs from the project's file
 */
typedef struct {
    const VeraProjectState *state;
    const char *name;
    guint n_changes;
    gboolean is_modified;
} VeraJournalEntry;

/** vera_journal_append: queues a state. Returns at once. */
void vera_journal_append(VeraJournal *self, const VeraJournalEntry *entry);

/** vera_journal_reset: all so far is in the project's file @path (nullable): drops the journal; the
 * next entry starts another. */
void vera_journal_reset(VeraJournal *self, const char *path, const char *sha256);

/** vera_journal_supersede: removes the journal @path of another program once all that was appended
 * so far is on disk. */
void vera_journal_supersede(VeraJournal *self, const char *path);

/** vera_journal_flush: blocks until all so far is on disk, or has failed. */
void vera_journal_flush(VeraJournal *self);

/** vera_journal_close: clean end: stops the thread and removes the file. */
void vera_journal_close(VeraJournal *self);

/**
 * VeraJournalContents:
 * @project_path: (nullable): the project it belongs to
 * @sha256: (nullable): of the project's file when the journal was begun
 * @state: (nullable): the last whole state
 * @name: (nullable): the change that led to it
 * @time: of that change, seconds since 1970, UTC
 * @n_changes: changes since the project was opened or saved
 * @is_modified: whether the state differs from the project's file
 */
typedef struct {
    char *project_path;
    char *sha256;
    VeraProjectState *state;
    char *name;
    gint64 time;
    guint n_changes;
    gboolean is_modified;
} VeraJournalContents;

/** vera_journal_dup_dir: Returns: (transfer full): the folder of journals */
char *vera_journal_dup_dir(void);

/**
 * vera_journal_read:
 * @path: a journal
 * @contents: (out): what it holds, cleared with vera_journal_contents_clear(); @state is %NULL if
 * nothing whole is in it
 *
 * Thread-safety: safe.
 * Returns: %FALSE if the journal belongs to a program that still runs, was made by a newer one, or
 * cannot be read: leave it alone
 */
gboolean vera_journal_read(const char *path, VeraJournalContents *contents);
void vera_journal_contents_clear(VeraJournalContents *contents);

G_END_DECLS
