#include "config.h"

#include "app/vera-application.h"

#include <adwaita.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "app/vera-cli.h"
#include "app/vera-watchdog.h"
#include "ui/vera-preferences.h"
#include "ui/vera-settings.h"
#include "ui/vera-shortcuts.h"
#include "ui/vera-tips.h"
#include "ui/vera-window.h"

#define VERA_TYPE_APPLICATION (vera_application_get_type())
G_DECLARE_FINAL_TYPE(VeraApplication, vera_application, VERA, APPLICATION, AdwApplication)

/** VeraApplication: the process: its queue, its windows, what belongs to no window. */
struct _VeraApplication {
    AdwApplication parent_instance;

    VeraQueue *queue; /* (owned) */
    char *default_model;
    gboolean is_thread_late; /* a job did not stop in time */
};

G_DEFINE_FINAL_TYPE(VeraApplication, vera_application, ADW_TYPE_APPLICATION)

static VeraWindow *
vera_application_make_window(VeraApplication *self)
{
    VeraWindow *window = vera_window_new(GTK_APPLICATION(self), self->queue, self->default_model);

    gtk_window_present(GTK_WINDOW(window));
    vera_window_offer_recovery(window);
    return window;
}

static void
vera_application_activate(GApplication *application)
{
    GtkWindow *window = gtk_application_get_active_window(GTK_APPLICATION(application));

    if (window != NULL) {
        gtk_window_present(window);
        return;
    }
    window = GTK_WINDOW(vera_application_make_window(VERA_APPLICATION(application)));
    if (!vera_settings_get_boolean(VERA_SETTING_IS_INTRODUCED, TRUE))
        g_action_group_activate_action(G_ACTION_GROUP(window), "model-guide", NULL);
}

static void
vera_application_open(GApplication *application, GFile **files, int n_files, const char *hint)
{
    for (int i = 0; i < n_files; i++)
        vera_window_open(vera_application_make_window(VERA_APPLICATION(application)), files[i]);
}

static char *
vera_application_find_sample(void)
{
    const char *folders[] = { g_getenv("VERA_DATA_DIR"), VERA_DATA_DIR, VERA_SOURCE_DATA_DIR };

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *dir = folders[i] ? g_build_filename(folders[i], "sample", NULL) : NULL;
        g_autofree char *path = dir ? g_build_filename(dir, "sample.vera", NULL) : NULL;
        if (path != NULL && g_file_test(path, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&dir);
    }
    return NULL;
}

/* The user's own copy: takes and saves go beside a project, and the one that is installed belongs to the system. */
static GFile *
vera_application_copy_sample(GError **error)
{
    static const char *const names[] = { "sample.mp4", "region.png", "sample.vera" };
    g_autofree char *from = vera_application_find_sample();
    g_autofree char *to = g_build_filename(g_get_user_data_dir(), "vera", "sample", NULL);

    if (from == NULL) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _("The sample project is not installed"));
        return NULL;
    }
    g_mkdir_with_parents(to, 0777);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GFile) source = g_file_new_build_filename(from, names[i], NULL);
        g_autoptr(GFile) target = g_file_new_build_filename(to, names[i], NULL);
        if (!g_file_query_exists(target, NULL) && !g_file_copy(source, target, G_FILE_COPY_NONE, NULL, NULL, NULL, error))
            return NULL;
    }
    return g_file_new_build_filename(to, "sample.vera", NULL);
}

static void
vera_application_sample_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    GtkWindow *window = gtk_application_get_active_window(GTK_APPLICATION(data));
    g_autoptr(GError) error = NULL;
    g_autoptr(GFile) file = vera_application_copy_sample(&error);

    if (window == NULL)
        window = GTK_WINDOW(vera_application_make_window(VERA_APPLICATION(data)));
    if (file != NULL)
        vera_window_open(VERA_WINDOW(window), file);
    else
        vera_window_show_message(VERA_WINDOW(window), error->message);
}

static void
vera_application_about_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    adw_show_about_window(gtk_application_get_active_window(GTK_APPLICATION(data)), "application-name", "Vera", "application-icon",
                          "io.github.vera_editor.Vera", "version", VERA_VERSION, "license-type", GTK_LICENSE_GPL_3_0, "comments",
                          _("Edits clips by compositing: a model makes a layer and a matte, the rest of the picture is never touched."),
                          "developer-name", _("The Vera developers"), "website", "https://github.com/vera-editor/vera", NULL);
}

static void
vera_application_quit_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    GList *windows = g_list_copy(gtk_application_get_windows(GTK_APPLICATION(data)));

    /* Each window may still ask about its changes. */
    for (GList *link = windows; link != NULL; link = link->next)
        gtk_window_close(link->data);
    g_list_free(windows);
}

static void
vera_application_show_theme(VeraApplication *self, VeraTheme theme)
{
    static const AdwColorScheme schemes[VERA_THEME_COUNT] = { ADW_COLOR_SCHEME_DEFAULT, ADW_COLOR_SCHEME_FORCE_DARK,
                                                              ADW_COLOR_SCHEME_FORCE_LIGHT };
    AdwStyleManager *manager = adw_style_manager_get_default();
    GAction *dark = g_action_map_lookup_action(G_ACTION_MAP(self), "dark");

    adw_style_manager_set_color_scheme(manager, schemes[theme]);
    g_simple_action_set_state(G_SIMPLE_ACTION(dark), g_variant_new_boolean(adw_style_manager_get_dark(manager)));
}

