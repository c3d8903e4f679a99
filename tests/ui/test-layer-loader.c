#include "config.h"

#include "ui/vera-layer-loader.h"

#include "tests/ui/take-fixture.h"

static VeraFrame *
make_plate(gint64 index)
{
    static const VeraFrameFormat format = { .layout = VERA_FRAME_LAYOUT_RGB, .n_planes = 3, .bits = 8 };
    VeraFrame *frame = vera_frame_new(&format, 32, 24, NULL);

    frame->index = index;
    return frame;
}

static void
count_cb(int *n)
{
    ++*n;
}

static void
failed_cb(VeraLayerLoader *loader, const GError *error, char **text)
{
    g_free(*text);
    *text = g_strdup(error->message);
}

/* Each test ends with g_object_run_dispose(): a notice that is still under way must not reach its variables. */

/* The layer itself, however long it takes to be made. */
static VeraLayerFrame *
wait_for(VeraLayerLoader *loader, const char *dir, VeraFrame *plate, const VeraMatteRefinement *refinement)
{
    VeraLayerFrame *frame;

    while ((frame = vera_layer_loader_get(loader, dir, plate, refinement)) == NULL)
        g_main_context_iteration(NULL, TRUE);
    return frame;
}

static void
test_ready(void)
{
    g_autoptr(VeraLayerLoader) loader = vera_layer_loader_new(64 << 20);
    g_autofree char *dir = fixture_get_path("take");
    g_autoptr(VeraFrame) plate = make_plate(1);
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT, other = { .white = 1.0f, .is_inverted = TRUE };
    int n_ready = 0;

    fixture_write_take(dir, 3, 0.75f);
    g_signal_connect_swapped(loader, "ready", G_CALLBACK(count_cb), &n_ready);
    g_assert_null(vera_layer_loader_get_nearest(loader, dir, 1));
    g_assert_null(vera_layer_loader_get(loader, dir, plate, &refinement));
    while (n_ready == 0)
        g_main_context_iteration(NULL, TRUE);
    {
        g_autoptr(VeraLayerFrame) frame = wait_for(loader, dir, plate, &refinement);
        g_autoptr(VeraLayerFrame) again = vera_layer_loader_get(loader, dir, plate, &refinement);
        g_autoptr(VeraLayerFrame) nearest = vera_layer_loader_get_nearest(loader, dir, 1);
        g_assert_cmpint(n_ready, ==, 1);
        g_assert_true(frame == again && frame == nearest);
        g_assert_cmpint(frame->width, ==, 32);
        g_assert_cmpint(frame->height, ==, 24);
        g_assert_cmpfloat_with_epsilon(frame->rgb[3 * (32 * 12 + 16)], 0.75f, 1e-3);
        g_assert_cmpfloat_with_epsilon(frame->matte[32 * 12 + 16], 0.75f, 1e-3);
    }
    {
        /* Another refinement is another layer; until it is made the nearest is the one before. */
        g_autoptr(VeraLayerFrame) nearest = NULL, frame = NULL;
        g_assert_null(vera_layer_loader_get(loader, dir, plate, &other));
        nearest = vera_layer_loader_get_nearest(loader, dir, 1);
        g_assert_nonnull(nearest);
        frame = wait_for(loader, dir, plate, &other);
        g_assert_cmpfloat_with_epsilon(frame->matte[32 * 12 + 16], 0.25f, 1e-3);
    }
    g_object_run_dispose(G_OBJECT(loader));
}

