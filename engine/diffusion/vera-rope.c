#include "config.h"

#include "engine/diffusion/vera-rope.h"

#include <math.h>

static void
vera_rope_fill_token(int head_dim, const gint64 at[3], float *cosines, float *sines)
{
    int side = 2 * (head_dim / 6);
    int sizes[3] = { head_dim - 2 * side, side, side };
    int pair = 0;

    for (int axis = 0; axis < 3; axis++) {
        for (int j = 0; j < sizes[axis] / 2; j++, pair++) {
            double angle = (double)at[axis] * pow(10000.0, -2.0 * j / sizes[axis]);
            cosines[pair] = (float)cos(angle);
            sines[pair] = (float)sin(angle);
        }
    }
}

gboolean
vera_rope_new(VeraRuntime *runtime,
              int head_dim,
              const gint64 grid[3],
              VeraTensor **cosines,
              VeraTensor **sines,
              GError **error)
{
    gint64 half = head_dim / 2, n = grid[0] * grid[1] * grid[2];
    gint64 shape[2] = { n, half };
    g_autofree float *c = vera_runtime_new_floats((gsize)(n * half), error);
    g_autofree float *s = c ? vera_runtime_new_floats((gsize)(n * half), error) : NULL;

    if (s == NULL)
        return FALSE;
    for (gint64 i = 0; i < n; i++) {
        gint64 at[3] = { i / (grid[1] * grid[2]), i / grid[2] % grid[1], i % grid[2] };
        vera_rope_fill_token(head_dim, at, c + i * half, s + i * half);
    }
    *cosines = vera_tensor_new_from_host(runtime, 2, shape, c, error);
    if (*cosines == NULL)
        return FALSE;
    *sines = vera_tensor_new_from_host(runtime, 2, shape, s, error);
    if (*sines == NULL)
        g_clear_pointer(cosines, vera_tensor_unref);
    return *sines != NULL;
}
