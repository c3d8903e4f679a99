#include "config.h"

#include <math.h>
#include <string.h>

#include "tests/parity/parity-program.h"
#include "tests/parity/parity-tensors.h"

/*
 * What becomes of a checkpoint that is not as it should be: a zeroed tensor must show in the
 * output, one that is missing, superfluous, misshapen, of a foreign type or not finite must be
 * refused by name.
 */

typedef struct {
    char *folder; /* of this process */
    char *model;  /* a copy of the fixture that tests may damage */
    char *out;
} Fixture;

/* What to run so that the tensors of @file whose names start with @prefix matter. */
typedef struct {
    const char *file;
    const char *prefix;
    const char *module;
    const char *input;
} Part;

static const Part parts[] = {
    {"branches/edit/diffusion_pytorch_model.safetensors", "", "transformer",
     "transformer-f32-1x4x4-masked"},
    {"branches/alpha/diffusion_pytorch_model.safetensors", "", "transformer",
     "transformer-f32-1x4x4-masked"},
    {"branches/composite/diffusion_pytorch_model.safetensors", "", "transformer",
     "transformer-f32-1x4x4-masked"},
    {"layers.safetensors", "", "transformer", "transformer-f32-1x4x4-masked"},
    {"text_encoder/model.safetensors", "", "text-encoder", "text-f32-7of7"},
    {"vae/diffusion_pytorch_model.safetensors", "encoder.", "vae-encode", "encode-f32-5x4x8"},
    {"vae/diffusion_pytorch_model.safetensors", "quant_conv.", "vae-encode", "encode-f32-5x4x8"},
    {"vae/diffusion_pytorch_model.safetensors", "decoder.", "vae-decode", "decode-f32-5x4x8"},
    {"vae/diffusion_pytorch_model.safetensors", "post_quant_conv.", "vae-decode",
     "decode-f32-5x4x8"},
    {"snapper/diffusion_pytorch_model.safetensors", "", "snapper", "snapper-f32-4x4"},
};

static void
fixture_set_up(Fixture *self, gconstpointer data)
{
    g_autofree char *golden = parity_golden("model-f32");

    self->folder = parity_make_folder();
    self->model = g_build_filename(self->folder, "model", NULL);
    self->out = g_build_filename(self->folder, "out.safetensors", NULL);
    parity_copy_folder(golden, self->model);
}

static void
fixture_tear_down(Fixture *self, gconstpointer data)
{
    parity_remove_folder(self->folder);
    g_free(self->out);
    g_free(self->model);
    g_free(self->folder);
}

static ParityRun *
fixture_eval(Fixture *self, const Part *part)
{
    g_autofree char *name = g_strconcat(part->input, ".in.safetensors", NULL),
                    *in = parity_golden(name);

    return parity_run((const char *const[]){"eval", part->module, "--model", self->model, "--in",
                                            in, "--out", self->out, NULL});
}

static double
fixture_get_change(Fixture *self, ParityTensors *want)
{
    g_autoptr(ParityTensors) got = parity_tensors_load(self->out);
    g_autoptr(GList) names = parity_tensors_list(want);
    double worst = 0;

    g_assert_nonnull(got);
    for (GList *l = names; l != NULL; l = l->next)
        worst = MAX(worst, parity_tensors_get_error(got, want, l->data));
    return worst;
}

static void
fixture_write(const char *path, ParityTensors *file)
{
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, file->bytes, (gssize)file->length, &error);
    g_assert_no_error(error);
}

static void
test_zeroed(Fixture *self, gconstpointer data)
{
    const Part *part = data;
    g_autofree char *path = g_build_filename(self->model, part->file, NULL);
    g_autofree char *name = g_strconcat(part->input, ".out.safetensors", NULL),
                    *expected = parity_golden(name);
    g_autoptr(ParityTensors) file = parity_tensors_load(path), want = parity_tensors_load(expected);
    g_autoptr(GList) names = parity_tensors_list(file);
    guint n_tensors = 0;

    for (GList *l = names; l != NULL; l = l->next) {
        g_autoptr(ParityRun) run = NULL;
        g_autofree char *kept = NULL;
        gsize size;
        char *values;
        if (!g_str_has_prefix(l->data, part->prefix))
            continue;
        values = parity_tensors_get(file, l->data, &size);
        kept = g_memdup2(values, size);
        memset(values, 0, size);
        fixture_write(path, file);
        memcpy(values, kept, size);
        run = fixture_eval(self, part);
        g_test_message("%s %s", (const char *)l->data, run->messages);
        g_assert_cmpint(run->exit_code, ==, 0);
        g_assert_cmpfloat(fixture_get_change(self, want), >, 1e-3);
        n_tensors++;
    }
    g_assert_cmpuint(n_tensors, >, 0);
}

