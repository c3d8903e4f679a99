#include "config.h"

#include "engine/diffusion/vera-safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

#define VERA_SAFETENSORS_MAX_HEADER (100u * 1000 * 1000)

static gboolean G_GNUC_PRINTF(3, 4)
vera_safetensors_fail(GError **error, const char *path, const char *format, ...)
{
    va_list arguments;
    char *reason;

    va_start(arguments, format);
    reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                "The file ‘%s’ cannot be used: %s.", path, reason);
    g_free(reason);
    return FALSE;
}

static gboolean
vera_safetensors_parse_dtype(const char *name, VeraKDType *dtype)
{
    static const VeraKDType known[] = { VERA_K_DTYPE_F32,     VERA_K_DTYPE_F16, VERA_K_DTYPE_BF16,
                                        VERA_K_DTYPE_F8_E4M3, VERA_K_DTYPE_I64, VERA_K_DTYPE_U8 };

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_strcmp0(name, vera_k_dtype_name(known[i])) == 0) {
            *dtype = known[i];
            return TRUE;
        }
    }
    return FALSE;
}

/* An array of non-negative integers; FALSE if it is anything else or longer than @max. */
static gboolean
vera_safetensors_get_integers(JsonObject *object, const char *member, gint64 *out, guint max, guint *n)
{
    JsonNode *node = json_object_get_member(object, member);
    JsonArray *array;

    if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node))
        return FALSE;
    array = json_node_get_array(node);
    *n = json_array_get_length(array);
    if (*n > max)
        return FALSE;
    for (guint i = 0; i < *n; i++) {
        JsonNode *item = json_array_get_element(array, i);
        if (!JSON_NODE_HOLDS_VALUE(item) || json_node_get_value_type(item) != G_TYPE_INT64)
            return FALSE;
        out[i] = json_node_get_int(item);
        if (out[i] < 0)
            return FALSE;
    }
    return TRUE;
}

/* Bytes of a tensor. Products of the dimensions other than 0 must be small enough for strides, too. */
static gboolean
vera_safetensors_get_size(VeraKDType dtype, guint n_dims, const gint64 *shape, gint64 *size)
{
    gint64 n = (gint64)vera_k_dtype_size(dtype);
    gboolean is_empty = FALSE;

    for (guint i = 0; i < n_dims; i++) {
        is_empty = is_empty || shape[i] == 0;
        if (__builtin_mul_overflow(n, MAX(shape[i], 1), &n))
            return FALSE;
    }
    *size = is_empty ? 0 : n;
    return TRUE;
}

static gboolean
vera_safetensors_add(VeraSafetensors *self, const char *name, JsonNode *node, gsize data_at, GError **error)
{
    gint64 shape[VERA_K_MAX_DIMS] = { 1 }, offsets[2], size, available;
    guint n_dims, n_offsets;
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *dtype_name = object ? vera_json_get_string(object, "dtype", NULL) : NULL;
    VeraSafetensorsEntry entry = { 0 };
    VeraKDType dtype;

    if (dtype_name == NULL)
        return vera_safetensors_fail(error, self->path, "the header's entry for ‘%s’ has no dtype", name);
    if (!vera_safetensors_parse_dtype(dtype_name, &dtype))
        return vera_safetensors_fail(error, self->path,
                                     "the tensor ‘%s’ is of type %s; F32, F16, BF16 and F8_E4M3 load", name,
                                     dtype_name);
    if (!vera_safetensors_get_integers(object, "shape", shape, VERA_K_MAX_DIMS, &n_dims) ||
        !vera_safetensors_get_integers(object, "data_offsets", offsets, 2, &n_offsets) || n_offsets != 2)
        return vera_safetensors_fail(error, self->path, "the shape or the place of the tensor ‘%s’ makes no sense",
                                     name);
    if (n_dims == 0)
        shape[0] = 1;
    available = (gint64)(g_mapped_file_get_length(self->file) - data_at);
    if (!vera_safetensors_get_size(dtype, n_dims, shape, &size) || offsets[0] > offsets[1] || offsets[1] > available ||
        offsets[1] - offsets[0] != size)
        return vera_safetensors_fail(
            error, self->path,
            offsets[1] > available
                ? "it ends before the tensor ‘%s’ does; the file is truncated, fetch it again"
                : "the size of the tensor ‘%s’ does not fit its shape and type",
            name);
    if ((data_at + (gsize)offsets[0]) % vera_k_dtype_size(dtype) != 0)
        return vera_safetensors_fail(error, self->path,
                                     "the tensor ‘%s’ does not start on a multiple of its type's size; save it again "
                                     "with a current safetensors library",
                                     name);
    entry.tensor = vera_k_tensor(dtype, NULL, MAX(1, (int)n_dims), (const int64_t *)shape);
    entry.tensor.data = g_mapped_file_get_contents(self->file) + data_at + offsets[0];
    entry.name = g_strdup(name);
    g_array_append_val(self->entries, entry);
    return TRUE;
}

