#include "config.h"

#include "tests/ui/window-fixture.h"
#include "ui/vera-settings.h"

/* The bars above the picture: what became of the clip's file, what is to be known about it, and
 * what a first look is told. */

static const char *
get_text(Fixture *f)
{
    return gtk_label_get_text(f->window->media_label);
}

static gboolean
is_told(Fixture *f)
{
    return gtk_revealer_get_reveal_child(f->window->media_bar);
}

/* A clip that is gone is told in a bar; another one in its place is used at once where it fits,
 * else after a question. */
static void
test_lost_clip(Fixture *f, gconstpointer data)
{
    VeraEditor *editor = f->window->editor;
    g_autofree char *clip = NULL, *brief = fixture_get_path("short.mkv"),
                    *same = fixture_get_path("same.mkv"), *question = NULL, *again = NULL;

    if (!fixture_has_ffmpeg())
        return;
    fixture_open_movie(f, "long.mkv", 12);
    fixture_open_movie(NULL, "short.mkv", 6);
    clip = g_strdup(vera_editor_get_clip_path(editor));
    vera_editor_add_edit(editor);
    g_assert_false(is_told(f));
    g_assert_true(fixture_run("mv long.mkv same.mkv"));
    while (!is_told(f))
        g_main_context_iteration(NULL, TRUE);
    g_assert_nonnull(strstr(get_text(f), "long.mkv"));
    g_assert_false(gtk_widget_get_visible(f->window->reload_button));
    vera_window_relink_to(f->window, brief);
    question = fixture_answer("cancel");
    g_assert_nonnull(strstr(question, "has 6 frames, and the edits reach to frame 12"));
    fixture_settle();
    g_assert_cmpstr(vera_editor_get_clip_path(editor), ==, clip);
    vera_window_relink_to(f->window, same);
    while (g_strcmp0(vera_editor_get_clip_path(editor), same) != 0 ||
           vera_editor_is_loading(editor))
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(is_told(f));
    vera_window_relink_to(f->window, brief);
    again = fixture_answer("use");
    while (g_strcmp0(vera_editor_get_clip_path(editor), brief) != 0 ||
           vera_editor_is_loading(editor))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(vera_editor_get_n_frames(editor), ==, 6);
    g_assert_cmpuint(vera_editor_get_state(editor)->edits->len, ==, 1);
}

/* Two thirds of a movie whose header lists all of it. */
static void
make_cut(const char *name, int n_frames)
{
    g_autofree char *command =
        g_strdup_printf("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24 -frames:v %d -c:v mjpeg "
                        "-movflags +faststart whole.mov && "
                        "head -c $(($(stat -c %%s whole.mov) * 2 / 3)) whole.mov > %s",
                        n_frames, name);

    g_assert_true(fixture_run(command));
}

/* Returns: how many frames the editor has */
static int
show(Fixture *f, const char *name)
{
    g_autofree char *path = fixture_get_path(name);

    vera_editor_add_clip(f->window->editor, path);
    while (vera_editor_is_loading(f->window->editor))
        g_main_context_iteration(NULL, TRUE);
    return (int)vera_editor_get_n_frames(f->window->editor);
}

/* A clip that ends early is told of once: not again after it was sent away or left, but a second
 * such file is. */
static void
test_truncated_clip(Fixture *f, gconstpointer data)
{
    g_autofree char *part = NULL;
    int n;

    if (!fixture_has_ffmpeg())
        return;
    make_cut("cut.mov", 48);
    make_cut("other.mov", 24);
    n = show(f, "cut.mov");
    part = g_strdup_printf("“cut.mov” ends early: %d frames can be read", n);
    g_assert_cmpint(n, <, 48);
    g_assert_true(is_told(f));
    g_assert_nonnull(strstr(get_text(f), part));
    g_assert_false(gtk_widget_get_visible(f->window->reload_button));
    g_assert_true(gtk_widget_get_visible(f->window->dismiss_button));
    vera_editor_add_edit(f->window->editor);
    g_assert_nonnull(vera_editor_get_selected(f->window->editor));
    g_signal_emit_by_name(f->window->dismiss_button, "clicked");
    g_assert_false(is_told(f));
    show(f, "other.mov");
    g_assert_true(is_told(f));
    g_assert_nonnull(strstr(get_text(f), "“other.mov” ends early"));
    show(f, "cut.mov");
    g_assert_false(is_told(f));
    show(f, "other.mov");
    g_assert_false(is_told(f));
    fixture_open_movie(f, "long.mkv", 12);
    g_assert_false(is_told(f));
}

