#include "config.h"

#include <string.h>

#include "app/vera-cli-eval-private.h"
#include "app/vera-cli-model.h"
#include "app/vera-cli.h"
#include "engine/diffusion/vera-snapper.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-tokenizer.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"

/* Of Wan2.1's own schedule, where no model says another. */
#define VERA_EVAL_DEFAULT_SHIFT 3.0

/* What was asked for; all borrowed, NULL where nothing was said. */
typedef struct {
    const char *module, *model, *in, *out, *device, *branch, *text;
    int n_steps;
    double guidance, shift;
    VeraKCompute compute;
    VeraSolver solver;
} VeraEvalOptions;

static gboolean
vera_eval_text_encoder(VeraEval *self, GError **error)
{
    const VeraTextEncoderConfig *config = vera_model_get_text_encoder_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_text_encoder_weights(self->model, error) : NULL;
    g_autoptr(VeraTextEncoder) encoder =
        weights ? vera_text_encoder_new(self->runtime, config, weights, error) : NULL;
    const gint64 *ids, *mask;
    float *hidden;
    int n, n_mask;

    if (encoder == NULL || !vera_eval_get_i64(self, "input_ids", &ids, &n, error) ||
        !vera_eval_get_i64(self, "attention_mask", &mask, &n_mask, error))
        return FALSE;
    if (n_mask != n) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                            "input_ids and attention_mask differ in length.");
        return FALSE;
    }
    for (int i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= config->vocab_size || mask[i] < 0 || mask[i] > 1) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "The input_ids must lie in the vocabulary of %d and the attention_mask "
                        "hold 0 or 1.",
                        config->vocab_size);
            return FALSE;
        }
    }
    hidden = vera_eval_add_output(self, "hidden", 3, (gint64[]){1, n, config->d_model}, error);
    return hidden != NULL && vera_text_encoder_run(encoder, ids, mask, n, hidden, NULL, error);
}

static gboolean
vera_eval_vae(VeraEval *self, gboolean is_decode, GError **error)
{
    const VeraVaeConfig *config = vera_model_get_vae_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_vae_weights(self->model, error) : NULL;
    g_autoptr(VeraVae) vae = weights ? vera_vae_new(self->runtime, config, weights, error) : NULL;
    VeraEvalInput in;
    const gint64 *shape = in.shape;
    float *out;
    gint64 s, t;

    if (vae == NULL ||
        !vera_eval_get_full_f32(self, is_decode ? "latents" : "video", 5, &in, error))
        return FALSE;
    s = config->spatial_factor;
    t = config->temporal_factor;
    if (is_decode) {
        const gint64 video[5] = {1, 3, (shape[1] - 1) * t + 1, shape[2] * s, shape[3] * s};
        out = vera_eval_add_output(self, "video", 5, video, error);
        return out != NULL && vera_vae_decode(vae, in.values, shape, out, NULL, error);
    }
    out = vera_eval_add_output(
        self, "latents", 5,
        (gint64[]){1, config->z_dim, (shape[1] - 1) / t + 1, shape[2] / s, shape[3] / s}, error);
    return out != NULL && vera_vae_encode(vae, in.values, shape, out, NULL, error);
}

static gboolean
vera_eval_snapper(VeraEval *self, GError **error)
{
    const VeraSnapperConfig *config = vera_model_get_snapper_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_snapper_weights(self->model, error) : NULL;
    g_autoptr(VeraSnapper) snapper =
        weights ? vera_snapper_new(self->runtime, config, weights, error) : NULL;
    VeraEvalInput in;
    float *kept;

    if (snapper == NULL || !vera_eval_get_full_f32(self, "input", 4, &in, error))
        return FALSE;
    if (in.shape[0] != VERA_SNAPPER_N_INPUTS || in.shape[1] > G_MAXINT16 ||
        in.shape[2] > G_MAXINT16) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The input ‘input’ of ‘%s’ must be [1, %d, height, width].", self->in_path,
                    VERA_SNAPPER_N_INPUTS);
        return FALSE;
    }
    kept = vera_eval_add_output(self, "kept", 4, (gint64[]){1, 1, in.shape[1], in.shape[2]}, error);
    return kept != NULL && vera_snapper_run(snapper, in.values, (int)in.shape[2], (int)in.shape[1],
                                            kept, NULL, error);
}

