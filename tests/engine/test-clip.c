#include "config.h"

#include "tests/engine/media-fixture.h"

/** A file and how an independent decoder sees it. */
typedef struct {
    const char *name;
    const char *make;
    const char *file;
    const char *pix_fmt;
    int n_frames;
} Case;

#define SOURCE "-f lavfi -i testsrc2=s=130x98:r=24:d=2"
#define NOISE "noise=alls=30:allf=t"

static const Case cases[] = {
    {"h264-bframes", SOURCE " -vf " NOISE " -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p h264.mp4",
     "h264.mp4", "yuv420p", 48},
    {"h264-open-gop",
     SOURCE " -c:v libx264 -x264-params open-gop=1:bframes=3:keyint=8:b-pyramid=normal "
            "-pix_fmt yuv420p open.mkv",
     "open.mkv", "yuv420p", 48},
    {"h264-open-gop-ts",
     SOURCE " -c:v libx264 -x264-params open-gop=1:bframes=3:keyint=8 "
            "-pix_fmt yuv420p open.ts",
     "open.ts", "yuv420p", 48},
    {"h264-elementary", SOURCE " -c:v libx264 -bf 2 -g 12 -pix_fmt yuv420p raw.h264", "raw.h264",
     "yuv420p", 48},
    {"h264-422-10", SOURCE " -c:v libx264 -bf 2 -pix_fmt yuv422p10le ten.mov", "ten.mov",
     "yuv422p10le", 48},
    {"h264-avi", SOURCE " -c:v libx264 -bf 2 -g 12 -pix_fmt yuv420p b.avi", "b.avi", "yuv420p", 48},
    {"h264-intra-refresh",
     SOURCE " -c:v libx264 -x264-params intra-refresh=1:keyint=10:bframes=0 "
            "-pix_fmt yuv420p ir.mkv",
     "ir.mkv", "yuv420p", 48},
    {"h264-edit-list",
     SOURCE " -c:v libx264 -bf 2 -g 24 -pix_fmt yuv420p long.mp4 && "
            "ffmpeg -y -ss 0.6 -i long.mp4 -c copy cut.mp4",
     "cut.mp4", "yuv420p", -1},
    {"mpeg2-open-gop", SOURCE " -c:v mpeg2video -bf 2 -g 9 -b:v 3M -pix_fmt yuv420p m2.ts", "m2.ts",
     "yuv420p", 48},
    {"mpeg2-program-stream", SOURCE " -c:v mpeg2video -bf 2 -g 9 -b:v 3M -pix_fmt yuv420p m2.mpg",
     "m2.mpg", "yuv420p", 48},
    {"hevc-open-gop",
     SOURCE " -c:v libx265 -x265-params log-level=none:open-gop=1:keyint=8:bframes=3 "
            "-pix_fmt yuv420p10le hevc.mp4",
     "hevc.mp4", "yuv420p10le", 48},
    {"vp8-hidden-frames",
     SOURCE " -c:v libvpx -auto-alt-ref 1 -lag-in-frames 12 -b:v 300k vp8.webm", "vp8.webm",
     "yuv420p", 48},
    {"vp9", SOURCE " -c:v libvpx-vp9 -cpu-used 8 -deadline realtime -b:v 300k vp9.webm", "vp9.webm",
     "yuv420p", 48},
    {"prores", SOURCE " -c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le p.mov", "p.mov",
     "yuv422p10le", 48},
    {"prores-alpha", SOURCE " -c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le pa.mov",
     "pa.mov", "yuva444p12le", 48},
    {"ffv1-gbrp", SOURCE " -c:v ffv1 -pix_fmt gbrp f.mkv", "f.mkv", "gbrp", 48},
    {"ffv1-gbrp12", SOURCE " -c:v ffv1 -pix_fmt gbrp12le f12.mkv", "f12.mkv", "gbrp12le", 48},
    {"ffv1-yuv420p16", SOURCE " -c:v ffv1 -pix_fmt yuv420p16le f16.mkv", "f16.mkv", "yuv420p16le",
     48},
    {"ffv1-odd", "-f lavfi -i testsrc2=s=131x97:r=24:d=1 -c:v ffv1 -pix_fmt yuv420p odd.mkv",
     "odd.mkv", "yuv420p", 24},
    {"ffv1-9-bit", SOURCE " -c:v ffv1 -pix_fmt yuv444p9le f9.mkv", "f9.mkv", "yuv444p9le", 48},
    {"raw-uyvy", SOURCE " -c:v rawvideo -pix_fmt uyvy422 u.mov", "u.mov", "yuv422p", 48},
    {"raw-nv12", SOURCE " -c:v rawvideo -pix_fmt nv12 n.nut", "n.nut", "yuv420p", 48},
    {"raw-bgra", SOURCE " -c:v rawvideo -pix_fmt bgra b.nut", "b.nut", "gbrap", 48},
    {"mjpeg", SOURCE " -c:v mjpeg -pix_fmt yuvj422p m.avi", "m.avi", "yuvj422p", 48},
    {"png-rgb24", SOURCE " -pix_fmt rgb24 -start_number 1001 p8.%04d.png", "p8.%04d.png", "gbrp",
     48},
    {"png-rgb48", SOURCE " -pix_fmt rgb48be p16.%04d.png", "p16.%04d.png", "gbrp16le", 48},
    {"png-palette", SOURCE " -pix_fmt pal8 pal.%04d.png", "pal.%04d.png", "gbrap", 48},
    {"png-gray16", SOURCE " -pix_fmt gray16be g16.%04d.png", "g16.%04d.png", "gray16le", 48},
    {"tiff-rgb48", SOURCE " -pix_fmt rgb48le t.%04d.tif", "t.%04d.tif", "gbrp16le", 48},
    {"dpx-10", SOURCE " -pix_fmt gbrp10be d.%04d.dpx", "d.%04d.dpx", "gbrp10le", 48},
    {"rotated",
     SOURCE " -c:v libx264 -bf 2 -pix_fmt yuv420p r0.mp4 && "
            "ffmpeg -y -i r0.mp4 -c copy -metadata:s:v:0 rotate=90 r90.mp4",
     "r90.mp4", "yuv420p", 48},
    {"rotated-half",
     SOURCE " -c:v libx264 -bf 2 -pix_fmt yuv422p q0.mp4 && "
            "ffmpeg -y -i q0.mp4 -c copy -metadata:s:v:0 rotate=180 r180.mp4",
     "r180.mp4", "yuv422p", 48},
    {"vfr",
     SOURCE
     " -vf \"select='not(eq(mod(n,5),2))'\" -vsync vfr -c:v libx264 -bf 2 -pix_fmt yuv420p v.mkv",
     "v.mkv", "yuv420p", 38},
};

