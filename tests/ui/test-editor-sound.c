#include "config.h"

#include "ui/vera-editor-private.h"
#include "ui/vera-settings.h"

#include <stdio.h>

#include "tests/ui/take-fixture.h"

#define RATE 24

/* A sound server without loudspeakers, for this program alone. */
static GSubprocess *
start_server(void)
{
    g_autofree char *program = g_find_program_in_path("pulseaudio"), *socket = fixture_get_path("native");
    g_autofree char *protocol = g_strdup_printf("module-native-protocol-unix socket=%s auth-anonymous=1", socket);
    GSubprocess *server;

    if (program == NULL)
        return NULL;
    server = g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_SILENCE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE, NULL, program, "-n",
                              "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm", "--realtime=no",
                              "--high-priority=no", "-L", "module-null-sink", "-L", protocol, NULL);
    while (!g_file_test(socket, G_FILE_TEST_EXISTS))
        g_usleep(10000);
    return server;
}

static void
message_cb(VeraEditor *editor, const char *text, char **message)
{
    g_free(*message);
    *message = g_strdup(text);
}

static void
run_until(gboolean (*is_done)(VeraEditor *), VeraEditor *editor)
{
    while (!is_done(editor)) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
}

static gboolean
is_settled(VeraEditor *editor)
{
    return !vera_editor_is_loading(editor) && editor->sound_opening == NULL;
}

static gboolean
is_heard(VeraEditor *editor)
{
    double frame;

    return vera_editor_get_heard_frame(editor, &frame);
}

static void
check_no_device(VeraEditor *editor, const char *path)
{
    g_autofree char *message = NULL;

    g_signal_connect(editor, "message", G_CALLBACK(message_cb), &message);
    vera_editor_add_clip(editor, path);
    run_until(is_settled, editor);
    g_assert_null(message);
    vera_editor_play(editor, 1);
    g_assert_cmpstr(message, ==, "No sound device: playing without sound");
    vera_editor_tick(editor, 1000000);
    vera_editor_tick(editor, 1500000);
    g_assert_cmpint(vera_editor_get_frame(editor), ==, RATE / 2);
    /* Once is enough. */
    g_clear_pointer(&message, g_free);
    vera_editor_play(editor, 0);
    vera_editor_play(editor, 1);
    g_assert_null(message);
    g_signal_handlers_disconnect_by_data(editor, &message);
}

/* The screen's clock stands: what moves the picture is the sound. */
static void
check_follows(VeraEditor *editor, const char *path)
{
    vera_editor_add_clip(editor, path);
    run_until(is_settled, editor);
    g_assert_nonnull(editor->sound);
    vera_editor_play(editor, 1);
    run_until(is_heard, editor);
    while (vera_editor_get_frame(editor) < 10) {
        gint64 before = vera_editor_get_frame(editor);
        vera_editor_tick(editor, 1000000);
        g_assert_cmpint(vera_editor_get_frame(editor), >=, before);
        g_usleep(1000);
    }
    vera_editor_play(editor, 2);
    g_assert_false(is_heard(editor));
    vera_editor_play(editor, -1);
    g_assert_false(is_heard(editor));
    vera_editor_play(editor, 1);
    run_until(is_heard, editor);
    vera_editor_play(editor, 0);
    g_assert_false(is_heard(editor));
}

static void
test_sound(gconstpointer is_with_server)
{
    g_autofree char *folder = fixture_get_path("state"), *path = fixture_get_path("tone.mkv"), *socket = fixture_get_path("native");
    g_autofree char *address = g_strconcat("unix:", socket, NULL);
    g_autoptr(GSubprocess) server = NULL;
    VeraQueue *queue = vera_queue_new(folder);
    VeraEditor *editor = vera_editor_new(queue, "/model");

    g_setenv("PULSE_SERVER", address, TRUE);
    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24:d=20 -f lavfi -i sine=f=440:r=48000:d=20 "
                              "-c:v ffv1 -c:a pcm_s16le tone.mkv"));
    if (is_with_server != NULL && (server = start_server()) == NULL)
        g_test_skip("pulseaudio is not installed");
    else if (is_with_server != NULL)
        check_follows(editor, path);
    else
        check_no_device(editor, path);
    g_object_run_dispose(G_OBJECT(editor));
    g_object_unref(editor);
    vera_queue_shutdown(queue);
    g_object_unref(queue);
    if (server != NULL) {
        g_subprocess_force_exit(server);
        g_subprocess_wait(server, NULL, NULL);
    }
}

int
main(int argc, char **argv)
{
    g_autofree char *state_home = fixture_get_path("state");
    int status;

    g_setenv("XDG_STATE_HOME", state_home, TRUE);
    g_setenv("XDG_DATA_HOME", state_home, TRUE);
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    g_test_add_data_func("/ui/editor-sound/no-device", NULL, test_sound);
    g_test_add_data_func("/ui/editor-sound/follows", "with", test_sound);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
