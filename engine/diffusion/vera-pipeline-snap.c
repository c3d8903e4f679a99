#include "config.h"

#include <string.h>

#include "engine/compositing/vera-matte-evidence.h"
#include "engine/compositing/vera-matte.h"
#include "engine/diffusion/vera-pipeline-private.h"
#include "engine/diffusion/vera-snapper.h"
#include "engine/vera-engine-error.h"

/* Of the area that the model keeps; a smaller rest means that the snapper did not find the subject.
 */
#define VERA_PIPELINE_SNAP_LEAST 0.25

/* What the user's region says for a place on the side that the subject is on, where the model keeps
 * nothing; training knows it as REGION. */
#define VERA_PIPELINE_SNAP_REGION 0.3f

/* Less than this is nothing, and what lacks less is all: pixels that are kept must not change at
 * all. */
#define VERA_PIPELINE_SNAP_FAINT 0.1f
/* Islands and holes of a smaller share of the frame are noise. */
#define VERA_PIPELINE_SNAP_SPECKLE (1.0 / 2000)

/* Planes of a frame as the snapper sees it: colour, what is kept by now, evidence */
#define VERA_PIPELINE_SNAP_SEEN 5

/* One frame at a time. */
typedef struct {
    VeraFrameSpill *layers, *plates, *regions; /* no @regions without one */
    VeraFrameSpill *seen; /* all of them as the snapper sees them in this round */
    VeraSnapper *snapper;
    const VeraSnapperConfig *config;
    float *frame, *plate,
        *region;  /* [5, H, W], of which the last plane is what was found; [3, H, W] and [H, W] */
    float *maybe; /* where the subject may be */
    float *input; /* of the snapper */
    gboolean
        is_region_around; /* the region is drawn around the subject, and not over the background */
    int width, height, n_frames;
    gsize pixels;
    GCancellable *cancellable;
} VeraPipelineSnapper;

static gboolean
vera_pipeline_snapper_read(VeraPipelineSnapper *s, int index, GError **error)
{
    return !vera_engine_error_set_cancelled(s->cancellable, error) &&
           vera_frame_spill_read(s->layers, index, s->frame, error) &&
           vera_frame_spill_read(s->plates, index, s->plate, error) &&
           (s->regions == NULL || vera_frame_spill_read(s->regions, index, s->region, error));
}

static float
vera_pipeline_snapper_get_region(const VeraPipelineSnapper *s, gsize p)
{
    return CLAMP(s->region[p] * 0.5f + 0.5f, 0.0f, 1.0f);
}

static float
vera_pipeline_snapper_get_side(const VeraPipelineSnapper *s, gsize p)
{
    float inside = vera_pipeline_snapper_get_region(s, p);

    return s->is_region_around ? inside : 1 - inside;
}

static float *
vera_pipeline_snapper_get_plane(const VeraPipelineSnapper *s, gsize plane)
{
    return s->frame + plane * s->pixels;
}

/* What the model keeps is what is found at first, @total of it; the side of the region that holds
 * more of it is the subject's. */
