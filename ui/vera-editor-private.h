#pragma once

#include "ui/vera-editor.h"

G_BEGIN_DECLS

/* How much decoded source and how many finished layers a window keeps, until the preferences say otherwise. */
#define VERA_EDITOR_CACHE_BYTES ((gsize)768 << 20)
#define VERA_EDITOR_LAYER_BYTES ((gsize)512 << 20)

struct _VeraEditor {
    GObject parent_instance;

    /* Owned */
    VeraProject *project;
    VeraQueue *queue;
    VeraLayerLoader *layers;
    VeraFrameCache *cache;
    VeraFrame *shown; /* what was drawn last, for the time until the wanted frame is there */
    char *clip_id;
    char *clip_error;
    char *selected;
    char *default_model;
    GCancellable *opening;
    VeraLayerFrame *preview;
    char *preview_edit;
    gint64 preview_frame;

    gint64 frame;
    int direction;
    gboolean is_loading;
    gboolean is_looping;
    gint ready_pending; /* atomic: a notice from the cache is on its way to the main loop */
    /* Playback */
    double speed;
    gint64 play_from;
    gint64 play_start_us;
};

void vera_editor_show_clip(VeraEditor *self, const char *clip_id);
void vera_editor_close_clip(VeraEditor *self);
void vera_editor_request(VeraEditor *self);
void vera_editor_say(VeraEditor *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
void vera_editor_notify_ready(VeraEditor *self);
void vera_editor_watch_queue(VeraEditor *self);
void vera_editor_set_preview_frame(VeraEditor *self);

G_END_DECLS
