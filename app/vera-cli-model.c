#include "config.h"

#include "app/vera-cli-model.h"

#include <stdio.h>
#include <string.h>

#include "app/vera-cli.h"
#include "engine/diffusion/vera-model-init.h"

VeraModel *
vera_cli_open_model(const char *dir, GError **error)
{
    VeraModel *model = vera_model_open(dir, error);

    if (model != NULL && !vera_model_get_info(model)->is_trained)
        fprintf(
            stderr,
            "vera: note: the training of the model ‘%s’ is not finished: expect rough layers.\n",
            dir);
    return model;
}

static gboolean
vera_cli_model_print_part(const char *name, VeraWeights *weights, GError **error)
{
    g_autoptr(GPtrArray) names = weights ? vera_weights_list_names(weights) : NULL;
    gint64 n_values = 0, n_bytes = 0;

    if (weights == NULL || !vera_weights_check_finite(weights, error))
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        VeraKTensor tensor;
        if (!vera_weights_get(weights, names->pdata[i], &tensor))
            continue;
        n_values += vera_k_tensor_n_elements(&tensor);
        n_bytes += vera_k_tensor_n_elements(&tensor) * (gint64)vera_k_dtype_size(tensor.dtype);
    }
    printf("%-20s %5u tensors  %14" G_GINT64_FORMAT " values  %10.2f MiB\n", name, names->len,
           n_values, (double)n_bytes / (1 << 20));
    return TRUE;
}

static gboolean
vera_cli_model_print_parts(VeraModel *model, GError **error)
{
    for (int i = 0; i < VERA_N_BRANCHES; i++) {
        g_autofree char *name = g_strconcat("branches/", vera_branch_get_name(i), NULL);
        if (!vera_cli_model_print_part(name, vera_model_get_branch_weights(model, i, error), error))
            return FALSE;
    }
    return vera_cli_model_print_part("layers", vera_model_get_layers_weights(model, error),
                                     error) &&
           vera_cli_model_print_part("vae", vera_model_get_vae_weights(model, error), error) &&
           vera_cli_model_print_part("text_encoder",
                                     vera_model_get_text_encoder_weights(model, error), error) &&
           (!vera_model_has_snapper(model) ||
            vera_cli_model_print_part("snapper", vera_model_get_snapper_weights(model, error),
                                      error));
}

static int
vera_cli_model_check(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) model = NULL;
    GOptionContext *context = g_option_context_new("DIR");
    int exit_code;

    g_option_context_set_summary(context,
                                 "Checks every file of a model: tensors, shapes, types, values.");
    if (!vera_cli_parse(context, &argc, &argv, &exit_code))
        return exit_code;
    if (argc != 2)
        return vera_cli_report_usage("model check", "One model folder is needed.");
    model = vera_cli_open_model(argv[1], &error);
    if (model == NULL || !vera_cli_model_print_parts(model, &error) ||
        !vera_model_check(model, &error))
        return vera_cli_report_error(error);
    printf("The model ‘%s’ is complete.\n", vera_model_get_info(model)->name);
    return VERA_CLI_EXIT_OK;
}

static int
vera_cli_model_init(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *from = NULL, *output = NULL, *name = NULL;
    const GOptionEntry entries[] = {
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &from,
         "A Wan2.1 text-to-video folder in the diffusers layout", "DIR"},
        {"output", 0, 0, G_OPTION_ARG_FILENAME, &output, "The model folder to make", "DIR"},
        {"name", 0, 0, G_OPTION_ARG_STRING, &name, "Its name (default: that of the output folder)",
         "NAME"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new(NULL);
    int exit_code;

    g_option_context_set_summary(
        context, "Starts a model from Wan2.1 weights. It runs, but has yet to be trained.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!vera_cli_parse(context, &argc, &argv, &exit_code))
        return exit_code;
    if (from == NULL || output == NULL || argc != 1)
        return vera_cli_report_usage("model init",
                                     "--from and --output are needed, and nothing else.");
    if (!vera_model_init(from, output, name, &error))
        return vera_cli_report_error(error);
    printf("Made the untrained model ‘%s’.\n", output);
    return VERA_CLI_EXIT_OK;
}

int
vera_cli_model(int argc, char **argv)
{
    const char *action = argc > 1 ? argv[1] : "";
    gboolean is_help = strcmp(action, "--help") == 0 || strcmp(action, "-h") == 0;

    if (strcmp(action, "check") == 0) {
        argv[1] = (char *)"model check";
        return vera_cli_model_check(argc - 1, argv + 1);
    }
    if (strcmp(action, "init") == 0) {
        argv[1] = (char *)"model init";
        return vera_cli_model_init(argc - 1, argv + 1);
    }
    if (!is_help)
        return vera_cli_report_usage("model", "The actions are check and init.");
    puts("Usage:\n  vera model check DIR\n  vera model init --from WAN_DIR --output DIR [--name "
         "NAME]");
    return VERA_CLI_EXIT_OK;
}