static void
vera_application_theme_cb(VeraApplication *self)
{
    vera_application_show_theme(self, (VeraTheme)vera_settings_get_enum(VERA_SETTING_THEME, VERA_THEME_DARK));
}

static void
vera_application_dark_cb(GSimpleAction *action, GVariant *value, gpointer data)
{
    VeraTheme theme = g_variant_get_boolean(value) ? VERA_THEME_DARK : VERA_THEME_LIGHT;

    vera_settings_set_enum(VERA_SETTING_THEME, (int)theme);
    vera_application_show_theme(VERA_APPLICATION(data), theme);
}

static void
vera_application_preferences_cb(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    GtkWindow *window = gtk_application_get_active_window(GTK_APPLICATION(data));

    if (vera_settings_get() != NULL)
        gtk_window_present(GTK_WINDOW(vera_preferences_new(window)));
    else if (VERA_IS_WINDOW(window))
        vera_window_show_message(VERA_WINDOW(window), _("The settings schema is not installed; install Vera again to have preferences"));
}

static const GActionEntry vera_application_entries[] = {
    { .name = "sample", .activate = vera_application_sample_cb },
    { .name = "preferences", .activate = vera_application_preferences_cb },
    { .name = "about", .activate = vera_application_about_cb },
    { .name = "quit", .activate = vera_application_quit_cb },
    { .name = "dark", .state = "true", .change_state = vera_application_dark_cb },
};

static void
vera_application_startup(GApplication *application)
{
    VeraApplication *self = VERA_APPLICATION(application);
    g_autofree char *state = g_build_filename(g_get_user_state_dir(), "vera", "queue", NULL);

    G_APPLICATION_CLASS(vera_application_parent_class)->startup(application);
    self->queue = vera_queue_new(state);
    self->default_model = vera_cli_get_default_model();
    g_action_map_add_action_entries(G_ACTION_MAP(self), vera_application_entries, G_N_ELEMENTS(vera_application_entries), self);
    vera_shortcuts_install(GTK_APPLICATION(self));
    vera_tips_name_windows();
    vera_application_theme_cb(self);
    if (vera_settings_get() != NULL)
        g_signal_connect_object(vera_settings_get(), "changed::" VERA_SETTING_THEME, G_CALLBACK(vera_application_theme_cb), self,
                                G_CONNECT_SWAPPED);
}

static void
vera_application_shutdown(GApplication *application)
{
    VeraApplication *self = VERA_APPLICATION(application);

    self->is_thread_late = !vera_queue_shutdown(self->queue);
    g_clear_object(&self->queue);
    g_clear_pointer(&self->default_model, g_free);
    G_APPLICATION_CLASS(vera_application_parent_class)->shutdown(application);
}

static void
vera_application_class_init(VeraApplicationClass *klass)
{
    GApplicationClass *application_class = G_APPLICATION_CLASS(klass);

    application_class->startup = vera_application_startup;
    application_class->shutdown = vera_application_shutdown;
    application_class->activate = vera_application_activate;
    application_class->open = vera_application_open;
}

static void
vera_application_init(VeraApplication *self)
{
}

gboolean
vera_application_wants(int argc, char **argv)
{
    gboolean has_display = g_getenv("WAYLAND_DISPLAY") != NULL || g_getenv("DISPLAY") != NULL;

    if (argc < 2)
        return has_display;
    return strcmp(argv[1], "open") == 0 || strcmp(argv[1], "sample") == 0 || strcmp(argv[1], "--gapplication-service") == 0 ||
           (argv[1][0] != '-' && !vera_cli_is_command(argv[1]) && g_file_test(argv[1], G_FILE_TEST_EXISTS));
}

int
vera_application_run(int argc, char **argv)
{
    g_autoptr(VeraApplication) application = NULL;
    gboolean is_sample = argc > 1 && strcmp(argv[1], "sample") == 0;
    int status;

    if (argc > 1 && (is_sample || strcmp(argv[1], "open") == 0)) {
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    if (!gtk_init_check()) {
        g_printerr("vera: there is no display to open the editor on; ‘vera --help’ lists what works without one.\n");
        return VERA_CLI_EXIT_FAILED;
    }
    application = g_object_new(VERA_TYPE_APPLICATION, "application-id", "io.github.vera_editor.Vera", "flags", G_APPLICATION_HANDLES_OPEN,
                               "resource-base-path", "/io/github/vera_editor/Vera", NULL);
    g_set_application_name("Vera");
    if (is_sample && g_application_register(G_APPLICATION(application), NULL, NULL))
        g_action_group_activate_action(G_ACTION_GROUP(application), "sample", NULL);
    vera_watchdog_start();
    status = g_application_run(G_APPLICATION(application), argc, argv);
    vera_watchdog_stop();
    if (VERA_APPLICATION(application)->is_thread_late) {
        /* Its steps are safe; destructors would pull libraries away from under it. */
        fflush(NULL);
        _exit(status);
    }
    return status;
}
