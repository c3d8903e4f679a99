#include "config.h"

#include "tests/engine/media-fixture.h"

#define SMALL "-f lavfi -i testsrc2=s=64x48:r=24:d=1"

static gboolean
make(const char *arguments)
{
    g_autofree char *command = g_strconcat("ffmpeg -y ", arguments, NULL);
    if (!fixture_has_ffmpeg())
        return FALSE;
    if (fixture_run(command))
        return TRUE;
    g_test_skip("this ffmpeg lacks the encoder");
    return FALSE;
}

static void
assert_read_fails(VeraClip *clip, gint64 index, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, index, NULL, &error);
    g_assert_null(frame);
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_assert_nonnull(strstr(error->message, part));
}

/** Noise, the same each time, with the start of a bare H.263 stream at @start_code unless that is 0. */
static void
write_noise(const char *name, gsize start_code)
{
    static const guint8 code[] = {0x00, 0x00, 0x83, 0x5a, 0x12, 0x72, 0x98, 0x23};
    enum { SIZE = 50000 };
    g_autofree guint8 *noise = g_malloc(SIZE);
    g_autofree char *path = fixture_get_path(name);

    for (guint32 i = 0, x = 1; i < SIZE; i++, x = x * 1664525 + 1013904223)
        noise[i] = (guint8)(x >> 24);
    if (start_code != 0)
        memcpy(noise + start_code, code, sizeof code);
    g_assert_true(g_file_set_contents(path, (char *)noise, SIZE, NULL));
}

static void
test_not_media(void)
{
    write_noise("noise.mp4", 0);
    g_assert_true(fixture_run(
        ": > empty.mov && echo hello > t.png "
        "&& mkdir -p nothing && : > empty.exr && echo hello > text.exr && mkfifo pipe.mp4"));
    fixture_assert_fails("absent.mp4", VERA_ENGINE_ERROR_BAD_INPUT, "absent.mp4");
    fixture_assert_fails("absent.0001.exr", VERA_ENGINE_ERROR_BAD_INPUT, "absent.0001.exr");
    fixture_assert_fails("absent.%04d.png", VERA_ENGINE_ERROR_BAD_INPUT, "absent");
    fixture_assert_fails("noise.mp4", VERA_ENGINE_ERROR_BAD_INPUT, "noise.mp4");
    fixture_assert_fails("empty.mov", VERA_ENGINE_ERROR_BAD_INPUT, "empty");
    fixture_assert_fails("t.png", VERA_ENGINE_ERROR_BAD_INPUT, "t.png");
    fixture_assert_fails("nothing", VERA_ENGINE_ERROR_BAD_INPUT, "no pictures");
    fixture_assert_fails("empty.exr", VERA_ENGINE_ERROR_BAD_INPUT, "empty");
    fixture_assert_fails("text.exr", VERA_ENGINE_ERROR_BAD_INPUT, "text.exr");
    fixture_assert_fails("pipe.mp4", VERA_ENGINE_ERROR_BAD_INPUT, "regular");
}

/* The start of a bare H.263 stream stands in the middle of nothing by chance: it once made a picture of 704x576. */
static void
test_noise_with_a_start_code(void)
{
    write_noise("chance.mp4", 20000);
    fixture_assert_fails("chance.mp4", VERA_ENGINE_ERROR_BAD_INPUT, "not a media file");
    if (make(SMALL " -s 128x96 -c:v h263 -f h263 bare.h263"))
        g_object_unref(fixture_open("bare.h263"));
}

/* Everything that a sequence lacks is told at once. */
static void
test_gaps(void)
{
    g_assert_true(fixture_run("mkdir gaps && cd gaps && for i in 1001 1002 1004 1008 1009; do : > p.$i.png; done"));
    fixture_assert_fails("gaps", VERA_ENGINE_ERROR_BAD_INPUT, "p.1001.png’ lacks 4 pictures, number 1003, 1005–1007; add");
    g_assert_true(fixture_run("cd gaps && rm p.1008.png p.1009.png"));
    fixture_assert_fails("gaps/p.1004.png", VERA_ENGINE_ERROR_BAD_INPUT, "no picture number 1003 (‘p.1003.png’); add it");
    g_assert_true(fixture_run("cd gaps && rm * && for i in $(seq 0 2 40); do : > p.00$i.png; done; rm p.00?.png; mv p.0040.png p.0041.png"));
    fixture_assert_fails("gaps", VERA_ENGINE_ERROR_BAD_INPUT, "number 0011, 0013, 0015, 0017, 0019, 0021, 0023, 0025 and more; add");
}

static void
test_audio_only(void)
{
    if (!make("-f lavfi -i sine=d=0.2 -c:a pcm_s16le s.wav"))
        return;
    fixture_assert_fails("s.wav", VERA_ENGINE_ERROR_BAD_INPUT, "no video");
}

