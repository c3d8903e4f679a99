#include "config.h"

#include <string.h>

#include "engine/media/vera-proxy-store.h"
#include "tests/ui/take-fixture.h"
#include "ui/vera-canvas-private.h"
#include "ui/vera-editor.h"
#include "ui/vera-settings.h"

/* Proxies as the window has them: in the editor, and on the canvas. Each wait is for a state. */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    GtkWidget *window;
    int n_messages;
    char *message;
    char *readout;
} Fixture;

static void
message_cb(VeraEditor *editor, const char *text, Fixture *f)
{
    f->n_messages++;
    g_free(f->message);
    f->message = g_strdup(text);
}

static void
readout_cb(VeraCanvas *canvas, const char *text, Fixture *f)
{
    g_free(f->readout);
    f->readout = g_strdup(text);
}

static void
spin(void)
{
    if (!g_main_context_iteration(NULL, FALSE))
        g_usleep(500);
}

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *path = fixture_get_path("long.mp4");

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=s=962x540:r=24:d=6 -c:v libx264 -preset veryfast -g 1000 -bf 2 "
                                  "-pix_fmt yuv420p long.mp4"));
    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    g_signal_connect(f->editor, "message", G_CALLBACK(message_cb), f);
    vera_editor_add_clip(f->editor, path);
    while (vera_editor_is_loading(f->editor))
        spin();
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    vera_settings_set_boolean(VERA_SETTING_HAS_PROXIES, FALSE);
    if (f->window != NULL)
        gtk_window_destroy(GTK_WINDOW(f->window));
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
    g_free(f->message);
    g_free(f->readout);
}

static void
make_proxies(Fixture *f)
{
    double progress = 0;

    vera_settings_set_boolean(VERA_SETTING_HAS_PROXIES, TRUE);
    while (vera_editor_get_proxies(f->editor, &progress) != VERA_EDITOR_PROXIES_IDLE || progress < 1)
        spin();
}

/* They are off until they are asked for, and off again at once. */
static void
test_setting(Fixture *f, gconstpointer data)
{
    double progress;

    g_assert_cmpint(vera_editor_get_proxies(f->editor, &progress), ==, VERA_EDITOR_PROXIES_IDLE);
    vera_settings_set_boolean(VERA_SETTING_HAS_PROXIES, TRUE);
    g_assert_cmpint(vera_editor_get_proxies(f->editor, &progress), ==, VERA_EDITOR_PROXIES_MAKING);
    vera_settings_set_boolean(VERA_SETTING_HAS_PROXIES, FALSE);
    g_assert_cmpint(vera_editor_get_proxies(f->editor, &progress), ==, VERA_EDITOR_PROXIES_IDLE);
    g_assert_cmpfloat(progress, ==, 0);
    g_assert_null(f->message);
}

/* One sentence, not one for each frame or clip, and the clip is shown all the same. */
static void
test_cannot_write(Fixture *f, gconstpointer data)
{
    g_autofree char *folder = vera_proxy_folder_dup_default(), *parent = g_path_get_dirname(folder);
    gboolean is_exact = FALSE;

    g_mkdir_with_parents(parent, 0700);
    g_assert_true(g_file_set_contents(folder, "a file where the folder should be", -1, NULL));
    vera_settings_set_boolean(VERA_SETTING_HAS_PROXIES, TRUE);
    while (f->message == NULL)
        spin();
    g_assert_nonnull(strstr(f->message, folder));
    vera_settings_set_int(VERA_SETTING_PROXY_LIMIT, 1024);
    vera_editor_set_frame(f->editor, 40);
    while (!is_exact) {
        g_autoptr(VeraFrame) plate = vera_editor_dup_plate(f->editor, &is_exact);
        g_assert_true(plate == NULL || !plate->is_proxy);
        spin();
    }
    g_assert_cmpint(f->n_messages, ==, 1);
    g_unlink(folder);
}

/* While dragging, the frame's own proxy comes first, then the frame: the bytes of a fresh decode. */
static void
test_drag(Fixture *f, gconstpointer data)
{
    static const gint64 targets[] = { 130, 20, 75, 110, 45 };
    g_autoptr(VeraClip) fresh = NULL;
    int n_proxies = 0;

    make_proxies(f);
    fresh = vera_clip_dup(vera_frame_cache_get_clip(vera_editor_get_cache(f->editor)), 1, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(targets); i++) {
        g_autoptr(VeraFrame) exact = NULL;
        g_autoptr(VeraFrame) expected = vera_clip_read_frame(fresh, targets[i], NULL, NULL);
        g_autofree char *hash = NULL, *wanted = vera_frame_hash(expected);
        gboolean is_exact = FALSE, was_proxy = FALSE;
        vera_editor_set_frame(f->editor, targets[i]);
        while (!is_exact) {
            g_clear_pointer(&exact, vera_frame_unref);
            exact = vera_editor_dup_plate(f->editor, &is_exact);
            was_proxy = was_proxy || (exact != NULL && exact->is_proxy && exact->index == targets[i] && !is_exact);
            spin();
        }
        g_assert_false(exact->is_proxy);
        hash = vera_frame_hash(exact);
        g_assert_cmpstr(hash, ==, wanted);
        n_proxies += was_proxy;
    }
    g_assert_cmpint(n_proxies, >=, 2);
}

