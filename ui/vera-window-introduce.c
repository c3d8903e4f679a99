#include "config.h"

#include "ui/vera-model-guide.h"
#include "ui/vera-settings.h"
#include "ui/vera-window-private.h"

/* What the model that comes with the program can do: beside the welcome in full, above a first
 * picture as a bar that can be followed. */

void
vera_window_introduce(VeraWindow *self)
{
    if (vera_settings_get_boolean(VERA_SETTING_IS_INTRODUCED, TRUE))
        return;
    vera_settings_set_boolean(VERA_SETTING_IS_INTRODUCED, TRUE);
    gtk_revealer_set_reveal_child(self->introduction_bar, TRUE);
}

void
vera_window_end_introduction(VeraWindow *self)
{
    gtk_revealer_set_reveal_child(self->introduction_bar, FALSE);
}

void
vera_window_show_model_guide(VeraWindow *self)
{
    vera_settings_set_boolean(VERA_SETTING_IS_INTRODUCED, TRUE);
    vera_window_end_introduction(self);
    gtk_window_present(GTK_WINDOW(vera_model_guide_new(GTK_WINDOW(self), self->bundled_model)));
}
