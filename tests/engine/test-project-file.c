#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"
#include "tests/engine/project-fixture.h"

/* The calls below stand in for those of the C library in this program: the n-th that names the
 * project (or follows one that does) fails as on a full disk or one without permission. Counting is
 * on only in the main thread's saves. */
static struct {
    int countdown; /* calls until the failure; negative: never */
    int code;
    int n_calls;
    gboolean is_on;
} faults = {-1, 0, 0, FALSE};

static gboolean
fault(void)
{
    if (!faults.is_on)
        return FALSE;
    faults.n_calls++;
    if (faults.countdown < 0 || faults.countdown-- != 0)
        return FALSE;
    errno = faults.code;
    return TRUE;
}

int
fsync(int fd)
{
    return fault() ? -1 : (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
    return fault() ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
fchmod(int fd, mode_t mode)
{
    return fault() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

/* Writes half before it fails: a full disk leaves a torn file. */
ssize_t
write(int fd, const void *bytes, size_t length)
{
    if (fault()) {
        int saved_errno = errno;
        syscall(SYS_write, fd, bytes, length / 2);
        errno = saved_errno;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, length);
}

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

static char *
read_clip_name(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraProjectState) state = vera_project_state_load(path, &error);

    g_assert_no_error(error);
    return g_strdup(((VeraProjectClip *)state->clips->pdata[0])->name);
}

static void
assert_clip_name(const char *path, const char *name)
{
    g_autofree char *got = read_clip_name(path);

    g_assert_cmpstr(got, ==, name);
}

static void
save(VeraProject *project, const char *path)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_no_error(error);
    g_assert_false(vera_project_get_is_modified(project));
}

static void
test_versions(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera");

    for (int i = 0; i < 9; i++) {
        g_autofree char *name = g_strdup_printf("%d", i);
        change(project, name);
        save(project, path);
        save(project, NULL); /* nothing to write: no version is lost to it */
    }
    assert_clip_name(path, "8");
    for (int i = 1; i <= 6; i++) {
        g_autofree char *version = g_strdup_printf("%s~%d", path, i);
        g_autofree char *name = g_strdup_printf("%d", 8 - i);
        if (i == 6)
            g_assert_false(g_file_test(version, G_FILE_TEST_EXISTS));
        else
            assert_clip_name(version, name);
    }
}

static void
test_mode(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera");
    GStatBuf info;

    change(project, "a");
    save(project, path);
    g_chmod(path, 0640);
    change(project, "b");
    save(project, path);
    g_assert_cmpint(g_stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0640);
}

/* Fails one call of a save after the other, until a save gets through. */
static int
run_faults(const Fixture *fixture, int code, VeraEngineError expected)
{
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *part = fixture_path(fixture, ".shot.vera.saving");
    int n = 0;

    for (gboolean ok = FALSE; !ok; n++) {
        g_autoptr(VeraProject) project = vera_project_new();
        g_autoptr(GError) error = NULL;
        change(project, "old");
        save(project, path);
        g_autofree char *before = fixture_read(path);
        change(project, "new");
        /* The journal's thread makes some of these calls too. */
        vera_project_flush_journal(project);
        faults.is_on = TRUE;
        faults.countdown = n;
        faults.code = code;
        ok = vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error);
        faults.is_on = FALSE;
        vera_project_flush_journal(project);
        g_autofree char *after = fixture_read(path);
        g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
        g_assert_true(vera_project_get_is_modified(project) == !ok);
        if (ok) {
            assert_clip_name(path, "new");
            break;
        }
        g_test_message("call %d: %s", n, error->message);
        g_assert_error(error, VERA_ENGINE_ERROR, (int)expected);
        g_assert_nonnull(strstr(error->message, path));
        /* The last call syncs the folder: by then the new file is there, whole. */
        if (strcmp(after, before) != 0)
            assert_clip_name(path, "new");
        else
            assert_clip_name(path, "old");
        /* The next try goes through, even with another change. */
        change(project, "newest");
        save(project, NULL);
        assert_clip_name(path, "newest");
        g_unlink(path);
    }
    return n;
}

static void
test_full_disk(Fixture *fixture, gconstpointer unused)
{
    int n = run_faults(fixture, ENOSPC, VERA_ENGINE_ERROR_DISK_FULL);

    /* chmod, write, sync of the file, 4 older versions, rename, sync of the folder */
    g_assert_cmpint(n, ==, 9);
}

static void
test_no_permission(Fixture *fixture, gconstpointer unused)
{
    g_assert_cmpint(run_faults(fixture, EACCES, VERA_ENGINE_ERROR_OUTPUT), ==, 9);
}

static void
test_no_folder(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "missing/shot.vera");
    g_autoptr(GError) error = NULL;

    change(project, "a");
    g_assert_false(vera_project_save(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUTPUT);
    g_assert_null(vera_project_get_path(project));
    g_assert_true(vera_project_get_is_modified(project));
}