/* Restored whole, the copy gives the fixture's output: what the other tests see is their own
 * damage. */
static void
test_sound(Fixture *self, gconstpointer data)
{
    g_autofree char *expected = parity_golden("transformer-f32-1x4x4-masked.out.safetensors");
    g_autoptr(ParityTensors) want = parity_tensors_load(expected);
    g_autoptr(ParityRun) check =
        parity_run((const char *const[]){"model", "check", self->model, NULL});
    g_autoptr(ParityRun) run = fixture_eval(self, &parts[0]);

    g_assert_cmpint(check->exit_code, ==, 0);
    g_assert_cmpint(run->exit_code, ==, 0);
    g_assert_cmpfloat(fixture_get_change(self, want), <, 1e-4);
}

typedef enum {
    DAMAGE_MISSING,
    DAMAGE_EXTRA,
    DAMAGE_SHAPE,
    DAMAGE_TYPE,
    DAMAGE_NAN,
    DAMAGE_TRUNCATED
} DamageKind;

typedef struct {
    const char *name;
    DamageKind kind;
    int part;           /* in parts */
    const char *tensor; /* that the message must name */
} Damage;

static const Damage damages[] = {
    {"missing", DAMAGE_MISSING, 0, "blocks.1.attn1.norm_q.weight"},
    {"missing-layers", DAMAGE_MISSING, 3, "alpha_embedding"},
    {"missing-text", DAMAGE_MISSING, 4, "encoder.final_layer_norm.weight"},
    {"missing-vae", DAMAGE_MISSING, 5, "quant_conv.bias"},
    {"missing-snapper", DAMAGE_MISSING, 9, "middle.0.conv2.bias"},
    {"extra", DAMAGE_EXTRA, 0, "unknown.weight"},
    {"extra-layers", DAMAGE_EXTRA, 3, "unknown.weight"},
    {"extra-text", DAMAGE_EXTRA, 4, "unknown.weight"},
    {"extra-vae", DAMAGE_EXTRA, 5, "unknown.weight"},
    {"shape", DAMAGE_SHAPE, 1, "blocks.0.ffn.net.0.proj.weight"},
    {"shape-layers", DAMAGE_SHAPE, 3, "source_patch.weight"},
    {"shape-text", DAMAGE_SHAPE, 4, "shared.weight"},
    {"shape-vae", DAMAGE_SHAPE, 7, "decoder.conv_in.weight"},
    {"shape-snapper", DAMAGE_SHAPE, 9, "down.1.weight"},
    {"type", DAMAGE_TYPE, 2, "blocks.0.attn2.to_k.weight"},
    {"nan", DAMAGE_NAN, 0, "blocks.1.ffn.net.2.bias"},
    {"nan-layers", DAMAGE_NAN, 3, "mask_patch.bias"},
    {"nan-text", DAMAGE_NAN, 4, "encoder.block.1.layer.0.layer_norm.weight"},
    {"nan-vae", DAMAGE_NAN, 5, "encoder.conv_in.bias"},
    {"nan-snapper", DAMAGE_NAN, 9, "norm_out.gamma"},
    {"truncated", DAMAGE_TRUNCATED, 0, ""},
};

static JsonArray *
get_list(ParityTensors *file, const char *tensor, const char *member)
{
    return json_object_get_array_member(json_object_get_object_member(file->header, tensor),
                                        member);
}

/* Takes a tensor out of the header and the data, so that the offsets stay without a gap. */
static gsize
damage_remove(ParityTensors *file, const char *tensor)
{
    gsize size, n_data = file->length - (gsize)(file->data - file->bytes);
    char *values = parity_tensors_get(file, tensor, &size);
    gint64 from = json_array_get_int_element(get_list(file, tensor, "data_offsets"), 0);
    g_autoptr(GList) names = NULL;

    memmove(values, values + size, n_data - size - (gsize)(values - file->data));
    json_object_remove_member(file->header, tensor);
    names = parity_tensors_list(file);
    for (GList *l = names; l != NULL; l = l->next) {
        JsonArray *offsets = get_list(file, l->data, "data_offsets");
        JsonArray *moved = json_array_new();
        for (guint i = 0; i < 2; i++) {
            gint64 at = json_array_get_int_element(offsets, i);
            json_array_add_int_element(moved, at > from ? at - (gint64)size : at);
        }
        json_object_set_array_member(json_object_get_object_member(file->header, l->data),
                                     "data_offsets", moved);
    }
    return n_data - size;
}

