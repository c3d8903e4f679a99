#include "config.h"

#include "engine/diffusion/vera-model-config.h"

#include <math.h>
#include <string.h>

#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

/* One configuration file being read; the first thing wrong is kept. */
typedef struct {
    const char *path;
    JsonParser *parser;
    JsonObject *object;
    GError *error;
} VeraConfigReader;

static void G_GNUC_PRINTF(2, 3) vera_config_fail(VeraConfigReader *self, const char *format, ...)
{
    va_list arguments;
    char *reason;

    if (self->error != NULL)
        return;
    va_start(arguments, format);
    reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(&self->error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                "The model's file ‘%s’ cannot be used: %s.", self->path, reason);
    g_free(reason);
}

static gboolean
vera_config_open(VeraConfigReader *self, const char *path)
{
    *self = (VeraConfigReader){.path = path, .parser = vera_json_parse_file(path, NULL)};
    if (self->parser == NULL) {
        vera_config_fail(self, g_file_test(path, G_FILE_TEST_EXISTS)
                                   ? "it is not a plain JSON object"
                                   : "it is missing");
        return FALSE;
    }
    self->object = json_node_get_object(json_parser_get_root(self->parser));
    return TRUE;
}

static gboolean
vera_config_close(VeraConfigReader *self, GError **error)
{
    g_clear_object(&self->parser);
    if (self->error == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&self->error));
    return FALSE;
}

static gboolean
vera_config_is_set(VeraConfigReader *self, const char *name)
{
    JsonNode *node = json_object_get_member(self->object, name);

    return node != NULL && !JSON_NODE_HOLDS_NULL(node);
}

static double
vera_config_get_number(VeraConfigReader *self,
                       JsonObject *object,
                       const char *name,
                       double fallback,
                       const double range[2])
{
    JsonNode *node = json_object_get_member(object, name);
    GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_NONE;
    double value = type == G_TYPE_INT64    ? (double)json_node_get_int(node)
                   : type == G_TYPE_DOUBLE ? json_node_get_double(node)
                                           : fallback;

    if (node != NULL && !JSON_NODE_HOLDS_NULL(node) && type != G_TYPE_INT64 &&
        type != G_TYPE_DOUBLE)
        vera_config_fail(self, "‘%s’ is not a number", name);
    else if (!(value >= range[0] && value <= range[1]))
        vera_config_fail(self, node ? "‘%s’ is %g, outside %g to %g" : "‘%s’ is missing", name,
                         value, range[0], range[1]);
    return value;
}

/* A positive integer that must be there. */
static int
vera_config_get_size(VeraConfigReader *self, const char *name, int max)
{
    double value = vera_config_get_number(self, self->object, name, 0, (double[]){1, max});

    if (value != floor(value))
        vera_config_fail(self, "‘%s’ is not a whole number", name);
    return (int)CLAMP(value, 1, max);
}

/* At most @max integers or booleans; the count. */
static int
vera_config_get_list(VeraConfigReader *self, const char *name, int *out, int max, int top)
{
    JsonNode *node = json_object_get_member(self->object, name);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    int n = array ? (int)json_array_get_length(array) : 0;

    if (array == NULL || n > max) {
        vera_config_fail(self, "‘%s’ is missing or too long", name);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        JsonNode *item = json_array_get_element(array, (guint)i);
        GType type = JSON_NODE_HOLDS_VALUE(item) ? json_node_get_value_type(item) : G_TYPE_NONE;
        gint64 value = type == G_TYPE_BOOLEAN ? json_node_get_boolean(item)
                       : type == G_TYPE_INT64 ? json_node_get_int(item)
                                              : -1;
        if (value < 0 || value > top)
            vera_config_fail(self, "‘%s’ holds a value that makes no sense", name);
        out[i] = (int)CLAMP(value, 0, top);
    }
    return n;
}

