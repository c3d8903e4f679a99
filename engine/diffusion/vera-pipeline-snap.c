#include "config.h"

#include "engine/compositing/vera-matte-snap.h"
#include "engine/compositing/vera-matte.h"
#include "engine/diffusion/vera-pipeline-private.h"
#include "engine/vera-engine-error.h"

/* Of the area that the model keeps; a smaller rest means that the colours do not tell the subject from what is around it. */
#define VERA_PIPELINE_SNAP_LEAST 0.25

/* How much the user's region speaks for the whole of the side that the subject is on. */
#define VERA_PIPELINE_SNAP_REGION 0.3f

/* Islands and holes of a smaller share of the frame come from the grain of the background. */
#define VERA_PIPELINE_SNAP_SPECKLE (1.0 / 700)
/* Fainter ones are no islands, and go this way. */
#define VERA_PIPELINE_SNAP_FAINT 0.3f

/* One frame at a time: its layers, of which the last plane is what is kept, its picture, and its region. */
typedef struct {
    VeraFrameSpill *layers, *plates, *regions; /* no @regions without one */
    VeraMatteSnap *snap;
    float *frame, *plate, *region; /* [5, H, W], [3, H, W] and [H, W] */
    float *drawn;                  /* what the model keeps */
    gboolean is_region_around;     /* the region is drawn around the subject, and not over the background */
    gsize pixels;
    GCancellable *cancellable;
} VeraPipelineSnapper;

static gboolean
vera_pipeline_snapper_read(VeraPipelineSnapper *s, int index, GError **error)
{
    return !vera_engine_error_set_cancelled(s->cancellable, error) && vera_frame_spill_read(s->layers, index, s->frame, error) &&
           vera_frame_spill_read(s->plates, index, s->plate, error) &&
           (s->regions == NULL || vera_frame_spill_read(s->regions, index, s->region, error));
}

static float
vera_pipeline_snapper_get_region(const VeraPipelineSnapper *s, gsize p)
{
    return CLAMP(s->region[p] * 0.5f + 0.5f, 0.0f, 1.0f);
}

