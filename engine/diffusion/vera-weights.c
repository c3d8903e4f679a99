#include "config.h"

#include "engine/diffusion/vera-weights.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "engine/diffusion/vera-safetensors.h"
#include "engine/diffusion/vera-weights-names.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

#define VERA_WEIGHTS_SMALL_ELEMENTS (64 * 1024)

/* Hashed between two looks at the cancellable: a small part of a second on a slow machine. */
#define VERA_WEIGHTS_HASH_BYTES ((gsize)8 << 20)

typedef struct {
    VeraKTensor tensor;
    const char *path; /* borrowed from the file */
} VeraWeightsItem;

struct _VeraWeights {
    gatomicrefcount ref_count;
    /* Owned */
    char *path;
    GPtrArray *files; /* (element-type VeraSafetensors) */
    GHashTable *items; /* name -> VeraWeightsItem */
    char *hash;        /* atomic, set once, see vera_weights_hash() */
    guint64 id;
};

static gboolean G_GNUC_PRINTF(3, 4)
vera_weights_fail(GError **error, const char *path, const char *format, ...)
{
    va_list arguments;
    char *reason;

    va_start(arguments, format);
    reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS, "The weights ‘%s’ cannot be used: %s.", path,
                reason);
    g_free(reason);
    return FALSE;
}

/* The object from tensor names to shards; NULL with @error set. */
static JsonObject *
vera_weights_get_map(JsonParser *parser, const char *path, GError **error)
{
    JsonObject *root = parser ? json_node_get_object(json_parser_get_root(parser)) : NULL;
    JsonNode *map = root ? json_object_get_member(root, "weight_map") : NULL;

    if (map != NULL && JSON_NODE_HOLDS_OBJECT(map))
        return json_node_get_object(map);
    vera_weights_fail(error, path, "the index has no readable weight_map");
    return NULL;
}

/* The shards that an index names, each once. */
static GPtrArray *
vera_weights_read_index(const char *path, GError **error)
{
    g_autoptr(GPtrArray) shards = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(JsonParser) parser = vera_json_parse_file(path, NULL);
    JsonObject *map = vera_weights_get_map(parser, path, error);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autoptr(GList) names = map ? json_object_get_members(map) : NULL;

    if (map == NULL)
        return NULL;
    for (GList *l = names; l != NULL; l = l->next) {
        const char *shard = vera_json_get_string(map, l->data, NULL);
        g_autofree char *full = NULL;
        if (shard == NULL || strchr(shard, '/') != NULL) {
            vera_weights_fail(error, path, "the index gives no file for ‘%s’", (const char *)l->data);
            return NULL;
        }
        full = g_build_filename(dir, shard, NULL);
        if (!g_ptr_array_find_with_equal_func(shards, full, g_str_equal, NULL))
            g_ptr_array_add(shards, g_steal_pointer(&full));
    }
    return g_steal_pointer(&shards);
}

/* The index and the shards must say the same about every tensor; else they come from different downloads. */
static gboolean
vera_weights_check_index(VeraWeights *self, const char *path, GError **error)
{
    g_autoptr(JsonParser) parser = vera_json_parse_file(path, NULL);
    JsonObject *map = vera_weights_get_map(parser, path, error);
    guint n_found = 0;

    for (guint f = 0; map != NULL && f < self->files->len; f++) {
        VeraSafetensors *file = self->files->pdata[f];
        g_autofree char *base = g_path_get_basename(file->path);
        for (guint i = 0; i < file->entries->len; i++) {
            const char *name = g_array_index(file->entries, VeraSafetensorsEntry, i).name;
            const char *shard = vera_json_get_string(map, name, NULL);
            if (g_strcmp0(shard, base) != 0)
                return vera_weights_fail(error, path, "it gives %s for the tensor ‘%s’, which is in %s",
                                         shard ? shard : "no file", name, base);
            n_found++;
        }
    }
    if (map != NULL && n_found != json_object_get_size(map))
        return vera_weights_fail(error, path, "it names %u tensors where its files hold %u; fetch the shards again",
                                 json_object_get_size(map), n_found);
    return map != NULL;
}

