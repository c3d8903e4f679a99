#include "config.h"

#include "engine/diffusion/vera-transformer-private.h"

static VeraKTensor
vera_branch_get(VeraWeights *weights, const char *name)
{
    VeraKTensor tensor = { 0 };
    gboolean found = vera_weights_get(weights, name, &tensor);

    g_assert(found);
    return tensor;
}

VeraLinearWeights
vera_branch_get_linear(VeraWeights *weights, const char *prefix)
{
    g_autofree char *weight = g_strconcat(prefix, ".weight", NULL);
    g_autofree char *bias = g_strconcat(prefix, ".bias", NULL);
    VeraLinearWeights out = { vera_branch_get(weights, weight), vera_branch_get(weights, bias) };
    gint64 rows = out.weight.shape[0];
    gint64 matrix[2] = { rows, vera_k_tensor_n_elements(&out.weight) / rows };

    out.weight = vera_k_tensor(out.weight.dtype, out.weight.data, 2, (const int64_t *)matrix);
    out.weight.constant_id = vera_weights_get_id(weights);
    return out;
}

static VeraKTensor
vera_branch_get_table(VeraWeights *weights, const char *name)
{
    VeraKTensor table = vera_branch_get(weights, name);

    return vera_k_tensor(table.dtype, table.data, 2, (const int64_t[]){ table.shape[1], table.shape[2] });
}

static VeraLinearWeights
vera_branch_get_block_linear(VeraWeights *weights, int block, const char *name)
{
    g_autofree char *prefix = g_strdup_printf("blocks.%d.%s", block, name);

    return vera_branch_get_linear(weights, prefix);
}

static VeraKTensor
vera_branch_get_block_tensor(VeraWeights *weights, int block, const char *name)
{
    g_autofree char *full = g_strdup_printf("blocks.%d.%s", block, name);

    return vera_branch_get(weights, full);
}

static void
vera_branch_init_block(VeraBlockWeights *self, VeraWeights *weights, int block)
{
    g_autofree char *table = g_strdup_printf("blocks.%d.scale_shift_table", block);

    self->table = vera_branch_get_table(weights, table);
    self->self = (VeraAttentionWeights){
        vera_branch_get_block_linear(weights, block, "attn1.to_q"),
        vera_branch_get_block_linear(weights, block, "attn1.to_k"),
        vera_branch_get_block_linear(weights, block, "attn1.to_v"),
        vera_branch_get_block_linear(weights, block, "attn1.to_out.0"),
        vera_branch_get_block_tensor(weights, block, "attn1.norm_q.weight"),
        vera_branch_get_block_tensor(weights, block, "attn1.norm_k.weight"),
    };
    self->cross = (VeraAttentionWeights){
        vera_branch_get_block_linear(weights, block, "attn2.to_q"),
        vera_branch_get_block_linear(weights, block, "attn2.to_k"),
        vera_branch_get_block_linear(weights, block, "attn2.to_v"),
        vera_branch_get_block_linear(weights, block, "attn2.to_out.0"),
        vera_branch_get_block_tensor(weights, block, "attn2.norm_q.weight"),
        vera_branch_get_block_tensor(weights, block, "attn2.norm_k.weight"),
    };
    self->norm_weight = vera_branch_get_block_tensor(weights, block, "norm2.weight");
    self->norm_bias = vera_branch_get_block_tensor(weights, block, "norm2.bias");
    self->up = vera_branch_get_block_linear(weights, block, "ffn.net.0.proj");
    self->down = vera_branch_get_block_linear(weights, block, "ffn.net.2");
}

static void
vera_branch_init_stem(VeraStemWeights *self, VeraWeights *weights)
{
    self->patch = vera_branch_get_linear(weights, "patch_embedding");
    self->text_1 = vera_branch_get_linear(weights, "condition_embedder.text_embedder.linear_1");
    self->text_2 = vera_branch_get_linear(weights, "condition_embedder.text_embedder.linear_2");
    self->time_1 = vera_branch_get_linear(weights, "condition_embedder.time_embedder.linear_1");
    self->time_2 = vera_branch_get_linear(weights, "condition_embedder.time_embedder.linear_2");
    self->time_proj = vera_branch_get_linear(weights, "condition_embedder.time_proj");
    self->head = vera_branch_get_linear(weights, "proj_out");
    self->head_table = vera_branch_get_table(weights, "scale_shift_table");
}

/* @tensors: a struct of nothing but tensors */
static gboolean
vera_branch_place(VeraBranch *self, VeraRuntime *runtime, gpointer tensors, gsize size, GError **error)
{
    VeraPlacement *placement = vera_placement_new(runtime, tensors, size / sizeof(VeraKTensor), error);

    if (placement != NULL)
        g_ptr_array_add(self->placements, placement);
    return placement != NULL;
}

G_STATIC_ASSERT(sizeof(VeraStemWeights) == 15 * sizeof(VeraKTensor));
G_STATIC_ASSERT(sizeof(VeraBlockWeights) == 27 * sizeof(VeraKTensor));

gboolean
vera_branch_init(VeraBranch *self,
                 VeraRuntime *runtime,
                 const VeraBranchConfig *config,
                 VeraWeights *weights,
                 VeraWeightStream *stream,
                 GError **error)
{
    self->weights = vera_weights_ref(weights);
    self->placements = g_ptr_array_new_with_free_func((GDestroyNotify)vera_placement_free);
    self->blocks = g_new0(VeraBlockWeights, config->n_layers);
    vera_branch_init_stem(&self->stem, weights);
    if (!vera_branch_place(self, runtime, &self->stem, sizeof self->stem, error))
        return FALSE;
    for (int i = 0; i < config->n_layers; i++) {
        vera_branch_init_block(&self->blocks[i], weights, i);
        if (stream != NULL)
            vera_weight_stream_add(stream, i, (VeraKTensor *)(gpointer)&self->blocks[i], sizeof self->blocks[i] / sizeof(VeraKTensor));
        else if (!vera_branch_place(self, runtime, &self->blocks[i], sizeof self->blocks[i], error))
            return FALSE;
    }
    return TRUE;
}

void
vera_branch_clear(VeraBranch *self)
{
    g_clear_pointer(&self->placements, g_ptr_array_unref);
    g_clear_pointer(&self->weights, vera_weights_unref);
    g_clear_pointer(&self->blocks, g_free);
}