static void
test_changed_on_disk(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera"), *left = NULL;
    g_autofree char *newest = g_strconcat(path, "~1", NULL), *kept = NULL;
    g_autoptr(GError) error = NULL;

    change(project, "a");
    save(project, path);
    fixture_write(path, "somebody else's");
    change(project, "b");
    g_assert_false(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_CHANGED_ON_DISK);
    left = fixture_read(path);
    g_assert_cmpstr(left, ==, "somebody else's");
    g_assert_true(vera_project_get_is_modified(project));
    g_clear_error(&error);
    g_assert_true(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_FORCE, &error));
    assert_clip_name(path, "b");
    kept = fixture_read(newest);
    g_assert_cmpstr(kept, ==, "somebody else's");
    /* Saving as over a file that the user chose asks nothing, and keeps what was there. */
    g_autofree char *other = fixture_path(fixture, "other.vera"),
                    *other_old = g_strconcat(other, "~1", NULL);
    g_autofree char *other_kept = NULL;
    fixture_write(other, "chosen to be written over");
    save(project, other);
    other_kept = fixture_read(other_old);
    g_assert_cmpstr(other_kept, ==, "chosen to be written over");
    save(project, path);
    /* A file that is gone is written again: nothing can be lost by it. */
    g_unlink(path);
    change(project, "c");
    save(project, NULL);
    assert_clip_name(path, "c");
}

typedef struct {
    GMainLoop *loop;
    int n_left;
    GString *log;
} Saves;

static void
saved_cb(GObject *source, GAsyncResult *result, gpointer data)
{
    Saves *saves = data;
    g_autoptr(GError) error = NULL;
    gboolean ok = vera_project_save_finish(VERA_PROJECT(source), result, &error);

    g_string_append(saves->log, ok ? "saved " : "failed ");
    if (--saves->n_left == 0)
        g_main_loop_quit(saves->loop);
}

static void
test_async(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *other = fixture_path(fixture, "other.vera");
    g_autofree char *nowhere = fixture_path(fixture, "missing/shot.vera");
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GString) log = g_string_new(NULL);
    Saves saves = {loop, 3, log};

    change(project, "a");
    vera_project_save_async(project, path, VERA_PROJECT_SAVE_FLAGS_NONE, saved_cb, &saves);
    vera_project_save_async(project, nowhere, VERA_PROJECT_SAVE_FLAGS_NONE, saved_cb, &saves);
    change(project, "b"); /* after the first save began, before the last does */
    vera_project_save_async(project, other, VERA_PROJECT_SAVE_FLAGS_NONE, saved_cb, &saves);
    g_main_loop_run(loop);
    g_assert_cmpstr(log->str, ==, "saved failed saved ");
    assert_clip_name(path, "a");
    assert_clip_name(other, "b");
    g_assert_cmpstr(vera_project_get_path(project), ==, other);
    g_assert_false(vera_project_get_is_modified(project));
    saves.n_left = 1;
    change(project, "c");
    vera_project_save_async(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, saved_cb, &saves);
    change(project, "d");
    g_main_loop_run(loop);
    assert_clip_name(other, "c");
    g_assert_true(vera_project_get_is_modified(project));
}

typedef struct {
    GMainLoop *loop;
    VeraProject *project;
    GError *error;
} Load;

static void
loaded_cb(GObject *source, GAsyncResult *result, gpointer data)
{
    Load *load = data;

    load->project = vera_project_load_finish(result, &load->error);
    g_main_loop_quit(load->loop);
}

