#pragma once

#include <glib.h>

#include "engine/diffusion/vera-model.h"

G_BEGIN_DECLS

/*
 * Readers of the configuration files of a checkpoint. Each refuses, with
 * %VERA_ENGINE_ERROR_BAD_WEIGHTS and one sentence, a value that is missing, out of range, or of a
 * variant that the engine does not run.
 */
gboolean vera_branch_config_load(const char *path, VeraBranchConfig *config, GError **error);
gboolean vera_vae_config_load(const char *path, VeraVaeConfig *config, GError **error);
gboolean
vera_text_encoder_config_load(const char *path, VeraTextEncoderConfig *config, GError **error);
gboolean vera_snapper_config_load(const char *path, VeraSnapperConfig *config, GError **error);
gboolean vera_scheduler_config_load(const char *path, VeraSchedulerConfig *config, GError **error);
gboolean vera_model_info_load(const char *path, VeraModelInfo *info, GError **error);

G_END_DECLS
