#include "config.h"

#include <omp.h>

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/* One task: rows times columns of the result. Sums over more terms than this are taken in pieces, so that both operands stay near. */
#define VERA_K_LINEAR_TASK_ROWS 96
#define VERA_K_LINEAR_TASK_PANELS 8
#define VERA_K_LINEAR_TERMS 2048

/* Sums of a task that are rounded when they are finished. */
#define VERA_K_LINEAR_SUMS_SIZE ((size_t)VERA_K_LINEAR_TASK_ROWS * VERA_K_LINEAR_TASK_PANELS * VERA_K_BF16_COLUMNS * sizeof(float))

typedef struct {
    const VeraKLinear *op;
    const uint16_t *x;       /* rows of 2 * n_pairs, @x_stride apart */
    const uint16_t *panels;
    const float *bias;
    float *sums; /* a piece for each thread, or NULL if y is F32 and sums lie there */
    int64_t n_pairs, panel_size, width, x_stride;
} VeraKLinearBf16;

/* Where the sums of row @row and column @column are, of a task that begins at row @row0 and column @column0. */
static float *
vera_k_linear_bf16_at(const VeraKLinearBf16 *self, int64_t row, int64_t column, int64_t row0, int64_t column0, int64_t *stride)
{
    const VeraKLinear *op = self->op;

    *stride = self->sums != NULL ? VERA_K_LINEAR_TASK_PANELS * VERA_K_BF16_COLUMNS : op->y.stride[0];
    if (self->sums == NULL)
        return (float *)op->y.data + row * *stride + column;
    return self->sums + (size_t)omp_get_thread_num() * VERA_K_LINEAR_SUMS_SIZE / sizeof(float) + (row - row0) * *stride + column - column0;
}

static void
vera_k_linear_bf16_panel(const VeraKLinearBf16 *self, int64_t row, int64_t n_rows, int64_t first_panel, int64_t panel)
{
    const VeraKLinear *op = self->op;
    int64_t left = op->weight.shape[0] - panel * self->width, step = vera_k_bf16_get_rows();
    VeraKBf16Tile tile = { .width = (int)self->width, .n_columns = (int)(left < self->width ? left : self->width), .n_parts = 1,
                           .row_stride = self->x_stride };

    for (int64_t p = 0; p < self->n_pairs; p += VERA_K_LINEAR_TERMS / 2) {
        const uint16_t *b = self->panels + panel * self->panel_size + p * 2 * self->width, *a;
        tile.n_pairs = self->n_pairs - p < VERA_K_LINEAR_TERMS / 2 ? self->n_pairs - p : VERA_K_LINEAR_TERMS / 2;
        tile.is_adding = p > 0;
        tile.b = &b;
        tile.a = &a;
        for (int64_t i = row; i < row + n_rows; i += step) {
            a = self->x + i * tile.row_stride + 2 * p;
            tile.n_rows = (int)(row + n_rows - i < step ? row + n_rows - i : step);
            tile.c = vera_k_linear_bf16_at(self, i, panel * self->width, row, first_panel * self->width, &tile.c_stride);
            vera_k_bf16_multiply(&tile);
        }
    }
}

static void
vera_k_linear_bf16_task(const VeraKLinearBf16 *self, int64_t row, int64_t first_panel)
{
    const VeraKLinear *op = self->op;
    int64_t n = op->weight.shape[0], from = first_panel * self->width, to = from + VERA_K_LINEAR_TASK_PANELS * self->width, stride;
    int64_t n_rows = op->x.shape[0] - row < VERA_K_LINEAR_TASK_ROWS ? op->x.shape[0] - row : VERA_K_LINEAR_TASK_ROWS;

    to = to < n ? to : n;
    for (int64_t panel = first_panel; panel * self->width < to; panel++)
        vera_k_linear_bf16_panel(self, row, n_rows, first_panel, panel);
    for (int64_t i = row; i < row + n_rows; i++) {
        float *y = vera_k_linear_bf16_at(self, i, from, row, from, &stride);
        for (int64_t j = 0; self->bias != NULL && j < to - from; j++)
            y[j] += self->bias[from + j];
        vera_k_activate_row(op->activation, y, y, to - from);
        if (self->sums != NULL)
            vera_k_bf16_round(y, (uint16_t *)op->y.data + i * op->y.stride[0] + from, to - from);
    }
}

