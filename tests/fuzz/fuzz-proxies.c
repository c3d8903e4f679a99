#include "config.h"

#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/log.h>
#include <string.h>

#include "engine/media/vera-proxy-coder.h"
#include "engine/media/vera-proxy-store.h"
#include "tests/fuzz/fuzz.h"

#define HEAD 48
#define RECORD 24
#define N_FRAMES 4
#define SIZE 16

static VeraClip *clip; /* of N_FRAMES frames */
static VeraProxyCoder *coder;
static char *folder, *path;
static char *head; /* of the clip's file of proxies */

/* A clip of our own, and where its proxies are kept. */
static void
set_up(void)
{
    static const char start[] = "YUV4MPEG2 W16 H16 F24:1 Ip A1:1 C420jpeg\n";
    g_autoptr(GByteArray) movie = g_byte_array_new();
    guint8 picture[SIZE * SIZE * 3 / 2] = {0};
    g_autoptr(VeraProxyStore) store = NULL;
    g_autofree char *name = NULL;

    av_log_set_level(AV_LOG_QUIET);
    g_byte_array_append(movie, (const guint8 *)start, strlen(start));
    for (int i = 0; i < N_FRAMES; i++) {
        g_byte_array_append(movie, (const guint8 *)"FRAME\n", 6);
        g_byte_array_append(movie, picture, sizeof picture);
    }
    name = g_strdup(fuzz_write("clip.y4m", movie->data, movie->len));
    folder = g_path_get_dirname(name);
    clip = vera_clip_open(name, NULL, NULL);
    coder = clip ? vera_proxy_coder_new(vera_clip_get_info(clip)) : NULL;
    store = coder ? vera_proxy_store_open(folder, clip, NULL) : NULL;
    path = store ? g_strdup(vera_proxy_store_get_path(store)) : NULL;
    if (path == NULL || !g_file_get_contents(path, &head, NULL, NULL))
        g_error("no clip with proxies");
}

static guint32
get_crc(const guint8 *data, gsize size)
{
    return av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), 0xffffffffu, data, size) ^ 0xffffffffu;
}

/* Makes the checksums right, or nothing that was changed would come further than them. */
static void
seal(guint8 *data, gsize size)
{
    static const guint8 magic[4] = {0x76, 0x50, 0x78, 0x9d};

    for (gsize at = 0; at + RECORD <= size; at++) {
        if (memcmp(data + at, magic, sizeof magic) != 0)
            continue;
        gsize length = AV_RL32(data + at + 12);
        gboolean is_whole = length <= size - at - RECORD;
        if (is_whole)
            AV_WL32(data + at + 16, get_crc(data + at + RECORD, length));
        AV_WL32(data + at + 20, get_crc(data + at, 20));
        at += is_whole ? RECORD + length - 1 : 0;
    }
}

static VeraProxyStore *
open_store(void)
{
    g_autoptr(GError) error = NULL;
    VeraProxyStore *store = vera_proxy_store_open(folder, clip, &error);

    if (store == NULL)
        g_error("damaged proxies are an error: %s", error->message);
    return store;
}

/* Every picture that is said to be there is read, and shown. Returns: how many remain */
static gint64
check_pictures(VeraProxyStore *store)
{
    gint64 n = 0;

    for (gint64 i = -1; i <= N_FRAMES; i++) {
        gboolean was_there = vera_proxy_store_has(store, i);
        g_autoptr(GBytes) picture = vera_proxy_store_read(store, i);
        VeraFrame *frame = picture ? vera_proxy_coder_decode(coder, picture, i) : NULL;
        if ((picture != NULL) != vera_proxy_store_has(store, i) || (picture && !was_there))
            g_error("frame %d: what is read is not what is there", (int)i);
        if (frame != NULL && (frame->width != SIZE || frame->height != SIZE || frame->index != i))
            g_error("a picture of another clip is shown");
        g_clear_pointer(&frame, vera_frame_unref);
        n += picture != NULL;
    }
    if (n != vera_proxy_store_get_n_frames(store))
        g_error("the store counts %d pictures and has %d",
                (int)vera_proxy_store_get_n_frames(store), (int)n);
    return n;
}

/* After what was damaged, a new picture is put, and found again with all that were there. */
static void
put_picture(VeraProxyStore *store, gint64 frame)
{
    g_autoptr(GBytes) picture = g_bytes_new_static("picture", 7);

    if (!vera_proxy_store_begin(store, NULL) || !vera_proxy_store_put(store, frame, picture, NULL))
        g_error("nothing can be put behind damaged proxies");
}

/* Any bytes behind the head of a file of proxies. The first byte says whether checksums are made
 * right, and which frame is put at the end. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int flags = size > 0 ? data[0] : 0;
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autofree char *name = NULL;
    gint64 n;

    if (clip == NULL)
        set_up();
    g_byte_array_append(file, (const guint8 *)head, HEAD);
    if (size > 1)
        g_byte_array_append(file, data + 1, (guint)size - 1);
    if (flags & 1)
        seal(file->data + HEAD, file->len - HEAD);
    name = g_path_get_basename(path);
    fuzz_write(name, file->data, file->len);

    VeraProxyStore *store = open_store();
    check_pictures(store);
    put_picture(store, flags >> 1 & 3);
    n = check_pictures(store);
    vera_proxy_store_unref(store);
    store = open_store();
    if (check_pictures(store) != n)
        g_error("pictures are lost when a file is opened again");
    vera_proxy_store_unref(store);
    return 0;
}
