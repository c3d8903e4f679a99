#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/diffusion/vera-safetensors.h"
#include "engine/diffusion/vera-weights.h"
#include "engine/vera-engine-error.h"

/* Writes a header and zeroed data to a file, opens it, and gives back the message (NULL if it opened). */
static char *
open_bytes(const void *bytes, gsize n)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraSafetensors) file = NULL;
    int fd = g_file_open_tmp("vera-XXXXXX.safetensors", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, n), ==, (gssize)n);
    close(fd);
    file = vera_safetensors_open(path, &error);
    g_unlink(path);
    g_assert_true((file == NULL) == (error != NULL));
    if (error == NULL)
        return NULL;
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
    g_assert_nonnull(strstr(error->message, path));
    return g_strdup(error->message);
}

static char *
open_header(const char *header, gsize n_data)
{
    g_autoptr(GString) file = g_string_new(NULL);
    gsize padded = (strlen(header) + 7) / 8 * 8;
    guint64 length = GUINT64_TO_LE((guint64)padded);

    g_string_append_len(file, (const char *)&length, 8);
    g_string_append(file, header);
    while (file->len < 8 + padded)
        g_string_append_c(file, ' ');
    g_string_set_size(file, 8 + padded + n_data);
    memset(file->str + 8 + padded, 0, n_data);
    return open_bytes(file->str, file->len);
}

