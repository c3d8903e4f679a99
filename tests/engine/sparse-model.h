#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-text-encoder.h"
#include "engine/diffusion/vera-transformer.h"
#include "engine/diffusion/vera-vae.h"

/* A model of full size whose weights are holes: nothing can be computed with it, but everything that shapes decide. */

static const char sparse_model_index[] =
    "{\"_class_name\": \"VeraPipeline\", \"vera_format\": 1, \"name\": \"sparse\", \"trained\": false,"
    " \"native\": {\"width\": 832, \"height\": 480, \"frames\": 49, \"fps\": 16},"
    " \"defaults\": {\"steps\": 50, \"guidance\": 5.0, \"shift\": 3.0, \"negative_prompt\": \"\"}}";
static const char sparse_model_vae[] =
    "{\"_class_name\": \"AutoencoderKLWan\", \"base_dim\": 96, \"z_dim\": 16, \"dim_mult\": [1, 2, 4, 4], \"num_res_blocks\": 2,"
    " \"attn_scales\": [], \"dropout\": 0.0, \"temperal_downsample\": [false, true, true],"
    " \"latents_mean\": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], \"latents_std\": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}";
static const char sparse_model_branch[] =
    "{\"_class_name\": \"WanTransformer3DModel\", \"patch_size\": [1, 2, 2], \"num_attention_heads\": 12, \"attention_head_dim\": 128,"
    " \"in_channels\": 16, \"out_channels\": 16, \"text_dim\": 4096, \"freq_dim\": 256, \"ffn_dim\": 8960, \"num_layers\": 30,"
    " \"cross_attn_norm\": true, \"qk_norm\": \"rms_norm_across_heads\", \"eps\": 1e-06, \"rope_max_seq_len\": 1024}";
static const char sparse_model_text[] =
    "{\"architectures\": [\"UMT5EncoderModel\"], \"model_type\": \"umt5\", \"vocab_size\": 256384, \"d_model\": 4096, \"d_kv\": 64, \"num_heads\": 64, \"d_ff\": 10240, \"num_layers\": 24,"
    " \"relative_attention_num_buckets\": 32, \"relative_attention_max_distance\": 128, \"layer_norm_epsilon\": 1e-06,"
    " \"feed_forward_proj\": \"gated-gelu\", \"dense_act_fn\": \"gelu_new\", \"is_gated_act\": true}";

static inline void
sparse_model_write_text(const char *dir, const char *sub, const char *name, const char *text)
{
    g_autofree char *folder = g_build_filename(dir, sub, NULL), *path = g_build_filename(folder, name, NULL);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* A safetensors file of @specs (consumed): the header, and then a hole. */
static inline void
sparse_model_write_weights(const char *dir, const char *sub, const char *name, GPtrArray *specs, VeraKDType dtype)
{
    g_autofree char *path = g_build_filename(dir, sub, name, NULL);
    g_autoptr(GString) header = g_string_new("{");
    guint64 at = 0, length;
    int file;

    for (guint i = 0; i < specs->len; i++) {
        const VeraWeightSpec *spec = specs->pdata[i];
        guint64 n = vera_k_dtype_size(dtype);
        g_string_append_printf(header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", spec->name, vera_k_dtype_name(dtype));
        for (int d = 0; d < spec->n_dims; d++) {
            g_string_append_printf(header, "%s%" G_GINT64_FORMAT, d ? "," : "", spec->shape[d]);
            n *= (guint64)spec->shape[d];
        }
        g_string_append_printf(header, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", at, at + n);
        at += n;
    }
    g_string_append_c(header, '}');
    while (header->len % 64 != 56)
        g_string_append_c(header, ' ');
    length = GUINT64_TO_LE(header->len);
    file = g_open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    g_assert_cmpint(file, >=, 0);
    g_assert_cmpint(write(file, &length, sizeof length), ==, sizeof length);
    g_assert_cmpint(write(file, header->str, header->len), ==, (gssize)header->len);
    g_assert_cmpint(ftruncate(file, (off_t)(sizeof length + header->len + at)), ==, 0);
    close(file);
    g_ptr_array_set_free_func(specs, (GDestroyNotify)vera_weight_spec_free);
    g_ptr_array_unref(specs);
}

/* Vera-1.3B in BF16 with stock Wan2.1 parts, in folder @dir. */
static inline VeraModel *
sparse_model_make(const char *dir)
{
    static const char file[] = "diffusion_pytorch_model.safetensors";
    VeraModel *model;
    const VeraBranchConfig *branch;

    sparse_model_write_text(dir, ".", "model_index.json", sparse_model_index);
    sparse_model_write_text(dir, "vae", "config.json", sparse_model_vae);
    sparse_model_write_text(dir, "text_encoder", "config.json", sparse_model_text);
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_autofree char *sub = g_build_filename("branches", vera_branch_get_name(b), NULL);
        sparse_model_write_text(dir, sub, "config.json", sparse_model_branch);
    }
    model = vera_model_open(dir, NULL);
    g_assert_nonnull(model);
    branch = vera_model_get_branch_config(model, VERA_BRANCH_EDIT, NULL);
    g_assert_nonnull(branch);
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_autofree char *sub = g_build_filename("branches", vera_branch_get_name(b), NULL);
        sparse_model_write_weights(dir, sub, file, vera_branch_get_specs(branch), VERA_K_DTYPE_BF16);
    }
    sparse_model_write_weights(dir, ".", "layers.safetensors", vera_layers_get_specs(branch), VERA_K_DTYPE_BF16);
    sparse_model_write_weights(dir, "vae", file, vera_vae_get_specs(vera_model_get_vae_config(model, NULL)), VERA_K_DTYPE_F32);
    sparse_model_write_weights(dir, "text_encoder", "model.safetensors",
                               vera_text_encoder_get_specs(vera_model_get_text_encoder_config(model, NULL)), VERA_K_DTYPE_BF16);
    return model;
}

static inline void
sparse_model_remove(const char *dir)
{
    const char *argv[] = { "rm", "-rf", dir, NULL };

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}
