#include "config.h"

#include "engine/project/vera-take-summary.h"

#include "engine/compositing/vera-resample.h"
#include "engine/project/vera-take-private.h"
#include "engine/vera-engine-error.h"

static GBytes *
vera_take_summary_to_bytes(const VeraImage *image)
{
    gsize n = (gsize)image->width * (gsize)image->height;
    guint8 *pixels = g_new(guint8, n * 4);

    for (gsize i = 0; i < n; i++) {
        for (gsize c = 0; c < 3; c++)
            pixels[4 * i + c] = (guint8)(CLAMP(image->values[3 * i + c], 0.0f, 1.0f) * 255.0f + 0.5f);
        pixels[4 * i + 3] = 255;
    }
    return g_bytes_new_take(pixels, n * 4);
}

/* Layers are display-referred, as they are: nothing is converted. */
static gboolean
vera_take_summary_draw(VeraTakeSummary *self, VeraTake *take, int max_width, int max_height, GCancellable *cancellable, GError **error)
{
    const VeraTakeRecord *record = vera_take_get_record(take);
    gsize n = (gsize)record->width * (gsize)record->height;
    double scale = MIN(1.0, MIN((double)max_width / record->width, (double)max_height / record->height));
    g_autofree float *composite = g_try_new(float, n * 3);
    g_autofree float *small = NULL;
    VeraImage from = { record->width, record->height, 3, composite }, to = { 0, 0, 3, NULL };

    self->width = to.width = MAX((int)(record->width * scale + 0.5), 1);
    self->height = to.height = MAX((int)(record->height * scale + 0.5), 1);
    small = to.values = g_new(float, (gsize)to.width * (gsize)to.height * 3);
    if (composite != NULL && !vera_take_read_frame(take, record->frames->len / 2, FALSE, NULL, NULL, composite, cancellable, error))
        return FALSE;
    if (composite == NULL || !vera_image_resample(&from, VERA_RESAMPLE_FILTER_BILINEAR, &to)) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory for a picture of the take.");
        return FALSE;
    }
    self->pixels = vera_take_summary_to_bytes(&to);
    return TRUE;
}

static double
vera_take_summary_get_mean(const GArray *coverage)
{
    double sum = 0;

    for (guint i = 0; i < coverage->len; i++)
        sum += g_array_index(coverage, double, i);
    return coverage->len > 0 ? sum / coverage->len : -1;
}

VeraTakeSummary *
vera_take_summary_load(const char *dir, int max_width, int max_height, GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraTake) take = vera_take_open(dir, cancellable, error);
    g_autoptr(VeraTakeSummary) self = take ? g_new0(VeraTakeSummary, 1) : NULL;

    if (self == NULL || !vera_take_summary_draw(self, take, max_width, max_height, cancellable, error))
        return NULL;
    self->record = vera_take_steal_record(take);
    self->coverage = vera_take_summary_get_mean(self->record->coverage);
    return g_steal_pointer(&self);
}

void
vera_take_summary_free(VeraTakeSummary *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->record, vera_take_record_free);
    g_clear_pointer(&self->pixels, g_bytes_unref);
    g_free(self);
}
