#include "config.h"

#include "engine/diffusion/vera-tokenizer.h"

#include <string.h>

#include "engine/diffusion/vera-tokenizer-entities.h"
#include "engine/diffusion/vera-tokenizer-shim.h"
#include "engine/vera-engine-error.h"

/* Text slots of Wan2.1, end mark included. */
#define VERA_TOKENIZER_MAX_TOKENS 512
#define VERA_TOKENIZER_END 1
/* Bounds the work on a text made of nested references. */
#define VERA_TOKENIZER_MAX_UNESCAPES 16

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

/* What HTML 5 makes of a number that is no character, and of the range where Windows-1252 was meant. */
static gunichar
vera_tokenizer_fix_number(guint64 value)
{
    static const guint16 windows[32] = { 0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                         0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,   0x17d,  0x8f,
                                         0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                         0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178 };

    if (value >= 0x80 && value < 0xa0)
        return windows[value - 0x80];
    return value == 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0xfffd : (gunichar)value;
}

/* The number of "&#…" at @text, 0 if there is none; *length is what it takes, its semicolon included. */
static gunichar
vera_tokenizer_parse_number(const char *text, gsize *length)
{
    gboolean is_hex = text[2] == 'x' || text[2] == 'X';
    const char *digits = text + (is_hex ? 3 : 2);
    gsize n = strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789");

    if (n == 0)
        return 0;
    *length = (gsize)(digits - text) + n + (digits[n] == ';');
    return vera_tokenizer_fix_number(g_ascii_strtoull(digits, NULL, is_hex ? 16 : 10));
}

/* The character that the reference at @text ("&…") stands for, 0 if none; *length is what it takes. */
static gunichar
vera_tokenizer_parse_entity(const char *text, gsize *length)
{
    gsize n = 0;
    gunichar value;

    if (text[1] == '#')
        return vera_tokenizer_parse_number(text, length);
    while (n < 8 && g_ascii_isalnum(text[1 + n]))
        n++;
    if (text[1 + n] == ';' && (value = vera_tokenizer_get_entity(text + 1, n)) != 0) {
        *length = n + 2;
        return value;
    }
    /* The oldest names, all of Latin-1, count without their semicolon. */
    for (; n > 1; n--) {
        value = vera_tokenizer_get_entity(text + 1, n);
        if (value != 0 && value < 0x100 && value != '\'') {
            *length = n + 1;
            return value;
        }
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

/* References that end with a semicolon, as ftfy unescapes them where the text has no tags. */
static char *
vera_tokenizer_unescape_strict(const char *text)
{
    GString *out = g_string_sized_new(strlen(text));
    gboolean has_tags = strchr(text, '<') != NULL;

    while (*text != '\0') {
        gsize length = 0;
        gunichar value = *text == '&' && !has_tags ? vera_tokenizer_parse_entity(text, &length) : 0;
        if (value != 0 && text[length - 1] == ';') {
            g_string_append_unichar(out, value);
            text += length;
        } else {
            g_string_append_c(out, *text++);
        }
    }
    return g_string_free(out, FALSE);
}

/* A colour sequence of a terminal, "ESC [ 1 ; 31 m": its length, 0 if there is none. */
static gsize
vera_tokenizer_get_escape_length(const char *text)
{
    gsize n;

    if (text[0] != 0x1b || text[1] != '[')
        return 0;
    n = 2 + strspn(text + 2, "0123456789;");
    return g_ascii_isalpha(text[n]) ? n + 1 : 0;
}

static gboolean
vera_tokenizer_is_control(gunichar c)
{
    return (c < 32 && c != '\t' && c != '\n' && c != '\f' && c != '\r') || c == 0x7f || c == 0xfeff ||
           (c >= 0x206a && c <= 0x206f) || (c >= 0xfff9 && c <= 0xfffc);
}

/* What ftfy's default fixes do to ordinary prompts: straight quotes, plain ligatures, ordinary width. */
static void
vera_tokenizer_append_fixed(GString *out, gunichar c)
{
    static const char *const ligatures[] = { "ff", "fi", "fl", "ffi", "ffl", "\u017ft", "st" };

    if (c == 0x2bc || (c >= 0x2018 && c <= 0x201b)) {
        g_string_append_c(out, '\'');
    } else if (c >= 0x201c && c <= 0x201f) {
        g_string_append_c(out, '"');
    } else if (c >= 0xfb00 && c <= 0xfb06) {
        g_string_append(out, ligatures[c - 0xfb00]);
    } else if (c == 0x132 || c == 0x133) {
        g_string_append(out, c == 0x132 ? "IJ" : "ij");
    } else if ((c >= 0xff01 && c <= 0xffef) || c == 0x3000) {
        char one[8] = { 0 };
        g_autofree char *ordinary = NULL;
        g_unichar_to_utf8(c, one);
        ordinary = g_utf8_normalize(one, -1, G_NORMALIZE_NFKC);
        g_string_append(out, ordinary);
    } else if (!vera_tokenizer_is_control(c)) {
        g_string_append_unichar(out, c);
    }
}

static char *
vera_tokenizer_fix(const char *text)
{
    g_autofree char *plain = vera_tokenizer_unescape_strict(text);
    g_autoptr(GString) out = g_string_sized_new(strlen(text));
    const char *p = plain;

    while (*p != '\0') {
        gsize escape = vera_tokenizer_get_escape_length(p);
        if (escape == 0)
            vera_tokenizer_append_fixed(out, g_utf8_get_char(p));
        p = escape ? p + escape : g_utf8_next_char(p);
    }
    return g_utf8_normalize(out->str, -1, G_NORMALIZE_NFC);
}

static char *
vera_tokenizer_collapse(const char *text)
{
    GString *out = g_string_sized_new(strlen(text));
    gboolean is_space = FALSE;

    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (g_unichar_isspace(c) || c == 0x0b || (c >= 0x1c && c <= 0x1f) || c == 0x85) {
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
