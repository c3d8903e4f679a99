#include "config.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "engine/diffusion/vera-weights.h"
#include "tests/e2e/shell-fixture.h"

/* `vera eval` on tensors that nobody should send and somebody does. Whatever it is given, it ends
 * with its code and one sentence, and leaves no file behind; what it refuses is told apart from
 * what is only unusual. */

static char *root_dir;

static int
run(char **out, const char *command)
{
    g_autofree char *prelude =
        g_strdup_printf("model='%s/tests/golden/model-f32'; ", g_getenv("VERA_SOURCE_ROOT"));

    return shell_fixture_run(root_dir, prelude, command, out);
}

static gboolean
parse_dtype(const char *text, VeraKDType *dtype)
{
    static const VeraKDType known[] = {VERA_K_DTYPE_F32, VERA_K_DTYPE_F16, VERA_K_DTYPE_I64,
                                       VERA_K_DTYPE_U8};

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (strcmp(text, vera_k_dtype_name(*dtype = known[i])) == 0)
            return TRUE;
    return FALSE;
}

/* A quarter everywhere, so that no result is zero; or @value, whose last element alone is given
 * after a “~”. */
static void
fill(VeraKTensor *tensor, const char *value)
{
    gint64 n = vera_k_tensor_n_elements(tensor);

    for (gint64 i = 0; i < n; i++) {
        const char *v =
            value != NULL && (value[0] != '~' || i == n - 1) ? value + (value[0] == '~') : NULL;
        if (tensor->dtype == VERA_K_DTYPE_F32)
            ((float *)tensor->data)[i] = v ? (float)g_ascii_strtod(v, NULL) : 0.25f;
        else if (tensor->dtype == VERA_K_DTYPE_I64)
            ((gint64 *)tensor->data)[i] = v ? g_ascii_strtoll(v, NULL, 10) : 1;
    }
}

/* “NAME:DTYPE:1,4,3[=VALUE]”; the name stays in @words. */
static VeraNamedTensor
make_tensor(char **words)
{
    char *value = strchr(words[2], '=');
    gint64 shape[VERA_K_MAX_DIMS];
    VeraNamedTensor made = {.name = words[0]};
    VeraKDType dtype;
    int n_dims = 0;

    g_assert_true(parse_dtype(words[1], &dtype));
    for (char *at = words[2]; *at != '\0' && *at != '='; at += *at == ',')
        shape[n_dims++] = g_ascii_strtoll(at, &at, 10);
    made.tensor = vera_k_tensor(dtype, NULL, n_dims, (const int64_t *)shape);
    made.tensor.data =
        g_malloc0((gsize)vera_k_tensor_n_elements(&made.tensor) * vera_k_dtype_size(dtype) + 1);
    fill(&made.tensor, value ? value + 1 : NULL);
    return made;
}

/* Writes in.safetensors from space-separated tensors. */
static void
make_inputs(const char *tensors)
{
    g_auto(GStrv) items = g_strsplit(tensors, " ", -1);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_autofree char *path = g_build_filename(root_dir, "in.safetensors", NULL);
    g_autoptr(GError) error = NULL;
    VeraNamedTensor made[16];
    int n = 0;

    for (; items[n] != NULL; n++) {
        char **words = g_strsplit(items[n], ":", 3);
        g_ptr_array_add(names, words);
        made[n] = make_tensor(words);
    }
    vera_safetensors_write(path, made, n, &error);
    g_assert_no_error(error);
    for (int i = 0; i < n; i++)
        g_free(made[i].tensor.data);
}

/* One sentence of ours, and neither a file nor what GLib says of a wrong call. */
static void
assert_refused(const char *command, int code, const char *needle)
{
    g_autofree char *all = NULL;
    char *text;

    g_assert_cmpint(run(&all, command), ==, code);
    text = g_strchomp(all);
    /* The model of the tests is not a trained one, which is said first. */
    if (g_str_has_prefix(text, "vera: note: "))
        text = strchr(text, '\n') + 1;
    g_assert_true(g_str_has_prefix(text, "vera"));
    g_assert_null(strchr(text, '\n'));
    g_assert_nonnull(strstr(text, needle));
    g_assert_cmpint(run(NULL, "ls out.safetensors out.safetensors.part"), !=, 0);
}

#define EVAL(module) \
    "vera eval " module " --model \"$model\" --in in.safetensors --out out.safetensors "

typedef struct {
    const char *tensors;
    int code; /* 0: a result is written */
    const char *needle;
} Case;

