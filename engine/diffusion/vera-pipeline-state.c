#include "config.h"

#include "engine/diffusion/vera-pipeline.h"

#include <string.h>

#include "engine/diffusion/vera-pipeline-private.h"
#include "engine/diffusion/vera-weights.h"
#include "engine/vera-engine-error.h"

gboolean
vera_pipeline_save(VeraPipeline *self, const char *path, const char *fingerprint, GError **error)
{
    gint64 step = self->step, n_mark = (gint64)strlen(fingerprint);
    GBytes *states[VERA_N_BRANCHES] = {NULL};
    char names[2 * VERA_N_BRANCHES][32];
    VeraNamedTensor tensors[2 * VERA_N_BRANCHES + 2];
    int n = 0;
    gboolean ok = TRUE;

    for (int b = 0; ok && b < VERA_N_BRANCHES; b++) {
        gsize size;
        gpointer data;
        states[b] = vera_sampler_save(self->samplers[b], error);
        ok = states[b] != NULL;
        if (!ok)
            break;
        data = (gpointer)g_bytes_get_data(states[b], &size);
        g_snprintf(names[2 * b], sizeof names[0], "%s.latents", vera_branch_get_name(b));
        g_snprintf(names[2 * b + 1], sizeof names[0], "%s.solver", vera_branch_get_name(b));
        tensors[n++] = (VeraNamedTensor){ names[2 * b], vera_k_tensor(VERA_K_DTYPE_F32, self->latents[b], 4, (const int64_t *)self->shape) };
        tensors[n++] = (VeraNamedTensor){ names[2 * b + 1], vera_k_tensor(VERA_K_DTYPE_U8, data, 1, (const int64_t[]){ (int64_t)size }) };
    }
    tensors[n++] = (VeraNamedTensor){ "step", vera_k_tensor(VERA_K_DTYPE_I64, &step, 1, (const int64_t[]){ 1 }) };
    tensors[n++] = (VeraNamedTensor){ "fingerprint", vera_k_tensor(VERA_K_DTYPE_U8, (void *)fingerprint, 1, (const int64_t *)&n_mark) };
    ok = ok && vera_safetensors_write(path, tensors, n, error);
    for (int b = 0; b < VERA_N_BRANCHES; b++)
        g_clear_pointer(&states[b], g_bytes_unref);
    return ok;
}

/* The saved tensor @name, if it is of this type and count; any count for -1. */
static gboolean
vera_pipeline_find(
    VeraWeights *saved, const char *name, VeraKDType dtype, gint64 count, VeraKTensor *tensor)
{
    return vera_weights_get(saved, name, tensor) && tensor->dtype == dtype &&
           (count < 0 || vera_k_tensor_n_elements(tensor) == count);
}

/* Nothing is changed before all of it is known to be sound: @states and @latents point into @saved.
 */
static gboolean
vera_pipeline_check_saved(VeraPipeline *self,
                          VeraWeights *saved,
                          gint64 step,
                          GBytes *states[VERA_N_BRANCHES],
                          const float *latents[VERA_N_BRANCHES],
                          GError **error)
{
    gint64 n = self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3];

    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        g_autofree char *latents_name = g_strdup_printf("%s.latents", vera_branch_get_name(b));
        g_autofree char *solver_name = g_strdup_printf("%s.solver", vera_branch_get_name(b));
        VeraKTensor values, state;
        int due;
        if (!vera_pipeline_find(saved, latents_name, VERA_K_DTYPE_F32, n, &values) ||
            !vera_pipeline_find(saved, solver_name, VERA_K_DTYPE_U8, -1, &state)) {
            g_set_error_literal(
                error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The saved state of the take is damaged; remove it and start the edit again.");
            return FALSE;
        }
        states[b] = g_bytes_new_static(state.data, (gsize)vera_k_tensor_n_elements(&state));
        if (!vera_sampler_check_state(self->samplers[b], states[b], &due, error))
            return FALSE;
        if (due != step) {
            g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                        "The saved state of the take is damaged: its parts are of steps %d and "
                        "%" G_GINT64_FORMAT "; remove it and start the edit again.",
                        due, step);
            return FALSE;
        }
        latents[b] = values.data;
    }
    return TRUE;
}

gboolean
vera_pipeline_load(VeraPipeline *self, const char *path, const char *fingerprint, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VeraWeights) saved = vera_weights_open(path, VERA_WEIGHTS_KIND_PLAIN, &cause);
    gsize n = (gsize)(self->shape[0] * self->shape[1] * self->shape[2] * self->shape[3]);
    GBytes *states[VERA_N_BRANCHES] = {NULL};
    const float *latents[VERA_N_BRANCHES];
    VeraKTensor step, mark;
    gboolean ok;

    if (saved == NULL) {
        /* The same kind of file as weights, but not the model's fault. */
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The saved state of the take cannot be used; remove it and start the edit again. %s",
                    cause->message);
        return FALSE;
    }
    if (!vera_pipeline_find(saved, "step", VERA_K_DTYPE_I64, 1, &step) ||
        !vera_pipeline_find(saved, "fingerprint", VERA_K_DTYPE_U8, (gint64)strlen(fingerprint),
                            &mark) ||
        memcmp(mark.data, fingerprint, strlen(fingerprint)) != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The saved state ‘%s’ belongs to another edit; remove it, or ask for the same edit again.", path);
        return FALSE;
    }
    ok = vera_pipeline_check_saved(self, saved, *(const gint64 *)step.data, states, latents, error);
    for (int b = 0; b < VERA_N_BRANCHES; b++) {
        ok = ok && vera_sampler_load(self->samplers[b], states[b], error);
        if (ok)
            memcpy(self->latents[b], latents[b], n * sizeof(float));
        g_clear_pointer(&states[b], g_bytes_unref);
    }
    if (ok)
        self->step = (int)*(const gint64 *)step.data;
    return ok;
}