static const struct {
    const char *what;
    const char *header;
    gsize n_data;
    const char *says; /* NULL: opens */
} cases[] = {
    { "sound", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL },
    { "no-tensors", "{}", 0, NULL },
    { "metadata", "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, NULL },
    { "empty-tensor",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      4, NULL },
    { "named-twice",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      4, "twice" },
    { "overlap",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
      12, "‘b’ overlaps" },
    { "hole",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
      12, "‘b’ lies after a hole" },
    { "misaligned",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
      6, "‘b’ does not start" },
    { "past-the-end", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "truncated" },
    { "trailing", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "1 bytes follow" },
    { "wrong-size", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "‘a’ does not fit" },
    { "backwards", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "‘a’ does not fit" },
    { "negative-shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "‘a’ makes no sense" },
    { "negative-offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "‘a’ makes no sense" },
    { "overflow", "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "‘a’ does not fit" },
    { "overflow-empty", "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
      "‘a’ does not fit" },
    { "beyond-64-bit", "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8, "‘a’" },
    { "fraction", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "‘a’ makes no sense" },
    { "seven-dimensions", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, "‘a’ makes no sense" },
    { "unknown-type", "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "type F64" },
    { "no-type", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "no dtype" },
    { "type-is-number", "{\"a\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "no dtype" },
    { "three-offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, "‘a’ makes no sense" },
    { "not-an-object", "{\"a\":[1]}", 0, "no dtype" },
    { "array", "[1,2]", 0, "plain JSON object" },
    { "comment", "{/*\"*/}", 0, "plain JSON object" },
    { "unfinished", "{\"a\":{\"dtype\":\"F32\"", 0, "plain JSON object" },
};

static void
test_headers(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autofree char *message = open_header(cases[i].header, cases[i].n_data);

    if (cases[i].says == NULL)
        g_assert_cmpstr(message, ==, NULL);
    else if (message == NULL || strstr(message, cases[i].says) == NULL)
        g_error("%s: said ‘%s’ where ‘%s’ was expected", cases[i].what, message, cases[i].says);
}

static void
test_deep_nesting(void)
{
    g_autoptr(GString) header = g_string_new("{\"a\":");
    g_autofree char *message = NULL;

    for (int i = 0; i < 500000; i++)
        g_string_append_c(header, '[');
    message = open_header(header->str, 0);
    g_assert_nonnull(message);
}

static void
test_header_length(void)
{
    static const guint64 lengths[] = { 0, 1, 100000001, G_MAXUINT32, G_MAXINT64, G_MAXUINT64, G_MAXUINT64 - 7 };

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        guint8 bytes[64] = { 0 };
        guint64 length = GUINT64_TO_LE(lengths[i]);
        g_autofree char *message = NULL;
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, "{}", 2);
        message = open_bytes(bytes, sizeof bytes);
        g_assert_nonnull(message);
    }
}

/* A small file with tensors of three types, as bytes. */
static char *
make_sound_file(gsize *n)
{
    static const float a[] = { 1, -2, 3.5f };
    static const gint64 b[] = { 7, -9 };
    static const guint8 c[] = { 1, 2, 3, 4, 5 };
    const VeraNamedTensor tensors[] = {
        { "b", vera_k_tensor(VERA_K_DTYPE_I64, (void *)b, 1, (const int64_t[]){ 2 }) },
        { "a", vera_k_tensor(VERA_K_DTYPE_F32, (void *)a, 2, (const int64_t[]){ 1, 3 }) },
        { "c \"\\\xc3\xa9", vera_k_tensor(VERA_K_DTYPE_U8, (void *)c, 1, (const int64_t[]){ 5 }) },
    };
    g_autofree char *dir = g_dir_make_tmp("vera-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "x.safetensors", NULL);
    g_autoptr(GError) error = NULL;
    char *bytes;

    g_assert_true(vera_safetensors_write(path, tensors, G_N_ELEMENTS(tensors), &error));
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(path, &bytes, n, NULL));
    g_unlink(path);
    /* Nothing else is left beside it. */
    g_assert_cmpint(g_rmdir(dir), ==, 0);
    return bytes;
}

static void
test_every_truncation(void)
{
    gsize n;
    g_autofree char *bytes = make_sound_file(&n);
    g_autofree char *whole = open_bytes(bytes, n);

    g_assert_cmpstr(whole, ==, NULL);
    for (gsize i = 0; i < n; i++) {
        g_autofree char *message = open_bytes(bytes, i);
        g_assert_nonnull(message);
    }
}

static void
test_bit_flips(void)
{
    gsize n;
    g_autofree char *bytes = make_sound_file(&n);
    guint64 header;
    int n_refused = 0;

    memcpy(&header, bytes, 8);
    /* In the header a flip is refused or gives another sound file; it never crashes. */
    for (gsize i = 0; i < (8 + header) * 8; i++) {
        g_autofree char *message = NULL;
        bytes[i / 8] ^= (char)(1 << i % 8);
        message = open_bytes(bytes, n);
        n_refused += message != NULL;
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    g_assert_cmpint(n_refused, >, (int)header * 2);
}

static void
test_round_trip(void)
{
    gsize n;
    g_autofree char *bytes = make_sound_file(&n);
    g_autofree char *path = NULL;
    g_autoptr(VeraWeights) weights = NULL;
    VeraKTensor tensor;
    int fd = g_file_open_tmp("vera-XXXXXX.safetensors", &path, NULL);

    g_assert_nonnull(strstr(bytes + 8, "\"c \\\"\\\\\xc3\xa9\""));
    close(fd);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
    weights = vera_weights_open(path, VERA_WEIGHTS_KIND_PLAIN, NULL);
    g_assert_nonnull(weights);
    g_assert_true(vera_weights_get(weights, "a", &tensor));
    g_assert_cmpint(tensor.dtype, ==, VERA_K_DTYPE_F32);
    g_assert_cmpint(tensor.n_dims, ==, 2);
    g_assert_cmpint(tensor.shape[1], ==, 3);
    g_assert_cmpfloat(((const float *)tensor.data)[2], ==, 3.5f);
    g_assert_true(vera_weights_get(weights, "b", &tensor));
    g_assert_cmpint(((const gint64 *)tensor.data)[1], ==, -9);
    g_assert_true(vera_weights_get(weights, "c \"\\\xc3\xa9", &tensor));
    g_assert_cmpint(((const guint8 *)tensor.data)[4], ==, 5);
    g_assert_false(vera_weights_get(weights, "d", &tensor));
    g_unlink(path);
}

static void
test_unwritable(void)
{
    static const float a[] = { 1 };
    const VeraNamedTensor tensor = { "a", vera_k_tensor(VERA_K_DTYPE_F32, (void *)a, 1, (const int64_t[]){ 1 }) };
    g_autoptr(GError) error = NULL;

    g_assert_false(vera_safetensors_write("/nonexistent-folder/x.safetensors", &tensor, 1, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
}

static void
test_pickled(void)
{
    static const char *const names[] = { "model.pth", "model.bin", "model.ckpt", "model.pt" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_safetensors_open(names[i], &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
        g_assert_nonnull(strstr(error->message, ".safetensors"));
    }
}

static void
test_not_a_file(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vera_safetensors_open(g_get_tmp_dir(), &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
    g_clear_error(&error);
    g_assert_null(vera_safetensors_open("/nonexistent.safetensors", &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/safetensors/header/%s", cases[i].what);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_headers);
    }
    g_test_add_func("/safetensors/deep-nesting", test_deep_nesting);
    g_test_add_func("/safetensors/header-length", test_header_length);
    g_test_add_func("/safetensors/every-truncation", test_every_truncation);
    g_test_add_func("/safetensors/bit-flips", test_bit_flips);
    g_test_add_func("/safetensors/round-trip", test_round_trip);
    g_test_add_func("/safetensors/unwritable", test_unwritable);
    g_test_add_func("/safetensors/pickled", test_pickled);
    g_test_add_func("/safetensors/not-a-file", test_not_a_file);
    return g_test_run();
}
