#include "config.h"

#include "engine/compositing/vera-matte-evidence.h"

#include <math.h>
#include <string.h>

/* A striped disc moves over a textured ground, in the left half; what is known of it is a blob that
 * is off. */

enum { W = 128, H = 64, N = W * H, N_FRAMES = 5 };

typedef struct {
    float rgb[3 * N];
    float maybe[N];
    float evidence[N];
    gboolean truth[N];
} Frame;

static const float subject[3] = {0.7f, 0.2f, -0.5f}, stranger[3] = {-0.9f, 0.9f, 0.9f};

static float
get_ground(int x, int y, int c)
{
    return 0.12f * sinf((float)(x * (3 + c) + y * 5) * 0.21f) +
           0.1f * cosf((float)(x - 2 * y + 7 * c) * 0.33f);
}

static Frame *
make_frames(void)
{
    Frame *frames = g_new0(Frame, N_FRAMES);

    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++) {
            int x = p % W, y = p / W;
            float cx = 26 + 2 * (float)f, cy = 32,
                  off = hypotf((float)x - cx - 4, ((float)y - cy - 3) * 1.4f);
            frames[f].truth[p] = hypotf((float)x - cx, (float)y - cy) < 12;
            frames[f].maybe[p] = CLAMP((17 - off) / 6, 0.0f, 1.0f);
            for (int c = 0; c < 3; c++)
                frames[f].rgb[c * N + p] =
                    frames[f].truth[p] ? subject[c] + 0.1f * (float)(y / 3 % 2)
                    : x > W - 10       ? stranger[c] /* further away than is counted */
                                       : get_ground(x, y, c);
        }
    return frames;
}

static VeraMatteEvidence *
look(Frame *frames)
{
    g_autoptr(GError) error = NULL;
    VeraMatteEvidence *self = vera_matte_evidence_new(W, H, &error);

    g_assert_no_error(error);
    for (int f = 0; f < N_FRAMES; f++)
        vera_matte_evidence_count(self, frames[f].rgb, frames[f].maybe);
    vera_matte_evidence_close(self);
    for (int f = 0; f < N_FRAMES; f++)
        vera_matte_evidence_weigh(self, frames[f].rgb, frames[f].evidence);
    return self;
}

/* The subject's colours speak for it and the ground's against, also where the blob is wrong; a
 * colour that stands nowhere near, not at all. */
static void
test_tells(void)
{
    g_autofree Frame *frames = make_frames(), *again = make_frames();
    g_autoptr(VeraMatteEvidence) self = look(frames), other = look(again);
    double inside = 0, around = 0;
    int n_inside = 0, n_around = 0;

    for (int f = 0; f < N_FRAMES; f++)
        for (int p = 0; p < N; p++) {
            float value = frames[f].evidence[p];
            if (frames[f].truth[p])
                inside += (double)value, n_inside++;
            else if (p % W <= W - 10)
                around += (double)value, n_around++;
            else
                g_assert_cmpfloat_with_epsilon(value, 0.5, 1e-6);
        }
    g_test_message("%.3f of the subject, %.3f of the ground", inside / n_inside, around / n_around);
    g_assert_cmpfloat(inside / n_inside, >, 0.6);
    g_assert_cmpfloat(around / n_around, <, 0.05);
    g_assert_cmpmem(frames, N_FRAMES * sizeof(Frame), again, N_FRAMES * sizeof(Frame));
}

/* By hand: one pixel inside, one around, of two colours that lie on cells of their own. The counts
 * run together into neighbours, so that of each colour an eighth (half of half of half) stays at
 * its own cell; 0.11 in a million pixels weighs nothing. */
static void
test_counts(void)
{
    static const float rgb[6] = {1, -1, 1, -1, 1, -1}, maybe[2] = {1, 0.2f};
    float evidence[2];
    g_autoptr(VeraMatteEvidence) self = vera_matte_evidence_new(2, 1, NULL);

    vera_matte_evidence_count(self, rgb, maybe);
    vera_matte_evidence_close(self);
    vera_matte_evidence_weigh(self, rgb, evidence);
    /* At a corner of the cube the border counts twice: (3/4)^3. */
    g_assert_cmpfloat_with_epsilon(evidence[0], 1, 1e-5);
    /* Inside: 0.2 squared; around: 0.8 squared */
    g_assert_cmpfloat_with_epsilon(evidence[1], 0.04 / (0.04 + 0.64), 1e-5);
}

/* Planes of one pixel and of one line; nothing counted at all. */
static void
test_small(void)
{
    static const int sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}};
    float rgb[27] = {0.5f, -0.5f, 7, -7}, maybe[9] = {1}, evidence[9];

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(VeraMatteEvidence) self = vera_matte_evidence_new(sizes[i][0], sizes[i][1], NULL);
        vera_matte_evidence_count(self, rgb, maybe);
        vera_matte_evidence_close(self);
        vera_matte_evidence_weigh(self, rgb, evidence);
        for (int p = 0; p < sizes[i][0] * sizes[i][1]; p++)
            g_assert_true(evidence[p] >= 0 && evidence[p] <= 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/matte-evidence/tells", test_tells);
    g_test_add_func("/matte-evidence/counts", test_counts);
    g_test_add_func("/matte-evidence/small", test_small);
    return g_test_run();
}
