#include "config.h"

#include "engine/media/vera-audio.h"

#include <math.h>
#include <pthread.h>

#include "engine/media/vera-waveform.h"
#include "tests/engine/media-fixture.h"

#define RATE 48000
#define SECONDS 6

/* A tone that rises, so that every place sounds different. */
#define CHIRP \
    "-f lavfi -i 'aevalsrc=0.5*sin(2*PI*(200+150*t)*t)|0.25*cos(2*PI*(300+90*t)*t):s=48000:d=6'"

typedef struct {
    const char *name;
    const char *make;
    const char *file;
    double tolerance;
    int max_shift; /* the container rounds times to so many samples */
} Case;

static const Case cases[] = {
    {"pcm-float", CHIRP " -c:a pcm_f32le f.wav", "f.wav", 0.0, 0},
    {"pcm-16", CHIRP " -c:a pcm_s16le s.mov", "s.mov", 0.0, 0},
    {"flac", CHIRP " -c:a flac f.mkv", "f.mkv", 0.0, 0},
    {"aac", CHIRP " -c:a aac -b:a 256k a.m4a", "a.m4a", 1e-4, 0},
    {"aac-ts", CHIRP " -c:a aac -b:a 256k a.ts", "a.ts", 1e-4, 0},
    {"mp3", CHIRP " -c:a libmp3lame -b:a 256k m.mp3", "m.mp3", 1e-4, 0},
    {"opus", CHIRP " -c:a libopus -b:a 256k o.webm", "o.webm", 2e-3, 48},
};

static VeraAudio *
open_audio(const char *name, double start_time, int rate, int n_channels)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_get_path(name);
    VeraAudio *audio = vera_audio_open(path, start_time, rate, n_channels, &error);
    g_assert_no_error(error);
    return audio;
}

static float *
read_range(VeraAudio *audio, gint64 first, gsize n)
{
    g_autoptr(GError) error = NULL;
    float *samples = g_new(float, n *(gsize)vera_audio_get_n_channels(audio));
    g_assert_true(vera_audio_read(audio, first, n, samples, NULL, &error));
    g_assert_no_error(error);
    return samples;
}

static gboolean
make(const char *arguments)
{
    g_autofree char *command = g_strconcat("ffmpeg -y ", arguments, NULL);
    if (!fixture_has_ffmpeg())
        return FALSE;
    if (fixture_run(command))
        return TRUE;
    g_test_skip("this ffmpeg lacks the encoder");
    return FALSE;
}

/** The largest difference between @part and the samples from @first on in @all. */
static double
compare_range(const float *part, gint64 first, gsize n, const float *all)
{
    double error = 0;
    for (gsize i = 0; i < 2 * n; i++) {
        gint64 at = 2 * first + (gint64)i;
        if (at < 2 * SECONDS * RATE)
            error = MAX(error, fabs((double)part[i] - (at < 0 ? 0.0 : all[at])));
    }
    return error;
}

/** Any range, in any order, sounds as it does when the file is read through. */
static void
test_ranges(gconstpointer data)
{
    const Case *self = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    const gsize total = SECONDS * RATE;

    if (!make(self->make))
        return;
    g_autoptr(VeraAudio) audio = open_audio(self->file, 0, RATE, 2);
    g_autofree float *all = g_new(float, total * 2);
    for (gsize at = 0; at < total; at += 1000) {
        g_autofree float *part = read_range(audio, (gint64)at, 1000);
        memcpy(all + 2 * at, part, 2000 * sizeof(float));
    }
    double power = 0;
    for (gsize i = 0; i < 2 * total; i++)
        power += all[i] * all[i];
    g_assert_cmpfloat(power / (double)(2 * total), >, 0.04);
    for (int i = 0; i < 60; i++) {
        gint64 first = g_rand_int_range(random, -3000, (gint32)total);
        gsize n = (gsize)g_rand_int_range(random, 1, 6000);
        g_autofree float *part = read_range(audio, first, n);
        double error = 2.0;
        for (int shift = -self->max_shift; shift <= self->max_shift; shift++)
            error = MIN(error, compare_range(part, first + shift, n, all));
        g_assert_cmpfloat(error, <=, self->tolerance);
    }
}

