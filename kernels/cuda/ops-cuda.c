#include "config.h"

#include "kernels/cuda/attention.h"
#include "kernels/cuda/conv3d.h"
#include "kernels/cuda/device-cuda.h"
#include "kernels/cuda/elementwise.h"

/* The operators of a GPU as a context calls them: the device, the stream, scratch memory, and what a failure means. */

/* A failed launch leaves its reason with the runtime; other failures have left a sentence. */
static VeraKStatus
vera_k_cuda_finish(VeraKCtx *ctx, VeraKCuda *cuda, VeraKStatus status, const char *name)
{
    cudaError_t error;

    if (status != VERA_K_ERR_INTERNAL)
        return status;
    error = cudaPeekAtLastError();
    if (error == cudaSuccess)
        return status;
    status = vera_k_cuda_note(cuda, error, name);
    return cuda->host->fail(ctx, status, "%s", cuda->why);
}

static VeraKStatus
vera_k_attention_reserve(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKAttention *op, VeraKCudaAttentionDevice *device, void **workspace)
{
    size_t size;

    *device = (VeraKCudaAttentionDevice){ .sm = cuda->sm, .avoids_wgmma = cuda->avoids_wgmma };
    *workspace = NULL;
    size = vera_k_cuda_attention_workspace(device, op);
    return size > 0 ? cuda->host->scratch(ctx, size, workspace) : VERA_K_OK;
}

static VeraKStatus
vera_k_attention_run(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKAttention *op)
{
    VeraKCudaAttentionDevice device;
    void *workspace;
    VeraKStatus status = vera_k_attention_reserve(ctx, cuda, op, &device, &workspace);

    return status == VERA_K_OK ? vera_k_cuda_attention(&device, op, workspace, vera_k_cuda_get_stream(ctx)) : status;
}

static size_t
vera_k_embed_size(const VeraKEmbed *op)
{
    return (size_t)op->ids.shape[0] * sizeof(int64_t);
}

static VeraKStatus
vera_k_embed_run(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKEmbed *op)
{
    size_t size = vera_k_embed_size(op);
    void *ids;
    VeraKStatus status = cuda->host->scratch(ctx, size, &ids);

    if (status == VERA_K_OK)
        status = ctx->device->copy(ctx->device, ctx->stream->handle, ids, op->ids.data, size);
    return status == VERA_K_OK ? vera_k_cuda_embed(op, ids, vera_k_cuda_get_stream(ctx)) : status;
}

static VeraKStatus
vera_k_is_finite_run(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKIsFinite *op)
{
    cudaStream_t stream = vera_k_cuda_get_stream(ctx);
    unsigned n_bad = 0;
    void *counter;
    VeraKStatus status = cuda->host->scratch(ctx, sizeof n_bad, &counter);

    if (status != VERA_K_OK)
        return status;
    if (cudaMemsetAsync(counter, 0, sizeof n_bad, stream) != cudaSuccess)
        return VERA_K_ERR_INTERNAL;
    status = vera_k_cuda_is_finite(op, counter, stream);
    if (status == VERA_K_OK && (cudaMemcpyAsync(&n_bad, counter, sizeof n_bad, cudaMemcpyDeviceToHost, stream) != cudaSuccess ||
                                cudaStreamSynchronize(stream) != cudaSuccess))
        status = VERA_K_ERR_INTERNAL;
    *op->is_finite = n_bad == 0;
    return status;
}

/* Scratch memory comes before a place for the weights, and is taken anew if there is none: it holds nothing yet. */
static VeraKStatus
vera_k_conv3d_reserve(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKConv3d *op, char **scratch, void **packed, bool *is_new)
{
    size_t packed_size = vera_k_cuda_conv3d_packed_size(op), size = vera_k_cuda_conv3d_workspace(op);
    VeraKStatus status = size > 0 ? cuda->host->scratch(ctx, size, (void **)scratch) : VERA_K_OK;

    if (status != VERA_K_OK)
        return status;
    *packed = cuda->host->packed(ctx, &op->weight, packed_size, is_new);
    if (*packed != NULL)
        return VERA_K_OK;
    status = cuda->host->scratch(ctx, size + packed_size, (void **)scratch);
    *packed = status == VERA_K_OK ? *scratch + size : NULL;
    return status;
}

static VeraKStatus
vera_k_conv3d_run(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKConv3d *op)
{
    cudaStream_t stream = vera_k_cuda_get_stream(ctx);
    char *scratch = NULL;
    void *packed;
    bool is_new;
    VeraKStatus status = vera_k_conv3d_reserve(ctx, cuda, op, &scratch, &packed, &is_new);

    if (status == VERA_K_OK && is_new)
        status = vera_k_cuda_conv3d_pack(op, packed, stream);
    return status == VERA_K_OK ? vera_k_cuda_conv3d(op, packed, scratch, stream) : status;
}

