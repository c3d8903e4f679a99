#pragma once

#include <gio/gio.h>

#include "kernels/vera-k.h"

G_BEGIN_DECLS

/**
 * VeraWeights:
 *
 * The tensors of one module: one safetensors file, or shards with their index, memory-mapped, never copied. Names are
 * canonical (diffusers / Hugging Face); files in the original Wan or ComfyUI naming are renamed while loading, told apart by
 * the names themselves. Reference counted, immutable.
 *
 * Thread-safety: safe to read from any thread.
 */
typedef struct _VeraWeights VeraWeights;

/** VeraWeightsKind: which renaming rules apply. */
typedef enum {
    VERA_WEIGHTS_KIND_PLAIN,        /* no renaming: layers.safetensors and eval inputs */
    VERA_WEIGHTS_KIND_BRANCH,       /* WanTransformer3DModel; wan21-spec.md section 2 */
    VERA_WEIGHTS_KIND_VAE,          /* AutoencoderKLWan; section 3.7 */
    VERA_WEIGHTS_KIND_TEXT_ENCODER, /* UMT5EncoderModel; section 4.3 */
} VeraWeightsKind;

/** VeraWeightSpec: one tensor that a module must have. Unused trailing dimensions are 0. */
typedef struct {
    char *name;
    int n_dims;
    gint64 shape[VERA_K_MAX_DIMS];
} VeraWeightSpec;

/**
 * vera_weights_open:
 * @path: a .safetensors file, or a folder with `diffusion_pytorch_model`/`model` .safetensors or .safetensors.index.json
 * @kind: renaming rules
 * @error: return location for a #GError
 *
 * Checks headers, offsets, types and shards. Pickled files get one line that says which safetensors file to get instead.
 * Errors: %VERA_ENGINE_ERROR_BAD_WEIGHTS.
 * Returns: (transfer full): weights, or %NULL
 */
VeraWeights *vera_weights_open(const char *path, VeraWeightsKind kind, GError **error);
VeraWeights *vera_weights_ref(VeraWeights *self);
void vera_weights_unref(VeraWeights *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraWeights, vera_weights_unref)

/**
 * vera_weights_get:
 * @self: weights
 * @name: canonical name
 * @tensor: (out): contiguous view into the mapped file, valid as long as @self
 *
 * Returns: %FALSE if there is no such tensor
 */
gboolean vera_weights_get(VeraWeights *self, const char *name, VeraKTensor *tensor);

/** vera_weights_get_id: Returns: a number that no other weights of this process have or had, for
 * #VeraKTensor.constant_id */
guint64 vera_weights_get_id(VeraWeights *self);

/** vera_weights_list_names: Returns: (transfer container) (element-type utf8): canonical names, sorted */
GPtrArray *vera_weights_list_names(VeraWeights *self);

/**
 * vera_weights_check:
 * @self: weights
 * @specs: (element-type VeraWeightSpec): every tensor the module has
 * @error: return location for a #GError
 *
 * A missing, extra or wrongly shaped tensor, a type that does not load, or a non-finite value in a float tensor of up to
 * 64 Ki elements is an error that names the file, the tensor, what was expected and what was found.
 * Returns: %TRUE if all is as expected
 */
gboolean vera_weights_check(VeraWeights *self, GPtrArray *specs, GError **error);

/** vera_weights_check_finite: reads every float element; slow for big models (`vera model check`, and modules under 256 MiB at load). */
gboolean vera_weights_check_finite(VeraWeights *self, GError **error);

/** vera_weight_spec_new: Returns: (transfer full): a spec; shape given as @n_dims gint64 varargs */
VeraWeightSpec *vera_weight_spec_new(const char *name, int n_dims, ...);
void vera_weight_spec_free(VeraWeightSpec *spec);

/** vera_weights_hash: Returns: (transfer full): SHA-256 (hex) over names, types, shapes and bytes;
 * computed once, cached in memory; %NULL with %VERA_ENGINE_ERROR_CANCELLED */
char *vera_weights_hash(VeraWeights *self, GCancellable *cancellable, GError **error);

/** vera_weights_get_file: Returns: (transfer none): the file that holds tensor @name, for messages */
const char *vera_weights_get_file(VeraWeights *self, const char *name);

/** vera_weights_describe_shape: Returns: (transfer full): @shape as people write it: [1, 3, 17] */
char *vera_weights_describe_shape(int n_dims, const gint64 *shape);

/**
 * VeraNamedTensor: a tensor in host memory to be written by vera_safetensors_write(); borrowed.
 */
typedef struct {
    const char *name;
    VeraKTensor tensor;
} VeraNamedTensor;

/** vera_safetensors_write: writes @n contiguous tensors atomically (.part, fsync, rename, fsync of the folder), in the given order, data aligned to 64 bytes. */
gboolean
vera_safetensors_write(const char *path, const VeraNamedTensor *tensors, int n, GError **error);

G_END_DECLS