/* A layer is made from the pixels of the plate: never from those of a proxy. */
static void
test_layers(Fixture *f, gconstpointer data)
{
    g_autofree char *dir = fixture_get_path("take");
    g_autoptr(VeraFrame) plate = NULL;
    VeraProjectState *state;
    VeraEdit *edit;
    gboolean is_exact = FALSE, has_layer = FALSE;

    fixture_write_take(dir, 3, 0.5f);
    vera_editor_add_edit(f->editor);
    state = vera_editor_begin_edit_change(f->editor, &edit);
    g_ptr_array_add(edit->takes, vera_project_take_new(dir, "Take 1"));
    edit->chosen_take = g_strdup(((VeraProjectTake *)g_ptr_array_index(edit->takes, 0))->id);
    vera_editor_commit(f->editor, state, "Add Take", NULL);
    while (!is_exact) {
        g_clear_pointer(&plate, vera_frame_unref);
        plate = vera_editor_dup_plate(f->editor, &is_exact);
        spin();
    }
    g_autoptr(VeraFrame) proxy = vera_frame_new(&plate->format, plate->width, plate->height, NULL);
    proxy->color = plate->color;
    proxy->is_proxy = TRUE;
    for (int i = 0; i < 300; i++) {
        g_autoptr(GArray) layers = vera_editor_dup_layers(f->editor, proxy);
        g_assert_null(g_array_index(layers, VeraEditorLayer, 0).frame);
        spin();
    }
    while (!has_layer) {
        g_autoptr(GArray) layers = vera_editor_dup_layers(f->editor, plate);
        has_layer = g_array_index(layers, VeraEditorLayer, 0).frame != NULL;
        spin();
    }
}

/* The canvas marks a proxy, for the eye and for assistive technology, and gives no values of it. */
static void
test_canvas(Fixture *f, gconstpointer data)
{
    static const gint64 targets[] = { 140, 30, 100, 60 };
    VeraCanvas *canvas = g_object_new(VERA_TYPE_CANVAS, NULL);
    const char *said = "A small proxy of the frame, until the frame itself is decoded";
    int n_marked = 0;

    f->window = gtk_window_new();
    gtk_window_set_default_size(GTK_WINDOW(f->window), 480, 270);
    gtk_window_set_child(GTK_WINDOW(f->window), GTK_WIDGET(canvas));
    vera_canvas_set_editor(canvas, f->editor);
    g_signal_connect(canvas, "readout", G_CALLBACK(readout_cb), f);
    gtk_window_present(GTK_WINDOW(f->window));
    make_proxies(f);
    while (canvas->plate_width == 0)
        spin();
    canvas->pointer_x = canvas->pointer_y = 100;
    for (gsize i = 0; i < G_N_ELEMENTS(targets); i++) {
        gboolean is_exact = FALSE;
        vera_editor_set_frame(f->editor, targets[i]);
        while (!is_exact || canvas->is_proxy) {
            g_autoptr(VeraFrame) plate = vera_editor_dup_plate(f->editor, &is_exact);
            if (canvas->is_proxy) {
                g_autofree char *got =
                    gtk_test_accessible_check_property(GTK_ACCESSIBLE(canvas), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, said);
                g_assert_null(got);
                vera_canvas_tell_readout(canvas);
                g_assert_nonnull(strstr(f->readout, ", "));
                g_assert_null(strchr(f->readout, '.'));
                n_marked++;
            }
            spin();
        }
        vera_canvas_tell_readout(canvas);
        g_assert_nonnull(strchr(f->readout, '.'));
    }
    g_assert_cmpint(n_marked, >, 0);
}

#define ADD(name, func) g_test_add("/ui/editor-proxies/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_autofree char *cache = fixture_get_path("cache");
    int status;

    g_setenv("XDG_CACHE_HOME", cache, TRUE);
    g_setenv("GTK_A11Y", "test", TRUE);
    gtk_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    ADD("cannot-write", test_cannot_write);
    ADD("setting", test_setting);
    ADD("drag", test_drag);
    ADD("layers", test_layers);
    ADD("canvas", test_canvas);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
