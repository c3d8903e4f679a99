#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <omp.h>

#include "kernels/vera-k-private.h"

static VeraKStatus
vera_k_cpu_allocate(VeraKDevice *device, size_t size, void **data)
{
    size_t rounded = (size + 63) / 64 * 64;

    if (rounded < size)
        return VERA_K_ERR_OUT_OF_MEMORY;
    *data = aligned_alloc(64, rounded > 0 ? rounded : 64);
    return *data != NULL ? VERA_K_OK : VERA_K_ERR_OUT_OF_MEMORY;
}

static void
vera_k_cpu_release(VeraKDevice *device, void *data)
{
    free(data);
}

static VeraKStatus
vera_k_cpu_copy(VeraKDevice *device, void *stream, void *dst, const void *src, size_t size)
{
    memcpy(dst, src, size);
    return VERA_K_OK;
}

static VeraKStatus
vera_k_cpu_synchronize(VeraKDevice *device, void *stream)
{
    return VERA_K_OK;
}

static uint64_t
vera_k_cpu_get_free_bytes(VeraKDevice *device)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (uint64_t)kib * 1024;
}

static void
vera_k_cpu_close(VeraKDevice *device)
{
    free(device);
}

#if VERA_HAVE_ONEDNN
static bool
vera_k_cpu_is_plain(void)
{
    const char *forced = getenv("VERA_KERNELS");

    return forced != NULL && strcmp(forced, "ref") == 0;
}
#endif

VeraKStatus
vera_k_device_open_cpu(VeraKDevice **device, char *message, size_t message_size)
{
    VeraKDevice *self = calloc(1, sizeof *self);

    *device = self;
    if (self == NULL)
        return VERA_K_ERR_OUT_OF_MEMORY;
    self->is_host = true;
    self->allocate = vera_k_cpu_allocate;
    self->release = vera_k_cpu_release;
    self->copy = vera_k_cpu_copy;
    self->synchronize = vera_k_cpu_synchronize;
    self->get_free_bytes = vera_k_cpu_get_free_bytes;
    self->close = vera_k_cpu_close;
    self->info.total_bytes =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    snprintf(self->info.name, sizeof self->info.name, "CPU, %d threads", omp_get_max_threads());
    snprintf(self->info.variant, sizeof self->info.variant, "ref");
    vera_k_ops_init_reference(self->ops);
#if VERA_HAVE_ONEDNN
    if (!vera_k_cpu_is_plain())
        vera_k_ops_init_cpu(self->ops, &self->info);
#endif
    return VERA_K_OK;
}
