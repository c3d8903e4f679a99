#include "config.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

/*
 * Holds `vera eval` against outputs of PyTorch, diffusers and transformers (training/reference/parity.py). Reads safetensors on its
 * own, so that a wrong reader in the engine cannot agree with itself.
 */

typedef struct {
    char *bytes;
    gsize length;
    JsonParser *parser;
    JsonObject *header;
    const char *data;
} Tensors;

static Tensors *
tensors_load(const char *path)
{
    Tensors *self = g_new0(Tensors, 1);
    g_autoptr(GError) error = NULL;
    guint64 header;

    g_file_get_contents(path, &self->bytes, &self->length, &error);
    g_assert_no_error(error);
    memcpy(&header, self->bytes, 8);
    self->parser = json_parser_new();
    g_assert_true(json_parser_load_from_data(self->parser, self->bytes + 8, (gssize)header, NULL));
    self->header = json_node_get_object(json_parser_get_root(self->parser));
    self->data = self->bytes + 8 + header;
    return self;
}

static void
tensors_free(Tensors *self)
{
    g_object_unref(self->parser);
    g_free(self->bytes);
    g_free(self);
}

static char *
tensors_get_shape(Tensors *self, const char *name)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_assert_true(json_object_has_member(self->header, name));
    json_generator_set_root(generator, json_object_get_member(json_object_get_object_member(self->header, name), "shape"));
    return json_generator_to_data(generator, NULL);
}

static const float *
tensors_get(Tensors *self, const char *name, gsize *n)
{
    JsonObject *entry = json_object_get_object_member(self->header, name);
    JsonArray *offsets = json_object_get_array_member(entry, "data_offsets");
    gint64 from = json_array_get_int_element(offsets, 0);

    g_assert_cmpstr(json_object_get_string_member(entry, "dtype"), ==, "F32");
    *n = (gsize)(json_array_get_int_element(offsets, 1) - from) / 4;
    return (const float *)(self->data + from);
}

static double
get_relative_error(Tensors *got, Tensors *want, const char *name)
{
    g_autofree char *got_shape = tensors_get_shape(got, name), *want_shape = tensors_get_shape(want, name);
    gsize n, n_want;
    const float *a = tensors_get(got, name, &n), *b = tensors_get(want, name, &n_want);
    double error = 0, norm = 0;

    g_assert_cmpstr(got_shape, ==, want_shape);
    for (gsize i = 0; i < n; i++) {
        float x, y;
        memcpy(&x, a + i, 4);
        memcpy(&y, b + i, 4);
        g_assert_true(isfinite(x));
        error += ((double)x - y) * ((double)x - y);
        norm += (double)y * y;
    }
    g_assert_cmpfloat(norm, >, 0);
    return sqrt(error / norm);
}

static void
run_case(gconstpointer data)
{
    JsonObject *item = (JsonObject *)data;
    const char *root = g_getenv("VERA_SOURCE_ROOT");
    const char *name = json_object_get_string_member(item, "name");
    g_autofree char *golden = g_build_filename(root, "tests", "golden", NULL);
    g_autofree char *model = g_build_filename(golden, json_object_get_string_member(item, "model"), NULL);
    g_autofree char *in = g_strdup_printf("%s/%s.in.safetensors", golden, name);
    g_autofree char *expected = g_strdup_printf("%s/%s.out.safetensors", golden, name);
    g_autofree char *out = g_build_filename(g_get_tmp_dir(), "vera-parity-XXXXXX", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    JsonArray *extra = json_object_get_array_member(item, "args");
    g_autofree char *messages = NULL;
    g_autoptr(GError) error = NULL;
    int status, fd = g_mkstemp(out);
    const char *fixed[] = { g_getenv("VERA_PROGRAM"), "eval", json_object_get_string_member(item, "module"), "--model", model, "--in", in, "--out", out };

    g_close(fd, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (gpointer)fixed[i]);
    for (guint i = 0; i < json_array_get_length(extra); i++)
        g_ptr_array_add(argv, (gpointer)json_array_get_string_element(extra, i));
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &messages, &status, &error);
    g_assert_no_error(error);
    if (status != 0)
        g_test_message("%s", messages);
    g_assert_cmpint(status, ==, 0);

    Tensors *got = tensors_load(out), *want = tensors_load(expected);
    g_autoptr(GList) names = json_object_get_members(want->header);
    for (GList *l = names; l != NULL; l = l->next) {
        double worst = strcmp(l->data, "__metadata__") ? get_relative_error(got, want, l->data) : 0;
        g_test_message("%s: relative error %.2e", (const char *)l->data, worst);
        g_assert_cmpfloat(worst, <, json_object_get_double_member(item, "tolerance"));
    }
    tensors_free(got);
    tensors_free(want);
    g_unlink(out);
}

int
main(int argc, char **argv)
{
    g_autofree char *manifest = g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "tests", "golden", "manifest.json", NULL);
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonArray *cases;

    g_test_init(&argc, &argv, NULL);
    g_assert_true(json_parser_load_from_file(parser, manifest, NULL));
    cases = json_node_get_array(json_parser_get_root(parser));
    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonObject *item = json_array_get_object_element(cases, i);
        g_autofree char *path = g_strdup_printf("/parity/%s", json_object_get_string_member(item, "name"));
        g_test_add_data_func(path, item, run_case);
    }
    return g_test_run();
}
