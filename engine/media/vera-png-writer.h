#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_png_write:
 * @path: file to write
 * @values: width * height * n_channels floats, 0..1, stored as round(v * 65535)
 * @n_channels: 1 or 3
 *
 * Writes a 16-bit PNG. Errors: %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 */
gboolean vera_png_write(const char *path, const float *values, int width, int height, int n_channels, GError **error);

G_END_DECLS
