#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraAudioOutput: plays the sound of a file forward through the desktop's sound server
 * (PulseAudio, or PipeWire in its place), from a thread of its own, and is the clock that pictures
 * follow.
 *
 * Thread-safety: every function may be called from any thread; only vera_audio_output_new() and
 * vera_audio_output_free() wait for anything.
 */
typedef struct _VeraAudioOutput VeraAudioOutput;

/**
 * vera_audio_output_new:
 * @path: a media file
 * @start_time: as for vera_audio_open()
 * @error: return location for a #GError
 *
 * Opens the sound and the server; may wait for the server, call it from a task's thread. Errors:
 * %VERA_ENGINE_ERROR_NO_DEVICE (no sound server: play without sound, by the monotonic clock), and
 * those of vera_audio_open().
 *
 * Returns: (transfer full): a silent output, or %NULL
 */
VeraAudioOutput *vera_audio_output_new(const char *path, double start_time, GError **error);

/** vera_audio_output_free: falls silent, waits for the thread and closes the server */
void vera_audio_output_free(VeraAudioOutput *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraAudioOutput, vera_audio_output_free)

/** vera_audio_output_play: plays from time @seconds on, also when it plays already; silence follows
 * the end of the sound */
void vera_audio_output_play(VeraAudioOutput *self, double seconds);

/** vera_audio_output_stop: falls silent */
void vera_audio_output_stop(VeraAudioOutput *self);

/** vera_audio_output_set_volume: @volume: 0 is silence, 1 leaves the samples as they are */
void vera_audio_output_set_volume(VeraAudioOutput *self, double volume);

/**
 * vera_audio_output_get_time:
 * @self: an output
 * @seconds: (out): the time that is being heard
 *
 * The clock of forward playback. It never goes back while it plays.
 *
 * Returns: %FALSE while nothing is heard: it is stopped, or just starting, or the server went away
 * (vera_audio_output_dup_failure() says so); follow the monotonic clock then
 */
gboolean vera_audio_output_get_time(VeraAudioOutput *self, double *seconds);

/** vera_audio_output_dup_failure: Returns: (transfer full) (nullable): why playing ended by itself,
 * a sentence for people */
char *vera_audio_output_dup_failure(VeraAudioOutput *self);

G_END_DECLS
