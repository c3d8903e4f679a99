#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraFrameWindow:
 * @first_latent: first latent frame of the window in the whole range
 * @n_latents: latent frames that go through the model at once
 * @weights: ramp weight of each; over all windows they sum to 1 for every latent frame
 */
typedef struct {
    int first_latent;
    int n_latents;
    float *weights;
} VeraFrameWindow;

/**
 * VeraFramePlan:
 * @n_frames: frames asked for
 * @n_padded_frames: 4n + 1 frames that are coded; those past @n_frames repeat the last one and are dropped after decoding
 * @n_latents: latent frames of the whole range
 * @temporal_factor: frames of one latent frame, the first excepted
 * @n_windows: windows
 * @windows: (array length=n_windows): they start on latent frames, so that overlaps coincide
 *
 * Which frames go through the model in which windows with which overlap. The range is coded as a whole (the VAE is causal and
 * streams); windows are cut from the latents and their velocities averaged at every step.
 */
typedef struct {
    int n_frames;
    int n_padded_frames;
    int n_latents;
    int temporal_factor;
    int n_windows;
    VeraFrameWindow *windows;
} VeraFramePlan;

/**
 * vera_frame_plan_new:
 * @n_frames: frames of the range, at least 1
 * @window_frames: the model's own clip length
 * @temporal_factor: of the VAE
 * @error: return location for a #GError
 *
 * Neighbouring windows share about a quarter of their latent frames. Errors: %VERA_ENGINE_ERROR_USAGE.
 * Returns: (transfer full): a plan, or %NULL
 */
VeraFramePlan *vera_frame_plan_new(gint64 n_frames, int window_frames, int temporal_factor, GError **error);
void vera_frame_plan_free(VeraFramePlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraFramePlan, vera_frame_plan_free)

/** vera_frame_plan_get_frames: frames [@first, @last] of the range, from 0, that @window touches */
void vera_frame_plan_get_frames(const VeraFramePlan *self, int window, int *first, int *last);

/** vera_frame_plan_to_json: Returns: (transfer full): the plan for records and --dry-run */
char *vera_frame_plan_to_json(const VeraFramePlan *self);

G_END_DECLS
