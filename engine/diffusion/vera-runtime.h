#pragma once

#include <gio/gio.h>

#include "kernels/vera-k-ops.h"

G_BEGIN_DECLS

/**
 * VeraRuntime:
 *
 * A device with a context, the precision of products, and allocation of activations: what every module of a model
 * needs to run. Reference counted.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraRuntime VeraRuntime;

/**
 * VeraTensor:
 * @k: the view that operators take
 *
 * Device memory with a shape, owned. Reference counted; views keep their base alive.
 */
typedef struct {
    VeraKTensor k;
    /*< private >*/
    gatomicrefcount ref_count;
    VeraKBuffer *buffer;
    gpointer base;
} VeraTensor;

/**
 * vera_runtime_new:
 * @device: "cpu", "cuda" or "cuda:N"; or two GPUs with a comma between them, the second of which becomes the partner
 * @compute: precision of products
 * @n_threads: CPU threads, 0 for all
 * @error: return location for a #GError
 *
 * A device that lacks an operator of the model is refused here, before any work.
 *
 * Errors: %VERA_ENGINE_ERROR_NO_DEVICE, %VERA_ENGINE_ERROR_OUT_OF_MEMORY, %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY.
 * Returns: (transfer full): a runtime, or %NULL
 */
VeraRuntime *
vera_runtime_new(const char *device, VeraKCompute compute, int n_threads, GError **error);
/**
 * vera_runtime_new_dry: like @like, on a device on paper (vera_k_device_open_dry()): what runs there tells what memory it would take.
 * Returns: (transfer full): a runtime, or %NULL with %VERA_ENGINE_ERROR_OUT_OF_MEMORY
 */
VeraRuntime *vera_runtime_new_dry(VeraRuntime *like, GError **error);
VeraRuntime *vera_runtime_ref(VeraRuntime *self);
void vera_runtime_unref(VeraRuntime *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraRuntime, vera_runtime_unref)

/** vera_runtime_get_partner: Returns: (transfer none) (nullable): a second device, for work beside the first's in a thread of its own */
VeraRuntime *vera_runtime_get_partner(VeraRuntime *self);

/** vera_runtime_get_ctx: Returns: (transfer none): the kernel context */
VeraKCtx *vera_runtime_get_ctx(VeraRuntime *self);

/** vera_runtime_get_device: Returns: (transfer none): the device */
VeraKDevice *vera_runtime_get_device(VeraRuntime *self);

/** vera_runtime_get_compute: Returns: the precision of products */
VeraKCompute vera_runtime_get_compute(VeraRuntime *self);

/**
 * vera_runtime_get_activation: Returns: type of what lies between two operators and is an operand of products next: BF16 where products
 * are and the device does them at full rate, since they would round it in any case; else F32
 */
VeraKDType vera_runtime_get_activation(VeraRuntime *self);

/** vera_runtime_set_cancellable: @cancellable (nullable) stops what runs from now on, also on the partner, with
 * %VERA_ENGINE_ERROR_CANCELLED. */
void vera_runtime_set_cancellable(VeraRuntime *self, GCancellable *cancellable);

/**
 * vera_runtime_check:
 * @self: a runtime
 * @status: what an operator returned
 * @what: name of the step, for the message
 * @error: return location for a #GError
 *
 * The one place where kernel status becomes a #GError, and where a run that is cancelled stops
 * between two operators. Returns: %TRUE if @status is VERA_K_OK
 */
gboolean
vera_runtime_check(VeraRuntime *self, VeraKStatus status, const char *what, GError **error);

/**
 * vera_runtime_new_floats:
 * @n: how many, may be 0
 * @error: return location for a #GError
 *
 * Host memory for @n floats, contents undefined. Like tensors it can be made to fail by
 * vera_k_fault_set_countdown().
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 * Thread-safety: safe.
 * Returns: (transfer full): memory for g_free(), or %NULL
 */
float *vera_runtime_new_floats(gsize n, GError **error);

/**
 * vera_runtime_new_buffer: @size bytes of device memory, contents undefined. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY,
 * %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY, %VERA_ENGINE_ERROR_DEVICE_LOST. Returns: (transfer full): a buffer, or %NULL
 */
VeraKBuffer *vera_runtime_new_buffer(VeraRuntime *self, gsize size, GError **error);

/**
 * vera_tensor_new:
 * @runtime: where
 * @n_dims: number of dimensions
 * @shape: the shape
 * @error: return location for a #GError
 *
 * Allocates a contiguous F32 tensor, contents undefined. Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY,
 * %VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY.
 * Returns: (transfer full): a tensor, or %NULL
 */
VeraTensor *vera_tensor_new(VeraRuntime *runtime, int n_dims, const gint64 *shape, GError **error);

/** vera_tensor_new_as: the same of type @dtype */
VeraTensor *vera_tensor_new_as(VeraRuntime *runtime, VeraKDType dtype, int n_dims, const gint64 *shape, GError **error);

/** vera_tensor_new_view: Returns: (transfer full): a tensor that shares @base's memory through view @k */
VeraTensor *vera_tensor_new_view(VeraTensor *base, const VeraKTensor *k);

/**
 * vera_tensor_new_from_host: copies @n floats from host memory into a new tensor.
 * Returns: (transfer full): a tensor, or %NULL
 */
VeraTensor *vera_tensor_new_from_host(
    VeraRuntime *runtime, int n_dims, const gint64 *shape, const float *values, GError **error);

/** vera_tensor_to_host: copies all elements (contiguous, F32) to host memory, after waiting for the device. */
gboolean vera_tensor_to_host(VeraTensor *self, VeraRuntime *runtime, float *values, GError **error);

VeraTensor *vera_tensor_ref(VeraTensor *self);
void vera_tensor_unref(VeraTensor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTensor, vera_tensor_unref)

G_END_DECLS