/** What is decoded is what was put in, at its own time. */
static void
test_place(void)
{
    if (!make(CHIRP " -c:a pcm_f32le place.wav"))
        return;
    for (int shift = 0; shift < 2; shift++) {
        g_autoptr(VeraAudio) audio = open_audio("place.wav", shift * 1.5, RATE, 2);
        g_autofree float *samples = read_range(audio, 12345, 500);
        for (int i = 0; i < 500; i++) {
            double t = (double)(12345 + i) / RATE + shift * 1.5;
            g_assert_cmpfloat(fabs(samples[2 * i] - 0.5 * sin(2 * G_PI * (200 + 150 * t) * t)), <,
                              1e-5);
        }
    }
}

/** Another rate and another number of channels: the same tone at the same time. */
static void
test_conversion(void)
{
    if (!make("-f lavfi -i sine=f=440:r=44100:d=3:b=0 -c:a pcm_f32le sine.wav"))
        return;
    g_autoptr(VeraAudio) mono = open_audio("sine.wav", 0, 44100, 1);
    g_autoptr(VeraAudio) stereo = open_audio("sine.wav", 0, RATE, 2);
    g_autofree float *a = read_range(mono, 44100, 4410);
    g_autofree float *b = read_range(stereo, RATE, 4800);
    for (int i = 0; i < 4800; i += 160) {
        /* 160 samples at 48000 are 147 at 44100. */
        float expected = a[i / 160 * 147];
        g_assert_cmpfloat(fabsf(b[2 * i] - b[2 * i + 1]), <, 1e-6f);
        g_assert_cmpfloat(fabsf(b[2 * i] - expected), <, 0.01f);
    }
}