static VeraTextContext *
vera_eval_prepare_text(VeraEval *self, VeraTransformer *transformer, int width, GError **error)
{
    VeraEvalInput text;

    if (!vera_eval_get_f32(self, "text", 3, &text, error))
        return NULL;
    if (text.shape[1] != width) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The input ‘text’ has rows of %" G_GINT64_FORMAT " where %d are expected.",
                    text.shape[1], width);
        return NULL;
    }
    return vera_transformer_prepare_text(transformer, text.values,
                                         (int)MIN(text.shape[0], G_MAXINT), NULL, error);
}

static float *
vera_eval_add_velocity(VeraEval *self,
                       const char *name,
                       const VeraBranchConfig *config,
                       const gint64 latents[4],
                       GError **error)
{
    return vera_eval_add_output(
        self, name, 5,
        (const gint64[]){1, config->out_channels, latents[1], latents[2], latents[3]}, error);
}

static gboolean
vera_eval_branch(VeraEval *self, GError **error)
{
    VeraBranchId branch = VERA_BRANCH_EDIT;
    const VeraBranchConfig *config;
    g_autoptr(VeraTransformer) transformer = NULL;
    g_autoptr(VeraTextContext) text = NULL;
    VeraEvalInput latents, timestep;
    VeraTransformerInput input = {0};
    float *out[VERA_N_BRANCHES] = {0};

    for (int b = 0; b < VERA_N_BRANCHES; b++)
        if (strcmp(self->branch, vera_branch_get_name(b)) == 0)
            branch = b;
    config = vera_model_get_branch_config(self->model, branch, error);
    transformer =
        config ? vera_transformer_new_single(self->runtime, self->model, branch, error) : NULL;
    if (transformer == NULL || !vera_eval_get_full_f32(self, "latents", 5, &latents, error) ||
        !vera_eval_get_full_f32(self, "timestep", 1, &timestep, error))
        return FALSE;
    text = vera_eval_prepare_text(self, transformer, config->text_dim, error);
    if (text == NULL)
        return FALSE;
    input.latents[0] = latents.values;
    memcpy(input.shape, latents.shape, sizeof input.shape);
    input.timestep = timestep.values[0];
    input.text = text;
    out[0] = vera_eval_add_velocity(self, "velocity", config, input.shape, error);
    return out[0] != NULL && vera_transformer_forward(transformer, &input, out, NULL, error);
}

static gboolean
vera_eval_check_like(const VeraEvalInput *a,
                     const VeraEvalInput *b,
                     const char *name,
                     GError **error)
{
    if (memcmp(a->shape, b->shape, sizeof a->shape) == 0)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The input ‘%s’ differs in shape from ‘edit’.", name);
    return FALSE;
}

static gboolean
vera_eval_transformer(VeraEval *self, GError **error)
{
    const VeraBranchConfig *config =
        vera_model_get_branch_config(self->model, VERA_BRANCH_EDIT, error);
    g_autoptr(VeraTransformer) transformer =
        config ? vera_transformer_new(self->runtime, self->model, VERA_TRANSFORMER_RESIDENT, error)
               : NULL;
    g_autoptr(VeraTextContext) text = NULL;
    VeraEvalInput latents[VERA_N_BRANCHES], source, mask, timestep;
    VeraTransformerInput input = {0};
    VeraKTensor probe;
    float *out[VERA_N_BRANCHES];

    if (transformer == NULL || !vera_eval_get_full_f32(self, "source", 5, &source, error) ||
        !vera_eval_get_full_f32(self, "timestep", 1, &timestep, error))
        return FALSE;
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        const char *name = vera_branch_get_name(b);
        if (!vera_eval_get_full_f32(self, name, 5, &latents[b], error) ||
            !vera_eval_check_like(&latents[b], &latents[0], name, error))
            return FALSE;
        input.latents[b] = latents[b].values;
    }
    if (!vera_eval_check_like(&source, &latents[0], "source", error))
        return FALSE;
    if (vera_weights_get(self->in, "mask", &probe)) {
        if (!vera_eval_get_full_f32(self, "mask", 5, &mask, error) ||
            !vera_eval_check_like(&mask, &latents[0], "mask", error))
            return FALSE;
        input.mask = mask.values;
    }
    text = vera_eval_prepare_text(self, transformer, config->text_dim, error);
    if (text == NULL)
        return FALSE;
    input.source = source.values;
    memcpy(input.shape, source.shape, sizeof input.shape);
    input.timestep = timestep.values[0];
    input.text = text;
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        if ((out[b] = vera_eval_add_velocity(self, vera_branch_get_name(b), config, input.shape,
                                             error)) == NULL)
            return FALSE;
    return vera_transformer_forward(transformer, &input, out, NULL, error);
}

