#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraSequence:
 * @files: (element-type utf8): paths in order
 * @first_number: the number in the first name, or -1 for a picture without one
 *
 * Numbered pictures that belong together.
 */
typedef struct {
    GPtrArray *files;
    gint64 first_number;
} VeraSequence;

/** vera_sequence_is_picture: Returns: whether the name ends like a still picture's */
gboolean vera_sequence_is_picture(const char *path);

/** vera_sequence_is_pattern: Returns: whether @path holds one %d or %0Nd and no such file exists */
gboolean vera_sequence_is_pattern(const char *path);

/**
 * vera_sequence_find:
 * @path: a picture, a printf pattern, or a folder
 * @error: return location for a #GError
 *
 * Lists the files of the sequence that @path means. A picture whose name ends in a number brings
 * every file that differs in that number alone. Errors: %VERA_ENGINE_ERROR_BAD_INPUT (nothing
 * found, a hole, more than one sequence in a folder).
 *
 * Returns: (transfer full): the sequence, or %NULL
 */
VeraSequence *vera_sequence_find(const char *path, GError **error);

/** vera_sequence_free: frees @self */
void vera_sequence_free(VeraSequence *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraSequence, vera_sequence_free)

G_END_DECLS
