#include "config.h"

#include "engine/media/vera-proxy-maker.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/media/vera-proxy-store.h"
#include "tests/engine/media-fixture.h"

#define MIB ((gint64)1 << 20)

/** A clip with one key frame. */
static VeraFrameCache *
open_cache(const char *name, gsize max_bytes)
{
    g_autofree char *path = fixture_get_path(name);
    g_autoptr(GError) error = NULL;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_autofree char *line = g_strdup_printf(
            "ffmpeg -y -f lavfi -i testsrc2=s=642x360:r=24:d=5 -c:v libx264 -preset veryfast "
            "-g 1000 -bf 2 -pix_fmt yuv420p %s",
            name);
        g_assert_true(fixture_run(line));
    }
    VeraFrameCache *cache = vera_frame_cache_new(path, max_bytes, &error);
    g_assert_no_error(error);
    return cache;
}

static VeraProxyState
wait_while_making(VeraProxyMaker *maker)
{
    while (vera_proxy_maker_get_state(maker, NULL) == VERA_PROXY_STATE_MAKING)
        g_usleep(2000);
    return vera_proxy_maker_get_state(maker, NULL);
}

static void
wait_for_progress(VeraProxyMaker *maker, double wanted)
{
    double progress = 0;
    while (progress < wanted) {
        vera_proxy_maker_get_state(maker, &progress);
        g_usleep(1000);
    }
}

static gint64
count_proxies(const char *folder, VeraFrameCache *cache)
{
    g_autoptr(VeraProxyStore) store =
        vera_proxy_store_open(folder, vera_frame_cache_get_clip(cache), NULL);
    return vera_proxy_store_get_n_frames(store);
}

static void
count_cb(gpointer data)
{
    g_atomic_int_inc((gint *)data);
}

/* Every frame gets one; what is there is not made again. */
static void
test_completes(void)
{
    g_autofree char *folder = fixture_get_path("completes");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    gint64 n = vera_clip_get_info(vera_frame_cache_get_clip(cache))->n_frames, bytes;
    gint n_told = 0;
    VeraProxyMaker *maker = vera_proxy_maker_new(cache, folder, 512 * MIB, count_cb, &n_told);
    double progress;

    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_COMPLETE);
    vera_proxy_maker_get_state(maker, &progress);
    g_assert_cmpfloat(progress, ==, 1);
    g_assert_null(vera_proxy_maker_dup_message(maker));
    vera_proxy_maker_free(maker);
    g_assert_cmpint(g_atomic_int_get(&n_told), >, 20);
    g_assert_cmpint(count_proxies(folder, cache), ==, n);
    bytes = vera_proxy_folder_measure(folder);
    maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_COMPLETE);
    vera_proxy_maker_free(maker);
    g_assert_cmpint(vera_proxy_folder_measure(folder), ==, bytes);
}

/** What the processor has done for this program, in seconds: other programs may keep it from doing
 * it sooner. */
static double
get_work(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* It ends within a second, wherever it is; what was made is kept, and the next one goes on from
 * there. */
static void
test_resumes(void)
{
    g_autofree char *folder = fixture_get_path("resumes");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    gint64 n = vera_clip_get_info(vera_frame_cache_get_clip(cache))->n_frames, made = 0;

    for (int i = 1; i <= 3; i++) {
        VeraProxyMaker *maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
        wait_for_progress(maker, 0.2 * i);
        double begin = get_work();
        vera_proxy_maker_free(maker);
        g_assert_cmpfloat(get_work() - begin, <, 1);
        gint64 now = count_proxies(folder, cache);
        g_assert_cmpint(now, >=, (gint64)(0.2 * i * (double)n));
        g_assert_cmpint(now, >=, made);
        made = now;
    }
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_COMPLETE);
    /* Nothing twice: a whole file has one record a frame. */
    gint64 bytes = vera_proxy_folder_measure(folder);
    g_autofree char *whole = fixture_get_path("whole");
    g_autoptr(VeraProxyMaker) other = vera_proxy_maker_new(cache, whole, 512 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(other), ==, VERA_PROXY_STATE_COMPLETE);
    g_assert_cmpint(vera_proxy_folder_measure(whole), ==, bytes);
}