static void
test_truncated_movies(void)
{
    if (!make(SMALL " -c:v mjpeg -q:v 2 -movflags +faststart whole.mov"))
        return;
    g_assert_true(fixture_run("head -c $(($(stat -c %s whole.mov) * 2 / 3)) whole.mov > part.mov"));
    g_autoptr(VeraClip) whole = fixture_open("whole.mov");
    g_autoptr(VeraClip) part = fixture_open("part.mov");
    gint64 n = vera_clip_get_info(part)->n_frames;
    g_assert_cmpint(n, <, vera_clip_get_info(whole)->n_frames);
    g_assert_cmpint(n, >, 8);
    for (gint64 i = n - 1; i >= 0; i--) {
        g_autoptr(VeraFrame) a = vera_clip_read_frame(whole, i, NULL, NULL);
        g_autoptr(VeraFrame) b = vera_clip_read_frame(part, i, NULL, NULL);
        g_autofree char *hash_a = vera_frame_hash(a), *hash_b = vera_frame_hash(b);
        g_assert_cmpstr(hash_a, ==, hash_b);
    }
    assert_read_fails(part, n, "no frame");
    assert_read_fails(part, -1, "no frame -1");
    g_assert_false(vera_clip_get_info(whole)->is_truncated);
    g_assert_true(vera_clip_get_info(part)->is_truncated);
    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i testsrc2=s=64x48:r=24:d=4 -c:v mjpeg "
                              "whole.mkv && head -c $(($(stat -c %s whole.mkv) / 2)) whole.mkv > part.mkv"));
    g_autoptr(VeraClip) whole_mkv = fixture_open("whole.mkv");
    g_autoptr(VeraClip) part_mkv = fixture_open("part.mkv");
    g_assert_false(vera_clip_get_info(whole_mkv)->is_truncated);
    g_assert_true(vera_clip_get_info(part_mkv)->is_truncated);
    g_assert_true(fixture_run("ffmpeg -y " SMALL
                              " -c:v mjpeg late.mov && head -c 20000 late.mov > headless.mov"));
    fixture_assert_fails("headless.mov", VERA_ENGINE_ERROR_BAD_INPUT, "headless.mov");
}

static void
test_changed_while_open(void)
{
    if (!make(SMALL " -c:v mjpeg change.avi"))
        return;
    g_autoptr(VeraClip) clip = fixture_open("change.avi");
    g_assert_true(fixture_run("head -c 9000 change.avi > shorter && cat shorter > change.avi"));
    assert_read_fails(clip, 20, "changed");
}

static void
test_damaged_stills(void)
{
    if (!make(SMALL " -pix_fmt rgb24 a.%02d.png && ffmpeg -y " SMALL " b.%02d.jpg && "
                    "ffmpeg -y " SMALL " -pix_fmt rgb24 c.%02d.tif"))
        return;
    g_assert_true(fixture_run("for f in a.05.png b.05.jpg c.05.tif; do "
                              "head -c $(($(stat -c %s $f) / 2)) $f > x && mv x $f; done"));
    g_autoptr(VeraClip) png = fixture_open("a.%02d.png");
    g_autoptr(VeraClip) jpeg = fixture_open("b.01.jpg");
    g_autoptr(VeraClip) tiff = fixture_open("c.01.tif");
    assert_read_fails(png, 4, "a.05.png");
    assert_read_fails(jpeg, 4, "b.05.jpg");
    assert_read_fails(tiff, 4, "c.05.tif");
    g_assert_cmpint(vera_clip_get_info(png)->start_number, ==, 1);
    g_assert_true(fixture_run("rm a.09.png"));
    assert_read_fails(png, 8, "a.09.png");
}

static void
test_uneven_sequences(void)
{
    if (!make(SMALL " h.%03d.png && mkdir -p both && ffmpeg -y " SMALL " both/a.%03d.png && "
                    "ffmpeg -y " SMALL " both/b.%03d.png && ffmpeg -y " SMALL " z.%03d.png"))
        return;
    g_assert_true(fixture_run("rm h.007.png && ffmpeg -y -i z.003.png -vf scale=32:32 z.010.png"));
    fixture_assert_fails("h.001.png", VERA_ENGINE_ERROR_BAD_INPUT, "h.007.png");
    fixture_assert_fails("z.001.png", VERA_ENGINE_ERROR_BAD_INPUT, "z.010.png");
    fixture_assert_fails("both", VERA_ENGINE_ERROR_BAD_INPUT, "more than one");
}

