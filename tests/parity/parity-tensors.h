#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * A safetensors file read and written without the engine's own code, so that a wrong reader there cannot
 * agree with itself.
 */
typedef struct {
    char *bytes; /* the whole file */
    gsize length;
    JsonParser *parser;
    JsonObject *header;
    char *data; /* behind the header, in bytes */
} ParityTensors;

/** parity_tensors_load: Returns: (transfer full) (nullable): the file, or %NULL if it is not one */
ParityTensors *parity_tensors_load(const char *path);
void parity_tensors_free(ParityTensors *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ParityTensors, parity_tensors_free)

/** parity_tensors_list: Returns: (transfer container): names of the tensors, those of the file, as stored */
GList *parity_tensors_list(ParityTensors *self);

/** parity_tensors_get_shape: Returns: (transfer full) (nullable): "[1,2,3]", or %NULL without such a tensor */
char *parity_tensors_get_shape(ParityTensors *self, const char *name);

/** parity_tensors_get: Returns: (transfer none): first byte of a tensor of any dtype; @size in bytes */
char *parity_tensors_get(ParityTensors *self, const char *name, gsize *size);

/**
 * parity_tensors_get_error: ||got - want|| / ||want|| of one F32 tensor.
 * Returns: infinity where it is missing, of another type or shape, or not finite
 */
double parity_tensors_get_error(ParityTensors *got, ParityTensors *want, const char *name);

/** parity_tensors_save: writes the header as it stands and @data_size bytes of data */
void parity_tensors_save(ParityTensors *self, const char *path, gsize data_size);

G_END_DECLS
