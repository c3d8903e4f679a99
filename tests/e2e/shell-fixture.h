#pragma once

#include <sys/wait.h>

#include <gio/gio.h>

/* Programs that run the built one as a person does: command lines in a folder of the test's own. */

/**
 * shell_fixture_run: runs @command in @dir; “vera” is the built program. @prelude: shell functions that it may use, ending with a
 * separator, or "". @out: (nullable) (out): what both streams said, any bytes.
 * Returns: the exit code; of a signal, 128 and its number
 */
static inline int
shell_fixture_run(const char *dir, const char *prelude, const char *command, char **out)
{
    g_autofree char *line = g_strdup_printf("exec 2>&1; cd '%s'; vera() { '%s' \"$@\"; }; %s%s", dir, g_getenv("VERA_PROGRAM"), prelude, command);
    const char *argv[] = { "/bin/bash", "-c", line, NULL };
    g_autofree char *text = NULL, *shown = NULL;
    int status = 1;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, NULL, &status, NULL));
    shown = g_utf8_make_valid(text, -1);
    g_test_message("%s: %s", command, shown);
    if (out != NULL)
        *out = g_steal_pointer(&text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
