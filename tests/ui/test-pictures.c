#include "config.h"

#include <stdio.h>

#include "tests/ui/gl-fixture.h"
#include "tests/ui/picture-fixture.h"
#include "ui/vera-canvas.h"
#include "ui/vera-timeline.h"

/*
 * Timeline and canvas against pictures. GDK_SCALE=2 and ADW_DEBUG_HIGH_CONTRAST=1 ask for pictures of their own.
 */

typedef struct {
    VeraQueue *queue;
    VeraEditor *editor;
    GtkWidget *window, *widget;
} Fixture;

static const char *
get_variant(void)
{
    if (g_strcmp0(g_getenv("ADW_DEBUG_HIGH_CONTRAST"), "1") == 0)
        return "contrast";
    return g_strcmp0(g_getenv("GDK_SCALE"), "2") == 0 ? "2x" : "1x";
}

/* Sums of columns and rows, which every version of ffmpeg makes alike. */
static char *
make_clip(void)
{
    char *path = fixture_get_path("clip.mkv");

    g_assert_true(fixture_run("ffmpeg -y -f lavfi -i \"nullsrc=s=64x36:r=24:d=2,format=yuv444p,geq=lum='40+3*X':cb='90+2*Y':cr='160-2*Y'\" "
                              "-c:v ffv1 clip.mkv"));
    return path;
}

static VeraRegion *
make_region(void)
{
    VeraRegion *region = vera_region_new();
    VeraRegionShape *ellipse = vera_region_shape_new(VERA_REGION_SHAPE_KIND_ELLIPSE);
    VeraRegionShape *stroke = vera_region_shape_new(VERA_REGION_SHAPE_KIND_STROKE);
    const VeraRegionPoint first[] = { { 6, 4, 1 }, { 26, 20, 1 } }, last[] = { { 16, 8, 1 }, { 40, 24, 1 } };
    const VeraRegionPoint line[] = { { 44, 28, 1 }, { 58, 30, 1 } };

    vera_region_shape_set_points(ellipse, 8, first, 2);
    vera_region_shape_set_points(ellipse, 20, last, 2);
    stroke->radius = 3;
    vera_region_shape_set_points(stroke, 8, line, 2);
    g_ptr_array_add(region->shapes, ellipse);
    g_ptr_array_add(region->shapes, stroke);
    return region;
}

static VeraEdit *
make_edit(VeraEditor *editor, gint64 first, gint64 last)
{
    VeraEdit *edit = vera_edit_new(vera_editor_get_clip_id(editor), first, last);

    g_free(edit->instruction);
    edit->instruction = g_strdup("Add a lamp");
    return edit;
}

/* Two edits, the upper one selected, with a region and a model that cuts it into windows; a range, a marker. */
static void
fill_project(VeraEditor *editor)
{
    VeraProjectState *state = vera_editor_begin_change(editor);
    VeraEdit *below = make_edit(editor, 10, 24), *above = make_edit(editor, 4, 40);

    below->is_visible = FALSE;
    above->region = make_region();
    above->model_dir = g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "tests", "golden", "model-f32", NULL);
    g_ptr_array_add(state->edits, below);
    g_ptr_array_add(state->edits, above);
    state->in_frame = 6;
    state->out_frame = 30;
    vera_project_state_add_marker(state, 34, NULL);
    vera_editor_select(editor, above->id);
    vera_editor_commit(editor, state, "Fill", NULL);
    vera_editor_select(editor, above->id);
}

static void
show(Fixture *f, GtkWidget *widget, int width, int height)
{
    f->widget = widget;
    f->window = gtk_window_new();
    gtk_widget_set_size_request(widget, width, height);
    gtk_widget_set_halign(widget, GTK_ALIGN_START);
    gtk_widget_set_valign(widget, GTK_ALIGN_START);
    gtk_window_set_child(GTK_WINDOW(f->window), widget);
    gtk_window_present(GTK_WINDOW(f->window));
}

/* The timeline shows what is decoded: all of it, so that the picture does not depend on the speed of the machine. */
static void
decode_all(Fixture *f)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(gint64));

    while (ranges->len != 2 || g_array_index(ranges, gint64, 0) != 0 || g_array_index(ranges, gint64, 1) != 47) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(10000);
        g_array_set_size(ranges, 0);
        vera_frame_cache_get_cached(vera_editor_get_cache(f->editor), ranges);
    }
}

static void
fixture_set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *path = make_clip();

    f->queue = vera_queue_new(NULL);
    f->editor = vera_editor_new(f->queue, "/model");
    vera_editor_add_clip(f->editor, path);
    while (vera_editor_is_loading(f->editor))
        g_main_context_iteration(NULL, TRUE);
    g_assert_nonnull(vera_editor_get_clip_info(f->editor));
    fill_project(f->editor);
    decode_all(f);
    vera_editor_set_frame(f->editor, 8);
}

static void
fixture_tear_down(Fixture *f, gconstpointer data)
{
    gtk_window_destroy(GTK_WINDOW(f->window));
    g_object_run_dispose(G_OBJECT(f->editor));
    g_object_unref(f->editor);
    vera_queue_shutdown(f->queue);
    g_object_unref(f->queue);
}

static void
check(Fixture *f, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s-%s", what, get_variant());

    picture_fixture_check(f->widget, name);
}

