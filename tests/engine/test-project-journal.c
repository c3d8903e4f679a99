#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"
#include "tests/engine/project-fixture.h"

static void
change(VeraProject *project, const char *name)
{
    VeraProjectState *state = vera_project_state_copy(vera_project_get_state(project));

    if (state->clips->len == 0)
        g_ptr_array_add(state->clips, vera_project_clip_new("/plate.mov", name));
    g_free(((VeraProjectClip *)state->clips->pdata[0])->name);
    ((VeraProjectClip *)state->clips->pdata[0])->name = g_strdup(name);
    vera_project_commit(project, state, name, NULL);
}

static const char *
get_clip_name(VeraProject *project)
{
    return ((VeraProjectClip *)vera_project_get_state(project)->clips->pdata[0])->name;
}

static char *
get_journal_dir(void)
{
    return g_build_filename(g_get_user_state_dir(), "vera", "journal", NULL);
}

static guint
count_journals(void)
{
    g_autofree char *path = get_journal_dir();
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    while (dir != NULL && g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

/* Another program. What it does before it is killed: "flush" waits until all its changes are on
 * disk, "at-once" does not. */
static int
run_victim(const char *path, const char *mode, int n_changes)
{
    VeraProject *project = *path ? vera_project_load(path, NULL) : vera_project_new();

    for (int i = 1; i <= n_changes; i++) {
        g_autofree char *name = g_strdup_printf("change %d", i);
        change(project, name);
        if (strcmp(mode, "flush") == 0)
            vera_project_flush_journal(project);
    }
    raise(SIGKILL);
    return 0;
}

static void
kill_victim(const char *program, const char *path, const char *mode, int n_changes)
{
    g_autofree char *n = g_strdup_printf("%d", n_changes);
    const char *argv[] = {program, "--victim", path, mode, n, NULL};
    g_auto(GStrv) environment =
        g_environ_setenv(g_get_environ(), "XDG_STATE_HOME", g_get_user_state_dir(), TRUE);
    g_autoptr(GError) error = NULL;
    int status;

    g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                 &error);
    g_assert_no_error(error);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static char *
save_project(const Fixture *fixture)
{
    g_autoptr(VeraProject) project = vera_project_new();
    char *path = fixture_path(fixture, "shot.vera");

    change(project, "saved");
    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    return path;
}

static void
test_killed(Fixture *fixture, gconstpointer program)
{
    g_autofree char *path = save_project(fixture);
    g_autoptr(GPtrArray) found = NULL, again = NULL;
    g_autoptr(VeraProject) project = NULL;
    g_autoptr(GError) error = NULL;
    gint64 before = g_get_real_time() / G_USEC_PER_SEC;
    const VeraProjectRecoverable *lost;

    kill_victim(program, path, "flush", 7);
    found = vera_project_find_recoverable();
    g_assert_cmpuint(found->len, ==, 1);
    lost = found->pdata[0];
    g_assert_cmpstr(lost->project_path, ==, path);
    g_assert_cmpuint(lost->n_changes, ==, 7);
    g_assert_cmpstr(lost->last_change, ==, "change 7");
    g_assert_cmpint(lost->time, >=, before);
    project = vera_project_recover(lost, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(get_clip_name(project), ==, "change 7");
    g_assert_cmpstr(vera_project_get_path(project), ==, path);
    g_assert_null(vera_project_get_lock_owner(project));
    g_assert_true(vera_project_get_is_modified(project));
    /* The work is now in the journal of this program, which runs: nothing is offered twice. */
    vera_project_flush_journal(project);
    g_assert_false(g_file_test(lost->journal_path, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(count_journals(), ==, 1);
    again = vera_project_find_recoverable();
    g_assert_cmpuint(again->len, ==, 0);
    g_assert_true(vera_project_undo(project));
    g_assert_cmpstr(get_clip_name(project), ==, "saved");
    g_assert_false(vera_project_get_is_modified(project));
    vera_project_redo(project);
    g_assert_true(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    vera_project_flush_journal(project);
    g_assert_cmpuint(count_journals(), ==, 0);
}

static void
test_killed_untitled(Fixture *fixture, gconstpointer program)
{
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(VeraProject) project = NULL;

    kill_victim(program, "", "flush", 2);
    kill_victim(program, "", "flush", 3);
    found = vera_project_find_recoverable();
    g_assert_cmpuint(found->len, ==, 2);
    g_assert_null(((VeraProjectRecoverable *)found->pdata[0])->project_path);
    project = vera_project_recover(found->pdata[0], NULL);
    g_assert_null(vera_project_get_path(project));
    g_assert_true(vera_project_undo(project));
    g_assert_cmpuint(vera_project_get_state(project)->clips->len, ==, 0);
    g_assert_true(vera_project_discard_recoverable(found->pdata[1], NULL));
    g_assert_false(vera_project_discard_recoverable(found->pdata[1], NULL));
}

/* Killed right after a row of changes: whatever is found is one of them, whole. */
static void
test_killed_at_once(Fixture *fixture, gconstpointer program)
{
    for (int i = 0; i < 20; i++) {
        g_autoptr(GPtrArray) found = NULL;
        g_autoptr(VeraProject) project = NULL;
        kill_victim(program, "", "at-once", 1 + 30 * i);
        found = vera_project_find_recoverable();
        g_assert_cmpuint(found->len, <=, 1);
        if (found->len == 0)
            continue;
        const VeraProjectRecoverable *lost = found->pdata[0];
        g_autofree char *name = g_strdup_printf("change %u", lost->n_changes);
        project = vera_project_recover(lost, NULL);
        g_assert_cmpstr(get_clip_name(project), ==, name);
        g_assert_cmpstr(lost->last_change, ==, name);
    }
}

static guint
count_lines(const char *text, gsize length)
{
    guint n = 0;

    for (gsize i = 0; i < length; i++)
        n += text[i] == '\n';
    return n;
}

static void
test_truncated(Fixture *fixture, gconstpointer program)
{
    g_autofree char *dir = get_journal_dir(), *path = g_build_filename(dir, "cut.journal", NULL),
                    *text = NULL;
    g_autoptr(GPtrArray) found = NULL;
    gsize length;

    kill_victim(program, "", "flush", 6);
    found = vera_project_find_recoverable();
    g_assert_cmpuint(found->len, ==, 1);
    const char *journal = ((VeraProjectRecoverable *)found->pdata[0])->journal_path;
    g_assert_true(g_file_get_contents(journal, &text, &length, NULL));
    g_assert_cmpuint(count_lines(text, length), ==, 7);
    g_unlink(journal);
    for (gsize n = 0; n <= length; n += n + 97 < length || n == length ? 97 : length - n) {
        g_autoptr(GPtrArray) left = NULL;
        g_autoptr(VeraProject) project = NULL;
        guint lines = count_lines(text, n);
        g_assert_true(g_file_set_contents(path, text, (gssize)n, NULL));
        left = vera_project_find_recoverable();
        g_assert_cmpuint(left->len, ==, lines > 1 ? 1 : 0);
        if (left->len == 0)
            continue;
        g_autofree char *name = g_strdup_printf("change %u", lines - 1);
        project = vera_project_recover(left->pdata[0], NULL);
        g_assert_cmpstr(get_clip_name(project), ==, name);
    }
}

/* One bit of the last line flips on a bad disk: the line before counts. */
static void
test_flipped(Fixture *fixture, gconstpointer program)
{
    g_autoptr(GPtrArray) found = NULL, left = NULL;
    g_autofree char *text = NULL;
    gsize length;

    kill_victim(program, "", "flush", 3);
    found = vera_project_find_recoverable();
    const char *journal = ((VeraProjectRecoverable *)found->pdata[0])->journal_path;
    g_assert_true(g_file_get_contents(journal, &text, &length, NULL));
    *strstr(strstr(text, "change 3"), "plate") = 'q';
    g_assert_true(g_file_set_contents(journal, text, (gssize)length, NULL));
    left = vera_project_find_recoverable();
    g_assert_cmpuint(left->len, ==, 1);
    g_assert_cmpstr(((VeraProjectRecoverable *)left->pdata[0])->last_change, ==, "change 2");
}

static void
test_clean_close(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();

    change(project, "a");
    vera_project_flush_journal(project);
    g_assert_cmpuint(count_journals(), ==, 1);
    g_clear_object(&project);
    g_assert_cmpuint(count_journals(), ==, 0);
}

static void
test_without_work(Fixture *fixture, gconstpointer program)
{
    g_autofree char *path = save_project(fixture), *text = NULL, *dir = get_journal_dir();
    g_autofree char *copy = g_build_filename(dir, "copy.journal", NULL);
    g_autoptr(GPtrArray) found = NULL, left = NULL;
    g_autoptr(VeraProject) project = NULL;
    gsize length;

    /* Ended between writing the project and dropping the journal: the journal holds what the file
     * does. */
    kill_victim(program, path, "flush", 2);
    found = vera_project_find_recoverable();
    const char *journal = ((VeraProjectRecoverable *)found->pdata[0])->journal_path;
    g_assert_true(g_file_get_contents(journal, &text, &length, NULL));
    project = vera_project_recover(found->pdata[0], NULL);
    g_assert_true(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    g_clear_object(&project);
    g_assert_cmpuint(count_journals(), ==, 0);
    g_assert_true(g_file_set_contents(copy, text, (gssize)length, NULL));
    left = vera_project_find_recoverable();
    g_assert_cmpuint(left->len, ==, 0);
    g_assert_cmpuint(count_journals(), ==, 0);
}

/* The project was changed by another program after the crash: recovering must not write over that.
 */
static void
test_changed_since(Fixture *fixture, gconstpointer program)
{
    g_autofree char *path = save_project(fixture);
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(VeraProject) other = NULL, project = NULL;
    g_autoptr(GError) error = NULL;

    kill_victim(program, path, "flush", 2);
    other = vera_project_load(path, NULL);
    change(other, "other");
    g_assert_true(vera_project_save(other, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, NULL));
    g_clear_object(&other);
    found = vera_project_find_recoverable();
    g_assert_cmpuint(found->len, ==, 1);
    project = vera_project_recover(found->pdata[0], NULL);
    g_assert_false(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CHANGED_ON_DISK);
}

static void
failed_cb(VeraProject *project, const char *message, gpointer data)
{
    g_string_append_printf(data, "%s\n", message);
}

static void
iterate(VeraProject *project)
{
    vera_project_flush_journal(project);
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void
test_failure(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autoptr(GString) messages = g_string_new(NULL);
    g_autofree char *dir = get_journal_dir(), *parent = g_path_get_dirname(dir);

    g_mkdir_with_parents(parent, 0700);
    fixture_write(dir, "a file where the folder should be");
    g_signal_connect(project, "journal-failed", G_CALLBACK(failed_cb), messages);
    change(project, "a");
    iterate(project);
    g_assert_cmpuint(count_lines(messages->str, messages->len), ==, 1);
    g_assert_nonnull(strstr(messages->str, dir));
    change(project, "b");
    iterate(project);
    g_assert_cmpuint(count_lines(messages->str, messages->len), ==, 1);
    g_unlink(dir);
    change(project, "c");
    iterate(project);
    g_assert_cmpuint(count_lines(messages->str, messages->len), ==, 1);
    g_assert_cmpuint(count_journals(), ==, 1);
}

/* A journal of many large states begins anew instead of growing without end. */
static void
test_long(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    VeraProjectState *state = fixture_make_state(fixture);
    VeraRegionShape *shape = ((VeraEdit *)state->edits->pdata[0])->region->shapes->pdata[0];
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(VeraRegionPoint));
    g_autofree char *folder = get_journal_dir();
    gint64 commit_us = 0;

    for (int i = 0; i < 100000; i++) {
        VeraRegionPoint p = {(float)i / 7, (float)i / 11, 1};
        g_array_append_val(points, p);
    }
    vera_region_shape_set_points(shape, 3, (VeraRegionPoint *)points->data, points->len);
    vera_project_commit(project, state, "Stroke", NULL);
    for (int i = 0; i < 14; i++) {
        g_autofree char *name = g_strdup_printf("%d", i);
        gint64 start = g_get_monotonic_time();
        change(project, name);
        commit_us = MAX(commit_us, g_get_monotonic_time() - start);
        vera_project_flush_journal(project);
    }
    g_test_message("the longest commit of a region of 100,000 points took %.1f ms",
                   (double)commit_us / 1000);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autofree char *path = g_build_filename(folder, g_dir_read_name(dir), NULL), *text = NULL;
    gsize length;
    g_assert_null(g_dir_read_name(dir));
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    g_test_message("%" G_GSIZE_FORMAT " bytes, %u lines", length, count_lines(text, length));
    g_assert_cmpuint(length, >, 1 << 20);
    g_assert_cmpuint(length, <, 20 << 20);
    g_assert_cmpuint(count_lines(text, length), <, 15);
    g_assert_nonnull(g_strrstr(text, "\"name\":\"13\""));
}

#define ADD(name, function)                                                          \
    g_test_add("/project-journal/" name, Fixture, argv[0], fixture_set_up, function, \
               fixture_tear_down)

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--victim") == 0)
        return run_victim(argv[2], argv[3], atoi(argv[4]));
    fixture_isolate();
    g_test_init(&argc, &argv, NULL);
    ADD("killed", test_killed);
    ADD("killed-untitled", test_killed_untitled);
    ADD("killed-at-once", test_killed_at_once);
    ADD("truncated", test_truncated);
    ADD("flipped", test_flipped);
    ADD("clean-close", test_clean_close);
    ADD("without-work", test_without_work);
    ADD("changed-since", test_changed_since);
    ADD("failure", test_failure);
    ADD("long", test_long);
    return fixture_run_tests();
}
