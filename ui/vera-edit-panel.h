#pragma once

#include <adwaita.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_EDIT_PANEL (vera_edit_panel_get_type())

/** VeraEditPanel: what the selected edit asks for: instruction, region, seed, steps, guidance, size; and the button that starts. */
G_DECLARE_FINAL_TYPE(VeraEditPanel, vera_edit_panel, VERA, EDIT_PANEL, GtkWidget)

void vera_edit_panel_set_editor(VeraEditPanel *self, VeraEditor *editor);
/** vera_edit_panel_focus: puts the cursor into the instruction. */
void vera_edit_panel_focus(VeraEditPanel *self);

G_END_DECLS
