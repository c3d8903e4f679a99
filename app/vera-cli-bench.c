#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include <glib/gstdio.h>

#include "app/vera-cli-bench-private.h"
#include "app/vera-cli.h"
#include "engine/vera-engine-error.h"

static const struct {
    const char *name;
    gboolean (*run)(VeraBench *self, GError **error);
} vera_bench_parts[] = {
    { "vae", vera_bench_run_vae },
    { "block", vera_bench_run_block },
    { "edit", vera_bench_run_edit },
    { "media", vera_bench_run_media },
};

static double
vera_bench_get_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* The kernel forgets the peak so far (Linux); elsewhere the peak is that of the whole process, or none. */
static void
vera_bench_reset_peak(void)
{
    FILE *file;

#ifdef __GLIBC__
    malloc_trim(0);
#endif
    file = fopen("/proc/self/clear_refs", "w");
    if (file != NULL) {
        fputs("5", file);
        fclose(file);
    }
}

static guint64
vera_bench_get_peak(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (guint64)kib * 1024;
}

static void
vera_bench_result_free(gpointer data)
{
    VeraBenchResult *self = data;

    g_free(self->name);
    g_free(self->detail);
    g_array_unref(self->wall);
    g_array_unref(self->cpu);
    g_free(self);
}

static gboolean
vera_bench_wait_for_line(void)
{
    char line[64];

    return fgets(line, sizeof line, stdin) != NULL;
}

gboolean
vera_bench_measure(
    VeraBench *self, char *name, char *detail, int n_frames, VeraBenchFunc func, gpointer data, GError **error)
{
    VeraBenchResult *result = g_new0(VeraBenchResult, 1);

    result->name = name;
    result->detail = detail;
    result->n_frames = n_frames;
    result->wall = g_array_new(FALSE, FALSE, sizeof(double));
    result->cpu = g_array_new(FALSE, FALSE, sizeof(double));
    g_ptr_array_add(self->results, result);
    vera_bench_reset_peak();
    for (int i = 0; self->is_paced ? vera_bench_wait_for_line() : i < self->n_runs; i++) {
        gint64 from = g_get_monotonic_time();
        double cpu = vera_bench_get_cpu_seconds(), wall;
        if (vera_engine_error_set_cancelled(vera_cli_get_cancellable(), error) || !func(data, error))
            return FALSE;
        wall = 1e-6 * (double)(g_get_monotonic_time() - from);
        cpu = vera_bench_get_cpu_seconds() - cpu;
        g_array_append_val(result->wall, wall);
        g_array_append_val(result->cpu, cpu);
        result->peak_bytes = vera_bench_get_peak();
        if (self->is_paced) {
            printf("{\"name\":\"%s\",\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"peak_bytes\":%" G_GUINT64_FORMAT "}\n", name, wall, cpu,
                   result->peak_bytes);
            fflush(stdout);
        }
    }
    return TRUE;
}

static int
vera_bench_compare_doubles(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
vera_bench_get_median(GArray *sorted)
{
    const double *v = (const double *)sorted->data;
    guint n = sorted->len;

    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void
vera_bench_print_result(const VeraBenchResult *result, gboolean is_json, gboolean is_first)
{
    double median, cpu, low, high;

    g_array_sort(result->wall, vera_bench_compare_doubles);
    g_array_sort(result->cpu, vera_bench_compare_doubles);
    median = vera_bench_get_median(result->wall);
    cpu = vera_bench_get_median(result->cpu);
    low = g_array_index(result->wall, double, 0);
    high = g_array_index(result->wall, double, result->wall->len - 1);
    if (is_json) {
        printf("%s\n {\"name\":\"%s\",\"detail\":\"%s\",\"runs\":%u,\"seconds\":%.4f,\"seconds_min\":%.4f,\"seconds_max\":%.4f,"
               "\"cpu_seconds\":%.4f,\"frames\":%d,\"peak_bytes\":%" G_GUINT64_FORMAT "}",
               is_first ? "" : ",", result->name, result->detail, result->wall->len, median, low, high, cpu, result->n_frames,
               result->peak_bytes);
        return;
    }
    printf("%-60s %9.3f %9.3f %9.3f %9.3f %7.0f", result->detail, median, low, high, cpu, (double)result->peak_bytes / (1 << 20));
    if (result->n_frames > 0)
        printf(" %8.2f", result->n_frames / median);
    putchar('\n');
}

static void
vera_bench_print(const VeraBench *self, gboolean is_json)
{
    g_autoptr(VeraRuntime) runtime = vera_runtime_new("cpu", VERA_K_COMPUTE_F32, 0, NULL);
    VeraKDeviceInfo info = { 0 };
    double load[3] = { 0 };

    if (runtime != NULL)
        vera_k_device_get_info(vera_runtime_get_device(runtime), &info);
    if (getloadavg(load, 3) < 1)
        load[0] = 0;
    if (is_json)
        printf("{\"build\":\"vera %s\",\"device\":\"%s\",\"variant\":\"%s\",\"load_average\":%.2f,\"results\":[", VERA_VERSION, info.name,
               info.variant, load[0]);
    else
        printf("vera %s, %s, %s, load average %.1f (runs of this bench included)\n%-60s %9s %9s %9s %9s %7s %8s\n", VERA_VERSION,
               info.name, info.variant, load[0], "", "median s", "least s", "most s", "cpu s", "MiB", "frames/s");
    for (guint i = 0; i < self->results->len; i++)
        vera_bench_print_result(self->results->pdata[i], is_json, i == 0);
    if (is_json)
        printf("\n]}\n");
}

/* Removes what a run wrote in a folder of its own making. */
static void
vera_bench_remove(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        vera_bench_remove(child);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_remove(path);
}

static gboolean
vera_bench_run_parts(VeraBench *self, char **names, int n_names, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_bench_parts); i++) {
        gboolean is_wanted = n_names == 0;
        for (int j = 0; j < n_names; j++)
            is_wanted = is_wanted || strcmp(names[j], vera_bench_parts[i].name) == 0;
        if (is_wanted && !vera_bench_parts[i].run(self, error))
            return FALSE;
    }
    return TRUE;
}

