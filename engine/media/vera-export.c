#include "config.h"

#include "engine/media/vera-export.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/media/vera-export-private.h"
#include "engine/media/vera-png-writer.h"
#include "engine/vera-engine-error.h"

G_DEFINE_FINAL_TYPE(VeraExporter, vera_exporter, G_TYPE_OBJECT)

static void
vera_exporter_finalize(GObject *object)
{
    VeraExporter *self = VERA_EXPORTER(object);

    vera_exporter_drop_movies(self);
    g_clear_pointer(&self->manifest, vera_export_manifest_free);
    g_free(self->output_dir);
    g_free(self->name);
    g_free(self->record_json);
    g_clear_object(&self->clip);
    g_clear_pointer(&self->frames, g_array_unref);
    g_clear_pointer(&self->changed, g_array_unref);
    G_OBJECT_CLASS(vera_exporter_parent_class)->finalize(object);
}

static void
vera_exporter_class_init(VeraExporterClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = vera_exporter_finalize;
}

static void
vera_exporter_init(VeraExporter *self)
{
    self->changed = g_array_new(FALSE, FALSE, sizeof(gint64));
}

static const char *const vera_export_preset_names[] = {"exr",  "exr-separate", "png",
                                                       "ffv1", "prores",       "h264"};

gboolean
vera_export_preset_from_name(const char *name, VeraExportPreset *preset)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vera_export_preset_names); i++) {
        if (strcmp(name, vera_export_preset_names[i]) == 0) {
            *preset = (VeraExportPreset)i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
vera_export_make_dir(const char *path, GError **error)
{
    g_autofree char *what = g_strdup_printf("make the folder ‘%s’", path);

    if (g_mkdir_with_parents(path, 0777) == 0 && access(path, W_OK | X_OK) == 0)
        return TRUE;
    vera_engine_error_set_errno(error, errno, what);
    return FALSE;
}

static gboolean
vera_export_is_exr(VeraExportPreset preset)
{
    return preset == VERA_EXPORT_PRESET_EXR || preset == VERA_EXPORT_PRESET_EXR_SEPARATE;
}

static gboolean
vera_exporter_check_settings(const VeraExportSettings *settings, GError **error)
{
    const char *wrong = NULL;

    if (settings->name == NULL || *settings->name == '\0' || strpbrk(settings->name, "/%") != NULL)
        wrong = "The name of exported files must not be empty and must not hold “/” or “%”.";
    else if (settings->padding < 1 || settings->padding > 9)
        wrong = "Frame numbers have 1 to 9 digits.";
    else if (settings->n_layers < 0 || settings->n_layers > VERA_EXPORT_MAX_LAYERS)
        wrong = "An export holds at most " G_STRINGIFY(VERA_EXPORT_MAX_LAYERS) " layers.";
    else if (settings->start_number < -1 || settings->start_number > 999999999)
        wrong = "Frame numbers begin at 0 to 999999999.";
    if (wrong != NULL)
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_USAGE, wrong);
    return wrong == NULL;
}

static gboolean
vera_exporter_check_clip(const VeraExportSettings *settings, VeraClip *clip, GError **error)
{
    const VeraClipInfo *info = vera_clip_get_info(clip);
    gboolean is_exr = vera_export_is_exr(settings->preset);

    if (is_exr && !settings->is_float32 && !info->format.is_float && info->format.bits > 11) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "The clip has %d bits a sample, which half float does not hold; export with 32 "
                    "bits (--float32).",
                    info->format.bits);
        return FALSE;
    }
    if (vera_export_is_movie(settings->preset) &&
        info->color.primaries == VERA_COLOR_PRIMARIES_ACES_AP1) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                    "The clip ‘%s’ has ACES primaries, which movies have no tag for; export exr.",
                    vera_clip_get_path(clip));
        return FALSE;
    }
    if (settings->preset == VERA_EXPORT_PRESET_FFV1 && info->format.is_float) {
        g_set_error(
            error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
            "The clip ‘%s’ has floating-point samples, which FFV1 does not hold; export exr.",
            vera_clip_get_path(clip));
        return FALSE;
    }
    return TRUE;
}

