#include "config.h"

#include "engine/diffusion/vera-model-config.h"
#include "tests/fuzz/fuzz.h"

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
    const char *path = fuzz_write("config.json", data, size);
    gboolean ok;

    ok = vera_branch_config_load(path, &branch, &error);
    if (ok && (branch.dim < 1 || branch.n_layers < 1 || branch.patch_h < 1 || branch.head_dim % 2 != 0))
        g_error("a branch out of limits");
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_vae_config_load(path, &vae, &error);
    if (ok && (vae.n_levels < 1 || vae.n_levels > VERA_VAE_MAX_LEVELS || vae.z_dim > 64 || !(vae.latents_std[0] > 0)))
        g_error("a VAE out of limits");
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_text_encoder_config_load(path, &text, &error);
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_scheduler_config_load(path, &scheduler, &error);
    fuzz_check(ok, g_steal_pointer(&error));
    ok = vera_model_info_load(path, &info, &error);
    if (ok && (info.name == NULL || info.default_negative_prompt == NULL))
        g_error("a model without name or negative prompt");
    fuzz_check(ok, error);
    g_free(info.name);
    g_free(info.default_negative_prompt);
    return 0;
}
