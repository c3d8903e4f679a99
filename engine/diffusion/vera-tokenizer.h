#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** VeraTokenizer: SentencePiece with Wan's text cleaning (wan21-spec.md section 4.4). Thread-safety: safe after creation. */
typedef struct _VeraTokenizer VeraTokenizer;

VeraTokenizer *vera_tokenizer_new(const char *spiece_model_path, GError **error);
void vera_tokenizer_free(VeraTokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTokenizer, vera_tokenizer_free)

/** vera_tokenizer_clean: Returns: (transfer full): @text cleaned; %NULL and %VERA_ENGINE_ERROR_USAGE for invalid UTF-8 */
char *vera_tokenizer_clean(const char *text, GError **error);

/**
 * vera_tokenizer_encode: cleans, tokenizes, truncates to 511 pieces, appends the end mark (id 1).
 * Returns: (transfer full) (element-type gint64): the ids, or %NULL with %VERA_ENGINE_ERROR_USAGE (invalid UTF-8)
 */
GArray *vera_tokenizer_encode(VeraTokenizer *self, const char *text, GError **error);

/** vera_tokenizer_get_n_pieces: Returns: size of the vocabulary */
int vera_tokenizer_get_n_pieces(VeraTokenizer *self);

G_END_DECLS
