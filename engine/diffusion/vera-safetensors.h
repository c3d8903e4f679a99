#pragma once

#include <glib.h>

#include "kernels/vera-k.h"

G_BEGIN_DECLS

/** VeraSafetensorsEntry: one tensor of a file; @data points into the mapping. */
typedef struct {
    char *name;
    VeraKTensor tensor;
} VeraSafetensorsEntry;

/** VeraSafetensors: one mapped file. Immutable; safe to read from any thread. */
typedef struct {
    char *path;
    GMappedFile *file;
    GArray *entries; /* (element-type VeraSafetensorsEntry), sorted by offset */
} VeraSafetensors;

/**
 * vera_safetensors_open:
 * @path: a .safetensors file
 * @error: return location for a #GError
 *
 * Maps the file and checks its header against its length: every tensor's bytes must be there, follow each other without hole or
 * overlap, and match its type and shape. Errors: %VERA_ENGINE_ERROR_BAD_WEIGHTS.
 * Returns: (transfer full): the file, or %NULL
 */
VeraSafetensors *vera_safetensors_open(const char *path, GError **error);

/**
 * vera_safetensors_parse:
 * @path: for messages
 * @file: (transfer full): the mapped bytes
 *
 * The same on bytes that are mapped already.
 */
VeraSafetensors *vera_safetensors_parse(const char *path, GMappedFile *file, GError **error);

void vera_safetensors_free(VeraSafetensors *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraSafetensors, vera_safetensors_free)

G_END_DECLS
