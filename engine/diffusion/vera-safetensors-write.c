#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/diffusion/vera-weights.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-file.h"

static void
vera_safetensors_append_name(GString *json, const char *name)
{
    g_string_append_c(json, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            g_string_append_printf(json, "\\%c", *name);
        else if ((guchar)*name < 32)
            g_string_append_printf(json, "\\u%04x", *name);
        else
            g_string_append_c(json, *name);
    }
    g_string_append_c(json, '"');
}

static char *
vera_safetensors_make_header(const VeraNamedTensor *tensors, int n)
{
    GString *json = g_string_new("{");
    guint64 at = 0;

    for (int i = 0; i < n; i++) {
        const VeraKTensor *t = &tensors[i].tensor;
        guint64 size = (guint64)vera_k_tensor_n_elements(t) * vera_k_dtype_size(t->dtype);
        g_string_append(json, i ? "," : "");
        vera_safetensors_append_name(json, tensors[i].name);
        g_string_append_printf(json, ":{\"dtype\":\"%s\",\"shape\":[", vera_k_dtype_name(t->dtype));
        for (int d = 0; d < t->n_dims; d++)
            g_string_append_printf(json, "%s%" G_GINT64_FORMAT, d ? "," : "", (gint64)t->shape[d]);
        g_string_append_printf(json, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", at, at + size);
        at += size;
    }
    g_string_append_c(json, '}');
    /* Padded with spaces, so that the data starts on a multiple of 64 bytes. */
    while ((json->len + 8) % 64 != 0)
        g_string_append_c(json, ' ');
    return g_string_free(json, FALSE);
}

static gboolean
vera_safetensors_write_all(FILE *file, const char *header, const VeraNamedTensor *tensors, int n)
{
    guint64 length = GUINT64_TO_LE((guint64)strlen(header));

    if (fwrite(&length, 8, 1, file) != 1 || fwrite(header, strlen(header), 1, file) != 1)
        return FALSE;
    for (int i = 0; i < n; i++) {
        gsize size = (gsize)vera_k_tensor_n_elements(&tensors[i].tensor) * vera_k_dtype_size(tensors[i].tensor.dtype);
        if (size > 0 && fwrite(tensors[i].tensor.data, size, 1, file) != 1)
            return FALSE;
    }
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

gboolean
vera_safetensors_write(const char *path, const VeraNamedTensor *tensors, int n, GError **error)
{
    g_autofree char *part = g_strconcat(path, ".part", NULL);
    g_autofree char *what = g_strdup_printf("write ‘%s’", path);
    g_autofree char *header = vera_safetensors_make_header(tensors, n);
    FILE *file = g_fopen(part, "wb");
    gboolean ok = file != NULL && vera_safetensors_write_all(file, header, tensors, n);
    int saved_errno = errno;

    if (file != NULL && fclose(file) != 0 && ok) {
        ok = FALSE;
        saved_errno = errno;
    }
    if (ok && (g_rename(part, path) != 0 || !vera_file_sync_folder_of(path))) {
        ok = FALSE;
        saved_errno = errno;
    }
    if (!ok) {
        g_unlink(part);
        vera_engine_error_set_errno(error, saved_errno, what);
    }
    return ok;
}
