#include "config.h"

#include "ui/vera-shortcuts.h"

#include "tests/ui/app-fixture.h"
#include "ui/vera-settings.h"
#include "ui/vera-window.h"

static AppFixture program;

static const VeraShortcut *
find(const char *action)
{
    const VeraShortcut *shortcut = vera_shortcuts_find(action);

    g_assert_nonnull(shortcut);
    return shortcut;
}

static void
assert_keys(const char *action, const char *want)
{
    g_auto(GStrv) keys = vera_shortcuts_dup_keys(find(action));
    g_autofree char *joined = g_strjoinv(" ", keys);

    g_assert_cmpstr(joined, ==, want);
}

static void
set_keys(const char *action, const char *key)
{
    vera_shortcuts_set_keys(find(action), (const char *const[]){ key, NULL });
}

/* Every key is an accelerator, and no two commands have the same one. */
static void
test_defaults(void)
{
    gsize n;
    const VeraShortcut *shortcuts = vera_shortcuts_list(&n);

    g_assert_cmpuint(n, >, 50);
    for (gsize i = 0; i < n; i++) {
        g_auto(GStrv) raw = vera_shortcuts_dup_default_keys(&shortcuts[i]), keys = vera_shortcuts_dup_keys(&shortcuts[i]);
        const VeraShortcut *other = vera_shortcuts_find_conflict(&shortcuts[i], (const char *const *)keys);
        if (other != NULL)
            g_error("“%s” and “%s” have the same keys", shortcuts[i].title, other->title);
        g_assert_cmpstrv(raw, keys);
    }
}

/* What is listed can be done: each action is there, with the kind of target that it is given. */
static void
test_actions(void)
{
    VeraWindow *window = vera_window_new(program.app, program.queue, "/bundled");
    gsize n;
    const VeraShortcut *shortcuts = vera_shortcuts_list(&n);

    for (gsize i = 0; i < n; i++) {
        g_autofree char *name = NULL;
        g_autoptr(GVariant) target = NULL;
        const GVariantType *type = NULL;
        g_assert_true(g_action_parse_detailed_name(shortcuts[i].action, &name, &target, NULL));
        if (!g_str_has_prefix(name, "win."))
            continue;
        if (!g_action_group_query_action(G_ACTION_GROUP(window), name + strlen("win."), NULL, &type, NULL, NULL, NULL))
            g_error("there is no action “%s”", name);
        g_assert_true(type ? target && g_variant_is_of_type(target, type) : target == NULL);
    }
    gtk_window_destroy(GTK_WINDOW(window));
}

/* A key goes to one command: the one that had it has the rest of its keys left. */
static void
test_change(void)
{
    g_assert_true(vera_shortcuts_find_conflict(find("win.wipe"), (const char *const[]){ "<Control>y", NULL }) == find("win.redo"));
    g_assert_null(vera_shortcuts_find_conflict(find("win.wipe"), (const char *const[]){ "<Control>k", NULL }));
    set_keys("win.wipe", "<Control>y");
    assert_keys("win.wipe", "<Control>y");
    assert_keys("win.redo", "<Control><Shift>z");
    g_assert_true(vera_shortcuts_is_changed(find("win.wipe")));
    g_assert_true(vera_shortcuts_is_changed(find("win.redo")));
    g_assert_false(vera_shortcuts_is_changed(find("win.undo")));
    g_assert_null(vera_shortcuts_find_conflict(find("win.overlay"), (const char *const[]){ "w", NULL }));
    vera_shortcuts_set_keys(find("win.redo"), NULL);
    assert_keys("win.redo", "<Control><Shift>z <Control>y");
    assert_keys("win.wipe", "");
    vera_shortcuts_reset();
    assert_keys("win.wipe", "w");
    g_assert_false(vera_shortcuts_is_changed(find("win.wipe")));
}

/* Settings that somebody wrote by hand: what is no key does nothing. */
static void
test_broken_settings(void)
{
    GVariantBuilder builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{sas}"));

    g_variant_builder_add(&builder, "{s^as}", "win.wipe", (const char *const[]){ "no key", "", "<Control>", "x", NULL });
    g_variant_builder_add(&builder, "{s^as}", "win.nothing", (const char *const[]){ "m", NULL });
    g_settings_set_value(vera_settings_get(), VERA_SETTING_SHORTCUTS, g_variant_builder_end(&builder));
    assert_keys("win.wipe", "x");
    assert_keys("win.overlay", "m");
    vera_shortcuts_reset();
}

