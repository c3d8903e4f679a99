#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_model_init:
 * @wan_dir: a Wan2.1 text-to-video checkpoint in the diffusers layout (transformer, vae, text_encoder, tokenizer, scheduler)
 * @output_dir: the model folder to make; must not exist, or be empty
 * @name: (nullable): its name; that of @output_dir if %NULL
 * @error: return location for a #GError
 *
 * Makes an untrained Vera model: the transformer three times, all other parts as they are, by hard links where the file system
 * allows and copies elsewhere, and layers that are zero. Everything is made beside @output_dir and renamed at the end, so a
 * half-made model is never left under its name.
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_WEIGHTS (no such checkpoint), %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: %TRUE on success
 */
gboolean vera_model_init(const char *wan_dir, const char *output_dir, const char *name, GError **error);

G_END_DECLS
