#include "config.h"

#include "engine/diffusion/vera-synthetic.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"
#include "engine/vera-engine-error.h"

static const char vera_synthetic_index[] =
    "{\"_class_name\": \"VeraPipeline\", \"vera_format\": 1, \"name\": \"synthetic\", \"trained\": false,\n"
    " \"native\": {\"width\": 832, \"height\": 480, \"frames\": 49, \"fps\": 16},\n"
    " \"defaults\": {\"steps\": 50, \"guidance\": 5.0, \"shift\": 3.0, \"negative_prompt\": \"\"}}\n";

static const char vera_synthetic_vae[] =
    "{\"_class_name\": \"AutoencoderKLWan\", \"base_dim\": 96, \"z_dim\": 16, \"dim_mult\": [1, 2, 4, 4], \"num_res_blocks\": 2,\n"
    " \"attn_scales\": [], \"dropout\": 0.0, \"temperal_downsample\": [false, true, true],\n"
    " \"latents_mean\": [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,\n"
    "                  0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921],\n"
    " \"latents_std\": [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,\n"
    "                 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160]}\n";

static const char vera_synthetic_branch[] =
    "{\"_class_name\": \"WanTransformer3DModel\", \"patch_size\": [1, 2, 2], \"num_attention_heads\": 12, \"attention_head_dim\": 128,\n"
    " \"in_channels\": 16, \"out_channels\": 16, \"text_dim\": 4096, \"freq_dim\": 256, \"ffn_dim\": 8960, \"num_layers\": 1,\n"
    " \"cross_attn_norm\": true, \"qk_norm\": \"rms_norm_across_heads\", \"eps\": 1e-06, \"rope_max_seq_len\": 1024}\n";

static gboolean
vera_synthetic_write_text(const char *dir, const char *sub, const char *name, const char *text, GError **error)
{
    g_autofree char *folder = g_build_filename(dir, sub, NULL), *path = g_build_filename(folder, name, NULL);
    g_autofree char *what = g_strdup_printf("write ‘%s’", path);
    g_autoptr(GError) local = NULL;

    errno = 0;
    if (g_mkdir_with_parents(folder, 0777) == 0 && g_file_set_contents(path, text, -1, &local))
        return TRUE;
    vera_engine_error_set_errno(error, errno ? errno : EIO, what);
    return FALSE;
}

/* Uniform in [-1, 1) by splitmix64. */
static float
vera_synthetic_next(guint64 *state)
{
    guint64 z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 40) / 8388608.0f - 1.0f;
}

/* Norms lie around 1; weights have variance 1 / fan-in; everything with one dimension else is a small bias. */
static void
vera_synthetic_fill(const VeraWeightSpec *spec, VeraKTensor *tensor)
{
    gboolean is_norm = g_str_has_suffix(spec->name, "gamma") || (strstr(spec->name, "norm") && g_str_has_suffix(spec->name, "weight"));
    gint64 n = vera_k_tensor_n_elements(tensor), fan_in = MAX(n / spec->shape[0], 1);
    float scale = is_norm || spec->n_dims == 1 ? 0.1f : sqrtf(3.0f / (float)fan_in), offset = is_norm ? 1.0f : 0.0f;
    guint64 state = g_str_hash(spec->name);

    for (gint64 i = 0; i < n; i++) {
        float v = offset + scale * vera_synthetic_next(&state);
        if (tensor->dtype == VERA_K_DTYPE_BF16)
            ((guint16 *)tensor->data)[i] = vera_k_f32_to_bf16(v);
        else
            ((float *)tensor->data)[i] = v;
    }
}

static gboolean
vera_synthetic_write_weights(const char *dir, const char *sub, GPtrArray *specs, VeraKDType dtype, GError **error)
{
    g_autofree VeraNamedTensor *tensors = g_new0(VeraNamedTensor, specs->len);
    g_autofree char *path = g_build_filename(dir, sub, "diffusion_pytorch_model.safetensors", NULL);
    gboolean ok = TRUE;

    for (guint i = 0; i < specs->len && ok; i++) {
        const VeraWeightSpec *spec = specs->pdata[i];
        VeraKTensor t = vera_k_tensor(dtype, NULL, spec->n_dims, (const int64_t *)spec->shape);
        t.data = g_try_malloc((gsize)vera_k_tensor_n_elements(&t) * vera_k_dtype_size(dtype));
        ok = t.data != NULL;
        if (ok)
            vera_synthetic_fill(spec, &t);
        tensors[i] = (VeraNamedTensor){ spec->name, t };
    }
    if (!ok)
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to make random weights.");
    ok = ok && vera_safetensors_write(path, tensors, (int)specs->len, error);
    for (guint i = 0; i < specs->len; i++)
        g_free(tensors[i].tensor.data);
    return ok;
}

static void
vera_synthetic_free_specs(GPtrArray *specs)
{
    g_ptr_array_set_free_func(specs, (GDestroyNotify)vera_weight_spec_free);
    g_ptr_array_unref(specs);
}

static gboolean
vera_synthetic_write_modules(const char *dir, GError **error)
{
    g_autoptr(VeraModel) model = vera_model_open(dir, error);
    const VeraVaeConfig *vae = model ? vera_model_get_vae_config(model, error) : NULL;
    const VeraBranchConfig *branch = vae ? vera_model_get_branch_config(model, VERA_BRANCH_EDIT, error) : NULL;
    GPtrArray *vae_specs, *branch_specs;
    gboolean ok;

    if (branch == NULL)
        return FALSE;
    vae_specs = vera_vae_get_specs(vae);
    branch_specs = vera_branch_get_specs(branch);
    ok = vera_synthetic_write_weights(dir, "vae", vae_specs, VERA_K_DTYPE_F32, error) &&
         vera_synthetic_write_weights(dir, "branches/edit", branch_specs, VERA_K_DTYPE_BF16, error);
    vera_synthetic_free_specs(vae_specs);
    vera_synthetic_free_specs(branch_specs);
    return ok;
}

gboolean
vera_synthetic_write_wan(const char *dir, GError **error)
{
    return vera_synthetic_write_text(dir, ".", "model_index.json", vera_synthetic_index, error) &&
           vera_synthetic_write_text(dir, "vae", "config.json", vera_synthetic_vae, error) &&
           vera_synthetic_write_text(dir, "branches/edit", "config.json", vera_synthetic_branch, error) &&
           vera_synthetic_write_modules(dir, error);
}
