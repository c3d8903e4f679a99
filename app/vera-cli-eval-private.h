#pragma once

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"
#include "engine/diffusion/vera-sampler.h"

G_BEGIN_DECLS

/** VeraEval: one `vera eval` run: inputs, settings, and the outputs so far. */
typedef struct {
    VeraModel *model;
    VeraRuntime *runtime;
    VeraWeights *in;
    const char *in_path;
    const char *branch;
    int n_steps;
    double guidance;
    double shift;
    VeraSolver solver;
    VeraNamedTensor out[8];
    int n_out;
} VeraEval;

/** VeraEvalInput: an F32 input of @n values; @shape without the batch. */
typedef struct {
    VeraKTensor tensor;
    const float *values;
    gint64 n;
    gint64 shape[4];
} VeraEvalInput;

/** vera_eval_get_f32: input @name, all of it finite; @n_dims with the batch, 0 for any */
gboolean vera_eval_get_f32(VeraEval *self, const char *name, int n_dims, VeraEvalInput *input, GError **error);

/** vera_eval_get_full_f32: the same, which must not be empty */
gboolean vera_eval_get_full_f32(
    VeraEval *self, const char *name, int n_dims, VeraEvalInput *input, GError **error);

/** vera_eval_get_i64: input @name of shape [1, n], n at least 1 */
gboolean vera_eval_get_i64(VeraEval *self, const char *name, const gint64 **values, int *n, GError **error);

/** vera_eval_add_output: @shape: none below 0. Returns: (transfer none): zeroed values to fill;
 * %NULL without memory */
float *vera_eval_add_output(
    VeraEval *self, const char *name, int n_dims, const gint64 *shape, GError **error);

/** vera_eval_check_outputs: Returns: whether all outputs are finite */
gboolean vera_eval_check_outputs(VeraEval *self, GError **error);

/** vera_eval_check_paths: Returns: whether @out can be written, and @in stays what it is meanwhile
 */
gboolean vera_eval_check_paths(const char *in, const char *out, GError **error);

/** vera_eval_pipeline: the module `pipeline` */
gboolean vera_eval_pipeline(VeraEval *self, GError **error);

G_END_DECLS
