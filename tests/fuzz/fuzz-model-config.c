#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/diffusion/vera-model-config.h"
#include "tests/fuzz/fuzz.h"

static char fuzz_path[64];

static void
fuzz_remove(void)
{
    unlink(fuzz_path);
}

static void
fuzz_write(const uint8_t *data, size_t size)
{
    if (fuzz_path[0] == '\0') {
        g_snprintf(fuzz_path, sizeof fuzz_path, "/tmp/vera-fuzz-config-%d", (int)getpid());
        atexit(fuzz_remove);
    }
    if (!g_file_set_contents_full(fuzz_path, (const char *)data, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0600, NULL))
        g_error("no temporary file");
}

static void
fuzz_check(gboolean ok, GError *error)
{
    if (ok != (error == NULL))
        g_error("result and error disagree");
    g_clear_error(&error);
}

/* Any bytes as each configuration file: an error, or values inside of the limits. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VeraBranchConfig branch;
    VeraVaeConfig vae;
    VeraTextEncoderConfig text;
    VeraSchedulerConfig scheduler;
    VeraModelInfo info;
    GError *error = NULL;
    gboolean ok;

    fuzz_write(data, size);
    ok = vera_branch_config_load(fuzz_path, &branch, &error);
    if (ok && (branch.dim < 1 || branch.n_layers < 1 || branch.patch_h < 1 || branch.head_dim % 2 != 0))
        g_error("a branch out of limits");
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_vae_config_load(fuzz_path, &vae, &error);
    if (ok && (vae.n_levels < 1 || vae.n_levels > VERA_VAE_MAX_LEVELS || vae.z_dim > 64 || !(vae.latents_std[0] > 0)))
        g_error("a VAE out of limits");
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_text_encoder_config_load(fuzz_path, &text, &error);
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_scheduler_config_load(fuzz_path, &scheduler, &error);
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_model_info_load(fuzz_path, &info, &error);
    if (ok && (info.name == NULL || info.default_negative_prompt == NULL))
        g_error("a model without name or negative prompt");
    fuzz_check(ok, error);
    g_free(info.name);
    g_free(info.default_negative_prompt);
    return 0;
}