/* Outside of the take there is nothing, which is found out once and is no failure. */
static void
test_outside(void)
{
    g_autoptr(VeraLayerLoader) loader = vera_layer_loader_new(64 << 20);
    g_autofree char *dir = fixture_get_path("short"), *text = NULL;
    g_autoptr(VeraFrame) plate = make_plate(3);
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    int n_ready = 0;

    fixture_write_take(dir, 3, 0.5f);
    g_signal_connect(loader, "failed", G_CALLBACK(failed_cb), &text);
    g_signal_connect_swapped(loader, "ready", G_CALLBACK(count_cb), &n_ready);
    g_assert_null(vera_layer_loader_get(loader, dir, plate, &refinement));
    while (n_ready == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_null(vera_layer_loader_get(loader, dir, plate, &refinement));
    g_assert_null(text);
    g_object_run_dispose(G_OBJECT(loader));
}

static void
test_wrong_folder(void)
{
    g_autoptr(VeraLayerLoader) loader = vera_layer_loader_new(64 << 20);
    g_autofree char *dir = fixture_get_path("nowhere"), *text = NULL;
    g_autoptr(VeraFrame) plate = make_plate(0);
    g_autoptr(VeraLayerFrame) frame = NULL;
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;

    g_signal_connect(loader, "failed", G_CALLBACK(failed_cb), &text);
    g_assert_null(vera_layer_loader_get(loader, dir, plate, &refinement));
    while (text == NULL)
        g_main_context_iteration(NULL, TRUE);
    g_assert_nonnull(strstr(text, dir));
    g_assert_null(vera_layer_loader_get(loader, dir, plate, &refinement));
    /* The take appears (a disk was mounted): forgetting makes the loader look again. */
    fixture_write_take(dir, 1, 1.0f);
    vera_layer_loader_forget(loader, dir);
    frame = wait_for(loader, dir, plate, &refinement);
    g_assert_cmpfloat(frame->matte[0], ==, 1.0f);
    g_object_run_dispose(G_OBJECT(loader));
}

/* A take that was made again under the same name is read anew, also by a loader that still has the old one open. */
static void
test_forget(void)
{
    g_autoptr(VeraLayerLoader) loader = vera_layer_loader_new(64 << 20);
    g_autofree char *dir = fixture_get_path("again");
    g_autoptr(VeraFrame) plate = make_plate(0), far = make_plate(3);
    g_autoptr(VeraLayerFrame) before = NULL, after = NULL, new_frame = NULL;
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;

    fixture_write_take(dir, 2, 0.25f);
    before = wait_for(loader, dir, plate, &refinement);
    g_assert_true(fixture_run("rm -r again"));
    fixture_write_take(dir, 4, 0.5f);
    vera_layer_loader_forget(loader, dir);
    g_assert_null(vera_layer_loader_get_nearest(loader, dir, 0));
    after = wait_for(loader, dir, plate, &refinement);
    g_assert_cmpfloat_with_epsilon(before->rgb[0], 0.25f, 1e-3);
    g_assert_cmpfloat_with_epsilon(after->rgb[0], 0.5f, 1e-3);
    new_frame = wait_for(loader, dir, far, &refinement);
    g_object_run_dispose(G_OBJECT(loader));
}

/* Where the plates are other ones now, nothing made along their edges is shown any more, of any
 * take. */
static void
test_forget_all(void)
{
    g_autoptr(VeraLayerLoader) loader = vera_layer_loader_new(64 << 20);
    const char *const names[] = {"one", "two"};
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;
    g_autoptr(VeraFrame) plate = make_plate(0);

    for (int i = 0; i < 2; i++) {
        g_autofree char *dir = fixture_get_path(names[i]);
        g_autoptr(VeraLayerFrame) frame = NULL;
        fixture_write_take(dir, 1, 0.5f);
        frame = wait_for(loader, dir, plate, &refinement);
    }
    vera_layer_loader_forget(loader, NULL);
    for (int i = 0; i < 2; i++) {
        g_autofree char *dir = fixture_get_path(names[i]);
        g_autoptr(VeraLayerFrame) again = NULL;
        g_assert_null(vera_layer_loader_get_nearest(loader, dir, 0));
        again = wait_for(loader, dir, plate, &refinement);
    }
    g_object_run_dispose(G_OBJECT(loader));
}

/* Memory is bounded: of many frames only the last used stay. */
static void
test_bound(void)
{
    g_autoptr(VeraLayerLoader) loader = vera_layer_loader_new(1);
    g_autofree char *dir = fixture_get_path("many");
    g_autoptr(VeraLayerFrame) last = NULL;
    VeraMatteRefinement refinement = VERA_MATTE_REFINEMENT_INIT;

    fixture_write_take(dir, 4, 0.5f);
    for (gint64 i = 0; i < 4; i++) {
        g_autoptr(VeraFrame) plate = make_plate(i);
        g_autoptr(VeraLayerFrame) frame = wait_for(loader, dir, plate, &refinement);
    }
    for (gint64 i = 0; i < 3; i++)
        g_assert_null(vera_layer_loader_get_nearest(loader, dir, i));
    last = vera_layer_loader_get_nearest(loader, dir, 3);
    g_assert_nonnull(last);
    g_object_run_dispose(G_OBJECT(loader));
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/layer-loader/ready", test_ready);
    g_test_add_func("/ui/layer-loader/outside", test_outside);
    g_test_add_func("/ui/layer-loader/wrong-folder", test_wrong_folder);
    g_test_add_func("/ui/layer-loader/forget", test_forget);
    g_test_add_func("/ui/layer-loader/forget-all", test_forget_all);
    g_test_add_func("/ui/layer-loader/bound", test_bound);
    status = g_test_run();
    fixture_remove_folder();
    return status;
}
