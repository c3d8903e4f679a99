#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/diffusion/vera-safetensors.h"
#include "tests/fuzz/fuzz.h"

/* Any bytes as a weights file: an error, or tensors that lie inside of the file, all of whose bytes can be read. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(VeraSafetensors) weights = NULL;
    g_autoptr(GError) error = NULL;
    GMappedFile *file;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        g_error("no memory file");
    file = g_mapped_file_new_from_fd(fd, FALSE, NULL);
    close(fd);
    if (file == NULL)
        return 0;
    weights = vera_safetensors_parse("fuzz", file, &error);
    if ((weights == NULL) != (error != NULL))
        g_error("result and error disagree");
    for (guint i = 0; weights != NULL && i < weights->entries->len; i++) {
        VeraKTensor *tensor = &g_array_index(weights->entries, VeraSafetensorsEntry, i).tensor;
        const char *start = g_mapped_file_get_contents(weights->file);
        const char *from = tensor->data;
        gsize n = (gsize)vera_k_tensor_n_elements(tensor) * vera_k_dtype_size(tensor->dtype);
        if (from < start || n > size || (gsize)(from - start) > size - n)
            g_error("a tensor lies outside of the file");
    }
    return 0;
}
