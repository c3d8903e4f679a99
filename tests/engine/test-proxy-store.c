#include "config.h"

#include "engine/media/vera-proxy-store.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/engine/media-fixture.h"

#define N_FRAMES 24

static char *
make_folder(const char *name)
{
    return fixture_get_path(name);
}

static VeraClip *
open_clip(void)
{
    g_autofree char *path = fixture_get_path("clip.mp4");

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_assert_true(
            fixture_run("ffmpeg -y -f lavfi -i testsrc2=s=322x182:r=24:d=1 -c:v libx264 -g 100 "
                        "-pix_fmt yuv420p clip.mp4"));
    return fixture_open("clip.mp4");
}

static VeraProxyStore *
open_store(const char *folder, VeraClip *clip)
{
    g_autoptr(GError) error = NULL;
    VeraProxyStore *store = vera_proxy_store_open(folder, clip, &error);

    g_assert_no_error(error);
    return store;
}

/** Bytes that are different for each frame, and of another length. */
static GBytes *
make_picture(gint64 frame)
{
    gsize n = 40 + (gsize)(frame * 7 % 60);
    guint8 *data = g_malloc(n);

    for (gsize i = 0; i < n; i++)
        data[i] = (guint8)(frame * 31 + (gint64)i * 5);
    return g_bytes_new_take(data, n);
}

static void
put(VeraProxyStore *store, gint64 frame)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) picture = make_picture(frame);

    g_assert_true(vera_proxy_store_begin(store, &error));
    g_assert_true(vera_proxy_store_put(store, frame, picture, &error));
    g_assert_no_error(error);
}

/** The picture of @frame is there, and right; or it is not there. Returns: whether it is */
static gboolean
check(VeraProxyStore *store, gint64 frame)
{
    g_autoptr(GBytes) expected = make_picture(frame), found = vera_proxy_store_read(store, frame);

    if (found != NULL)
        g_assert_true(g_bytes_equal(found, expected));
    g_assert_cmpint(vera_proxy_store_has(store, frame), ==, found != NULL);
    return found != NULL;
}

static gint64
count(VeraProxyStore *store)
{
    gint64 n = 0;
    for (gint64 i = 0; i < N_FRAMES; i++)
        n += check(store, i);
    g_assert_cmpint(vera_proxy_store_get_n_frames(store), ==, n);
    return n;
}

static void
get_content(VeraProxyStore *store, char **data, gsize *size)
{
    g_assert_true(g_file_get_contents(vera_proxy_store_get_path(store), data, size, NULL));
}

