#include "config.h"

#include "engine/media/vera-sequence.h"

#include <string.h>

#include "engine/vera-engine-error.h"

/* More digits than this cannot be a frame number. */
#define VERA_SEQUENCE_MAX_DIGITS 18

/* How many gaps an error lists. */
#define VERA_SEQUENCE_MAX_GAPS 8

/** VeraSequenceName: a file name taken apart; @number is -1 where there is none. */
typedef struct {
    char *prefix;
    char *suffix;
    int n_digits;
    gint64 number;
    char *name;
} VeraSequenceName;

static void
vera_sequence_name_free(gpointer data)
{
    VeraSequenceName *self = data;
    g_free(self->prefix);
    g_free(self->suffix);
    g_free(self->name);
    g_free(self);
}

gboolean
vera_sequence_is_picture(const char *path)
{
    static const char *const endings[] = {
        ".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".bmp", ".tga", ".webp",
        ".jp2", ".j2k", ".pnm", ".ppm",  ".pgm", ".pbm",  ".pam", ".sgi", ".cin", ".hdr",
    };
    g_autofree char *lower = g_ascii_strdown(path, -1);
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
        if (g_str_has_suffix(lower, endings[i]))
            return TRUE;
    return FALSE;
}

/** The place of the only %d or %0Nd in @name, and its length and number of digits. Returns: or
 * %NULL */
static const char *
vera_sequence_find_directive(const char *name, int *length, int *n_digits)
{
    const char *start = strchr(name, '%');
    if (start == NULL || strchr(start + 1, '%') != NULL)
        return NULL;
    char *end = NULL;
    guint64 digits = start[1] == '0' ? g_ascii_strtoull(start + 1, &end, 10) : 0;
    if (end == NULL)
        end = (char *)start + 1;
    if (*end != 'd' || digits > VERA_SEQUENCE_MAX_DIGITS)
        return NULL;
    *length = (int)(end - start) + 1;
    *n_digits = (int)digits;
    return start;
}

gboolean
vera_sequence_is_pattern(const char *path)
{
    int length, n_digits;
    g_autofree char *name = g_path_get_basename(path);
    return vera_sequence_find_directive(name, &length, &n_digits) != NULL &&
           !g_file_test(path, G_FILE_TEST_EXISTS);
}

/** Takes @name apart at the last digits before its ending. */
static VeraSequenceName *
vera_sequence_name_new(const char *name)
{
    VeraSequenceName *self = g_new0(VeraSequenceName, 1);
    const char *dot = strrchr(name, '.');
    const char *end = dot != NULL ? dot : name + strlen(name);
    const char *start = end;

    while (start > name && g_ascii_isdigit(start[-1]))
        start--;
    self->n_digits = (int)(end - start);
    self->name = g_strdup(name);
    self->number = -1;
    if (self->n_digits == 0 || self->n_digits > VERA_SEQUENCE_MAX_DIGITS) {
        self->n_digits = 0;
        start = end;
    } else {
        self->number = g_ascii_strtoll(start, NULL, 10);
    }
    self->prefix = g_strndup(name, (gsize)(start - name));
    self->suffix = g_strdup(end);
    return self;
}

/** Whether @self can be of one numbering with @like: as many digits, or neither filled up with
 * zeros. */
static gboolean
vera_sequence_name_has_padding(const VeraSequenceName *self, const VeraSequenceName *like)
{
    gboolean is_filled = self->n_digits > 1 && self->name[strlen(self->prefix)] == '0';
    if (self->n_digits == like->n_digits)
        return TRUE;
    return !is_filled &&
           (self->n_digits > like->n_digits || like->name[strlen(like->prefix)] != '0');
}

static gint
vera_sequence_name_compare(gconstpointer a, gconstpointer b)
{
    const VeraSequenceName *p = *(VeraSequenceName *const *)a, *q = *(VeraSequenceName *const *)b;
    return p->number < q->number ? -1 : p->number > q->number;
}

/** Every picture name in @folder that fits @like (any, if %NULL). */
static GPtrArray *
vera_sequence_list(const char *folder, const VeraSequenceName *like, GError **error)
{
    GError *local = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &local);
    const char *name;

    if (dir == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ cannot be read: %s.", folder, local->message);
        g_error_free(local);
        return NULL;
    }
    GPtrArray *found = g_ptr_array_new_with_free_func(vera_sequence_name_free);
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (name[0] == '.' || (like == NULL && !vera_sequence_is_picture(name)))
            continue;
        VeraSequenceName *entry = vera_sequence_name_new(name);
        if (like == NULL || (entry->number >= 0 && strcmp(entry->prefix, like->prefix) == 0 &&
                             strcmp(entry->suffix, like->suffix) == 0 &&
                             vera_sequence_name_has_padding(entry, like)))
            g_ptr_array_add(found, entry);
        else
            vera_sequence_name_free(entry);
    }
    g_ptr_array_sort(found, vera_sequence_name_compare);
    return found;
}

