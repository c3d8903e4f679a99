#include "config.h"

#include <string.h>

#include "engine/diffusion/vera-tokenizer.h"
#include "engine/vera-engine-error.h"

/* Results of ftfy.fix_text, html.unescape twice and collapsing of white space, in Python. */
static const struct {
    const char *text;
    const char *clean;
} cases[] = {
    { "", "" },
    { "   ", "" },
    { "Add a large red balloon.", "Add a large red balloon." },
    { "  two   spaces\011and\012lines ", "two spaces and lines" },
    { "\342\200\234curly\342\200\235 \342\200\230quotes\342\200\231 it\342\200\231s", "\"curly\" 'quotes' it's" },
    { "&amp;lt;b&amp;gt; &quot;x&quot;", "<b> \"x\"" },
    { "&ldquo;red&rdquo; &hellip; &eacute;", "\"red\" \342\200\246 \303\251" },
    { "AT&T &copy 2020 &ampfoo", "AT&T \302\251 2020 &foo" },
    { "&#8220;q&#8221; &#x2014; &#151;", "\"q\" \342\200\224 \342\200\224" },
    { "\357\275\206\357\275\225\357\275\214\357\275\214 \357\275\227\357\275\211\357\275\204\357\275\224\357\275\210\357\274\201", "full width!" },
    { "\357\254\201re \357\254\202ow", "fire flow" },
    { "cafe\314\201", "caf\303\251" },
    { "a\302\240b\343\200\200c\342\200\203d", "a b c d" },
    { "<b>bold</b> &amp; &ldquo;x&rdquo;", "<b>bold</b> & \342\200\234x\342\200\235" },
    { "tab\013vt\014ff", "tabvt ff" },
    { "\033[1;31mred\033[0m", "red" },
    { "\304\262 \304\263", "IJ ij" },
    { "&thetasym; &Alpha;", "\317\221 \316\221" },
    { "&notit; &bogus; & &;", "\302\254it; &bogus; & &;" },
    { "a\342\200\250b", "a b" },
    { "\357\273\277bom", "bom" },
    { "\357\276\212\357\276\235\357\275\266\357\275\270", "\343\203\217\343\203\263\343\202\253\343\202\257" },
    { "\346\227\245\346\234\254\350\252\236", "\346\227\245\346\234\254\350\252\236" },
    { "\360\237\216\210", "\360\237\216\210" },
};

static void
test_clean(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *clean = vera_tokenizer_clean(cases[i].text, NULL);
        g_assert_cmpstr(clean, ==, cases[i].clean);
    }
}

static VeraTokenizer *
open_tokenizer(void)
{
    g_autofree char *path = g_build_filename(g_getenv("VERA_SOURCE_ROOT") ? g_getenv("VERA_SOURCE_ROOT") : ".",
                                             "tests/golden/model-f32/tokenizer/spiece.model", NULL);
    g_autoptr(GError) error = NULL;
    VeraTokenizer *tokenizer = vera_tokenizer_new(path, &error);

    g_assert_no_error(error);
    return tokenizer;
}

static void
assert_same(VeraTokenizer *tokenizer, const char *a, const char *b, gboolean is_same)
{
    g_autoptr(GArray) x = vera_tokenizer_encode(tokenizer, a, NULL);
    g_autoptr(GArray) y = vera_tokenizer_encode(tokenizer, b, NULL);

    g_assert_true((x->len == y->len && memcmp(x->data, y->data, x->len * sizeof(gint64)) == 0) == is_same);
}

static void
test_ids(void)
{
    g_autoptr(VeraTokenizer) tokenizer = open_tokenizer();
    g_autoptr(GArray) ids = vera_tokenizer_encode(tokenizer, "Add a red balloon", NULL);
    int n_pieces = vera_tokenizer_get_n_pieces(tokenizer);

    g_assert_cmpuint(ids->len, >, 3);
    g_assert_cmpint(g_array_index(ids, gint64, ids->len - 1), ==, 1);
    for (guint i = 0; i + 1 < ids->len; i++) {
        g_assert_cmpint(g_array_index(ids, gint64, i), >, 1);
        g_assert_cmpint(g_array_index(ids, gint64, i), <, n_pieces);
    }
    assert_same(tokenizer, "Add a red balloon", "  Add\ta red\n balloon ", TRUE);
    assert_same(tokenizer, "a \"red\" balloon", "a \342\200\234red&rdquo; balloon", TRUE);
    assert_same(tokenizer, "Add a red balloon", "Add a balloon red", FALSE);
}

static void
test_empty(void)
{
    static const char *const texts[] = { "", "   ", "\n\t", "&nbsp;" };
    g_autoptr(VeraTokenizer) tokenizer = open_tokenizer();

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GArray) ids = vera_tokenizer_encode(tokenizer, texts[i], NULL);
        g_assert_cmpuint(ids->len, ==, 1);
        g_assert_cmpint(g_array_index(ids, gint64, 0), ==, 1);
    }
}

static void
test_long(void)
{
    g_autoptr(VeraTokenizer) tokenizer = open_tokenizer();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GArray) ids = NULL;

    while (text->len < 100000)
        g_string_append(text, "red balloon ");
    ids = vera_tokenizer_encode(tokenizer, text->str, NULL);
    g_assert_cmpuint(ids->len, ==, 512);
    g_assert_cmpint(g_array_index(ids, gint64, 511), ==, 1);
    g_assert_cmpint(g_array_index(ids, gint64, 510), !=, 1);
}

static void
test_invalid_text(void)
{
    static const char *const texts[] = { "\xff", "red \xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80" };
    g_autoptr(VeraTokenizer) tokenizer = open_tokenizer();

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_tokenizer_encode(tokenizer, texts[i], &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE);
    }
}

static void
test_bad_file(void)
{
    g_autofree char *text = g_test_build_filename(G_TEST_DIST, "meson.build", NULL);
    const char *const paths[] = { "/nonexistent.model", "/tmp", text };

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vera_tokenizer_new(paths[i], &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS);
        g_assert_nonnull(strstr(error->message, paths[i]));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tokenizer/clean", test_clean);
    g_test_add_func("/tokenizer/ids", test_ids);
    g_test_add_func("/tokenizer/empty", test_empty);
    g_test_add_func("/tokenizer/long", test_long);
    g_test_add_func("/tokenizer/invalid-text", test_invalid_text);
    g_test_add_func("/tokenizer/bad-file", test_bad_file);
    return g_test_run();
}
