#pragma once

#include <adwaita.h>

#include "ui/vera-editor.h"

G_BEGIN_DECLS

#define VERA_TYPE_EXPORT_DIALOG (vera_export_dialog_get_type())

/** VeraExportDialog: what to write and where, with the real file names shown; puts an export into the queue. */
G_DECLARE_FINAL_TYPE(VeraExportDialog, vera_export_dialog, VERA, EXPORT_DIALOG, AdwWindow)

/** vera_export_dialog_new: @editor: whose selected edit (or clip, if it has no take) is exported. */
GtkWidget *vera_export_dialog_new(GtkWindow *parent, VeraEditor *editor);

G_END_DECLS
