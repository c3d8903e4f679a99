#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraQueueStore: writes a small file atomically, in a thread of its own; when texts come faster
 * than the disk takes them, only the newest is written. Thread-safety: calls come from the main
 * thread.
 */
typedef struct _VeraQueueStore VeraQueueStore;

/** VeraQueueStoreFailedFunc: on the main context, once until writing works again; @message is a
 * sentence. */
typedef void (*VeraQueueStoreFailedFunc)(const char *message, gpointer user_data);

VeraQueueStore *
vera_queue_store_new(const char *path, VeraQueueStoreFailedFunc failed, gpointer user_data);

/** vera_queue_store_write: @text (transfer full) is to be the file. Returns at once. */
void vera_queue_store_write(VeraQueueStore *self, char *text);

/** vera_queue_store_flush: blocks until all is on disk or has failed, until @end_us (monotonic) at
 * most. Returns: whether it was in time */
gboolean vera_queue_store_flush(VeraQueueStore *self, gint64 end_us);

/** vera_queue_store_close: no call of the failed function comes any more; what is queued is still
 * written. Does not block. */
void vera_queue_store_close(VeraQueueStore *self);

G_END_DECLS
