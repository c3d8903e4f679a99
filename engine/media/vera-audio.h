#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VeraAudio: the sound of a media file as interleaved floats, at any rate, from any place.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraAudio VeraAudio;

/**
 * vera_audio_open:
 * @path: a media file
 * @start_time: which time of the file is time 0, in seconds; #VeraClipInfo.start_time makes it the
 *   first frame's
 * @rate: wanted samples a second, 1000..384000
 * @n_channels: wanted channels, 1..8; mixed down or up as is customary
 * @error: return location for a #GError
 *
 * Opens the first sound of the file (the one that players take). Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT (not media, no sound), %VERA_ENGINE_ERROR_UNSUPPORTED (no decoder),
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Returns: (transfer full): the sound, or %NULL
 */
VeraAudio *
vera_audio_open(const char *path, double start_time, int rate, int n_channels, GError **error);

/** vera_audio_free: closes the file */
void vera_audio_free(VeraAudio *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraAudio, vera_audio_free)

/** vera_audio_get_rate: Returns: samples a second, as asked for */
int vera_audio_get_rate(VeraAudio *self);

/** vera_audio_get_n_channels: Returns: channels, as asked for */
int vera_audio_get_n_channels(VeraAudio *self);

/**
 * vera_audio_read:
 * @self: a sound
 * @first: first sample (of each channel), counted from time 0 at the wanted rate; may be negative
 * @n: how many samples of each channel
 * @samples: (out caller-allocates): @n * channels floats, full scale is -1..1
 * @cancellable: (nullable): checked between packets
 * @error: return location for a #GError
 *
 * Reads a range; what lies outside the sound, or is damaged, is silence. Reading on is quick;
 * elsewhere it seeks and decodes half a
 * second of lead-in, and lies as exactly as the container tells times (1/1000 s in Matroska).
 * Errors: %VERA_ENGINE_ERROR_CANCELLED, %VERA_ENGINE_ERROR_BAD_INPUT (the file went away),
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Returns: whether @samples is filled
 */
gboolean vera_audio_read(VeraAudio *self,
                         gint64 first,
                         gsize n,
                         float *samples,
                         GCancellable *cancellable,
                         GError **error);

/** vera_audio_is_over: Returns: whether the last read went to the end of the sound or past it */
gboolean vera_audio_is_over(VeraAudio *self);

G_END_DECLS
