#pragma once

#include "tests/engine/media-fixture.h"
#include "tests/ui/app-fixture.h"
#include "ui/vera-window-private.h"

/* The real window of a program that is on no bus. Settings, data and state are those of a folder
 * that goes with the test. */

static AppFixture program;

typedef struct {
    VeraWindow *window; /* NULL once it was closed */
} Fixture;

static inline void
fixture_set_up(Fixture *f, gconstpointer data)
{
    f->window = vera_window_new(program.app, program.queue, "/model");
    g_object_add_weak_pointer(G_OBJECT(f->window), (gpointer *)&f->window);
    gtk_window_present(GTK_WINDOW(f->window));
}

static inline void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    if (f->window == NULL)
        return;
    g_object_remove_weak_pointer(G_OBJECT(f->window), (gpointer *)&f->window);
    gtk_window_destroy(GTK_WINDOW(f->window));
}

/** The topmost window of @type; waits until there is one. */
static inline GtkWidget *
fixture_wait_for_window(GType type)
{
    for (;;) {
        GListModel *windows = gtk_window_get_toplevels();
        for (guint i = 0; i < g_list_model_get_n_items(windows); i++) {
            g_autoptr(GtkWidget) window = g_list_model_get_item(windows, i);
            if (g_type_is_a(G_OBJECT_TYPE(window), type) && gtk_widget_get_mapped(window))
                return window;
        }
        g_main_context_iteration(NULL, TRUE);
    }
}

/** Answers the question that is asked, or is about to be. Returns: (transfer full): what it said */
static inline char *
fixture_answer(const char *response)
{
    AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG(fixture_wait_for_window(ADW_TYPE_MESSAGE_DIALOG));
    char *text = g_strdup(adw_message_dialog_get_body(dialog));

    adw_message_dialog_response(dialog, response);
    gtk_window_destroy(GTK_WINDOW(dialog));
    return text;
}

/** Lets everything happen that is due. */
static inline void
fixture_settle(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static inline VeraProject *
fixture_get_project(Fixture *f)
{
    return vera_editor_get_project(f->window->editor);
}

static inline void
fixture_add_marker(Fixture *f, const char *name)
{
    VeraProjectState *state = vera_editor_begin_change(f->window->editor);

    vera_project_state_add_marker(state, 1, NULL);
    vera_editor_commit(f->window->editor, state, name, NULL);
}

/** Makes a movie of 64 x 48 pixels in the test's folder, and shows it; @f (nullable): only makes
 * it. */
static inline void
fixture_open_movie(Fixture *f, const char *name, int n_frames)
{
    g_autofree char *command = g_strdup_printf(
        "ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=24 -frames:v %d -c:v ffv1 %s", n_frames,
        name);
    g_autofree char *path = fixture_get_path(name);

    g_assert_true(fixture_run(command));
    if (f != NULL)
        vera_editor_add_clip(f->window->editor, path);
    while (f != NULL && vera_editor_is_loading(f->window->editor))
        g_main_context_iteration(NULL, TRUE);
}
