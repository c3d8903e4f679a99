#include "config.h"

#include <string.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"
#include "tests/engine/project-fixture.h"

/* Commits a copy of the current state with another name for its first clip. */
static void
rename_clip(VeraProject *project, const char *name, const char *merge_key)
{
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));
    VeraProjectClip *clip = state->clips->pdata[0];

    g_free(clip->name);
    clip->name = g_strdup(name);
    vera_project_commit(project, state, name, merge_key);
}

static const char *
get_clip_name(VeraProject *project)
{
    return ((VeraProjectClip *)vera_project_get_state(project)->clips->pdata[0])->name;
}

static VeraProject *
make_project(const Fixture *fixture)
{
    VeraProject *project = vera_project_new();

    vera_project_commit(project, fixture_make_state(fixture), "Begin", NULL);
    return project;
}

static void
test_round_trip(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture), again = NULL;
    g_autofree char *path = fixture_path(fixture, "shot.vera"), *text = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(vera_project_get_title(project), ==, "shot");
    g_clear_object(&project);
    again = vera_project_load(path, &error);
    g_assert_no_error(error);
    g_autoptr(VeraProjectState) wanted = fixture_make_state(fixture);
    const VeraProjectState *got = vera_project_get_state(again);
    /* Ids are made at random; everything else must be what was saved. */
    VeraEdit *edit = wanted->edits->pdata[0], *got_edit = got->edits->pdata[0];
    VeraProjectTake *take = edit->takes->pdata[0], *got_take = got_edit->takes->pdata[0];
    VeraProjectClip *clip = wanted->clips->pdata[0], *got_clip = got->clips->pdata[0];
    VeraProjectTake *removed = wanted->removed_takes->pdata[0], *got_removed = got->removed_takes->pdata[0];
    char **ours[] = {&edit->id, &edit->clip_id, &take->id, &edit->chosen_take, &clip->id, &removed->id};
    char *theirs[] = {got_edit->id, got_clip->id, got_take->id, got_take->id, got_clip->id, got_removed->id};
    for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
        g_free(*ours[i]);
        *ours[i] = g_strdup(theirs[i]);
    }
    fixture_assert_states_equal(wanted, got);
    text = fixture_read(path);
    g_assert_nonnull(strstr(text, "\"media/plate.mov\""));
    g_assert_nonnull(strstr(text, "\"takes/1\""));
    g_assert_null(strstr(text, fixture->dir));
}

static void
test_moved(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture), again = NULL;
    g_autofree char *first = fixture_path(fixture, "a"), *second = fixture_path(fixture, "b");
    g_autofree char *path = g_build_filename(first, "shot.vera", NULL), *text = NULL;
    g_autofree char *moved = g_build_filename(second, "shot.vera", NULL);
    g_autofree char *clip_path = fixture_path(fixture, "media/plate.mov");
    g_autoptr(GError) error = NULL;

    g_mkdir(first, 0700);
    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    text = fixture_read(path);
    g_assert_nonnull(strstr(text, "\"../media/plate.mov\""));
    g_clear_object(&project);
    g_assert_cmpint(g_rename(first, second), ==, 0);
    again = vera_project_load(moved, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(((VeraProjectClip *)vera_project_get_state(again)->clips->pdata[0])->path, ==,
                    clip_path);
    /* A project opened through a link is the file that it points to: the link stays one. */
    g_clear_object(&again);
    g_autofree char *link = fixture_path(fixture, "link.vera");
    g_assert_cmpint(symlink(moved, link), ==, 0);
    again = vera_project_load(link, &error);
    rename_clip(again, "renamed", NULL);
    g_assert_true(vera_project_save(again, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    g_assert_cmpstr(((VeraProjectClip *)vera_project_get_state(again)->clips->pdata[0])->path, ==,
                    clip_path);
}

static void
count_cb(VeraProject *project, gpointer data)
{
    ++*(int *)data;
}

static void
test_undo(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture);
    g_autoptr(GPtrArray) states = g_ptr_array_new();
    int n_changed = 0;

    g_signal_connect(project, "changed", G_CALLBACK(count_cb), &n_changed);
    for (int i = 0; i < 300; i++) {
        g_autofree char *name = g_strdup_printf("name %d", i);
        g_ptr_array_add(states, (gpointer)vera_project_get_state(project));
        rename_clip(project, name, NULL);
        g_assert_cmpstr(vera_project_get_undo_name(project), ==, name);
    }
    g_assert_cmpint(n_changed, ==, 300);
    for (int i = 299; i >= 0; i--) {
        g_autofree char *name = g_strdup_printf("name %d", i);
        g_assert_true(vera_project_undo(project));
        g_assert_true(vera_project_get_state(project) == states->pdata[i]);
        g_assert_cmpstr(vera_project_get_redo_name(project), ==, name);
    }
    g_assert_cmpstr(vera_project_get_undo_name(project), ==, "Begin");
    g_assert_true(vera_project_undo(project));
    g_assert_false(vera_project_undo(project));
    g_assert_null(vera_project_get_undo_name(project));
    g_assert_cmpuint(vera_project_get_state(project)->clips->len, ==, 0);
    g_assert_false(vera_project_get_is_modified(project));
    g_assert_cmpint(n_changed, ==, 601);
    for (int i = 0; i < 301; i++)
        g_assert_true(vera_project_redo(project));
    g_assert_false(vera_project_redo(project));
    g_assert_cmpstr(get_clip_name(project), ==, "name 299");
    /* A change after an undo drops what could be redone. */
    g_assert_true(vera_project_undo(project));
    rename_clip(project, "other", NULL);
    g_assert_false(vera_project_get_can_redo(project));
    g_assert_true(vera_project_undo(project));
    g_assert_cmpstr(get_clip_name(project), ==, "name 298");
}

/* An undo history of strokes must not hold a copy of every stroke for every change of something
 * else. */
static void
test_shared_regions(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture);
    const VeraEdit *before = vera_project_get_state(project)->edits->pdata[0], *after;

    rename_clip(project, "other", NULL);
    after = vera_project_get_state(project)->edits->pdata[0];
    g_assert_true(before != after);
    g_assert_true(before->region == after->region);
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));
    VeraEdit *changed = state->edits->pdata[0];
    g_assert_true(changed->region != after->region);
    changed->region->feather = 9;
    vera_project_commit(project, state, "Feather", NULL);
    g_assert_true(((VeraEdit *)vera_project_get_state(project)->edits->pdata[0])->region->feather ==
                  9);
    vera_project_undo(project);
    g_assert_true(((VeraEdit *)vera_project_get_state(project)->edits->pdata[0])->region->feather ==
                  2.2f);
}