gboolean
vera_branch_config_load(const char *path, VeraBranchConfig *config, GError **error)
{
    VeraConfigReader reader;
    int patch[3] = {1, 2, 2};

    memset(config, 0, sizeof *config);
    if (!vera_config_open(&reader, path))
        return vera_config_close(&reader, error);
    if (vera_config_is_set(&reader, "patch_size") &&
        (vera_config_get_list(&reader, "patch_size", patch, 3, 16) != 3 ||
         MIN(MIN(patch[0], patch[1]), patch[2]) < 1))
        vera_config_fail(&reader, "‘patch_size’ must have three entries from 1 to 16");
    config->patch_t = MAX(patch[0], 1);
    config->patch_h = MAX(patch[1], 1);
    config->patch_w = MAX(patch[2], 1);
    config->n_heads = vera_config_get_size(&reader, "num_attention_heads", 1024);
    config->head_dim = vera_config_get_size(&reader, "attention_head_dim", 512);
    config->dim = config->n_heads * config->head_dim;
    config->in_channels = vera_config_get_size(&reader, "in_channels", 1024);
    config->out_channels = vera_config_get_size(&reader, "out_channels", 1024);
    config->text_dim = vera_config_get_size(&reader, "text_dim", 65536);
    config->freq_dim = vera_config_get_size(&reader, "freq_dim", 65536);
    config->ffn_dim = vera_config_get_size(&reader, "ffn_dim", 1 << 20);
    config->n_layers = vera_config_get_size(&reader, "num_layers", 1024);
    config->eps =
        (float)vera_config_get_number(&reader, reader.object, "eps", 1e-6, (double[]){1e-12, 0.1});
    config->rope_max_len = (int)vera_config_get_number(&reader, reader.object, "rope_max_seq_len",
                                                       1024, (double[]){1, 1 << 20});
    config->has_cross_attn_norm = vera_json_get_boolean(reader.object, "cross_attn_norm", TRUE);
    if (!config->has_cross_attn_norm)
        vera_config_fail(&reader, "‘cross_attn_norm’ is off; Wan2.1 has it on");
    if (vera_config_is_set(&reader, "image_dim") ||
        vera_config_is_set(&reader, "added_kv_proj_dim"))
        vera_config_fail(&reader,
                         "it describes an image-to-video model; a text-to-video model is needed");
    if (g_strcmp0(vera_json_get_string(reader.object, "qk_norm", "rms_norm_across_heads"),
                  "rms_norm_across_heads") != 0)
        vera_config_fail(&reader, "its ‘qk_norm’ is not rms_norm_across_heads");
    if (config->head_dim % 2 != 0 || config->freq_dim % 2 != 0 || config->patch_t != 1)
        vera_config_fail(
            &reader, "its head width and time width must be even and its patches one frame deep");
    return vera_config_close(&reader, error);
}

static void
vera_vae_config_read_statistics(
    VeraConfigReader *reader, const char *name, float *out, int n, gboolean is_positive)
{
    JsonNode *node = json_object_get_member(reader->object, name);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    if (array == NULL || (int)json_array_get_length(array) != n) {
        vera_config_fail(reader, "‘%s’ must list %d numbers", name, n);
        return;
    }
    for (int i = 0; i < n; i++) {
        JsonNode *item = json_array_get_element(array, (guint)i);
        double value = JSON_NODE_HOLDS_VALUE(item) ? json_node_get_double(item) : 0;
        if (!(value > -1e6 && value < 1e6) || (is_positive && value <= 0))
            vera_config_fail(reader, "‘%s’ holds a value that makes no sense", name);
        out[i] = (float)value;
    }
}

