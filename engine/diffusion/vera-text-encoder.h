#pragma once

#include <gio/gio.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-runtime.h"

G_BEGIN_DECLS

GPtrArray *vera_text_encoder_get_specs(const VeraTextEncoderConfig *config);

/** VeraTextEncoder: UMT5 encoder (wan21-spec.md section 4). Thread-safety: one thread at a time. */
typedef struct _VeraTextEncoder VeraTextEncoder;

VeraTextEncoder *vera_text_encoder_new(VeraRuntime *runtime,
                                       const VeraTextEncoderConfig *config,
                                       VeraWeights *weights,
                                       GError **error);
void vera_text_encoder_free(VeraTextEncoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTextEncoder, vera_text_encoder_free)

/**
 * vera_text_encoder_run:
 * @ids: @n_ids token ids
 * @mask: (nullable): @n_ids of 0 or 1; masked keys are not attended, masked rows come out as zeros
 * @hidden: (out caller-allocates): host memory [n_ids, d_model]
 */
gboolean vera_text_encoder_run(VeraTextEncoder *self,
                               const gint64 *ids,
                               const gint64 *mask,
                               int n_ids,
                               float *hidden,
                               GCancellable *cancellable,
                               GError **error);

G_END_DECLS
