#include "config.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "ui/vera-timeline-waveform.h"

#define RATE 8000
#define SECONDS 4
#define WIDTH 424

/* A sound that is loud in its first half and silent in its second. */
static char *
write_sound(const char *folder)
{
    const guint32 n_bytes = RATE * SECONDS * 2;
    g_autoptr(GByteArray) file = g_byte_array_new();
    guint32 sizes[] = { n_bytes + 36, 16, RATE, RATE * 2, n_bytes };
    guint16 form[] = { 1, 1 }, block[] = { 2, 16 };
    char *path = g_build_filename(folder, "half.wav", NULL);

    g_byte_array_append(file, (const guint8 *)"RIFF", 4);
    g_byte_array_append(file, (const guint8 *)&sizes[0], 4);
    g_byte_array_append(file, (const guint8 *)"WAVEfmt ", 8);
    g_byte_array_append(file, (const guint8 *)&sizes[1], 4);
    g_byte_array_append(file, (const guint8 *)form, 4);
    g_byte_array_append(file, (const guint8 *)&sizes[2], 8);
    g_byte_array_append(file, (const guint8 *)block, 4);
    g_byte_array_append(file, (const guint8 *)"data", 4);
    g_byte_array_append(file, (const guint8 *)&sizes[4], 4);
    for (int i = 0; i < RATE * SECONDS; i++) {
        gint16 sample = (gint16)(i < RATE * SECONDS / 2 ? 32000 * sin(i * 0.9) : 0);
        g_byte_array_append(file, (const guint8 *)&sample, 2);
    }
    g_assert_true(g_file_set_contents(path, (const char *)file->data, (gssize)file->len, NULL));
    return path;
}

static void
wait_for(VeraTimelineWaveform *waveform)
{
    while (!vera_timeline_waveform_is_complete(waveform)) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
}

/* Draws at @y and counts the coloured pixels of each column. */
static void
draw(VeraTimelineWaveform *waveform, const VeraTimelineAxis *axis, double y, int *counts, int width)
{
    GtkSnapshot *snapshot = gtk_snapshot_new();
    GdkRGBA red = { 1, 0, 0, 1 };
    GskRenderNode *node;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, 80);
    cairo_t *cr = cairo_create(surface);

    vera_timeline_waveform_draw(waveform, snapshot, axis, &red, y);
    node = gtk_snapshot_free_to_node(snapshot);
    if (node != NULL) {
        gsk_render_node_draw(node, cr);
        gsk_render_node_unref(node);
    }
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    memset(counts, 0, (gsize)width * sizeof *counts);
    for (int row = 0; row < 80; row++) {
        const guint32 *line = (const guint32 *)(gpointer)(cairo_image_surface_get_data(surface) + row * cairo_image_surface_get_stride(surface));
        for (int x = 0; x < width; x++)
            counts[x] += (line[x] >> 16 & 255) > 127;
    }
    cairo_surface_destroy(surface);
}

static void
test_columns(gconstpointer data)
{
    VeraTimelineAxis axis = { .n_frames = 25 * SECONDS, .width = WIDTH, .pixels_per_frame = 1 };
    g_autoptr(VeraTimelineWaveform) waveform = vera_timeline_waveform_new(NULL, data, 0, 25);
    int counts[WIDTH], height, middle;

    vera_timeline_axis_fit(&axis);
    middle = (int)vera_timeline_axis_get_x(&axis, axis.n_frames / 2.0);
    wait_for(waveform);
    height = vera_timeline_waveform_get_height(waveform);
    g_assert_cmpint(height, >, 10);
    draw(waveform, &axis, 10, counts, WIDTH);
    g_assert_cmpint(counts[(int)VERA_TIMELINE_MARGIN / 2], ==, 0);
    for (int x = (int)VERA_TIMELINE_MARGIN + 2; x < middle - 4; x++)
        g_assert_cmpint(counts[x], >=, height - 6);
    for (int x = middle + 4; x < (int)(WIDTH - VERA_TIMELINE_MARGIN) - 2; x++)
        g_assert_cmpint(counts[x], <=, 2);
    /* Another part of the clip is another picture: only the silence is in sight. */
    vera_timeline_axis_zoom(&axis, 4, 0);
    vera_timeline_axis_scroll(&axis, 1e6);
    draw(waveform, &axis, 10, counts, WIDTH);
    for (int x = 2; x < (int)(WIDTH - VERA_TIMELINE_MARGIN) - 2; x++)
        g_assert_cmpint(counts[x], <=, 2);
}

