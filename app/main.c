#include "config.h"

#include <libintl.h>
#include <locale.h>

#include "app/vera-application.h"
#include "app/vera-cli.h"

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    /* Numbers in files, attributes and progress lines are the same in every locale. */
    setlocale(LC_NUMERIC, "C");
    bindtextdomain(GETTEXT_PACKAGE, VERA_LOCALE_DIR);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
    return vera_application_wants(argc, argv) ? vera_application_run(argc, argv) : vera_cli_run(argc, argv);
}
