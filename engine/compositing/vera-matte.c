#include "config.h"

#include "engine/compositing/vera-matte.h"

#include <math.h>

#include "engine/compositing/vera-matte-private.h"
#include "engine/vera-engine-error.h"

#define VERA_MATTE_MAX_RADIUS_PX 64.0f

static gboolean
vera_matte_check_range(const char *name, float value, float min, float max, GError **error)
{
    if (value >= min && value <= max)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                "The matte's %s is %g; it must lie between %g and %g.", name, value, min, max);
    return FALSE;
}

gboolean
vera_matte_refinement_is_valid(const VeraMatteRefinement *self, GError **error)
{
    float radius = VERA_MATTE_MAX_RADIUS_PX;

    if (!vera_matte_check_range("black point", self->black, 0, 1, error) ||
        !vera_matte_check_range("white point", self->white, 0, 1, error) ||
        !vera_matte_check_range("growth", self->grow_px, -radius, radius, error) ||
        !vera_matte_check_range("feather", self->feather_px, 0, radius, error) ||
        !vera_matte_check_range("floor", self->floor, 0, 0.5f, error))
        return FALSE;
    if (self->despeckle_px < 0 || self->white <= self->black) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE,
                            "The matte's white point must lie above its black point, and the size of "
                            "removed specks must not be negative.");
        return FALSE;
    }
    return TRUE;
}

static void
vera_matte_apply_levels(const VeraMatteRefinement *self, const VeraImage *matte)
{
    gsize n = (gsize)matte->width * matte->height;
    gboolean has_levels = self->black > 0 || self->white < 1;

    for (gsize i = 0; i < n; i++) {
        float v = isfinite(matte->values[i]) ? CLAMP(matte->values[i], 0.0f, 1.0f) : 0.0f;
        if (self->is_inverted)
            v = 1.0f - v;
        if (has_levels)
            v = CLAMP((v - self->black) / (self->white - self->black), 0.0f, 1.0f);
        matte->values[i] = v;
    }
}

/* A value that 16-bit files round to 0 must be 0, or the composite would change where the written
 * matte says that it does not. */
#define VERA_MATTE_LEAST 0x1p-16f

static void
vera_matte_apply_floor(const VeraMatteRefinement *self, const VeraImage *matte)
{
    gsize n = (gsize)matte->width * matte->height;

    for (gsize i = 0; i < n; i++) {
        float v = CLAMP(matte->values[i], 0.0f, 1.0f);
        if (v < self->floor || v < VERA_MATTE_LEAST)
            v = 0.0f;
        else if (self->floor > 0 && v > 1.0f - self->floor)
            v = 1.0f;
        matte->values[i] = v;
    }
}

gboolean
vera_matte_refine(const VeraMatteRefinement *refinement, const VeraImage *matte, GError **error)
{
    g_return_val_if_fail(matte->n_channels == 1, FALSE);
    if (!vera_matte_refinement_is_valid(refinement, error))
        return FALSE;

    vera_matte_apply_levels(refinement, matte);
    if (!vera_matte_despeckle(matte, refinement->despeckle_px) ||
        !vera_matte_grow(matte, refinement->grow_px) ||
        !vera_matte_feather(matte, refinement->feather_px)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                    "Too little memory to refine a matte of %d by %d pixels.", matte->width,
                    matte->height);
        return FALSE;
    }
    vera_matte_apply_floor(refinement, matte);
    return TRUE;
}