/** Puts @data in place of the file, which keeps its name. */
static void
set_content(const char *path, const char *data, gsize size)
{
    int fd = g_open(path, O_WRONLY | O_TRUNC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
    close(fd);
}

/* What is put is found, also by the next one who opens the file; the nearest is found for what is
 * missing. */
static void
test_round_trip(void)
{
    g_autofree char *folder = make_folder("round-trip");
    g_autoptr(VeraClip) clip = open_clip();
    VeraProxyStore *store = open_store(folder, clip);

    g_assert_cmpint(count(store), ==, 0);
    g_assert_cmpint(vera_proxy_store_find(store, 3, 100), ==, -1);
    put(store, 20);
    put(store, 4);
    put(store, 9);
    put(store, 4);
    for (int turn = 0; turn < 2; turn++) {
        g_assert_cmpint(count(store), ==, 3);
        g_assert_cmpint(vera_proxy_store_find(store, 4, 0), ==, 4);
        g_assert_cmpint(vera_proxy_store_find(store, 0, 3), ==, -1);
        g_assert_cmpint(vera_proxy_store_find(store, 0, 4), ==, 4);
        g_assert_cmpint(vera_proxy_store_find(store, 8, 9), ==, 9);
        g_assert_cmpint(vera_proxy_store_find(store, N_FRAMES - 1, 100), ==, 20);
        vera_proxy_store_unref(store);
        store = open_store(folder, clip);
    }
    vera_proxy_store_unref(store);
}

/* A file that was cut off anywhere gives what is whole, and goes on being written. */
static void
test_truncated(void)
{
    g_autofree char *folder = make_folder("truncated"), *data = NULL, *path = NULL;
    g_autoptr(VeraClip) clip = open_clip();
    gsize size, n_whole = 0;
    {
        g_autoptr(VeraProxyStore) store = open_store(folder, clip);
        for (gint64 i = 0; i < 4; i++)
            put(store, i);
        get_content(store, &data, &size);
        path = g_strdup(vera_proxy_store_get_path(store));
    }
    for (gsize cut = 0; cut <= size; cut++) {
        set_content(path, data, cut);
        g_autoptr(VeraProxyStore) store = open_store(folder, clip);
        /* Known before any is read. */
        gint64 told = vera_proxy_store_get_n_frames(store), n = count(store);
        g_assert_cmpint(told, ==, n);
        g_assert_cmpint(n, <=, 4);
        g_assert_cmpuint((gsize)n, >=, n_whole);
        n_whole = (gsize)n;
        put(store, 10);
        put(store, 3);
        g_clear_pointer(&store, vera_proxy_store_unref);
        store = open_store(folder, clip);
        g_assert_true(check(store, 10));
        g_assert_true(check(store, 3));
        g_assert_cmpint(count(store), ==, n == 4 ? 5 : n + 2);
    }
    g_assert_cmpuint(n_whole, ==, 4);
}

/* A byte that turned, anywhere: never a wrong picture, at most one is lost, and it can be put
 * again. */
static void
test_damaged(void)
{
    g_autofree char *folder = make_folder("damaged"), *data = NULL, *path = NULL;
    g_autoptr(VeraClip) clip = open_clip();
    gsize size;
    {
        g_autoptr(VeraProxyStore) store = open_store(folder, clip);
        for (gint64 i = 0; i < 4; i++)
            put(store, i);
        get_content(store, &data, &size);
        path = g_strdup(vera_proxy_store_get_path(store));
    }
    for (gsize at = 48; at < size; at++) {
        data[at] ^= 0x20;
        set_content(path, data, size);
        data[at] ^= 0x20;
        g_autoptr(VeraProxyStore) store = open_store(folder, clip);
        g_assert_cmpint(count(store), ==, 3);
        for (gint64 i = 0; i < 4; i++)
            if (!vera_proxy_store_has(store, i))
                put(store, i);
        g_assert_cmpint(count(store), ==, 4);
        g_clear_pointer(&store, vera_proxy_store_unref);
        store = open_store(folder, clip);
        g_assert_cmpint(count(store), ==, 4);
    }
    /* A head of another kind: begun anew. */
    data[3] ^= 0x20;
    set_content(path, data, size);
    g_autoptr(VeraProxyStore) store = open_store(folder, clip);
    g_assert_cmpint(count(store), ==, 0);
    put(store, 1);
    g_assert_cmpint(count(store), ==, 1);
}

/* Another clip under the same name has no pictures yet, and the old one's are not given for it. */
static void
test_replaced(void)
{
    g_autofree char *folder = make_folder("replaced"), *first = NULL;
    {
        g_autoptr(VeraClip) clip = open_clip();
        g_autoptr(VeraProxyStore) store = open_store(folder, clip);
        put(store, 5);
        first = g_strdup(vera_proxy_store_get_path(store));
    }
    g_assert_true(fixture_run("touch -d '2001-02-03 04:05:06' clip.mp4"));
    {
        g_autoptr(VeraClip) clip = open_clip();
        g_autoptr(VeraProxyStore) store = open_store(folder, clip);
        g_assert_cmpstr(vera_proxy_store_get_path(store), !=, first);
        g_assert_cmpint(count(store), ==, 0);
    }
}

/* A file that somebody has emptied meanwhile is begun anew: nothing is taken to be in it. */
static void
test_emptied(void)
{
    g_autofree char *folder = make_folder("emptied");
    g_autoptr(VeraClip) clip = open_clip();
    g_autoptr(VeraProxyStore) store = open_store(folder, clip);

    for (gint64 i = 0; i < 5; i++)
        put(store, i);
    g_assert_cmpint(truncate(vera_proxy_store_get_path(store), 0), ==, 0);
    g_assert_true(vera_proxy_store_begin(store, NULL));
    g_assert_cmpint(vera_proxy_store_get_n_frames(store), ==, 0);
    g_assert_false(vera_proxy_store_has(store, 2));
    put(store, 7);
    g_assert_cmpint(vera_proxy_store_get_bytes(store), <, 200);
    g_clear_pointer(&store, vera_proxy_store_unref);
    store = open_store(folder, clip);
    g_assert_cmpint(vera_proxy_store_get_n_frames(store), ==, 1);
    g_assert_true(vera_proxy_store_has(store, 7));
}

/* One writes, the other reads along and takes over. */
static void
test_two(void)
{
    g_autofree char *folder = make_folder("two");
    g_autoptr(VeraClip) clip = open_clip();
    g_autoptr(GError) error = NULL;
    VeraProxyStore *a = open_store(folder, clip);
    g_autoptr(VeraProxyStore) b = open_store(folder, clip);

    put(a, 1);
    g_assert_false(vera_proxy_store_begin(b, &error));
    g_assert_no_error(error);
    g_assert_cmpint(count(b), ==, 1);
    put(a, 2);
    g_assert_cmpint(count(b), ==, 1);
    vera_proxy_store_unref(a);
    g_assert_true(vera_proxy_store_begin(b, &error));
    g_assert_cmpint(count(b), ==, 2);
    put(b, 3);
    g_assert_cmpint(count(b), ==, 3);
}

static char *
write_file(const char *folder, const char *name, gsize size, const char *used)
{
    g_autofree char *line = g_strdup_printf("mkdir -p '%s' && head -c %" G_GSIZE_FORMAT
                                            " /dev/zero > '%s/%s' && touch -d '%s' '%s/%s'",
                                            folder, size, folder, name, used, folder, name);
    g_assert_true(fixture_run(line));
    return g_build_filename(folder, name, NULL);
}

/* Whole files go, those that were not used longest first; what is written and what is no proxy
 * stays. */
static void
test_trim(void)
{
    g_autofree char *folder = make_folder("trim");
    g_autofree char *middle = write_file(folder, "b.proxies", 1000, "2012-01-01");
    g_autofree char *oldest = write_file(folder, "a.proxies", 1000, "2011-01-01");
    g_autofree char *newest = write_file(folder, "c.proxies", 1000, "2013-01-01");
    g_autofree char *other = write_file(folder, "notes.txt", 1000, "2001-01-01");
    g_autoptr(VeraClip) clip = open_clip();
    g_autoptr(VeraProxyStore) store = open_store(folder, clip);
    g_autoptr(GError) error = NULL;
    gint64 own;

    put(store, 0);
    own = vera_proxy_store_get_bytes(store);
    g_autofree char *touch =
        g_strdup_printf("touch -d 1999-01-01 '%s'", vera_proxy_store_get_path(store));
    g_assert_true(fixture_run(touch));
    g_assert_cmpint(vera_proxy_folder_measure(folder), ==, 3000 + own);
    g_assert_cmpint(vera_proxy_folder_trim(folder, 3000 + own, NULL), ==, 3000 + own);
    g_assert_cmpint(vera_proxy_folder_trim(folder, 2500, NULL), ==, 2000 + own);
    g_assert_false(g_file_test(oldest, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(middle, G_FILE_TEST_EXISTS));
    g_assert_cmpint(vera_proxy_folder_trim(folder, 1500, middle), ==, 1000 + own);
    g_assert_true(g_file_test(middle, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(newest, G_FILE_TEST_EXISTS));
    g_assert_cmpint(vera_proxy_folder_trim(folder, 0, NULL), ==, own);
    g_assert_true(check(store, 0));
    g_assert_false(vera_proxy_store_is_deleted(store));
    g_assert_true(vera_proxy_folder_clear(folder, &error));
    g_assert_true(vera_proxy_store_is_deleted(store));
    g_assert_cmpint(vera_proxy_folder_measure(folder), ==, 0);
    g_assert_true(g_file_test(other, G_FILE_TEST_EXISTS));
    g_assert_true(vera_proxy_folder_clear("/nonexistent", &error));
    g_assert_no_error(error);
}

/* A full disk is told, and what was half written is taken back. */
static void
test_full_disk(void)
{
    g_autofree char *folder = make_folder("full");
    g_autoptr(VeraClip) clip = open_clip();
    g_autoptr(VeraProxyStore) store = open_store(folder, clip);
    g_autoptr(GBytes) picture = make_picture(7);
    g_autoptr(GError) error = NULL;
    struct rlimit limit;
    gint64 before;

    put(store, 6);
    before = vera_proxy_store_get_bytes(store);
    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    rlim_t usual = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)before + 30;
    setrlimit(RLIMIT_FSIZE, &limit);
    g_assert_false(vera_proxy_store_put(store, 7, picture, &error));
    limit.rlim_cur = usual;
    setrlimit(RLIMIT_FSIZE, &limit);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, folder));
    g_assert_cmpint(vera_proxy_store_get_bytes(store), ==, before);
    g_assert_cmpint(count(store), ==, 1);
    put(store, 7);
    g_assert_cmpint(count(store), ==, 2);
}

static void
test_no_folder(void)
{
    g_autofree char *folder = make_folder("a-file/below");
    g_autoptr(VeraClip) clip = open_clip();
    g_autoptr(GError) error = NULL;

    g_assert_true(fixture_run("echo x > a-file"));
    g_assert_null(vera_proxy_store_open(folder, clip, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_nonnull(strstr(error->message, "a-file"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    g_test_add_func("/proxy-store/round-trip", test_round_trip);
    g_test_add_func("/proxy-store/truncated", test_truncated);
    g_test_add_func("/proxy-store/damaged", test_damaged);
    g_test_add_func("/proxy-store/emptied", test_emptied);
    g_test_add_func("/proxy-store/two", test_two);
    g_test_add_func("/proxy-store/trim", test_trim);
    g_test_add_func("/proxy-store/full-disk", test_full_disk);
    g_test_add_func("/proxy-store/no-folder", test_no_folder);
    g_test_add_func("/proxy-store/replaced", test_replaced);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
