#pragma once

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/**
 * VeraProxyStore: the file with the small pictures of one clip.
 *
 * The file belongs to a path, a modification time and a size, so that another clip under the same
 * name gets a file of its own. Records are appended and never changed, each with its frame, its
 * length and checksums of both head and picture: a record that was cut off by a crash, or damaged
 * since, is passed over, and may be put again. One store at a time may write (a lock on the file
 * says which); others read along.
 *
 * Thread-safety: every function may be called from any thread; all of them touch the disk but
 * vera_proxy_store_find(), vera_proxy_store_has(), vera_proxy_store_get_n_frames(), _ref() and
 * _unref(). vera_proxy_store_begin() and vera_proxy_store_put() are for one thread.
 */
typedef struct _VeraProxyStore VeraProxyStore;

/**
 * vera_proxy_store_open:
 * @folder: where the files are; made if need be
 * @clip: whose pictures they are, an open one
 * @error: return location for a #GError
 *
 * Opens the file, which is made if need be, and finds out what it holds. That it is used now is
 * noted in its modification time. Errors: %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_OUTPUT.
 *
 * Returns: (transfer full): a store, or %NULL
 */
VeraProxyStore *vera_proxy_store_open(const char *folder, VeraClip *clip, GError **error);

/** vera_proxy_store_ref: Returns: (transfer full): @self */
VeraProxyStore *vera_proxy_store_ref(VeraProxyStore *self);

/** vera_proxy_store_unref: drops one reference; the last one closes the file */
void vera_proxy_store_unref(VeraProxyStore *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProxyStore, vera_proxy_store_unref)

/** vera_proxy_store_get_path: Returns: (transfer none): the file */
const char *vera_proxy_store_get_path(VeraProxyStore *self);

/** vera_proxy_store_has: Returns: whether there is a picture of frame @frame */
gboolean vera_proxy_store_has(VeraProxyStore *self, gint64 frame);

/**
 * vera_proxy_store_find:
 * @self: a store
 * @frame: a frame number
 * @max_distance: how many frames away the picture may be
 *
 * Returns: the frame next to @frame that there is a picture of, or -1
 */
gint64 vera_proxy_store_find(VeraProxyStore *self, gint64 frame, gint64 max_distance);

/** vera_proxy_store_get_n_frames: Returns: how many frames there is a picture of */
gint64 vera_proxy_store_get_n_frames(VeraProxyStore *self);

/** vera_proxy_store_get_bytes: Returns: size of the file */
gint64 vera_proxy_store_get_bytes(VeraProxyStore *self);

/** vera_proxy_store_read: Returns: (transfer full) (nullable): the picture of frame @frame; one
 * that turns out to be damaged is forgotten, and there is none from then on */
GBytes *vera_proxy_store_read(VeraProxyStore *self, gint64 frame);

/**
 * vera_proxy_store_begin:
 * @self: a store
 * @error: return location for a #GError
 *
 * Looks for what another store has written meanwhile, and tries to become the one that writes.
 * Errors: %VERA_ENGINE_ERROR_OUTPUT (the file system has no locks).
 *
 * Returns: whether @self may put pictures; %FALSE without an error while another store does
 */
gboolean vera_proxy_store_begin(VeraProxyStore *self, GError **error);

/**
 * vera_proxy_store_put:
 * @self: a store for which vera_proxy_store_begin() said yes
 * @frame: frame number, 0..n_frames-1
 * @picture: the picture, 1 byte to 16 MiB
 * @error: return location for a #GError
 *
 * Appends a picture. What could not be written whole is taken back.
 * Errors: %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_OUTPUT.
 *
 * Returns: success
 */
gboolean vera_proxy_store_put(VeraProxyStore *self, gint64 frame, GBytes *picture, GError **error);

/** vera_proxy_store_is_deleted: Returns: whether the file was deleted while it was open */
gboolean vera_proxy_store_is_deleted(VeraProxyStore *self);

/** vera_proxy_folder_dup_default: Returns: (transfer full): the folder of proxies in the user's
 * cache */
char *vera_proxy_folder_dup_default(void);

/** vera_proxy_folder_measure: Returns: bytes of all files of proxies in @folder */
gint64 vera_proxy_folder_measure(const char *folder);

/**
 * vera_proxy_folder_trim:
 * @folder: a folder of proxies
 * @max_bytes: limit of all of them
 * @keep: (nullable): path of a file that stays
 *
 * Deletes whole files, those that were not used longest first, until the rest is within the limit.
 * Files that a store writes, here or in another program, stay.
 *
 * Returns: bytes that are left
 */
gint64 vera_proxy_folder_trim(const char *folder, gint64 max_bytes, const char *keep);

/**
 * vera_proxy_folder_clear:
 * @folder: a folder of proxies
 * @error: return location for a #GError
 *
 * Deletes every file, those in use too: their stores then say vera_proxy_store_is_deleted().
 * Errors: %VERA_ENGINE_ERROR_OUTPUT (the rest is deleted nevertheless).
 *
 * Returns: success; also where there is no folder
 */
gboolean vera_proxy_folder_clear(const char *folder, GError **error);

G_END_DECLS
