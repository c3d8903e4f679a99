#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/cuda/device-cuda.h"

/* The function that the module exports, and every reason to refuse in one sentence. */

#define VERA_K_CUDA_MIN_SM 80

VeraKStatus vera_k_module_open(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size);

static VeraKStatus __attribute__((format(printf, 3, 4)))
vera_k_module_refuse(char *message, size_t message_size, const char *format, ...)
{
    va_list arguments;
    size_t length;

    snprintf(message, message_size, "No NVIDIA GPU can be used: ");
    length = strlen(message);
    va_start(arguments, format);
    vsnprintf(message + length, message_size - length, format, arguments);
    va_end(arguments);
    return VERA_K_ERR_NO_DEVICE;
}

static VeraKStatus
vera_k_module_check_driver(char *message, size_t message_size, int *n_devices)
{
    int driver = 0;
    cudaError_t error;

    cudaDriverGetVersion(&driver);
    if (driver == 0)
        return vera_k_module_refuse(message, message_size, "no NVIDIA driver is installed. Use the device cpu.");
    error = cudaGetDeviceCount(n_devices);
    if (error == cudaErrorInsufficientDriver)
        return vera_k_module_refuse(message, message_size,
                                    "the NVIDIA driver is too old: it supports CUDA %d.%d, and %d.%d is needed. Update it, or use the device cpu.",
                                    driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    if (error == cudaErrorNoDevice || (error == cudaSuccess && *n_devices == 0))
        return vera_k_module_refuse(message, message_size, "the driver finds none in this computer. Use the device cpu.");
    if (error != cudaSuccess)
        return vera_k_module_refuse(message, message_size, "the driver does not answer (%s). Use the device cpu.", cudaGetErrorString(error));
    return VERA_K_OK;
}

VeraKStatus
vera_k_module_open(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size)
{
    struct cudaDeviceProp facts;
    int n_devices = 0;
    VeraKStatus status;

    *device = NULL;
    if (strcmp(host->version, VERA_VERSION) != 0)
        return vera_k_module_refuse(message, message_size, "its module is of version %s, the program of %s. Install both again.",
                                    VERA_VERSION, host->version);
    status = vera_k_module_check_driver(message, message_size, &n_devices);
    if (status != VERA_K_OK)
        return status;
    if (index >= n_devices)
        return vera_k_module_refuse(message, message_size, "there is no cuda:%d; the last one is cuda:%d.", index, n_devices - 1);
    if (cudaGetDeviceProperties(&facts, index) != cudaSuccess)
        return vera_k_module_refuse(message, message_size, "cuda:%d does not answer. Use the device cpu.", index);
    if (facts.major * 10 + facts.minor < VERA_K_CUDA_MIN_SM)
        return vera_k_module_refuse(message, message_size,
                                    "the %s has compute capability %d.%d, and 8.0 is the least. Use the device cpu.", facts.name, facts.major,
                                    facts.minor);
    return vera_k_cuda_open_device(host, index, device, message, message_size);
}
