#include "config.h"

#include "kernels/vera-k-private.h"

/* The public entry points: check once, then the device's table. */

#define VERA_K_DEFINE_OP(name, Type, ID)                                                           \
    VeraKStatus vera_k_##name(VeraKCtx *ctx, const Type *op)                                       \
    {                                                                                              \
        VeraKOpFunc run = ctx->device->ops[ID].run;                                                \
        VeraKStatus status;                                                                        \
        if (run == NULL)                                                                           \
            return vera_k_fail(ctx, VERA_K_ERR_UNSUPPORTED, #name " is not built for this device"); \
        status = vera_k_validate_##name(ctx, op);                                                  \
        if (status == VERA_K_OK && ctx->device->is_dry)                                            \
            return ctx->device->measure != NULL ? ctx->device->measure(ctx, ID, op) : VERA_K_OK;   \
        return status == VERA_K_OK ? run(ctx, op) : status;                                        \
    }

VERA_K_DEFINE_OP(linear, VeraKLinear, VERA_K_OP_LINEAR)
VERA_K_DEFINE_OP(layer_norm, VeraKLayerNorm, VERA_K_OP_LAYER_NORM)
VERA_K_DEFINE_OP(rms_norm, VeraKRmsNorm, VERA_K_OP_RMS_NORM)
VERA_K_DEFINE_OP(attention, VeraKAttention, VERA_K_OP_ATTENTION)
VERA_K_DEFINE_OP(gate_add, VeraKGateAdd, VERA_K_OP_GATE_ADD)
VERA_K_DEFINE_OP(activate, VeraKActivate, VERA_K_OP_ACTIVATE)
VERA_K_DEFINE_OP(combine, VeraKCombine, VERA_K_OP_COMBINE)
VERA_K_DEFINE_OP(copy, VeraKCopy, VERA_K_OP_COPY)
VERA_K_DEFINE_OP(embed, VeraKEmbed, VERA_K_OP_EMBED)
VERA_K_DEFINE_OP(conv3d, VeraKConv3d, VERA_K_OP_CONV3D)
VERA_K_DEFINE_OP(channel_norm, VeraKChannelNorm, VERA_K_OP_CHANNEL_NORM)
VERA_K_DEFINE_OP(is_finite, VeraKIsFinite, VERA_K_OP_IS_FINITE)