static void
test_refusals(void)
{
    static const char *const names[3] = {"absent.wav", "text.wav", "silent.mp4"};
    static const char *const parts[3] = {"missing", "damaged", "has none"};

    if (!make("-f lavfi -i testsrc2=s=64x48:d=1 -pix_fmt yuv420p silent.mp4") ||
        !fixture_run("echo not sound > text.wav"))
        return;
    for (int i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = fixture_get_path(names[i]);
        g_assert_null(vera_audio_open(path, 0, RATE, 2, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
        g_assert_nonnull(strstr(error->message, parts[i]));
        g_assert_nonnull(strstr(error->message, names[i]));
    }
}

static void
test_end_and_cancel(void)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    float samples[200];

    if (!make(CHIRP " -c:a pcm_f32le end.wav"))
        return;
    g_autoptr(VeraAudio) audio = open_audio("end.wav", 0, RATE, 2);
    g_assert_true(vera_audio_read(audio, 100, 100, samples, NULL, NULL));
    g_assert_false(vera_audio_is_over(audio));
    g_assert_true(vera_audio_read(audio, SECONDS * RATE - 50, 100, samples, NULL, NULL));
    g_assert_true(vera_audio_is_over(audio));
    g_assert_cmpfloat(fabsf(samples[49 * 2]), >, 0.0f);
    for (int i = 100; i < 200; i++)
        g_assert_cmpfloat(samples[i], ==, 0.0f);
    g_cancellable_cancel(cancellable);
    g_assert_false(vera_audio_read(audio, 5 * RATE / 2, 100, samples, cancellable, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED);
}

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n_reports;
    char *message;
} Watch;

static void
waveform_cb(const GError *error, gpointer data)
{
    Watch *self = data;
    pthread_mutex_lock(&self->lock);
    self->n_reports++;
    if (error != NULL)
        self->message = g_strdup(error->message);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static int
wait_complete(Watch *self, VeraWaveform *waveform)
{
    pthread_mutex_lock(&self->lock);
    while (self->message == NULL && !vera_waveform_is_complete(waveform))
        pthread_cond_wait(&self->changed, &self->lock);
    int n = self->n_reports;
    pthread_mutex_unlock(&self->lock);
    return n;
}

static void
check_steps(VeraWaveform *waveform)
{
    VeraPeak peaks[8];
    vera_waveform_get_peaks(waveform, -1, 7, 8, peaks);
    static const float expected[8] = {0, 0.25f, 0.25f, 0.25f, 0.75f, 0.75f, 0.75f, 0};
    for (int i = 0; i < 8; i++) {
        g_assert_cmpfloat(fabsf(peaks[i].max - expected[i]), <, 0.001f);
        g_assert_cmpfloat(fabsf(peaks[i].min + expected[i]), <, 0.001f);
    }
    vera_waveform_get_peaks(waveform, 3.49, 3.51, 2, peaks);
    g_assert_cmpfloat(fabsf(peaks[0].max - 0.25f), <, 0.001f);
    g_assert_cmpfloat(fabsf(peaks[1].max - 0.75f), <, 0.001f);
}

/** Peaks are right, come from the cache the second time, and a damaged cache is not believed. */
static void
test_waveform(void)
{
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "vera", "waveforms", NULL);
    g_autofree char *path = fixture_get_path("steps.wav");

    if (!fixture_has_ffmpeg())
        return;
    g_assert_true(fixture_run(
        "ffmpeg -y -f lavfi -i 'aevalsrc=(0.25+0.5*gte(t\\,3.5))*sin(2*PI*1000*t):s=48000:d=6' "
        "-c:a pcm_f32le steps.wav"));
    for (int round = 0; round < 3; round++) {
        Watch watch = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};
        VeraWaveform *waveform = vera_waveform_new(path, 0, waveform_cb, &watch);
        int n = wait_complete(&watch, waveform);
        g_assert_null(watch.message);
        /* Six seconds are three blocks, and one that finds the end. From the cache all comes at
         * once. */
        g_assert_cmpint(n, ==, round == 1 ? 1 : 4);
        g_assert_cmpfloat(vera_waveform_get_known(waveform), >=, 6.0);
        check_steps(waveform);
        vera_waveform_free(waveform);
        g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
        const char *name = g_dir_read_name(dir);
        g_assert_nonnull(name);
        g_assert_null(g_dir_read_name(dir));
        if (round == 1) {
            g_autofree char *cache = g_build_filename(folder, name, NULL);
            g_autofree char *data = NULL;
            gsize size;
            g_assert_true(g_file_get_contents(cache, &data, &size, NULL));
            data[size / 2] ^= 1;
            g_assert_true(g_file_set_contents(cache, data, (gssize)size, NULL));
        }
    }
}

static void
test_waveform_without_sound(void)
{
    Watch watch = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};
    g_autofree char *path = fixture_get_path("absent.wav");
    VeraWaveform *waveform = vera_waveform_new(path, 0, waveform_cb, &watch);

    wait_complete(&watch, waveform);
    g_assert_nonnull(strstr(watch.message, "absent.wav"));
    vera_waveform_free(waveform);
    g_free(watch.message);
}

int
main(int argc, char **argv)
{
    g_autofree char *cache = fixture_get_path("cache");
    g_setenv("XDG_CACHE_HOME", cache, TRUE);
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strconcat("/audio/ranges/", cases[i].name, NULL);
        g_test_add_data_func(name, &cases[i], test_ranges);
    }
    g_test_add_func("/audio/place", test_place);
    g_test_add_func("/audio/conversion", test_conversion);
    g_test_add_func("/audio/refusals", test_refusals);
    g_test_add_func("/audio/end-and-cancel", test_end_and_cancel);
    g_test_add_func("/audio/waveform/cache", test_waveform);
    g_test_add_func("/audio/waveform/no-sound", test_waveform_without_sound);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
