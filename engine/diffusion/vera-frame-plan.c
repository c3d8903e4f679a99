#include "config.h"

#include "engine/diffusion/vera-frame-plan.h"

#include "engine/vera-engine-error.h"

/* A weight that rises over the overlap with the window before and falls over that with the window after. */
static void
vera_frame_plan_fill_weights(VeraFramePlan *self)
{
    g_autofree double *sums = g_new0(double, self->n_latents);

    for (int pass = 0; pass < 2; pass++) {
        for (int w = 0; w < self->n_windows; w++) {
            VeraFrameWindow *window = &self->windows[w];
            for (int i = 0; i < window->n_latents; i++) {
                double weight = MIN(i + 1, window->n_latents - i);
                if (pass == 0)
                    sums[window->first_latent + i] += weight;
                else
                    window->weights[i] = (float)(weight / sums[window->first_latent + i]);
            }
        }
    }
}

VeraFramePlan *
vera_frame_plan_new(gint64 n_frames, int window_frames, int temporal_factor, GError **error)
{
    VeraFramePlan *self;
    int window, stride, last;

    if (n_frames < 1 || n_frames > 1000000 || window_frames < 1 || temporal_factor < 1) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                    "%" G_GINT64_FORMAT " frames cannot be edited in one range; take 1 to 1000000.", n_frames);
        return NULL;
    }
    self = g_new0(VeraFramePlan, 1);
    self->n_frames = (int)n_frames;
    self->temporal_factor = temporal_factor;
    self->n_latents = (self->n_frames - 1 + temporal_factor - 1) / temporal_factor + 1;
    self->n_padded_frames = (self->n_latents - 1) * temporal_factor + 1;
    window = MIN(self->n_latents, (window_frames - 1) / temporal_factor + 1);
    stride = MAX(1, window - MAX(1, window / 4));
    last = self->n_latents - window;
    self->n_windows = last == 0 ? 1 : (last + stride - 1) / stride + 1;
    self->windows = g_new0(VeraFrameWindow, self->n_windows);
    for (int i = 0; i < self->n_windows; i++) {
        /* The last window is shifted back to end with the range, never cut short. */
        self->windows[i].first_latent = MIN(i * stride, last);
        self->windows[i].n_latents = window;
        self->windows[i].weights = g_new(float, window);
    }
    vera_frame_plan_fill_weights(self);
    return self;
}

void
vera_frame_plan_free(VeraFramePlan *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < self->n_windows; i++)
        g_free(self->windows[i].weights);
    g_free(self->windows);
    g_free(self);
}

void
vera_frame_plan_get_frames(const VeraFramePlan *self, int window, int *first, int *last)
{
    const VeraFrameWindow *w = &self->windows[window];
    int end = w->first_latent + w->n_latents - 1;

    *first = w->first_latent == 0 ? 0 : (w->first_latent - 1) * self->temporal_factor + 1;
    *last = MIN(end * self->temporal_factor, self->n_frames - 1);
}

char *
vera_frame_plan_to_json(const VeraFramePlan *self)
{
    GString *json = g_string_new(NULL);

    g_string_append_printf(json, "{\"frames\":%d,\"padded_frames\":%d,\"latents\":%d,\"windows\":[", self->n_frames,
                           self->n_padded_frames, self->n_latents);
    for (int i = 0; i < self->n_windows; i++) {
        int first, last;
        vera_frame_plan_get_frames(self, i, &first, &last);
        g_string_append_printf(json, "%s{\"first\":%d,\"last\":%d,\"latents\":%d}", i ? "," : "", first, last,
                               self->windows[i].n_latents);
    }
    g_string_append(json, "]}");
    return g_string_free(json, FALSE);
}
