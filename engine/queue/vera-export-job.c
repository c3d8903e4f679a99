#include "config.h"

#include "engine/queue/vera-export-job.h"

#include <string.h>

#include "engine/compositing/vera-composite.h"
#include "engine/vera-engine-error.h"

/* Plate-size planes of one frame, made once and reused. */
typedef struct {
    VeraImage source, layer, matte, out;
    VeraImage small_layer, small_matte;
} VeraExportBuffers;

static gboolean
vera_export_image_init(VeraImage *image, int width, int height, int channels)
{
    *image = (VeraImage){ width, height, channels, g_try_new(float, (gsize)width *(gsize)height *(gsize)channels) };
    return image->values != NULL;
}

static void
vera_export_buffers_clear(VeraExportBuffers *b)
{
    VeraImage *all[] = { &b->source, &b->layer, &b->matte, &b->out, &b->small_layer, &b->small_matte };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_free(all[i]->values);
}

static gboolean
vera_export_buffers_init(VeraExportBuffers *b, const VeraExportJob *job, GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(job->clip);
    const VeraTakeRecord *record = job->take ? vera_take_get_record(job->take) : NULL;
    gboolean ok = vera_export_image_init(&b->source, info->width, info->height, 3);

    if (ok && record != NULL)
        ok = vera_export_image_init(&b->layer, info->width, info->height, 3) && vera_export_image_init(&b->matte, info->width, info->height, 1) &&
             vera_export_image_init(&b->out, info->width, info->height, 3) &&
             vera_export_image_init(&b->small_layer, record->width, record->height, 3) &&
             vera_export_image_init(&b->small_matte, record->width, record->height, 1);
    if (!ok)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to export frames of %d by %d pixels.",
                    info->width, info->height);
    return ok;
}

static gint64
vera_export_count_changed(const VeraExportBuffers *b)
{
    gint64 n = 0, pixels = (gint64)b->source.width * b->source.height;

    for (gint64 i = 0; i < pixels; i++)
        n += b->matte.values[i] == 0.0f && memcmp(b->source.values + 3 * i, b->out.values + 3 * i, 3 * sizeof(float)) != 0;
    return n;
}

static gboolean
vera_export_composite(const VeraExportJob *job, VeraExportBuffers *b, gint64 position, VeraFrame *source, VeraExportFrame *out,
                      GCancellable *cancellable, GError **error)
{
    VeraComposite over = { .width = b->source.width, .height = b->source.height, .source_rgb = b->source.values, .layer_rgb = b->layer.values,
                           .matte = b->matte.values, .opacity = 1.0f, .is_linear = job->settings.is_linear_over, .transfer = source->color.transfer };

    if (!vera_take_read_frame(job->take, position, b->small_layer.values, b->small_matte.values, NULL, cancellable, error))
        return FALSE;
    if (!vera_image_resample(&b->small_layer, VERA_RESAMPLE_FILTER_BICUBIC, &b->layer)) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to enlarge the edit layer.");
        return FALSE;
    }
    for (gsize i = 0; i < (gsize)b->layer.width * (gsize)b->layer.height * 3; i++)
        b->layer.values[i] = CLAMP(b->layer.values[i], 0.0f, 1.0f);
    if (!vera_matte_upscale(&b->small_matte, &b->source, &b->matte, error) || !vera_matte_refine(&job->refinement, &b->matte, error))
        return FALSE;
    vera_composite_over(&over, b->out.values);
    out->composite = vera_composite_to_frame(source, &over, b->out.values, error);
    out->composite_rgb = b->out.values;
    out->layer_rgb = b->layer.values;
    out->matte = b->matte.values;
    return out->composite != NULL;
}

static gboolean
vera_export_frame(const VeraExportJob *job, VeraExportBuffers *b, VeraExporter *exporter, const gint64 at[2], gint64 *n_changed,
                  GCancellable *cancellable, GError **error)
{
    g_autoptr(VeraFrame) source = vera_clip_read_frame(job->clip, at[1], cancellable, error), composite = NULL;
    VeraExportFrame frame = { .index = at[1], .source = source, .composite_rgb = b->source.values };

    if (source == NULL)
        return FALSE;
    vera_frame_to_rgb(source, b->source.values);
    if (job->take != NULL) {
        if (!vera_export_composite(job, b, at[0], source, &frame, cancellable, error))
            return FALSE;
        composite = frame.composite;
        frame.n_changed = vera_export_count_changed(b);
        *n_changed += frame.n_changed;
    }
    return vera_exporter_add_frame(exporter, &frame, error);
}

/* What decides the pixels beside the take and the settings. */
static char *
vera_export_describe_look(const VeraExportJob *self)
{
    const VeraMatteRefinement *r = &self->refinement;

    if (self->take == NULL)
        return NULL;
    return g_strdup_printf("%.9g %.9g %.9g %.9g %d %d %.9g", (double)r->black, (double)r->white, (double)r->grow_px,
                           (double)r->feather_px, r->despeckle_px, r->is_inverted, (double)r->floor);
}

gboolean
vera_export_job_run(const VeraExportJob *self, gint64 *n_changed, VeraExportProgressFunc progress, gpointer user_data, GCancellable *cancellable, GError **error)
{
    GArray *frames = self->take ? vera_take_get_record(self->take)->frames : self->frames;
    gint64 n = frames->len, last = g_array_index(frames, gint64, n - 1), n_kept;
    g_autoptr(VeraExporter) exporter = NULL;
    g_autofree char *look = vera_export_describe_look(self);
    VeraExportSettings settings = self->settings;
    VeraExportBuffers buffers = { 0 };
    gboolean ok;

    *n_changed = 0;
    if (last >= vera_clip_get_info(self->clip)->n_frames) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "The clip ‘%s’ has no frame %" G_GINT64_FORMAT ".",
                    vera_clip_get_path(self->clip), last + 1);
        return FALSE;
    }
    settings.look = look;
    exporter = vera_exporter_new(&settings, self->clip, frames, error);
    ok = exporter != NULL && vera_export_buffers_init(&buffers, self, error);
    for (gint64 i = 0; ok && i < n; i++) {
        gint64 index = g_array_index(frames, gint64, i);
        ok = !vera_engine_error_set_cancelled(cancellable, error);
        if (ok && vera_exporter_keep_frame(exporter, index, &n_kept))
            *n_changed += n_kept;
        else if (ok)
            ok = vera_export_frame(self, &buffers, exporter, (gint64[]){ i, index }, n_changed, cancellable, error);
        if (ok && progress != NULL)
            progress(i + 1, n, user_data);
    }
    vera_export_buffers_clear(&buffers);
    return ok && vera_exporter_finish(exporter, error);
}
