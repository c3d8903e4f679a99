#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/bf16-cpu.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define VERA_K_HAS_BF16_CODE 1
#define VERA_K_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#else
#define VERA_K_HAS_BF16_CODE 0
#define VERA_K_BF16_TARGET
#endif

/* Rows of vector registers that sums fill. */
#define VERA_K_BF16_ROWS 12

enum {
    VERA_K_BF16_UNKNOWN,
    VERA_K_BF16_NONE,
    VERA_K_BF16_VECTORS,
    VERA_K_BF16_AMX,
};

static int
vera_k_bf16_find_kind(void)
{
#if VERA_K_HAS_BF16_CODE
    const char *forced = getenv("VERA_KERNELS");

    if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512dq"))
        return VERA_K_BF16_NONE;
    return (forced == NULL || strcmp(forced, "avx512-bf16") != 0) && vera_k_bf16_amx_request() ? VERA_K_BF16_AMX : VERA_K_BF16_VECTORS;
#else
    return VERA_K_BF16_NONE;
#endif
}

/* Found once; threads that do it at the same time find the same. */
static int
vera_k_bf16_get_kind(void)
{
    static int kind;

    if (__atomic_load_n(&kind, __ATOMIC_RELAXED) == VERA_K_BF16_UNKNOWN)
        __atomic_store_n(&kind, vera_k_bf16_find_kind(), __ATOMIC_RELAXED);
    return __atomic_load_n(&kind, __ATOMIC_RELAXED);
}

bool
vera_k_bf16_is_native(void)
{
    return vera_k_bf16_get_kind() != VERA_K_BF16_NONE;
}

bool
vera_k_bf16_has_amx(void)
{
    return vera_k_bf16_get_kind() == VERA_K_BF16_AMX;
}

int
vera_k_bf16_get_rows(void)
{
    return vera_k_bf16_has_amx() ? VERA_K_BF16_MAX_ROWS : VERA_K_BF16_ROWS;
}

int64_t
vera_k_bf16_pad_terms(int64_t k)
{
    int64_t align = vera_k_bf16_has_amx() ? 32 : 2;

    return (k + align - 1) / align * align;
}

int64_t
vera_k_bf16_panel_width(int64_t n)
{
    return n <= VERA_K_BF16_COLUMNS / 2 ? VERA_K_BF16_COLUMNS / 2 : VERA_K_BF16_COLUMNS;
}

int64_t
vera_k_bf16_panel_size(int64_t n, int64_t k)
{
    return vera_k_bf16_pad_terms(k) * vera_k_bf16_panel_width(n);
}

static inline uint16_t
vera_k_bf16_load(const VeraKBf16Matrix *m, int64_t column, int64_t term)
{
    int64_t at = column * m->column_stride + term * m->term_stride;

    if (term >= m->k)
        return 0;
    if (m->dtype == VERA_K_DTYPE_BF16)
        return ((const uint16_t *)m->data)[at];
    return vera_k_f32_to_bf16(m->dtype == VERA_K_DTYPE_F32 ? ((const float *)m->data)[at] : vera_k_load(m->data, m->dtype, at));
}

/* Columns lie side by side: read along them, a term at a time. */
static void
vera_k_bf16_pack_rows(const VeraKBf16Matrix *m, int64_t from, int64_t n, int64_t width, uint16_t *out)
{
    int64_t terms = vera_k_bf16_pad_terms(m->k), size = (int64_t)vera_k_dtype_size(m->dtype);
    uint16_t pair[2][VERA_K_BF16_COLUMNS] = { 0 };

    for (int64_t k = 0; k < terms; k += 2, out += 2 * width) {
        for (int64_t t = 0; t < 2; t++) {
            if (k + t < m->k)
                vera_k_bf16_fill_row((const char *)m->data + (from + (k + t) * m->term_stride) * size, m->dtype, pair[t], n);
            else
                memset(pair[t], 0, sizeof pair[t]);
        }
        for (int64_t j = 0; j < width; j++) {
            out[2 * j] = pair[0][j];
            out[2 * j + 1] = pair[1][j];
        }
    }
}

void
vera_k_bf16_pack(const VeraKBf16Matrix *m, int64_t panel, uint16_t *out)
{
    int64_t width = vera_k_bf16_panel_width(m->n), from = panel * width;
    int64_t n = m->n - from < width ? m->n - from : width, pairs = vera_k_bf16_pad_terms(m->k) / 2;

    if (m->column_stride == 1 && (m->dtype == VERA_K_DTYPE_F32 || m->dtype == VERA_K_DTYPE_BF16)) {
        vera_k_bf16_pack_rows(m, from, n, width, out);
        return;
    }
    if (n < width)
        memset(out, 0, (size_t)(pairs * width) * 2 * sizeof *out);
    for (int64_t j = 0; j < n; j++) {
        int64_t whole = m->dtype == VERA_K_DTYPE_BF16 && m->term_stride == 1 ? m->k / 2 : 0;
        const uint16_t *column = (const uint16_t *)m->data + (from + j) * m->column_stride;
        for (int64_t p = 0; p < whole; p++)
            memcpy(out + (p * width + j) * 2, column + 2 * p, 2 * sizeof *out);
        for (int64_t p = whole; p < pairs; p++) {
            out[(p * width + j) * 2] = vera_k_bf16_load(m, from + j, 2 * p);
            out[(p * width + j) * 2 + 1] = vera_k_bf16_load(m, from + j, 2 * p + 1);
        }
    }
}