/* [steps, the sample's shape]; what a sample of no dimension has is read as [1]. */
static gboolean
vera_eval_check_velocity(VeraEval *self,
                         const VeraEvalInput *sample,
                         const VeraEvalInput *velocity,
                         GError **error)
{
    const VeraKTensor *s = &sample->tensor, *v = &velocity->tensor;
    g_autofree char *got = vera_weights_describe_shape(v->n_dims, (const gint64 *)v->shape);
    g_autofree char *one = vera_weights_describe_shape(s->n_dims, (const gint64 *)s->shape);

    if (s->n_dims >= VERA_K_MAX_DIMS) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The input ‘sample’ is %s; at most %d dimensions can be sampled.", one,
                    VERA_K_MAX_DIMS - 1);
        return FALSE;
    }
    if (velocity->n == sample->n * self->n_steps && v->shape[0] == self->n_steps)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The input ‘velocity’ is %s; it must hold a sample of %s for each of %d steps.",
                got, one, self->n_steps);
    return FALSE;
}

static gboolean
vera_eval_sampler(VeraEval *self, GError **error)
{
    VeraEvalInput sample, velocity;
    g_autoptr(VeraSampler) sampler = NULL;
    gint64 n, shape[VERA_K_MAX_DIMS];
    float *trajectory, *timesteps, *sigmas;

    if (!vera_eval_get_full_f32(self, "sample", 0, &sample, error) ||
        !vera_eval_get_full_f32(self, "velocity", 0, &velocity, error))
        return FALSE;
    n = sample.n;
    if (!vera_eval_check_velocity(self, &sample, &velocity, error))
        return FALSE;
    sampler = vera_sampler_new(self->solver, self->n_steps, self->shift, (gsize)n, error);
    if (sampler == NULL)
        return FALSE;
    shape[0] = self->n_steps + 1;
    for (int i = 0; i < sample.tensor.n_dims; i++)
        shape[i + 1] = sample.tensor.shape[i];
    trajectory = vera_eval_add_output(self, "trajectory", sample.tensor.n_dims + 1, shape, error);
    timesteps = trajectory
                    ? vera_eval_add_output(self, "timesteps", 1, (gint64[]){self->n_steps}, error)
                    : NULL;
    sigmas = timesteps
                 ? vera_eval_add_output(self, "sigmas", 1, (gint64[]){self->n_steps + 1}, error)
                 : NULL;
    if (sigmas == NULL)
        return FALSE;
    memcpy(trajectory, sample.values, (gsize)n * sizeof(float));
    for (int i = 0; i <= self->n_steps; i++)
        sigmas[i] = (float)vera_sampler_get_sigma(sampler, i);
    for (int i = 0; i < self->n_steps; i++) {
        timesteps[i] = vera_sampler_get_timestep(sampler, i);
        memcpy(trajectory + (i + 1) * n, trajectory + i * n, (gsize)n * sizeof(float));
        if (!vera_sampler_step(sampler, i, velocity.values + i * n, trajectory + (i + 1) * n,
                               error))
            return FALSE;
    }
    return TRUE;
}

static int
vera_eval_tokenizer(VeraEval *self, const char *text)
{
    g_autofree char *path = vera_model_dup_tokenizer_path(self->model);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTokenizer) tokenizer = vera_tokenizer_new(path, &error);
    g_autoptr(GArray) ids = tokenizer ? vera_tokenizer_encode(tokenizer, text, &error) : NULL;

    if (ids == NULL)
        return vera_cli_report_error(error);
    for (guint i = 0; i < ids->len; i++)
        g_print("%s%" G_GINT64_FORMAT, i ? " " : "", g_array_index(ids, gint64, i));
    g_print("\n");
    return VERA_CLI_EXIT_OK;
}

static const struct {
    const char *name;
    gboolean (*run)(VeraEval *self, GError **error);
} vera_eval_modules[] = {
    {"text-encoder", vera_eval_text_encoder}, {"branch", vera_eval_branch},
    {"transformer", vera_eval_transformer},   {"sampler", vera_eval_sampler},
    {"pipeline", vera_eval_pipeline},         {"snapper", vera_eval_snapper},
};