VeraKStatus
vera_k_linear_bf16_native(VeraKCtx *ctx, const VeraKLinear *op)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0], row = vera_k_bf16_pad_terms(k);
    VeraKLinearBf16 self = { .op = op, .n_pairs = row / 2, .panel_size = vera_k_bf16_panel_size(n, k),
                             .width = vera_k_bf16_panel_width(n), .x_stride = row };
    VeraKBf16Matrix matrix = { op->weight.data, op->weight.dtype, n, k, k, 1 };
    int64_t n_panels = (n + self.width - 1) / self.width;
    int64_t n_row_tasks = (m + VERA_K_LINEAR_TASK_ROWS - 1) / VERA_K_LINEAR_TASK_ROWS;
    int64_t n_column_tasks = (n_panels + VERA_K_LINEAR_TASK_PANELS - 1) / VERA_K_LINEAR_TASK_PANELS;
    /* Rows that are bf16 already are read where they lie. */
    bool is_packed = op->x.dtype == VERA_K_DTYPE_BF16 && row == k;
    size_t bias_size = (size_t)(n + 15) / 16 * 64, x_size = is_packed ? 0 : (size_t)(m * row * 2 + 63) / 64 * 64;
    size_t panels_size = (size_t)(n_panels * self.panel_size) * 2;
    size_t sums_size = op->y.dtype == VERA_K_DTYPE_F32 ? 0 : VERA_K_LINEAR_SUMS_SIZE * (size_t)ctx->n_threads;
    bool is_new;
    uint16_t *panels, *x;
    char *scratch;
    VeraKStatus status;

    /* First, since a place that is new must be filled. */
    status = vera_k_scratch(ctx, bias_size + x_size + sums_size + panels_size, (void **)&scratch);
    if (status != VERA_K_OK)
        return status;
    panels = vera_k_packed(ctx, &op->weight, panels_size, &is_new);
    x = (uint16_t *)(scratch + bias_size);
    if (sums_size > 0)
        self.sums = (float *)(scratch + bias_size + x_size);
    if (panels == NULL)
        panels = (uint16_t *)(scratch + bias_size + x_size + sums_size);
    if (op->bias.data != NULL) {
        self.bias = (float *)scratch;
        vera_k_convert_to_f32(op->bias.data, op->bias.dtype, (float *)scratch, n);
    }
    self.x = is_packed ? op->x.data : x;
    if (is_packed)
        self.x_stride = op->x.stride[0];
    self.panels = panels;
#pragma omp parallel num_threads(ctx->n_threads)
    {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < (is_packed ? 0 : m); i++)
            vera_k_bf16_fill_row((const char *)op->x.data + (size_t)(i * op->x.stride[0]) * vera_k_dtype_size(op->x.dtype), op->x.dtype,
                                 x + i * row, k);
#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < (is_new ? n_panels : 0); p++)
            vera_k_bf16_pack(&matrix, p, panels + p * self.panel_size);
#pragma omp for schedule(dynamic, 1)
        for (int64_t t = 0; t < n_row_tasks * n_column_tasks; t++)
            if (!vera_k_must_stop(ctx))
                vera_k_linear_bf16_task(&self, t % n_row_tasks * VERA_K_LINEAR_TASK_ROWS, t / n_row_tasks * VERA_K_LINEAR_TASK_PANELS);
        vera_k_bf16_end();
    }
    return vera_k_end(ctx);
}
