#include "config.h"

#include "engine/queue/vera-export-stack.h"

#include <string.h>

#include "engine/compositing/vera-composite.h"
#include "engine/compositing/vera-layer-frame.h"
#include "engine/vera-engine-error.h"

/* The least that a matte holds beside 0, so that half float and 16 bits do not round it to 0. */
#define VERA_EXPORT_LEAST_MATTE (1.0f / 65536)

/* One layer: what its take gave, and the same at plate size. */
typedef struct {
    const VeraExportLayer *layer; /* borrowed */
    VeraImage edit, matte;
    VeraLayerFrame *large; /* %NULL where the take has no such frame */
} VeraExportStackLayer;

struct _VeraExportStack {
    const VeraExportJob *job; /* borrowed */
    VeraImage source, out, coverage;
    VeraColorTransfer transfer; /* of the source */
    float *empty; /* what a layer shows outside its take */
    VeraExportStackLayer *layers;
    VeraExportElement *elements;
};

static gboolean
vera_export_image_init(VeraImage *image, int width, int height, int channels)
{
    *image = (VeraImage){width, height, channels,
                         g_try_new(float, (gsize)width *(gsize)height *(gsize)channels)};
    return image->values != NULL;
}

static gboolean
vera_export_stack_init_layer(VeraExportStackLayer *self, const VeraExportLayer *layer)
{
    const VeraTakeRecord *record = vera_take_get_record(layer->take);

    self->layer = layer;
    return vera_export_image_init(&self->edit, record->width, record->height, 3) &&
           vera_export_image_init(&self->matte, record->width, record->height, 1);
}

VeraExportStack *
vera_export_stack_new(const VeraExportJob *job, GError **error)
{
    g_autoptr(VeraExportStack) self = g_new0(VeraExportStack, 1);
    const VeraClipInfo *info = vera_clip_get_info(job->clip);
    gboolean ok;

    self->job = job;
    self->layers = g_new0(VeraExportStackLayer, job->n_layers);
    self->elements = g_new0(VeraExportElement, job->n_layers);
    ok = vera_export_image_init(&self->source, info->width, info->height, 3);
    if (ok && job->n_layers > 0)
        ok = vera_export_image_init(&self->out, info->width, info->height, 3) &&
             vera_export_image_init(&self->coverage, info->width, info->height, 1);
    for (int i = 0; ok && i < job->n_layers; i++)
        ok = vera_export_stack_init_layer(&self->layers[i], &job->layers[i]);
    if (ok && job->n_layers > 0)
        ok = (self->empty = g_try_new0(float, (gsize)info->width *(gsize)info->height * 3)) != NULL;
    if (ok)
        return g_steal_pointer(&self);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                "Too little memory to export frames of %d by %d pixels.", info->width,
                info->height);
    return NULL;
}

void
vera_export_stack_free(VeraExportStack *self)
{
    for (int i = 0; i < self->job->n_layers; i++) {
        g_free(self->layers[i].edit.values);
        g_free(self->layers[i].matte.values);
        g_clear_pointer(&self->layers[i].large, vera_layer_frame_unref);
    }
    g_free(self->layers);
    g_free(self->elements);
    g_free(self->source.values);
    g_free(self->out.values);
    g_free(self->coverage.values);
    g_free(self->empty);
    g_free(self);
}

/* Where @index lies in the take. Returns: -1 if it does not */
static gint64
vera_export_layer_find(const VeraExportLayer *self, gint64 index)
{
    const GArray *frames = vera_take_get_record(self->take)->frames;
    guint low = 0, high = frames->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(frames, gint64, middle) < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < frames->len && g_array_index(frames, gint64, low) == index ? (gint64)low : -1;
}

/* The written matte is what was composited with, so that anybody can do the same again. */
static void
vera_export_apply_opacity(VeraLayerFrame *frame, float opacity)
{
    gsize n = (gsize)frame->width * (gsize)frame->height;

    for (gsize i = 0; i < n; i++) {
        float alpha = CLAMP(frame->matte[i] * opacity, 0.0f, 1.0f);
        frame->matte[i] = alpha < VERA_EXPORT_LEAST_MATTE ? 0.0f : alpha;
    }
}

