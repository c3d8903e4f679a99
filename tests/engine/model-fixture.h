#pragma once

#include <glib.h>

#include "engine/diffusion/vera-model.h"
#include "engine/diffusion/vera-noise.h"
#include "engine/diffusion/vera-runtime.h"

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

static inline VeraRuntime *
model_fixture_make_runtime(int n_threads)
{
    g_autoptr(GError) error = NULL;
    VeraRuntime *runtime = vera_runtime_new("cpu", VERA_K_COMPUTE_F32, n_threads, &error);

    g_assert_no_error(error);
    return runtime;
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