/* What to open for @path: itself, the one file of a folder, or the shards of its index. */
static GPtrArray *
vera_weights_find_files(const char *path, char **index_path, GError **error)
{
    static const char *const stems[] = { "diffusion_pytorch_model", "model" };
    static const char *const pickled[] = { ".bin", ".pth", ".bin.index.json" };
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_ptr_array_add(files, g_strdup(path));
        return g_steal_pointer(&files);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(stems); i++) {
        g_autofree char *single = g_strdup_printf("%s/%s.safetensors", path, stems[i]);
        g_autofree char *index = g_strdup_printf("%s/%s.safetensors.index.json", path, stems[i]);
        if (g_file_test(index, G_FILE_TEST_EXISTS)) {
            *index_path = g_steal_pointer(&index);
            return vera_weights_read_index(*index_path, error);
        }
        if (g_file_test(single, G_FILE_TEST_EXISTS)) {
            g_ptr_array_add(files, g_steal_pointer(&single));
            return g_steal_pointer(&files);
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(stems); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(pickled); j++) {
            g_autofree char *name = g_strdup_printf("%s/%s%s", path, stems[i], pickled[j]);
            g_autofree char *other = g_strdup_printf("%s/pytorch_%s%s", path, stems[i], pickled[j]);
            const char *found = g_file_test(name, G_FILE_TEST_EXISTS) ? name : other;
            if (g_file_test(found, G_FILE_TEST_EXISTS)) {
                vera_weights_fail(error, found,
                                  "pickled files can run code and are not read; get %s.safetensors of the same model",
                                  stems[i]);
                return NULL;
            }
        }
    }
    vera_weights_fail(error, path,
                      "the folder has no diffusion_pytorch_model.safetensors, model.safetensors, or index of shards; copy or fetch it again");
    return NULL;
}

static gboolean
vera_weights_collect(VeraWeights *self, VeraWeightsKind kind, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new(), renamed = NULL;
    guint at = 0;

    for (guint f = 0; f < self->files->len; f++) {
        VeraSafetensors *file = self->files->pdata[f];
        for (guint i = 0; i < file->entries->len; i++)
            g_ptr_array_add(names, g_array_index(file->entries, VeraSafetensorsEntry, i).name);
    }
    renamed = vera_weights_rename(names, kind, error);
    if (renamed == NULL)
        return FALSE;
    for (guint f = 0; f < self->files->len; f++) {
        VeraSafetensors *file = self->files->pdata[f];
        for (guint i = 0; i < file->entries->len; i++, at++) {
            VeraSafetensorsEntry *entry = &g_array_index(file->entries, VeraSafetensorsEntry, i);
            VeraWeightsItem *item;
            /* ComfyUI keeps the tokenizer beside the text encoder's weights; ours is its own file. */
            if (kind == VERA_WEIGHTS_KIND_TEXT_ENCODER && strcmp(entry->name, "spiece_model") == 0)
                continue;
            item = g_new(VeraWeightsItem, 1);
            *item = (VeraWeightsItem){ entry->tensor, file->path };
            if (g_hash_table_contains(self->items, renamed->pdata[at]) &&
                strcmp(renamed->pdata[at], "shared.weight") != 0) {
                g_free(item);
                return vera_weights_fail(error, file->path, "the tensor ‘%s’ comes twice", entry->name);
            }
            g_hash_table_insert(self->items, g_strdup(renamed->pdata[at]), item);
        }
    }
    return TRUE;
}

guint64
vera_weights_get_id(VeraWeights *self)
{
    return self->id;
}

