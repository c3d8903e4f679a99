#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_synthetic_write_wan:
 * @dir: folder to make
 * @error: return location for a #GError
 *
 * Writes a model of random weights in the shapes of Wan2.1: the whole VAE in F32 (0.5 GB) and, as branch "edit", a 1.3B
 * transformer of a single block in BF16 (0.1 GB). For measurements: time and memory depend on shapes alone. Values are scaled so
 * that activations keep their size, and are the same at every call.
 *
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY, %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: %TRUE when vera_model_open() can open @dir
 */
gboolean vera_synthetic_write_wan(const char *dir, GError **error);

G_END_DECLS
