#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/vera-k-private.h"
#include "tests/kernels/check.h"

/*
 * check-kernels [--device=SPEC] [--seed=N] [--threads=N] [--json] [--bench] [--list] [--selftest]
 *
 * Holds every operator of a device against the reference, times it, or lists which variant of each runs there. Exit 77: no such
 * device.
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

static void
list_operators(const VeraCheck *self)
{
    static const char *const names[VERA_K_N_OPS] = {
        [VERA_K_OP_LINEAR] = "linear",       [VERA_K_OP_LAYER_NORM] = "layer_norm", [VERA_K_OP_RMS_NORM] = "rms_norm",
        [VERA_K_OP_ATTENTION] = "attention", [VERA_K_OP_GATE_ADD] = "gate_add",     [VERA_K_OP_ACTIVATE] = "activate",
        [VERA_K_OP_COMBINE] = "combine",     [VERA_K_OP_COPY] = "copy",             [VERA_K_OP_EMBED] = "embed",
        [VERA_K_OP_CONV3D] = "conv3d",       [VERA_K_OP_CHANNEL_NORM] = "channel_norm",
        [VERA_K_OP_IS_FINITE] = "is_finite",
    };

    for (int i = 0; i < VERA_K_N_OPS; i++) {
        const VeraKOpEntry *entry = &self->tested->device->ops[i];
        const char *variant = entry->run == NULL ? "unsupported" : entry->variant;
        printf(self->is_json ? "{\"op\":\"%s\",\"variant\":\"%s\"}\n" : "%-12s %s\n", names[i], variant);
    }
}

int
main(int argc, char **argv)
{
    VeraCheck check = { .seed = 1 };
    const char *spec = "cpu";
    char *forced = getenv("VERA_KERNELS") ? strdup(getenv("VERA_KERNELS")) : NULL;
    bool is_selftest = false, is_list = false;
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
        else if (strcmp(argv[i], "--json") == 0)
            check.is_json = true;
        else if (strcmp(argv[i], "--list") == 0)
            is_list = true;
        else if (strcmp(argv[i], "--selftest") == 0)
            is_selftest = true;
        else
            return 2;
    }
    VeraKDevice *reference = open_device("cpu", "ref"), *tested = open_device(spec, forced);
    VeraKDeviceInfo info;
    vera_k_device_get_info(tested, &info);
    if (!check.is_json)
        printf("device %s, variant %s, seed %llu, %d threads\n", info.name, info.variant, (unsigned long long)check.seed, n_threads);
    if (vera_k_ctx_new(reference, 2, &check.reference) != VERA_K_OK || vera_k_ctx_new(tested, n_threads, &check.tested) != VERA_K_OK)
        return 1;
    if (is_list) {
        list_operators(&check);
    } else if (check.is_bench) {
        vera_check_benchmarks(&check);
    } else if (is_selftest) {
        n_missed = vera_check_selftest(&check);
    } else {
        vera_check_products(&check);
        vera_check_norms(&check);
        vera_check_elementwise(&check);
        vera_check_bf16(&check);
        vera_check_arguments(&check);
        if (!check.is_json)
            printf("%d cases, %d failed\n", check.n_cases, check.n_failed);
    }
    vera_k_ctx_free(&check.reference);
    vera_k_ctx_free(&check.tested);
    vera_k_device_close(&reference);
    vera_k_device_close(&tested);
    free(forced);
    return check.n_failed || n_missed ? 1 : 0;
}
