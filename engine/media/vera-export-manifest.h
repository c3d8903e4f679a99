#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VeraExportManifest: what an export has written so far, kept on disk.
 *
 * While the export runs, manifest.json.part has one JSON object a line: the identity, each finished
 * file with its hash, each finished frame. At the end manifest.json takes its place; a folder
 * without that is no finished export.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraExportManifest VeraExportManifest;

/**
 * VeraExportManifestMode:
 * @is_resume: go on with what an earlier export of the same identity left
 * @can_overwrite: replace what another export left
 * @has_targets: files that this export would write are there already
 */
typedef struct {
    gboolean is_resume;
    gboolean can_overwrite;
    gboolean has_targets;
} VeraExportManifestMode;

/**
 * vera_export_manifest_check:
 * @dir: folder of the export
 * @identity: (nullable): see vera_export_manifest_new()
 * @mode: what is allowed
 * @error: return location for a #GError
 *
 * Whether an export may begin in @dir. Nothing is changed. Errors: %VERA_ENGINE_ERROR_OUTPUT names
 * the folder and what can be done.
 *
 * Returns: %TRUE if nothing would be lost
 */
gboolean vera_export_manifest_check(const char *dir,
                                    const char *identity,
                                    const VeraExportManifestMode *mode,
                                    GError **error);

/**
 * vera_export_manifest_new:
 * @dir: folder of the export, which exists
 * @preset: name of the preset
 * @identity: a hash of everything that decides the bytes of the files
 * @mode: what is allowed
 * @error: return location for a #GError
 *
 * Checks as vera_export_manifest_check(), takes over what an earlier export of the same identity
 * noted, and begins. From here on the folder holds no finished export.
 * Errors: %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: (transfer full): a manifest, or %NULL
 */
VeraExportManifest *vera_export_manifest_new(const char *dir,
                                             const char *preset,
                                             const char *identity,
                                             const VeraExportManifestMode *mode,
                                             GError **error);

/**
 * vera_export_manifest_place:
 * @self: a manifest
 * @name: path of the file inside the folder
 * @frame: the source frame, from 1, or 0 for a file of all frames
 * @error: return location for a #GError
 *
 * Puts the finished NAME.part in its place, synced, and notes its hash. On failure NAME.part is
 * removed.
 * Returns: %TRUE on success
 */
gboolean vera_export_manifest_place(VeraExportManifest *self,
                                    const char *name,
                                    gint64 frame,
                                    GError **error);

/**
 * vera_export_manifest_end_frame:
 * @frame: the source frame, from 1, all files of which are in place
 * @n_changed: pixels of it that changed outside the matte
 *
 * Returns: %TRUE on success
 */
gboolean vera_export_manifest_end_frame(VeraExportManifest *self,
                                        gint64 frame,
                                        gint64 n_changed,
                                        GError **error);

/**
 * vera_export_manifest_has_frame:
 * @frame: a source frame, from 1
 * @n_changed: (out): pixels of it that changed outside the matte
 *
 * Returns: whether an earlier export finished the frame, and its files are on disk with the hashes
 *   that were noted
 */
gboolean vera_export_manifest_has_frame(VeraExportManifest *self, gint64 frame, gint64 *n_changed);

/**
 * vera_export_manifest_finish:
 * @self: a manifest
 * @error: return location for a #GError
 *
 * Writes manifest.json: settings, frames, files with SHA-256. Errors: %VERA_ENGINE_ERROR_OUTPUT,
 * %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: %TRUE when the export is finished
 */
gboolean vera_export_manifest_finish(VeraExportManifest *self, GError **error);

void vera_export_manifest_free(VeraExportManifest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraExportManifest, vera_export_manifest_free)

/**
 * VeraExportFile:
 * @path: path inside the folder
 * @source_frame: the source frame, from 0, or -1 for a file of all frames
 */
typedef struct {
    char *path;
    gint64 source_frame;
} VeraExportFile;

/**
 * VeraExportListing:
 * @preset: name of the preset
 * @files: (element-type VeraExportFile): what was written, in order
 * @frames: (element-type gint64): the source frames, from 0, in order
 *
 * What the manifest of a finished export says.
 */
typedef struct {
    char *preset;
    GArray *files;
    GArray *frames;
} VeraExportListing;

/**
 * vera_export_listing_read:
 * @dir: folder of an export
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT when there is no readable manifest.json.
 * Returns: (transfer full): the listing, or %NULL
 */
VeraExportListing *vera_export_listing_read(const char *dir, GError **error);

void vera_export_listing_free(VeraExportListing *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraExportListing, vera_export_listing_free)

G_END_DECLS
