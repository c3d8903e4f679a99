#include "config.h"

#include <stdio.h>

#include "kernels/cpu/cpu.h"
#include "kernels/reference/reference.h"

/* The fast versions take F32 activations; with BF16, which are there for GPUs, the plain ones run. */

static bool
vera_k_is_f32(const VeraKTensor *t)
{
    return t->dtype == VERA_K_DTYPE_F32;
}

#define VERA_K_DEFINE_F32_OR_PLAIN(name, Type, condition)                                          \
    static VeraKStatus vera_k_##name##_f32_or_plain(VeraKCtx *ctx, const void *argument)           \
    {                                                                                              \
        const Type *op = argument;                                                                 \
        return (condition) ? vera_k_##name##_cpu(ctx, op) : vera_k_##name##_ref(ctx, op);          \
    }

VERA_K_DEFINE_F32_OR_PLAIN(linear, VeraKLinear, vera_k_is_f32(&op->x) && vera_k_is_f32(&op->y))
VERA_K_DEFINE_F32_OR_PLAIN(layer_norm, VeraKLayerNorm, vera_k_is_f32(&op->y))
VERA_K_DEFINE_F32_OR_PLAIN(rms_norm, VeraKRmsNorm, vera_k_is_f32(&op->y))
VERA_K_DEFINE_F32_OR_PLAIN(attention, VeraKAttention, vera_k_is_f32(&op->q) && vera_k_is_f32(&op->o))
VERA_K_DEFINE_F32_OR_PLAIN(conv3d, VeraKConv3d, vera_k_is_f32(&op->x))
VERA_K_DEFINE_F32_OR_PLAIN(channel_norm, VeraKChannelNorm, vera_k_is_f32(&op->y))

void
vera_k_ops_init_cpu(VeraKOpEntry *ops, VeraKDeviceInfo *info)
{
    const char *variant = "plain";

#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        variant = vera_k_onednn_has_bf16() ? "avx512-bf16" : "avx512";
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        variant = "avx2";
#endif
    info->has_fast_bf16 = vera_k_onednn_has_bf16();
    snprintf(info->variant, sizeof info->variant, "%s", variant);
    ops[VERA_K_OP_LINEAR] = (VeraKOpEntry){ vera_k_linear_f32_or_plain, "onednn" };
    ops[VERA_K_OP_LAYER_NORM] = (VeraKOpEntry){ vera_k_layer_norm_f32_or_plain, variant };
    ops[VERA_K_OP_RMS_NORM] = (VeraKOpEntry){ vera_k_rms_norm_f32_or_plain, variant };
    ops[VERA_K_OP_ATTENTION] = (VeraKOpEntry){ vera_k_attention_f32_or_plain, "onednn" };
    ops[VERA_K_OP_GATE_ADD] = (VeraKOpEntry){ vera_k_gate_add_cpu, variant };
    ops[VERA_K_OP_ACTIVATE] = (VeraKOpEntry){ vera_k_activate_cpu, variant };
    ops[VERA_K_OP_COPY] = (VeraKOpEntry){ vera_k_copy_cpu, variant };
    ops[VERA_K_OP_CONV3D] = (VeraKOpEntry){ vera_k_conv3d_f32_or_plain, "onednn" };
    ops[VERA_K_OP_CHANNEL_NORM] = (VeraKOpEntry){ vera_k_channel_norm_f32_or_plain, variant };
}