void
vera_k_bf16_fill_row(const void *x, VeraKDType dtype, uint16_t *out, int64_t n)
{
    if (dtype == VERA_K_DTYPE_F32)
        vera_k_bf16_round(x, out, n);
    else
        memcpy(out, x, (size_t)n * sizeof *out);
    memset(out + n, 0, (size_t)(vera_k_bf16_pad_terms(n) - n) * sizeof *out);
}

#if VERA_K_HAS_BF16_CODE
static VERA_K_BF16_TARGET void
vera_k_bf16_round_vectors(const float *x, uint16_t *out, int64_t n)
{
    int64_t i = 0;

    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(out + i), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
    for (; i < n; i++)
        out[i] = vera_k_f32_to_bf16(x[i]);
}

void
vera_k_bf16_round(const float *x, uint16_t *out, int64_t n)
{
    if (vera_k_bf16_is_native())
        vera_k_bf16_round_vectors(x, out, n);
    else
        vera_k_to_bf16(x, VERA_K_DTYPE_F32, out, n);
}

/* @rows and @vectors are constants wherever this is inlined, so that the sums live in registers. */
static inline __attribute__((always_inline)) VERA_K_BF16_TARGET void
vera_k_bf16_kernel(const VeraKBf16Tile *t, const int rows, const int vectors)
{
    __m512 sums[VERA_K_BF16_ROWS][2];

#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sums[i][v] = _mm512_setzero_ps();
    for (int part = 0; part < t->n_parts; part++) {
        const uint16_t *a = t->a[part], *b = t->b[part];
        for (int64_t p = 0; p < t->n_pairs; p++, b += 32 * vectors) {
            __m512bh columns[2];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                columns[v] = (__m512bh)_mm512_loadu_si512(b + 32 * v);
#pragma GCC unroll 12
            for (int i = 0; i < rows; i++) {
                int pair;
                memcpy(&pair, a + i * t->row_stride + 2 * p, sizeof pair);
                __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sums[i][v] = _mm512_dpbf16_ps(sums[i][v], both, columns[v]);
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            float *c = t->c + i * t->c_stride + 16 * v;
            int left = t->n_columns - 16 * v;
            __mmask16 mask = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
            if (t->is_adding)
                sums[i][v] = _mm512_add_ps(sums[i][v], _mm512_maskz_loadu_ps(mask, c));
            _mm512_mask_storeu_ps(c, mask, sums[i][v]);
        }
    }
}

#define VERA_K_BF16_CASE(rows)                                                                                         \
    case rows:                                                                                                         \
        if (tile->width == VERA_K_BF16_COLUMNS)                                                                        \
            vera_k_bf16_kernel(tile, rows, 2);                                                                         \
        else                                                                                                           \
            vera_k_bf16_kernel(tile, rows, 1);                                                                         \
        break;

static VERA_K_BF16_TARGET void
vera_k_bf16_multiply_vectors(const VeraKBf16Tile *tile)
{
    switch (tile->n_rows) {
        VERA_K_BF16_CASE(1)
        VERA_K_BF16_CASE(2)
        VERA_K_BF16_CASE(3)
        VERA_K_BF16_CASE(4)
        VERA_K_BF16_CASE(5)
        VERA_K_BF16_CASE(6)
        VERA_K_BF16_CASE(7)
        VERA_K_BF16_CASE(8)
        VERA_K_BF16_CASE(9)
        VERA_K_BF16_CASE(10)
        VERA_K_BF16_CASE(11)
        VERA_K_BF16_CASE(12)
    default:
        break;
    }
}

void
vera_k_bf16_multiply(const VeraKBf16Tile *tile)
{
    if (vera_k_bf16_has_amx())
        vera_k_bf16_amx_multiply(tile);
    else
        vera_k_bf16_multiply_vectors(tile);
}
#else
void
vera_k_bf16_round(const float *x, uint16_t *out, int64_t n)
{
    vera_k_to_bf16(x, VERA_K_DTYPE_F32, out, n);
}

/* Never called: vera_k_bf16_is_native() says no. */
void
vera_k_bf16_multiply(const VeraKBf16Tile *tile)
{
}
#endif

void
vera_k_bf16_end(void)
{
    if (vera_k_bf16_has_amx())
        vera_k_bf16_amx_end();
}
