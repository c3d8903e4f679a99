#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** VeraExrChannel: one channel: @values has one float every @step, rows of the data window without
 * gaps. */
typedef struct {
    const char *name;
    const float *values;
    int step;
} VeraExrChannel;

/** VeraExrText: a string attribute; one of over 255 bytes goes on in @name.2, @name.3 …, whose
 * values joined are @value: FFmpeg 5.1 loses its way in longer ones. */
typedef struct {
    const char *name;
    const char *value;
} VeraExrText;

/**
 * VeraExrImage: one file.
 * @data_window: x, y, width, height inside the display window of @width by @height; values start at
 * its corner
 * @compression: "none", "zip", "zips" or "piz", for which a very small data window gets "zip"
 * @rate_num: framesPerSecond, 0 for none
 * @timecode: (nullable): "HH:MM:SS:FF" of this frame
 * @chromaticities: (nullable): x and y of red, green, blue and white
 */
typedef struct {
    int width;
    int height;
    int data_window[4];
    int n_channels;
    const VeraExrChannel *channels;
    int n_texts;
    const VeraExrText *texts;
    const char *compression;
    gboolean is_float32;
    int rate_num;
    int rate_den;
    float pixel_aspect;
    const char *timecode;
    const float *chromaticities;
} VeraExrImage;

/** vera_exr_write: writes a single-part scanline file. Errors: %VERA_ENGINE_ERROR_OUTPUT,
 * %VERA_ENGINE_ERROR_DISK_FULL. */
gboolean vera_exr_write(const char *path, const VeraExrImage *image, GError **error);

G_END_DECLS
