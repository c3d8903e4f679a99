#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/vera-k-private.h"

/* check-module MODULE: what vera-cuda.so says where it cannot open a GPU: one sentence, and nothing else happens. */

static int n_failed;

static void
check(const VeraKHost *host, VeraKModuleOpen open, int index, const char *const *wanted)
{
    VeraKDevice *device = NULL;
    char message[1024] = "";
    VeraKStatus status = open(host, index, &device, message, sizeof message);
    bool ok = status == VERA_K_ERR_NO_DEVICE && device == NULL && strncmp(message, "No NVIDIA GPU can be used: ", 27) == 0 &&
              strlen(message) > 40 && message[strlen(message) - 1] == '.';

    for (; *wanted != NULL; wanted++)
        ok = ok && strstr(message, *wanted) != NULL;
    printf("%s: cuda:%d, version %s: %s\n", ok ? "ok" : "FAILED", index, host->version, message);
    n_failed += !ok;
}

int
main(int argc, char **argv)
{
    void *module = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    VeraKModuleOpen open;
    VeraKHost host = { .version = "0.0.1" };

    if (module == NULL) {
        printf("%s\n", argc == 2 ? dlerror() : "Name one module.");
        return 1;
    }
    *(void **)&open = dlsym(module, VERA_K_MODULE_OPEN);
    check(&host, open, 0, (const char *const[]){ "0.0.1", VERA_VERSION, NULL });
    host.version = VERA_VERSION;
    check(&host, open, 999, (const char *const[]){ NULL });
    /* Who asks for a device and has no module, or something that is none. */
    for (int i = 0; i < 2; i++) {
        VeraKDevice *device = NULL;
        char message[1280] = "";
        bool ok;
        setenv("VERA_CUDA_MODULE", i == 0 ? "/no-module" : "libm.so.6", 1);
        ok = vera_k_device_open("cuda", &device, message, sizeof message) == VERA_K_ERR_NO_DEVICE && device == NULL &&
             strstr(message, i == 0 ? "/no-module" : "libm.so.6") != NULL && message[strlen(message) - 1] == '.';
        printf("%s: %s\n", ok ? "ok" : "FAILED", message);
        n_failed += !ok;
    }
    return n_failed > 0;
}
