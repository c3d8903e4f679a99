#include "config.h"

#include "engine/media/vera-waveform.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/media/vera-audio.h"
#include "engine/vera-engine-error.h"

#define VERA_WAVEFORM_NICENESS 10
#define VERA_WAVEFORM_SAMPLE_RATE 48000
#define VERA_WAVEFORM_CHANNELS 2
/* Peaks made between two reports. */
#define VERA_WAVEFORM_BLOCK 200
/* First bytes of a file in the cache; the number changes with the format. */
#define VERA_WAVEFORM_MAGIC "VERAPK01"
#define VERA_WAVEFORM_DIGEST 32

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraWaveform {
    /* Owned, never changed while the thread runs */
    char *path;
    double start_time;
    VeraWaveformFunc func;
    gpointer data;
    GThread *thread;
    GCancellable *cancellable;

    /* Owned, under lock */
    pthread_mutex_t lock;
    GArray *peaks;
    gboolean is_complete;
};

/** Where the outline of the file as it is now is remembered. Returns: (transfer full) (nullable) */
static char *
vera_waveform_get_cache_path(const VeraWaveform *self)
{
    GStatBuf facts;
    g_autofree char *absolute = g_canonicalize_filename(self->path, NULL);

    if (g_stat(self->path, &facts) != 0)
        return NULL;
    g_autofree char *key =
        g_strdup_printf("%s\n%" G_GINT64_FORMAT ".%09ld\n%" G_GINT64_FORMAT "\n%a", absolute,
                        (gint64)facts.st_mtim.tv_sec, (long)facts.st_mtim.tv_nsec,
                        (gint64)facts.st_size, self->start_time);
    g_autofree char *name = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    return g_build_filename(g_get_user_cache_dir(), "vera", "waveforms", name, NULL);
}

static void
vera_waveform_digest(const char *data, gsize size, guint8 *digest)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n = VERA_WAVEFORM_DIGEST;

    g_checksum_update(sum, (const guchar *)data, (gssize)size);
    g_checksum_get_digest(sum, digest, &n);
}

static void
vera_waveform_append(VeraWaveform *self, const VeraPeak *peaks, gsize n, gboolean is_complete)
{
    pthread_mutex_lock(&self->lock);
    g_array_append_vals(self->peaks, peaks, (guint)n);
    self->is_complete = is_complete;
    pthread_mutex_unlock(&self->lock);
    if (self->func != NULL)
        self->func(NULL, self->data);
}

/** Takes the outline from the cache if it is there and sound. */
static gboolean
vera_waveform_load(VeraWaveform *self, const char *cache)
{
    const gsize head = strlen(VERA_WAVEFORM_MAGIC) + VERA_WAVEFORM_DIGEST;
    g_autofree char *data = NULL;
    gsize size = 0;
    guint8 digest[VERA_WAVEFORM_DIGEST];

    if (!g_file_get_contents(cache, &data, &size, NULL) || size < head ||
        (size - head) % sizeof(VeraPeak) != 0 ||
        memcmp(data, VERA_WAVEFORM_MAGIC, strlen(VERA_WAVEFORM_MAGIC)) != 0)
        return FALSE;
    vera_waveform_digest(data + head, size - head, digest);
    if (memcmp(data + strlen(VERA_WAVEFORM_MAGIC), digest, sizeof digest) != 0)
        return FALSE;
    gsize n = (size - head) / sizeof(VeraPeak);
    g_autofree VeraPeak *peaks = g_new(VeraPeak, n + 1);
    memcpy(peaks, data + head, size - head);
    vera_waveform_append(self, peaks, n, TRUE);
    return TRUE;
}

static void
vera_waveform_save(VeraWaveform *self, const char *cache)
{
    g_autofree char *folder = g_path_get_dirname(cache);
    g_autoptr(GByteArray) data = g_byte_array_new();
    guint8 digest[VERA_WAVEFORM_DIGEST];
    gsize size = self->peaks->len * sizeof(VeraPeak);

    vera_waveform_digest(self->peaks->data, size, digest);
    g_byte_array_append(data, (const guint8 *)VERA_WAVEFORM_MAGIC,
                        (guint)strlen(VERA_WAVEFORM_MAGIC));
    g_byte_array_append(data, digest, sizeof digest);
    g_byte_array_append(data, (const guint8 *)self->peaks->data, (guint)size);
    if (g_mkdir_with_parents(folder, 0700) == 0)
        g_file_set_contents(cache, (const char *)data->data, (gssize)data->len, NULL);
}

