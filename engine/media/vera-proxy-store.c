#include "config.h"

#include "engine/media/vera-proxy-store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"

/* The file: a head of 48 bytes (magic with the version, and the digest of what it belongs to), then
 * records. A record: magic, frame (8 bytes), length, CRC of the picture, CRC of these 20 bytes, the
 * picture. Little endian. */
#define VERA_PROXY_MAGIC "vera proxies 1\n\n"
#define VERA_PROXY_MAGIC_SIZE 16
#define VERA_PROXY_DIGEST 32
#define VERA_PROXY_HEAD (VERA_PROXY_MAGIC_SIZE + VERA_PROXY_DIGEST)
#define VERA_PROXY_RECORD_MAGIC 0x9d785076u
#define VERA_PROXY_RECORD 24
#define VERA_PROXY_MAX_PICTURE (16 << 20)
#define VERA_PROXY_SCAN (64 << 10)

typedef struct {
    gint64 offset; /* of the picture */
    guint32 length;
    guint32 crc;
} VeraProxyEntry;

/* Locks are POSIX ones, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */
struct _VeraProxyStore {
    int ref_count;
    int fd;
    char *path;
    guint8 digest[VERA_PROXY_DIGEST];
    gint64 n_total;

    /* Owned, under lock */
    pthread_mutex_t lock;
    VeraProxyEntry *entries; /* n_total of them; length 0: no picture */
    gint64 n_frames;
    gint64 end; /* where the next record is, or goes */
    gboolean is_writer;
};

static guint32
vera_proxy_crc(const guint8 *data, gsize size)
{
    return av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), 0xffffffffu, data, size) ^ 0xffffffffu;
}

