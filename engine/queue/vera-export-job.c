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

/*
 * One frame on its way out. While a thread compresses and writes it, the next one is made in the other slot; frames are written in
 * order, one at a time.
 */
typedef struct {
    VeraExportBuffers buffers;
    VeraExporter *exporter; /* borrowed */
    VeraExportFrame frame;
    GThread *thread; /* writes @frame, until vera_export_slot_wait() */
    GError *error;
} VeraExportSlot;

static gboolean
vera_export_slot_make(VeraExportSlot *self, const VeraExportJob *job, const gint64 at[2], GCancellable *cancellable, GError **error)
{
    VeraExportBuffers *b = &self->buffers;
    VeraFrame *source = vera_clip_read_frame(job->clip, at[1], cancellable, error);

    self->frame = (VeraExportFrame){ .index = at[1], .source = source, .composite_rgb = b->source.values };
    if (source == NULL)
        return FALSE;
    vera_frame_to_rgb(source, b->source.values);
    if (job->take == NULL)
        return TRUE;
    if (!vera_export_composite(job, b, at[0], source, &self->frame, cancellable, error))
        return FALSE;
    self->frame.n_changed = vera_export_count_changed(b);
    return TRUE;
}

static gpointer
vera_export_slot_write_thread(gpointer data)
{
    VeraExportSlot *self = data;

    return GINT_TO_POINTER(vera_exporter_add_frame(self->exporter, &self->frame, &self->error));
}

/* Waits until the slot's frame is written. Returns: whether it could be; TRUE if none was on its way */
static gboolean
vera_export_slot_wait(VeraExportSlot *self, GError **error)
{
    gboolean ok = TRUE;

    if (self->thread != NULL)
        ok = GPOINTER_TO_INT(g_thread_join(g_steal_pointer(&self->thread)));
    if (self->error != NULL)
        g_propagate_error(error, g_steal_pointer(&self->error));
    g_clear_pointer(&self->frame.source, vera_frame_unref);
    g_clear_pointer(&self->frame.composite, vera_frame_unref);
    return ok;
}

/* All of one export. */
typedef struct {
    const VeraExportJob *job;
    VeraExporter *exporter;
    VeraExportSlot slots[2];
    GArray *frames;
    gint64 n_changed;
    gint64 n_written;
    VeraExportProgressFunc progress;
    gpointer user_data;
    GCancellable *cancellable;
} VeraExportRun;

static void
vera_export_run_tell(VeraExportRun *self, gint64 n_changed)
{
    self->n_changed += n_changed;
    self->n_written++;
    if (self->progress != NULL)
        self->progress(self->n_written, self->frames->len, self->user_data);
}

static gboolean
vera_export_run_wait(VeraExportRun *self, VeraExportSlot *slot, GError **error)
{
    gboolean has_frame = slot->thread != NULL;

    if (!vera_export_slot_wait(slot, error))
        return FALSE;
    if (has_frame)
        vera_export_run_tell(self, slot->frame.n_changed);
    return TRUE;
}

/* Frame @i: kept from an earlier run, or made beside the writing of the one before and then handed to a thread. */
static gboolean
vera_export_run_frame(VeraExportRun *self, gint64 i, GError **error)
{
    VeraExportSlot *slot = &self->slots[i % 2], *before = &self->slots[(i + 1) % 2];
    gint64 index = g_array_index(self->frames, gint64, i), n_kept;

    if (vera_engine_error_set_cancelled(self->cancellable, error))
        return FALSE;
    /* With the first frame the exporter opens its movies, for which it may read the clip; a resumed one is asked before each. */
    if ((self->n_written == 0 || self->job->settings.is_resume) && !vera_export_run_wait(self, before, error))
        return FALSE;
    if (self->job->settings.is_resume && vera_exporter_keep_frame(self->exporter, index, &n_kept)) {
        vera_export_run_tell(self, n_kept);
        return TRUE;
    }
    if (!vera_export_slot_make(slot, self->job, (const gint64[]){ i, index }, self->cancellable, error) ||
        !vera_export_run_wait(self, before, error))
        return FALSE;
    slot->exporter = self->exporter;
    slot->thread = g_thread_new("export", vera_export_slot_write_thread, slot);
    return TRUE;
}

static gboolean
vera_export_run_frames(VeraExportRun *self, GError **error)
{
    gboolean ok = vera_export_buffers_init(&self->slots[0].buffers, self->job, error) &&
                  (self->frames->len < 2 || vera_export_buffers_init(&self->slots[1].buffers, self->job, error));

    for (gint64 i = 0; ok && i < self->frames->len; i++)
        ok = vera_export_run_frame(self, i, error);
    for (int i = 0; i < 2; i++) {
        if (ok)
            ok = vera_export_run_wait(self, &self->slots[i], error);
        else
            vera_export_slot_wait(&self->slots[i], NULL);
        vera_export_buffers_clear(&self->slots[i].buffers);
    }
    return ok;
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
    gint64 last = g_array_index(frames, gint64, frames->len - 1);
    g_autoptr(VeraExporter) exporter = NULL;
    g_autofree char *look = vera_export_describe_look(self);
    VeraExportSettings settings = self->settings;
    VeraExportRun run = { .job = self, .frames = frames, .progress = progress, .user_data = user_data, .cancellable = cancellable };
    gboolean ok;

    *n_changed = 0;
    if (last >= vera_clip_get_info(self->clip)->n_frames) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "The clip ‘%s’ has no frame %" G_GINT64_FORMAT ".",
                    vera_clip_get_path(self->clip), last + 1);
        return FALSE;
    }
    settings.look = look;
    run.exporter = exporter = vera_exporter_new(&settings, self->clip, frames, error);
    ok = exporter != NULL && vera_export_run_frames(&run, error);
    *n_changed = run.n_changed;
    return ok && vera_exporter_finish(exporter, error);
}