static void
test_merge(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture);
    g_autofree char *path = fixture_path(fixture, "shot.vera");

    rename_clip(project, "a", "drag");
    rename_clip(project, "b", "drag");
    rename_clip(project, "c", "drag");
    rename_clip(project, "d", "other drag");
    vera_project_undo(project);
    g_assert_cmpstr(get_clip_name(project), ==, "c");
    rename_clip(project, "e", "drag"); /* after an undo: a step of its own */
    vera_project_undo(project);
    g_assert_cmpstr(get_clip_name(project), ==, "c");
    vera_project_undo(project);
    g_assert_cmpstr(get_clip_name(project), ==, "Plate “A”");
    rename_clip(project, "f", "drag");
    vera_project_end_merge(project);
    rename_clip(project, "g", "drag");
    vera_project_undo(project);
    g_assert_cmpstr(get_clip_name(project), ==, "f");
    rename_clip(project, "h", "drag");
    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    rename_clip(project, "i", "drag"); /* after a save: undo leads to what is saved */
    g_assert_true(vera_project_get_is_modified(project));
    vera_project_undo(project);
    g_assert_cmpstr(get_clip_name(project), ==, "h");
    g_assert_false(vera_project_get_is_modified(project));
}

static void
record_cb(VeraProject *project, GParamSpec *pspec, gpointer data)
{
    g_string_append_printf(data, "%s ", pspec->name);
}

static void
test_properties(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera");
    g_autoptr(GString) seen = g_string_new(NULL);

    g_assert_null(vera_project_get_path(project));
    g_signal_connect(project, "notify", G_CALLBACK(record_cb), seen);
    vera_project_commit(project, fixture_make_state(fixture), "Begin", NULL);
    g_assert_cmpstr(seen->str, ==, "is-modified can-undo ");
    g_string_set_size(seen, 0);
    rename_clip(project, "a", NULL);
    g_assert_cmpstr(seen->str, ==, "");
    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    g_assert_cmpstr(seen->str, ==, "path title is-modified ");
    g_string_set_size(seen, 0);
    vera_project_undo(project);
    g_assert_cmpstr(seen->str, ==, "is-modified can-redo ");
}

static void
test_refused_commit(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture);
    const VeraProjectState *before = vera_project_get_state(project);
    VeraProjectState *state = vera_project_state_copy(before);

    ((VeraEdit *)state->edits->pdata[0])->opacity = 0.0 / 0.0;
    g_test_expect_message(NULL, G_LOG_LEVEL_CRITICAL, "*opacity*");
    vera_project_commit(project, state, "Wrong", NULL);
    g_test_assert_expected_messages();
    g_assert_true(vera_project_get_state(project) == before);
}