static void
check_cases(const char *command, const Case *cases, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_test_message("%s", cases[i].tensors);
        make_inputs(cases[i].tensors);
        if (cases[i].code != 0) {
            assert_refused(command, cases[i].code, cases[i].needle);
            continue;
        }
        g_assert_cmpint(run(NULL, command), ==, 0);
        g_assert_cmpint(run(NULL, "ls out.safetensors && rm out.safetensors"), ==, 0);
    }
}

static void
test_vae_encode(void)
{
    static const Case cases[] = {
        {"video:F32:1,3,3,4,8", 0, NULL},
        {"latents:F32:1,3,3,4,8", 3, "‘video’ is not in"},
        {"video:F16:1,3,3,4,8", 3, "F16 [1, 3, 3, 4, 8]"},
        {"video:I64:1,3,3,4,8", 3, "I64 [1, 3, 3, 4, 8]"},
        {"video:F32:3,3,4,8", 3, "[3, 3, 4, 8]"},
        {"video:F32:2,3,3,4,8", 3, "[2, 3, 3, 4, 8]"},
        {"video:F32:1,4,3,4,8", 3, "frames"},
        {"video:F32:1,3,4,4,8", 3, "4 frames"},
        {"video:F32:1,3,3,5,8", 3, "multiples of 4"},
        {"video:F32:1,3,3,1,1", 3, "multiples of 4"},
        {"video:F32:1,3,0,4,8", 3, "[1, 3, 0, 4, 8]"},
        {"video:F32:1,3,3,0,8", 3, "[1, 3, 3, 0, 8]"},
        {"video:F32:1,3,0,1073741824,1048576", 3, "1073741824"},
        {"video:F32:1,3,1,4,262144", 3, "65536"},
        {"video:F32:1,3,3,4,8=~nan", 3, "nan at place 287"},
        {"video:F32:1,3,3,4,8=-inf", 3, "-inf at place 0"},
        {"video:F32:1,3,3,4,8=3e38", 1, "not numbers"},
    };

    check_cases(EVAL("vae-encode"), cases, G_N_ELEMENTS(cases));
}

static void
test_vae_decode(void)
{
    static const Case cases[] = {
        {"latents:F32:1,4,2,1,2", 0, NULL},
        {"latents:F32:1,5,2,1,2", 3, "5 channels"},
        {"latents:F32:1,4,0,1,2", 3, "[1, 4, 0, 1, 2]"},
        {"latents:F32:1,4,0,1073741824,1048576", 3, "1073741824"},
        {"latents:F32:1,4,2,1,0", 3, "[1, 4, 2, 1, 0]"},
        {"latents:F32:1,4,1,1,262144", 3, "65536"},
        {"latents:F32:4,2,1,2", 3, "[4, 2, 1, 2]"},
        {"latents:F32:1,4,2,1,2=nan", 3, "nan at place 0"},
    };

    check_cases(EVAL("vae-decode"), cases, G_N_ELEMENTS(cases));
}

static void
test_text_encoder(void)
{
    static const Case cases[] = {
        {"input_ids:I64:1,3 attention_mask:I64:1,3", 0, NULL},
        {"input_ids:I64:1,3 attention_mask:I64:1,3=~0", 0, NULL},
        {"input_ids:I64:1,3", 3, "‘attention_mask’ is not in"},
        {"input_ids:I64:1,3 attention_mask:I64:1,4", 3, "differ in length"},
        {"input_ids:I64:1,3=640 attention_mask:I64:1,3", 3, "vocabulary of 640"},
        {"input_ids:I64:1,3=-1 attention_mask:I64:1,3", 3, "vocabulary"},
        {"input_ids:I64:1,3=~9223372036854775807 attention_mask:I64:1,3", 3, "vocabulary"},
        {"input_ids:I64:1,3 attention_mask:I64:1,3=2", 3, "0 or 1"},
        {"input_ids:I64:1,3 attention_mask:I64:1,3=-1", 3, "0 or 1"},
        {"input_ids:I64:1,3 attention_mask:I64:1,3=0", 3, "no tokens"},
        {"input_ids:F32:1,4 attention_mask:I64:1,4", 3, "F32 [1, 4]"},
        {"input_ids:I64:3 attention_mask:I64:3", 3, "I64 [3]"},
        {"input_ids:I64:1,0 attention_mask:I64:1,0", 3, "I64 [1, 0]"},
        {"input_ids:I64:1,70000 attention_mask:I64:1,70000", 3, "70000"},
    };

    check_cases(EVAL("text-encoder"), cases, G_N_ELEMENTS(cases));
}