static void
test_load_async(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *lock = fixture_path(fixture, ".shot.vera.lock");
    g_autofree char *none = fixture_path(fixture, "none.vera"),
                    *none_lock = fixture_path(fixture, ".none.vera.lock");
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Load load = {loop, NULL, NULL};

    change(project, "a");
    save(project, path);
    g_clear_object(&project);
    vera_project_load_async(path, NULL, loaded_cb, &load);
    g_main_loop_run(loop);
    g_assert_no_error(load.error);
    g_assert_null(vera_project_get_lock_owner(load.project));
    g_assert_true(g_file_test(lock, G_FILE_TEST_EXISTS));
    change(load.project, "b");
    save(load.project, NULL);
    assert_clip_name(path, "b");
    g_clear_object(&load.project);
    g_cancellable_cancel(cancellable);
    vera_project_load_async(path, cancellable, loaded_cb, &load);
    g_main_loop_run(loop);
    g_assert_error(load.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_assert_false(g_file_test(lock, G_FILE_TEST_EXISTS));
    g_clear_error(&load.error);
    vera_project_load_async(none, NULL, loaded_cb, &load);
    g_main_loop_run(loop);
    g_assert_error(load.error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_assert_false(g_file_test(none_lock, G_FILE_TEST_EXISTS));
    g_clear_error(&load.error);
    /* A file that cannot be read does not stay locked. */
    fixture_write(path, "damaged");
    vera_project_load_async(path, NULL, loaded_cb, &load);
    g_main_loop_run(loop);
    g_assert_error(load.error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT);
    g_assert_false(g_file_test(lock, G_FILE_TEST_EXISTS));
    g_clear_error(&load.error);
}

static void
test_lock(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) first = vera_project_new(), second = NULL;
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *other = fixture_path(fixture, "other.vera");
    g_autofree char *lock = fixture_path(fixture, ".shot.vera.lock");
    g_autofree char *me = g_strdup_printf("process %d on %s", (int)getpid(), g_get_host_name());
    g_autoptr(GError) error = NULL;
    gboolean is_locked_out;

    change(first, "a");
    save(first, path);
    second = vera_project_load(path, &error);
    g_assert_no_error(error);
    g_object_get(second, "is-locked-out", &is_locked_out, NULL);
    g_assert_true(is_locked_out);
    g_assert_cmpstr(vera_project_get_lock_owner(second), ==, me);
    change(second, "b");
    g_assert_false(vera_project_save(second, NULL, VERA_PROJECT_SAVE_FLAGS_FORCE, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_LOCKED);
    g_clear_error(&error);
    g_assert_false(vera_project_break_lock(second, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_LOCKED);
    assert_clip_name(path, "a");
    save(second, other);
    g_assert_null(vera_project_get_lock_owner(second));
    /* Saving as left the first project's lock alone; closing takes it away. */
    g_assert_true(g_file_test(lock, G_FILE_TEST_EXISTS));
    g_clear_object(&first);
    g_assert_false(g_file_test(lock, G_FILE_TEST_EXISTS));
    g_clear_object(&second);
    first = vera_project_load(path, &error);
    g_assert_null(vera_project_get_lock_owner(first));
    change(first, "c");
    save(first, NULL);
}

static void
test_stale_lock(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *lock = fixture_path(fixture, ".shot.vera.lock");
    g_autofree char *text = g_strdup_printf("1 %s\n", g_get_host_name());
    g_autoptr(GError) error = NULL;

    change(project, "a");
    save(project, path);
    g_clear_object(&project);
    /* The number belongs to a program that runs, but that does not hold the file. */
    fixture_write(lock, text);
    project = vera_project_load(path, &error);
    g_assert_null(vera_project_get_lock_owner(project));
    g_clear_object(&project);
    /* Whether a program runs on another computer cannot be seen from here. */
    fixture_write(lock, "77 far.example\n");
    project = vera_project_load(path, &error);
    g_assert_cmpstr(vera_project_get_lock_owner(project), ==, "process 77 on far.example");
    change(project, "b");
    g_assert_false(vera_project_save(project, NULL, VERA_PROJECT_SAVE_FLAGS_NONE, &error));
    g_assert_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_LOCKED);
    g_clear_error(&error);
    g_assert_true(vera_project_break_lock(project, &error));
    g_assert_null(vera_project_get_lock_owner(project));
    save(project, NULL);
}

/* Another program: holds the project until it is killed. */
static int
run_holder(const char *path)
{
    VeraProject *project = vera_project_load(path, NULL);

    puts(project != NULL && vera_project_get_lock_owner(project) == NULL ? "held" : "refused");
    fflush(stdout);
    pause();
    return 0;
}

static void
test_lock_of_killed(Fixture *fixture, gconstpointer program)
{
    g_autoptr(VeraProject) project = vera_project_new();
    g_autofree char *path = fixture_path(fixture, "shot.vera"),
                    *lock = fixture_path(fixture, ".shot.vera.lock");
    const char *argv[] = {program, "--hold", path, NULL};
    g_autofree char *owner = NULL;
    char line[16] = "";
    GPid pid;
    int out;

    change(project, "a");
    save(project, path);
    g_clear_object(&project);
    g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                           NULL, NULL, &pid, NULL, &out, NULL, NULL));
    g_assert_cmpint(read(out, line, 5), ==, 5);
    g_assert_cmpstr(line, ==, "held\n");
    owner = g_strdup_printf("process %d on %s", (int)pid, g_get_host_name());
    project = vera_project_load(path, NULL);
    g_assert_cmpstr(vera_project_get_lock_owner(project), ==, owner);
    g_clear_object(&project);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(out);
    g_assert_true(g_file_test(lock, G_FILE_TEST_EXISTS));
    project = vera_project_load(path, NULL);
    g_assert_null(vera_project_get_lock_owner(project));
}

#define ADD(name, function) \
    g_test_add("/project-file/" name, Fixture, argv[0], fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--hold") == 0)
        return run_holder(argv[2]);
    fixture_isolate();
    g_test_init(&argc, &argv, NULL);
    ADD("versions", test_versions);
    ADD("mode", test_mode);
    ADD("full-disk", test_full_disk);
    ADD("no-permission", test_no_permission);
    ADD("no-folder", test_no_folder);
    ADD("changed-on-disk", test_changed_on_disk);
    ADD("async", test_async);
    ADD("load-async", test_load_async);
    ADD("lock", test_lock);
    ADD("stale-lock", test_stale_lock);
    ADD("lock-of-killed", test_lock_of_killed);
    return fixture_run_tests();
}
