#include "config.h"

#include "engine/diffusion/vera-text-encoder.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/vera-placement.h"
#include "engine/vera-engine-error.h"

typedef struct {
    VeraKTensor norm_1, q, k, v, o, bias, norm_2, wi_0, wi_1, wo;
} VeraTextLayer;

struct _VeraTextEncoder {
    /* Owned */
    VeraRuntime *runtime;
    VeraWeights *weights;
    VeraTextEncoderConfig config;
    VeraKTensor table, norm;
    VeraTextLayer *layers;
};

static const struct {
    const char *name;
    gsize offset;
} vera_text_tensors[] = {
    { "layer.0.layer_norm.weight", G_STRUCT_OFFSET(VeraTextLayer, norm_1) },
    { "layer.0.SelfAttention.q.weight", G_STRUCT_OFFSET(VeraTextLayer, q) },
    { "layer.0.SelfAttention.k.weight", G_STRUCT_OFFSET(VeraTextLayer, k) },
    { "layer.0.SelfAttention.v.weight", G_STRUCT_OFFSET(VeraTextLayer, v) },
    { "layer.0.SelfAttention.o.weight", G_STRUCT_OFFSET(VeraTextLayer, o) },
    { "layer.0.SelfAttention.relative_attention_bias.weight", G_STRUCT_OFFSET(VeraTextLayer, bias) },
    { "layer.1.layer_norm.weight", G_STRUCT_OFFSET(VeraTextLayer, norm_2) },
    { "layer.1.DenseReluDense.wi_0.weight", G_STRUCT_OFFSET(VeraTextLayer, wi_0) },
    { "layer.1.DenseReluDense.wi_1.weight", G_STRUCT_OFFSET(VeraTextLayer, wi_1) },
    { "layer.1.DenseReluDense.wo.weight", G_STRUCT_OFFSET(VeraTextLayer, wo) },
};

GPtrArray *
vera_text_encoder_get_specs(const VeraTextEncoderConfig *c)
{
    GPtrArray *specs = g_ptr_array_new();
    gint64 d = c->d_model, inner = (gint64)c->n_heads * c->d_kv, f = c->d_ff;
    const gint64 shapes[][2] = { { d, 0 },     { inner, d }, { inner, d }, { inner, d }, { d, inner },
                                 { c->n_buckets, c->n_heads }, { d, 0 }, { f, d },     { f, d },     { d, f } };

    g_ptr_array_add(specs, vera_weight_spec_new("shared.weight", 2, (gint64)c->vocab_size, d));
    g_ptr_array_add(specs, vera_weight_spec_new("encoder.final_layer_norm.weight", 1, d));
    for (int l = 0; l < c->n_layers; l++) {
        for (gsize i = 0; i < G_N_ELEMENTS(vera_text_tensors); i++) {
            g_autofree char *name = g_strdup_printf("encoder.block.%d.%s", l, vera_text_tensors[i].name);
            g_ptr_array_add(specs, vera_weight_spec_new(name, shapes[i][1] ? 2 : 1, shapes[i][0], shapes[i][1]));
        }
    }
    return specs;
}

VeraTextEncoder *
vera_text_encoder_new(VeraRuntime *runtime, const VeraTextEncoderConfig *config, VeraWeights *weights, GError **error)
{
    VeraTextEncoder *self = g_new0(VeraTextEncoder, 1);

    self->runtime = vera_runtime_ref(runtime);
    self->weights = vera_weights_ref(weights);
    self->config = *config;
    self->layers = g_new0(VeraTextLayer, config->n_layers);
    vera_weights_get(weights, "shared.weight", &self->table);
    vera_weights_get(weights, "encoder.final_layer_norm.weight", &self->norm);
    for (int l = 0; l < config->n_layers; l++) {
        for (gsize i = 0; i < G_N_ELEMENTS(vera_text_tensors); i++) {
            g_autofree char *name = g_strdup_printf("encoder.block.%d.%s", l, vera_text_tensors[i].name);
            vera_weights_get(weights, name, &G_STRUCT_MEMBER(VeraKTensor, &self->layers[l], vera_text_tensors[i].offset));
        }
    }
    return self;
}