static void
test_branch(void)
{
    static const Case cases[] = {
        {"latents:F32:1,4,1,2,2 text:F32:1,1,20 timestep:F32:1", 0, NULL},
        {"latents:F32:1,4,1,2,2 text:F32:1,0,20 timestep:F32:1", 0, NULL},
        {"latents:F32:1,4,1,2,2 text:F32:1,1,20", 3, "‘timestep’ is not in"},
        {"latents:F32:1,4,1,2,2 text:F32:1,1,20 timestep:F32:2", 3, "F32 [2]"},
        {"latents:F32:1,4,1,2,2 text:F32:1,1,20 timestep:F32:0", 3, "F32 [0]"},
        {"timestep:I64:1 latents:F32:1,4,1,2,2 text:F32:1,1,20", 3, "I64 [1]"},
        {"latents:F32:1,4,1,2,2 text:F32:1,1,20 timestep:F32:1=nan", 3, "nan"},
        {"latents:F32:1,4,1,2,2 text:F32:1,1,19 timestep:F32:1", 3, "rows of 19"},
        {"latents:F32:1,4,1,2,2 text:F32:1,513,20 timestep:F32:1", 3, "513 rows"},
        {"latents:F32:1,4,1,2,2 text:F32:1,1,20=~inf timestep:F32:1", 3, "inf at place 19"},
        {"latents:F32:1,4,1,3,2 text:F32:1,1,20 timestep:F32:1", 3, "patches of 2 x 2"},
        {"latents:F32:1,3,1,2,2 text:F32:1,1,20 timestep:F32:1", 3, "3 channels"},
        {"latents:F32:1,4,1,2,0 text:F32:1,1,20 timestep:F32:1", 3, "[1, 4, 1, 2, 0]"},
        {"latents:F32:1,4,1025,2,2 text:F32:1,1,20 timestep:F32:1", 3, "1025"},
    };

    check_cases(EVAL("branch"), cases, G_N_ELEMENTS(cases));
    make_inputs(cases[0].tensors);
    assert_refused(EVAL("branch") "--branch foreground", 2, "‘foreground’ is not a branch");
    assert_refused(EVAL("branch") "--branch ''", 2, "not a branch");
}

#define LATENTS "edit:F32:1,4,1,2,2 alpha:F32:1,4,1,2,2 composite:F32:1,4,1,2,2 "
#define TEXT " text:F32:1,1,20 timestep:F32:1"

static void
test_transformer(void)
{
    static const Case cases[] = {
        {LATENTS "source:F32:1,4,1,2,2" TEXT, 0, NULL},
        {LATENTS "mask:F32:1,4,1,2,2" TEXT, 3, "‘source’ is not in"},
        {LATENTS "source:F32:1,4,1,2,4" TEXT, 3, "‘source’ differs in shape"},
        {LATENTS "source:F32:1,4,1,2,2 mask:F32:1,4,1,4,2" TEXT, 3, "‘mask’ differs in shape"},
        {LATENTS "source:F32:1,4,1,2,2 mask:F32:1,4,1,2,2=nan" TEXT, 3, "‘mask’"},
        {LATENTS "source:F32:1,4,1,2,2 mask:I64:1,4,1,2,2" TEXT, 3, "‘mask’"},
        {"edit:F32:1,4,1,2,2 alpha:F32:1,4,2,2,2 composite:F32:1,4,1,2,2 source:F32:1,4,1,2,2" TEXT,
         3, "‘alpha’ differs"},
        {"edit:F32:1,4,1,2,2=inf alpha:F32:1,4,1,2,2 composite:F32:1,4,1,2,2 "
         "source:F32:1,4,1,2,2" TEXT,
         3, "‘edit’"},
    };

    check_cases(EVAL("transformer"), cases, G_N_ELEMENTS(cases));
}

#define SAMPLE "sample:F32:2,5 "

static void
test_sampler(void)
{
    static const Case cases[] = {
        {SAMPLE "velocity:F32:4,2,5", 0, NULL},
        {"sample:F32:2,5", 3, "‘velocity’ is not in"},
        {SAMPLE "velocity:F32:3,2,5", 3, "[3, 2, 5]"},
        {SAMPLE "velocity:F32:40", 3, "[40]"},
        {SAMPLE "velocity:F32:4,2,5=~nan", 3, "nan at place 39"},
        {"sample:F32:0,5 velocity:F32:4,0,5", 3, "[0, 5]"},
        {"sample:F16:2,5 velocity:F32:4,2,5", 3, "F16 [2, 5] where F32 is"},
    };
    static const char *const numbers[] = {"--steps 4 --shift nan",
                                          "--steps 4 --shift inf",
                                          "--steps 4 --shift 0",
                                          "--steps 4 --shift -2",
                                          "--steps 4 --guidance nan",
                                          "--steps 4 --guidance -3",
                                          "--steps 0",
                                          "--steps -4",
                                          "--steps 1000000000",
                                          "--steps 99999999999",
                                          "--steps 4.5",
                                          "--steps 4 --solver heun"};

    check_cases("vera eval sampler --in in.safetensors --out out.safetensors --steps 4", cases,
                G_N_ELEMENTS(cases));
    make_inputs(cases[0].tensors);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *command = g_strdup_printf(
            "vera eval sampler --in in.safetensors --out out.safetensors %s", numbers[i]);
        assert_refused(command, 2, "Try ‘vera eval --help’");
    }
}

