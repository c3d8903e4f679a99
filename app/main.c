#include "config.h"

#include <locale.h>

#include "app/vera-cli.h"

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    /* Numbers in files, attributes and progress lines are the same in every locale. */
    setlocale(LC_NUMERIC, "C");
    return vera_cli_run(argc, argv);
}
