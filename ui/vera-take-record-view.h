#pragma once

#include <gtk/gtk.h>

#include "engine/project/vera-take-summary.h"

G_BEGIN_DECLS

/** vera_take_record_view_new: Returns: (transfer floating): a grid that says how a take was made, every value to be selected and copied */
GtkWidget *vera_take_record_view_new(const VeraTakeSummary *summary);

/** vera_take_record_view_to_text: Returns: (transfer full): the same as lines of text */
char *vera_take_record_view_to_text(const VeraTakeSummary *summary);

G_END_DECLS
