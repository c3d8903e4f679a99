#pragma once

#include <adwaita.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_LAYERS_PANEL (vera_layers_panel_get_type())

/** VeraLayersPanel: the layer stack, top first; takes, opacity and matte refinement of the selected layer. */
G_DECLARE_FINAL_TYPE(VeraLayersPanel, vera_layers_panel, VERA, LAYERS_PANEL, GtkWidget)

void vera_layers_panel_set_editor(VeraLayersPanel *self, VeraEditor *editor);

G_END_DECLS
