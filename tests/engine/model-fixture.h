#pragma once

#include <glib.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-noise.h"
#include "engine/diffusion/vera-runtime.h"
#include "engine/vera-engine-error.h"

/* A small model of the fixtures, and what tests of its parts need. */

static inline VeraModel *
model_fixture_open(const char *name)
{
    const char *root = g_getenv("VERA_SOURCE_ROOT") ? g_getenv("VERA_SOURCE_ROOT") : ".";
    g_autofree char *dir = g_build_filename(root, "tests/golden", name, NULL);
    g_autoptr(GError) error = NULL;
    VeraModel *model = vera_model_open(dir, &error);

    g_assert_no_error(error);
    return model;
}

/* The CPU, or the device of the environment: the same tests run on a device whose memory is not the host's. */
static inline const char *
model_fixture_get_device(void)
{
    return g_getenv("VERA_TEST_DEVICE") ? g_getenv("VERA_TEST_DEVICE") : "cpu";
}

static inline VeraRuntime *
model_fixture_make_runtime(int n_threads)
{
    g_autoptr(GError) error = NULL;
    VeraRuntime *runtime = vera_runtime_new(model_fixture_get_device(), VERA_K_COMPUTE_F32, n_threads, &error);

    g_assert_no_error(error);
    return runtime;
}

/* Too little memory, of the host or of the runtime's device. */
static inline void
model_fixture_check_out_of_memory(VeraRuntime *runtime, const GError *error)
{
    gboolean is_host = vera_k_device_is_host(vera_runtime_get_device(runtime));

    if (is_host || !g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_DEVICE_MEMORY))
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY);
}

/* Values from about -1 to 1 that differ everywhere. */
static inline float *
model_fixture_make_values(guint64 seed, gsize n)
{
    float *values = g_new(float, n);

    vera_noise_fill(seed, 7, 0, values, n);
    for (gsize i = 0; i < n; i++)
        values[i] = CLAMP(values[i] * 0.5f, -1.0f, 1.0f);
    return values;
}

/* Bytes in buffers of the runtime's device: now, or at the highest. */
static inline guint64
model_fixture_get_used(VeraRuntime *runtime, gboolean is_peak)
{
    VeraKDeviceInfo info;

    vera_k_device_get_info(vera_runtime_get_device(runtime), &info);
    return is_peak ? info.peak_used_bytes : info.used_bytes;
}
