#include "config.h"

#include "app/vera-cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/vera-engine-error.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} vera_cli_commands[] = {
    { "edit", vera_cli_edit, "make an edit layer, a matte and a composite from an instruction" },
    { "export", vera_cli_export, "write a take, or a clip alone, as EXR, PNG or movies" },
    { "verify", vera_cli_verify, "prove that pixels outside the matte are the source's" },
    { "info", vera_cli_info, "say what a clip, model, sequence or take is" },
    { "run-project", vera_cli_run_project, "make every edit of a project file" },
    { "model", vera_cli_model, "check a model, or start one from Wan2.1 weights" },
    { "bench", vera_cli_bench, "time the engine on this machine" },
    { "eval", vera_cli_eval, "run one module of a model on given tensors" },
};

static GCancellable *vera_cli_cancellable;
static int vera_cli_signal; /* atomic */

static void
vera_cli_fill_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static gpointer
vera_cli_signal_thread(gpointer unused)
{
    sigset_t set;
    int number;

    vera_cli_fill_signals(&set);
    if (sigwait(&set, &number) != 0)
        return NULL;
    g_atomic_int_set(&vera_cli_signal, number);
    g_cancellable_cancel(vera_cli_cancellable);
    return NULL;
}

/*
 * No thread that computes may take a signal: what the kernel puts on its stack for a handler fell on what oneDNN's generated products keep
 * there, and one stop of thirty ended in damaged memory. Threads that are made later inherit that they are not asked.
 */
GCancellable *
vera_cli_get_cancellable(void)
{
    sigset_t set;

    if (vera_cli_cancellable != NULL)
        return vera_cli_cancellable;
    vera_cli_cancellable = g_cancellable_new();
    vera_cli_fill_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    g_thread_unref(g_thread_new("signals", vera_cli_signal_thread, NULL));
    return vera_cli_cancellable;
}

static int
vera_cli_get_exit_code(const GError *error)
{
    if (error->domain == G_OPTION_ERROR)
        return VERA_CLI_EXIT_USAGE;
    if (error->domain != VERA_ENGINE_ERROR)
        return VERA_CLI_EXIT_FAILED;
    switch ((VeraEngineError)error->code) {
    case VERA_ENGINE_ERROR_USAGE:
        return VERA_CLI_EXIT_USAGE;
    case VERA_ENGINE_ERROR_BAD_INPUT:
    case VERA_ENGINE_ERROR_UNSUPPORTED:
        return VERA_CLI_EXIT_BAD_INPUT;
    case VERA_ENGINE_ERROR_BAD_WEIGHTS:
        return VERA_CLI_EXIT_BAD_MODEL;
    case VERA_ENGINE_ERROR_NO_DEVICE:
    case VERA_ENGINE_ERROR_DEVICE_LOST:
        return VERA_CLI_EXIT_NO_DEVICE;
    case VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY:
        return VERA_CLI_EXIT_OUT_OF_DEVICE_MEMORY;
    case VERA_ENGINE_ERROR_OUT_OF_MEMORY:
        return VERA_CLI_EXIT_OUT_OF_MEMORY;
    case VERA_ENGINE_ERROR_DISK_FULL:
        return VERA_CLI_EXIT_DISK_FULL;
    case VERA_ENGINE_ERROR_CANCELLED:
        return g_atomic_int_get(&vera_cli_signal) == SIGTERM ? VERA_CLI_EXIT_TERMINATED : VERA_CLI_EXIT_INTERRUPTED;
    case VERA_ENGINE_ERROR_FAILED:
    case VERA_ENGINE_ERROR_OUTPUT:
    case VERA_ENGINE_ERROR_CHANGED_ON_DISK:
    case VERA_ENGINE_ERROR_LOCKED:
        break;
    }
    return VERA_CLI_EXIT_FAILED;
}

int
vera_cli_report_error(const GError *error)
{
    fprintf(stderr, "vera: %s\n", error->message);
    return vera_cli_get_exit_code(error);
}

int
vera_cli_report_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "vera %s: ", command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " Try ‘vera %s --help’.\n", command);
    va_end(arguments);
    return VERA_CLI_EXIT_USAGE;
}

