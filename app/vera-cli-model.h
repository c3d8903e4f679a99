#pragma once

#include "engine/diffusion/vera-model.h"

G_BEGIN_DECLS

/**
 * vera_cli_open_model: opens a model and says on stderr when its training is not finished.
 * Returns: (transfer full): the model, or %NULL
 */
VeraModel *vera_cli_open_model(const char *dir, GError **error);

G_END_DECLS