static gboolean
vera_eval_has_module(const char *module)
{
    static const char *const others[] = {"tokenizer", "vae-encode", "vae-decode", NULL};

    for (gsize i = 0; i < G_N_ELEMENTS(vera_eval_modules); i++)
        if (strcmp(module, vera_eval_modules[i].name) == 0)
            return TRUE;
    return g_strv_contains(others, module);
}

static gboolean
vera_eval_find_and_run(VeraEval *self, const char *module, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_eval_modules); i++)
        if (strcmp(module, vera_eval_modules[i].name) == 0)
            return vera_eval_modules[i].run(self, error);
    return vera_eval_vae(self, strcmp(module, "vae-decode") == 0, error);
}

/* A shape that the engine refuses as a wrong call came out of the input file here. */
static gboolean
vera_eval_run_module(VeraEval *self, const char *module, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (vera_eval_find_and_run(self, module, &local) && vera_eval_check_outputs(self, &local))
        return TRUE;
    if (g_error_matches(local, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE))
        local->code = VERA_ENGINE_ERROR_BAD_INPUT;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static gboolean
vera_eval_read_inputs(VeraEval *self, const VeraEvalOptions *o, GError **error)
{
    self->in_path = o->in;
    self->runtime = vera_runtime_new(o->device ? o->device : "cpu", o->compute, 0, error);
    if (self->runtime == NULL)
        return FALSE;
    self->in = vera_weights_open(o->in, VERA_WEIGHTS_KIND_PLAIN, error);
    if (self->in == NULL && error != NULL)
        (*error)->code = VERA_ENGINE_ERROR_BAD_INPUT;
    return self->in != NULL;
}

static gboolean
vera_eval_run(VeraEval *self, const VeraEvalOptions *o, GError **error)
{
    return vera_eval_check_paths(o->in, o->out, error) && vera_eval_read_inputs(self, o, error) &&
           vera_eval_run_module(self, o->module, error) &&
           vera_safetensors_write(o->out, self->out, self->n_out, error);
}

static void
vera_eval_clear(VeraEval *self)
{
    for (int i = 0; i < self->n_out; i++)
        g_free(self->out[i].tensor.data);
    g_clear_pointer(&self->in, vera_weights_unref);
    g_clear_pointer(&self->runtime, vera_runtime_unref);
    g_clear_pointer(&self->model, vera_model_unref);
}

/* What was not asked for is the model's own; the sampler alone needs no model. */
static gboolean
vera_eval_open_model(VeraEval *self, const VeraEvalOptions *o, GError **error)
{
    const VeraModelInfo *info;

    self->branch = o->branch ? o->branch : "edit";
    self->solver = o->solver;
    self->n_steps = o->n_steps;
    self->guidance = o->guidance;
    self->shift = o->shift == -1 ? VERA_EVAL_DEFAULT_SHIFT : o->shift;
    if (o->model == NULL)
        return TRUE;
    self->model = vera_cli_open_model(o->model, error);
    if (self->model == NULL)
        return FALSE;
    info = vera_model_get_info(self->model);
    self->n_steps = o->n_steps > 0 ? o->n_steps : info->default_steps;
    self->guidance = o->guidance >= 0 ? o->guidance : info->default_guidance;
    self->shift = o->shift > 0 ? o->shift : info->default_shift;
    return TRUE;
}

/* Returns: what is wrong with the options, or NULL */
static const char *
vera_eval_find_wrong(const VeraEvalOptions *o)
{
    gboolean is_tokenizer = strcmp(o->module, "tokenizer") == 0,
             is_sampler = strcmp(o->module, "sampler") == 0;

    if (o->model == NULL && !is_sampler)
        return "--model is missing.";
    if (is_tokenizer)
        return o->text == NULL ? "--text is missing." : NULL;
    if (o->in == NULL || o->out == NULL)
        return "--in and --out are needed.";
    if (o->n_steps < 0 || o->n_steps > VERA_SAMPLER_MAX_STEPS)
        return "--steps takes 1 to 1000, or 0 for the model's own.";
    if (is_sampler && o->model == NULL && o->n_steps == 0)
        return "--steps is missing; without --model nothing else says how many.";
    if (!(o->guidance >= 0 && o->guidance <= 100) && o->guidance != -1)
        return "--guidance takes 0 to 100, or -1 for the model's own.";
    if (!(o->shift >= VERA_SAMPLER_MIN_SHIFT && o->shift <= VERA_SAMPLER_MAX_SHIFT) &&
        o->shift != -1)
        return "--shift takes 0.001 to 1000, or -1 for the model's own.";
    return NULL;
}

/* The options that are words. Returns: FALSE after a report of the wrong one */
static gboolean
vera_eval_find_words(VeraEvalOptions *o, const char *dtype, const char *solver)
{
    o->compute = dtype && strcmp(dtype, "bf16") == 0 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32;
    if (dtype != NULL && strcmp(dtype, "f32") != 0 && strcmp(dtype, "bf16") != 0)
        vera_cli_report_usage("eval", "‘%s’ is not a precision; write f32 or bf16.", dtype);
    else if (solver != NULL && !vera_solver_from_name(solver, &o->solver))
        vera_cli_report_usage("eval", "‘%s’ is not a solver; write unipc or euler.", solver);
    else if (o->branch != NULL && strcmp(o->branch, "edit") != 0 &&
             strcmp(o->branch, "alpha") != 0 && strcmp(o->branch, "composite") != 0)
        vera_cli_report_usage("eval", "‘%s’ is not a branch; write edit, alpha or composite.",
                              o->branch);
    else
        return TRUE;
    return FALSE;
}

static int
vera_eval_start(VeraEvalOptions *o)
{
    const char *wrong = vera_eval_find_wrong(o);
    VeraEval self = {0};
    g_autoptr(GError) error = NULL;
    int code = VERA_CLI_EXIT_OK;

    if (wrong != NULL)
        return vera_cli_report_usage("eval", "%s", wrong);
    if (!vera_eval_open_model(&self, o, &error))
        return vera_cli_report_error(error);
    if (strcmp(o->module, "tokenizer") == 0)
        code = vera_eval_tokenizer(&self, o->text);
    else if (!vera_eval_run(&self, o, &error))
        code = vera_cli_report_error(error);
    vera_eval_clear(&self);
    return code;
}

int
vera_cli_eval(int argc, char **argv)
{
    VeraEvalOptions o = {.guidance = -1, .shift = -1, .solver = VERA_SOLVER_UNIPC};
    g_autofree char *model = NULL, *in = NULL, *out = NULL, *device = NULL, *branch = NULL,
                    *text = NULL;
    g_autofree char *dtype = NULL, *solver = NULL;
    const GOptionEntry entries[] = {
        {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "Model folder", "DIR"},
        {"in", 0, 0, G_OPTION_ARG_FILENAME, &in, "Input tensors", "FILE"},
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "Output tensors", "FILE"},
        {"device", 0, 0, G_OPTION_ARG_STRING, &device, "cpu, cuda or cuda:N", "DEVICE"},
        {"dtype", 0, 0, G_OPTION_ARG_STRING, &dtype, "Precision of products: f32 or bf16", "TYPE"},
        {"branch", 0, 0, G_OPTION_ARG_STRING, &branch, "edit, alpha or composite", "NAME"},
        {"text", 0, 0, G_OPTION_ARG_FILENAME, &text, "Text to tokenize", "STRING"},
        {"steps", 0, 0, G_OPTION_ARG_INT, &o.n_steps, "Sampling steps (0: the model's own)", "N"},
        {"guidance", 0, 0, G_OPTION_ARG_DOUBLE, &o.guidance, "Guidance scale (-1: the model's own)",
         "G"},
        {"shift", 0, 0, G_OPTION_ARG_DOUBLE, &o.shift,
         "Shift of the noise schedule (-1: the model's own)", "S"},
        {"solver", 0, 0, G_OPTION_ARG_STRING, &solver, "unipc or euler", "NAME"},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GOptionContext *context =
        g_option_context_new("MODULE – run one module of a model on given tensors");
    int code = VERA_CLI_EXIT_OK;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!vera_cli_parse(context, &argc, &argv, &code))
        return code;
    if (argc != 2)
        return vera_cli_report_usage("eval", "Name one module.");
    if (!vera_eval_has_module(argv[1]))
        return vera_cli_report_usage("eval",
                                     "There is no module ‘%s’; there are tokenizer, text-encoder, "
                                     "vae-encode, vae-decode, branch, "
                                     "transformer, sampler, pipeline and snapper.",
                                     argv[1]);
    o.module = argv[1];
    o.model = model;
    o.in = in;
    o.out = out;
    o.device = device;
    o.branch = branch;
    o.text = text;
    return vera_eval_find_words(&o, dtype, solver) ? vera_eval_start(&o) : VERA_CLI_EXIT_USAGE;
}
