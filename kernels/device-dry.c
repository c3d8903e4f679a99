#include "config.h"

#include <stdlib.h>

#include "kernels/vera-k-private.h"

/*
 * A device on paper. Addresses come from where no process has memory: whoever reads or writes one dies at once, and none is given twice.
 */

#define VERA_K_DRY_FIRST_ADDRESS ((uint64_t)1 << 52)
#define VERA_K_DRY_ALIGN 256

typedef struct {
    VeraKDevice device;
    uint64_t next; /* address */
} VeraKDryDevice;

static VeraKStatus
vera_k_dry_allocate(VeraKDevice *device, size_t size, void **data)
{
    VeraKDryDevice *self = (VeraKDryDevice *)device;
    uint64_t room = ((uint64_t)size / VERA_K_DRY_ALIGN + 1) * VERA_K_DRY_ALIGN;

    if (size > VERA_K_DRY_FIRST_ADDRESS)
        return VERA_K_ERR_OUT_OF_MEMORY;
    *data = (void *)(uintptr_t)__atomic_fetch_add(&self->next, room, __ATOMIC_RELAXED);
    return VERA_K_OK;
}

static void
vera_k_dry_release(VeraKDevice *device, void *data)
{
}

static VeraKStatus
vera_k_dry_copy(VeraKDevice *device, void *stream, void *dst, const void *src, size_t size)
{
    return VERA_K_OK;
}

static VeraKStatus
vera_k_dry_synchronize(VeraKDevice *device, void *stream)
{
    return VERA_K_OK;
}

static void
vera_k_dry_close(VeraKDevice *device)
{
    free(device);
}

VeraKStatus
vera_k_device_open_dry(VeraKDevice *like, VeraKDevice **device)
{
    VeraKDryDevice *self = calloc(1, sizeof *self);

    *device = NULL;
    if (self == NULL)
        return VERA_K_ERR_OUT_OF_MEMORY;
    self->device = *like;
    self->next = VERA_K_DRY_FIRST_ADDRESS;
    self->device.is_host = false;
    self->device.is_dry = true;
    self->device.allocate = vera_k_dry_allocate;
    self->device.release = vera_k_dry_release;
    self->device.copy = vera_k_dry_copy;
    self->device.synchronize = vera_k_dry_synchronize;
    self->device.new_stream = NULL;
    self->device.free_stream = NULL;
    self->device.wait_stream = NULL;
    self->device.describe = NULL;
    self->device.close = vera_k_dry_close;
    self->device.used_bytes = self->device.peak_used_bytes = 0;
    *device = &self->device;
    return VERA_K_OK;
}
