#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/vera-k-private.h"

/* Loads the module of a GPU. The CPU is never taken in its place: who asks for a GPU gets one or a sentence. */

#define VERA_K_MODULE_FILE "vera-cuda.so"

static const VeraKHost vera_k_host = {
    .version = VERA_VERSION,
    .fail = vera_k_fail,
    .scratch = vera_k_scratch,
    .packed = vera_k_packed,
    .fault_is_due = vera_k_fault_is_due,
};

/* The folder of the running program, with a slash at its end; "" if that is not known. */
static void
vera_k_module_get_program_dir(char *dir, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", dir, size - 1);
    char *slash;

    dir[length > 0 ? length : 0] = '\0';
    slash = strrchr(dir, '/');
    if (slash != NULL)
        slash[1] = '\0';
    else
        dir[0] = '\0';
}

/* Where the module lies: beside the program, in the build folder, or installed, also to another prefix than it was built for. */
static bool
vera_k_module_find(char *path, size_t size)
{
    static const char *const folders[] = { "", "../kernels/cuda/", "../../kernels/cuda/", "../" VERA_LIBDIR "/vera/" };
    const char *forced = getenv("VERA_CUDA_MODULE");
    char dir[512];

    if (forced != NULL && forced[0] != '\0')
        return snprintf(path, size, "%s", forced) < (int)size;
    vera_k_module_get_program_dir(dir, sizeof dir);
    for (size_t i = 0; dir[0] != '\0' && i < sizeof folders / sizeof *folders; i++)
        if (snprintf(path, size, "%s%s%s", dir, folders[i], VERA_K_MODULE_FILE) < (int)size && access(path, R_OK) == 0)
            return true;
    return snprintf(path, size, "%s/%s", VERA_MODULE_DIR, VERA_K_MODULE_FILE) < (int)size && access(path, R_OK) == 0;
}

static VeraKStatus
vera_k_module_refuse(char *message, size_t message_size, const char *format, const char *detail)
{
    if (message != NULL && message_size > 0)
        snprintf(message, message_size, format, detail);
    return VERA_K_ERR_NO_DEVICE;
}

VeraKStatus
vera_k_device_open_cuda(int index, VeraKDevice **device, char *message, size_t message_size)
{
    VeraKModuleOpen open;
    char path[1024], ignored[1];
    void *module;

    *device = NULL;
    if (!vera_k_module_find(path, sizeof path))
        return vera_k_module_refuse(message, message_size, "No NVIDIA GPU can be used: this installation has no %s. Use the device cpu.",
                                    VERA_K_MODULE_FILE);
    /* Never closed again: libraries of a GPU do not survive that. */
    module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL)
        return vera_k_module_refuse(message, message_size, "No NVIDIA GPU can be used: its module cannot be loaded (%s).", dlerror());
    *(void **)&open = dlsym(module, VERA_K_MODULE_OPEN); /* as POSIX writes it: ISO C has no such cast */
    if (open == NULL)
        return vera_k_module_refuse(message, message_size, "No NVIDIA GPU can be used: ‘%s’ is not a module of Vera.", path);
    return message != NULL ? open(&vera_k_host, index, device, message, message_size) : open(&vera_k_host, index, device, ignored, sizeof ignored);
}