/** The niceness of a thread of this program, by its name, or -100. */
static int
get_niceness(const char *name)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
    const char *id;

    while (dir != NULL && (id = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename("/proc/self/task", id, "comm", NULL),
                        *found = NULL;
        if (g_file_get_contents(path, &found, NULL, NULL) && g_str_equal(g_strstrip(found), name))
            return getpriority(PRIO_PROCESS, (id_t)g_ascii_strtoll(id, NULL, 10));
    }
    return -100;
}

static void
test_is_nice(void)
{
    g_autofree char *folder = fixture_get_path("nice");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);

    wait_for_progress(maker, 0.05);
    g_assert_cmpint(get_niceness("vera-proxies"), >=, 10);
    g_assert_cmpint(get_niceness("vera-frames"), <=, getpriority(PRIO_PROCESS, 0));
}

/* The limit holds; more room lets it go on. */
static void
test_limit(void)
{
    g_autofree char *folder = fixture_get_path("limit");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, MIB / 4, NULL, NULL);

    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_FULL);
    g_assert_cmpint(vera_proxy_folder_measure(folder), <=, MIB / 4);
    g_assert_cmpint(vera_proxy_folder_measure(folder), >, MIB / 8);
    vera_proxy_maker_set_max_bytes(maker, 512 * MIB);
    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_COMPLETE);
}

/* From a playhead in the middle on to the end, and then what lies before it. */
static void
test_from_the_middle(void)
{
    g_autofree char *folder = fixture_get_path("middle"), *path = fixture_get_path("groups.mp4");

    g_assert_true(
        fixture_run("ffmpeg -y -f lavfi -i testsrc2=s=322x182:r=24:d=4 -c:v libx264 -preset "
                    "ultrafast -g 24 -keyint_min 24 -sc_threshold 0 -pix_fmt yuv420p groups.mp4"));
    g_autoptr(VeraFrameCache) cache = vera_frame_cache_new(path, 0, NULL);
    vera_frame_cache_request(cache, 60, 0);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_COMPLETE);
    g_assert_cmpint(count_proxies(folder, cache), ==, 96);
}

/* A limit that is raised just while the folder is found full is not missed. */
static void
test_limit_raised_meanwhile(void)
{
    g_autofree char *folder = fixture_get_path("raised"),
                    *first = g_build_filename(folder, "00000.proxies", NULL),
                    *held = g_build_filename(folder, "held.proxies", NULL);
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);

    /* Many files that go before it is seen that one which stays takes all the room. */
    g_assert_true(
        fixture_run("mkdir raised && cd raised && seq -f %05g.proxies 0 9999 | xargs touch -d "
                    "2011-01-01 && touch -d 2010-01-01 00000.proxies && head -c 4000000 "
                    "/dev/zero > held.proxies"));
    int fd = open(held, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 1, NULL, NULL);
    while (g_file_test(first, G_FILE_TEST_EXISTS))
        g_usleep(100);
    vera_proxy_maker_set_max_bytes(maker, 512 * MIB);
    double progress = 0;
    for (int i = 0; i < 60000 && progress < 1; i++, g_usleep(1000))
        vera_proxy_maker_get_state(maker, &progress);
    g_assert_cmpfloat(progress, ==, 1);
    close(fd);
}

/* A file of another clip makes room. */
static void
test_makes_room(void)
{
    g_autofree char *folder = fixture_get_path("room"),
                    *old = g_build_filename(folder, "old.proxies", NULL);
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);

    g_assert_true(fixture_run("mkdir room && head -c 4000000 /dev/zero > room/old.proxies && touch "
                              "-d 2011-01-01 room/old.proxies"));
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 4 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(maker), !=, VERA_PROXY_STATE_FAILED);
    g_assert_false(g_file_test(old, G_FILE_TEST_EXISTS));
    g_assert_cmpint(vera_proxy_folder_measure(folder), <=, 4 * MIB);
}

/* What cannot be written is said once, in a sentence with the place; reading goes on. */
static void
test_cannot_write(void)
{
    g_autofree char *folder = fixture_get_path("a-file/below"), *message = NULL;
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    g_autoptr(VeraFrame) frame = NULL;

    g_assert_true(fixture_run("echo x > a-file"));
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_FAILED);
    message = vera_proxy_maker_dup_message(maker);
    g_assert_nonnull(strstr(message, "a-file"));
    vera_frame_cache_request(cache, 30, 0);
    while ((frame = vera_frame_cache_get(cache, 30)) == NULL)
        g_usleep(1000);
}