gboolean
vera_vae_config_load(const char *path, VeraVaeConfig *config, GError **error)
{
    VeraConfigReader reader;
    int temporal[VERA_VAE_MAX_LEVELS] = {0}, scales[VERA_VAE_MAX_LEVELS];

    memset(config, 0, sizeof *config);
    if (!vera_config_open(&reader, path))
        return vera_config_close(&reader, error);
    config->base_dim = vera_config_get_size(&reader, "base_dim", 4096);
    config->decoder_base_dim = vera_config_is_set(&reader, "decoder_base_dim")
                                   ? vera_config_get_size(&reader, "decoder_base_dim", 4096)
                                   : config->base_dim;
    config->z_dim = vera_config_get_size(&reader, "z_dim", 64);
    config->n_levels =
        vera_config_get_list(&reader, "dim_mult", config->dim_mult, VERA_VAE_MAX_LEVELS, 64);
    config->n_res_blocks = vera_config_get_size(&reader, "num_res_blocks", 16);
    if (vera_config_get_list(&reader, "temperal_downsample", temporal, VERA_VAE_MAX_LEVELS - 1,
                             1) != config->n_levels - 1 ||
        config->n_levels < 1)
        vera_config_fail(&reader, "‘temperal_downsample’ must be one shorter than ‘dim_mult’");
    if (vera_config_is_set(&reader, "attn_scales") &&
        vera_config_get_list(&reader, "attn_scales", scales, VERA_VAE_MAX_LEVELS, 1) != 0)
        vera_config_fail(&reader,
                         "it has attention outside its middle block, which Wan2.1 has not");
    if (vera_json_get_boolean(reader.object, "is_residual", FALSE) ||
        vera_config_is_set(&reader, "patch_size"))
        vera_config_fail(&reader, "it is the VAE of Wan2.2; the one of Wan2.1 is needed");
    config->spatial_factor = config->temporal_factor = 1;
    for (int i = 0; i + 1 < config->n_levels; i++) {
        config->temporal_downsample[i] = temporal[i] != 0;
        config->spatial_factor *= 2;
        config->temporal_factor *= temporal[i] ? 2 : 1;
        if (config->dim_mult[i] < 1 || config->dim_mult[i + 1] < 1 ||
            config->decoder_base_dim * config->dim_mult[i + 1] % 2)
            vera_config_fail(&reader, "‘dim_mult’ gives channel counts that cannot be halved");
    }
    if (reader.error == NULL) {
        vera_vae_config_read_statistics(&reader, "latents_mean", config->latents_mean,
                                        config->z_dim, FALSE);
        vera_vae_config_read_statistics(&reader, "latents_std", config->latents_std, config->z_dim,
                                        TRUE);
    }
    return vera_config_close(&reader, error);
}

gboolean
vera_text_encoder_config_load(const char *path, VeraTextEncoderConfig *config, GError **error)
{
    VeraConfigReader reader;
    const char *projection;

    memset(config, 0, sizeof *config);
    if (!vera_config_open(&reader, path))
        return vera_config_close(&reader, error);
    config->vocab_size = vera_config_get_size(&reader, "vocab_size", 1 << 24);
    config->d_model = vera_config_get_size(&reader, "d_model", 65536);
    config->d_kv = vera_config_get_size(&reader, "d_kv", 1024);
    config->n_heads = vera_config_get_size(&reader, "num_heads", 1024);
    config->d_ff = vera_config_get_size(&reader, "d_ff", 1 << 20);
    config->n_layers = vera_config_get_size(&reader, "num_layers", 1024);
    config->n_buckets = (int)vera_config_get_number(
        &reader, reader.object, "relative_attention_num_buckets", 32, (double[]){4, 4096});
    config->max_distance = (int)vera_config_get_number(
        &reader, reader.object, "relative_attention_max_distance", 128, (double[]){4, 65536});
    config->eps = (float)vera_config_get_number(&reader, reader.object, "layer_norm_epsilon", 1e-6,
                                                (double[]){1e-12, 0.1});
    projection = vera_json_get_string(reader.object, "feed_forward_proj", "gated-gelu");
    if (strcmp(projection, "gated-gelu") != 0)
        vera_config_fail(&reader, "its feed-forward layers are ‘%s’; gated-gelu is needed",
                         projection);
    if (config->n_buckets % 2 != 0 || config->max_distance <= config->n_buckets / 4)
        vera_config_fail(
            &reader,
            "its relative attention needs an even number of buckets and a distance beyond them");
    return vera_config_close(&reader, error);
}