static gboolean
vera_export_stack_load(
    VeraExportStack *self, int i, gint64 index, GCancellable *cancellable, GError **error)
{
    VeraExportStackLayer *layer = &self->layers[i];
    gint64 position = vera_export_layer_find(layer->layer, index);
    VeraMatteRefinement refinement;

    g_clear_pointer(&layer->large, vera_layer_frame_unref);
    self->elements[i] = (VeraExportElement){self->empty, self->empty};
    if (position < 0)
        return TRUE;
    if (!vera_take_read_frame(layer->layer->take, position, layer->layer->refinement.is_snapped,
                              layer->edit.values, layer->matte.values, NULL, cancellable, error))
        return FALSE;
    refinement = vera_take_fit_refinement(layer->layer->take, &layer->layer->refinement);
    layer->large = vera_layer_frame_new(&layer->edit, &layer->matte, NULL, &self->source,
                                        self->transfer, &refinement, error);
    if (layer->large == NULL)
        return FALSE;
    if (layer->layer->opacity < 1.0f)
        vera_export_apply_opacity(layer->large, layer->layer->opacity);
    self->elements[i] = (VeraExportElement){layer->large->rgb, layer->large->matte};
    return TRUE;
}

/* Adds a matte to what the layers below cover: 0 only where all are 0. */
static void
vera_export_stack_cover(VeraExportStack *self, const float *matte, gboolean is_first)
{
    gsize n = (gsize)self->coverage.width * (gsize)self->coverage.height;
    float *coverage = self->coverage.values;

    if (is_first) {
        memcpy(coverage, matte, n * sizeof(float));
        return;
    }
    for (gsize i = 0; i < n; i++)
        coverage[i] = 1.0f - (1.0f - coverage[i]) * (1.0f - matte[i]);
}

static gint64
vera_export_stack_count_changed(const VeraExportStack *self)
{
    gint64 n = 0, pixels = (gint64)self->source.width * self->source.height;

    for (gint64 i = 0; i < pixels; i++)
        n += self->coverage.values[i] == 0.0f &&
             memcmp(self->source.values + 3 * i, self->out.values + 3 * i, 3 * sizeof(float)) != 0;
    return n;
}

static gboolean
vera_export_stack_composite(VeraExportStack *self, VeraExportFrame *frame, GError **error)
{
    VeraComposite over = {.width = self->source.width,
                          .height = self->source.height,
                          .source_rgb = self->source.values,
                          .opacity = 1.0f,
                          .is_linear = self->job->settings.is_linear_over,
                          .transfer = frame->source->color.transfer};

    for (int i = 0; i < self->job->n_layers; i++) {
        over.layer_rgb = self->elements[i].rgb;
        over.matte = self->elements[i].matte;
        vera_composite_over(&over, self->out.values);
        over.source_rgb = self->out.values;
        vera_export_stack_cover(self, over.matte, i == 0);
    }
    over.source_rgb = self->source.values;
    over.matte = self->coverage.values;
    frame->composite = vera_composite_to_frame(frame->source, &over, self->out.values, error);
    frame->composite_rgb = self->out.values;
    frame->layers = self->elements;
    frame->matte = self->coverage.values;
    frame->n_changed = vera_export_stack_count_changed(self);
    return frame->composite != NULL;
}

gboolean
vera_export_stack_make(VeraExportStack *self,
                       gint64 index,
                       VeraExportFrame *frame,
                       GCancellable *cancellable,
                       GError **error)
{
    *frame = (VeraExportFrame){.index = index, .composite_rgb = self->source.values};
    frame->source = vera_clip_read_frame(self->job->clip, index, cancellable, error);
    if (frame->source == NULL)
        return FALSE;
    self->transfer = frame->source->color.transfer;
    vera_frame_to_rgb(frame->source, self->source.values);
    for (int i = 0; i < self->job->n_layers; i++)
        if (!vera_export_stack_load(self, i, index, cancellable, error))
            return FALSE;
    return self->job->n_layers == 0 || vera_export_stack_composite(self, frame, error);
}