char *
vera_exporter_get_element(const VeraExporter *self, const char *kind, int i)
{
    return self->settings.n_layers > 1 ? g_strdup_printf("%s%02d", kind, i + 1) : g_strdup(kind);
}

/* The sub-folders that a sequence of separate elements goes to. Returns: (transfer full) */
static GStrv
vera_exporter_get_folders(const VeraExporter *self)
{
    g_autoptr(GStrvBuilder) folders = g_strv_builder_new();

    g_strv_builder_add(folders, "comp");
    for (int i = 0; i < self->settings.n_layers; i++) {
        g_autofree char *edit = vera_exporter_get_element(self, "edit", i);
        g_autofree char *matte = vera_exporter_get_element(self, "matte", i);
        g_strv_builder_add_many(folders, edit, matte, NULL);
    }
    return g_strv_builder_end(folders);
}

static gboolean
vera_exporter_has_file(const VeraExporter *self, const char *name)
{
    g_autofree char *path = g_build_filename(self->output_dir, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean
vera_exporter_has_sequence(const VeraExporter *self, const char *sub, const char *extension)
{
    for (guint i = 0; i < self->frames->len; i++) {
        g_autofree char *name =
            vera_exporter_get_name(self, sub, g_array_index(self->frames, gint64, i), extension);
        if (vera_exporter_has_file(self, name))
            return TRUE;
    }
    return FALSE;
}

/* Whether a file that the export would write is there. */
static gboolean
vera_exporter_has_targets(const VeraExporter *self)
{
    const char *extension = vera_export_is_exr(self->settings.preset) ? "exr" : "png";
    g_auto(GStrv) folders = vera_exporter_get_folders(self);

    if (!g_file_test(self->output_dir, G_FILE_TEST_IS_DIR))
        return FALSE;
    for (int i = 0; i < vera_exporter_get_n_movies(self); i++) {
        g_autofree char *name = vera_exporter_get_movie_name(self, i);
        if (vera_exporter_has_file(self, name))
            return TRUE;
    }
    if (vera_export_is_movie(self->settings.preset))
        return FALSE;
    if (self->settings.preset == VERA_EXPORT_PRESET_EXR)
        return vera_exporter_has_sequence(self, NULL, extension);
    for (guint i = 0; folders[i] != NULL; i++)
        if (vera_exporter_has_sequence(self, folders[i], extension))
            return TRUE;
    return FALSE;
}

/* A hash of everything that decides the bytes of the files. */
static char *
vera_exporter_get_identity(const VeraExporter *self, const char *look)
{
    const VeraExportSettings *s = &self->settings;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *path = g_canonicalize_filename(vera_clip_get_path(self->clip), NULL);
    g_autofree char *text = NULL;
    GStatBuf facts = {0};

    g_stat(path, &facts);
    text = g_strdup_printf(
        "vera " VERA_VERSION "\n%d %s %" G_GINT64_FORMAT
        " %d %d %d %d %d %d %d %d %d\n%s\n%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n%s\n%s\n",
        s->preset, self->name, s->start_number, s->padding, s->compression, s->is_float32,
        s->is_straight, s->has_matte_layer, s->has_chromaticities, s->is_linear_over, s->is_silent,
        s->n_layers, path, (gint64)facts.st_size, (gint64)facts.st_mtime, look ? look : "",
        self->record_json ? self->record_json : "");
    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_update(sum, (const guchar *)self->frames->data,
                      (gssize)(self->frames->len * sizeof(gint64)));
    return g_strdup(g_checksum_get_string(sum));
}

static VeraExporter *
vera_exporter_prepare(const VeraExportSettings *settings,
                      VeraClip *clip,
                      const GArray *frames,
                      GError **error)
{
    VeraExporter *self = NULL;

    if (!vera_exporter_check_settings(settings, error) ||
        !vera_exporter_check_clip(settings, clip, error))
        return NULL;
    self = g_object_new(VERA_TYPE_EXPORTER, NULL);
    self->settings = *settings;
    self->output_dir = g_strdup(settings->output_dir);
    /* Names of files that are not UTF-8 cannot stand in the manifest. */
    self->name = g_utf8_make_valid(settings->name, -1);
    self->record_json = g_strdup(settings->record_json);
    self->settings.output_dir = self->output_dir;
    self->settings.name = self->name;
    self->settings.record_json = self->record_json;
    self->settings.look = NULL;
    self->clip = g_object_ref(clip);
    self->frames = g_array_sized_new(FALSE, FALSE, sizeof(gint64), frames->len);
    g_array_append_vals(self->frames, frames->data, frames->len);
    return self;
}

static VeraExportManifestMode
vera_exporter_get_mode(const VeraExporter *self)
{
    return (VeraExportManifestMode){.is_resume = self->settings.is_resume,
                                    .can_overwrite = self->settings.can_overwrite,
                                    .has_targets = vera_exporter_has_targets(self)};
}

gboolean
vera_exporter_check(const VeraExportSettings *settings,
                    VeraClip *clip,
                    const GArray *frames,
                    GError **error)
{
    g_autoptr(VeraExporter) self = vera_exporter_prepare(settings, clip, frames, error);
    VeraExportManifestMode mode;

    if (self == NULL)
        return FALSE;
    mode = vera_exporter_get_mode(self);
    return vera_export_manifest_check(self->output_dir, NULL, &mode, error);
}

VeraExporter *
vera_exporter_new(const VeraExportSettings *settings,
                  VeraClip *clip,
                  const GArray *frames,
                  GError **error)
{
    g_autoptr(VeraExporter) self = vera_exporter_prepare(settings, clip, frames, error);
    g_autofree char *identity = NULL;
    VeraExportManifestMode mode;

    if (self == NULL || !vera_export_make_dir(self->output_dir, error))
        return NULL;
    identity = vera_exporter_get_identity(self, settings->look);
    mode = vera_exporter_get_mode(self);
    self->manifest = vera_export_manifest_new(
        self->output_dir, vera_export_preset_names[settings->preset], identity, &mode, error);
    return self->manifest != NULL ? g_steal_pointer(&self) : NULL;
}

/* The plate's own number where it has one, else from 1001. */
static gint64
vera_exporter_get_number(const VeraExporter *self, gint64 index)
{
    gint64 start = vera_clip_get_info(self->clip)->start_number;

    if (self->settings.start_number >= 0)
        return self->settings.start_number + index - g_array_index(self->frames, gint64, 0);
    return start >= 0 ? start + index : 1001 + index;
}

char *
vera_exporter_get_name(const VeraExporter *self,
                       const char *sub,
                       gint64 index,
                       const char *extension)
{
    return g_strdup_printf("%s%s%s.%0*" G_GINT64_FORMAT ".%s", sub ? sub : "", sub ? "/" : "",
                           self->name, self->settings.padding,
                           vera_exporter_get_number(self, index), extension);
}

char *
vera_exporter_get_part(const VeraExporter *self, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(self->output_dir, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    return vera_export_make_dir(dir, error) ? g_strconcat(path, ".part", NULL) : NULL;
}

const float *
vera_export_code_display(const VeraExportFrame *frame, const float *rgb, float **coded)
{
    gsize n = (gsize)frame->source->width * (gsize)frame->source->height * 3;

    *coded = NULL;
    if (frame->source->color.transfer != VERA_COLOR_TRANSFER_LINEAR)
        return rgb;
    *coded = g_try_new(float, n);
    if (*coded == NULL)
        return NULL;
    memcpy(*coded, rgb, n * sizeof *rgb);
    vera_color_code_display(frame->source->color.transfer, *coded, n);
    return *coded;
}

/* One picture of @frame: colour @rgb of three channels, or else @matte of one. */
static gboolean
vera_exporter_write_png(VeraExporter *self,
                        const char *sub,
                        const VeraExportFrame *frame,
                        const float *rgb,
                        const float *matte,
                        GError **error)
{
    g_autofree char *name = vera_exporter_get_name(self, sub, frame->index, "png");
    g_autofree char *part = vera_exporter_get_part(self, name, error);
    g_autofree float *coded = NULL;
    const float *values = rgb ? vera_export_code_display(frame, rgb, &coded) : matte;

    if (part == NULL)
        return FALSE;
    if (values == NULL) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY,
                            "Too little memory to export a frame.");
        return FALSE;
    }
    if (!vera_png_write(part, values, frame->source->width, frame->source->height, rgb ? 3 : 1,
                        error)) {
        g_unlink(part);
        return FALSE;
    }
    return vera_export_manifest_place(self->manifest, name, frame->index + 1, error);
}

gboolean
vera_exporter_add_png(VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    if (!vera_exporter_write_png(self, "comp", frame, frame->composite_rgb, NULL, error))
        return FALSE;
    for (int i = 0; i < self->settings.n_layers; i++) {
        g_autofree char *edit = vera_exporter_get_element(self, "edit", i);
        g_autofree char *matte = vera_exporter_get_element(self, "matte", i);
        if (!vera_exporter_write_png(self, edit, frame, frame->layers[i].rgb, NULL, error) ||
            !vera_exporter_write_png(self, matte, frame, NULL, frame->layers[i].matte, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
vera_exporter_keep_frame(VeraExporter *self, gint64 index, gint64 *n_changed)
{
    if (!self->settings.is_resume ||
        !vera_export_manifest_has_frame(self->manifest, index + 1, n_changed))
        return FALSE;
    self->n_done++;
    return TRUE;
}

gboolean
vera_exporter_add_frame(VeraExporter *self, const VeraExportFrame *frame, GError **error)
{
    gboolean ok;

    if (vera_export_is_movie(self->settings.preset))
        ok = vera_exporter_add_movie(self, frame, error);
    else
        ok = (self->settings.preset == VERA_EXPORT_PRESET_PNG
                  ? vera_exporter_add_png(self, frame, error)
                  : vera_exporter_add_exr(self, frame, error)) &&
             vera_export_manifest_end_frame(self->manifest, frame->index + 1, frame->n_changed,
                                            error);
    self->n_done += ok;
    return ok;
}

static gboolean
vera_exporter_sync_dir(const VeraExporter *self, const char *sub)
{
    g_autofree char *path = g_build_filename(self->output_dir, sub, NULL);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd < 0 ? errno == ENOENT : fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

static gboolean
vera_exporter_sync(const VeraExporter *self)
{
    g_auto(GStrv) folders = vera_exporter_get_folders(self);

    for (guint i = 0; folders[i] != NULL; i++)
        if (!vera_exporter_sync_dir(self, folders[i]))
            return FALSE;
    return vera_exporter_sync_dir(self, NULL);
}

gboolean
vera_exporter_finish(VeraExporter *self, GError **error)
{
    g_return_val_if_fail(self->n_done == self->frames->len, FALSE);
    if (vera_export_is_movie(self->settings.preset) && !vera_exporter_finish_movies(self, error))
        return FALSE;
    /* The names must be on disk before the manifest vouches for them. */
    if (!vera_exporter_sync(self)) {
        g_autofree char *what = g_strdup_printf("finish the folder ‘%s’", self->output_dir);
        vera_engine_error_set_errno(error, errno, what);
        return FALSE;
    }
    return vera_export_manifest_finish(self->manifest, error);
}
