#include "config.h"

#include "engine/media/vera-audio-output.h"

#include <pthread.h>

#include <pulse/error.h>
#include <pulse/simple.h>

#include "engine/media/vera-audio.h"
#include "engine/vera-engine-error.h"

#define VERA_AUDIO_OUTPUT_RATE 48000
#define VERA_AUDIO_OUTPUT_CHANNELS 2
/* Samples handed over at once, and how many the server holds: so long stopping takes effect late.
 */
#define VERA_AUDIO_OUTPUT_BLOCK 1024
#define VERA_AUDIO_OUTPUT_BUFFER 4800

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraAudioOutput {
    /* Owned by the thread while it runs */
    char *path;
    VeraAudio *audio;
    pa_simple *server;
    GThread *thread;
    GCancellable *cancellable;

    /* Under lock; @turn counts calls of play and stop, so that a block made for an older one tells
     * no time */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    gint64 next;
    double volume;
    guint turn;
    gboolean is_playing;
    gboolean is_heard;
    gboolean is_closed;
    double heard_time;
    gint64 heard_at_us;
    double told_time;
    char *failure;
};

static pa_simple *
vera_audio_output_connect(const char *path, GError **error)
{
    const pa_sample_spec spec = {PA_SAMPLE_FLOAT32NE, VERA_AUDIO_OUTPUT_RATE,
                                 VERA_AUDIO_OUTPUT_CHANNELS};
    const pa_buffer_attr attr = {
        .maxlength = (guint32)-1,
        .tlength = VERA_AUDIO_OUTPUT_BUFFER * VERA_AUDIO_OUTPUT_CHANNELS * sizeof(float),
        .prebuf = (guint32)-1,
        .minreq = (guint32)-1,
        .fragsize = (guint32)-1,
    };
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *title = g_filename_display_name(name);
    int code = 0;

    pa_simple *server =
        pa_simple_new(NULL, "Vera", PA_STREAM_PLAYBACK, NULL, title, &spec, NULL, &attr, &code);
    if (server == NULL)
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE,
                    "There is no sound: the sound server does not answer (%s); start PipeWire or "
                    "PulseAudio.",
                    pa_strerror(code));
    return server;
}

static void
vera_audio_output_fail(VeraAudioOutput *self, char *failure)
{
    pthread_mutex_lock(&self->lock);
    g_free(self->failure);
    self->failure = failure;
    self->is_playing = self->is_heard = FALSE;
    pthread_mutex_unlock(&self->lock);
}

/** Notes what is heard now that the block which ends at sample @end was handed over. */
static void
vera_audio_output_note_time(VeraAudioOutput *self, gint64 end, guint turn)
{
    int code = 0;
    pa_usec_t latency = pa_simple_get_latency(self->server, &code);
    double time = (double)end / VERA_AUDIO_OUTPUT_RATE - (double)latency / 1e6;

    if (code != 0)
        return;
    pthread_mutex_lock(&self->lock);
    if (turn == self->turn) {
        self->heard_time = time;
        self->heard_at_us = g_get_monotonic_time();
        self->is_heard = TRUE;
    }
    pthread_mutex_unlock(&self->lock);
}

static void
vera_audio_output_write(VeraAudioOutput *self, gint64 first, double volume, guint turn)
{
    float samples[VERA_AUDIO_OUTPUT_BLOCK * VERA_AUDIO_OUTPUT_CHANNELS];
    g_autoptr(GError) error = NULL;
    int code = 0;

    if (!vera_audio_read(self->audio, first, VERA_AUDIO_OUTPUT_BLOCK, samples, self->cancellable,
                         &error)) {
        vera_audio_output_fail(self, g_strdup(error->message));
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++)
        samples[i] *= (float)volume;
    if (pa_simple_write(self->server, samples, sizeof samples, &code) < 0)
        vera_audio_output_fail(self,
                               g_strdup_printf("The sound ended: the sound server went away (%s).",
                                               pa_strerror(code)));
    else
        vera_audio_output_note_time(self, first + VERA_AUDIO_OUTPUT_BLOCK, turn);
}