static const struct {
    const char *what, *member, *says;
} wrong_files[] = {
    {"empty", "", "cut off"},
    {"no object", "[]", "cut off"},
    {"no format", "{}", "format number"},
    {"format text", "{\"vera_project\": \"1\"}", "‘vera_project’ is not a whole number"},
    {"clips text", "{\"vera_project\": 1, \"clips\": \"a\"}", "‘clips’ is not a list"},
    {"clip number", "{\"vera_project\": 1, \"clips\": [3]}", "‘clips’ is not an object"},
    {"clip without id", "{\"vera_project\": 1, \"clips\": [{\"path\": \"a\"}]}",
     "clip 1 has no id"},
    {"clip without path", "{\"vera_project\": 1, \"clips\": [{\"id\": \"a\"}]}", "no usable path"},
    {"same id",
     "{\"vera_project\": 1, \"clips\": [{\"id\": \"a\", \"path\": \"a\"}, {\"id\": \"a\", "
     "\"path\": \"a\"}]}",
     "‘a’ is there twice"},
    {"seed",
     "{\"vera_project\": 1, \"clips\": [{\"id\": \"a\", \"path\": \"a\"}], \"edits\": [{\"id\": "
     "\"e\", \"clip\": "
     "\"a\", \"first\": 0, \"last\": 1}, {\"id\": \"f\", \"seed\": -1}]}",
     "edit 2, ‘seed’ is not a whole number from 0"},
    {"no such clip",
     "{\"vera_project\": 1, \"edits\": [{\"id\": \"e\", \"clip\": \"a\", \"first\": 0, \"last\": "
     "1}]}",
     "names the clip ‘a’"},
    {"points",
     "{\"vera_project\": 1, \"edits\": [{\"id\": \"e\", \"region\": {\"shapes\": [{\"kind\": "
     "\"lasso\", "
     "\"keyframes\": [{\"frame\": 0, \"points\": \"1,2 3\"}]}]}}]}",
     "edit 1, the region, shape 1, keyframe 1, ‘points’ is not a list of points"},
    {"infinite point",
     "{\"vera_project\": 1, \"clips\": [{\"id\": \"a\", \"path\": \"a\"}], \"edits\": [{\"id\": "
     "\"e\", \"clip\": "
     "\"a\", \"first\": 0, \"last\": 1, \"region\": {\"shapes\": [{\"kind\": \"lasso\", "
     "\"keyframes\": [{\"frame\": "
     "0, \"points\": \"1e99,2\"}]}]}}]}",
     "a point that makes no sense"},
    {"kind",
     "{\"vera_project\": 1, \"edits\": [{\"id\": \"e\", \"region\": {\"shapes\": [{\"kind\": "
     "\"blob\"}]}}]}",
     "‘kind’ is not a kind of shape"},
};

