#include "config.h"

#include "ui/vera-window.h"

#include <glib/gi18n.h>

#include "ui/vera-queue-row.h"
#include "ui/vera-settings.h"
#include "ui/vera-timecode.h"
#include "ui/vera-tips.h"
#include "ui/vera-window-private.h"

/* Characters of a job's title that it shows. */
#define VERA_WINDOW_TITLE_LENGTH 44

G_DEFINE_FINAL_TYPE(VeraWindow, vera_window, ADW_TYPE_APPLICATION_WINDOW)

gboolean
vera_window_is_closed(VeraWindow *self)
{
    return gtk_window_get_application(GTK_WINDOW(self)) == NULL;
}

VeraEditor *
vera_window_get_editor(VeraWindow *self)
{
    return self->editor;
}

static const char *
vera_window_get_page(VeraWindow *self)
{
    if (vera_editor_get_clip_info(self->editor) != NULL)
        return "editor";
    if (vera_editor_is_loading(self->editor))
        return "loading";
    return vera_editor_get_clip_error(self->editor) ? "error" : "welcome";
}

static void
vera_window_update_title(VeraWindow *self)
{
    VeraProject *project = vera_editor_get_project(self->editor);
    const char *name = vera_project_get_title(project), *path = vera_editor_get_clip_path(self->editor);
    g_autofree char *title = g_strdup_printf("%s%s", vera_project_get_is_modified(project) ? "• " : "", name ? name : _("Untitled Project"));
    g_autofree char *base = path ? g_path_get_basename(path) : NULL, *clip = base ? g_filename_display_name(base) : NULL;
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    g_autofree char *subtitle = info ? g_strdup_printf("%s — %d × %d, %.5g fps", clip, info->width, info->height,
                                                       (double)info->rate_num / MAX(info->rate_den, 1))
                                     : g_strdup("");

    adw_window_title_set_title(self->title, clip ? title : "Vera");
    adw_window_title_set_subtitle(self->title, subtitle);
    gtk_window_set_title(GTK_WINDOW(self), clip ? title : "Vera");
}

static void
vera_window_update_undo(VeraWindow *self)
{
    VeraProject *project = vera_editor_get_project(self->editor);
    const char *undo = vera_project_get_undo_name(project), *redo = vera_project_get_redo_name(project);
    g_autofree char *undo_tip = undo ? g_strdup_printf(_("Undo %s"), undo) : g_strdup(_("Nothing to undo"));
    g_autofree char *redo_tip = redo ? g_strdup_printf(_("Redo %s"), redo) : g_strdup(_("Nothing to redo"));

    vera_tips_set(self->undo_button, undo_tip);
    vera_tips_set(self->redo_button, redo_tip);
    vera_window_update_history(self);
}

static void
vera_window_frame_cb(VeraWindow *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    gint64 frame = vera_editor_get_frame(self->editor);
    g_autofree char *timecode = NULL, *number = NULL;

    if (info == NULL)
        return;
    timecode = vera_timecode_format(info, frame);
    number = g_strdup_printf("%" G_GINT64_FORMAT " / %" G_GINT64_FORMAT, vera_timecode_get_number(info, frame),
                             vera_timecode_get_number(info, info->n_frames - 1));
    gtk_label_set_text(self->timecode_label, timecode);
    gtk_label_set_text(self->frame_label, number);
}

static void
vera_window_project_changed_cb(VeraWindow *self)
{
    vera_window_update_title(self);
    vera_window_update_undo(self);
    vera_window_update_actions(self);
}

static void
vera_window_clip_changed_cb(VeraWindow *self)
{
    const char *page = vera_window_get_page(self);

    if (g_str_equal(page, "error"))
        adw_status_page_set_description(self->error_page, vera_editor_get_clip_error(self->editor));
    if (g_str_equal(page, "welcome"))
        vera_window_fill_recent(self);
    gtk_stack_set_visible_child_name(self->stack, page);
    vera_window_settle_toasts(self);
    if (g_str_equal(page, "editor"))
        vera_window_introduce(self);
    vera_window_frame_cb(self);
    vera_window_project_changed_cb(self);
}

