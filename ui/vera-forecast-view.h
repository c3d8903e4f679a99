#pragma once

#include <gtk/gtk.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_FORECAST_VIEW (vera_forecast_view_get_type())

/** VeraForecastView: what the next takes of the selected edit will need, and a warning where that is more than there is. */
G_DECLARE_FINAL_TYPE(VeraForecastView, vera_forecast_view, VERA, FORECAST_VIEW, GtkWidget)

void vera_forecast_view_set_editor(VeraForecastView *self, VeraEditor *editor);
/** vera_forecast_view_set_count: how many takes are to be made, one after the other. */
void vera_forecast_view_set_count(VeraForecastView *self, int n_takes);

G_END_DECLS
