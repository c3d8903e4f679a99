#include "config.h"

#include "tests/parity/parity-program.h"
#include "tests/parity/parity-tensors.h"

/* Holds `vera eval` against outputs of PyTorch, diffusers and transformers (training/reference). */

static void
check_outputs(ParityTensors *got, ParityTensors *want, double tolerance)
{
    g_autoptr(GList) names = parity_tensors_list(want), got_names = parity_tensors_list(got);

    g_assert_cmpuint(g_list_length(got_names), ==, g_list_length(names));
    for (GList *l = names; l != NULL; l = l->next) {
        double error = parity_tensors_get_error(got, want, l->data);
        g_test_message("%s: relative error %.2e", (const char *)l->data, error);
        g_assert_cmpfloat(error, <, tolerance);
    }
}

/* Runs a case of the manifest; @dtype is that of its products. */
static void
run_case(JsonObject *item, const char *dtype, double tolerance)
{
    JsonArray *options = json_object_get_array_member(item, "args");
    g_autofree char *model = parity_golden(json_object_get_string_member(item, "model"));
    g_autofree char *in = parity_golden(json_object_get_string_member(item, "in"));
    g_autofree char *expected = parity_golden(json_object_get_string_member(item, "expected"));
    g_autofree char *folder = parity_make_folder(),
                    *out = g_build_filename(folder, "out.safetensors", NULL);
    const char *fixed[] = {"eval",    json_object_get_string_member(item, "module"),
                           "--model", model,
                           "--in",    in,
                           "--out",   out};
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_autoptr(ParityRun) run = NULL;
    g_autoptr(ParityTensors) got = NULL, want = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(arguments, (gpointer)fixed[i]);
    for (guint i = 0; i < json_array_get_length(options); i++)
        g_ptr_array_add(arguments, (gpointer)json_array_get_string_element(options, i));
    g_ptr_array_add(arguments, (gpointer) "--dtype");
    g_ptr_array_add(arguments, (gpointer)dtype);
    if (g_getenv("VERA_TEST_DEVICE") != NULL) {
        g_ptr_array_add(arguments, (gpointer) "--device");
        g_ptr_array_add(arguments, (gpointer)g_getenv("VERA_TEST_DEVICE"));
    }
    g_ptr_array_add(arguments, NULL);
    run = parity_run((const char *const *)arguments->pdata);
    g_test_message("%s", run->messages);
    g_assert_cmpint(run->exit_code, ==, 0);
    got = parity_tensors_load(out);
    want = parity_tensors_load(expected);
    g_assert_nonnull(got);
    g_assert_nonnull(want);
    check_outputs(got, want, tolerance);
    parity_remove_folder(folder);
}

static void
test_case(gconstpointer data)
{
    JsonObject *item = (JsonObject *)data;

    run_case(item, "f32", json_object_get_double_member(item, "tolerance"));
}

static gboolean
is_any(JsonObject *item G_GNUC_UNUSED)
{
    return TRUE;
}

/* The bar of model-format.md for a whole transformer in bf16; a branch, the decoder and the snapper
 * keep it too. */
static gboolean
has_bf16_bar(JsonObject *item)
{
    const char *module = json_object_get_string_member(item, "module");

    return strcmp(module, "transformer") == 0 || strcmp(module, "branch") == 0 ||
           strcmp(module, "vae-decode") == 0 || strcmp(module, "snapper") == 0;
}

static void
test_bf16(gconstpointer data)
{
    run_case((JsonObject *)data, "bf16", 2e-2);
}

/* The bytes that a case of the manifest gives on so many threads. */
static char *
run_on_threads(const char *module, const char *name, const char *threads, gsize *length)
{
    g_autofree char *model = parity_golden("model-f32"),
                    *file = g_strconcat(name, ".in.safetensors", NULL);
    g_autofree char *in = parity_golden(file), *folder = parity_make_folder();
    g_autofree char *out = g_build_filename(folder, "out.safetensors", NULL);
    g_autofree char *kept = g_strdup(g_getenv("OMP_NUM_THREADS"));
    g_autoptr(ParityRun) run = NULL;
    char *bytes = NULL;

    g_setenv("OMP_NUM_THREADS", threads, TRUE);
    run = parity_run(
        (const char *const[]){"eval", module, "--model", model, "--in", in, "--out", out, NULL});
    if (kept != NULL)
        g_setenv("OMP_NUM_THREADS", kept, TRUE);
    else
        g_unsetenv("OMP_NUM_THREADS");
    g_assert_cmpint(run->exit_code, ==, 0);
    g_assert_true(g_file_get_contents(out, &bytes, length, NULL));
    parity_remove_folder(folder);
    return bytes;
}

static void
test_threads(void)
{
    static const char *const cases[][2] = {{"transformer", "transformer-f32-2x6x10-masked"},
                                           {"vae-encode", "encode-f32-5x24x40"},
                                           {"vae-decode", "decode-f32-5x24x40"},
                                           {"text-encoder", "text-f32-7of7"},
                                           {"snapper", "snapper-f32-24x40"}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        gsize n_one, n_many;
        g_autofree char *one = run_on_threads(cases[i][0], cases[i][1], "1", &n_one);
        g_autofree char *many = run_on_threads(cases[i][0], cases[i][1], "3", &n_many);
        g_assert_cmpmem(one, n_one, many, n_many);
    }
}

static char *
join_ids(JsonArray *ids)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < json_array_get_length(ids); i++)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT, i ? " " : "",
                               json_array_get_int_element(ids, i));
    return g_string_free(g_string_append_c(out, '\n'), FALSE);
}

static void
test_text(gconstpointer data)
{
    JsonObject *item = (JsonObject *)data;
    g_autofree char *model = parity_golden("model-f32");
    g_autofree char *text =
        g_strconcat("--text=", json_object_get_string_member(item, "text"), NULL);
    g_autofree char *want = join_ids(json_object_get_array_member(item, "ids"));
    g_autoptr(ParityRun) run =
        parity_run((const char *const[]){"eval", "tokenizer", "--model", model, text, NULL});

    g_test_message("%s, cleaned: %s", text, json_object_get_string_member(item, "clean"));
    g_assert_cmpint(run->exit_code, ==, 0);
    g_assert_cmpstr(run->out, ==, want);
}

static void
add_cases(JsonParser *parser,
          const char *folder,
          gboolean (*has)(JsonObject *item),
          GTestDataFunc run)
{
    JsonArray *cases = json_node_get_array(json_parser_get_root(parser));

    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonObject *item = json_array_get_object_element(cases, i);
        const char *name = json_object_get_string_member_with_default(item, "name", NULL);
        g_autofree char *path =
            name ? g_strdup_printf("%s/%s", folder, name) : g_strdup_printf("%s/%u", folder, i);
        if (has(item))
            g_test_add_data_func(path, item, run);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(JsonParser) cases = NULL, texts = NULL;

    g_test_init(&argc, &argv, NULL);
    g_setenv("OMP_WAIT_POLICY", "passive", TRUE);
    cases = parity_load_list("manifest.json");
    texts = parity_load_list("tokenizer.json");
    add_cases(cases, "/parity", is_any, test_case);
    add_cases(cases, "/parity/bf16", has_bf16_bar, test_bf16);
    add_cases(texts, "/parity/tokenizer", is_any, test_text);
    g_test_add_func("/parity/threads", test_threads);
    return g_test_run();
}