static gboolean
vera_window_tick_cb(GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
    vera_editor_tick(VERA_WINDOW(widget)->editor, gdk_frame_clock_get_frame_time(clock));
    return G_SOURCE_CONTINUE;
}

static void
vera_window_playing_cb(VeraWindow *self)
{
    gboolean is_playing = vera_editor_get_speed(self->editor) != 0;

    gtk_button_set_icon_name(GTK_BUTTON(self->play_button),
                             is_playing ? "media-playback-pause-symbolic" : "media-playback-start-symbolic");
    if (is_playing && self->tick == 0)
        self->tick = gtk_widget_add_tick_callback(GTK_WIDGET(self), vera_window_tick_cb, NULL, NULL);
    if (!is_playing && self->tick != 0) {
        gtk_widget_remove_tick_callback(GTK_WIDGET(self), self->tick);
        self->tick = 0;
    }
}

static void
vera_window_view_cb(VeraWindow *self)
{
    int view;

    g_object_get(self->canvas, "view", &view, NULL);
    gtk_menu_button_set_label(self->view_button, vera_canvas_get_view_title((VeraView)view));
    vera_window_update_actions(self);
}

static gboolean
vera_window_zoom_idle_cb(gpointer data)
{
    VeraWindow *self = data;
    g_autofree char *text = NULL;
    double zoom;

    g_object_get(self->canvas, "zoom", &zoom, NULL);
    text = g_strdup_printf("%.0f %%", zoom * 100);
    gtk_menu_button_set_label(self->zoom_button, text);
    return G_SOURCE_REMOVE;
}

/* The zoom of a fitted picture changes while the window is laid out, when no label may change its size. */
static void
vera_window_zoom_cb(VeraWindow *self)
{
    g_idle_add_full(G_PRIORITY_HIGH_IDLE, vera_window_zoom_idle_cb, g_object_ref(self), g_object_unref);
}

static void
vera_window_readout_cb(VeraWindow *self, const char *text)
{
    gtk_label_set_text(self->readout, text);
    gtk_widget_set_visible(GTK_WIDGET(self->readout), *text != '\0');
}

/* How far the proxies are, while there is something to say about them. */
static void
vera_window_proxies_cb(VeraWindow *self)
{
    double progress;
    VeraEditorProxies proxies = vera_editor_get_proxies(self->editor, &progress);
    g_autofree char *text = g_strdup_printf(_("Proxies %d %%"), (int)(progress * 100));

    gtk_label_set_text(self->proxy_label, text);
    gtk_widget_set_tooltip_text(GTK_WIDGET(self->proxy_label), proxies == VERA_EDITOR_PROXIES_FULL
                                                                   ? _("The limit of the preferences is reached")
                                                                   : _("Small pictures for scrubbing are made in the background"));
    gtk_widget_set_visible(GTK_WIDGET(self->proxy_label), proxies != VERA_EDITOR_PROXIES_IDLE);
}

/* It keeps out of the way of what it is about. */
static void
vera_window_pointer_cb(GtkEventControllerMotion *motion, double x, double y, VeraWindow *self)
{
    int width = gtk_widget_get_width(GTK_WIDGET(self->canvas)), height = gtk_widget_get_height(GTK_WIDGET(self->canvas));
    gboolean is_below = y > height - 64 && x < width / 2.0;

    gtk_widget_set_halign(GTK_WIDGET(self->readout), is_below ? GTK_ALIGN_END : GTK_ALIGN_START);
}

static void
vera_window_queue_cb(VeraWindow *self)
{
    guint n = vera_queue_get_n_active(self->queue);

    adw_view_stack_page_set_badge_number(self->queue_page, n);
    adw_view_stack_page_set_needs_attention(self->queue_page, FALSE);
}