gboolean
vera_snapper_config_load(const char *path, VeraSnapperConfig *config, GError **error)
{
    VeraConfigReader reader;

    memset(config, 0, sizeof *config);
    if (!vera_config_open(&reader, path))
        return vera_config_close(&reader, error);
    if (g_strcmp0(vera_json_get_string(reader.object, "_class_name", ""), "VeraSnapper") != 0)
        vera_config_fail(&reader, "it does not describe a snapper");
    config->n_levels =
        vera_config_get_list(&reader, "channels", config->channels, VERA_SNAPPER_MAX_LEVELS, 4096);
    for (int i = 0; i < MAX(config->n_levels, 1); i++)
        if (config->channels[i] < 1)
            vera_config_fail(&reader,
                             "‘channels’ must hold at least one number, and none of them 0");
    config->n_middle =
        (int)vera_config_get_number(&reader, reader.object, "middle_blocks", -1, (double[]){0, 64});
    config->frame_step = vera_config_get_size(&reader, "frame_step", 1024);
    config->n_rounds = vera_config_get_size(&reader, "rounds", 16);
    return vera_config_close(&reader, error);
}

gboolean
vera_scheduler_config_load(const char *path, VeraSchedulerConfig *config, GError **error)
{
    VeraConfigReader reader;

    memset(config, 0, sizeof *config);
    if (!vera_config_open(&reader, path))
        return vera_config_close(&reader, error);
    config->n_train_timesteps = (int)vera_config_get_number(
        &reader, reader.object, "num_train_timesteps", 1000, (double[]){1000, 1000});
    config->shift =
        vera_config_get_number(&reader, reader.object, "flow_shift", 3, (double[]){1e-3, 1000});
    return vera_config_close(&reader, error);
}

static JsonObject *
vera_config_get_object(VeraConfigReader *self, const char *name)
{
    JsonNode *node = json_object_get_member(self->object, name);

    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
        return json_node_get_object(node);
    vera_config_fail(self, "‘%s’ is missing", name);
    return NULL;
}

static char *
vera_config_dup_string(JsonObject *object, const char *name, const char *fallback)
{
    return g_strdup(vera_json_get_string(object, name, fallback));
}

gboolean
vera_model_info_load(const char *path, VeraModelInfo *info, GError **error)
{
    VeraConfigReader reader;
    JsonObject *native, *defaults;

    memset(info, 0, sizeof *info);
    if (!vera_config_open(&reader, path))
        return vera_config_close(&reader, error);
    if (g_strcmp0(vera_json_get_string(reader.object, "_class_name", ""), "VeraPipeline") != 0)
        vera_config_fail(&reader,
                         "it does not describe a Vera model; start one with ‘vera model init’");
    vera_config_get_number(&reader, reader.object, "vera_format", 0, (double[]){1, 1});
    native = vera_config_get_object(&reader, "native");
    defaults = vera_config_get_object(&reader, "defaults");
    if (native != NULL && defaults != NULL) {
        info->name = vera_config_dup_string(reader.object, "name", "unnamed");
        info->is_trained = vera_json_get_boolean(reader.object, "trained", FALSE);
        info->native_width =
            (int)vera_config_get_number(&reader, native, "width", 0, (double[]){1, 16384});
        info->native_height =
            (int)vera_config_get_number(&reader, native, "height", 0, (double[]){1, 16384});
        info->native_frames =
            (int)vera_config_get_number(&reader, native, "frames", 0, (double[]){1, 4096});
        info->native_fps =
            vera_config_get_number(&reader, native, "fps", 16, (double[]){0.01, 1000});
        info->default_steps =
            (int)vera_config_get_number(&reader, defaults, "steps", 0, (double[]){1, 1000});
        info->default_guidance =
            vera_config_get_number(&reader, defaults, "guidance", 1, (double[]){0, 1000});
        info->default_shift =
            vera_config_get_number(&reader, defaults, "shift", 3, (double[]){1e-3, 1000});
        info->default_negative_prompt = vera_config_dup_string(defaults, "negative_prompt", "");
    }
    return vera_config_close(&reader, error);
}
