#include "config.h"

#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <glib.h>

#include "app/vera-application.h"
#include "app/vera-cli.h"

/*
 * OpenMP's threads wait for each other by spinning unless they are told not to before the program
 * starts. With anything else at work on the machine (a decoder, the interface, another program)
 * most of the time is then spent spinning: measured, an edit took 36 s instead of 5 s. So the
 * program starts itself again, once, with the setting made; a setting of the user's is kept.
 */
static void
vera_main_stop_spinning(char **argv)
{
    g_autofree char *self = NULL;

    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL)
        return;
    self = g_file_read_link("/proc/self/exe", NULL);
    if (self == NULL || setenv("OMP_WAIT_POLICY", "passive", 1) != 0)
        return;
    execv(self, argv);
}

/* Catalogues beside a program that was built and not installed come first: they are the ones that fit it. */
static char *
vera_main_find_locale_dir(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : NULL, *parent = folder ? g_path_get_dirname(folder) : NULL;
    g_autofree char *built = parent ? g_build_filename(parent, "po", NULL) : NULL;

    return built && g_file_test(built, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&built) : g_strdup(VERA_LOCALE_DIR);
}

int
main(int argc, char **argv)
{
    g_autofree char *locale_dir = vera_main_find_locale_dir();

    vera_main_stop_spinning(argv);
    /* A file that may not grow any more is told like a full disk, by what write() says, and does not end the program. */
    signal(SIGXFSZ, SIG_IGN);
    setlocale(LC_ALL, "");
    /* Numbers in files, attributes and progress lines are the same in every locale. */
    setlocale(LC_NUMERIC, "C");
    bindtextdomain(GETTEXT_PACKAGE, locale_dir);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
    return vera_application_wants(argc, argv) ? vera_application_run(argc, argv) : vera_cli_run(argc, argv);
}
