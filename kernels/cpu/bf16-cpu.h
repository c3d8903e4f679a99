#pragma once

#include "kernels/vera-k-private.h"

/*
 * Products of bf16 values with sums in F32, for processors with AVX512_BF16: one small kernel that keeps 12 rows by 32 columns of
 * sums in vector registers, or 32 by 32 in those of AMX, and the order of weights that it reads. Linear layers, attention and
 * convolutions are built on it. Every sum runs over its terms in one fixed order, whatever the number of threads.
 */

/** VERA_K_BF16_MAX_ROWS: rows of one call of any kernel at most */
#define VERA_K_BF16_MAX_ROWS 32

/** VERA_K_BF16_COLUMNS: columns of a panel; panels of at most 16 columns are half as wide */
#define VERA_K_BF16_COLUMNS 32

/** vera_k_bf16_is_native: Returns: whether a kernel can run here */
bool vera_k_bf16_is_native(void);

/** vera_k_bf16_has_amx: Returns: whether it is that of AMX; VERA_KERNELS=avx512-bf16 forbids it */
bool vera_k_bf16_has_amx(void);

/** vera_k_bf16_get_rows: Returns: rows of one call of the kernel at most: 12, or VERA_K_BF16_MAX_ROWS with AMX */
int vera_k_bf16_get_rows(void);

/** vera_k_bf16_pad_terms: Returns: terms that a sum over @k has in memory, with zeros behind: an even number, with AMX of 32 */
int64_t vera_k_bf16_pad_terms(int64_t k);

/** vera_k_bf16_panel_width: Returns: columns that a panel of a matrix of @n columns has in memory: 16 or 32 */
int64_t vera_k_bf16_panel_width(int64_t n);

/** vera_k_bf16_panel_size: Returns: elements of one panel for sums over @k terms */
int64_t vera_k_bf16_panel_size(int64_t n, int64_t k);

/**
 * VeraKBf16Matrix: columns to pack: element (term, column) is at data[column * column_stride + term * term_stride].
 * @n: columns of the whole matrix
 * @k: terms of each sum
 */
typedef struct {
    const void *data;
    VeraKDType dtype;
    int64_t n, k;
    int64_t column_stride, term_stride;
} VeraKBf16Matrix;

/** vera_k_bf16_pack: panel @panel of @matrix, rounded to bf16: pairs of terms, padded, then columns; what is missing is 0. */
void vera_k_bf16_pack(const VeraKBf16Matrix *matrix, int64_t panel, uint16_t *out);

/** vera_k_bf16_round: @n floats to bf16, to the nearest and there to even */
void vera_k_bf16_round(const float *x, uint16_t *out, int64_t n);

/** vera_k_bf16_fill_row: @n values, F32 to be rounded or BF16, and zeros up to vera_k_bf16_pad_terms() */
void vera_k_bf16_fill_row(const void *x, VeraKDType dtype, uint16_t *out, int64_t n);

/**
 * VeraKBf16Tile: one call of the kernel: c[i][j] = sum over parts p and terms t of a[p][i * row_stride + t] * b[p](t, j).
 * @n_rows: 1..vera_k_bf16_get_rows()
 * @width: 16 or 32, the panel's width in memory
 * @n_columns: columns that are written, 1..@width
 * @n_parts: pieces that a sum consists of
 * @a: where each piece's first row begins; rows hold 2 * @n_pairs bf16 values, which is a padded number
 * @b: each piece's part of a panel
 * @is_adding: c starts from what is in memory
 */
typedef struct {
    int n_rows, width, n_columns, n_parts;
    const uint16_t *const *a;
    const uint16_t *const *b;
    int64_t row_stride, n_pairs;
    float *c;
    int64_t c_stride;
    bool is_adding;
} VeraKBf16Tile;

void vera_k_bf16_multiply(const VeraKBf16Tile *tile);

/** vera_k_bf16_end: the calling thread multiplies no more for now: what it has taken of the processor for that is given back. */
void vera_k_bf16_end(void);

/* The same on AMX, once it has been granted. */
bool vera_k_bf16_amx_request(void);
void vera_k_bf16_amx_multiply(const VeraKBf16Tile *tile);
void vera_k_bf16_amx_end(void);
