#include "config.h"

#include "engine/diffusion/vera-transformer.h"

/* Every tensor of one WanTransformer3DModel under its diffusers name (wan21-spec.md section 2). */

static void
vera_branch_add_linear(GPtrArray *specs, const char *prefix, gint64 out, gint64 in)
{
    g_autofree char *weight = g_strconcat(prefix, ".weight", NULL);
    g_autofree char *bias = g_strconcat(prefix, ".bias", NULL);

    g_ptr_array_add(specs, vera_weight_spec_new(weight, 2, out, in));
    g_ptr_array_add(specs, vera_weight_spec_new(bias, 1, out));
}

static void
vera_branch_add_block(GPtrArray *specs, const VeraBranchConfig *config, int block)
{
    static const char *const products[] = { "to_q", "to_k", "to_v", "to_out.0" };
    static const char *const norms[] = { "norm_q.weight", "norm_k.weight" };
    gint64 d = config->dim, f = config->ffn_dim;
    g_autofree char *table = g_strdup_printf("blocks.%d.scale_shift_table", block);
    g_autofree char *up = g_strdup_printf("blocks.%d.ffn.net.0.proj", block);
    g_autofree char *down = g_strdup_printf("blocks.%d.ffn.net.2", block);
    g_autofree char *norm_weight = g_strdup_printf("blocks.%d.norm2.weight", block);
    g_autofree char *norm_bias = g_strdup_printf("blocks.%d.norm2.bias", block);

    g_ptr_array_add(specs, vera_weight_spec_new(table, 3, (gint64)1, (gint64)6, d));
    for (int a = 1; a <= 2; a++) {
        for (gsize i = 0; i < G_N_ELEMENTS(products); i++) {
            g_autofree char *name = g_strdup_printf("blocks.%d.attn%d.%s", block, a, products[i]);
            vera_branch_add_linear(specs, name, d, d);
        }
        for (gsize i = 0; i < G_N_ELEMENTS(norms); i++) {
            g_autofree char *name = g_strdup_printf("blocks.%d.attn%d.%s", block, a, norms[i]);
            g_ptr_array_add(specs, vera_weight_spec_new(name, 1, d));
        }
    }
    g_ptr_array_add(specs, vera_weight_spec_new(norm_weight, 1, d));
    g_ptr_array_add(specs, vera_weight_spec_new(norm_bias, 1, d));
    vera_branch_add_linear(specs, up, f, d);
    vera_branch_add_linear(specs, down, d, f);
}

GPtrArray *
vera_branch_get_specs(const VeraBranchConfig *config)
{
    GPtrArray *specs = g_ptr_array_new();
    gint64 d = config->dim, pt = config->patch_t, ph = config->patch_h, pw = config->patch_w;

    g_ptr_array_add(specs, vera_weight_spec_new("patch_embedding.weight", 5, d, (gint64)config->in_channels, pt, ph, pw));
    g_ptr_array_add(specs, vera_weight_spec_new("patch_embedding.bias", 1, d));
    vera_branch_add_linear(specs, "condition_embedder.text_embedder.linear_1", d, config->text_dim);
    vera_branch_add_linear(specs, "condition_embedder.text_embedder.linear_2", d, d);
    vera_branch_add_linear(specs, "condition_embedder.time_embedder.linear_1", d, config->freq_dim);
    vera_branch_add_linear(specs, "condition_embedder.time_embedder.linear_2", d, d);
    vera_branch_add_linear(specs, "condition_embedder.time_proj", 6 * d, d);
    vera_branch_add_linear(specs, "proj_out", config->out_channels * pt * ph * pw, d);
    g_ptr_array_add(specs, vera_weight_spec_new("scale_shift_table", 3, (gint64)1, (gint64)2, d));
    for (int i = 0; i < config->n_layers; i++)
        vera_branch_add_block(specs, config, i);
    return specs;
}

GPtrArray *
vera_layers_get_specs(const VeraBranchConfig *config)
{
    GPtrArray *specs = g_ptr_array_new();
    gint64 d = config->dim, c = config->in_channels, pt = config->patch_t, ph = config->patch_h, pw = config->patch_w;

    g_ptr_array_add(specs, vera_weight_spec_new("source_patch.weight", 5, d, c, pt, ph, pw));
    g_ptr_array_add(specs, vera_weight_spec_new("source_patch.bias", 1, d));
    g_ptr_array_add(specs, vera_weight_spec_new("mask_patch.weight", 5, d, c, pt, ph, pw));
    g_ptr_array_add(specs, vera_weight_spec_new("mask_patch.bias", 1, d));
    g_ptr_array_add(specs, vera_weight_spec_new("alpha_embedding", 1, d));
    g_ptr_array_add(specs, vera_weight_spec_new("composite_embedding", 1, d));
    return specs;
}
