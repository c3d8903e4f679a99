#include "config.h"

#include <math.h>
#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "engine/diffusion/vera-weights-names.h"
#include "engine/diffusion/vera-weights.h"
#include "engine/vera-engine-error.h"

typedef struct {
    char *dir;
} Fixture;

static void
set_up(Fixture *self, gconstpointer data)
{
    self->dir = g_dir_make_tmp("vera-XXXXXX", NULL);
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(self->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(self->dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(self->dir);
    g_free(self->dir);
}

static const float values[] = { 1, 2, 3, 4, 5, 6 };

/* A file of 2x3 F32 tensors with these names, values (in turn) rotated by their place. */
static void
write_file(Fixture *self, const char *file, const char *const *names, const float *data)
{
    g_autofree char *path = g_build_filename(self->dir, file, NULL);
    VeraNamedTensor tensors[16];
    int n = 0;

    for (; names[n] != NULL; n++)
        tensors[n] = (VeraNamedTensor){
            names[n], vera_k_tensor(VERA_K_DTYPE_F32, (void *)data, 2, (const int64_t[]){ 2, 3 })
        };
    g_assert_true(vera_safetensors_write(path, tensors, n, NULL));
}

static void
write_text(Fixture *self, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(self->dir, file, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static GPtrArray *
make_specs(const char *const *names)
{
    GPtrArray *specs = g_ptr_array_new_with_free_func((GDestroyNotify)vera_weight_spec_free);

    for (int i = 0; names[i] != NULL; i++)
        g_ptr_array_add(specs, vera_weight_spec_new(names[i], 2, (gint64)2, (gint64)3));
    return specs;
}

/* Opens the fixture's folder and checks it against @names; the message must hold all of @says. */
static void
assert_refused(Fixture *self, const char *const *names, const char *const *says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraWeights) weights = vera_weights_open(self->dir, VERA_WEIGHTS_KIND_PLAIN, &error);
    g_autoptr(GPtrArray) specs = make_specs(names);

    if (weights != NULL)
        g_assert_false(vera_weights_check(weights, specs, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
    for (int i = 0; says[i] != NULL; i++)
        if (strstr(error->message, says[i]) == NULL)
            g_error("‘%s’ does not say ‘%s’", error->message, says[i]);
}

static const char *const two[] = { "a", "b", NULL };

static void
test_sound(Fixture *self, gconstpointer data)
{
    g_autoptr(GPtrArray) specs = make_specs(two);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraWeights) weights = NULL;

    write_file(self, "model.safetensors", two, values);
    weights = vera_weights_open(self->dir, VERA_WEIGHTS_KIND_PLAIN, &error);
    g_assert_no_error(error);
    g_assert_true(vera_weights_check(weights, specs, &error));
    g_assert_true(vera_weights_check_finite(weights, &error));
}

static void
test_missing(Fixture *self, gconstpointer data)
{
    write_file(self, "model.safetensors", (const char *const[]){ "a", NULL }, values);
    assert_refused(self, two, (const char *const[]){ self->dir, "‘b’ is missing", NULL });
}

static void
test_extra(Fixture *self, gconstpointer data)
{
    write_file(self, "model.safetensors", two, values);
    assert_refused(self, (const char *const[]){ "a", NULL },
                   (const char *const[]){ "model.safetensors", "‘b’ does not belong", NULL });
}

static void
test_misshapen(Fixture *self, gconstpointer data)
{
    g_autoptr(GPtrArray) specs = g_ptr_array_new_with_free_func((GDestroyNotify)vera_weight_spec_free);
    g_autoptr(VeraWeights) weights = NULL;
    g_autoptr(GError) error = NULL;

    write_file(self, "model.safetensors", (const char *const[]){ "a", NULL }, values);
    weights = vera_weights_open(self->dir, VERA_WEIGHTS_KIND_PLAIN, NULL);
    g_ptr_array_add(specs, vera_weight_spec_new("a", 2, (gint64)3, (gint64)2));
    g_assert_false(vera_weights_check(weights, specs, &error));
    g_assert_nonnull(strstr(error->message, "‘a’ has the shape [2, 3] where [3, 2]"));
}

static void
test_not_finite(Fixture *self, gconstpointer data)
{
    const float bad[] = { 1, 2, 3, 4, 5, NAN }, worse[] = { 1, -INFINITY, 3, 4, 5, 6 };

    write_file(self, "model.safetensors", two, bad);
    assert_refused(self, two, (const char *const[]){ "model.safetensors", "‘a’", "finite", NULL });
    write_file(self, "model.safetensors", two, worse);
    assert_refused(self, two, (const char *const[]){ "‘a’", "finite", NULL });
}

static void
write_shards(Fixture *self)
{
    write_file(self, "model-1.safetensors", (const char *const[]){ "a", NULL }, values);
    write_file(self, "model-2.safetensors", (const char *const[]){ "b", NULL }, values);
}

static void
test_shards(Fixture *self, gconstpointer data)
{
    g_autoptr(VeraWeights) weights = NULL;
    g_autoptr(GPtrArray) specs = make_specs(two);
    g_autoptr(GError) error = NULL;

    write_shards(self);
    write_text(self, "model.safetensors.index.json",
               "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}");
    weights = vera_weights_open(self->dir, VERA_WEIGHTS_KIND_PLAIN, &error);
    g_assert_no_error(error);
    g_assert_true(vera_weights_check(weights, specs, &error));
    g_assert_true(g_str_has_suffix(vera_weights_get_file(weights, "b"), "model-2.safetensors"));
}

static void
test_shards_disagree(Fixture *self, gconstpointer data)
{
    static const char *const indices[][2] = {
        { "{\"weight_map\":{\"a\":\"model-2.safetensors\",\"b\":\"model-1.safetensors\"}}", "which is in" },
        { "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"c\":\"model-2.safetensors\"}}", "‘b’" },
        { "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\",\"c\":\"model-2.safetensors\"}}",
          "names 3 tensors where its files hold 2" },
        { "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-3.safetensors\"}}", "model-3.safetensors" },
        { "{\"weight_map\":{\"a\":\"../model-1.safetensors\"}}", "‘a’" },
        { "{\"weight_map\":{\"a\":5}}", "‘a’" },
        { "{\"weight_map\":[]}", "weight_map" },
        { "[]", "weight_map" },
        { "", "weight_map" },
    };

    write_shards(self);
    for (gsize i = 0; i < G_N_ELEMENTS(indices); i++) {
        write_text(self, "model.safetensors.index.json", indices[i][0]);
        assert_refused(self, two, (const char *const[]){ indices[i][1], NULL });
    }
}

static void
test_pickled_folder(Fixture *self, gconstpointer data)
{
    assert_refused(self, two, (const char *const[]){ "has no diffusion_pytorch_model.safetensors", NULL });
    write_text(self, "pytorch_model.bin", "pickle");
    assert_refused(self, two, (const char *const[]){ "pytorch_model.bin", "get model.safetensors", NULL });
}

static void
test_hash(Fixture *self, gconstpointer data)
{
    const float other[] = { 1, 2, 3, 4, 5, 7 };
    const char *const swapped[] = { "b", "a", NULL };
    g_autofree char *first = NULL, *second = NULL, *third = NULL;
    g_autofree char *path = g_build_filename(self->dir, "model.safetensors", NULL);

    for (int i = 0; i < 3; i++) {
        g_autoptr(VeraWeights) weights = NULL;
        char **out[] = { &first, &second, &third };
        write_file(self, "model.safetensors", i == 1 ? swapped : two, i == 2 ? other : values);
        weights = vera_weights_open(path, VERA_WEIGHTS_KIND_PLAIN, NULL);
        *out[i] = vera_weights_hash(weights, NULL, NULL);
    }
    g_assert_cmpuint(strlen(first), ==, 64);
    /* The order in the file does not count, the values do. */
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(first, !=, third);
}

static gsize
get_resident_pages(void)
{
    g_autofree char *text = NULL;
    guint64 resident = 0;

    g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
    g_assert_cmpint(sscanf(text, "%*s %" G_GUINT64_FORMAT, &resident), ==, 1);
    return resident;
}

static void
test_mapped(Fixture *self, gconstpointer data)
{
    gsize n = 16 << 20;
    g_autofree float *big = g_new0(float, n);
    g_autofree char *path = g_build_filename(self->dir, "model.safetensors", NULL);
    VeraNamedTensor tensor = { "a", vera_k_tensor(VERA_K_DTYPE_F32, big, 1, (const int64_t[]){ (int64_t)n }) };
    g_autoptr(VeraWeights) weights = NULL;
    g_autoptr(GPtrArray) specs = g_ptr_array_new_with_free_func((GDestroyNotify)vera_weight_spec_free);
    gsize before;

    g_assert_true(vera_safetensors_write(path, &tensor, 1, NULL));
    g_ptr_array_add(specs, vera_weight_spec_new("a", 1, (gint64)n));
    before = get_resident_pages();
    weights = vera_weights_open(path, VERA_WEIGHTS_KIND_PLAIN, NULL);
    g_assert_true(vera_weights_check(weights, specs, NULL));
    /* 64 MiB of weights; opening and checking touches next to none of them. */
    g_assert_cmpuint(get_resident_pages() - MIN(before, get_resident_pages()), <, 8 * 256);
}

static const struct {
    VeraWeightsKind kind;
    const char *from;
    const char *to;
} renames[] = {
    { VERA_WEIGHTS_KIND_BRANCH, "blocks.3.self_attn.q.weight", "blocks.3.attn1.to_q.weight" },
    { VERA_WEIGHTS_KIND_BRANCH, "model.diffusion_model.blocks.3.self_attn.o.bias", "blocks.3.attn1.to_out.0.bias" },
    { VERA_WEIGHTS_KIND_BRANCH, "blocks.12.norm3.weight", "blocks.12.norm2.weight" },
    { VERA_WEIGHTS_KIND_BRANCH, "blocks.0.cross_attn.norm_k.weight", "blocks.0.attn2.norm_k.weight" },
    { VERA_WEIGHTS_KIND_BRANCH, "blocks.0.ffn.0.weight", "blocks.0.ffn.net.0.proj.weight" },
    { VERA_WEIGHTS_KIND_BRANCH, "blocks.0.ffn.2.bias", "blocks.0.ffn.net.2.bias" },
    { VERA_WEIGHTS_KIND_BRANCH, "blocks.0.modulation", "blocks.0.scale_shift_table" },
    { VERA_WEIGHTS_KIND_BRANCH, "head.modulation", "scale_shift_table" },
    { VERA_WEIGHTS_KIND_BRANCH, "head.head.bias", "proj_out.bias" },
    { VERA_WEIGHTS_KIND_BRANCH, "time_projection.1.weight", "condition_embedder.time_proj.weight" },
    { VERA_WEIGHTS_KIND_BRANCH, "patch_embedding.weight", "patch_embedding.weight" },
    { VERA_WEIGHTS_KIND_VAE, "vae.encoder.downsamples.3.shortcut.weight", "encoder.down_blocks.3.conv_shortcut.weight" },
    { VERA_WEIGHTS_KIND_VAE, "encoder.downsamples.5.time_conv.bias", "encoder.down_blocks.5.time_conv.bias" },
    { VERA_WEIGHTS_KIND_VAE, "encoder.middle.2.residual.6.bias", "encoder.mid_block.resnets.1.conv2.bias" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.middle.1.to_qkv.weight", "decoder.mid_block.attentions.0.to_qkv.weight" },
    { VERA_WEIGHTS_KIND_VAE, "conv2.weight", "post_quant_conv.weight" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.head.0.gamma", "decoder.norm_out.gamma" },
    /* The layers that resample end the blocks: two residual blocks a block here. */
    { VERA_WEIGHTS_KIND_VAE, "decoder.upsamples.2.resample.1.weight", "decoder.up_blocks.0.upsamplers.0.resample.1.weight" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.upsamples.2.time_conv.weight", "decoder.up_blocks.0.upsamplers.0.time_conv.weight" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.upsamples.1.residual.0.gamma", "decoder.up_blocks.0.resnets.1.norm1.gamma" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.upsamples.5.resample.1.weight", "decoder.up_blocks.1.upsamplers.0.resample.1.weight" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.upsamples.4.shortcut.bias", "decoder.up_blocks.1.resnets.1.conv_shortcut.bias" },
    { VERA_WEIGHTS_KIND_VAE, "decoder.upsamples.7.residual.2.bias", "decoder.up_blocks.2.resnets.1.conv1.bias" },
    { VERA_WEIGHTS_KIND_TEXT_ENCODER, "token_embedding.weight", "shared.weight" },
    { VERA_WEIGHTS_KIND_TEXT_ENCODER, "text_encoders.umt5xxl.transformer.encoder.embed_tokens.weight", "shared.weight" },
    { VERA_WEIGHTS_KIND_TEXT_ENCODER, "blocks.7.ffn.gate.0.weight", "encoder.block.7.layer.1.DenseReluDense.wi_0.weight" },
    { VERA_WEIGHTS_KIND_TEXT_ENCODER, "blocks.7.pos_embedding.embedding.weight",
      "encoder.block.7.layer.0.SelfAttention.relative_attention_bias.weight" },
    { VERA_WEIGHTS_KIND_TEXT_ENCODER, "norm.weight", "encoder.final_layer_norm.weight" },
};

static void
test_renames(void)
{
    for (int kind = VERA_WEIGHTS_KIND_BRANCH; kind <= VERA_WEIGHTS_KIND_TEXT_ENCODER; kind++) {
        g_autoptr(GPtrArray) from = g_ptr_array_new(), to = NULL, again = NULL;
        guint at = 0;
        for (gsize i = 0; i < G_N_ELEMENTS(renames); i++)
            if ((int)renames[i].kind == kind)
                g_ptr_array_add(from, (char *)renames[i].from);
        to = vera_weights_rename(from, kind, NULL);
        g_assert_nonnull(to);
        for (gsize i = 0; i < G_N_ELEMENTS(renames); i++)
            if ((int)renames[i].kind == kind)
                g_assert_cmpstr(to->pdata[at++], ==, renames[i].to);
        /* Canonical names stay as they are. */
        again = vera_weights_rename(to, kind, NULL);
        for (guint i = 0; i < to->len; i++)
            g_assert_cmpstr(again->pdata[i], ==, to->pdata[i]);
    }
}

static void
test_variants(void)
{
    static const struct {
        VeraWeightsKind kind;
        const char *name;
        const char *says;
    } variants[] = {
        { VERA_WEIGHTS_KIND_BRANCH, "img_emb.proj.0.weight", "image-to-video" },
        { VERA_WEIGHTS_KIND_BRANCH, "blocks.0.cross_attn.k_img.weight", "image-to-video" },
        { VERA_WEIGHTS_KIND_BRANCH, "condition_embedder.image_embedder.norm1.weight", "image-to-video" },
        { VERA_WEIGHTS_KIND_BRANCH, "model.diffusion_model.vace_blocks.0.modulation", "VACE" },
        { VERA_WEIGHTS_KIND_TEXT_ENCODER, "scaled_fp8", "F16 or BF16" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(variants); i++) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        g_autoptr(GError) error = NULL;
        g_ptr_array_add(names, (char *)variants[i].name);
        g_assert_null(vera_weights_rename(names, variants[i].kind, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
        g_assert_nonnull(strstr(error->message, variants[i].says));
    }
}

#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/weights/sound", test_sound);
    ADD("/weights/missing", test_missing);
    ADD("/weights/extra", test_extra);
    ADD("/weights/misshapen", test_misshapen);
    ADD("/weights/not-finite", test_not_finite);
    ADD("/weights/shards", test_shards);
    ADD("/weights/shards-disagree", test_shards_disagree);
    ADD("/weights/pickled-folder", test_pickled_folder);
    ADD("/weights/hash", test_hash);
    ADD("/weights/mapped", test_mapped);
    g_test_add_func("/weights/renames", test_renames);
    g_test_add_func("/weights/variants", test_variants);
    return g_test_run();
}
