#include "config.h"

#include "engine/project/vera-take.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/compositing/vera-matte.h"
#include "engine/diffusion/vera-weights.h"
#include "engine/project/vera-take-private.h"
#include "engine/vera-engine-error.h"
#include "engine/vera-file.h"

struct _VeraTake {
    char *dir;
    VeraTakeRecord *record;
};

struct _VeraTakeWriter {
    char *dir;
    char *part;
    VeraTakeRecord *record; /* borrowed */
    guint n_frames;
    gboolean is_finished;
};

static char *
vera_take_get_frame_path(const char *dir, gint64 index)
{
    return g_strdup_printf("%s/frames/%06" G_GINT64_FORMAT ".safetensors", dir, index + 1);
}

gboolean
vera_take_is_take(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "take.json", NULL);

    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

VeraTake *
vera_take_open(const char *dir, GCancellable *cancellable, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "take.json", NULL);
    VeraTakeRecord *record = vera_take_record_load(path, error);
    VeraTake *self;

    if (record == NULL)
        return NULL;
    self = g_new0(VeraTake, 1);
    self->dir = g_strdup(dir);
    self->record = record;
    return self;
}

void
vera_take_free(VeraTake *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->record, vera_take_record_free);
    g_free(self->dir);
    g_free(self);
}

const VeraTakeRecord *
vera_take_get_record(VeraTake *self)
{
    return self->record;
}

VeraTakeRecord *
vera_take_steal_record(VeraTake *self)
{
    return g_steal_pointer(&self->record);
}

static const float *
vera_take_find(VeraTake *self, VeraWeights *file, const char *name, int channels, const char *path, GError **error)
{
    VeraKTensor tensor;
    gint64 want = (gint64)channels * self->record->width * self->record->height;

    if (vera_weights_get(file, name, &tensor) && tensor.dtype == VERA_K_DTYPE_F32 && vera_k_tensor_n_elements(&tensor) == want)
        return tensor.data;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The take's file ‘%s’ does not hold ‘%s’ in the size that take.json says; the take is damaged, make it again.", path, name);
    return NULL;
}

static void
vera_take_interleave(const float *planar, gsize pixels, float *rgb)
{
    for (gsize i = 0; i < pixels; i++)
        for (gsize c = 0; c < 3; c++)
            rgb[3 * i + c] = planar[c * pixels + i];
}

VeraMatteRefinement
vera_take_fit_refinement(VeraTake *self, const VeraMatteRefinement *refinement)
{
    VeraMatteRefinement fitting = *refinement;

    fitting.is_snapped &= self->record->has_snapped;
    fitting.is_edge_clean &= self->record->has_snapped;
    return fitting;
}

gboolean
vera_take_read_frame(VeraTake *self,
                     gint64 index,
                     gboolean is_snapped,
                     float *edit_rgb,
                     float *matte,
                     float *composite_rgb,
                     GCancellable *cancellable,
                     GError **error)
{
    g_autofree char *path = vera_take_get_frame_path(self->dir, index);
    g_autoptr(VeraWeights) file = NULL;
    gsize pixels = (gsize)self->record->width * (gsize)self->record->height;
    const float *edit, *alpha, *composite;

    if (vera_engine_error_set_cancelled(cancellable, error))
        return FALSE;
    file = vera_weights_open(path, VERA_WEIGHTS_KIND_PLAIN, NULL);
    if (file == NULL) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The take's file ‘%s’ is missing, cut off or damaged; make the take again.", path);
        return FALSE;
    }
    if ((edit = vera_take_find(self, file, "edit", 3, path, error)) == NULL ||
        (alpha = vera_take_find(self, file, is_snapped && self->record->has_snapped ? "snapped" : "matte", 1, path, error)) == NULL ||
        (composite = vera_take_find(self, file, "composite", 3, path, error)) == NULL)
        return FALSE;
    if (edit_rgb != NULL)
        vera_take_interleave(edit, pixels, edit_rgb);
    if (matte != NULL)
        memcpy(matte, alpha, pixels * sizeof(float));
    if (composite_rgb != NULL)
        vera_take_interleave(composite, pixels, composite_rgb);
    return TRUE;
}

