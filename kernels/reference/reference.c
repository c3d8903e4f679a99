#include "config.h"

#include "kernels/reference/reference.h"

void
vera_k_ops_init_reference(VeraKOpEntry *ops)
{
    ops[VERA_K_OP_LINEAR] = (VeraKOpEntry){ vera_k_linear_ref, "ref" };
    ops[VERA_K_OP_LAYER_NORM] = (VeraKOpEntry){ vera_k_layer_norm_ref, "ref" };
    ops[VERA_K_OP_RMS_NORM] = (VeraKOpEntry){ vera_k_rms_norm_ref, "ref" };
    ops[VERA_K_OP_ATTENTION] = (VeraKOpEntry){ vera_k_attention_ref, "ref" };
    ops[VERA_K_OP_GATE_ADD] = (VeraKOpEntry){ vera_k_gate_add_ref, "ref" };
    ops[VERA_K_OP_ACTIVATE] = (VeraKOpEntry){ vera_k_activate_ref, "ref" };
    ops[VERA_K_OP_COMBINE] = (VeraKOpEntry){ vera_k_combine_ref, "ref" };
    ops[VERA_K_OP_COPY] = (VeraKOpEntry){ vera_k_copy_ref, "ref" };
    ops[VERA_K_OP_EMBED] = (VeraKOpEntry){ vera_k_embed_ref, "ref" };
    ops[VERA_K_OP_CONV3D] = (VeraKOpEntry){ vera_k_conv3d_ref, "ref" };
    ops[VERA_K_OP_CHANNEL_NORM] = (VeraKOpEntry){ vera_k_channel_norm_ref, "ref" };
    ops[VERA_K_OP_IS_FINITE] = (VeraKOpEntry){ vera_k_is_finite_ref, "ref" };
}
