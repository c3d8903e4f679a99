#include "config.h"

#include <stdio.h>

#include "kernels/cpu/cpu.h"

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
    ops[VERA_K_OP_LINEAR] = (VeraKOpEntry){ vera_k_linear_cpu, "onednn" };
    ops[VERA_K_OP_LAYER_NORM] = (VeraKOpEntry){ vera_k_layer_norm_cpu, variant };
    ops[VERA_K_OP_RMS_NORM] = (VeraKOpEntry){ vera_k_rms_norm_cpu, variant };
    ops[VERA_K_OP_ATTENTION] = (VeraKOpEntry){ vera_k_attention_cpu, "onednn" };
    ops[VERA_K_OP_GATE_ADD] = (VeraKOpEntry){ vera_k_gate_add_cpu, variant };
    ops[VERA_K_OP_ACTIVATE] = (VeraKOpEntry){ vera_k_activate_cpu, variant };
    ops[VERA_K_OP_COPY] = (VeraKOpEntry){ vera_k_copy_cpu, variant };
    ops[VERA_K_OP_CONV3D] = (VeraKOpEntry){ vera_k_conv3d_cpu, "onednn" };
    ops[VERA_K_OP_CHANNEL_NORM] = (VeraKOpEntry){ vera_k_channel_norm_cpu, variant };
}