static void
test_full_disk(void)
{
    g_autofree char *folder = fixture_get_path("disk"), *message = NULL;
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    rlim_t usual = limit.rlim_cur;
    limit.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &limit);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    VeraProxyState state = wait_while_making(maker);
    limit.rlim_cur = usual;
    setrlimit(RLIMIT_FSIZE, &limit);
    g_assert_cmpint(state, ==, VERA_PROXY_STATE_FAILED);
    message = vera_proxy_maker_dup_message(maker);
    g_assert_nonnull(strstr(message, folder));
    g_assert_cmpint(vera_proxy_folder_measure(folder), <=, 100000);
}

/* Where frames are soon there anyway, nothing is made. */
static void
test_unneeded(void)
{
    g_autofree char *folder = fixture_get_path("unneeded");

    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=s=64x48:r=24:d=3 -c:v libx264 -g 8 "
                              "-pix_fmt yuv420p short.mp4"));
    g_autoptr(VeraFrameCache) cache = open_cache("short.mp4", 0);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_UNNEEDED);
    g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
}

/* Large pictures that are files of their own get them, whatever their samples; small ones, and
 * movies of frames that stand alone, do not. */
static void
test_pictures(void)
{
    static const struct {
        const char *make, *file;
        VeraProxyState state;
    } cases[] = {
        {"s=1280x720 -frames:v 4 -pix_fmt rgba png.%03d.png", "png.001.png",
         VERA_PROXY_STATE_COMPLETE},
        {"s=1280x720 -frames:v 4 -pix_fmt gbrpf32le exr.%03d.exr", "exr.001.exr",
         VERA_PROXY_STATE_COMPLETE},
        {"s=640x360 -frames:v 4 -pix_fmt rgb24 small.%03d.png", "small.001.png",
         VERA_PROXY_STATE_UNNEEDED},
        {"s=1280x720 -frames:v 14 -c:v mjpeg alone.mov", "alone.mov", VERA_PROXY_STATE_UNNEEDED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *folder = g_strdup_printf("%s/pictures-%" G_GSIZE_FORMAT,
                                                  fixture_get_folder(), i),
                        *path = fixture_get_path(cases[i].file);
        g_autofree char *line =
            g_strdup_printf("ffmpeg -y -f lavfi -i testsrc2=r=24:%s", cases[i].make);
        g_autoptr(GError) error = NULL;
        g_assert_true(fixture_run(line));
        g_autoptr(VeraFrameCache) cache = vera_frame_cache_new(path, 0, &error);
        g_assert_no_error(error);
        g_autoptr(VeraProxyMaker) maker =
            vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
        g_assert_cmpint(wait_while_making(maker), ==, cases[i].state);
        if (cases[i].state == VERA_PROXY_STATE_COMPLETE)
            g_assert_cmpint(count_proxies(folder, cache), ==, 4);
    }
}

/* Deleted files are let go of, and no new ones are made behind the user's back. */
static void
test_cleared(void)
{
    g_autofree char *folder = fixture_get_path("cleared");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);

    wait_for_progress(maker, 0.3);
    g_assert_true(vera_proxy_folder_clear(folder, NULL));
    while (vera_proxy_maker_get_state(maker, NULL) != VERA_PROXY_STATE_CLEARED)
        g_usleep(1000);
    g_assert_cmpint(vera_proxy_folder_measure(folder), ==, 0);
}

typedef struct {
    gint n_reports;
} Watch;

static void
ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Watch *watch = data;
    __atomic_fetch_add(&watch->n_reports, 1, __ATOMIC_SEQ_CST);
}

/* Far from the key frame, the frame's own proxy is shown first, then the frame: exactly what a
 * fresh decode gives. */
