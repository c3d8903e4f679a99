#include "config.h"

#include "engine/queue/vera-export-job.h"

#include "engine/queue/vera-export-stack.h"
#include "engine/vera-engine-error.h"

/*
 * One frame on its way out. While a thread compresses and writes it, the next one is made in the
 * other slot; frames are written in order, one at a time.
 */
typedef struct {
    VeraExportStack *stack;
    VeraExporter *exporter; /* borrowed */
    VeraExportFrame frame;
    GThread *thread; /* writes @frame, until vera_export_slot_wait() */
    GError *error;
} VeraExportSlot;

static gpointer
vera_export_slot_write_thread(gpointer data)
{
    VeraExportSlot *self = data;

    return GINT_TO_POINTER(vera_exporter_add_frame(self->exporter, &self->frame, &self->error));
}

/* Waits until the slot's frame is written. Returns: whether it could be; TRUE if none was on its
 * way */
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
    const GArray *frames;
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

/* Frame @i: kept from an earlier run, or made beside the writing of the one before and then handed
 * to a thread. */
static gboolean
vera_export_run_frame(VeraExportRun *self, gint64 i, GError **error)
{
    VeraExportSlot *slot = &self->slots[i % 2], *before = &self->slots[(i + 1) % 2];
    gint64 index = g_array_index(self->frames, gint64, i), n_kept;

    if (vera_engine_error_set_cancelled(self->cancellable, error))
        return FALSE;
    /* With the first frame the exporter opens its movies, for which it may read the clip; a resumed
     * one is asked before each. */
    if ((self->n_written == 0 || self->job->settings.is_resume) &&
        !vera_export_run_wait(self, before, error))
        return FALSE;
    if (self->job->settings.is_resume && vera_exporter_keep_frame(self->exporter, index, &n_kept)) {
        vera_export_run_tell(self, n_kept);
        return TRUE;
    }
    if (!vera_export_stack_make(slot->stack, index, &slot->frame, self->cancellable, error) ||
        !vera_export_run_wait(self, before, error))
        return FALSE;
    slot->exporter = self->exporter;
    slot->thread = g_thread_new("export", vera_export_slot_write_thread, slot);
    return TRUE;
}

static gboolean
vera_export_run_frames(VeraExportRun *self, GError **error)
{
    gboolean ok = (self->slots[0].stack = vera_export_stack_new(self->job, error)) != NULL &&
                  (self->frames->len < 2 ||
                   (self->slots[1].stack = vera_export_stack_new(self->job, error)) != NULL);

    for (gint64 i = 0; ok && i < self->frames->len; i++)
        ok = vera_export_run_frame(self, i, error);
    for (int i = 0; i < 2; i++) {
        if (ok)
            ok = vera_export_run_wait(self, &self->slots[i], error);
        else
            vera_export_slot_wait(&self->slots[i], NULL);
        g_clear_pointer(&self->slots[i].stack, vera_export_stack_free);
    }
    return ok;
}

/* What decides the pixels beside the takes and the settings. Returns: (transfer full) (nullable) */
static char *
vera_export_describe_look(const VeraExportJob *self)
{
    g_autoptr(GString) look = g_string_new(NULL);

    for (int i = 0; i < self->n_layers; i++) {
        const VeraMatteRefinement *r = &self->layers[i].refinement;
        g_string_append_printf(look, "%.9g %.9g %.9g %.9g %d %d %.9g", (double)r->black,
                               (double)r->white, (double)r->grow_px, (double)r->feather_px,
                               r->despeckle_px, r->is_inverted, (double)r->floor);
        if (!r->is_snapped)
            g_string_append(look, " as drawn");
        if (r->is_edge_clean)
            g_string_append(look, " clean edges");
        if (self->layers[i].opacity != 1.0f)
            g_string_append_printf(look, " %.9g", (double)self->layers[i].opacity);
        g_string_append_c(look, '\n');
    }
    return self->n_layers > 0 ? g_string_free(g_steal_pointer(&look), FALSE) : NULL;
}

/* One record, or a list of them. Returns: (transfer full) (nullable) */
static char *
vera_export_describe_takes(const VeraExportJob *self)
{
    g_autoptr(GString) records = g_string_new(self->n_layers > 1 ? "[" : NULL);

    for (int i = 0; i < self->n_layers; i++) {
        g_autofree char *record =
            vera_take_record_to_json(vera_take_get_record(self->layers[i].take));
        g_string_append(records, i > 0 ? ",\n" : "");
        g_string_append(records, record);
    }
    if (self->n_layers > 1)
        g_string_append_c(records, ']');
    return self->n_layers > 0 ? g_string_free(g_steal_pointer(&records), FALSE) : NULL;
}

const GArray *
vera_export_job_get_frames(const VeraExportJob *self)
{
    return self->frames == NULL && self->n_layers == 1
               ? vera_take_get_record(self->layers[0].take)->frames
               : self->frames;
}

char *
vera_export_job_make_rate_key(const VeraExportSettings *settings)
{
    return g_strdup_printf("export|%d|%d|%d", (int)settings->preset, (int)settings->compression,
                           settings->is_float32);
}

VeraJobWork
vera_export_job_estimate(const VeraClipInfo *info, int n_layers)
{
    return (VeraJobWork){.step = 1e-6 * info->width * info->height * (1 + n_layers)};
}

gboolean
vera_export_job_run(const VeraExportJob *self,
                    gint64 *n_changed,
                    VeraExportProgressFunc progress,
                    gpointer user_data,
                    GCancellable *cancellable,
                    GError **error)
{
    const GArray *frames = vera_export_job_get_frames(self);
    g_autofree char *look = vera_export_describe_look(self),
                    *records = vera_export_describe_takes(self);
    VeraExportSettings settings = self->settings;
    VeraExportRun run = {.job = self,
                         .frames = frames,
                         .progress = progress,
                         .user_data = user_data,
                         .cancellable = cancellable};
    g_autoptr(VeraExporter) exporter = NULL;
    gboolean ok;

    g_return_val_if_fail(frames != NULL && frames->len > 0, FALSE);
    *n_changed = 0;
    if (g_array_index(frames, gint64, frames->len - 1) >=
        vera_clip_get_info(self->clip)->n_frames) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The clip ‘%s’ has no frame %" G_GINT64_FORMAT ".",
                    vera_clip_get_path(self->clip),
                    g_array_index(frames, gint64, frames->len - 1) + 1);
        return FALSE;
    }
    settings.look = look;
    settings.n_layers = self->n_layers;
    settings.record_json = settings.record_json ? settings.record_json : records;
    run.exporter = exporter = vera_exporter_new(&settings, self->clip, frames, error);
    ok = exporter != NULL && vera_export_run_frames(&run, error);
    *n_changed = run.n_changed;
    return ok && vera_exporter_finish(exporter, error);
}