/* What became of a job, and the beginning of what it was. */
static char *
vera_window_describe_end(VeraJob *job, const char *text)
{
    const char *title = vera_job_get_title(job);
    g_autofree char *start = g_utf8_substring(title, 0, MIN(g_utf8_strlen(title, -1), VERA_WINDOW_TITLE_LENGTH));

    return g_strdup_printf("%s: %s%s", text, start, strlen(start) < strlen(title) ? "…" : "");
}

/* A long job ends while the user is elsewhere: the desktop says so. */
static void
vera_window_job_finished_cb(VeraWindow *self, VeraJob *job)
{
    g_autofree char *text = vera_queue_row_describe(job), *message = vera_window_describe_end(job, text);
    g_autoptr(GNotification) notification = NULL;

    if (vera_job_get_state(job) == VERA_JOB_STATE_CANCELLED)
        return;
    vera_window_show_message(self, message);
    if (gtk_window_is_active(GTK_WINDOW(self)))
        return;
    notification = g_notification_new(vera_job_get_title(job));
    g_notification_set_body(notification, text);
    g_application_send_notification(G_APPLICATION(gtk_window_get_application(GTK_WINDOW(self))), vera_job_get_id(job), notification);
}

/* An old list of jobs that could not be read, or one that cannot be kept. */
static void
vera_window_queue_notice_cb(VeraWindow *self)
{
    if (vera_queue_get_notice(self->queue) != NULL)
        vera_window_show_message(self, vera_queue_get_notice(self->queue));
}