#define VIDEO "source_video:F32:1,3,3,8,8 "
#define NOISE "noise_edit:F32:1,4,2,2,2 noise_alpha:F32:1,4,2,2,2 noise_composite:F32:1,4,2,2,2 "
#define IDS "input_ids:I64:1,3 attention_mask:I64:1,3 "
#define NEGATIVE "negative_ids:I64:1,2 negative_mask:I64:1,2"

static void
test_pipeline(void)
{
    static const Case cases[] = {
        {VIDEO NOISE IDS NEGATIVE, 0, NULL},
        {NOISE IDS NEGATIVE, 3, "‘source_video’ is not in"},
        {VIDEO "noise_edit:F32:1,4,2,2,2 " IDS NEGATIVE, 3, "‘noise_alpha’ is not in"},
        {IDS VIDEO
         "noise_edit:F32:1,4,2,2,2 noise_alpha:F32:1,4,2,2,2 noise_composite:F32:1,4,2,2,2",
         3, "‘negative_ids’ is not in"},
        {"source_video:F32:1,3,2,8,8 " NOISE IDS NEGATIVE, 3, "2n + 1"},
        {"source_video:F32:1,3,3,8,12 " NOISE IDS NEGATIVE, 3, "multiples of 8"},
        {"source_video:F32:1,1,3,8,8 " NOISE IDS NEGATIVE, 3, "3 channels"},
        {"source_video:F32:1,3,3,0,8 " NOISE IDS NEGATIVE, 3, "[1, 3, 3, 0, 8]"},
        {"source_video:F32:1,3,3,8,8=nan " NOISE IDS NEGATIVE, 3, "nan"},
        {VIDEO "mask_video:F32:1,1,3,8,8 " NOISE IDS NEGATIVE, 3, "‘mask_video’ differs"},
        {VIDEO "mask_video:F32:1,3,3,8,8=~inf " NOISE IDS NEGATIVE, 3, "inf"},
        {VIDEO
         "noise_edit:F32:1,4,2,2,2 noise_alpha:F32:1,4,2,2,3 noise_composite:F32:1,4,2,2,2 " IDS
             NEGATIVE,
         3, "‘noise_alpha’"},
        {VIDEO NOISE "input_ids:I64:1,3=640 attention_mask:I64:1,3 " NEGATIVE, 3,
         "ids of the vocabulary"},
        {VIDEO NOISE "input_ids:I64:1,3 attention_mask:I64:1,3=7 " NEGATIVE, 3, "0 or 1"},
        {VIDEO NOISE "input_ids:I64:1,3 attention_mask:I64:1,3=0 " NEGATIVE, 3, "no tokens"},
        {VIDEO NOISE "input_ids:I64:1,513 attention_mask:I64:1,513 " NEGATIVE, 3, "1 to 512"},
    };

    check_cases(EVAL("pipeline"), cases, G_N_ELEMENTS(cases));
}

static void
test_snapper(void)
{
    static const Case cases[] = {
        {"input:F32:1,16,4,4", 0, NULL},
        {"video:F32:1,16,4,4", 3, "‘input’ is not in"},
        {"input:F32:1,17,4,4", 3, "[1, 16, height, width]"},
        {"input:F32:1,16,0,4", 3, "[1, 16, 0, 4]"},
        {"input:F32:1,16,1,40000", 3, "height, width"},
        {"input:F32:1,16,4,4=~nan", 3, "nan at place 255"},
    };

    check_cases(EVAL("snapper"), cases, G_N_ELEMENTS(cases));
}

