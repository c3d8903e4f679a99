#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/** ParityRun: how the program ended; its texts are owned. */
typedef struct {
    int exit_code; /* -1 if a signal ended it */
    char *out;
    char *messages;
} ParityRun;

void parity_run_free(ParityRun *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ParityRun, parity_run_free)

/** parity_run: runs the program under test (VERA_PROGRAM) on a %NULL-terminated list. Returns: (transfer full) */
ParityRun *parity_run(const char *const *arguments);

/** parity_golden: Returns: (transfer full): @name in the folder of fixtures (below VERA_SOURCE_ROOT) */
char *parity_golden(const char *name);

/** parity_load_list: Returns: (transfer full): the parser of a fixture whose root is a JSON array */
gpointer parity_load_list(const char *name);

/** parity_make_folder: Returns: (transfer full): a new empty folder for this process */
char *parity_make_folder(void);

/** parity_remove_folder: removes a folder with all that is in it */
void parity_remove_folder(const char *path);

/** parity_copy_folder: copies regular files and folders into the new folder @to */
void parity_copy_folder(const char *from, const char *to);

G_END_DECLS
