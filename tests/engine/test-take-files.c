#include "config.h"

#include "engine/project/vera-take-files.h"

#include <string.h>

#include "engine/vera-engine-error.h"
#include "tests/engine/project-fixture.h"

/* A project with one edit of three takes, made in the folder beside it; what was deleted goes only
 * when nothing needs it. */

static char *
get_dir(const Fixture *f, int i)
{
    g_autofree char *name = g_strdup_printf("p-takes/take-%d", i);

    return fixture_path(f, name);
}

static void
write_take(const Fixture *f, int i)
{
    g_autofree char *dir = get_dir(f, i), *frames = g_build_filename(dir, "frames", NULL);
    g_autofree char *record = g_build_filename(dir, "take.json", NULL),
                    *frame = g_build_filename(frames, "000000.safetensors", NULL);
    g_autofree char *region = g_strconcat(dir, ".region", NULL),
                    *mask = g_build_filename(region, "region.png", NULL);

    g_mkdir_with_parents(frames, 0777);
    g_mkdir_with_parents(region, 0777);
    fixture_write(record, "{}");
    fixture_write(frame, "12345678");
    fixture_write(mask, "mask");
}

static VeraProject *
make_project(const Fixture *f)
{
    VeraProject *project = vera_project_new();
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));
    g_autofree char *path = fixture_path(f, "p.vera");
    g_autoptr(GError) error = NULL;
    VeraEdit *edit;

    g_ptr_array_add(state->clips, vera_project_clip_new("/clip.mkv", NULL));
    edit = vera_edit_new(((VeraProjectClip *)state->clips->pdata[0])->id, 0, 1);
    g_ptr_array_add(state->edits, edit);
    for (int i = 0; i < 3; i++) {
        g_autofree char *dir = get_dir(f, i);
        write_take(f, i);
        g_ptr_array_add(edit->takes, vera_project_take_new(dir, "Take"));
    }
    vera_project_commit(project, state, "Setup", NULL);
    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_no_error(error);
    return project;
}

static void
delete_take(VeraProject *project)
{
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));
    VeraEdit *edit = state->edits->pdata[0];

    vera_project_state_remove_take(state, edit, edit->takes->pdata[0]);
    vera_project_commit(project, state, "Delete Take", NULL);
}

static void
save(VeraProject *project)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_no_error(error);
}

static VeraProject *
reopen(const Fixture *f, VeraProject *project)
{
    g_autofree char *path = fixture_path(f, "p.vera");
    g_autoptr(GError) error = NULL;

    g_object_unref(project);
    project = vera_project_load(path, &error);
    g_assert_no_error(error);
    return project;
}

/* What is found at take @i must be held by @holder; -1: it is not found. */
static void
assert_held(const Fixture *f, VeraTakeFiles *files, int i, int holder, const char *holder_name)
{
    g_autoptr(GPtrArray) found = vera_take_files_find(files);
    g_autofree char *dir = get_dir(f, i);

    for (guint k = 0; k < found->len; k++) {
        VeraRemovedTake *take = found->pdata[k];
        if (!g_str_equal(take->dir, dir))
            continue;
        g_assert_cmpint((int)take->holder, ==, holder);
        if (holder_name != NULL)
            g_assert_true(g_str_has_suffix(take->holder_path, holder_name));
        return;
    }
    g_assert_cmpint(holder, ==, -1);
}

static void
assert_project_holds(
    const Fixture *f, VeraProject *project, int i, int holder, const char *holder_name)
{
    g_autoptr(VeraTakeFiles) files = vera_take_files_new(project);

    assert_held(f, files, i, holder, holder_name);
}

/* Undo first, then the saved file, then its older versions; shown ones are never found. */
static void
test_holders(Fixture *f, gconstpointer data)
{
    VeraProject *project = make_project(f);

    assert_project_holds(f, project, 0, -1, NULL);
    delete_take(project);
    assert_project_holds(f, project, 0, VERA_TAKE_HOLDER_UNDO, NULL);
    assert_project_holds(f, project, 1, -1, NULL);
    vera_project_undo(project);
    assert_project_holds(f, project, 0, -1, NULL);
    vera_project_redo(project);
    save(project);
    assert_project_holds(f, project, 0, VERA_TAKE_HOLDER_UNDO, NULL);
    project = reopen(f, project);
    assert_project_holds(f, project, 0, VERA_TAKE_HOLDER_VERSION, "p.vera~1");
    for (int i = 0; i < 5; i++) {
        VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));
        vera_project_state_add_marker(state, i, NULL);
        vera_project_commit(project, state, "Add Marker", NULL);
        save(project);
    }
    assert_project_holds(f, project, 0, VERA_TAKE_HOLDER_NONE, NULL);
    g_object_unref(project);
}

/* A project whose take is deleted, saved and opened again. */
static VeraProject *
make_deleted(const Fixture *f)
{
    VeraProject *project = make_project(f);

    delete_take(project);
    save(project);
    return reopen(f, project);
}

/* Other projects, other windows, jobs and lost work keep what they need. */
static void
test_others(Fixture *f, gconstpointer data)
{
    g_autoptr(VeraProject) project = make_deleted(f);
    g_autoptr(VeraProject) other = NULL;
    g_autofree char *version = fixture_path(f, "p.vera~1"), *beside = fixture_path(f, "copy.vera"),
                    *dir = get_dir(f, 0);
    g_autofree char *text = fixture_read(version);
    g_autoptr(VeraTakeFiles) files = vera_take_files_new(project);

    fixture_write(beside, text);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_PROJECT, "copy.vera");
    other = vera_project_load(beside, NULL);
    delete_take(other);
    save(other);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_VERSION, NULL);
    vera_take_files_add_busy(files, dir);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_JOB, NULL);
    vera_take_files_add_open(files, other);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_UNDO, NULL);
}

