#pragma once

#include <pthread.h>

#include "engine/media/vera-frame-cache.h"
#include "engine/media/vera-frame-prefetch.h"
#include "engine/media/vera-frame-sketches.h"

G_BEGIN_DECLS

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraFrameCache {
    GObject parent_instance;

    /* Owned, never changed while threads run */
    VeraClip *clip;
    gsize frame_bytes;
    VeraFrameSketches *sketches;
    GThread *exact_thread;
    GThread *rough_thread;

    /* Owned, under call_lock, which is never taken while lock is held */
    pthread_mutex_t call_lock;
    VeraFrameCacheReadyFunc ready;
    gpointer ready_data;

    /* Owned, under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GThread *sketch_thread;
    VeraFrameStore store;
    GHashTable *failed;
    GCancellable *exact_cancellable;
    GCancellable *rough_cancellable;
    VeraFrameFetch fetch;
    gint64 passed;
    gint64 bridged;
    gint64 rough_key;
    VeraProxyStore *proxies;
    gint64 proxy_tried; /* since the playhead moved */
    gint64 sketch_tried;
    int speed;
    gboolean is_jump;
    guint n_requests;
    guint fetch_request;
    gboolean is_asked;
    gboolean is_reading;
    gboolean is_sated;
    gboolean is_closed;
};

/** vera_frame_cache_report: tells the owner that @frame arrived, or why it cannot. Not under lock.
 */
void vera_frame_cache_report(VeraFrameCache *self, gint64 frame, const GError *error);

/** vera_frame_cache_lets_rough_first: Returns: whether the exact frame is still far when something
 * like it, which is not there yet, can be shown; under lock */
gboolean vera_frame_cache_lets_rough_first(VeraFrameCache *self, const VeraFrameFetch *fetch);

/** vera_frame_cache_run_rough: the second thread, which shows proxies, sketches and key frames. It
 * says nothing of failures: the exact frame fails in the other thread, and says it there. */
gpointer vera_frame_cache_run_rough(gpointer data);

G_END_DECLS
