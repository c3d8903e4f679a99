#include "config.h"

#include "tests/parity/parity-tensors.h"

#include <math.h>
#include <string.h>

ParityTensors *
parity_tensors_load(const char *path)
{
    g_autoptr(ParityTensors) self = g_new0(ParityTensors, 1);
    guint64 n_header;

    self->parser = json_parser_new();
    if (!g_file_get_contents(path, &self->bytes, &self->length, NULL) || self->length < 8)
        return NULL;
    memcpy(&n_header, self->bytes, 8);
    n_header = GUINT64_FROM_LE(n_header);
    if (n_header > self->length - 8 ||
        !json_parser_load_from_data(self->parser, self->bytes + 8, (gssize)n_header, NULL))
        return NULL;
    self->header = json_node_get_object(json_parser_get_root(self->parser));
    self->data = self->bytes + 8 + n_header;
    return g_steal_pointer(&self);
}

void
parity_tensors_free(ParityTensors *self)
{
    g_object_unref(self->parser);
    g_free(self->bytes);
    g_free(self);
}

GList *
parity_tensors_list(ParityTensors *self)
{
    GList *names = json_object_get_members(self->header);
    GList *metadata = g_list_find_custom(names, "__metadata__", (GCompareFunc)strcmp);

    return metadata ? g_list_delete_link(names, metadata) : names;
}

char *
parity_tensors_get_shape(ParityTensors *self, const char *name)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();

    if (!json_object_has_member(self->header, name))
        return NULL;
    json_generator_set_root(
        generator, json_object_get_member(json_object_get_object_member(self->header, name), "shape"));
    return json_generator_to_data(generator, NULL);
}

char *
parity_tensors_get(ParityTensors *self, const char *name, gsize *size)
{
    JsonObject *entry = json_object_get_object_member(self->header, name);
    JsonArray *offsets = json_object_get_array_member(entry, "data_offsets");
    gint64 from = json_array_get_int_element(offsets, 0), to = json_array_get_int_element(offsets, 1);

    g_assert_cmpint(from, <=, to);
    g_assert_cmpint(to, <=, self->length - (gsize)(self->data - self->bytes));
    *size = (gsize)(to - from);
    return self->data + from;
}

static gboolean
parity_tensors_is_f32(ParityTensors *self, const char *name)
{
    JsonObject *entry = json_object_get_object_member(self->header, name);

    return g_str_equal(json_object_get_string_member(entry, "dtype"), "F32");
}

double
parity_tensors_get_error(ParityTensors *got, ParityTensors *want, const char *name)
{
    g_autofree char *got_shape = parity_tensors_get_shape(got, name);
    g_autofree char *want_shape = parity_tensors_get_shape(want, name);
    double error = 0, norm = 0;
    gsize size, want_size;
    const char *a, *b;

    if (g_strcmp0(got_shape, want_shape) != 0 || !parity_tensors_is_f32(got, name))
        return INFINITY;
    a = parity_tensors_get(got, name, &size);
    b = parity_tensors_get(want, name, &want_size);
    if (size != want_size)
        return INFINITY;
    for (gsize i = 0; i < size; i += sizeof(float)) {
        float x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        error += ((double)x - y) * ((double)x - y);
        norm += (double)y * y;
    }
    return isfinite(error) && norm > 0 ? sqrt(error / norm) : INFINITY;
}

void
parity_tensors_save(ParityTensors *self, const char *path, gsize data_size)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *header = NULL;
    gsize n_header;
    guint64 coded;

    json_generator_set_root(generator, json_parser_get_root(self->parser));
    header = json_generator_to_data(generator, &n_header);
    coded = GUINT64_TO_LE(((guint64)n_header + 7) & ~(guint64)7);
    g_byte_array_append(file, (const guint8 *)&coded, 8);
    g_byte_array_append(file, (const guint8 *)header, (guint)n_header);
    while (file->len % 8 != 0)
        g_byte_array_append(file, (const guint8 *)" ", 1);
    g_byte_array_append(file, (const guint8 *)self->data, (guint)data_size);
    g_file_set_contents(path, (const char *)file->data, file->len, &error);
    g_assert_no_error(error);
}
