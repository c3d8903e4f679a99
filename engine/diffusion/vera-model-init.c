#include "config.h"

#include "engine/diffusion/vera-model-init.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "engine/diffusion/vera-model-config.h"
#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-tokenizer.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"

/* Says that a folder is a model in the making, and is locked while somebody makes it. */
#define VERA_MODEL_INIT_MARK ".vera-model-init"

static gboolean
vera_model_init_fail_output(const char *path, GError **error)
{
    int saved_errno = errno;
    g_autofree char *what = g_strdup_printf("write ‘%s’", path);

    vera_engine_error_set_errno(error, saved_errno, what);
    return FALSE;
}

/* A hard link, or a copy where links cannot be made (another file system, a symbolic link into a cache). */
static gboolean
vera_model_init_take_file(const char *from, const char *to, GError **error)
{
    g_autoptr(GFile) source = g_file_new_for_path(from);
    g_autoptr(GFile) target = g_file_new_for_path(to);
    g_autoptr(GError) local = NULL;

    if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0)
        return TRUE;
    if (g_file_copy(source, target, G_FILE_COPY_NONE, NULL, NULL, NULL, &local))
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR,
                g_error_matches(local, G_IO_ERROR, G_IO_ERROR_NO_SPACE) ? VERA_ENGINE_ERROR_DISK_FULL
                                                                       : VERA_ENGINE_ERROR_OUTPUT,
                "Could not copy ‘%s’ to ‘%s’: %s.", from, to, local->message);
    return FALSE;
}

