#pragma once

#include "ui/vera-canvas.h"
#include "ui/vera-edit-panel.h"
#include "ui/vera-jog.h"
#include "ui/vera-layers-panel.h"
#include "ui/vera-queue-panel.h"
#include "ui/vera-timeline.h"
#include "ui/vera-window.h"

G_BEGIN_DECLS

struct _VeraWindow {
    AdwApplicationWindow parent_instance;

    AdwWindowTitle *title;
    GMenu *main_menu;
    AdwToastOverlay *toasts, *canvas_toasts;
    GtkStack *stack;
    AdwStatusPage *welcome_page, *error_page;
    GtkListBox *recent_list;
    GtkRevealer *media_bar, *introduction_bar;
    GtkLabel *media_label;
    GtkWidget *reload_button, *dismiss_button;
    GtkPaned *side_paned;
    GtkWidget *transport_box, *time_box;
    VeraCanvas *canvas;
    VeraTimeline *timeline;
    VeraEditPanel *edit_panel;
    VeraLayersPanel *layers_panel;
    VeraQueuePanel *queue_panel;
    AdwViewStack *side_stack;
    AdwViewStackPage *queue_page;
    GtkMenuButton *view_button, *zoom_button;
    GtkLabel *readout, *proxy_label, *frame_label, *timecode_label;
    GtkWidget *play_button, *volume_button, *undo_button, *redo_button;

    /* Owned */
    VeraEditor *editor;
    VeraQueue *queue;
    GtkFileChooserNative *chooser;
    struct _VeraWindowPending *saving_as; /* what follows once a name has been chosen */
    GMenu *undo_menu, *history_menu;
    GPtrArray *recoverable;
    GPtrArray *waiting_toasts; /* (nullable) (element-type AdwToast): for when the clip is there */
    char *bundled_model;
    guint tick;
    VeraJog jog;
    gboolean is_introducing;
    gboolean is_closing; /* the user has been asked */
    gboolean is_focus_by_key; /* the focus was moved with Tab, and nothing was clicked since */
};

void vera_window_add_actions(VeraWindow *self);
void vera_window_update_actions(VeraWindow *self);
/** vera_window_introduce: tells of the model in a bar, once, when the program is new.
 * vera_window_end_introduction: it was read. */
void vera_window_introduce(VeraWindow *self);
void vera_window_end_introduction(VeraWindow *self);
/** vera_window_update_introduction: shows it unless the bar about the clip's file needs the room.
 */
void vera_window_update_introduction(VeraWindow *self);
/** vera_window_settle_toasts: shows what had to wait until the page of the clip is there. */
void vera_window_settle_toasts(VeraWindow *self);
void vera_window_show_model_guide(VeraWindow *self);

/** vera_window_add_history: puts undo, redo and what was done into the main menu.
 * vera_window_update_history: as it is now. */
void vera_window_add_history(VeraWindow *self);
void vera_window_update_history(VeraWindow *self);

/** VeraWindowThen: what follows once unsaved changes are saved or given up. */
typedef void (*VeraWindowThen)(VeraWindow *self, gpointer data);
void vera_window_confirm(VeraWindow *self, VeraWindowThen then, gpointer data, GDestroyNotify free_data);

/** vera_window_end_saving: forgets what was to follow a choice of a name. */
void vera_window_end_saving(VeraWindow *self);
void vera_window_save(VeraWindow *self);
void vera_window_save_as(VeraWindow *self);
/** vera_window_choose: asks for a file; @callback is a handler of "response" with the window as its data. */
void vera_window_choose(VeraWindow *self, const char *title, GtkFileChooserAction action, GCallback callback);
void vera_window_choose_open(VeraWindow *self);
void vera_window_choose_relink(VeraWindow *self);
/** vera_window_relink_to: puts @path in the place of the shown clip; asks first where it does not fit. */
void vera_window_relink_to(VeraWindow *self, const char *path);
/** vera_window_reload: shows what took the place of the clip's file; asks first where it does not fit. */
void vera_window_reload(VeraWindow *self);
void vera_window_update_media_bar(VeraWindow *self);
void vera_window_new_project(VeraWindow *self);
/** vera_window_is_closed: whether the window is no more on the screen; what works in the background may still hold it. */
gboolean vera_window_is_closed(VeraWindow *self);

/** vera_window_clean_takes: asks whether files of deleted takes may go, and lets them. */
void vera_window_clean_takes(VeraWindow *self);
void vera_window_fill_recent(VeraWindow *self);

G_END_DECLS
