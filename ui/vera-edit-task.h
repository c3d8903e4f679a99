#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/** VeraEditTask: what kind of change an edit is meant to be. It sorts examples and words hints; the model goes by the instruction. */
typedef enum {
    VERA_EDIT_TASK_AUTOMATIC,
    VERA_EDIT_TASK_ADD,
    VERA_EDIT_TASK_BACKGROUND,
    VERA_EDIT_TASK_COUNT,
} VeraEditTask;

/** vera_edit_task_find: Returns: what @id (nullable), as a project holds it, stands for; one of a newer program is automatic */
VeraEditTask vera_edit_task_find(const char *id);
/** vera_edit_task_get_id: Returns: (nullable): as a project holds it */
const char *vera_edit_task_get_id(VeraEditTask self);
/** vera_edit_task_get_title, _get_placeholder, _get_region_hint: in the user's language: its name, what may be typed, what to draw */
const char *vera_edit_task_get_title(VeraEditTask self);
const char *vera_edit_task_get_placeholder(VeraEditTask self);
const char *vera_edit_task_get_region_hint(VeraEditTask self);
/** vera_edit_task_get_titles: Returns: (transfer none): the titles in order, as a list for a widget */
GListModel *vera_edit_task_get_titles(void);

G_END_DECLS
