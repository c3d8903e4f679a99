#include "config.h"

#include "engine/compositing/vera-verify.h"

#include <string.h>

#include "engine/compositing/vera-verify-private.h"
#include "engine/media/vera-clip.h"
#include "engine/media/vera-export-manifest.h"
#include "engine/media/vera-exr-read.h"
#include "engine/media/vera-sequence.h"
#include "engine/media/vera-still.h"
#include "engine/vera-engine-error.h"

/* Exports number frames from here where the plate has no numbers of its own. */
#define VERA_VERIFY_FIRST_NUMBER 1001

/** VeraVerifyItem: the pictures of one exported frame; movies have none. */
typedef struct {
    gint64 number;
    gint64 source_index;
    char *comp;
    GPtrArray *mattes; /* paths */
} VeraVerifyItem;

typedef struct {
    const char *dir;
    VeraClip *source;
    VeraClip *comp;    /* movies only */
    GPtrArray *mattes; /* VeraClip, movies only */
    GArray *items;
    gboolean is_layered;
    GCancellable *cancellable;
} VeraVerify;

static void
vera_verify_clear_item_cb(gpointer data)
{
    VeraVerifyItem *item = data;

    g_free(item->comp);
    g_clear_pointer(&item->mattes, g_ptr_array_unref);
}

static void
vera_verify_clear(VeraVerify *self)
{
    g_clear_object(&self->source);
    g_clear_object(&self->comp);
    g_clear_pointer(&self->mattes, g_ptr_array_unref);
    g_clear_pointer(&self->items, g_array_unref);
}

/* The number before the extension. */
static gint64
vera_verify_parse_number(const char *path)
{
    const char *dot = strrchr(path, '.'), *begin = dot;

    while (begin > path && g_ascii_isdigit(begin[-1]))
        begin--;
    return dot != NULL ? g_ascii_strtoll(begin, NULL, 10) : 0;
}

static VeraVerifyItem *
vera_verify_add_item(VeraVerify *self, gint64 number, gint64 source_index, char *comp)
{
    VeraVerifyItem item = {number, source_index, comp, g_ptr_array_new_with_free_func(g_free)};

    g_array_append_val(self->items, item);
    return &g_array_index(self->items, VeraVerifyItem, self->items->len - 1);
}

static VeraVerifyItem *
vera_verify_find_item(VeraVerify *self, gint64 source_index)
{
    /* Files of one frame follow each other. */
    for (guint i = self->items->len; i > 0; i--) {
        VeraVerifyItem *item = &g_array_index(self->items, VeraVerifyItem, i - 1);
        if (item->source_index == source_index)
            return item;
        if (item->source_index < source_index)
            break;
    }
    return NULL;
}

static void
vera_verify_add_file(VeraVerify *self, const VeraExportFile *file)
{
    char *path = g_build_filename(self->dir, file->path, NULL);
    VeraVerifyItem *item = vera_verify_find_item(self, file->source_frame);

    if (g_str_has_prefix(file->path, "matte") && item != NULL && !self->is_layered)
        g_ptr_array_add(item->mattes, path);
    else if (g_str_has_prefix(file->path, "comp/") || self->is_layered)
        vera_verify_add_item(self, vera_verify_parse_number(file->path), file->source_frame, path);
    else
        g_free(path);
}

/* The sequence of one layer's matte, with as many files as there are composites. */
static gboolean
vera_verify_list_mattes(VeraVerify *self, const char *folder, GError **error)
{
    g_autoptr(VeraSequence) mattes = vera_sequence_find(folder, error);

    if (mattes == NULL)
        return FALSE;
    for (guint i = 0; i < MIN(mattes->files->len, self->items->len); i++)
        g_ptr_array_add(g_array_index(self->items, VeraVerifyItem, i).mattes,
                        g_strdup(mattes->files->pdata[i]));
    if (mattes->files->len == self->items->len)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "‘%s’ has %u composites, but %u mattes.", self->dir, self->items->len,
                mattes->files->len);
    return FALSE;
}

/* A sequence that lost its manifest can still be told by its numbers. */
static gboolean
vera_verify_list_folder(VeraVerify *self, GError **error)
{
    g_autofree char *comp = g_build_filename(self->dir, "comp", NULL);
    g_autofree char *only = g_build_filename(self->dir, "matte", NULL);
    g_autoptr(VeraSequence) files = vera_sequence_find(comp, error);
    gint64 plate = vera_clip_get_info(self->source)->start_number;

    if (files == NULL)
        return FALSE;
    for (guint i = 0; i < files->files->len; i++) {
        gint64 number = files->first_number + i;
        vera_verify_add_item(self, number, number - (plate >= 0 ? plate : VERA_VERIFY_FIRST_NUMBER),
                             g_strdup(files->files->pdata[i]));
    }
    if (g_file_test(only, G_FILE_TEST_IS_DIR))
        return vera_verify_list_mattes(self, only, error);
    for (int i = 1;; i++) {
        g_autofree char *folder = g_strdup_printf("%s/matte%02d", self->dir, i);
        if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
            return TRUE;
        if (!vera_verify_list_mattes(self, folder, error))
            return FALSE;
    }
}

