#include "config.h"

#include <string.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "engine/diffusion/vera-model-init.h"
#include "engine/diffusion/vera-model.h"
#include "engine/vera-engine-error.h"

static char *
get_golden(void)
{
    return g_build_filename(g_getenv("VERA_SOURCE_ROOT") ? g_getenv("VERA_SOURCE_ROOT") : ".", "tests/golden/model-f32",
                            NULL);
}

static void
run(const char *format, ...)
{
    va_list arguments;
    g_autofree char *command = NULL;
    int status;

    va_start(arguments, format);
    command = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

/* A copy of the small model that a test may break. */
static char *
copy_golden(void)
{
    g_autofree char *golden = get_golden();
    g_autofree char *dir = g_dir_make_tmp("vera-XXXXXX", NULL);
    char *copy = g_build_filename(dir, "model", NULL);

    run("cp -rL '%s' '%s'", golden, copy);
    return copy;
}

static void
remove_copy(char *copy)
{
    g_autofree char *dir = g_path_get_dirname(copy);

    run("rm -rf '%s'", dir);
    g_free(copy);
}

static void
test_check(void)
{
    g_autofree char *golden = get_golden();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) model = vera_model_open(golden, &error);

    g_assert_no_error(error);
    g_assert_true(vera_model_check(model, &error));
    g_assert_no_error(error);
}

static void
test_hash(void)
{
    g_autofree char *golden = get_golden();
    char *copy = copy_golden();
    const char *const dirs[] = { golden, copy, copy };
    char *hashes[3];

    for (int i = 0; i < 3; i++) {
        g_autoptr(VeraModel) model = vera_model_open(dirs[i], NULL);
        hashes[i] = vera_model_hash(model, NULL, NULL);
        g_assert_cmpuint(strlen(hashes[i]), ==, 64);
        if (i == 1)
            run("sed -i 's/\"eps\": *1e-06/\"eps\": 1e-05/' '%s/branches/alpha/config.json'", copy);
    }
    g_assert_cmpstr(hashes[0], ==, hashes[1]);
    g_assert_cmpstr(hashes[1], !=, hashes[2]);
    for (int i = 0; i < 3; i++)
        g_free(hashes[i]);
    remove_copy(copy);
}

/* What is done to one file of a sound model, and what the check must say. */
static const struct {
    const char *what;
    const char *command; /* run in the model's folder */
    const char *says;
} damages[] = {
    { "no-index", "rm model_index.json", "model_index.json" },
    { "index-of-another", "sed -i s/VeraPipeline/WanPipeline/ model_index.json", "vera model init" },
    { "newer-format", "sed -i 's/\"vera_format\": *1/\"vera_format\": 2/' model_index.json", "vera_format" },
    { "no-branch", "rm -r branches/alpha", "branches/alpha" },
    { "no-layers", "rm layers.safetensors", "layers.safetensors" },
    { "truncated-layers", "truncate -s -3 layers.safetensors", "truncated" },
    { "no-tokenizer", "rm tokenizer/spiece.model", "spiece.model" },
    { "torn-tokenizer", "truncate -s 100 tokenizer/spiece.model", "spiece.model" },
    { "swapped-parts", "cp layers.safetensors vae/diffusion_pytorch_model.safetensors", "vae" },
    { "config-not-json", "echo x > vae/config.json", "vae/config.json" },
    { "image-to-video", "sed -i '1s/{/{\"image_dim\": 1280, /' branches/edit/config.json", "image-to-video" },
    { "other-norm", "sed -i s/rms_norm_across_heads/rms_norm/ branches/edit/config.json", "qk_norm" },
    { "no-layers-count", "sed -i s/num_layers/xx/ branches/edit/config.json", "num_layers" },
    { "wan22-vae", "sed -i '1s/{/{\"is_residual\": true, /' vae/config.json", "Wan2.2" },
    { "other-activation", "sed -i s/gated-gelu/gated-silu/ text_encoder/config.json", "gated-silu" },
};