static void
vera_window_project_cb(VeraWindow *self)
{
    VeraProject *project = vera_editor_get_project(self->editor);

    g_signal_connect_object(project, "notify", G_CALLBACK(vera_window_project_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(project, "journal-failed", G_CALLBACK(vera_window_show_message), self, G_CONNECT_SWAPPED);
    vera_window_project_changed_cb(self);
}

static gboolean
vera_window_drop_cb(GtkDropTarget *target, const GValue *value, double x, double y, VeraWindow *self)
{
    vera_window_open(self, g_value_get_object(value));
    return TRUE;
}

static void
vera_window_watch(VeraWindow *self)
{
    GtkDropTarget *drop = gtk_drop_target_new(G_TYPE_FILE, GDK_ACTION_COPY);
    GtkEventController *motion = gtk_event_controller_motion_new();

    g_signal_connect_object(self->editor, "clip-changed", G_CALLBACK(vera_window_clip_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "project-changed", G_CALLBACK(vera_window_project_changed_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "notify::project", G_CALLBACK(vera_window_project_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "notify::frame", G_CALLBACK(vera_window_frame_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "notify::is-playing", G_CALLBACK(vera_window_playing_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "notify::media-trouble", G_CALLBACK(vera_window_update_media_bar), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "notify::media-notice",
                            G_CALLBACK(vera_window_update_media_bar), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "proxies-changed", G_CALLBACK(vera_window_proxies_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->editor, "message", G_CALLBACK(vera_window_show_message), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->canvas, "notify::view", G_CALLBACK(vera_window_view_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->canvas, "notify::zoom", G_CALLBACK(vera_window_zoom_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->canvas, "readout", G_CALLBACK(vera_window_readout_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->queue, "changed", G_CALLBACK(vera_window_queue_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->queue, "notify::notice", G_CALLBACK(vera_window_queue_notice_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->queue, "job-finished", G_CALLBACK(vera_window_job_finished_cb), self, G_CONNECT_SWAPPED);
    if (vera_settings_get() != NULL)
        g_signal_connect_object(vera_settings_get(), "changed::" VERA_SETTING_SHORTCUTS, G_CALLBACK(vera_tips_update), self,
                                G_CONNECT_SWAPPED);
    g_signal_connect(motion, "motion", G_CALLBACK(vera_window_pointer_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self->canvas), motion);
    g_signal_connect(drop, "drop", G_CALLBACK(vera_window_drop_cb), self);
    gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(drop));
}

static void
vera_window_close_now(VeraWindow *self, gpointer data)
{
    self->is_closing = TRUE;
    gtk_window_close(GTK_WINDOW(self));
}

/* The size is the one that the window has when it is not maximised. */
static void
vera_window_remember(VeraWindow *self)
{
    int width, height;
    gboolean is_looping;

    gtk_window_get_default_size(GTK_WINDOW(self), &width, &height);
    g_object_get(self->editor, "is-looping", &is_looping, NULL);
    vera_settings_set_int(VERA_SETTING_WINDOW_WIDTH, width);
    vera_settings_set_int(VERA_SETTING_WINDOW_HEIGHT, height);
    vera_settings_set_boolean(VERA_SETTING_IS_MAXIMISED, gtk_window_is_maximized(GTK_WINDOW(self)));
    vera_settings_set_boolean(VERA_SETTING_IS_LOOPING, is_looping);
}

/* Without settings the button of a missing action is greyed out, and the volume's would do nothing. */
static void
vera_window_bind_sound(VeraWindow *self)
{
    GSettings *settings = vera_settings_get();
    g_autoptr(GAction) mute = settings ? g_settings_create_action(settings, VERA_SETTING_IS_MUTED) : NULL;

    gtk_widget_set_sensitive(self->volume_button, settings != NULL);
    if (settings == NULL)
        return;
    g_action_map_add_action(G_ACTION_MAP(self), mute);
    g_settings_bind(settings, VERA_SETTING_VOLUME, self->volume_button, "value", G_SETTINGS_BIND_DEFAULT);
}

static void
vera_window_restore(VeraWindow *self)
{
    int width, height;

    vera_window_bind_sound(self);
    gtk_window_get_default_size(GTK_WINDOW(self), &width, &height);
    gtk_window_set_default_size(GTK_WINDOW(self), vera_settings_get_int(VERA_SETTING_WINDOW_WIDTH, width),
                                vera_settings_get_int(VERA_SETTING_WINDOW_HEIGHT, height));
    if (vera_settings_get_boolean(VERA_SETTING_IS_MAXIMISED, FALSE))
        gtk_window_maximize(GTK_WINDOW(self));
    if (vera_settings_get_boolean(VERA_SETTING_IS_LOOPING, FALSE))
        g_action_group_change_action_state(G_ACTION_GROUP(self), "loop", g_variant_new_boolean(TRUE));
}

static gboolean
vera_window_close_request(GtkWindow *window)
{
    VeraWindow *self = VERA_WINDOW(window);

    if (!self->is_closing && vera_project_get_is_modified(vera_editor_get_project(self->editor))) {
        vera_window_confirm(self, vera_window_close_now, NULL, NULL);
        return GDK_EVENT_STOP;
    }
    vera_window_remember(self);
    return GTK_WINDOW_CLASS(vera_window_parent_class)->close_request(window);
}

static void
vera_window_dispose(GObject *object)
{
    VeraWindow *self = VERA_WINDOW(object);

    if (self->editor != NULL)
        g_object_run_dispose(G_OBJECT(self->editor));
    g_clear_object(&self->editor);
    g_clear_object(&self->queue);
    g_clear_object(&self->chooser);
    g_clear_object(&self->undo_menu);
    g_clear_object(&self->history_menu);
    g_clear_pointer(&self->recoverable, g_ptr_array_unref);
    g_clear_pointer(&self->waiting_toasts, g_ptr_array_unref);
    g_clear_pointer(&self->bundled_model, g_free);
    G_OBJECT_CLASS(vera_window_parent_class)->dispose(object);
}

static void
vera_window_bind(GtkWidgetClass *klass)
{
    gtk_widget_class_bind_template_child(klass, VeraWindow, title);
    gtk_widget_class_bind_template_child(klass, VeraWindow, main_menu);
    gtk_widget_class_bind_template_child(klass, VeraWindow, toasts);
    gtk_widget_class_bind_template_child(klass, VeraWindow, canvas_toasts);
    gtk_widget_class_bind_template_child(klass, VeraWindow, stack);
    gtk_widget_class_bind_template_child(klass, VeraWindow, welcome_page);
    gtk_widget_class_bind_template_child(klass, VeraWindow, error_page);
    gtk_widget_class_bind_template_child(klass, VeraWindow, recent_list);
    gtk_widget_class_bind_template_child(klass, VeraWindow, media_bar);
    gtk_widget_class_bind_template_child(klass, VeraWindow, media_label);
    gtk_widget_class_bind_template_child(klass, VeraWindow, reload_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, dismiss_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, introduction_bar);
    gtk_widget_class_bind_template_child(klass, VeraWindow, side_paned);
    gtk_widget_class_bind_template_child(klass, VeraWindow, transport_box);
    gtk_widget_class_bind_template_child(klass, VeraWindow, time_box);
    gtk_widget_class_bind_template_child(klass, VeraWindow, canvas);
    gtk_widget_class_bind_template_child(klass, VeraWindow, timeline);
    gtk_widget_class_bind_template_child(klass, VeraWindow, edit_panel);
    gtk_widget_class_bind_template_child(klass, VeraWindow, layers_panel);
    gtk_widget_class_bind_template_child(klass, VeraWindow, queue_panel);
    gtk_widget_class_bind_template_child(klass, VeraWindow, side_stack);
    gtk_widget_class_bind_template_child(klass, VeraWindow, queue_page);
    gtk_widget_class_bind_template_child(klass, VeraWindow, view_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, zoom_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, readout);
    gtk_widget_class_bind_template_child(klass, VeraWindow, proxy_label);
    gtk_widget_class_bind_template_child(klass, VeraWindow, frame_label);
    gtk_widget_class_bind_template_child(klass, VeraWindow, timecode_label);
    gtk_widget_class_bind_template_child(klass, VeraWindow, play_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, volume_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, undo_button);
    gtk_widget_class_bind_template_child(klass, VeraWindow, redo_button);
}

static void
vera_window_class_init(VeraWindowClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    g_type_ensure(VERA_TYPE_CANVAS);
    g_type_ensure(VERA_TYPE_TIMELINE);
    g_type_ensure(VERA_TYPE_EDIT_PANEL);
    g_type_ensure(VERA_TYPE_LAYERS_PANEL);
    g_type_ensure(VERA_TYPE_QUEUE_PANEL);
    G_OBJECT_CLASS(klass)->dispose = vera_window_dispose;
    GTK_WINDOW_CLASS(klass)->close_request = vera_window_close_request;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-window.ui");
    vera_window_bind(widget_class);
}

/* Time runs to the right, in the timeline and so in what moves along it, whichever way the language is written. */
static void
vera_window_set_left_to_right(GtkWidget *widget)
{
    gtk_widget_set_direction(widget, GTK_TEXT_DIR_LTR);
    for (GtkWidget *child = gtk_widget_get_first_child(widget); child != NULL; child = gtk_widget_get_next_sibling(child))
        vera_window_set_left_to_right(child);
}

static void
vera_window_init(VeraWindow *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
    vera_window_set_left_to_right(self->transport_box);
    vera_window_set_left_to_right(self->time_box);
}

VeraWindow *
vera_window_new(GtkApplication *application, VeraQueue *queue, const char *default_model)
{
    VeraWindow *self = g_object_new(VERA_TYPE_WINDOW, "application", application, NULL);

    self->queue = g_object_ref(queue);
    self->editor = vera_editor_new(queue, default_model);
    self->bundled_model = g_strdup(default_model);
    vera_canvas_set_editor(self->canvas, self->editor);
    vera_timeline_set_editor(self->timeline, self->editor);
    vera_edit_panel_set_editor(self->edit_panel, self->editor);
    vera_layers_panel_set_editor(self->layers_panel, self->editor);
    vera_queue_panel_set_queue(self->queue_panel, queue);
    vera_window_add_actions(self);
    vera_window_add_history(self);
    vera_tips_update(GTK_WIDGET(self));
    vera_window_restore(self);
    vera_window_watch(self);
    vera_window_project_cb(self);
    vera_window_clip_changed_cb(self);
    vera_window_queue_cb(self);
    vera_window_queue_notice_cb(self);
    return self;
}