/* What a stream says of its colours, in the numbers of H.273. Written into what is encoded, since
 * the options for it are heeded by some versions of ffmpeg only, and newer ones convert the picture
 * first. */
#define TAGS " -c:v libx264 -pix_fmt yuv420p -bsf:v h264_metadata="

static void
test_refused_colors(void)
{
    if (!make(SMALL TAGS "matrix_coefficients=8 y.mp4 && ffmpeg -y " SMALL TAGS
                         "matrix_coefficients=10 c.mp4 && ffmpeg -y " SMALL TAGS
                         "transfer_characteristics=9 l.mp4"))
        return;
    fixture_assert_fails("y.mp4", VERA_ENGINE_ERROR_UNSUPPORTED, "ycgco");
    fixture_assert_fails("c.mp4", VERA_ENGINE_ERROR_UNSUPPORTED, "bt2020c");
    fixture_assert_fails("l.mp4", VERA_ENGINE_ERROR_UNSUPPORTED, "log100");
}

static void
test_color_tags(void)
{
    static const struct {
        const char *options;
        VeraColorDescription color;
    } tags[] = {
        {TAGS "matrix_coefficients=1:colour_primaries=1:transfer_characteristics=1:"
              "video_full_range_flag=0",
         {VERA_COLOR_MATRIX_BT709, VERA_COLOR_TRANSFER_BT709, VERA_COLOR_PRIMARIES_BT709, FALSE,
          FALSE}},
        {TAGS "matrix_coefficients=9:colour_primaries=9:transfer_characteristics=16:"
              "video_full_range_flag=1",
         {VERA_COLOR_MATRIX_BT2020, VERA_COLOR_TRANSFER_PQ, VERA_COLOR_PRIMARIES_BT2020, TRUE,
          FALSE}},
        {TAGS "matrix_coefficients=5:colour_primaries=5:transfer_characteristics=18",
         {VERA_COLOR_MATRIX_BT601, VERA_COLOR_TRANSFER_HLG, VERA_COLOR_PRIMARIES_BT601_625, FALSE,
          FALSE}},
        {" -c:v libx264 -pix_fmt yuv420p",
         {VERA_COLOR_MATRIX_BT601, VERA_COLOR_TRANSFER_BT709, VERA_COLOR_PRIMARIES_BT601_525, FALSE,
          TRUE}},
        {" -vf scale=1280:720 -c:v libx264 -pix_fmt yuv420p",
         {VERA_COLOR_MATRIX_BT709, VERA_COLOR_TRANSFER_BT709, VERA_COLOR_PRIMARIES_BT709, FALSE,
          TRUE}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tags); i++) {
        g_autofree char *command = g_strdup_printf(SMALL " -t 0.1 %s tags.mp4", tags[i].options);
        if (!make(command))
            return;
        g_autoptr(VeraClip) clip = fixture_open("tags.mp4");
        const VeraColorDescription *c = &vera_clip_get_info(clip)->color;
        g_assert_cmpint(c->matrix, ==, tags[i].color.matrix);
        g_assert_cmpint(c->transfer, ==, tags[i].color.transfer);
        g_assert_cmpint(c->primaries, ==, tags[i].color.primaries);
        g_assert_cmpint(c->is_full_range, ==, tags[i].color.is_full_range);
        g_assert_cmpint(c->is_guessed, ==, tags[i].color.is_guessed);
    }
}

static void
test_facts_of_a_movie(void)
{
    if (!make("-f lavfi -i testsrc2=s=64x48:r=30000/1001:d=2 -f lavfi -i sine=d=2 -vf setsar=4/3 "
              "-timecode '01:02:03;04' -c:v libx264 -bf 2 -pix_fmt yuv420p -c:a aac f.mov && "
              "ffmpeg -y -i f.mov -c copy f.mkv && (ffmpeg -y -display_rotation 90 -i f.mov -c:v copy t.mov || "
              "ffmpeg -y -i f.mov -c:v copy -metadata:s:v:0 rotate=90 t.mov)")) /* the second before FFmpeg 6 */
        return;
    g_autoptr(VeraClip) clip = fixture_open("f.mov");
    const VeraClipInfo *info = vera_clip_get_info(clip);
    g_assert_cmpint(info->rate_num, ==, 30000);
    g_assert_cmpint(info->rate_den, ==, 1001);
    g_assert_false(info->is_variable_rate);
    g_assert_cmpint(info->n_audio_streams, ==, 1);
    g_assert_cmpstr(info->start_timecode, ==, "01:02:03;04");
    g_assert_cmpint(info->pixel_aspect_num, ==, 4);
    g_assert_cmpint(info->pixel_aspect_den, ==, 3);
    g_assert_cmpint(info->start_number, ==, -1);
    g_assert_cmpfloat_with_epsilon(vera_clip_get_frame_time(clip, 30), 1.001, 1e-4);
    g_autoptr(VeraClip) mkv = fixture_open("f.mkv");
    g_assert_cmpint(vera_clip_get_info(mkv)->rate_num, ==, 30000);
    g_assert_false(vera_clip_get_info(mkv)->is_variable_rate);
    g_autoptr(VeraClip) turned = fixture_open("t.mov");
    info = vera_clip_get_info(turned);
    g_assert_cmpint(info->width, ==, 48);
    g_assert_cmpint(info->height, ==, 64);
    g_assert_cmpint(info->pixel_aspect_num, ==, 3);
    g_assert_true(info->rotation == 90 || info->rotation == 270);
}

