#include "config.h"

#include "ui/vera-model-guide.h"
#include "ui/vera-settings.h"
#include "ui/vera-window-private.h"

/* What the model that comes with the program can do: beside the welcome in full, above a first
 * picture as a bar that can be followed. */

/* One bar at a time, or a small window has no room for the lanes of the timeline. */
void
vera_window_update_introduction(VeraWindow *self)
{
    gtk_revealer_set_reveal_child(self->introduction_bar,
                                  self->is_introducing &&
                                      !gtk_revealer_get_reveal_child(self->media_bar));
}

void
vera_window_introduce(VeraWindow *self)
{
    if (vera_settings_get_boolean(VERA_SETTING_IS_INTRODUCED, TRUE))
        return;
    vera_settings_set_boolean(VERA_SETTING_IS_INTRODUCED, TRUE);
    self->is_introducing = TRUE;
    vera_window_update_introduction(self);
}

void
vera_window_end_introduction(VeraWindow *self)
{
    self->is_introducing = FALSE;
    vera_window_update_introduction(self);
}

void
vera_window_show_model_guide(VeraWindow *self)
{
    vera_settings_set_boolean(VERA_SETTING_IS_INTRODUCED, TRUE);
    vera_window_end_introduction(self);
    gtk_window_present(GTK_WINDOW(vera_model_guide_new(GTK_WINDOW(self), self->bundled_model)));
}
