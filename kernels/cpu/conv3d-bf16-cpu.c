#include "config.h"

#include <omp.h>
#include <string.h>

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/*
 * A task makes a tile of all output frames: it rounds what the tile sees of [cache ; x] to bf16 once, with zeros where padding is,
 * and then every sum over taps and channels stays in registers. Nothing of the size of a frame is made.
 */

#define VERA_K_CONV_TILE_ROWS 4
#define VERA_K_CONV_TILE_COLUMNS 204

typedef struct {
    const VeraKConv3d *op;
    const uint16_t *panels; /* [panel][tap][pair of channels][column][2] */
    const float *bias;
    int64_t channels;           /* of the input, padded */
    int64_t width, n_panels;
    int64_t tile_columns;       /* of the output */
    int64_t in_rows, in_columns; /* that a tile sees */
    int64_t n_frames;           /* cached and new */
    int64_t n_taps;
} VeraKConv3dBf16;

static const char *
vera_k_conv3d_bf16_get_frame(const VeraKConv3d *op, int64_t t)
{
    int64_t n_cached = op->cache.data ? op->cache.shape[0] : 0;
    int64_t size = op->x.shape[1] * op->x.shape[2] * op->x.shape[3] * (int64_t)vera_k_dtype_size(op->x.dtype);

    return t < n_cached ? (const char *)op->cache.data + t * size : (const char *)op->x.data + (t - n_cached) * size;
}

/* One row of the tile's input: @row and @column count in padded, enlarged pixels less the padding, and may lie outside. */
static void
vera_k_conv3d_bf16_fill_row(const VeraKConv3dBf16 *self, const char *frame, int64_t row, int64_t column, uint16_t *out)
{
    const VeraKConv3d *op = self->op;
    int64_t up = op->upsample, h = op->x.shape[1], w = op->x.shape[2], c = op->x.shape[3], n = self->in_columns;
    int64_t from = column < 0 ? -column : 0, to = w * up - column < n ? w * up - column : n;
    int64_t pixel = c * (int64_t)vera_k_dtype_size(op->x.dtype);
    const char *line = frame + row / up * w * pixel;

    if (row < 0 || row >= h * up || to <= from) {
        memset(out, 0, (size_t)(n * self->channels) * sizeof *out);
        return;
    }
    memset(out, 0, (size_t)(from * self->channels) * sizeof *out);
    memset(out + to * self->channels, 0, (size_t)((n - to) * self->channels) * sizeof *out);
    if (up == 1 && c == self->channels) {
        vera_k_bf16_fill_row(line + (column + from) * pixel, op->x.dtype, out + from * c, (to - from) * c);
        return;
    }
    for (int64_t i = from; i < to; i++)
        vera_k_bf16_fill_row(line + (column + i) / up * pixel, op->x.dtype, out + i * self->channels, c);
}

static void
vera_k_conv3d_bf16_fill(const VeraKConv3dBf16 *self, int64_t row, int64_t column, uint16_t *tile)
{
    const VeraKConv3d *op = self->op;

    for (int64_t t = 0; t < self->n_frames; t++)
        for (int64_t r = 0; r < self->in_rows; r++)
            vera_k_conv3d_bf16_fill_row(self, vera_k_conv3d_bf16_get_frame(op, t), row * op->stride_h - op->pad_h_before + r,
                                        column * op->stride_w - op->pad_w_before,
                                        tile + (t * self->in_rows + r) * self->in_columns * self->channels);
}

/* Where the taps of output (t, row) begin in the tile and in the panel; frames of padding have none. */
static int
vera_k_conv3d_bf16_list_parts(
    const VeraKConv3dBf16 *self, int64_t t, int64_t row, const uint16_t *tile, const uint16_t *panel, const uint16_t **a, const uint16_t **b)
{
    const VeraKConv3d *op = self->op;
    const int64_t *k = op->weight.shape;
    int n = 0;

    for (int64_t tap = 0; tap < self->n_taps; tap++) {
        int64_t frame = t * op->stride_t + tap / (k[3] * k[4]) - op->pad_t, r = row * op->stride_h + tap / k[4] % k[3];
        if (frame < 0)
            continue;
        a[n] = tile + ((frame * self->in_rows + r) * self->in_columns + tap % k[4]) * self->channels;
        b[n++] = panel + tap * self->channels * self->width;
    }
    return n;
}

