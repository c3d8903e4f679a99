#include "config.h"

#include <string.h>

#include "kernels/cpu/bf16-cpu.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VERA_K_AMX_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,amx-tile,amx-bf16")))

/* What the intrinsics do to memory is not told to the compiler. */
#define VERA_K_AMX_FENCE() __asm__ volatile("" ::: "memory")

/* The operand of ldtilecfg, as Intel's manual has it (volume 1, chapter "Programming with Intel AMX"). */
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} VeraKAmxConfig;

_Static_assert(sizeof(VeraKAmxConfig) == 64, "ldtilecfg reads 64 bytes");

/* Rows that the tiles of this thread are laid out for; 0: they are not in use. */
static _Thread_local int vera_k_amx_rows;

/* The kernel gives the registers only to processes that have asked for them. */
bool
vera_k_bf16_amx_request(void)
{
    const long request_permission = 0x1023, tile_data = 18; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    unsigned a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) != 0 && (d >> 24 & 1) != 0 &&
           syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

/* Tiles 0 to 3: sums of two by two blocks of 16 rows and 16 columns; 4 and 5: rows; 6 and 7: columns. */
VERA_K_AMX_TARGET static void
vera_k_bf16_amx_lay_out(int n_rows)
{
    VeraKAmxConfig config = { .palette = 1 };
    int upper = n_rows < 16 ? n_rows : 16, lower = n_rows > 16 ? n_rows - 16 : 1;

    if (n_rows == vera_k_amx_rows)
        return;
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = (uint8_t)(i >= 6 ? 16 : i == 2 || i == 3 || i == 5 ? lower : upper);
    }
    VERA_K_AMX_FENCE();
    _tile_loadconfig(&config);
    vera_k_amx_rows = n_rows;
}

static inline __attribute__((always_inline)) VERA_K_AMX_TARGET void
vera_k_bf16_amx_sum(const VeraKBf16Tile *t, float *c, int64_t c_stride, const bool has_lower, const bool has_right)
{
    const size_t a_bytes = (size_t)t->row_stride * 2, b_bytes = (size_t)t->width * 4, c_bytes = (size_t)c_stride * 4;

    VERA_K_AMX_FENCE();
    _tile_zero(0);
    if (has_right)
        _tile_zero(1);
    if (has_lower)
        _tile_zero(2);
    if (has_lower && has_right)
        _tile_zero(3);
    for (int part = 0; part < t->n_parts; part++) {
        const uint16_t *a = t->a[part], *b = t->b[part];
        for (int64_t p = 0; p < t->n_pairs; p += 16, a += 32, b += 32 * t->width) {
            _tile_loadd(6, b, b_bytes);
            if (has_right)
                _tile_loadd(7, b + 32, b_bytes);
            _tile_loadd(4, a, a_bytes);
            _tile_dpbf16ps(0, 4, 6);
            if (has_right)
                _tile_dpbf16ps(1, 4, 7);
            if (has_lower) {
                _tile_loadd(5, a + 16 * t->row_stride, a_bytes);
                _tile_dpbf16ps(2, 5, 6);
                if (has_right)
                    _tile_dpbf16ps(3, 5, 7);
            }
        }
    }
    _tile_stored(0, c, c_bytes);
    if (has_right)
        _tile_stored(1, c + 16, c_bytes);
    if (has_lower)
        _tile_stored(2, c + 16 * c_stride, c_bytes);
    if (has_lower && has_right)
        _tile_stored(3, c + 16 * c_stride + 16, c_bytes);
    VERA_K_AMX_FENCE();
}

VERA_K_AMX_TARGET static void
vera_k_bf16_amx_choose(const VeraKBf16Tile *t, float *c, int64_t c_stride)
{
    bool has_right = t->width > 16;

    vera_k_bf16_amx_lay_out(t->n_rows);
    if (t->n_rows > 16 && has_right)
        vera_k_bf16_amx_sum(t, c, c_stride, true, true);
    else if (t->n_rows > 16)
        vera_k_bf16_amx_sum(t, c, c_stride, true, false);
    else if (has_right)
        vera_k_bf16_amx_sum(t, c, c_stride, false, true);
    else
        vera_k_bf16_amx_sum(t, c, c_stride, false, false);
}

VERA_K_AMX_TARGET void
vera_k_bf16_amx_multiply(const VeraKBf16Tile *t)
{
    _Alignas(64) float sums[VERA_K_BF16_MAX_ROWS * VERA_K_BF16_COLUMNS];

    if (!t->is_adding && t->n_columns == t->width) {
        vera_k_bf16_amx_choose(t, t->c, t->c_stride);
        return;
    }
    vera_k_bf16_amx_choose(t, sums, VERA_K_BF16_COLUMNS);
    for (int i = 0; i < t->n_rows; i++) {
        const float *from = sums + i * VERA_K_BF16_COLUMNS;
        float *c = t->c + i * t->c_stride;
        if (!t->is_adding)
            memcpy(c, from, (size_t)t->n_columns * sizeof *c);
        else
            for (int j = 0; j < t->n_columns; j++)
                c[j] += from[j];
    }
}

VERA_K_AMX_TARGET void
vera_k_bf16_amx_end(void)
{
    if (vera_k_amx_rows != 0)
        _tile_release();
    vera_k_amx_rows = 0;
}
#else
bool
vera_k_bf16_amx_request(void)
{
    return false;
}

/* Never called: vera_k_bf16_amx_request() says no. */
void
vera_k_bf16_amx_multiply(const VeraKBf16Tile *tile)
{
}

void
vera_k_bf16_amx_end(void)
{
}
#endif
