#pragma once

#include <stddef.h>

/* The few C calls that the tokenizer needs of SentencePiece, which is C++. No exception leaves them. */

#ifdef __cplusplus
extern "C" {
#endif

/** vera_sentencepiece_load: Returns: a processor, or NULL when @path is no SentencePiece model */
void *vera_sentencepiece_load(const char *path);
void vera_sentencepiece_free(void *processor);

/** vera_sentencepiece_encode: fills at most @max ids. Returns: how many there are in all, or -1 on failure */
long vera_sentencepiece_encode(void *processor, const char *text, size_t length, int *ids, long max);

/** vera_sentencepiece_get_n_pieces: Returns: size of the vocabulary */
int vera_sentencepiece_get_n_pieces(void *processor);

#ifdef __cplusplus
}
#endif
