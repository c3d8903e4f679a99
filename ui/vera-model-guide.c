#include "config.h"

#include "ui/vera-model-guide.h"

#include <glib/gi18n.h>

#include "engine/diffusion/vera-model.h"
#include "ui/vera-tips.h"

#define VERA_MODEL_GUIDE_COMMAND "vera model init --from WAN2.1_FOLDER --output MODEL"

struct _VeraModelGuide {
    AdwWindow parent_instance;

    AdwActionRow *model_row;
    GtkWidget *learning_row;
    GtkLabel *command_label;
    AdwToastOverlay *toasts;
};

G_DEFINE_FINAL_TYPE(VeraModelGuide, vera_model_guide, ADW_TYPE_WINDOW)

static void
vera_model_guide_copy_cb(VeraModelGuide *self)
{
    gdk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(self)), VERA_MODEL_GUIDE_COMMAND);
    adw_toast_overlay_add_toast(self->toasts, adw_toast_new(_("Copied")));
}

static void
vera_model_guide_read_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    GError *error = NULL;
    VeraModel *model = vera_model_open(data, &error);

    if (model == NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, model, (GDestroyNotify)vera_model_unref);
}

static void
vera_model_guide_read_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraModelGuide *self = VERA_MODEL_GUIDE(object);
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraModel) model = g_task_propagate_pointer(G_TASK(result), &error);
    const VeraModelInfo *info = model ? vera_model_get_info(model) : NULL;
    g_autofree char *text = NULL, *escaped = NULL, *title = NULL;

    if (self->model_row == NULL) /* closed meanwhile */
        return;
    text = info ? g_strdup_printf(_("Draws at %d × %d pixels, %d frames at once; longer ranges in overlapping windows"), info->native_width,
                                  info->native_height, info->native_frames)
                : g_strdup(error->message);
    escaped = g_markup_escape_text(text, -1);
    title = info ? g_markup_escape_text(info->name, -1) : NULL;
    if (title != NULL)
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(self->model_row), title);
    adw_action_row_set_subtitle(self->model_row, escaped);
    gtk_widget_set_visible(self->learning_row, info != NULL && !info->is_trained);
}

static void
vera_model_guide_read(VeraModelGuide *self, const char *model_dir)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, vera_model_guide_read_cb, NULL);

    g_task_set_task_data(task, g_strdup(model_dir), g_free);
    g_task_run_in_thread(task, vera_model_guide_read_thread);
}

static void
vera_model_guide_dispose(GObject *object)
{
    VERA_MODEL_GUIDE(object)->model_row = NULL;
    G_OBJECT_CLASS(vera_model_guide_parent_class)->dispose(object);
}

static void
vera_model_guide_class_init(VeraModelGuideClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_model_guide_dispose;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-model-guide.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraModelGuide, model_row);
    gtk_widget_class_bind_template_child(widget_class, VeraModelGuide, learning_row);
    gtk_widget_class_bind_template_child(widget_class, VeraModelGuide, command_label);
    gtk_widget_class_bind_template_child(widget_class, VeraModelGuide, toasts);
    gtk_widget_class_bind_template_callback(widget_class, vera_model_guide_copy_cb);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
vera_model_guide_init(VeraModelGuide *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
    gtk_label_set_text(self->command_label, VERA_MODEL_GUIDE_COMMAND);
    vera_tips_update(GTK_WIDGET(self));
}

GtkWidget *
vera_model_guide_new(GtkWindow *parent, const char *model_dir)
{
    VeraModelGuide *self = g_object_new(VERA_TYPE_MODEL_GUIDE, "transient-for", parent, NULL);

    if (model_dir != NULL)
        vera_model_guide_read(self, model_dir);
    return GTK_WIDGET(self);
}