static gboolean
vera_model_init_take_folder(const char *from, const char *to, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
    const char *name;

    if (dir == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The folder ‘%s’ is missing; the checkpoint must be in the diffusers layout.", from);
        return FALSE;
    }
    if (g_mkdir_with_parents(to, 0777) != 0)
        return vera_model_init_fail_output(to, error);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *source = g_build_filename(from, name, NULL);
        g_autofree char *target = g_build_filename(to, name, NULL);
        if (g_file_test(source, G_FILE_TEST_IS_REGULAR) && !vera_model_init_take_file(source, target, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
vera_model_init_write_layers(const char *dir, const VeraBranchConfig *config, GError **error)
{
    g_autoptr(GPtrArray) specs = vera_layers_get_specs(config);
    g_autofree char *path = g_build_filename(dir, "layers.safetensors", NULL);
    g_autofree VeraNamedTensor *tensors = g_new0(VeraNamedTensor, specs->len);
    g_autofree float *zeros = NULL;
    gint64 largest = 1;

    g_ptr_array_set_free_func(specs, (GDestroyNotify)vera_weight_spec_free);
    for (guint i = 0; i < specs->len; i++) {
        VeraWeightSpec *spec = specs->pdata[i];
        tensors[i].name = spec->name;
        tensors[i].tensor = vera_k_tensor(VERA_K_DTYPE_F32, NULL, spec->n_dims, (const int64_t *)spec->shape);
        largest = MAX(largest, vera_k_tensor_n_elements(&tensors[i].tensor));
    }
    zeros = g_try_malloc0_n((gsize)largest, sizeof(float));
    if (zeros == NULL) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                            "There is too little memory to make the layers.");
        return FALSE;
    }
    for (guint i = 0; i < specs->len; i++)
        tensors[i].tensor.data = zeros;
    return vera_safetensors_write(path, tensors, (int)specs->len, error);
}

static void
vera_model_init_add_number(JsonBuilder *builder, const char *name, double value)
{
    json_builder_set_member_name(builder, name);
    if (value == (double)(gint64)value)
        json_builder_add_int_value(builder, (gint64)value);
    else
        json_builder_add_double_value(builder, value);
}

/* What Wan2.1 itself was made for; a trained model brings its own values. */
static gboolean
vera_model_init_write_index(const char *dir, const char *name, double shift, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "model_index.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "_class_name");
    json_builder_add_string_value(builder, "VeraPipeline");
    vera_model_init_add_number(builder, "vera_format", 1);
    json_builder_set_member_name(builder, "name");
    json_builder_add_string_value(builder, name);
    json_builder_set_member_name(builder, "trained");
    json_builder_add_boolean_value(builder, FALSE);
    json_builder_set_member_name(builder, "native");
    json_builder_begin_object(builder);
    vera_model_init_add_number(builder, "width", 832);
    vera_model_init_add_number(builder, "height", 480);
    vera_model_init_add_number(builder, "frames", 81);
    vera_model_init_add_number(builder, "fps", 16);
    json_builder_end_object(builder);
    json_builder_set_member_name(builder, "defaults");
    json_builder_begin_object(builder);
    vera_model_init_add_number(builder, "steps", 50);
    vera_model_init_add_number(builder, "guidance", 5);
    vera_model_init_add_number(builder, "shift", shift);
    json_builder_set_member_name(builder, "negative_prompt");
    json_builder_add_string_value(builder, "");
    json_builder_end_object(builder);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    text = json_to_string(root, TRUE);
    return g_file_set_contents(path, text, -1, NULL) || vera_model_init_fail_output(path, error);
}

static gboolean
vera_model_init_check_weights(const char *wan_dir, const char *part, VeraWeightsKind kind, GPtrArray *specs, GError **error)
{
    g_autofree char *path = g_build_filename(wan_dir, part, NULL);
    g_autoptr(GPtrArray) owned = specs;
    g_autoptr(VeraWeights) weights = NULL;

    g_ptr_array_set_free_func(owned, (GDestroyNotify)vera_weight_spec_free);
    weights = vera_weights_open(path, kind, error);
    return weights != NULL && vera_weights_check(weights, owned, error);
}

/* Opens every part before anything is made of it, so that what is wrong is told of the file that it is wrong with; reading all values
 * is left to `vera model check`. */
static gboolean
vera_model_init_check_source(const char *wan_dir, VeraBranchConfig *branch, VeraSchedulerConfig *scheduler, GError **error)
{
    g_autofree char *branch_path = g_build_filename(wan_dir, "transformer", "config.json", NULL);
    g_autofree char *vae_path = g_build_filename(wan_dir, "vae", "config.json", NULL);
    g_autofree char *text_path = g_build_filename(wan_dir, "text_encoder", "config.json", NULL);
    g_autofree char *scheduler_path = g_build_filename(wan_dir, "scheduler", "scheduler_config.json", NULL);
    g_autofree char *spiece = g_build_filename(wan_dir, "tokenizer", "spiece.model", NULL);
    g_autoptr(VeraTokenizer) tokenizer = NULL;
    VeraVaeConfig vae;
    VeraTextEncoderConfig text;

    if (!g_file_test(wan_dir, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "There is no folder ‘%s’; name the one that holds transformer, vae, text_encoder, tokenizer and scheduler.",
                    wan_dir);
        return FALSE;
    }
    if (!vera_branch_config_load(branch_path, branch, error) || !vera_scheduler_config_load(scheduler_path, scheduler, error) ||
        !vera_vae_config_load(vae_path, &vae, error) || !vera_text_encoder_config_load(text_path, &text, error) ||
        !vera_model_init_check_weights(wan_dir, "transformer", VERA_WEIGHTS_KIND_BRANCH, vera_branch_get_specs(branch), error) ||
        !vera_model_init_check_weights(wan_dir, "vae", VERA_WEIGHTS_KIND_VAE, vera_vae_get_specs(&vae), error) ||
        !vera_model_init_check_weights(wan_dir, "text_encoder", VERA_WEIGHTS_KIND_TEXT_ENCODER,
                                       vera_text_encoder_get_specs(&text), error))
        return FALSE;
    tokenizer = vera_tokenizer_new(spiece, error);
    return tokenizer != NULL;
}

static gboolean
vera_model_init_fill(const char *wan_dir, const char *dir, const char *name, GError **error)
{
    static const char *const parts[] = { "vae", "text_encoder", "tokenizer", "scheduler" };
    g_autofree char *transformer = g_build_filename(wan_dir, "transformer", NULL);
    VeraBranchConfig config;
    VeraSchedulerConfig scheduler;

    if (!vera_model_init_check_source(wan_dir, &config, &scheduler, error))
        return FALSE;
    for (int i = 0; i < VERA_N_BRANCHES; i++) {
        g_autofree char *target = g_build_filename(dir, "branches", vera_branch_get_name(i), NULL);
        if (!vera_model_init_take_folder(transformer, target, error))
            return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *source = g_build_filename(wan_dir, parts[i], NULL);
        g_autofree char *target = g_build_filename(dir, parts[i], NULL);
        if (!vera_model_init_take_folder(source, target, error))
            return FALSE;
    }
    return vera_model_init_write_layers(dir, &config, error) &&
           vera_model_init_write_index(dir, name, scheduler.shift, error);
}

/* Never through a link. */
static void
vera_model_init_remove(const char *dir)
{
    g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);
    const char *name;

    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        GStatBuf facts;
        if (g_lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
            vera_model_init_remove(path);
        else
            g_unlink(path);
    }
    g_rmdir(dir);
}

