#include "config.h"

#include "engine/diffusion/vera-tokenizer.h"

#include <string.h>

#include "engine/diffusion/vera-tokenizer-shim.h"
#include "engine/vera-engine-error.h"

/* Text slots of Wan2.1, end mark included. */
#define VERA_TOKENIZER_MAX_TOKENS 512
#define VERA_TOKENIZER_END 1

struct _VeraTokenizer {
    void *processor;
};

VeraTokenizer *
vera_tokenizer_new(const char *spiece_model_path, GError **error)
{
    void *processor = NULL;
    VeraTokenizer *self;

    if (g_file_test(spiece_model_path, G_FILE_TEST_IS_REGULAR))
        processor = vera_sentencepiece_load(spiece_model_path);
    if (processor == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_WEIGHTS,
                    "The tokenizer ‘%s’ is missing or is no SentencePiece model.", spiece_model_path);
        return NULL;
    }
    self = g_new0(VeraTokenizer, 1);
    self->processor = processor;
    return self;
}

void
vera_tokenizer_free(VeraTokenizer *self)
{
    if (self == NULL)
        return;
    vera_sentencepiece_free(self->processor);
    g_free(self);
}

/* Named character references of HTML that prompts hold in practice. */
static const struct {
    const char *name;
    gunichar value;
} vera_tokenizer_entities[] = {
    { "amp", '&' },      { "lt", '<' },       { "gt", '>' },       { "quot", '"' },     { "apos", '\'' },
    { "nbsp", 0xa0 },    { "copy", 0xa9 },    { "reg", 0xae },     { "deg", 0xb0 },     { "middot", 0xb7 },
    { "laquo", 0xab },   { "raquo", 0xbb },   { "times", 0xd7 },   { "ndash", 0x2013 }, { "mdash", 0x2014 },
    { "lsquo", 0x2018 }, { "rsquo", 0x2019 }, { "ldquo", 0x201c }, { "rdquo", 0x201d }, { "hellip", 0x2026 },
    { "bull", 0x2022 },  { "euro", 0x20ac },  { "trade", 0x2122 }, { "auml", 0xe4 },    { "ouml", 0xf6 },
    { "uuml", 0xfc },    { "szlig", 0xdf },   { "Auml", 0xc4 },    { "Ouml", 0xd6 },    { "Uuml", 0xdc },
    { "eacute", 0xe9 },  { "egrave", 0xe8 },  { "agrave", 0xe0 },  { "ccedil", 0xe7 },  { "ntilde", 0xf1 },
};

/* The character that the reference at @text ("&…;") stands for, 0 if none; *length is what it takes. */
static gunichar
vera_tokenizer_parse_entity(const char *text, gsize *length)
{
    const char *end = strchr(text, ';');
    guint64 value;

    if (end == NULL || end - text < 3 || end - text > 12)
        return 0;
    *length = (gsize)(end - text) + 1;
    if (text[1] == '#') {
        gboolean is_hex = text[2] == 'x' || text[2] == 'X';
        char *stop;
        value = g_ascii_strtoull(text + (is_hex ? 3 : 2), &stop, is_hex ? 16 : 10);
        return stop == end && value > 0 && value < 0x110000 && g_unichar_validate((gunichar)value) ? (gunichar)value : 0;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(vera_tokenizer_entities); i++) {
        const char *name = vera_tokenizer_entities[i].name;
        if (strlen(name) == *length - 2 && strncmp(name, text + 1, *length - 2) == 0)
            return vera_tokenizer_entities[i].value;
    }
    return 0;
}

static char *
vera_tokenizer_unescape(const char *text)
{
    GString *out = g_string_sized_new(strlen(text));

    while (*text != '\0') {
        gsize length = 0;
        gunichar value = *text == '&' ? vera_tokenizer_parse_entity(text, &length) : 0;
        if (value != 0) {
            g_string_append_unichar(out, value);
            text += length;
        } else {
            g_string_append_c(out, *text++);
        }
    }
    return g_string_free(out, FALSE);
}

/* What ftfy's default fixes do to ordinary prompts: straight quotes, plain ligatures, ordinary width. */
static void
vera_tokenizer_append_fixed(GString *out, gunichar c)
{
    static const char *const ligatures[] = { "ff", "fi", "fl", "ffi", "ffl", "st", "st" };

    if (c == 0x2018 || c == 0x2019 || c == 0x201a || c == 0x201b)
        g_string_append_c(out, '\'');
    else if (c == 0x201c || c == 0x201d || c == 0x201e || c == 0x201f)
        g_string_append_c(out, '"');
    else if (c >= 0xfb00 && c <= 0xfb06)
        g_string_append(out, ligatures[c - 0xfb00]);
    else if (c >= 0xff01 && c <= 0xff5e)
        g_string_append_c(out, (char)(c - 0xff01 + '!'));
    else if (c == 0x3000)
        g_string_append_c(out, ' ');
    else if (!(c < 32 && c != '\t' && c != '\n' && c != '\r') && c != 0x7f && c != 0xfeff)
        g_string_append_unichar(out, c);
}

static char *
vera_tokenizer_fix(const char *text)
{
    g_autofree char *composed = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);
    GString *out = g_string_sized_new(strlen(text));

    for (const char *p = composed; *p != '\0'; p = g_utf8_next_char(p))
        vera_tokenizer_append_fixed(out, g_utf8_get_char(p));
    return g_string_free(out, FALSE);
}

static char *
vera_tokenizer_collapse(const char *text)
{
    GString *out = g_string_sized_new(strlen(text));
    gboolean is_space = FALSE;

    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (g_unichar_isspace(c) || (c >= 0x1c && c <= 0x1f) || c == 0x85) {
            is_space = TRUE;
            continue;
        }
        if (is_space && out->len > 0)
            g_string_append_c(out, ' ');
        is_space = FALSE;
        g_string_append_unichar(out, c);
    }
    return g_string_free(out, FALSE);
}

char *
vera_tokenizer_clean(const char *text, GError **error)
{
    g_autofree char *fixed = NULL, *once = NULL, *twice = NULL;

    if (!g_utf8_validate(text, -1, NULL)) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                            "The instruction is not valid UTF-8 text.");
        return NULL;
    }
    fixed = vera_tokenizer_fix(text);
    once = vera_tokenizer_unescape(fixed);
    twice = vera_tokenizer_unescape(once);
    return vera_tokenizer_collapse(twice);
}

GArray *
vera_tokenizer_encode(VeraTokenizer *self, const char *text, GError **error)
{
    g_autofree char *clean = vera_tokenizer_clean(text, error);
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(gint64));
    int ids[VERA_TOKENIZER_MAX_TOKENS];
    gint64 end = VERA_TOKENIZER_END;
    long n;

    if (clean == NULL)
        return NULL;
    n = vera_sentencepiece_encode(self->processor, clean, strlen(clean), ids, VERA_TOKENIZER_MAX_TOKENS - 1);
    if (n < 0) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_FAILED,
                            "The instruction could not be split into tokens.");
        return NULL;
    }
    for (long i = 0; i < MIN(n, VERA_TOKENIZER_MAX_TOKENS - 1); i++) {
        gint64 id = ids[i];
        g_array_append_val(out, id);
    }
    g_array_append_val(out, end);
    return g_steal_pointer(&out);
}

int
vera_tokenizer_get_n_pieces(VeraTokenizer *self)
{
    return vera_sentencepiece_get_n_pieces(self->processor);
}