/* Which side of the region holds more of what the model keeps. */
static gboolean
vera_pipeline_snapper_look_at_region(VeraPipelineSnapper *s, int n_frames, GError **error)
{
    double kept[2] = { 0 }, area[2] = { 1e-9, 1e-9 };

    for (int i = 0; s->regions != NULL && i < n_frames; i++) {
        const float *matte = s->frame + 3 * s->pixels;
        if (!vera_pipeline_snapper_read(s, i, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++) {
            double inside = (double)vera_pipeline_snapper_get_region(s, p);
            area[0] += 1 - inside;
            area[1] += inside;
            kept[0] += (1 - inside) * (double)(1 - matte[p]);
            kept[1] += inside * (double)(1 - matte[p]);
        }
    }
    s->is_region_around = kept[1] / area[1] > kept[0] / area[0];
    return TRUE;
}

/* Where the subject may be: what the model keeps, and with less weight all of its side of the region. */
static void
vera_pipeline_snapper_allow(VeraPipelineSnapper *s)
{
    for (gsize p = 0; s->regions != NULL && p < s->pixels; p++) {
        float inside = vera_pipeline_snapper_get_region(s, p), side = s->is_region_around ? inside : 1 - inside;
        s->drawn[p] = MAX(s->drawn[p], VERA_PIPELINE_SNAP_REGION * side);
    }
}

static float *
vera_pipeline_snapper_get_plane(const VeraPipelineSnapper *s, gsize plane)
{
    return s->frame + plane * s->pixels;
}

/* What the model keeps is what is kept at first, @total of it. */
static gboolean
vera_pipeline_snapper_begin(VeraPipelineSnapper *s, int n_frames, double *total, GError **error)
{
    *total = 0;
    for (int i = 0; i < n_frames; i++) {
        float *kept = vera_pipeline_snapper_get_plane(s, 4), *matte = vera_pipeline_snapper_get_plane(s, 3);
        if (!vera_pipeline_snapper_read(s, i, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++) {
            kept[p] = 1 - matte[p];
            *total += kept[p];
        }
        if (!vera_frame_spill_write(s->layers, i, 4 * s->pixels, kept, s->pixels, error))
            return FALSE;
    }
    return TRUE;
}

/* One round over all frames; @total is what is kept after it. */
static gboolean
vera_pipeline_snapper_go_round(VeraPipelineSnapper *s, int n_frames, double *total, GError **error)
{
    *total = 0;
    vera_matte_snap_begin(s->snap);
    for (int i = 0; i < 2 * n_frames; i++) {
        float *kept = vera_pipeline_snapper_get_plane(s, 4), *matte = vera_pipeline_snapper_get_plane(s, 3);
        if (!vera_pipeline_snapper_read(s, i % n_frames, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++)
            s->drawn[p] = 1 - matte[p];
        if (i < n_frames) {
            vera_matte_snap_learn(s->snap, s->plate, s->drawn, kept);
            continue;
        }
        vera_pipeline_snapper_allow(s);
        vera_matte_snap_find(s->snap, s->plate, s->drawn, kept);
        for (gsize p = 0; p < s->pixels; p++)
            *total += kept[p];
        if (!vera_frame_spill_write(s->layers, i % n_frames, 4 * s->pixels, kept, s->pixels, error))
            return FALSE;
    }
    return TRUE;
}

/* What was found, without its specks, becomes the matte. */
static gboolean
vera_pipeline_snapper_finish(VeraPipelineSnapper *s, int n_frames, const VeraImage *kept, GError **error)
{
    const VeraMatteRefinement clean = { .black = VERA_PIPELINE_SNAP_FAINT, .white = 1 - VERA_PIPELINE_SNAP_FAINT,
                                        .despeckle_px = (int)((double)s->pixels * VERA_PIPELINE_SNAP_SPECKLE) };

    for (int i = 0; i < n_frames; i++) {
        if (!vera_pipeline_snapper_read(s, i, error) || !vera_matte_refine(&clean, kept, error))
            return FALSE;
        for (gsize p = 0; p < s->pixels; p++)
            kept->values[p] = 1 - kept->values[p];
        if (!vera_frame_spill_write(s->layers, i, 4 * s->pixels, kept->values, s->pixels, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
vera_pipeline_snapper_run(VeraPipelineSnapper *s, int n_frames, const VeraImage *kept, gboolean *is_snapped, GError **error)
{
    double all = (double)s->pixels * n_frames, before, after;

    *is_snapped = FALSE;
    if (!vera_pipeline_snapper_begin(s, n_frames, &before, error))
        return FALSE;
    if (before <= 0 || before >= all / 2)
        return TRUE;
    if (!vera_pipeline_snapper_look_at_region(s, n_frames, error))
        return FALSE;
    for (int round = 0; round < VERA_MATTE_SNAP_ROUNDS; round++)
        if (!vera_pipeline_snapper_go_round(s, n_frames, &after, error))
            return FALSE;
    if (after < VERA_PIPELINE_SNAP_LEAST * before)
        return TRUE;
    *is_snapped = TRUE;
    return vera_pipeline_snapper_finish(s, n_frames, kept, error);
}

gboolean
vera_pipeline_snap(VeraPipeline *self, VeraFrameSpill *layers, gboolean *is_snapped, GCancellable *cancellable, GError **error)
{
    gsize pixels = (gsize)self->request.width * (gsize)self->request.height;
    g_autofree float *frame = vera_runtime_new_floats(5 * pixels, error), *plate = frame ? vera_runtime_new_floats(3 * pixels, error) : NULL;
    g_autofree float *drawn = plate ? vera_runtime_new_floats(pixels, error) : NULL, *region = drawn ? vera_runtime_new_floats(pixels, error) : NULL;
    g_autoptr(VeraMatteSnap) snap = region ? vera_matte_snap_new(self->request.width, self->request.height, error) : NULL;
    VeraPipelineSnapper snapper = { .layers = layers, .plates = self->plates, .regions = self->regions, .snap = snap, .frame = frame,
                                    .plate = plate, .region = region, .drawn = drawn, .pixels = pixels, .cancellable = cancellable };
    VeraImage kept = { self->request.width, self->request.height, 1, frame ? frame + 4 * pixels : NULL };

    return snap != NULL && vera_pipeline_snapper_run(&snapper, self->request.plan->n_frames, &kept, is_snapped, error);
}
