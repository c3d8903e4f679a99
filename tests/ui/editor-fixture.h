#pragma once

#include "ui/vera-editor.h"

#include <stdio.h>
#include <string.h>

#include "tests/ui/take-fixture.h"

/* The editor without a window. Times are made up, and each wait is for a state. */

#define N_FRAMES 24
#define RATE 24

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    char *message;
    gint64 now_us;
} Fixture;

static void
message_cb(VeraEditor *editor, const char *text, Fixture *f)
{
    g_free(f->message);
    f->message = g_strdup(text);
}

static inline char *
make_clip(const char *name)
{
    g_autofree char *command = g_strdup_printf("ffmpeg -y -f lavfi -i testsrc2=size=64x48:rate=%d:duration=1 -c:v ffv1 %s", RATE, name);
    char *path = fixture_get_path(name);

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_true(fixture_run(command));
    return path;
}

static inline void
settle(Fixture *f)
{
    while (vera_editor_is_loading(f->editor))
        g_main_context_iteration(NULL, TRUE);
}

static inline void
add_clip(Fixture *f, const char *name)
{
    g_autofree char *path = make_clip(name);

    vera_editor_add_clip(f->editor, path);
    settle(f);
}

static inline void
fixture_set_up(Fixture *f, gconstpointer data)
{
    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    f->now_us = 1000000;
    g_signal_connect(f->editor, "message", G_CALLBACK(message_cb), f);
    if (data != NULL)
        add_clip(f, data);
}

static inline void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
    g_free(f->message);
}

/* Adds test @func over clip @clip, or none if %NULL. */
#define ADD_EDITOR_TEST(name, clip, func) g_test_add("/ui/" name, Fixture, clip, fixture_set_up, func, fixture_tear_down)
