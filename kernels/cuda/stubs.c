#include "config.h"

#include <stdio.h>

#include "kernels/vera-k-private.h"

/* Without the CUDA module every request for a GPU gets this answer; the CPU is never taken in its place. */
VeraKStatus
vera_k_device_open_cuda(int index, VeraKDevice **device, char *message, size_t message_size)
{
    *device = NULL;
    if (message != NULL)
        snprintf(message, message_size,
                 "No NVIDIA GPU can be used: this build has no CUDA module. Use the device cpu.");
    return VERA_K_ERR_NO_DEVICE;
}
