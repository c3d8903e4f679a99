#pragma once

#include <gio/gio.h>

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/**
 * VeraExportPreset:
 * @VERA_EXPORT_PRESET_EXR: layered EXR sequence: root R G B A = composite (A = 1), edit.R edit.G
 *   edit.B edit.A = edit layer premultiplied with its matte
 * @VERA_EXPORT_PRESET_EXR_SEPARATE: EXR sequences in comp/, edit/ and matte/
 * @VERA_EXPORT_PRESET_PNG: 16-bit PNG sequences in comp/ (RGB), edit/ (RGB, straight colour) and
 *   matte/ (grey)
 * @VERA_EXPORT_PRESET_FFV1: lossless FFV1 in Matroska: comp.mkv in the source's own sample format,
 * and edit.mkv, R'G'B' of 16 bits in straight colour with the matte as alpha
 * @VERA_EXPORT_PRESET_PRORES: ProRes 4444: comp.mov, and edit.mov in straight colour with alpha
 * @VERA_EXPORT_PRESET_H264: review.mp4: the composite for review; odd sizes are made even by
 *   repeating the last column or row
 *
 * Movies of the composite bring the source's sound along. PNG and movies of a source in linear
 * light are sRGB-coded.
 */
typedef enum {
    VERA_EXPORT_PRESET_EXR,
    VERA_EXPORT_PRESET_EXR_SEPARATE,
    VERA_EXPORT_PRESET_PNG,
    VERA_EXPORT_PRESET_FFV1,
    VERA_EXPORT_PRESET_PRORES,
    VERA_EXPORT_PRESET_H264,
} VeraExportPreset;

/** VeraExrCompression: compression of written EXR files; only lossless ones. */
typedef enum {
    VERA_EXR_COMPRESSION_NONE,
    VERA_EXR_COMPRESSION_ZIP,
    VERA_EXR_COMPRESSION_ZIPS,
    VERA_EXR_COMPRESSION_PIZ,
} VeraExrCompression;

/** VERA_EXPORT_MAX_LAYERS: more than anybody stacks, few enough for two digits in a name */
#define VERA_EXPORT_MAX_LAYERS 99

/**
 * VeraExportSettings:
 * @preset: what is written
 * @output_dir: folder, made if missing
 * @name: base name of the files of a sequence, NAME.####.EXT; not empty, without "/" and "%"
 * @start_number: number of the first exported frame, or -1 for the plate's own number, else
 *   1001 + offset
 * @padding: digits of frame numbers, 1..9
 * @compression: EXR compression
 * @is_float32: 32-bit float EXR channels instead of half
 * @is_straight: EXR: edit layer written as straight colour plus matte instead of premultiplied
 * @has_matte_layer: also write the matte as matte.R/G/B/A (four equal channels) in layered EXR
 * @has_chromaticities: also write the chromaticities attribute (for older readers)
 * @is_linear_over: the project composites in linear light (noted in the attributes)
 * @is_silent: leave the source's sound out of movies
 * @is_resume: keep finished frames whose hash matches the manifest of an earlier export with the
 *   same settings
 * @can_overwrite: replace files that another export left in the folder
 * @n_layers: how many edit layers each frame brings, 0..%VERA_EXPORT_MAX_LAYERS; from two on their
 * elements are called edit01, matte01, edit02 …, from bottom to top, instead of edit and matte
 * @record_json: (nullable): the records of the takes, embedded as attributes
 *   vera/record, vera/record.2 …, whose values belong together
 * @look: (nullable): whatever else decides the pixels, in words (refinement of the matte); frames
 *   are kept only where it is the same
 */
typedef struct {
    VeraExportPreset preset;
    const char *output_dir;
    const char *name;
    gint64 start_number;
    int padding;
    VeraExrCompression compression;
    gboolean is_float32;
    gboolean is_straight;
    gboolean has_matte_layer;
    gboolean has_chromaticities;
    gboolean is_linear_over;
    gboolean is_silent;
    gboolean is_resume;
    gboolean can_overwrite;
    int n_layers;
    const char *record_json;
    const char *look;
} VeraExportSettings;

#define VERA_EXPORT_SETTINGS_INIT                                           \
    {                                                                       \
        .preset = VERA_EXPORT_PRESET_EXR, .start_number = -1, .padding = 4, \
        .compression = VERA_EXR_COMPRESSION_ZIP                             \
    }

/**
 * VeraExportElement: one edit layer of one frame at plate size.
 * @rgb: width*height*3 display-coded straight colour
 * @matte: width*height floats, 0 or 2^-16..1, the layer's opacity included
 */
