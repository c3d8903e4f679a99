#include "config.h"

#include <string.h>

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "tests/e2e/shell-fixture.h"

/* What nobody types but what happens: names of any bytes, files that cannot grow, records that somebody damaged. The program ends with its
 * code and a sentence, and keeps what it has made. */

static char *root_dir;

/** Runs a command line in the test's folder; “vera” is the built program, “edit” a short edit. Returns: the exit code */
static int run(char **out, const char *format, ...) G_GNUC_PRINTF(2, 3);
static int
run(char **out, const char *format, ...)
{
    g_autofree char *command = NULL;
    va_list arguments;
    g_autofree char *prelude = g_strdup_printf(
        "model='%s/tests/golden/model-f32'\n"
        "edit() { vera edit \"$@\" --instruction 'Add a fox' --model \"$model\" --size 64x32 --steps 1 --range 1-2; }\n",
        g_getenv("VERA_SOURCE_ROOT"));

    va_start(arguments, format);
    command = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return shell_fixture_run(root_dir, prelude, command, out);
}

static void
make_clip(const char *shell_name)
{
    g_assert_cmpint(run(NULL, "test -e clip.mkv || ffmpeg -v error -f lavfi -i testsrc2=size=90x50:rate=24 -frames:v 6 -pix_fmt gbrp -c:v ffv1 clip.mkv; "
                              "cp clip.mkv %s", shell_name), ==, 0);
}

/* Bytes that are no text, a line break, quotes: the take opens, the export is found whole, and resuming makes nothing again. */
static void
test_names(void)
{
    const char *const names[] = { "$'b\\xff\\xfe.mkv'", "$'two\\nlines.mkv'", "$'quo\"te\\'s.mkv'", "'file:x.mkv'" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *out = g_strdup_printf("$'out\\xff\"%" G_GSIZE_FORMAT "'", i), *text = NULL, *last = NULL;
        make_clip(names[i]);
        g_assert_cmpint(run(NULL, "edit ./%s --output %s", names[i], out), ==, 0);
        g_assert_cmpint(run(NULL, "vera verify %s --source ./%s", out, names[i]), ==, 0);
        g_assert_cmpint(run(NULL, "vera info %s/take", out), ==, 0);
        g_assert_cmpint(run(&text, "edit ./%s --output %s --resume --progress=json 2>/dev/null", names[i], out), ==, 0);
        g_autoptr(JsonNode) node = json_from_string(g_strrstr(g_strchomp(text), "{\"result\""), NULL);
        g_assert_nonnull(node);
        last = g_strdup(json_object_get_string_member(json_node_get_object(node), "output"));
        g_assert_true(g_utf8_validate(last, -1, NULL));
        g_assert_true(g_str_has_prefix(last, "file://"));
        /* A take is exported by itself: its record knows the clip. */
        g_assert_cmpint(run(NULL, "vera export %s/take --output %s/again", out, out), ==, 0);
    }
}

/* A file that may not grow is told like a full disk, and nothing seems to be finished. */
static void
test_no_room(void)
{
    g_autofree char *text = NULL;

    make_clip("clip2.mkv");
    g_assert_cmpint(run(&text, "ulimit -f 2; edit clip2.mkv --output small"), ==, 6);
    g_assert_nonnull(strstr(text, "‘small"));
    g_clear_pointer(&text, g_free);
    g_assert_cmpint(run(NULL, "ls small/manifest.json small/take"), !=, 0);
    g_assert_cmpint(run(NULL, "edit clip2.mkv --output small --resume"), ==, 0);
    g_assert_cmpint(run(&text, "ulimit -f 2; vera export clip2.mkv --output plain"), ==, 6);
    g_assert_nonnull(strstr(text, "plain/"));
    g_assert_cmpint(run(NULL, "ls plain/manifest.json"), !=, 0);
}

/* Records that were damaged, to the parser's depths: a sentence that names the file. */
static void
test_records(void)
{
    g_autofree char *text = NULL;

    make_clip("clip3.mkv");
    g_assert_cmpint(run(NULL, "edit clip3.mkv --output sound; printf '{\"vera_take\": 1, \"plan\": %%0300000d' 0 | tr 0 [ >deep"), ==, 0);
    for (int i = 0; i < 2; i++) {
        const char *file = i == 0 ? "take/take.json" : "manifest.json";
        g_assert_cmpint(run(NULL, "rm -rf sick; cp -r sound sick; cp deep sick/%s", file), ==, 0);
        if (i == 0)
            g_assert_cmpint(run(&text, "vera export sick/take --output never"), ==, 3);
        else
            g_assert_cmpint(run(&text, "vera verify sick --source clip3.mkv"), ==, 3);
        g_assert_nonnull(strstr(text, "sick"));
        g_clear_pointer(&text, g_free);
    }
}

static void
test_words(void)
{
    g_autofree char *text = NULL;

    make_clip("clip4.mkv");
    for (int i = 1; i < 4; i++)
        g_assert_cmpint(run(NULL, "vera export clip4.mkv --range %d-5x9223372036854775807 --output far-%d && ls far-%d/clip4.%d.exr", i, i, i, 1000 + i), ==, 0);
    g_assert_cmpint(run(&text, "vera edit clip4.mkv --instruction fox --negative $'\\xff' --model $model --output never"), ==, 2);
    g_assert_nonnull(strstr(text, "negative prompt"));
    g_assert_cmpint(run(NULL, "ls -d never"), !=, 0);
}

int
main(int argc, char **argv)
{
    int code;

    g_test_init(&argc, &argv, NULL);
    root_dir = g_dir_make_tmp("vera-hostile-XXXXXX", NULL);
    g_test_add_func("/e2e/hostile/names", test_names);
    g_test_add_func("/e2e/hostile/no-room", test_no_room);
    g_test_add_func("/e2e/hostile/records", test_records);
    g_test_add_func("/e2e/hostile/words", test_words);
    code = g_test_run();
    run(NULL, "rm -rf '%s'", root_dir);
    return code;
}
