#include "config.h"

#include "engine/compositing/vera-matte-snap.h"

#include <math.h>
#include <string.h>

/* A striped disc moves over a textured ground; the model draws a blob that is off, as a weak one does. */

enum { W = 128, H = 72, N = W * H, N_FRAMES = 5 };

typedef struct {
    float rgb[3 * N];
    float drawn[N];
    float kept[N];
    gboolean truth[N];
} Frame;

static float
get_texture(int x, int y, int c)
{
    return 0.12f * sinf((float)(x * (3 + c) + y * 5) * 0.21f) + 0.1f * cosf((float)(x - 2 * y + 7 * c) * 0.33f);
}

/* @contrast 1: a subject of other colours than the ground; 0: of the same. */
static Frame *
make_frames(float contrast)
{
    static const float subject[3] = { 0.9f, 0.2f, -0.5f };
    Frame *frames = g_new0(Frame, N_FRAMES);

    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++) {
            int x = p % W, y = p / W;
            float cx = 50 + 4 * (float)f, cy = 36, r = hypotf((float)x - cx, (float)y - cy);
            float off = hypotf((float)x - cx - 5, ((float)y - cy - 3) * 1.4f);
            frames[f].truth[p] = r < 14;
            for (int c = 0; c < 3; c++)
                frames[f].rgb[c * N + p] = get_texture(x, y, c) + (frames[f].truth[p] ? contrast * (subject[c] + 0.1f * (float)(y / 3 % 2)) : 0);
            frames[f].drawn[p] = frames[f].kept[p] = CLAMP((15 - off) / 6, 0.0f, 1.0f);
        }
    return frames;
}

static void
snap(Frame *frames)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraMatteSnap) self = vera_matte_snap_new(W, H, &error);

    g_assert_no_error(error);
    for (int round = 0; round < VERA_MATTE_SNAP_ROUNDS; round++) {
        vera_matte_snap_begin(self);
        for (int f = 0; f < N_FRAMES; f++)
            vera_matte_snap_learn(self, frames[f].rgb, frames[f].drawn, frames[f].kept);
        for (int f = 0; f < N_FRAMES; f++)
            vera_matte_snap_find(self, frames[f].rgb, frames[f].drawn, frames[f].kept);
    }
}

/* Intersection over union with the disc. */
static double
get_overlap(const Frame *frames, gboolean of_drawn)
{
    int both = 0, either = 0;

    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++) {
            gboolean is_kept = (of_drawn ? frames[f].drawn[p] : frames[f].kept[p]) > 0.5f;
            both += is_kept && frames[f].truth[p];
            either += is_kept || frames[f].truth[p];
        }
    return (double)both / either;
}

static void
test_finds_edge(void)
{
    g_autofree Frame *frames = make_frames(1), *again = make_frames(1);
    double before = get_overlap(frames, TRUE);

    snap(frames);
    snap(again);
    g_test_message("overlap %.3f as drawn, %.3f snapped", before, get_overlap(frames, FALSE));
    g_assert_cmpfloat(before, <, 0.7);
    g_assert_cmpfloat(get_overlap(frames, FALSE), >, 0.97);
    g_assert_cmpmem(frames, N_FRAMES * sizeof(Frame), again, N_FRAMES * sizeof(Frame));
}

/* Far from what the model drew nothing is kept, whatever its colour; values stay in their range. */
static void
test_stays_near(void)
{
    g_autofree Frame *frames = make_frames(1);

    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++)
            if (p % W > 110 && p / W < 12) /* a second subject, in the corner */
                for (int c = 0; c < 3; c++)
                    frames[f].rgb[c * N + p] = frames[f].rgb[c * N + 36 * W + 50 + 4 * f];
    snap(frames);
    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++) {
            g_assert_true(frames[f].kept[p] >= 0 && frames[f].kept[p] <= 1);
            if (p % W > 100 && p / W < 20)
                g_assert_cmpfloat(frames[f].kept[p], ==, 0);
        }
}

/* Where colours tell nothing there is an answer all the same, and no value that is none. A picture of one colour, too. */
static void
test_nothing_to_see(void)
{
    g_autofree Frame *same = make_frames(0), *flat = make_frames(0);

    for (int f = 0; f < N_FRAMES; f++)
        memset(flat[f].rgb, 0, sizeof flat[f].rgb);
    snap(same);
    snap(flat);
    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++)
            g_assert_true(same[f].kept[p] >= 0 && same[f].kept[p] <= 1 && flat[f].kept[p] >= 0 && flat[f].kept[p] <= 1);
}

/* Planes of one pixel and of one line. */
static void
test_small(void)
{
    static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 2, 2 } };
    float rgb[27] = { 0.5f, -0.5f }, drawn[9] = { 1 }, kept[9] = { 1 };

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(VeraMatteSnap) self = vera_matte_snap_new(sizes[i][0], sizes[i][1], NULL);
        vera_matte_snap_begin(self);
        vera_matte_snap_learn(self, rgb, drawn, kept);
        vera_matte_snap_find(self, rgb, drawn, kept);
        for (int p = 0; p < sizes[i][0] * sizes[i][1]; p++)
            g_assert_true(kept[p] >= 0 && kept[p] <= 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/matte-snap/finds-edge", test_finds_edge);
    g_test_add_func("/matte-snap/stays-near", test_stays_near);
    g_test_add_func("/matte-snap/nothing-to-see", test_nothing_to_see);
    g_test_add_func("/matte-snap/small", test_small);
    return g_test_run();
}
