#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/** VeraCliExit: exit codes of the command line. */
typedef enum {
    VERA_CLI_EXIT_OK = 0,
    VERA_CLI_EXIT_FAILED = 1,
    VERA_CLI_EXIT_USAGE = 2,
    VERA_CLI_EXIT_BAD_INPUT = 3,
    VERA_CLI_EXIT_BAD_MODEL = 4,
    VERA_CLI_EXIT_NO_DEVICE = 5,
    VERA_CLI_EXIT_DISK_FULL = 6,
    VERA_CLI_EXIT_OUT_OF_DEVICE_MEMORY = 7,
    VERA_CLI_EXIT_OUT_OF_MEMORY = 33,
    VERA_CLI_EXIT_INTERRUPTED = 130,
    VERA_CLI_EXIT_TERMINATED = 143,
} VeraCliExit;

/** vera_cli_run: runs the command line. Returns: the exit code */
int vera_cli_run(int argc, char **argv);

/** vera_cli_is_command: Returns: whether @name is a command of the command line */
gboolean vera_cli_is_command(const char *name);

/** vera_cli_report_error: prints `vera: MESSAGE` on stderr. Returns: the exit code that fits @error */
int vera_cli_report_error(const GError *error);

/** vera_cli_report_usage: prints @message (printf-like) and a hint to --help on stderr. Returns: the usage exit code */
int vera_cli_report_usage(const char *command, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * vera_cli_get_cancellable:
 *
 * SIGINT and SIGTERM cancel it, from the first call on; vera_cli_report_error() then answers 130 or 143.
 *
 * Returns: (transfer none): the cancellable of this run
 */
GCancellable *vera_cli_get_cancellable(void);

/**
 * vera_cli_parse:
 * @context: (transfer full): options; help is added
 * @argc: (inout): argument count, @argv[0] is the command's name
 * @argv: (inout): arguments; what is left after the options stays
 * @exit_code: (out): what to exit with when %FALSE
 *
 * Returns: %TRUE to go on, %FALSE after --help or a usage error
 */
gboolean vera_cli_parse(GOptionContext *context, int *argc, char ***argv, int *exit_code);

/**
 * vera_cli_parse_range:
 * @text: "1-49", "7", "1-10x2" (every second) or several joined by commas; frames count from 1
 * @n_frames: frames of the clip
 * @frames: (out) (transfer full) (element-type gint64): frame indices from 0, increasing
 * @error: return location for a #GError
 *
 * Returns: %FALSE and %VERA_ENGINE_ERROR_USAGE for a range that is malformed, empty or outside the clip
 */
gboolean
vera_cli_parse_range(const char *text, gint64 n_frames, GArray **frames, GError **error);

/** vera_cli_get_default_model: Returns: (transfer full): folder of the bundled model */
char *vera_cli_get_default_model(void);

/** vera_cli_get_sample_clip: Returns: (transfer full): the clip of the sample project */
char *vera_cli_get_sample_clip(void);

/** Commands: each takes its own name as argv[0]. Return: the exit code */
int vera_cli_bench(int argc, char **argv);
int vera_cli_edit(int argc, char **argv);
int vera_cli_export(int argc, char **argv);
int vera_cli_verify(int argc, char **argv);
int vera_cli_info(int argc, char **argv);
int vera_cli_model(int argc, char **argv);
int vera_cli_eval(int argc, char **argv);
int vera_cli_run_project(int argc, char **argv);

G_END_DECLS