gboolean
vera_cli_parse(GOptionContext *context, int *argc, char ***argv, int *exit_code)
{
    g_autoptr(GOptionContext) owned = context;
    g_autoptr(GError) error = NULL;
    const char *name = (*argv)[0];
    char *shown = g_strdup_printf("vera %s", name);

    g_set_prgname(shown);
    g_free(shown);
    for (int i = 1; i < *argc && strcmp((*argv)[i], "--") != 0; i++) {
        if (strcmp((*argv)[i], "--help") == 0 || strcmp((*argv)[i], "-h") == 0) {
            g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
            fputs(help, stdout);
            *exit_code = VERA_CLI_EXIT_OK;
            return FALSE;
        }
    }
    if (g_option_context_parse(context, argc, argv, &error))
        return TRUE;
    *exit_code = vera_cli_report_usage(name, "%s.", error->message);
    return FALSE;
}

static gboolean
vera_cli_parse_part(const char *part, gint64 n_frames, GArray *frames)
{
    char *end;
    gint64 first = g_ascii_strtoll(part, &end, 10);
    gint64 last = first, step = 1;

    if (end == part)
        return FALSE;
    if (*end == '-') {
        const char *from = end + 1;
        last = g_ascii_strtoll(from, &end, 10);
        if (end == from)
            return FALSE;
    }
    if (*end == 'x') {
        const char *from = end + 1;
        step = g_ascii_strtoll(from, &end, 10);
        if (end == from)
            return FALSE;
    }
    if (*end != '\0' || first < 1 || last < first || last > n_frames || step < 1)
        return FALSE;
    step = MIN(step, n_frames);
    for (gint64 f = first - 1; f < last; f += step)
        g_array_append_val(frames, f);
    return TRUE;
}

gboolean
vera_cli_parse_range(const char *text, gint64 n_frames, GArray **frames, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(gint64));
    gboolean ok = parts[0] != NULL;

    for (int i = 0; ok && parts[i] != NULL; i++)
        ok = vera_cli_parse_part(parts[i], n_frames, list);
    for (guint i = 1; ok && i < list->len; i++)
        ok = g_array_index(list, gint64, i) > g_array_index(list, gint64, i - 1);
    if (!ok) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "‘%s’ is not a range of this clip, whose frames are 1-%" G_GINT64_FORMAT
                    ". Write for example 1-%" G_GINT64_FORMAT ".",
                    text, n_frames, MIN(n_frames, 17));
        return FALSE;
    }
    *frames = g_steal_pointer(&list);
    return TRUE;
}

/* The first of the data folders that has @relative, else where a source tree has it. */
static char *
vera_cli_find_data(const char *relative)
{
    const char *folders[] = { g_getenv("VERA_DATA_DIR"), VERA_DATA_DIR, VERA_SOURCE_DATA_DIR };

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = folders[i] ? g_build_filename(folders[i], relative, NULL) : NULL;
        if (path != NULL && g_file_test(path, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&path);
    }
    return g_build_filename(VERA_SOURCE_DATA_DIR, relative, NULL);
}

char *
vera_cli_get_default_model(void)
{
    g_autofree char *index = vera_cli_find_data("models/vera-small/model_index.json");

    return g_path_get_dirname(index);
}

char *
vera_cli_get_sample_clip(void)
{
    return vera_cli_find_data("sample/sample.mp4");
}

static void
vera_cli_print_help(FILE *out)
{
    fputs("Usage: vera COMMAND [ARGUMENTS…]\n"
          "Edits clips by compositing: a diffusion model makes a layer and a matte, the rest of the\n"
          "picture is never touched.\n\nCommands:\n",
          out);
    for (gsize i = 0; i < G_N_ELEMENTS(vera_cli_commands); i++)
        fprintf(out, "  %-12s %s\n", vera_cli_commands[i].name, vera_cli_commands[i].summary);
    fputs("\n‘vera’, ‘vera open FILE’ or ‘vera sample’ opens the editor. ‘vera COMMAND --help’ says more. ‘vera --version’ prints the version.\n", out);
}

gboolean
vera_cli_is_command(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_cli_commands); i++)
        if (strcmp(name, vera_cli_commands[i].name) == 0)
            return TRUE;
    return FALSE;
}

int
vera_cli_run(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : NULL;

    if (command == NULL) {
        vera_cli_print_help(stderr);
        return VERA_CLI_EXIT_USAGE;
    }
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 || strcmp(command, "help") == 0) {
        vera_cli_print_help(stdout);
        return VERA_CLI_EXIT_OK;
    }
    if (strcmp(command, "--version") == 0) {
        puts("vera " VERA_VERSION);
        return VERA_CLI_EXIT_OK;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(vera_cli_commands); i++)
        if (strcmp(command, vera_cli_commands[i].name) == 0)
            return vera_cli_commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "vera: there is no command ‘%s’. Try ‘vera --help’.\n", command);
    return VERA_CLI_EXIT_USAGE;
}
