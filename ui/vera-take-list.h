#pragma once

#include <gtk/gtk.h>

#include "ui/vera-editor.h"
#include "ui/vera-take-loader.h"

G_BEGIN_DECLS

#define VERA_TYPE_TAKE_LIST (vera_take_list_get_type())

/** VeraTakeList: the takes of the selected edit, with pictures. */
G_DECLARE_FINAL_TYPE(VeraTakeList, vera_take_list, VERA, TAKE_LIST, GtkWidget)

void vera_take_list_set_editor(VeraTakeList *self, VeraEditor *editor);

/** vera_take_list_get_loader: Returns: (transfer none): where the list has its summaries from, for
 * others that need them */
VeraTakeLoader *vera_take_list_get_loader(VeraTakeList *self);

G_END_DECLS
