#include "config.h"

#include "engine/diffusion/vera-weights-names.h"

#include <stdio.h>
#include <string.h>

#include "engine/vera-engine-error.h"

typedef struct {
    const char *from;
    const char *to;
} VeraWeightsRule;

/* wan21-spec.md section 2, outside the blocks. */
static const VeraWeightsRule vera_weights_branch_rules[] = {
    { "text_embedding.0.", "condition_embedder.text_embedder.linear_1." },
    { "text_embedding.2.", "condition_embedder.text_embedder.linear_2." },
    { "time_embedding.0.", "condition_embedder.time_embedder.linear_1." },
    { "time_embedding.2.", "condition_embedder.time_embedder.linear_2." },
    { "time_projection.1.", "condition_embedder.time_proj." },
    { "head.head.", "proj_out." },
    { "head.modulation", "scale_shift_table" },
};

/* Inside blocks.N. ; norm3 of the original is norm2 of diffusers: both stand before cross-attention. */
static const VeraWeightsRule vera_weights_block_rules[] = {
    { "modulation", "scale_shift_table" },
    { "self_attn.q.", "attn1.to_q." },       { "self_attn.k.", "attn1.to_k." },
    { "self_attn.v.", "attn1.to_v." },       { "self_attn.o.", "attn1.to_out.0." },
    { "self_attn.norm_q.", "attn1.norm_q." }, { "self_attn.norm_k.", "attn1.norm_k." },
    { "norm3.", "norm2." },
    { "cross_attn.q.", "attn2.to_q." },      { "cross_attn.k.", "attn2.to_k." },
    { "cross_attn.v.", "attn2.to_v." },      { "cross_attn.o.", "attn2.to_out.0." },
    { "cross_attn.norm_q.", "attn2.norm_q." }, { "cross_attn.norm_k.", "attn2.norm_k." },
    { "ffn.0.", "ffn.net.0.proj." },         { "ffn.2.", "ffn.net.2." },
};

/* Inside a residual block of the VAE. */
static const VeraWeightsRule vera_weights_residual_rules[] = {
    { "residual.0.", "norm1." }, { "residual.2.", "conv1." },    { "residual.3.", "norm2." },
    { "residual.6.", "conv2." }, { "shortcut.", "conv_shortcut." },
};

static const VeraWeightsRule vera_weights_vae_rules[] = {
    { "conv1.", "quant_conv." },
    { "conv2.", "post_quant_conv." },
    { "encoder.conv1.", "encoder.conv_in." },
    { "decoder.conv1.", "decoder.conv_in." },
    { "encoder.head.0.", "encoder.norm_out." },
    { "encoder.head.2.", "encoder.conv_out." },
    { "decoder.head.0.", "decoder.norm_out." },
    { "decoder.head.2.", "decoder.conv_out." },
    { "encoder.middle.1.", "encoder.mid_block.attentions.0." },
    { "decoder.middle.1.", "decoder.mid_block.attentions.0." },
};

/* wan21-spec.md section 4.3, inside a layer. */
static const VeraWeightsRule vera_weights_text_rules[] = {
    { "norm1.", "layer.0.layer_norm." },
    { "attn.q.", "layer.0.SelfAttention.q." },
    { "attn.k.", "layer.0.SelfAttention.k." },
    { "attn.v.", "layer.0.SelfAttention.v." },
    { "attn.o.", "layer.0.SelfAttention.o." },
    { "pos_embedding.embedding.", "layer.0.SelfAttention.relative_attention_bias." },
    { "norm2.", "layer.1.layer_norm." },
    { "ffn.gate.0.", "layer.1.DenseReluDense.wi_0." },
    { "ffn.fc1.", "layer.1.DenseReluDense.wi_1." },
    { "ffn.fc2.", "layer.1.DenseReluDense.wo." },
};

static char *
vera_weights_apply(const VeraWeightsRule *rules, gsize n, const char *prefix, const char *name)
{
    for (gsize i = 0; i < n; i++)
        if (g_str_has_prefix(name, rules[i].from))
            return g_strconcat(prefix, rules[i].to, name + strlen(rules[i].from), NULL);
    return g_strconcat(prefix, name, NULL);
}

#define APPLY(rules, prefix, name) vera_weights_apply(rules, G_N_ELEMENTS(rules), prefix, name)

/* Splits "PREFIX<number>.REST"; FALSE if @name is not of that form. */
static gboolean
vera_weights_split(const char *name, const char *prefix, int *number, const char **rest)
{
    int end = 0;

    if (!g_str_has_prefix(name, prefix) || !g_ascii_isdigit(name[strlen(prefix)]))
        return FALSE;
    name += strlen(prefix);
    if (sscanf(name, "%d.%n", number, &end) != 1 || end == 0)
        return FALSE;
    *rest = name + end;
    return TRUE;
}

static char *
vera_weights_rename_branch(const char *name)
{
    g_autofree char *prefix = NULL;
    const char *rest;
    int block;

    if (!vera_weights_split(name, "blocks.", &block, &rest))
        return APPLY(vera_weights_branch_rules, "", name);
    prefix = g_strdup_printf("blocks.%d.", block);
    return APPLY(vera_weights_block_rules, prefix, rest);
}

/* Flat decoder index -> block and position in it: blocks end with the layers that resample. */
static char *
vera_weights_get_up_prefix(GArray *resamplers, int index)
{
    int block = 0, first = 0;

    for (guint i = 0; i < resamplers->len && g_array_index(resamplers, int, i) < index; i++) {
        first = g_array_index(resamplers, int, i) + 1;
        block++;
    }
    for (guint i = 0; i < resamplers->len; i++)
        if (g_array_index(resamplers, int, i) == index)
            return g_strdup_printf("decoder.up_blocks.%d.upsamplers.0.", block);
    return g_strdup_printf("decoder.up_blocks.%d.resnets.%d.", block, index - first);
}

