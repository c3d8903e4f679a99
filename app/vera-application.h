#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_application_wants: Returns: whether these arguments ask for the editor: none at all while there is a display, "open", "sample"
 * or the names of files
 */
gboolean vera_application_wants(int argc, char **argv);

/** vera_application_run: the editor; a file that is given is opened. Returns: the exit code */
int vera_application_run(int argc, char **argv);

G_END_DECLS