static void
test_tokenizer(void)
{
    g_autofree char *text = NULL;

    assert_refused("vera eval tokenizer --model \"$model\"", 2, "--text is missing");
    assert_refused("vera eval tokenizer --text fox", 2, "--model is missing");
    assert_refused("vera eval tokenizer --model nowhere --text fox", 4, "nowhere");
    assert_refused("vera eval tokenizer --model \"$model\" --text $'\\xff\\xfe'", 2, "UTF-8");
    g_assert_cmpint(run(&text, "vera eval tokenizer --model \"$model\" --text '' 2>/dev/null"), ==,
                    0);
    g_assert_cmpstr(g_strchomp(text), ==, "1");
}

/* What is wrong with the files themselves; the input is as it was. */
static void
test_files(void)
{
    make_inputs("latents:F32:1,4,2,1,2");
    g_assert_cmpint(run(NULL, "cp in.safetensors sound; mkdir folder"), ==, 0);
    assert_refused("vera eval upscale --model \"$model\"", 2, "no module ‘upscale’");
    assert_refused("vera eval", 2, "Name one module");
    assert_refused("vera eval vae-decode --model \"$model\" --in in.safetensors", 2,
                   "--in and --out");
    assert_refused("vera eval vae-decode --model \"$model\" --in nothing --out out.safetensors", 3,
                   "nothing");
    assert_refused("vera eval vae-decode --model \"$model\" --in folder --out out.safetensors", 3,
                   "folder");
    assert_refused(
        "vera eval vae-decode --model \"$model\" --in sound --out nowhere/out.safetensors", 1,
        "nowhere");
    assert_refused("vera eval vae-decode --model \"$model\" --in sound --out folder", 2,
                   "‘folder’");
    assert_refused("vera eval vae-decode --model \"$model\" --in sound --out ''", 2, "no file");
    assert_refused("vera eval vae-decode --model \"$model\" --in sound --out /dev/null", 2,
                   "/dev/null");
    assert_refused("vera eval vae-decode --model \"$model\" --in sound --out ./sound", 2,
                   "overwrite the input");
    assert_refused("cp sound x.part; vera eval vae-decode --model \"$model\" --in x.part --out x",
                   2, "overwrite the input");
    assert_refused(EVAL("vae-decode") "--device tpu", 2, "tpu");
    assert_refused(EVAL("vae-decode") "--dtype f64", 2, "f64");
    assert_refused("ulimit -f 1; " EVAL("vae-decode"), 6, "out.safetensors");
    for (int size = 0; size < 190; size += 13) {
        g_autofree char *command =
            g_strdup_printf("head -c %d sound >in.safetensors; " EVAL("vae-decode"), size);
        assert_refused(command, 3, "in.safetensors");
    }
    g_assert_cmpint(run(NULL, "test -c /dev/null && cmp x.part sound"), ==, 0);
}

/* Terabytes are claimed by a file of holes in a moment; they are refused as fast. */
static void
test_memory(void)
{
    g_autofree char *header =
        g_strdup_printf("%-120s", "{\"video\":{\"dtype\":\"F32\",\"shape\":[1,3,65537,4096,4096],"
                                  "\"data_offsets\":[0,13194340859904]}}");
    guint64 length = GUINT64_TO_LE((guint64)strlen(header));
    g_autofree char *path = g_build_filename(root_dir, "in.safetensors", NULL);
    FILE *file = g_fopen(path, "wb");

    g_assert_true(fwrite(&length, sizeof length, 1, file) == 1 &&
                  fwrite(header, strlen(header), 1, file) == 1);
    g_assert_true(fclose(file) == 0);
    if (truncate(path, (off_t)(8 + strlen(header)) + 3ll * 65537 * 4096 * 4096 * 4) != 0) {
        g_test_skip("No file of this size can be made here.");
        return;
    }
    assert_refused(EVAL("vae-encode"), 33, "GiB");
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    root_dir = g_dir_make_tmp("vera-eval-XXXXXX", NULL);
    g_test_add_func("/e2e/eval/vae-encode", test_vae_encode);
    g_test_add_func("/e2e/eval/vae-decode", test_vae_decode);
    g_test_add_func("/e2e/eval/text-encoder", test_text_encoder);
    g_test_add_func("/e2e/eval/branch", test_branch);
    g_test_add_func("/e2e/eval/transformer", test_transformer);
    g_test_add_func("/e2e/eval/sampler", test_sampler);
    g_test_add_func("/e2e/eval/pipeline", test_pipeline);
    g_test_add_func("/e2e/eval/snapper", test_snapper);
    g_test_add_func("/e2e/eval/tokenizer", test_tokenizer);
    g_test_add_func("/e2e/eval/files", test_files);
    g_test_add_func("/e2e/eval/memory", test_memory);
    code = g_test_run();
    run(NULL, "rm -rf \"$PWD\"");
    return code;
}
