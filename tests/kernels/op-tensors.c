#include "config.h"

#include "tests/kernels/op-tensors.h"

#include <stddef.h>

#define T(Type, member) { #member, offsetof(Type, member) }
#define CALL(name, Type)                                                                           \
    static VeraKStatus call_##name(VeraKCtx *ctx, const void *op)                                  \
    {                                                                                              \
        return vera_k_##name(ctx, (const Type *)op);                                               \
    }

CALL(linear, VeraKLinear)
CALL(layer_norm, VeraKLayerNorm)
CALL(rms_norm, VeraKRmsNorm)
CALL(attention, VeraKAttention)
CALL(gate_add, VeraKGateAdd)
CALL(activate, VeraKActivate)
CALL(combine, VeraKCombine)
CALL(copy, VeraKCopy)
CALL(embed, VeraKEmbed)
CALL(conv3d, VeraKConv3d)
CALL(channel_norm, VeraKChannelNorm)
CALL(is_finite, VeraKIsFinite)

/* The ids of embed stay in host memory. */
static const struct {
    VeraKStatus (*call)(VeraKCtx *ctx, const void *op);
    size_t size;
    struct {
        const char *name;
        size_t offset;
    } tensor[OP_TENSORS_MAX];
} ops[VERA_K_N_OPS] = {
    [VERA_K_OP_LINEAR] = { call_linear, sizeof(VeraKLinear),
                           { T(VeraKLinear, x), T(VeraKLinear, weight), T(VeraKLinear, bias), T(VeraKLinear, y) } },
    [VERA_K_OP_LAYER_NORM] = { call_layer_norm, sizeof(VeraKLayerNorm),
                               { T(VeraKLayerNorm, x), T(VeraKLayerNorm, weight), T(VeraKLayerNorm, bias), T(VeraKLayerNorm, scale),
                                 T(VeraKLayerNorm, shift), T(VeraKLayerNorm, y) } },
    [VERA_K_OP_RMS_NORM] = { call_rms_norm, sizeof(VeraKRmsNorm),
                             { T(VeraKRmsNorm, x), T(VeraKRmsNorm, weight), T(VeraKRmsNorm, cos), T(VeraKRmsNorm, sin), T(VeraKRmsNorm, y) } },
    [VERA_K_OP_ATTENTION] = { call_attention, sizeof(VeraKAttention),
                              { T(VeraKAttention, q), T(VeraKAttention, k), T(VeraKAttention, v), T(VeraKAttention, bias),
                                T(VeraKAttention, key_bias), T(VeraKAttention, o) } },
    [VERA_K_OP_GATE_ADD] = { call_gate_add, sizeof(VeraKGateAdd), { T(VeraKGateAdd, x), T(VeraKGateAdd, y), T(VeraKGateAdd, gate) } },
    [VERA_K_OP_ACTIVATE] = { call_activate, sizeof(VeraKActivate), { T(VeraKActivate, x), T(VeraKActivate, factor), T(VeraKActivate, y) } },
    [VERA_K_OP_COMBINE] = { call_combine, sizeof(VeraKCombine),
                            { T(VeraKCombine, x[0]), T(VeraKCombine, x[1]), T(VeraKCombine, x[2]), T(VeraKCombine, x[3]), T(VeraKCombine, y) } },
    [VERA_K_OP_COPY] = { call_copy, sizeof(VeraKCopy), { T(VeraKCopy, src), T(VeraKCopy, dst) } },
    [VERA_K_OP_EMBED] = { call_embed, sizeof(VeraKEmbed), { T(VeraKEmbed, table), T(VeraKEmbed, y) } },
    [VERA_K_OP_CONV3D] = { call_conv3d, sizeof(VeraKConv3d),
                           { T(VeraKConv3d, x), T(VeraKConv3d, cache), T(VeraKConv3d, weight), T(VeraKConv3d, bias), T(VeraKConv3d, residual),
                             T(VeraKConv3d, y) } },
    [VERA_K_OP_CHANNEL_NORM] = { call_channel_norm, sizeof(VeraKChannelNorm),
                                 { T(VeraKChannelNorm, x), T(VeraKChannelNorm, gamma), T(VeraKChannelNorm, y) } },
    [VERA_K_OP_IS_FINITE] = { call_is_finite, sizeof(VeraKIsFinite), { T(VeraKIsFinite, x) } },
};

OpTensors
op_tensors_list(VeraKOpId id, void *op)
{
    OpTensors list = { 0 };

    for (int i = 0; i < OP_TENSORS_MAX && ops[id].tensor[i].name != NULL; i++) {
        VeraKTensor *tensor = (VeraKTensor *)(void *)((char *)op + ops[id].tensor[i].offset);
        if (tensor->data == NULL)
            continue;
        list.tensor[list.n] = tensor;
        list.name[list.n++] = ops[id].tensor[i].name;
    }
    return list;
}

size_t
op_tensors_get_size(VeraKOpId id)
{
    return ops[id].size;
}

void
op_tensors_get_span(const VeraKTensor *tensor, char **from, char **to)
{
    int64_t last = 0;

    for (int i = 0; i < tensor->n_dims; i++)
        last += (tensor->shape[i] - 1) * tensor->stride[i];
    *from = tensor->data;
    *to = *from + (last + 1) * (int64_t)vera_k_dtype_size(tensor->dtype);
}

VeraKStatus
op_tensors_call(VeraKOpId id, VeraKCtx *ctx, const void *op)
{
    return ops[id].call(ctx, op);
}
