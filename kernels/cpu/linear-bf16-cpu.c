#include "config.h"

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"

/* One task: rows times columns of the result. Sums over more terms than this are taken in pieces, so that both operands stay near. */
#define VERA_K_LINEAR_TASK_ROWS 96
#define VERA_K_LINEAR_TASK_PANELS 8
#define VERA_K_LINEAR_TERMS 2048

typedef struct {
    const VeraKLinear *op;
    const uint16_t *x;       /* rows of 2 * n_pairs */
    const uint16_t *panels;
    const float *bias;
    int64_t n_pairs, panel_size, width;
} VeraKLinearBf16;

static void
vera_k_linear_bf16_panel(const VeraKLinearBf16 *self, int64_t row, int64_t n_rows, int64_t panel)
{
    const VeraKLinear *op = self->op;
    int64_t left = op->weight.shape[0] - panel * self->width;
    VeraKBf16Tile tile = { .width = (int)self->width, .n_columns = (int)(left < self->width ? left : self->width), .n_parts = 1,
                           .row_stride = 2 * self->n_pairs, .c_stride = op->y.stride[0] };

    for (int64_t p = 0; p < self->n_pairs; p += VERA_K_LINEAR_TERMS / 2) {
        const uint16_t *b = self->panels + panel * self->panel_size + p * 2 * self->width, *a;
        tile.n_pairs = self->n_pairs - p < VERA_K_LINEAR_TERMS / 2 ? self->n_pairs - p : VERA_K_LINEAR_TERMS / 2;
        tile.is_adding = p > 0;
        tile.b = &b;
        tile.a = &a;
        for (int64_t i = row; i < row + n_rows; i += VERA_K_BF16_ROWS) {
            a = self->x + i * tile.row_stride + 2 * p;
            tile.n_rows = (int)(row + n_rows - i < VERA_K_BF16_ROWS ? row + n_rows - i : VERA_K_BF16_ROWS);
            tile.c = (float *)op->y.data + i * op->y.stride[0] + panel * self->width;
            vera_k_bf16_multiply(&tile);
        }
    }
}

static void
vera_k_linear_bf16_task(const VeraKLinearBf16 *self, int64_t row, int64_t first_panel)
{
    const VeraKLinear *op = self->op;
    int64_t n = op->weight.shape[0], from = first_panel * self->width, to = from + VERA_K_LINEAR_TASK_PANELS * self->width;
    int64_t n_rows = op->x.shape[0] - row < VERA_K_LINEAR_TASK_ROWS ? op->x.shape[0] - row : VERA_K_LINEAR_TASK_ROWS;

    to = to < n ? to : n;
    for (int64_t panel = first_panel; panel * self->width < to; panel++)
        vera_k_linear_bf16_panel(self, row, n_rows, panel);
    for (int64_t i = row; i < row + n_rows; i++) {
        float *y = (float *)op->y.data + i * op->y.stride[0];
        for (int64_t j = from; self->bias != NULL && j < to; j++)
            y[j] += self->bias[j];
        vera_k_activate_row(op->activation, y + from, y + from, to - from);
    }
}

VeraKStatus
vera_k_linear_bf16_native(VeraKCtx *ctx, const VeraKLinear *op)
{
    int64_t m = op->x.shape[0], k = op->x.shape[1], n = op->weight.shape[0];
    VeraKLinearBf16 self = { .op = op, .n_pairs = (k + 1) / 2, .panel_size = vera_k_bf16_panel_size(n, k),
                             .width = vera_k_bf16_panel_width(n) };
    VeraKBf16Matrix matrix = { op->weight.data, op->weight.dtype, n, k, k, 1 };
    int64_t n_panels = (n + self.width - 1) / self.width, row = 2 * self.n_pairs;
    int64_t n_row_tasks = (m + VERA_K_LINEAR_TASK_ROWS - 1) / VERA_K_LINEAR_TASK_ROWS;
    int64_t n_column_tasks = (n_panels + VERA_K_LINEAR_TASK_PANELS - 1) / VERA_K_LINEAR_TASK_PANELS;
    size_t bias_size = (size_t)(n + 15) / 16 * 64, x_size = (size_t)(m * row * 2 + 63) / 64 * 64;
    size_t panels_size = (size_t)(n_panels * self.panel_size) * 2;
    bool is_new;
    uint16_t *panels, *x;
    char *scratch;
    VeraKStatus status = vera_k_scratch(ctx, bias_size + x_size + panels_size, (void **)&scratch);

    if (status != VERA_K_OK)
        return status;
    panels = vera_k_packed(ctx, &op->weight, panels_size, &is_new);
    if (panels == NULL)
        panels = (uint16_t *)(scratch + bias_size + x_size);
    x = (uint16_t *)(scratch + bias_size);
    if (op->bias.data != NULL) {
        self.bias = (float *)scratch;
        vera_k_convert_to_f32(op->bias.data, op->bias.dtype, (float *)scratch, n);
    }
    self.x = x;
    self.panels = panels;
#pragma omp parallel num_threads(ctx->n_threads)
    {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < m; i++)
            vera_k_bf16_round_row((const float *)op->x.data + i * op->x.stride[0], x + i * row, k);
#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < (is_new ? n_panels : 0); p++)
            vera_k_bf16_pack(&matrix, p, panels + p * self.panel_size);
#pragma omp for schedule(dynamic, 1)
        for (int64_t t = 0; t < n_row_tasks * n_column_tasks; t++)
            if (!vera_k_must_stop(ctx))
                vera_k_linear_bf16_task(&self, t % n_row_tasks * VERA_K_LINEAR_TASK_ROWS, t / n_row_tasks * VERA_K_LINEAR_TASK_PANELS);
    }
    return vera_k_end(ctx);
}