static char *
decode_reference(const Case *self, gsize *size)
{
    char *data = NULL;
    g_autofree char *path = fixture_get_path("reference.raw");
    gboolean is_numbered = strchr(self->file, '%') != NULL;
    gboolean is_palette = strncmp(self->file, "pal", 3) == 0;
    g_autofree char *command = g_strdup_printf(
        "ffmpeg -y %s -i %s -vsync passthrough %s -f rawvideo -pix_fmt %s reference.raw",
        is_numbered && strncmp(self->file, "p8", 2) == 0 ? "-start_number 1001" : "", self->file,
        is_palette ? "-vf format=rgba,format=gbrap" : "", self->pix_fmt);
    g_assert_true(fixture_run(command));
    g_assert_true(g_file_get_contents(path, &data, size, NULL));
    return data;
}

/** Compares @frame with one picture of the reference, which stores G, B, R where ours is R, G, B.
 */
static gsize
compare_frame(const VeraFrame *frame, const char *reference)
{
    static const int rgb_order[4] = {1, 2, 0, 3};
    int size = frame->format.bits > 8 ? 2 : 1;
    gsize offset = 0;

    for (int i = 0; i < frame->format.n_planes; i++) {
        int p = frame->format.layout == VERA_FRAME_LAYOUT_RGB ? rgb_order[i] : i;
        gsize row = (gsize)vera_frame_get_plane_width(frame, p) * size;
        for (int y = 0; y < vera_frame_get_plane_height(frame, p); y++, offset += row)
            if (reference != NULL)
                g_assert_cmpmem(frame->data[p] + (gsize)y * frame->stride[p], row,
                                reference + offset, row);
    }
    return offset;
}