/* What is wrong goes before what is to be known, and cannot be sent away; once it is over, the rest
 * is told. */
static void
test_trouble_first(Fixture *f, gconstpointer data)
{
    if (!fixture_has_ffmpeg())
        return;
    make_cut("cut.mov", 48);
    show(f, "cut.mov");
    g_assert_true(fixture_run("mv cut.mov away.mov"));
    while (strstr(get_text(f), "no longer there") == NULL)
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(gtk_widget_get_visible(f->window->dismiss_button));
    g_assert_true(fixture_run("mv away.mov cut.mov"));
    while (strstr(get_text(f), "ends early") == NULL)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(is_told(f));
    g_assert_true(gtk_widget_get_visible(f->window->dismiss_button));
}

static GtkWidget *
find_action_button(GtkWidget *widget, const char *action)
{
    if (GTK_IS_BUTTON(widget) &&
        g_strcmp0(gtk_actionable_get_action_name(GTK_ACTIONABLE(widget)), action) == 0)
        return widget;
    for (GtkWidget *child = gtk_widget_get_first_child(widget); child != NULL;
         child = gtk_widget_get_next_sibling(child)) {
        GtkWidget *found = find_action_button(child, action);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* The first picture comes with a word about the model, above all that is worked with; read or sent
 * away, it does not come back. */
static void
test_introduction(Fixture *f, gconstpointer data)
{
    GtkWidget *bar = GTK_WIDGET(f->window->introduction_bar),
              *close = find_action_button(bar, "win.end-introduction");
    graphene_rect_t told, stack;

    if (!fixture_has_ffmpeg())
        return;
    vera_settings_set_boolean(VERA_SETTING_IS_INTRODUCED, FALSE);
    g_assert_false(gtk_revealer_get_reveal_child(f->window->introduction_bar));
    fixture_open_movie(f, "long.mkv", 12);
    g_assert_true(gtk_revealer_get_reveal_child(f->window->introduction_bar));
    while (!gtk_revealer_get_child_revealed(f->window->introduction_bar) ||
           gtk_widget_get_height(bar) == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(gtk_widget_compute_bounds(bar, GTK_WIDGET(f->window), &told));
    g_assert_true(
        gtk_widget_compute_bounds(GTK_WIDGET(f->window->stack), GTK_WIDGET(f->window), &stack));
    g_assert_cmpfloat(told.origin.y + told.size.height, <=, stack.origin.y);
    g_assert_nonnull(find_action_button(bar, "win.model-guide"));
    g_signal_emit_by_name(close, "clicked");
    g_assert_false(gtk_revealer_get_reveal_child(f->window->introduction_bar));
    fixture_open_movie(f, "short.mkv", 6);
    g_assert_false(gtk_revealer_get_reveal_child(f->window->introduction_bar));
}

/* In a small window one bar is all that there is room for: what is to be known about the clip goes
 * first, and what a first look is told comes after it. */
static void
test_one_bar(Fixture *f, gconstpointer data)
{
    if (!fixture_has_ffmpeg())
        return;
    vera_settings_set_boolean(VERA_SETTING_IS_INTRODUCED, FALSE);
    make_cut("first.mov", 48);
    show(f, "first.mov");
    g_assert_true(is_told(f));
    g_assert_false(gtk_revealer_get_reveal_child(f->window->introduction_bar));
    g_signal_emit_by_name(f->window->dismiss_button, "clicked");
    g_assert_false(is_told(f));
    g_assert_true(gtk_revealer_get_reveal_child(f->window->introduction_bar));
    vera_window_end_introduction(f->window);
    g_assert_false(gtk_revealer_get_reveal_child(f->window->introduction_bar));
}

#define ADD(name, func) \
    g_test_add("/ui/window-bars/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    app_fixture_start(&program, &argc, &argv);
    ADD("introduction", test_introduction);
    ADD("lost-clip", test_lost_clip);
    ADD("one-bar", test_one_bar);
    ADD("truncated-clip", test_truncated_clip);
    ADD("trouble-first", test_trouble_first);
    status = g_test_run();
    app_fixture_end(&program);
    fixture_remove_folder();
    return status;
}