static gpointer
vera_audio_output_run(gpointer data)
{
    VeraAudioOutput *self = data;
    guint turn = 0;

    pthread_mutex_lock(&self->lock);
    while (!self->is_closed) {
        if (turn != self->turn) {
            /* What the server still holds belongs to the place before. */
            turn = self->turn;
            pthread_mutex_unlock(&self->lock);
            pa_simple_flush(self->server, NULL);
            pthread_mutex_lock(&self->lock);
            continue;
        }
        if (!self->is_playing) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        gint64 first = self->next;
        double volume = self->volume;
        self->next += VERA_AUDIO_OUTPUT_BLOCK;
        pthread_mutex_unlock(&self->lock);
        vera_audio_output_write(self, first, volume, turn);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

VeraAudioOutput *
vera_audio_output_new(const char *path, double start_time, GError **error)
{
    g_autoptr(VeraAudio) audio = vera_audio_open(path, start_time, VERA_AUDIO_OUTPUT_RATE,
                                                 VERA_AUDIO_OUTPUT_CHANNELS, error);
    pa_simple *server = audio != NULL ? vera_audio_output_connect(path, error) : NULL;

    if (server == NULL)
        return NULL;
    VeraAudioOutput *self = g_new0(VeraAudioOutput, 1);
    self->path = g_strdup(path);
    self->audio = g_steal_pointer(&audio);
    self->server = server;
    self->cancellable = g_cancellable_new();
    self->volume = 1.0;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->thread = g_thread_new("vera-sound", vera_audio_output_run, self);
    return self;
}

void
vera_audio_output_free(VeraAudioOutput *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_closed = TRUE;
    g_cancellable_cancel(self->cancellable);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    g_thread_join(self->thread);
    pa_simple_flush(self->server, NULL);
    pa_simple_free(self->server);
    vera_audio_free(self->audio);
    g_object_unref(self->cancellable);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    g_free(self->failure);
    g_free(self->path);
    g_free(self);
}

/** Starts anew or stops, under lock. */
static void
vera_audio_output_turn(VeraAudioOutput *self, gboolean is_playing)
{
    self->turn++;
    self->is_playing = is_playing;
    self->is_heard = FALSE;
    pthread_cond_broadcast(&self->changed);
}

void
vera_audio_output_play(VeraAudioOutput *self, double seconds)
{
    pthread_mutex_lock(&self->lock);
    self->next = (gint64)(seconds * VERA_AUDIO_OUTPUT_RATE);
    self->told_time = seconds;
    vera_audio_output_turn(self, self->failure == NULL);
    pthread_mutex_unlock(&self->lock);
}

void
vera_audio_output_stop(VeraAudioOutput *self)
{
    pthread_mutex_lock(&self->lock);
    vera_audio_output_turn(self, FALSE);
    pthread_mutex_unlock(&self->lock);
}

void
vera_audio_output_set_volume(VeraAudioOutput *self, double volume)
{
    pthread_mutex_lock(&self->lock);
    self->volume = CLAMP(volume, 0.0, 1.0);
    pthread_mutex_unlock(&self->lock);
}

gboolean
vera_audio_output_get_time(VeraAudioOutput *self, double *seconds)
{
    pthread_mutex_lock(&self->lock);
    gboolean is_heard = self->is_heard;
    if (is_heard) {
        double since = (double)(g_get_monotonic_time() - self->heard_at_us) / 1e6;
        /* The latency jitters; pictures must not step back for it. */
        self->told_time = MAX(self->told_time, self->heard_time + since);
        *seconds = self->told_time;
    }
    pthread_mutex_unlock(&self->lock);
    return is_heard;
}

char *
vera_audio_output_dup_failure(VeraAudioOutput *self)
{
    pthread_mutex_lock(&self->lock);
    char *failure = g_strdup(self->failure);
    pthread_mutex_unlock(&self->lock);
    return failure;
}
