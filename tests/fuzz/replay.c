#include "config.h"

#include <stdio.h>

#include <glib.h>

#include "tests/fuzz/fuzz.h"

/* Runs a target on every file of a corpus, for builds without libFuzzer. A crash is the failure. */
int
main(int argc, char **argv)
{
    g_autoptr(GDir) dir = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    const char *name;
    int n = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *bytes = NULL;
        gsize length;
        if (!g_file_get_contents(path, &bytes, &length, NULL))
            return 1;
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
        n++;
    }
    printf("%d inputs\n", n);
    return n == 0;
}
