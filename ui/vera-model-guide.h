#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VERA_TYPE_MODEL_GUIDE (vera_model_guide_get_type())

/** VeraModelGuide: what the model that comes with the program can and cannot do, and how to install a bigger one. */
G_DECLARE_FINAL_TYPE(VeraModelGuide, vera_model_guide, VERA, MODEL_GUIDE, AdwWindow)

/**
 * vera_model_guide_new:
 * @parent: (nullable): the window it belongs to
 * @model_dir: (nullable): folder of the model that it is about; read in the background
 *
 * Returns: (transfer none): a window, to be presented
 */
GtkWidget *vera_model_guide_new(GtkWindow *parent, const char *model_dir);

G_END_DECLS