static void
check_frame(VeraClip *clip, gint64 index, const char *reference, gsize frame_size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, index, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(frame->index, ==, index);
    compare_frame(frame, reference + (gsize)index * frame_size);
}

static void
check_all_orders(VeraClip *clip, const char *reference, gsize size)
{
    gint64 n = vera_clip_get_info(clip)->n_frames;
    g_autoptr(VeraFrame) first = vera_clip_read_frame(clip, 0, NULL, NULL);
    gsize frame_size = compare_frame(first, NULL);
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    g_assert_cmpuint(size, ==, frame_size * (gsize)n);
    for (gint64 i = 0; i < n; i++)
        check_frame(clip, i, reference, frame_size);
    for (gint64 i = n - 1; i >= 0; i--)
        check_frame(clip, i, reference, frame_size);
    for (int i = 0; i < 60; i++)
        check_frame(clip, g_rand_int_range(random, 0, (gint32)n), reference, frame_size);
}

static void
test_every_frame_is_exact(gconstpointer data)
{
    const Case *self = data;
    gsize size = 0;
    g_autofree char *make = g_strconcat("ffmpeg -y ", self->make, NULL);

    if (!fixture_has_ffmpeg())
        return;
    if (!fixture_run(make)) {
        g_test_skip("this ffmpeg lacks the encoder");
        return;
    }
    g_autofree char *reference = decode_reference(self, &size);
    g_autoptr(VeraClip) clip = fixture_open(self->file);
    if (self->n_frames > 0)
        g_assert_cmpint(vera_clip_get_info(clip)->n_frames, ==, self->n_frames);
    check_all_orders(clip, reference, size);
}

/** A real clip: a few frames, last one first, against the same frames by an independent decoder. */
static void
test_real_clip(gconstpointer data)
{
    static const gint64 frames[] = {0, 1, 99, 100, 187, 246};
    const char *root = g_getenv("VERA_SOURCE_ROOT");
    const char *media = g_getenv("VERA_TEST_MEDIA");
    g_autofree char *beside =
        g_build_filename(root != NULL ? root : ".", "..", "shared", "media", NULL);
    g_autofree char *path = g_build_filename(media != NULL ? media : beside, data, NULL);
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *reference = NULL;
    g_autofree char *raw = fixture_get_path("real.raw");
    gsize size = 0;

    if (!fixture_has_ffmpeg())
        return;
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_test_skip("the real clips are not here");
        return;
    }
    g_autofree char *command = g_strdup_printf(
        "ffmpeg -y -i '%s' -vf \"select='eq(n,0)+eq(n,1)+eq(n,99)+eq(n,100)+eq(n,187)+eq(n,246)'\" "
        "-vsync passthrough -f rawvideo real.raw",
        absolute);
    g_assert_true(fixture_run(command));
    g_assert_true(g_file_get_contents(raw, &reference, &size, NULL));
    g_autoptr(VeraClip) clip = vera_clip_open(path, NULL, &error);
    g_assert_no_error(error);
    for (int i = G_N_ELEMENTS(frames) - 1; i >= 0; i--) {
        g_autoptr(VeraFrame) frame = vera_clip_read_frame(clip, frames[i], NULL, &error);
        g_assert_no_error(error);
        compare_frame(frame, reference + (gsize)i * (size / G_N_ELEMENTS(frames)));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strconcat("/clip/exact/", cases[i].name, NULL);
        g_test_add_data_func(name, &cases[i], test_every_frame_is_exact);
    }
    g_test_add_data_func("/clip/real/dog", "dog.mp4", test_real_clip);
    g_test_add_data_func("/clip/real/juggle", "juggle.mp4", test_real_clip);
    int status = g_test_run();
    fixture_remove_folder();
    return status;
}
