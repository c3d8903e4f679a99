#include "config.h"

#include "tests/parity/parity-program.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <sys/wait.h>

void
parity_run_free(ParityRun *self)
{
    g_free(self->out);
    g_free(self->messages);
    g_free(self);
}

ParityRun *
parity_run(const char *const *arguments)
{
    ParityRun *self = g_new0(ParityRun, 1);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    int status = 0;

    g_ptr_array_add(argv, (gpointer)g_getenv("VERA_PROGRAM"));
    for (gsize i = 0; arguments[i] != NULL; i++)
        g_ptr_array_add(argv, (gpointer)arguments[i]);
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &self->out, &self->messages, &status,
                 &error);
    g_assert_no_error(error);
    self->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return self;
}

char *
parity_golden(const char *name)
{
    return g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "tests", "golden", name, NULL);
}

gpointer
parity_load_list(const char *name)
{
    g_autofree char *path = parity_golden(name);
    g_autoptr(GError) error = NULL;
    JsonParser *parser = json_parser_new();

    json_parser_load_from_file(parser, path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(json_array_get_length(json_node_get_array(json_parser_get_root(parser))), >, 0);
    return parser;
}

char *
parity_make_folder(void)
{
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("vera-parity-XXXXXX", &error);

    g_assert_no_error(error);
    return path;
}

void
parity_remove_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            parity_remove_folder(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

void
parity_copy_folder(const char *from, const char *to)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(from, 0, &error);
    const char *name;

    g_assert_no_error(error);
    g_assert_cmpint(g_mkdir(to, 0700), ==, 0);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *source = g_build_filename(from, name, NULL), *copy = g_build_filename(to, name, NULL);
        g_autofree char *bytes = NULL;
        gsize length;
        if (g_file_test(source, G_FILE_TEST_IS_DIR)) {
            parity_copy_folder(source, copy);
            continue;
        }
        g_file_get_contents(source, &bytes, &length, &error);
        g_assert_no_error(error);
        g_file_set_contents(copy, bytes, (gssize)length, &error);
        g_assert_no_error(error);
    }
}
