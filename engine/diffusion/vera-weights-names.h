#pragma once

#include <glib.h>

#include "engine/diffusion/vera-weights.h"

G_BEGIN_DECLS

/**
 * vera_weights_rename:
 * @names: (element-type utf8): every name in the module's files
 * @kind: the module
 * @error: return location for a #GError
 *
 * Canonical names (diffusers, Hugging Face) for names in any accepted scheme: the same, the original Wan one, ComfyUI's with its
 * prefixes. The scheme is told by the names. Tensors that mark another variant of the network are refused by naming it
 * (%VERA_ENGINE_ERROR_BAD_WEIGHTS). A name that no rule knows stays as it is.
 *
 * Returns: (transfer full) (element-type utf8): one new name for each, in the same order
 */
GPtrArray *vera_weights_rename(GPtrArray *names, VeraWeightsKind kind, GError **error);

G_END_DECLS
