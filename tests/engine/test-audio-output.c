#include "config.h"

#include "engine/media/vera-audio-output.h"

#include <math.h>
#include <pulse/simple.h>

#include "tests/engine/media-fixture.h"

/** A sound server without loudspeakers, for this program alone. */
static GSubprocess *
start_server(void)
{
    g_autofree char *program = g_find_program_in_path("pulseaudio");
    g_autofree char *socket = fixture_get_path("native");
    g_autofree char *protocol =
        g_strdup_printf("module-native-protocol-unix socket=%s auth-anonymous=1", socket);
    g_autofree char *address = g_strconcat("unix:", socket, NULL);

    if (program == NULL) {
        g_test_skip("pulseaudio is not installed");
        return NULL;
    }
    g_setenv("PULSE_SERVER", address, TRUE);
    g_unlink(socket);
    return g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_SILENCE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE,
                            NULL, program, "-n", "--daemonize=no", "--use-pid-file=no",
                            "--exit-idle-time=-1", "--disable-shm", "--realtime=no",
                            "--high-priority=no", "-L", "module-null-sink", "-L", protocol, NULL);
}

static void
stop_server(GSubprocess *server)
{
    g_subprocess_force_exit(server);
    g_subprocess_wait(server, NULL, NULL);
}

static VeraAudioOutput *
open_output(void)
{
    g_autofree char *path = fixture_get_path("tone.wav");
    VeraAudioOutput *output = NULL;

    /* The server needs a moment to listen. */
    while (output == NULL) {
        g_autoptr(GError) error = NULL;
        output = vera_audio_output_new(path, 0, &error);
        if (output == NULL)
            g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE);
        if (output == NULL)
            g_usleep(20000);
    }
    return output;
}

static gboolean
make_tone(void)
{
    return fixture_has_ffmpeg() &&
           fixture_run("ffmpeg -y -f lavfi -i sine=f=440:r=48000:d=20 -c:a pcm_s16le tone.wav");
}

static void
wait_until(VeraAudioOutput *output, double wanted)
{
    double last = -1, now = -1;
    while (now < wanted) {
        if (vera_audio_output_get_time(output, &now)) {
            g_assert_cmpfloat(now, >=, last);
            last = now;
        }
        g_usleep(1000);
    }
}

/** The clock starts where playing starts, goes on, and stands when it is stopped. */
static void
test_clock(void)
{
    double now = -1;

    if (!make_tone())
        return;
    g_autoptr(GSubprocess) server = start_server();
    if (server == NULL)
        return;
    VeraAudioOutput *output = open_output();
    g_assert_false(vera_audio_output_get_time(output, &now));
    vera_audio_output_play(output, 15.0);
    wait_until(output, 15.3);
    vera_audio_output_play(output, 1.0);
    do {
        g_usleep(1000);
    } while (!vera_audio_output_get_time(output, &now));
    g_assert_cmpfloat(now, >=, 1.0);
    g_assert_cmpfloat(now, <, 15.0);
    wait_until(output, 1.2);
    vera_audio_output_set_volume(output, 0.5);
    vera_audio_output_stop(output);
    g_assert_false(vera_audio_output_get_time(output, &now));
    vera_audio_output_play(output, 19.9);
    wait_until(output, 20.5);
    g_assert_null(vera_audio_output_dup_failure(output));
    vera_audio_output_free(output);
    stop_server(server);
}

/** The highest sample of the next tenth of a second that the server plays. */
static float
listen(pa_simple *monitor)
{
    float samples[4800], peak = 0;

    g_assert_cmpint(pa_simple_read(monitor, samples, sizeof samples, NULL), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++)
        peak = MAX(peak, samples[i]);
    return peak;
}

/** What is heard follows the volume while it plays, down to silence, and back. */
static void
test_volume(void)
{
    static const double volumes[] = {1.0, 0.25, 0.0, 0.5};
    const pa_sample_spec spec = {PA_SAMPLE_FLOAT32NE, 48000, 1};

    if (!make_tone())
        return;
    g_autoptr(GSubprocess) server = start_server();
    if (server == NULL)
        return;
    VeraAudioOutput *output = open_output();
    pa_simple *monitor =
        pa_simple_new(NULL, "test", PA_STREAM_RECORD, NULL, "test", &spec, NULL, NULL, NULL);
    g_assert_nonnull(monitor);
    vera_audio_output_play(output, 0);
    float full = 0;
    while (full < 0.1f)
        full = MAX(listen(monitor), listen(monitor));
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        float wanted = full * (float)volumes[i], heard;
        vera_audio_output_set_volume(output, volumes[i]);
        do {
            heard = listen(monitor);
        } while (fabsf(heard - wanted) > 0.02f * full);
    }
    pa_simple_free(monitor);
    vera_audio_output_free(output);
    stop_server(server);
}

/** A server that goes away while playing ends the sound and says so. */
static void
test_server_goes_away(void)
{
    double now;
    char *failure = NULL;

    if (!make_tone())
        return;
    g_autoptr(GSubprocess) server = start_server();
    if (server == NULL)
        return;
    VeraAudioOutput *output = open_output();
    vera_audio_output_play(output, 0.0);
    wait_until(output, 0.1);
    stop_server(server);
    while ((failure = vera_audio_output_dup_failure(output)) == NULL)
        g_usleep(1000);
    g_assert_nonnull(strstr(failure, "sound server"));
    g_assert_false(vera_audio_output_get_time(output, &now));
    vera_audio_output_play(output, 3.0);
    g_assert_false(vera_audio_output_get_time(output, &now));
    g_free(failure);
    vera_audio_output_free(output);
}

static void
test_no_server(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_get_path("tone.wav");
    g_autofree char *address = g_strdup_printf("unix:%s/nobody", fixture_get_folder());

    if (!make_tone())
        return;
    g_setenv("PULSE_SERVER", address, TRUE);
    g_assert_null(vera_audio_output_new(path, 0, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_NO_DEVICE);
}

static void
test_no_sound(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_get_path("absent.wav");
    g_assert_null(vera_audio_output_new(path, 0, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
}

int
main(int argc, char **argv)
{
    g_setenv("XDG_RUNTIME_DIR", fixture_get_folder(), TRUE);
    g_setenv("HOME", fixture_get_folder(), TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audio-output/clock", test_clock);
    g_test_add_func("/audio-output/volume", test_volume);
    g_test_add_func("/audio-output/server-goes-away", test_server_goes_away);
    g_test_add_func("/audio-output/no-server", test_no_server);
    g_test_add_func("/audio-output/no-sound", test_no_sound);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