void
vera_text_encoder_free(VeraTextEncoder *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->weights, vera_weights_unref);
    g_clear_pointer(&self->runtime, vera_runtime_unref);
    g_free(self->layers);
    g_free(self);
}

/* Bucket of the distance key - query, bidirectional; the logarithm in F32 as the original takes it (wan21-spec.md section 4.2). */
static int
vera_text_encoder_get_bucket(const VeraTextEncoderConfig *config, int distance)
{
    int half = config->n_buckets / 2, exact = half / 2;
    int base = distance > 0 ? half : 0, a = ABS(distance);
    float far;

    if (a < exact)
        return base + a;
    far = logf((float)a / (float)exact) / logf((float)config->max_distance / (float)exact) * (float)(half - exact);
    return base + MIN(half - 1, exact + (int)far);
}

/* What one layer works with; all of n rows. */
typedef struct {
    VeraTensor *x, *y, *q, *k, *v, *o, *gate, *up, *bias, *key_bias;
} VeraTextBuffers;

static void
vera_text_buffers_clear(VeraTextBuffers *b)
{
    VeraTensor **all[] = { &b->x, &b->y, &b->q, &b->k, &b->v, &b->o, &b->gate, &b->up, &b->bias, &b->key_bias };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_clear_pointer(all[i], vera_tensor_unref);
}

static gboolean
vera_text_buffers_init(VeraTextBuffers *b, VeraTextEncoder *self, gint64 n, const gint64 *mask, GError **error)
{
    gint64 d = self->config.d_model, inner = (gint64)self->config.n_heads * self->config.d_kv, f = self->config.d_ff;
    const struct {
        VeraTensor **slot;
        gint64 width;
    } wanted[] = { { &b->x, d }, { &b->y, d },     { &b->q, inner }, { &b->k, inner },
                   { &b->v, inner }, { &b->o, inner }, { &b->gate, f }, { &b->up, f } };
    g_autofree float *hidden = g_new0(float, n);

    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        if ((*wanted[i].slot = vera_tensor_new(self->runtime, 2, (gint64[]){ n, wanted[i].width }, error)) == NULL)
            return FALSE;
    for (gint64 i = 0; mask != NULL && i < n; i++)
        hidden[i] = mask[i] ? 0.0f : -INFINITY;
    b->key_bias = vera_tensor_new_from_host(self->runtime, 1, &n, hidden, error);
    b->bias = b->key_bias
                  ? vera_tensor_new(self->runtime, 3, (gint64[]){ self->config.n_heads, n, n }, error)
                  : NULL;
    return b->bias != NULL;
}

static gboolean
vera_text_encoder_fill_bias(VeraTextEncoder *self, const VeraTextLayer *layer, gint64 n, VeraTensor *bias, GError **error)
{
    gint64 heads = self->config.n_heads;
    g_autofree float *table = g_new(float, self->config.n_buckets *heads);
    g_autofree float *full = vera_runtime_new_floats((gsize)(heads * n * n), error);
    g_autoptr(VeraTensor) filled = NULL;
    VeraKCopy copy;

    if (full == NULL)
        return FALSE;
    vera_k_convert_to_f32(layer->bias.data, layer->bias.dtype, table, self->config.n_buckets * heads);
    for (gint64 i = 0; i < n; i++)
        for (gint64 j = 0; j < n; j++) {
            int bucket = vera_text_encoder_get_bucket(&self->config, (int)(j - i));
            for (gint64 h = 0; h < heads; h++)
                full[(h * n + i) * n + j] = table[bucket * heads + h];
        }
    filled = vera_tensor_new_from_host(self->runtime, 3, (const gint64 *)bias->k.shape, full, error);
    if (filled == NULL)
        return FALSE;
    copy = (VeraKCopy){ .src = filled->k, .dst = bias->k };
    return vera_runtime_check(self->runtime, vera_k_copy(vera_runtime_get_ctx(self->runtime), &copy), "position bias", error);
}

