#pragma once

#include <stdio.h>

#include <adwaita.h>

#include "engine/queue/vera-queue.h"

/* What windows need of a program: an application that is on no bus, and a queue in a folder of its own. */
typedef struct {
    GtkApplication *app;
    VeraQueue *queue;
} AppFixture;

/* libadwaita 1.7 measures both sizes of a question's heading for the width of the smaller one, which GTK 4.18 warns of: nothing that a
 * program can help. Whatever else is warned of ends a test. */
static inline gboolean
app_fixture_is_of_heading(const char *message)
{
    gpointer label;

    return message != NULL && sscanf(message, "Trying to measure GtkLabel %p for width", &label) == 1 &&
           ADW_IS_MESSAGE_DIALOG(gtk_widget_get_root(label));
}

static inline GLogWriterOutput
app_fixture_log_cb(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE") && app_fixture_is_of_heading(fields[i].value))
            return G_LOG_WRITER_HANDLED;
    return g_log_writer_default(level, fields, n_fields, data);
}

static inline void
app_fixture_start(AppFixture *self, int *argc, char ***argv)
{
    g_autofree char *folder = g_dir_make_tmp("vera-queue-XXXXXX", NULL), *state = g_build_filename(folder, "queue", NULL);

    g_log_set_writer_func(app_fixture_log_cb, NULL, NULL);
    gtk_test_init(argc, argv, NULL);
    adw_init();
    self->app = gtk_application_new("io.github.vera_editor.Vera.Test", G_APPLICATION_NON_UNIQUE);
    g_application_register(G_APPLICATION(self->app), NULL, NULL);
    self->queue = vera_queue_new(state);
}

static inline void
app_fixture_end(AppFixture *self)
{
    vera_queue_shutdown(self->queue);
    g_object_unref(self->queue);
    g_object_unref(self->app);
}