static gboolean
vera_proxy_read_at(int fd, void *data, gsize size, gint64 offset)
{
    gsize done = 0;

    while (done < size) {
        ssize_t n = pread(fd, (guint8 *)data + done, size - done, offset + (gint64)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return TRUE;
}

static gboolean
vera_proxy_write_at(int fd, const void *data, gsize size, gint64 offset)
{
    gsize done = 0;

    while (done < size) {
        ssize_t n = pwrite(fd, (const guint8 *)data + done, size - done, offset + (gint64)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return FALSE;
        }
        done += (gsize)n;
    }
    return TRUE;
}

/** Reads the head of a record. @frame: (out). Returns: whether it is one that may be in this file
 */
static gboolean
vera_proxy_store_parse(const VeraProxyStore *self,
                       const guint8 *head,
                       gint64 *frame,
                       VeraProxyEntry *entry)
{
    *frame = (gint64)AV_RL64(head + 4);
    *entry = (VeraProxyEntry){0, AV_RL32(head + 12), AV_RL32(head + 16)};
    return AV_RL32(head) == VERA_PROXY_RECORD_MAGIC &&
           AV_RL32(head + 20) == vera_proxy_crc(head, 20) && *frame >= 0 &&
           *frame < self->n_total && entry->length > 0 && entry->length <= VERA_PROXY_MAX_PICTURE;
}

/** Where the next sound head of a record is from @offset on. Returns: its place, or -1 */
static gint64
vera_proxy_store_resync(const VeraProxyStore *self, gint64 offset, gint64 size)
{
    g_autofree guint8 *block = g_malloc(VERA_PROXY_SCAN);
    gint64 frame;
    VeraProxyEntry entry;

    for (; offset + VERA_PROXY_RECORD <= size; offset += VERA_PROXY_SCAN - VERA_PROXY_RECORD + 1) {
        gint64 n = MIN(size - offset, VERA_PROXY_SCAN);
        if (!vera_proxy_read_at(self->fd, block, (gsize)n, offset))
            return -1;
        for (gint64 i = 0; i + VERA_PROXY_RECORD <= n; i++)
            if (vera_proxy_store_parse(self, block + i, &frame, &entry))
                return offset + i;
    }
    return -1;
}

static void
vera_proxy_store_note(VeraProxyStore *self, gint64 frame, const VeraProxyEntry *entry)
{
    self->n_frames += self->entries[frame].length == 0;
    self->entries[frame] = *entry;
}

/** Takes in the records from the known end on, under lock; what is cut off or damaged is passed
 * over. */
static void
vera_proxy_store_scan(VeraProxyStore *self)
{
    struct stat facts;
    guint8 head[VERA_PROXY_RECORD];
    gint64 frame, offset = self->end;
    VeraProxyEntry entry;

    if (fstat(self->fd, &facts) != 0)
        return;
    while (offset + VERA_PROXY_RECORD <= facts.st_size &&
           vera_proxy_read_at(self->fd, head, sizeof head, offset)) {
        if (vera_proxy_store_parse(self, head, &frame, &entry)) {
            entry.offset = offset + VERA_PROXY_RECORD;
            if (entry.offset + entry.length > facts.st_size)
                break;
            vera_proxy_store_note(self, frame, &entry);
            self->end = offset = entry.offset + entry.length;
            continue;
        }
        offset = vera_proxy_store_resync(self, offset + 1, facts.st_size);
        if (offset < 0)
            break;
    }
}

/** Begins the file anew if it is not one of this clip's, under lock. Returns: success */
static gboolean
vera_proxy_store_settle_head(VeraProxyStore *self)
{
    guint8 head[VERA_PROXY_HEAD];

    if (vera_proxy_read_at(self->fd, head, sizeof head, 0) &&
        memcmp(head, VERA_PROXY_MAGIC, VERA_PROXY_MAGIC_SIZE) == 0 &&
        memcmp(head + VERA_PROXY_MAGIC_SIZE, self->digest, VERA_PROXY_DIGEST) == 0)
        return TRUE;
    if (!self->is_writer) /* the one that writes may be about to do it */
        return FALSE;
    /* What was known of the file is gone with it. */
    memset(self->entries, 0, sizeof *self->entries * (gsize)self->n_total);
    self->n_frames = 0;
    self->end = VERA_PROXY_HEAD;
    memcpy(head, VERA_PROXY_MAGIC, VERA_PROXY_MAGIC_SIZE);
    memcpy(head + VERA_PROXY_MAGIC_SIZE, self->digest, VERA_PROXY_DIGEST);
    return ftruncate(self->fd, 0) == 0 && vera_proxy_write_at(self->fd, head, sizeof head, 0);
}

static void
vera_proxy_store_fail(const VeraProxyStore *self, int saved_errno, GError **error)
{
    g_autofree char *what = g_strdup_printf("keep proxies in ‘%s’", self->path);
    vera_engine_error_set_errno(error, saved_errno, what);
}

gboolean
vera_proxy_store_begin(VeraProxyStore *self, GError **error)
{
    gboolean is_fine = TRUE;

    pthread_mutex_lock(&self->lock);
    if (!self->is_writer)
        self->is_writer = flock(self->fd, LOCK_EX | LOCK_NB) == 0;
    if (!self->is_writer && errno != EWOULDBLOCK && errno != EINTR)
        is_fine = FALSE;
    else if (vera_proxy_store_settle_head(self))
        vera_proxy_store_scan(self);
    else
        is_fine = !self->is_writer;
    int saved_errno = errno;
    gboolean is_writer = is_fine && self->is_writer;
    pthread_mutex_unlock(&self->lock);
    if (!is_fine)
        vera_proxy_store_fail(self, saved_errno, error);
    return is_writer;
}

/** What the pictures belong to: the file as it is now. */
static void
vera_proxy_store_identify(VeraProxyStore *self, VeraClip *clip)
{
    GStatBuf facts = {0};
    g_autofree char *absolute = g_canonicalize_filename(vera_clip_get_path(clip), NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n = VERA_PROXY_DIGEST;

    g_stat(absolute, &facts);
    g_autofree char *key =
        g_strdup_printf("%s\n%" G_GINT64_FORMAT ".%09ld\n%" G_GINT64_FORMAT "\n%" G_GINT64_FORMAT,
                        absolute, (gint64)facts.st_mtim.tv_sec, (long)facts.st_mtim.tv_nsec,
                        (gint64)facts.st_size, self->n_total);
    g_checksum_update(sum, (const guchar *)key, -1);
    g_checksum_get_digest(sum, self->digest, &n);
}

VeraProxyStore *
vera_proxy_store_open(const char *folder, VeraClip *clip, GError **error)
{
    g_autoptr(VeraProxyStore) self = g_new0(VeraProxyStore, 1);
    g_autoptr(GString) name = g_string_new(NULL);

    self->ref_count = 1;
    self->fd = -1;
    self->n_total = vera_clip_get_info(clip)->n_frames;
    self->end = VERA_PROXY_HEAD;
    self->entries = g_new0(VeraProxyEntry, self->n_total);
    pthread_mutex_init(&self->lock, NULL);
    vera_proxy_store_identify(self, clip);
    for (int i = 0; i < VERA_PROXY_DIGEST / 2; i++)
        g_string_append_printf(name, "%02x", self->digest[i]);
    g_string_append(name, ".proxies");
    self->path = g_build_filename(folder, name->str, NULL);
    if (g_mkdir_with_parents(folder, 0700) == 0)
        self->fd = g_open(self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->fd < 0) {
        vera_proxy_store_fail(self, errno, error);
        return NULL;
    }
    futimens(self->fd, NULL);
    g_autoptr(GError) local = NULL;
    if (!vera_proxy_store_begin(self, &local) && local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    return g_steal_pointer(&self);
}

/* The compiler's atomics, not GLib's: ThreadSanitizer sees them in a GLib that is not built for it.
 */

VeraProxyStore *
vera_proxy_store_ref(VeraProxyStore *self)
{
    __atomic_fetch_add(&self->ref_count, 1, __ATOMIC_RELAXED);
    return self;
}

void
vera_proxy_store_unref(VeraProxyStore *self)
{
    if (__atomic_sub_fetch(&self->ref_count, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (self->fd >= 0)
        close(self->fd);
    pthread_mutex_destroy(&self->lock);
    g_free(self->entries);
    g_free(self->path);
    g_free(self);
}

const char *
vera_proxy_store_get_path(VeraProxyStore *self)
{
    return self->path;
}

gint64
vera_proxy_store_find(VeraProxyStore *self, gint64 frame, gint64 max_distance)
{
    gint64 found = -1;

    pthread_mutex_lock(&self->lock);
    for (gint64 d = 0; found < 0 && d <= max_distance; d++) {
        if (frame - d >= 0 && frame - d < self->n_total && self->entries[frame - d].length > 0)
            found = frame - d;
        else if (frame + d >= 0 && frame + d < self->n_total && self->entries[frame + d].length > 0)
            found = frame + d;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

gboolean
vera_proxy_store_has(VeraProxyStore *self, gint64 frame)
{
    return frame >= 0 && vera_proxy_store_find(self, frame, 0) == frame;
}

gint64
vera_proxy_store_get_n_frames(VeraProxyStore *self)
{
    pthread_mutex_lock(&self->lock);
    gint64 n = self->n_frames;
    pthread_mutex_unlock(&self->lock);
    return n;
}

gint64
vera_proxy_store_get_bytes(VeraProxyStore *self)
{
    struct stat facts;
    return fstat(self->fd, &facts) == 0 ? facts.st_size : 0;
}

gboolean
vera_proxy_store_is_deleted(VeraProxyStore *self)
{
    struct stat facts;
    return fstat(self->fd, &facts) == 0 && facts.st_nlink == 0;
}

static void
vera_proxy_store_forget(VeraProxyStore *self, gint64 frame, const VeraProxyEntry *entry)
{
    pthread_mutex_lock(&self->lock);
    if (self->entries[frame].length > 0 && self->entries[frame].offset == entry->offset) {
        self->entries[frame].length = 0;
        self->n_frames--;
    }
    pthread_mutex_unlock(&self->lock);
}

GBytes *
vera_proxy_store_read(VeraProxyStore *self, gint64 frame)
{
    VeraProxyEntry entry = {0};

    pthread_mutex_lock(&self->lock);
    if (frame >= 0 && frame < self->n_total)
        entry = self->entries[frame];
    pthread_mutex_unlock(&self->lock);
    if (entry.length == 0)
        return NULL;
    g_autofree guint8 *data = g_malloc(entry.length);
    if (vera_proxy_read_at(self->fd, data, entry.length, entry.offset) &&
        vera_proxy_crc(data, entry.length) == entry.crc)
        return g_bytes_new_take(g_steal_pointer(&data), entry.length);
    vera_proxy_store_forget(self, frame, &entry);
    return NULL;
}

gboolean
vera_proxy_store_put(VeraProxyStore *self, gint64 frame, GBytes *picture, GError **error)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(picture, &size);

    g_return_val_if_fail(frame >= 0 && frame < self->n_total, FALSE);
    g_return_val_if_fail(size > 0 && size <= VERA_PROXY_MAX_PICTURE, FALSE);
    g_return_val_if_fail(self->is_writer, FALSE);
    VeraProxyEntry entry = {0, (guint32)size, vera_proxy_crc(data, size)};
    g_autofree guint8 *record = g_malloc(VERA_PROXY_RECORD + size);
    AV_WL32(record, VERA_PROXY_RECORD_MAGIC);
    AV_WL64(record + 4, (guint64)frame);
    AV_WL32(record + 12, entry.length);
    AV_WL32(record + 16, entry.crc);
    AV_WL32(record + 20, vera_proxy_crc(record, 20));
    memcpy(record + VERA_PROXY_RECORD, data, size);

    /* Nobody else moves the end: the lock is not held while the disk is waited for. What lies
     * behind the last sound record is of no use, and must not seem to belong to this one. */
    gint64 end = self->end;
    entry.offset = end + VERA_PROXY_RECORD;
    gboolean is_fine = ftruncate(self->fd, end) == 0 &&
                       vera_proxy_write_at(self->fd, record, VERA_PROXY_RECORD + size, end);
    int saved_errno = errno;
    if (!is_fine && ftruncate(self->fd, end) != 0)
        g_debug("%s: %s", self->path, g_strerror(errno));
    pthread_mutex_lock(&self->lock);
    if (is_fine) {
        vera_proxy_store_note(self, frame, &entry);
        self->end = entry.offset + entry.length;
    }
    pthread_mutex_unlock(&self->lock);
    if (!is_fine)
        vera_proxy_store_fail(self, saved_errno, error);
    return is_fine;
}