static const char *
vera_bench_check_names(char **names, int n_names)
{
    for (int j = 0; j < n_names; j++) {
        gboolean is_known = FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(vera_bench_parts); i++)
            is_known = is_known || strcmp(names[j], vera_bench_parts[i].name) == 0;
        if (!is_known)
            return names[j];
    }
    return NULL;
}

static gboolean
vera_bench_set_compute(VeraBench *self, const char *dtype)
{
    self->computes[0] = VERA_K_COMPUTE_F32;
    self->computes[1] = VERA_K_COMPUTE_BF16;
    self->n_computes = dtype == NULL ? 2 : 1;
    if (dtype != NULL && strcmp(dtype, "bf16") == 0)
        self->computes[0] = VERA_K_COMPUTE_BF16;
    return dtype == NULL || strcmp(dtype, "f32") == 0 || strcmp(dtype, "bf16") == 0;
}

static int
vera_bench_run(VeraBench *self, char **names, int n_names, const char *work, gboolean is_json)
{
    g_autoptr(GError) error = NULL;
    int code = VERA_CLI_EXIT_OK;

    self->work_dir = work ? g_strdup(work) : g_dir_make_tmp("vera-bench-XXXXXX", &error);
    if (self->work_dir == NULL || g_mkdir_with_parents(self->work_dir, 0777) != 0) {
        fprintf(stderr, "vera: No folder could be made for the measurements: %s.\n", error ? error->message : g_strerror(errno));
        return VERA_CLI_EXIT_FAILED;
    }
    if (!vera_bench_run_parts(self, names, n_names, &error))
        code = vera_cli_report_error(error);
    else if (!self->is_paced)
        vera_bench_print(self, is_json);
    if (work == NULL)
        vera_bench_remove(self->work_dir);
    return code;
}

static void
vera_bench_clear(VeraBench *self)
{
    g_free(self->work_dir);
    g_free(self->model_dir);
    g_free(self->clip_path);
    g_ptr_array_unref(self->results);
}

int
vera_cli_bench(int argc, char **argv)
{
    VeraBench self = { .n_runs = 3 };
    g_autofree char *dtype = NULL, *size = NULL, *work = NULL;
    gboolean is_json = FALSE;
    const GOptionEntry entries[] = {
        { "runs", 0, 0, G_OPTION_ARG_INT, &self.n_runs, "Runs of each part (default 3)", "N" },
        { "dtype", 0, 0, G_OPTION_ARG_STRING, &dtype, "Precision of products: f32 or bf16 (default: both)", "TYPE" },
        { "vae-size", 0, 0, G_OPTION_ARG_STRING, &size, "Frames of the VAE (default 832x480)", "WxH" },
        { "model", 0, 0, G_OPTION_ARG_FILENAME, &self.model_dir, "Model of the edit (default: the bundled one)", "DIR" },
        { "clip", 0, 0, G_OPTION_ARG_FILENAME, &self.clip_path, "Clip of the edit (default: the sample)", "FILE" },
        { "work", 0, 0, G_OPTION_ARG_FILENAME, &work, "Keep what is written here (default: a folder that is removed)", "DIR" },
        { "paced", 0, 0, G_OPTION_ARG_NONE, &self.is_paced, "A run for each line of standard input, told in JSON", NULL },
        { "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "JSON instead of a table", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new("[vae] [block] [edit] [media] – time the engine on this machine");
    char after;
    int code;

    self.results = g_ptr_array_new_with_free_func(vera_bench_result_free);
    g_option_context_add_main_entries(context, entries, NULL);
    if (vera_cli_parse(context, &argc, &argv, &code)) {
        const char *unknown = vera_bench_check_names(argv + 1, argc - 1);
        self.width = 832;
        self.height = 480;
        if (unknown != NULL)
            code = vera_cli_report_usage("bench", "There is no part ‘%s’; there are vae, block, edit and media.", unknown);
        else if (self.n_runs < 1 || self.n_runs > 1000)
            code = vera_cli_report_usage("bench", "--runs takes 1 to 1000.");
        else if (!vera_bench_set_compute(&self, dtype))
            code = vera_cli_report_usage("bench", "‘%s’ is not a precision; write f32 or bf16.", dtype);
        else if (size != NULL && (sscanf(size, "%dx%d%c", &self.width, &self.height, &after) != 2 || self.width < 8 || self.height < 8 ||
                                  self.width > 8192 || self.height > 8192 || self.width % 8 != 0 || self.height % 8 != 0))
            code = vera_cli_report_usage("bench", "--vae-size takes WIDTHxHEIGHT in multiples of 8.");
        else {
            if (self.model_dir == NULL)
                self.model_dir = vera_cli_get_default_model();
            if (self.clip_path == NULL)
                self.clip_path = vera_cli_get_sample_clip();
            code = vera_bench_run(&self, argv + 1, argc - 1, work, is_json);
        }
    }
    vera_bench_clear(&self);
    return code;
}