static VeraPeak
vera_waveform_measure(const float *samples, gsize n)
{
    VeraPeak peak = {0.0f, 0.0f};
    /* Compared so that what is not a number is passed over. */
    for (gsize i = 0; i < n; i++) {
        if (samples[i] < peak.min)
            peak.min = samples[i];
        if (samples[i] > peak.max)
            peak.max = samples[i];
    }
    return peak;
}

static gboolean
vera_waveform_compute(VeraWaveform *self, GError **error)
{
    const gsize per_peak = VERA_WAVEFORM_SAMPLE_RATE / VERA_WAVEFORM_RATE;
    const gsize n = per_peak * VERA_WAVEFORM_BLOCK;
    g_autoptr(VeraAudio) audio = vera_audio_open(
        self->path, self->start_time, VERA_WAVEFORM_SAMPLE_RATE, VERA_WAVEFORM_CHANNELS, error);
    g_autofree float *samples = g_new(float, n *VERA_WAVEFORM_CHANNELS);
    VeraPeak peaks[VERA_WAVEFORM_BLOCK];

    if (audio == NULL)
        return FALSE;
    for (gint64 first = 0; !self->is_complete; first += (gint64)n) {
        if (!vera_audio_read(audio, first, n, samples, self->cancellable, error))
            return FALSE;
        for (gsize i = 0; i < VERA_WAVEFORM_BLOCK; i++)
            peaks[i] = vera_waveform_measure(samples + i * per_peak * VERA_WAVEFORM_CHANNELS,
                                             per_peak * VERA_WAVEFORM_CHANNELS);
        vera_waveform_append(self, peaks, VERA_WAVEFORM_BLOCK, vera_audio_is_over(audio));
    }
    return TRUE;
}

static gpointer
vera_waveform_run(gpointer data)
{
    VeraWaveform *self = data;
    g_autofree char *cache = vera_waveform_get_cache_path(self);
    g_autoptr(GError) error = NULL;

    setpriority(PRIO_PROCESS, (id_t)gettid(), VERA_WAVEFORM_NICENESS);
    if (cache != NULL && vera_waveform_load(self, cache))
        return NULL;
    if (vera_waveform_compute(self, &error)) {
        if (cache != NULL)
            vera_waveform_save(self, cache);
    } else if (self->func != NULL &&
               !g_error_matches(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED)) {
        self->func(error, self->data);
    }
    return NULL;
}

VeraWaveform *
vera_waveform_new(const char *path, double start_time, VeraWaveformFunc func, gpointer data)
{
    VeraWaveform *self = g_new0(VeraWaveform, 1);

    self->path = g_strdup(path);
    self->start_time = start_time;
    self->func = func;
    self->data = data;
    self->cancellable = g_cancellable_new();
    self->peaks = g_array_new(FALSE, FALSE, sizeof(VeraPeak));
    pthread_mutex_init(&self->lock, NULL);
    self->thread = g_thread_new("vera-waveform", vera_waveform_run, self);
    return self;
}

void
vera_waveform_free(VeraWaveform *self)
{
    g_cancellable_cancel(self->cancellable);
    g_thread_join(self->thread);
    g_object_unref(self->cancellable);
    g_array_unref(self->peaks);
    pthread_mutex_destroy(&self->lock);
    g_free(self->path);
    g_free(self);
}

double
vera_waveform_get_known(VeraWaveform *self)
{
    pthread_mutex_lock(&self->lock);
    double known = (double)self->peaks->len / VERA_WAVEFORM_RATE;
    pthread_mutex_unlock(&self->lock);
    return known;
}

gboolean
vera_waveform_is_complete(VeraWaveform *self)
{
    pthread_mutex_lock(&self->lock);
    gboolean is_complete = self->is_complete;
    pthread_mutex_unlock(&self->lock);
    return is_complete;
}

void
vera_waveform_get_peaks(VeraWaveform *self, double begin, double end, int n, VeraPeak *peaks)
{
    double step = (end - begin) / n;

    pthread_mutex_lock(&self->lock);
    double limit = self->peaks->len;
    for (int i = 0; i < n; i++) {
        double from = floor((begin + i * step) * VERA_WAVEFORM_RATE);
        double to = MAX(ceil((begin + (i + 1) * step) * VERA_WAVEFORM_RATE), from + 1);
        peaks[i] = (VeraPeak){0.0f, 0.0f};
        for (double j = MAX(from, 0); j < MIN(to, limit); j++) {
            const VeraPeak *peak = &g_array_index(self->peaks, VeraPeak, (guint)j);
            peaks[i].min = MIN(peaks[i].min, peak->min);
            peaks[i].max = MAX(peaks[i].max, peak->max);
        }
    }
    pthread_mutex_unlock(&self->lock);
}