/* A movie of the export. Returns: (transfer full) (nullable) */
static VeraClip *
vera_verify_open_movie(VeraVerify *self, const char *name, guint n_frames, GError **error)
{
    g_autofree char *path = g_build_filename(self->dir, name, NULL);
    g_autoptr(VeraClip) clip = vera_clip_open(path, self->cancellable, error);

    if (clip == NULL || vera_clip_get_info(clip)->n_frames == n_frames)
        return g_steal_pointer(&clip);
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The movies in ‘%s’ do not have the %u frames that its manifest names.", self->dir,
                n_frames);
    return NULL;
}

static gboolean
vera_verify_open_movies(VeraVerify *self, const VeraExportListing *listing, GError **error)
{
    for (guint i = 0; i < listing->files->len; i++) {
        const char *name = g_array_index(listing->files, VeraExportFile, i).path;
        VeraClip *clip = vera_verify_open_movie(self, name, listing->frames->len, error);
        if (clip == NULL)
            return FALSE;
        if (self->comp == NULL)
            self->comp = clip;
        else
            g_ptr_array_add(self->mattes, clip);
    }
    for (guint i = 0; i < listing->frames->len; i++) {
        gint64 frame = g_array_index(listing->frames, gint64, i);
        vera_verify_add_item(self, frame + 1, frame, NULL);
    }
    return TRUE;
}

/* Fewer frames than there should be prove nothing: @why there should be @n_wanted. */
static gboolean
vera_verify_check_count(VeraVerify *self, gint64 n_wanted, const char *why, GError **error)
{
    if (self->items->len >= n_wanted)
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "‘%s’ has %u frames, and not the %" G_GINT64_FORMAT " %s; export it again.", self->dir,
                self->items->len, n_wanted, why);
    return FALSE;
}

/* Without a manifest nothing tells which frames were exported: only all of the clip's will do. */
static gboolean
vera_verify_list_without_manifest(VeraVerify *self, const GError *cause, GError **error)
{
    g_autofree char *why = g_strdup_printf("of the clip, and no manifest says that fewer were wanted (%s)", cause->message);

    return vera_verify_list_folder(self, error) &&
           vera_verify_check_count(self, vera_clip_get_info(self->source)->n_frames, why, error);
}

static gboolean
vera_verify_list(VeraVerify *self, GError **error)
{
    g_autofree char *comp = g_build_filename(self->dir, "comp", NULL);
    g_autoptr(GError) local = NULL;
    g_autoptr(VeraExportListing) listing = vera_export_listing_read(self->dir, &local);

    if (listing == NULL && g_file_test(comp, G_FILE_TEST_IS_DIR))
        return vera_verify_list_without_manifest(self, local, error);
    if (listing == NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (strcmp(listing->preset, "ffv1") == 0)
        return vera_verify_open_movies(self, listing, error);
    if (strcmp(listing->preset, "prores") == 0 || strcmp(listing->preset, "h264") == 0) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
            "‘%s’ holds %s, which is lossy; exports of the presets exr, exr-separate, png and "
            "ffv1 can be verified.",
            self->dir, listing->preset);
        return FALSE;
    }
    self->is_layered = strcmp(listing->preset, "exr") == 0;
    for (guint i = 0; i < listing->files->len; i++)
        vera_verify_add_file(self, &g_array_index(listing->files, VeraExportFile, i));
    return vera_verify_check_count(self, listing->frames->len, "that its manifest names", error);
}

static VeraFrame *
vera_verify_read_picture(const char *path, GError **error)
{
    return g_str_has_suffix(path, ".exr") ? vera_exr_read_frame(path, error)
                                          : vera_still_read(path, error);
}

/* The alphas of a layered file: that of the only layer, or of all numbered ones. */
static gboolean
vera_verify_read_alphas(const char *path, GPtrArray *mattes, GError **error)
{
    VeraFrame *matte = NULL;

    if (!vera_exr_read_channel(path, "edit.A", &matte, error))
        return FALSE;
    for (int i = 1; matte == NULL; i++) {
        g_autofree char *name = g_strdup_printf("edit%02d.A", i);
        if (!vera_exr_read_channel(path, name, &matte, error))
            return FALSE;
        if (matte == NULL)
            return TRUE;
        g_ptr_array_add(mattes, g_steal_pointer(&matte));
    }
    g_ptr_array_add(mattes, matte);
    return TRUE;
}