VeraWeights *
vera_weights_open(const char *path, VeraWeightsKind kind, GError **error)
{
    g_autoptr(VeraWeights) self = g_new0(VeraWeights, 1);
    g_autoptr(GPtrArray) paths = NULL;
    g_autofree char *index_path = NULL;
    static gsize n_opened;

    g_atomic_ref_count_init(&self->ref_count);
    self->id = (guint64)g_atomic_pointer_add(&n_opened, 1) + 1;
    self->path = g_strdup(path);
    self->files = g_ptr_array_new_with_free_func((GDestroyNotify)vera_safetensors_free);
    self->items = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    paths = vera_weights_find_files(path, &index_path, error);
    if (paths == NULL)
        return NULL;
    for (guint i = 0; i < paths->len; i++) {
        VeraSafetensors *file = vera_safetensors_open(paths->pdata[i], error);
        if (file == NULL)
            return NULL;
        g_ptr_array_add(self->files, file);
    }
    if (index_path != NULL && !vera_weights_check_index(self, index_path, error))
        return NULL;
    return vera_weights_collect(self, kind, error) ? g_steal_pointer(&self) : NULL;
}

VeraWeights *
vera_weights_ref(VeraWeights *self)
{
    g_atomic_ref_count_inc(&self->ref_count);
    return self;
}

void
vera_weights_unref(VeraWeights *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->ref_count))
        return;
    g_hash_table_unref(self->items);
    g_ptr_array_unref(self->files);
    g_free(self->hash);
    g_free(self->path);
    g_free(self);
}

gboolean
vera_weights_get(VeraWeights *self, const char *name, VeraKTensor *tensor)
{
    VeraWeightsItem *item = g_hash_table_lookup(self->items, name);

    if (item == NULL)
        return FALSE;
    *tensor = item->tensor;
    return TRUE;
}

const char *
vera_weights_get_file(VeraWeights *self, const char *name)
{
    VeraWeightsItem *item = g_hash_table_lookup(self->items, name);

    return item ? item->path : self->path;
}

static int
vera_weights_compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
vera_weights_list_names(VeraWeights *self)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, self->items);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort(names, vera_weights_compare_names);
    return names;
}

char *
vera_weights_describe_shape(int n_dims, const gint64 *shape)
{
    GString *text = g_string_new("[");

    for (int i = 0; i < n_dims; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i ? ", " : "", shape[i]);
    return g_string_free(g_string_append_c(text, ']'), FALSE);
}

static gboolean
vera_weights_check_values(const VeraWeightsItem *item, const char *name, GError **error)
{
    gint64 n = vera_k_tensor_n_elements(&item->tensor);
    VeraKDType dtype = item->tensor.dtype;
    float block[1024];

    for (gint64 from = 0; from < n; from += 1024) {
        gint64 count = MIN(1024, n - from);
        float worst = 0;
        vera_k_convert_to_f32((const char *)item->tensor.data + from * (gint64)vera_k_dtype_size(dtype), dtype, block,
                           count);
        for (gint64 i = 0; i < count; i++)
            worst += block[i] * 0.0f;
        if (worst != 0.0f)
            return vera_weights_fail(error, item->path, "the tensor ‘%s’ holds a value that is not a finite number", name);
    }
    return TRUE;
}

static gboolean
vera_weights_check_one(VeraWeights *self, const VeraWeightSpec *spec, GError **error)
{
    VeraWeightsItem *item = g_hash_table_lookup(self->items, spec->name);
    gboolean is_equal;

    if (item == NULL)
        return vera_weights_fail(error, self->path, "the tensor ‘%s’ is missing", spec->name);
    is_equal = item->tensor.n_dims == spec->n_dims;
    for (int i = 0; is_equal && i < spec->n_dims; i++)
        is_equal = item->tensor.shape[i] == spec->shape[i];
    if (!is_equal) {
        g_autofree char *want = vera_weights_describe_shape(spec->n_dims, spec->shape);
        g_autofree char *got =
            vera_weights_describe_shape(item->tensor.n_dims, (const gint64 *)item->tensor.shape);
        return vera_weights_fail(error, item->path, "the tensor ‘%s’ has the shape %s where %s is expected", spec->name,
                                 got, want);
    }
    if (item->tensor.dtype == VERA_K_DTYPE_I64 || item->tensor.dtype == VERA_K_DTYPE_U8)
        return vera_weights_fail(error, item->path, "the tensor ‘%s’ is of type %s where a float type is expected",
                                 spec->name, vera_k_dtype_name(item->tensor.dtype));
    if (vera_k_tensor_n_elements(&item->tensor) <= VERA_WEIGHTS_SMALL_ELEMENTS)
        return vera_weights_check_values(item, spec->name, error);
    return TRUE;
}

