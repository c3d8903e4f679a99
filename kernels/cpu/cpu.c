#include "config.h"

#include <stdio.h>

#include "kernels/cpu/bf16-cpu.h"
#include "kernels/cpu/cpu.h"
#include "kernels/reference/reference.h"

/*
 * The fast versions take F32 activations. BF16 ones, which feed products, are as fast where products are native; elsewhere the plain
 * versions run, and norms, which only store them.
 */

static bool
vera_k_is_f32(const VeraKTensor *t)
{
    return t->dtype == VERA_K_DTYPE_F32;
}

/* Whether an operator with products of @compute can take tensors that may be BF16. */
static bool
vera_k_is_fast(VeraKCompute compute, const VeraKTensor *a, const VeraKTensor *b)
{
    return (vera_k_is_f32(a) && vera_k_is_f32(b)) || (compute == VERA_K_COMPUTE_BF16 && vera_k_bf16_is_native());
}

#define VERA_K_DEFINE_FAST_OR_PLAIN(name, Type, a, b)                                              \
    static VeraKStatus vera_k_##name##_fast_or_plain(VeraKCtx *ctx, const void *argument)          \
    {                                                                                              \
        const Type *op = argument;                                                                 \
        return vera_k_is_fast(op->compute, &op->a, &op->b) ? vera_k_##name##_cpu(ctx, op) : vera_k_##name##_ref(ctx, op); \
    }

VERA_K_DEFINE_FAST_OR_PLAIN(linear, VeraKLinear, x, y)
VERA_K_DEFINE_FAST_OR_PLAIN(attention, VeraKAttention, q, o)
VERA_K_DEFINE_FAST_OR_PLAIN(conv3d, VeraKConv3d, x, y)

void
vera_k_ops_init_cpu(VeraKOpEntry *ops, VeraKDeviceInfo *info)
{
    const char *variant = "plain";

#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        variant = vera_k_bf16_has_amx() ? "avx512-amx" : vera_k_bf16_is_native() ? "avx512-bf16" : "avx512";
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        variant = "avx2";
#endif
    info->has_fast_bf16 = vera_k_bf16_is_native();
    snprintf(info->variant, sizeof info->variant, "%s", variant);
    ops[VERA_K_OP_LINEAR] = (VeraKOpEntry){ vera_k_linear_fast_or_plain, "onednn" };
    ops[VERA_K_OP_LAYER_NORM] = (VeraKOpEntry){ vera_k_layer_norm_cpu, variant };
    ops[VERA_K_OP_RMS_NORM] = (VeraKOpEntry){ vera_k_rms_norm_cpu, variant };
    ops[VERA_K_OP_ATTENTION] = (VeraKOpEntry){ vera_k_attention_fast_or_plain, "onednn" };
    ops[VERA_K_OP_GATE_ADD] = (VeraKOpEntry){ vera_k_gate_add_cpu, variant };
    ops[VERA_K_OP_ACTIVATE] = (VeraKOpEntry){ vera_k_activate_cpu, variant };
    ops[VERA_K_OP_COPY] = (VeraKOpEntry){ vera_k_copy_cpu, variant };
    ops[VERA_K_OP_CONV3D] = (VeraKOpEntry){ vera_k_conv3d_fast_or_plain, "onednn" };
    ops[VERA_K_OP_CHANNEL_NORM] = (VeraKOpEntry){ vera_k_channel_norm_cpu, variant };
}
