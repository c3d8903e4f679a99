#include "config.h"

#include "tests/engine/frame-cache-fixture.h"

typedef struct {
    VeraFrameCache *cache;
    Watch watch;
    gsize limit;
    gint64 n_frames;
    gboolean is_done;
} Stress;

static void
stress_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Stress *self = data;
    g_assert_no_error(error);
    g_assert_cmpuint(vera_frame_cache_get_bytes(self->cache), <=, self->limit);
    watch_ready_cb(frame, error, &self->watch);
}

static gpointer
stress_look(gpointer data)
{
    Stress *self = data;
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GRand) random = g_rand_new_with_seed(23);

    while (!__atomic_load_n(&self->is_done, __ATOMIC_ACQUIRE)) {
        gint64 frame = g_rand_int_range(random, 0, (gint32)self->n_frames), found;
        g_autoptr(VeraFrame) exact = vera_frame_cache_get(self->cache, frame);
        g_autoptr(VeraFrame) near = vera_frame_cache_get_nearest(self->cache, frame, &found);
        g_assert_true(exact == NULL || exact->index == frame);
        g_assert_true(near == NULL || near->index == found);
        if (exact != NULL && frame % 8 == 0)
            vera_frame_cache_sketch(self->cache, exact);
        vera_frame_cache_get_cached(self->cache, runs);
        for (guint i = 0; i < runs->len; i++) {
            gint64 before = i > 0 ? g_array_index(runs, gint64, i - 1) : -2;
            g_assert_cmpint(g_array_index(runs, gint64, i), >=, before + (i % 2 == 0 ? 2 : 0));
        }
        g_assert_cmpuint(vera_frame_cache_get_bytes(self->cache), <=, self->limit);
    }
    return NULL;
}

/** Three threads ask at once, one looks; memory stays within its limit and the last frame comes. */
static gpointer
stress_ask(gpointer data)
{
    Stress *self = data;
    g_autoptr(GRand) random = g_rand_new();

    for (int i = 0; i < 400; i++) {
        vera_frame_cache_request(self->cache, g_rand_int_range(random, 0, (gint32)self->n_frames),
                                 g_rand_int_range(random, -3, 4));
        if (i % 16 == 0)
            g_usleep(2000);
    }
    return NULL;
}

static void
test_stress(void)
{
    Stress stress = {0};
    GThread *threads[3], *looker;
    g_autofree char *path = make_case(&case_long_groups);

    if (path == NULL)
        return;
    g_autoptr(VeraClip) clip = fixture_open(case_long_groups.file);
    g_autoptr(GPtrArray) hashes = hash_all(clip);
    const VeraClipInfo *info = vera_clip_get_info(clip);
    stress.limit = 20 * vera_frame_measure(&info->format, info->width, info->height);
    stress.n_frames = info->n_frames;
    g_autoptr(VeraFrameCache) cache = open_cache(path, stress.limit, &stress.watch);
    stress.cache = cache;
    vera_frame_cache_set_ready_func(cache, stress_ready_cb, &stress);
    vera_frame_cache_start_sketches(cache);
    looker = g_thread_new("look", stress_look, &stress);
    for (int i = 0; i < 3; i++)
        threads[i] = g_thread_new("ask", stress_ask, &stress);
    for (int i = 0; i < 3; i++)
        g_thread_join(threads[i]);
    for (gint64 frame = 3; frame < stress.n_frames; frame += 71) {
        vera_frame_cache_request(cache, frame, 1);
        assert_frame(&stress.watch, cache, frame, hashes);
    }
    __atomic_store_n(&stress.is_done, TRUE, __ATOMIC_RELEASE);
    g_thread_join(looker);
    vera_frame_cache_close(cache);
    watch_clear(&stress.watch);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame-cache/stress", test_stress);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
