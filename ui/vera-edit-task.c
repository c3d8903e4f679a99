#include "config.h"

#include "ui/vera-edit-task.h"

#include <glib/gi18n.h>
#include <gtk/gtk.h>

static const struct {
    const char *id, *title, *placeholder, *region_hint;
} vera_edit_tasks[VERA_EDIT_TASK_COUNT] = {
    { NULL, N_("Automatic"), N_("Add a red fox standing in the wheat…"), N_("Draw on the picture to say where") },
    { "add", N_("Add Something"), N_("Add a red fox standing in the wheat…"), N_("Draw on the picture where it goes") },
    { "background", N_("Change the Background"), N_("Change the background to a snowy pass. Keep the person intact."),
      N_("Draw over what changes, or over what stays and invert") },
};

VeraEditTask
vera_edit_task_find(const char *id)
{
    for (int i = 1; id != NULL && i < VERA_EDIT_TASK_COUNT; i++)
        if (g_str_equal(vera_edit_tasks[i].id, id))
            return (VeraEditTask)i;
    return VERA_EDIT_TASK_AUTOMATIC;
}

const char *
vera_edit_task_get_id(VeraEditTask self)
{
    return vera_edit_tasks[self].id;
}

const char *
vera_edit_task_get_title(VeraEditTask self)
{
    return _(vera_edit_tasks[self].title);
}

const char *
vera_edit_task_get_placeholder(VeraEditTask self)
{
    return _(vera_edit_tasks[self].placeholder);
}

const char *
vera_edit_task_get_region_hint(VeraEditTask self)
{
    return _(vera_edit_tasks[self].region_hint);
}

GListModel *
vera_edit_task_get_titles(void)
{
    static GtkStringList *titles;

    if (titles != NULL)
        return G_LIST_MODEL(titles);
    titles = gtk_string_list_new(NULL);
    for (int i = 0; i < VERA_EDIT_TASK_COUNT; i++)
        gtk_string_list_append(titles, vera_edit_task_get_title((VeraEditTask)i));
    return G_LIST_MODEL(titles);
}