static gboolean
vera_take_fail_errno(GError **error, const char *verb, const char *path)
{
    int saved_errno = errno;
    g_autofree char *what = g_strdup_printf("%s ‘%s’", verb, path);

    vera_engine_error_set_errno(error, saved_errno, what);
    return FALSE;
}

/* Removes a flat folder of our own making and what is in it. */
static void
vera_take_remove_dir(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            vera_take_remove_dir(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

VeraTakeWriter *
vera_take_writer_new(const char *dir, VeraTakeRecord *record, GError **error)
{
    g_autofree char *part = g_strconcat(dir, ".part", NULL);
    g_autofree char *frames = g_build_filename(part, "frames", NULL);
    VeraTakeWriter *self;

    if (g_file_test(dir, G_FILE_TEST_EXISTS)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT, "The take ‘%s’ is there already; remove it or name another folder.", dir);
        return NULL;
    }
    vera_take_remove_dir(part);
    if (g_mkdir_with_parents(frames, 0777) != 0) {
        vera_take_fail_errno(error, "make the folder", frames);
        return NULL;
    }
    self = g_new0(VeraTakeWriter, 1);
    self->dir = g_strdup(dir);
    self->part = g_steal_pointer(&part);
    self->record = record;
    g_array_set_size(record->coverage, 0);
    return self;
}

static double
vera_take_writer_get_coverage(VeraTakeWriter *self, const float *matte)
{
    const VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    gsize pixels = (gsize)self->record->width * (gsize)self->record->height, n = 0;

    for (gsize i = 0; i < pixels; i++)
        n += matte[i] >= refinement.floor;
    return (double)n / (double)pixels;
}

gboolean
vera_take_writer_add_frame(
    VeraTakeWriter *self, const float *edit, const float *matte, const float *snapped, const float *composite, GError **error)
{
    g_autofree char *path = vera_take_get_frame_path(self->part, self->n_frames);
    const int64_t rgb[3] = { 3, self->record->height, self->record->width };
    const VeraNamedTensor tensors[4] = {
        { "edit", vera_k_tensor(VERA_K_DTYPE_F32, (void *)edit, 3, rgb) },
        { "matte", vera_k_tensor(VERA_K_DTYPE_F32, (void *)matte, 2, rgb + 1) },
        { "composite", vera_k_tensor(VERA_K_DTYPE_F32, (void *)composite, 3, rgb) },
        { "snapped", vera_k_tensor(VERA_K_DTYPE_F32, (void *)snapped, 2, rgb + 1) },
    };
    double coverage = vera_take_writer_get_coverage(self, snapped ? snapped : matte);

    g_return_val_if_fail(self->n_frames == 0 || self->record->has_snapped == (snapped != NULL), FALSE);
    self->record->has_snapped = snapped != NULL;
    if (!vera_safetensors_write(path, tensors, snapped ? 4 : 3, error))
        return FALSE;
    g_array_append_val(self->record->coverage, coverage);
    self->n_frames++;
    return TRUE;
}

gboolean
vera_take_writer_finish(VeraTakeWriter *self, GError **error)
{
    g_autofree char *json = vera_take_record_to_json(self->record);
    g_autofree char *path = g_build_filename(self->part, "take.json", NULL);
    g_autoptr(GError) local = NULL;

    g_return_val_if_fail(self->n_frames == self->record->frames->len, FALSE);
    if (!g_file_set_contents_full(path, json, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666, &local)) {
        g_set_error(error, VERA_ENGINE_ERROR,
                    g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? VERA_ENGINE_ERROR_DISK_FULL : VERA_ENGINE_ERROR_OUTPUT,
                    "Could not write ‘%s’: %s.", path, local->message);
        return FALSE;
    }
    if (!vera_file_sync_folder_of(path) || g_rename(self->part, self->dir) != 0 || !vera_file_sync_folder_of(self->dir))
        return vera_take_fail_errno(error, "finish the take", self->dir);
    self->is_finished = TRUE;
    return TRUE;
}

void
vera_take_writer_free(VeraTakeWriter *self)
{
    if (self == NULL)
        return;
    if (!self->is_finished)
        vera_take_remove_dir(self->part);
    g_free(self->part);
    g_free(self->dir);
    g_free(self);
}