/* A project that cannot be read might need anything. */
static void
test_unreadable(Fixture *f, gconstpointer data)
{
    g_autoptr(VeraProject) project = make_deleted(f);
    g_autoptr(VeraTakeFiles) files = vera_take_files_new(project);
    g_autofree char *elsewhere = fixture_path(f, "deep/damaged.vera"),
                    *folder = fixture_path(f, "deep");

    g_mkdir(folder, 0777);
    vera_take_files_add_project(files, elsewhere);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_VERSION, NULL);
    fixture_write(elsewhere, "{ half");
    assert_held(f, files, 0, VERA_TAKE_HOLDER_PROJECT, "damaged.vera");
}

/* Files that no take is made of are nobody's to remove, whatever a project says. */
static void
test_foreign(Fixture *f, gconstpointer data)
{
    g_autoptr(VeraProject) project = make_deleted(f);
    g_autoptr(VeraTakeFiles) files = vera_take_files_new(project);
    g_autoptr(GPtrArray) found = NULL;
    g_autofree char *dir = get_dir(f, 0),
                    *notes = g_build_filename(dir, "frames", "notes.txt", NULL);
    g_autoptr(GError) error = NULL;
    guint64 n_bytes = 1;

    fixture_write(notes, "mine");
    assert_held(f, files, 0, VERA_TAKE_HOLDER_FOREIGN, NULL);
    found = vera_take_files_find(files);
    g_assert_true(vera_take_files_remove(
        files, found, VERA_TAKE_REMOVE_FLAGS_FOR_GOOD | VERA_TAKE_REMOVE_FLAGS_VERSIONS, &n_bytes,
        NULL, &error));
    g_assert_cmpuint(n_bytes, ==, 0);
    g_assert_true(g_file_test(notes, G_FILE_TEST_EXISTS));
}

/* What is removed is gone with its mask; the takes that are shown stay; older versions are left
 * theirs unless asked. */
static void
test_remove(Fixture *f, gconstpointer data)
{
    g_autoptr(VeraProject) project = make_deleted(f);
    g_autoptr(VeraTakeFiles) files = vera_take_files_new(project);
    g_autoptr(GPtrArray) found = vera_take_files_find(files), after = NULL;
    g_autofree char *gone = get_dir(f, 0), *mask = g_strconcat(gone, ".region", NULL),
                    *stays = get_dir(f, 1);
    g_autoptr(GError) error = NULL;
    guint64 n_bytes = 0;

    g_assert_cmpuint(found->len, ==, 1);
    g_assert_cmpuint(((VeraRemovedTake *)found->pdata[0])->n_bytes, ==, 2 + 8 + 4);
    g_assert_true(vera_take_files_remove(files, found, VERA_TAKE_REMOVE_FLAGS_FOR_GOOD, &n_bytes,
                                         NULL, &error));
    g_assert_cmpuint(n_bytes, ==, 0);
    g_assert_true(g_file_test(gone, G_FILE_TEST_IS_DIR));
    g_assert_true(vera_take_files_remove(
        files, found, VERA_TAKE_REMOVE_FLAGS_FOR_GOOD | VERA_TAKE_REMOVE_FLAGS_VERSIONS, &n_bytes,
        NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(n_bytes, ==, 14);
    g_assert_false(g_file_test(gone, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(mask, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(stays, G_FILE_TEST_IS_DIR));
    after = vera_take_files_find(files);
    g_assert_cmpuint(after->len, ==, 0);
}

/* Unsaved work of a program that ended: its journal, which nobody holds any more. */
static void
test_unsaved(Fixture *f, gconstpointer data)
{
    g_autoptr(VeraProject) project = make_deleted(f);
    g_autoptr(VeraProject) lost = vera_project_new();
    g_autoptr(VeraTakeFiles) files = vera_take_files_new(project);
    g_autofree char *version = fixture_path(f, "p.vera~1"),
                    *folder = g_build_filename(g_get_user_state_dir(), "vera", "journal", NULL);
    g_autofree char *journal = NULL, *copy = g_build_filename(folder, "copy.journal", NULL),
                    *text = NULL;
    g_autoptr(GDir) dir = NULL;

    vera_project_commit(lost, vera_project_state_load(version, NULL), "Add Take", NULL);
    vera_project_flush_journal(lost);
    g_unlink(version);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_NONE, NULL);
    dir = g_dir_open(folder, 0, NULL);
    journal = g_build_filename(folder, g_dir_read_name(dir), NULL);
    text = fixture_read(journal);
    fixture_write(copy, text);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_UNSAVED, "copy.journal");
    g_unlink(copy);
    assert_held(f, files, 0, VERA_TAKE_HOLDER_NONE, NULL);
}

#define ADD(name, func) \
    g_test_add("/take-files/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_isolate();
    g_test_init(&argc, &argv, NULL);
    ADD("holders", test_holders);
    ADD("others", test_others);
    ADD("unreadable", test_unreadable);
    ADD("foreign", test_foreign);
    ADD("remove", test_remove);
    ADD("unsaved", test_unsaved);
    return fixture_run_tests();
}
