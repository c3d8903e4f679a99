#include "config.h"

#include <stdlib.h>

#include "kernels/vera-k-private.h"

static VeraKPacked *
vera_k_packed_add(VeraKCtx *ctx, size_t size)
{
    VeraKPacked *entry;

    if (ctx->packed == NULL)
        ctx->packed = calloc(VERA_K_PACKED_MAX, sizeof *ctx->packed);
    if (ctx->packed == NULL || ctx->n_packed == VERA_K_PACKED_MAX || ctx->packed_bytes > ctx->packed_max || size > ctx->packed_max - ctx->packed_bytes)
        return NULL;
    entry = &ctx->packed[ctx->n_packed];
    if (vera_k_buffer_new(ctx->device, size, &entry->buffer) != VERA_K_OK)
        return NULL;
    ctx->n_packed++;
    ctx->packed_bytes += size;
    return entry;
}

void *
vera_k_packed(VeraKCtx *ctx, const VeraKTensor *weight, size_t size, bool *is_new)
{
    int64_t n = vera_k_tensor_n_elements(weight);
    VeraKPacked *entry;

    *is_new = true;
    if (weight->constant_id == 0)
        return NULL;
    for (int i = 0; i < ctx->n_packed; i++) {
        entry = &ctx->packed[i];
        if (entry->constant_id != weight->constant_id || entry->data != weight->data || entry->n_elements != n ||
            vera_k_buffer_get_size(entry->buffer) != size)
            continue;
        *is_new = false;
        return vera_k_buffer_get_data(entry->buffer);
    }
    entry = vera_k_packed_add(ctx, size);
    if (entry == NULL)
        return NULL;
    entry->constant_id = weight->constant_id;
    entry->data = weight->data;
    entry->n_elements = n;
    return vera_k_buffer_get_data(entry->buffer);
}

void
vera_k_packed_clear(VeraKCtx *ctx)
{
    for (int i = 0; i < ctx->n_packed; i++)
        vera_k_buffer_free(&ctx->packed[i].buffer);
    free(ctx->packed);
    ctx->packed = NULL;
    ctx->n_packed = 0;
    ctx->packed_bytes = 0;
}

void
vera_k_ctx_set_packed_max(VeraKCtx *ctx, size_t bytes)
{
    ctx->packed_max = bytes;
}

size_t
vera_k_ctx_get_packed_bytes(const VeraKCtx *ctx)
{
    return ctx->packed_bytes;
}