static void
test_wrong_files(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = fixture_path(fixture, "shot.vera");

    for (gsize i = 0; i < G_N_ELEMENTS(wrong_files); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        fixture_write(path, wrong_files[i].member);
        g_assert_null(vera_project_load(path, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
        g_test_message("%s: %s", wrong_files[i].what, error->message);
        g_assert_nonnull(strstr(error->message, wrong_files[i].says));
        g_assert_nonnull(strstr(error->message, path));
        text = fixture_read(path);
        g_assert_cmpstr(text, ==, wrong_files[i].member);
    }
}

static void
test_truncated(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture);
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *cut = fixture_path(fixture, "cut.vera");
    g_autofree char *text = NULL;
    gsize n_cases = 0;

    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    text = fixture_read(path);
    g_assert_cmpuint(strlen(text), >, 2000);
    for (gsize length = 0; length + 2 < strlen(text); length += 100, n_cases++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *left = NULL;
        g_autofree char *part = g_strndup(text, length);
        fixture_write(cut, part);
        g_assert_null(vera_project_load(cut, &error));
        g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
        g_assert_nonnull(strstr(error->message, cut));
        left = fixture_read(cut);
        g_assert_cmpstr(left, ==, part);
    }
    g_assert_cmpuint(n_cases, >, 20);
}

/* Bytes that went bad anywhere: the project opens or a sentence says why not; the file stays as it
 * is. */
static void
test_bad_bytes(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = make_project(fixture);
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *bad = fixture_path(fixture, "bad.vera");
    g_autofree char *text = NULL;
    GRand *random = g_rand_new_with_seed(7);
    int n_refused = 0;

    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    text = fixture_read(path);
    for (int i = 0; i < 2000; i++) {
        gsize length = strlen(text), n_bad = (gsize)g_rand_int_range(random, 1, 4);
        g_autofree char *broken = g_strdup(text), *left = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(VeraProjectState) state = NULL;
        while (n_bad-- > 0)
            broken[g_rand_int_range(random, 0, (gint32)length)] =
                "0123456789-{}[]\",:.eE truefalsnx\xff"[g_rand_int_range(random, 0, 33)];
        fixture_write(bad, broken);
        state = vera_project_state_load(bad, &error);
        g_assert_true((state == NULL) == (error != NULL));
        g_assert_true(error == NULL || strstr(error->message, bad) != NULL);
        g_assert_true(state == NULL || vera_project_state_check(state, NULL));
        n_refused += state == NULL;
        left = fixture_read(bad);
        g_assert_cmpstr(left, ==, broken);
    }
    g_assert_cmpint(n_refused, >, 500);
    g_assert_cmpint(n_refused, <, 2000);
    g_rand_free(random);
}

static void
test_newer(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = fixture_path(fixture, "shot.vera"), *left = NULL;
    const char *text = "{\"vera_project\": 2, \"clips\": \"in another form\"}";
    g_autoptr(GError) error = NULL;

    fixture_write(path, text);
    g_assert_null(vera_project_load(path, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "newer version"));
    left = fixture_read(path);
    g_assert_cmpstr(left, ==, text);
}

static void
test_unknown_members(Fixture *fixture, gconstpointer unused)
{
    const char *text = "{\"vera_project\": 1, \"k1\": {\"deep\": [1, null, \"x\"]}, \"clips\": "
                       "[{\"id\": \"a\", \"path\": \"a.mov\", "
                       "\"k2\": 2}], \"edits\": [{\"id\": \"e\", \"clip\": \"a\", \"first\": 0, "
                       "\"last\": 1, \"k3\": 3, \"refinement\": "
                       "{\"k4\": 4, \"black\": 0.25}, \"takes\": [{\"id\": \"t\", \"dir\": \"t\", "
                       "\"k5\": 5}], \"region\": {\"k6\": 6, "
                       "\"shapes\": [{\"kind\": \"stroke\", \"k7\": 7, \"keyframes\": [{\"frame\": "
                       "0, \"points\": \"\", \"k8\": "
                       "8}]}]}}], \"markers\": [{\"frame\": 1, \"k9\": 9}]}";
    g_autofree char *path = fixture_path(fixture, "shot.vera"), *written = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraProject) project = NULL, again = NULL;

    fixture_write(path, text);
    project = vera_project_load(path, &error);
    g_assert_no_error(error);
    rename_clip(project, "other", NULL);
    g_assert_true(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_no_error(error);
    written = fixture_read(path);
    for (int i = 2; i <= 9; i++) {
        g_autofree char *member = g_strdup_printf("\"k%d\" : %d", i, i);
        g_assert_nonnull(strstr(written, member));
    }
    g_assert_nonnull(strstr(written, "\"deep\""));
    again = vera_project_load(path, &error);
    g_assert_no_error(error);
    fixture_assert_states_equal(vera_project_get_state(project), vera_project_get_state(again));
    g_assert_cmpfloat(
        ((VeraEdit *)vera_project_get_state(again)->edits->pdata[0])->refinement.black, ==, 0.25f);
}

static void
test_sample(void)
{
    g_autofree char *path =
        g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "data/sample/sample.vera", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraProjectState) state = vera_project_state_load(path, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(state->edits->len, ==, 2);
    g_assert_true(
        g_file_test(((VeraProjectClip *)state->clips->pdata[0])->path, G_FILE_TEST_EXISTS));
    g_assert_true(
        g_file_test(((VeraEdit *)state->edits->pdata[1])->region_path, G_FILE_TEST_EXISTS));
    g_assert_cmpint(((VeraEdit *)state->edits->pdata[1])->last, ==, 16);
}

#define ADD(name, function) \
    g_test_add("/project/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_isolate();
    g_test_init(&argc, &argv, NULL);
    ADD("round-trip", test_round_trip);
    ADD("moved", test_moved);
    ADD("undo", test_undo);
    ADD("shared-regions", test_shared_regions);
    ADD("merge", test_merge);
    ADD("properties", test_properties);
    ADD("refused-commit", test_refused_commit);
    ADD("wrong-files", test_wrong_files);
    ADD("truncated", test_truncated);
    ADD("bad-bytes", test_bad_bytes);
    ADD("newer", test_newer);
    ADD("unknown-members", test_unknown_members);
    g_test_add_func("/project/sample", test_sample);
    return fixture_run_tests();
}