/* Adds bias and residual to what the kernel gave for pixels (t, p, q...) and stores it. */
static void
vera_k_conv3d_bf16_store(const VeraKConv3dBf16 *self, const VeraKBf16Tile *tile, const int64_t at[3], int64_t first)
{
    const VeraKConv3d *op = self->op;
    int64_t o = op->y.shape[3], offset = ((at[0] * op->y.shape[1] + at[1]) * op->y.shape[2] + at[2]) * o + first;

    for (int i = 0; i < tile->n_rows; i++) {
        const float *sums = tile->c + i * tile->c_stride;
        float *y = (float *)op->y.data + offset + i * o;
        const float *residual = op->residual.data ? (const float *)op->residual.data + offset + i * o : NULL;
        for (int j = 0; j < tile->n_columns; j++) {
            float v = self->bias ? sums[j] + self->bias[first + j] : sums[j];
            y[j] = residual ? v + residual[j] : v;
        }
    }
}

static void
vera_k_conv3d_bf16_run_row(const VeraKConv3dBf16 *self, VeraKBf16Tile *tile, const int64_t at[3], int64_t n_columns, int64_t first, const uint16_t **a)
{
    int64_t step = vera_k_bf16_get_rows();

    for (int64_t q = 0; q < n_columns; q += step) {
        tile->n_rows = (int)(n_columns - q < step ? n_columns - q : step);
        vera_k_bf16_multiply(tile);
        vera_k_conv3d_bf16_store(self, tile, (const int64_t[3]){ at[0], at[1], at[2] + q }, first);
        for (int i = 0; i < tile->n_parts; i++)
            a[i] += step * tile->row_stride;
    }
}

static void
vera_k_conv3d_bf16_task(const VeraKConv3dBf16 *self, int64_t row, int64_t column, char *memory)
{
    const VeraKConv3d *op = self->op;
    const int64_t *s = op->y.shape;
    int64_t rows = s[1] - row < VERA_K_CONV_TILE_ROWS ? s[1] - row : VERA_K_CONV_TILE_ROWS;
    int64_t columns = s[2] - column < self->tile_columns ? s[2] - column : self->tile_columns;
    float sums[VERA_K_BF16_MAX_ROWS * VERA_K_BF16_COLUMNS];
    const uint16_t **a = (const uint16_t **)(void *)memory, **b = a + self->n_taps;
    uint16_t *input = (uint16_t *)(b + self->n_taps);
    VeraKBf16Tile tile = { .width = (int)self->width, .a = a, .b = b, .row_stride = op->stride_w * self->channels,
                           .n_pairs = self->channels / 2, .c = sums, .c_stride = VERA_K_BF16_COLUMNS };

    vera_k_conv3d_bf16_fill(self, row, column, input);
    for (int64_t panel = 0; panel < self->n_panels; panel++) {
        const uint16_t *weights = self->panels + panel * self->n_taps * self->channels * self->width;
        int64_t first = panel * self->width;
        tile.n_columns = (int)(s[3] - first < self->width ? s[3] - first : self->width);
        for (int64_t t = 0; t < s[0]; t++) {
            for (int64_t r = 0; r < rows; r++) {
                tile.n_parts = vera_k_conv3d_bf16_list_parts(self, t, r, input, weights, a, b);
                vera_k_conv3d_bf16_run_row(self, &tile, (const int64_t[3]){ t, row + r, column }, columns, first, a);
            }
        }
    }
}