static gboolean
vera_pipeline_snapper_begin(VeraPipelineSnapper *s, double *total, GError **error)
{
    double kept[2] = {0}, area[2] = {1e-9, 1e-9};

    *total = 0;
    for (int i = 0; i < s->n_frames; i++) {
        float *found = vera_pipeline_snapper_get_plane(s, 4),
              *matte = vera_pipeline_snapper_get_plane(s, 3);
        if (!vera_pipeline_snapper_read(s, i, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++) {
            double inside = s->regions ? (double)vera_pipeline_snapper_get_region(s, p) : 0;
            found[p] = 1 - matte[p];
            *total += (double)found[p];
            area[0] += 1 - inside;
            area[1] += inside;
            kept[0] += (1 - inside) * (double)found[p];
            kept[1] += inside * (double)found[p];
        }
        if (!vera_frame_spill_write(s->layers, i, 4 * s->pixels, found, s->pixels, error))
            return FALSE;
    }
    s->is_region_around = kept[1] / area[1] > kept[0] / area[0];
    return TRUE;
}

/* Where the subject may be: what was found, and with less weight all of its side of the region. */
static void
vera_pipeline_snapper_allow(VeraPipelineSnapper *s)
{
    memcpy(s->maybe, vera_pipeline_snapper_get_plane(s, 4), s->pixels * sizeof(float));
    for (gsize p = 0; s->regions != NULL && p < s->pixels; p++)
        s->maybe[p] =
            MAX(s->maybe[p], VERA_PIPELINE_SNAP_REGION * vera_pipeline_snapper_get_side(s, p));
}

/* Counts the colours of all frames and keeps of each what the snapper is to see. */
static gboolean
vera_pipeline_snapper_look(VeraPipelineSnapper *s, GError **error)
{
    g_autoptr(VeraMatteEvidence) evidence = vera_matte_evidence_new(s->width, s->height, error);

    if (evidence == NULL)
        return FALSE;
    for (int i = 0; i < s->n_frames; i++) {
        if (!vera_pipeline_snapper_read(s, i, error))
            return FALSE;
        vera_pipeline_snapper_allow(s);
        vera_matte_evidence_count(evidence, s->plate, s->maybe);
    }
    vera_matte_evidence_close(evidence);
    for (int i = 0; i < s->n_frames; i++) {
        float *found = vera_pipeline_snapper_get_plane(s, 4), *known = s->maybe;
        if (!vera_pipeline_snapper_read(s, i, error))
            return FALSE;
        vera_matte_evidence_weigh(evidence, s->plate, known);
        for (gsize p = 0; p < s->pixels; p++) {
            found[p] = found[p] * 2 - 1;
            known[p] = known[p] * 2 - 1;
        }
        if (!vera_frame_spill_write(s->seen, i, 0, s->plate, 3 * s->pixels, error) ||
            !vera_frame_spill_write(s->seen, i, 3 * s->pixels, found, s->pixels, error) ||
            !vera_frame_spill_write(s->seen, i, 4 * s->pixels, known, s->pixels, error))
            return FALSE;
    }
    return TRUE;
}

/* The frame and those around it, nearer ones where the clip ends. */
static gboolean
vera_pipeline_snapper_fill_input(VeraPipelineSnapper *s, int index, GError **error)
{
    float *side = s->input + 3 * VERA_PIPELINE_SNAP_SEEN * s->pixels;

    for (int k = 0; k < 3; k++) {
        int at = CLAMP(index + (k - 1) * s->config->frame_step, 0, s->n_frames - 1);
        if (!vera_frame_spill_read(
                s->seen, at, s->input + (gsize)k * VERA_PIPELINE_SNAP_SEEN * s->pixels, error))
            return FALSE;
    }
    for (gsize p = 0; p < s->pixels; p++)
        side[p] = s->regions ? vera_pipeline_snapper_get_side(s, p) * 2 - 1 : 0;
    return TRUE;
}

/* One round over all frames; @total is what is kept after it. */
static gboolean
vera_pipeline_snapper_go_round(VeraPipelineSnapper *s, double *total, GError **error)
{
    *total = 0;
    if (!vera_pipeline_snapper_look(s, error))
        return FALSE;
    for (int i = 0; i < s->n_frames; i++) {
        float *found = vera_pipeline_snapper_get_plane(s, 4);
        if (!vera_pipeline_snapper_read(s, i, error) ||
            !vera_pipeline_snapper_fill_input(s, i, error) ||
            !vera_snapper_run(s->snapper, s->input, s->width, s->height, found, s->cancellable,
                              error) ||
            !vera_frame_spill_write(s->layers, i, 4 * s->pixels, found, s->pixels, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++)
            *total += (double)found[p];
    }
    return TRUE;
}

/* What was found, without its specks, becomes the matte. */
static gboolean
vera_pipeline_snapper_finish(VeraPipelineSnapper *s, GError **error)
{
    const VeraMatteRefinement clean = {.black = VERA_PIPELINE_SNAP_FAINT,
                                       .white = 1 - VERA_PIPELINE_SNAP_FAINT,
                                       .despeckle_px =
                                           (int)((double)s->pixels * VERA_PIPELINE_SNAP_SPECKLE)};
    VeraImage found = {s->width, s->height, 1, vera_pipeline_snapper_get_plane(s, 4)};

    for (int i = 0; i < s->n_frames; i++) {
        if (!vera_pipeline_snapper_read(s, i, error) || !vera_matte_refine(&clean, &found, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++)
            found.values[p] = 1 - found.values[p];
        if (!vera_frame_spill_write(s->layers, i, 4 * s->pixels, found.values, s->pixels, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
vera_pipeline_snapper_run(VeraPipelineSnapper *s, gboolean *is_snapped, GError **error)
{
    double all = (double)s->pixels * s->n_frames, before, after = 0;

    *is_snapped = FALSE;
    if (!vera_pipeline_snapper_begin(s, &before, error))
        return FALSE;
    if (before <= 0 || before >= all / 2)
        return TRUE;
    for (int round = 0; round < s->config->n_rounds; round++)
        if (!vera_pipeline_snapper_go_round(s, &after, error))
            return FALSE;
    if (after < VERA_PIPELINE_SNAP_LEAST * before)
        return TRUE;
    *is_snapped = TRUE;
    return vera_pipeline_snapper_finish(s, error);
}

static VeraSnapper *
vera_pipeline_load_snapper(VeraPipeline *self, GError **error)
{
    const VeraSnapperConfig *config = vera_model_get_snapper_config(self->model, error);
    VeraWeights *weights = config ? vera_model_get_snapper_weights(self->model, error) : NULL;

    return weights ? vera_snapper_new(self->runtime, config, weights, error) : NULL;
}

gboolean
vera_pipeline_snap(VeraPipeline *self,
                   VeraFrameSpill *layers,
                   gboolean *is_snapped,
                   GCancellable *cancellable,
                   GError **error)
{
    const VeraPipelineRequest *r = &self->request;
    gsize n = (gsize)r->width * (gsize)r->height;
    g_autoptr(VeraSnapper) snapper = vera_pipeline_load_snapper(self, error);
    g_autoptr(VeraFrameSpill) seen =
        snapper ? vera_frame_spill_new(r->scratch_folder, VERA_PIPELINE_SNAP_SEEN * n,
                                       r->plan->n_frames, error)
                : NULL;
    g_autofree float *frame = seen ? vera_runtime_new_floats(5 * n, error) : NULL,
                     *plate = frame ? vera_runtime_new_floats(3 * n, error) : NULL;
    g_autofree float *region = plate ? vera_runtime_new_floats(n, error) : NULL,
                     *maybe = region ? vera_runtime_new_floats(n, error) : NULL;
    g_autofree float *input =
        maybe ? vera_runtime_new_floats(VERA_SNAPPER_N_INPUTS * n, error) : NULL;
    VeraPipelineSnapper s = {.layers = layers,
                             .plates = self->plates,
                             .regions = self->regions,
                             .seen = seen,
                             .snapper = snapper,
                             .frame = frame,
                             .plate = plate,
                             .region = region,
                             .maybe = maybe,
                             .input = input,
                             .width = r->width,
                             .height = r->height,
                             .n_frames = r->plan->n_frames,
                             .pixels = n,
                             .cancellable = cancellable};

    if (input == NULL)
        return FALSE;
    s.config = vera_model_get_snapper_config(self->model, error);
    return vera_pipeline_snapper_run(&s, is_snapped, error);
}