typedef struct {
    const float *rgb;
    const float *matte;
} VeraExportElement;

/**
 * VeraExportFrame:
 * @index: source frame number
 * @source: the decoded source frame
 * @composite: (nullable): the composite in the source's own sample format, where untouched samples
 * are the source's; %NULL means the source itself (null edit)
 * @composite_rgb: width*height*3 display-coded floats of the composite; where the matte is 0
 * bit-equal to vera_frame_to_rgb() of @source
 * @layers: as many edit layers as the settings say, bottom first
 * @matte: (nullable): width*height floats, what all layers cover together: 0 where every matte is
 * 0; %NULL for a null edit
 * @n_changed: pixels that changed outside the matte, as counted by the caller; noted in the
 * manifest
 */
typedef struct {
    gint64 index;
    VeraFrame *source;
    VeraFrame *composite;
    const float *composite_rgb;
    const VeraExportElement *layers;
    const float *matte;
    gint64 n_changed;
} VeraExportFrame;

#define VERA_TYPE_EXPORTER (vera_exporter_get_type())
G_DECLARE_FINAL_TYPE(VeraExporter, vera_exporter, VERA, EXPORTER, GObject)

/**
 * vera_exporter_check:
 * @settings: what to write
 * @clip: the source clip
 * @frames: (element-type gint64): the source frames, increasing
 * @error: return location for a #GError
 *
 * Whether vera_exporter_new() would refuse: the settings make no sense, the preset cannot hold the
 * source (a 12-bit or deeper source in half float is refused with the advice to use 32 bits), or
 * files that another export left would be overwritten. Nothing is changed. For callers who have
 * long work to do before the first frame. Errors: %VERA_ENGINE_ERROR_USAGE,
 * %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_UNSUPPORTED.
 *
 * Returns: %TRUE if the export can begin
 */
gboolean vera_exporter_check(const VeraExportSettings *settings,
                             VeraClip *clip,
                             const GArray *frames,
                             GError **error);

/**
 * vera_exporter_new:
 * @settings: what to write (copied)
 * @clip: the source clip: size, rate, colour, timecode, sound
 * @frames: (element-type gint64): the source frames that will be added, increasing
 * @error: return location for a #GError
 *
 * Checks as vera_exporter_check() does, and that the folder can be made and written. Nothing that
 * looks finished is written before it is: files are made as NAME.part and renamed; the manifest
 * (manifest.json: preset, per frame file names, SHA-256 of each file) comes last, and until then
 * manifest.json.part says what is done. A matte never goes into a channel named Y or *.R alone.
 * Errors: those of vera_exporter_check(), %VERA_ENGINE_ERROR_DISK_FULL.
 *
 * Thread-safety: one thread at a time.
 * Returns: (transfer full): an exporter, or %NULL
 */
VeraExporter *vera_exporter_new(const VeraExportSettings *settings,
                                VeraClip *clip,
                                const GArray *frames,
                                GError **error);

/**
 * vera_exporter_keep_frame:
 * @self: an exporter that resumes
 * @index: source frame number of the next frame
 * @n_changed: (out): what #VeraExportFrame.n_changed said of it
 *
 * Keeps the next frame as an earlier export left it, if all of its files are on disk with the
 * hashes that were noted. It must then not be added.
 *
 * Returns: whether it was kept
 */
gboolean vera_exporter_keep_frame(VeraExporter *self, gint64 index, gint64 *n_changed);

/**
 * vera_exporter_add_frame:
 * @self: an exporter
 * @frame: the next frame
 * @error: return location for a #GError
 *
 * Writes one frame (for sequences: synced and renamed on return). Errors:
 * %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_OUT_OF_MEMORY,
 * %VERA_ENGINE_ERROR_UNSUPPORTED (a float source with values that half float does not hold), and
 * those of the source's sound.
 *
 * Returns: %TRUE on success
 */
gboolean vera_exporter_add_frame(VeraExporter *self, const VeraExportFrame *frame, GError **error);

/**
 * vera_exporter_finish:
 * @self: an exporter
 * @error: return location for a #GError
 *
 * Closes movies, renames them, writes the manifest. Without it only finished sequence frames and
 * manifest.json.part are left; movies are removed.
 *
 * Returns: %TRUE on success
 */
gboolean vera_exporter_finish(VeraExporter *self, GError **error);

/** vera_export_preset_from_name: "exr", "exr-separate", "png", "ffv1", "prores", "h264". Returns:
 * %FALSE if unknown */
gboolean vera_export_preset_from_name(const char *name, VeraExportPreset *preset);

G_END_DECLS