static void
vera_k_conv3d_bf16_pack(const VeraKConv3dBf16 *self, int64_t at, uint16_t *panels)
{
    const VeraKTensor *w = &self->op->weight;
    int64_t tap = at % self->n_taps, c = w->shape[1];
    VeraKBf16Matrix matrix = { (const char *)w->data + (size_t)tap * vera_k_dtype_size(w->dtype), w->dtype, w->shape[0], c,
                               c * self->n_taps, self->n_taps };

    vera_k_bf16_pack(&matrix, at / self->n_taps, panels + at * self->channels * self->width);
}

static void
vera_k_conv3d_bf16_init(VeraKConv3dBf16 *self, const VeraKConv3d *op)
{
    const int64_t *k = op->weight.shape, *s = op->y.shape;
    int64_t n_tiles = (s[2] + VERA_K_CONV_TILE_COLUMNS - 1) / VERA_K_CONV_TILE_COLUMNS;
    int64_t rows = s[1] < VERA_K_CONV_TILE_ROWS ? s[1] : VERA_K_CONV_TILE_ROWS, step = vera_k_bf16_get_rows();

    *self = (VeraKConv3dBf16){ .op = op, .channels = vera_k_bf16_pad_terms(k[1]), .width = vera_k_bf16_panel_width(k[0]), .n_taps = k[2] * k[3] * k[4] };
    self->n_panels = (k[0] + self->width - 1) / self->width;
    self->tile_columns = ((s[2] + n_tiles - 1) / n_tiles + step - 1) / step * step;
    self->in_rows = (rows - 1) * op->stride_h + k[3];
    self->in_columns = (self->tile_columns - 1) * op->stride_w + k[4];
    self->n_frames = (op->cache.data ? op->cache.shape[0] : 0) + op->x.shape[0];
}

VeraKStatus
vera_k_conv3d_bf16_native(VeraKCtx *ctx, const VeraKConv3d *op)
{
    VeraKConv3dBf16 self;
    int64_t n_rows, n_columns, n_packs;
    size_t bias_size = (size_t)(op->y.shape[3] + 15) / 16 * 64, panels_size, work;
    uint16_t *panels;
    char *scratch;
    VeraKStatus status;

    vera_k_conv3d_bf16_init(&self, op);
    n_rows = (op->y.shape[1] + VERA_K_CONV_TILE_ROWS - 1) / VERA_K_CONV_TILE_ROWS;
    n_columns = (op->y.shape[2] + self.tile_columns - 1) / self.tile_columns;
    n_packs = self.n_panels * self.n_taps;
    panels_size = (size_t)(n_packs * self.channels * self.width * 2 + 63) / 64 * 64;
    work = ((size_t)self.n_taps * 2 * sizeof(void *) + (size_t)(self.n_frames * self.in_rows * self.in_columns * self.channels) * 2 + 63) / 64 * 64;
    status = vera_k_scratch(ctx, bias_size + panels_size + work * (size_t)ctx->n_threads, (void **)&scratch);
    if (status != VERA_K_OK)
        return status;
    if (op->bias.data != NULL) {
        self.bias = (float *)scratch;
        vera_k_convert_to_f32(op->bias.data, op->bias.dtype, (float *)scratch, op->y.shape[3]);
    }
    self.panels = panels = (uint16_t *)(scratch + bias_size);
#pragma omp parallel num_threads(ctx->n_threads)
    {
        char *memory = scratch + bias_size + panels_size + work * (size_t)omp_get_thread_num();
#pragma omp for schedule(dynamic, 4)
        for (int64_t i = 0; i < n_packs; i++)
            vera_k_conv3d_bf16_pack(&self, i, panels);
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < n_rows * n_columns; i++)
            if (!vera_k_must_stop(ctx))
                vera_k_conv3d_bf16_task(&self, i / n_columns * VERA_K_CONV_TILE_ROWS, i % n_columns * self.tile_columns, memory);
        vera_k_bf16_end();
    }
    return vera_k_end(ctx);
}
