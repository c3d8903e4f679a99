#pragma once

#include <adwaita.h>

#include "engine/queue/vera-queue.h"

/* What windows need of a program: an application that is on no bus, and a queue in a folder of its own. */
typedef struct {
    GtkApplication *app;
    VeraQueue *queue;
} AppFixture;

static inline void
app_fixture_start(AppFixture *self, int *argc, char ***argv)
{
    g_autofree char *folder = g_dir_make_tmp("vera-queue-XXXXXX", NULL), *state = g_build_filename(folder, "queue", NULL);

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