/* Ten frames in the two loud seconds, fifty in the two silent ones: a sixth of the strip is loud. */
static void
test_uneven(gconstpointer data)
{
    VeraTimelineAxis axis = { .n_frames = 60, .width = WIDTH, .pixels_per_frame = 1 };
    g_autofree char *folder = g_path_get_dirname(data), *video = g_build_filename(folder, "uneven.mkv", NULL);
    g_autofree char *command = g_strdup_printf("ffmpeg -v error -y -f lavfi -i testsrc2=s=64x48:r=25:d=4 -vf "
                                               "\"select='gte(n,50)+not(mod(n,5))'\" -vsync vfr -c:v ffv1 '%s'",
                                               video);
    g_autofree char *program = g_find_program_in_path("ffmpeg");
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    int counts[WIDTH], status = 1, border;

    if (program == NULL) {
        g_test_skip("the ffmpeg command is not installed");
        return;
    }
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, NULL);
    g_assert_cmpint(status, ==, 0);
    g_autoptr(VeraClip) clip = vera_clip_open(video, NULL, NULL);
    g_autoptr(VeraTimelineWaveform) waveform = vera_timeline_waveform_new(NULL, data, 0, 15);
    g_assert_cmpint(vera_clip_get_info(clip)->n_frames, ==, 60);
    vera_timeline_waveform_follow(waveform, clip);
    vera_timeline_axis_fit(&axis);
    border = (int)vera_timeline_axis_get_x(&axis, 10);
    wait_for(waveform);
    draw(waveform, &axis, 10, counts, WIDTH);
    for (int x = (int)VERA_TIMELINE_MARGIN + 2; x < border - 4; x++)
        g_assert_cmpint(counts[x], >, 10);
    for (int x = border + 4; x < (int)(WIDTH - VERA_TIMELINE_MARGIN) - 2; x++)
        g_assert_cmpint(counts[x], <=, 2);
    g_remove(video);
}

static void
test_no_sound(gconstpointer data)
{
    VeraTimelineAxis axis = { .n_frames = 100, .width = WIDTH, .pixels_per_frame = 1 };
    VeraTimelineWaveform *waveform = vera_timeline_waveform_new(NULL, "/nowhere/clip.mp4", 0, 25);
    int counts[WIDTH];

    draw(waveform, &axis, 0, counts, WIDTH);
    g_assert_cmpint(vera_timeline_waveform_get_height(waveform), ==, 0);
    for (int x = 0; x < WIDTH; x++)
        g_assert_cmpint(counts[x], ==, 0);
    vera_timeline_waveform_free(waveform);
    /* A notice that was under way finds nothing left to draw. */
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

int
main(int argc, char **argv)
{
    g_autofree char *folder = g_dir_make_tmp("vera-waveform-XXXXXX", NULL);
    g_autofree char *path = write_sound(folder);
    int status;

    g_test_init(&argc, &argv, NULL);
    gtk_init();
    g_test_add_data_func("/ui/timeline-waveform/columns", path, test_columns);
    g_test_add_data_func("/ui/timeline-waveform/uneven", path, test_uneven);
    g_test_add_data_func("/ui/timeline-waveform/no-sound", path, test_no_sound);
    status = g_test_run();
    g_remove(path);
    g_rmdir(folder);
    return status;
}
