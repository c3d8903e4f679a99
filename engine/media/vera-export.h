#pragma once

#include <gio/gio.h>

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/**
 * VeraExportPreset:
 * @VERA_EXPORT_PRESET_EXR: layered EXR sequence: root R G B A = composite (A = 1), edit.R edit.G edit.B
 *   edit.A = edit layer premultiplied with its matte
 * @VERA_EXPORT_PRESET_EXR_SEPARATE: EXR sequences in comp/, edit/ and matte/
 * @VERA_EXPORT_PRESET_PNG: 16-bit PNG sequences in comp/ (RGB), edit/ (RGB, straight colour) and matte/ (grey)
 * @VERA_EXPORT_PRESET_FFV1: lossless FFV1 in Matroska: comp.mkv in the source's own sample format, and
 *   edit.mkv with alpha
 * @VERA_EXPORT_PRESET_PRORES: ProRes 4444: comp.mov and edit.mov with alpha
 * @VERA_EXPORT_PRESET_H264: review.mp4: the composite for review, with the source's audio
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

/**
 * VeraExportSettings:
 * @preset: what is written
 * @output_dir: folder, made if missing
 * @name: base name of the files; a sequence is NAME.####.EXT
 * @start_number: plate number of the first exported frame, or -1 for the plate's own number, else 1001 + offset
 * @padding: digits of frame numbers (default 4)
 * @compression: EXR compression
 * @is_float32: 32-bit float EXR channels instead of half
 * @is_straight: edit layer written as straight colour plus matte instead of premultiplied
 * @has_matte_layer: also write the matte as matte.R/G/B/A (four equal channels) in layered EXR
 * @has_chromaticities: also write the chromaticities attribute (for older readers)
 * @is_linear_over: the project composites in linear light (noted in the attributes)
 * @is_resume: keep finished frames whose hash matches the manifest of an earlier, unfinished export
 * @record_json: (nullable): the take's record, embedded as attribute vera/record
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
    gboolean is_resume;
    const char *record_json;
} VeraExportSettings;

#define VERA_EXPORT_SETTINGS_INIT                                                                                      \
    {                                                                                                                  \
        .preset = VERA_EXPORT_PRESET_EXR, .start_number = -1, .padding = 4, .compression = VERA_EXR_COMPRESSION_ZIP    \
    }

/**
 * VeraExportFrame:
 * @index: source frame number
 * @source: the decoded source frame
 * @composite: (nullable): the composite in the source's own sample format, where untouched samples are the
 *   source's; %NULL means the source itself (null edit)
 * @composite_rgb: width*height*3 display-coded floats of the composite; where the matte is 0 bit-equal to
 *   vera_frame_to_rgb() of @source
 * @layer_rgb: (nullable): width*height*3 display-coded straight colour of the edit layer at plate size;
 *   %NULL for a null edit
 * @matte: (nullable): width*height floats, 0..1
 */
typedef struct {
    gint64 index;
    VeraFrame *source;
    VeraFrame *composite;
    const float *composite_rgb;
    const float *layer_rgb;
    const float *matte;
} VeraExportFrame;

#define VERA_TYPE_EXPORTER (vera_exporter_get_type())
G_DECLARE_FINAL_TYPE(VeraExporter, vera_exporter, VERA, EXPORTER, GObject)

/**
 * vera_exporter_new:
 * @settings: what to write (copied)
 * @clip: the source clip: size, rate, colour, timecode, audio (for %VERA_EXPORT_PRESET_H264)
 * @first_frame: first source frame of the export
 * @n_frames: how many frames will be added, in order
 * @error: return location for a #GError
 *
 * Checks that the output folder can be made and written and that the preset can hold the source (a 12-bit or
 * deeper source in half float is refused with the advice to use 32 bits). Nothing that looks finished is written
 * before it is: files are made as NAME.part and renamed; the manifest (manifest.json: settings, per frame file
 * names, SHA-256 of each file) comes last. A matte never goes into a channel named Y or *.R alone.
 * Errors: %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_UNSUPPORTED.
 *
 * Thread-safety: one thread at a time.
 * Returns: (transfer full): an exporter, or %NULL
 */
VeraExporter *vera_exporter_new(const VeraExportSettings *settings,
                                VeraClip *clip,
                                gint64 first_frame,
                                gint64 n_frames,
                                GError **error);

/**
 * vera_exporter_add_frame:
 * @self: an exporter
 * @frame: the next frame
 * @error: return location for a #GError
 *
 * Writes one frame (for sequences: synced and renamed on return).
 *
 * Returns: %TRUE on success
 */
gboolean vera_exporter_add_frame(VeraExporter *self, const VeraExportFrame *frame, GError **error);

/**
 * vera_exporter_finish:
 * @self: an exporter
 * @error: return location for a #GError
 *
 * Closes movies, renames them, writes the manifest. Without it only .part files (and finished sequence frames)
 * are left.
 *
 * Returns: %TRUE on success
 */
gboolean vera_exporter_finish(VeraExporter *self, GError **error);

/** vera_export_preset_from_name: "exr", "exr-separate", "png", "ffv1", "prores", "h264". Returns: %FALSE if unknown */
gboolean vera_export_preset_from_name(const char *name, VeraExportPreset *preset);

G_END_DECLS