static void
test_variable_rate(void)
{
    if (!make(SMALL " -vf \"select='not(eq(mod(n,5),2))'\" -vsync vfr -c:v libx264 -bf 2 -pix_fmt "
                    "yuv420p v.mkv"))
        return;
    g_autoptr(VeraClip) clip = fixture_open("v.mkv");
    g_assert_true(vera_clip_get_info(clip)->is_variable_rate);
    g_assert_cmpfloat_with_epsilon(vera_clip_get_frame_time(clip, 1), 1 / 24.0, 0.001);
    g_assert_cmpfloat_with_epsilon(vera_clip_get_frame_time(clip, 2), 3 / 24.0, 0.001);
    /* Every fifth frame is missing, so that the one before it lasts twice as long. */
    g_assert_cmpfloat_with_epsilon(vera_clip_get_frame_at(clip, 2 / 24.0), 1.5, 0.02);
    g_assert_cmpfloat_with_epsilon(vera_clip_get_time_at(clip, 1.5), 2 / 24.0, 0.001);
    gint64 last = vera_clip_get_info(clip)->n_frames - 1;
    for (gint64 i = 0; i <= last; i++)
        g_assert_cmpfloat_with_epsilon(
            vera_clip_get_frame_at(clip, vera_clip_get_frame_time(clip, i)), (double)i, 1e-6);
    g_assert_cmpfloat(vera_clip_get_frame_at(clip, 10), >, (double)last + 1);
    g_assert_cmpfloat(vera_clip_get_frame_at(clip, -0.5), <, -1);
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, 2, NULL, NULL);
    g_assert_cmpint(frame->pts, ==, 125);
}

static void
test_extreme_sizes(void)
{
    if (!make("-f lavfi -i color=red:s=1x1:d=0.2:r=24 -c:v ffv1 -pix_fmt yuv420p one.mkv && "
              "ffmpeg -y -f lavfi -i testsrc2=s=8192x4320 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p "
              "big.avi"))
        return;
    g_autoptr(VeraClip) one = fixture_open("one.mkv");
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(one, 3, NULL, NULL);
    float rgb[3];
    vera_frame_to_rgb(frame, rgb);
    g_assert_cmpfloat_with_epsilon(rgb[0], 1.0, 0.03);
    g_assert_cmpfloat_with_epsilon(rgb[1], 0.0, 0.03);
    g_autoptr(VeraClip) big = fixture_open("big.avi");
    g_autoptr(VeraFrame) huge = vera_clip_read_frame(big, 0, NULL, NULL);
    g_assert_cmpint(huge->width, ==, 8192);
    g_assert_cmpint(huge->height, ==, 4320);
}

static void
test_cancelled(void)
{
    if (!make(SMALL " -c:v mjpeg s.avi"))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(VeraClip) clip = fixture_open("s.avi");
    g_cancellable_cancel(cancellable);
    g_assert_null(vera_clip_read_frame(clip, 3, cancellable, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CANCELLED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clip/input/not-media", test_not_media);
    g_test_add_func("/clip/input/noise-with-a-start-code", test_noise_with_a_start_code);
    g_test_add_func("/clip/input/gaps", test_gaps);
    g_test_add_func("/clip/input/audio-only", test_audio_only);
    g_test_add_func("/clip/input/truncated-movies", test_truncated_movies);
    g_test_add_func("/clip/input/changed-while-open", test_changed_while_open);
    g_test_add_func("/clip/input/damaged-stills", test_damaged_stills);
    g_test_add_func("/clip/input/uneven-sequences", test_uneven_sequences);
    g_test_add_func("/clip/input/refused-colors", test_refused_colors);
    g_test_add_func("/clip/input/color-tags", test_color_tags);
    g_test_add_func("/clip/input/facts", test_facts_of_a_movie);
    g_test_add_func("/clip/input/variable-rate", test_variable_rate);
    g_test_add_func("/clip/input/extreme-sizes", test_extreme_sizes);
    g_test_add_func("/clip/input/cancelled", test_cancelled);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