static char *
vera_weights_rename_vae(const char *name, GArray *resamplers)
{
    g_autofree char *prefix = NULL;
    const char *rest;
    int index;

    if (vera_weights_split(name, "encoder.downsamples.", &index, &rest)) {
        prefix = g_strdup_printf("encoder.down_blocks.%d.", index);
        return APPLY(vera_weights_residual_rules, prefix, rest);
    }
    if (vera_weights_split(name, "decoder.upsamples.", &index, &rest)) {
        prefix = vera_weights_get_up_prefix(resamplers, index);
        return APPLY(vera_weights_residual_rules, prefix, rest);
    }
    for (int side = 0; side < 2; side++) {
        g_autofree char *middle = g_strdup_printf("%s.middle.", side ? "decoder" : "encoder");
        if (vera_weights_split(name, middle, &index, &rest) && index != 1) {
            prefix = g_strdup_printf("%s.mid_block.resnets.%d.", side ? "decoder" : "encoder", index / 2);
            return APPLY(vera_weights_residual_rules, prefix, rest);
        }
    }
    return APPLY(vera_weights_vae_rules, "", name);
}

static char *
vera_weights_rename_text(const char *name)
{
    g_autofree char *prefix = NULL;
    const char *rest;
    int layer;

    if (strcmp(name, "token_embedding.weight") == 0 || strcmp(name, "encoder.embed_tokens.weight") == 0)
        return g_strdup("shared.weight");
    if (strcmp(name, "norm.weight") == 0)
        return g_strdup("encoder.final_layer_norm.weight");
    if (!vera_weights_split(name, "blocks.", &layer, &rest))
        return g_strdup(name);
    prefix = g_strdup_printf("encoder.block.%d.", layer);
    return APPLY(vera_weights_text_rules, prefix, rest);
}

static const char *
vera_weights_strip(const char *name, VeraWeightsKind kind)
{
    static const char *const prefixes[] = { "", "model.diffusion_model.", "vae.", "text_encoders.umt5xxl.transformer." };

    if (g_str_has_prefix(name, prefixes[kind]))
        return name + strlen(prefixes[kind]);
    return name;
}

static gboolean
vera_weights_is_variant(const char *name, GError **error)
{
    static const VeraWeightsRule variants[] = {
        { "img_emb.", "an image-to-video model" },    { "vace_", "a VACE model" },
        { "ref_conv.", "a reference-image model" },   { "control_adapter.", "a control model" },
        { "face_adapter.", "an animation model" },
    };
    const char *what = strstr(name, ".k_img.") || strstr(name, ".norm_k_img.") || strstr(name, ".add_k_proj.") ||
                               g_str_has_prefix(name, "condition_embedder.image_embedder.")
                           ? "an image-to-video model"
                           : NULL;

    if (strcmp(name, "scaled_fp8") == 0)
        what = "a scaled 8-bit file, whose scales are not read; get the F16 or BF16 file";
    for (gsize i = 0; what == NULL && i < G_N_ELEMENTS(variants); i++)
        if (g_str_has_prefix(name, variants[i].from))
            what = variants[i].to;
    if (what != NULL)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The tensor ‘%s’ belongs to %s; a plain Wan2.1 text-to-video part is needed.", name, what);
    return what != NULL;
}

/* Indices of the decoder's flat list whose layers resample, increasing. */
static GArray *
vera_weights_find_resamplers(GPtrArray *names)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(int));

    for (int index = 0; index < 256; index++) {
        g_autofree char *want = g_strdup_printf("decoder.upsamples.%d.resample.1.weight", index);
        for (guint i = 0; i < names->len; i++) {
            if (strcmp(vera_weights_strip(names->pdata[i], VERA_WEIGHTS_KIND_VAE), want) == 0) {
                g_array_append_val(found, index);
                break;
            }
        }
    }
    return found;
}

GPtrArray *
vera_weights_rename(GPtrArray *names, VeraWeightsKind kind, GError **error)
{
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) resamplers = NULL;

    if (kind == VERA_WEIGHTS_KIND_VAE)
        resamplers = vera_weights_find_resamplers(names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = vera_weights_strip(names->pdata[i], kind);
        if (kind != VERA_WEIGHTS_KIND_PLAIN && vera_weights_is_variant(name, error))
            return NULL;
        if (kind == VERA_WEIGHTS_KIND_BRANCH)
            /* diffusers' own norm2 must not be taken for the original's: only original names have self_attn. */
            g_ptr_array_add(out, g_strdup(name));
        else if (kind == VERA_WEIGHTS_KIND_VAE)
            g_ptr_array_add(out, vera_weights_rename_vae(name, resamplers));
        else if (kind == VERA_WEIGHTS_KIND_TEXT_ENCODER)
            g_ptr_array_add(out, vera_weights_rename_text(name));
        else
            g_ptr_array_add(out, g_strdup(name));
    }
    if (kind == VERA_WEIGHTS_KIND_BRANCH) {
        gboolean is_original = FALSE;
        for (guint i = 0; i < out->len && !is_original; i++)
            is_original = strstr(out->pdata[i], "self_attn.") || g_str_has_prefix(out->pdata[i], "text_embedding.");
        for (guint i = 0; is_original && i < out->len; i++) {
            char *renamed = vera_weights_rename_branch(out->pdata[i]);
            g_free(out->pdata[i]);
            out->pdata[i] = renamed;
        }
    }
    return g_steal_pointer(&out);
}
