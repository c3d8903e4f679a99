#include "config.h"

#include "tests/engine/media-fixture.h"

/* Files with holes of zeros, as lost blocks leave them: each frame is what was coded, or is refused. */

#define SOURCE "-f lavfi -i testsrc2=s=320x240:r=24:d=4 -vf noise=alls=8:allf=t"
#define N_TRIALS 6
#define HOLE 400

typedef struct {
    const char *name;
    const char *make;
    const char *file;
} Case;

static const Case cases[] = {
    {"h264-bframes",
     SOURCE " -c:v libx264 -x264-params keyint=24:min-keyint=24:scenecut=0:bframes=3 "
            "-pix_fmt yuv420p d.mp4",
     "d.mp4"},
    {"h264-long-gop",
     SOURCE " -c:v libx264 -x264-params keyint=250:bframes=3:b-pyramid=normal -pix_fmt yuv420p "
            "l.mp4",
     "l.mp4"},
    {"h264-open-gop",
     SOURCE " -c:v libx264 -x264-params open-gop=1:bframes=3:keyint=12 -pix_fmt yuv420p o.mp4",
     "o.mp4"},
    {"h264-no-bframes",
     SOURCE " -c:v libx264 -x264-params keyint=24:bframes=0:cabac=0 -pix_fmt yuv420p p.mp4",
     "p.mp4"},
};

/** Bytes of pictures, as ffprobe lists them: position and size of each packet. */
static GArray *
list_packets(const char *file)
{
    GArray *packets = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *command = g_strdup_printf(
        "ffprobe -v error -select_streams v -show_entries packet=pos,size -of csv=p=0 %s > packets",
        file);
    g_autofree char *path = fixture_get_path("packets"), *text = NULL;

    g_assert_true(fixture_run(command));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, ",", -1);
        gint64 pair[2] = {g_ascii_strtoll(fields[1], NULL, 10),
                          g_ascii_strtoll(fields[0], NULL, 10)};
        g_array_append_vals(packets, pair, 2);
    }
    return packets;
}

/** A copy of the file with @n holes in its pictures, of which the first frames stay sound. */
static void
write_damaged(const Case *self, const GArray *packets, guint seed, int n)
{
    g_autofree char *path = fixture_get_path(self->file), *data = NULL;
    g_autofree char *name = g_strconcat("damaged-", self->file, NULL);
    g_autofree char *out = fixture_get_path(name);
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    gsize size = 0;

    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    for (int i = 0; i < n; i++) {
        gint32 p = g_rand_int_range(random, 6, (gint32)packets->len / 2);
        gint64 pos = g_array_index(packets, gint64, 2 * p);
        gint64 length = g_array_index(packets, gint64, 2 * p + 1);
        gint64 at = pos + g_rand_int_range(random, 0, (gint32)MAX(length, 2));
        memset(data + at, 0, (gsize)CLAMP((gint64)size - at, 0, HOLE));
    }
    g_assert_true(g_file_set_contents(out, data, (gssize)size, NULL));
}

typedef struct {
    int n_right;
    int n_refused;
    int n_wrong;
} Score;

static void
score_frame(VeraClip *clip, GPtrArray *hashes, gint64 index, Score *score)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, index, NULL, &error);
    g_autofree char *hash = frame != NULL ? vera_frame_hash(frame) : NULL;

    if (frame == NULL) {
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
        g_assert_nonnull(strstr(error->message, "damaged"));
        score->n_refused++;
    } else if (g_str_equal(hash, g_ptr_array_index(hashes, index))) {
        score->n_right++;
    } else {
        g_test_message("frame %" G_GINT64_FORMAT " is wrong", index);
        score->n_wrong++;
    }
}

static void
score_clip(const Case *self, GPtrArray *hashes, Score *score)
{
    g_autofree char *name = g_strconcat("damaged-", self->file, NULL);
    g_autofree char *path = fixture_get_path(name);
    g_autoptr(VeraClip) forward = vera_clip_open(path, NULL, NULL);
    g_autoptr(VeraClip) backward = vera_clip_open(path, NULL, NULL);

    g_assert_nonnull(forward);
    gint64 n = vera_clip_get_info(forward)->n_frames;
    g_assert_cmpint(n, ==, hashes->len);
    for (gint64 i = 0; i < n; i++)
        score_frame(forward, hashes, i, score);
    for (gint64 i = n - 1; i >= 0; i -= 5)
        score_frame(backward, hashes, i, score);
}

static void
test_holes(gconstpointer data)
{
    const Case *self = data;
    g_autofree char *make = g_strconcat("ffmpeg -y ", self->make, NULL);
    g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);
    Score score = {0};

    if (!fixture_has_ffmpeg())
        return;
    if (!fixture_run(make)) {
        g_test_skip("this ffmpeg lacks the encoder");
        return;
    }
    g_autoptr(GArray) packets = list_packets(self->file);
    g_autoptr(VeraClip) clip = fixture_open(self->file);
    for (gint64 i = 0; i < vera_clip_get_info(clip)->n_frames; i++) {
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, i, NULL, NULL);
        g_ptr_array_add(hashes, vera_frame_hash(frame));
    }
    for (guint seed = 1; seed <= N_TRIALS; seed++) {
        write_damaged(self, packets, seed, 1 + (int)seed % 3);
        score_clip(self, hashes, &score);
    }
    g_test_message("%d right, %d refused, %d wrong", score.n_right, score.n_refused, score.n_wrong);
    g_assert_cmpint(score.n_wrong, ==, 0);
    g_assert_cmpint(score.n_refused, >, 0);
    g_assert_cmpint(score.n_right, >, 5 * (int)N_TRIALS);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strconcat("/clip/damage/", cases[i].name, NULL);
        g_test_add_data_func(name, &cases[i], test_holes);
    }
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
