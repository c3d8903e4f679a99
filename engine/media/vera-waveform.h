#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** VERA_WAVEFORM_RATE: peaks a second that are kept */
#define VERA_WAVEFORM_RATE 100

/**
 * VeraPeak:
 * @min: lowest sample of both channels, full scale is -1
 * @max: highest
 */
typedef struct {
    float min;
    float max;
} VeraPeak;

/**
 * VeraWaveform: the outline of a file's sound for the timeline, made in the background by a thread
 * of low priority and remembered in the user's cache folder (vera/waveforms), where a file that was
 * changed since is not found again. A cache that cannot be written is only slower the next time.
 *
 * Thread-safety: every function may be called from any thread, and none but vera_waveform_free()
 * waits for anything.
 */
typedef struct _VeraWaveform VeraWaveform;

/**
 * VeraWaveformFunc:
 * @error: (nullable): why there is no outline
 * @data: as given to vera_waveform_new()
 *
 * In the worker thread: a few seconds more are known, or all is, or nothing will be. Return soon.
 */
typedef void (*VeraWaveformFunc)(const GError *error, gpointer data);

/**
 * vera_waveform_new:
 * @path: a media file
 * @start_time: as for vera_audio_open()
 * @func: (nullable): is told of progress, until vera_waveform_free() returns
 * @data: handed to @func
 *
 * Returns: (transfer full): an outline of which nothing is known yet
 */
VeraWaveform *
vera_waveform_new(const char *path, double start_time, VeraWaveformFunc func, gpointer data);

/** vera_waveform_free: breaks off the work and waits for the thread */
void vera_waveform_free(VeraWaveform *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraWaveform, vera_waveform_free)

/** vera_waveform_get_known: Returns: how many seconds from time 0 are known */
double vera_waveform_get_known(VeraWaveform *self);

/** vera_waveform_is_complete: Returns: whether all of the sound is known */
gboolean vera_waveform_is_complete(VeraWaveform *self);

/**
 * vera_waveform_get_peaks:
 * @self: an outline
 * @begin: seconds
 * @end: seconds, after @begin
 * @n: how many peaks
 * @peaks: (out caller-allocates) (array length=n): each covers (@end - @begin) / @n seconds, or the
 *   peak around it where that is less than what is kept; 0 and 0 for silence and the unknown
 */
void vera_waveform_get_peaks(VeraWaveform *self, double begin, double end, int n, VeraPeak *peaks);

G_END_DECLS