/** Says which numbers from the first to the last are missing, all of them as far as they can be told in a line. */
static gboolean
vera_sequence_check_gaps(const char *folder, const GPtrArray *names, GError **error)
{
    const VeraSequenceName *first = g_ptr_array_index(names, 0);
    g_autoptr(GString) missing = g_string_new(NULL);
    gint64 n_missing = 0, wanted = first->number;
    int n_gaps = 0;

    for (guint i = 0; i < names->len; i++) {
        const VeraSequenceName *entry = g_ptr_array_index(names, i);
        gint64 n = entry->number - wanted;
        if (n > 0 && ++n_gaps <= VERA_SEQUENCE_MAX_GAPS) {
            g_string_append_printf(missing, "%s%0*" G_GINT64_FORMAT, missing->len ? ", " : "",
                                   first->n_digits, wanted);
            if (n > 1)
                g_string_append_printf(missing, "–%0*" G_GINT64_FORMAT, first->n_digits,
                                       entry->number - 1);
        }
        n_missing += MAX(n, 0);
        wanted = entry->number + 1;
    }
    if (n_missing == 0)
        return TRUE;
    if (n_missing == 1)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The sequence ‘%s/%s’ has no picture number %s (‘%s%s%s’); add it or move the "
                    "others away.",
                    folder, first->name, missing->str, first->prefix, missing->str, first->suffix);
    else
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The sequence ‘%s/%s’ lacks %" G_GINT64_FORMAT
                    " pictures, number %s%s; add them or move the others away.",
                    folder, first->name, n_missing, missing->str,
                    n_gaps > VERA_SEQUENCE_MAX_GAPS ? " and more" : "");
    return FALSE;
}

static VeraSequence *
vera_sequence_build(const char *folder, GPtrArray *names, GError **error)
{
    const VeraSequenceName *first = g_ptr_array_index(names, 0);
    VeraSequence *self;

    if (first->number >= 0 && !vera_sequence_check_gaps(folder, names, error))
        return NULL;
    self = g_new0(VeraSequence, 1);
    self->files = g_ptr_array_new_with_free_func(g_free);
    self->first_number = first->number;
    for (guint i = 0; i < names->len; i++) {
        const VeraSequenceName *entry = g_ptr_array_index(names, i);
        g_ptr_array_add(self->files, g_build_filename(folder, entry->name, NULL));
    }
    return self;
}

static VeraSequence *
vera_sequence_find_in_folder(const char *folder, GError **error)
{
    g_autoptr(GPtrArray) names = vera_sequence_list(folder, NULL, error);
    if (names == NULL)
        return NULL;
    if (names->len == 0) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "The folder ‘%s’ holds no pictures; choose a clip or a folder with one sequence.",
            folder);
        return NULL;
    }
    const VeraSequenceName *first = g_ptr_array_index(names, 0);
    for (guint i = 1; i < names->len; i++) {
        const VeraSequenceName *other = g_ptr_array_index(names, i);
        if (first->number >= 0 && strcmp(first->prefix, other->prefix) == 0 &&
            strcmp(first->suffix, other->suffix) == 0 &&
            vera_sequence_name_has_padding(other, first))
            continue;
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "The folder ‘%s’ holds more than one sequence (‘%s’ and ‘%s’); name a file of the one "
            "that is meant.",
            folder, first->name, other->name);
        return NULL;
    }
    return vera_sequence_build(folder, names, error);
}

static VeraSequenceName *
vera_sequence_name_new_from_pattern(const char *pattern)
{
    int length = 0, n_digits = 0;
    const char *start = vera_sequence_find_directive(pattern, &length, &n_digits);
    VeraSequenceName *self = g_new0(VeraSequenceName, 1);

    self->prefix = g_strndup(pattern, (gsize)(start - pattern));
    self->suffix = g_strdup(start + length);
    self->n_digits = MAX(n_digits, 1);
    self->name = g_strconcat(self->prefix, "0", self->suffix, NULL);
    return self;
}

VeraSequence *
vera_sequence_find(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return vera_sequence_find_in_folder(path, error);

    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    gboolean is_pattern = vera_sequence_is_pattern(path);
    VeraSequenceName *like =
        is_pattern ? vera_sequence_name_new_from_pattern(base) : vera_sequence_name_new(base);
    g_autoptr(GPtrArray) names = NULL;
    VeraSequence *self = NULL;

    if (like->number < 0 && !is_pattern) {
        names = g_ptr_array_new_with_free_func(vera_sequence_name_free);
        g_ptr_array_add(names, vera_sequence_name_new(base));
    } else {
        names = vera_sequence_list(folder, like, error);
    }
    vera_sequence_name_free(like);
    if (names != NULL && names->len == 0)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "There is no picture ‘%s’; check the path.", path);
    else if (names != NULL)
        self = vera_sequence_build(folder, names, error);
    return self;
}

void
vera_sequence_free(VeraSequence *self)
{
    g_ptr_array_unref(self->files);
    g_free(self);
}
