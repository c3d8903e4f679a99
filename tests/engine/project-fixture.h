#pragma once

#include <glib/gstdio.h>

#include "engine/project/vera-project.h"

/* A folder of its own for each test; removed with everything in it by fixture_clear(). */
typedef struct {
    char *dir;
} Fixture;

static inline void
fixture_set_up(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;

    fixture->dir = g_dir_make_tmp("vera-project-XXXXXX", &error);
    g_assert_no_error(error);
}

static inline void
fixture_remove(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            fixture_remove(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

/* Journals go to a folder of this program's own. (GLib's own way to do that leaks.) */
static inline void
fixture_isolate(void)
{
    char *dir = g_dir_make_tmp("vera-state-XXXXXX", NULL);

    g_setenv("XDG_STATE_HOME", dir, TRUE);
    g_setenv("VERA_TEST_STATE_DIR", dir, TRUE);
    g_free(dir);
}

static inline int
fixture_run_tests(void)
{
    g_autofree char *dir = g_strdup(g_get_user_state_dir());
    int status = g_test_run();

    fixture_remove(dir);
    return status;
}

static inline void
fixture_tear_down(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *journals = g_build_filename(g_get_user_state_dir(), "vera", NULL);

    if (g_getenv("VERA_TEST_STATE_DIR") != NULL)
        fixture_remove(journals);
    g_chmod(fixture->dir, 0700);
    fixture_remove(fixture->dir);
    g_free(fixture->dir);
}

static inline char *
fixture_path(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->dir, name, NULL);
}

static inline char *
fixture_read(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static inline void
fixture_write(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_unlink(path);
    g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error);
    g_assert_no_error(error);
}

/* A region with a shape of every kind, pressure and moving corners. */
static inline VeraRegion *
fixture_make_region(void)
{
    VeraRegion *region = vera_region_new();
    const VeraRegionPoint stroke[] = {
        {10.1f, 20.25f, 0.3f}, {11.7f, -3, 1}, {1.0f / 3, 1e5f, 0.5f}};
    const VeraRegionPoint box[] = {{100, 50, 1}, {300.5f, 200, 1}},
                          moved[] = {{110, 60, 1}, {320, 240, 1}};

    for (int kind = 0; kind <= VERA_REGION_SHAPE_KIND_POLYGON; kind++) {
        VeraRegionShape *shape = vera_region_shape_new((VeraRegionShapeKind)kind);
        gboolean is_box =
            kind == VERA_REGION_SHAPE_KIND_RECTANGLE || kind == VERA_REGION_SHAPE_KIND_ELLIPSE;
        shape->is_subtracted = kind % 2;
        shape->radius = 7.3f;
        vera_region_shape_set_points(shape, 3, is_box ? box : stroke, is_box ? 2 : 3);
        vera_region_shape_set_points(shape, 40, moved, 2);
        g_ptr_array_add(region->shapes, shape);
    }
    region->is_inverted = TRUE;
    region->feather = 2.2f;
    return region;
}

/* Every member differs from its default. */
static inline VeraProjectState *
fixture_make_state(const Fixture *fixture)
{
    VeraProjectState *state = vera_project_state_new();
    g_autofree char *clip_path = fixture_path(fixture, "media/plate.mov");
    g_autofree char *take_dir = fixture_path(fixture, "takes/1");
    VeraProjectClip *clip = vera_project_clip_new(clip_path, "Plate “A”");
    VeraEdit *edit = vera_edit_new(clip->id, 5, 77);
    VeraProjectTake *take = vera_project_take_new(take_dir, "first try");
    const VeraMatteRefinement refinement = {.black = 0.1f,
                                           .white = 0.9f,
                                           .grow_px = -1.5f,
                                           .feather_px = 3.25f,
                                           .despeckle_px = 12,
                                           .is_inverted = TRUE,
                                           .is_snapped = FALSE,
                                           .is_edge_clean = FALSE,
                                           .floor = 0.05f};

    g_ptr_array_add(state->clips, clip);
    g_ptr_array_add(state->edits, edit);
    g_free(edit->instruction);
    edit->instruction = g_strdup("Add a \"red\" balloon\n – größer\\");
    edit->task = g_strdup("background");
    edit->negative = g_strdup("");
    edit->region = fixture_make_region();
    edit->region_path = g_strdup("/elsewhere/mask\xff.png");
    edit->model_dir = g_strdup("/opt/models/big");
    edit->seed = G_MAXUINT64;
    edit->n_steps = 31;
    edit->guidance = 4.1;
    edit->width = 832;
    edit->height = 480;
    g_ptr_array_add(edit->takes, take);
    edit->chosen_take = g_strdup(take->id);
    edit->is_visible = FALSE;
    edit->is_solo = TRUE;
    edit->opacity = 0.3;
    edit->refinement = refinement;
    g_ptr_array_add(state->removed_takes, vera_project_take_new("/elsewhere/take-2", "Take 2"));
    vera_project_state_add_marker(state, 12, "cut");
    vera_project_state_add_marker(state, 3, NULL);
    state->in_frame = 2;
    state->out_frame = 90;
    state->is_linear_over = TRUE;
    return state;
}

static inline void
fixture_assert_takes_equal(GPtrArray *a, GPtrArray *b)
{
    g_assert_cmpuint(a->len, ==, b->len);
    for (guint i = 0; i < a->len; i++) {
        const VeraProjectTake *p = a->pdata[i], *q = b->pdata[i];
        g_assert_cmpstr(p->id, ==, q->id);
        g_assert_cmpstr(p->dir, ==, q->dir);
        g_assert_cmpstr(p->name, ==, q->name);
        g_assert_cmpstr(p->extra, ==, q->extra);
    }
}

static inline void
fixture_assert_edits_equal(const VeraEdit *a, const VeraEdit *b)
{
    g_assert_cmpstr(a->id, ==, b->id);
    g_assert_cmpstr(a->clip_id, ==, b->clip_id);
    g_assert_cmpstr(a->instruction, ==, b->instruction);
    g_assert_cmpstr(a->task, ==, b->task);
    g_assert_cmpstr(a->negative, ==, b->negative);
    g_assert_true(vera_region_equal(a->region, b->region));
    g_assert_cmpstr(a->region_path, ==, b->region_path);
    g_assert_cmpint(a->first, ==, b->first);
    g_assert_cmpint(a->last, ==, b->last);
    g_assert_cmpstr(a->model_dir, ==, b->model_dir);
    g_assert_true(a->seed == b->seed);
    g_assert_cmpint(a->n_steps, ==, b->n_steps);
    g_assert_true(a->guidance == b->guidance);
    g_assert_cmpint(a->width, ==, b->width);
    g_assert_cmpint(a->height, ==, b->height);
    fixture_assert_takes_equal(a->takes, b->takes);
    g_assert_cmpstr(a->chosen_take, ==, b->chosen_take);
    g_assert_cmpint(a->is_visible, ==, b->is_visible);
    g_assert_cmpint(a->is_solo, ==, b->is_solo);
    g_assert_true(a->opacity == b->opacity);
    g_assert_cmpmem(&a->refinement, sizeof a->refinement, &b->refinement, sizeof b->refinement);
    g_assert_cmpstr(a->extra, ==, b->extra);
}

static inline void
fixture_assert_states_equal(const VeraProjectState *a, const VeraProjectState *b)
{
    g_assert_cmpuint(a->clips->len, ==, b->clips->len);
    for (guint i = 0; i < a->clips->len; i++) {
        const VeraProjectClip *p = a->clips->pdata[i], *q = b->clips->pdata[i];
        g_assert_cmpstr(p->id, ==, q->id);
        g_assert_cmpstr(p->path, ==, q->path);
        g_assert_cmpstr(p->name, ==, q->name);
        g_assert_cmpstr(p->extra, ==, q->extra);
    }
    g_assert_cmpuint(a->edits->len, ==, b->edits->len);
    for (guint i = 0; i < a->edits->len; i++)
        fixture_assert_edits_equal(a->edits->pdata[i], b->edits->pdata[i]);
    fixture_assert_takes_equal(a->removed_takes, b->removed_takes);
    g_assert_cmpuint(a->markers->len, ==, b->markers->len);
    for (guint i = 0; i < a->markers->len; i++) {
        const VeraProjectMarker *p = &g_array_index(a->markers, VeraProjectMarker, i);
        const VeraProjectMarker *q = &g_array_index(b->markers, VeraProjectMarker, i);
        g_assert_cmpint(p->frame, ==, q->frame);
        g_assert_cmpstr(p->name, ==, q->name);
        g_assert_cmpstr(p->extra, ==, q->extra);
    }
    g_assert_cmpint(a->in_frame, ==, b->in_frame);
    g_assert_cmpint(a->out_frame, ==, b->out_frame);
    g_assert_cmpint(a->is_linear_over, ==, b->is_linear_over);
    g_assert_cmpstr(a->extra, ==, b->extra);
}
