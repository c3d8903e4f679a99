/*
 * scrub-bench CLIP [--filmstrip | FOLDER], frame numbers on standard input: how long it takes to
 * show frames. One line of JSON for each frame: milliseconds from the request to the first picture
 * to look at, how many frames away that one is, and milliseconds to the exact one, with nothing in
 * memory; and microseconds to get it when it is there. With --filmstrip the timeline's pictures are
 * made before, as in a window that stands open. With FOLDER, proxies of all frames are kept there;
 * those that are missing are made before.
 */
#include "config.h"

#include "engine/media/vera-frame-cache.h"
#include "engine/media/vera-proxy-coder.h"
#include "engine/media/vera-thumbnails.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The filmstrip of a usual window. */
#define BENCH_PICTURES 14
#define BENCH_PICTURE_HEIGHT 40

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    VeraFrameCache *cache;
    gint64 target;
    gint64 begin_us;
    double first_ms;
    gint64 first_away;
    double exact_ms;
    gboolean has_failed;
} Bench;

static void
bench_ready_cb(gint64 frame, const GError *error, gpointer data)
{
    Bench *self = data;
    double ms = (double)(g_get_monotonic_time() - self->begin_us) / 1000;

    pthread_mutex_lock(&self->lock);
    if (error != NULL) {
        fprintf(stderr, "%s\n", error->message);
        self->has_failed = TRUE;
    }
    if (self->first_ms < 0) {
        self->first_ms = ms;
        self->first_away = ABS(frame - self->target);
    }
    if (frame == self->target && self->exact_ms < 0) {
        g_autoptr(VeraFrame) exact = vera_frame_cache_get(self->cache, frame);
        if (exact != NULL)
            self->exact_ms = ms;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static double
bench_get(VeraFrameCache *cache, gint64 frame)
{
    gint64 begin = g_get_monotonic_time();
    for (int i = 0; i < 100; i++) {
        vera_frame_cache_request(cache, frame, 0);
        g_autoptr(VeraFrame) found = vera_frame_cache_get(cache, frame);
    }
    return (double)(g_get_monotonic_time() - begin) / 100;
}

static gboolean
bench_run(Bench *self, gint64 frame)
{
    g_autoptr(VeraFrame) before = vera_frame_cache_get(self->cache, frame);

    if (before != NULL)
        fprintf(stderr, "frame %" G_GINT64_FORMAT " is in memory from before\n", frame);
    pthread_mutex_lock(&self->lock);
    self->target = frame;
    self->first_ms = self->exact_ms = -1;
    self->begin_us = g_get_monotonic_time();
    pthread_mutex_unlock(&self->lock);
    vera_frame_cache_request(self->cache, frame, 0);
    pthread_mutex_lock(&self->lock);
    while (self->exact_ms < 0 && !self->has_failed)
        pthread_cond_wait(&self->changed, &self->lock);
    double first = self->first_ms, exact = self->exact_ms;
    gint64 away = self->first_away;
    pthread_mutex_unlock(&self->lock);
    if (exact < 0)
        return FALSE;
    printf("{\"frame\": %" G_GINT64_FORMAT ", \"first_ms\": %.2f, \"first_away\": %" G_GINT64_FORMAT
           ", \"exact_ms\": %.2f, \"cached_us\": %.2f}\n",
           frame, first, away, exact, bench_get(self->cache, frame));
    fflush(stdout);
    return TRUE;
}

static gboolean
bench_make_proxies(VeraFrameCache *cache, const char *folder, GError **error)
{
    VeraClip *clip = vera_frame_cache_get_clip(cache);
    g_autoptr(VeraProxyStore) store = vera_proxy_store_open(folder, clip, error);
    g_autoptr(VeraProxyCoder) coder = vera_proxy_coder_new(vera_clip_get_info(clip));
    g_autoptr(VeraClip) reader = store != NULL ? vera_clip_dup(clip, 0, error) : NULL;

    if (reader == NULL || coder == NULL || !vera_proxy_store_begin(store, error))
        return FALSE;
    for (gint64 i = 0; i < vera_clip_get_info(clip)->n_frames; i++) {
        if (vera_proxy_store_has(store, i))
            continue;
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(reader, i, NULL, error);
        g_autoptr(GBytes) picture = frame != NULL ? vera_proxy_coder_encode(coder, frame) : NULL;
        if (picture == NULL || !vera_proxy_store_put(store, i, picture, error))
            return FALSE;
    }
    vera_frame_cache_set_proxies(cache, store);
    return TRUE;
}

/** Has the pictures of the timeline made, each of which leaves a sketch. */
static void
bench_make_filmstrip(VeraFrameCache *cache)
{
    VeraClip *clip = vera_frame_cache_get_clip(cache);
    gint64 n = vera_clip_get_info(clip)->n_frames, frames[BENCH_PICTURES];
    g_autoptr(VeraThumbnails) pictures =
        vera_thumbnails_new(clip, cache, BENCH_PICTURE_HEIGHT, (gsize)1 << 20);

    for (int i = 0; i < BENCH_PICTURES; i++)
        frames[i] = n * i / BENCH_PICTURES;
    vera_thumbnails_request(pictures, frames, BENCH_PICTURES);
    for (int i = 0; i < BENCH_PICTURES; i++) {
        GBytes *pixels;
        while ((pixels = vera_thumbnails_get(pictures, frames[i], NULL)) == NULL)
            g_usleep(1000);
        g_bytes_unref(pixels);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Bench bench = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    char line[64];

    if (argc != 2 && argc != 3) {
        fprintf(
            stderr,
            "usage: scrub-bench CLIP [--filmstrip | FOLDER], frame numbers on standard input\n");
        return 2;
    }
    /* With room for two frames nothing is fetched ahead, and nothing is there when it is asked for.
     */
    bench.cache = vera_frame_cache_new(argv[1], 0, &error);
    gboolean has_filmstrip = argc == 3 && strcmp(argv[2], "--filmstrip") == 0;
    if (bench.cache == NULL ||
        (argc == 3 && !has_filmstrip && !bench_make_proxies(bench.cache, argv[2], &error))) {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "no proxies can be made");
        return 1;
    }
    if (has_filmstrip)
        bench_make_filmstrip(bench.cache);
    vera_frame_cache_set_ready_func(bench.cache, bench_ready_cb, &bench);
    vera_frame_cache_start_sketches(bench.cache);
    gboolean is_fine = TRUE;
    while (is_fine && fgets(line, sizeof line, stdin) != NULL)
        is_fine = bench_run(&bench, g_ascii_strtoll(line, NULL, 10));
    vera_frame_cache_close(bench.cache);
    g_object_unref(bench.cache);
    return is_fine ? 0 : 1;
}
