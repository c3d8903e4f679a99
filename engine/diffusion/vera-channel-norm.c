#include "config.h"

#include "engine/diffusion/vera-channel-norm.h"

VeraTensor *
vera_channel_normalise(VeraRuntime *runtime,
                       VeraKTensor gamma,
                       VeraTensor *x,
                       VeraKActivation activation,
                       VeraKDType dtype,
                       const char *what,
                       GError **error)
{
    const int64_t *s = x->k.shape;
    g_autoptr(VeraTensor) y = vera_tensor_new_as(runtime, dtype, 4, (const gint64 *)s, error);
    const int64_t rows[2] = {s[0] * s[1] * s[2], s[3]};
    VeraKChannelNorm op = {.gamma = gamma, .activation = activation};

    if (y == NULL)
        return NULL;
    op.x = vera_k_tensor(VERA_K_DTYPE_F32, x->k.data, 2, rows);
    op.y = vera_k_tensor(y->k.dtype, y->k.data, 2, rows);
    return vera_runtime_check(runtime, vera_k_channel_norm(vera_runtime_get_ctx(runtime), &op),
                              what, error)
               ? g_steal_pointer(&y)
               : NULL;
}
