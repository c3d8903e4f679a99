#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "tests/fuzz/fuzz.h"

/* Changes a few places of @input: bytes set, copied from another input, cut out, repeated, or made
 * into what parsers stumble over. */
static void
mutate(GByteArray *input, const GByteArray *other, GRand *rand)
{
    static const char *const words[] = {"-1",   "0",       "1e999", "null", "{",
                                        "}",    "[",       "]",     "\"",   "9223372036854775807",
                                        "-0.0", "\\u0000", ","};
    int n = g_rand_int_range(rand, 1, 5);

    for (int i = 0; i < n; i++) {
        guint at = input->len > 0 ? (guint)g_rand_int_range(rand, 0, (gint32)input->len) : 0;
        guint wanted = (guint)g_rand_int_range(rand, 1, 24), length = MIN(wanted, input->len - at);
        const char *word = words[g_rand_int_range(rand, 0, G_N_ELEMENTS(words))];
        g_autoptr(GByteArray) tail = g_byte_array_new();
        g_byte_array_append(tail, input->data + at, input->len - at);
        g_byte_array_set_size(input, at);
        switch (g_rand_int_range(rand, 0, 5)) {
        case 0: /* one byte */
            if (tail->len > 0)
                tail->data[0] = (guint8)g_rand_int_range(rand, 0, 256);
            break;
        case 1: /* out */
            if (length > 0)
                g_byte_array_remove_range(tail, 0, length);
            break;
        case 2: /* twice */
            g_byte_array_append(input, tail->data, length);
            break;
        case 3: /* a word, in the place of as many bytes or between them */
            g_byte_array_append(input, (const guint8 *)word, (guint)strlen(word));
            if (length > 0 && g_rand_boolean(rand))
                g_byte_array_remove_range(tail, 0, length);
            break;
        default:
            if (other->len > 0) {
                guint from = (guint)g_rand_int_range(rand, 0, (gint32)other->len);
                g_byte_array_append(input, other->data + from, MIN(other->len - from, 2 * length));
            }
        }
        g_byte_array_append(input, tail->data, tail->len);
    }
}

static GPtrArray *
load(const char *path)
{
    GPtrArray *inputs = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        char *bytes;
        gsize length;
        if (!g_file_get_contents(file, &bytes, &length, NULL))
            exit(1);
        g_ptr_array_add(inputs, g_byte_array_new_take((guint8 *)bytes, length));
    }
    return inputs;
}

/* Runs a target on every file of a corpus, for builds without libFuzzer, and with SECONDS and SEED
 * on changed ones, the last of which is left as the file “input” of the current folder. A crash is
 * the failure. */
int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) inputs = argc > 1 ? load(argv[1]) : g_ptr_array_new();
    gint64 end = g_get_monotonic_time() + (argc > 2 ? atoi(argv[2]) : 0) * G_USEC_PER_SEC, n = 0;
    g_autoptr(GRand) rand = g_rand_new_with_seed(argc > 3 ? (guint32)atoi(argv[3]) : 1);

    for (guint i = 0; i < inputs->len; i++) {
        GByteArray *input = g_ptr_array_index(inputs, i);
        LLVMFuzzerTestOneInput(input->data, input->len);
    }
    for (; inputs->len > 0 && g_get_monotonic_time() < end; n++) {
        const GByteArray *from =
            g_ptr_array_index(inputs, (guint)g_rand_int_range(rand, 0, (gint32)inputs->len));
        const GByteArray *other =
            g_ptr_array_index(inputs, (guint)g_rand_int_range(rand, 0, (gint32)inputs->len));
        g_autoptr(GByteArray) input = g_byte_array_new();
        g_byte_array_append(input, from->data, from->len);
        mutate(input, other, rand);
        if (!g_file_set_contents_full("input", (const char *)input->data, input->len,
                                      G_FILE_SET_CONTENTS_NONE, 0600, NULL))
            exit(1);
        LLVMFuzzerTestOneInput(input->data, input->len);
    }
    printf("%u inputs, %" G_GINT64_FORMAT " changed ones\n", inputs->len, n);
    return inputs->len == 0;
}