gboolean
vera_weights_check(VeraWeights *self, GPtrArray *specs, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = NULL;

    for (guint i = 0; i < specs->len; i++) {
        VeraWeightSpec *spec = specs->pdata[i];
        g_hash_table_add(known, spec->name);
        if (!vera_weights_check_one(self, spec, error))
            return FALSE;
    }
    names = vera_weights_list_names(self);
    for (guint i = 0; i < names->len; i++)
        if (!g_hash_table_contains(known, names->pdata[i]))
            return vera_weights_fail(error, vera_weights_get_file(self, names->pdata[i]),
                                     "the tensor ‘%s’ does not belong to this part", (const char *)names->pdata[i]);
    return TRUE;
}

gboolean
vera_weights_check_finite(VeraWeights *self, GError **error)
{
    g_autoptr(GPtrArray) names = vera_weights_list_names(self);

    for (guint i = 0; i < names->len; i++)
        if (!vera_weights_check_values(g_hash_table_lookup(self->items, names->pdata[i]), names->pdata[i], error))
            return FALSE;
    return TRUE;
}

VeraWeightSpec *
vera_weight_spec_new(const char *name, int n_dims, ...)
{
    VeraWeightSpec *spec = g_new0(VeraWeightSpec, 1);
    va_list arguments;

    spec->name = g_strdup(name);
    spec->n_dims = n_dims;
    va_start(arguments, n_dims);
    for (int i = 0; i < n_dims; i++)
        spec->shape[i] = va_arg(arguments, gint64);
    va_end(arguments);
    return spec;
}

void
vera_weight_spec_free(VeraWeightSpec *spec)
{
    if (spec == NULL)
        return;
    g_free(spec->name);
    g_free(spec);
}

static char *
vera_weights_compute_hash(VeraWeights *self, GCancellable *cancellable, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GPtrArray) names = vera_weights_list_names(self);

    for (guint i = 0; i < names->len; i++) {
        VeraWeightsItem *item = g_hash_table_lookup(self->items, names->pdata[i]);
        gsize size = (gsize)vera_k_tensor_n_elements(&item->tensor) * vera_k_dtype_size(item->tensor.dtype);
        g_autofree char *shape =
            vera_weights_describe_shape(item->tensor.n_dims, (const gint64 *)item->tensor.shape);
        g_autofree char *head = g_strdup_printf("%s %s %s\n", (const char *)names->pdata[i],
                                                vera_k_dtype_name(item->tensor.dtype), shape);
        g_checksum_update(sum, (const guchar *)head, -1);
        for (gsize from = 0; from < size; from += VERA_WEIGHTS_HASH_BYTES) {
            if (vera_engine_error_set_cancelled(cancellable, error))
                return NULL;
            g_checksum_update(sum, (const guchar *)item->tensor.data + from,
                              (gssize)MIN(size - from, VERA_WEIGHTS_HASH_BYTES));
        }
    }
    return g_strdup(g_checksum_get_string(sum));
}

char *
vera_weights_hash(VeraWeights *self, GCancellable *cancellable, GError **error)
{
    char *hash = g_atomic_pointer_get(&self->hash);

    if (hash != NULL)
        return g_strdup(hash);
    hash = vera_weights_compute_hash(self, cancellable, error);
    if (hash != NULL && !g_atomic_pointer_compare_and_exchange(&self->hash, NULL, hash)) {
        g_free(hash);
        hash = g_atomic_pointer_get(&self->hash);
    }
    return g_strdup(hash);
}