/* What each of the operators above asks for, and no more. */
VeraKStatus
vera_k_cuda_measure(VeraKCtx *ctx, VeraKOpId id, const void *op)
{
    VeraKCuda *cuda = ctx->device->backend;
    VeraKCudaAttentionDevice device;
    char *scratch = NULL;
    void *data;
    bool is_new;

    switch ((int)id) {
    case VERA_K_OP_LINEAR:
        return vera_k_linear_measure(ctx, cuda, op);
    case VERA_K_OP_ATTENTION:
        return vera_k_attention_reserve(ctx, cuda, op, &device, &data);
    case VERA_K_OP_CONV3D:
        return vera_k_conv3d_reserve(ctx, cuda, op, &scratch, &data, &is_new);
    case VERA_K_OP_EMBED:
        return cuda->host->scratch(ctx, vera_k_embed_size(op), &data);
    case VERA_K_OP_IS_FINITE:
        return cuda->host->scratch(ctx, sizeof(unsigned), &data);
    default:
        return VERA_K_OK;
    }
}

#define WITH_CONTEXT(name, Type)                                                                    \
    static VeraKStatus vera_k_##name##_cuda(VeraKCtx *ctx, const void *op)                         \
    {                                                                                              \
        VeraKCuda *cuda = vera_k_cuda_get(ctx);                                                    \
        return vera_k_cuda_finish(ctx, cuda, vera_k_##name##_run(ctx, cuda, (const Type *)op), #name); \
    }

#define WITH_STREAM(name, Type)                                                                    \
    static VeraKStatus vera_k_##name##_cuda(VeraKCtx *ctx, const void *op)                         \
    {                                                                                              \
        VeraKCuda *cuda = vera_k_cuda_get(ctx);                                                    \
        return vera_k_cuda_finish(ctx, cuda, vera_k_cuda_##name((const Type *)op, vera_k_cuda_get_stream(ctx)), #name); \
    }

WITH_CONTEXT(linear, VeraKLinear)
WITH_CONTEXT(attention, VeraKAttention)
WITH_CONTEXT(embed, VeraKEmbed)
WITH_CONTEXT(conv3d, VeraKConv3d)
WITH_CONTEXT(is_finite, VeraKIsFinite)
WITH_STREAM(layer_norm, VeraKLayerNorm)
WITH_STREAM(rms_norm, VeraKRmsNorm)
WITH_STREAM(channel_norm, VeraKChannelNorm)
WITH_STREAM(gate_add, VeraKGateAdd)
WITH_STREAM(activate, VeraKActivate)
WITH_STREAM(combine, VeraKCombine)
WITH_STREAM(copy, VeraKCopy)

void
vera_k_ops_init_cuda(VeraKOpEntry *ops)
{
    ops[VERA_K_OP_LINEAR] = (VeraKOpEntry){ vera_k_linear_cuda, "cublaslt" };
    ops[VERA_K_OP_LAYER_NORM] = (VeraKOpEntry){ vera_k_layer_norm_cuda, "cuda" };
    ops[VERA_K_OP_RMS_NORM] = (VeraKOpEntry){ vera_k_rms_norm_cuda, "cuda" };
    ops[VERA_K_OP_ATTENTION] = (VeraKOpEntry){ vera_k_attention_cuda, "cuda" };
    ops[VERA_K_OP_GATE_ADD] = (VeraKOpEntry){ vera_k_gate_add_cuda, "cuda" };
    ops[VERA_K_OP_ACTIVATE] = (VeraKOpEntry){ vera_k_activate_cuda, "cuda" };
    ops[VERA_K_OP_COMBINE] = (VeraKOpEntry){ vera_k_combine_cuda, "cuda" };
    ops[VERA_K_OP_COPY] = (VeraKOpEntry){ vera_k_copy_cuda, "cuda" };
    ops[VERA_K_OP_EMBED] = (VeraKOpEntry){ vera_k_embed_cuda, "cuda" };
    ops[VERA_K_OP_CONV3D] = (VeraKOpEntry){ vera_k_conv3d_cuda, "cuda" };
    ops[VERA_K_OP_CHANNEL_NORM] = (VeraKOpEntry){ vera_k_channel_norm_cuda, "cuda" };
    ops[VERA_K_OP_IS_FINITE] = (VeraKOpEntry){ vera_k_is_finite_cuda, "cuda" };
}
