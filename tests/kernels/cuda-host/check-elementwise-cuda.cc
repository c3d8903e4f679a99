#include <cstdio>
#include <cstdlib>

#include "kernels/cuda/elementwise.cu"
#include "kernels/cuda/norm.cu"

extern "C" {
#include "kernels/vera-k-private.h"
#include "tests/kernels/check.h"
}

/*
 * The GPU's elementwise operators and norms under the cases of check-kernels: a device whose memory is the host's and whose operators are
 * our kernels, launched on the host, with the threads of a block in three orders.
 */

#define DEFINE_RUN(name, Type)                                                                                                        \
    static VeraKStatus run_##name(VeraKCtx *ctx, const void *op)                                                                      \
    {                                                                                                                                 \
        VeraKStatus status = vera_k_cuda_##name((const Type *)op, NULL);                                                              \
        return status == VERA_K_OK ? status : vera_k_fail(ctx, status, "%s", vera_cuda_host_message());                               \
    }

DEFINE_RUN(gate_add, VeraKGateAdd)
DEFINE_RUN(activate, VeraKActivate)
DEFINE_RUN(combine, VeraKCombine)
DEFINE_RUN(copy, VeraKCopy)
DEFINE_RUN(layer_norm, VeraKLayerNorm)
DEFINE_RUN(rms_norm, VeraKRmsNorm)
DEFINE_RUN(channel_norm, VeraKChannelNorm)

static VeraKStatus
run_embed(VeraKCtx *ctx, const void *op)
{
    const VeraKEmbed *embed = (const VeraKEmbed *)op;
    return vera_k_cuda_embed(embed, (const int64_t *)embed->ids.data, NULL);
}

static VeraKStatus
run_is_finite(VeraKCtx *ctx, const void *op)
{
    unsigned n_bad = 0;
    VeraKStatus status = vera_k_cuda_is_finite((const VeraKIsFinite *)op, &n_bad, NULL);

    *((const VeraKIsFinite *)op)->is_finite = n_bad == 0;
    return status;
}

static void
use_kernels(VeraKOpEntry *ops)
{
    for (int i = 0; i < VERA_K_N_OPS; i++)
        ops[i] = {NULL, "none"};
    ops[VERA_K_OP_GATE_ADD] = {run_gate_add, "cuda"};
    ops[VERA_K_OP_ACTIVATE] = {run_activate, "cuda"};
    ops[VERA_K_OP_COMBINE] = {run_combine, "cuda"};
    ops[VERA_K_OP_COPY] = {run_copy, "cuda"};
    ops[VERA_K_OP_EMBED] = {run_embed, "cuda"};
    ops[VERA_K_OP_IS_FINITE] = {run_is_finite, "cuda"};
    ops[VERA_K_OP_LAYER_NORM] = {run_layer_norm, "cuda"};
    ops[VERA_K_OP_RMS_NORM] = {run_rms_norm, "cuda"};
    ops[VERA_K_OP_CHANNEL_NORM] = {run_channel_norm, "cuda"};
}

int
main(int argc, char **argv)
{
    VeraKDevice *reference = NULL, *tested = NULL;
    VeraCheck check = {};
    char message[256];

    check.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    setenv("VERA_KERNELS", "ref", 1);
    if (vera_k_device_open("cpu", &reference, message, sizeof message) != VERA_K_OK ||
        vera_k_device_open("cpu", &tested, message, sizeof message) != VERA_K_OK)
        return 1;
    use_kernels(tested->ops);
    if (vera_k_ctx_new(reference, 2, &check.reference) != VERA_K_OK || vera_k_ctx_new(tested, 1, &check.tested) != VERA_K_OK)
        return 1;
    for (int order = VERA_CUDA_HOST_FORWARD; order <= VERA_CUDA_HOST_SHUFFLED; order++) {
        vera_cuda_host_set_order((VeraCudaHostOrder)order);
        vera_check_norms(&check);
        vera_check_bf16_norms(&check);
        vera_check_elementwise(&check);
    }
    printf("%d cases, %d failed\n", check.n_cases, check.n_failed);
    vera_k_ctx_free(&check.reference);
    vera_k_ctx_free(&check.tested);
    vera_k_device_close(&reference);
    vera_k_device_close(&tested);
    return check.n_failed != 0;
}