static gboolean
vera_model_init_is_empty(const char *dir)
{
    g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);

    return listing != NULL && g_dir_read_name(listing) == NULL;
}

/* Takes away what an earlier run left in @part, and nothing that is not of one. Returns: whether nothing is in the way */
static gboolean
vera_model_init_clear(const char *part, GError **error)
{
    g_autofree char *mark = g_build_filename(part, VERA_MODEL_INIT_MARK, NULL);
    GStatBuf facts;
    int fd;

    if (g_lstat(part, &facts) != 0)
        return TRUE;
    fd = S_ISDIR(facts.st_mode) ? g_open(mark, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0) : -1;
    if (fd < 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "‘%s’, where the model is to be made, is there already; move it away or choose another place.", part);
        return FALSE;
    }
    gboolean is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (is_free)
        vera_model_init_remove(part);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "Another program is making ‘%s’; wait for it or choose another place.", part);
    close(fd);
    return is_free;
}

/* Makes the folder @part, locked. Returns: the descriptor that holds the lock, or -1 */
static int
vera_model_init_begin(const char *part, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(part);
    g_autofree char *mark = g_build_filename(part, VERA_MODEL_INIT_MARK, NULL);
    int fd = -1;

    if (!vera_model_init_clear(part, error))
        return -1;
    if (g_mkdir_with_parents(parent, 0777) == 0 && g_mkdir(part, 0777) == 0)
        fd = g_open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        vera_model_init_fail_output(part, error);
        return -1;
    }
    flock(fd, LOCK_EX | LOCK_NB);
    return fd;
}

static gboolean
vera_model_init_verify(const char *dir, GError **error)
{
    g_autoptr(VeraModel) model = vera_model_open(dir, error);

    return model != NULL && vera_model_check_parts(model, error);
}

gboolean
vera_model_init(const char *wan_dir, const char *output_dir, const char *name, GError **error)
{
    g_autofree char *clean = g_canonicalize_filename(output_dir, NULL);
    g_autofree char *base = g_filename_display_basename(clean);
    g_autofree char *part = g_strdup_printf("%s.part", clean);
    g_autofree char *mark = g_build_filename(part, VERA_MODEL_INIT_MARK, NULL);
    gboolean ok;
    int lock;

    if (g_file_test(clean, G_FILE_TEST_EXISTS) && !vera_model_init_is_empty(clean)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT,
                    "‘%s’ exists and is not an empty folder; choose another place for the model.", output_dir);
        return FALSE;
    }
    lock = vera_model_init_begin(part, error);
    if (lock < 0)
        return FALSE;
    ok = vera_model_init_fill(wan_dir, part, name && *name ? name : base, error) && vera_model_init_verify(part, error);
    if (ok && (g_unlink(mark) != 0 || g_rename(part, clean) != 0))
        ok = vera_model_init_fail_output(clean, error);
    if (!ok)
        vera_model_init_remove(part);
    close(lock);
    return ok;
}