static void
show_timeline(Fixture *f)
{
    GtkWidget *timeline = g_object_new(VERA_TYPE_TIMELINE, NULL);

    show(f, timeline, 600, 132);
    vera_timeline_set_editor(VERA_TIMELINE(timeline), f->editor);
    /* As the window does when a clip comes. */
    g_signal_emit_by_name(f->editor, "clip-changed");
}

static void
test_timeline(Fixture *f, gconstpointer data)
{
    show_timeline(f);
    check(f, "timeline");
}

static void
test_timeline_light(Fixture *f, gconstpointer data)
{
    adw_style_manager_set_color_scheme(adw_style_manager_get_default(), ADW_COLOR_SCHEME_FORCE_LIGHT);
    show_timeline(f);
    check(f, "timeline-light");
    adw_style_manager_set_color_scheme(adw_style_manager_get_default(), ADW_COLOR_SCHEME_FORCE_DARK);
}

/* Time runs to the right in every language. */
static void
test_timeline_rtl(Fixture *f, gconstpointer data)
{
    gtk_widget_set_default_direction(GTK_TEXT_DIR_RTL);
    show_timeline(f);
    check(f, "timeline");
    gtk_widget_set_default_direction(GTK_TEXT_DIR_LTR);
}

static void
assert_speaks(Fixture *f, gint64 frame, const char *want)
{
    g_autofree char *got = NULL;

    vera_editor_set_frame(f->editor, frame);
    for (int i = 0; i < 1200; i++) {
        g_free(got);
        got = gtk_test_accessible_check_property(GTK_ACCESSIBLE(f->widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, want);
        if (got == NULL)
            return;
        g_usleep(50000);
        while (g_main_context_iteration(NULL, FALSE))
            ;
    }
    g_error("the timeline does not say “%s”: %s", want, got);
}

/* The plan of the model: windows of five frames' worth of latents, neighbours share some. */
static void
test_timeline_speaks(Fixture *f, gconstpointer data)
{
    show_timeline(f);
    assert_speaks(f, 0, "Frame 1");
    assert_speaks(f, 4, "Frame 5, inside window 1");
    assert_speaks(f, 8, "Frame 9, a keyframe of the region");
    assert_speaks(f, 47, "Frame 48");
}

static void
show_canvas(Fixture *f)
{
    GtkWidget *canvas = g_object_new(VERA_TYPE_CANVAS, NULL);

    show(f, canvas, 320, 200);
    vera_canvas_set_editor(VERA_CANVAS(canvas), f->editor);
}

static void
test_canvas(Fixture *f, gconstpointer data)
{
    show_canvas(f);
    check(f, "canvas");
}

static void
test_canvas_grid(Fixture *f, gconstpointer data)
{
    show_canvas(f);
    check(f, "canvas");
    vera_canvas_zoom_to(VERA_CANVAS(f->widget), 16);
    check(f, "canvas-grid");
}

static void
test_canvas_compare(Fixture *f, gconstpointer data)
{
    show_canvas(f);
    g_object_set(f->widget, "view", VERA_VIEW_MATTE, "has-wipe", TRUE, NULL);
    check(f, "canvas-wipe");
    g_object_set(f->widget, "has-split", TRUE, NULL);
    check(f, "canvas-split");
}

/* What the GPU held goes, as it does when a context is reset: the picture comes back by itself. */
static void
test_canvas_lost(Fixture *f, gconstpointer data)
{
    g_autofree char *description = NULL;

    show_canvas(f);
    check(f, "canvas");
    gtk_gl_area_make_current(GTK_GL_AREA(f->widget));
    gl_fixture_lose_objects();
    vera_editor_set_frame(f->editor, 9);
    vera_editor_set_frame(f->editor, 8);
    check(f, "canvas");
    description = gtk_test_accessible_check_property(GTK_ACCESSIBLE(f->widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, "x");
    g_assert_nonnull(description);
}

#define ADD(name, func) g_test_add("/ui/pictures/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    int status;

    /* Everything but the canvas is drawn by cairo, so that nothing else is lost with the canvas's objects. */
    g_setenv("GSK_RENDERER", "cairo", TRUE);
    g_setenv("GTK_A11Y", "test", TRUE);
    gtk_test_init(&argc, &argv, NULL);
    if (!fixture_has_ffmpeg()) {
        puts("1..0 # SKIP the ffmpeg command is not installed");
        return 0;
    }
    adw_init();
    adw_style_manager_set_color_scheme(adw_style_manager_get_default(), ADW_COLOR_SCHEME_FORCE_DARK);
    picture_fixture_hide_text();
    ADD("timeline", test_timeline);
    if (g_str_equal(get_variant(), "1x")) {
        ADD("timeline-light", test_timeline_light);
        ADD("timeline-rtl", test_timeline_rtl);
        ADD("timeline-speaks", test_timeline_speaks);
    }
    if (!g_str_equal(get_variant(), "contrast")) {
        ADD("canvas", test_canvas);
        ADD("canvas-grid", test_canvas_grid);
        ADD("canvas-compare", test_canvas_compare);
        if (g_getenv("VERA_UPDATE_REFERENCES") == NULL)
            ADD("canvas-lost", test_canvas_lost);
    }
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