static gboolean
vera_text_encoder_product(VeraTextEncoder *self, VeraTensor *x, VeraKTensor weight, VeraTensor *y, VeraKActivation activation, GError **error)
{
    VeraKLinear op = { .x = x->k, .weight = weight, .y = y->k, .activation = activation,
                       .compute = vera_runtime_get_compute(self->runtime) };

    return vera_runtime_check(self->runtime, vera_k_linear(vera_runtime_get_ctx(self->runtime), &op), "text product", error);
}

static gboolean
vera_text_encoder_norm(VeraTextEncoder *self, VeraTensor *x, VeraKTensor weight, VeraTensor *y, GError **error)
{
    VeraKRmsNorm op = { .x = x->k, .weight = weight, .y = y->k, .eps = self->config.eps };

    return vera_runtime_check(self->runtime, vera_k_rms_norm(vera_runtime_get_ctx(self->runtime), &op), "text normalisation", error);
}

static VeraKTensor
vera_text_encoder_heads(VeraTextEncoder *self, VeraTensor *rows)
{
    return vera_k_tensor(VERA_K_DTYPE_F32, rows->k.data, 3,
                         (const int64_t[]){ rows->k.shape[0], self->config.n_heads, self->config.d_kv });
}

static gboolean
vera_text_encoder_run_layer(VeraTextEncoder *self, const VeraTextLayer *layer, VeraTextBuffers *b, GError **error)
{
    VeraKCtx *ctx = vera_runtime_get_ctx(self->runtime);
    VeraKAttention attention = { .q = vera_text_encoder_heads(self, b->q), .k = vera_text_encoder_heads(self, b->k),
                                 .v = vera_text_encoder_heads(self, b->v), .o = vera_text_encoder_heads(self, b->o),
                                 .bias = b->bias->k, .key_bias = b->key_bias->k, .scale = 1.0f,
                                 .compute = vera_runtime_get_compute(self->runtime) };
    VeraKGateAdd add = { .x = b->x->k, .y = b->y->k };
    VeraKActivate gate = { .x = b->gate->k, .factor = b->up->k, .y = b->gate->k, .activation = VERA_K_ACTIVATION_NONE };

    return vera_text_encoder_norm(self, b->x, layer->norm_1, b->y, error) &&
           vera_text_encoder_product(self, b->y, layer->q, b->q, VERA_K_ACTIVATION_NONE, error) &&
           vera_text_encoder_product(self, b->y, layer->k, b->k, VERA_K_ACTIVATION_NONE, error) &&
           vera_text_encoder_product(self, b->y, layer->v, b->v, VERA_K_ACTIVATION_NONE, error) &&
           vera_text_encoder_fill_bias(self, layer, b->x->k.shape[0], b->bias, error) &&
           vera_runtime_check(self->runtime, vera_k_attention(ctx, &attention), "text attention", error) &&
           vera_text_encoder_product(self, b->o, layer->o, b->y, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_gate_add(ctx, &add), "text residual", error) &&
           vera_text_encoder_norm(self, b->x, layer->norm_2, b->y, error) &&
           vera_text_encoder_product(self, b->y, layer->wi_0, b->gate, VERA_K_ACTIVATION_GELU_TANH, error) &&
           vera_text_encoder_product(self, b->y, layer->wi_1, b->up, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_activate(ctx, &gate), "text gate", error) &&
           vera_text_encoder_product(self, b->gate, layer->wo, b->y, VERA_K_ACTIVATION_NONE, error) &&
           vera_runtime_check(self->runtime, vera_k_gate_add(ctx, &add), "text residual", error);
}

/* Rows @ids of the table, one after the other; NULL with @error set. */
static char *
vera_text_encoder_gather(VeraTextEncoder *self, const gint64 *ids, gint64 n, GError **error)
{
    gsize row = (gsize)self->config.d_model * vera_k_dtype_size(self->table.dtype);
    g_autofree char *rows = g_malloc((gsize)n * row);

    for (gint64 i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= self->config.vocab_size) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED,
                        "The text embedding failed: id %" G_GINT64_FORMAT " is outside the table of %d rows.", ids[i],
                        self->config.vocab_size);
            return NULL;
        }
        memcpy(rows + (gsize)i * row, (const char *)self->table.data + (gsize)ids[i] * row, row);
    }
    return g_steal_pointer(&rows);
}