static int
vera_safetensors_compare(gconstpointer a, gconstpointer b)
{
    const VeraSafetensorsEntry *x = a, *y = b;

    gint64 x_size = vera_k_tensor_n_elements(&x->tensor), y_size = vera_k_tensor_n_elements(&y->tensor);

    if (x->tensor.data != y->tensor.data)
        return (const char *)x->tensor.data < (const char *)y->tensor.data ? -1 : 1;
    /* An empty tensor shares its place with the next one. */
    return x_size < y_size ? -1 : x_size > y_size;
}

/* Tensors must fill the data section exactly; anything else is a lie in the header or a torn file. */
static gboolean
vera_safetensors_check_layout(VeraSafetensors *self, gsize data_at, GError **error)
{
    const char *at = g_mapped_file_get_contents(self->file) + data_at;
    const char *end = g_mapped_file_get_contents(self->file) + g_mapped_file_get_length(self->file);

    g_array_sort(self->entries, vera_safetensors_compare);
    for (guint i = 0; i < self->entries->len; i++) {
        VeraSafetensorsEntry *entry = &g_array_index(self->entries, VeraSafetensorsEntry, i);
        if ((const char *)entry->tensor.data != at)
            return vera_safetensors_fail(error, self->path, "the tensor ‘%s’ %s", entry->name,
                                         (const char *)entry->tensor.data < at ? "overlaps another"
                                                                               : "lies after a hole");
        at += (gsize)vera_k_tensor_n_elements(&entry->tensor) * vera_k_dtype_size(entry->tensor.dtype);
    }
    if (at != end)
        return vera_safetensors_fail(error, self->path, "%" G_GSIZE_FORMAT " bytes follow the last tensor",
                                     (gsize)(end - at));
    return TRUE;
}

static gboolean
vera_safetensors_read_header(VeraSafetensors *self, GError **error)
{
    gsize length = g_mapped_file_get_length(self->file);
    const char *bytes = g_mapped_file_get_contents(self->file);
    g_autoptr(JsonParser) parser = NULL;
    g_autoptr(GList) members = NULL;
    guint64 header;
    JsonNode *root;

    if (length < 8)
        return vera_safetensors_fail(error, self->path, "it is too short to be a safetensors file");
    memcpy(&header, bytes, 8);
    header = GUINT64_FROM_LE(header);
    if (header > VERA_SAFETENSORS_MAX_HEADER || header > length - 8 || header < 2)
        return vera_safetensors_fail(error, self->path,
                                     "its header is said to be %" G_GUINT64_FORMAT
                                     " bytes long; it is truncated or no safetensors file; fetch it again",
                                     header);
    parser = bytes[8] == '{' ? vera_json_parse(bytes + 8, header) : NULL;
    if (parser == NULL)
        return vera_safetensors_fail(error, self->path,
                                     "its header is no plain JSON object, or names a tensor twice; fetch it again");
    root = json_parser_get_root(parser);
    members = json_object_get_members(json_node_get_object(root));
    for (GList *l = members; l != NULL; l = l->next) {
        const char *name = l->data;
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (!vera_safetensors_add(self, name, json_object_get_member(json_node_get_object(root), name),
                                  8 + (gsize)header, error))
            return FALSE;
    }
    return vera_safetensors_check_layout(self, 8 + (gsize)header, error);
}

static void
vera_safetensors_entry_clear(gpointer data)
{
    g_free(((VeraSafetensorsEntry *)data)->name);
}

VeraSafetensors *
vera_safetensors_parse(const char *path, GMappedFile *file, GError **error)
{
    g_autoptr(VeraSafetensors) self = g_new0(VeraSafetensors, 1);

    self->path = g_strdup(path);
    self->file = file;
    self->entries = g_array_new(FALSE, TRUE, sizeof(VeraSafetensorsEntry));
    g_array_set_clear_func(self->entries, vera_safetensors_entry_clear);
    return vera_safetensors_read_header(self, error) ? g_steal_pointer(&self) : NULL;
}

VeraSafetensors *
vera_safetensors_open(const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    GMappedFile *file;
    int fd;

    if (g_str_has_suffix(path, ".pth") || g_str_has_suffix(path, ".bin") || g_str_has_suffix(path, ".pt") ||
        g_str_has_suffix(path, ".ckpt")) {
        vera_safetensors_fail(error, path,
                              "pickled files can run code and are not read; get the .safetensors file of the same "
                              "model in its place");
        return NULL;
    }
    if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        vera_safetensors_fail(error, path, "it is not a regular file");
        return NULL;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        vera_safetensors_fail(error, path, "%s; copy or fetch it again", g_strerror(errno));
        return NULL;
    }
    file = g_mapped_file_new_from_fd(fd, FALSE, &local);
    close(fd);
    if (file == NULL) {
        vera_safetensors_fail(error, path, "%s", local->message);
        return NULL;
    }
    return vera_safetensors_parse(path, file, error);
}

void
vera_safetensors_free(VeraSafetensors *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->entries, g_array_unref);
    g_clear_pointer(&self->file, g_mapped_file_unref);
    g_free(self->path);
    g_free(self);
}