static void
test_damage(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    char *copy = copy_golden();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) model = NULL;
    g_autofree char *script = g_strdup_printf("cd '%s' && %s", copy, damages[i].command);
    g_autofree char *quoted = g_shell_quote(script);

    run("sh -c %s", quoted);
    model = vera_model_open(copy, &error);
    if (model != NULL)
        g_assert_false(vera_model_check(model, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
    if (strstr(error->message, damages[i].says) == NULL)
        g_error("‘%s’ does not say ‘%s’", error->message, damages[i].says);
    remove_copy(copy);
}

/* A Wan checkpoint in the diffusers layout, from the parts of the small model. */
static char *
make_wan(void)
{
    char *copy = copy_golden();

    run("mv '%s/branches/edit' '%s/transformer'", copy, copy);
    run("rm -r '%s/branches' '%s/layers.safetensors' '%s/model_index.json'", copy, copy, copy);
    return copy;
}

static void
test_init(void)
{
    char *wan = make_wan();
    g_autofree char *output = g_strconcat(wan, "-new", NULL);
    g_autofree char *part = g_strconcat(output, ".part", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) model = NULL;
    VeraKTensor tensor;

    g_assert_true(vera_model_init(wan, output, "mine", &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
    model = vera_model_open(output, &error);
    g_assert_no_error(error);
    g_assert_true(vera_model_check(model, &error));
    g_assert_cmpstr(vera_model_get_info(model)->name, ==, "mine");
    g_assert_false(vera_model_get_info(model)->is_trained);
    g_assert_true(vera_weights_get(vera_model_get_layers_weights(model, NULL), "source_patch.weight", &tensor));
    for (gint64 i = 0; i < vera_k_tensor_n_elements(&tensor); i++)
        g_assert_cmpfloat(((const float *)tensor.data)[i], ==, 0);
    /* Not over a model that is there. */
    g_assert_false(vera_model_init(wan, output, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    remove_copy(wan);
}

static void
test_init_failure(void)
{
    char *wan = make_wan();
    g_autofree char *output = g_strconcat(wan, "-new", NULL);
    g_autofree char *part = g_strconcat(output, ".part", NULL);
    g_autoptr(GError) error = NULL;

    run("sh -c \"truncate -s -1 '%s'/transformer/*.safetensors\"", wan);
    g_assert_false(vera_model_init(wan, output, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
    g_assert_false(g_file_test(output, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
    g_clear_error(&error);
    g_assert_false(vera_model_init("/nonexistent", output, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
    g_assert_false(g_file_test(output, G_FILE_TEST_EXISTS));
    remove_copy(wan);
}

/* What is wrong with a Wan checkpoint, done in its folder, and what is said of it. */
static const struct {
    const char *command, *says;
} wan_damages[] = {
    { "rm transformer/*.safetensors", "wan/transformer" },
    { "truncate -s 1000 transformer/*.safetensors", "wan/transformer/diffusion_pytorch_model.safetensors" },
    { "truncate -s 0 vae/*.safetensors", "wan/vae/diffusion_pytorch_model.safetensors" },
    { "truncate -s -1 text_encoder/model.safetensors", "wan/text_encoder/model.safetensors" },
    { "cd transformer; rm *.safetensors; echo '{\"weight_map\": {\"a\": \"of-2.safetensors\"}}' >diffusion_pytorch_model.safetensors.index.json",
      "wan/transformer/of-2.safetensors’ cannot be used: No such file or directory; copy" },
    { "cp vae/*.safetensors transformer", "wan/transformer" },
    { "sed -i 's/\"num_layers\": *2/\"num_layers\": 3/' transformer/config.json", "blocks.2" },
    { "sed -i 's/\"z_dim\": *4/\"z_dim\": 5/' vae/config.json", "vae" },
    { "rm tokenizer/spiece.model", "wan/tokenizer/spiece.model" },
    { "truncate -s 1000 tokenizer/spiece.model", "wan/tokenizer/spiece.model" },
    { "rm -r scheduler", "wan/scheduler/scheduler_config.json" },
    { "cd ..; rm -r wan; echo no folder >wan", "holds transformer" },
};

/* Each damage is told of the file that was given; nothing is left, and an empty folder that was there still is. */
static void
test_init_damaged(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(wan_damages); i++) {
        char *copy = make_wan();
        g_autofree char *dir = g_path_get_dirname(copy), *wan = g_build_filename(dir, "wan", NULL);
        g_autofree char *output = g_build_filename(dir, "new", NULL), *part = g_strconcat(output, ".part", NULL);
        g_autofree char *script = g_strdup_printf("mv '%s' '%s'; mkdir '%s'; cd '%s'; %s", copy, wan, output, wan, wan_damages[i].command);
        g_autofree char *quoted = g_shell_quote(script);
        g_autoptr(GError) error = NULL;

        run("sh -c %s", quoted);
        g_assert_false(vera_model_init(wan, output, NULL, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
        if (strstr(error->message, wan_damages[i].says) == NULL || strstr(error->message, ".part") != NULL)
            g_error("‘%s’ does not say ‘%s’", error->message, wan_damages[i].says);
        g_assert_true(g_file_test(output, G_FILE_TEST_IS_DIR));
        g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
        remove_copy(copy);
    }
}

/* What is in the way under the name of the half-made model is only taken away where it is one. */
static void
test_init_in_the_way(void)
{
    char *wan = make_wan();
    g_autofree char *output = g_strconcat(wan, "-new", NULL), *part = g_strconcat(output, ".part", NULL);
    g_autofree char *mine = g_build_filename(part, "mine", NULL), *mark = g_build_filename(part, ".vera-model-init", NULL);
    g_autofree char *link = g_build_filename(part, "link", NULL), *weights = g_build_filename(wan, "vae", "config.json", NULL);
    g_autoptr(GError) error = NULL;

    run("mkdir '%s'", part);
    run("touch '%s'", mine);
    g_assert_false(vera_model_init(wan, output, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_nonnull(strstr(error->message, part));
    g_assert_true(g_file_test(mine, G_FILE_TEST_EXISTS));
    g_clear_error(&error);
    /* One that was broken off; what it links to stays. */
    run("touch '%s'", mark);
    run("ln -s '%s' '%s'", wan, link);
    g_assert_true(vera_model_init(wan, output, NULL, &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(weights, G_FILE_TEST_EXISTS));
    run("rm -r '%s'", output);
    /* A file, and names that are no text. */
    run("touch '%s'", part);
    g_assert_false(vera_model_init(wan, output, NULL, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_true(g_file_test(part, G_FILE_TEST_IS_REGULAR));
    g_autofree char *odd = g_strconcat(wan, "-\xff", NULL);
    g_autoptr(VeraModel) model = NULL;
    g_assert_true(vera_model_init(wan, odd, NULL, NULL));
    model = vera_model_open(odd, NULL);
    g_assert_nonnull(model);
    g_assert_true(g_str_has_prefix(vera_model_get_info(model)->name, "model-"));
    remove_copy(wan);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/check", test_check);
    g_test_add_func("/model/hash", test_hash);
    for (gsize i = 0; i < G_N_ELEMENTS(damages); i++) {
        g_autofree char *path = g_strdup_printf("/model/damage/%s", damages[i].what);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_damage);
    }
    g_test_add_func("/model/init", test_init);
    g_test_add_func("/model/init-failure", test_init_failure);
    g_test_add_func("/model/init-damaged", test_init_damaged);
    g_test_add_func("/model/init-in-the-way", test_init_in_the_way);
    return g_test_run();
}