static void
assert_accels(const char *action, const char *want)
{
    g_auto(GStrv) accels = gtk_application_get_accels_for_action(program.app, action);
    g_autofree char *joined = g_strjoinv(" ", accels);

    g_assert_cmpstr(joined, ==, want);
}

/* An application's accelerator works while a text is typed: plain letters and arrows must not be among them. */
static void
test_accelerators(void)
{
    vera_shortcuts_install(program.app);
    assert_accels("win.save", "<Control>s");
    assert_accels("win.zoom-fit", "<Control>0");
    assert_accels("win.fullscreen", "F11");
    assert_accels("win.wipe", "");
    assert_accels("win.nudge((1,0))", "");
    set_keys("win.wipe", "<Control>j");
    assert_accels("win.wipe", "<Control>j");
    set_keys("win.save", "s");
    assert_accels("win.save", "");
    vera_shortcuts_reset();
    assert_accels("win.save", "<Control>s");
}

static void
test_can_use(void)
{
    g_assert_true(vera_shortcuts_can_use(GDK_KEY_w, 0));
    g_assert_true(vera_shortcuts_can_use(GDK_KEY_Left, GDK_ALT_MASK));
    g_assert_true(vera_shortcuts_can_use(GDK_KEY_5, GDK_CONTROL_MASK));
    g_assert_false(vera_shortcuts_can_use(GDK_KEY_5, 0));
    g_assert_false(vera_shortcuts_can_use(GDK_KEY_Tab, 0));
    g_assert_false(vera_shortcuts_can_use(GDK_KEY_Escape, 0));
    g_assert_false(vera_shortcuts_can_use(GDK_KEY_Control_L, 0));
}

static GtkWidget *
find_button(GtkWidget *widget, const char *action)
{
    GtkWidget *found = NULL;

    if (GTK_IS_BUTTON(widget) && g_strcmp0(gtk_actionable_get_action_name(GTK_ACTIONABLE(widget)), action) == 0)
        return widget;
    for (GtkWidget *child = gtk_widget_get_first_child(widget); child && !found; child = gtk_widget_get_next_sibling(child))
        found = find_button(child, action);
    return found;
}

/* Tooltips say the keys that hold now. */
static void
test_tooltips(void)
{
    VeraWindow *window = vera_window_new(program.app, program.queue, "/bundled");
    GtkWidget *play = find_button(GTK_WIDGET(window), "win.play"), *open = find_button(GTK_WIDGET(window), "win.open");

    g_assert_cmpstr(gtk_widget_get_tooltip_text(play), ==, "Play or pause (Space)");
    g_assert_cmpstr(gtk_widget_get_tooltip_text(open), ==, "Open a clip or a project (Ctrl+O)");
    set_keys("win.play", "<Shift>x");
    g_assert_cmpstr(gtk_widget_get_tooltip_text(play), ==, "Play or pause (Shift+X)");
    vera_shortcuts_set_keys(find("win.play"), (const char *const[]){ NULL });
    g_assert_cmpstr(gtk_widget_get_tooltip_text(play), ==, "Play or pause");
    vera_shortcuts_reset();
    g_assert_cmpstr(gtk_widget_get_tooltip_text(play), ==, "Play or pause (Space)");
    gtk_window_destroy(GTK_WINDOW(window));
}

int
main(int argc, char **argv)
{
    int status;

    app_fixture_start(&program, &argc, &argv);
    g_test_add_func("/ui/shortcuts/defaults", test_defaults);
    g_test_add_func("/ui/shortcuts/actions", test_actions);
    g_test_add_func("/ui/shortcuts/change", test_change);
    g_test_add_func("/ui/shortcuts/broken-settings", test_broken_settings);
    g_test_add_func("/ui/shortcuts/accelerators", test_accelerators);
    g_test_add_func("/ui/shortcuts/can-use", test_can_use);
    g_test_add_func("/ui/shortcuts/tooltips", test_tooltips);
    status = g_test_run();
    app_fixture_end(&program);
    return status;
}
