#pragma once

#include "engine/media/vera-frame-cache.h"

G_BEGIN_DECLS

/**
 * VeraProxyState:
 * @VERA_PROXY_STATE_MAKING: at work, or about to be
 * @VERA_PROXY_STATE_COMPLETE: there is a picture of every frame that can be read
 * @VERA_PROXY_STATE_FULL: the limit of the folder is reached
 * @VERA_PROXY_STATE_UNNEEDED: frames of this clip are there as soon as their proxies would be, or
 * are of a format that vera_proxy_coder_can() not code
 * @VERA_PROXY_STATE_CLEARED: the file was deleted; nothing more is made until the clip is opened
 * again
 * @VERA_PROXY_STATE_FAILED: nothing can be written
 */
typedef enum {
    VERA_PROXY_STATE_MAKING,
    VERA_PROXY_STATE_COMPLETE,
    VERA_PROXY_STATE_FULL,
    VERA_PROXY_STATE_UNNEEDED,
    VERA_PROXY_STATE_CLEARED,
    VERA_PROXY_STATE_FAILED,
} VeraProxyState;

/**
 * VeraProxyMaker: makes the proxies of a clip in a thread of low priority, and lets its cache show
 * them.
 *
 * It begins with the group of pictures at the playhead, goes on to the end and then from the start.
 * What is in the file already is not made again, so it goes on where it was interrupted. While
 * another program makes proxies of the same clip, those are used.
 *
 * Thread-safety: every function may be called from any thread, and none but vera_proxy_maker_free()
 * waits for anything; vera_proxy_maker_stop() waits for a function that is running.
 */
typedef struct _VeraProxyMaker VeraProxyMaker;

/** VeraProxyMakerFunc: in the worker thread; state or progress changed. Return soon. */
typedef void (*VeraProxyMakerFunc)(gpointer data);

/**
 * vera_proxy_maker_new:
 * @cache: the clip, and where its proxies are shown
 * @folder: where the files are; made if need be
 * @max_bytes: limit of all files in @folder; those that were not used longest go first
 * @func: (nullable): told of changes
 * @data: handed to @func
 *
 * Returns: (transfer full): a maker at work
 */
VeraProxyMaker *vera_proxy_maker_new(VeraFrameCache *cache,
                                     const char *folder,
                                     gint64 max_bytes,
                                     VeraProxyMakerFunc func,
                                     gpointer data);

/** vera_proxy_maker_stop: breaks off; the function is not running and will not be called again. The
 * thread ends by itself, when the picture in hand is decoded. */
void vera_proxy_maker_stop(VeraProxyMaker *self);

/** vera_proxy_maker_free: stops, takes the proxies from the cache, waits for the thread and frees
 * everything */
void vera_proxy_maker_free(VeraProxyMaker *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProxyMaker, vera_proxy_maker_free)

/** vera_proxy_maker_set_max_bytes: changes the limit; a maker that had reached it goes on */
void vera_proxy_maker_set_max_bytes(VeraProxyMaker *self, gint64 max_bytes);

/** vera_proxy_maker_get_state: @progress: (out) (optional): how much of the clip has proxies, 0..1.
 * Returns: the state */
VeraProxyState vera_proxy_maker_get_state(VeraProxyMaker *self, double *progress);

/** vera_proxy_maker_dup_message: Returns: (transfer full) (nullable): why nothing can be written, a
 * sentence */
char *vera_proxy_maker_dup_message(VeraProxyMaker *self);

G_END_DECLS