/* An empty tensor under a name that no part knows. */
static void
damage_add(ParityTensors *file, const char *tensor, gsize n_data)
{
    JsonObject *entry = json_object_new();
    JsonArray *shape = json_array_new(), *offsets = json_array_new();

    json_array_add_int_element(shape, 1);
    json_array_add_int_element(offsets, (gint64)n_data - 4);
    json_array_add_int_element(offsets, (gint64)n_data);
    json_object_set_string_member(entry, "dtype", "F32");
    json_object_set_array_member(entry, "shape", shape);
    json_object_set_array_member(entry, "data_offsets", offsets);
    json_object_set_object_member(file->header, tensor, entry);
}

/* The same values with the first two lengths exchanged. */
static void
damage_turn(ParityTensors *file, const char *tensor)
{
    JsonArray *shape = get_list(file, tensor, "shape"), *turned = json_array_new();

    g_assert_cmpint(json_array_get_int_element(shape, 0), !=, json_array_get_int_element(shape, 1));
    for (guint i = 0; i < json_array_get_length(shape); i++)
        json_array_add_int_element(turned, json_array_get_int_element(shape, i < 2 ? 1 - i : i));
    json_object_set_array_member(json_object_get_object_member(file->header, tensor), "shape",
                                 turned);
}

/* Half as many values of a type that is not read. */
static void
damage_retype(ParityTensors *file, const char *tensor)
{
    JsonArray *shape = get_list(file, tensor, "shape"), *halved = json_array_new();

    json_array_add_int_element(halved, json_array_get_int_element(shape, 0) / 2);
    for (guint i = 1; i < json_array_get_length(shape); i++)
        json_array_add_int_element(halved, json_array_get_int_element(shape, i));
    json_object_set_string_member(json_object_get_object_member(file->header, tensor), "dtype",
                                  "F64");
    json_object_set_array_member(json_object_get_object_member(file->header, tensor), "shape",
                                 halved);
}

static void
damage_do(const Damage *damage, const char *path)
{
    g_autoptr(ParityTensors) file = parity_tensors_load(path);
    gsize size, n_data = file->length - (gsize)(file->data - file->bytes);
    const float nan = NAN;

    if (damage->kind == DAMAGE_MISSING) {
        n_data = damage_remove(file, damage->tensor);
    } else if (damage->kind == DAMAGE_EXTRA) {
        char *longer = g_malloc0(n_data + 4);
        memcpy(longer, file->data, n_data);
        g_free(file->bytes);
        file->bytes = file->data = longer;
        n_data += 4;
        damage_add(file, damage->tensor, n_data);
    } else if (damage->kind == DAMAGE_SHAPE) {
        damage_turn(file, damage->tensor);
    } else if (damage->kind == DAMAGE_TYPE) {
        damage_retype(file, damage->tensor);
    } else if (damage->kind == DAMAGE_NAN) {
        char *values = parity_tensors_get(file, damage->tensor, &size);
        memcpy(values + size - sizeof nan, &nan, sizeof nan);
    } else {
        n_data -= 100;
    }
    parity_tensors_save(file, path, n_data);
}

/* Both the module that needs the part and the check of the whole model must refuse it. */
static void
test_refused(Fixture *self, gconstpointer data)
{
    const Damage *damage = data;
    const Part *part = &parts[damage->part];
    g_autofree char *path = g_build_filename(self->model, part->file, NULL);
    g_autofree char *folder =
        strchr(part->file, '/') ? g_path_get_dirname(part->file) : g_strdup(part->file);
    ParityRun *runs[2];

    damage_do(damage, path);
    runs[0] = fixture_eval(self, part);
    runs[1] = parity_run((const char *const[]){"model", "check", self->model, NULL});
    for (gsize i = 0; i < G_N_ELEMENTS(runs); i++) {
        g_test_message("%s", runs[i]->messages);
        g_assert_cmpint(runs[i]->exit_code, ==, 4);
        g_assert_nonnull(strstr(runs[i]->messages, folder));
        g_assert_nonnull(strstr(runs[i]->messages, damage->tensor));
        if (damage->kind == DAMAGE_TYPE)
            g_assert_nonnull(strstr(runs[i]->messages, "F64"));
        parity_run_free(runs[i]);
    }
    g_assert_false(g_file_test(self->out, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* Hundreds of tiny runs: waiting for each other's threads would take longer than the work. */
    g_setenv("OMP_NUM_THREADS", "1", TRUE);
    g_test_add("/checkpoint/sound", Fixture, NULL, fixture_set_up, test_sound, fixture_tear_down);
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *path =
            g_strdup_printf("/checkpoint/zeroed/%s%s", parts[i].prefix, parts[i].file);
        g_test_add(path, Fixture, &parts[i], fixture_set_up, test_zeroed, fixture_tear_down);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(damages); i++) {
        g_autofree char *path = g_strdup_printf("/checkpoint/refused/%s", damages[i].name);
        g_test_add(path, Fixture, &damages[i], fixture_set_up, test_refused, fixture_tear_down);
    }
    return g_test_run();
}