/* The table is the largest of all tensors, and only a few of its rows are read: on a GPU it stays where it is, and they are brought. */
static gboolean
vera_text_encoder_embed(VeraTextEncoder *self, VeraTextBuffers *b, const gint64 *ids, GError **error)
{
    gint64 n = b->x->k.shape[0];
    VeraKEmbed embed = { .ids = vera_k_tensor(VERA_K_DTYPE_I64, (void *)ids, 1, (const int64_t *)&n), .table = self->table, .y = b->x->k };
    g_autoptr(VeraPlacement) placement = NULL;
    g_autofree char *rows = NULL;
    g_autofree gint64 *places = NULL;

    if (!vera_k_device_is_host(vera_runtime_get_device(self->runtime))) {
        rows = vera_text_encoder_gather(self, ids, n, error);
        if (rows == NULL)
            return FALSE;
        places = g_new(gint64, n);
        for (gint64 i = 0; i < n; i++)
            places[i] = i;
        embed.ids.data = places;
        embed.table = vera_k_tensor(self->table.dtype, rows, 2, (const int64_t[]){ n, self->config.d_model });
        placement = vera_placement_new(self->runtime, &embed.table, 1, error);
        if (placement == NULL)
            return FALSE;
    }
    return vera_runtime_check(self->runtime, vera_k_embed(vera_runtime_get_ctx(self->runtime), &embed), "text embedding", error);
}

/* The weights of a large text encoder need not fit into a GPU: each layer is brought when its turn comes. */
static gboolean
vera_text_encoder_place_and_run(VeraTextEncoder *self, int l, VeraTextBuffers *b, GError **error)
{
    VeraTextLayer layer = self->layers[l];
    g_autoptr(VeraPlacement) placement = NULL;

    layer.bias.data = NULL; /* is read here */
    placement = vera_placement_new(self->runtime, &layer.norm_1, sizeof layer / sizeof(VeraKTensor), error);
    layer.bias.data = self->layers[l].bias.data;
    return placement != NULL && vera_text_encoder_run_layer(self, &layer, b, error);
}

static gboolean
vera_text_encoder_run_layers(VeraTextEncoder *self, VeraTextBuffers *b, const gint64 *ids, float *hidden, GCancellable *cancellable, GError **error)
{
    VeraKTensor norm = self->norm;
    g_autoptr(VeraPlacement) placement = NULL;

    if (!vera_text_encoder_embed(self, b, ids, error))
        return FALSE;
    for (int l = 0; l < self->config.n_layers; l++)
        if (vera_engine_error_set_cancelled(cancellable, error) || !vera_text_encoder_place_and_run(self, l, b, error))
            return FALSE;
    placement = vera_placement_new(self->runtime, &norm, 1, error);
    return placement != NULL && vera_text_encoder_norm(self, b->x, norm, b->y, error) &&
           vera_tensor_to_host(b->y, self->runtime, hidden, error);
}

gboolean
vera_text_encoder_run(VeraTextEncoder *self,
                      const gint64 *ids,
                      const gint64 *mask,
                      int n_ids,
                      float *hidden,
                      GCancellable *cancellable,
                      GError **error)
{
    VeraTextBuffers buffers = { 0 };
    gboolean has_any = mask == NULL;
    gboolean ok;

    for (int i = 0; i < n_ids && !has_any; i++)
        has_any = mask[i] != 0;
    if (n_ids < 1 || !has_any) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE, "The text encoder was given no tokens.");
        return FALSE;
    }
    ok = vera_text_buffers_init(&buffers, self, n_ids, mask, error) &&
         vera_text_encoder_run_layers(self, &buffers, ids, hidden, cancellable, error);
    vera_text_buffers_clear(&buffers);
    for (int i = 0; ok && mask != NULL && i < n_ids; i++)
        if (mask[i] == 0)
            memset(hidden + (gsize)i * self->config.d_model, 0, sizeof(float) * (gsize)self->config.d_model);
    return ok;
}
