#include "config.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/vera-cli-eval-private.h"
#include "engine/vera-engine-error.h"

/* More tokens than any model was made for; the position bias of the text encoder grows with their
 * square. */
#define VERA_EVAL_MAX_IDS 4096

static gboolean
vera_eval_fail_kind(
    VeraEval *self, const char *name, const VeraKTensor *got, const char *want, GError **error)
{
    g_autofree char *shape = vera_weights_describe_shape(got->n_dims, (const gint64 *)got->shape);

    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The input ‘%s’ of ‘%s’ is %s %s where %s is expected.", name, self->in_path,
                vera_k_dtype_name(got->dtype), shape, want);
    return FALSE;
}

static gboolean
vera_eval_find(VeraEval *self, const char *name, VeraKTensor *tensor, GError **error)
{
    if (vera_weights_get(self->in, name, tensor))
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The input ‘%s’ is not in ‘%s’.", name, self->in_path);
    return FALSE;
}

/* A file with holes can be larger than any memory; nothing of it would be read in a lifetime. */
static gboolean
vera_eval_check_memory(VeraEval *self, const char *name, gint64 n, GError **error)
{
    double size = (double)n * sizeof(float);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    if (size <= memory)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                "The input ‘%s’ of ‘%s’ takes %.1f GiB, and this machine has %.1f GiB of memory. "
                "Use fewer frames or "
                "a smaller size.",
                name, self->in_path, size / (1 << 30), memory / (1 << 30));
    return FALSE;
}

/* Returns: the place of the first value that is no number, or @n */
static gint64
vera_eval_find_non_finite(const float *values, gint64 n)
{
    gint64 i = 0;

    while (i < n && isfinite(values[i]))
        i++;
    return i;
}

static gboolean
vera_eval_check_values(
    VeraEval *self, const char *name, const float *values, gint64 n, GError **error)
{
    gint64 at;

    if (!vera_eval_check_memory(self, name, n, error))
        return FALSE;
    at = vera_eval_find_non_finite(values, n);
    if (at == n)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The input ‘%s’ of ‘%s’ holds %g at place %" G_GINT64_FORMAT
                "; only finite numbers can be used.",
                name, self->in_path, values[at], at);
    return FALSE;
}

gboolean
vera_eval_get_f32(
    VeraEval *self, const char *name, int n_dims, VeraEvalInput *input, GError **error)
{
    g_autofree char *want =
        n_dims > 0 ? g_strdup_printf("F32 of %d dimensions, the first a batch of one,", n_dims)
                   : g_strdup("F32");

    memset(input, 0, sizeof *input);
    if (!vera_eval_find(self, name, &input->tensor, error))
        return FALSE;
    if (input->tensor.dtype != VERA_K_DTYPE_F32 ||
        (n_dims > 0 && (input->tensor.n_dims != n_dims || input->tensor.shape[0] != 1)))
        return vera_eval_fail_kind(self, name, &input->tensor, want, error);
    input->n = vera_k_tensor_n_elements(&input->tensor);
    input->values = input->tensor.data;
    for (int i = 1; i < n_dims; i++)
        input->shape[i - 1] = input->tensor.shape[i];
    return vera_eval_check_values(self, name, input->values, input->n, error);
}

gboolean
vera_eval_get_full_f32(
    VeraEval *self, const char *name, int n_dims, VeraEvalInput *input, GError **error)
{
    if (!vera_eval_get_f32(self, name, n_dims, input, error))
        return FALSE;
    return input->n > 0 ||
           vera_eval_fail_kind(self, name, &input->tensor, "a shape without zeros", error);
}

gboolean
vera_eval_get_i64(VeraEval *self, const char *name, const gint64 **values, int *n, GError **error)
{
    g_autofree char *want = g_strdup_printf("I64 [1, 1..%d]", VERA_EVAL_MAX_IDS);
    VeraKTensor tensor;

    if (!vera_eval_find(self, name, &tensor, error))
        return FALSE;
    if (tensor.dtype != VERA_K_DTYPE_I64 || tensor.n_dims != 2 || tensor.shape[0] != 1 ||
        tensor.shape[1] < 1 || tensor.shape[1] > VERA_EVAL_MAX_IDS)
        return vera_eval_fail_kind(self, name, &tensor, want, error);
    *values = tensor.data;
    *n = (int)tensor.shape[1];
    return TRUE;
}

float *
vera_eval_add_output(
    VeraEval *self, const char *name, int n_dims, const gint64 *shape, GError **error)
{
    gsize n = 1;
    gboolean fits = TRUE;
    float *values = NULL;

    for (int i = 0; i < n_dims; i++)
        fits = fits && !__builtin_mul_overflow(n, (gsize)shape[i], &n);
    values = fits ? g_try_new0(float, MAX(n, 1)) : NULL;
    if (values == NULL) {
        g_autofree char *wanted = vera_weights_describe_shape(n_dims, shape);
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "There is no memory for the output ‘%s’, which would be F32 %s. Use fewer "
                    "frames or a smaller size.",
                    name, wanted);
        return NULL;
    }
    self->out[self->n_out++] = (VeraNamedTensor){
        name, vera_k_tensor(VERA_K_DTYPE_F32, values, n_dims, (const int64_t *)shape)};
    return values;
}

gboolean
vera_eval_check_outputs(VeraEval *self, GError **error)
{
    for (int i = 0; i < self->n_out; i++) {
        gint64 n = vera_k_tensor_n_elements(&self->out[i].tensor);
        if (vera_eval_find_non_finite(self->out[i].tensor.data, n) == n)
            continue;
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED,
                    "The output ‘%s’ holds values that are not numbers: the inputs are too large "
                    "for the model, or its "
                    "weights are damaged. Nothing was written.",
                    self->out[i].name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
vera_eval_is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

gboolean
vera_eval_check_paths(const char *in, const char *out, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(out);
    g_autofree char *part = g_strconcat(out, ".part", NULL);

    if (vera_eval_is_same_file(in, out) || vera_eval_is_same_file(in, part)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "--out ‘%s’ would overwrite the input. Name another file.", out);
        return FALSE;
    }
    if (out[0] == '\0' ||
        (g_file_test(out, G_FILE_TEST_EXISTS) && !g_file_test(out, G_FILE_TEST_IS_REGULAR))) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "--out ‘%s’ is no file that can be written. Name a new file.", out);
        return FALSE;
    }
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR) || access(folder, W_OK | X_OK) != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "Could not write ‘%s’: the folder ‘%s’ is missing or must not be written to. "
                    "Make it, or name "
                    "another.",
                    out, folder);
        return FALSE;
    }
    return TRUE;
}