/* The composite and the mattes of frame @i; none where nothing was edited. */
static gboolean
vera_verify_read(VeraVerify *self, guint i, VeraFrame **comp, GPtrArray *mattes, GError **error)
{
    const VeraVerifyItem *item = &g_array_index(self->items, VeraVerifyItem, i);
    guint n = self->comp ? self->mattes->len : item->mattes->len;

    *comp = self->comp ? vera_clip_read_frame(self->comp, i, self->cancellable, error)
                       : vera_verify_read_picture(item->comp, error);
    if (*comp == NULL)
        return FALSE;
    if (self->is_layered)
        return vera_verify_read_alphas(item->comp, mattes, error);
    for (guint k = 0; k < n; k++) {
        VeraFrame *matte =
            self->comp ? vera_clip_read_frame(self->mattes->pdata[k], i, self->cancellable, error)
                       : vera_verify_read_picture(item->mattes->pdata[k], error);
        if (matte == NULL)
            return FALSE;
        g_ptr_array_add(mattes, matte);
    }
    return TRUE;
}

static gboolean
vera_verify_have_same_size(const VeraFrame *comp, const VeraFrame *source, const GPtrArray *mattes)
{
    gboolean ok = source->width == comp->width && source->height == comp->height;

    for (guint i = 0; i < mattes->len; i++) {
        const VeraFrame *matte = mattes->pdata[i];
        ok = ok && matte->width == comp->width && matte->height == comp->height;
    }
    return ok;
}

static gboolean
vera_verify_frame(VeraVerify *self, guint i, VeraVerifyFrame *out, GError **error)
{
    const VeraVerifyItem *item = &g_array_index(self->items, VeraVerifyItem, i);
    g_autoptr(VeraFrame) source = NULL, comp = NULL;
    g_autoptr(GPtrArray) mattes = g_ptr_array_new_with_free_func((GDestroyNotify)vera_frame_unref);
    VeraVerifyPair pair;

    out->number = item->number;
    out->source_index = item->source_index;
    if (item->source_index < 0 ||
        item->source_index >= vera_clip_get_info(self->source)->n_frames) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "The export ‘%s’ has a frame %" G_GINT64_FORMAT ", the clip ‘%s’ has not.",
                    self->dir, item->source_index + 1, vera_clip_get_path(self->source));
        return FALSE;
    }
    source = vera_clip_read_frame(self->source, item->source_index, self->cancellable, error);
    if (source == NULL || !vera_verify_read(self, i, &comp, mattes, error))
        return FALSE;
    if (!vera_verify_have_same_size(comp, source, mattes)) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
            "The export ‘%s’ (%dx%d) does not fit the clip ‘%s’ (%dx%d), or its matte does not "
            "fit its composite.",
            self->dir, comp->width, comp->height, vera_clip_get_path(self->source), source->width,
            source->height);
        return FALSE;
    }
    pair = (VeraVerifyPair){source, comp, mattes, 0};
    if (self->comp == NULL)
        return vera_verify_compare_pictures(&pair, out, error);
    pair.matte_plane =
        mattes->len > 0 ? ((const VeraFrame *)mattes->pdata[0])->format.n_planes - 1 : 0;
    return vera_verify_compare_samples(&pair, out, error);
}

static gboolean
vera_verify_open(VeraVerify *self, const char *source_path, GError **error)
{
    self->mattes = g_ptr_array_new_with_free_func(g_object_unref);
    self->items = g_array_new(FALSE, FALSE, sizeof(VeraVerifyItem));
    g_array_set_clear_func(self->items, vera_verify_clear_item_cb);
    self->source = vera_clip_open(source_path, self->cancellable, error);
    return self->source != NULL && vera_verify_list(self, error);
}

gboolean
vera_verify_run(const char *dir,
                const char *source_path,
                gint64 *n_changed,
                gint64 *n_frames,
                VeraVerifyFunc report,
                gpointer user_data,
                GCancellable *cancellable,
                GError **error)
{
    VeraVerify self = {.dir = dir, .cancellable = cancellable};
    gboolean ok = vera_verify_open(&self, source_path, error);

    *n_changed = *n_frames = 0;
    for (guint i = 0; ok && i < self.items->len; i++) {
        VeraVerifyFrame frame = {0};
        ok = !vera_engine_error_set_cancelled(cancellable, error) &&
             vera_verify_frame(&self, i, &frame, error);
        if (!ok)
            break;
        *n_changed += frame.n_changed;
        *n_frames += 1;
        if (report != NULL)
            report(&frame, user_data);
    }
    vera_verify_clear(&self);
    return ok;
}
