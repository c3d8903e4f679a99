#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kernels/check.h"

/*
 * check-kernels [--device=SPEC] [--seed=N] [--threads=N] [--bench] [--selftest]
 *
 * Holds every operator of a device against the reference, or times it. Exit 77: no such device.
 */

static VeraKDevice *
open_device(const char *spec, const char *variant)
{
    VeraKDevice *device = NULL;
    char message[1280];

    if (variant != NULL)
        setenv("VERA_KERNELS", variant, 1);
    else
        unsetenv("VERA_KERNELS");
    if (vera_k_device_open(spec, &device, message, sizeof message) != VERA_K_OK) {
        printf("%s\n", message);
        exit(77);
    }
    return device;
}

int
main(int argc, char **argv)
{
    VeraCheck check = { .seed = 1 };
    const char *spec = "cpu";
    const char *forced = getenv("VERA_KERNELS") ? strdup(getenv("VERA_KERNELS")) : NULL;
    bool is_selftest = false;
    int n_threads = 2, n_missed = 0;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--device=", 9) == 0)
            spec = argv[i] + 9;
        else if (strncmp(argv[i], "--seed=", 7) == 0)
            check.seed = strtoull(argv[i] + 7, NULL, 10);
        else if (strncmp(argv[i], "--threads=", 10) == 0)
            n_threads = atoi(argv[i] + 10);
        else if (strcmp(argv[i], "--bench") == 0)
            check.is_bench = true;
        else if (strcmp(argv[i], "--selftest") == 0)
            is_selftest = true;
        else
            return 2;
    }
    VeraKDevice *reference = open_device("cpu", "ref"), *tested = open_device(spec, forced);
    VeraKDeviceInfo info;
    vera_k_device_get_info(tested, &info);
    printf("device %s, variant %s, seed %llu, %d threads\n", info.name, info.variant, (unsigned long long)check.seed, n_threads);
    if (vera_k_ctx_new(reference, 2, &check.reference) != VERA_K_OK || vera_k_ctx_new(tested, n_threads, &check.tested) != VERA_K_OK)
        return 1;
    if (check.is_bench) {
        vera_check_benchmarks(&check);
    } else if (is_selftest) {
        n_missed = vera_check_selftest(&check);
    } else {
        vera_check_products(&check);
        vera_check_norms(&check);
        vera_check_elementwise(&check);
        vera_check_bf16(&check);
        vera_check_arguments(&check);
        printf("%d cases, %d failed\n", check.n_cases, check.n_failed);
    }
    vera_k_ctx_free(&check.reference);
    vera_k_ctx_free(&check.tested);
    vera_k_device_close(&reference);
    vera_k_device_close(&tested);
    return check.n_failed || n_missed ? 1 : 0;
}