static void
test_shows_proxy_first(void)
{
    g_autofree char *folder = fixture_get_path("shows");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 0);
    g_autoptr(VeraClip) fresh = vera_clip_dup(vera_frame_cache_get_clip(cache), 1, NULL);
    g_autoptr(VeraProxyMaker) maker = vera_proxy_maker_new(cache, folder, 512 * MIB, NULL, NULL);
    static const gint64 targets[] = {100, 5, 60, 119, 37, 90};
    int n_proxies = 0;

    g_assert_cmpint(wait_while_making(maker), ==, VERA_PROXY_STATE_COMPLETE);
    for (gsize i = 0; i < G_N_ELEMENTS(targets); i++) {
        gint64 target = targets[i], found;
        g_autoptr(VeraFrame) exact = NULL;
        g_autoptr(VeraFrame) expected = vera_clip_read_frame(fresh, target, NULL, NULL);
        vera_frame_cache_request(cache, target, 0);
        gboolean was_proxy = FALSE;
        while ((exact = vera_frame_cache_get(cache, target)) == NULL) {
            g_autoptr(VeraFrame) near = vera_frame_cache_get_nearest(cache, target, &found);
            was_proxy = was_proxy || (near != NULL && near->is_proxy && found == target);
            g_usleep(200);
        }
        n_proxies += was_proxy;
        g_assert_false(exact->is_proxy);
        g_autofree char *hash = vera_frame_hash(exact), *wanted = vera_frame_hash(expected);
        g_assert_cmpstr(hash, ==, wanted);
    }
    g_assert_cmpint(n_proxies, >=, 4);
}

/* Dragging about wildly while proxies are made, cleared and made again: every exact frame is right.
 */
static void
test_stress(void)
{
    g_autofree char *folder = fixture_get_path("stress");
    g_autoptr(VeraFrameCache) cache = open_cache("a.mp4", 8 * (gsize)MIB);
    g_autoptr(VeraClip) fresh = vera_clip_dup(vera_frame_cache_get_clip(cache), 1, NULL);
    gint64 n = vera_clip_get_info(fresh)->n_frames;
    g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    Watch watch = {0};
    int n_exact = 0, n_proxies = 0;

    for (gint64 i = 0; i < n; i++) {
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(fresh, i, NULL, NULL);
        g_ptr_array_add(hashes, vera_frame_hash(frame));
    }
    vera_frame_cache_set_ready_func(cache, ready_cb, &watch);
    for (int turn = 0; turn < 6; turn++) {
        g_autoptr(VeraProxyMaker) maker =
            vera_proxy_maker_new(cache, folder, turn == 4 ? MIB / 4 : 64 * MIB, NULL, NULL);
        if (turn == 1 || turn == 5)
            wait_for_progress(maker, 0.5);
        for (int i = 0; i < 60; i++) {
            gint64 frame = g_rand_int_range(rand, 0, (gint32)n);
            vera_frame_cache_request(cache, frame, g_rand_int_range(rand, -1, 2));
            g_usleep((gulong)g_rand_int_range(rand, 0, i % 8 == 0 ? 60000 : 8000));
            g_autoptr(VeraFrame) exact = vera_frame_cache_get(cache, frame);
            g_autoptr(VeraFrame) near = vera_frame_cache_get_nearest(cache, frame, NULL);
            n_proxies += near != NULL && near->is_proxy;
            if (exact == NULL)
                continue;
            g_autofree char *hash = vera_frame_hash(exact);
            g_assert_cmpstr(hash, ==, g_ptr_array_index(hashes, frame));
            n_exact++;
        }
        if (turn == 2)
            vera_proxy_folder_clear(folder, NULL);
    }
    vera_frame_cache_set_ready_func(cache, NULL, NULL);
    g_test_message("%d exact frames and %d proxies seen, %d reports", n_exact, n_proxies,
                   watch.n_reports);
    g_assert_cmpint(n_exact, >, 0);
    g_assert_cmpint(n_proxies, >, 0);
    g_assert_cmpint(watch.n_reports, >, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    g_test_add_func("/proxy-maker/completes", test_completes);
    g_test_add_func("/proxy-maker/resumes", test_resumes);
    g_test_add_func("/proxy-maker/is-nice", test_is_nice);
    g_test_add_func("/proxy-maker/limit", test_limit);
    g_test_add_func("/proxy-maker/from-the-middle", test_from_the_middle);
    g_test_add_func("/proxy-maker/limit-raised-meanwhile", test_limit_raised_meanwhile);
    g_test_add_func("/proxy-maker/makes-room", test_makes_room);
    g_test_add_func("/proxy-maker/cannot-write", test_cannot_write);
    g_test_add_func("/proxy-maker/full-disk", test_full_disk);
    g_test_add_func("/proxy-maker/unneeded", test_unneeded);
    g_test_add_func("/proxy-maker/pictures", test_pictures);
    g_test_add_func("/proxy-maker/cleared", test_cleared);
    g_test_add_func("/proxy-maker/shows-proxy-first", test_shows_proxy_first);
    g_test_add_func("/proxy-maker/stress", test_stress);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
